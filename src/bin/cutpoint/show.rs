//! `cutpoint show`: the table of result files.

use std::path::PathBuf;

use cutpoint::error::Result;
use cutpoint::results::ResultFile;
use cutpoint::stats::{cut_name, load_together, percent, Summary};

use crate::results::{Form, Only};
use crate::say;

/// Print median test accuracies of result files, the best cut of each percentage marked with a star.
///
/// Several files, such as baselines and cuts of one experiment, make one table. Published files are read too.
#[derive(clap::Args)]
pub struct Args {
    /// Result files: baselines_*.json, cuts_*.json.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    only: Only,
    #[command(flatten)]
    form: Form,
}

pub fn run(args: Args) -> Result<()> {
    let file = args.only.of(load_together(&args.files)?)?;
    if args.form.is_text() {
        return print(&file);
    }
    let title = format!("setting {}, median accuracy on {}", file.params.setting()?, file.measured_on());
    args.form.print(&Summary::new(&file.records).medians().note(title), &[])
}

/// Prints parameters and table.
pub fn print(file: &ResultFile) -> Result<()> {
    let p = &file.params;
    let patience = p.early_stop_patience.map_or("none".to_owned(), |n| n.to_string());
    say(format!(
        "setting {}, source classes {:?}, target classes {:?}, batch {}, at most {} epochs, patience {patience}",
        p.setting()?,
        p.pre_train_classes,
        p.fine_tune_classes,
        p.batch_size,
        p.num_train
    ))?;
    say(format!("median accuracy on {}; * best of its row", file.measured_on()))?;
    if file.records.is_empty() {
        return say("no rows");
    }
    let summary = Summary::new(&file.records);
    say(&summary)?;
    for percentage in summary.percentages() {
        if let Some(best) = summary.best(percentage) {
            let (data, cut) = (percent(percentage), cut_name(best.cut));
            say(format!("best at {data} of the data: {cut}, median {:.4}", best.median))?;
        }
    }
    Ok(())
}
