//! Where the files of a data set are.

use std::path::{Path, PathBuf};

use super::images::{Files, Images};
use super::name::DatasetName;
use super::{cifar, cifar_python, glyphs, idx};
use crate::error::Result;
use crate::util::names::plain;

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
    /// A folder of CIFAR-10 batches in its version for Python.
    CifarPythonFolder(PathBuf),
    /// The archive of that version.
    CifarPythonArchive(PathBuf),
    /// Images that this crate draws.
    BuiltIn,
}

impl Found {
    /// The folder or archive.
    pub fn path(&self) -> &Path {
        match self {
            Found::Idx(p) | Found::CifarFolder(p) | Found::CifarArchive(p) => p,
            Found::CifarPythonFolder(p) | Found::CifarPythonArchive(p) => p,
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
            Found::CifarPythonFolder(folder) => {
                let names = both.into_iter().flat_map(cifar_python::file_names);
                names.copied().find(|name| !folder.join(name).is_file())
            }
            Found::CifarArchive(_) | Found::CifarPythonArchive(_) | Found::BuiltIn => None,
        }
    }

    /// Reads the images of one set of files.
    ///
    /// # Errors
    /// Those of [`idx::load`], [`cifar::load_folder`], [`cifar::load_archive`] or their like in [`cifar_python`].
    pub fn read(&self, files: Files) -> Result<Images> {
        match self {
            Found::Idx(folder) => idx::load(folder, files),
            Found::CifarFolder(folder) => cifar::load_folder(folder, files),
            Found::CifarArchive(archive) => cifar::load_archive(archive, files),
            Found::CifarPythonFolder(folder) => cifar_python::load_folder(folder, files),
            Found::CifarPythonArchive(archive) => cifar_python::load_archive(archive, files),
            Found::BuiltIn => Ok(glyphs::load(files)),
        }
    }
}

/// Looks for a data set below `folder`, in the layout that torchvision uses: `<NAME>/raw` (or `<NAME>`) with IDX
/// files, `cifar-10-batches-bin`, `cifar-10-batches-py`, or an archive of those. A set counts as there when any of its
/// files is: what is incomplete is an error when it is read, not a reason to look elsewhere.
pub fn below(folder: &Path, name: DatasetName) -> Option<Found> {
    match name {
        DatasetName::Mnist | DatasetName::FashionMnist => {
            let has_any = |dir: &Path| {
                [Files::Train, Files::Test]
                    .into_iter()
                    .flat_map(idx::file_names)
                    .any(|file| idx::existing(dir, file).is_some())
            };
            // The set's folder below this one; or this one is it, and named so.
            let mut sets = near(folder, &name.to_string());
            let own = folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            let above = folder.parent().and_then(Path::file_name).map(|n| n.to_string_lossy().into_owned());
            if plain(&own) == plain(&name.to_string())
                || own == "raw" && above.is_some_and(|above| plain(&above) == plain(&name.to_string()))
            {
                sets.push(folder.to_owned());
            }
            sets.into_iter().flat_map(|set| [set.join("raw"), set]).find(|dir| has_any(dir)).map(Found::Idx)
        }
        DatasetName::Cifar10 => {
            let bases: Vec<PathBuf> = [folder.to_owned()].into_iter().chain(near(folder, "CIFAR10")).collect();
            type Names = fn(Files) -> &'static [&'static str];
            let folder_of = |name: &str, files: Names| {
                let has_any = |dir: &PathBuf| {
                    let mut names = [Files::Train, Files::Test].into_iter().flat_map(files);
                    names.any(|f| dir.join(f).is_file())
                };
                bases.iter().flat_map(|b| [b.join(name), b.clone()]).find(has_any)
            };
            let archive_of = |name: &str| bases.iter().map(|b| b.join(name)).find(|archive| archive.is_file());
            (folder_of(cifar::FOLDER, cifar::file_names).map(Found::CifarFolder))
                .or_else(|| archive_of(cifar::ARCHIVE).map(Found::CifarArchive))
                .or_else(|| {
                    let folder = folder_of(cifar_python::FOLDER, cifar_python::file_names);
                    folder.map(Found::CifarPythonFolder)
                })
                .or_else(|| archive_of(cifar_python::ARCHIVE).map(Found::CifarPythonArchive))
        }
        DatasetName::Glyphs => Some(Found::BuiltIn),
    }
}

