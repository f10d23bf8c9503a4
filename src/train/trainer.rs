//! Training one network from a notebook or the command line: progress, checkpoints, interrupts, the report.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::checkpoints::{restore, store, Files};
use super::evaluate::predict;
use super::finite::check_finite;
use super::fit::{evaluate_final, mean, snapshot, Epoch, FitOptions, Fitted, State};
use super::identity::TrainingIdentity;
use super::inputs::Inputs;
use super::labels::to_labels;
use super::report::ClassificationReport;
use crate::config::{Params, TrainingConfig};
use crate::data::{Samples, Task, TransferLearningWrapper};
use crate::error::{Error, Result};
use crate::model::{digest, Checkpoint};
use crate::model::{Model, StateDict};

use crate::runtime::background::in_background;
use crate::runtime::cancel::Stop;
use crate::runtime::progress::{default_sink, Progress, Unit};
use crate::runtime::threads;

/// Trains a network on the task of a wrapper's phase.
///
/// Training runs in a thread of its own, so that an interrupt returns within half a second; the network then has the
/// weights of the last complete epoch.
pub struct Trainer<'m> {
    model: &'m mut dyn Model,
    task: Task,
    train: Samples,
    params: Params,
    training: TrainingConfig,
    threads: usize,
    curve: bool,
    losses: bool,
    progress: Arc<dyn Progress>,
    output: Option<(PathBuf, String)>,
    resume: bool,
}

/// What training gave.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainReport {
    /// Accuracy on the training set at the end, from 0 to 1.
    pub train_acc: f64,
    /// Accuracy on the validation set of the weights at the end; `None` where there are no validation images.
    pub val_acc: Option<f64>,
    /// Accuracy on the test set, from 0 to 1.
    pub test_acc: f64,
    /// Epochs that were run.
    pub epochs: usize,
    /// Whether early stopping ended training, and the best weights came back.
    pub stopped_early: bool,
    /// The learning curve: what each epoch gave.
    pub curve: Vec<Epoch>,
    /// Scores of each class on the test set, where `classification_report_flag` asks for them.
    pub classification: Option<ClassificationReport>,
    /// Seconds it took.
    pub seconds: f64,
}

impl<'m> Trainer<'m> {
    /// A trainer on the training part of the phase's task.
    ///
    /// # Errors
    /// Those of [`Params::check`]; [`Error::Parameter`] when the network has other outputs than the task has classes
    /// or other inputs than its images, or when `lr` is no positive number.
    pub fn new(model: &'m mut dyn Model, data: &TransferLearningWrapper, lr: f64, params: &Params) -> Result<Self> {
        params.check()?;
        let training = params.pretraining()?;
        let training = training.clone().with_optimizer(training.optimizer().with_lr(lr)?);
        let task = data.task().clone();
        if model.output_dim() != task.classes.len() {
            let found = format!("{} in the {:?} phase", task.classes.len(), data.phase());
            return Err(Error::parameter(
                "output_dim",
                format!("{} classes, as the network has", model.output_dim()),
                found,
            ));
        }
        model.check_images(data.input_shape())?;
        Ok(Trainer {
            model,
            train: task.train.clone(),
            task,
            params: params.clone(),
            training,
            threads: threads::cores(),
            curve: true,
            losses: false,
            progress: default_sink(),
            output: None,
            resume: false,
        })
    }

    /// Trains on these samples instead, such as [`TransferLearningWrapper::reduced_train`].
    ///
    /// # Errors
    /// [`Error::Parameter`] when there are none.
    pub fn on(mut self, train: Samples) -> Result<Self> {
        if train.is_empty() {
            return Err(Error::parameter("train", "at least one sample", 0));
        }
        self.train = train;
        Ok(self)
    }

    /// Trains in this way: epochs, batches, patience, optimizer and recipe.
    pub fn training(mut self, training: TrainingConfig) -> Self {
        self.training = training;
        self
    }

