//! Adding rows to a result file that is there: what may stand beside what.

use std::path::Path;

use super::provenance::{forget_source, forget_unsaid, OF_CUTS};
use super::{Record, ResultFile};
use crate::config::Setting;
use crate::error::{Error, Result};
use crate::runtime::progress::default_sink;
use crate::util::locks::lock_folder_of;

/// What can be done about rows that a file refuses.
const ELSEWHERE: &str = "move the file, or write elsewhere: below another folder, or with `Plan::variant`";

impl ResultFile {
    /// Adds the rows of the file at `path`, where there is one, that are not among these: a later, smaller sweep does
    /// not take away what an earlier one found. Rows come by percentage, cut and repeat.
    ///
    /// # Errors
    /// Those of [`ResultFile::load`]; [`Error::Mismatch`] when the file's parameters differ from these, other than in the
    /// keys of `ignoring`: rows of different parameters do not belong in one file.
    pub fn merged_with(mut self, path: &Path, ignoring: &[&str]) -> Result<Self> {
        if !path.exists() {
            return Ok(self);
        }
        let old = ResultFile::load(path)?;
        if !old.records.is_empty() {
            forget_unsaid(&mut self.params, &old.params);
        }
        let unsaid = (!old.states_test_split)
            .then(|| ("test_split".to_owned(), self.params.test_split.to_string(), "nothing about it".to_owned()));
        if let Some((key, ours, theirs)) = unsaid.or_else(|| self.params.difference(&old.params, ignoring)) {
            return Err(Error::Mismatch {
                path: path.to_owned(),
                what: "results",
                key,
                ours,
                theirs,
                remedy: ELSEWHERE,
            });
        }
        let key = |r: &Record| (r.sampled_percentage.to_bits(), r.sampled_cut_point, r.repeat);
        let ours: std::collections::HashSet<_> = self.records.iter().map(key).collect();
        self.records.extend(old.records.into_iter().filter(|r| !ours.contains(&key(r))));
        // Positive numbers are in the order of their bits.
        self.records.sort_by_key(key);
        Ok(self)
    }

    /// The rows of the file at `path` whose accuracies are others than those of these rows, in sentences.
    fn changes(&self, path: &Path) -> Result<Vec<String>> {
        if !path.exists() {
            return Ok(Vec::new());
        }
        let old = ResultFile::load(path)?;
        let key = |r: &Record| (r.sampled_percentage.to_bits(), r.sampled_cut_point, r.repeat);
        let there: std::collections::HashMap<_, _> = old.records.iter().map(|r| (key(r), r)).collect();
        let of = |r: &Record| [Some(r.train_acc), Some(r.test_acc), r.val_acc];
        let changed = self.records.iter().filter_map(|r| Some((r, *there.get(&key(r))?)));
        let changed = changed.filter(|(ours, theirs)| {
            of(ours).iter().zip(of(theirs)).any(|(a, b)| a.is_some() && b.is_some() && *a != b)
        });
        let line = |(ours, theirs): (&Record, &Record)| {
            let (cut, repeat, fraction) = (ours.sampled_cut_point, ours.repeat, ours.sampled_percentage);
            let (found, computed) = (theirs.test_acc, ours.test_acc);
            format!(
                "{}: the row of cut {cut}, repeat {repeat}, fraction {fraction} was changed since it was computed (test \
                 accuracy {found}, computed {computed}); what was computed is written",
                path.display()
            )
        };
        Ok(changed.map(line).collect())
    }

    /// Adds these rows to the file at `path`, or begins it; returns what the file then holds. Baselines, which are the
    /// same under every setting and keep nothing of the source network, may join those of other settings and weights.
    /// Others who add rows in the same folder wait meanwhile.
    ///
    /// # Errors
    /// Those of [`ResultFile::merged_with`] and [`ResultFile::save`]; [`Error::Io`] when the folder cannot be held.
    pub fn add_to(self, path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let only_baselines = |rows: &[Record]| !rows.is_empty() && rows.iter().all(|r| r.sampled_cut_point < 0);
        let _one_at_a_time = lock_folder_of(path)?;
        let joins_baselines = !path.exists() || ResultFile::load(path)?.without_baseline().records.is_empty();
        let baselines = joins_baselines && only_baselines(&self.records);
        let ignoring = if baselines { &OF_CUTS[..] } else { &[] };
        for line in self.changes(path)? {
            default_sink().line(&line);
        }
        let mut all = self.merged_with(path, ignoring)?;
        if only_baselines(&all.records) {
            // What the last sweep's setting and source network were says nothing of baselines.
            all.params = all.params.with_setting(Setting::FR);
            forget_source(&mut all.params);
        }
        all.save(path)?;
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Params;

    #[test]
    fn rows_are_added_to_a_file_of_the_same_parameters_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cuts.json");
        let row = |cut: i64, repeat: u64, acc: f64| -> Record {
            serde_json::from_value(serde_json::json!({"lr": 0.1, "sampled_percentage": 0.1, "sampled_cut_point": cut,
                "repeat": repeat, "train_acc": 1.0, "test_acc": acc}))
            .unwrap()
        };
        let file = |records| ResultFile::new(Params::default(), records);
        file(vec![row(1, 0, 0.5), row(1, 1, 0.6)]).save(&path).unwrap();
        let merged = file(vec![row(-1, 0, 0.1), row(1, 1, 0.9)]).merged_with(&path, &[]).unwrap();
        let rows: Vec<_> = merged.records.iter().map(|r| (r.sampled_cut_point, r.repeat, r.test_acc)).collect();
        assert_eq!(rows, [(-1, 0, 0.1), (1, 0, 0.5), (1, 1, 0.9)]);
        let other = ResultFile::new(Params { num_train: 3, ..Params::default() }, vec![]);
        let error = other.clone().merged_with(&path, &[]).unwrap_err().to_string();
        assert!(
            error.contains("cuts.json") && error.contains("`num_train` 3") && error.contains("found 40"),
            "{error}"
        );
        other.merged_with(&path, &["num_train"]).unwrap();
    }

    #[test]
    fn rows_wait_while_another_changes_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cuts.json");
        let held = lock_folder_of(&path).unwrap();
        let adding = {
            let path = path.clone();
            std::thread::spawn(move || ResultFile::new(Params::default(), Vec::new()).add_to(path).unwrap())
        };
        std::thread::sleep(std::time::Duration::from_millis(200));
        assert!(!path.exists(), "written while another held the folder");
        drop(held);
        adding.join().unwrap();
        assert!(path.exists());
    }
}
