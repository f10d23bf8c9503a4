//! What a cell fails with.

/// The last expression of a cell was an `Err`: what the cell fails with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The error's type, as [`std::any::type_name`] spells it.
    pub kind: &'static str,
    /// The error's text: its `Display`, else its `Debug`; of libtorch's errors [one sentence](crate::error::torch::sentence).
    pub text: String,
}
