//! What a folder of images holds, before it is read as a data set.

use std::fmt;
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};
use serde::Serialize;

use super::decode::{decode, lies};
use super::read::{File, FolderOptions, Reading, MOST_BYTES};
use super::survey::{sentences, PassedOver, Reason};
use crate::error::Result;
use crate::runtime::cancel;
use crate::runtime::progress::{Progress, Unit};
use crate::util::files::read_regular;
use crate::util::hex::hex;

/// The classes of a folder, how many images each has, how large they are, and what was passed over.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FolderReport {
    /// The folder.
    pub folder: PathBuf,
    /// The part of it that is held out for testing; where there is none, some of each class are.
    pub held_out: Option<PathBuf>,
    /// The classes in the order of their labels.
    pub classes: Vec<ClassOfFolder>,
    /// What is not read, by class and reason.
    pub passed_over: Vec<PassedOver>,
    /// The first images that cannot be read, and why: reading the folder ends at the first of them, unless they are
    /// passed over on request.
    pub broken: Vec<String>,
    /// MD5 of classes, parts and the images' files in the order in which they are read: the same for the same images,
    /// wherever they lie and whatever their names are.
    pub digest: String,
}

/// One class of a folder.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassOfFolder {
    /// Its name.
    pub name: String,
    /// Images for training.
    pub train: usize,
    /// Images for testing.
    pub test: usize,
    /// Width and height of the image with the fewest pixels.
    pub smallest: [u32; 2],
    /// Width and height of the image with the most.
    pub largest: [u32; 2],
    /// Bytes of all files.
    pub bytes: u64,
}

/// Broken images that are named; all are counted.
const MOST_NAMED: usize = 10;

impl FolderReport {
    /// Looks through a folder, and into every file that would be read of it.
    ///
    /// # Errors
    /// Those of [`Dataset::from_folder`](crate::data::Dataset::from_folder), but for images that cannot be read, which
    /// are counted.
    pub fn new(folder: impl AsRef<Path>, options: &FolderOptions, progress: &dyn Progress) -> Result<FolderReport> {
        let folder = folder.as_ref();
        let mut reading = Reading::of(folder, options)?;
        let (train, test) = (std::mem::take(&mut reading.train), std::mem::take(&mut reading.test));
        progress.begin("looking at images", (train.len() + test.len()) as u64, Unit::Work);
        let looked = Self::look(folder, &mut reading, &train, &test, options, progress);
        progress.end();
        looked
    }

    fn look(
        folder: &Path,
        reading: &mut Reading,
        train: &[File],
        test: &[File],
        options: &FolderOptions,
        progress: &dyn Progress,
    ) -> Result<FolderReport> {
        let empty = |class: &super::survey::Class| ClassOfFolder {
            name: class.name.clone(),
            train: 0,
            test: 0,
            smallest: [0; 2],
            largest: [0; 2],
            bytes: 0,
        };
        let mut classes: Vec<ClassOfFolder> = reading.found.classes.iter().map(empty).collect();
        let (mut broken, mut hash) = (Vec::new(), Md5::new());
        for class in &classes {
            hash.update(format!("{}\n", class.name));
        }
        let area = |[width, height]: [u32; 2]| u64::from(width) * u64::from(height);
        for (part, files) in [("train", train), ("test", test)] {
            for file in files {
                cancel::check("looking at images")?;
                let class = &mut classes[usize::from(file.label)];
                let bytes = read_regular(&file.path, MOST_BYTES)?;
                match decode(&bytes, options.background) {
                    Ok((image, orientation)) => {
                        let size = [image.width(), image.height()];
                        let size = if lies(orientation) { [size[1], size[0]] } else { size };
                        let first = class.train + class.test == 0;
                        if first || area(size) < area(class.smallest) {
                            class.smallest = size;
                        }
                        if first || area(size) > area(class.largest) {
                            class.largest = size;
                        }
                        *(if part == "train" { &mut class.train } else { &mut class.test }) += 1;
                        class.bytes += bytes.len() as u64;
                        hash.update(format!("{part} {} {}\n", file.label, hex(Md5::digest(&bytes))));
                    }
                    Err(fault) => {
                        reading.found.passed_over.count(&class.name, Reason::Broken, &file.path);
                        if broken.len() < MOST_NAMED {
                            let path = file.path.strip_prefix(folder).unwrap_or(&file.path);
                            broken.push(format!("{}: {fault}", path.display()));
                        }
                    }
                }
                progress.advance(1);
            }
        }
        Ok(FolderReport {
            folder: folder.to_owned(),
            held_out: reading.found.held_out.clone(),
            classes,
            passed_over: reading.passed_over(folder),
            broken,
            digest: hex(hash.finalize()),
        })
    }
}

impl fmt::Display for FolderReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |name: &str| match name.chars().count() {
            0..=24 => name.to_owned(),
            _ => name.chars().take(23).chain(['…']).collect(),
        };
        let size = |[width, height]: [u32; 2]| format!("{width} x {height}");
        writeln!(f, "{}", self.folder.display())?;
        let wide = self.classes.iter().map(|c| shown(&c.name).chars().count()).max().unwrap_or(0).max(5);
        let row = |f: &mut fmt::Formatter<'_>, cells: [String; 6]| {
            let [class, train, test, smallest, largest, bytes] = cells;
            writeln!(f, "{class:<wide$} {train:>8} {test:>8} {smallest:>13} {largest:>13} {bytes:>14}")
        };
        row(f, ["class", "training", "test", "smallest", "largest", "bytes"].map(str::to_owned))?;
        for class in &self.classes {
            let counts = [class.train.to_string(), class.test.to_string()];
            let [smallest, largest] = [size(class.smallest), size(class.largest)];
            let [train, test] = counts;
            row(f, [shown(&class.name), train, test, smallest, largest, class.bytes.to_string()])?;
        }
        let held_out = match &self.held_out {
            Some(part) => format!("{} is held out for testing", part.display()),
            None => "some of each class are held out for testing".to_owned(),
        };
        writeln!(f, "{held_out}")?;
        for line in sentences(&self.passed_over) {
            writeln!(f, "{line}")?;
        }
        for line in &self.broken {
            writeln!(f, "  {line}")?;
        }
        write!(f, "digest {}", self.digest)
    }
}
