//! Heads: what turns the last block's features into one output a class.

use tch::Tensor;

use super::block::{Block, Layer, Layers};
use super::layers::activate;
use crate::config::Activation;
use crate::error::{During, Result};

/// The mean over space, and one linear layer.
pub struct PoolHead {
    layer: String,
    inputs: usize,
    classes: usize,
}

impl PoolHead {
    /// With a linear layer of this name, for features of `shape` (channels, height, width).
    pub fn new(layer: &str, [channels, ..]: [usize; 3], classes: usize) -> PoolHead {
        PoolHead { layer: layer.to_owned(), inputs: channels, classes }
    }
}

impl Block for PoolHead {
    fn layers(&self) -> Vec<Layer> {
        vec![Layer::linear(&self.layer, self.inputs, self.classes)]
    }

    fn forward(&self, layers: &Layers, x: &Tensor) -> Result<Tensor> {
        let x = x.f_adaptive_avg_pool2d([1, 1]).and_then(|x| x.f_flatten(1, -1)).during("averaging over space")?;
        layers.apply(&self.layer, &x)
    }
}

/// Linear layers on all features side by side, with an activation between them.
pub struct FlatHead {
    layers: Vec<Layer>,
    names: Vec<String>,
    activation: Activation,
    /// Height and width that features are brought to first, by means over parts of them.
    pooled: Option<[usize; 2]>,
}

impl FlatHead {
    /// With hidden linear layers of so many units each, and the last one; `names` are theirs, in order.
    pub fn new(
        names: &[&str],
        [channels, height, width]: [usize; 3],
        hidden: &[usize],
        classes: usize,
        activation: Activation,
        pooled: Option<[usize; 2]>,
    ) -> FlatHead {
        let [height, width] = pooled.unwrap_or([height, width]);
        let inputs = std::iter::once(channels * height * width).chain(hidden.iter().copied());
        let outputs = hidden.iter().copied().chain([classes]);
        let layers = names.iter().zip(inputs.zip(outputs)).map(|(name, (i, o))| Layer::linear(name, i, o)).collect();
        FlatHead { layers, names: names.iter().map(|&n| n.to_owned()).collect(), activation, pooled }
    }
}

impl Block for FlatHead {
    fn layers(&self) -> Vec<Layer> {
        self.layers.clone()
    }

    fn forward(&self, layers: &Layers, x: &Tensor) -> Result<Tensor> {
        let pooled = match self.pooled {
            Some([h, w]) => x.f_adaptive_avg_pool2d([h as i64, w as i64]).during("averaging over space")?,
            None => x.shallow_clone(),
        };
        let mut x = pooled.f_flatten(1, -1).during("flattening")?;
        for (i, name) in self.names.iter().enumerate() {
            x = layers.apply(name, &x)?;
            if i + 1 < self.names.len() {
                x = activate(self.activation, &x).during("an activation")?;
            }
        }
        Ok(x)
    }
}
