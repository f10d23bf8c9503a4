//! Optimizers as `torch.optim` computes them on the CPU, operation by operation: libtorch's own C++ ones round
//! differently.

mod adam;
mod scaled;
mod sgd;

use tch::Tensor;

use crate::config::Optimizer;
use crate::error::Result;

/// An optimizer and its state.
#[derive(Debug)]
pub(crate) struct Updates {
    pub rule: Optimizer,
    /// Steps taken.
    pub steps: u32,
    /// What each parameter remembers: two moments of Adam, or SGD's last step once there has been one.
    pub slots: Vec<Vec<Tensor>>,
}

/// What one step is taken with.
pub(crate) struct Pace<'a> {
    /// The learning rate of each parameter.
    pub rates: &'a [f64],
    /// Momentum, or Adam's first beta, where a schedule sets it.
    pub momentum: Option<f64>,
}

impl Updates {
    /// For parameters of these shapes and places.
    pub fn new(parameters: &[Tensor], rule: Optimizer) -> Self {
        let slots = parameters.iter().map(|p| match rule {
            Optimizer::Sgd { .. } => Vec::new(),
            Optimizer::Adam { .. } | Optimizer::AdamW { .. } => vec![p.detach().zeros_like(), p.detach().zeros_like()],
        });
        Updates { rule, steps: 0, slots: slots.collect() }
    }

    /// One step down the gradients, which are in the parameters' order.
    pub fn step(&mut self, parameters: &mut [Tensor], gradients: &[Tensor], pace: &Pace) -> Result<()> {
        let _no_grad = tch::no_grad_guard();
        self.steps += 1;
        let all = parameters.iter_mut().zip(gradients).zip(&mut self.slots).zip(pace.rates);
        for (((parameter, gradient), slots), &rate) in all {
            match self.rule {
                Optimizer::Sgd { momentum, nesterov, weight_decay, .. } => {
                    let momentum = pace.momentum.unwrap_or(momentum);
                    sgd::step(parameter, gradient, slots, rate, momentum, nesterov, weight_decay)?;
                }
                Optimizer::Adam { weight_decay: by, .. } => {
                    let decay = adam::Decay { by, apart: false };
                    adam::step(parameter, gradient, slots, rate, self.steps, pace.momentum, decay)?;
                }
                Optimizer::AdamW { weight_decay: by, .. } => {
                    let decay = adam::Decay { by, apart: true };
                    adam::step(parameter, gradient, slots, rate, self.steps, pace.momentum, decay)?;
                }
            }
        }
        Ok(())
    }
}
