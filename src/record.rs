//! Result rows and the files that hold them.
//!
//! A file is a JSON list: the parameters first, then one object a run. Keys that other readers of these files know
//! come first and keep their names; what this crate adds goes last.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::config::{Params, Setting, TestSplit};
use crate::error::{Error, Result};
use crate::util::files;
use crate::util::{json, locks};

/// The result of one fine-tuning run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Adam's learning rate.
    pub lr: f64,
    /// Share of the target training data that was used, from 0 to 1.
    pub sampled_percentage: f64,
    /// Convolutions before the cut; -1 is the baseline.
    pub sampled_cut_point: i64,
    /// The seed of the run.
    pub repeat: u64,
    /// Accuracy on the reduced training set, from 0 to 1.
    pub train_acc: f64,
    /// Accuracy on the test set, from 0 to 1.
    pub test_acc: f64,
    /// Epochs that were run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<usize>,
    /// Validation accuracy of the weights that were measured, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub val_acc: Option<f64>,
    /// Time the run took, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// The kind of device that the run was made on, such as `cuda`; `None` for a processor, and where a file does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Keys this crate does not know, kept as they were.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The parameter that says which source network the rows of a result file came from: a digest of its weights.
pub(crate) const SOURCE_WEIGHTS: &str = "source_weights";
/// The parameter that says which pictures the rows of a result file are of: [`crate::data::Task::digest`] of the target
/// task.
pub const PICTURES: &str = "target_pictures";
/// Parameters of a result file that say nothing of baselines.
pub(crate) const OF_CUTS: [&str; 4] = ["freeze", "reinit", "truncate", SOURCE_WEIGHTS];

/// A result file: parameters and rows.
#[derive(Clone, Debug, PartialEq)]
pub struct ResultFile {
    /// The file's first element.
    pub params: Params,
    /// Whether the file itself says which pictures its test accuracy was measured on. The published files do not;
    /// they measured it on the training files ([`crate::config::TestSplit::Published`]).
    pub states_test_split: bool,
    /// The runs, in the file's order.
    pub records: Vec<Record>,
}

impl ResultFile {
    /// A file yet to be written.
    pub fn new(params: Params, records: Vec<Record>) -> Self {
        ResultFile { params, states_test_split: true, records }
    }

