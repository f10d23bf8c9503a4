//! Weights of one layer, their initial values, and the functions between layers.

use tch::Tensor;

use super::init;
use crate::config::{Activation, Device};
use crate::error::{During, Error, Result};
use crate::rng::TorchRng;
use crate::runtime::{gpu, threads};

/// The libtorch device that a choice means on this machine.
///
/// # Errors
/// [`Error::Parameter`] for a GPU that libtorch does not see, and for one that may round products to TF32.
pub fn resolve_device(device: Device) -> Result<tch::Device> {
    if device == Device::Cpu {
        return Ok(tch::Device::Cpu);
    }
    let unloaded = gpu::load();
    let gpus = if tch::Cuda::is_available() { tch::Cuda::device_count().max(0) as usize } else { 0 };
    match (device, unloaded) {
        (Device::Cuda(n), _) if n < gpus => cuda(n),
        (Device::Auto, _) if gpus > 0 => cuda(0),
        (Device::Cuda(_), Some(reason)) => {
            let expected = "cpu, as libtorch's code for GPUs could not be loaded: ";
            Err(Error::parameter("device", format!("{expected}{reason}"), device))
        }
        (Device::Cuda(_), None) => {
            Err(Error::parameter("device", format!("cpu, or one of the {gpus} GPUs that libtorch sees"), device))
        }
        (Device::Auto | Device::Cpu, _) => Ok(tch::Device::Cpu),
    }
}

/// A GPU, where it computes in float32: rows of another precision would be taken for such ones.
fn cuda(number: usize) -> Result<tch::Device> {
    if threads::may_use_tf32() {
        let expected = "a GPU that computes in float32 (`runtime::threads::prepare_process` first in `main`, or \
                        NVIDIA_TF32_OVERRIDE=0 in the environment)";
        return Err(Error::parameter("device", expected, format!("cuda:{number}, which may round products to TF32")));
    }
    Ok(tch::Device::Cuda(number))
}

/// Weight and bias of a convolution (out x in x kernel x kernel) or of a linear layer (out x in).
#[derive(Debug)]
pub(super) struct Affine {
    pub weight: Tensor,
    pub bias: Tensor,
}

impl Affine {
    /// PyTorch's initial values for `Conv2d` and `Linear`, drawn from `rng`: weight, then bias.
    pub fn init(shape: &[i64], rng: &mut TorchRng, device: tch::Device) -> Result<Affine> {
        let weight = init::weight(shape, rng, device)?.set_requires_grad(true);
        let bias = init::bias(shape, rng, device)?.set_requires_grad(true);
        Ok(Affine { weight, bias })
    }

    /// A copy that shares no memory with this one.
    pub fn deep_clone(&self) -> Result<Affine> {
        let copy = |t: &Tensor| -> Result<Tensor> {
            let c = t.f_detach().map(|t| t.copy()).during("copying a layer")?;
            Ok(c.set_requires_grad(t.requires_grad()))
        };
        Ok(Affine { weight: copy(&self.weight)?, bias: copy(&self.bias)? })
    }

    /// Lets both take a gradient, or not.
    pub fn set_trainable(&mut self, yes: bool) {
        for t in [&mut self.weight, &mut self.bias] {
            *t = t.detach().set_requires_grad(yes);
        }
    }

    pub fn parameters(&self) -> [&Tensor; 2] {
        [&self.weight, &self.bias]
    }

    pub fn numel(&self) -> usize {
        self.weight.numel() + self.bias.numel()
    }
}

/// Applies an activation, with `torch.nn`'s default settings.
pub(super) fn activate(activation: Activation, x: &Tensor) -> Result<Tensor, tch::TchError> {
    match activation {
        Activation::ReLU => x.f_relu(),
        Activation::LeakyReLU => x.f_leaky_relu(),
        Activation::ReLU6 => x.f_relu6(),
        Activation::ELU => x.f_elu(),
        Activation::CELU => x.f_celu(),
        Activation::SELU => x.f_selu(),
        Activation::GELU => x.f_gelu("none"),
        Activation::SiLU => x.f_silu(),
        Activation::Mish => x.f_mish(),
        Activation::Softplus => x.f_softplus(),
        Activation::Hardswish => x.f_hardswish(),
        Activation::Sigmoid => x.f_sigmoid(),
        Activation::Tanh => x.f_tanh(),
    }
}
