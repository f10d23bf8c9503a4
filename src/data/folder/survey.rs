//! What is in a folder of class folders: which files are images of which class, and what is passed over, and why.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::fault::{ENDINGS, FORMATS};
use crate::error::{Error, Result};

/// Labels are bytes.
const MOST_CLASSES: usize = 256;
/// Folders within folders, below a class.
const MOST_LEVELS: usize = 64;

/// Names of the folders of parts, in lower case.
const TRAIN: [&str; 2] = ["train", "training"];
const TEST: [&str; 2] = ["test", "testing"];
const VALIDATION: [&str; 3] = ["val", "valid", "validation"];

/// Why a file, or a folder, is no part of a data set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Its name begins with a dot, or is one of a system's own (`__MACOSX`, `Thumbs.db`).
    System,
    /// Its name has an ending of no image that is read, given in lower case; empty for none.
    Ending(String),
    /// It is a FIFO, a socket or a device.
    NotAFile,
    /// A link that leads nowhere.
    DeadLink,
    /// A link, or another name, of what was read already.
    Again,
    /// It stands beside the class folders.
    BesideClasses,
    /// The folder of a part that is not used: another holds out what is tested on, or it has no class folders.
    UnusedPart,
    /// It is no image that can be read: passed over on request.
    Broken,
    /// A class without images: passed over on request.
    Empty,
}

impl Reason {
    /// In a word or two.
    pub fn words(&self) -> &str {
        match self {
            Reason::System => "a system's own",
            Reason::Ending(ending) if ending.is_empty() => "no ending",
            Reason::Ending(ending) => ending,
            Reason::NotAFile => "no regular file",
            Reason::DeadLink => "a link that leads nowhere",
            Reason::Again => "there already",
            Reason::BesideClasses => "beside the classes",
            Reason::UnusedPart => "a part that is not used",
            Reason::Broken => "broken",
            Reason::Empty => "an empty class",
        }
    }
}

/// Files of a class that were passed over for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PassedOver {
    /// The class; empty for what belongs to none.
    pub class: String,
    /// Why.
    pub reason: Reason,
    /// How many.
    pub files: usize,
    /// One of them, below the folder.
    pub example: PathBuf,
}

/// What was passed over, counted by class and reason.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally(BTreeMap<(String, Reason), (usize, PathBuf)>);

impl Tally {
    pub fn count(&mut self, class: &str, reason: Reason, example: &Path) {
        let entry = self.0.entry((class.to_owned(), reason)).or_insert_with(|| (0, example.to_owned()));
        entry.0 += 1;
    }

    /// The counts, classes in the order of `names`.
    pub fn list(&self, folder: &Path, names: &[String]) -> Vec<PassedOver> {
        let mut list: Vec<PassedOver> = (self.0.iter())
            .map(|((class, reason), (files, example))| PassedOver {
                class: class.clone(),
                reason: reason.clone(),
                files: *files,
                example: example.strip_prefix(folder).unwrap_or(example).to_owned(),
            })
            .collect();
        list.sort_by_key(|p| names.iter().position(|n| *n == p.class));
        list
    }
}

/// The counts in sentences, one a class: "19 files passed over in 3 (webp 9, bmp 10)".
pub(super) fn sentences(list: &[PassedOver]) -> Vec<String> {
    list.chunk_by(|a, b| a.class == b.class)
        .map(|of| {
            let total: usize = of.iter().map(|p| p.files).sum();
            let reasons = match of {
                [one] => one.reason.words().to_owned(),
                _ => of.iter().map(|p| format!("{} {}", p.reason.words(), p.files)).collect::<Vec<_>>().join(", "),
            };
            let place = if of[0].class.is_empty() { String::new() } else { format!(" in {}", of[0].class) };
            format!("{total} {} passed over{place} ({reasons})", if total == 1 { "file" } else { "files" })
        })
        .collect()
}

/// One class: its name, and the files of its images in the order of their names.
#[derive(Clone, Debug)]
pub(super) struct Class {
    pub name: String,
    pub train: Vec<PathBuf>,
    /// Where the folder has a part that is held out.
    pub test: Vec<PathBuf>,
}

/// A folder as it was found.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub classes: Vec<Class>,
    /// The folder that holds out what is tested on, if there is one.
    pub held_out: Option<PathBuf>,
    pub passed_over: Tally,
}

/// A folder's own folders and files, by name.
#[derive(Default)]
struct Listing {
    folders: Vec<(String, PathBuf)>,
    files: Vec<(String, PathBuf)>,
    others: Vec<(PathBuf, Reason)>,
}

