//! PyTorch's initial values of layers, drawn from one's own generator.

use tch::{Device, Tensor};

use crate::error::{During, Result};
use crate::rng::TorchRng;

/// The initial weight of `torch.nn.Conv2d` and `torch.nn.Linear`: `kaiming_uniform_` with a = sqrt(5), in its own steps,
/// as the bound's last bit decides the weights'. `shape` is outputs x inputs (x height x width).
pub(super) fn weight(shape: &[i64], rng: &mut TorchRng, device: Device) -> Result<Tensor> {
    let gain = (2.0 / (1.0 + 5f64.sqrt().powi(2))).sqrt();
    let std = gain / fan_in(shape).sqrt();
    uniform(shape, 3f64.sqrt() * std, rng, device)
}

/// The initial bias that belongs to a weight of `shape`.
pub(super) fn bias(shape: &[i64], rng: &mut TorchRng, device: Device) -> Result<Tensor> {
    uniform(&shape[..1], 1.0 / fan_in(shape).sqrt(), rng, device)
}

/// Inputs of one output.
fn fan_in(shape: &[i64]) -> f64 {
    shape[1..].iter().product::<i64>() as f64
}

fn uniform(shape: &[i64], bound: f64, rng: &mut TorchRng, device: Device) -> Result<Tensor> {
    let count = shape.iter().product::<i64>() as usize;
    let values = rng.uniform(count, -bound, bound);
    let tensor = Tensor::f_from_slice(&values).and_then(|t| t.f_view(shape)).and_then(|t| t.f_to(device));
    tensor.during("initialising a layer")
}