    /// Threads for each operation. Sums are split between them, so that their number changes last digits: numbers
    /// equal PyTorch's with as many threads. All cores unless set.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// Where progress goes; unless set a bar in the notebook, or in the terminal.
    pub fn progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = progress;
        self
    }

    /// Measures the accuracy on the training set after every epoch, for the curve: a third of the time of training,
    /// and no weight depends on it. On unless set.
    pub fn curve(mut self, yes: bool) -> Self {
        self.curve = yes;
        self
    }

    /// Keeps every batch's loss in the curve.
    pub fn losses(mut self, yes: bool) -> Self {
        self.losses = yes;
        self
    }

    /// Where `save_best` and `save_checkpoints` write: `<folder>/<name>_best.safetensors`, and one file an epoch in
    /// `<folder>/<name>_checkpoints`.
    pub fn output(mut self, folder: impl AsRef<Path>, name: &str) -> Self {
        self.output = Some((folder.as_ref().to_owned(), name.to_owned()));
        self
    }

    /// Goes on from the latest checkpoint below [`Trainer::output`], where there is one of this training.
    pub fn resume(mut self, yes: bool) -> Self {
        self.resume = yes;
        self
    }

    /// Trains, and measures the result on training, validation and test images.
    ///
    /// # Errors
    /// [`Error::Interrupted`] (the network keeps the last complete epoch); [`Error::Diverged`] (it keeps what it had);
    /// [`Error::Parameter`] when files are to be written and [`Trainer::output`] was not called; [`Error::Io`] and
    /// [`Error::Format`] on checkpoints; [`Error::Torch`].
    pub fn train(self) -> Result<TrainReport> {
        let start = Instant::now();
        let files = match (&self.output, self.params.save_best || self.params.save_checkpoints || self.resume) {
            (None, true) => {
                return Err(Error::parameter(
                    "output",
                    "a folder, as `save_best`, `save_checkpoints` or resuming need one",
                    "none",
                ))
            }
            (output, _) => output.as_ref().map(|(folder, name)| Files { folder: folder.clone(), name: name.clone() }),
        };
        let options = FitOptions {
            training: self.training.clone(),
            keep_best: self.params.save_best,
            curve: self.curve,
            losses: self.losses || self.params.is_debug,
            // Every epoch's accuracy is shown.
            decides: false,
        };
        let device = self.model.device();
        let weights = digest(&self.model.state_dict())?;
        let job = Job {
            model: self.model.copied()?,
            train: Inputs::images(&self.train, device)?,
            validation: Inputs::images(&self.task.validation, device)?,
            test: Inputs::images(&self.task.test, device)?,
            names: self.task.class_names.clone(),
            identity: TrainingIdentity::new(
                self.model,
                &weights,
                &self.task,
                &self.train,
                &self.training,
                self.threads,
            )?,
            weights,
            options,
            params: self.params,
            keep_losses: self.losses,
            files,
            resume: self.resume,
            threads: self.threads,
            progress: Arc::clone(&self.progress),
            latest: Arc::default(),
        };
        let latest = Arc::clone(&job.latest);
        let result = in_background("training", move |stop| job.run(stop), || Ok(()));
        self.progress.end();
        let finished = match result {
            Ok(finished) => finished,
            Err(error) => {
                // The job may still hold the lock for the moment of copying; a poisoned lock holds a whole epoch too.
                let latest = latest.lock().unwrap_or_else(PoisonError::into_inner).take();
                // Weights that are no numbers are of no use to anyone: the network keeps its own.
                if let Some(weights) = latest.filter(|weights| check_finite(weights).is_ok()) {
                    self.model.load_state_dict(&weights)?;
                }
                return Err(error);
            }
        };
        self.model.load_state_dict(&finished.weights)?;
        Ok(TrainReport { seconds: start.elapsed().as_secs_f64(), ..finished.report })
    }
}

/// A training as its thread sees it.
struct Job {
    model: Box<dyn Model>,
    train: Inputs,
    validation: Inputs,
    test: Inputs,
    names: Vec<String>,
    identity: TrainingIdentity,
    /// A digest of the weights that training begins with.
    weights: String,
    options: FitOptions,
    params: Params,
    keep_losses: bool,
    files: Option<Files>,
    resume: bool,
    threads: usize,
    progress: Arc<dyn Progress>,
    /// The weights of the last complete epoch, for when the thread is left behind.
    latest: Arc<Mutex<Option<StateDict>>>,
}

struct Finished {
    weights: StateDict,
    report: TrainReport,
}

