//! Reading whole files, and writing them so that nothing half-written is ever seen.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, Result};

/// Reads a whole file.
///
/// # Errors
/// [`Error::Io`] naming the file.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(Error::io("read", path))
}

/// Opens a regular file for reading. Anything else (a FIFO, which would never end, a device, a folder) is refused.
///
/// # Errors
/// [`Error::Io`] naming the file; [`Error::Format`] when it is no regular file.
pub fn open_regular(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    // A FIFO that nobody writes to is opened at once, and then refused.
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    }
    let file = options.open(path).map_err(Error::io("open", path))?;
    let kind = file.metadata().map_err(Error::io("open", path))?;
    if !kind.is_file() {
        let found = if kind.is_dir() { "a folder" } else { "a pipe, a socket or a device" };
        return Err(Error::format(path, "a regular file", found));
    }
    Ok(file)
}

/// Reads a whole regular file of at most `most` bytes.
///
/// # Errors
/// Those of [`open_regular`]; [`Error::Format`] when it is larger.
pub fn read_regular(path: &Path, most: u64) -> Result<Vec<u8>> {
    let file = open_regular(path)?;
    let size = file.metadata().map_err(Error::io("read", path))?.len();
    let mut bytes = Vec::new();
    if size <= most {
        let full = |_| Error::io("read", path)(std::io::ErrorKind::OutOfMemory.into());
        bytes.try_reserve_exact(size as usize).map_err(full)?;
        file.take(most + 1).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
    }
    if size > most || bytes.len() as u64 > most {
        return Err(Error::format(path, format!("at most {most} bytes"), format!("{}", size.max(bytes.len() as u64))));
    }
    Ok(bytes)
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

/// The file that a path leads to through symbolic links, also where there is no such file yet.
pub(crate) fn behind_links(path: &Path) -> PathBuf {
    let mut target = path.to_owned();
    // As many as the system itself follows.
    for _ in 0..40 {
        let Ok(next) = fs::read_link(&target) else { break };
        target = folder_of(&target).join(next);
    }
    target
}

pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    }
}

/// The rows of the file at `path`, read as `old`, that are not `same` as those computed with their key, in
/// sentences. `place`: a row's layer, repeat and fraction of the data.
pub(crate) fn changed_rows<R, K: Eq + std::hash::Hash>(
    path: &Path,
    (old, new): (&[R], &[R]),
    key: impl Fn(&R) -> K,
    same: impl Fn(&R, &R) -> bool,
    place: impl Fn(&R) -> (&str, u64, f64),
) -> Vec<String> {
    let there: std::collections::HashMap<K, &R> = old.iter().map(|r| (key(r), r)).collect();
    let changed = new.iter().filter(|r| there.get(&key(r)).is_some_and(|old| !same(old, r)));
    let sentence = |r: &R| {
        let (layer, repeat, fraction) = place(r);
        let row = format!("{}: the row of {layer}, repeat {repeat}, fraction {fraction}", path.display());
        format!("{row} was changed since it was computed; what was computed is written")
    };
    changed.map(sentence).collect()
}

/// Writes rows as a list in JSON, one a line, atomically.
///
/// # Errors
/// [`Error::Data`] when there are no rows: a file of none would say nothing; those of [`write_atomically`].
pub fn write_rows<T: serde::Serialize>(path: &Path, rows: &[T]) -> Result<()> {
    if rows.is_empty() {
        return Err(Error::data("records", "at least one row", 0));
    }
    write_atomically(path, |w| {
        for (i, row) in rows.iter().enumerate() {
            write!(w, "{}{}", if i == 0 { "[" } else { ",\n " }, serde_json::to_string(row)?)?;
        }
        writeln!(w, "]")
    })
}

