//! Clusterings over fractions of the data, repeats, layers and algorithms.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::jobs::{cost, Clusterings, Job};
use super::keys::Keys;
use super::{Algorithm, ClusterFile, ClusterRecord, FeatureTable, Scoring};
use crate::config::{CutPoint, Fraction, Grid, Repeats, PERCENTAGES};
use crate::data::Task;
use crate::error::{Error, Result};
use crate::model::{Checkpoint, Model};
use crate::results::{Computed, Journal};
use crate::runtime::pool::{self, Budget, News};
use crate::runtime::progress::{default_sink, Progress, Unit};
use crate::runtime::{cancel, memory, threads};

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

    /// The clusterings of a study's plan: its percentages and repeats, and its journal and file of clusterings below
    /// `root`.
    pub fn planned(plan: &crate::study::Plan, model: &'a dyn Model, task: &'a Task, root: impl AsRef<Path>) -> Self {
        let sweep = ClusterSweep::new(model, task).percentages(&plan.percentages).repeats(plan.repeats);
        let files = plan.files(root);
        sweep.journal(&files.cluster_journal).file(files.clusterings())
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
        let weights = Checkpoint { tensors: self.model.state_dict(), text: String::new() }.digest()?;
        let images = self.task.digest();
        let label = |row: ClusterRecord| ClusterRecord {
            source_weights: Some(weights.clone()),
            pictures: Some(images.clone()),
            dataset: self.task.phase.to_string(),
            split: "Train".to_owned(),
            scoring: self.scoring.to_string(),
            ..row
        };
        if let Some(path) = self.file.as_ref().filter(|path| path.exists()) {
            let alike = ClusterFile::load(path)?.records.into_iter().take(1).map(&label);
            ClusterFile { records: alike.collect() }.merged_with(path)?;
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
        let keys = Keys::new(self.model, self.task, &weights, &images);
        let mut planned = Vec::new();
        for &algorithm in &self.algorithms {
            for (draw, row) in draws.iter().enumerate() {
                let (fraction, repeat) = (row.fraction, row.repeat);
                for layer in 0..self.model.depth() {
                    let key = keys.of(algorithm, fraction, repeat, layer)?;
                    let earlier_key = keys.earlier(algorithm, fraction, repeat, layer);
                    planned.push(Job { key, earlier_key, algorithm, fraction, repeat, layer, draw });
                }
            }
        }
        let todo: Vec<Job> = planned.iter().filter(|job| job.find(|key| journal.get(key)).is_none()).cloned().collect();
        if !todo.is_empty() {
            self.compute(todo, planned.len(), samples, &mut journal)?;
        }
        let row = |job: &Job| {
            let record = job.find(|key| journal.get(key))?.scored(self.scoring);
            Some(record.map(&label))
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
        mut todo: Vec<Job>,
        planned: usize,
        samples: Vec<Vec<usize>>,
        journal: &mut Journal<ClusterRecord>,
    ) -> Result<()> {
        threads::prepare_process();
        if todo.len() < planned {
            self.progress.line(&format!("{} of {planned} clusterings are done already", planned - todo.len()));
        }
        let (table, samples) = self.features(&todo, samples)?;
        let costs: Vec<u64> = samples.iter().map(|draw| cost(draw.len())).collect();
        // Long ones first, so that all workers end at about the same time.
        todo.sort_by_key(|job| std::cmp::Reverse(costs[job.draw]));
        let count = todo.len();
        self.progress.begin("clustering", todo.iter().map(|job| costs[job.draw]).sum(), Unit::Work);
        let budget = self.memory_budget.unwrap_or_else(|| memory::available_memory() / 3 * 2);
        let work = Clusterings {
            table,
            samples,
            classes: self.task.classes.len(),
            scoring: self.scoring,
            computed: Computed::here(self.model.device()),
        };
        let mut finished = 0;
        let hear = |news: News<Clusterings>| match news {
            News::None => cancel::check(&format!("{finished} of {count} clusterings are finished and kept")),
            News::Advanced(cost) => {
                self.progress.advance(cost);
                Ok(())
            }
            News::Over(job, outcome) => {
                self.progress.advance(costs[job.draw]);
                match outcome {
                    Ok(record) => journal.add(job.key, record)?,
                    // What one set of vectors does not allow must not cost the others.
                    Err(error @ Error::Clustering { .. }) => {
                        let Job { algorithm, fraction, repeat, layer, .. } = job;
                        let which = format!("{algorithm} at {}, repeat {repeat}, conv{layer}", fraction.get());
                        self.progress.line(&format!("left out: {which}: {error}"));
                    }
                    Err(error) => return Err(error),
                }
                finished += 1;
                self.progress.note(&format!("{finished} of {count}"));
                Ok(())
            }
        };
        let hands = vec![(); threads::cores().min(count)];
        let result = pool::run(work, todo, hands, Budget::new(budget), hear);
        self.progress.end();
        memory::release_memory();
        result
    }

    /// The features of every sample that some job needs, and each draw's rows in that table.
    fn features(&self, todo: &[Job], samples: Vec<Vec<usize>>) -> Result<(FeatureTable, Vec<Vec<usize>>)> {
        let mut row_of = BTreeMap::new();
        for job in todo {
            row_of.extend(samples[job.draw].iter().map(|&position| (position, 0)));
        }
        row_of.values_mut().enumerate().for_each(|(i, row)| *row = i);
        let needed = self.task.train.select(row_of.keys().copied());
        self.progress.begin("features", needed.len() as u64, Unit::Work);
        let table = FeatureTable::observed(self.model, &needed, |n| self.progress.advance(n as u64));
        self.progress.end();
        let rows = |draw: Vec<usize>| draw.iter().filter_map(|position| row_of.get(position).copied()).collect();
        Ok((table?, samples.into_iter().map(rows).collect()))
    }
}
