//! A grid of fine-tuning runs: which ones, in what order, on how many workers, and what is already done.
//!
//! A run is a pure function of the parameters, the source weights, the percentage, the cut and the repeat. [`fine_tune`]
//! computes one, [`crate::config`] lists those wanted, [`crate::journal`] remembers those done, `bank` stores what frozen layers make
//! of the pictures, and `workers` does the rest side by side.

mod bank;
mod run;
mod sweeper;
mod workers;

pub use crate::config::{Repeats, Row};
pub use run::{fine_tune, FineTuned};
pub use sweeper::Sweep;
