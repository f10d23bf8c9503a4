//! Options that several commands share.

use std::path::PathBuf;
use std::sync::Arc;

use cutpoint::config::{Activation, Device, Optimizer, Params, Repeats, Schedule, TestSplit, MAX_DEPTH, PERCENTAGES};
use cutpoint::data::{Phase, TransferLearningWrapper};
use cutpoint::error::{Error, Result};
use cutpoint::experiment::{Experiment, Weights};
use cutpoint::model::CustomCnn;
use cutpoint::runtime::progress::Terminal;
use cutpoint::study::{Profile, Study};
use cutpoint::train::{TrainReport, Trainer};

use crate::tell;

/// Where data sets are and where computing happens.
#[derive(clap::Args, Clone)]
pub struct Machine {
    /// Folder of data sets: <NAME>/raw/*-ubyte[.gz], cifar-10-batches-bin/*.bin. Without it CUTPOINT_DATA, ./data and
    /// Debian's package are looked at, and then the data set is downloaded.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// auto, cpu or cuda:N.
    #[arg(long, default_value_t = Device::Auto)]
    pub device: Device,
}

/// The source network of a study that has one.
#[derive(clap::Args, Clone)]
pub struct Source {
    #[command(flatten)]
    pub network: Network,
    /// Source weights to read instead, .safetensors or .pth.
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// Folder that results/ and pretrained_models/ are below. Unless given: the working directory.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Reduced training sets.
#[derive(clap::Args, Clone)]
pub struct Drawn {
    /// Fractions of the target training data, from above 0 to 1.
    #[arg(long, value_delimiter = ',', default_values_t = PERCENTAGES)]
    pub percentages: Vec<f64>,
    /// Repeats at each fraction. Unless given, as published: 25 up to 1%, 20 below 50%, else 5.
    #[arg(long, value_name = "N")]
    pub repeats: Option<u64>,
}

impl Drawn {
    /// The experiment with these fractions and repeats.
    pub fn apply(&self, exp: Experiment) -> Result<Experiment> {
        Ok(exp.fractions(&self.percentages)?.repeats(self.repeats.map_or(Repeats::Published, Repeats::Fixed)))
    }
}

/// The network, where it is not a study's own.
#[derive(clap::Args, Clone, Default)]
pub struct Network {
    /// Convolutions.
    #[arg(long, value_name = "N")]
    pub depth: Option<usize>,
    /// Channels of each convolution.
    #[arg(long, value_name = "N")]
    pub channels: Option<usize>,
    /// Width of the convolution windows in pixels.
    #[arg(long, value_name = "N")]
    pub kernel: Option<usize>,
    /// Convolutions before each pooling.
    #[arg(long, value_name = "N")]
    pub pool_every: Option<usize>,
    /// The function after each convolution: ReLU, Tanh, GELU, ..
    #[arg(long, value_name = "NAME")]
    pub activation: Option<Activation>,
}

impl Network {
    /// The first option that was given.
    pub fn given(&self) -> Option<&'static str> {
        let all = [
            ("depth", self.depth.is_some()),
            ("channels", self.channels.is_some()),
            ("kernel", self.kernel.is_some()),
            ("pool-every", self.pool_every.is_some()),
            ("activation", self.activation.is_some()),
        ];
        first_given(&all)
    }

    /// The parameters with what was given on the command line.
    pub fn apply(&self, mut params: Params) -> Params {
        set(&mut params.depth, self.depth);
        set(&mut params.num_channels, self.channels);
        set(&mut params.kernel_size, self.kernel);
        set(&mut params.pooling_every_n_layers, self.pool_every);
        params.activation_function = self.activation.unwrap_or(params.activation_function);
        params
    }
}

