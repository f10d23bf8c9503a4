//! The studies of the published grid: data sets, class splits and training settings, by folder and split.

use std::path::{Path, PathBuf};

use crate::data::{DatasetName, CIFAR10, FASHION_MNIST, GLYPHS, MNIST};
use crate::error::{Error, Result};
use crate::grid::Repeats;
use crate::params::{Params, Setting, PERCENTAGES};

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
        let is_it = |s: &Study| s.folder.eq_ignore_ascii_case(folder) && s.split == split;
        Study::all().into_iter().find(is_it).ok_or_else(|| {
            let names: Vec<String> = Study::all().iter().map(Study::to_string).collect();
            Error::parameter("study", format!("one of {}", names.join(", ")), name)
        })
    }
}

/// How large a study is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Minutes, to see that everything works: a narrow network, two epochs, two repeats. Its numbers mean nothing, and go
    /// into a folder of their own.
    Smoke,
    /// An evening on a laptop: 0.1% and 1% of the data, twelve repeats.
    #[default]
    Cpu,
    /// The published grid, for a GPU or for patience.
    Paper,
}

impl Profile {
    /// The profile that the environment variable `CUTPOINT_PROFILE` names; the one given where it is not set, or empty.
    ///
    /// # Errors
    /// [`Error::Parameter`] when there is no such profile.
    pub fn from_env_or(given: impl AsRef<str>) -> Result<Profile> {
        let set = std::env::var("CUTPOINT_PROFILE").ok().filter(|name| !name.is_empty());
        set.unwrap_or_else(|| given.as_ref().to_owned()).parse()
    }
}

impl std::fmt::Display for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Profile::Smoke => "smoke",
            Profile::Cpu => "cpu",
            Profile::Paper => "paper",
        })
    }
}

impl std::str::FromStr for Profile {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        let all = [Profile::Smoke, Profile::Cpu, Profile::Paper];
        let wrong = || Error::parameter("profile", "smoke, cpu or paper", s);
        all.into_iter().find(|p| p.to_string() == s.to_ascii_lowercase()).ok_or_else(wrong)
    }
}

/// What a study does at a size: how the source network is trained, and which runs are made.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The size.
    pub profile: Profile,
    /// Settings of pre-training.
    pub pretrain: Params,
    /// Settings of fine-tuning.
    pub params: Params,
    /// Shares of the target training data.
    pub percentages: Vec<f64>,
    /// Repeats of each run.
    pub repeats: Repeats,
    folder: &'static str,
    split: &'static str,
}

/// Epochs of pre-training on a processor, and pictures a batch: enough for a source network that has learnt its task.
const PRETRAINING: (usize, usize) = (5, 64);
/// With fewer than eleven, no difference between eight boxes can be significant after Holm's correction.
const CPU_REPEATS: Repeats = Repeats::Fixed(12);

impl Study {
    /// The study at a size.
    pub fn plan(&self, profile: Profile) -> Plan {
        let narrow = Params { num_channels: 8, num_train: 2, ..self.params.clone() };
        let params = if profile == Profile::Smoke { narrow } else { self.params.clone() };
        let (epochs, batch_size) = match profile {
            Profile::Smoke => (1, 256),
            Profile::Cpu => PRETRAINING,
            Profile::Paper => (params.num_train, params.batch_size),
        };
        let (percentages, repeats) = match profile {
            Profile::Smoke => (vec![0.001, 0.01], Repeats::Fixed(2)),
            Profile::Cpu => (vec![0.001, 0.01], CPU_REPEATS),
            Profile::Paper => (PERCENTAGES.to_vec(), Repeats::Published),
        };
        let pretrain = Params { num_train: epochs, batch_size, ..params.clone() };
        Plan { profile, pretrain, params, percentages, repeats, folder: self.folder, split: self.split }
    }
}

impl Plan {
    /// The same plan with `freeze`, `reinit` and `truncate` as in `setting`.
    pub fn with_setting(self, setting: Setting) -> Plan {
        Plan { params: self.params.with_setting(setting), ..self }
    }

