//! Labels, and how many of them are right.

use tch::{Kind, Tensor};

use crate::error::{During, Result};

/// Labels as numbers, off the device.
pub(super) fn to_labels(t: &Tensor) -> Result<Vec<u8>> {
    let t = t.f_to(tch::Device::Cpu).and_then(|t| t.f_to_kind(Kind::Int64)).during("reading labels")?;
    let mut values = vec![0i64; t.numel()];
    t.f_copy_data(&mut values, t.numel()).during("reading labels")?;
    Ok(values.into_iter().map(|v| v as u8).collect())
}

/// The fraction of positions at which two lists of labels agree.
pub(super) fn share_equal(predicted: &Tensor, truth: &Tensor) -> f64 {
    if truth.numel() == 0 {
        return 0.0;
    }
    let right = predicted.eq_tensor(truth).sum(Kind::Int64).int64_value(&[]);
    right as f64 / truth.numel() as f64
}
