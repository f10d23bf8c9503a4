//! `cutpoint data`: where data sets are, fetching those that are nowhere; what is in a folder of one's own.

use std::path::PathBuf;

use cutpoint::data::download::check_official;
use cutpoint::data::find::find;
use cutpoint::data::{DatasetName, Files, FolderOptions, FolderReport};
use cutpoint::error::{Error, Result};
use cutpoint::runtime::progress::Terminal;

use crate::{say, tell};

/// Find data sets, download those that are nowhere, and say what is in them; or say what is in a folder of images.
///
/// Looked for in order: --data, CUTPOINT_DATA, ./data, Debian's package of FashionMNIST, the official
/// mirrors, and for FashionMNIST Debian's archive. CUTPOINT_MIRROR=URL asks URL/<NAME>/<file> first.
#[derive(clap::Args)]
pub struct Args {
    /// MNIST, FashionMNIST, CIFAR10, Glyphs.
    #[arg(required_unless_present = "folder")]
    names: Vec<DatasetName>,
    /// Folder of data sets, and of downloads.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Fail unless the files are the official ones, by their MD5 sums. Of CIFAR-10 only the archive's sum is known, not
    /// those of the files in it.
    #[arg(long)]
    verify: bool,
    /// A folder of images of one's own: DIR/<class>/.., or DIR/train/<class>/.. with DIR/test/<class>/.. (or val).
    #[arg(long, value_name = "DIR", conflicts_with_all = ["names", "data", "verify"])]
    folder: Option<PathBuf>,
    /// With --folder: pass over images that cannot be read, and count them.
    #[arg(long, requires = "folder")]
    skip_broken: bool,
    /// With --folder: pass over classes without images, and say so.
    #[arg(long, requires = "folder")]
    skip_empty: bool,
    /// With --folder: print JSON.
    #[arg(long, requires = "folder")]
    json: bool,
}

pub fn run(args: Args) -> Result<()> {
    match &args.folder {
        Some(folder) => in_folder(folder.clone(), &args),
        None => named(args),
    }
}

fn in_folder(folder: PathBuf, args: &Args) -> Result<()> {
    let options =
        FolderOptions { skip_broken: args.skip_broken, skip_empty: args.skip_empty, ..FolderOptions::default() };
    let report = FolderReport::new(&folder, &options, &Terminal::new())?;
    if args.json {
        let text = serde_json::to_string_pretty(&report);
        say(text.map_err(|e| Error::Worker(format!("writing JSON: {e}")))?)?;
    } else {
        say(&report)?;
    }
    match report.broken.first() {
        Some(first) if !args.skip_broken => Err(Error::Format {
            path: folder,
            expected: "images that can be read".to_owned(),
            found: format!("some that cannot, first {first} (--skip-broken passes over them)"),
        }),
        _ => Ok(()),
    }
}

/// Every data set is looked at, also where one before it failed; the first error is the command's.
fn named(args: Args) -> Result<()> {
    let mut first = Ok(());
    for name in &args.names {
        let looked = of_name(*name, &args);
        let interrupted = matches!(looked, Err(Error::Interrupted(_)));
        if let (Err(error), Err(_)) = (&looked, &first) {
            tell(format!("cutpoint: {error}"));
        }
        if first.is_ok() {
            first = looked;
        }
        if interrupted {
            break;
        }
    }
    first
}

fn of_name(name: DatasetName, args: &Args) -> Result<()> {
    let found = find(name, args.data.as_deref(), &Terminal::new())?;
    let (train, test) = (found.read(Files::Train)?, found.read(Files::Test)?);
    let [c, h, w] = train.shape;
    let place = found.path().display();
    say(format!("{name}: {} training and {} test images of {c} x {h} x {w}, from {place}", train.len(), test.len()))?;
    let verdicts = check_official(name, &found);
    if verdicts.is_empty() && args.verify {
        let expected = format!("files of {name} with known checksums");
        return Err(Error::Format { path: found.path().to_owned(), expected, found: "none that are known".to_owned() });
    }
    for (path, verdict) in verdicts {
        match verdict {
            Ok(()) => say(format!("  {}: official", path.display()))?,
            Err(error) if args.verify => return Err(error),
            Err(error) => say(format!("  not official: {error}"))?,
        }
    }
    Ok(())
}
