//! What result files say: the best cut of each fraction of the data, and a box plot.
//!
//!     cargo run --release --example statistics -- results/FashionMNIST/baselines_regular_classes.json \
//!         results/FashionMNIST/cuts_regular_classes_FR.json

use cutpoint::prelude::*;

fn main() -> Result<()> {
    let files: Vec<String> = std::env::args().skip(1).collect();
    let results = load_together(&files)?;
    println!("{}", Summary::new(&results.records));
    println!("{}", best_table(&best(&Groups::new(&results.records)?, Rule::SciPy)?));
    println!("{}", answer(&results)?);
    let figure = std::env::temp_dir().join("cutpoint-boxes.svg");
    box_plot(&results)?.save(&figure)?;
    println!("{}", figure.display());
    Ok(())
}
