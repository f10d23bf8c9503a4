//! Scores over fractions of the data, repeats and layers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::jobs::{Job, Scorings};
use super::keys::key;
use super::{LayerFeatures, TransferFile, TransferRecord, View};
use crate::config::{Repeats, PERCENTAGES};
use crate::data::Task;
use crate::error::Result;
use crate::model::Model;
use crate::results::{Computed, Journal};
use crate::runtime::progress::{default_sink, Progress};
use crate::runtime::threads;
use crate::sweep::layers::{Draws, Examined, Manner};

/// Every score of every layer of a source network, on reduced training sets of a task.
///
/// The defaults are the published grid: five fractions of the data, repeats as published.
pub struct TransferSweep<'a> {
    model: &'a dyn Model,
    task: &'a Task,
    percentages: Vec<f64>,
    repeats: Repeats,
    features: View,
    journal: Option<PathBuf>,
    file: Option<PathBuf>,
    progress: Arc<dyn Progress>,
}

impl<'a> TransferSweep<'a> {
    /// A sweep of what `model` makes of the training set of `task`.
    pub fn new(model: &'a dyn Model, task: &'a Task) -> Self {
        TransferSweep {
            model,
            task,
            percentages: PERCENTAGES.to_vec(),
            repeats: Repeats::Published,
            features: View::Channels,
            journal: None,
            file: None,
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

    /// Which numbers of a layer are scored.
    pub fn features(mut self, features: View) -> Self {
        self.features = features;
        self
    }

    /// Where finished scores are kept, so that a sweep that was stopped goes on. Unless set: in memory, for as long as
    /// this process lives.
    pub fn journal(mut self, path: impl AsRef<Path>) -> Self {
        self.journal = Some(path.as_ref().to_owned());
        self
    }

    /// The file that the rows are to be added to: where it would refuse them, nothing is computed.
    pub fn file(mut self, path: impl AsRef<Path>) -> Self {
        self.file = Some(path.as_ref().to_owned());
        self
    }

    /// Where progress goes; unless set a bar in the notebook, or in the terminal.
    pub fn progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = progress;
        self
    }

    /// Makes every row that is not in the journal, and returns all of the grid, by fraction, repeat and layer, before the
    /// layers the network as a whole. A score that the images do not allow is missing in its row, which says why.
    ///
    /// # Errors
    /// [`crate::error::Error::Parameter`] for an impossible grid; [`crate::error::Error::Interrupted`], and then finished rows are kept; [`crate::error::Error::Io`]
    /// on the journal; those of [`TransferFile::merged_with`] on the file; [`crate::error::Error::Torch`].
    pub fn run(&self) -> Result<TransferFile> {
        let examined = Examined::new(self.model, self.task)?;
        let label = |row: TransferRecord| TransferRecord {
            source_weights: examined.weights.clone(),
            target_images: examined.images.clone(),
            ..row
        };
        if let Some(path) = self.file.as_ref().filter(|path| path.exists()) {
            let alike = TransferFile::load(path)?.records.into_iter().take(1).map(&label);
            TransferFile { records: alike.collect() }.merged_with(path)?;
        }
        let draws = Draws::new(self.task, &self.percentages, self.repeats)?;
        let mut journal = match &self.journal {
            Some(path) => Journal::open(path)?,
            None => Journal::of_session()?,
        };
        let mut planned = Vec::new();
        for (draw, row) in draws.rows.iter().enumerate() {
            let (fraction, repeat) = (row.fraction, row.repeat);
            for layer in std::iter::once(None).chain((0..self.model.depth()).map(Some)) {
                let key = key(&examined, self.features, fraction, repeat, layer)?;
                planned.push(Job { key, fraction, repeat, layer, draw });
            }
        }
        let todo: Vec<Job> = planned.iter().filter(|job| journal.get(&job.key).is_none()).cloned().collect();
        if !todo.is_empty() {
            self.compute(todo, planned.len(), &draws, &mut journal)?;
        }
        let done = planned.iter().filter_map(|job| journal.get(&job.key).cloned());
        Ok(TransferFile { records: done.map(label).collect() })
    }

    /// Makes these rows side by side and keeps each in the journal as soon as it is finished.
    fn compute(
        &self,
        todo: Vec<Job>,
        planned: usize,
        draws: &Draws,
        journal: &mut Journal<TransferRecord>,
    ) -> Result<()> {
        threads::prepare_allocator();
        let progress = self.progress.as_ref();
        let manner = Manner { title: "scoring layers", rows: "rows of scores", memory: None, progress };
        manner.tell_done(planned - todo.len(), planned);
        let (needed, samples) = draws.gathered(self.task, todo.iter().map(|job| job.draw));
        let layers = manner
            .features(&needed, |advanced| LayerFeatures::observed(self.model, &needed, self.features, advanced))?;
        let computed = Computed::here(self.model.device());
        let work = Scorings { layers, samples, features: self.features, computed };
        manner.make(work, todo, draws, |job| job.draw, |job, outcome| journal.add(job.key, outcome?))
    }
}
