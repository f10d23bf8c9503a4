//! Result rows.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Computed;

/// The result of one fine-tuning run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Adam's learning rate.
    pub lr: f64,
    /// Fraction of the target training data that was used, from 0 to 1.
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
    /// What computed the row; `None` where a file does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub computed: Option<Computed>,
    /// Keys this crate does not know, kept as they were.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}
