//! How a network is trained.

use serde::{Serialize, Serializer};

use super::{is_default, Optimizer, Recipe, Schedule};
use crate::error::{Error, Result};

/// How a network is trained: all that decides its numbers beside the network and the images.
///
/// A field that did not exist when an identity was written is left out of JSON where it has its default value; see
/// [`crate::results::Identity`].
///
/// ```
/// use cutpoint::config::{Optimizer, TrainingConfig};
/// let training = TrainingConfig::new(Optimizer::adam(0.001)?).with_epochs(10)?.with_batch_size(4096)?;
/// assert_eq!((training.epochs(), training.patience()), (10, Some(6)));
/// assert!(training.with_batch_size(0).is_err());
/// # Ok::<(), cutpoint::error::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrainingConfig {
    optimizer: Optimizer,
    epochs: usize,
    patience: Option<usize>,
    batch_size: usize,
    #[serde(skip_serializing_if = "is_default")]
    restore_best: bool,
    #[serde(skip_serializing_if = "is_default", serialize_with = "in_identities")]
    recipe: Recipe,
}

/// A recipe as identities have it: with the first name of the one-cycle schedule, so that what was computed under it is
/// still known.
fn in_identities<S: Serializer>(recipe: &Recipe, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    let mut value = serde_json::to_value(recipe).map_err(serde::ser::Error::custom)?;
    if recipe.schedule == Schedule::OneCycle {
        value["schedule"] = "onecycle".into();
    }
    value.serialize(serializer)
}

impl TrainingConfig {
    /// With the study's other settings: at most 40 epochs, patience 6, batches of 64 images.
    pub fn new(optimizer: Optimizer) -> Self {
        let recipe = Recipe::default();
        TrainingConfig { optimizer, epochs: 40, patience: Some(6), batch_size: 64, restore_best: false, recipe }
    }

    /// How weights follow their gradients.
    pub fn optimizer(&self) -> Optimizer {
        self.optimizer
    }

    /// Epochs, at most.
    pub fn epochs(&self) -> usize {
        self.epochs
    }

    /// Epochs without a better validation accuracy before training stops; `None`: no early stopping.
    pub fn patience(&self) -> Option<usize> {
        self.patience
    }

    /// Images a batch.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// Whether the best weights are restored also when the last epoch is reached. The study restores them only on early
    /// stopping.
    pub fn restore_best(&self) -> bool {
        self.restore_best
    }

    /// The same with another optimizer.
    pub fn with_optimizer(self, optimizer: Optimizer) -> Self {
        TrainingConfig { optimizer, ..self }
    }

    /// The same for so many epochs at most.
    ///
    /// # Errors
    /// [`Error::Parameter`] for none.
    pub fn with_epochs(self, epochs: usize) -> Result<Self> {
        TrainingConfig { epochs, ..self }.checked()
    }

    /// The same with other patience, or without early stopping.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a patience of 0.
    pub fn with_patience(self, patience: Option<usize>) -> Result<Self> {
        TrainingConfig { patience, ..self }.checked()
    }

    /// The same with so many images a batch.
    ///
    /// # Errors
    /// [`Error::Parameter`] for none.
    pub fn with_batch_size(self, batch_size: usize) -> Result<Self> {
        TrainingConfig { batch_size, ..self }.checked()
    }

    /// The same, restoring the best weights at the last epoch too, or not.
    pub fn with_restore_best(self, restore_best: bool) -> Self {
        TrainingConfig { restore_best, ..self }
    }

    /// What training does beside following the gradients.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The same with another recipe.
    ///
    /// # Errors
    /// Those of [`Recipe::check`].
    pub fn with_recipe(self, recipe: Recipe) -> Result<Self> {
        TrainingConfig { recipe, ..self }.checked()
    }

    /// What it does that the study's training does not, in words: another optimizer, weight decay, a recipe.
    pub fn particulars(&self) -> Vec<String> {
        let decay = self.optimizer.weight_decay();
        let mut words = Vec::new();
        let mut say = |differs: bool, text: String| words.extend(differs.then_some(text));
        say(!matches!(self.optimizer, Optimizer::Adam { .. }), self.optimizer.to_string());
        say(decay != 0.0, format!("weight decay {decay}"));
        say(self.recipe != Recipe::default(), self.recipe.to_string());
        words
    }

    fn checked(self) -> Result<Self> {
        for (name, value) in [("num_train", self.epochs), ("batch_size", self.batch_size)] {
            if value == 0 {
                return Err(Error::parameter(name, "at least 1", value));
            }
        }
        if self.patience == Some(0) {
            return Err(Error::parameter("early_stop_patience", "at least 1, or none (null) for no early stopping", 0));
        }
        self.recipe.check(self.epochs)?;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_study_does_not_do_is_said() {
        let study = TrainingConfig::new(Optimizer::adam(0.5).unwrap());
        assert!(study.particulars().is_empty());
        let recipe = Recipe { clip: Some(2.0), ..Recipe::default() };
        let other = study.with_optimizer(Optimizer::named("sgd:0.9", 0.5, Some(0.01)).unwrap());
        let words = other.with_recipe(recipe).unwrap().particulars();
        assert_eq!(words, ["sgd:0.9", "weight decay 0.01", "constant learning rate, gradients clipped to 2"]);
    }

    #[test]
    fn a_field_with_its_default_value_is_no_part_of_an_identity() {
        let training = TrainingConfig::new(Optimizer::adam(0.5).unwrap());
        let json = |t: &TrainingConfig| serde_json::to_string(t).unwrap();
        let usual = r#"{"optimizer":{"name":"Adam","lr":0.5},"epochs":40,"patience":6,"batch_size":64}"#;
        assert_eq!(json(&training), usual);
        assert_ne!(json(&training.clone().with_restore_best(true)), usual);
        // The name that journals have.
        let recipe = Recipe { schedule: Schedule::OneCycle, ..Recipe::default() };
        let one_cycle = json(&training.with_recipe(recipe).unwrap());
        let rest =
            r#""warm_up":0,"block_decay":1.0,"clip":null,"label_smoothing":0.0,"augmentation":{"crop":0,"flip":false}"#;
        assert!(one_cycle.ends_with(&format!(r#""recipe":{{"schedule":"onecycle",{rest}}}}}"#)), "{one_cycle}");
    }
}
