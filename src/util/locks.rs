//! Locks between processes.

use std::fs::{self, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

use super::files::{behind_links, create_dir, folder_of};
use crate::error::{Error, Result};

/// Holds a file's folder, made where it is not there, for as long as what is returned lives: whoever reads a file, changes
/// it and writes it again does not lose what another does meanwhile. Waits for another process that holds it.
///
/// # Errors
/// [`Error::Io`] naming the folder, also when another process holds it for twenty seconds.
pub(crate) fn lock_folder_of(path: &Path) -> Result<fs::File> {
    let target = behind_links(path);
    let folder = folder_of(&target);
    create_dir(folder)?;
    let held = fs::File::open(folder).map_err(Error::io("open", folder))?;
    let deadline = Instant::now() + MOST_WAIT;
    loop {
        match held.try_lock() {
            Ok(()) => return Ok(held),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(TryLockError::WouldBlock) => {
                let held_elsewhere = std::io::Error::new(std::io::ErrorKind::WouldBlock, "another process holds it");
                return Err(Error::io("lock", folder)(held_elsewhere));
            }
            Err(TryLockError::Error(error)) if has_no_locks(&error) => return Ok(held),
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", folder)(error)),
        }
    }
}

/// Whether an error says that this file system has no locks, as over some networks.
fn has_no_locks(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::Unsupported
        || matches!(error.raw_os_error(), Some(libc::ENOLCK | libc::ENOSYS | libc::EOPNOTSUPP | libc::EINVAL))
}

/// Holds a folder, made where it is not there, for as long as what is returned lives, however long others hold it before:
/// `waiting` is called every now and then meanwhile, and can end it with an error. A program that ends in whatever way
/// holds nothing any more.
///
/// # Errors
/// [`Error::Io`] naming the folder; what `waiting` returns.
pub(crate) fn hold_folder(folder: &Path, mut waiting: impl FnMut() -> Result<()>) -> Result<fs::File> {
    loop {
        create_dir(folder)?;
        let held = fs::File::open(folder).map_err(Error::io("open", folder))?;
        match held.try_lock() {
            // Whoever held it may have removed it: then this is no folder any more that others would find.
            Ok(()) if is_still(&held, folder) => return Ok(held),
            Ok(()) => continue,
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) if has_no_locks(&error) => return Ok(held),
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", folder)(error)),
        }
        waiting()?;
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[cfg(unix)]
fn is_still(held: &fs::File, folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |meta: &fs::Metadata| (meta.dev(), meta.ino());
    matches!((&held.metadata(), &fs::metadata(folder)), (Ok(a), Ok(b)) if identity(a) == identity(b))
}

#[cfg(not(unix))]
fn is_still(_: &fs::File, folder: &Path) -> bool {
    folder.is_dir()
}

/// How long a folder may be held by another, who needs milliseconds.
const MOST_WAIT: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_was_removed_while_it_was_waited_for_is_made_and_held_again() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("w_checkpoints");
        let mut first = Some(hold_folder(&folder, || unreachable!("nobody holds it")).unwrap());
        let mut waits = 0;
        let second = hold_folder(&folder, || {
            waits += 1;
            fs::remove_dir(&folder).unwrap();
            drop(first.take());
            Ok(())
        });
        let _second = second.unwrap();
        assert_eq!(waits, 1);
        assert!(fs::File::open(&folder).unwrap().try_lock().is_err(), "the folder that is there is held");
        let stopped = hold_folder(&folder, || Err(Error::Interrupted("test".to_owned())));
        assert!(matches!(stopped, Err(Error::Interrupted(_))));
    }

    #[test]
    fn a_folder_is_held_by_one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("results/a.json");
        let held = lock_folder_of(&path).unwrap();
        let folder = fs::File::open(dir.path().join("results")).unwrap();
        assert!(folder.try_lock().is_err());
        drop(held);
        folder.try_lock().unwrap();
    }
}
