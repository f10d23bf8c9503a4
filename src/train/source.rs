//! Source networks: pre-trained once, kept with a note of how, and read again.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use super::finite::check_finite;
use super::{TrainReport, Trainer};
use crate::config::{NetworkConfig, Params, TrainingConfig};
use crate::data::{Phase, Task, TransferLearningWrapper};
use crate::error::{Error, Result};
use crate::model::{digest, load_checkpoint, Checkpoint, Model};
use crate::results::{Computed, Identity, Origin};
use crate::runtime::progress::default_sink;
use crate::runtime::{cancel, threads};
use crate::util::{files, locks};

/// The version of [`SourceNetwork`], which changes when the meaning of a field does.
const VERSION: u32 = 1;

/// All that is asked of a source network. Last digits depend on threads and processors, too, which are noted beside it.
#[derive(Serialize)]
struct SourceNetwork<'a> {
    network: NetworkConfig,
    training: TrainingConfig,
    input_shape: [usize; 3],
    classes: &'a [u8],
    /// A digest of the images that it is trained and validated on.
    images: String,
    /// A digest of the weights that training begins with; `None` for the study's network, whose parameters decide them.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_weights: Option<&'a str>,
}

/// The field of [`SourceNetwork`] of that name.
const FIRST_WEIGHTS: &str = "first_weights";

/// What the source network of these parameters is, on the images of `task`.
///
/// # Errors
/// Those of [`Params::check`].
fn source_identity(params: &Params, task: &Task, first_weights: Option<&str>) -> Result<Identity> {
    let source = SourceNetwork {
        network: params.network()?,
        training: params.pretraining()?,
        input_shape: task.train.images.shape,
        classes: &task.classes,
        images: task.training_digest(),
        first_weights,
    };
    Identity::new("source network", VERSION, &source)
}

/// What an identity says of the weights that a training of `model` is about to begin with.
fn first_weights(model: &dyn Model) -> Result<Option<String>> {
    let of_weights = || digest(&model.state_dict());
    model.as_study().is_none().then(of_weights).transpose()
}

/// How weights were made, of a training on `task` that has just ended, with so many threads. `first_weights` is a digest
/// of the weights that it began with, for networks whose first weights do not follow from the parameters.
///
/// # Errors
/// Those of [`Params::check`].
pub fn origin_of(
    study: &str,
    model: &dyn Model,
    task: &Task,
    params: &Params,
    threads: usize,
    report: &TrainReport,
    first_weights: Option<&str>,
) -> Result<Origin> {
    Ok(Origin {
        study: study.to_owned(),
        network: model.architecture(),
        training: training_in_words(params)?,
        report: report.to_string().lines().next().unwrap_or_default().to_owned(),
        identity: Some(source_identity(params, task, first_weights)?),
        threads: Some(threads),
        computed: Some(Computed::here(model.device())),
    })
}

/// The settings of pre-training, in words.
fn training_in_words(params: &Params) -> Result<String> {
    let patience = params.early_stop_patience.map_or("none".to_owned(), |n| n.to_string());
    let usual = format!(
        "at most {} epochs, batch {}, learning rate {}, patience {patience}",
        params.num_train, params.batch_size, params.lr_pretrain
    );
    Ok([vec![usual], params.pretraining()?.particulars()].concat().join(", "))
}

/// Refuses weights that, as they say themselves, were trained in another way or on other images than `params` and `task` ask
/// for, or, where both say it, from other `first_weights` (see [`origin_of`]). Files of earlier versions say nothing of
/// images; there the words for the training are compared.
///
/// # Errors
/// [`Error::Mismatch`] naming the file and the first field that differs.
pub fn check_source(
    origin: Option<&Origin>,
    params: &Params,
    task: &Task,
    path: &Path,
    first_weights: Option<&str>,
) -> Result<()> {
    let Some(origin) = origin else { return Ok(()) };
    let difference = match &origin.identity {
        Some(theirs) => {
            let first = first_weights.filter(|_| theirs.field(FIRST_WEIGHTS).is_some());
            let theirs = if first.is_none() { theirs.without(FIRST_WEIGHTS) } else { theirs.clone() };
            source_identity(params, task, first)?.difference(&theirs)
        }
        None => {
            let asked = training_in_words(params)?;
            (origin.training != asked).then(|| ("training".to_owned(), asked, origin.training.clone()))
        }
    };
    difference.map_or(Ok(()), |different| Err(other_source(path, different)))
}

