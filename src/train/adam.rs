//! Adam as `torch.optim.Adam` computes it on the CPU (Kingma and Ba 2015).
//!
//! The C++ optimiser of libtorch rounds differently in the first moment. These are Python's operations one by one;
//! where `tch` cannot pass a factor (`value=`), it is multiplied in first, which is what the kernel does.

use tch::Tensor;

use crate::error::{During, Result};

const BETAS: (f64, f64) = (0.9, 0.999);
const EPSILON: f64 = 1e-8;

/// The optimiser and its state, one pair of moments for each parameter.
#[derive(Debug)]
pub(super) struct Adam {
    lr: f64,
    pub steps: u32,
    pub moments: Vec<(Tensor, Tensor)>,
}

impl Adam {
    /// For parameters of these shapes and places.
    pub fn new(parameters: &[Tensor], lr: f64) -> Self {
        let moments = parameters.iter().map(|p| (p.detach().zeros_like(), p.detach().zeros_like())).collect();
        Adam { lr, steps: 0, moments }
    }

    /// One step down the gradients, which are in the parameters' order.
    pub fn step(&mut self, parameters: &mut [Tensor], gradients: &[Tensor]) -> Result<()> {
        let _no_grad = tch::no_grad_guard();
        self.steps += 1;
        let step = f64::from(self.steps);
        let step_size = self.lr / (1.0 - BETAS.0.powf(step));
        let correction = (1.0 - BETAS.1.powf(step)).sqrt();
        for ((parameter, gradient), (mean, square)) in parameters.iter_mut().zip(gradients).zip(&mut self.moments) {
            (|| {
                let _ = mean.f_lerp_(gradient, 1.0 - BETAS.0)?;
                let _ = square.f_mul_scalar_(BETAS.1)?.f_addcmul_(&gradient.f_mul_scalar(1.0 - BETAS.1)?, gradient)?;
                let mut denominator = square.f_sqrt()?.f_div_scalar(correction)?;
                let _ = denominator.f_add_scalar_(EPSILON)?;
                let _ = parameter.f_addcdiv_(&mean.f_mul_scalar(-step_size)?, &denominator)?;
                Ok(())
            })()
            .during("a step of Adam")?;
        }
        Ok(())
    }
}
