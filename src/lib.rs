//! Layer-freezing studies: when a pre-trained network is fine-tuned on a new task, how many of its layers should be
//! kept and frozen, re-initialised, or cut off, and how does the answer change with the amount of target data?

#![warn(missing_docs)]

pub mod data;
pub mod error;
pub mod files;
pub mod model;
pub mod notebook;
pub mod params;
pub mod record;
pub mod rng;
pub mod stats;
pub mod study;
pub mod sweep;
pub mod train;
