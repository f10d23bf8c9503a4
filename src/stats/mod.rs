//! What result files say. Records in, numbers and tables out; no model is touched.

mod summary;
mod wilcoxon;

pub use summary::{median, Cell, Summary};
pub use wilcoxon::{wilcoxon, Method, Rule, Wilcoxon};