impl Job {
    fn run(self, stop: &Stop) -> Result<Finished> {
        threads::prepare_thread(self.threads);
        let (mut curve, mut noted) = (Vec::new(), self.identity.noted());
        self.options.check(self.model.as_ref(), &self.train, &self.validation)?;
        let mut state = State::new(self.model, &self.options, self.train.len());
        let files = self.files.as_ref().filter(|_| self.resume).map(Files::newest_first).unwrap_or_default();
        // A file that a crash or a full disk has damaged costs an epoch, not the training.
        let sound = files.iter().position(|path| !matches!(Checkpoint::load(path), Err(Error::Format { .. })));
        for path in &files[..sound.unwrap_or(0)] {
            self.progress.line(&format!("{}: damaged, and passed over", path.display()));
        }
        if let Some(path) = files.get(sound.unwrap_or(0)).cloned() {
            (curve, noted) = restore(&mut state, &path, &self.identity, &self.weights)?;
            state.replay_rates(state.epochs_done, self.train.len().div_ceil(self.options.training.batch_size()));
            if state.epochs_done > self.options.training.epochs() {
                let expected = format!(
                    "a checkpoint within the {} epochs of this training (remove its folder to train from scratch)",
                    self.options.training.epochs()
                );
                return Err(Error::format(&path, expected, format!("one after {}", state.epochs_done)));
            }
            *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(snapshot(state.model.as_ref()));
            self.progress.line(&format!("going on after epoch {} from {}", state.epochs_done, path.display()));
        }
        self.progress.begin("training", self.options.training.epochs() as u64, Unit::Epochs);
        self.progress.advance(state.epochs_done as u64);
        while state.epochs_done < self.options.training.epochs() && !state.stopped {
            let number = state.epochs_done;
            let mut on_batch = |batch: usize, loss: f64| {
                if self.params.is_debug && batch.is_multiple_of(20) {
                    self.progress.line(&format!("epoch {number}, batch {batch}: loss {loss:.6}"));
                }
            };
            let mut epoch = state.epoch(&self.train, &self.validation, &self.options, stop, &mut on_batch)?;
            let shown = |acc: Option<f64>| acc.map_or("-".to_owned(), |a| format!("{a:.4}"));
            let (train_acc, val_acc) = (shown(epoch.train_acc), shown(epoch.val_acc));
            self.progress.note(&format!("accuracy: training {train_acc}, validation {val_acc}"));
            self.progress.advance(1);
            if !self.keep_losses {
                epoch.loss = mean(&epoch.loss).into_iter().collect();
            }
            curve.push(epoch);
            // An epoch that nobody waits for any more must not be ahead of the network that the caller has.
            stop.check()?;
            *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(snapshot(state.model.as_ref()));
            if let Some(files) = self.files.as_ref().filter(|_| self.params.save_checkpoints) {
                store(&state, &curve, &files.checkpoint(number), &noted)?;
            }
        }
        let fitted = state.finish(&self.options)?;
        check_finite(&fitted.model.state_dict())?;
        let batch_size = self.options.training.batch_size();
        let accuracy = evaluate_final(&fitted, &self.train, &self.validation, &self.test, batch_size, stop)?;
        let mut classification = None;
        if self.params.classification_report_flag {
            let (predicted, truth) = predict(fitted.model.as_ref(), &self.test, None, batch_size, stop)?;
            let report = ClassificationReport::new(&to_labels(&truth)?, &to_labels(&predicted)?, &self.names);
            classification = Some(report);
        }
        if let (Some(files), Some((best, _))) = (&self.files, &fitted.best) {
            let tensors = best.iter().map(|(n, t)| (n.clone(), t.shallow_clone())).collect();
            Checkpoint::of_network(tensors, fitted.model.as_ref()).save(files.best())?;
        }
        let Fitted { model, epochs, stopped_early, .. } = fitted;
        let report = TrainReport {
            train_acc: accuracy.train,
            val_acc: accuracy.validation,
            test_acc: accuracy.test,
            epochs,
            stopped_early,
            curve,
            classification,
            seconds: 0.0,
        };
        Ok(Finished { weights: model.state_dict(), report })
    }
}

impl fmt::Display for TrainReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let validation = self.val_acc.map_or(String::new(), |a| format!("validation {a:.4}, "));
        let how = if self.stopped_early { ", stopped early" } else { "" };
        let epochs = if self.epochs == 1 { "epoch" } else { "epochs" };
        write!(
            f,
            "accuracy: training {:.4}, {validation}test {:.4}; {} {epochs}{how} in {:.1} s",
            self.train_acc, self.test_acc, self.epochs, self.seconds
        )?;
        self.classification.as_ref().map_or(Ok(()), |report| write!(f, "\n{report}"))
    }
}
