//! What a notebook sees of long calls and of values: progress, the interrupt flag, rich output.

mod bar;
pub mod cell;
pub mod display;
pub mod interrupt;
pub mod progress;
pub mod torch;
pub mod value;
pub mod wire;

pub use crate::{notebook_dbg as dbg, notebook_print as print, notebook_show as show};
pub use wire::prepare;
