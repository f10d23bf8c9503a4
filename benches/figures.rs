//! How long figures of a full sweep take to draw (five percentages, eight cuts, repeats as published), and how large
//! they are: medians of nine.

use std::time::Instant;

use cutpoint::prelude::*;

fn main() -> Result<()> {
    let mut rng = TorchRng::new(1);
    let mut rows = Vec::new();
    for (percentage, repeats) in [(0.001, 25), (0.01, 25), (0.1, 20), (0.5, 5), (1.0, 5)] {
        for cut in -1..=6 {
            for repeat in 0..repeats {
                let test_acc = 0.6 + f64::from(rng.randperm(3000)[0] as u16) / 1e4;
                let row = serde_json::json!({"lr": 0.001, "sampled_percentage": percentage, "sampled_cut_point": cut,
                    "repeat": repeat, "train_acc": 1.0, "test_acc": test_acc});
                rows.push(serde_json::from_value(row).expect("a row"));
            }
        }
    }
    let results = ResultFile::new(Params::default(), rows);
    let by_cut = Series::by_cut(&results)?;
    type Make<'a> = Box<dyn Fn() -> Result<Figure> + 'a>;
    let kinds: [(&str, Make); 7] = [
        ("box plot", Box::new(|| box_plot(&results))),
        ("difference", Box::new(|| difference_plot(&results))),
        ("error bars", Box::new(|| error_bar_plot(&by_cut, Over::Percentage, "test accuracy"))),
        ("bands", Box::new(|| band_plot(&by_cut, Over::Percentage, "test accuracy"))),
        ("heat map", Box::new(|| heat_map(&results, Measure::TestAcc))),
        ("bars", Box::new(|| grouped_bars(&by_cut, "test accuracy"))),
        ("surface", Box::new(|| surface(&results))),
    ];
    println!("{:<12} {:>8} {:>8} {:>8}", "figure", "SVG ms", "PNG ms", "SVG kB");
    for (name, make) in kinds {
        let timed = |of: &dyn Fn() -> Result<usize>| -> Result<(f64, usize)> {
            let mut times = Vec::new();
            let mut size = 0;
            for _ in 0..9 {
                let start = Instant::now();
                size = of()?;
                times.push(start.elapsed().as_secs_f64() * 1e3);
            }
            Ok((median(&times).unwrap_or(f64::NAN), size))
        };
        let (svg, size) = timed(&|| Ok(make()?.to_svg()?.len()))?;
        let (png, _) = timed(&|| Ok(make()?.to_png()?.len()))?;
        println!("{name:<12} {svg:>8.1} {png:>8.1} {:>8.1}", size as f64 / 1e3);
    }
    Ok(())
}
