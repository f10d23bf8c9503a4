//! How weights are trained beyond the study's own way: learning rates over time and over blocks, clipping, smoothed labels,
//! and changes of the images.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How the learning rate changes in the course of training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// Not at all.
    #[default]
    Constant,
    /// It is multiplied by `factor` after every `every` epochs (PyTorch's `StepLR`).
    Step {
        /// Epochs.
        every: usize,
        /// The factor.
        factor: f64,
    },
    /// It falls along half a cosine, epoch by epoch, to nothing at the last epoch (`CosineAnnealingLR`).
    Cosine,
    /// It rises from a 25th to the learning rate in the first three tenths of all steps and falls to almost nothing in the
    /// others, step by step, while momentum goes the other way (`OneCycleLR` with its own settings).
    #[serde(rename = "one-cycle", alias = "onecycle")]
    OneCycle,
}

impl Schedule {
    /// Whether what it does in an epoch depends on how many epochs there will be.
    pub(crate) fn looks_ahead(self) -> bool {
        matches!(self, Schedule::Cosine | Schedule::OneCycle)
    }
}

/// Changes of training images, drawn for each image and epoch from the run's own generator, as torchvision's
/// `RandomCrop(side, padding)` and `RandomHorizontalFlip()` draw them, in this order. They are made before images are
/// resized for the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Augmentation {
    /// Shift images by up to so many pixels in each direction; black comes in.
    pub crop: usize,
    /// Mirror every second image, left to right.
    pub flip: bool,
}

impl Augmentation {
    /// Whether images stay as they are.
    pub fn is_none(self) -> bool {
        self == Augmentation::default()
    }
}

/// What training does beside following the gradients. [`Recipe::default`] is the study's: a constant learning rate, and
/// nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Recipe {
    /// How the learning rate changes.
    pub schedule: Schedule,
    /// Epochs in which the learning rate grows from a third to the whole before the schedule begins (`LinearLR`).
    pub warm_up: usize,
    /// Each block's learning rate as a part of that of the block after it; the head has the whole.
    pub block_decay: f64,
    /// The largest norm of all gradients together; larger ones are shrunk to it (`clip_grad_norm_`).
    pub clip: Option<f64>,
    /// How much of each label is spread over all classes, from 0 to below 1.
    pub label_smoothing: f64,
    /// Changes of training images.
    pub augmentation: Augmentation,
}

impl Default for Recipe {
    fn default() -> Self {
        Recipe {
            schedule: Schedule::Constant,
            warm_up: 0,
            block_decay: 1.0,
            clip: None,
            label_smoothing: 0.0,
            augmentation: Augmentation::default(),
        }
    }
}

impl Recipe {
    /// Checks the numbers, for a training of so many epochs.
    ///
    /// # Errors
    /// [`Error::Parameter`].
    pub fn check(&self, epochs: usize) -> Result<()> {
        let within = |name: &'static str, value: f64, from: f64, below: f64| {
            if value >= from && value < below {
                return Ok(());
            }
            Err(Error::parameter(name, format!("a number from {from} to below {below}"), value))
        };
        let positive = |name: &'static str, value: f64| match value.is_finite() && value > 0.0 {
            true => Ok(()),
            false => Err(Error::parameter(name, "a positive number", value)),
        };
        within("label_smoothing", self.label_smoothing, 0.0, 1.0)?;
        if !(self.block_decay > 0.0 && self.block_decay <= 1.0) {
            return Err(Error::parameter("block_decay", "a number above 0 and up to 1", self.block_decay));
        }
        if let Some(norm) = self.clip {
            positive("clip", norm)?;
        }
        match self.schedule {
            Schedule::Step { every, factor } => {
                if every == 0 {
                    return Err(Error::parameter("schedule", "step:EPOCHS:FACTOR with at least one epoch", every));
                }
                positive("schedule", factor)?;
            }
            Schedule::OneCycle if self.warm_up > 0 => {
                return Err(Error::parameter("warm_up", "0, as one-cycle has a warm-up of its own", self.warm_up));
            }
            _ => {}
        }
        if self.warm_up >= epochs.max(1) && self.warm_up > 0 {
            return Err(Error::parameter("warm_up", format!("fewer than the {epochs} epochs"), self.warm_up));
        }
        if self.augmentation.crop > 512 {
            return Err(Error::parameter("crop", "at most 512 pixels", self.augmentation.crop));
        }
        Ok(())
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Schedule::Constant => f.write_str("constant"),
            Schedule::Step { every, factor } => write!(f, "step:{every}:{factor}"),
            Schedule::Cosine => f.write_str("cosine"),
            Schedule::OneCycle => f.write_str("one-cycle"),
        }
    }
}

