//! Scores over shares of the data, repeats and layers.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{channel, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use md5::{Digest, Md5};

use super::{layer_scores, leep, Layers, TransferFile, TransferRecord, View, NETWORK};
use crate::config::PERCENTAGES;
use crate::config::{rows, Repeats};
use crate::data::Task;
use crate::error::{Error, Result};
use crate::journal::Journal;
use crate::model::{Checkpoint, CustomCnn};
use crate::runtime::cancel::{self, Stop};
use crate::runtime::progress::{default_sink, Progress, Unit};
use crate::runtime::threads;
use crate::util::hex::hex;

/// Every score of every layer of a source network, on reduced training sets of a task.
///
/// The defaults are the published grid: five shares of the data, repeats as published.
pub struct TransferSweep<'a> {
    model: &'a CustomCnn,
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
    pub fn new(model: &'a CustomCnn, task: &'a Task) -> Self {
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
    /// [`Error::Parameter`] for an impossible grid; [`Error::Interrupted`], and then finished rows are kept; [`Error::Io`]
    /// on the journal; those of [`TransferFile::merged_with`] on the file; [`Error::Torch`].
    pub fn run(&self) -> Result<TransferFile> {
        let weights = Checkpoint { tensors: self.model.state_dict(), text: String::new() }.digest()?;
        let pictures = self.task.digest();
        let label =
            |row: TransferRecord| TransferRecord { source_weights: weights.clone(), pictures: pictures.clone(), ..row };
        if let Some(path) = self.file.as_ref().filter(|path| path.exists()) {
            let alike = TransferFile::load(path)?.records.into_iter().take(1).map(&label);
            TransferFile { records: alike.collect() }.merged_with(path)?;
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
        let common = format!(
            "transfer 1 {weights} {} {:?} {:?} {} {pictures} {}",
            self.model.architecture(),
            self.model.input_shape(),
            self.task.classes,
            matches!(self.model.device(), tch::Device::Cpu),
            self.features,
        );
        let key = |(percentage, repeat): (f64, u64), layer: Option<usize>| {
            hex(Md5::digest(format!("{common} {percentage:?} {repeat} {layer:?}")))
        };
        let mut planned = Vec::new();
        for (draw, &of) in draws.iter().enumerate() {
            let layers = std::iter::once(None).chain((0..self.model.depth()).map(Some));
            planned.extend(layers.map(|layer| Job { key: key(of, layer), of, layer, draw }));
        }
        let todo: Vec<Job> = planned.iter().filter(|job| journal.get(&job.key).is_none()).cloned().collect();
        if !todo.is_empty() {
            self.compute(todo, planned.len(), samples, &mut journal)?;
        }
        let done = planned.iter().filter_map(|job| journal.get(&job.key).cloned());
        Ok(TransferFile { records: done.map(label).collect() })
    }

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
        // Large ones first, so that all workers end at about the same time.
        todo.sort_by_key(|job| std::cmp::Reverse(cost(samples[job.draw].len())));
        let count = todo.len();
        self.progress.begin("scoring layers", todo.iter().map(|job| cost(samples[job.draw].len())).sum(), Unit::Work);
        let shared = Arc::new(Shared {
            layers,
            samples,
            features: self.features,
            queue: Mutex::new(todo.into()),
            stop: Stop::default(),
        });
        let (sender, messages) = channel();
        let workers = threads::cores().min(count);
        let started = (0..workers).try_for_each(|_| {
            let (shared, sender) = (Arc::clone(&shared), sender.clone());
            let work = move || {
                while let Some(job) = shared.next() {
                    let outcome = shared.score(&job);
                    if sender.send((job, outcome)).is_err() {
                        break;
                    }
                }
            };
            let started = std::thread::Builder::new().name("scoring layers".to_owned()).spawn(work);
            started.map(|_| ()).map_err(|e| Error::Worker(format!("scoring layers: {e}")))
        });
        drop(sender);
        let result = started.and_then(|()| {
            for finished in 0..count {
                let (job, outcome) = loop {
                    cancel::check(&format!("{finished} of {count} rows of scores are finished and kept"))?;
                    match messages.recv_timeout(Duration::from_millis(100)) {
                        Ok(message) => break message,
                        Err(RecvTimeoutError::Timeout) => {}
                        Err(RecvTimeoutError::Disconnected) => {
                            return Err(Error::Worker("scoring layers: a worker panicked".to_owned()))
                        }
                    }
                };
                self.progress.advance(cost(shared.samples[job.draw].len()));
                journal.add(job.key, outcome?)?;
                self.progress.note(&format!("{} of {count}", finished + 1));
            }
            Ok(())
        });
        shared.stop.request();
        self.progress.end();
        if result.is_err() {
            // What has ended since it was looked at is kept.
            let mut ended = messages.try_iter().filter_map(|(job, outcome)| Some((job.key, outcome.ok()?)));
            let kept = ended.try_for_each(|(key, record)| journal.add(key, record));
            return result.and(kept);
        }
        result
    }

    /// The layers of every sample that some job needs, and each draw's rows in them.
    fn layers(&self, todo: &[Job], samples: Vec<Vec<usize>>) -> Result<(Layers, Vec<Vec<usize>>)> {
        let mut row_of = BTreeMap::new();
        for job in todo {
            row_of.extend(samples[job.draw].iter().map(|&position| (position, 0)));
        }
        row_of.values_mut().enumerate().for_each(|(i, row)| *row = i);
        let needed = self.task.train.select(row_of.keys().copied());
        self.progress.begin("features", needed.len() as u64, Unit::Work);
        let layers = Layers::observed(self.model, &needed, self.features, |n| self.progress.advance(n as u64));
        self.progress.end();
        let rows = |draw: Vec<usize>| draw.iter().filter_map(|position| row_of.get(position).copied()).collect();
        Ok((layers?, samples.into_iter().map(rows).collect()))
    }
}

