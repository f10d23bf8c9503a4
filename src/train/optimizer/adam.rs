//! Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019), as `torch.optim` computes them.
//!
//! These are Python's operations one by one; where `tch` cannot pass a factor (`value=`), it is multiplied in first, which
//! is what the kernel does.

use tch::Tensor;

use super::scaled::add_scaled;
use crate::error::{During, Error, Result};

const BETAS: (f64, f64) = (0.9, 0.999);
const EPSILON: f64 = 1e-8;

/// Weight decay.
#[derive(Clone, Copy)]
pub(super) struct Decay {
    pub by: f64,
    /// Apart from the gradients, as AdamW has it.
    pub apart: bool,
}

/// The step with number `steps`, from 1. `slots` holds the mean and the mean square of the gradients.
pub(super) fn step(
    parameter: &mut Tensor,
    gradient: &Tensor,
    slots: &mut [Tensor],
    rate: f64,
    steps: u32,
    momentum: Option<f64>,
    decay: Decay,
) -> Result<()> {
    let [mean, square] = slots else { return Err(Error::Worker("an optimizer without its state".to_owned())) };
    let first = momentum.unwrap_or(BETAS.0);
    let steps = f64::from(steps);
    let step_size = rate / (1.0 - first.powf(steps));
    let correction = (1.0 - BETAS.1.powf(steps)).sqrt();
    let mut decayed = None;
    if decay.by != 0.0 && decay.apart {
        let _ = parameter.f_mul_scalar_(1.0 - rate * decay.by).during("a step of Adam")?;
    } else if decay.by != 0.0 {
        let mut sum = gradient.copy();
        add_scaled(&mut sum, parameter, decay.by)?;
        decayed = Some(sum);
    }
    let gradient = decayed.as_ref().unwrap_or(gradient);
    (|| {
        let _ = mean.f_lerp_(gradient, 1.0 - first)?;
        let _ = square.f_mul_scalar_(BETAS.1)?.f_addcmul_(&gradient.f_mul_scalar(1.0 - BETAS.1)?, gradient)?;
        let mut denominator = square.f_sqrt()?.f_div_scalar(correction)?;
        let _ = denominator.f_add_scalar_(EPSILON)?;
        let _ = parameter.f_addcdiv_(&mean.f_mul_scalar(-step_size)?, &denominator)?;
        Ok(())
    })()
    .during("a step of Adam")
}
