//! Rows of clustering results, and the files that hold them.
//!
//! A file is a JSON list of rows. Keys that the published files have come first and keep their names; what this crate
//! adds goes last.

use std::collections::HashSet;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Algorithm, Contingency, Scores, Scoring};
use crate::error::{Error, Result};
use crate::results::Computed;
use crate::runtime::progress::default_sink;
use crate::util::files;
use crate::util::{json, locks};

/// The result of clustering one layer's features once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterRecord {
    /// Fraction of the target training data, from above 0 to 1.
    #[serde(rename = "Percentage")]
    pub percentage: f64,
    /// The seed that the reduced training set was drawn with.
    #[serde(rename = "Repeat")]
    pub repeat: u64,
    /// `conv0`, `conv1`, ..; of a network of blocks the block's name.
    #[serde(rename = "Layer")]
    pub layer: String,
    /// The cut right after the layer, from 1, where its name does not say so.
    #[serde(rename = "Cut", default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<i64>,
    /// Precision, recall, accuracy and adjusted Rand index.
    #[serde(flatten)]
    pub scores: Scores,
    /// Which task: `Finetune`, the target task, or `Pretrain`, the source task.
    #[serde(rename = "Dataset")]
    pub dataset: String,
    /// Which of its sets: `Train`.
    #[serde(rename = "Split")]
    pub split: String,
    /// The algorithm; the published files, which do not say, hold `average`.
    #[serde(rename = "Algorithm", default = "published_algorithm")]
    pub algorithm: String,
    /// Vectors that were clustered.
    #[serde(rename = "Vectors", default, skip_serializing_if = "Option::is_none")]
    pub vectors: Option<usize>,
    /// Vectors that were all zeros and left out.
    #[serde(rename = "Dropped", default, skip_serializing_if = "Option::is_none")]
    pub dropped: Option<usize>,
    /// Normalised mutual information, from 0 to 1.
    #[serde(rename = "NMI", default, skip_serializing_if = "Option::is_none")]
    pub nmi: Option<f64>,
    /// Mean silhouette of the clusters, from -1 to 1.
    #[serde(rename = "Silhouette", default, skip_serializing_if = "Option::is_none")]
    pub silhouette: Option<f64>,
    /// How it was scored ([`Scoring`]); the published files, which do not say, in the `published` way.
    #[serde(rename = "Scoring", default = "published_scoring")]
    pub scoring: String,
    /// Vectors by cluster and class: clusters x classes.
    #[serde(rename = "Counts", default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Vec<Vec<u64>>>,
    /// A digest of the network's weights.
    #[serde(rename = "SourceWeights", default, skip_serializing_if = "Option::is_none")]
    pub source_weights: Option<String>,
    /// A digest of the task's images ([`crate::data::Task::digest`]).
    #[serde(rename = "Pictures", default, skip_serializing_if = "Option::is_none")]
    pub images: Option<String>,
    /// Time of clustering and scoring, in seconds.
    #[serde(rename = "Seconds", default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// What computed the row; `None` where a file does not say.
    #[serde(rename = "Computed", default, skip_serializing_if = "Option::is_none")]
    pub computed: Option<Computed>,
    /// Keys this crate does not know, kept as they were.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

fn published_algorithm() -> String {
    Algorithm::Average.to_string()
}

fn published_scoring() -> String {
    Scoring::Published.to_string()
}

impl ClusterRecord {
    /// The layer's place in the network, from 0: as its cut or else its name (`conv0`) says.
    pub fn place(&self) -> Option<i64> {
        let named = || self.layer.strip_prefix("conv")?.parse().ok();
        self.cut.map(|cut| cut - 1).or_else(named)
    }

    /// What tells it from the other rows of a file.
    fn key(&self) -> (String, u64, u64, String) {
        (self.algorithm.clone(), self.percentage.to_bits(), self.repeat, self.layer.clone())
    }

