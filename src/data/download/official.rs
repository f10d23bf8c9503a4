//! The official files of the data sets: where they are, and their sums.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use md5::{Digest, Md5};

use crate::data::name::DatasetName;
use crate::data::{cifar, cifar_python};
use crate::error::{Error, Result};
use crate::util::hex::hex;

/// The part of a file that its checksum is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sum {
    /// The uncompressed contents: the same however the file was packed.
    Contents(&'static str),
    /// The file as it is.
    File(&'static str),
}

/// One file of a data set, by its name on the mirrors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Remote {
    pub file: &'static str,
    pub md5: Sum,
}

const fn contents(file: &'static str, md5: &'static str) -> Remote {
    Remote { file, md5: Sum::Contents(md5) }
}

const fn of_file(file: &'static str, md5: &'static str) -> Remote {
    Remote { file, md5: Sum::File(md5) }
}

const MNIST_FILES: [Remote; 4] = [
    contents("train-images-idx3-ubyte.gz", "6bbc9ace898e44ae57da46a324031adb"),
    contents("train-labels-idx1-ubyte.gz", "a25bea736e30d166cdddb491f175f624"),
    contents("t10k-images-idx3-ubyte.gz", "2646ac647ad5339dbf082846283269ea"),
    contents("t10k-labels-idx1-ubyte.gz", "27ae3e4e09519cfbb04c329615203637"),
];
const FASHION_MNIST_FILES: [Remote; 4] = [
    contents("train-images-idx3-ubyte.gz", "f4a8712d7a061bf5bd6d2ca38dc4d50a"),
    contents("train-labels-idx1-ubyte.gz", "9018921c3c673c538a1fc5bad174d6f9"),
    contents("t10k-images-idx3-ubyte.gz", "8181f5470baa50b63fa0f6fddb340f0a"),
    contents("t10k-labels-idx1-ubyte.gz", "15d484375f8d13e6eb1aabb0c3f46965"),
];
const CIFAR10_FILES: [Remote; 1] = [of_file(cifar::ARCHIVE, "c32a1d4ab5d03f1284b67883e8d87530")];

/// CIFAR-10's version for Python, which is read, and not fetched. Source: torchvision 0.26, `datasets/cifar.py`.
pub(super) const CIFAR10_FOR_PYTHON: Remote = of_file(cifar_python::ARCHIVE, "c58f30108f718f92721af3b95e74349a");
/// Its files.
pub(super) const CIFAR10_BATCHES_FOR_PYTHON: [Remote; 6] = [
    of_file("data_batch_1", "c99cafc152244af753f735de768cd75f"),
    of_file("data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"),
    of_file("data_batch_3", "54ebc095f3ab1f0389bbae665268c751"),
    of_file("data_batch_4", "634d18415352ddfa80567beed471001a"),
    of_file("data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"),
    of_file("test_batch", "40351d587109b95175f43aff81a1287e"),
];

/// What is fetched for a data set, and from where: (mirrors, files). Sources: the data sets' own pages; the second
/// one of CIFAR-10 is MindSpore's copy of the archive.
pub(super) fn remotes(name: DatasetName) -> (&'static [&'static str], &'static [Remote]) {
    match name {
        DatasetName::Mnist => (
            &["https://ossci-datasets.s3.amazonaws.com/mnist", "https://storage.googleapis.com/cvdf-datasets/mnist"],
            &MNIST_FILES,
        ),
        DatasetName::FashionMnist => (
            &[
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
                "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
            ],
            &FASHION_MNIST_FILES,
        ),
        DatasetName::Cifar10 => (
            &[
                "https://www.cs.toronto.edu/~kriz",
                "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets",
            ],
            &CIFAR10_FILES,
        ),
        DatasetName::Glyphs => (&[], &[]),
    }
}

/// The MD5 sum of a stream, in hex.
pub(super) fn md5_of(mut stream: impl Read) -> std::io::Result<String> {
    let mut hash = Md5::new();
    let mut buffer = vec![0u8; 1 << 16];
    loop {
        match stream.read(&mut buffer)? {
            0 => break,
            n => hash.update(&buffer[..n]),
        }
    }
    Ok(hex(hash.finalize()))
}

pub(super) fn verify(path: &Path, sum: Sum) -> Result<()> {
    let file = || File::open(path).map_err(Error::io("open", path));
    let (expected, found) = match sum {
        Sum::File(md5) => (md5, md5_of(file()?)),
        // The name may still end in .part: what it is packed with shows in its first bytes.
        Sum::Contents(md5) => {
            let mut start = [0u8; 2];
            let zipped = file()?.read_exact(&mut start).is_ok() && start == [0x1f, 0x8b];
            (md5, if zipped { md5_of(flate2::read::MultiGzDecoder::new(file()?)) } else { md5_of(file()?) })
        }
    };
    let found = found.unwrap_or_else(|e| format!("none ({e})"));
    if found == expected {
        return Ok(());
    }
    Err(Error::Checksum { path: path.to_owned(), expected: expected.to_owned(), found })
}
