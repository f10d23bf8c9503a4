//! The program's own commands.

pub mod install;
pub mod prepare;
