//! How well the layers of a pre-trained network tell the target classes apart, before any fine-tuning.
//!
//! [`FeatureTable`] holds what each convolution makes of the target task's images: its output before the activation,
//! averaged over space, one number a channel. An [`Algorithm`] groups a layer's vectors into as many clusters as there
//! are classes, [`Scores`] says how well clusters and classes agree, and a [`ClusterSweep`] does both over percentages
//! and repeats, as the published study did. [`pca`] and [`tsne`] draw the vectors on a plane.

mod agglomerative;
mod algorithm;
mod average;
mod jobs;
mod keys;
mod map;
mod record;
mod scores;
mod sweep;

pub use crate::model::{FeatureTable, Features};
pub use algorithm::Algorithm;
pub use map::{pca, tsne};
pub use record::{ClusterFile, ClusterRecord, ClusterScore};
pub use scores::{silhouette, Contingency, Scores, Scoring};
pub use sweep::ClusterSweep;
