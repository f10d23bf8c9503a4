//! Clusterings over percentages, repeats, layers and algorithms.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{channel, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use md5::{Digest, Md5};

use super::{silhouette, Algorithm, ClusterFile, ClusterRecord, Contingency, FeatureTable, Scoring};
use crate::config::PERCENTAGES;
use crate::config::{rows, Repeats};
use crate::data::Task;
use crate::error::{Error, Result};

use crate::journal::Journal;
use crate::model::Checkpoint;
use crate::model::CustomCnn;
use crate::runtime::cancel::{self, Stop};
use crate::runtime::memory;
use crate::runtime::progress::{default_sink, Progress, Unit};
use crate::runtime::threads;
use crate::util::hex::hex;

/// A sweep of clusterings: every layer of a network, on reduced training sets of a task.
///
/// The defaults are the published grid: five percentages, repeats as published, average linkage on cosine distance.
pub struct ClusterSweep<'a> {
    model: &'a CustomCnn,
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
    pub fn new(model: &'a CustomCnn, task: &'a Task) -> Self {
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
    pub fn planned(plan: &crate::study::Plan, model: &'a CustomCnn, task: &'a Task, root: impl AsRef<Path>) -> Self {
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
        let pictures = self.task.digest();
        let label = |row: ClusterRecord| ClusterRecord {
            source_weights: Some(weights.clone()),
            pictures: Some(pictures.clone()),
            dataset: self.task.phase.to_string(),
            split: "Train".to_owned(),
            scoring: self.scoring.to_string(),
            ..row
        };
        if let Some(path) = self.file.as_ref().filter(|path| path.exists()) {
            let alike = ClusterFile::load(path)?.records.into_iter().take(1).map(&label);
            ClusterFile { records: alike.collect() }.merged_with(path)?;
        }
        let draws: Vec<(f64, u64)> =
            rows(&self.percentages, &[0], self.repeats)?.iter().map(|r| (r.fraction.get(), r.repeat)).collect();
        let drawn = |&(percentage, repeat): &(f64, u64)| {
            cancel::check("choosing samples")?;
            self.task.reduced(percentage, repeat)
        };
        let samples: Vec<Vec<usize>> = draws.iter().map(drawn).collect::<Result<_>>()?;
        let mut journal = match &self.journal {
            Some(path) => Journal::open(path)?,
            None => Journal::in_memory()?,
        };
        let keys = Keys::new(self, &weights, &pictures);
        let mut planned = Vec::new();
        for &algorithm in &self.algorithms {
            for (draw, &(percentage, repeat)) in draws.iter().enumerate() {
                for layer in 0..self.model.depth() {
                    let key = keys.of(algorithm, percentage, repeat, layer);
                    planned.push(Job { key, algorithm, percentage, repeat, layer, draw });
                }
            }
        }
        let todo: Vec<Job> = planned.iter().filter(|job| journal.get(&job.key).is_none()).cloned().collect();
        if !todo.is_empty() {
            self.compute(todo, planned.len(), samples, &mut journal)?;
        }
        let row = |job: &Job| {
            let record = journal.get(&job.key)?.scored(self.scoring);
            Some(record.map(&label))
        };
        Ok(ClusterFile { records: planned.iter().filter_map(row).collect::<Result<_>>()? })
    }

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
        let cost = |job: &Job| cost(samples[job.draw].len());
        // Long ones first, so that all workers end at about the same time.
        todo.sort_by_key(|job| std::cmp::Reverse(cost(job)));
        let count = todo.len();
        self.progress.begin("clustering", todo.iter().map(cost).sum(), Unit::Work);
        let budget = self.memory_budget.unwrap_or_else(|| memory::available_memory() / 3 * 2);
        let (sender, messages) = channel();
        let pool = Arc::new(Pool {
            table,
            samples,
            classes: self.task.classes.len(),
            scoring: self.scoring,
            budget,
            queue: Mutex::new(Queue { jobs: todo.into(), in_use: 0, running: 0 }),
            freed: Condvar::new(),
            stop: Stop::default(),
        });
        let result = start(&pool, threads::cores().min(count), sender)
            .and_then(|()| self.collect(&pool, &messages, count, journal));
        pool.stop.request();
        self.progress.end();
        if result.is_err() {
            // What has ended since it was looked at is kept.
            let mut ended = messages.try_iter().filter_map(|(job, outcome)| Some((job.key, outcome.ok()?)));
            let kept = ended.try_for_each(|(key, record)| journal.add(key, record));
            memory::release_memory();
            return result.and(kept);
        }
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

    /// Takes finished clusterings into the journal until all are there.
    fn collect(
        &self,
        pool: &Pool,
        messages: &std::sync::mpsc::Receiver<(Job, Result<ClusterRecord>)>,
        count: usize,
        journal: &mut Journal<ClusterRecord>,
    ) -> Result<()> {
        for finished in 0..count {
            let (job, outcome) = loop {
                cancel::check(&format!("{finished} of {count} clusterings are finished and kept"))?;
                match messages.recv_timeout(Duration::from_millis(100)) {
                    Ok(message) => break message,
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => {
                        return Err(Error::Worker("all workers ended before the last clustering".to_owned()))
                    }
                }
            };
            self.progress.advance(cost(pool.samples[job.draw].len()));
            match outcome {
                Ok(record) => journal.add(job.key, record)?,
                // What one set of vectors does not allow must not cost the others.
                Err(error @ Error::Parameter { .. }) => {
                    let Job { algorithm, percentage, repeat, layer, .. } = job;
                    self.progress
                        .line(&format!("left out: {algorithm} at {percentage}, repeat {repeat}, conv{layer}: {error}"));
                }
                Err(error) => return Err(error),
            }
            self.progress.note(&format!("{} of {count}", finished + 1));
        }
        Ok(())
    }
}

