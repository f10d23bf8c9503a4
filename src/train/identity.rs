//! What makes two trainings the same, so that one goes on from a checkpoint of the other.

use serde::{Deserialize, Serialize};

use crate::config::TrainingConfig;
use crate::data::{Samples, Task};
use crate::error::Result;
use crate::model::Model;
use crate::results::Identity;

/// The version of [`Training`], which changes when the meaning of a field does.
const VERSION: u32 = 1;

/// Everything that decides a training's numbers, but for the number of epochs, unless the learning rate depends on it:
/// a training that is to be longer goes on.
#[derive(Serialize)]
struct Training<'a> {
    network: String,
    input_shape: [usize; 3],
    dataset: &'a str,
    classes: &'a [u8],
    images: String,
    training: &'a TrainingConfig,
    /// On a GPU their number is of no account.
    threads: Option<usize>,
    /// A digest of the weights that training begins with.
    first_weights: &'a str,
}

/// The identity of a training, and the sentence that version 0.1 knew it by.
pub(super) struct TrainingIdentity {
    fields: Identity,
    /// `None` for a training that version 0.1 could not make.
    sentence: Option<String>,
    /// What it does that version 0.1 could not do.
    particulars: String,
}

/// What a checkpoint notes of the training that it is of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Noted {
    Fields(Identity),
    /// By version 0.1.
    Sentence(String),
}

impl TrainingIdentity {
    /// Of a training of `model` on `train`; `first_weights` is a digest of its weights.
    pub fn new(
        model: &dyn Model,
        first_weights: &str,
        task: &Task,
        train: &Samples,
        training: &TrainingConfig,
        threads: usize,
    ) -> Result<TrainingIdentity> {
        // Rounding differs between kinds of device, not between devices of a kind.
        let threads = (model.device() == tch::Device::Cpu).then_some(threads);
        let images = task.digest_with(train);
        let patience = training.patience().map_or("none".to_owned(), |n| n.to_string());
        let sentence = [
            model.architecture(),
            format!("{} classes {:?}", task.dataset, task.classes),
            format!("{} pictures {images}", train.len()),
            format!("learning rate {}", training.optimizer().lr()),
            format!("batch {}", training.batch_size()),
            format!("patience {patience}"),
            format!("restore_best {}", training.restore_best()),
            threads.map_or("a GPU".to_owned(), |n| format!("{n} threads")),
            format!("{FIRST_WEIGHTS}{first_weights}"),
        ]
        .join(BETWEEN);
        let fields = Training {
            network: model.architecture(),
            input_shape: model.input_shape(),
            dataset: &task.dataset,
            classes: &task.classes,
            images,
            training,
            threads,
            first_weights,
        };
        let mut fields = Identity::new("training", VERSION, &fields)?;
        if !training.recipe().schedule.looks_ahead() {
            fields = fields.without("training.epochs");
        }
        let particulars = training.particulars();
        let sentence = (particulars.is_empty() && model.as_study().is_some()).then_some(sentence);
        Ok(TrainingIdentity { fields, sentence, particulars: particulars.join(", ") })
    }

    /// What a checkpoint of it notes.
    pub fn noted(&self) -> Noted {
        Noted::Fields(self.fields.clone())
    }

    /// The first field in which the training that a checkpoint is of differs from this one: its name, its value here, and
    /// there.
    pub fn difference(&self, noted: &Noted) -> Option<(String, String, String)> {
        match noted {
            Noted::Fields(theirs) => self.fields.difference(theirs),
            Noted::Sentence(theirs) => match &self.sentence {
                Some(ours) => first_difference(ours, theirs),
                None => Some(("training".to_owned(), self.particulars.clone(), theirs.clone())),
            },
        }
    }

    /// Whether the two are equal but for the weights they began with.
    pub fn is_but_for_first_weights(&self, noted: &Noted) -> bool {
        match noted {
            Noted::Fields(theirs) => self.fields.without("first_weights") == theirs.without("first_weights"),
            Noted::Sentence(theirs) => {
                let ours = self.sentence.as_deref().and_then(without_weights);
                ours.is_some() && without_weights(theirs) == ours
            }
        }
    }
}

/// What stands between the parts of a sentence, and in none of them.
const BETWEEN: &str = "; ";
/// How the last part of a sentence begins.
const FIRST_WEIGHTS: &str = "first weights ";

/// A sentence without the weights that the training began with.
fn without_weights(sentence: &str) -> Option<&str> {
    Some(sentence.rsplit_once(FIRST_WEIGHTS)?.0)
}

