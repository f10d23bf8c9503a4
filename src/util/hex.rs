//! Bytes as text.

/// Bytes as hexadecimal digits: how a digest is written.
pub(crate) fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}
