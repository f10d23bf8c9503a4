//! Several result files as one experiment.

use std::path::Path;

use super::groups::Groups;
use crate::config::SETTING_KEYS;
use crate::error::{Error, Result};
use crate::results::{ResultFile, OF_CUTS};
use crate::study::Plan;
use crate::table::{cut_names, percent};

/// Reads result files that belong together, such as baselines and cuts of one experiment, as one. Its parameters are
/// those of the cuts.
///
/// ```no_run
/// use cutpoint::prelude::*;
///
/// let folder = "results/FashionMNIST";
/// let results = load_together(&[
///     format!("{folder}/baselines_regular_classes.json"),
///     format!("{folder}/cuts_regular_classes_FR.json"),
/// ])?;
/// println!("{}", Summary::new(&results.cuts(0..=6).records));
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
/// Those of [`ResultFile::load`]; [`Error::Parameter`] when no file is named, and those of [`Groups::new`], as for a row
/// that is in two files; [`Error::Format`] when the files' parameters differ, or their test accuracy was measured on other
/// images. Baselines go with every setting: they keep nothing of the source network.
pub fn load_together<P: AsRef<Path>>(files: &[P]) -> Result<ResultFile> {
    let Some((first, rest)) = files.split_first() else {
        return Err(Error::parameter("files", "at least one result file", "none"));
    };
    let first = first.as_ref();
    let mut all = ResultFile::load(first)?;
    let only_baselines = |f: &ResultFile| f.records.iter().all(|r| r.sampled_cut_point < 0);
    for path in rest {
        let path = path.as_ref();
        let file = ResultFile::load(path)?;
        let baselines = only_baselines(&all) || only_baselines(&file);
        let ignoring = if baselines { &OF_CUTS[..] } else { &[] };
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

/// Reads result files of several studies: those of one folder that belong together, such as baselines and cuts of one
/// experiment, as one ([`load_together`]), each with a name such as `FashionMNIST regular FR`, in the order of the first
/// file of each.
///
/// # Errors
/// Those of [`ResultFile::load`]; [`Error::Parameter`] when no file is named.
pub fn load_studies<P: AsRef<Path>>(files: &[P]) -> Result<Vec<(String, ResultFile)>> {
    if files.is_empty() {
        return Err(Error::parameter("files", "at least one result file", "none"));
    }
    // Baselines last: they join the cuts of their folder, of whatever setting.
    let mut paths: Vec<(&Path, ResultFile)> = Vec::new();
    for path in files {
        paths.push((path.as_ref(), ResultFile::load(path)?));
    }
    let (baselines, cuts): (Vec<_>, Vec<_>) =
        paths.into_iter().partition(|(_, f)| !f.records.is_empty() && f.without_baseline().records.is_empty());
    let mut studies: Vec<(&Path, ResultFile)> = Vec::new();
    for (path, file) in cuts {
        let fellow = studies.iter_mut().find(|(other, of)| {
            other.parent() == path.parent() && check_comparable((other, of), (path, &file), &[]).is_ok()
        });
        match fellow {
            Some((_, of)) => of.records.extend(file.records),
            None => studies.push((path, file)),
        }
    }
    for (path, file) in baselines {
        let mut alone = true;
        for (other, of) in &mut studies {
            if other.parent() == path.parent() && check_comparable((other, of), (path, &file), &OF_CUTS).is_ok() {
                of.records.extend(file.records.iter().cloned());
                alone = false;
            }
        }
        if alone {
            studies.push((path, file));
        }
    }
    Ok(studies.into_iter().map(|(path, file)| (study_name(path), file)).collect())
}

/// What a result file's study is called, by its path: `results/CIFAR/cuts_random_classes_FR.json` is `CIFAR random FR`.
pub fn study_name(path: &Path) -> String {
    let text = |part: Option<&std::ffi::OsStr>| part.map_or(String::new(), |p| p.to_string_lossy().into_owned());
    let stem = text(path.file_stem());
    let stem = stem.strip_prefix("cuts_").or_else(|| stem.strip_prefix("baselines_")).unwrap_or(&stem);
    let name = format!("{} {}", text(path.parent().and_then(Path::file_name)), stem.replace("_classes", ""));
    name.replace('_', " ").trim().to_owned()
}

/// Reads what a plan's sweeps have written below `root`: the baselines of its study and the cuts of its setting.
///
/// # Errors
/// Those of [`load_together`]; [`Error::Io`] naming the file that is not there yet.
pub fn load_experiment(plan: &Plan, root: impl AsRef<Path>) -> Result<ResultFile> {
    let root = root.as_ref();
    load_together(&[plan.baselines(root), plan.cuts(root)?])
}

/// Refuses two experiments that cannot be put side by side, such as FR and FT: their parameters may differ in the setting
/// only. `a` and `b` are the files, for the message, and what they hold.
///
/// # Errors
/// [`Error::Format`] naming the second file and the parameter.
pub fn check_settings_comparable(a: (&Path, &ResultFile), b: (&Path, &ResultFile)) -> Result<()> {
    check_comparable(a, b, &SETTING_KEYS)
}

/// Refuses files whose numbers cannot be put side by side, as their parameters differ other than in `ignoring`.
fn check_comparable(a: (&Path, &ResultFile), b: (&Path, &ResultFile), ignoring: &[&str]) -> Result<()> {
    let (ours, theirs) = (a.1.measured_on(), b.1.measured_on());
    let unlike = (ours != theirs).then(|| ("test accuracy on".to_owned(), ours.to_owned(), theirs.to_owned()));
    // Older files list the fractions of their sweep: rows say which there are.
    let ignoring: Vec<&str> = ignoring.iter().copied().chain(["percentages"]).collect();
    match unlike.or_else(|| a.1.params.difference(&b.1.params, &ignoring)) {
        Some((key, expected, found)) => {
            let expected = format!("results with {key} {expected}, as in {}", a.0.display());
            Err(Error::format(b.0, expected, found))
        }
        None => Ok(()),
    }
}

/// What only some of an experiment's rows have, in words: fractions at which there is no baseline, or nothing else, and
/// fractions without some of the cuts. Nothing of them is left out.
pub fn uneven(groups: &Groups) -> Vec<String> {
    let cuts = groups.cuts();
    let baselines = cuts.contains(&-1);
    let others: Vec<i64> = cuts.into_iter().filter(|&cut| cut >= 0).collect();
    let of = |percentage: f64| {
        let missing = groups.missing(percentage);
        let (data, without) = (percent(percentage), missing.iter().filter(|&&cut| cut >= 0).count());
        match (baselines && missing.contains(&-1), without) {
            (true, 0) => Some(format!("at {data} there are no baselines")),
            (false, n) if n > 0 && n == others.len() => Some(format!("at {data} there are baselines only")),
            (_, 0) => None,
            _ => Some(format!("at {data} there is nothing of {}", cut_names(&missing))),
        }
    };
    groups.percentages().into_iter().filter_map(of).collect()
}

/// What experiment a file holds, for a title: data set, setting, target classes.
pub fn experiment_name(results: &ResultFile) -> String {
    let params = &results.params;
    let name = |key: &str| params.other.get(key).and_then(|v| v.as_str()).map(str::to_owned);
    let sets = match (name("source_dataset"), name("target_dataset")) {
        (Some(a), Some(b)) if a != b => format!("{a} to {b}, "),
        (_, Some(b)) => format!("{b}, "),
        _ => String::new(),
    };
    let setting = params.setting().map_or(String::new(), |s| s.to_string());
    let classes: Vec<String> = params.fine_tune_classes.iter().map(u8::to_string).collect();
    format!("{sets}{setting}, target classes {}", classes.join(" "))
}
