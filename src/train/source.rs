//! Source networks: pre-trained once, kept with a note of how, and read again.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{TrainReport, Trainer};
use crate::config::Params;
use crate::data::{Phase, TransferLearningWrapper};
use crate::error::{During, Error, Result};
use crate::model::Checkpoint;
use crate::model::{CustomCnn, StateDict};
use crate::runtime::threads;
use crate::study::Plan;

/// How source weights were made: kept in their file, and compared when they are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The study they were made for.
    pub study: String,
    /// The network, in words.
    pub network: String,
    /// What was asked for in pre-training: epochs, batch size, ..
    pub training: String,
    /// What came of it.
    pub report: String,
}

impl Origin {
    /// Of a training that has just ended.
    pub fn new(study: &str, model: &CustomCnn, params: &Params, report: &TrainReport) -> Origin {
        Origin {
            study: study.to_owned(),
            network: model.architecture(),
            training: training_in_words(params),
            report: report.to_string().lines().next().unwrap_or_default().to_owned(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.study, self.training, self.report)
    }
}

/// The settings of pre-training, in words.
pub fn training_in_words(params: &Params) -> String {
    let patience = params.early_stop_patience.map_or("none".to_owned(), |n| n.to_string());
    format!(
        "at most {} epochs, batch {}, learning rate {}, patience {patience}",
        params.num_train, params.batch_size, params.lr_pretrain
    )
}

/// Refuses weights that, as they say themselves, were pre-trained with other epochs, batches, learning rate or patience
/// than `params` ask for. `remedy` says what can be done.
///
/// # Errors
/// [`Error::Format`] naming the file, with both trainings in words.
pub fn check_training(origin: Option<&Origin>, params: &Params, path: &Path, remedy: &str) -> Result<()> {
    let asked = training_in_words(params);
    match origin.filter(|origin| origin.training != asked) {
        None => Ok(()),
        Some(other) => {
            let expected = format!("weights pre-trained as asked ({asked}; move the file, or {remedy})");
            Err(Error::format(path, expected, other.training.clone()))
        }
    }
}

/// Writes pre-trained weights with their origin: `.safetensors` keeps it, `.pth` has no place for it.
///
/// # Errors
/// Those of [`Checkpoint::save`]; [`Error::Format`] when a weight is not finite: training has diverged.
pub fn save_source(model: &CustomCnn, path: &Path, origin: &Origin) -> Result<()> {
    check_finite(&model.state_dict(), path)?;
    let text = serde_json::to_string(origin)
        .map_err(|e| Error::format(path, "an origin that can be written", e.to_string()))?;
    Checkpoint { tensors: model.state_dict(), text }.save(path)
}

/// Reads source weights; returns their origin, if the file says so. Weights of another network are refused, also where
/// their shapes would fit.
///
/// # Errors
/// Those of [`Checkpoint::load`]; [`Error::Format`] naming the file when its weights are not this network's, or not finite.
pub fn load_source(model: &mut CustomCnn, path: &Path) -> Result<Option<Origin>> {
    let file = Checkpoint::load(path)?;
    check_finite(&file.tensors, path)?;
    model.load_checkpoint(&file, path)?;
    Ok(serde_json::from_str(&file.text).ok())
}

fn check_finite(weights: &StateDict, path: &Path) -> Result<()> {
    for (name, tensor) in weights {
        let finite = tensor.f_isfinite().and_then(|t| t.f_all()).and_then(|t| t.f_int64_value(&[]));
        if finite.during("looking at weights")? == 0 {
            let expected = format!("finite weights in {name} (a training that diverges needs a smaller learning rate)");
            return Err(Error::format(path, expected, "NaN or infinity"));
        }
    }
    Ok(())
}

/// How a source network came by its weights.
#[derive(Debug)]
pub enum Source {
    /// They were read from a file, made as it says.
    Read(Option<Origin>),
    /// The network was trained just now.
    Trained(TrainReport),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Read(Some(origin)) => write!(f, "weights read from a file ({origin})"),
            Source::Read(None) => write!(f, "weights read from a file that does not say how they were made"),
            Source::Trained(report) => report.fmt(f),
        }
    }
}

impl Plan {
    /// Gives a network the source weights of this plan below `root`: [`pretrained`] with its settings and its file.
    ///
    /// # Errors
    /// Those of [`pretrained`].
    pub fn pretrained(
        &self,
        model: &mut CustomCnn,
        data: &mut TransferLearningWrapper,
        root: impl AsRef<Path>,
    ) -> Result<Source> {
        pretrained(model, data, &self.pretrain, &self.study(), self.weights(root))
    }
}

/// Gives a network the weights of `path`, or where there is no such file pre-trains it on the source task and writes
/// the file. A training that is stopped leaves the network as it was, and its finished epochs in checkpoints beside the file:
/// called again it goes on from the last of them. `study` is noted in the file. Operations use every
/// core, and last digits depend on how many there are.
///
/// # Errors
/// Those of [`load_source`], [`check_training`], [`Trainer::train`] and [`save_source`]; [`Error::Io`] naming the file.
pub fn pretrained(
    model: &mut CustomCnn,
    data: &mut TransferLearningWrapper,
    params: &Params,
    study: &str,
    path: impl AsRef<Path>,
) -> Result<Source> {
    let path = path.as_ref();
    if path.exists() {
        let origin = load_source(model, path)?;
        check_training(origin.as_ref(), params, path, "name another file, or a variant of the plan")?;
        return Ok(Source::Read(origin));
    }
    Checkpoint::check_name(path)?;
    let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
    let name = path.file_stem().map_or("source".into(), |s| s.to_string_lossy().into_owned());
    let checkpoints = folder.join(format!("{name}_checkpoints"));
    let params = Params { save_checkpoints: true, ..params.clone() };
    let (phase, initial) = (data.phase(), model.deep_clone()?);
    data.update_phase(Phase::Pretrain);
    let trained = Trainer::new(model, data, params.lr_pretrain, &params).and_then(|trainer| {
        // Losses cost nothing; training accuracy would cost a third of the time.
        let trainer = trainer.threads(threads::cores()).output(&folder, &name).resume(true);
        trainer.curve(false).losses(true).train()
    });
    data.update_phase(phase);
    let remove_checkpoints = || std::fs::remove_dir_all(&checkpoints).map_err(Error::io("remove", &checkpoints));
    let written = trained.and_then(|report| {
        if let Err(diverged) = check_finite(&model.state_dict(), path) {
            // There is nothing to go on from.
            return remove_checkpoints().and(Err(diverged));
        }
        save_source(model, path, &Origin::new(study, model, &params, &report))?;
        Ok(report)
    });
    match written {
        Ok(report) => {
            // The finished weights are there; what an interrupted pre-training goes on from has served.
            remove_checkpoints()?;
            Ok(Source::Trained(report))
        }
        Err(error) => {
            // Called again it goes on from its checkpoint, which is one of a training from these weights.
            model.load_state_dict(&initial.state_dict())?;
            Err(error)
        }
    }
}
