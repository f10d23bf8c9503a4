//! Stochastic gradient descent with momentum, as `torch.optim.SGD` computes it.

use tch::Tensor;

use super::scaled::add_scaled;
use crate::error::{During, Result};

/// One step. `slots` is empty before the first one with momentum, and holds the last step (without the rate) then.
pub(super) fn step(
    parameter: &mut Tensor,
    gradient: &Tensor,
    slots: &mut Vec<Tensor>,
    rate: f64,
    momentum: f64,
    nesterov: bool,
    weight_decay: f64,
) -> Result<()> {
    let mut gradient = gradient.shallow_clone();
    if weight_decay != 0.0 {
        let mut sum = gradient.copy();
        add_scaled(&mut sum, parameter, weight_decay)?;
        gradient = sum;
    }
    if momentum != 0.0 {
        match slots.first_mut() {
            None => slots.push(gradient.copy()),
            Some(last) => {
                let sum = last.f_mul_scalar_(momentum).and_then(|mut last| last.f_add_(&gradient));
                let _ = sum.during("a step of SGD")?;
            }
        }
        if nesterov {
            let mut ahead = gradient.copy();
            add_scaled(&mut ahead, &slots[0], momentum)?;
            gradient = ahead;
        } else {
            gradient = slots[0].shallow_clone();
        }
    }
    add_scaled(parameter, &gradient, -rate)
}