/// The first of some options that was given.
pub fn first_given(options: &[(&'static str, bool)]) -> Option<&'static str> {
    options.iter().find(|(_, given)| *given).map(|(name, _)| *name)
}

/// Refuses an option that would be passed over in silence: what it needs, and what was found instead.
pub fn refuse(option: Option<&'static str>, needs: &str, found: &str) -> Result<()> {
    let refused = |name| Error::Parameter { name, expected: format!("only with {needs}"), found: found.to_owned() };
    option.map_or(Ok(()), |name| Err(refused(name)))
}

fn set(to: &mut usize, from: Option<usize>) {
    *to = from.unwrap_or(*to);
}

/// The network and the training, where they are not a study's own.
#[derive(clap::Args, Clone, Default)]
pub struct Overrides {
    /// Epochs, at most.
    #[arg(long, value_name = "N")]
    pub epochs: Option<usize>,
    /// Epochs without a better validation accuracy before training stops; 0: never.
    #[arg(long, value_name = "N")]
    pub patience: Option<usize>,
    /// Images a batch.
    #[arg(long, value_name = "N")]
    pub batch_size: Option<usize>,
    #[command(flatten)]
    pub network: Network,
    /// What test accuracy is measured on: `test`, the data set's test files; `published`, the training files' images
    /// of the task, as the published results did, which flatters every number.
    #[arg(long, value_name = "SPLIT")]
    pub test_split: Option<TestSplit>,
    #[command(flatten)]
    pub recipe: Training,
}

/// How weights are trained, where it is not as the study does it.
#[derive(clap::Args, Clone, Default)]
pub struct Training {
    /// adam, adamw, sgd, sgd:MOMENTUM or nesterov:MOMENTUM.
    #[arg(long, value_name = "NAME")]
    pub optimizer: Option<String>,
    /// Weight decay. Unless given: the optimizer's own.
    #[arg(long, value_name = "NUMBER")]
    pub weight_decay: Option<f64>,
    /// The learning rate over time: constant, step:EPOCHS:FACTOR, cosine or one-cycle.
    #[arg(long, value_name = "NAME")]
    pub schedule: Option<Schedule>,
    /// Epochs in which the learning rate grows to the whole.
    #[arg(long, value_name = "N")]
    pub warm_up: Option<usize>,
    /// Each block's learning rate as a part of that of the block after it.
    #[arg(long, value_name = "PART")]
    pub block_decay: Option<f64>,
    /// The largest norm of all gradients together.
    #[arg(long, value_name = "NORM")]
    pub clip: Option<f64>,
    /// How much of each label is spread over all classes.
    #[arg(long, value_name = "PART")]
    pub label_smoothing: Option<f64>,
    /// Mirror every second training image.
    #[arg(long)]
    pub flip: bool,
    /// Shift training images by up to so many pixels.
    #[arg(long, value_name = "PIXELS")]
    pub crop: Option<usize>,
}

impl Training {
    fn apply(&self, mut params: Params) -> Result<Params> {
        if self.optimizer.is_some() || self.weight_decay.is_some() {
            let name = self.optimizer.as_deref().unwrap_or("adam");
            params.optimizer = Some(Optimizer::named(name, params.lr_fine_tune, self.weight_decay)?);
        }
        let recipe = &mut params.recipe;
        recipe.schedule = self.schedule.unwrap_or(recipe.schedule);
        recipe.warm_up = self.warm_up.unwrap_or(recipe.warm_up);
        recipe.block_decay = self.block_decay.unwrap_or(recipe.block_decay);
        recipe.clip = self.clip.or(recipe.clip);
        recipe.label_smoothing = self.label_smoothing.unwrap_or(recipe.label_smoothing);
        recipe.augmentation.flip |= self.flip;
        recipe.augmentation.crop = self.crop.unwrap_or(recipe.augmentation.crop);
        Ok(params)
    }
}

impl Overrides {
    /// The parameters with what was given on the command line.
    pub fn apply(&self, params: Params) -> Result<Params> {
        let mut params = self.recipe.apply(self.network.apply(params))?;
        set(&mut params.num_train, self.epochs);
        set(&mut params.batch_size, self.batch_size);
        if let Some(patience) = self.patience {
            params.early_stop_patience = (patience > 0).then_some(patience);
        }
        params.test_split = self.test_split.unwrap_or(params.test_split);
        Ok(params)
    }
}

/// Reads a list of classes: `5,7,9`.
pub fn classes(name: &'static str, text: &str) -> Result<Vec<u8>> {
    let wrong = || Error::Parameter { name, expected: "a list of classes such as 5,7,9".into(), found: text.into() };
    text.split(',').map(|s| s.trim().parse().map_err(|_| wrong())).collect()
}

/// Reads a list of cuts, `-1,0,6`, or a range with both ends, `-1..6`.
pub fn cuts(text: &str) -> Result<Vec<i64>> {
    let wrong =
        || Error::Parameter { name: "cuts", expected: "a list (-1,0,6) or a range (-1..6)".into(), found: text.into() };
    let number = |s: &str| s.trim().parse::<i64>().map_err(|_| wrong());
    match text.split_once("..") {
        Some((first, last)) => {
            let (first, last) = (number(first)?, number(last.trim_start_matches('='))?);
            // No network is as deep; a typing slip must not fill the memory.
            if !(-1..=last).contains(&first) || last > MAX_DEPTH as i64 {
                return Err(wrong());
            }
            Ok((first..=last).collect())
        }
        None => text.split(',').map(number).collect(),
    }
}

impl Machine {
    /// Both tasks of an experiment, with progress on the terminal.
    pub fn load(&self, exp: &Experiment) -> Result<TransferLearningWrapper> {
        exp.load_data_with(self.data.as_deref(), &Terminal::new())
    }

    /// The same, saying where the data sets are.
    pub fn load_and_tell(&self, exp: &Experiment) -> Result<TransferLearningWrapper> {
        let data = self.load(exp)?;
        data.places().iter().for_each(tell);
        Ok(data)
    }

    /// An experiment of a study on this machine, with the source network that was asked for.
    pub fn experiment(&self, study: &str, source: &Source) -> Result<Experiment> {
        let study = Study::find(study)?;
        let params = Params { device: self.device, ..source.network.apply(study.params.clone()) };
        let weights = source.weights.clone().map_or(Weights::AsFound, Weights::File);
        let exp = Experiment::of_study(&study, Profile::Cpu).params(&params, &params)?.weights(weights);
        Ok(exp.files_below(source.out.clone().unwrap_or_default()))
    }
}

/// Pre-trains a network on the source task. `checkpoints`: the folder and name of files that it goes on from; `curve`:
/// accuracy on the training set after each epoch.
pub fn pretrain(
    model: &mut CustomCnn,
    data: &mut TransferLearningWrapper,
    params: &Params,
    threads: usize,
    checkpoints: Option<(PathBuf, String)>,
    curve: bool,
) -> Result<TrainReport> {
    data.update_phase(Phase::Pretrain);
    let mut trainer = Trainer::new(model, data, params.lr_pretrain, params)?
        .threads(threads)
        .curve(curve)
        .progress(Arc::new(Terminal::new()));
    if let Some((folder, name)) = checkpoints {
        trainer = trainer.output(folder, &name).resume(params.save_checkpoints);
    }
    trainer.train()
}
