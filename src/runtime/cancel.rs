//! Asking a long call to stop. A signal handler or a kernel raises the flag; long calls poll it at least every half second, stop
//! with [`Error::Interrupted`], and lower it again. Nothing else changes: variables and finished runs stay.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use crate::error::{Error, Result};

static RAISED: AtomicBool = AtomicBool::new(false);

/// Asks the running long call to stop. Safe to call in a signal handler.
pub fn raise() {
    RAISED.store(true, Ordering::SeqCst);
}

/// Withdraws a request that no call has answered.
pub fn clear() {
    RAISED.store(false, Ordering::SeqCst);
    super::host::answered();
}

/// Whether a request is pending.
pub fn is_raised() -> bool {
    RAISED.load(Ordering::SeqCst) || super::host::stopping()
}

/// Answers a pending request with an error that says what was stopped.
///
/// # Errors
/// [`Error::Interrupted`] when the flag was raised; it is lowered by this.
pub fn check(what: &str) -> Result<()> {
    if is_raised() {
        clear();
        return Err(Error::Interrupted(what.to_owned()));
    }
    Ok(())
}

/// Tells the background threads of one call to stop. Unlike the flag it is never lowered.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks the threads to stop.
    pub fn request(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether they were asked to.
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// An error once the threads were asked to stop.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub fn check(&self) -> Result<()> {
        if self.requested() {
            return Err(Error::Interrupted("stopped".to_owned()));
        }
        Ok(())
    }
}
