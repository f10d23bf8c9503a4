//! A study of images of one's own, with any network: how many of its blocks to keep.

use std::path::Path;

use super::Sweep;
use crate::config::Params;
use crate::data::{Dataset, TransferLearningWrapper};
use crate::error::{Error, Result};
use crate::model::Network;
use crate::study::StudyFiles;
use crate::train::{pretrained, Source};

/// A study of images of one's own, with a network whose weights are from elsewhere or are trained on some of the classes.
///
/// ```
/// use cutpoint::config::{Params, Repeats};
/// use cutpoint::data::{Dataset, GLYPHS};
/// use cutpoint::model::Convolutions;
/// use cutpoint::runtime::progress::Silent;
/// use cutpoint::sweep::ImageStudy;
///
/// let images = Dataset::load(GLYPHS, None, &Silent)?;
/// let stack = Convolutions { widths: vec![4, 8], ..Convolutions::default() };
/// let network = stack.network(images.train.shape)?.build(10)?;
/// let params = Params { num_train: 1, ..Params::default() };
/// let study = ImageStudy::new("mine", &images, None, Some(&[5, 6, 7]), network, params)?;
/// let results = study.sweep()?.percentages(&[0.01]).cuts([0, 2]).repeats(Repeats::Fixed(1)).run()?;
/// assert_eq!(results.records.len(), 2);
/// # Ok::<(), cutpoint::error::Error>(())
/// ```
pub struct ImageStudy {
    name: String,
    /// The source network.
    pub network: Network,
    /// Both tasks.
    pub data: TransferLearningWrapper,
    /// Training of cut networks, and their setting.
    pub params: Params,
    pretrains: bool,
}

impl ImageStudy {
    /// A study called `name`. `target` are the classes of the target task (all but those of the source, unless given), and
    /// `source` those of the source task; without them the network's weights are the source, and nothing is pre-trained.
    ///
    /// # Errors
    /// [`Error::Parameter`] for classes that are not there, a name that is no folder's, images that the network does not
    /// take, or a network with other outputs than the source task has classes.
    pub fn new(
        name: &str,
        images: &Dataset,
        source: Option<&[u8]>,
        target: Option<&[u8]>,
        network: Network,
        params: Params,
    ) -> Result<ImageStudy> {
        if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || "-_".contains(c)) {
            return Err(Error::parameter("name", "a name of letters, digits, - and _", format!("`{name}`")));
        }
        let all = || (0..images.class_names.len()).filter_map(|c| u8::try_from(c).ok());
        let others = || all().filter(|c| !source.unwrap_or_default().contains(c)).collect();
        let target: Vec<u8> = target.map_or_else(others, <[u8]>::to_vec);
        let source_classes = source.unwrap_or(&target).to_vec();
        let params = Params { pre_train_classes: source_classes, fine_tune_classes: target, ..params };
        let data = match source {
            Some(_) => TransferLearningWrapper::from_datasets(&params, images, images)?,
            None => TransferLearningWrapper::of_target(&params, images)?,
        };
        network.preparation().takes(data.input_shape())?;
        if source.is_some() && network.output_dim() != data.source.classes.len() {
            let expected = format!("{} outputs, one for each source class", data.source.classes.len());
            return Err(Error::parameter("output_dim", expected, network.output_dim()));
        }
        Ok(ImageStudy { name: name.to_owned(), network, data, params, pretrains: source.is_some() })
    }

    /// The study's files below `root`.
    pub fn files(&self, root: impl AsRef<Path>) -> StudyFiles {
        StudyFiles::own(root, &self.name)
    }

    /// Trains the network on the source classes, or reads the weights that this gave before, below `root`; `None` where
    /// there are no source classes.
    ///
    /// # Errors
    /// Those of [`pretrained`].
    pub fn pretrained(&mut self, params: &Params, root: impl AsRef<Path>) -> Result<Option<Source>> {
        if !self.pretrains {
            return Ok(None);
        }
        let (path, params) = (self.files(root).weights, Params { depth: self.network.depth(), ..params.clone() });
        pretrained(&mut self.network, &mut self.data, &params, &self.name, path).map(Some)
    }

    /// The runs: every cut, at fractions and repeats as published, unless set.
    ///
    /// # Errors
    /// Those of [`Sweep::new`].
    pub fn sweep(&self) -> Result<Sweep<'_>> {
        Sweep::new(&self.params, &self.network, &self.data)
    }
}
