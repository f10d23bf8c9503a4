//! The two tasks of a study, and which of them is worked on.

use std::path::Path;

use super::dataset::Dataset;
use super::name::DatasetName;
use super::task::{Phase, Samples, Task};
use crate::config::Params;
use crate::error::{Error, Result};
use crate::runtime::progress::{default_sink, Progress};

/// Source and target task of a study. It starts in [`Phase::Pretrain`].
#[derive(Clone)]
pub struct TransferLearningWrapper {
    /// The task of pre-training.
    pub source: Task,
    /// The task of fine-tuning.
    pub target: Task,
    phase: Phase,
    places: Vec<String>,
}

impl TransferLearningWrapper {
    /// Loads the data sets (downloading them if need be, with progress in the terminal) and makes both tasks.
    /// `data` is the folder that holds them; see [`super::find::find`] for the other places.
    ///
    /// # Errors
    /// Those of [`Params::check`], [`Dataset::load`] and [`Task::new`]; [`Error::Parameter`] when target images
    /// have another shape than source images.
    pub fn new(params: &Params, source: DatasetName, target: DatasetName, data: impl AsRef<Path>) -> Result<Self> {
        Self::load(params, source, target, Some(data.as_ref()), default_sink().as_ref())
    }

    /// The same, with the folder optional and progress sent to `progress`.
    ///
    /// # Errors
    /// Those of [`TransferLearningWrapper::new`].
    pub fn load(
        params: &Params,
        source: DatasetName,
        target: DatasetName,
        data: Option<&Path>,
        progress: &dyn Progress,
    ) -> Result<Self> {
        params.check()?;
        let source_set = Dataset::load(source, data, progress)?;
        let target_set = if target == source { source_set.clone() } else { Dataset::load(target, data, progress)? };
        Self::from_datasets(params, &source_set, &target_set)
    }

    /// Makes both tasks of data sets already loaded.
    ///
    /// # Errors
    /// Those of [`Params::check`] and [`Task::new`]; [`Error::Parameter`] when the images' shapes differ.
    pub fn from_datasets(params: &Params, source: &Dataset, target: &Dataset) -> Result<Self> {
        params.check()?;
        if source.train.shape != target.train.shape {
            let dims = |d: &Dataset| format!("{:?} ({})", d.train.shape, d.name);
            return Err(Error::parameter("target", format!("images of shape {}", dims(source)), dims(target)));
        }
        let mut places = vec![format!("{} from {}", source.name, source.place)];
        if target.name != source.name {
            places.push(format!("{} from {}", target.name, target.place));
        }
        Ok(TransferLearningWrapper {
            source: Task::new(source, Phase::Pretrain, params)?,
            target: Task::new(target, Phase::Finetune, params)?,
            phase: Phase::Pretrain,
            places,
        })
    }

    /// The target task alone, for a source network with weights from elsewhere: it stands for the source task too, which
    /// nothing is trained on.
    ///
    /// # Errors
    /// Those of [`Params::check`] and [`Task::new`].
    pub fn of_target(params: &Params, target: &Dataset) -> Result<Self> {
        params.check()?;
        let places = vec![format!("{} from {}", target.name, target.place)];
        let target = Task::new(target, Phase::Finetune, params)?;
        let source = Task { phase: Phase::Pretrain, ..target.clone() };
        Ok(TransferLearningWrapper { source, target, phase: Phase::Finetune, places })
    }

    /// Turns to the source or the target task.
    pub fn update_phase(&mut self, phase: Phase) {
        self.phase = phase;
    }

    /// The part of the study under way.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The task of the phase.
    pub fn task(&self) -> &Task {
        match self.phase {
            Phase::Pretrain => &self.source,
            Phase::Finetune => &self.target,
        }
    }

    /// Classes of the phase's task: the outputs a network for it needs.
    pub fn output_dim(&self) -> usize {
        self.task().classes.len()
    }

    /// Channels, height and width of an image.
    pub fn input_shape(&self) -> [usize; 3] {
        self.task().train.images.shape
    }

    /// The target task's training set reduced to `percentage` (a fraction), balanced, drawn by `repeat`.
    ///
    /// # Errors
    /// Those of [`Task::reduced`].
    pub fn reduced_train(&self, percentage: f64, repeat: u64) -> Result<Samples> {
        Ok(self.target.train.select(self.target.reduced(percentage, repeat)?))
    }

    /// Where each data set was read from, one line each.
    pub fn places(&self) -> &[String] {
        &self.places
    }
}

/// The same as its `Display`: a notebook shows a value by its `Debug`.
impl std::fmt::Debug for TransferLearningWrapper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl std::fmt::Display for TransferLearningWrapper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (name, task) in [("source", &self.source), ("target", &self.target)] {
            let (train, val, test) = (task.train.len(), task.validation.len(), task.test.len());
            let classes = task.class_names.join(", ");
            writeln!(f, "{name}: {} ({classes}); {train} training, {val} validation, {test} test", task.dataset)?;
        }
        Ok(())
    }
}