/// What scoring `n` images costs beside others, for progress: about the square.
fn cost(n: usize) -> u64 {
    (n as u64).pow(2) / 1000 + 1
}

/// One row to be made.
#[derive(Clone)]
struct Job {
    key: String,
    /// Share of the data and repeat.
    of: (f64, u64),
    /// The layer; none: the network as a whole.
    layer: Option<usize>,
    /// Which of the drawn sample sets.
    draw: usize,
}

/// What the workers share.
struct Shared {
    layers: Layers,
    samples: Vec<Vec<usize>>,
    features: View,
    queue: Mutex<VecDeque<Job>>,
    stop: Stop,
}

impl Shared {
    fn next(&self) -> Option<Job> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if self.stop.requested() {
            return None;
        }
        queue.pop_front()
    }

    fn score(&self, job: &Job) -> Result<TransferRecord> {
        let start = Instant::now();
        let rows = &self.samples[job.draw];
        let mut record = TransferRecord {
            percentage: job.of.0,
            repeat: job.of.1,
            layer: job.layer.map_or(NETWORK.to_owned(), |layer| self.layers.names[layer].clone()),
            cut: job.layer.map(|layer| layer as i64 + 1),
            features: self.features,
            scores: BTreeMap::new(),
            leep: None,
            left_out: BTreeMap::new(),
            images: rows.len(),
            classes: 0,
            // It is said where rows are made of these.
            source_weights: String::new(),
            pictures: String::new(),
            seconds: 0.0,
        };
        let mut labels: Vec<u8> = rows.iter().map(|&row| self.layers.labels[row]).collect();
        match (job.layer, &self.layers.probabilities) {
            (Some(layer), _) => {
                let (features, labels) = self.layers.rows(layer, rows);
                for (score, value) in layer_scores(features.view(), &labels) {
                    match value {
                        Ok(value) => drop(record.scores.insert(score, value)),
                        // What these images do not allow must not cost the other scores.
                        Err(error) => drop(record.left_out.insert(score, error.to_string())),
                    }
                }
            }
            (None, Some(probabilities)) => {
                let of_rows = probabilities.select(ndarray::Axis(0), rows).mapv(f64::from);
                record.leep = Some(leep(of_rows.view(), &labels)?);
            }
            (None, None) => {}
        }
        labels.sort_unstable();
        labels.dedup();
        record.classes = labels.len();
        record.seconds = (start.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
        Ok(record)
    }
}
