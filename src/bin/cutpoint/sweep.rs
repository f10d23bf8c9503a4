//! `cutpoint sweep`: a whole study.

use std::path::PathBuf;

use cutpoint::config::{CutPoint, Params, Repeats, Setting, PERCENTAGES};
use cutpoint::data::TransferLearningWrapper;
use cutpoint::error::{Error, Result};
use cutpoint::experiment::{Experiment, ExperimentSweep, SourceNetwork, Weights};
use cutpoint::study::{Profile, Study};
use cutpoint::train::Source;

use crate::args::{self, Machine, Overrides};
use crate::own::{self, Own};
use crate::{say, show, tell};

/// Make every fine-tuning run of a study that is not done yet, and write its result files.
///
/// The source network's weights are read from pretrained_models/<FOLDER>/<SPLIT>_classes.safetensors; where they are
/// not there, it is pre-trained first. Each finished run is kept at once in results/<FOLDER>/.journal, so that the
/// same command goes on where it stopped. At the end cuts_<SPLIT>_classes_<SETTING>.json and
/// baselines_<SPLIT>_classes.json are written; rows that they hold already, of the same parameters, source weights and
/// images, are not made again.
///
/// With --folder or --dataset and --network the study is one of your own images: results/<NAME>/cuts_own_classes_<SETTING>.json.
#[derive(clap::Args)]
pub struct Args {
    /// The study: MNIST, FashionMNIST/regular, FashionMNIST/random, CIFAR/regular, CIFAR/reverse, CIFAR/random,
    /// MNIST_to_FashionMNIST, FashionMNIST_to_MNIST, Glyphs.
    #[arg(required_unless_present_any = ["folder", "dataset"])]
    study: Option<String>,
    #[command(flatten)]
    pub own: Own,
    /// FR: freeze before the cut and re-initialise after it; F: freeze, keep; R: train all, re-initialise; none: train
    /// all, keep; FT: freeze, remove what is after the cut.
    #[arg(long, default_value = "FR")]
    pub setting: Setting,
    /// Fractions of the target training data, from above 0 to 1.
    #[arg(long, value_delimiter = ',', default_values_t = PERCENTAGES)]
    pub percentages: Vec<f64>,
    /// Cuts, as a list (-1,0,6) or a range (-1..6, both ends included); -1 is the baseline. Unless given: all.
    #[arg(long, allow_hyphen_values = true)]
    pub cuts: Option<String>,
    /// Repeats of each run. Unless given, as published: 25 up to 1%, 20 below 50%, else 5.
    #[arg(long, value_name = "N")]
    pub repeats: Option<u64>,
    #[command(flatten)]
    pub overrides: Overrides,
    /// The learning rate of fine-tuning.
    #[arg(long, value_name = "RATE")]
    pub lr_fine_tune: Option<f64>,
    /// The learning rate of pre-training, where it is needed.
    #[arg(long, value_name = "RATE")]
    pub lr_pretrain: Option<f64>,
    /// Source weights to read instead, .safetensors or .pth; with --source-classes, those that pre-training begins with.
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// Epochs of pre-training, at most, where it is needed; 0: the source network keeps its initial weights. Unless
    /// given: as in fine-tuning.
    #[arg(long, value_name = "N")]
    pub pretrain_epochs: Option<usize>,
    /// Images a batch in pre-training. Unless given: as in fine-tuning.
    #[arg(long, value_name = "N")]
    pub pretrain_batch_size: Option<usize>,
    /// Folder that results/ and pretrained_models/ are below. Unless given: the working directory.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Runs side by side. Unless given: one a core, on a GPU one.
    #[arg(long, value_name = "N", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    pub workers: Option<usize>,
    /// Memory for stored activations and training, in MiB. Unless given: two thirds of what is free, or 8192
    /// on a GPU.
    #[arg(long, value_name = "MIB")]
    pub memory: Option<u64>,
    /// Where the data set cannot be had at all, do the study on the built-in Glyphs instead, and say so.
    #[arg(long)]
    or_glyphs: bool,
    #[command(flatten)]
    pub machine: Machine,
}

