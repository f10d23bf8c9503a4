//! The process that runs cells: the runtime's side, and the kernel's.

pub mod frames;
pub mod host;
pub mod processes;
pub mod runtime;
pub mod stdio;
pub mod supervisor;
pub mod threads;
