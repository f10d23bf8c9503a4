//! `cutpoint cluster`: how well each layer's features fall into the target classes.

use std::path::PathBuf;

use cutpoint::cluster::{Algorithm, Scoring};
use cutpoint::error::Result;
use cutpoint::stats::cluster_table;

use crate::args::{Drawn, Machine, Source};
use crate::results::Form;
use crate::{tell, tell_weights};

/// Cluster what each layer of the source network makes of the target images, and score the clusters against the
/// classes.
///
/// Features are a convolution's outputs before the activation, averaged over space; there are as many clusters as
/// classes. Rows go to results/<FOLDER>/<SPLIT>_classes_cluster.json in the published form, and each finished clustering
/// is kept at once, so that the same command goes on where it stopped.
#[derive(clap::Args)]
pub struct Args {
    /// The study, as for `cutpoint sweep`.
    study: String,
    /// average, complete, single, weighted (on cosine distance), ward, k-means (Euclidean), gaussian-mixture.
    #[arg(long, value_delimiter = ',', default_value = "average")]
    algorithms: Vec<Algorithm>,
    #[command(flatten)]
    drawn: Drawn,
    /// `sound`: precision and recall over pairs of two different samples, accuracy under the best matching of clusters
    /// and classes. `published`: precision and recall count each sample's pair with itself as well, and accuracy reads
    /// the matching the wrong way round, as the published results did.
    #[arg(long, default_value_t = Scoring::Sound)]
    scoring: Scoring,
    #[command(flatten)]
    source: Source,
    /// The file to write instead.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Memory for the distances of clusterings side by side, in MiB. Unless given: two thirds of what is free.
    #[arg(long, value_name = "MIB")]
    memory: Option<u64>,
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    machine: Machine,
}

pub fn run(args: Args) -> Result<()> {
    let exp = args.machine.experiment(&args.study, &args.source)?;
    let exp = args.drawn.apply(exp)?;
    let path = args.output.clone().or_else(|| exp.files().map(|files| files.clusterings())).unwrap_or_default();
    cutpoint::util::files::check_writable(&path)?;
    let data = args.machine.load_and_tell(&exp)?;
    let source = exp.read_source_network(&data)?;
    tell_weights(&source);
    let mut sweep = exp.clusterings(&source, &data).algorithms(&args.algorithms).scoring(args.scoring).file(&path);
    if let Some(mib) = args.memory {
        sweep = sweep.memory_budget(mib.saturating_mul(1 << 20));
    }
    let results = sweep.run()?;
    let rows = results.records.len();
    let table = cluster_table(&results.records);
    // Written before anything is printed: a full disk below a log must not cost the file.
    results.add_to(&path)?;
    args.form.print(&table, &[])?;
    tell(format!("wrote {} ({rows} rows of this sweep)", path.display()));
    Ok(())
}
