//! The network that is cut.

use std::fmt;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use super::Evaluation;
use crate::config::{CutPoint, Params};
use crate::data::{Samples, Task, TransferLearningWrapper};
use crate::error::{Error, Result};
use crate::model::{CustomCnn, Cut, FeatureTable};
use crate::notebook::display;
use crate::plot::{feature_maps, filters, Figure, Illustrated};
use crate::results::Origin;
use crate::train::{
    check_source, check_source_images, classification_report, load_source, pretrained, ClassificationReport, Source,
};

/// Where the weights of a source network come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Weights {
    /// The experiment's own file, or where it is not there a training that writes it. A file that says that it was trained
    /// in another way, or on other images, is refused.
    #[default]
    AsAsked,
    /// The experiment's own file, however it was trained, if on the same images; where it is not there, a training.
    AsFound,
    /// A file that is named, whatever it says of its training and images.
    File(PathBuf),
    /// Initial weights: the network is not trained.
    Initial,
}

/// A network with the weights that it is cut with. It is a [`CustomCnn`], and can be used wherever one can.
pub struct SourceNetwork {
    network: CustomCnn,
    class_names: Vec<String>,
    params: Params,
    source: Option<Source>,
    file: Option<PathBuf>,
}

impl SourceNetwork {
    /// The network with weights as asked; `study` is noted in the file that a training writes.
    pub(super) fn new(
        params: &Params,
        pretrain: &Params,
        study: &str,
        data: &TransferLearningWrapper,
        weights: &Weights,
        file: Option<&Path>,
    ) -> Result<SourceNetwork> {
        let mut network = SourceNetwork::initial(params, data)?;
        let named = match weights {
            Weights::File(path) => Some(path.as_path()),
            _ => file,
        };
        match (weights, named) {
            (Weights::Initial, _) => return Ok(network),
            (Weights::AsFound, Some(path)) if path.exists() => {
                let origin = load_source(&mut network.network, path)?;
                check_source_images(origin.as_ref(), &data.source, path)?;
                network.source = Some(Source::Read(origin));
            }
            (Weights::File(path), _) => network.source = Some(Source::Read(load_source(&mut network.network, path)?)),
            (_, Some(path)) => {
                let made = pretrained(&mut network.network, &mut data.clone(), pretrain, study, path)?;
                network.source = Some(made);
            }
            (_, None) => {
                let made = crate::train::pretrain(&mut network.network, &mut data.clone(), pretrain, study)?;
                network.source = Some(made);
            }
        }
        network.file = named.map(Path::to_path_buf);
        Ok(network)
    }

    /// The network with initial weights.
    pub(super) fn initial(params: &Params, data: &TransferLearningWrapper) -> Result<SourceNetwork> {
        let network = CustomCnn::new(params, data.source.classes.len(), data.source.train.images.shape)?;
        let class_names = data.source.class_names.clone();
        Ok(SourceNetwork { network, class_names, params: params.clone(), source: None, file: None })
    }

    /// The network itself.
    pub fn network(&self) -> &CustomCnn {
        &self.network
    }

    /// The network alone.
    pub fn into_network(self) -> CustomCnn {
        self.network
    }

    /// How it came by its weights; `None` where it has its initial ones.
    pub fn source(&self) -> Option<&Source> {
        self.source.as_ref()
    }

    /// How it came by its weights, in words.
    pub fn about(&self) -> String {
        self.source.as_ref().map_or_else(|| "initial weights".to_owned(), Source::to_string)
    }

    /// The file that its weights are in, if they are in one.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// How its weights were made, if that is known.
    pub fn origin(&self) -> Option<&Origin> {
        self.source.as_ref().and_then(Source::origin)
    }

    /// Refuses weights that say that they were trained in another way than `pretrain` asks for, or on other images.
    ///
    /// # Errors
    /// [`Error::Mismatch`] naming the file.
    pub(super) fn check(&self, pretrain: &Params, task: &Task) -> Result<()> {
        let Some(path) = &self.file else { return Ok(()) };
        check_source(self.origin(), pretrain, task, path, None)
    }

    /// Refuses weights that say that they were trained on other images than those of `task`.
    pub(super) fn check_images(&self, task: &Task) -> Result<()> {
        let Some(path) = &self.file else { return Ok(()) };
        check_source_images(self.origin(), task, path)
    }

    /// How well it tells images of its own classes apart, such as `&data.source.test`.
    ///
    /// # Errors
    /// Those of [`classification_report`].
    pub fn evaluate(&self, images: &Samples) -> Result<Evaluation> {
        let report: ClassificationReport = classification_report(&self.network, images, &self.class_names)?;
        Ok(Evaluation::new(report, self.class_names.clone()))
    }

    /// The network cut here, ready to be trained on a task, with the experiment's setting and the new weights of repeat 0.
    ///
    /// # Errors
    /// Those of [`Cut::new`] and [`CustomCnn::cut`].
    pub fn cut(&self, point: CutPoint, task: &Task) -> Result<CustomCnn> {
        self.network.cut(Cut::new(&self.params, point)?, task.classes.len(), 0)
    }

    /// What each convolution makes of images: its output before the activation, averaged over space.
    ///
    /// # Errors
    /// Those of [`FeatureTable::new`].
    pub fn features(&self, images: &Samples) -> Result<FeatureTable> {
        FeatureTable::new(&self.network, images)
    }

    /// What every channel of each convolution makes of one image.
    ///
    /// # Errors
    /// Those of [`feature_maps`].
    pub fn feature_maps(&self, images: &Samples, which: usize) -> Result<Figure> {
        feature_maps(&self.network, images, which)
    }

    /// The windows of the first convolution.
    ///
    /// # Errors
    /// Those of [`filters`].
    pub fn filters(&self) -> Result<Figure> {
        filters(&self.network)
    }

    /// A network of the same shape with its initial weights, for comparison.
    ///
    /// # Errors
    /// Those of [`CustomCnn::new`].
    pub fn untrained(&self) -> Result<CustomCnn> {
        CustomCnn::new(&self.params, self.network.output_dim(), self.network.input_shape())
    }

    /// Shows the network, and how it came by its weights, in a notebook.
    pub fn evcxr_display(&self) {
        self.network.evcxr_display();
        match &self.source {
            Some(source) => source.evcxr_display(),
            None => display::show(&[("text/plain", "initial weights")]),
        }
    }
}

impl Deref for SourceNetwork {
    type Target = CustomCnn;

    fn deref(&self) -> &CustomCnn {
        &self.network
    }
}

impl fmt::Display for SourceNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.network, self.about())
    }
}

/// The same as its `Display`: a notebook shows a value by its `Debug`.
impl fmt::Debug for SourceNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Weights that must be there already.
pub(super) fn existing(study: &str, path: PathBuf) -> Result<PathBuf> {
    if path.exists() {
        return Ok(path);
    }
    Err(Error::DataNotFound {
        name: format!("of weights for {study}"),
        looked: vec![path.display().to_string()],
        hint: format!("make them with `cutpoint pretrain {study}`, or name a file of weights"),
    })
}