fn is_systems_own(name: &str) -> bool {
    let own =
        ["__macosx", "thumbs.db", "desktop.ini", "@eadir", "lost+found", "$recycle.bin", "system volume information"];
    name.starts_with('.') || own.contains(&name.to_lowercase().as_str())
}

fn list(folder: &Path) -> Result<Listing> {
    let entries = fs::read_dir(folder).map_err(Error::io("read", folder))?;
    let path = |entry: std::io::Result<fs::DirEntry>| Ok(entry.map_err(Error::io("read", folder))?.path());
    let mut paths = entries.map(path).collect::<Result<Vec<_>>>()?;
    paths.sort();
    let mut listing = Listing::default();
    for path in paths {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if is_systems_own(&name) {
            listing.others.push((path, Reason::System));
            continue;
        }
        match fs::metadata(&path) {
            Ok(kind) if kind.is_dir() => listing.folders.push((name, path)),
            Ok(kind) if kind.is_file() => listing.files.push((name, path)),
            Ok(_) => listing.others.push((path, Reason::NotAFile)),
            // A link to nowhere, or one of a ring of links.
            Err(_) if fs::symlink_metadata(&path).is_ok_and(|m| m.is_symlink()) => {
                listing.others.push((path, Reason::DeadLink));
            }
            Err(error) => return Err(Error::io("read", &path)(error)),
        }
    }
    Ok(listing)
}

/// What tells a file or folder from all others, however it is reached.
#[cfg(unix)]
type Identity = (u64, u64);
#[cfg(not(unix))]
type Identity = PathBuf;

#[cfg(unix)]
fn identity(path: &Path) -> Result<Identity> {
    use std::os::unix::fs::MetadataExt;
    let meta = fs::metadata(path).map_err(Error::io("read", path))?;
    Ok((meta.dev(), meta.ino()))
}

#[cfg(not(unix))]
fn identity(path: &Path) -> Result<Identity> {
    fs::canonicalize(path).map_err(Error::io("read", path))
}

/// Collects the images below a class's folder, in the order of their paths. Each file and each folder is taken once,
/// however many links lead to it.
struct Collector<'a> {
    class: &'a str,
    seen: &'a mut HashSet<Identity>,
    tally: &'a mut Tally,
    images: Vec<PathBuf>,
}

impl Collector<'_> {
    fn below(&mut self, folder: &Path, level: usize) -> Result<()> {
        if level > MOST_LEVELS {
            return Err(Error::format(folder, format!("at most {MOST_LEVELS} folders within each other"), "more"));
        }
        let listing = list(folder)?;
        for (path, reason) in listing.others {
            self.tally.count(self.class, reason, &path);
        }
        for (_, path) in listing.files {
            let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
            if !ENDINGS.contains(&ending.as_str()) {
                self.tally.count(self.class, Reason::Ending(ending), &path);
            } else if !self.seen.insert(identity(&path)?) {
                self.tally.count(self.class, Reason::Again, &path);
            } else {
                self.images.push(path);
            }
        }
        for (_, path) in listing.folders {
            if self.seen.insert(identity(&path)?) {
                self.below(&path, level + 1)?;
            } else {
                self.tally.count(self.class, Reason::Again, &path);
            }
        }
        Ok(())
    }
}

/// The images of all classes. What is in one class, or one part, is in no other, whatever links lead to it.
fn images(classes: &[(String, PathBuf)], seen: &mut HashSet<Identity>, tally: &mut Tally) -> Result<Vec<Vec<PathBuf>>> {
    let mut own = Vec::with_capacity(classes.len());
    for (_, path) in classes {
        own.push(seen.insert(identity(path)?));
    }
    let mut all = Vec::with_capacity(classes.len());
    for ((class, path), own) in classes.iter().zip(own) {
        let mut collector = Collector { class, seen: &mut *seen, tally: &mut *tally, images: Vec::new() };
        if own {
            collector.below(path, 0)?;
        } else {
            collector.tally.count(class, Reason::Again, path);
        }
        all.push(collector.images);
    }
    Ok(all)
}

