//! Reading several result files as one experiment.

use std::path::{Path, PathBuf};

use cutpoint::error::{Error, Result};
use cutpoint::params::TestSplit;
use cutpoint::record::ResultFile;
use cutpoint::stats::Groups;

/// Reads files that belong together, such as baselines and cuts of one experiment.
pub fn load_together(files: &[PathBuf]) -> Result<ResultFile> {
    let Some((first, rest)) = files.split_first() else {
        return Err(Error::Parameter {
            name: "files",
            expected: "at least one result file".into(),
            found: "none".into(),
        });
    };
    let mut all = ResultFile::load(first)?;
    let only_baselines = |f: &ResultFile| f.records.iter().all(|r| r.sampled_cut_point < 0);
    for path in rest {
        let file = ResultFile::load(path)?;
        // A baseline is the same under every setting, and keeps nothing of the source network.
        let baselines = only_baselines(&all) || only_baselines(&file);
        let ignoring: &[&str] = if baselines { &["freeze", "reinit", "truncate", "source_weights"] } else { &[] };
        check_comparable((first, &all), (path, &file), ignoring)?;
        if only_baselines(&all) {
            // The table is of the cuts' setting.
            all.params = file.params;
        }
        all.records.extend(file.records);
    }
    if !all.records.is_empty() {
        // A row that is there twice would count twice.
        Groups::new(&all.records)?;
    }
    Ok(all)
}

/// Refuses files whose numbers cannot be put side by side, as their parameters differ other than in `ignoring`.
pub fn check_comparable(a: (&Path, &ResultFile), b: (&Path, &ResultFile), ignoring: &[&str]) -> Result<()> {
    let split = |f: &ResultFile| ("test accuracy on".to_owned(), test_split(f).to_owned());
    let (ours, theirs) = (split(a.1), split(b.1));
    let unlike = (ours != theirs).then_some((ours.0, ours.1, theirs.1));
    match unlike.or_else(|| a.1.params.difference(&b.1.params, ignoring)) {
        Some((key, expected, found)) => Err(Error::Format {
            path: b.0.to_owned(),
            expected: format!("results with {key} {expected}, as in {}", a.0.display()),
            found,
        }),
        None => Ok(()),
    }
}

/// What a file's test accuracy was measured on, in words.
pub fn test_split(file: &ResultFile) -> &'static str {
    match (file.states_test_split, file.params.test_split) {
        (false, _) => "pictures that the file does not name (published files: the training files)",
        (true, TestSplit::Test) => "the test files",
        (true, TestSplit::Published) => "the training files, as published",
    }
}

/// A share as a percentage.
pub fn percent(share: f64) -> String {
    format!("{}%", (share * 1e6).round() / 1e4)
}

/// A cut by its name.
pub fn cut_name(cut: i64) -> String {
    if cut < 0 {
        "baseline".to_owned()
    } else {
        format!("cut {cut}")
    }
}
