//! The journal: every finished run, at once, on disk.
//!
//! A line is a JSON object with the run's key and its record, a result row of any kind. The key is a hash of all that
//! decides the run's numbers ([`super::Identity`]), so that a journal never gives a run the result of another, however
//! parameters change, and sweeps of several settings share the runs they have in common. Lines of several journals can be
//! read into one. A line broken off by a crash is passed over.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::notebook::session;
use crate::util::files::{self, create_dir};

#[derive(Serialize, Deserialize)]
struct Line<K, T> {
    key: K,
    record: T,
}

/// Finished runs by key, on disk or in memory.
#[derive(Debug)]
pub struct Journal<T> {
    file: Option<Lines>,
    done: HashMap<String, T>,
}

/// The file that lines are added to.
#[derive(Debug)]
struct Lines {
    file: File,
    path: PathBuf,
    /// Whether a line was broken off, by a full disk perhaps.
    broken: bool,
}

impl<T: Serialize + DeserializeOwned + Clone> Journal<T> {
    /// A journal that ends with the value.
    pub fn in_memory() -> Self {
        Journal { file: None, done: HashMap::new() }
    }

    /// The journal of a notebook's session, so that a cell that was interrupted and is run again goes on where it stopped;
    /// outside a notebook one in memory.
    ///
    /// # Errors
    /// [`Error::Io`] when no memory can be had for it.
    pub fn of_session() -> Result<Self> {
        session::finished_runs()?.map_or_else(|| Ok(Journal::in_memory()), |path| Journal::open(&path))
    }

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
        let file = Lines { file, path: path.to_owned(), broken: false };
        Ok(Journal { file: Some(file), done: finished(&bytes).collect() })
    }

    /// Knows the runs of another journal, too, as of another part of the same sweep; nothing is written. Returns how many
    /// of them are new.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub fn read_also(&mut self, path: &Path) -> Result<usize> {
        let before = self.done.len();
        for (key, record) in finished(&files::read(path)?) {
            self.done.entry(key).or_insert(record);
        }
        Ok(self.done.len() - before)
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
        if let Some(lines) = &mut self.file {
            lines.add(&key, &record)?;
        }
        self.done.insert(key, record);
        Ok(())
    }
}

/// Runs and their keys, line by line.
fn finished<T: DeserializeOwned>(bytes: &[u8]) -> impl Iterator<Item = (String, T)> + '_ {
    let lines = bytes.split(|&b| b == b'\n').filter_map(|line| serde_json::from_slice::<Line<String, T>>(line).ok());
    lines.map(|line| (line.key, line.record))
}

impl Lines {
    fn add<T: Serialize>(&mut self, key: &str, record: &T) -> Result<()> {
        let text = serde_json::to_string(&Line { key, record })
            .map_err(|e| Error::format(&self.path, "a run that can be written", e.to_string()))?;
        // One write a line, so that two processes appending to one journal do not mix theirs.
        let start = if self.broken { "\n" } else { "" };
        let written = self.file.write_all(format!("{start}{text}\n").as_bytes()).and_then(|()| self.file.sync_data());
        self.broken = written.is_err();
        written.map_err(Error::io("write", &self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Record;

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
    fn a_journal_in_memory_ends_with_the_value_and_other_kinds_of_lines_are_passed_over() {
        let mut journal = Journal::<Record>::in_memory();
        journal.add("of this test".into(), record(3)).unwrap();
        assert_eq!(journal.get("of this test"), Some(&record(3)));
        assert_eq!(Journal::<Record>::of_session().unwrap().get("of this test"), None);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j.jsonl");
        Journal::open(&path).unwrap().add("a".into(), record(3)).unwrap();
        assert_eq!(Journal::<Vec<u8>>::open(&path).unwrap().get("a"), None);
    }

    #[test]
    fn parts_of_a_sweep_that_kept_journals_of_their_own_are_read_into_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let mut whole = Journal::<Record>::open(&path("0")).unwrap();
        whole.add("a".into(), record(0)).unwrap();
        let mut part = Journal::<Record>::open(&path("1")).unwrap();
        part.add("a".into(), record(9)).unwrap();
        part.add("b".into(), record(1)).unwrap();
        assert_eq!(whole.read_also(&path("1")).unwrap(), 1);
        assert_eq!((whole.get("a"), whole.get("b")), (Some(&record(0)), Some(&record(1))));
        assert_eq!(std::fs::read_to_string(path("0")).unwrap().lines().count(), 1, "nothing is written");
        assert!(whole.read_also(&path("2")).is_err());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "").unwrap();
        let error = Journal::<Record>::open(&dir.path().join("file/j.jsonl")).unwrap_err().to_string();
        assert!(error.contains("file"), "{error}");
    }
}
