//! What an experiment is, and what it does.

use std::fmt;
use std::path::{Path, PathBuf};

use super::source::existing;
use super::{ExperimentResults, ExperimentSweep, SourceNetwork, Weights};
use crate::cluster::{ClusterFile, ClusterSweep};
use crate::config::{
    CutPoint, Device, Grid, NetworkConfig, Params, Repeats, Setting, SplitConfig, TrainingConfig, PERCENTAGES,
};
use crate::data::{Dataset, DatasetName, TransferLearningWrapper};
use crate::error::{Error, Result};
use crate::notebook::display;
use crate::results::Provenance;
use crate::runtime::progress::{default_sink, Progress};
use crate::study::{Plan, Profile, Study, StudyFiles};
use crate::sweep::Sweep;
use crate::transfer::TransferSweep;
use crate::util::names::check_name;

/// A source task, a target task, a network, and the runs to be made. Values are owned: they live from cell to cell of a
/// notebook.
///
/// What is built is valid: each part has been checked when it was built.
#[derive(Clone, Debug)]
pub struct Experiment {
    plan: Plan,
    sets: Sets,
    /// The folder that results and weights are below; `None`: nothing is written.
    root: Option<PathBuf>,
    weights: Weights,
}

/// The data sets of both tasks.
#[derive(Clone, Debug)]
enum Sets {
    Known(DatasetName, DatasetName),
    Own(Box<(Dataset, Dataset)>),
}

impl Experiment {
    /// An experiment of the study, such as `CIFAR/reverse`, at a size: `smoke`, `cpu` or `paper`, unless the environment
    /// variable `CUTPOINT_PROFILE` names another. Its files are below `root`.
    ///
    /// # Errors
    /// [`Error::Parameter`] when there is no such study or profile.
    pub fn open(study: &str, profile: impl AsRef<str>, root: impl AsRef<Path>) -> Result<Experiment> {
        Ok(Experiment::of_study(&Study::find(study)?, Profile::from_env_or(profile)?).files_below(root))
    }

    /// An experiment of the study at a size, without files.
    pub fn of_study(study: &Study, profile: Profile) -> Experiment {
        let sets = Sets::Known(study.source, study.target);
        Experiment { plan: study.plan(profile), sets, root: None, weights: Weights::AsAsked }
    }

    /// An experiment on other classes, or other pairs of data sets, than the study's, without files. Network and training
    /// are the study's, and fractions and repeats the published ones, unless set.
    ///
    /// # Errors
    /// Those of [`SplitConfig::new`].
    pub fn on(source: DatasetName, target: DatasetName, split: SplitConfig) -> Result<Experiment> {
        let folder = if source == target { source.to_string() } else { format!("{source}_to_{target}") };
        Ok(Experiment::of(&folder, Sets::Known(source, target), split))
    }

    /// An experiment on images of one's own, without files. `name` stands for the study in files.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the name is not one of letters, digits, `-` and `_`.
    pub fn on_own(name: &str, source: &Dataset, target: &Dataset, split: SplitConfig) -> Result<Experiment> {
        check_name("name", name)?;
        Ok(Experiment::of(name, Sets::Own(Box::new((source.clone(), target.clone()))), split))
    }

    fn of(folder: &str, sets: Sets, split: SplitConfig) -> Experiment {
        let params = Params::default().with_split(&split);
        let mut plan = Plan::new(folder, "regular", &params, Profile::Cpu);
        plan.pretrain = params;
        (plan.percentages, plan.repeats) = (PERCENTAGES.to_vec(), Repeats::Published);
        Experiment { plan, sets, root: None, weights: Weights::AsAsked }
    }

    /// The same with files below a folder: results, source weights and journals of finished runs.
    pub fn files_below(self, root: impl AsRef<Path>) -> Self {
        Experiment { root: Some(root.as_ref().to_owned()), ..self }
    }

    /// The same under another setting.
    pub fn setting(mut self, setting: Setting) -> Self {
        self.plan = self.plan.with_setting(setting);
        self
    }

    /// The same with another network.
    pub fn network(mut self, network: NetworkConfig) -> Self {
        for params in [&mut self.plan.params, &mut self.plan.pretrain] {
            *params = std::mem::take(params).with_network(&network);
        }
        self
    }

    /// The same on another device.
    pub fn device(mut self, device: Device) -> Self {
        (self.plan.params.device, self.plan.pretrain.device) = (device, device);
        self
    }

    /// The same with another training of the source network.
    pub fn pretraining(mut self, training: TrainingConfig) -> Self {
        self.plan.pretrain = self.plan.pretrain.with_pretraining(&training);
        self
    }

    /// The same with another training of cut networks.
    pub fn training(mut self, training: TrainingConfig) -> Self {
        self.plan.params = self.plan.params.with_fine_tuning(&training);
        self
    }

