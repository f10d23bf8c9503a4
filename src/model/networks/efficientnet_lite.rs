//! EfficientNet-Lite (Tan and Le 2019, without squeeze-and-excitation and with ReLU6): a stem, inverted residuals, and a
//! last convolution. Names are those of the files that exist; padding is TensorFlow's.

use tch::Tensor;

use super::activated;
use crate::error::{During, Result};
use crate::model::heads::PoolHead;
use crate::model::network::NetworkBuilder;
use crate::model::{Block, Layer, Layers, Padding};

/// Repeats, window, stride, expansion and channels of each stage.
const STAGES: [[usize; 5]; 7] = [
    [1, 3, 1, 1, 16],
    [2, 3, 2, 6, 24],
    [2, 5, 2, 6, 40],
    [3, 3, 2, 6, 80],
    [3, 5, 1, 6, 112],
    [4, 5, 2, 6, 192],
    [1, 3, 1, 6, 320],
];

fn conv(name: &str, inputs: usize, outputs: usize, kernel: usize) -> Layer {
    Layer::conv(name, inputs, outputs, kernel).padding(Padding::Same).bias(false)
}

fn norm(name: &str, channels: usize) -> Layer {
    Layer::norm(name, channels).statistics(0.01, 1e-3)
}

/// The first or the last convolution, with normalisation and activation.
struct Convolution {
    conv: Layer,
    norm: Layer,
}

impl Block for Convolution {
    fn layers(&self) -> Vec<Layer> {
        vec![self.conv.clone(), self.norm.clone()]
    }

    fn forward(&self, layers: &Layers, x: &Tensor) -> Result<Tensor> {
        activated(layers, &self.conv.name, &self.norm.name, x, true)
    }
}

struct Inverted {
    inputs: usize,
    outputs: usize,
    expansion: usize,
    kernel: usize,
    stride: usize,
}

impl Block for Inverted {
    fn layers(&self) -> Vec<Layer> {
        let wide = self.inputs * self.expansion;
        let mut layers = Vec::new();
        if self.expansion != 1 {
            layers.extend([conv("_expand_conv", self.inputs, wide, 1), norm("_bn0", wide)]);
        }
        let single = conv("_depthwise_conv", wide, wide, self.kernel).stride(self.stride).groups(wide);
        layers.extend([single, norm("_bn1", wide)]);
        layers.extend([conv("_project_conv", wide, self.outputs, 1), norm("_bn2", self.outputs)]);
        layers
    }

    fn forward(&self, layers: &Layers, x: &Tensor) -> Result<Tensor> {
        let mut y = x.shallow_clone();
        if self.expansion != 1 {
            y = activated(layers, "_expand_conv", "_bn0", &y, true)?;
        }
        y = activated(layers, "_depthwise_conv", "_bn1", &y, true)?;
        y = layers.apply("_bn2", &layers.apply("_project_conv", &y)?)?;
        if self.stride == 1 && self.inputs == self.outputs {
            y = y.f_add(x).during("a shortcut")?;
        }
        Ok(y)
    }
}

/// Channels times `width`, as a multiple of 8 that is not more than a tenth smaller.
fn scaled(channels: usize, width: f64) -> usize {
    let wanted = channels as f64 * width;
    let nearest = (((wanted + 4.0) as usize) / 8 * 8).max(8);
    if (nearest as f64) < 0.9 * wanted {
        nearest + 8
    } else {
        nearest
    }
}

/// With channels times `width` and repeats times `depth`; the stem, the ends and the first and last stage are not scaled
/// in depth, and the stem and the last convolution not in width.
pub(super) fn build(network: NetworkBuilder, width: f64, depth: f64) -> NetworkBuilder {
    let stem = Convolution { conv: conv("_conv_stem", 3, 32, 3).stride(2), norm: norm("_bn0", 32) };
    let mut network = network.block_with_prefix("stem", "", stem);
    let (mut inputs, mut at) = (32, 0);
    for (stage, [repeats, kernel, first, expansion, channels]) in STAGES.into_iter().enumerate() {
        let outputs = scaled(channels, width);
        let scales = stage > 0 && stage + 1 < STAGES.len();
        let repeats = if scales { (repeats as f64 * depth).ceil() as usize } else { repeats };
        for i in 0..repeats {
            let stride = if i == 0 { first } else { 1 };
            let block = Inverted { inputs, outputs, expansion, kernel, stride };
            network = network.block(&format!("_blocks.{at}"), block);
            (inputs, at) = (outputs, at + 1);
        }
    }
    let last = Convolution { conv: conv("_conv_head", inputs, 1280, 1), norm: norm("_bn1", 1280) };
    network.block_with_prefix("conv_head", "", last).head("", |shape, classes| PoolHead::new("_fc", shape, classes))
}
