//! Clusterings over fractions of the data, repeats, layers and algorithms.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::jobs::{Clusterings, Job};
use super::keys::{earlier_key, key};
use super::{Algorithm, ClusterFile, ClusterRecord, FeatureTable, Scoring};
use crate::config::{Repeats, PERCENTAGES};
use crate::data::Task;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::results::{Computed, Journal};
use crate::runtime::progress::{default_sink, Progress};
use crate::runtime::threads;
use crate::sweep::layers::{Draws, Examined, Manner};

/// A sweep of clusterings: every layer of a network, on reduced training sets of a task.
///
/// The defaults are the published grid: five percentages, repeats as published, average linkage on cosine distance.
pub struct ClusterSweep<'a> {
    model: &'a dyn Model,
    task: &'a Task,
    percentages: Vec<f64>,
    repeats: Repeats,
    algorithms: Vec<Algorithm>,
    scoring: Scoring,
    journal: Option<PathBuf>,
    file: Option<PathBuf>,
    memory_budget: Option<u64>,
    progress: Arc<dyn Progress>,
}

impl<'a> ClusterSweep<'a> {
    /// A sweep of the features that `model` makes of the training set of `task`.
    pub fn new(model: &'a dyn Model, task: &'a Task) -> Self {
        ClusterSweep {
            model,
            task,
            percentages: PERCENTAGES.to_vec(),
            repeats: Repeats::Published,
            algorithms: vec![Algorithm::Average],
            scoring: Scoring::Sound,
            journal: None,
            file: None,
            memory_budget: None,
            progress: default_sink(),
        }
    }

    /// Fractions of the task's training data, from above 0 to 1.
    pub fn percentages(mut self, percentages: &[f64]) -> Self {
        self.percentages = percentages.to_vec();
        self
    }

    /// How often a reduced training set is drawn.
    pub fn repeats(mut self, repeats: Repeats) -> Self {
        self.repeats = repeats;
        self
    }

    /// The algorithms, each once.
    pub fn algorithms(mut self, algorithms: &[Algorithm]) -> Self {
        let mut seen = HashSet::new();
        self.algorithms = algorithms.iter().copied().filter(|&algorithm| seen.insert(algorithm)).collect();
        self
    }

    /// How clusterings are scored.
    pub fn scoring(mut self, scoring: Scoring) -> Self {
        self.scoring = scoring;
        self
    }

    /// Where finished clusterings are kept, so that a sweep that was stopped goes on. Unless set: in memory, for as
    /// long as this process lives.
    pub fn journal(mut self, path: impl AsRef<Path>) -> Self {
        self.journal = Some(path.as_ref().to_owned());
        self
    }

    /// The file that the rows are to be added to: where it would refuse them, nothing is computed.
    pub fn file(mut self, path: impl AsRef<Path>) -> Self {
        self.file = Some(path.as_ref().to_owned());
        self
    }

    /// Bytes for the distances of clusterings that run side by side. Unless set: two thirds of the memory that is free.
    /// A clustering that needs more than that is still made, by itself.
    pub fn memory_budget(mut self, bytes: u64) -> Self {
        self.memory_budget = Some(bytes);
        self
    }

