//! Whether the convolutions may work in oneDNN's own blocked layout.
//!
//! libtorch's CPU convolutions reorder their input to a blocked layout, compute, and reorder back, layer by layer.
//! Staying in that layout from the first convolution to the last is faster and runs the same kernels, so the numbers
//! are the same, to the last bit. That is a property of library and processor, so it is not assumed: each shape of
//! network is tried once, forward and backward, and where one bit differs the plain layout is used.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tch::{Kind, Tensor};

use super::cnn::CustomCnn;
use crate::params::Activation;

/// What was found out, by the shape of the network and the number of threads.
static TRIED: Mutex<Option<HashMap<String, bool>>> = Mutex::new(None);

/// Pictures in a trial: more than one, as libtorch treats single pictures differently.
const TRIAL: i64 = 5;

/// Whether blocks `from` on of this network give the same bits in blocked layout for a batch of `size` samples.
pub(super) fn usable(net: &CustomCnn, from: usize, size: i64) -> bool {
    // libtorch does not give single samples to oneDNN, and oneDNN has no blocked form of the other activations.
    if size == 1 || net.device != tch::Device::Cpu || net.activation != Activation::ReLU {
        return false;
    }
    let Ok(shape) = net.shape_before(from) else { return false };
    let blocks: Vec<_> = net.blocks[from..].iter().map(|b| (b.conv.bias.numel(), b.pools)).collect();
    let threads = tch::get_num_threads();
    let key = format!("{shape:?} {blocks:?} {} {} {threads}", net.kernel_size, net.pooling_stride);
    if let Some(&known) = TRIED.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default().get(&key) {
        return known;
    }
    // Not under the lock: a trial takes a while, and two threads that try the same find the same.
    let same = tch::with_grad(|| same_bits(net, from, shape)).unwrap_or(false);
    TRIED.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default().insert(key, same);
    same
}

/// Runs some made-up pictures both ways and compares outputs and gradients bit by bit.
fn same_bits(net: &CustomCnn, from: usize, shape: [usize; 3]) -> crate::error::Result<bool> {
    let [c, h, w] = shape.map(|s| s as i64);
    let count = TRIAL * c * h * w;
    let x = (Tensor::arange(count, (Kind::Float, tch::Device::Cpu)) * 0.7).sin().view([TRIAL, c, h, w]);
    let run = |blocked: bool| -> crate::error::Result<Vec<Tensor>> {
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
