//! Scores over shares of the data, repeats and layers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::jobs::{cost, Job, Scorings};
use super::keys::Keys;
use super::{LayerFeatures, TransferFile, TransferRecord, View};
use crate::config::{CutPoint, Fraction, Grid, Repeats, PERCENTAGES};
use crate::data::Task;
use crate::error::Result;
use crate::model::{Checkpoint, Model};
use crate::results::{Computed, Journal};
use crate::runtime::pool::{self, Budget, News};
use crate::runtime::progress::{default_sink, Progress, Unit};
use crate::runtime::{cancel, memory, threads};

/// Every score of every layer of a source network, on reduced training sets of a task.
///
/// The defaults are the published grid: five shares of the data, repeats as published.
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

    /// Shares of the task's training data, from above 0 to 1.
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

    /// Makes every row that is not in the journal, and returns all of the grid, by share, repeat and layer, before the
    /// layers the network as a whole. A score that the images do not allow is missing in its row, which says why.
    ///
    /// # Errors
    /// [`crate::error::Error::Parameter`] for an impossible grid; [`crate::error::Error::Interrupted`], and then finished rows are kept; [`crate::error::Error::Io`]
    /// on the journal; those of [`TransferFile::merged_with`] on the file; [`crate::error::Error::Torch`].
    pub fn run(&self) -> Result<TransferFile> {
        let weights = Checkpoint { tensors: self.model.state_dict(), text: String::new() }.digest()?;
        let images = self.task.digest();
        let label = |row: TransferRecord| TransferRecord {
            source_weights: weights.clone(),
            target_images: images.clone(),
            ..row
        };
        if let Some(path) = self.file.as_ref().filter(|path| path.exists()) {
            let alike = TransferFile::load(path)?.records.into_iter().take(1).map(&label);
            TransferFile { records: alike.collect() }.merged_with(path)?;
        }
        // Nothing is cut: the rows of one cut are the draws.
        let draws = Grid::new(&self.percentages, [CutPoint::After(0)], self.repeats)?.rows();
        let drawn = |fraction: Fraction, repeat: u64| {
            cancel::check("choosing samples")?;
            self.task.reduced(fraction.get(), repeat)
        };
        let samples = draws.iter().map(|r| drawn(r.fraction, r.repeat)).collect::<Result<Vec<_>>>()?;
        let mut journal = match &self.journal {
            Some(path) => Journal::open(path)?,
            None => Journal::of_session()?,
        };
        let keys = Keys::new(self.model, self.task, &weights, &images, self.features);
        let mut planned = Vec::new();
        for (draw, row) in draws.iter().enumerate() {
            let (fraction, repeat) = (row.fraction, row.repeat);
            for layer in std::iter::once(None).chain((0..self.model.depth()).map(Some)) {
                planned.push(Job { key: keys.of(fraction, repeat, layer)?, fraction, repeat, layer, draw });
            }
        }
        let todo: Vec<Job> = planned.iter().filter(|job| journal.get(&job.key).is_none()).cloned().collect();
        if !todo.is_empty() {
            self.compute(todo, planned.len(), samples, &mut journal)?;
        }
        let done = planned.iter().filter_map(|job| journal.get(&job.key).cloned());
        Ok(TransferFile { records: done.map(label).collect() })
    }

    /// Makes these rows side by side and keeps each in the journal as soon as it is finished.
    fn compute(
        &self,
        mut todo: Vec<Job>,
        planned: usize,
        samples: Vec<Vec<usize>>,
        journal: &mut Journal<TransferRecord>,
    ) -> Result<()> {
        threads::prepare_process();
        if todo.len() < planned {
            self.progress.line(&format!("{} of {planned} rows are done already", planned - todo.len()));
        }
        let (layers, samples) = self.layers(&todo, samples)?;
        let costs: Vec<u64> = samples.iter().map(|draw| cost(draw.len())).collect();
        // Long ones first, so that all workers end at about the same time.
        todo.sort_by_key(|job| std::cmp::Reverse(costs[job.draw]));
        let count = todo.len();
        self.progress.begin("scoring layers", todo.iter().map(|job| costs[job.draw]).sum(), Unit::Work);
        let computed = Computed::here(self.model.device());
        let work = Scorings { layers, samples, features: self.features, computed };
        let mut finished = 0;
        let hear = |news: News<Scorings>| match news {
            News::None => cancel::check(&format!("{finished} of {count} rows of scores are finished and kept")),
            News::Advanced(cost) => {
                self.progress.advance(cost);
                Ok(())
            }
            News::Over(job, outcome) => {
                self.progress.advance(costs[job.draw]);
                journal.add(job.key, outcome?)?;
                finished += 1;
                self.progress.note(&format!("{finished} of {count}"));
                Ok(())
            }
        };
        let hands = vec![(); threads::cores().min(count)];
        let result = pool::run(work, todo, hands, Budget::new(memory::available_memory() / 3 * 2), hear);
        self.progress.end();
        memory::release_memory();
        result
    }

    /// The layers of every sample that some job needs, and each draw's rows in them.
    fn layers(&self, todo: &[Job], samples: Vec<Vec<usize>>) -> Result<(LayerFeatures, Vec<Vec<usize>>)> {
        let mut row_of = BTreeMap::new();
        for job in todo {
            row_of.extend(samples[job.draw].iter().map(|&position| (position, 0)));
        }
        row_of.values_mut().enumerate().for_each(|(i, row)| *row = i);
        let needed = self.task.train.select(row_of.keys().copied());
        self.progress.begin("features", needed.len() as u64, Unit::Work);
        let layers = LayerFeatures::observed(self.model, &needed, self.features, |n| self.progress.advance(n as u64));
        self.progress.end();
        let rows = |draw: Vec<usize>| draw.iter().filter_map(|position| row_of.get(position).copied()).collect();
        Ok((layers?, samples.into_iter().map(rows).collect()))
    }
}
