//! Fetching data sets: mirrors with a fall-back each, resumed where they broke off, checked before use, and moved
//! into place when complete.

mod debian;
mod official;
mod transfer;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use debian::from_debian;
use official::{remotes, verify, Remote, CIFAR10_BATCHES_FOR_PYTHON, CIFAR10_FOR_PYTHON};
use transfer::from_mirrors;

use super::name::DatasetName;
use super::places::Found;
use super::{cifar, idx};
use crate::error::{Error, Result};
use crate::runtime::progress::Progress;
use crate::util::files::create_dir;

/// The environment variable that names a mirror of one's own, tried before the official ones: `URL/<NAME>/<file>`.
pub const MIRROR_ENV: &str = "CUTPOINT_MIRROR";

/// Why a data set could not be fetched.
#[derive(Debug)]
pub enum Failure {
    /// No source had it: what each one said.
    Nowhere(Vec<String>),
    /// Trying another source would not help: an interrupt, a full disk, a folder that cannot be written.
    Stop(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Stop(error)
    }
}

/// Where a data set's files go below the folder of data sets.
fn destination(folder: &Path, name: DatasetName) -> PathBuf {
    match name {
        DatasetName::Cifar10 => folder.to_owned(),
        _ => folder.join(name.to_string()).join("raw"),
    }
}

/// Fetches a data set into `folder`, in the layout that [`super::places::below`] looks for. Files that are there and
/// right are kept.
///
/// # Errors
/// [`Failure`].
pub fn fetch(name: DatasetName, folder: &Path, progress: &dyn Progress) -> std::result::Result<(), Failure> {
    let (official, files) = remotes(name);
    let own = std::env::var(MIRROR_ENV).ok().map(|base| format!("{}/{name}", base.trim_end_matches('/')));
    let mirrors: Vec<String> = own.into_iter().chain(official.iter().map(|m| (*m).to_owned())).collect();
    let place = destination(folder, name);
    create_dir(&place)?;
    let mut reasons = Vec::new();
    for remote in files {
        let target = place.join(remote.file);
        if target.is_file() && verify(&target, remote.md5).is_ok() {
            continue;
        }
        let mut said = Vec::new();
        if !from_mirrors(&mirrors, remote, &target, progress, &mut said)? {
            // Without one file the others are of no use: ask the mirrors no more.
            reasons = said;
            break;
        }
    }
    if !reasons.is_empty() && name == DatasetName::FashionMnist {
        progress.line("The mirrors of FashionMNIST cannot be used; trying Debian's package dataset-fashion-mnist");
        match from_debian(&place, files) {
            Ok(()) => reasons.clear(),
            Err(error @ Error::Interrupted(_)) => return Err(Failure::Stop(error)),
            Err(error) => reasons.push(format!("Debian's package dataset-fashion-mnist: {error}")),
        }
    }
    if !reasons.is_empty() {
        // Only folders of this data set that stayed empty go; what was fetched before waits for the next try.
        if place != folder {
            let _ = fs::remove_dir(&place).and_then(|()| fs::remove_dir(folder.join(name.to_string())));
        }
        return Err(Failure::Nowhere(reasons));
    }
    if name == DatasetName::Cifar10 {
        unpack_cifar(&place)?;
    }
    Ok(())
}

/// Whether a data set's files are the official ones: each file with its verdict. The one sum known of CIFAR-10 is its
/// archive's, so of an unpacked folder nothing can be said unless the archive is beside it.
pub fn check_official(name: DatasetName, found: &Found) -> Vec<(PathBuf, Result<()>)> {
    let (_, files) = remotes(name);
    let judged = |remote: &Remote, path: PathBuf| {
        let verdict = verify(&path, remote.md5);
        (path, verdict)
    };
    match found {
        Found::Idx(folder) => files
            .iter()
            .map(|remote| {
                let plain = remote.file.trim_end_matches(".gz");
                judged(remote, idx::existing(folder, plain).unwrap_or_else(|| folder.join(plain)))
            })
            .collect(),
        Found::CifarArchive(archive) => files.iter().map(|remote| judged(remote, archive.clone())).collect(),
        Found::CifarFolder(folder) => {
            let archive = folder.with_file_name(cifar::ARCHIVE);
            let beside = files.iter().filter(|_| archive.is_file());
            beside.map(|remote| judged(remote, archive.clone())).collect()
        }
        Found::CifarPythonArchive(archive) => vec![judged(&CIFAR10_FOR_PYTHON, archive.clone())],
        Found::CifarPythonFolder(folder) => {
            CIFAR10_BATCHES_FOR_PYTHON.iter().map(|batch| judged(batch, folder.join(batch.file))).collect()
        }
        Found::BuiltIn => Vec::new(),
    }
}

/// Unpacks CIFAR-10's archive beside itself, so that loading takes a fraction of a second from then on. Files that are
/// there stay; each other one is moved into place whole.
fn unpack_cifar(folder: &Path) -> Result<()> {
    let archive = folder.join(cifar::ARCHIVE);
    let target = folder.join(cifar::FOLDER);
    if target.is_dir() && Found::CifarFolder(target.clone()).missing().is_none() {
        return Ok(());
    }
    let scratch =
        tempfile::Builder::new().prefix(".cifar-").tempdir_in(folder).map_err(Error::io("write in", folder))?;
    let file = File::open(&archive).map_err(Error::io("open", &archive))?;
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(file));
    tar.unpack(scratch.path()).map_err(Error::io("unpack", &archive))?;
    create_dir(&target)?;
    let unpacked = scratch.path().join(cifar::FOLDER);
    for entry in fs::read_dir(&unpacked).map_err(Error::io("list", &unpacked))? {
        let entry = entry.map_err(Error::io("list", &unpacked))?;
        let place = target.join(entry.file_name());
        if !place.exists() {
            fs::rename(entry.path(), &place).map_err(Error::io("move into place", &place))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Files;
    use crate::runtime::progress::Silent;

    #[test]
    fn an_unpacked_folder_that_lacks_a_file_is_completed() {
        let dir = tempfile::tempdir().unwrap();
        let archive = File::create(dir.path().join(cifar::ARCHIVE)).unwrap();
        let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(archive, flate2::Compression::fast()));
        let names = || [Files::Train, Files::Test].into_iter().flat_map(cifar::file_names);
        for name in names() {
            let mut header = tar::Header::new_gnu();
            header.set_size(3);
            header.set_mode(0o644);
            tar.append_data(&mut header, format!("{}/{name}", cifar::FOLDER), &b"new"[..]).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap();
        let target = dir.path().join(cifar::FOLDER);
        create_dir(&target).unwrap();
        fs::write(target.join("test_batch.bin"), "old").unwrap();
        unpack_cifar(dir.path()).unwrap();
        assert_eq!(Found::CifarFolder(target.clone()).missing(), None);
        assert_eq!(fs::read(target.join("test_batch.bin")).unwrap(), b"old");
        assert_eq!(fs::read(target.join("data_batch_3.bin")).unwrap(), b"new");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing half-unpacked stays");
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_an_error_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("plain-file");
        fs::write(&file, "x").unwrap();
        let Err(Failure::Stop(error)) = fetch(DatasetName::Mnist, &file, &Silent) else { panic!("it should fail") };
        assert!(error.to_string().contains("plain-file"), "{error}");
    }
}
