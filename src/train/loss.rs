//! The loss: negative log-likelihood, with smoothed labels where asked.

use tch::{Kind, Reduction, Tensor};

use crate::error::{During, Result};

/// The mean loss of log-probabilities (images x classes) against labels: that of `torch.nn.CrossEntropyLoss` on what came
/// before the log-softmax, with its `label_smoothing`.
pub(super) fn loss(log_probabilities: &Tensor, labels: &Tensor, smoothing: f64) -> Result<Tensor> {
    let nll = log_probabilities.f_nll_loss(labels, None::<Tensor>, Reduction::Mean, -100).during("the loss")?;
    if smoothing == 0.0 {
        return Ok(nll);
    }
    let classes = log_probabilities.size()[1] as f64;
    let smoothed = || -> Result<Tensor, tch::TchError> {
        let spread = log_probabilities.f_sum_dim_intlist([1i64].as_slice(), false, Kind::Float)?.f_neg()?;
        let spread = spread.f_mean(Kind::Float)?;
        nll.f_mul_scalar(1.0 - smoothing)?.f_add(&spread.f_mul_scalar(smoothing / classes)?)
    };
    smoothed().during("the loss")
}
