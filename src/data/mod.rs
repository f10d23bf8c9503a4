//! Data sets: from files, or a download, to the pictures of a source and a target task.
//!
//! [`locate`] finds or fetches the files of a known data set, [`Dataset::from_folder`] reads one's own, [`idx`], [`cifar`] and [`glyphs`] read them into [`Pictures`] (bytes),
//! [`task`] picks classes and splits, and [`TransferLearningWrapper`] holds both tasks of a study.

pub mod cifar;
pub mod download;
pub mod glyphs;
pub mod idx;
pub mod locate;
mod own;
pub mod task;
mod wrapper;

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

pub use own::FolderOptions;
pub use task::{Phase, Samples, Task};
pub use wrapper::TransferLearningWrapper;

use crate::error::{Error, Result};
use crate::runtime::progress::Progress;

/// The data sets that can be loaded by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DatasetName {
    /// Handwritten digits, 28 x 28, grey (LeCun, Cortes, Burges).
    Mnist,
    /// Pictures of clothes, 28 x 28, grey (Xiao, Rasul, Vollgraf 2017).
    FashionMnist,
    /// Photographs, 32 x 32, colour (Krizhevsky 2009).
    Cifar10,
    /// Drawn signs made by this crate, for where no data can be had; see [`glyphs`].
    Glyphs,
}

/// [`DatasetName::Mnist`].
pub const MNIST: DatasetName = DatasetName::Mnist;
/// [`DatasetName::FashionMnist`].
pub const FASHION_MNIST: DatasetName = DatasetName::FashionMnist;
/// [`DatasetName::Cifar10`].
pub const CIFAR10: DatasetName = DatasetName::Cifar10;
/// [`DatasetName::Glyphs`].
pub const GLYPHS: DatasetName = DatasetName::Glyphs;

impl DatasetName {
    /// Every data set.
    pub const ALL: [DatasetName; 4] = [MNIST, FASHION_MNIST, CIFAR10, GLYPHS];

    /// What the classes show, by label.
    pub fn class_names(self) -> [&'static str; 10] {
        match self {
            DatasetName::Mnist => ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
            DatasetName::FashionMnist => {
                ["T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
            }
            DatasetName::Cifar10 => {
                ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
            }
            DatasetName::Glyphs => glyphs::NAMES,
        }
    }
}

impl fmt::Display for DatasetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DatasetName::Mnist => "MNIST",
            DatasetName::FashionMnist => "FashionMNIST",
            DatasetName::Cifar10 => "CIFAR10",
            DatasetName::Glyphs => "Glyphs",
        })
    }
}

impl FromStr for DatasetName {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        let plain = |s: &str| s.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
        DatasetName::ALL.into_iter().find(|d| plain(&d.to_string()) == plain(s)).ok_or_else(|| {
            Error::parameter("dataset", format!("one of {}", DatasetName::ALL.map(|d| d.to_string()).join(", ")), s)
        })
    }
}

/// One of a data set's two sets of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Files {
    /// The training files.
    Train,
    /// The test files.
    Test,
}

/// Labelled pictures as bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Pictures {
    /// Pixels, 0 to 255: picture by picture, channel by channel, row by row.
    pub pixels: Vec<u8>,
    /// A class label for each picture.
    pub labels: Vec<u8>,
    /// Channels, height and width of every picture.
    pub shape: [usize; 3],
}

impl Pictures {
    /// How many pictures there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Bytes a picture.
    pub fn picture_size(&self) -> usize {
        self.shape.iter().product()
    }

    /// The bytes of picture `row`.
    pub fn picture(&self, row: usize) -> &[u8] {
        let size = self.picture_size();
        &self.pixels[row * size..(row + 1) * size]
    }
}

impl fmt::Debug for Pictures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [c, h, w] = self.shape;
        write!(f, "Pictures({} of {c} x {h} x {w})", self.len())
    }
}

/// A data set: the pictures of its training and of its test files.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// What it is called.
    pub name: String,
    /// What each class shows, by label.
    pub class_names: Vec<String>,
    /// The training files' pictures.
    pub train: Arc<Pictures>,
    /// The test files' pictures.
    pub test: Arc<Pictures>,
    /// Where they were read from, for a reader.
    pub place: String,
}

impl Dataset {
    /// Finds (or fetches) a data set and reads it; see [`locate::find`] for the places and their order.
    ///
    /// # Errors
    /// Those of [`locate::find`], and [`Error::Format`] or [`Error::Io`] when a file is broken.
    pub fn load(name: DatasetName, data: Option<&Path>, progress: &dyn Progress) -> Result<Self> {
        let found = locate::find(name, data, progress)?;
        let (train, test) = (found.read(Files::Train)?, found.read(Files::Test)?);
        if train.shape != test.shape {
            let dims = |p: &Pictures| format!("{} x {} x {}", p.shape[0], p.shape[1], p.shape[2]);
            return Err(Error::format(found.path(), format!("test pictures of {}", dims(&train)), dims(&test)));
        }
        Ok(Dataset {
            name: name.to_string(),
            class_names: name.class_names().map(str::to_owned).to_vec(),
            train: Arc::new(train),
            test: Arc::new(test),
            place: found.path().display().to_string(),
        })
    }
}
