//! `cutpoint foretell`: what scores before fine-tuning were worth.

use std::path::PathBuf;

use cutpoint::error::{Error, Result};
use cutpoint::stats::{across, across_table, gather, judge, judgement_table, Evidence};
use cutpoint::transfer::View;

use crate::results::Form;
use crate::tell;

/// What would have come of choosing a cut by each score that `cutpoint transfer` has written, beside always the same cut
/// and one at random, in all studies below results/ that were fine-tuned.
///
/// The regret of a choice is the median test accuracy of the best cut less that of the chosen one. Over studies each is
/// left out in turn: what did best elsewhere is tried on it.
#[derive(clap::Args)]
pub struct Args {
    /// Each study, setting and fraction of the data by itself, with Kendall's tau of scores and accuracies.
    #[arg(long)]
    each: bool,
    /// Which numbers of a layer were scored: channels, pooled or flattened.
    #[arg(long, default_value_t)]
    features: View,
    /// Folder that results/ is below. Unless given: the working directory.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write the regrets of all studies, which recommendations are made from, to a file.
    #[arg(long, value_name = "FILE")]
    evidence: Option<PathBuf>,
    #[command(flatten)]
    form: Form,
}

pub fn run(args: Args) -> Result<()> {
    let root = args.out.unwrap_or_default();
    let cases = gather(&root, args.features)?;
    if cases.is_empty() {
        return Err(Error::DataNotFound {
            name: "of scores beside results".to_owned(),
            looked: vec![root.join("results").display().to_string()],
            hint: "make scores with `cutpoint transfer`, and results with `cutpoint sweep`".to_owned(),
        });
    }
    let evidence = Evidence::new(&cases);
    if let Some(path) = args.evidence {
        cutpoint::util::files::write_atomically(&path, |w| w.write_all(evidence.to_json().as_bytes()))?;
        tell(format!("wrote {}", path.display()));
    }
    let table = if args.each { judgement_table(&judge(&cases)) } else { across_table(&across(&evidence)?) };
    args.form.print(&table, &[])
}