impl FromStr for Schedule {
    type Err = Error;

    /// Reads `constant`, `step:EPOCHS:FACTOR`, `cosine` and `one-cycle`.
    fn from_str(s: &str) -> Result<Self> {
        let wrong = || Error::parameter("schedule", "constant, step:EPOCHS:FACTOR, cosine or one-cycle", s);
        match s.split(':').collect::<Vec<_>>().as_slice() {
            ["constant"] => Ok(Schedule::Constant),
            ["cosine"] => Ok(Schedule::Cosine),
            ["one-cycle"] => Ok(Schedule::OneCycle),
            ["step", every, factor] => {
                let (every, factor) = (every.parse().map_err(|_| wrong())?, factor.parse().map_err(|_| wrong())?);
                Ok(Schedule::Step { every, factor })
            }
            _ => Err(wrong()),
        }
    }
}

/// In a few words.
impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = vec![format!("{} learning rate", self.schedule)];
        let mut say = |differs: bool, text: String| parts.extend(differs.then_some(text));
        say(self.warm_up != 0, format!("warm-up of {} epochs", self.warm_up));
        say(self.block_decay != 1.0, format!("{} of the rate a block back", self.block_decay));
        say(self.clip.is_some(), format!("gradients clipped to {}", self.clip.unwrap_or_default()));
        say(self.label_smoothing != 0.0, format!("labels smoothed by {}", self.label_smoothing));
        say(self.augmentation.flip, "flips".to_owned());
        say(self.augmentation.crop > 0, format!("shifts by up to {} pixels", self.augmentation.crop));
        f.write_str(&parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for text in ["constant", "step:10:0.1", "cosine", "one-cycle"] {
            assert_eq!(text.parse::<Schedule>().unwrap().to_string(), text);
        }
        assert!("step:1".parse::<Schedule>().is_err());
        for (json, schedule) in [
            (r#""constant""#, Schedule::Constant),
            (r#"{"step":{"every":10,"factor":0.1}}"#, Schedule::Step { every: 10, factor: 0.1 }),
            (r#""cosine""#, Schedule::Cosine),
            (r#""one-cycle""#, Schedule::OneCycle),
        ] {
            assert_eq!(serde_json::to_string(&schedule).unwrap(), json);
            assert_eq!(serde_json::from_str::<Schedule>(json).unwrap(), schedule);
        }
        let before = r#"{"schedule":"onecycle"}"#;
        assert_eq!(serde_json::from_str::<Recipe>(before).unwrap().schedule, Schedule::OneCycle);
        let recipe = Recipe { clip: Some(1.0), warm_up: 2, ..Recipe::default() };
        assert_eq!(recipe.to_string(), "constant learning rate, warm-up of 2 epochs, gradients clipped to 1");
    }

    #[test]
    fn recipes_that_cannot_work_are_refused() {
        let check = |recipe: Recipe| recipe.check(10).unwrap_err().to_string();
        assert!(check(Recipe { warm_up: 10, ..Recipe::default() }).contains("fewer than the 10 epochs"));
        let one_cycle = Recipe { warm_up: 1, schedule: Schedule::OneCycle, ..Recipe::default() };
        assert!(check(one_cycle).contains("warm-up of its own"));
        assert!(check(Recipe { clip: Some(f64::NAN), ..Recipe::default() }).contains("`clip`"));
        assert!(check(Recipe { label_smoothing: 1.0, ..Recipe::default() }).contains("`label_smoothing`"));
        assert!(check(Recipe { block_decay: 0.0, ..Recipe::default() }).contains("`block_decay`"));
        Recipe::default().check(1).unwrap();
    }
}