    /// The same with other classes, validation or test images.
    pub fn split(mut self, split: &SplitConfig) -> Self {
        for params in [&mut self.plan.params, &mut self.plan.pretrain] {
            *params = std::mem::take(params).with_split(split);
        }
        self
    }

    /// The same with other fractions of the target training data.
    ///
    /// # Errors
    /// [`Error::Parameter`] for one that is not above 0 and at most 1, or for none.
    pub fn fractions(mut self, fractions: &[f64]) -> Result<Self> {
        let grid = Grid::new(fractions, [CutPoint::Baseline], Repeats::Fixed(1))?;
        self.plan.percentages = grid.fractions().iter().map(|f| f.get()).collect();
        Ok(self)
    }

    /// The same with other repeats.
    pub fn repeats(mut self, repeats: Repeats) -> Self {
        self.plan.repeats = repeats;
        self
    }

    /// The same with result files of its own, in a folder of this name, for an experiment that is made with other
    /// parameters: rows of different parameters do not belong in one file. See [`Plan::variant`].
    ///
    /// # Errors
    /// Those of [`Plan::variant`].
    pub fn variant(mut self, name: &str) -> Result<Self> {
        self.plan = self.plan.variant(name)?;
        Ok(self)
    }

    /// The same with the source network's weights from elsewhere.
    pub fn weights(self, weights: Weights) -> Self {
        Experiment { weights, ..self }
    }

    /// The same with everything as a published header has it: network, split, setting and fine-tuning of `params`;
    /// pre-training of `pretrain`.
    ///
    /// # Errors
    /// Those of [`Params::check`].
    pub fn params(mut self, params: &Params, pretrain: &Params) -> Result<Self> {
        params.check()?;
        pretrain.check()?;
        (self.plan.params, self.plan.pretrain) = (params.clone(), pretrain.clone());
        Ok(self)
    }

    /// Its name: folder and split of the study, such as `CIFAR/regular`.
    pub fn name(&self) -> String {
        self.plan.study()
    }

    /// What it does, as plan of the study.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Where its files lie, if it has any.
    pub fn files(&self) -> Option<StudyFiles> {
        self.root.as_ref().map(|root| self.plan.files(root))
    }

    /// Both tasks with their images. `folder` is where data sets are looked for first, and where those go that are
    /// downloaded.
    ///
    /// # Errors
    /// Those of [`TransferLearningWrapper::new`].
    pub fn load_data(&self, folder: impl AsRef<Path>) -> Result<TransferLearningWrapper> {
        self.load_data_with(Some(folder.as_ref()), default_sink().as_ref())
    }

    /// The same, with the folder optional and progress sent to `progress`.
    ///
    /// # Errors
    /// Those of [`TransferLearningWrapper::load`].
    pub fn load_data_with(&self, folder: Option<&Path>, progress: &dyn Progress) -> Result<TransferLearningWrapper> {
        match &self.sets {
            Sets::Known(source, target) => {
                TransferLearningWrapper::load(&self.plan.params, *source, *target, folder, progress)
            }
            Sets::Own(sets) => TransferLearningWrapper::from_datasets(&self.plan.params, &sets.0, &sets.1),
        }
    }

    /// The source network with its initial weights.
    ///
    /// # Errors
    /// Those of [`crate::model::CustomCnn::new`].
    pub fn new_network(&self, data: &TransferLearningWrapper) -> Result<SourceNetwork> {
        SourceNetwork::initial(&self.plan.params, data)
    }

    /// The source network, with weights read, or trained and written: see [`Weights`]. A training that is stopped goes on
    /// from its last whole epoch when it is asked for again.
    ///
    /// # Errors
    /// Those of [`crate::train::pretrained`]; [`Error::Mismatch`] when the file says that its weights were trained in
    /// another way, or on other images.
    pub fn source_network(&self, data: &TransferLearningWrapper) -> Result<SourceNetwork> {
        let file = self.files().map(|files| files.weights);
        let Plan { params, pretrain, .. } = &self.plan;
        SourceNetwork::new(params, pretrain, &self.name(), data, &self.weights, file.as_deref())
    }

    /// The source network with weights that must be in a file already, however they were trained.
    ///
    /// # Errors
    /// [`Error::DataNotFound`] when there is no such file; those of [`crate::train::load_source`].
    pub fn read_source_network(&self, data: &TransferLearningWrapper) -> Result<SourceNetwork> {
        let file = match (&self.weights, self.files()) {
            (Weights::File(path), _) => path.clone(),
            (_, Some(files)) => files.weights,
            (_, None) => PathBuf::new(),
        };
        let weights = Weights::File(existing(&self.name(), file)?);
        let Plan { params, pretrain, .. } = &self.plan;
        SourceNetwork::new(params, pretrain, &self.name(), data, &weights, None)
    }

