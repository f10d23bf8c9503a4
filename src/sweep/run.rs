//! One fine-tuning run.

use std::time::Instant;

use crate::config::{Params, Row, TrainingConfig};
use crate::data::TransferLearningWrapper;
use crate::error::Result;
use crate::model::{Cut, Model};
use crate::results::{Computed, Record};
use crate::runtime::background::in_background;
use crate::runtime::cancel::Stop;
use crate::runtime::progress::LateBar;
use crate::runtime::threads;
use crate::train::{check_finite, evaluate_final, fit, Epoch, FitOptions, Inputs};

/// The task of a run: its classes and its three sets of inputs.
pub(super) struct RunInputs {
    pub classes: usize,
    pub train: Inputs,
    pub validation: Inputs,
    pub test: Inputs,
}

/// A run's result.
#[derive(Debug)]
pub struct FineTuned {
    /// The row for the result file.
    pub record: Record,
    /// The trained network.
    pub model: Box<dyn Model>,
    /// Each epoch's losses and accuracies, where they were asked for.
    pub trace: Vec<Epoch>,
}

fn fit_options(training: &TrainingConfig, trace: bool) -> FitOptions {
    FitOptions { training: training.clone(), keep_best: false, curve: trace, losses: trace, decides: !trace }
}

/// What a run is of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct RunSpec {
    pub percentage: f64,
    pub cut: Cut,
    pub repeat: u64,
}

/// Computes one run on inputs that are there already. `on_epoch` is called after each epoch.
pub(super) fn run(
    source: &dyn Model,
    spec: RunSpec,
    inputs: &RunInputs,
    training: &TrainingConfig,
    trace: bool,
    stop: &Stop,
    mut on_epoch: impl FnMut(usize),
) -> Result<FineTuned> {
    let start = Instant::now();
    let model = source.cut_for(spec.cut, inputs.classes, spec.repeat)?;
    let mut epochs = Vec::new();
    let options = fit_options(training, trace);
    let RunInputs { train, validation, test, .. } = inputs;
    let fitted = fit(model, train, validation, &options, stop, |epoch| {
        on_epoch(epoch.epoch);
        if trace {
            epochs.push(epoch);
        }
        Ok(())
    })?;
    check_finite(&fitted.model.state_dict())?;
    let accuracy = evaluate_final(&fitted, train, validation, test, training.batch_size(), stop)?;
    let record = Record {
        lr: training.optimizer().lr(),
        sampled_percentage: spec.percentage,
        sampled_cut_point: spec.cut.point.number(),
        repeat: spec.repeat,
        train_acc: accuracy.train,
        test_acc: accuracy.test,
        epochs: Some(fitted.epochs),
        val_acc: accuracy.validation,
        seconds: Some((start.elapsed().as_secs_f64() * 100.0).round() / 100.0),
        device: match source.device() {
            tch::Device::Cpu => None,
            tch::Device::Cuda(_) => Some("cuda".to_owned()),
            other => Some(format!("{other:?}").to_lowercase()),
        },
        computed: Some(Computed::here(source.device())),
        other: serde_json::Map::new(),
    };
    Ok(FineTuned { record, model: fitted.model, trace: epochs })
}

/// Computes one run of the target task by itself, with `threads` threads for each operation. With one thread the
/// numbers are those of a sweep, and of PyTorch with one thread.
///
/// # Errors
/// Those of [`Params::check`], [`crate::config::CutPoint::check`] and [`crate::data::Task::reduced`]; [`crate::error::Error::Torch`];
/// [`crate::error::Error::Interrupted`].
pub fn fine_tune(
    source: &dyn Model,
    data: &TransferLearningWrapper,
    params: &Params,
    row: Row,
    threads: usize,
    trace: bool,
) -> Result<FineTuned> {
    params.check()?;
    params.check_for_runs()?;
    if let Some(study) = source.as_study() {
        study.check_params(params)?;
    }
    let Row { fraction, cut, repeat } = row;
    let percentage = fraction.get();
    cut.check(source.depth())?;
    let cut = Cut::new(params, cut)?;
    let train = data.reduced_train(percentage, repeat)?;
    let task = data.target.clone();
    let (source, training) = (source.copied()?, params.fine_tuning()?);
    let mut bar = LateBar::new("fine-tuning", Some(training.epochs() as u64));
    let (sender, epochs) = std::sync::mpsc::channel();
    let tuned = in_background(
        "fine-tuning",
        move |stop| {
            threads::prepare_thread(threads);
            let device = source.device();
            let inputs = RunInputs {
                classes: task.classes.len(),
                train: Inputs::images(&train, device)?,
                validation: Inputs::images(&task.validation, device)?,
                test: Inputs::images(&task.test, device)?,
            };
            let spec = RunSpec { percentage, cut, repeat };
            run(source.as_ref(), spec, &inputs, &training, trace, stop, |epoch| {
                // Whoever was listening has been interrupted.
                let _ = sender.send(epoch);
            })
        },
        || {
            bar.advance(epochs.try_iter().count() as u64);
            Ok(())
        },
    )?;
    bar.finish();
    Ok(tuned)
}
