//! Work in a thread of its own, so that whoever waits for it can be interrupted.

use std::sync::mpsc::{channel, RecvTimeoutError};
use std::time::Duration;

use super::cancel::{check, Stop};
use crate::error::{Error, Result};

/// How long threads that were asked to stop may take before they are left behind. A thread in the middle of one long
/// libtorch operation cannot be stopped; it ends by itself when that operation does, and its work is dropped.
const GRACE: Duration = Duration::from_millis(400);
/// Between two looks at the flag.
const POLL: Duration = Duration::from_millis(50);

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
    use std::time::Instant;

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
        let (told, heard) = channel();
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
