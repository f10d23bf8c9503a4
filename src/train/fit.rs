//! The training loop.

use tch::Tensor;

use super::clip::clip;
use super::early_stopping::{EarlyStopping, Verdict};
use super::evaluate::accuracy;
use super::finite::check_finite;
use super::inputs::{changed_in_chunks, Inputs};
use super::loss::loss;
use super::optimizer::{Pace, Updates};
use super::schedule::Rates;
use super::validation::Validation;
use crate::config::{Recipe, TrainingConfig};
use crate::error::{During, Error, Result};
use crate::model::{Model, StateDict};
use crate::rng::TorchRng;
use crate::runtime::cancel::Stop;

/// What one epoch gave.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Epoch {
    /// Counted from 0.
    pub epoch: usize,
    /// The mean negative log-likelihood of each batch, before its step, where losses were asked for; their mean alone where
    /// they were only shown (`is_debug`); else empty.
    pub loss: Vec<f64>,
    /// Accuracy on the training set, from 0 to 1; `None` unless the curve was asked for.
    pub train_acc: Option<f64>,
    /// Accuracy on the validation set, from 0 to 1; `None` where nothing needed it, and where it was enough to know that it
    /// is not higher than before.
    pub val_acc: Option<f64>,
}

/// How to train.
#[derive(Clone, Debug)]
pub(crate) struct FitOptions {
    pub training: TrainingConfig,
    /// Keep the best weights, whatever is returned.
    pub keep_best: bool,
    /// Measure training and validation accuracy after each epoch even where nothing depends on it.
    pub curve: bool,
    /// Read every batch's loss.
    pub losses: bool,
    /// Find out whether an epoch is better, and how good it is only if it is.
    pub decides: bool,
}

/// Training under way: everything the next epoch depends on. A checkpoint is a copy of this.
pub(super) struct State {
    pub model: Box<dyn Model>,
    pub parameters: Vec<Tensor>,
    /// The block that each parameter is in.
    blocks: Vec<usize>,
    pub updates: Updates,
    /// The learning rate of each block, and of the head.
    rates: Rates,
    pub rng: TorchRng,
    pub stopping: EarlyStopping,
    /// The weights with the best validation accuracy.
    pub best: StateDict,
    pub epochs_done: usize,
    pub stopped: bool,
    pub last_val_acc: Option<f64>,
    pub validation: Validation,
}

/// What training ends with.
pub(crate) struct Fitted {
    pub model: Box<dyn Model>,
    pub rng: TorchRng,
    pub epochs: usize,
    pub stopped_early: bool,
    /// Validation accuracy of the weights, where it was measured on the way.
    pub val_acc: Option<f64>,
    /// The best weights and their validation accuracy, where they were kept.
    pub best: Option<(StateDict, f64)>,
}

/// A copy of a network's weights.
pub(super) fn snapshot(model: &dyn Model) -> StateDict {
    model.state_dict().into_iter().map(|(name, t)| (name, t.copy())).collect()
}

impl State {
    /// At the start, for `images` training images.
    pub fn new(model: Box<dyn Model>, options: &FitOptions, images: usize) -> State {
        let (blocks, parameters): (Vec<_>, Vec<_>) = model.trainable().into_iter().unzip();
        let (optimizer, recipe) = (options.training.optimizer(), options.training.recipe());
        let back = |block: usize| recipe.block_decay.powi((model.depth() - block) as i32);
        let base = (0..=model.depth()).map(|block| optimizer.lr() * back(block)).collect();
        let steps = images.div_ceil(options.training.batch_size());
        let rates = Rates::new(recipe, base, options.training.epochs(), steps);
        let updates = Updates::new(&parameters, optimizer);
        let best = if options.needs_best() { snapshot(model.as_ref()) } else { Vec::new() };
        let rng = model.rng().clone();
        State {
            model,
            parameters,
            blocks,
            updates,
            rates,
            rng,
            stopping: EarlyStopping::new(options.training.patience()),
            best,
            epochs_done: 0,
            stopped: false,
            last_val_acc: None,
            validation: Validation::default(),
        }
    }

