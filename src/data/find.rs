//! Finding a data set, or fetching it, and reading it.

use std::path::Path;
use std::sync::Arc;

use super::dataset::Dataset;
use super::images::{Files, Images};
use super::name::DatasetName;
use super::places::{below, download_folder, find_local, Found, ENV};
use super::{cifar, download};
use crate::error::{Error, Result};
use crate::runtime::progress::Progress;

/// Finds a data set, and fetches it where it is in no local place: from its mirrors, and FashionMNIST from Debian's
/// archive where those cannot be reached. See [`find_local`] for the places.
///
/// # Errors
/// [`Error::DataNotFound`] with every place and mirror and why it did not serve; [`Error::Interrupted`].
pub fn find(name: DatasetName, data: Option<&Path>, progress: &dyn Progress) -> Result<Found> {
    let folder = download_folder(data);
    let mut looked = match find_local(name, data) {
        Ok(found) => match found.missing() {
            // A download that stopped between two files goes on; elsewhere a missing file is an error when it is read.
            Some(missing) if found.path().starts_with(&folder) => {
                vec![format!("{}: incomplete, as {missing} is not there", found.path().display())]
            }
            _ => return Ok(found),
        },
        Err(looked) => looked,
    };
    match download::fetch(name, &folder, progress) {
        Ok(()) => {}
        Err(download::Failure::Stop(error)) => return Err(error),
        Err(download::Failure::Nowhere(reasons)) => {
            looked.extend(reasons);
            let place = match name {
                DatasetName::Cifar10 => folder.join(cifar::FOLDER),
                _ => folder.join(name.to_string()).join("raw"),
            };
            let hint = format!(
                "Put its files into {}, name the folder above with {ENV}, or use the data set Glyphs, which \
                 is built in.",
                place.display()
            );
            return Err(Error::DataNotFound { name: name.to_string(), looked, hint });
        }
    }
    below(&folder, name).ok_or_else(|| Error::DataNotFound {
        name: name.to_string(),
        looked: vec![format!("{}: not in it, although the download ended", folder.display())],
        hint: String::new(),
    })
}

impl Dataset {
    /// Finds (or fetches) a data set and reads it; see [`find`] for the places and their order.
    ///
    /// # Errors
    /// Those of [`find`], and [`Error::Format`] or [`Error::Io`] when a file is broken.
    pub fn load(name: DatasetName, data: Option<&Path>, progress: &dyn Progress) -> Result<Self> {
        let found = find(name, data, progress)?;
        let (train, test) = (found.read(Files::Train)?, found.read(Files::Test)?);
        if train.shape != test.shape {
            let dims = |p: &Images| format!("{} x {} x {}", p.shape[0], p.shape[1], p.shape[2]);
            return Err(Error::format(found.path(), format!("test images of {}", dims(&train)), dims(&test)));
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
