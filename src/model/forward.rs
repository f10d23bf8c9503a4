//! The way of images through a network.

use tch::{Kind, Tensor};

use super::cnn::{Block, CustomCnn};
use super::layers::activate;
use super::layout;
use crate::config::Activation;
use crate::error::{During, Result};

/// What one layer puts out.
#[derive(Debug)]
pub struct LayerOutput {
    /// `conv0`, `act0`, `pool1`, .., `fc`, `log_softmax`: as in `.pth` files.
    pub name: String,
    /// Images x channels x height x width, or images x units.
    pub output: Tensor,
}

impl CustomCnn {
    /// Log-probabilities (images x classes) of normalised images (images x channels x height x width).
    ///
    /// # Errors
    /// [`Error::Torch`](crate::error::Error::Torch) when the shape does not fit.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.classify(&self.through(x, 0, self.depth())?)
    }

    /// Takes `x`, the output of block `from` - 1 (or images), through the blocks up to, not including, `to`.
    pub(crate) fn through(&self, x: &Tensor, from: usize, to: usize) -> Result<Tensor> {
        if from >= to {
            return Ok(x.shallow_clone());
        }
        self.through_in(x, from, to, may_block(self, from, x.size()[0]))
    }

    /// The same, in blocked layout or in the plain one.
    pub(super) fn through_in(&self, x: &Tensor, from: usize, to: usize, blocked: bool) -> Result<Tensor> {
        let mut x = if blocked { x.f_to_mkldnn(None) } else { Ok(x.shallow_clone()) }.during("entering the network")?;
        for block in &self.blocks[from..to] {
            x = self.convolve(block, &x)?;
            x = activate(self.activation, &x).during("an activation")?;
            if block.pools {
                x = self.pool(&x)?;
            }
        }
        if blocked {
            x = x.f_to_dense(None, false).during("leaving the network")?;
        }
        Ok(x)
    }

    fn convolve(&self, block: &Block, x: &Tensor) -> Result<Tensor> {
        let padding = (self.kernel_size / 2) as i64;
        x.f_conv2d(&block.conv.weight, Some(&block.conv.bias), 1, padding, 1, 1).during("a convolution")
    }

    fn pool(&self, x: &Tensor) -> Result<Tensor> {
        x.f_avg_pool2d(2, self.pooling_stride as i64, 0, false, true, None).during("a pooling")
    }

    /// Log-probabilities of what the last block puts out.
    pub(crate) fn classify(&self, features: &Tensor) -> Result<Tensor> {
        self.linear(features)?.f_log_softmax(1, Kind::Float).during("the log-softmax")
    }

    fn linear(&self, features: &Tensor) -> Result<Tensor> {
        let mut x = features.f_flatten(1, -1).during("flattening")?;
        if let Some(hidden) = &self.hidden {
            x = x.f_linear(&hidden.weight, Some(&hidden.bias)).during("the hidden linear layer")?;
            x = activate(self.activation, &x).during("an activation")?;
        }
        x.f_linear(&self.last.weight, Some(&self.last.bias)).during("the last linear layer")
    }

    /// Every layer's output, in order, for normalised images (images x channels x height x width). No gradient
    /// is recorded.
    ///
    /// # Errors
    /// [`Error::Torch`](crate::error::Error::Torch) when the shape does not fit.
    pub fn layer_outputs(&self, x: &Tensor) -> Result<Vec<LayerOutput>> {
        let _no_grad = tch::no_grad_guard();
        let mut outputs = Vec::new();
        let mut x = x.shallow_clone();
        let mut keep = |name: String, x: &Tensor| outputs.push(LayerOutput { name, output: x.shallow_clone() });
        for (i, block) in self.blocks.iter().enumerate() {
            x = self.convolve(block, &x)?;
            keep(format!("conv{i}"), &x);
            x = activate(self.activation, &x).during("an activation")?;
            keep(format!("act{i}"), &x);
            if block.pools {
                x = self.pool(&x)?;
                keep(format!("pool{i}"), &x);
            }
        }
        if let Some(hidden) = &self.hidden {
            x = x.f_flatten(1, -1).during("flattening")?;
            x = x.f_linear(&hidden.weight, Some(&hidden.bias)).during("the hidden linear layer")?;
            keep("fc".to_owned(), &x);
            x = activate(self.activation, &x).during("an activation")?;
            keep("act_fc".to_owned(), &x);
            x = x.f_linear(&self.last.weight, Some(&self.last.bias)).during("the last linear layer")?;
            keep("fc_2".to_owned(), &x);
        } else {
            x = self.linear(&x)?;
            keep("fc".to_owned(), &x);
        }
        keep("log_softmax".to_owned(), &x.f_log_softmax(1, Kind::Float).during("the log-softmax")?);
        Ok(outputs)
    }

    /// What every convolution puts out for normalised images (images x channels x height x width), before the
    /// activation and averaged over space: one tensor a convolution, images x channels. No gradient is recorded.
    ///
    /// # Errors
    /// [`Error::Torch`](crate::error::Error::Torch) when the shape does not fit.
    pub fn conv_means(&self, x: &Tensor) -> Result<Vec<Tensor>> {
        let _no_grad = tch::no_grad_guard();
        let mut means = Vec::with_capacity(self.depth());
        let mut x = x.shallow_clone();
        for (i, block) in self.blocks.iter().enumerate() {
            x = self.convolve(block, &x)?;
            means.push(x.f_mean_dim([2i64, 3].as_slice(), false, Kind::Float).during("averaging over space")?);
            if i + 1 == self.depth() {
                break;
            }
            x = activate(self.activation, &x).during("an activation")?;
            if block.pools {
                x = self.pool(&x)?;
            }
        }
        Ok(means)
    }
}