    /// The folder below `root` that the plan's files go to: `root` itself, and for [`Profile::Smoke`] `run/smoke` in it,
    /// so that trying a notebook out leaves no trace in results.
    fn base(&self, root: &Path) -> PathBuf {
        match self.profile {
            Profile::Smoke => root.join("run/smoke"),
            Profile::Cpu | Profile::Paper => root.to_owned(),
        }
    }

    /// The study's name, such as `CIFAR/regular`.
    pub fn study(&self) -> String {
        format!("{}/{}", self.folder, self.split)
    }

    /// The file of source weights below `root`.
    pub fn weights(&self, root: impl AsRef<Path>) -> PathBuf {
        let folder = self.base(root.as_ref()).join("pretrained_models").join(self.folder);
        folder.join(format!("{}_classes.safetensors", self.split))
    }

    /// The file of baselines below `root`.
    pub fn baselines(&self, root: impl AsRef<Path>) -> PathBuf {
        self.results(root.as_ref()).join(format!("baselines_{}_classes.json", self.split))
    }

    /// The file of cuts below `root`, for the setting of the plan's parameters.
    ///
    /// # Errors
    /// Those of [`Params::setting`].
    pub fn cuts(&self, root: impl AsRef<Path>) -> Result<PathBuf> {
        let name = format!("cuts_{}_classes_{}.json", self.split, self.params.setting()?);
        Ok(self.results(root.as_ref()).join(name))
    }

    /// The file of clusterings below `root`.
    pub fn clusterings(&self, root: impl AsRef<Path>) -> PathBuf {
        self.results(root.as_ref()).join(format!("{}_classes_cluster.json", self.split))
    }

    /// The journal of finished runs below `root`.
    pub fn journal(&self, root: impl AsRef<Path>) -> PathBuf {
        self.results(root.as_ref()).join(".journal").join(format!("{}_classes.jsonl", self.split))
    }

    /// The journal of finished clusterings below `root`.
    pub fn cluster_journal(&self, root: impl AsRef<Path>) -> PathBuf {
        self.results(root.as_ref()).join(".journal").join(format!("{}_classes_cluster.jsonl", self.split))
    }

    fn results(&self, root: &Path) -> PathBuf {
        self.base(root).join("results").join(self.folder)
    }
}

impl std::fmt::Display for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shares: Vec<String> = self.percentages.iter().map(|p| format!("{}%", (p * 1e6).round() / 1e4)).collect();
        let repeats = match self.repeats {
            Repeats::Published => "repeats as published".to_owned(),
            Repeats::Fixed(n) => format!("{n} repeats"),
        };
        let p = &self.pretrain;
        write!(
            f,
            "profile {}: pre-training for at most {} epochs (batch {}), fine-tuning on {} of the target data for at most \
             {} epochs (batch {}), {repeats}, networks of {} convolutions with {} channels",
            self.profile,
            p.num_train,
            p.batch_size,
            shares.join(", "),
            self.params.num_train,
            self.params.batch_size,
            p.depth,
            p.num_channels
        )
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
    fn plans_have_the_published_files_and_smoke_leaves_them_alone() {
        let study = Study::find("FashionMNIST/random").unwrap();
        let paper = study.plan(Profile::Paper);
        assert_eq!((paper.percentages.len(), paper.repeats, paper.pretrain.num_train), (5, Repeats::Published, 40));
        assert_eq!(paper.cuts("r").unwrap(), Path::new("r/results/FashionMNIST/cuts_random_classes_FR.json"));
        assert_eq!(paper.baselines("r"), Path::new("r/results/FashionMNIST/baselines_random_classes.json"));
        let smoke = study.plan(Profile::Smoke);
        assert!(smoke.weights("r").starts_with("r/run/smoke") && smoke.journal("r").starts_with("r/run/smoke"));
        smoke.params.check().unwrap();
        assert_eq!("CPU".parse::<Profile>().unwrap(), Profile::Cpu);
        assert!("huge".parse::<Profile>().unwrap_err().to_string().contains("smoke, cpu or paper"));
        assert!(smoke.to_string().contains("0.1%, 1%"), "{smoke}");
    }

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
