//! A study at a size: how its source network is trained, which runs are made, and where the files go.

use std::path::{Path, PathBuf};

use super::{Study, StudyFiles};
use crate::config::Repeats;
use crate::config::{Params, Setting, PERCENTAGES};
use crate::data::TransferLearningWrapper;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::train::{pretrained, Source};
use crate::util::names::check_name;

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
    /// Fractions of the target training data.
    pub percentages: Vec<f64>,
    /// Repeats of each run.
    pub repeats: Repeats,
    folder: String,
    split: String,
    variant: Option<String>,
    /// The settings of pre-training as the profile has them.
    usual: Params,
}

/// Epochs of pre-training on a processor, and images a batch: enough for a source network that has learnt its task.
const PRETRAINING: (usize, usize) = (5, 64);
/// With fewer than eleven, no difference between eight boxes can be significant after Holm's correction.
const CPU_REPEATS: Repeats = Repeats::Fixed(12);

impl Study {
    /// The study at a size.
    pub fn plan(&self, profile: Profile) -> Plan {
        Plan::new(self.folder, self.split, &self.params, profile)
    }
}

/// The folder of [`Profile::Paper`].
const PAPER: &str = "paper";

impl Plan {
    /// A plan at a size, whose files are named after a folder and a split of classes; `params` are those of the size
    /// [`Profile::Paper`].
    pub fn new(folder: &str, split: &str, params: &Params, profile: Profile) -> Plan {
        let narrow = Params { num_channels: 8, num_train: 2, ..params.clone() };
        let params = if profile == Profile::Smoke { narrow } else { params.clone() };
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
        let (folder, split, usual) = (folder.to_owned(), split.to_owned(), pretrain.clone());
        Plan { profile, pretrain, params, percentages, repeats, folder, split, variant: None, usual }
    }

    /// The same plan with `freeze`, `reinit` and `truncate` as in `setting`.
    pub fn with_setting(self, setting: Setting) -> Plan {
        Plan { params: self.params.with_setting(setting), ..self }
    }

    /// The same plan with result files of its own, in a folder of this name, for a study that is made with other
    /// parameters: rows of different parameters do not belong in one file. Source weights are those of the study, unless
    /// [`Plan::pretrain`] is changed as well; then they too are its own. Finished runs stay in the one journal.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the name is not one of letters, digits, `-` and `_`, or is taken.
    pub fn variant(self, name: &str) -> Result<Plan> {
        check_name("variant", name)?;
        if name == PAPER {
            return Err(Error::parameter("variant", format!("a name other than {PAPER}"), format!("`{name}`")));
        }
        Ok(Plan { variant: Some(name.to_owned()), ..self })
    }

    /// The plan's files below `root`. Those of [`Profile::Smoke`] go to `run/smoke`, so that trying a notebook out leaves no
    /// trace in results; those of [`Profile::Paper`] to folders `paper`, as its source network is trained for longer.
    pub fn files(&self, root: impl AsRef<Path>) -> StudyFiles {
        let root = root.as_ref();
        let root = if self.profile == Profile::Smoke { root.join("run/smoke") } else { root.to_owned() };
        let mut files = StudyFiles::new(&root, &self.folder, &self.split);
        if self.profile == Profile::Paper {
            files = files.results_in(PAPER).weights_in(PAPER);
        }
        if let Some(variant) = &self.variant {
            files = files.results_in(variant);
            if self.pretrain != self.usual {
                files = files.weights_in(variant);
            }
        }
        files
    }

    /// Gives a network the source weights of this plan below `root`: [`pretrained`] with its settings and its file.
    ///
    /// # Errors
    /// Those of [`pretrained`].
    pub fn pretrained(
        &self,
        model: &mut dyn Model,
        data: &mut TransferLearningWrapper,
        root: impl AsRef<Path>,
    ) -> Result<Source> {
        pretrained(model, data, &self.pretrain, &self.study(), self.weights(root))
    }

    /// The study's name, such as `CIFAR/regular`.
    pub fn study(&self) -> String {
        format!("{}/{}", self.folder, self.split)
    }

    /// The file of source weights below `root`.
    pub fn weights(&self, root: impl AsRef<Path>) -> PathBuf {
        self.files(root).weights
    }

    /// The file of baselines below `root`.
    pub fn baselines(&self, root: impl AsRef<Path>) -> PathBuf {
        self.files(root).baselines()
    }

    /// The file of cuts below `root`, for the setting of the plan's parameters.
    ///
    /// # Errors
    /// Those of [`Params::setting`].
    pub fn cuts(&self, root: impl AsRef<Path>) -> Result<PathBuf> {
        Ok(self.files(root).cuts(self.params.setting()?))
    }

    /// The file of clusterings below `root`.
    pub fn clusterings(&self, root: impl AsRef<Path>) -> PathBuf {
        self.files(root).clusterings()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_has_files_of_its_own() {
        let study = Study::find("FashionMNIST/random").unwrap();
        let paper = study.plan(Profile::Paper);
        assert_eq!((paper.percentages.len(), paper.repeats, paper.pretrain.num_train), (5, Repeats::Published, 40));
        assert_eq!(paper.cuts("r").unwrap(), Path::new("r/results/FashionMNIST/paper/cuts_random_classes_FR.json"));
        assert_eq!(paper.weights("r"), Path::new("r/pretrained_models/FashionMNIST/paper/random_classes.safetensors"));
        let cpu = study.plan(Profile::Cpu);
        assert_eq!(cpu.baselines("r"), Path::new("r/results/FashionMNIST/baselines_random_classes.json"));
        assert_eq!(cpu.files("r"), study.files("r"));
        let smoke = study.plan(Profile::Smoke);
        assert!(smoke.weights("r").starts_with("r/run/smoke") && smoke.files("r").journal.starts_with("r/run/smoke"));
        smoke.params.check().unwrap();
        assert_eq!("CPU".parse::<Profile>().unwrap(), Profile::Cpu);
        assert!("huge".parse::<Profile>().unwrap_err().to_string().contains("smoke, cpu or paper"));
        assert!(smoke.to_string().contains("0.1%, 1%"), "{smoke}");
    }

    #[test]
    fn a_variant_has_results_of_its_own_and_weights_where_pre_training_differs() {
        let plan = Study::find("MNIST").unwrap().plan(Profile::Cpu);
        let mut short = plan.clone().variant("short").unwrap();
        short.params.num_train = 3;
        assert_eq!(short.cuts("r").unwrap(), Path::new("r/results/MNIST/short/cuts_regular_classes_FR.json"));
        assert_eq!(short.weights("r"), plan.weights("r"));
        assert_eq!(short.files("r").journal, plan.files("r").journal);
        short.pretrain.num_channels = 8;
        assert_eq!(short.weights("r"), Path::new("r/pretrained_models/MNIST/short/regular_classes.safetensors"));
        for taken in ["", "paper", "../else", "a/b"] {
            assert!(plan.clone().variant(taken).unwrap_err().to_string().contains("`variant`"), "{taken}");
        }
        let paper = Study::find("MNIST").unwrap().plan(Profile::Paper).variant("short").unwrap();
        assert_eq!(paper.baselines("r"), Path::new("r/results/MNIST/paper/short/baselines_regular_classes.json"));
    }
}
