//! Clipping of gradients as `torch.nn.utils.clip_grad_norm_` does it.

use tch::Tensor;

use crate::error::{During, Result};

/// Shrinks gradients, in place, where the norm of all of them together is larger than `most`.
pub(super) fn clip(gradients: &mut [Tensor], most: f64) -> Result<()> {
    let _no_grad = tch::no_grad_guard();
    let norms: Vec<Tensor> = gradients.iter().map(Tensor::f_norm).collect::<Result<_, _>>().during("clipping")?;
    let work = || -> Result<(), tch::TchError> {
        let norm = Tensor::f_stack(&norms, 0)?.f_norm()?;
        let factor = norm.f_add_scalar(1e-6)?.f_reciprocal()?.f_mul_scalar(most)?.f_clamp_max(1.0)?;
        for gradient in gradients {
            let _ = gradient.f_mul_(&factor)?;
        }
        Ok(())
    };
    work().during("clipping")
}
