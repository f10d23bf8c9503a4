//! A sweep: what it is of, and from its grid to a result file.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::compute::{compute, Means};
use super::keys::Keys;
use super::known::known_rows;
use super::plan::{PlannedRun, RunPlan};
use crate::config::{Grid, Params, Repeats, PERCENTAGES};
use crate::data::TransferLearningWrapper;
use crate::error::{Error, Result};
use crate::model::{digest, Model};
use crate::results::{Journal, Origin, Provenance, Record, ResultFile};
use crate::runtime::progress::{default_sink, Progress};

/// A sweep: fine-tuning runs over percentages, cuts and repeats.
///
/// The defaults are the published grid: five percentages, every cut (not the baseline, which has files of its own),
/// and repeats as published.
pub struct Sweep<'a> {
    params: Params,
    source: &'a dyn Model,
    data: &'a TransferLearningWrapper,
    percentages: Vec<f64>,
    cuts: Vec<i64>,
    repeats: Repeats,
    workers: Option<usize>,
    memory_budget: Option<u64>,
    journal: Option<PathBuf>,
    known: Vec<PathBuf>,
    progress: Arc<dyn Progress>,
    origin: Option<Origin>,
    /// A digest of the target task's images and labels, once it was asked for.
    images: OnceCell<String>,
}

impl<'a> Sweep<'a> {
    /// A sweep of cuts of `source` on the target task of `data`, with the setting that `params` spells.
    ///
    /// # Errors
    /// Those of [`Params::check`]; [`Error::Parameter`] when the source network is not the one that `params` describes,
    /// or takes other images than the task has.
    pub fn new(params: &Params, source: &'a dyn Model, data: &'a TransferLearningWrapper) -> Result<Self> {
        params.check()?;
        params.check_for_runs()?;
        source.check_images(data.input_shape())?;
        let mut params = params.clone();
        match source.as_study() {
            Some(study) => study.check_params(&params)?,
            None => {
                params.depth = source.depth();
                params = Provenance { network: Some(source.architecture()), ..Provenance::default() }.beside(params);
            }
        }
        Ok(Sweep {
            params,
            source,
            data,
            percentages: PERCENTAGES.to_vec(),
            cuts: (0..=source.depth() as i64).collect(),
            repeats: Repeats::Published,
            workers: None,
            memory_budget: None,
            journal: None,
            known: Vec::new(),
            progress: default_sink(),
            origin: None,
            images: OnceCell::new(),
        })
    }

    /// A sweep of a study's plan: its parameters, percentages and repeats, and its files below `root`: finished runs are
    /// kept in its journal, and rows of its result files are not made again.
    ///
    /// # Errors
    /// Those of [`Sweep::new`]; those of [`crate::study::StudyFiles::check_rows`] when the plan's files, to which its rows
    /// are to be added, are of other parameters, source weights or images.
    pub fn planned(
        plan: &crate::study::Plan,
        source: &'a dyn Model,
        data: &'a TransferLearningWrapper,
        root: impl AsRef<Path>,
    ) -> Result<Self> {
        let sweep = Sweep::new(&plan.params, source, data)?;
        let files = plan.files(root);
        // Which cuts is not known yet.
        files.check_rows(&sweep.params_of_file()?, &[-1, 0])?;
        let known = [files.baselines(), files.cuts(plan.params.setting()?)];
        Ok(sweep.percentages(&plan.percentages).repeats(plan.repeats).journal(files.journal).known(known))
    }

    /// Fractions of the target training data, from above 0 to 1.
    pub fn percentages(mut self, percentages: &[f64]) -> Self {
        self.percentages = percentages.to_vec();
        self
    }

    /// Cuts, or their numbers; -1 is the baseline.
    pub fn cuts<C: Into<i64>>(mut self, cuts: impl IntoIterator<Item = C>) -> Self {
        self.cuts = cuts.into_iter().map(Into::into).collect();
        self
    }

    /// How often each run is repeated.
    pub fn repeats(mut self, repeats: Repeats) -> Self {
        self.repeats = repeats;
        self
    }

