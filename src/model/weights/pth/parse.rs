//! From a file's bytes to the numbers of its tensors.

use super::container;
use super::elements::{gather, length, Elements};
use super::find::weights;
use crate::util::pickle::shortened;

/// What is wrong with a file.
#[derive(Debug)]
pub(super) struct Fault {
    /// What was expected, where that is more than a file of weights.
    pub expected: Option<String>,
    pub found: String,
}

impl From<String> for Fault {
    fn from(found: String) -> Fault {
        Fault { expected: None, found }
    }
}

/// Reads a file: `each` is given every tensor's name, type, shape, and elements, row by row and low bytes first. Returns
/// what had to be done to find them, in words.
pub(super) fn parse(bytes: &[u8], mut each: impl FnMut(String, Elements, &[u64], &[u8])) -> Result<Vec<String>, Fault> {
    let mut container = container::open(bytes)?;
    let found = weights(&container.pickle, container.script, bytes.len())?;
    // Tensors may share numbers; but what they come to together is bounded, or a few bytes could ask for gigabytes.
    let mut left = (32 << 20) + 6 * bytes.len();
    for (name, tensor) in found.tensors {
        let kind = &tensor.storage.elements;
        let shown = shortened(&name);
        let elements = Elements::of(kind).ok_or_else(|| Fault {
            expected: Some("floats or integers".to_owned()),
            found: format!("{shown} in {}", shortened(kind)),
        })?;
        let wide = if elements.is_float() { 4 } else { 8 };
        let needed = length(tensor, wide).filter(|&needed| needed <= left).ok_or_else(|| {
            let size = &tensor.size[..tensor.size.len().min(8)];
            format!("{shown} of size {size:?}: tensors of more numbers than a file of this size can hold")
        })?;
        left -= needed;
        let data = container.stored.get(&tensor.storage.key)?;
        let size = data.len();
        let numbers = gather(data, tensor, elements.size(), container.big_endian).ok_or_else(|| Fault {
            expected: Some(format!("{shown} within its stored data")),
            found: format!("{size} bytes"),
        })?;
        each(name, elements, &tensor.size, &numbers);
    }
    Ok(found.notes)
}