    /// Where progress goes; unless set a bar in the notebook, or in the terminal.
    pub fn progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = progress;
        self
    }

    /// Makes every clustering that is not in the journal, and returns all rows of the grid, by algorithm, percentage,
    /// repeat and layer. A clustering that its vectors do not allow (a mixture of Gaussians on a handful, say) has no
    /// row; progress says which, and why.
    ///
    /// # Errors
    /// [`Error::Parameter`] for an impossible grid; [`Error::Interrupted`], and then finished clusterings are kept;
    /// [`Error::Io`] on the journal; those of [`ClusterFile::merged_with`] on the file; [`Error::Torch`].
    pub fn run(&self) -> Result<ClusterFile> {
        if self.algorithms.is_empty() {
            return Err(Error::parameter("algorithms", "at least one", "none"));
        }
        let examined = Examined::new(self.model, self.task)?;
        let label = |row: ClusterRecord| ClusterRecord {
            source_weights: Some(examined.weights.clone()),
            images: Some(examined.images.clone()),
            dataset: self.task.phase.to_string(),
            split: "Train".to_owned(),
            scoring: self.scoring.to_string(),
            ..row
        };
        if let Some(path) = self.file.as_ref().filter(|path| path.exists()) {
            let alike = ClusterFile::load(path)?.records.into_iter().take(1).map(&label);
            ClusterFile { records: alike.collect() }.merged_with(path)?;
        }
        let draws = Draws::new(self.task, &self.percentages, self.repeats)?;
        let mut journal = match &self.journal {
            Some(path) => Journal::open(path)?,
            None => Journal::of_session()?,
        };
        let mut planned = Vec::new();
        for &algorithm in &self.algorithms {
            for (draw, row) in draws.rows.iter().enumerate() {
                let (fraction, repeat) = (row.fraction, row.repeat);
                for layer in 0..self.model.depth() {
                    let key = key(&examined, algorithm, fraction, repeat, layer)?;
                    let earlier_key = earlier_key(&examined, algorithm, fraction, repeat, layer);
                    planned.push(Job { key, earlier_key, algorithm, fraction, repeat, layer, draw });
                }
            }
        }
        let todo: Vec<Job> = planned.iter().filter(|job| job.find(|key| journal.get(key)).is_none()).cloned().collect();
        if !todo.is_empty() {
            self.compute(todo, planned.len(), &draws, &mut journal)?;
        }
        let row = |job: &Job| {
            let record = job.find(|key| journal.get(key))?.scored(self.scoring);
            // Journals of before hold no cuts.
            Some(record.map(|row| label(row.at(job.layer))))
        };
        Ok(ClusterFile { records: planned.iter().filter_map(row).collect::<Result<_>>()? })
    }

    /// The same, adding the rows to the file that was named; returns all that the file holds then.
    ///
    /// # Errors
    /// Those of [`ClusterSweep::run`] and [`ClusterFile::add_to`]; [`Error::Parameter`] when no file was named.
    pub fn run_to_file(&self) -> Result<ClusterFile> {
        let path = self.file.as_ref().ok_or_else(|| Error::parameter("file", "a file to add the rows to", "none"))?;
        self.run()?.add_to(path)
    }

    /// Makes these clusterings side by side and keeps each in the journal as soon as it is finished.
    fn compute(
        &self,
        todo: Vec<Job>,
        planned: usize,
        draws: &Draws,
        journal: &mut Journal<ClusterRecord>,
    ) -> Result<()> {
        threads::prepare_allocator();
        let progress = self.progress.as_ref();
        let manner = Manner { title: "clustering", rows: "clusterings", memory: self.memory_budget, progress };
        manner.tell_done(planned - todo.len(), planned);
        let (needed, samples) = draws.gathered(self.task, todo.iter().map(|job| job.draw));
        let table = manner.features(&needed, |advanced| FeatureTable::observed(self.model, &needed, advanced))?;
        let work = Clusterings {
            table,
            samples,
            classes: self.task.classes.len(),
            scoring: self.scoring,
            computed: Computed::here(self.model.device()),
        };
        let names = self.model.block_names();
        let keep = |job: Job, outcome| match outcome {
            Ok(record) => journal.add(job.key, record),
            // What one set of vectors does not allow must not cost the others.
            Err(error @ Error::Clustering { .. }) => {
                let Job { algorithm, fraction, repeat, layer, .. } = job;
                let layer = names.get(layer).map_or("?", String::as_str);
                let which = format!("{algorithm} at {}, repeat {repeat}, {layer}", fraction.get());
                self.progress.line(&format!("left out: {which}: {error}"));
                Ok(())
            }
            Err(error) => Err(error),
        };
        manner.make(work, todo, draws, |job| job.draw, keep)
    }
}
