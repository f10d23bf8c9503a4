//! What long calls run on: cancelling, work in the background, a pool of workers, threads, memory, progress, and the program around it all.

pub mod background;
pub mod cancel;
pub(crate) mod gpu;
pub(crate) mod host;
pub mod memory;
pub(crate) mod pool;
pub mod progress;
pub mod threads;
