//! The network, the cut, and files of weights.

pub mod checkpoint;
mod cnn;
mod cut;
mod layers;
mod layout;
mod pth;

/// Weights by name.
pub type StateDict = Vec<(String, tch::Tensor)>;

pub use cnn::{CustomCnn, LayerOutput};
pub use cut::Cut;
pub(crate) use layers::normalise;
pub use layers::resolve_device;
