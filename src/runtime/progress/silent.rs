//! Progress that nobody sees: shown nowhere, or kept for a test.

use std::sync::{Arc, Mutex};

use super::base::{Progress, Unit};

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
