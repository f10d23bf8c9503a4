//! What long calls show and when they stop: progress sinks and the interrupt flag.

pub mod interrupt;
pub mod progress;