/// Looks through a folder: `train/<class>/**` with `test/<class>/**` (or `val`) beside it, or only one of
/// `train/<class>/**` and `<class>/**`.
pub(super) fn survey(folder: &Path, pass_over_empty: bool) -> Result<Found> {
    let mut tally = Tally::default();
    let (folder, listing) = descend(folder)?;
    let part = |names: &[&str]| listing.folders.iter().find(|(name, _)| names.contains(&name.to_lowercase().as_str()));
    let (train, test, validation) = (part(&TRAIN), part(&TEST), part(&VALIDATION));
    let parted = train.is_some() && (test.is_some() || validation.is_some() || listing.folders.len() == 1);
    let mut held_out = None;
    let base = match train {
        Some((_, train)) if parted => {
            for (_, candidate) in test.into_iter().chain(validation) {
                if held_out.is_none() && !list(candidate)?.folders.is_empty() {
                    held_out = Some(candidate.clone());
                } else {
                    tally.count("", Reason::UnusedPart, candidate);
                }
            }
            let parts = [Some(train), test.map(|(_, path)| path), validation.map(|(_, path)| path)];
            for (_, other) in listing.folders.iter().filter(|(_, path)| !parts.contains(&Some(path))) {
                tally.count("", Reason::BesideClasses, other);
            }
            train.clone()
        }
        _ => folder.clone(),
    };
    for (path, reason) in &listing.others {
        tally.count("", reason.clone(), path);
    }
    for (_, path) in &listing.files {
        tally.count("", Reason::BesideClasses, path);
    }
    let mut seen = HashSet::from([identity(&folder)?, identity(&base)?]);
    let folders = class_folders(&base, if base == folder { None } else { Some(&mut tally) })?;
    let train = images(&folders, &mut seen, &mut tally)?;
    let class = |((name, path), train)| (path, Class { name, train, test: Vec::new() });
    let mut classes: Vec<(PathBuf, Class)> = folders.into_iter().zip(train).map(class).collect();
    if let Some(part) = &held_out {
        seen.insert(identity(part)?);
        let folders = class_folders(part, Some(&mut tally))?;
        let test = images(&folders, &mut seen, &mut tally)?;
        for ((name, path), test) in folders.into_iter().zip(test) {
            let Some((_, class)) = classes.iter_mut().find(|(_, class)| class.name == name) else {
                let train = base.file_name().unwrap_or_default().display();
                return Err(Error::format(&path, format!("a class that is in `{train}` too"), name));
            };
            class.test = test;
        }
    }
    let mut kept = Vec::new();
    for (path, class) in classes {
        match class.train.is_empty() {
            false => kept.push(class),
            true if pass_over_empty => tally.count(&class.name, Reason::Empty, &path),
            true => {
                let of = tally.list(&folder, &[]).into_iter().filter(|p| p.class == class.name).collect::<Vec<_>>();
                let found =
                    if of.is_empty() { "none".to_owned() } else { format!("none; {}", sentences(&of).join("; ")) };
                return Err(Error::format(&path, format!("files of images ({FORMATS})"), found));
            }
        }
    }
    if !(2..=MOST_CLASSES).contains(&kept.len()) {
        let expected = format!("2 to {MOST_CLASSES} class folders with images ({FORMATS})");
        return Err(Error::format(&base, expected, kept.len().to_string()));
    }
    Ok(Found { classes: kept, held_out, passed_over: tally })
}

/// Down to where there is more than one folder, as an unpacked archive often has one around all.
fn descend(folder: &Path) -> Result<(PathBuf, Listing)> {
    let (mut folder, mut listing) = (folder.to_owned(), list(folder)?);
    for _ in 0..MOST_LEVELS {
        let [(name, only)] = listing.folders.as_slice() else { break };
        let below = list(only)?;
        let is_train = |name: &str| TRAIN.contains(&name.to_lowercase().as_str());
        if is_train(name) || below.folders.len() < 2 && !below.folders.iter().any(|(n, _)| is_train(n)) {
            break;
        }
        (folder, listing) = (only.clone(), below);
    }
    Ok((folder, listing))
}

/// The class folders of a folder: in the order of numbers where all names are numbers, else of names. What stands beside
/// them is counted.
fn class_folders(folder: &Path, tally: Option<&mut Tally>) -> Result<Vec<(String, PathBuf)>> {
    let listing = list(folder)?;
    if let Some(tally) = tally {
        listing.others.into_iter().for_each(|(path, reason)| tally.count("", reason, &path));
        listing.files.iter().for_each(|(_, path)| tally.count("", Reason::BesideClasses, path));
    }
    let mut folders = listing.folders;
    if !(2..=MOST_CLASSES).contains(&folders.len()) {
        let expected = format!("2 to {MOST_CLASSES} class folders with images ({FORMATS})");
        return Err(Error::format(folder, expected, folders.len().to_string()));
    }
    let number = |name: &str| name.parse::<f64>().ok().filter(|n| n.is_finite());
    if folders.iter().all(|(name, _)| number(name).is_some()) {
        folders.sort_by(|(a, _), (b, _)| number(a).partial_cmp(&number(b)).unwrap_or(std::cmp::Ordering::Equal));
    }
    Ok(folders)
}