/// What clustering `n` vectors costs beside others, for progress: about the square.
fn cost(n: usize) -> u64 {
    (n as u64).pow(2) / 1000 + 1
}

/// One clustering to be made.
#[derive(Clone)]
struct Job {
    key: String,
    algorithm: Algorithm,
    percentage: f64,
    repeat: u64,
    layer: usize,
    /// Which of the drawn sample sets.
    draw: usize,
}

/// Makes the keys of clusterings: digests of all that decides their numbers.
struct Keys(String);

impl Keys {
    fn new(sweep: &ClusterSweep, weights: &str, pictures: &str) -> Keys {
        let (model, task) = (sweep.model, sweep.task);
        Keys(format!(
            "clustering 1 {weights} {} {:?} {:?} {} {pictures}",
            model.architecture(),
            model.input_shape(),
            task.classes,
            matches!(model.device(), tch::Device::Cpu),
        ))
    }

    fn of(&self, algorithm: Algorithm, percentage: f64, repeat: u64, layer: usize) -> String {
        hex(Md5::digest(format!("{} {algorithm} {percentage:?} {repeat} {layer}", self.0)))
    }
}

/// What the workers share.
struct Pool {
    table: FeatureTable,
    samples: Vec<Vec<usize>>,
    classes: usize,
    scoring: Scoring,
    budget: u64,
    queue: Mutex<Queue>,
    freed: Condvar,
    stop: Stop,
}

struct Queue {
    jobs: VecDeque<Job>,
    in_use: u64,
    running: usize,
}

/// Starts workers. They are left behind by an interrupt: a clustering cannot be stopped in the middle, and ends by
/// itself.
fn start(pool: &Arc<Pool>, workers: usize, sender: Sender<(Job, Result<ClusterRecord>)>) -> Result<()> {
    for _ in 0..workers {
        let (pool, sender) = (Arc::clone(pool), sender.clone());
        let work = move || {
            while let Some((job, held)) = pool.take() {
                let outcome = pool.cluster(&job);
                drop(held);
                if sender.send((job, outcome)).is_err() {
                    break;
                }
            }
        };
        let started = std::thread::Builder::new().name("clustering".to_owned()).spawn(work);
        started.map_err(|e| Error::Worker(format!("clustering: {e}")))?;
    }
    Ok(())
}

impl Pool {
    /// The next job that fits into the budget beside those that run, and a hold on its memory; any job when none runs.
    fn take(&self) -> Option<(Job, Held<'_>)> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if self.stop.requested() || queue.jobs.is_empty() {
                return None;
            }
            let memory = |job: &Job| job.algorithm.memory(self.samples[job.draw].len());
            let fits = |job: &Job| queue.running == 0 || queue.in_use + memory(job) <= self.budget;
            if let Some(job) = queue.jobs.iter().position(fits).and_then(|at| queue.jobs.remove(at)) {
                let memory = memory(&job);
                queue.in_use += memory;
                queue.running += 1;
                return Some((job, Held { pool: self, memory }));
            }
            let waited = self.freed.wait_timeout(queue, Duration::from_millis(200));
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn cluster(&self, job: &Job) -> Result<ClusterRecord> {
        let start = Instant::now();
        let features = self.table.rows(job.layer, self.samples[job.draw].iter().copied())?;
        let clusters = job.algorithm.cluster_here(features.vectors.view(), self.classes, job.repeat)?;
        let contingency = Contingency::new(&clusters, &features.labels)?;
        Ok(ClusterRecord {
            percentage: job.percentage,
            repeat: job.repeat,
            layer: features.layer,
            scores: contingency.scores(self.scoring),
            // As the source weights, it is said where rows are made of these.
            dataset: String::new(),
            split: String::new(),
            algorithm: job.algorithm.to_string(),
            vectors: Some(clusters.len()),
            dropped: Some(features.dropped),
            nmi: Some(contingency.nmi()),
            silhouette: silhouette(features.vectors.view(), &clusters),
            scoring: self.scoring.to_string(),
            counts: Some(contingency.counts().rows().into_iter().map(|r| r.to_vec()).collect()),
            source_weights: None,
            pictures: None,
            seconds: Some((start.elapsed().as_secs_f64() * 1000.0).round() / 1000.0),
            other: serde_json::Map::new(),
        })
    }
}

/// Memory of the budget that a running job holds; given back also when the job panics.
struct Held<'a> {
    pool: &'a Pool,
    memory: u64,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut queue = self.pool.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.in_use -= self.memory;
        queue.running -= 1;
        self.pool.freed.notify_all();
    }
}
