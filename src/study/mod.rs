//! The studies of the published grid: data sets, class splits and training settings, by folder and split.

mod files;
mod plan;

pub use files::StudyFiles;
pub use plan::{Plan, Profile};

use crate::config::Params;
use crate::data::{DatasetName, CIFAR10, FASHION_MNIST, GLYPHS, MNIST};
use crate::error::{Error, Result};

/// One source task and one target task.
#[derive(Clone, Debug)]
pub struct Study {
    /// The folder below `notebooks`, `results` and `pretrained_models`.
    pub folder: &'static str,
    /// Which split of classes: `regular`, `random` or `reverse`.
    pub split: &'static str,
    /// The data set of the source task.
    pub source: DatasetName,
    /// The data set of the target task.
    pub target: DatasetName,
    /// Classes, batch size, epochs and patience; the rest as in [`Params::default`].
    pub params: Params,
}

const ALL_CLASSES: &[u8] = &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

impl Study {
    /// Every study: the published ones, and one on the built-in data set.
    pub fn all() -> Vec<Study> {
        let study = |folder, split, source, target, pre: &[u8], fine: &[u8], batch_size| {
            let (num_train, patience) = if batch_size == 64 { (10, 5) } else { (40, 6) };
            let params = Params {
                pre_train_classes: pre.to_vec(),
                fine_tune_classes: fine.to_vec(),
                batch_size,
                num_train,
                early_stop_patience: Some(patience),
                ..Params::default()
            };
            Study { folder, split, source, target, params }
        };
        let (fashion, cifar) = (FASHION_MNIST, CIFAR10);
        vec![
            study("MNIST", "regular", MNIST, MNIST, &[0, 1, 2, 3, 4], &[5, 6, 7, 8, 9], 4096),
            study("FashionMNIST", "regular", fashion, fashion, &[0, 1, 2, 3, 4, 6, 8], &[5, 7, 9], 4096),
            study("FashionMNIST", "random", fashion, fashion, &[0, 1, 2, 4, 6, 7, 9], &[3, 5, 8], 4096),
            study("CIFAR", "regular", cifar, cifar, &[0, 1, 8, 9], &[2, 3, 4, 5, 6, 7], 64),
            study("CIFAR", "reverse", cifar, cifar, &[2, 3, 4, 5, 6, 7], &[0, 1, 8, 9], 64),
            study("CIFAR", "random", cifar, cifar, &[5, 6, 7, 8, 9], &[0, 1, 2, 3], 64),
            study("MNIST_to_FashionMNIST", "regular", MNIST, fashion, ALL_CLASSES, ALL_CLASSES, 4096),
            study("FashionMNIST_to_MNIST", "regular", fashion, MNIST, ALL_CLASSES, ALL_CLASSES, 4096),
            study("Glyphs", "regular", GLYPHS, GLYPHS, &[0, 1, 2, 3, 4], &[5, 6, 7, 8, 9], 4096),
        ]
    }

    /// A study by folder and split, as `FashionMNIST/random`; without a split the regular one.
    ///
    /// # Errors
    /// [`Error::Parameter`] when there is none of this name.
    pub fn find(name: &str) -> Result<Study> {
        let (folder, split) = name.split_once('/').unwrap_or((name, "regular"));
        let is_it = |s: &Study| s.folder.eq_ignore_ascii_case(folder) && s.split.eq_ignore_ascii_case(split);
        Study::all().into_iter().find(is_it).ok_or_else(|| {
            let names: Vec<String> = Study::all().iter().map(Study::to_string).collect();
            Error::parameter("study", format!("one of {}", names.join(", ")), name)
        })
    }
}

impl std::fmt::Display for Study {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.folder, self.split)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_study_is_found_by_its_name_and_its_settings_are_sound() {
        for study in Study::all() {
            study.params.check().unwrap();
            let found = Study::find(&study.to_string()).unwrap();
            assert_eq!((found.source, found.target, &found.params), (study.source, study.target, &study.params));
            if study.source == study.target {
                let params = found.params;
                assert!(params.fine_tune_classes.iter().all(|c| !params.pre_train_classes.contains(c)));
            }
        }
        assert_eq!(Study::find("mnist").unwrap().folder, "MNIST");
        assert!(Study::find("MNIST/odd").unwrap_err().to_string().contains("FashionMNIST/random"));
    }
}
