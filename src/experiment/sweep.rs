//! The sweep of an experiment: its runs, and its files.

use std::path::PathBuf;
use std::sync::Arc;

use super::ExperimentResults;
use crate::config::{Repeats, Setting};
use crate::error::Result;
use crate::results::ResultFile;
use crate::runtime::progress::Progress;
use crate::study::StudyFiles;
use crate::sweep::Sweep;

/// The fine-tuning runs of an experiment: baselines and every cut, unless told otherwise.
pub struct ExperimentSweep<'a> {
    sweep: Sweep<'a>,
    cuts: Vec<i64>,
    /// Where rows go; `None`: nowhere.
    files: Option<StudyFiles>,
    setting: Setting,
}

impl<'a> ExperimentSweep<'a> {
    /// A sweep whose runs are kept, and whose rows go, where `files` say.
    pub(super) fn new(mut sweep: Sweep<'a>, files: Option<StudyFiles>, setting: Setting) -> Self {
        if let Some(files) = &files {
            sweep = sweep.journal(&files.journal).known([files.baselines(), files.cuts(setting)]);
        }
        ExperimentSweep { sweep, cuts: Vec::new(), files, setting }
    }

    /// Other cuts, or their numbers; -1 is the baseline.
    pub fn cuts<C: Into<i64>>(self, cuts: impl IntoIterator<Item = C>) -> Self {
        let cuts: Vec<i64> = cuts.into_iter().map(Into::into).collect();
        Self { sweep: self.sweep.cuts(cuts.iter().copied()), cuts, ..self }
    }

    /// Other fractions of the target training data, from above 0 to 1.
    pub fn fractions(self, fractions: &[f64]) -> Self {
        Self { sweep: self.sweep.percentages(fractions), ..self }
    }

    /// How often each run is repeated.
    pub fn repeats(self, repeats: Repeats) -> Self {
        Self { sweep: self.sweep.repeats(repeats), ..self }
    }

    /// Runs side by side. Unless set: one a core, or on a GPU one.
    pub fn workers(self, workers: usize) -> Self {
        Self { sweep: self.sweep.workers(workers), ..self }
    }

    /// Bytes for stored activations and for training. Unless set: two thirds of what is free, or 8 GiB on a GPU.
    pub fn memory_budget(self, bytes: u64) -> Self {
        Self { sweep: self.sweep.memory_budget(bytes), ..self }
    }

    /// Where progress goes; unless set a bar in the notebook, or in the terminal.
    pub fn progress(self, progress: Arc<dyn Progress>) -> Self {
        Self { sweep: self.sweep.progress(progress), ..self }
    }

    /// Makes every run that is not done, adds the rows to the experiment's files, and returns all that these files hold
    /// then: what earlier sweeps have found stays. Without files, the rows of this sweep alone.
    ///
    /// # Errors
    /// Those of [`Sweep::run`] and [`ResultFile::add_to`]. Files that would refuse the rows, being of other parameters,
    /// source weights or images, do so before anything is computed.
    pub fn run(self) -> Result<ExperimentResults> {
        if let Some(files) = &self.files {
            files.check_rows(&self.sweep.params_of_file()?, &self.cuts)?;
        }
        let rows = self.sweep.run()?;
        let Some(files) = &self.files else { return Ok(ExperimentResults::new(rows)) };
        let (of_baseline, of_cuts): (Vec<_>, Vec<_>) =
            rows.records.iter().cloned().partition(|r| r.sampled_cut_point < 0);
        let mut written: Vec<PathBuf> = Vec::new();
        for (path, records) in [(files.baselines(), of_baseline), (files.cuts(self.setting), of_cuts)] {
            if !records.is_empty() {
                ResultFile::new(rows.params.clone(), records).add_to(&path)?;
                written.push(path);
            }
        }
        ExperimentResults::after_sweep(rows, written)
    }
}