    /// This row of the layer at a place in the network, from 0: the cut is noted where the layer's name does not say it.
    pub(super) fn at(mut self, place: usize) -> ClusterRecord {
        self.cut = (self.layer != format!("conv{place}")).then_some(place as i64 + 1);
        self
    }

    /// The same row, scored in another way.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the row does not hold its counts, as published ones do not.
    pub fn scored(&self, scoring: Scoring) -> Result<ClusterRecord> {
        let mut row = self.clone();
        if row.scoring == scoring.to_string() {
            return Ok(row);
        }
        let found = || format!("none at {}, repeat {}, {}", self.percentage, self.repeat, self.layer);
        let counts = self.counts.as_ref().ok_or_else(|| Error::parameter("Counts", "counts in the row", found()))?;
        row.scores = Contingency::from_counts(counts)?.scores(scoring);
        row.scoring = scoring.to_string();
        Ok(row)
    }
}

/// A number that says how well a clustering went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClusterScore {
    /// The adjusted Rand index.
    #[default]
    Ari,
    /// Accuracy under a matching of clusters and classes.
    Accuracy,
    /// Pairwise precision.
    Precision,
    /// Pairwise recall.
    Recall,
    /// Normalised mutual information; not in published rows.
    Nmi,
    /// Mean silhouette; not in published rows.
    Silhouette,
}

impl ClusterScore {
    /// Every score.
    pub const ALL: [ClusterScore; 6] = [
        ClusterScore::Ari,
        ClusterScore::Accuracy,
        ClusterScore::Precision,
        ClusterScore::Recall,
        ClusterScore::Nmi,
        ClusterScore::Silhouette,
    ];

    /// The score of a row; `None` where the row does not hold it.
    pub fn of(self, record: &ClusterRecord) -> Option<f64> {
        match self {
            ClusterScore::Ari => Some(record.scores.ari),
            ClusterScore::Accuracy => Some(record.scores.accuracy),
            ClusterScore::Precision => Some(record.scores.precision),
            ClusterScore::Recall => Some(record.scores.recall),
            ClusterScore::Nmi => record.nmi,
            ClusterScore::Silhouette => record.silhouette,
        }
    }

    /// The score's name in words.
    pub fn words(self) -> &'static str {
        match self {
            ClusterScore::Ari => "adjusted Rand index",
            ClusterScore::Accuracy => "accuracy",
            ClusterScore::Precision => "pairwise precision",
            ClusterScore::Recall => "pairwise recall",
            ClusterScore::Nmi => "normalised mutual information",
            ClusterScore::Silhouette => "silhouette",
        }
    }
}

impl std::str::FromStr for ClusterScore {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        let short = |score: &ClusterScore| format!("{score:?}").to_ascii_lowercase();
        ClusterScore::ALL.into_iter().find(|score| short(score) == s.to_ascii_lowercase()).ok_or_else(|| {
            Error::parameter("score", format!("one of {}", ClusterScore::ALL.map(|x| short(&x)).join(", ")), s)
        })
    }
}

impl std::fmt::Display for ClusterScore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{self:?}").to_ascii_lowercase())
    }
}

/// A file of clustering results.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClusterFile {
    /// The rows, in the file's order.
    pub records: Vec<ClusterRecord>,
}

impl ClusterFile {
    /// The rows of one algorithm; none where there are none of it.
    pub fn by(&self, algorithm: Algorithm) -> ClusterFile {
        let name = algorithm.to_string();
        ClusterFile { records: self.records.iter().filter(|r| r.algorithm == name).cloned().collect() }
    }

    /// The algorithms of its rows, each once, in the order they come in.
    pub fn algorithms(&self) -> Vec<&str> {
        let mut found: Vec<&str> = Vec::new();
        for record in &self.records {
            if !found.contains(&record.algorithm.as_str()) {
                found.push(&record.algorithm);
            }
        }
        found
    }