/// Refuses weights that, as they say themselves, were trained on other images or classes than those of `task`, however
/// they were trained.
///
/// # Errors
/// [`Error::Mismatch`] naming the file.
pub fn check_source_images(origin: Option<&Origin>, task: &Task, path: &Path) -> Result<()> {
    let Some(theirs) = origin.and_then(|origin| origin.identity.as_ref()) else { return Ok(()) };
    for (field, ours) in
        [("classes", serde_json::json!(task.classes)), ("images", serde_json::json!(task.training_digest()))]
    {
        if let Some(theirs) = theirs.field(field).filter(|theirs| **theirs != ours) {
            return Err(other_source(path, (field.to_owned(), ours.to_string(), theirs.to_string())));
        }
    }
    Ok(())
}

fn other_source(path: &Path, (key, ours, theirs): (String, String, String)) -> Error {
    let remedy = "move the file, name another one, or make a variant of the plan";
    Error::Mismatch { path: path.to_owned(), what: "a source network", key, ours, theirs, remedy }
}

/// Writes pre-trained weights with their origin: `.safetensors` keeps it, `.pth` has no place for it.
///
/// # Errors
/// Those of [`Checkpoint::save`]; [`Error::Format`] when a weight is not finite: training has diverged.
pub fn save_source(model: &dyn Model, path: &Path, origin: &Origin) -> Result<()> {
    check_finite(&model.state_dict()).map_err(|error| error.of_weights(path))?;
    let text = serde_json::to_string(origin)
        .map_err(|e| Error::format(path, "an origin that can be written", e.to_string()))?;
    Checkpoint { tensors: model.state_dict(), text }.save(path)
}

/// Reads source weights; returns their origin, if the file says so. Weights of another network are refused, also where
/// their shapes would fit.
///
/// # Errors
/// Those of [`Checkpoint::load`]; [`Error::Format`] naming the file when its weights are not this network's, or not finite.
pub fn load_source(model: &mut dyn Model, path: &Path) -> Result<Option<Origin>> {
    let file = Checkpoint::load(path)?;
    check_finite(&file.tensors).map_err(|error| error.of_weights(path))?;
    load_checkpoint(model, &file, path)?;
    Ok(serde_json::from_str(&file.text).ok())
}

/// How a source network came by its weights.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a program has a few of them")]
pub enum Source {
    /// They were read from a file, made as it says.
    Read(Option<Origin>),
    /// The network was trained just now, as this says.
    Trained(TrainReport, Origin),
}

impl Source {
    /// How the weights were made, if that is known.
    pub fn origin(&self) -> Option<&Origin> {
        match self {
            Source::Read(origin) => origin.as_ref(),
            Source::Trained(_, origin) => Some(origin),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Read(Some(origin)) => write!(f, "weights read from a file ({origin})"),
            Source::Read(None) => write!(f, "weights read from a file that does not say how they were made"),
            Source::Trained(report, _) => report.fmt(f),
        }
    }
}

/// Trains a network on the source task and writes nothing. A training that is stopped leaves the network as it was.
/// Operations use every core, and last digits depend on how many there are.
///
/// # Errors
/// Those of [`Trainer::train`].
pub fn pretrain(
    model: &mut dyn Model,
    data: &mut TransferLearningWrapper,
    params: &Params,
    study: &str,
) -> Result<Source> {
    let (phase, initial, first) = (data.phase(), model.copied()?, first_weights(model)?);
    data.update_phase(Phase::Pretrain);
    let trained = Trainer::new(model, data, params.lr_pretrain, params)
        .and_then(|trainer| trainer.threads(threads::cores()).curve(false).losses(true).train());
    data.update_phase(phase);
    match trained {
        Ok(report) => {
            let task = &data.source;
            let origin = origin_of(study, model, task, params, threads::cores(), &report, first.as_deref())?;
            Ok(Source::Trained(report, origin))
        }
        Err(error) => {
            model.load_state_dict(&initial.state_dict())?;
            Err(error)
        }
    }
}

