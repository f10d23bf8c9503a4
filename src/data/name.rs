//! The data sets that have names.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::util::names::plain;

/// The data sets that can be loaded by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DatasetName {
    /// Handwritten digits, 28 x 28, grey (LeCun, Cortes, Burges).
    Mnist,
    /// Images of clothes, 28 x 28, grey (Xiao, Rasul, Vollgraf 2017).
    FashionMnist,
    /// Photographs, 32 x 32, colour (Krizhevsky 2009).
    Cifar10,
    /// Drawn signs made by this crate, for where no data can be had; see [`glyphs`](super::glyphs).
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
            DatasetName::Glyphs => GLYPH_NAMES,
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
        DatasetName::ALL.into_iter().find(|d| plain(&d.to_string()) == plain(s)).ok_or_else(|| {
            Error::parameter("dataset", format!("one of {}", DatasetName::ALL.map(|d| d.to_string()).join(", ")), s)
        })
    }
}

/// What the classes of [`DatasetName::Glyphs`] show.
const GLYPH_NAMES: [&str; 10] = ["ring", "bar", "zig", "hook", "fork", "ess", "loop", "gallows", "cross", "crook"];