pub fn run(args: Args) -> Result<()> {
    if args.own.is_asked() {
        let study_only = args.overrides.network.given().or(args.or_glyphs.then_some("or-glyphs"));
        args::refuse(study_only, "a study", "it with images of one's own, which have --network")?;
        return own::run(&args);
    }
    args::refuse(args.own.given(), "images of one's own (--folder or --dataset)", "it with a study")?;
    let mut exp = args.experiment(&Study::find(args.study.as_deref().unwrap_or_default())?)?;
    let data = match args.machine.load_and_tell(&exp) {
        Err(error @ Error::DataNotFound { .. }) if args.or_glyphs => {
            tell(format!("cutpoint: {error}"));
            exp = args.experiment(&Study::find("Glyphs")?)?;
            tell("cutpoint: going on with the built-in data set Glyphs; results are named after it");
            args.machine.load_and_tell(&exp)?
        }
        other => other?,
    };
    let cuts = match &args.cuts {
        Some(text) => args::cuts(text)?,
        None => CutPoint::all(exp.plan().params.depth).map(CutPoint::number).collect(),
    };
    // What cannot be done is said before hours of pre-training.
    exp.check(&data, cuts.iter().copied())?;
    let source = args.source_network(&exp, &data)?;
    finish(args.on_this_machine(exp.sweep(&source, &data)?.cuts(cuts)))
}

/// Makes the runs, and prints what they gave.
pub fn finish(sweep: ExperimentSweep) -> Result<()> {
    // Written before anything is printed: a full disk below a log must not cost the files.
    let results = sweep.run()?;
    show::print(results.of_sweep())?;
    results.written().iter().try_for_each(|path| say(format!("wrote {}", path.display())))
}

impl Args {
    /// The parameters of fine-tuning.
    pub fn params(&self, mut params: Params) -> Result<Params> {
        params.lr_fine_tune = self.lr_fine_tune.unwrap_or(params.lr_fine_tune);
        params.lr_pretrain = self.lr_pretrain.unwrap_or(params.lr_pretrain);
        let params = self.overrides.apply(params)?.with_setting(self.setting);
        Ok(Params { device: self.machine.device, ..params })
    }

    /// The parameters of pre-training, of those of fine-tuning.
    pub fn pretraining(&self, params: &Params) -> Params {
        Params {
            num_train: self.pretrain_epochs.filter(|&epochs| epochs > 0).unwrap_or(params.num_train),
            batch_size: self.pretrain_batch_size.unwrap_or(params.batch_size),
            ..params.clone()
        }
    }

    /// The first option of pre-training that was given.
    pub fn given_for_pretraining(&self) -> Option<&'static str> {
        args::first_given(&[
            ("pretrain-epochs", self.pretrain_epochs.is_some()),
            ("pretrain-batch-size", self.pretrain_batch_size.is_some()),
            ("lr-pretrain", self.lr_pretrain.is_some()),
        ])
    }

    /// The sweep with workers and memory as asked.
    pub fn on_this_machine<'a>(&self, mut sweep: ExperimentSweep<'a>) -> ExperimentSweep<'a> {
        if let Some(workers) = self.workers {
            sweep = sweep.workers(workers);
        }
        if let Some(mib) = self.memory {
            sweep = sweep.memory_budget(mib.saturating_mul(1 << 20));
        }
        sweep
    }

    fn experiment(&self, study: &Study) -> Result<Experiment> {
        let params = self.params(study.params.clone())?;
        let weights = match (&self.weights, self.pretrain_epochs) {
            (Some(path), _) => Weights::File(path.clone()),
            (None, Some(0)) => Weights::Initial,
            (None, _) => Weights::AsFound,
        };
        let pretrain = self.pretraining(&params);
        let exp = Experiment::of_study(study, Profile::Cpu).params(&params, &pretrain)?.weights(weights);
        let exp = exp.fractions(&self.percentages)?.repeats(self.repeats.map_or(Repeats::Published, Repeats::Fixed));
        Ok(exp.files_below(self.out.clone().unwrap_or_default()))
    }

    /// The source network: with weights read, or else pre-trained and written.
    fn source_network(&self, exp: &Experiment, data: &TransferLearningWrapper) -> Result<SourceNetwork> {
        let trained = self.weights.is_none() && self.pretrain_epochs != Some(0);
        if let Some(files) = exp.files().filter(|files| trained && !files.weights.exists()) {
            tell(format!("pre-training the source network, as {} is not there", files.weights.display()));
        }
        let source = exp.source_network(data)?;
        if self.given_for_pretraining().is_some() {
            exp.check_source(&source, data)?;
        } else if let Err(other_images) = exp.check_source_images(&source, data) {
            // A file that is named is used whatever it is of, but not in silence.
            tell(format!("note: {other_images}"));
        }
        let file = source.file().map(|path| path.display().to_string()).unwrap_or_default();
        match source.source() {
            None => tell("source weights: the initial ones, without pre-training"),
            Some(Source::Trained(report, _)) => tell(format!("{report}\nwrote {file}")),
            Some(Source::Read(origin)) => {
                let how = origin.as_ref().map_or(String::new(), |o| format!(" ({o})"));
                tell(format!("source weights: {file}{how}"));
            }
        }
        Ok(source)
    }
}