/// The folders in `folder` that are called `name`: exactly so, or else in another case or with hyphens (`fashion-mnist`,
/// `cifar-10`).
fn near(folder: &Path, name: &str) -> Vec<PathBuf> {
    let mut found = vec![folder.join(name)];
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let called = |path: &PathBuf| path.file_name().is_some_and(|n| plain(&n.to_string_lossy()) == plain(name));
    let mut others: Vec<PathBuf> = entries.filter(|path| called(path) && path != &found[0] && path.is_dir()).collect();
    others.sort();
    found.extend(others);
    found
}

/// What there is in a folder that comes close to a data set, and does not serve.
fn near_miss(folder: &Path, name: DatasetName) -> Option<String> {
    match name {
        DatasetName::Mnist | DatasetName::FashionMnist => {
            let file = idx::existing(folder, idx::file_names(Files::Train)[0])?;
            let (file, folder) = (file.display(), folder.display());
            Some(format!("{file} may be any set's: put its files into {folder}/{name}"))
        }
        DatasetName::Cifar10 | DatasetName::Glyphs => None,
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
        let found = match near_miss(&folder, name) {
            Some(near) => format!("not in it, but {near}"),
            None if folder.is_dir() => "not in it".to_owned(),
            None => "no such folder".to_owned(),
        };
        looked.push(format!("{}: {found}", folder.display()));
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn folders_and_files_with_names_that_come_near_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let below_data = |place: &str, file: &str, name: DatasetName| {
            let root = tempfile::tempdir_in(dir.path()).unwrap();
            fs::create_dir_all(root.path().join(place)).unwrap();
            fs::write(root.path().join(place).join(file), "").unwrap();
            below(root.path(), name).is_some()
        };
        for (place, file) in [
            ("MNIST/raw", "train-images-idx3-ubyte"),
            ("mnist", "train-images.idx3-ubyte"),
            ("MNIST", "t10k_labels_idx1_ubyte.gz"),
            ("MNIST/train-images-idx3-ubyte", "train-images-idx3-ubyte"),
        ] {
            assert!(below_data(place, file, DatasetName::Mnist), "{place}/{file}");
        }
        assert!(below_data("fashion-mnist", "train-images.idx3-ubyte.gz", DatasetName::FashionMnist));
        assert!(below_data("cifar-10/cifar-10-batches-bin", "test_batch.bin", DatasetName::Cifar10));
        for (place, file) in [("cifar-10-batches-py", "data_batch_3"), ("CIFAR10", "cifar-10-python.tar.gz")] {
            assert!(below_data(place, file, DatasetName::Cifar10), "{place}/{file}");
        }
        assert!(!below_data("elsewhere", "train-images-idx3-ubyte", DatasetName::Mnist));
        let own = dir.path().join("MNIST/raw");
        fs::create_dir_all(&own).unwrap();
        fs::write(own.join("train-images.idx3-ubyte"), "").unwrap();
        assert_eq!(below(&own, DatasetName::Mnist), Some(Found::Idx(own.clone())));
        assert_eq!(below(&own, DatasetName::FashionMnist), None);
    }

    #[test]
    fn what_comes_near_and_does_not_serve_is_said() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("train-images-idx3-ubyte"), "").unwrap();
        let said = near_miss(dir.path(), DatasetName::Mnist).unwrap();
        assert!(said.contains("put its files into"), "{said}");
    }
}
