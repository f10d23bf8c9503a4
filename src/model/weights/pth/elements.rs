//! The numbers of tensors: what types there are, and their bytes in order.

use super::torch::TensorRef;

/// A type of numbers that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Elements {
    Float,
    Double,
    Half,
    BFloat16,
    Int64,
    Int32,
    Int16,
    Int8,
    UInt8,
    Bool,
}

impl Elements {
    /// By the name of a storage's type, or of a tensor's.
    pub fn of(name: &str) -> Option<Elements> {
        Some(match name {
            "Float" | "float32" => Elements::Float,
            "Double" | "float64" => Elements::Double,
            "Half" | "float16" => Elements::Half,
            "BFloat16" | "bfloat16" => Elements::BFloat16,
            "Long" | "int64" => Elements::Int64,
            "Int" | "int32" => Elements::Int32,
            "Short" | "int16" => Elements::Int16,
            "Char" | "int8" => Elements::Int8,
            "Byte" | "uint8" => Elements::UInt8,
            "Bool" | "bool" => Elements::Bool,
            _ => return None,
        })
    }

    /// Whether they are floats; else they are integers.
    pub fn is_float(self) -> bool {
        matches!(self, Elements::Float | Elements::Double | Elements::Half | Elements::BFloat16)
    }

    /// Bytes of one.
    pub fn size(self) -> usize {
        match self {
            Elements::Double | Elements::Int64 => 8,
            Elements::Float | Elements::Int32 => 4,
            Elements::Half | Elements::BFloat16 | Elements::Int16 => 2,
            Elements::Int8 | Elements::UInt8 | Elements::Bool => 1,
        }
    }
}

/// Bytes of one element of a storage, also of types that are not read; `None` for a type that nobody knows.
pub(super) fn size(name: &str) -> Option<usize> {
    match name {
        "ComplexDouble" => Some(16),
        "ComplexFloat" => Some(8),
        "QInt32" => Some(4),
        "QInt8" | "QUInt8" | "Untyped" => Some(1),
        name => Elements::of(name).map(Elements::size),
    }
}

/// How many bytes a tensor's elements have; `None` for more than can be counted.
pub(super) fn length(tensor: &TensorRef, size: usize) -> Option<usize> {
    let count = tensor.size.iter().try_fold(1u64, |a, &b| a.checked_mul(b))?;
    usize::try_from(count).ok()?.checked_mul(size)
}

/// The bytes of a tensor's elements, of `size` bytes each, in row-major order and low bytes first; `None` when they lie
/// outside the data.
pub(super) fn gather(data: &[u8], tensor: &TensorRef, size: usize, big_endian: bool) -> Option<Vec<u8>> {
    let length = length(tensor, size)?;
    if length == 0 {
        return Some(Vec::new());
    }
    let first = usize::try_from(tensor.offset.checked_add(tensor.storage.first)?).ok()?.checked_mul(size)?;
    let sides: Vec<usize> = tensor.size.iter().map(|&n| usize::try_from(n).ok()).collect::<Option<_>>()?;
    let steps: Vec<usize> =
        tensor.stride.iter().map(|&n| usize::try_from(n).ok()?.checked_mul(size)).collect::<Option<_>>()?;
    // The last element lies farthest: where it is within the data, all are.
    let far =
        sides.iter().zip(&steps).try_fold(first, |sum, (&n, &step)| sum.checked_add((n - 1).checked_mul(step)?))?;
    if far.checked_add(size)? > data.len() {
        return None;
    }
    // Rows whose elements lie next to each other are copied at once.
    let mut row = size;
    let mut outer = sides.len();
    while outer > 0 && (sides[outer - 1] == 1 || steps[outer - 1] == row) {
        row *= sides[outer - 1];
        outer -= 1;
    }
    let mut bytes = Vec::with_capacity(length);
    let mut at = vec![0usize; outer];
    loop {
        let start = at.iter().zip(&steps).fold(first, |sum, (i, step)| sum + i * step);
        bytes.extend_from_slice(&data[start..start + row]);
        let Some(d) = (0..outer).rev().find(|&d| at[d] + 1 < sides[d]) else { break };
        at[d] += 1;
        at[d + 1..].fill(0);
    }
    if big_endian && size > 1 {
        bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
    }
    Some(bytes)
}