fn read_source(model: &mut dyn Model, data: &TransferLearningWrapper, params: &Params, path: &Path) -> Result<Source> {
    let first = first_weights(model)?;
    let origin = load_source(model, path)?;
    // A network that has these weights already was trained before, or read: what it began with is not known any more.
    let first = if first_weights(model)? == first { None } else { first };
    check_source(origin.as_ref(), params, &data.source, path, first.as_deref())?;
    Ok(Source::Read(origin))
}

/// Gives a network the weights of `path`, or where there is no such file pre-trains it on the source task and writes
/// the file. A training that is stopped leaves the network as it was, and its finished epochs in checkpoints beside the file:
/// called again it goes on from the last of them. `study` is noted in the file. Operations use every
/// core, and last digits depend on how many there are.
///
/// # Errors
/// Those of [`load_source`], [`check_source`], [`Trainer::train`] and [`save_source`]; [`Error::Io`] naming the file.
pub fn pretrained(
    model: &mut dyn Model,
    data: &mut TransferLearningWrapper,
    params: &Params,
    study: &str,
    path: impl AsRef<Path>,
) -> Result<Source> {
    let path = path.as_ref();
    if path.exists() {
        return read_source(model, data, params, path);
    }
    Checkpoint::check_name(path)?;
    files::check_writable(path)?;
    let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
    let name = path.file_stem().map_or("source".into(), |s| s.to_string_lossy().into_owned());
    let checkpoints = folder.join(format!("{name}_checkpoints"));
    // Of two that train the same at the same time, one waits, and reads what the other has written.
    let mut said = false;
    let _one_at_a_time = locks::hold_folder(&checkpoints, || {
        if !std::mem::replace(&mut said, true) {
            default_sink().line(&format!("waiting for another program that is training {}", path.display()));
        }
        cancel::check("waiting for another program's pre-training")
    })?;
    if path.exists() {
        let _ = std::fs::remove_dir(&checkpoints);
        return read_source(model, data, params, path);
    }
    let params = Params { save_checkpoints: true, ..params.clone() };
    let (phase, initial, first) = (data.phase(), model.copied()?, first_weights(model)?);
    data.update_phase(Phase::Pretrain);
    let trained = Trainer::new(model, data, params.lr_pretrain, &params).and_then(|trainer| {
        // Losses cost nothing; training accuracy would cost a third of the time.
        let trainer = trainer.threads(threads::cores()).output(&folder, &name).resume(true);
        trainer.curve(false).losses(true).train()
    });
    data.update_phase(phase);
    let remove_checkpoints = || std::fs::remove_dir_all(&checkpoints).map_err(Error::io("remove", &checkpoints));
    let trained = trained.or_else(|error| match error {
        // There is nothing to go on from.
        Error::Diverged(_) => remove_checkpoints().and(Err(error.of_weights(path))),
        error => Err(error),
    });
    let written = trained.and_then(|report| {
        let task = &data.source;
        let origin = origin_of(study, model, task, &params, threads::cores(), &report, first.as_deref())?;
        save_source(model, path, &origin)?;
        Ok((report, origin))
    });
    match written {
        Ok((report, origin)) => {
            // The finished weights are there; what an interrupted pre-training goes on from has served.
            remove_checkpoints()?;
            Ok(Source::Trained(report, origin))
        }
        Err(error) => {
            // A folder without checkpoints says nothing; one with some is not removed.
            let _ = std::fs::remove_dir(&checkpoints);
            // Called again it goes on from its checkpoint, which is one of a training from these weights.
            model.load_state_dict(&initial.state_dict())?;
            Err(error)
        }
    }
}