    /// Trains for one epoch.
    pub fn epoch(
        &mut self,
        train: &Inputs,
        validation: &Inputs,
        options: &FitOptions,
        stop: &Stop,
        on_batch: &mut dyn FnMut(usize, f64),
    ) -> Result<Epoch> {
        let order = pass_order(&mut self.rng, train.len());
        let mut loss = Vec::new();
        for (i, positions) in order.chunks(options.training.batch_size()).enumerate() {
            stop.check()?;
            let value = self.step(train, positions, options.training.recipe(), stop)?;
            if options.losses {
                loss.push(value.double_value(&[]));
                on_batch(i, loss[i]);
            }
        }
        // The pass that measures training accuracy draws its order whether it is made or not.
        let mut train_acc = None;
        if options.curve {
            let order = pass_order(&mut self.rng, train.len());
            train_acc = Some(accuracy(self.model.as_ref(), train, Some(&order), options.training.batch_size(), stop)?);
        } else {
            draw_pass(&mut self.rng, true);
        }
        draw_pass(&mut self.rng, false);
        let mut val_acc = None;
        if options.needs_validation() && validation.len() > 0 {
            let batch_size = options.training.batch_size();
            let verdict;
            if options.decides && Validation::serves(self.model.as_ref(), validation, batch_size) {
                let best = self.stopping.best;
                val_acc = self.validation.accuracy_above(best, self.model.as_ref(), validation, batch_size, stop)?;
                verdict = self.stopping.update(val_acc.unwrap_or(best));
            } else {
                let measured = accuracy(self.model.as_ref(), validation, None, batch_size, stop)?;
                val_acc = Some(measured);
                verdict = self.stopping.update(measured);
            }
            match verdict {
                Verdict::Best if options.needs_best() => self.best = snapshot(self.model.as_ref()),
                Verdict::Stop => self.stopped = true,
                Verdict::Best | Verdict::GoOn => {}
            }
        }
        self.last_val_acc = val_acc;
        self.rates.after_epoch();
        self.epochs_done += 1;
        Ok(Epoch { epoch: self.epochs_done - 1, loss, train_acc, val_acc })
    }

    /// Whether the schedule sets momentum.
    pub fn sets_momentum(&self) -> bool {
        self.rates.momentum().is_some()
    }

    /// Brings learning rates to where they stand after so many epochs of `steps` each.
    pub fn replay_rates(&mut self, epochs: usize, steps: usize) {
        for _ in 0..epochs {
            (0..steps).for_each(|_| self.rates.after_step());
            self.rates.after_epoch();
        }
    }

    /// One step on one batch; the loss before it.
    fn step(&mut self, train: &Inputs, positions: &[i64], recipe: &Recipe, stop: &Stop) -> Result<Tensor> {
        let model = self.model.as_ref();
        let inputs = train.for_batch_of(positions.len());
        let trained_from = model.frozen().max(inputs.start());
        let changes = (!recipe.augmentation.is_none()).then_some((recipe.augmentation, &mut self.rng));
        let x = changed_in_chunks(model, train, positions, trained_from, changes, || stop.check())?;
        let y = train.labels(positions)?;
        let features = model.through(&x, trained_from, model.depth(), true)?;
        let loss = loss(&model.classify(&features, true)?, &y, recipe.label_smoothing)?;
        let gradients = Tensor::f_run_backward(&[&loss], &self.parameters, false, false);
        let mut gradients = gradients.during("the backward pass")?;
        if let Some(most) = recipe.clip {
            clip(&mut gradients, most)?;
        }
        let now = self.rates.now();
        let rates: Vec<f64> = self.blocks.iter().map(|&block| now[block]).collect();
        let pace = Pace { rates: &rates, momentum: self.rates.momentum() };
        self.updates.step(&mut self.parameters, &gradients, &pace)?;
        self.rates.after_step();
        Ok(loss.detach())
    }

