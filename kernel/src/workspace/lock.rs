//! A lock on the home, so that nobody reads what is half built.
//!
//! Home folders live on all kinds of file systems. Where the system has no locks on files (NFS without a lock service),
//! a folder is the lock: making one succeeds for one process only, everywhere. Where the home cannot be written, nobody
//! builds there, and nothing has to be locked.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};

/// A lock folder that nobody has touched for so long was left by a process that is gone.
const STALE: Duration = Duration::from_secs(120);
/// Its owner touches it this often.
const TOUCH: Duration = Duration::from_secs(20);

/// A lock, held until it is dropped.
pub struct Lock {
    _file: Option<File>,
    folder: Option<Folder>,
}

impl Lock {
    /// For reading what was built: several kernels at once.
    ///
    /// # Errors
    /// When the home is not there.
    pub fn shared(home: &Path) -> Result<Lock> {
        Lock::take(home, false)
    }

    /// For building.
    ///
    /// # Errors
    /// When the home cannot be made or written.
    pub fn exclusive(home: &Path) -> Result<Lock> {
        fs::create_dir_all(home).with_context(|| cannot_write(home))?;
        Lock::take(home, true)
    }

    fn take(home: &Path, exclusive: bool) -> Result<Lock> {
        let path = home.join("lock");
        // Open for both: NFS wants to read for a shared lock, and to write for an exclusive one.
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = match opened {
            Ok(file) => file,
            Err(error) if exclusive => return Err(error).with_context(|| cannot_write(home)),
            Err(_) => match File::open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == ErrorKind::NotFound && home.is_dir() => return Ok(Lock::none()),
                Err(error) => return Err(error).with_context(|| format!("{}", path.display())),
            },
        };
        let kind = if exclusive { libc::LOCK_EX } else { libc::LOCK_SH };
        loop {
            // SAFETY: a system call on a file of our own, which the lock keeps open.
            if unsafe { libc::flock(file.as_raw_fd(), kind) } == 0 {
                return Ok(Lock { _file: Some(file), folder: None });
            }
            let error = std::io::Error::last_os_error();
            match error.raw_os_error() {
                Some(libc::EINTR) => {}
                Some(libc::ENOLCK | libc::EBADF | libc::EOPNOTSUPP | libc::ENOSYS | libc::EINVAL) => break,
                _ => return Err(error).with_context(|| format!("{}", path.display())),
            }
        }
        let folder = home.join("lock.d");
        if exclusive {
            return Ok(Lock { _file: None, folder: Some(Folder::make(folder)?) });
        }
        while folder.is_dir() && !is_stale(&folder) {
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(Lock::none())
    }

    fn none() -> Lock {
        Lock { _file: None, folder: None }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some(folder) = self.folder.take() {
            drop(folder);
        }
    }
}

fn cannot_write(home: &Path) -> String {
    format!("{}: it cannot be written; set CUTPOINT_KERNEL_HOME to a folder that can", home.display())
}

fn is_stale(folder: &Path) -> bool {
    let age = fs::metadata(folder.join("owner")).or_else(|_| fs::metadata(folder)).and_then(|meta| meta.modified());
    age.is_ok_and(|time| SystemTime::now().duration_since(time).is_ok_and(|age| age > STALE))
}

/// A folder that is a lock. A thread touches it for as long as it is held.
struct Folder {
    path: PathBuf,
    held: Option<std::sync::mpsc::Sender<()>>,
}

impl Folder {
    fn make(path: PathBuf) -> Result<Folder> {
        loop {
            match fs::create_dir(&path) {
                Ok(()) => break,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    if is_stale(&path) {
                        let _ = fs::remove_dir_all(&path);
                    }
                    std::thread::sleep(Duration::from_millis(100));
                }
                Err(error) => return Err(error).with_context(|| format!("{}", path.display())),
            }
        }
        let owner = path.join("owner");
        fs::write(&owner, std::process::id().to_string()).with_context(|| format!("{}", owner.display()))?;
        let (held, dropped) = std::sync::mpsc::channel::<()>();
        std::thread::spawn(move || {
            while dropped.recv_timeout(TOUCH) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                // A lock that cannot be touched any more is taken for stale, and lost.
                let _ = fs::write(&owner, std::process::id().to_string());
            }
        });
        Ok(Folder { path, held: Some(held) })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.held = None;
        let _ = fs::remove_dir_all(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_folder_is_held_by_one_at_a_time() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("lock.d");
        let first = Folder::make(path.clone()).unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        let other = path.clone();
        std::thread::spawn(move || sender.send(Folder::make(other).unwrap()));
        assert!(receiver.recv_timeout(Duration::from_millis(400)).is_err());
        drop(first);
        let second = receiver.recv_timeout(Duration::from_secs(10)).unwrap();
        assert!(path.is_dir());
        drop(second);
        assert!(!path.exists());
    }

    #[test]
    fn readers_come_together_and_a_builder_alone() {
        let home = tempfile::tempdir().unwrap();
        let (one, two) = (Lock::shared(home.path()).unwrap(), Lock::shared(home.path()).unwrap());
        drop((one, two));
        drop(Lock::exclusive(&home.path().join("new")).unwrap());
        assert!(Lock::shared(&home.path().join("none")).is_err());
    }
}
