//! `cutpoint show`: the table of result files.

use std::path::PathBuf;

use cutpoint::error::{Error, Result};
use cutpoint::params::Params;
use cutpoint::record::ResultFile;
use cutpoint::stats::Summary;

use crate::say;

/// Print median test accuracies of result files, the best cut of each percentage marked with a star.
///
/// Several files, such as baselines and cuts of one experiment, make one table. Published files are read too.
#[derive(clap::Args)]
pub struct Args {
    /// Result files: baselines_*.json, cuts_*.json.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

pub fn run(args: Args) -> Result<()> {
    let mut all: Option<ResultFile> = None;
    for path in &args.files {
        let file = ResultFile::load(path)?;
        match &mut all {
            None => all = Some(file),
            Some(all) => {
                if let Some(difference) = difference(all, &file) {
                    return Err(Error::Format {
                        path: path.clone(),
                        expected: format!("results comparable with those of {}", args.files[0].display()),
                        found: difference,
                    });
                }
                all.records.extend(file.records);
            }
        }
    }
    all.map_or(Ok(()), |all| print(&all))
}

/// What makes two files' numbers incomparable, if anything does.
fn difference(a: &ResultFile, b: &ResultFile) -> Option<String> {
    let task = |p: &Params| format!("classes {:?}", p.fine_tune_classes);
    if task(&a.params) != task(&b.params) {
        return Some(format!("{} beside {}", task(&b.params), task(&a.params)));
    }
    if test_split(a) != test_split(b) {
        return Some(format!("test accuracy on {} beside {}", test_split(b), test_split(a)));
    }
    None
}

fn test_split(file: &ResultFile) -> String {
    if file.states_test_split {
        match file.params.test_split {
            cutpoint::params::TestSplit::Test => "the test files".to_owned(),
            cutpoint::params::TestSplit::Published => "the training files, as published".to_owned(),
        }
    } else {
        "pictures that the file does not name (published files: the training files)".to_owned()
    }
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
    say(format!("median accuracy on {}; * best of its row", test_split(file)))?;
    let summary = Summary::new(&file.records);
    say(&summary)?;
    for percentage in summary.percentages() {
        if let Some(best) = summary.best(percentage) {
            let cut = if best.cut < 0 { "the baseline".to_owned() } else { format!("cut {}", best.cut) };
            say(format!(
                "best at {}% of the data: {cut}, median {:.4}",
                (percentage * 1e6).round() / 1e4,
                best.median
            ))?;
        }
    }
    Ok(())
}
