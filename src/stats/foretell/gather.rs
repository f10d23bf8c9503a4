//! The cases of all studies that are on disk.

use std::path::Path;

use super::case::Case;
use crate::config::Setting;
use crate::error::Result;
use crate::stats::load::load_together;
use crate::study::Study;
use crate::transfer::{TransferFile, View};

/// The cases of every study whose scores and fine-tuned results are both in `results/` below `root`, under every setting,
/// by study, setting and fraction. Studies that have only one of them are passed over.
///
/// # Errors
/// Those of [`TransferFile::load`], [`load_together`] and [`Case::all`].
pub fn gather(root: impl AsRef<Path>, features: View) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for study in Study::all() {
        let files = study.files(root.as_ref());
        if !files.transfers().exists() {
            continue;
        }
        let scores = TransferFile::load(files.transfers())?.of(features);
        for setting in Setting::ALL {
            let cuts = files.cuts(setting);
            if cuts.exists() {
                cases.extend(Case::all(&study.to_string(), &scores, &load_together(&[cuts])?)?);
            }
        }
    }
    Ok(cases)
}
