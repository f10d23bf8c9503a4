//! Progress of long calls: who reports it, and where it is shown.

mod base;
mod late;
mod notebook;
mod silent;
mod terminal;

pub use base::{Progress, Unit};
pub use late::default_sink;
pub(crate) use late::{timed_in_background, LateBar};
pub use notebook::Notebook;
pub use silent::{Recorded, Silent};
pub use terminal::Terminal;
