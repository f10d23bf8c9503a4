//! A study of images of one's own, with any network: how many of its blocks to keep.

use std::path::Path;

use super::ExperimentSweep;
use crate::config::{CutPoint, Grid, Params, Repeats};
use crate::data::{Dataset, TransferLearningWrapper};
use crate::error::{Error, Result};
use crate::model::Network;
use crate::results::{Origin, Provenance};
use crate::study::StudyFiles;
use crate::sweep::Sweep;
use crate::train::{pretrained, Source};
use crate::util::names::check_name;

/// A study of images of one's own, with a network whose weights are from elsewhere or are trained on some of the classes.
///
/// ```
/// use cutpoint::config::{Params, Repeats};
/// use cutpoint::data::{Dataset, GLYPHS};
/// use cutpoint::experiment::ImageStudy;
/// use cutpoint::model::Convolutions;
/// use cutpoint::runtime::progress::Silent;
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
    /// How the network came by its weights, where it was trained here.
    origin: Option<Origin>,
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
        check_name("name", name)?;
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
        Ok(ImageStudy { name: name.to_owned(), network, data, params, pretrains: source.is_some(), origin: None })
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
        let source = pretrained(&mut self.network, &mut self.data, &params, &self.name, path)?;
        self.origin = source.origin().cloned();
        Ok(Some(source))
    }

    /// What cannot be done, said before hours of pre-training: cuts that the network does not have, fractions that leave a
    /// class empty, files below `root` that would refuse the rows or cannot be written.
    ///
    /// # Errors
    /// [`Error::Parameter`], [`Error::Mismatch`], [`Error::Io`].
    pub fn check<C: Into<i64>>(
        &self,
        fractions: &[f64],
        cuts: impl IntoIterator<Item = C>,
        repeats: Repeats,
        root: impl AsRef<Path>,
    ) -> Result<()> {
        self.params.check()?;
        let grid = Grid::new(fractions, cuts, repeats)?;
        grid.cuts().iter().try_for_each(|cut| cut.check(self.network.depth()))?;
        for fraction in grid.fractions() {
            self.data.target.per_class(fraction.get())?;
        }
        let said = Provenance {
            network: Some(self.network.architecture()),
            target_pictures: Some(self.data.target.digest()),
            ..Provenance::default()
        };
        let params = Params { depth: self.network.depth(), ..self.params.clone() };
        self.files(root).check_sweep(&said.beside(params), grid.cuts())
    }

    /// The runs: every cut, at fractions and repeats as published, unless set. What they give is in no file.
    ///
    /// # Errors
    /// Those of [`Sweep::new`].
    pub fn sweep(&self) -> Result<Sweep<'_>> {
        Ok(Sweep::new(&self.params, &self.network, &self.data)?.origin(self.origin.clone()))
    }

    /// The runs, with baselines, whose rows go to the study's files below `root`.
    ///
    /// # Errors
    /// Those of [`Sweep::new`].
    pub fn sweep_below(&self, root: impl AsRef<Path>) -> Result<ExperimentSweep<'_>> {
        let (files, setting) = (self.files(root), self.params.setting()?);
        let sweep = ExperimentSweep::new(self.sweep()?, Some(files), setting);
        Ok(sweep.cuts(CutPoint::all(self.network.depth())))
    }
}