    /// The one algorithm of all rows.
    ///
    /// # Errors
    /// [`Error::Parameter`] when there are no rows, or rows of several algorithms.
    pub fn algorithm(&self) -> Result<&str> {
        let first = self.records.first().ok_or_else(|| Error::parameter("clusterings", "at least one row", "none"))?;
        match self.records.iter().find(|r| r.algorithm != first.algorithm) {
            None => Ok(&first.algorithm),
            Some(other) => {
                let found = format!("{} and {}", first.algorithm, other.algorithm);
                Err(Error::parameter("clusterings", "rows of one algorithm", found))
            }
        }
    }

    /// [`Self::algorithm`] in words that go before "clustering".
    pub(crate) fn algorithm_in_words(&self) -> Result<String> {
        let name = self.algorithm()?;
        Ok(name.parse().map_or_else(|_| name.to_owned(), Algorithm::words))
    }

    /// Reads a file of clustering results, a published one or our own.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be read; [`Error::Format`] when it is not a JSON list of rows, or when a
    /// percentage or a score is out of its range. The message names the row.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let what = "a JSON list of clustering rows";
        let bytes = files::read(path)?;
        if bytes.is_empty() {
            return Err(Error::format(path, what, "an empty file"));
        }
        let list: Vec<Value> =
            serde_json::from_slice(&bytes).map_err(|e| Error::format(path, what, json::fault(&bytes, &e)))?;
        if list.is_empty() {
            return Err(Error::format(path, what, "an empty list"));
        }
        let row = |(i, value): (usize, Value)| {
            let row: ClusterRecord = serde_json::from_value(value)
                .map_err(|e| Error::format(path, format!("a clustering row as element {i}"), e.to_string()))?;
            let s = row.scores;
            let ranges = [
                ("Percentage", row.percentage, f64::MIN_POSITIVE),
                ("NMI", row.nmi.unwrap_or(0.0), 0.0),
                ("Silhouette", row.silhouette.unwrap_or(0.0), -1.0),
                ("Precision", s.precision, 0.0),
                ("Recall", s.recall, 0.0),
                ("Accuracy", s.accuracy, 0.0),
                ("ARI", s.ari, -1.0),
            ];
            match ranges.into_iter().find(|(_, value, least)| !(*least..=1.0).contains(value)) {
                Some((key, value, least)) => {
                    let range = match least {
                        -1.0 => "from -1 to 1",
                        0.0 => "from 0 to 1",
                        _ => "above 0 and at most 1",
                    };
                    Err(Error::format(path, format!("`{key}` of element {i} {range}"), value.to_string()))
                }
                None => match row.cut.filter(|&cut| cut < 1) {
                    Some(cut) => {
                        Err(Error::format(path, format!("`Cut` of element {i} of 1 or more"), cut.to_string()))
                    }
                    None => Ok(row),
                },
            }
        };
        let file = ClusterFile { records: list.into_iter().enumerate().map(row).collect::<Result<_>>()? };
        match file.mixed() {
            Some((what, a, b)) => Err(Error::format(path, format!("rows of one {what}"), format!("{a} and {b}"))),
            None => Ok(file),
        }
    }

    /// What rows differ in that cannot stand side by side: the scoring, the weights, the task, its part or its images.
    fn mixed(&self) -> Option<(&'static str, String, String)> {
        let first = self.records.first()?;
        let weights = |r: &ClusterRecord| r.source_weights.clone().unwrap_or_else(|| "unnamed".to_owned());
        type Part = (&'static str, fn(&ClusterRecord) -> String);
        let parts: [Part; 3] = [
            ("scoring", |r| r.scoring.clone()),
            ("task", |r| r.dataset.clone()),
            ("part of the data", |r| r.split.clone()),
        ];
        let unlike = |row: &ClusterRecord| {
            let part = parts.into_iter().find(|(_, of)| of(row) != of(first));
            let part = part.map(|(what, of)| (what, of(first), of(row)));
            part.or_else(|| (weights(row) != weights(first)).then(|| ("source network", weights(first), weights(row))))
        };
        // Rows that do not say what images they are of may stand beside those that do.
        let mut images = self.records.iter().filter_map(|r| r.images.as_ref());
        let other_images = || {
            let first = images.next()?;
            let other = images.find(|&digest| digest != first)?;
            Some(("set of images", first.clone(), other.clone()))
        };
        self.records.iter().find_map(unlike).or_else(other_images)
    }

    /// Adds the rows of the file at `path`, where there is one, that are not among these. Rows come by algorithm,
    /// percentage, repeat and layer.
    ///
    /// # Errors
    /// Those of [`ClusterFile::load`]; [`Error::Mismatch`] when the file's rows are of other source weights or images, or
    /// scored in another way.
    pub fn merged_with(mut self, path: &Path) -> Result<Self> {
        if !path.exists() {
            return Ok(self);
        }
        let old = ClusterFile::load(path)?;
        if let Some(ours) = self.records.first() {
            // All of the file's rows: its first ones may not say what others do.
            let both = ClusterFile { records: std::iter::once(ours).chain(&old.records).cloned().collect() };
            if let Some((key, ours, theirs)) = both.mixed() {
                let (path, key) = (path.to_owned(), key.to_owned());
                let remedy = "move the file, or write elsewhere";
                return Err(Error::Mismatch { path, what: "rows", key, ours, theirs, remedy });
            }
        }
        let key = ClusterRecord::key;
        let ours: HashSet<_> = self.records.iter().map(key).collect();
        self.records.extend(old.records.into_iter().filter(|r| !ours.contains(&key(r))));
        // Positive numbers are in the order of their bits.
        self.records.sort_by_cached_key(|r| {
            let (algorithm, percentage, repeat, layer) = key(r);
            (algorithm, percentage, repeat, r.place(), layer)
        });
        Ok(self)
    }

    /// The rows of the file at `path` whose scores are others than those of these rows, in sentences.
    fn changes(&self, path: &Path) -> Result<Vec<String>> {
        if !path.exists() {
            return Ok(Vec::new());
        }
        let old = ClusterFile::load(path)?.records;
        let scores = |r: &ClusterRecord| (r.scores, r.nmi, r.silhouette, r.scoring.clone());
        Ok(files::changed_rows(
            path,
            (&old, &self.records),
            ClusterRecord::key,
            |a, b| scores(a) == scores(b),
            |r| (&r.layer, r.repeat, r.percentage),
        ))
    }

    /// Adds these rows to the file at `path`, or begins it; returns what the file then holds. Rows of the file that were
    /// changed since they were computed are said.
    ///
    /// # Errors
    /// Those of [`ClusterFile::merged_with`] and [`ClusterFile::save`]; [`Error::Io`] when the folder cannot be held while
    /// the file is changed.
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

    fn row(percentage: f64, layer: &str, ari: f64) -> ClusterRecord {
        serde_json::from_value(serde_json::json!({"Percentage": percentage, "Repeat": 0, "Layer": layer,
            "Precision": 0.5, "Recall": 0.5, "Accuracy": 0.5, "ARI": ari, "Dataset": "Finetune", "Split": "Train"}))
        .unwrap()
    }

    #[test]
    fn rows_of_other_images_do_not_join_and_those_that_do_not_say_do() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.json");
        let of = |layer: &str, images: Option<&str>| {
            let row = ClusterRecord { images: images.map(str::to_owned), ..row(0.1, layer, 0.2) };
            ClusterFile { records: vec![row] }
        };
        of("conv0", None).add_to(&path).unwrap();
        of("conv1", Some("ours")).add_to(&path).unwrap();
        let error = of("conv2", Some("others")).add_to(&path).unwrap_err().to_string();
        assert!(error.contains("set of images") && error.contains("ours"), "{error}");
        assert_eq!(of("conv3", Some("ours")).add_to(&path).unwrap().records.len(), 3);
    }

    #[test]
    fn published_rows_are_read_and_ours_begin_with_the_published_keys() {
        let published = row(0.1, "conv2", 0.25);
        assert_eq!((published.algorithm.as_str(), published.scoring.as_str()), ("average", "published"));
        assert!(published.other.is_empty(), "{:?}", published.other);
        let text = serde_json::to_string(&published).unwrap();
        let keys: Vec<String> = serde_json::from_str::<Map<String, Value>>(&text).unwrap().keys().cloned().collect();
        let expected = ["Percentage", "Repeat", "Layer", "Precision", "Recall", "Accuracy", "ARI", "Dataset", "Split"];
        assert_eq!(keys[..9], expected);
        assert!(published.scored(Scoring::Sound).unwrap_err().to_string().contains("`Counts`"));
    }

    #[test]
    fn rows_are_added_to_a_file_of_the_same_weights_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.json");
        ClusterFile { records: vec![row(0.1, "conv10", 0.1), row(0.1, "conv9", 0.2)] }.save(&path).unwrap();
        let more = ClusterFile { records: vec![row(0.1, "conv9", 0.3), row(0.01, "conv0", 0.4)] };
        let merged = more.clone().merged_with(&path).unwrap();
        let rows: Vec<_> = merged.records.iter().map(|r| (r.layer.as_str(), r.scores.ari)).collect();
        assert_eq!(rows, [("conv0", 0.4), ("conv9", 0.3), ("conv10", 0.1)]);
        // Blocks come in the order of the network, not of their names.
        let blocks = ["stem", "layer2", "layer10"].into_iter().enumerate();
        let blocks = blocks.map(|(place, name)| row(0.1, name, 0.1).at(place)).rev().collect();
        let merged = ClusterFile { records: blocks }.merged_with(&path).unwrap();
        let layers: Vec<_> = merged.records.iter().map(|r| r.layer.as_str()).collect();
        assert_eq!(layers, ["stem", "layer2", "layer10", "conv9", "conv10"]);
        assert_eq!((row(0.1, "conv3", 0.1).at(3).cut, row(0.1, "conv3", 0.1).at(2).cut), (None, Some(3)));
        let mut other = more;
        other.records[0].source_weights = Some("abc".into());
        let error = other.merged_with(&path).unwrap_err().to_string();
        assert!(error.contains("c.json") && error.contains("`source network` abc"), "{error}");
    }

    #[test]
    fn a_row_that_was_changed_by_hand_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.json");
        let computed = ClusterFile { records: vec![row(0.1, "conv0", 0.1), row(0.1, "conv1", 0.25)] };
        computed.save(&path).unwrap();
        assert_eq!(computed.changes(&path).unwrap(), [""; 0]);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("\"ARI\":0.25", "\"ARI\":0.75")).unwrap();
        let said = computed.changes(&path).unwrap();
        assert_eq!(said.len(), 1);
        assert!(said[0].contains("c.json: the row of conv1, repeat 0, fraction 0.1 was changed"), "{said:?}");
    }

    #[test]
    fn broken_files_say_what_is_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.json");
        let bad = serde_json::to_string(&[row(0.1, "conv0", 0.1), row(0.1, "conv1", 1.5)]).unwrap();
        let mut other = vec![row(0.1, "conv0", 0.1), row(0.1, "conv1", 0.5)];
        other[1].scoring = "sound".to_owned();
        let other = serde_json::to_string(&other).unwrap();
        let none = bad.replace("0.1,\"Repeat\"", "0.0,\"Repeat\"");
        let none_cut = bad.replacen("\"Layer\"", "\"Cut\":0,\"Layer\"", 1);
        for (text, expected) in [
            ("", "an empty file"),
            ("[]", "an empty list"),
            ("[{", "EOF"),
            ("[{\"depth\": 6}]", "element 0"),
            (bad.as_str(), "`ARI` of element 1 from -1 to 1, found 1.5"),
            (other.as_str(), "rows of one scoring, found published and sound"),
            (none_cut.as_str(), "`Cut` of element 0 of 1 or more, found 0"),
            (none.as_str(), "`Percentage` of element 0 above 0 and at most 1, found 0"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = ClusterFile::load(&path).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
