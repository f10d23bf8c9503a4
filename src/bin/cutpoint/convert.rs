//! `cutpoint convert`: weights from one format to the other.

use std::path::PathBuf;

use cutpoint::error::Result;
use cutpoint::model::Checkpoint;

use crate::say;

/// Convert files of weights between PyTorch's .pth and .safetensors. No code in a .pth file is ever run.
#[derive(clap::Args)]
pub struct Args {
    /// The file to read, .pth, .pt or .safetensors.
    input: PathBuf,
    /// The file to write, .pth, .pt or .safetensors.
    output: PathBuf,
}

pub fn run(args: Args) -> Result<()> {
    let file = Checkpoint::load(&args.input)?;
    file.save(&args.output)?;
    for (name, tensor) in &file.tensors {
        let shape = tensor.size().iter().map(i64::to_string).collect::<Vec<_>>().join(" x ");
        say(format!("{name:<16} {shape}"))?;
    }
    say(format!("wrote {}", args.output.display()))
}
