//! An experiment for tests of sentences.

use crate::config::Params;
use crate::results::{Record, ResultFile};

/// `accuracy(cut, repeat)` for cuts -1 to 3 at 1%.
pub fn experiment(repeats: u64, accuracy: impl Fn(i64, u64) -> f64) -> ResultFile {
    let mut rows: Vec<Record> = Vec::new();
    for cut in -1..=3 {
        for repeat in 0..repeats {
            let row = serde_json::json!({"lr": 0.1, "sampled_percentage": 0.01, "sampled_cut_point": cut,
                "repeat": repeat, "train_acc": 1.0, "test_acc": accuracy(cut, repeat)});
            rows.push(serde_json::from_value(row).unwrap());
        }
    }
    ResultFile::new(Params::default(), rows)
}

/// A small difference between repeats.
pub fn off(repeat: u64) -> f64 {
    0.001 * repeat as f64
}
