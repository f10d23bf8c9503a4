//! `cutpoint recommend`: a cut for the data at hand, before any fine-tuning.

use cutpoint::config::Setting;
use cutpoint::error::Result;

use crate::args::{Machine, Source};
use crate::{say, tell, tell_weights};

/// Recommend a cut for a source network and a few target images, before any fine-tuning, and say what it may cost.
///
/// Every layer is scored on the images at hand, as `cutpoint transfer` does; what scores and fixed cuts were worth in the
/// studies that come with this program decides what is chosen by. The study itself is left out of that.
#[derive(clap::Args)]
pub struct Args {
    /// The study, as for `cutpoint sweep`: source network and target images.
    study: String,
    /// Fraction of the target training data that is at hand, from above 0 to 1.
    #[arg(long, default_value_t = 0.001)]
    percentage: f64,
    /// The seed that the images at hand are drawn with.
    #[arg(long, default_value_t = 0)]
    repeat: u64,
    /// How the network will be fine-tuned.
    #[arg(long, default_value_t = Setting::FR)]
    setting: Setting,
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    machine: Machine,
}

pub fn run(args: Args) -> Result<()> {
    let exp = args.machine.experiment(&args.study, &args.source)?;
    let exp = exp.setting(args.setting);
    let data = args.machine.load(&exp)?;
    let source = exp.read_source_network(&data)?;
    let images = data.target.train.select(data.target.reduced(args.percentage, args.repeat)?);
    tell(format!("{} images of {} classes", images.len(), data.target.classes.len()));
    tell_weights(&source);
    say(exp.recommend_for(&source, &images)?)
}
