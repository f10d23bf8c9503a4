//! Scores of a layer before any fine-tuning: how well would a cut after it transfer?
//!
//! Each score is a function of a layer's features (images x features) and the labels of the images alone; [`Score`] names
//! those of one layer, [`layer_scores`] makes them all. [`leep`] is of a source network as a whole, and [`linear_cka`]
//! compares a layer before and after fine-tuning. Whether a score foretells anything is a question to results: see
//! [`crate::stats`].

mod cka;
mod class_means;
mod clusters;
mod h_score;
mod input;
mod jobs;
mod keys;
mod layers;
mod leep;
mod linear_probe;
mod log_me;
mod neighbours;
mod record;
mod score;
mod spectrum;
mod sweep;
mod trans_rate;

pub use cka::linear_cka;
pub use class_means::nearest_class_mean;
pub use clusters::cluster_agreement;
pub use h_score::h_score;
pub use layers::{LayerFeatures, View};
pub use leep::leep;
pub use linear_probe::{linear_probe, LinearProbe};
pub use log_me::log_me;
pub use neighbours::nearest_neighbours;
pub use record::{TransferFile, TransferRecord, NETWORK};
pub use score::{layer_scores, Score};
pub use sweep::TransferSweep;
pub use trans_rate::trans_rate;
