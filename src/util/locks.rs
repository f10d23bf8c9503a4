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
            // A file system without locks, as over some networks.
            Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => return Ok(held),
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", folder)(error)),
        }
    }
}

/// How long a folder may be held by another, who needs milliseconds.
const MOST_WAIT: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

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
