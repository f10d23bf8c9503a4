//! Checkpoints of a training under way: what they hold, and where they lie.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::fit::{Epoch, State};
use super::identity::{Noted, TrainingIdentity};
use crate::config::Optimizer;
use crate::error::{Error, Result};
use crate::model::{digest, Checkpoint, StateDict};
use crate::rng::TorchRng;

/// Where a training's files go.
pub(super) struct Files {
    pub folder: PathBuf,
    pub name: String,
}

impl Files {
    /// The best weights.
    pub fn best(&self) -> PathBuf {
        self.folder.join(format!("{}_best.safetensors", self.name))
    }

    fn checkpoint_folder(&self) -> PathBuf {
        self.folder.join(format!("{}_checkpoints", self.name))
    }

    /// The checkpoint of an epoch.
    pub fn checkpoint(&self, epoch: usize) -> PathBuf {
        self.checkpoint_folder().join(format!("epoch_{epoch:03}.safetensors"))
    }

    /// The checkpoints there are, that of the latest epoch first.
    pub fn newest_first(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.checkpoint_folder()).into_iter().flatten();
        let is_one = |p: &PathBuf| {
            p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("epoch_"))
                && p.extension().is_some_and(|e| e == "safetensors")
        };
        let number = |p: &PathBuf| p.file_stem()?.to_str()?.strip_prefix("epoch_")?.parse::<usize>().ok();
        let mut files: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).filter(is_one).collect();
        files.sort_by_key(|path| std::cmp::Reverse(number(path)));
        files
    }
}

/// What a checkpoint says beside its tensors.
#[derive(Serialize, Deserialize)]
struct Notes {
    identity: Noted,
    epoch: usize,
    steps: u32,
    best: f64,
    stale: usize,
    stopped: bool,
    train_acc: Option<f64>,
    val_acc: Option<f64>,
    curve: Vec<Epoch>,
}

const RNG: &str = "rng";

/// Names of what an optimizer remembers of parameter `i`: Adam's moments, or SGD's one step.
fn slot_names(optimizer: &Optimizer, i: usize) -> Vec<String> {
    match optimizer {
        Optimizer::Sgd { .. } => vec![format!("sgd.momentum_buffer.{i}")],
        Optimizer::Adam { .. } | Optimizer::AdamW { .. } => {
            vec![format!("adam.exp_avg.{i}"), format!("adam.exp_avg_sq.{i}")]
        }
    }
}

/// Writes training under way: weights, best weights, the optimizer's state, the generator, and where it stands.
pub(super) fn store(state: &State, curve: &[Epoch], path: &Path, identity: &Noted) -> Result<()> {
    let last = curve.last();
    let notes = Notes {
        identity: identity.clone(),
        epoch: state.epochs_done - 1,
        steps: state.updates.steps,
        best: state.stopping.best,
        stale: state.stopping.stale,
        stopped: state.stopped,
        train_acc: last.and_then(|e| e.train_acc),
        val_acc: last.and_then(|e| e.val_acc),
        curve: curve.to_vec(),
    };
    let mut tensors = state.model.state_dict();
    tensors.extend(state.best.iter().map(|(name, t)| (format!("best.{name}"), t.shallow_clone())));
    for (i, slots) in state.updates.slots.iter().enumerate() {
        let names = slot_names(&state.updates.rule, i);
        tensors.extend(names.into_iter().zip(slots).map(|(name, t)| (name, t.shallow_clone())));
    }
    tensors.push((RNG.to_owned(), Tensor::from_slice(&state.rng.to_words())));
    let text =
        serde_json::to_string(&notes).map_err(|e| Error::format(path, "notes that can be written", e.to_string()))?;
    Checkpoint { tensors, text }.save(path)
}

/// The inverse of [`store`]; returns the curve so far and the identity of the training, which further checkpoints bear.
/// The network has the weights that the training began with, or, after
/// an interrupt, those of the checkpoint; `held` is a digest of them.
pub(super) fn restore(
    state: &mut State,
    path: &Path,
    identity: &TrainingIdentity,
    held: &str,
) -> Result<(Vec<Epoch>, Noted)> {
    let file = Checkpoint::load(path)?;
    let notes: Notes = serde_json::from_str(&file.text)
        .map_err(|e| Error::format(path, "a checkpoint of a training", format!("notes that say: {e}")))?;
    let own = state.model.state_dict();
    let goes_on = || -> Result<bool> {
        let tensors = own.iter().filter_map(|(name, _)| Some((name.clone(), file.get(name)?.shallow_clone())));
        let stored = digest(&tensors.collect::<Vec<_>>())?;
        Ok(identity.is_but_for_first_weights(&notes.identity) && stored == held)
    };
    if let Some((key, ours, theirs)) = identity.difference(&notes.identity) {
        if !goes_on()? {
            let (path, remedy) = (path.to_owned(), "remove its folder to train from scratch");
            return Err(Error::Mismatch { path, what: "a checkpoint of a training", key, ours, theirs, remedy });
        }
    }
    let missing = |name: &str| Error::format(path, format!("`{name}` in a checkpoint"), "no such tensor");
    let named = |prefix: &str, names: &[(String, Tensor)]| -> Result<StateDict> {
        let find = |(name, _): &(String, Tensor)| {
            let key = format!("{prefix}{name}");
            let tensor = file.get(&key).ok_or_else(|| missing(&key))?;
            Ok((name.clone(), tensor.to(state.model.device())))
        };
        names.iter().map(find).collect()
    };
    let weights = named("", &own)?;
    if !state.best.is_empty() && own.iter().all(|(name, _)| file.get(&format!("best.{name}")).is_none()) {
        let expected = "the best weights, which this training keeps (remove its folder to train from scratch)";
        return Err(Error::format(path, expected, "a checkpoint of a training that did not keep them"));
    }
    let best = if state.best.is_empty() { Vec::new() } else { named("best.", &own)? };
    state.model.load_state_dict(&weights).map_err(|e| Error::format(path, "weights that fit", e.to_string()))?;
    // SGD without momentum remembers nothing.
    let plain = matches!(state.updates.rule, Optimizer::Sgd { momentum: 0.0, .. }) && !state.sets_momentum();
    for (i, (slots, parameter)) in state.updates.slots.iter_mut().zip(&state.parameters).enumerate() {
        let names = if plain { Vec::new() } else { slot_names(&state.updates.rule, i) };
        let stored = |name: &String| {
            let stored = file.get(name).filter(|t| t.size() == parameter.size()).ok_or_else(|| missing(name))?;
            Ok(stored.to(parameter.device()).copy())
        };
        *slots = names.iter().map(stored).collect::<Result<_>>()?;
    }
    let words = file.get(RNG).ok_or_else(|| missing(RNG))?;
    let mut numbers = vec![0i64; words.numel()];
    words.copy_data(&mut numbers, words.numel());
    state.rng =
        TorchRng::from_words(&numbers).ok_or_else(|| Error::format(path, "a generator's state", "other numbers"))?;
    state.updates.steps = notes.steps;
    (state.stopping.best, state.stopping.stale, state.stopped) = (notes.best, notes.stale, notes.stopped);
    (state.best, state.epochs_done, state.last_val_acc) = (best, notes.epoch + 1, notes.val_acc);
    Ok((notes.curve, notes.identity))
}
