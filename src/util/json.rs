//! What is said of text that is no JSON.

/// What is wrong with text that should be JSON. Python writes numbers that JSON does not have.
pub(crate) fn fault(bytes: &[u8], error: &serde_json::Error) -> String {
    let place = format!("line {}, column {}", error.line(), error.column());
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return "a byte-order mark before it".to_owned();
    }
    let line = bytes.split(|&b| b == b'\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
    let near = error.column().saturating_sub(3)..(error.column() + 9).min(line.len());
    let near = String::from_utf8_lossy(line.get(near).unwrap_or_default()).into_owned();
    match ["NaN", "-Infinity", "Infinity"].into_iter().find(|number| near.contains(number)) {
        Some(number) => format!("{number} at {place}, which is no number in JSON"),
        None => error.to_string(),
    }
}
