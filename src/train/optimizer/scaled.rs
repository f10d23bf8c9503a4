//! `a += factor * b` as libtorch's kernel rounds it.
//!
//! `tch` cannot pass `add`'s factor (`alpha=`), and multiplying first rounds twice where the kernel, which is compiled to
//! fused multiply-adds, rounds once.

use tch::{Device, Kind, Tensor};

use crate::error::{During, Result};

/// Adds `factor` times `other` to a tensor of the same shape, in place.
pub(super) fn add_scaled(to: &mut Tensor, other: &Tensor, factor: f64) -> Result<()> {
    let plain = to.device() == Device::Cpu && to.kind() == Kind::Float && other.kind() == Kind::Float;
    if !plain || !to.is_contiguous() || to.size() != other.size() {
        let scaled = other.f_mul_scalar(factor).during("a step")?;
        return to.f_add_(&scaled).during("a step").map(|_| ());
    }
    let other = other.f_contiguous().during("a step")?;
    let count = to.numel();
    // SAFETY: both tensors are contiguous float32 ones on the CPU with `count` elements, which stay alive here; nothing else
    // writes to a parameter, its gradient or its state during a step; and they do not overlap, as `other` is never `to`.
    let (to, other) = unsafe {
        let to = std::slice::from_raw_parts_mut(to.data_ptr().cast::<f32>(), count);
        (to, std::slice::from_raw_parts(other.data_ptr().cast::<f32>(), count))
    };
    fused(to, other, factor as f32);
    Ok(())
}

fn fused(to: &mut [f32], other: &[f32], factor: f32) {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
            // SAFETY: the processor has both.
            return unsafe { fused_avx2(to, other, factor) };
        }
        // Without them libtorch's kernel multiplies and adds.
        to.iter_mut().zip(other).for_each(|(a, b)| *a += factor * b);
    }
    #[cfg(not(target_arch = "x86_64"))]
    to.iter_mut().zip(other).for_each(|(a, b)| *a = b.mul_add(factor, *a));
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn fused_avx2(to: &mut [f32], other: &[f32], factor: f32) {
    to.iter_mut().zip(other).for_each(|(a, b)| *a = b.mul_add(factor, *a));
}