    /// Reads a result file, a published one or our own.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be read; [`Error::Format`] when it is not JSON, not a list of objects, when
    /// its first element is not parameters, or when a row lacks a key, has one of the wrong type, has an accuracy
    /// outside 0 to 1, a percentage not above 0 and at most 1, or a cut below -1. The message names the row.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = files::read(path)?;
        if bytes.is_empty() {
            return Err(Error::format(path, "a JSON list of parameters and rows", "an empty file"));
        }
        let list: Vec<Value> = serde_json::from_slice(&bytes)
            .map_err(|e| Error::format(path, "a JSON list of parameters and rows", json::fault(&bytes, &e)))?;
        let mut items = list.into_iter();
        let first =
            items.next().ok_or_else(|| Error::format(path, "parameters as the first element", "an empty list"))?;
        if first.get("depth").is_none() && first.get("num_channels").is_none() {
            let keys = first.as_object().map(|o| o.keys().take(4).cloned().collect::<Vec<_>>().join(", "));
            let found = keys.map_or("something that is not an object".to_owned(), |k| format!("an object with {k}"));
            return Err(Error::format(path, "parameters (an object with `depth`) as the first element", found));
        }
        let states_test_split = first.get("test_split").is_some();
        let params = serde_json::from_value(first)
            .map_err(|e| Error::format(path, "parameters as the first element", format!("{e}")))?;
        let records = items
            .enumerate()
            .map(|(i, row)| {
                let row: Record = serde_json::from_value(row)
                    .map_err(|e| Error::format(path, format!("a result row as element {}", i + 1), format!("{e}")))?;
                let accuracies =
                    [("train_acc", Some(row.train_acc)), ("test_acc", Some(row.test_acc)), ("val_acc", row.val_acc)];
                for (key, acc) in accuracies {
                    if let Some(acc) = acc.filter(|acc| !(0.0..=1.0).contains(acc)) {
                        let expected = format!("`{key}` of element {} from 0 to 1", i + 1);
                        return Err(Error::format(path, expected, acc.to_string()));
                    }
                }
                let (percentage, cut) = (row.sampled_percentage, row.sampled_cut_point);
                if !(percentage > 0.0 && percentage <= 1.0) {
                    let expected = format!("`sampled_percentage` of element {} above 0 and at most 1", i + 1);
                    return Err(Error::format(path, expected, percentage.to_string()));
                }
                if cut < -1 {
                    let expected = format!("`sampled_cut_point` of element {} -1 (the baseline) or more", i + 1);
                    return Err(Error::format(path, expected, cut.to_string()));
                }
                Ok(row)
            })
            .collect::<Result<_>>()?;
        Ok(ResultFile { params, states_test_split, records })
    }

    /// The rows that a condition holds for, with the same parameters.
    pub fn filter(&self, keep: impl Fn(&Record) -> bool) -> Self {
        let records = self.records.iter().filter(|r| keep(r)).cloned().collect();
        ResultFile { params: self.params.clone(), states_test_split: self.states_test_split, records }
    }

    /// The rows of some percentages, such as `&[0.001, 0.01]`; none where there are none of them.
    pub fn percentages(&self, percentages: &[f64]) -> Self {
        self.filter(|r| percentages.contains(&r.sampled_percentage))
    }

    /// The rows of some cuts, such as `0..=6`, which leaves out the baseline, -1.
    pub fn cuts(&self, cuts: impl IntoIterator<Item = i64>) -> Self {
        let cuts: Vec<i64> = cuts.into_iter().collect();
        self.filter(|r| cuts.contains(&r.sampled_cut_point))
    }

    /// The rows of cuts from 0 on.
    pub fn without_baseline(&self) -> Self {
        self.filter(|r| r.sampled_cut_point >= 0)
    }

    /// What the test accuracy was measured on, in words.
    pub fn measured_on(&self) -> &'static str {
        match (self.states_test_split, self.params.test_split) {
            (false, _) => "pictures that the file does not name (published files: the training files)",
            (true, TestSplit::Test) => "the test files",
            (true, TestSplit::Published) => "the training files, as published",
        }
    }

    /// Adds the rows of the file at `path`, where there is one, that are not among these: a later, smaller sweep does
    /// not take away what an earlier one found. Rows come by percentage, cut and repeat.
    ///
    /// # Errors
    /// Those of [`ResultFile::load`]; [`Error::Format`] when the file's parameters differ from these, other than in the
    /// keys of `ignoring`: rows of different parameters do not belong in one file.
    pub fn merged_with(mut self, path: &Path, ignoring: &[&str]) -> Result<Self> {
        if !path.exists() {
            return Ok(self);
        }
        let old = ResultFile::load(path)?;
        // What the file does not say of its rows, it does not say once ours are among them.
        for key in [PICTURES, SOURCE_WEIGHTS] {
            if !old.records.is_empty() && !old.params.other.contains_key(key) {
                self.params.other.shift_remove(key);
            }
        }
        let unsaid = (!old.states_test_split)
            .then(|| ("test_split".to_owned(), self.params.test_split.to_string(), "nothing about it".to_owned()));
        if let Some((key, ours, theirs)) = unsaid.or_else(|| self.params.difference(&old.params, ignoring)) {
            let expected = format!("results with `{key}` {ours}, to add rows to (move the file, or write elsewhere: with `Plan::variant`, or the program's `--out`)");
            return Err(Error::format(path, expected, theirs));
        }
        let key = |r: &Record| (r.sampled_percentage.to_bits(), r.sampled_cut_point, r.repeat);
        let ours: std::collections::HashSet<_> = self.records.iter().map(key).collect();
        self.records.extend(old.records.into_iter().filter(|r| !ours.contains(&key(r))));
        // Positive numbers are in the order of their bits.
        self.records.sort_by_key(key);
        Ok(self)
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
        let _one_at_a_time = locks::lock_folder_of(path)?;
        let joins_baselines = !path.exists() || ResultFile::load(path)?.without_baseline().records.is_empty();
        let baselines = joins_baselines && only_baselines(&self.records);
        let ignoring = if baselines { &OF_CUTS[..] } else { &[] };
        let mut all = self.merged_with(path, ignoring)?;
        if only_baselines(&all.records) {
            // What the last sweep's setting and source network were says nothing of baselines.
            all.params = all.params.with_setting(Setting::FR);
            all.params.other.shift_remove(SOURCE_WEIGHTS);
        }
        all.save(path)?;
        Ok(all)
    }

    /// Writes the file, atomically: parameters on the first line, one row a line.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let mut params = serde_json::to_value(&self.params)
            .map_err(|e| Error::format(path.as_ref(), "parameters that can be written", e.to_string()))?;
        if let (false, Some(params)) = (self.states_test_split, params.as_object_mut()) {
            // What a file did not say when it was read is not made up when it is written again.
            params.shift_remove("test_split");
        }
        files::write_atomically(path.as_ref(), |w| {
            write!(w, "[{params}")?;
            for record in &self.records {
                write!(w, ",\n {}", serde_json::to_string(record)?)?;
            }
            writeln!(w, "]")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<ResultFile> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        ResultFile::load(file.path())
    }

    #[test]
    fn a_file_survives_a_round_trip_with_unknown_keys() {
        let text = r#"[{"depth": 6, "width": 2}, {"lr": 0.001, "sampled_percentage": 1, "sampled_cut_point": -1,
            "repeat": 3, "train_acc": 1.0, "test_acc": 0.25, "note": "x"}]"#;
        let read = load(text).unwrap();
        assert!(!read.states_test_split);
        assert_eq!((read.records[0].sampled_percentage, read.records[0].sampled_cut_point), (1.0, -1));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r/out.json");
        read.save(&path).unwrap();
        let again = ResultFile::load(&path).unwrap();
        assert_eq!(again.records, read.records);
        assert_eq!(again.records[0].other["note"], "x");
        assert_eq!(again.params.other["width"], 2);
        assert!(!again.states_test_split, "a file that does not name its test pictures does not name them after that");
    }

    #[test]
    fn rows_are_chosen_by_percentage_cut_or_any_condition() {
        let row = |percentage: f64, cut: i64, repeat: u64| -> Record {
            serde_json::from_value(serde_json::json!({"lr": 0.1, "sampled_percentage": percentage,
                "sampled_cut_point": cut, "repeat": repeat, "train_acc": 1.0, "test_acc": 0.5}))
            .unwrap()
        };
        let mut file = ResultFile::new(Params { depth: 3, ..Params::default() }, vec![]);
        file.states_test_split = false;
        file.records = vec![row(0.1, -1, 0), row(0.1, 2, 0), row(0.01, 2, 0), row(0.01, 3, 1)];
        let places = |f: &ResultFile| -> Vec<_> {
            f.records.iter().map(|r| (r.sampled_percentage, r.sampled_cut_point, r.repeat)).collect()
        };
        assert_eq!(places(&file.percentages(&[0.01, 0.5])), [(0.01, 2, 0), (0.01, 3, 1)]);
        assert_eq!(places(&file.cuts(0..=2)), [(0.1, 2, 0), (0.01, 2, 0)]);
        let chosen = file.percentages(&[0.01]).cuts([2, 3]).filter(|r| r.repeat == 1);
        assert_eq!(places(&chosen), [(0.01, 3, 1)]);
        assert_eq!((chosen.params.depth, chosen.states_test_split), (3, false));
        assert!(file.percentages(&[0.5]).records.is_empty());
    }

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
        let held = locks::lock_folder_of(&path).unwrap();
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

    #[test]
    fn broken_files_say_what_is_wrong() {
        let row = r#"{"lr": 0.001, "sampled_percentage": 1, "sampled_cut_point": 0, "repeat": 0, "train_acc": 1.0"#;
        let of_place = |place: &str| {
            let row =
                format!("\"lr\": 1, \"sampled_percentage\": {place}, \"repeat\": 0, \"train_acc\": 1, \"test_acc\": 1");
            format!("[{{\"depth\": 6}}, {{{row}}}]")
        };
        for (text, expected) in [
            (String::new(), "an empty file"),
            ("[{\"depth\": 6".to_owned(), "EOF while parsing"),
            ("[]".to_owned(), "an empty list"),
            ("[{\"depth\": NaN}]".to_owned(), "NaN at line 1, column 12"),
            ("[{\"depth\": -Infinity}]".to_owned(), "-Infinity at line 1"),
            ("\u{feff}[]".to_owned(), "a byte-order mark"),
            ("{}".to_owned(), "invalid type: map"),
            (format!("[{row}}}]"), "an object with lr, sampled_percentage"),
            (format!("[{{\"depth\": 6}}, {row}}}]"), "element 1, found missing field `test_acc`"),
            (format!("[{{\"depth\": 6}}, {row}, \"test_acc\": 1.5}}]"), "from 0 to 1, found 1.5"),
            (format!("[{{\"depth\": 6}}, {row}, \"test_acc\": NaN}}]"), "a JSON list"),
            (
                format!("[{{\"depth\": 6}}, {row}, \"test_acc\": 1, \"val_acc\": -0.1}}]"),
                "`val_acc` of element 1 from 0",
            ),
            (
                of_place("0, \"sampled_cut_point\": 1"),
                "`sampled_percentage` of element 1 above 0 and at most 1, found 0",
            ),
            (
                of_place("10, \"sampled_cut_point\": 1"),
                "`sampled_percentage` of element 1 above 0 and at most 1, found 10",
            ),
            (
                of_place("1, \"sampled_cut_point\": -2"),
                "`sampled_cut_point` of element 1 -1 (the baseline) or more, found -2",
            ),
            ("[{\"depth\": \"six\"}]".to_owned(), "invalid type: string"),
        ] {
            let error = load(&text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
