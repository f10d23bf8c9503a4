//! A grid of fine-tuning runs: which ones, in what order, on how many workers, and what is already done.
//!
//! A run is a pure function of the parameters, the source weights, the fraction of the data, the cut and the repeat.
//! [`fine_tune`] computes one. Of a whole sweep, `plan` says which runs it needs and `keys` under what each is kept; `known`
//! finds those that result files hold; `costs` says what one needs and `stages` what is stored for all, which `bank` holds;
//! `layers` is what sweeps over layers share;
//! `jobs` is what the workers of [`crate::runtime`] do, and `compute` puts all of it together.

mod bank;
mod compute;
mod costs;
mod jobs;
mod keys;
mod known;
pub(crate) mod layers;
mod plan;
mod run;
mod stages;
mod sweeper;

pub use crate::config::{Repeats, Row};
pub use run::{fine_tune, FineTuned};
pub use sweeper::Sweep;
