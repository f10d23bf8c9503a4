//! `cutpoint sweep`: a whole study.

use std::path::PathBuf;

use cutpoint::config::{rows, Params, Repeats, Setting, PERCENTAGES};
use cutpoint::data::TransferLearningWrapper;
use cutpoint::error::{Error, Result};
use cutpoint::model::CustomCnn;
use cutpoint::results::Journal;
use cutpoint::results::{Record, ResultFile, PICTURES};
use cutpoint::study::Study;
use cutpoint::sweep::Sweep;
use cutpoint::train::{check_source, check_source_images, load_source, pretrained};

use crate::args::{self, Machine, Overrides};
use crate::{say, show, tell};

/// Make every fine-tuning run of a study that is not done yet, and write its result files.
///
/// The source network's weights are read from pretrained_models/<FOLDER>/<SPLIT>_classes.safetensors; where they are
/// not there, it is pre-trained first. Each finished run is kept at once in results/<FOLDER>/.journal, so that the
/// same command goes on where it stopped. At the end cuts_<SPLIT>_classes_<SETTING>.json and
/// baselines_<SPLIT>_classes.json are written; rows that they hold already, of the same parameters, source weights and
/// pictures, are not made again.
#[derive(clap::Args)]
pub struct Args {
    /// The study: MNIST, FashionMNIST/regular, FashionMNIST/random, CIFAR/regular, CIFAR/reverse, CIFAR/random,
    /// MNIST_to_FashionMNIST, FashionMNIST_to_MNIST, Glyphs.
    study: String,
    /// FR: freeze before the cut and re-initialise after it; F: freeze, keep; R: train all, re-initialise; none: train
    /// all, keep; FT: freeze, remove what is after the cut.
    #[arg(long, default_value = "FR")]
    setting: Setting,
    /// Shares of the target training data, from above 0 to 1.
    #[arg(long, value_delimiter = ',', default_values_t = PERCENTAGES)]
    percentages: Vec<f64>,
    /// Cuts, as a list (-1,0,6) or a range (-1..6, both ends included); -1 is the baseline. Unless given: all.
    #[arg(long, allow_hyphen_values = true)]
    cuts: Option<String>,
    /// Repeats of each run. Unless given, as published: 25 up to 1%, 20 below 50%, else 5.
    #[arg(long, value_name = "N")]
    repeats: Option<u64>,
    #[command(flatten)]
    overrides: Overrides,
    /// Source weights to read instead, .safetensors or .pth.
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Epochs of pre-training, at most, where it is needed; 0: the source network keeps its initial weights. Unless
    /// given: as in fine-tuning.
    #[arg(long, value_name = "N")]
    pretrain_epochs: Option<usize>,
    /// Pictures a batch in pre-training. Unless given: as in fine-tuning.
    #[arg(long, value_name = "N")]
    pretrain_batch_size: Option<usize>,
    /// Folder that results/ and pretrained_models/ are below. Unless given: the working directory.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Runs side by side. Unless given: one a core, on a GPU one.
    #[arg(long, value_name = "N", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    workers: Option<usize>,
    /// Memory for stored activations and training, in MiB. Unless given: two thirds of what is free, or 8192
    /// on a GPU.
    #[arg(long, value_name = "MIB")]
    memory: Option<u64>,
    /// Where the data set cannot be had at all, do the study on the built-in Glyphs instead, and say so.
    #[arg(long)]
    or_glyphs: bool,
    #[command(flatten)]
    machine: Machine,
}

