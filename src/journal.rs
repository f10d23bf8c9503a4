//! The journal: every finished run, at once, on disk.
//!
//! A line is a JSON object with the run's key and its record, a result row of any kind. The key is a digest of all that
//! decides the run's numbers, so that a journal never gives a run the result of another, however parameters change,
//! and sweeps of several settings share the runs they have in common. A line broken off by a crash is passed over.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::util::files::create_dir;

#[derive(Serialize, Deserialize)]
struct Line<K, T> {
    key: K,
    record: T,
}

/// Finished runs by key, on disk or in a file of this process's memory.
#[derive(Debug)]
pub struct Journal<T> {
    file: File,
    path: PathBuf,
    done: HashMap<String, T>,
    /// Whether a line was broken off, by a full disk perhaps.
    broken: bool,
}

impl<T: Serialize + DeserializeOwned + Clone> Journal<T> {
    /// Opens a journal, or begins one, with the folders above it.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub fn open(path: &Path) -> Result<Self> {
        if let Some(folder) = path.parent() {
            create_dir(folder)?;
        }
        let failed = || Error::io("open", path);
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(failed())?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed())?;
        if bytes.last().is_some_and(|&b| b != b'\n') {
            // A crash broke the last line off: what comes next must not be glued to it.
            file.seek(SeekFrom::End(0)).and_then(|_| file.write_all(b"\n")).map_err(Error::io("write", path))?;
        }
        let lines =
            bytes.split(|&b| b == b'\n').filter_map(|line| serde_json::from_slice::<Line<String, T>>(line).ok());
        let done = lines.map(|line| (line.key, line.record)).collect();
        Ok(Journal { file, path: path.to_owned(), done, broken: false })
    }

    /// The journal of this process, which ends with it: a cell that was interrupted and is run again goes on where it
    /// stopped.
    ///
    /// # Errors
    /// [`Error::Io`] when no memory can be had for it.
    pub fn in_memory() -> Result<Self> {
        Journal::open(&memory_file()?)
    }

    /// The run of this key, if it is done.
    pub fn get(&self, key: &str) -> Option<&T> {
        self.done.get(key)
    }

    /// Adds a finished run; when this returns, it is on disk.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub fn add(&mut self, key: String, record: T) -> Result<()> {
        let text = serde_json::to_string(&Line { key: &key, record: &record })
            .map_err(|e| Error::format(&self.path, "a run that can be written", e.to_string()))?;
        // One write a line, so that two processes appending to one journal do not mix theirs.
        let start = if self.broken { "\n" } else { "" };
        let written = self.file.write_all(format!("{start}{text}\n").as_bytes()).and_then(|()| self.file.sync_data());
        self.broken = written.is_err();
        written.map_err(Error::io("write", &self.path))?;
        self.done.insert(key, record);
        Ok(())
    }
}

/// Names the variable that tells every copy of this crate in a process where its memory file is.
const MEMORY_FILE: &str = "CUTPOINT_FINISHED_RUNS";

/// A file in this process's memory, the same for all of its life. Every cell of a notebook is a library with a copy of
/// this crate of its own, so that a static would be seen by the cells of one copy only; the environment is seen by all.
fn memory_file() -> Result<PathBuf> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let process = std::process::id().to_string();
    let known = std::env::var(MEMORY_FILE).ok();
    // A process that was started by this one has inherited the variable, but not the file.
    if let Some(fd) = known.as_deref().and_then(|known| known.strip_prefix(&format!("{process} "))) {
        return Ok(PathBuf::from(format!("/proc/self/fd/{fd}")));
    }
    // SAFETY: the name is a C string; the result is checked.
    let fd = unsafe { libc::memfd_create(c"finished runs".as_ptr(), libc::MFD_CLOEXEC) };
    if fd < 0 {
        return Err(Error::io("make", Path::new("finished runs, in memory"))(std::io::Error::last_os_error()));
    }
    std::env::set_var(MEMORY_FILE, format!("{process} {fd}"));
    Ok(PathBuf::from(format!("/proc/self/fd/{fd}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;

    fn record(repeat: u64) -> Record {
        let text = format!(
            r#"{{"lr":0.001,"sampled_percentage":0.01,"sampled_cut_point":2,"repeat":{repeat},"train_acc":1.0,"test_acc":0.5}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_line_broken_off_anywhere_costs_only_itself() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sub/j.jsonl");
        let mut journal = Journal::<Record>::open(&path).unwrap();
        journal.add("a".into(), record(0)).unwrap();
        journal.add("b".into(), record(1)).unwrap();
        drop(journal);
        let whole = std::fs::read(&path).unwrap();
        let first = whole.iter().position(|&b| b == b'\n').unwrap() + 1;
        for cut in first..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let mut journal = Journal::<Record>::open(&path).unwrap();
            assert_eq!(journal.get("a"), Some(&record(0)), "cut at {cut}");
            // Only the newline is missing at the last place: the run itself is whole.
            assert_eq!(journal.get("b").is_some(), cut == whole.len() - 1, "cut at {cut}");
            journal.add("c".into(), record(2)).unwrap();
            drop(journal);
            let journal = Journal::<Record>::open(&path).unwrap();
            assert_eq!((journal.get("a"), journal.get("c")), (Some(&record(0)), Some(&record(2))), "cut at {cut}");
        }
    }

    #[test]
    fn what_is_kept_in_memory_is_there_for_the_next_and_other_kinds_are_passed_over() {
        let mut journal = Journal::<Record>::in_memory().unwrap();
        journal.add("of this test".into(), record(3)).unwrap();
        assert_eq!(Journal::<Record>::in_memory().unwrap().get("of this test"), Some(&record(3)));
        assert_eq!(Journal::<Vec<u8>>::in_memory().unwrap().get("of this test"), None);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "").unwrap();
        let error = Journal::<Record>::open(&dir.path().join("file/j.jsonl")).unwrap_err().to_string();
        assert!(error.contains("file"), "{error}");
    }
}
