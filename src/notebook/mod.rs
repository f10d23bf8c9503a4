//! What a notebook sees of long calls and of values: progress, the interrupt flag, rich output.

mod bar;
pub mod display;
pub mod interrupt;
pub mod progress;
pub mod value;
pub mod wire;

pub use crate::{notebook_eprint as eprint, notebook_eprintln as eprintln};
pub use wire::prepare;
