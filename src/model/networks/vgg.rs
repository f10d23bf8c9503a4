//! VGG (Simonyan and Zisserman 2015), as in `torchvision.models.vgg`: a block is a convolution with its normalisation and
//! activation, and the pooling after it.

use tch::Tensor;

use crate::config::Activation;
use crate::error::{During, Result};
use crate::model::heads::FlatHead;
use crate::model::network::NetworkBuilder;
use crate::model::{Block, Layer, Layers};

/// Channels of each convolution; 0 is a pooling.
pub(super) const ELEVEN: [usize; 13] = [64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0];
/// The same of the network with 13 convolutions.
pub(super) const SIXTEEN: [usize; 18] = [64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0];

struct Convolution {
    /// Positions in torchvision's `features`.
    conv: String,
    norm: Option<String>,
    inputs: usize,
    outputs: usize,
    pools: bool,
}

impl Block for Convolution {
    fn layers(&self) -> Vec<Layer> {
        let conv = Layer::conv(&self.conv, self.inputs, self.outputs, 3);
        std::iter::once(conv).chain(self.norm.iter().map(|n| Layer::norm(n, self.outputs))).collect()
    }

    fn forward(&self, layers: &Layers, x: &Tensor) -> Result<Tensor> {
        let mut x = layers.apply(&self.conv, x)?;
        if let Some(norm) = &self.norm {
            x = layers.apply(norm, &x)?;
        }
        x = x.f_relu().during("an activation")?;
        if self.pools {
            x = x.f_max_pool2d(2, 2, 0, 1, false).during("a pooling")?;
        }
        Ok(x)
    }
}

pub(super) fn build(mut network: NetworkBuilder, channels: &[usize], normalised: bool) -> NetworkBuilder {
    let (mut at, mut inputs) = (0, 3);
    for (i, &outputs) in channels.iter().enumerate().filter(|(_, &c)| c > 0) {
        let pools = channels.get(i + 1) == Some(&0);
        let conv = at.to_string();
        let norm = normalised.then(|| (at + 1).to_string());
        let name = format!("features.{at}");
        at += 2 + usize::from(normalised) + usize::from(pools);
        network = network.block_with_prefix(&name, "features.", Convolution { conv, norm, inputs, outputs, pools });
        inputs = outputs;
    }
    network.head("classifier.", |shape, classes| {
        FlatHead::new(&["0", "3", "6"], shape, &[4096, 4096], classes, Activation::ReLU, Some([7, 7]))
    })
}
