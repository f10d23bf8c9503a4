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
use serde_json::Value;

use crate::error::{Error, Result};
use crate::notebook::session;
use crate::util::files::{self, create_dir};
use crate::util::hex::hex;

#[derive(Serialize, Deserialize)]
struct Line<K, T> {
    key: K,
    record: T,
    /// Of key and record as they were written: a value that was changed by hand is noticed. Journals of before have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
}

fn digest(key: &str, record: &Value) -> String {
    use md5::Digest;
    hex(md5::Md5::digest(format!("{key} {record}")))
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
    /// [`Error::Io`] naming the file; [`Error::Format`] naming a line that is not as it was written, or whose accuracies are
    /// none.
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
        Ok(Journal { file: Some(file), done: finished(&bytes, path)?.into_iter().collect() })
    }

    /// Knows the runs of another journal, too, as of another part of the same sweep; nothing is written. Returns how many
    /// of them are new.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file; [`Error::Format`] as in [`Journal::open`].
    pub fn read_also(&mut self, path: &Path) -> Result<usize> {
        let before = self.done.len();
        for (key, record) in finished(&files::read(path)?, path)? {
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

/// Runs and their keys, line by line. Lines that were broken off, and those of other kinds of runs, are passed over.
fn finished<T: DeserializeOwned>(bytes: &[u8], path: &Path) -> Result<Vec<(String, T)>> {
    let mut runs = Vec::new();
    for (number, line) in bytes.split(|&b| b == b'\n').enumerate() {
        let Ok(line) = serde_json::from_slice::<Line<String, Value>>(line) else { continue };
        let place =
            |what: &str| format!("{what} in line {} (take the line out, and the run is made again)", number + 1);
        if line.digest.is_some_and(|written| written != digest(&line.key, &line.record)) {
            return Err(Error::format(path, place("a run as it was written"), "another key or record"));
        }
        let accuracy = |(key, value): (&String, &Value)| key.ends_with("_acc").then(|| value.as_f64()).flatten();
        let accuracies = line.record.as_object().into_iter().flatten().filter_map(accuracy);
        if let Some(bad) = accuracies.into_iter().find(|acc| !(0.0..=1.0).contains(acc)) {
            return Err(Error::format(path, place("accuracies from 0 to 1"), bad.to_string()));
        }
        if let Ok(record) = serde_json::from_value(line.record) {
            runs.push((line.key, record));
        }
    }
    Ok(runs)
}

impl Lines {
    fn add<T: Serialize>(&mut self, key: &str, record: &T) -> Result<()> {
        let wrong = |e: serde_json::Error| Error::format(&self.path, "a run that can be written", e.to_string());
        let record = serde_json::to_value(record).map_err(wrong)?;
        let digest = Some(digest(key, &record));
        let text = serde_json::to_string(&Line { key, record, digest }).map_err(wrong)?;
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
    fn a_value_that_was_changed_by_hand_is_noticed_and_one_out_of_range_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j.jsonl");
        let mut journal = Journal::<Record>::open(&path).unwrap();
        journal.add("a".into(), record(0)).unwrap();
        journal.add("b".into(), record(1)).unwrap();
        drop(journal);
        let whole = std::fs::read_to_string(&path).unwrap();
        let second = whole.lines().nth(1).unwrap();
        for (from, to) in [("\"test_acc\":0.5", "\"test_acc\":0.6"), ("\"key\":\"b\"", "\"key\":\"c\"")] {
            std::fs::write(&path, whole.replace(second, &second.replace(from, to))).unwrap();
            let error = Journal::<Record>::open(&path).unwrap_err().to_string();
            assert!(error.contains("j.jsonl") && error.contains("as it was written in line 2"), "{error}");
        }
        // A journal of before has no digests.
        let old = r#"{"key":"a","record":{"lr":0.1,"sampled_percentage":0.1,"sampled_cut_point":1,"repeat":0,"train_acc":1.0,"test_acc":1.5}}"#;
        std::fs::write(&path, old).unwrap();
        let error = Journal::<Record>::open(&path).unwrap_err().to_string();
        assert!(error.contains("accuracies from 0 to 1 in line 1") && error.contains("found 1.5"), "{error}");
        std::fs::write(&path, old.replace("1.5", "0.25")).unwrap();
        assert_eq!(Journal::<Record>::open(&path).unwrap().get("a").map(|r| r.test_acc), Some(0.25));
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "").unwrap();
        let error = Journal::<Record>::open(&dir.path().join("file/j.jsonl")).unwrap_err().to_string();
        assert!(error.contains("file"), "{error}");
    }
}
