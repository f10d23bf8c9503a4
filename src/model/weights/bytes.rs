//! Tensors as bytes.

use tch::{Kind, Tensor};

use crate::error::{During, Result};

/// A tensor's elements as little-endian bytes.
pub(super) fn bytes_of(t: &Tensor) -> Result<Vec<u8>> {
    let flat = t.f_to(tch::Device::Cpu).and_then(|t| t.f_contiguous()).and_then(|t| t.f_flatten(0, -1));
    let flat = flat.during("reading weights")?;
    Ok(match flat.kind() {
        Kind::Int64 => {
            let mut values = vec![0i64; flat.numel()];
            flat.f_copy_data(&mut values, flat.numel()).during("reading weights")?;
            values.iter().flat_map(|v| v.to_le_bytes()).collect()
        }
        _ => {
            let mut values = vec![0f32; flat.numel()];
            flat.f_copy_data(&mut values, flat.numel()).during("reading weights")?;
            values.iter().flat_map(|v| v.to_le_bytes()).collect()
        }
    })
}
