//! `cutpoint data`: where data sets are, fetching those that are nowhere.

use std::path::PathBuf;

use cutpoint::data::download::check_official;
use cutpoint::data::find::find;
use cutpoint::data::{DatasetName, Files};
use cutpoint::error::{Error, Result};
use cutpoint::runtime::progress::Terminal;

use crate::say;

/// Find data sets, download those that are nowhere, and say what is in them.
///
/// Looked for in order: --data, CUTPOINT_DATA, ./data, Debian's package of FashionMNIST, the official
/// mirrors, and for FashionMNIST Debian's archive. CUTPOINT_MIRROR=URL asks URL/<NAME>/<file> first.
#[derive(clap::Args)]
pub struct Args {
    /// MNIST, FashionMNIST, CIFAR10, Glyphs.
    #[arg(required = true)]
    names: Vec<DatasetName>,
    /// Folder of data sets, and of downloads.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Fail unless the files are the official ones, by their MD5 sums. Of CIFAR-10 only the archive's sum is known, not
    /// those of the files in it.
    #[arg(long)]
    verify: bool,
}

pub fn run(args: Args) -> Result<()> {
    for name in args.names {
        let found = find(name, args.data.as_deref(), &Terminal::new())?;
        let (train, test) = (found.read(Files::Train)?, found.read(Files::Test)?);
        let [c, h, w] = train.shape;
        say(format!(
            "{name}: {} training and {} test pictures of {c} x {h} x {w}, from {}",
            train.len(),
            test.len(),
            found.path().display()
        ))?;
        let verdicts = check_official(name, &found);
        if verdicts.is_empty() && args.verify {
            let expected = format!("files of {name} with known checksums");
            return Err(Error::Format {
                path: found.path().to_owned(),
                expected,
                found: "none that are known".to_owned(),
            });
        }
        for (path, verdict) in verdicts {
            match verdict {
                Ok(()) => say(format!("  {}: official", path.display()))?,
                Err(error) if args.verify => return Err(error),
                Err(error) => say(format!("  not official: {error}"))?,
            }
        }
    }
    Ok(())
}