/// Writes a file by way of a temporary one beside it, moved into place once it is complete and on disk. A symbolic link
/// stays, and the file that it leads to is written. A crash, a full disk or an error in `fill` leaves the old file, or none, and no temporary file.
///
/// # Errors
/// [`Error::Io`] naming the file, or whatever `fill` reports.
pub fn write_atomically(path: &Path, fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<()> {
    let failed = || Error::io("write", path);
    let target = behind_links(path);
    if let Ok(kind) = fs::metadata(&target).map(|meta| meta.file_type()) {
        if kind.is_dir() {
            return Err(Error::format(path, "a file", "a folder"));
        }
        if !kind.is_file() {
            // A terminal, a pipe or a device is written to; a file in its place would take it away.
            let mut out = OpenOptions::new().write(true).open(&target).map_err(failed())?;
            return fill(&mut out).map_err(failed());
        }
    }
    let folder = folder_of(&target);
    create_dir(folder)?;
    sweep_up(folder);
    let mut builder = tempfile::Builder::new();
    builder.prefix(PARTIAL);
    // Temporary files are private by default; results are as open as the user's mask lets new files be.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let file = builder.tempfile_in(folder).map_err(failed())?;
    // Held for as long as it is written: see `sweep_up`. Where there are no locks, its age must do.
    let _ = file.as_file().try_lock();
    let mut out = std::io::BufWriter::new(file);
    fill(&mut out).map_err(failed())?;
    let file = out.into_inner().map_err(|e| failed()(e.into_error()))?;
    file.as_file().sync_all().map_err(failed())?;
    file.persist(&target).map_err(|e| failed()(e.error))?;
    // So that a power cut takes the new name no more than the contents. Where folders cannot be synced, nothing can be done.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

/// How the names of files begin that are not complete yet.
const PARTIAL: &str = ".partial-";
/// A file that nobody holds may be one that has just been made; one that may be held by a program on another machine is
/// left alone for much longer.
const YOUNG: Duration = Duration::from_secs(1);
const OLD: Duration = Duration::from_secs(24 * 3600);

/// Removes what programs that were killed have left half-written in a folder.
fn sweep_up(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PARTIAL)) {
        let age = entry.metadata().and_then(|meta| meta.modified()).ok().and_then(|time| time.elapsed().ok());
        let Ok(file) = File::open(entry.path()) else { continue };
        let nobodys = match file.try_lock() {
            Ok(()) => age.is_some_and(|age| age > YOUNG),
            Err(TryLockError::WouldBlock) => false,
            Err(TryLockError::Error(_)) => age.is_some_and(|age| age > OLD),
        };
        if nobodys {
            // Whoever else sweeps here may have been faster.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Checks, before hours of work, that a file can be written at the end of them: makes its folder, and a file in it that
/// goes again.
///
/// # Errors
/// [`Error::Io`] or [`Error::Format`] naming the path.
pub fn check_writable(path: &Path) -> Result<()> {
    let target = behind_links(path);
    match fs::metadata(&target).map(|meta| meta.file_type()) {
        Ok(kind) if kind.is_dir() => return Err(Error::format(path, "a file that can be written", "a folder")),
        Ok(kind) if !kind.is_file() => return Ok(()),
        Ok(_) => drop(OpenOptions::new().append(true).open(&target).map_err(Error::io("write", path))?),
        Err(_) => {}
    }
    let folder = folder_of(&target);
    create_dir(folder)?;
    let mut file = tempfile::Builder::new().prefix(PARTIAL).tempfile_in(folder).map_err(Error::io("write", path))?;
    file.write_all(b"room").and_then(|()| file.as_file().sync_data()).map_err(Error::io("write", path))
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

    #[test]
    fn what_killed_programs_left_half_written_is_swept_up_and_what_is_being_written_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let (dead, live) = (dir.path().join(".partial-dead"), dir.path().join(".partial-live"));
        let long_ago = std::time::SystemTime::now() - Duration::from_secs(60);
        for path in [&dead, &live] {
            File::create(path).unwrap().set_modified(long_ago).unwrap();
        }
        let held = File::open(&live).unwrap();
        held.lock().unwrap();
        write_atomically(&dir.path().join("a"), |w| w.write_all(b"x")).unwrap();
        assert!(!dead.exists() && live.exists());
        drop(held);
        write_atomically(&dir.path().join("a"), |w| w.write_all(b"x")).unwrap();
        assert!(!live.exists());
    }

    #[test]
    fn whether_a_file_can_be_written_is_known_before() {
        let dir = tempfile::tempdir().unwrap();
        check_writable(&dir.path().join("new/a.json")).unwrap();
        assert_eq!(fs::read_dir(dir.path().join("new")).unwrap().count(), 0, "nothing is left");
        assert!(check_writable(dir.path()).unwrap_err().to_string().contains("a folder"));
        fs::write(dir.path().join("file"), "kept").unwrap();
        check_writable(&dir.path().join("file")).unwrap();
        assert_eq!(fs::read(dir.path().join("file")).unwrap(), b"kept");
        assert!(check_writable(&dir.path().join("file/a.json")).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_written_to_and_stays_one() {
        use std::os::unix::fs::FileTypeExt;
        write_atomically(Path::new("/dev/null"), |w| w.write_all(b"gone")).unwrap();
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_and_its_file_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real.json"), dir.path().join("link.json"));
        fs::write(&real, "old").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        write_atomically(&link, |w| w.write_all(b"new")).unwrap();
        assert_eq!(fs::read(&real).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().file_type().is_symlink());
        // One that leads to a file yet to be written, by a relative path.
        let (dangling, below) = (dir.path().join("dangling.json"), dir.path().join("below/new.json"));
        std::os::unix::fs::symlink("below/new.json", &dangling).unwrap();
        write_atomically(&dangling, |w| w.write_all(b"first")).unwrap();
        assert_eq!(fs::read(&below).unwrap(), b"first");
    }
}
