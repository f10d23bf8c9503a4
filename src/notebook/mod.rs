//! What only a notebook has: values shown, cells that end early, the line to the kernel.

pub mod cell;
pub mod display;
pub(crate) mod session;
pub mod value;
pub mod wire;

pub use crate::error::torch;
pub use crate::runtime::progress;
pub use crate::{notebook_dbg as dbg, notebook_print as print, notebook_show as show};
pub use wire::prepare;

/// Asking a long call to stop, and work that hears of it.
pub mod interrupt {
    pub use crate::runtime::background::in_background;
    pub use crate::runtime::cancel::{check, clear, is_raised, raise, Stop};
}
