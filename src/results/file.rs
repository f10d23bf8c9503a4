//! Result files.
//!
//! A file is a JSON list: the parameters first, then one object a run. Keys that other readers of these files know
//! come first and keep their names; what this crate adds goes last.

use std::path::Path;

use serde_json::Value;

use super::{Provenance, Record};
use crate::config::{Params, TestSplit};
use crate::error::{Error, Result};
use crate::util::files;
use crate::util::json;

/// A result file: parameters and rows.
#[derive(Clone, Debug, PartialEq)]
pub struct ResultFile {
    /// The file's first element.
    pub params: Params,
    /// Whether the file itself says which images its test accuracy was measured on. The published files do not;
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

    /// What the rows come from, as far as the file says.
    pub fn provenance(&self) -> Provenance {
        Provenance::of(&self.params)
    }

    /// What the test accuracy was measured on, in words.
    pub fn measured_on(&self) -> &'static str {
        match (self.states_test_split, self.params.test_split) {
            (false, _) => "images that the file does not name (published files: the training files)",
            (true, TestSplit::Test) => "the test files",
            (true, TestSplit::Published) => "the training files, as published",
        }
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
        assert!(!again.states_test_split, "a file that does not name its test images does not name them after that");
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
