//! The interrupt flag. A signal handler or a kernel raises it; long calls poll it at least every half second, stop
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
    super::wire::answered();
}

/// Whether a request is pending.
pub fn is_raised() -> bool {
    RAISED.load(Ordering::SeqCst) || super::wire::stopping()
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

/// How long threads that were asked to stop may take before they are left behind. A thread in the middle of one long
/// libtorch operation cannot be stopped; it ends by itself when that operation does, and its work is dropped.
const GRACE: std::time::Duration = std::time::Duration::from_millis(400);
/// Between two looks at the flag.
const POLL: std::time::Duration = std::time::Duration::from_millis(50);

/// Runs `work` in a thread of its own, so that an interrupt returns control within half a second whatever the work is
/// in the middle of. `watch` is called at every look at the flag and can end the wait with an error.
///
/// # Errors
/// What `work` or `watch` returns; [`Error::Interrupted`] after an interrupt; [`Error::Worker`] when the thread
/// panicked or could not be started.
pub fn in_background<T: Send + 'static>(
    what: &str,
    work: impl FnOnce(&Stop) -> Result<T> + Send + 'static,
    mut watch: impl FnMut() -> Result<()>,
) -> Result<T> {
    use std::sync::mpsc::{channel, RecvTimeoutError};
    let stop = Stop::default();
    let (sender, results) = channel();
    let theirs = stop.clone();
    std::thread::Builder::new()
        .name(what.to_owned())
        .spawn(move || {
            // A receiver that has gone away has been interrupted: nobody wants the result.
            let _ = sender.send(work(&theirs));
        })
        .map_err(|e| Error::Worker(format!("{what}: {e}")))?;
    loop {
        match results.recv_timeout(POLL) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Disconnected) => return Err(Error::Worker(format!("{what}: it panicked"))),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Err(error) = check(what).and_then(|()| watch()) {
            stop.request();
            let _ = results.recv_timeout(GRACE);
            return Err(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn work_that_does_not_listen_is_left_behind_within_a_second() {
        let start = Instant::now();
        let mut looks = 0;
        let result = in_background(
            "deaf work",
            |_| {
                std::thread::sleep(Duration::from_secs(5));
                Ok(1)
            },
            || {
                looks += 1;
                if looks == 2 {
                    Err(Error::Interrupted("test".into()))
                } else {
                    Ok(())
                }
            },
        );
        assert!(matches!(result, Err(Error::Interrupted(_))));
        assert!(start.elapsed() < Duration::from_secs(1));
    }

    #[test]
    fn work_that_listens_is_told_and_results_and_panics_come_back() {
        let (told, heard) = std::sync::mpsc::channel();
        let result: Result<()> = in_background(
            "good work",
            move |stop| {
                while !stop.requested() {
                    std::thread::sleep(Duration::from_millis(5));
                }
                told.send(()).map_err(|e| Error::Worker(e.to_string()))
            },
            || Err(Error::Interrupted("test".into())),
        );
        assert!(result.is_err() && heard.recv_timeout(Duration::from_secs(1)).is_ok());
        assert_eq!(in_background("sum", |_| Ok(2 + 2), || Ok(())).unwrap(), 4);
        let result: Result<()> = in_background("bad work", |_| panic!("on purpose"), || Ok(()));
        assert!(result.unwrap_err().to_string().contains("bad work"));
    }
}
