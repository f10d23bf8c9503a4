//! Which number of a result row is looked at.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::cluster::ClusterScore;
use crate::error::{Error, Result};
use crate::results::Record;
use crate::table::{cut_name, Value};

/// A number that result rows hold. Names are the keys of result files: `test_acc`, `train_acc`, ..
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Measure {
    /// Accuracy on the test set, from 0 to 1.
    #[default]
    TestAcc,
    /// Accuracy on the reduced training set, from 0 to 1.
    TrainAcc,
    /// Validation accuracy of the weights that were measured, from 0 to 1. Published files have none.
    ValAcc,
    /// Epochs that were run. Published files have none.
    Epochs,
    /// Time of the run, in seconds. Published files have none.
    Seconds,
}

impl Measure {
    /// All of them.
    pub const ALL: [Measure; 5] =
        [Measure::TestAcc, Measure::TrainAcc, Measure::ValAcc, Measure::Epochs, Measure::Seconds];

    /// The number in a row; `None` where the row does not have it.
    pub fn of(self, record: &Record) -> Option<f64> {
        match self {
            Measure::TestAcc => Some(record.test_acc),
            Measure::TrainAcc => Some(record.train_acc),
            Measure::ValAcc => record.val_acc,
            Measure::Epochs => record.epochs.map(|n| n as f64),
            Measure::Seconds => record.seconds,
        }
    }

    /// Whether it is an accuracy: from 0 to 1, and the higher the better. The others have no best.
    pub fn is_accuracy(self) -> bool {
        !matches!(self, Measure::Epochs | Measure::Seconds)
    }

    /// In words, as titles of tables say it.
    pub fn words(self) -> &'static str {
        match self {
            Measure::TestAcc => "test accuracy",
            Measure::TrainAcc => "training accuracy",
            Measure::ValAcc => "validation accuracy",
            Measure::Epochs => "epochs",
            Measure::Seconds => "seconds",
        }
    }

    /// The key in result files.
    fn key(self) -> &'static str {
        match self {
            Measure::TestAcc => "test_acc",
            Measure::TrainAcc => "train_acc",
            Measure::ValAcc => "val_acc",
            Measure::Epochs => "epochs",
            Measure::Seconds => "seconds",
        }
    }

    /// The number in a row, refused where it is missing or cannot be one. `row` names the row in the message.
    pub(super) fn checked(self, record: &Record, row: impl Fn() -> String) -> Result<f64> {
        let (usable, expected) = match self.is_accuracy() {
            true => (0.0..=1.0, "a number from 0 to 1 in every row"),
            false => (0.0..=f64::MAX, "a number, 0 or more, in every row"),
        };
        match self.of(record) {
            Some(value) if usable.contains(&value) => Ok(value),
            Some(value) => Err(Error::parameter(self.key(), expected, format!("{value} in {}", row()))),
            None => Err(Error::parameter(self.key(), expected, format!("none in {}", row()))),
        }
    }

    /// How many places of a value tables show.
    pub(super) fn places(self) -> usize {
        match self {
            Measure::TestAcc | Measure::TrainAcc | Measure::ValAcc => 4,
            Measure::Epochs => 1,
            Measure::Seconds => 2,
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

impl FromStr for Measure {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        let all = Measure::ALL.map(Measure::key).join(", ");
        Measure::ALL.into_iter().find(|m| m.key() == s).ok_or_else(|| Error::parameter("measure", all, s))
    }
}

/// The middle of a sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Centre {
    /// The median.
    #[default]
    Median,
    /// The mean.
    Mean,
}

impl Centre {
    /// As a title begins.
    pub fn title(self) -> &'static str {
        match self {
            Centre::Median => "Median",
            Centre::Mean => "Mean",
        }
    }
}

impl fmt::Display for Centre {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Centre::Median => "median",
            Centre::Mean => "mean",
        })
    }
}

impl FromStr for Centre {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        match s {
            "median" => Ok(Centre::Median),
            "mean" => Ok(Centre::Mean),
            _ => Err(Error::parameter("centre", "median or mean", s)),
        }
    }
}

/// The names of a network's layers by their places, from 0, as its result rows have them: `conv0`, or a block's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LayerNames(Arc<BTreeMap<i64, String>>);

impl LayerNames {
    /// The name at a place; `layer 3` where the rows have none.
    pub fn name(&self, place: i64) -> String {
        self.0.get(&place).cloned().unwrap_or_else(|| format!("layer {place}"))
    }
}

impl FromIterator<(i64, String)> for LayerNames {
    fn from_iter<I: IntoIterator<Item = (i64, String)>>(names: I) -> Self {
        LayerNames(Arc::new(names.into_iter().collect()))
    }
}

/// What the numbers of a group are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// A number of runs, by cut.
    Runs(Measure),
    /// A score of clusterings, by layer; and what the layers are called.
    Clusters(ClusterScore, LayerNames),
}

impl Quantity {
    /// In words.
    pub fn words(&self) -> &'static str {
        match self {
            Quantity::Runs(measure) => measure.words(),
            Quantity::Clusters(score, _) => score.words(),
        }
    }

    /// Its name in tables for programs.
    pub(super) fn key(&self) -> String {
        match self {
            Quantity::Runs(measure) => measure.to_string(),
            Quantity::Clusters(score, _) => score.to_string(),
        }
    }

    /// What its places are: cuts, or layers.
    pub(super) fn place(&self) -> &'static str {
        match self {
            Quantity::Runs(_) => "cut",
            Quantity::Clusters(..) => "layer",
        }
    }

    /// A place in a table.
    pub(super) fn value(&self, place: i64) -> Value {
        match self {
            Quantity::Runs(_) => Value::Cut(place),
            Quantity::Clusters(_, names) => Value::Words(names.name(place)),
        }
    }

    /// The name of a place: of a cut, or of a layer.
    pub fn name(&self, place: i64) -> String {
        match self {
            Quantity::Runs(_) => cut_name(place),
            Quantity::Clusters(_, names) => names.name(place),
        }
    }

    /// The names of places, with commas between them.
    pub(super) fn names(&self, places: &[i64]) -> String {
        places.iter().map(|&place| self.name(place)).collect::<Vec<_>>().join(", ")
    }
}
