//! t
/// t
pub fn sentence(text: &str) -> String { text.to_owned() }
