//! `cutpoint networks`: the networks that are built in.

use cutpoint::error::Result;
use cutpoint::model::{Builtin, Network};

use crate::say;

/// List the networks that are built in, beside the study's own: blocks, weights, and the operations of one image's way
/// through them. With a name: its blocks, one a line, and the number of the cut after each.
#[derive(clap::Args)]
pub struct Args {
    /// resnet18, efficientnet_lite0, ..
    name: Option<Builtin>,
    /// Height and width of images, in pixels. Unless given: those that published weights were trained on.
    #[arg(long, value_name = "N")]
    size: Option<usize>,
    /// Classes.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    classes: usize,
}

pub fn run(args: Args) -> Result<()> {
    let network = |which: Builtin| {
        let side = args.size.unwrap_or(which.side());
        Network::builtin(which, args.classes, which.preparation(side))
    };
    if let Some(which) = args.name {
        let network = network(which)?;
        say(&network)?;
        let names = network.block_names();
        return say(format!("cut 0 is before {}, cut {} after {}", names[0], names.len(), names[names.len() - 1]));
    }
    say(format!("{:<20} {:>6} {:>7} {:>12} {:>18}", "network", "side", "blocks", "weights", "million operations"))?;
    for which in Builtin::ALL {
        let network = network(which)?;
        let weights: usize = network.weight_counts().iter().sum();
        let [_, side, _] = network.input_shape();
        let operations = network.flops(0, network.depth() + 1) / 1_000_000;
        say(format!("{which:<20} {side:>6} {:>7} {weights:>12} {operations:>18}", network.depth()))?;
    }
    Ok(())
}
