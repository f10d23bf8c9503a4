//! What scores before fine-tuning were worth in an experiment, and the cut that is recommended for it.

use super::{Experiment, SourceNetwork};
use crate::data::{Samples, TransferLearningWrapper};
use crate::error::{Error, Result};
use crate::stats::{judge, recommend, Case, Evidence, Judgement, Recommendation, Situation};
use crate::transfer::{TransferFile, View};

impl Experiment {
    /// The scores of layers that the experiment's file holds.
    ///
    /// # Errors
    /// Those of [`TransferFile::load`]; [`Error::Parameter`] for an experiment without files.
    pub fn transfer_results(&self) -> Result<TransferFile> {
        let none = || Error::parameter("root", "a folder that the experiment's files are below", "none");
        TransferFile::load(self.files().ok_or_else(none)?.transfers())
    }

    /// What choosing a cut by each score would have cost in this experiment, beside every fixed cut and chance: of the
    /// fractions and repeats that its files have both scores and fine-tuned results of.
    ///
    /// # Errors
    /// Those of [`Experiment::transfer_results`], [`Experiment::results`] and [`Case::all`].
    pub fn foretold(&self) -> Result<Vec<Judgement>> {
        let scores = self.transfer_results()?.of(View::Channels);
        Ok(judge(&Case::all(&self.name(), &scores, self.results()?.rows())?))
    }

    /// Recommends a cut before any fine-tuning, for a fraction of the target training data, drawn with seed 0: by what
    /// scores and fixed cuts were worth in the studies that come with this crate, this one left out.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a fraction that is none, or leaves a class empty; those of [`Situation::new`] and
    /// [`recommend`].
    pub fn recommend(
        &self,
        source: &SourceNetwork,
        data: &TransferLearningWrapper,
        fraction: f64,
    ) -> Result<Recommendation> {
        self.recommend_for(source, &data.target.train.select(data.target.reduced(fraction, 0)?))
    }

    /// Recommends a cut for the target images at hand, whatever they are.
    ///
    /// # Errors
    /// Those of [`Situation::new`] and [`recommend`].
    pub fn recommend_for(&self, source: &SourceNetwork, images: &Samples) -> Result<Recommendation> {
        let situation = Situation::new(source.network(), images, self.plan().params.setting()?)?;
        recommend(&Evidence::built_in().without(&self.name()), &situation)
    }
}
