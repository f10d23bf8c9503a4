//! Training: the loop, early stopping, evaluation, the report.

mod adam;
mod clip;
mod early_stopping;
mod evaluate;
mod fit;
mod inputs;
mod loss;
mod optimizer;
#[cfg(test)]
mod recipe_tests;
mod report;
mod schedule;
mod source;
mod trainer;
mod validation;

pub use early_stopping::{EarlyStopping, Verdict};
pub use evaluate::classification_report;
pub use fit::Epoch;
pub(crate) use fit::{evaluate_final, fit, FitOptions};
pub(crate) use inputs::{label_tensor, Inputs};
pub use report::{ClassScores, ClassificationReport};
pub use source::{check_training, load_source, pretrained, save_source, training_in_words, Origin, Source};
pub use trainer::{TrainReport, Trainer};
