//! `cutpoint sweep --folder` and `--dataset`: a study of one's own images with any network.

use std::path::PathBuf;

use cutpoint::config::{Params, Repeats};
use cutpoint::data::{Dataset, DatasetName, FolderOptions};
use cutpoint::error::{Error, Result};
use cutpoint::experiment::ImageStudy;
use cutpoint::model::{resolve_device, Builtin, Network};
use cutpoint::rng::TorchRng;
use cutpoint::runtime::progress::Terminal;

use crate::sweep::{finish, Args};
use crate::{args, tell};

/// Images of one's own, and the network that is cut for them.
#[derive(clap::Args, Clone)]
pub struct Own {
    /// Instead of a study: a folder of class folders with images, or of `train` and `test` with such folders.
    #[arg(long, value_name = "DIR", conflicts_with = "study")]
    pub folder: Option<PathBuf>,
    /// Instead of a study: a data set by its name.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["study", "folder"])]
    pub dataset: Option<DatasetName>,
    /// The network for --folder or --dataset: resnet18, efficientnet_lite0, ..; `cutpoint networks` lists them.
    #[arg(long = "network", value_name = "NAME")]
    pub of: Option<Builtin>,
    /// Height and width that images are resized to for it. Unless given: what its published weights were trained on.
    #[arg(long, value_name = "N")]
    pub size: Option<usize>,
    /// Classes of the source task, which the network is trained on first. Unless given: none, and the weights of
    /// --weights are the source.
    #[arg(long, value_name = "LIST")]
    pub source_classes: Option<String>,
    /// Classes of the target task. Unless given: all that are not the source's.
    #[arg(long, value_name = "LIST")]
    pub target_classes: Option<String>,
    /// Fraction of the target's training images that validates.
    #[arg(long, value_name = "FRACTION")]
    pub val_split: Option<f64>,
    /// What the study is called: its folder in results/. Unless given: folder or data set, and network.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

impl Own {
    /// Whether a study of one's own is asked for.
    pub fn is_asked(&self) -> bool {
        self.folder.is_some() || self.dataset.is_some()
    }

    /// The first option that was given of those that say nothing without such images.
    pub fn given(&self) -> Option<&'static str> {
        args::first_given(&[
            ("network", self.of.is_some()),
            ("size", self.size.is_some()),
            ("source-classes", self.source_classes.is_some()),
            ("target-classes", self.target_classes.is_some()),
            ("val-split", self.val_split.is_some()),
            ("name", self.name.is_some()),
        ])
    }

    fn images(&self, side: usize, data: Option<&std::path::Path>) -> Result<Dataset> {
        match (&self.folder, self.dataset) {
            (Some(folder), _) => {
                let name = folder.file_name().map_or("images".into(), |n| n.to_string_lossy().into_owned());
                let options = FolderOptions { side: [side, side], ..FolderOptions::default() };
                Dataset::from_folder(&name, folder, &options, &Terminal::new())
            }
            (None, Some(name)) => Dataset::load(name, data, &Terminal::new()),
            (None, None) => Err(Error::Parameter {
                name: "study",
                expected: "a study, a folder of images or a data set".to_owned(),
                found: "none".to_owned(),
            }),
        }
    }
}

pub fn run(args: &Args) -> Result<()> {
    let own = &args.own;
    let Some(which) = own.of else {
        let expected = "a network for these images (`cutpoint networks` lists them)".to_owned();
        return Err(Error::Parameter { name: "network", expected, found: "none".to_owned() });
    };
    let of_pretraining = args.given_for_pretraining().filter(|_| own.source_classes.is_none());
    args::refuse(of_pretraining, "--source-classes", "it where nothing is pre-trained")?;
    let of_data_sets = args.machine.data.as_ref().filter(|_| own.folder.is_some()).map(|_| "data");
    args::refuse(of_data_sets, "a data set", "it with --folder")?;
    let params = args.params(Params::default())?;
    let params = Params { val_split: own.val_split.unwrap_or(params.val_split), ..params };
    let device = resolve_device(args.machine.device)?;
    let side = own.size.unwrap_or(which.side());
    let classes = |name, text: &Option<String>| text.as_deref().map(|t| args::classes(name, t)).transpose();
    let source = classes("source_classes", &own.source_classes)?;
    let target = classes("target_classes", &own.target_classes)?;
    let network = match (&source, &args.weights) {
        (None, Some(path)) => Network::pretrained(which, path, side, device)?,
        (Some(source), weights) => {
            let (preparation, rng) = (which.preparation(side), TorchRng::new(0));
            let mut network = Network::builtin_on(which, source.len(), preparation, device, rng)?;
            if let Some(said) = weights.as_ref().map(|path| network.load(path)).transpose()?.flatten() {
                tell(said);
            }
            network
        }
        (None, None) => {
            let expected = "weights of a source network, or classes to train one on".to_owned();
            return Err(Error::Parameter { name: "weights", expected, found: "none".to_owned() });
        }
    };
    let images = own.images(side, args.machine.data.as_deref())?;
    let plain = |s: &str| s.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect::<String>();
    let name = own.name.clone().unwrap_or_else(|| format!("{}_{which}", plain(&images.name)));
    let mut study = ImageStudy::new(&name, &images, source.as_deref(), target.as_deref(), network, params)?;
    for place in study.data.places() {
        tell(place);
    }
    tell(&study.data);
    let depth = study.network.depth();
    let cuts = match &args.cuts {
        Some(text) => args::cuts(text)?,
        None => (-1..=depth as i64).collect(),
    };
    let repeats = args.repeats.map_or(Repeats::Published, Repeats::Fixed);
    let root = args.out.clone().unwrap_or_default();
    // What cannot be done is said before hours of pre-training.
    study.check(&args.percentages, cuts.iter().copied(), repeats, &root)?;
    // With no epoch the network keeps what it has.
    if args.pretrain_epochs != Some(0) {
        if let Some(source) = study.pretrained(&args.pretraining(&study.params), &root)? {
            tell(source);
        }
    }
    let sweep = study.sweep_below(&root)?.fractions(&args.percentages).cuts(cuts).repeats(repeats);
    finish(args.on_this_machine(sweep))
}
