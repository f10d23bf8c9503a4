//! Rows of scores, and the files that hold them.
//!
//! A file is a JSON list of rows, one a layer and reduced training set, and one for the source network as a whole.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Score, View};
use crate::error::{Error, Result};
use crate::results::Computed;
use crate::runtime::progress::default_sink;
use crate::util::numbers::distinct;
use crate::util::{files, locks};

/// The scores of one layer on one reduced training set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct TransferRecord {
    /// Fraction of the target training data, from above 0 to 1.
    pub percentage: f64,
    /// The seed that the reduced training set was drawn with.
    pub repeat: u64,
    /// The layer's name; [`NETWORK`] for what is of the source network as a whole.
    pub layer: String,
    /// The cut right after the layer, from 1; none of the network as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<i64>,
    /// Which numbers of a layer were scored.
    pub features: View,
    /// Each score that the images allow.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scores: BTreeMap<Score, f64>,
    /// LEEP, of the network as a whole.
    #[serde(rename = "LEEP", default, skip_serializing_if = "Option::is_none")]
    pub leep: Option<f64>,
    /// Why a score is missing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub left_out: BTreeMap<Score, String>,
    /// Images that were scored.
    pub images: usize,
    /// Classes that they are of.
    pub classes: usize,
    /// A digest of the source network's weights.
    pub source_weights: String,
    /// A digest of the task's images ([`crate::data::Task::digest`]).
    pub target_images: String,
    /// Time of scoring, in seconds; that of computing features is not in it.
    pub seconds: f64,
    /// What computed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub computed: Option<Computed>,
}

/// The layer name of rows that are of the source network as a whole.
pub const NETWORK: &str = "network";

/// A file of scores.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TransferFile {
    /// The rows, by fraction, repeat and layer.
    pub records: Vec<TransferRecord>,
}

impl TransferFile {
    /// The rows of one view of the layers.
    pub fn of(&self, features: View) -> TransferFile {
        TransferFile { records: self.records.iter().filter(|r| r.features == features).cloned().collect() }
    }

    /// The fractions of the data that there are rows of, ascending.
    pub fn percentages(&self) -> Vec<f64> {
        distinct(self.records.iter().map(|r| r.percentage))
    }

    /// Each layer's scores on one reduced training set, in the order of the layers.
    pub fn layers(&self, percentage: f64, repeat: u64) -> Vec<BTreeMap<Score, f64>> {
        let is_it = |r: &&TransferRecord| r.percentage == percentage && r.repeat == repeat && r.cut.is_some();
        let mut rows: Vec<&TransferRecord> = self.records.iter().filter(is_it).collect();
        rows.sort_by_key(|r| r.cut);
        rows.into_iter().map(|r| r.scores.clone()).collect()
    }

