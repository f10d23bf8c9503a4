//! Progress in a terminal: a bar, or lines where nothing can be redrawn.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::base::{Progress, Unit};

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
