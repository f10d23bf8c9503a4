//! Training: the loop, early stopping, evaluation, the report.

mod checkpoints;
mod clip;
mod early_stopping;
mod evaluate;
mod finite;
mod fit;
mod identity;
mod inputs;
mod labels;
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
pub(crate) use finite::check_finite;
pub use fit::Epoch;
pub(crate) use fit::{evaluate_final, fit, FitOptions};
pub(crate) use inputs::{label_tensor, Inputs};
pub use report::{ClassScores, ClassificationReport};
pub use source::{
    check_source, check_source_images, load_source, origin_of, pretrain, pretrained, save_source, Source,
};
pub use trainer::{TrainReport, Trainer};
