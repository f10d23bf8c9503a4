//! What a notebook sees of long calls and of values: progress, the interrupt flag, rich output.

pub mod display;
pub mod interrupt;
pub mod progress;
