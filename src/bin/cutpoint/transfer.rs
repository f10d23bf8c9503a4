//! `cutpoint transfer`: scores of each layer before any fine-tuning.

use std::path::PathBuf;

use cutpoint::error::Result;
use cutpoint::stats::transfer_table;
use cutpoint::transfer::View;

use crate::args::{Drawn, Machine, Source};
use crate::results::Form;
use crate::{tell, tell_weights};

/// Score what each layer of the source network makes of the target images, before any fine-tuning: H-score, LogME,
/// TransRate, nearest class mean, nearest neighbours, a linear probe and the clusters of `cutpoint cluster`, and LEEP of the
/// network as a whole.
///
/// Rows go to results/<FOLDER>/<SPLIT>_classes_transfer.json, and each finished one is kept at once, so that the same
/// command goes on where it stopped. `cutpoint foretell` says what the scores were worth beside fine-tuned results.
#[derive(clap::Args)]
pub struct Args {
    /// The study, as for `cutpoint sweep`.
    study: String,
    /// Which numbers of a layer are scored. `channels`: outputs before the activation, averaged over space. `pooled`: what
    /// the next layer sees, averaged over space. `flattened`: the same in a grid of at most 4 by 4 cells.
    #[arg(long, default_value_t)]
    features: View,
    #[command(flatten)]
    drawn: Drawn,
    #[command(flatten)]
    source: Source,
    /// The file to write instead.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    machine: Machine,
}

pub fn run(args: Args) -> Result<()> {
    let exp = args.machine.experiment(&args.study, &args.source)?;
    let exp = args.drawn.apply(exp)?;
    let path = args.output.clone().or_else(|| exp.files().map(|files| files.transfers())).unwrap_or_default();
    cutpoint::util::files::check_writable(&path)?;
    let data = args.machine.load_and_tell(&exp)?;
    let source = exp.read_source_network(&data)?;
    tell_weights(&source);
    let scores = exp.transfer_scores(&source, &data).features(args.features).file(&path).run()?;
    let rows = scores.records.len();
    let table = transfer_table(&scores.records);
    // Written before anything is printed: a full disk below a log must not cost the file.
    scores.add_to(&path)?;
    args.form.print(&table, &[])?;
    tell(format!("wrote {} ({rows} rows of this sweep)", path.display()));
    Ok(())
}