/// Whether blocks `from` on of this network may work in blocked layout on a batch of `size` samples.
fn may_block(net: &CustomCnn, from: usize, size: i64) -> bool {
    // libtorch does not give single samples to oneDNN, and oneDNN has no blocked form of the other activations.
    if size == 1 || net.device != tch::Device::Cpu || net.activation != Activation::ReLU {
        return false;
    }
    let Ok(shape) = net.shape_before(from) else { return false };
    let blocks: Vec<_> = net.blocks[from..].iter().map(|b| (b.conv.bias.numel(), b.pools)).collect();
    let threads = tch::get_num_threads();
    let key = format!("{shape:?} {blocks:?} {} {} {threads}", net.kernel_size, net.pooling_stride);
    layout::agrees(key, || same_bits(net, from, shape))
}

/// Images in a trial: more than one, as libtorch treats single images differently.
const TRIAL: i64 = 5;

/// Runs some made-up images both ways and compares outputs and gradients bit by bit.
fn same_bits(net: &CustomCnn, from: usize, shape: [usize; 3]) -> Result<bool> {
    let [c, h, w] = shape.map(|s| s as i64);
    let count = TRIAL * c * h * w;
    let x = (Tensor::arange(count, (Kind::Float, tch::Device::Cpu)) * 0.7).sin().view([TRIAL, c, h, w]);
    let run = |blocked: bool| -> Result<Vec<Tensor>> {
        let mut copy = net.deep_clone()?;
        for block in &mut copy.blocks {
            block.conv.set_trainable(true);
        }
        let out = copy.through_in(&x, from, copy.depth(), blocked)?;
        let weights: Vec<&Tensor> = copy.blocks[from..].iter().flat_map(|b| b.conv.parameters()).collect();
        let sum = (&out * &out).sum(Kind::Float);
        let mut all = Tensor::run_backward(&[sum], &weights, false, false);
        all.push(out.detach());
        Ok(all)
    };
    Ok(run(false)? == run(true)?)
}
