//! Networks, the cut, what layers put out, and files of weights.

mod any;
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
mod ranks;
pub mod weights;

pub use any::{Model, Stage};
pub use block::{Block, Layer, Layers, Padding};
pub use cnn::CustomCnn;
pub use cut::Cut;
pub(crate) use features::tables;
pub use features::{FeatureTable, Features};
pub(crate) use files::load_checkpoint;
pub use forward::LayerOutput;
pub use heads::{FlatHead, PoolHead};
pub(crate) use inputs::{chunks, pieces, pixel_table};
pub use layers::resolve_device;
pub use network::{Network, NetworkBuilder};
pub use networks::{Builtin, Convolutions, PoolingKind};
pub use ranks::effective_rank;
pub(crate) use weights::digest;
pub use weights::{Checkpoint, StateDict};
