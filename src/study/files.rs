//! Where the files of a study lie.

use std::path::{Path, PathBuf};

use super::Study;
use crate::config::{CutPoint, Params, Setting};
use crate::error::Result;
use crate::results::{Journal, Record, ResultFile, OF_CUTS};
use crate::util::files::check_writable;

/// Where the files of a study lie: result files and journals in `results/<FOLDER>`, source weights in
/// `pretrained_models/<FOLDER>`, each named after the split of classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StudyFiles {
    /// The folder of result files.
    pub results: PathBuf,
    /// The file of source weights.
    pub weights: PathBuf,
    /// The journal of finished runs. Runs are kept by all that decides their numbers, so that one journal serves every
    /// setting and size.
    pub journal: PathBuf,
    /// The journal of finished clusterings.
    pub cluster_journal: PathBuf,
    /// The journal of finished scores of layers.
    pub transfer_journal: PathBuf,
    split: String,
}

impl Study {
    /// The study's files below `root`.
    pub fn files(&self, root: impl AsRef<Path>) -> StudyFiles {
        StudyFiles::new(root.as_ref(), self.folder, self.split)
    }
}

impl StudyFiles {
    /// The files of a study of one's own, called `name`, below `root`.
    pub fn own(root: impl AsRef<Path>, name: &str) -> StudyFiles {
        StudyFiles::new(root.as_ref(), name, "own")
    }

    pub(super) fn new(root: &Path, folder: &str, split: &str) -> StudyFiles {
        let results = root.join("results").join(folder);
        let journal = |kind: &str| results.join(".journal").join(format!("{split}_classes{kind}.jsonl"));
        StudyFiles {
            weights: root.join("pretrained_models").join(folder).join(weights_name(split)),
            journal: journal(""),
            cluster_journal: journal("_cluster"),
            transfer_journal: journal("_transfer"),
            results,
            split: split.to_owned(),
        }
    }

    /// The same with result files in a folder of their own.
    pub(super) fn results_in(mut self, folder: &str) -> StudyFiles {
        self.results.push(folder);
        self
    }

    /// The same with source weights in a folder of their own.
    pub(super) fn weights_in(mut self, folder: &str) -> StudyFiles {
        self.weights = self.weights.with_file_name(folder).join(weights_name(&self.split));
        self
    }

    /// The result file of baselines.
    pub fn baselines(&self) -> PathBuf {
        self.results.join(format!("baselines_{}_classes.json", self.split))
    }

    /// The result file of cuts under a setting.
    pub fn cuts(&self, setting: Setting) -> PathBuf {
        self.results.join(format!("cuts_{}_classes_{setting}.json", self.split))
    }

    /// The file of clusterings.
    pub fn clusterings(&self) -> PathBuf {
        self.results.join(format!("{}_classes_cluster.json", self.split))
    }

    /// The file of scores of layers before fine-tuning.
    pub fn transfers(&self) -> PathBuf {
        self.results.join(format!("{}_classes_transfer.json", self.split))
    }

    /// Whether a sweep can keep its runs here and write rows of these parameters and cuts: all that can be said before hours
    /// of computing.
    ///
    /// # Errors
    /// Those of [`StudyFiles::check_rows`]; [`crate::error::Error::Io`] naming what cannot be written.
    pub fn check_sweep(&self, params: &Params, cuts: &[CutPoint]) -> Result<()> {
        let numbers: Vec<i64> = cuts.iter().map(|cut| cut.number()).collect();
        self.check_rows(params, &numbers)?;
        Journal::<Record>::open(&self.journal)?;
        check_writable(&self.cuts(params.setting()?))?;
        check_writable(&self.baselines())
    }

    /// Whether rows of these parameters ([`crate::sweep::Sweep::params_of_file`]) and cuts can be added to the result files
    /// that are there: asked before hours of computing, not after.
    ///
    /// # Errors
    /// Those of [`ResultFile::merged_with`].
    pub fn check_rows(&self, params: &Params, cuts: &[i64]) -> Result<()> {
        let none = ResultFile::new(params.clone(), Vec::new());
        if cuts.iter().any(|&cut| cut < 0) {
            none.clone().merged_with(&self.baselines(), &OF_CUTS)?;
        }
        if cuts.iter().any(|&cut| cut >= 0) {
            none.merged_with(&self.cuts(params.setting()?), &[])?;
        }
        Ok(())
    }
}

fn weights_name(split: &str) -> String {
    format!("{split}_classes.safetensors")
}