    /// Reads a file of scores.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be read; [`Error::Format`] when it is not a JSON list of rows, when a fraction is out
    /// of its range, or when rows are of several source networks or sets of images. The message names the row.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = files::read(path)?;
        let rows: Vec<serde_json::Value> = serde_json::from_slice(&bytes)
            .map_err(|e| Error::format(path, "a JSON list of rows of scores", e.to_string()))?;
        let row = |(i, value): (usize, serde_json::Value)| {
            let row: TransferRecord = serde_json::from_value(value)
                .map_err(|e| Error::format(path, format!("a row of scores as element {i}"), e.to_string()))?;
            match row.percentage > 0.0 && row.percentage <= 1.0 {
                true => Ok(row),
                false => {
                    let expected = format!("`Percentage` of element {i} above 0 and at most 1");
                    Err(Error::format(path, expected, row.percentage.to_string()))
                }
            }
        };
        let file = TransferFile { records: rows.into_iter().enumerate().map(row).collect::<Result<_>>()? };
        file.check_alike(path)?;
        Ok(file)
    }

    /// Refuses rows that cannot stand side by side.
    fn check_alike(&self, path: &Path) -> Result<()> {
        let Some(first) = self.records.first() else { return Ok(()) };
        let of = |r: &TransferRecord| {
            [("source network", r.source_weights.clone()), ("set of images", r.target_images.clone())]
        };
        for row in &self.records {
            let unlike = of(first).into_iter().zip(of(row)).find(|(a, b)| a != b);
            if let Some(((what, a), (_, b))) = unlike {
                let expected = format!("rows of {what} {a} (move the file, or write elsewhere)");
                return Err(Error::format(path, expected, b));
            }
        }
        Ok(())
    }

    /// Adds the rows of the file at `path`, where there is one, that are not among these. Rows come by features, fraction,
    /// repeat and layer.
    ///
    /// # Errors
    /// Those of [`TransferFile::load`]; [`Error::Format`] when the file's rows are of other source weights or images.
    pub fn merged_with(mut self, path: &Path) -> Result<Self> {
        if !path.exists() {
            return Ok(self);
        }
        let key = |r: &TransferRecord| (r.features.to_string(), r.percentage.to_bits(), r.repeat, r.cut.unwrap_or(0));
        let ours: HashSet<_> = self.records.iter().map(key).collect();
        self.records.extend(TransferFile::load(path)?.records.into_iter().filter(|r| !ours.contains(&key(r))));
        self.check_alike(path)?;
        // Positive numbers are in the order of their bits.
        self.records.sort_by_cached_key(key);
        Ok(self)
    }

    /// The rows of the file at `path` whose scores are others than those of these rows, in sentences.
    fn changes(&self, path: &Path) -> Result<Vec<String>> {
        if !path.exists() {
            return Ok(Vec::new());
        }
        let old = TransferFile::load(path)?.records;
        let key = |r: &TransferRecord| (r.features.to_string(), r.percentage.to_bits(), r.repeat, r.layer.clone());
        let same = |a: &TransferRecord, b: &TransferRecord| (&a.scores, a.leep) == (&b.scores, b.leep);
        Ok(files::changed_rows(path, (&old, &self.records), key, same, |r| (&r.layer, r.repeat, r.percentage)))
    }

    /// Adds these rows to the file at `path`, or begins it; returns what the file then holds. Rows of the file that were
    /// changed since they were computed are said.
    ///
    /// # Errors
    /// Those of [`TransferFile::merged_with`]; [`Error::Io`] when the file cannot be written.
    pub fn add_to(self, path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let _one_at_a_time = locks::lock_folder_of(path)?;
        for line in self.changes(path)? {
            default_sink().line(&line);
        }
        let all = self.merged_with(path)?;
        all.save(path)?;
        Ok(all)
    }

    /// Writes the file, atomically, one row a line.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file; [`Error::Data`] when there are no rows: a file of none would say nothing.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        files::write_rows(path.as_ref(), &self.records)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(percentage: f64, cut: Option<i64>, value: f64, weights: &str) -> TransferRecord {
        TransferRecord {
            percentage,
            repeat: 0,
            layer: cut.map_or(NETWORK.to_owned(), |cut| format!("conv{}", cut - 1)),
            cut,
            features: View::Channels,
            scores: cut.map(|_| (Score::LogMe, value)).into_iter().collect(),
            leep: None,
            left_out: BTreeMap::from([(Score::ProbeAccuracy, "too few".to_owned())]),
            images: 9,
            classes: 3,
            source_weights: weights.to_owned(),
            target_images: "p".to_owned(),
            seconds: 0.5,
            computed: None,
        }
    }

    #[test]
    fn files_survive_a_round_trip_and_grow_by_rows_of_the_same_network_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("results/t.json");
        let file = |rows: Vec<TransferRecord>| TransferFile { records: rows };
        file(vec![row(0.1, Some(1), 0.25, "a"), row(0.1, None, 0.0, "a")]).add_to(&path).unwrap();
        let both = file(vec![row(0.01, Some(1), 0.5, "a"), row(0.1, Some(1), 0.75, "a")]).add_to(&path).unwrap();
        assert_eq!(TransferFile::load(&path).unwrap(), both);
        let values: Vec<_> =
            both.records.iter().map(|r| (r.percentage, r.cut, r.scores.get(&Score::LogMe).copied())).collect();
        assert_eq!(values, [(0.01, Some(1), Some(0.5)), (0.1, None, None), (0.1, Some(1), Some(0.75))]);
        assert_eq!(both.percentages(), [0.01, 0.1]);
        assert_eq!(both.layers(0.1, 0), [BTreeMap::from([(Score::LogMe, 0.75)])]);
        let other = file(vec![row(0.1, Some(2), 0.1, "b")]).add_to(&path).unwrap_err().to_string();
        assert!(other.contains("t.json") && other.contains("source network"), "{other}");
    }

    #[test]
    fn a_row_that_was_changed_by_hand_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.json");
        let computed = TransferFile { records: vec![row(0.1, Some(1), 0.25, "a"), row(0.1, None, 0.0, "a")] };
        computed.save(&path).unwrap();
        assert_eq!(computed.changes(&path).unwrap(), [""; 0]);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("\"log-me\":0.25", "\"log-me\":0.75")).unwrap();
        let said = computed.changes(&path).unwrap();
        assert_eq!(said.len(), 1);
        assert!(said[0].contains("t.json: the row of conv0, repeat 0, fraction 0.1 was changed"), "{said:?}");
    }

    #[test]
    fn broken_files_name_the_row() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = |text: &str| {
            std::fs::write(file.path(), text).unwrap();
            TransferFile::load(file.path()).unwrap_err().to_string()
        };
        assert!(error("{}").contains("a JSON list of rows of scores"));
        assert!(error("[{}]").contains("element 0, found missing field"), "{}", error("[{}]"));
        let mut wrong = serde_json::to_value(row(0.1, None, 0.0, "a")).unwrap();
        wrong["Percentage"] = 2.into();
        assert!(error(&format!("[{wrong}]")).contains("`Percentage` of element 0 above 0"));
    }
}