    /// Refuses weights that say that they were trained in another way than the experiment asks for.
    ///
    /// # Errors
    /// [`Error::Mismatch`] naming the file.
    pub fn check_source(&self, source: &SourceNetwork, data: &TransferLearningWrapper) -> Result<()> {
        source.check(&self.plan.pretrain, &data.source)
    }

    /// Refuses weights that say that they were trained on other images than those of the experiment's source task.
    ///
    /// # Errors
    /// [`Error::Mismatch`] naming the file.
    pub fn check_source_images(&self, source: &SourceNetwork, data: &TransferLearningWrapper) -> Result<()> {
        source.check_images(&data.source)
    }

    /// What cannot be done, said before hours of pre-training: cuts that the network does not have, fractions that leave a
    /// class empty, files that would refuse the rows or cannot be written.
    ///
    /// # Errors
    /// [`Error::Parameter`], [`Error::Mismatch`], [`Error::Io`].
    pub fn check<C: Into<i64>>(&self, data: &TransferLearningWrapper, cuts: impl IntoIterator<Item = C>) -> Result<()> {
        let Plan { params, percentages, repeats, .. } = &self.plan;
        let grid = Grid::new(percentages, cuts, *repeats)?;
        grid.cuts().iter().try_for_each(|cut| cut.check(params.depth))?;
        for fraction in grid.fractions() {
            data.target.per_class(fraction.get())?;
        }
        if let Some(files) = self.files() {
            let said = Provenance { target_pictures: Some(data.target.digest()), ..Provenance::default() };
            files.check_sweep(&said.beside(params.clone()), grid.cuts())?;
        }
        Ok(())
    }

    /// The fine-tuning runs: the baseline and every cut, at the experiment's fractions and repeats. Runs that are done are
    /// not made again.
    ///
    /// # Errors
    /// Those of [`Sweep::new`].
    pub fn sweep<'a>(
        &self,
        source: &'a SourceNetwork,
        data: &'a TransferLearningWrapper,
    ) -> Result<ExperimentSweep<'a>> {
        let (files, setting) = (self.files(), self.plan.params.setting()?);
        let sweep = Sweep::new(&self.plan.params, source.network(), data)?.origin(source.origin().cloned());
        let sweep = sweep.repeats(self.plan.repeats).percentages(&self.plan.percentages);
        Ok(ExperimentSweep::new(sweep, files, setting).cuts(CutPoint::all(source.depth())))
    }

    /// What the experiment's files hold: baselines, and cuts of its setting.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file that is not there yet; [`Error::Parameter`] for an experiment without files; those of
    /// [`crate::stats::load_together`].
    pub fn results(&self) -> Result<ExperimentResults> {
        ExperimentResults::of_files(&self.need_files()?, self.plan.params.setting()?)
    }

    /// Clusterings of what each layer makes of the target images, before any fine-tuning; its rows go to
    /// [`StudyFiles::clusterings`] by [`ClusterFile::add_to`].
    pub fn clusterings<'a>(&self, source: &'a SourceNetwork, data: &'a TransferLearningWrapper) -> ClusterSweep<'a> {
        let sweep = ClusterSweep::new(source.network(), &data.target);
        let sweep = sweep.percentages(&self.plan.percentages).repeats(self.plan.repeats);
        match self.files() {
            Some(files) => sweep.journal(&files.cluster_journal).file(files.clusterings()),
            None => sweep,
        }
    }

    /// The clusterings that the experiment's file holds.
    ///
    /// # Errors
    /// Those of [`ClusterFile::load`]; [`Error::Parameter`] for an experiment without files.
    pub fn clustering_results(&self) -> Result<ClusterFile> {
        ClusterFile::load(self.need_files()?.clusterings())
    }

    /// Scores of each layer before any fine-tuning; its rows go to [`StudyFiles::transfers`].
    pub fn transfer_scores<'a>(
        &self,
        source: &'a SourceNetwork,
        data: &'a TransferLearningWrapper,
    ) -> TransferSweep<'a> {
        let sweep = TransferSweep::new(source.network(), &data.target);
        let sweep = sweep.percentages(&self.plan.percentages).repeats(self.plan.repeats);
        match self.files() {
            Some(files) => sweep.journal(&files.transfer_journal).file(files.transfers()),
            None => sweep,
        }
    }

    fn need_files(&self) -> Result<StudyFiles> {
        let none = || Error::parameter("root", "a folder that the experiment's files are below", "none");
        self.files().ok_or_else(none)
    }

    /// Shows what it does in a notebook.
    pub fn evcxr_display(&self) {
        display::show(&[("text/plain", &self.to_string())]);
    }
}

impl fmt::Display for Experiment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let setting = self.plan.params.setting().map_or_else(|_| "?".to_owned(), |setting| setting.to_string());
        write!(f, "{}, setting {setting}; {}", self.name(), self.plan)
    }
}
