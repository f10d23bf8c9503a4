//! A file that lives as long as a notebook's session.

use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::runtime::host;

/// What the system calls the file.
const NAME: &std::ffi::CStr = c"cutpoint finished runs";

/// The session's file of finished runs: a cell that was interrupted and is run again goes on where it stopped. `None`
/// outside a notebook.
///
/// Every cell is a library with a copy of this crate of its own, so that a static would be seen by the cells of one copy
/// only. All see the files that the process has open: this one is in memory, and ends with the process.
///
/// # Errors
/// [`Error::Io`] when no memory can be had for it.
pub(crate) fn finished_runs() -> Result<Option<PathBuf>> {
    if !host::present() {
        return Ok(None);
    }
    open_once().map(Some)
}

fn open_once() -> Result<PathBuf> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let fd = match already_open() {
        Some(fd) => fd,
        None => {
            // SAFETY: the name is a C string; the result is checked.
            let fd = unsafe { libc::memfd_create(NAME.as_ptr(), libc::MFD_CLOEXEC) };
            if fd < 0 {
                return Err(Error::io("make", Path::new("finished runs, in memory"))(std::io::Error::last_os_error()));
            }
            fd
        }
    };
    Ok(PathBuf::from(format!("/proc/self/fd/{fd}")))
}

/// The file, if another copy of this crate has made it.
fn already_open() -> Option<RawFd> {
    let name = format!("/memfd:{}", NAME.to_string_lossy());
    let open = std::fs::read_dir("/proc/self/fd").ok()?;
    let ours = |path: &Path| std::fs::read_link(path).is_ok_and(|to| to.to_string_lossy().starts_with(&name));
    open.filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|p| ours(p))
        .find_map(|p| p.file_name()?.to_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_copy_of_the_crate_finds_the_one_file() {
        assert_eq!(finished_runs().unwrap(), None, "tests run outside a notebook");
        let path = open_once().unwrap();
        std::fs::write(&path, "a run").unwrap();
        assert_eq!(already_open().map(|fd| format!("/proc/self/fd/{fd}")), Some(path.display().to_string()));
        assert_eq!(std::fs::read_to_string(open_once().unwrap()).unwrap(), "a run");
    }
}
