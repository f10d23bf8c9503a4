//! What reports progress and what receives it. The code that works reports to a [`Progress`]; what that shows is decided
//! elsewhere: a bar in a terminal or on a notebook's page, nothing, or a record for a test.

/// What the numbers of a progress bar count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes of a file.
    Bytes,
    /// Operations of unequal runs: only the fraction done means something to a reader.
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
