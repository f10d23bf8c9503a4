//! Where progress goes. The code that works reports to a [`Progress`]; what that shows is decided elsewhere: a bar in
//! a terminal, nothing, or a record for a test.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

pub use super::bar::Notebook;
use super::interrupt::{in_background, Stop};
use crate::error::Result;

/// Where progress goes unless a caller says otherwise: a live bar on the page under the cutpoint kernel, else the
/// terminal.
pub fn default_sink() -> Arc<dyn Progress> {
    if super::wire::present() {
        Arc::new(Notebook::new())
    } else {
        Arc::new(Terminal::new())
    }
}

/// What the numbers of a progress bar count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes of a file.
    Bytes,
    /// Operations of unequal runs: only the share done means something to a reader.
    Work,
    /// Epochs of a training.
    Epochs,
    /// Nothing: how long the task will take is not known, and the time it has taken is all there is to say.
    Time,
}

/// A receiver of progress reports. Methods are called from several threads.
pub trait Progress: Send + Sync {
    /// A task of `total` units begins.
    fn begin(&self, task: &str, total: u64, unit: Unit);
    /// `by` more units are done.
    fn advance(&self, by: u64);
    /// Where the task stands, in a few words; replaces what was said before.
    fn note(&self, text: &str);
    /// A line that stays.
    fn line(&self, text: &str);
    /// The task is over, done or not.
    fn end(&self);
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

/// Shows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str, _: u64, _: Unit) {}
    fn advance(&self, _: u64) {}
    fn note(&self, _: &str) {}
    fn line(&self, _: &str) {}
    fn end(&self) {}
}

/// A bar on standard error with rate and time left; where that is no terminal, a line every ten seconds or so.
pub struct Terminal {
    state: Mutex<TerminalState>,
    interactive: bool,
}

struct TerminalState {
    bar: ProgressBar,
    task: String,
    note: String,
    unit: Unit,
    last_line: Instant,
}

/// Between two lines of progress where no bar can be drawn.
const LINE_EVERY: Duration = Duration::from_secs(10);

impl Terminal {
    /// A sink on standard error.
    pub fn new() -> Self {
        let interactive = std::io::IsTerminal::is_terminal(&std::io::stderr());
        let state = TerminalState {
            bar: ProgressBar::hidden(),
            task: String::new(),
            note: String::new(),
            unit: Unit::Work,
            last_line: Instant::now(),
        };
        Terminal { state: Mutex::new(state), interactive }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, TerminalState> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Default for Terminal {
    fn default() -> Self {
        Terminal::new()
    }
}

impl TerminalState {
    fn plain_line(&mut self, always: bool) {
        if !always && self.last_line.elapsed() < LINE_EVERY {
            return;
        }
        self.last_line = Instant::now();
        let share = self.bar.position() as f64 / self.bar.length().unwrap_or(1).max(1) as f64;
        let figures = match self.unit {
            Unit::Time => format!("{} s", self.bar.elapsed().as_secs()),
            _ => format!("{:.0}%, {}", 100.0 * share, time_left(self.bar.elapsed(), share)),
        };
        tell(format_args!("{}: {figures}{}", self.task, prefixed(", ", &self.note)));
    }
}

/// Prints a line to standard error. Where that cannot be written there is nowhere to say so.
fn tell(text: std::fmt::Arguments<'_>) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// The time left, in words, at the rate so far; nothing is foretold from the first percent.
fn time_left(elapsed: Duration, share: f64) -> String {
    if share < 0.01 {
        return "time left unknown yet".to_owned();
    }
    let left = elapsed.as_secs_f64() * (1.0 - share).max(0.0) / share;
    format!("{} left", indicatif::HumanDuration(Duration::from_secs_f64(left)))
}

fn prefixed(prefix: &str, text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!("{prefix}{text}")
    }
}

fn write_time_left(state: &indicatif::ProgressState, out: &mut dyn std::fmt::Write) {
    // A bar that cannot be written to is not worth an error.
    let _ = out.write_str(&time_left(state.elapsed(), f64::from(state.fraction())));
}

impl Progress for Terminal {
    fn begin(&self, task: &str, total: u64, unit: Unit) {
        let template = match unit {
            Unit::Bytes => "{prefix} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec}, {left} {msg}",
            Unit::Work => "{prefix} [{bar:30}] {percent}%, {left} {msg}",
            Unit::Epochs => "{prefix} [{bar:30}] {pos}/{len} epochs, {left} {msg}",
            Unit::Time => "{prefix} {elapsed} {msg}",
        };
        let target = if self.interactive { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let mut state = self.state();
        state.bar.finish_and_clear();
        state.bar = ProgressBar::with_draw_target(Some(total), target)
            .with_style(style.progress_chars("=> ").with_key("left", write_time_left))
            .with_prefix(task.to_owned());
        if self.interactive {
            state.bar.enable_steady_tick(Duration::from_millis(250));
        }
        (state.task, state.note, state.unit) = (task.to_owned(), String::new(), unit);
        state.last_line = Instant::now();
    }

    fn advance(&self, by: u64) {
        let mut state = self.state();
        state.bar.inc(by);
        if !self.interactive {
            state.plain_line(false);
        }
    }

    fn note(&self, text: &str) {
        let mut state = self.state();
        state.note = text.to_owned();
        state.bar.set_message(prefixed("· ", text));
    }

    fn line(&self, text: &str) {
        let state = self.state();
        if self.interactive {
            state.bar.suspend(|| tell(format_args!("{text}")));
        } else {
            tell(format_args!("{text}"));
        }
    }

    fn end(&self) {
        let mut state = self.state();
        if !self.interactive && state.bar.position() > 0 {
            state.plain_line(true);
        }
        state.bar.finish_and_clear();
    }
}

/// Keeps every report, for tests.
#[derive(Clone, Debug, Default)]
pub struct Recorded(Arc<Mutex<Vec<String>>>);

impl Recorded {
    /// The reports so far, one string each: `begin TASK TOTAL`, `advance BY`, `note TEXT`, `line TEXT`, `end`.
    pub fn reports(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    fn push(&self, report: String) {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(report);
    }
}

impl Progress for Recorded {
    fn begin(&self, task: &str, total: u64, _: Unit) {
        self.push(format!("begin {task} {total}"));
    }
    fn advance(&self, by: u64) {
        self.push(format!("advance {by}"));
    }
    fn note(&self, text: &str) {
        self.push(format!("note {text}"));
    }
    fn line(&self, text: &str) {
        self.push(format!("line {text}"));
    }
    fn end(&self) {
        self.push("end".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
