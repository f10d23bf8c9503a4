//! A progress bar on a notebook's page: one output that is replaced in place, with a form in plain text beside it.

use std::fmt::Write;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::base::{Progress, Unit};
use crate::runtime::host;
use crate::util::markup::escaped;

/// Between two drawings of a bar: a page that is redrawn more often is only slower.
const REDRAW: Duration = Duration::from_millis(200);
/// Characters of the bar in plain text.
const WIDTH: usize = 30;

/// A bar with rate and time left that stays, in its last state, in the saved notebook.
#[derive(Default)]
pub struct Notebook {
    state: Mutex<Option<Bar>>,
}

struct Bar {
    id: String,
    task: String,
    note: String,
    lines: Vec<String>,
    unit: Unit,
    done: u64,
    total: u64,
    started: Instant,
    drawn: Instant,
    ended: bool,
}

impl Notebook {
    /// A sink that shows nothing until a task begins.
    pub fn new() -> Self {
        Notebook::default()
    }

    fn state(&self) -> MutexGuard<'_, Option<Bar>> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn change(&self, always: bool, change: impl FnOnce(&mut Bar)) {
        if let Some(bar) = self.state().as_mut() {
            change(bar);
            if always || bar.drawn.elapsed() >= REDRAW {
                bar.draw();
            }
        }
    }
}

impl Progress for Notebook {
    fn begin(&self, task: &str, total: u64, unit: Unit) {
        let mut state = self.state();
        let now = Instant::now();
        let mut bar = Bar {
            id: host::fresh_id(),
            task: task.to_owned(),
            note: String::new(),
            lines: Vec::new(),
            unit,
            done: 0,
            total,
            started: now,
            drawn: now,
            ended: false,
        };
        host::display(&[("text/plain", task)], Some(&bar.id), false);
        bar.draw();
        *state = Some(bar);
    }

    fn advance(&self, by: u64) {
        self.change(false, |bar| bar.done = bar.done.saturating_add(by));
    }

    fn note(&self, text: &str) {
        self.change(false, |bar| bar.note = text.to_owned());
    }

    fn line(&self, text: &str) {
        let mut state = self.state();
        match state.as_mut() {
            Some(bar) => {
                bar.lines.push(text.to_owned());
                bar.draw();
            }
            // No bar is there for the line to stand under.
            None => println!("{text}"),
        }
    }

    fn end(&self) {
        self.change(true, |bar| bar.ended = true);
        *self.state() = None;
    }
}

impl Bar {
    fn draw(&mut self) {
        self.drawn = Instant::now();
        let (text, html) = (self.text(), self.html());
        host::display(&[("text/plain", &text), ("text/html", &html)], Some(&self.id), true);
    }

    fn share(&self) -> f64 {
        (self.done as f64 / self.total.max(1) as f64).clamp(0.0, 1.0)
    }

    /// How much is done, at what rate, and how long the rest takes at that rate.
    fn figures(&self) -> String {
        let seconds = self.started.elapsed().as_secs_f64();
        let rate = self.done as f64 / seconds.max(1e-9);
        let mut text = match self.unit {
            Unit::Bytes => format!("{}/{} {}/s", bytes(self.done as f64), bytes(self.total as f64), bytes(rate)),
            Unit::Work => format!("{:.0}% {:.1}%/s", 100.0 * self.share(), 100.0 * rate / self.total.max(1) as f64),
            Unit::Epochs if rate >= 1.0 => format!("{}/{} epochs {rate:.1} epochs/s", self.done, self.total),
            Unit::Epochs if self.done > 0 => format!("{}/{} epochs {:.1} s/epoch", self.done, self.total, 1.0 / rate),
            Unit::Epochs => format!("{}/{} epochs", self.done, self.total),
            Unit::Time => clock(seconds),
        };
        // Writing to a text cannot fail.
        let _ = if self.unit == Unit::Time {
            Ok(())
        } else if self.ended {
            write!(text, ", {}", clock(seconds))
        } else if self.share() < 0.01 {
            write!(text, ", time left unknown yet")
        } else {
            write!(text, ", {} left", clock(seconds * (1.0 - self.share()) / self.share()))
        };
        if !self.note.is_empty() {
            let _ = write!(text, " · {}", self.note);
        }
        text
    }

    fn text(&self) -> String {
        let full = (self.share() * WIDTH as f64).round() as usize;
        let bar = "=".repeat(full) + &" ".repeat(WIDTH - full);
        let mut text = format!("{} [{bar}] {}", self.task, self.figures());
        for line in &self.lines {
            let _ = write!(text, "\n{line}");
        }
        text
    }

    fn html(&self) -> String {
        let colour = match (self.ended, self.done >= self.total) {
            (true, false) => "#d9822b",
            (true, true) => "#3d8b57",
            (false, _) => "#2f6fb3",
        };
        let mut html = format!(
            "<div class=\"cutpoint-progress\" style=\"font-family:monospace;font-size:13px\">\
             <span>{}</span> <span style=\"display:inline-block;width:18em;height:.9em;vertical-align:-.1em;\
             background:rgba(128,128,128,.25);border-radius:3px\"><span style=\"display:block;height:100%;\
             width:{:.1}%;background:{colour};border-radius:3px\"></span></span> <span>{}</span>",
            escaped(&self.task),
            100.0 * self.share(),
            escaped(&self.figures())
        );
        for line in &self.lines {
            let _ = write!(html, "<div>{}</div>", escaped(line));
        }
        html + "</div>"
    }
}

fn bytes(count: f64) -> String {
    let mut count = count;
    for unit in ["B", "kB", "MB"] {
        if count < 1000.0 {
            return format!("{count:.0} {unit}");
        }
        count /= 1000.0;
    }
    format!("{count:.1} GB")
}

fn clock(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} min {s:02} s"),
        (h, m, _) => format!("{h} h {m:02} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(done: u64, ended: bool) -> Bar {
        Bar {
            id: String::new(),
            task: "5 < 6 runs".into(),
            note: "loss 0.3".into(),
            lines: vec!["kept".into()],
            unit: Unit::Epochs,
            done,
            total: 40,
            started: Instant::now() - Duration::from_secs(10),
            drawn: Instant::now(),
            ended,
        }
    }

    #[test]
    fn a_bar_has_rate_time_left_and_note_in_both_forms() {
        let text = bar(10, false).text();
        assert!(text.starts_with("5 < 6 runs [========"), "{text}");
        assert!(text.contains("10/40 epochs 1.0 s/epoch, 30 s left · loss 0.3"), "{text}");
        assert!(text.ends_with("\nkept"), "{text}");
        let html = bar(10, false).html();
        assert!(html.contains("5 &lt; 6 runs") && html.contains("width:25.0%"), "{html}");
    }

    #[test]
    fn a_bar_that_ended_says_how_long_it_took() {
        assert!(bar(40, true).text().contains("40/40 epochs 4.0 epochs/s, 10 s"), "{}", bar(40, true).text());
        assert_eq!((clock(59.6), clock(3725.0)), ("1 min 00 s".to_owned(), "1 h 02 min".to_owned()));
    }
}
