//! Whether the convolutions may work in oneDNN's own blocked layout.
//!
//! libtorch's CPU convolutions reorder their input to a blocked layout, compute, and reorder back, layer by layer.
//! Staying in that layout from the first convolution to the last is faster and runs the same kernels, so the numbers
//! are the same, to the last bit. That is a property of library and processor, so it is not assumed: each shape of
//! network is tried once, forward and backward, and where one bit differs the plain layout is used.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::error::Result;

/// What was found out, by the shape of the network and the number of threads.
static TRIED: Mutex<Option<HashMap<String, bool>>> = Mutex::new(None);

/// Whether both layouts give the same bits for such a network, of which `key` says everything that matters; `trial` finds
/// out, once.
pub(super) fn agrees(key: String, trial: impl FnOnce() -> Result<bool>) -> bool {
    if let Some(&known) = TRIED.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default().get(&key) {
        return known;
    }
    // Not under the lock: a trial takes a while, and two threads that try the same find the same.
    let same = tch::with_grad(trial).unwrap_or(false);
    TRIED.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default().insert(key, same);
    same
}
