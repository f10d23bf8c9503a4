//! `cutpoint pretrain`: train a source network and write its weights.

use std::path::PathBuf;

use cutpoint::error::Result;
use cutpoint::experiment::Experiment;
use cutpoint::model::Checkpoint;
use cutpoint::runtime::threads;
use cutpoint::study::{Profile, Study};
use cutpoint::train::{origin_of, save_source};
use cutpoint::util::files::check_writable;

use crate::args::{self, Machine, Overrides};
use crate::say;

/// Train the source network of a study and write its weights.
///
/// With the same number of threads the weights are those that PyTorch would arrive at from the same seed.
#[derive(clap::Args)]
pub struct Args {
    /// The study: FashionMNIST/regular, CIFAR/reverse, ..
    study: String,
    /// The file to write, .safetensors or .pth. Unless given: pretrained_models/<FOLDER>/<SPLIT>_classes.safetensors
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    overrides: Overrides,
    /// Adam's learning rate.
    #[arg(long)]
    lr: Option<f64>,
    /// Threads for each operation; their number changes last digits. Unless given: all cores.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Write a checkpoint after each epoch, and go on from the last one.
    #[arg(long)]
    checkpoints: bool,
    /// Also write the weights that were best on the validation set, to <out>_best.safetensors.
    #[arg(long)]
    save_best: bool,
    /// Precision, recall and F1 of each class at the end.
    #[arg(long)]
    report: bool,
    /// A line with the loss every 20 batches.
    #[arg(long)]
    debug: bool,
    #[command(flatten)]
    machine: Machine,
}

pub fn run(args: Args) -> Result<()> {
    let study = Study::find(&args.study)?;
    let mut params = args.overrides.apply(study.params.clone())?;
    params.device = args.machine.device;
    params.lr_pretrain = args.lr.unwrap_or(params.lr_pretrain);
    params.save_checkpoints = args.checkpoints;
    params.save_best = args.save_best;
    params.classification_report_flag = args.report;
    params.is_debug = args.debug;
    let out = args.out.unwrap_or_else(|| study.files("").weights);
    // Hours of training must not end at a name that cannot be written.
    Checkpoint::check_name(&out)?;
    let folder = out.parent().map(PathBuf::from).unwrap_or_default();
    check_writable(&out)?;
    let exp = Experiment::of_study(&study, Profile::Cpu).params(&params, &params)?;
    let mut data = args.machine.load(&exp)?;
    let mut model = exp.new_network(&data)?.into_network();
    let threads = args.threads.unwrap_or_else(threads::cores).min(threads::cores());
    let stem = out.file_stem().map_or("source".into(), |s| s.to_string_lossy().into_owned());
    let files = (args.checkpoints || args.save_best).then_some((folder, stem));
    let report =
        args::pretrain(&mut model, &mut data, &params, threads, files, true).map_err(|error| error.of_weights(&out))?;
    let origin = origin_of(&study.to_string(), &model, &data.source, &params, threads, &report, None)?;
    save_source(&model, &out, &origin)?;
    say(&report)?;
    say(format!("wrote {}", out.display()))
}
