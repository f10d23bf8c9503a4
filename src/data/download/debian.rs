//! FashionMNIST out of Debian's archive.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::official::{verify, Remote};
use crate::error::{Error, Result};
use crate::runtime::background::in_background;
use crate::util::files::create_dir;

/// Gets FashionMNIST out of Debian's package, without root and without installing anything.
pub(super) fn from_debian(place: &Path, files: &'static [Remote]) -> Result<()> {
    const PACKAGE: &str = "dataset-fashion-mnist";
    let scratch =
        tempfile::Builder::new().prefix(".debian-").tempdir_in(place).map_err(Error::io("write in", place))?;
    let (place, root) = (place.to_owned(), scratch.path().to_owned());
    in_background(
        "download of Debian's package",
        move |_| {
            let said_no = |program: &str, reason: String| Error::Download {
                url: PACKAGE.into(),
                reason: format!("{program}: {reason}"),
            };
            let run = |program: &str, args: &[&str]| -> Result<()> {
                let output = Command::new(program)
                    .args(args)
                    .current_dir(&root)
                    .output()
                    .map_err(|e| said_no(program, e.to_string()))?;
                if output.status.success() {
                    return Ok(());
                }
                let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
                Err(said_no(program, said))
            };
            if run("apt-get", &["download", PACKAGE]).is_err() {
                // A fresh machine has no package lists yet; lists of our own need no root.
                let lists = root.join("lists");
                create_dir(&lists.join("partial"))?;
                let state = format!("Dir::State::lists={}", lists.display());
                let cache = format!("Dir::Cache={}", root.join("cache").display());
                run("apt-get", &["-o", &state, "-o", &cache, "update"])?;
                run("apt-get", &["-o", &state, "-o", &cache, "download", PACKAGE])?;
            }
            let package = fs::read_dir(&root)
                .map_err(Error::io("list", &root))?
                .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
                .find(|name| name.ends_with(".deb"))
                .ok_or_else(|| said_no("apt-get", "it left no package".to_owned()))?;
            run("dpkg-deb", &["-x", &package, "unpacked"])?;
            let unpacked = root.join("unpacked/usr/share/datasets/fashion-mnist");
            for remote in files {
                verify(&unpacked.join(remote.file), remote.md5)?;
            }
            for remote in files {
                let target = place.join(remote.file);
                fs::rename(unpacked.join(remote.file), &target).map_err(Error::io("move into place", &target))?;
            }
            Ok(())
        },
        || Ok(()),
    )
}
