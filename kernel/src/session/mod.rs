//! A cell's life: from its text to a program, through the process that runs it, to what is left of it.

pub mod builds;
pub mod compile;
pub mod diagnostics;
pub mod evaluator;
pub mod history;
pub mod insight;
pub mod parse;
pub mod private;
pub mod program;
pub mod source;
pub mod syntax;
