//! Where the files of a data set are.

use std::path::{Path, PathBuf};

use super::images::{Files, Pictures};
use super::name::DatasetName;
use super::{cifar, glyphs, idx};
use crate::error::Result;

/// The environment variable that names the folder of data sets where no folder is given.
pub const ENV: &str = "CUTPOINT_DATA";
/// The folder used where neither is.
const DEFAULT: &str = "data";
/// Where Debian's package puts FashionMNIST.
const DEBIAN: &str = "/usr/share/datasets/fashion-mnist";

/// A data set's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A folder of IDX files, plain or `.gz`.
    Idx(PathBuf),
    /// A folder of CIFAR-10 batches.
    CifarFolder(PathBuf),
    /// CIFAR-10's archive.
    CifarArchive(PathBuf),
    /// Pictures that this crate draws.
    BuiltIn,
}

impl Found {
    /// The folder or archive.
    pub fn path(&self) -> &Path {
        match self {
            Found::Idx(p) | Found::CifarFolder(p) | Found::CifarArchive(p) => p,
            Found::BuiltIn => Path::new("(built in)"),
        }
    }

    /// A file of the set that is not there, if one is not.
    pub fn missing(&self) -> Option<&'static str> {
        let both = [Files::Train, Files::Test];
        match self {
            Found::Idx(folder) => {
                both.into_iter().flat_map(idx::file_names).find(|name| idx::existing(folder, name).is_none())
            }
            Found::CifarFolder(folder) => {
                both.into_iter().flat_map(cifar::file_names).copied().find(|name| !folder.join(name).is_file())
            }
            Found::CifarArchive(_) | Found::BuiltIn => None,
        }
    }

    /// Reads the pictures of one set of files.
    ///
    /// # Errors
    /// Those of [`idx::load`], [`cifar::load_folder`] or [`cifar::load_archive`].
    pub fn read(&self, files: Files) -> Result<Pictures> {
        match self {
            Found::Idx(folder) => idx::load(folder, files),
            Found::CifarFolder(folder) => cifar::load_folder(folder, files),
            Found::CifarArchive(archive) => cifar::load_archive(archive, files),
            Found::BuiltIn => Ok(glyphs::load(files)),
        }
    }
}

/// Looks for a data set below `folder`, in the layout that torchvision uses: `<NAME>/raw` (or `<NAME>`) with IDX
/// files, `cifar-10-batches-bin`, or CIFAR-10's archive. A set counts as there when any of its files is: what is
/// incomplete is an error when it is read, not a reason to look elsewhere.
pub fn below(folder: &Path, name: DatasetName) -> Option<Found> {
    match name {
        DatasetName::Mnist | DatasetName::FashionMnist => {
            let has_any = |dir: &Path| {
                [Files::Train, Files::Test]
                    .into_iter()
                    .flat_map(idx::file_names)
                    .any(|file| idx::existing(dir, file).is_some())
            };
            let set = folder.join(name.to_string());
            [set.join("raw"), set].into_iter().find(|dir| has_any(dir)).map(Found::Idx)
        }
        DatasetName::Cifar10 => {
            let bases = [folder.to_owned(), folder.join("CIFAR10")];
            let dirs = bases.iter().map(|b| b.join(cifar::FOLDER));
            let archives = bases.iter().map(|b| b.join(cifar::ARCHIVE));
            let has_any = |dir: &PathBuf| {
                cifar::file_names(Files::Train)
                    .iter()
                    .chain(cifar::file_names(Files::Test))
                    .any(|f| dir.join(f).is_file())
            };
            (dirs.into_iter().find(has_any).map(Found::CifarFolder))
                .or_else(|| archives.into_iter().find(|a| a.is_file()).map(Found::CifarArchive))
        }
        DatasetName::Glyphs => Some(Found::BuiltIn),
    }
}

/// Finds a data set without downloading anything. The places, in order: `data`; the folder that `CUTPOINT_DATA` names;
/// `data` below the working directory; Debian's package (FashionMNIST).
///
/// # Errors
/// What was looked at, one line a place, when it is nowhere.
pub fn find_local(name: DatasetName, data: Option<&Path>) -> std::result::Result<Found, Vec<String>> {
    let given = data.map(Path::to_owned).into_iter().chain(std::env::var_os(ENV).map(PathBuf::from));
    let mut looked = Vec::new();
    let mut folders: Vec<PathBuf> = given.chain([PathBuf::from(DEFAULT)]).collect();
    folders.dedup();
    for folder in folders {
        if let Some(found) = below(&folder, name) {
            return Ok(found);
        }
        looked.push(format!("{}: {}", folder.display(), if folder.is_dir() { "not in it" } else { "no such folder" }));
    }
    if name == DatasetName::FashionMnist {
        let debian = Path::new(DEBIAN);
        if idx::existing(debian, idx::file_names(Files::Train)[0]).is_some() {
            return Ok(Found::Idx(debian.to_owned()));
        }
        looked.push(format!("{DEBIAN}: not installed"));
    }
    Err(looked)
}

/// The folder that downloads go to: `data`, else what `CUTPOINT_DATA` names, else `data` in the working directory.
pub fn download_folder(data: Option<&Path>) -> PathBuf {
    data.map(Path::to_owned).or_else(|| std::env::var_os(ENV).map(PathBuf::from)).unwrap_or_else(|| DEFAULT.into())
}
