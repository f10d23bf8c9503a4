//! Where progress goes by default, and progress of calls that are over at once most of the time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::base::{Progress, Unit};
use super::notebook::Notebook;
use super::terminal::Terminal;
use crate::error::Result;
use crate::runtime::background::in_background;
use crate::runtime::cancel::Stop;
use crate::runtime::host;

/// Where progress goes unless a caller says otherwise: a live bar on the page under the cutpoint kernel, else the
/// terminal.
pub fn default_sink() -> Arc<dyn Progress> {
    if host::present() {
        Arc::new(Notebook::new())
    } else {
        Arc::new(Terminal::new())
    }
}

/// How long a call may take before it shows that it is at work.
const LATE: Duration = Duration::from_secs(1);

/// The progress of a call that is done at once most of the time: it is shown from the first second on.
pub(crate) struct LateBar {
    task: &'static str,
    total: Option<u64>,
    done: u64,
    started: Instant,
    sink: Option<Arc<dyn Progress>>,
    make: Box<dyn Fn() -> Arc<dyn Progress>>,
}

impl LateBar {
    /// Of a task of so many units; of none where nobody knows how long it takes.
    pub fn new(task: &'static str, total: Option<u64>) -> Self {
        LateBar::to(task, total, default_sink)
    }

    /// The same, shown by what `make` makes.
    fn to(task: &'static str, total: Option<u64>, make: impl Fn() -> Arc<dyn Progress> + 'static) -> Self {
        LateBar { task, total, done: 0, started: Instant::now(), sink: None, make: Box::new(make) }
    }

    /// `by` more units are done; 0 when nothing is, but time has gone by.
    pub fn advance(&mut self, by: u64) {
        self.done += by;
        match &self.sink {
            Some(sink) => sink.advance(by),
            None if self.started.elapsed() >= LATE => {
                let sink = (self.make)();
                sink.begin(self.task, self.total.unwrap_or(1), self.total.map_or(Unit::Time, |_| Unit::Work));
                sink.advance(self.done);
                self.sink = Some(sink);
            }
            None => {}
        }
    }

    /// All is done.
    pub fn finish(mut self) {
        self.advance(self.total.unwrap_or(1).saturating_sub(self.done));
    }
}

/// Runs `work` as [`in_background`] does; of a call whose length nobody knows, the time that it has taken is shown.
///
/// # Errors
/// Those of [`in_background`].
pub(crate) fn timed_in_background<T: Send + 'static>(
    task: &'static str,
    work: impl FnOnce(&Stop) -> Result<T> + Send + 'static,
) -> Result<T> {
    let mut bar = LateBar::new(task, None);
    let done = in_background(task, work, || {
        bar.advance(0);
        Ok(())
    })?;
    bar.finish();
    Ok(done)
}

impl Drop for LateBar {
    fn drop(&mut self) {
        if let Some(sink) = &self.sink {
            sink.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::progress::Recorded;

    #[test]
    fn a_late_bar_is_shown_from_the_first_second_on_with_all_that_is_done() {
        let shown = Recorded::default();
        let sink = shown.clone();
        let mut bar = LateBar::to("classifying", Some(10), move || Arc::new(sink.clone()));
        bar.advance(3);
        assert!(shown.reports().is_empty());
        bar.started = Instant::now() - LATE;
        bar.advance(2);
        bar.advance(4);
        bar.finish();
        assert_eq!(shown.reports(), ["begin classifying 10", "advance 5", "advance 4", "advance 1", "end"]);
        let quick = LateBar::to("nothing", None, || unreachable!("nothing is shown"));
        quick.finish();
    }
}