    /// Ends training: the best weights come back where they should.
    pub fn finish(mut self, options: &FitOptions) -> Result<Fitted> {
        let mut val_acc = self.last_val_acc;
        if self.stopped || options.training.restore_best() {
            check_finite(&self.best)?;
            self.model.load_state_dict(&self.best)?;
            val_acc = Some(self.stopping.best);
        }
        let best = options.keep_best.then_some((self.best, self.stopping.best));
        let (model, rng, stopped_early) = (self.model, self.rng, self.stopped);
        Ok(Fitted { model, rng, epochs: self.epochs_done, stopped_early, val_acc, best })
    }
}

impl FitOptions {
    pub(super) fn needs_best(&self) -> bool {
        self.training.patience().is_some() || self.training.restore_best() || self.keep_best
    }

    fn needs_validation(&self) -> bool {
        self.needs_best() || self.curve
    }

    /// Refuses a training that is decided by validation images that are not there, and batches of one image where
    /// batch normalisation is trained.
    ///
    /// # Errors
    /// [`Error::Parameter`].
    pub(super) fn check(&self, model: &dyn Model, train: &Inputs, validation: &Inputs) -> Result<()> {
        let (images, size) = (train.len(), self.training.batch_size());
        if model.trains_statistics() && (size == 1 || images % size == 1) {
            let expected = format!(
                "a size that leaves no batch of one of the {images} training images, as batch normalisation is trained"
            );
            return Err(Error::parameter("batch_size", expected, size));
        }
        if self.needs_best() && validation.len() == 0 {
            let expected = "a fraction that leaves validation images, for early stopping and the best weights";
            return Err(Error::parameter("val_split", expected, "none"));
        }
        Ok(())
    }
}

/// Trains `model` from start to end. `on_epoch` is called after each epoch.
///
/// # Errors
/// [`crate::error::Error::Torch`]; [`crate::error::Error::Interrupted`] when `stop` is requested; what `on_epoch` returns.
pub(crate) fn fit(
    model: Box<dyn Model>,
    train: &Inputs,
    validation: &Inputs,
    options: &FitOptions,
    stop: &Stop,
    mut on_epoch: impl FnMut(Epoch) -> Result<()>,
) -> Result<Fitted> {
    options.check(model.as_ref(), train, validation)?;
    let mut state = State::new(model, options, train.len());
    while state.epochs_done < options.training.epochs() && !state.stopped {
        let epoch = state.epoch(train, validation, options, stop, &mut |_, _| {})?;
        on_epoch(epoch)?;
    }
    state.finish(options)
}

/// Accuracies of a trained network, from 0 to 1.
pub(crate) struct FinalAccuracy {
    pub train: f64,
    /// `None` where there are no validation images.
    pub validation: Option<f64>,
    pub test: f64,
}

/// Measures a trained network on the training set (in an order drawn as a loader draws it), on the validation set
/// where that was not done on the way, and on the test set.
pub(crate) fn evaluate_final(
    fitted: &Fitted,
    train: &Inputs,
    validation: &Inputs,
    test: &Inputs,
    batch_size: usize,
    stop: &Stop,
) -> Result<FinalAccuracy> {
    let mut rng = fitted.rng.clone();
    let order = pass_order(&mut rng, train.len());
    let train = accuracy(fitted.model.as_ref(), train, Some(&order), batch_size, stop)?;
    let validation = match fitted.val_acc {
        None if validation.len() > 0 => Some(accuracy(fitted.model.as_ref(), validation, None, batch_size, stop)?),
        measured => measured,
    };
    let test = accuracy(fitted.model.as_ref(), test, None, batch_size, stop)?;
    Ok(FinalAccuracy { train, validation, test })
}

/// Draws what a shuffling pass over `n` samples draws, and the order it visits them in.
pub(super) fn pass_order(rng: &mut TorchRng, n: usize) -> Vec<i64> {
    let seed = draw_pass(rng, true);
    TorchRng::new(seed).randperm(n)
}

/// Draws what a pass of PyTorch's `DataLoader` draws from the global generator: a number nobody uses and, where it
/// shuffles, the seed of the order.
fn draw_pass(rng: &mut TorchRng, shuffles: bool) -> u64 {
    rng.random_int64();
    if shuffles {
        rng.random_int64()
    } else {
        0
    }
}

/// The mean of some losses, weighted by nothing: what a curve shows for an epoch.
pub(super) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
