//! MobileNetV2 (Sandler and others 2018), as in `torchvision.models.mobilenetv2`: a stem, inverted residuals, and a last
//! convolution.

use tch::Tensor;

use super::activated;
use crate::error::{During, Result};
use crate::model::heads::PoolHead;
use crate::model::network::NetworkBuilder;
use crate::model::{Block, Layer, Layers, Padding};

/// Expansion, channels, repeats and stride of each stage.
const STAGES: [[usize; 4]; 7] =
    [[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 3, 2], [6, 64, 4, 2], [6, 96, 3, 1], [6, 160, 3, 2], [6, 320, 1, 1]];

/// A convolution with normalisation and activation.
struct Convolution(Layer, usize);

impl Block for Convolution {
    fn layers(&self) -> Vec<Layer> {
        vec![self.0.clone(), Layer::norm("1", self.1)]
    }

    fn forward(&self, layers: &Layers, x: &Tensor) -> Result<Tensor> {
        activated(layers, "0", "1", x, true)
    }
}

/// Channels are expanded, each is convolved by itself, and they are brought together.
struct Inverted {
    inputs: usize,
    outputs: usize,
    expansion: usize,
    stride: usize,
}

impl Inverted {
    /// Names of the layers: expansion, the convolution of single channels, and what brings them together, with the
    /// normalisation of each.
    fn names(&self) -> [[&'static str; 2]; 3] {
        match self.expansion {
            1 => [["", ""], ["conv.0.0", "conv.0.1"], ["conv.1", "conv.2"]],
            _ => [["conv.0.0", "conv.0.1"], ["conv.1.0", "conv.1.1"], ["conv.2", "conv.3"]],
        }
    }
}

impl Block for Inverted {
    fn layers(&self) -> Vec<Layer> {
        let wide = self.inputs * self.expansion;
        let [[expand, expand_norm], [depthwise, depthwise_norm], [project, project_norm]] = self.names();
        let one = |name: &str, i, o| Layer::conv(name, i, o, 1).padding(Padding::Pixels(0)).bias(false);
        let mut layers = Vec::new();
        if self.expansion != 1 {
            layers.extend([one(expand, self.inputs, wide), Layer::norm(expand_norm, wide)]);
        }
        let single = Layer::conv(depthwise, wide, wide, 3).stride(self.stride).groups(wide).bias(false);
        layers.extend([single, Layer::norm(depthwise_norm, wide)]);
        layers.extend([one(project, wide, self.outputs), Layer::norm(project_norm, self.outputs)]);
        layers
    }

    fn forward(&self, layers: &Layers, x: &Tensor) -> Result<Tensor> {
        let [expand, depthwise, project] = self.names();
        let mut y = x.shallow_clone();
        if self.expansion != 1 {
            y = activated(layers, expand[0], expand[1], &y, true)?;
        }
        y = activated(layers, depthwise[0], depthwise[1], &y, true)?;
        y = layers.apply(project[1], &layers.apply(project[0], &y)?)?;
        if self.stride == 1 && self.inputs == self.outputs {
            y = x.f_add(&y).during("a shortcut")?;
        }
        Ok(y)
    }
}

pub(super) fn build(network: NetworkBuilder) -> NetworkBuilder {
    let stem = Convolution(Layer::conv("0", 3, 32, 3).stride(2).bias(false), 32);
    let mut network = network.block("features.0", stem);
    let (mut inputs, mut at) = (32, 1);
    for [expansion, outputs, repeats, first] in STAGES {
        for i in 0..repeats {
            let stride = if i == 0 { first } else { 1 };
            network = network.block(&format!("features.{at}"), Inverted { inputs, outputs, expansion, stride });
            (inputs, at) = (outputs, at + 1);
        }
    }
    let end = Convolution(Layer::conv("0", inputs, 1280, 1).padding(Padding::Pixels(0)).bias(false), 1280);
    let network = network.block(&format!("features.{at}"), end);
    network.head("classifier.", |shape, classes| PoolHead::new("1", shape, classes))
}
