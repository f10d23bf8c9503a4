//! Files of weights: safetensors, which this crate writes, and PyTorch's `.pth`, which it reads and can write.

mod bytes;
mod checkpoint;
mod pth;
mod safetensors;

/// Weights by name.
pub type StateDict = Vec<(String, tch::Tensor)>;

pub(crate) use checkpoint::digest;
pub use checkpoint::Checkpoint;