    /// Runs side by side. Unless set: one a core, or on a GPU one.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers.max(1));
        self
    }

    /// Bytes for stored activations and for training. Unless set: two thirds of the memory that is free, or 8 GiB on a
    /// GPU. A run that needs more than that is still made, by itself.
    pub fn memory_budget(mut self, bytes: u64) -> Self {
        self.memory_budget = Some(bytes);
        self
    }

    /// Where finished runs are kept, so that a sweep that was stopped goes on. Unless set: in memory, for as long as
    /// this process lives.
    pub fn journal(mut self, path: impl AsRef<Path>) -> Self {
        self.journal = Some(path.as_ref().to_owned());
        self
    }

    /// Result files whose rows are not made again, if they are of the same parameters, source weights and images, and say
    /// so. Unless set: none. Files that are not there, or cannot be read, are passed over.
    pub fn known(mut self, files: impl IntoIterator<Item = PathBuf>) -> Self {
        self.known = files.into_iter().collect();
        self
    }

    /// How the source network came by its weights, to be noted with the results. Unless set: nothing is said.
    pub fn origin(mut self, origin: Option<Origin>) -> Self {
        self.origin = origin;
        self
    }

    /// Where progress goes; unless set a bar in the notebook, or in the terminal.
    pub fn progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = progress;
        self
    }

    /// Makes every run that is neither in the journal nor in a result file that is known, and returns all rows of the grid.
    ///
    /// # Errors
    /// [`Error::Parameter`] for an impossible grid; [`Error::Interrupted`], and then finished runs are kept;
    /// [`Error::Io`] on the journal; [`Error::Torch`].
    pub fn run(&self) -> Result<ResultFile> {
        let grid = Grid::new(&self.percentages, self.cuts.iter().copied(), self.repeats)?;
        for fraction in grid.fractions() {
            self.data.target.per_class(fraction.get())?;
        }
        let weights = self.weights()?;
        let keys = Keys::new(&self.params, self.source, &self.data.target, self.images(), &weights)?;
        let plan = RunPlan::new(&grid, &self.params, self.source, &keys)?;
        let params = self.params_of_file()?;
        let on_cpu = self.source.device() == tch::Device::Cpu;
        let known = known_rows(&self.known, &plan, &params, on_cpu, self.progress.as_ref());
        let mut journal = match &self.journal {
            Some(path) => Journal::open(path)?,
            None => Journal::of_session()?,
        };
        let is_done = |run: &PlannedRun| run.find(|key| journal.get(key)).is_some() || known.contains_key(&run.key);
        let before = plan.rows.iter().filter(|run| is_done(run)).count();
        let todo = plan.todo(is_done);
        match plan.rows.len() {
            _ if before == 0 => {}
            all if before == all => self.progress.line(&format!("all {all} rows are done already")),
            all => self.progress.line(&format!("{before} of {all} rows are done already")),
        }
        if !todo.is_empty() {
            if !self.params.recipe.augmentation.is_none() {
                self.progress.line("what frozen layers make of images is not stored, as training images are changed");
            }
            let means = Means {
                source: self.source,
                task: &self.data.target,
                training: self.params.fine_tuning()?,
                workers: self.workers,
                memory_budget: self.memory_budget,
                progress: self.progress.as_ref(),
            };
            compute(&means, &todo, &mut journal)?;
        }
        let records = plan.rows.iter().map(|run| {
            let record = run.find(|key| journal.get(key)).or_else(|| known.get(&run.key));
            let record = record.ok_or_else(|| Error::Worker("a run was lost".to_owned()))?;
            Ok(Record { sampled_cut_point: run.row.cut.number(), ..record.clone() })
        });
        Ok(ResultFile::new(params, records.collect::<Result<_>>()?))
    }

    /// The parameters as the result file has them: with both data sets, digests of the target task's images and of the
    /// source weights, and how these were made.
    ///
    /// # Errors
    /// [`Error::Torch`] when the weights cannot be read.
    pub fn params_of_file(&self) -> Result<Params> {
        let provenance = Provenance {
            // It stands among the parameters already.
            network: None,
            source_dataset: Some(self.data.source.dataset.clone()),
            target_dataset: Some(self.data.target.dataset.clone()),
            target_pictures: Some(self.images().to_owned()),
            source_weights: Some(self.weights()?),
            source_origin: self.origin.clone(),
        };
        Ok(provenance.beside(self.params.clone()))
    }

    fn weights(&self) -> Result<String> {
        digest(&self.source.state_dict())
    }

    fn images(&self) -> &str {
        self.images.get_or_init(|| self.data.target.digest())
    }
}
