//! Effective ranks of layers.

use tch::{Kind, Tensor};

use crate::error::{During, Result};

/// The effective rank (Roy and Vetterli 2007) of a convolution's weights, as a matrix of outputs x (inputs x window): the
/// exponential of the entropy of its singular values as parts of their sum. From 1, where all outputs are multiples of one,
/// to the number of outputs.
///
/// # Errors
/// [`crate::error::Error::Torch`] when the weights are not finite.
pub fn effective_rank(weight: &Tensor) -> Result<f64> {
    let _no_grad = tch::no_grad_guard();
    let matrix = weight.f_flatten(1, -1).and_then(|w| w.f_to_kind(Kind::Double));
    let values = matrix.and_then(|w| w.f_svd(true, false)).and_then(|(_, v, _)| v.f_to(tch::Device::Cpu));
    let values = Vec::<f64>::try_from(&values.during("singular values of a layer")?);
    let values = values.during("singular values of a layer")?;
    let sum: f64 = values.iter().sum();
    let entropy: f64 = values.iter().map(|v| v / sum).filter(|&p| p > 0.0).map(|p| -p * p.ln()).sum();
    Ok(entropy.exp())
}
