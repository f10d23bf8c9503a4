//! ResNet (He and others 2016), as in `torchvision.models.resnet`: a stem, and residual blocks.

use tch::Tensor;

use super::activated;
use crate::error::{During, Result};
use crate::model::heads::PoolHead;
use crate::model::network::NetworkBuilder;
use crate::model::{Block, Layer, Layers, Padding};

/// A convolution of seven pixels, and pooling.
struct Stem;

impl Block for Stem {
    fn layers(&self) -> Vec<Layer> {
        vec![Layer::conv("conv1", 3, 64, 7).stride(2).bias(false), Layer::norm("bn1", 64)]
    }

    fn forward(&self, layers: &Layers, x: &Tensor) -> Result<Tensor> {
        activated(layers, "conv1", "bn1", x, false)?.f_max_pool2d(3, 2, 1, 1, false).during("a pooling")
    }
}

/// Two convolutions of three pixels, or (as a bottleneck) three of one, three and one, and a shortcut around them.
struct Residual {
    inputs: usize,
    width: usize,
    stride: usize,
    bottleneck: bool,
}

impl Residual {
    fn outputs(&self) -> usize {
        self.width * if self.bottleneck { 4 } else { 1 }
    }

    fn downsamples(&self) -> bool {
        self.stride != 1 || self.inputs != self.outputs()
    }
}

impl Block for Residual {
    fn layers(&self) -> Vec<Layer> {
        let (width, outputs) = (self.width, self.outputs());
        let one = |name: &str, i, o| Layer::conv(name, i, o, 1).padding(Padding::Pixels(0)).bias(false);
        let three = |name: &str, i, stride| Layer::conv(name, i, width, 3).stride(stride).bias(false);
        let mut layers = match self.bottleneck {
            false => vec![three("conv1", self.inputs, self.stride), Layer::norm("bn1", width)],
            true => vec![one("conv1", self.inputs, width), Layer::norm("bn1", width)],
        };
        match self.bottleneck {
            false => layers.extend([three("conv2", width, 1), Layer::norm("bn2", width)]),
            true => {
                layers.extend([three("conv2", width, self.stride), Layer::norm("bn2", width)]);
                layers.extend([one("conv3", width, outputs), Layer::norm("bn3", outputs)]);
            }
        }
        if self.downsamples() {
            let shortcut = one("downsample.0", self.inputs, outputs).stride(self.stride);
            layers.extend([shortcut, Layer::norm("downsample.1", outputs)]);
        }
        layers
    }

    fn forward(&self, layers: &Layers, x: &Tensor) -> Result<Tensor> {
        let mut y = activated(layers, "conv1", "bn1", x, false)?;
        if self.bottleneck {
            y = activated(layers, "conv2", "bn2", &y, false)?;
        }
        let (conv, norm) = if self.bottleneck { ("conv3", "bn3") } else { ("conv2", "bn2") };
        let y = layers.apply(norm, &layers.apply(conv, &y)?)?;
        let shortcut = match self.downsamples() {
            true => layers.apply("downsample.1", &layers.apply("downsample.0", x)?)?,
            false => x.shallow_clone(),
        };
        y.f_add(&shortcut).and_then(|y| y.f_relu()).during("a shortcut")
    }
}

pub(super) fn build(network: NetworkBuilder, depths: [usize; 4], bottleneck: bool) -> NetworkBuilder {
    let mut network = network.block_with_prefix("stem", "", Stem);
    let mut inputs = 64;
    for (stage, &depth) in depths.iter().enumerate() {
        for i in 0..depth {
            let stride = if stage > 0 && i == 0 { 2 } else { 1 };
            let block = Residual { inputs, width: 64 << stage, stride, bottleneck };
            inputs = block.outputs();
            network = network.block(&format!("layer{}.{i}", stage + 1), block);
        }
    }
    network.head("", |shape, classes| PoolHead::new("fc", shape, classes))
}
