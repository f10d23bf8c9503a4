//! `cutpoint finetune`: one run, comparable number by number with a reference program.

use std::path::PathBuf;

use serde::Serialize;

use cutpoint::config::{Device, Params, Row, Setting, SplitConfig, TestSplit};
use cutpoint::data::{DatasetName, MNIST};
use cutpoint::error::Result;
use cutpoint::experiment::{Experiment, Weights};
use cutpoint::model::Checkpoint;
use cutpoint::sweep::fine_tune;
use cutpoint::util::files::check_writable;

use crate::args::{self, Machine};
use crate::{say, tell};

/// Make one fine-tuning run and print its row as a line of JSON.
///
/// Options and output are those of the reference program in PyTorch, so that a script can run both on one case and
/// compare; with one thread (OMP_NUM_THREADS=1 there) the accuracies agree to the last digit on a CPU.
#[derive(clap::Args)]
pub struct Args {
    /// Folder of data sets; see `cutpoint data --help`.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Data set of the source task.
    #[arg(long, default_value_t = MNIST)]
    source: DatasetName,
    /// Data set of the target task.
    #[arg(long, default_value_t = MNIST)]
    target: DatasetName,
    /// Classes of the source task.
    #[arg(long, default_value = "0,1,2,3,4")]
    pretrain_classes: String,
    /// Classes of the target task.
    #[arg(long, default_value = "5,6,7,8,9")]
    finetune_classes: String,
    /// Fraction of the target training data, from above 0 to 1.
    #[arg(long, default_value_t = 0.001)]
    percentage: f64,
    /// Convolutions before the cut; -1 is the baseline.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    cut: i64,
    /// The seed.
    #[arg(long, default_value_t = 0)]
    repeat: u64,
    /// FR: freeze before the cut and re-initialise after it; F: freeze, keep; R: train all, re-initialise; none: train
    /// all, keep (written -- in names); FT: freeze, remove what is after the cut.
    #[arg(long, default_value = "FR")]
    setting: Setting,
    /// Epochs, at most.
    #[arg(long, default_value_t = 40)]
    epochs: usize,
    /// Epochs without a better validation accuracy before training stops; 0: never.
    #[arg(long, default_value_t = 6)]
    patience: usize,
    /// Images a batch.
    #[arg(long, default_value_t = 4096)]
    batch_size: usize,
    /// Adam's learning rate.
    #[arg(long, default_value_t = 0.001)]
    lr: f64,
    /// Convolutions.
    #[arg(long, default_value_t = 6)]
    depth: usize,
    /// Channels of each convolution.
    #[arg(long, default_value_t = 64)]
    channels: usize,
    /// Width of the convolution windows in pixels.
    #[arg(long, default_value_t = 3)]
    kernel: usize,
    /// Convolutions before each pooling.
    #[arg(long, default_value_t = 2)]
    pool_every: usize,
    /// Pre-train the source network for at most so many epochs; 0: it keeps its initial weights.
    #[arg(long, default_value_t = 0)]
    pretrain_epochs: usize,
    /// Read the source network's weights, .safetensors or .pth.
    #[arg(long, value_name = "FILE")]
    load: Option<PathBuf>,
    /// Write the source network's weights, .safetensors or .pth.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// What test accuracy is measured on: `test`, the test files; `train`, the whole training split, as the published
    /// results did.
    #[arg(long, default_value = "test")]
    test_split: TestSplit,
    /// Print every loss too.
    #[arg(long)]
    trace: bool,
    /// Threads for each operation; their number changes last digits.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// auto, cpu or cuda:N.
    #[arg(long, default_value_t = Device::Auto)]
    device: Device,
}

/// JSON as Python's `json.dumps` spaces it.
struct PythonSpacing;

impl serde_json::ser::Formatter for PythonSpacing {
    fn begin_array_value<W: ?Sized + std::io::Write>(&mut self, writer: &mut W, first: bool) -> std::io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }
    fn begin_object_key<W: ?Sized + std::io::Write>(&mut self, writer: &mut W, first: bool) -> std::io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }
    fn begin_object_value<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        writer.write_all(b": ")
    }
}

fn json_line(value: &serde_json::Value) -> String {
    let mut serializer = serde_json::Serializer::with_formatter(Vec::new(), PythonSpacing);
    // A value that is already JSON cannot fail to be written to memory.
    if value.serialize(&mut serializer).is_err() {
        return value.to_string();
    }
    String::from_utf8_lossy(&serializer.into_inner()).into_owned()
}

pub fn run(args: Args) -> Result<()> {
    let split = SplitConfig::new(
        &args::classes("pretrain-classes", &args.pretrain_classes)?,
        &args::classes("finetune-classes", &args.finetune_classes)?,
    )?;
    let params = Params {
        num_train: args.epochs,
        early_stop_patience: (args.patience > 0).then_some(args.patience),
        batch_size: args.batch_size,
        lr_pretrain: args.lr,
        lr_fine_tune: args.lr,
        depth: args.depth,
        num_channels: args.channels,
        kernel_size: args.kernel,
        pooling_every_n_layers: args.pool_every,
        device: args.device,
        ..Params::default()
    };
    let params = params.with_setting(args.setting).with_split(&split.with_test(args.test_split));
    let pretrain = Params { num_train: args.pretrain_epochs.max(1), ..params.clone() };
    if let Some(path) = &args.save {
        Checkpoint::check_name(path)?;
        check_writable(path)?;
    }
    let exp = Experiment::on(args.source, args.target, params.split()?)?.params(&params, &pretrain)?;
    let mut data = Machine { data: args.data, device: args.device }.load(&exp)?;
    let mut model = match &args.load {
        Some(path) => exp.weights(Weights::File(path.clone())).source_network(&data)?.into_network(),
        None => exp.new_network(&data)?.into_network(),
    };
    if args.load.is_none() && args.pretrain_epochs > 0 {
        let report = args::pretrain(&mut model, &mut data, &pretrain, args.threads, None, false)?;
        let line =
            serde_json::json!({"train_acc": report.train_acc, "test_acc": report.test_acc, "epochs": report.epochs});
        tell(json_line(&line));
    }
    if let Some(path) = &args.save {
        model.save(path)?;
    }
    let row = Row::new(args.percentage, args.cut, args.repeat)?;
    let result = fine_tune(&model, &data, &params, row, args.threads, args.trace)?;
    let r = &result.record;
    let mut line = serde_json::json!({
        "lr": r.lr, "sampled_percentage": r.sampled_percentage, "sampled_cut_point": r.sampled_cut_point,
        "repeat": r.repeat, "train_acc": r.train_acc, "test_acc": r.test_acc, "epochs": r.epochs, "seconds": r.seconds,
    });
    if args.trace {
        line["trace"] = serde_json::json!(result.trace);
    }
    say(json_line(&line))
}
