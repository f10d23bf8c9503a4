//! The network, the cut, what layers put out, and files of weights.

mod cnn;
mod cut;
mod features;
mod files;
mod forward;
mod inputs;
mod layers;
mod layout;
pub mod weights;

pub use cnn::CustomCnn;
pub use cut::Cut;
pub use features::{FeatureTable, Features};
pub use forward::LayerOutput;
pub(crate) use inputs::{chunks, normalise, pieces, pixel_table};
pub use layers::resolve_device;
pub use weights::{Checkpoint, StateDict};
