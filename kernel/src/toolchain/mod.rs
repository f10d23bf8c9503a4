//! The tools that build: stand-ins for cargo, rustup and rustc, and how cells are compiled.

pub mod answers;
pub mod bundle;
pub mod cargo;
pub mod recipe;
pub mod rustc;
pub mod side;