/// The first part in which two sentences differ, in both.
fn first_difference(a: &str, b: &str) -> Option<(String, String, String)> {
    let (a, b): (Vec<&str>, Vec<&str>) = (a.split(BETWEEN).collect(), b.split(BETWEEN).collect());
    let at = |parts: &[&str], i: usize| parts.get(i).copied().unwrap_or("nothing").to_owned();
    let differing = (0..a.len().max(b.len())).find(|&i| a.get(i) != b.get(i))?;
    Some(("training".to_owned(), at(&a, differing), at(&b, differing)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Device, Optimizer, Params, Recipe};
    use crate::data::{TransferLearningWrapper, GLYPHS};
    use crate::model::CustomCnn;

    #[test]
    fn the_part_in_which_two_sentences_differ_is_named_whole() {
        let of = |classes: &str, weights: &str| {
            ["a net, wide", classes, "batch 64", &format!("{FIRST_WEIGHTS}{weights}")].join(BETWEEN)
        };
        let differing = |a: String, b: String| first_difference(&a, &b).map(|(_, ours, theirs)| (ours, theirs));
        let two = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
        let (ours, theirs) = (of("Glyphs classes [0, 1]", "x"), of("Glyphs classes [0, 2]", "y"));
        assert_eq!(differing(ours, theirs), two("Glyphs classes [0, 1]", "Glyphs classes [0, 2]"));
        assert_eq!(differing(of("c", "x"), of("c", "y")), two("first weights x", "first weights y"));
        assert_eq!(differing(of("c", "x"), of("c", "x")), None);
    }

    /// Checkpoints of version 0.1 are gone on from as those of today.
    #[test]
    fn both_ways_of_noting_a_training_tell_the_same_ones_apart() {
        let params = Params { depth: 2, num_channels: 4, device: Device::Cpu, ..Params::default() };
        let data = TransferLearningWrapper::new(&params, GLYPHS, GLYPHS, "data").unwrap();
        let model = CustomCnn::new(&params, 5, data.input_shape()).unwrap();
        let of = |lr: f64, weights: &str, epochs: usize| {
            let training = TrainingConfig::new(Optimizer::adam(lr).unwrap()).with_epochs(epochs).unwrap();
            TrainingIdentity::new(&model, weights, &data.source, &data.source.train, &training, 2).unwrap()
        };
        let one = of(0.1, "w", 3);
        for (other, same, but_for_weights) in
            [(of(0.1, "w", 9), true, true), (of(0.1, "v", 3), false, true), (of(0.2, "w", 3), false, false)]
        {
            for noted in [other.noted(), Noted::Sentence(other.sentence.clone().unwrap())] {
                assert_eq!(one.difference(&noted).is_none(), same, "{noted:?}");
                assert_eq!(one.is_but_for_first_weights(&noted), but_for_weights, "{noted:?}");
                let json = serde_json::to_string(&noted).unwrap();
                assert_eq!(serde_json::from_str::<Noted>(&json).unwrap(), noted);
            }
        }
        let (key, ours, theirs) = one.difference(&of(0.2, "w", 3).noted()).unwrap();
        assert_eq!((key.as_str(), ours.as_str(), theirs.as_str()), ("training.optimizer.lr", "0.1", "0.2"));
    }

    fn of_training(training: &TrainingConfig) -> TrainingIdentity {
        let params = Params { depth: 2, num_channels: 4, device: Device::Cpu, ..Params::default() };
        let data = TransferLearningWrapper::new(&params, GLYPHS, GLYPHS, "data").unwrap();
        let model = CustomCnn::new(&params, 5, data.input_shape()).unwrap();
        TrainingIdentity::new(&model, "w", &data.source, &data.source.train, training, 2).unwrap()
    }

    #[test]
    fn a_longer_training_is_the_same_unless_its_learning_rate_depends_on_the_epochs() {
        let with = |schedule: &str, epochs: usize| {
            let recipe = Recipe { schedule: schedule.parse().unwrap(), ..Recipe::default() };
            let training = TrainingConfig::new(Optimizer::adam(0.1).unwrap()).with_epochs(epochs).unwrap();
            of_training(&training.with_recipe(recipe).unwrap())
        };
        for (schedule, looks_ahead) in
            [("constant", false), ("step:2:0.1", false), ("cosine", true), ("one-cycle", true)]
        {
            let difference = with(schedule, 5).difference(&with(schedule, 4).noted());
            let expected = looks_ahead.then(|| ("training.epochs".to_owned(), "5".to_owned(), "4".to_owned()));
            assert_eq!(difference, expected, "{schedule}");
        }
    }

    /// A checkpoint of version 0.1 is of Adam alone, whatever else agrees.
    #[test]
    fn a_training_that_version_0_1_could_not_make_is_none_of_its_trainings() {
        let study = TrainingConfig::new(Optimizer::adam(0.1).unwrap());
        let sentence = Noted::Sentence(of_training(&study).sentence.unwrap());
        assert_eq!(of_training(&study).difference(&sentence), None);
        let smoothed = Recipe { label_smoothing: 0.1, ..Recipe::default() };
        for other in [
            study.clone().with_optimizer(Optimizer::named("adamw", 0.1, None).unwrap()),
            study.clone().with_optimizer(Optimizer::named("adam", 0.1, Some(0.1)).unwrap()),
            study.clone().with_recipe(smoothed).unwrap(),
        ] {
            let identity = of_training(&other);
            let (key, ours, _) = identity.difference(&sentence).unwrap();
            assert_eq!((key.as_str(), ours), ("training", other.particulars().join(", ")));
            assert!(!identity.is_but_for_first_weights(&sentence));
        }
    }
}
