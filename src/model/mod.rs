//! Networks, the cut, what layers put out, and files of weights.

mod block;
mod cnn;
mod cut;
mod features;
mod files;
mod forward;
mod heads;
mod init;
mod inputs;
mod layers;
mod layout;
mod network;
mod networks;
mod part;
pub mod weights;

pub use block::{Block, Layer, Layers, Padding};
pub use cnn::CustomCnn;
pub use cut::Cut;
pub use features::{FeatureTable, Features};
pub use forward::LayerOutput;
pub use heads::{FlatHead, PoolHead};
pub(crate) use inputs::{chunks, normalise, pieces, pixel_table};
pub use layers::resolve_device;
pub use network::{Network, NetworkBuilder};
pub use networks::{Builtin, Convolutions, PoolingKind};
pub use weights::{Checkpoint, StateDict};