pub fn run(args: Args) -> Result<()> {
    let mut study = Study::find(&args.study)?;
    let settings = |study: &Study| {
        let params = args.overrides.apply(study.params.clone()).with_setting(args.setting);
        Params { device: args.machine.device, ..params }
    };
    let mut params = settings(&study);
    let mut data = match args::load_data(&params, study.source, study.target, &args.machine) {
        Err(error @ Error::DataNotFound { .. }) if args.or_glyphs => {
            tell(format!("cutpoint: {error}"));
            study = Study::find("Glyphs")?;
            params = settings(&study);
            tell("cutpoint: going on with the built-in data set Glyphs; results are named after it");
            args::load_data(&params, study.source, study.target, &args.machine)?
        }
        other => other?,
    };
    for place in data.places() {
        tell(place);
    }
    // What cannot be done is said before hours of pre-training.
    let cuts = match &args.cuts {
        Some(text) => args::cuts(text)?,
        None => (-1..=params.depth as i64).collect(),
    };
    let repeats = args.repeats.map_or(Repeats::Published, Repeats::Fixed);
    for row in rows(&args.percentages, &cuts, repeats)? {
        row.cut.check(params.depth)?;
        data.target.per_class(row.fraction.get())?;
    }
    let files = study.files(args.out.clone().unwrap_or_default());
    let mut of_file = params.clone();
    of_file.other.insert(PICTURES.to_owned(), data.target.digest().into());
    files.check_rows(&of_file, &cuts)?;
    // A folder that cannot be written is found out now.
    Journal::<Record>::open(&files.journal)?;
    let source = source_with_weights(&args, &study, &params, &mut data)?;
    let mut sweep = Sweep::new(&params, &source, &data)?
        .percentages(&args.percentages)
        .cuts(cuts.iter().copied())
        .repeats(repeats)
        .journal(&files.journal)
        .known([files.baselines(), files.cuts(args.setting)]);
    if let Some(workers) = args.workers {
        sweep = sweep.workers(workers);
    }
    if let Some(mib) = args.memory {
        sweep = sweep.memory_budget(mib.saturating_mul(1 << 20));
    }
    files.check_rows(&sweep.params_of_file()?, &cuts)?;
    let results = sweep.run()?;
    let (of_baseline, of_cuts): (Vec<_>, Vec<_>) =
        results.records.iter().cloned().partition(|r| r.sampled_cut_point < 0);
    // Written before anything is printed: a full disk below a log must not cost the files.
    let mut written = Vec::new();
    for (path, records) in [(files.baselines(), of_baseline), (files.cuts(args.setting), of_cuts)] {
        if !records.is_empty() {
            ResultFile::new(results.params.clone(), records).add_to(&path)?;
            written.push(path);
        }
    }
    show::print(&results)?;
    written.iter().try_for_each(|path| say(format!("wrote {}", path.display())))
}

/// The source network: with weights read, or else pre-trained and written.
fn source_with_weights(
    args: &Args,
    study: &Study,
    params: &Params,
    data: &mut TransferLearningWrapper,
) -> Result<CustomCnn> {
    let mut model = args::source_network(params, data)?;
    let path = args.weights.clone().unwrap_or_else(|| study.files(args.out.clone().unwrap_or_default()).weights);
    let pretraining = Params {
        num_train: args.pretrain_epochs.unwrap_or(params.num_train),
        batch_size: args.pretrain_batch_size.unwrap_or(params.batch_size),
        ..params.clone()
    };
    if args.pretrain_epochs == Some(0) && args.weights.is_none() {
        tell("source weights: the initial ones, without pre-training");
    } else if args.weights.is_some() || path.exists() {
        let origin = load_source(&mut model, &path)?;
        if args.pretrain_epochs.is_some() || args.pretrain_batch_size.is_some() {
            check_source(origin.as_ref(), &pretraining, &data.source, &path)?;
        } else if args.weights.is_none() {
            check_source_images(origin.as_ref(), &data.source, &path)?;
        }
        let how = origin.map_or(String::new(), |o| format!(" ({o})"));
        tell(format!("source weights: {}{how}", path.display()));
    } else {
        tell(format!("pre-training the source network, as {} is not there", path.display()));
        let report = pretrained(&mut model, data, &pretraining, &study.to_string(), &path)?;
        tell(format!("{report}\nwrote {}", path.display()));
    }
    data.update_phase(cutpoint::data::Phase::Finetune);
    Ok(model)
}
