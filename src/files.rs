//! Reading whole files, and writing them so that nothing half-written is ever seen.

use std::fs;
use std::io::Write;
use std::path::Path;

use crate::error::{Error, Result};

/// Reads a whole file.
///
/// # Errors
/// [`Error::Io`] naming the file.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(Error::io("read", path))
}

/// What is wrong with text that should be JSON. Python writes numbers that JSON does not have.
pub(crate) fn json_fault(bytes: &[u8], error: &serde_json::Error) -> String {
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

/// Bytes as hexadecimal digits: how a digest is written.
pub(crate) fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

/// Creates a folder and those above it.
///
/// # Errors
/// [`Error::Io`] naming the folder.
pub fn create_dir(path: &Path) -> Result<()> {
    if path.as_os_str().is_empty() {
        return Ok(());
    }
    fs::create_dir_all(path).map_err(Error::io("create folder", path))
}

/// Writes a file by way of a temporary one beside it, moved into place once it is complete and on disk.
/// A crash, a full disk or an error in `fill` leaves the old file, or none, and no temporary file.
///
/// # Errors
/// [`Error::Io`] naming the file, or whatever `fill` reports.
pub fn write_atomically(path: &Path, fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<()> {
    let folder = match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    };
    create_dir(folder)?;
    let failed = || Error::io("write", path);
    let file = tempfile::Builder::new().prefix(".partial-").tempfile_in(folder).map_err(failed())?;
    let mut out = std::io::BufWriter::new(file);
    fill(&mut out).map_err(failed())?;
    let file = out.into_inner().map_err(|e| failed()(e.into_error()))?;
    file.as_file().sync_all().map_err(failed())?;
    // Temporary files are private by default; results are meant to be read.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.as_file().set_permissions(fs::Permissions::from_mode(0o644)).map_err(failed())?;
    }
    file.persist(path).map_err(|e| failed()(e.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_writer_leaves_the_old_file_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        write_atomically(&path, |w| w.write_all(b"old")).unwrap();
        let full = || std::io::Error::from(std::io::ErrorKind::StorageFull);
        let error = write_atomically(&path, |w| w.write_all(b"ne").and(Err(full()))).unwrap_err();
        assert!(error.to_string().contains("a.json"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
