//! Which images are whose: classes of both tasks, training, validation and test images.

use serde::Serialize;

use super::TestSplit;
use crate::error::{Error, Result};

/// How images are divided between the source and the target task, and into training, validation and test images.
///
/// ```
/// use cutpoint::config::SplitConfig;
/// let split = SplitConfig::new(&[0, 1, 2, 3, 4, 6, 8], &[5, 7, 9])?.with_validation(0.2)?;
/// assert_eq!(split.target_classes(), [5, 7, 9]);
/// assert!(SplitConfig::new(&[0], &[5, 7, 9]).is_err());
/// # Ok::<(), cutpoint::error::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SplitConfig {
    source_classes: Vec<u8>,
    target_classes: Vec<u8>,
    validation: f64,
    seed: u64,
    test: TestSplit,
}

impl SplitConfig {
    /// Of these classes, with the study's other settings: a tenth of the training files' images validates, drawn with seed
    /// 42; test accuracy is measured on the test files.
    ///
    /// # Errors
    /// [`Error::Parameter`] when a task has fewer than two classes, or one twice.
    pub fn new(source_classes: &[u8], target_classes: &[u8]) -> Result<Self> {
        check_classes("pre_train_classes", source_classes)?;
        check_classes("fine_tune_classes", target_classes)?;
        Ok(SplitConfig {
            source_classes: source_classes.to_vec(),
            target_classes: target_classes.to_vec(),
            validation: 0.1,
            seed: 42,
            test: TestSplit::Test,
        })
    }

    /// Classes of the source task.
    pub fn source_classes(&self) -> &[u8] {
        &self.source_classes
    }

    /// Classes of the target task.
    pub fn target_classes(&self) -> &[u8] {
        &self.target_classes
    }

    /// The fraction of the training files' images that validates, from 0 to below 1.
    pub fn validation(&self) -> f64 {
        self.validation
    }

    /// The seed of the split into training and validation images.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The images that test accuracy is measured on.
    pub fn test(&self) -> TestSplit {
        self.test
    }

    /// The same with another fraction of validation images.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless it is from 0 to below 1.
    pub fn with_validation(self, validation: f64) -> Result<Self> {
        if !(0.0..1.0).contains(&validation) {
            return Err(Error::parameter("val_split", "a fraction from 0 to below 1", validation));
        }
        Ok(SplitConfig { validation, ..self })
    }

    /// The same split by another seed.
    pub fn with_seed(self, seed: u64) -> Self {
        SplitConfig { seed, ..self }
    }

    /// The same, with test accuracy measured on other images.
    pub fn with_test(self, test: TestSplit) -> Self {
        SplitConfig { test, ..self }
    }
}

fn check_classes(name: &'static str, classes: &[u8]) -> Result<()> {
    if classes.len() < 2 {
        return Err(Error::parameter(name, "at least two classes", format!("{classes:?}")));
    }
    let mut sorted = classes.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    if sorted.len() < classes.len() {
        return Err(Error::parameter(name, "each class once", format!("{classes:?}")));
    }
    Ok(())
}
