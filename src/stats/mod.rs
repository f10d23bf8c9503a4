//! What result files say. Records in, numbers and tables out; no model is touched.

mod summary;

pub use summary::{median, Cell, Summary};
