//! Whether a training has led to numbers.

use crate::error::{During, Error, Result};
use crate::model::StateDict;

/// Refuses weights that are not finite.
///
/// # Errors
/// [`Error::Diverged`] with the name of the first of them.
pub(crate) fn check_finite(weights: &StateDict) -> Result<()> {
    for (name, tensor) in weights {
        let finite = tensor.f_isfinite().and_then(|t| t.f_all()).and_then(|t| t.f_int64_value(&[]));
        if finite.during("looking at weights")? == 0 {
            return Err(Error::Diverged(name.clone()));
        }
    }
    Ok(())
}
