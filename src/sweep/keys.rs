//! The keys that runs are kept under: hashes of all that decides their numbers.

use md5::{Digest, Md5};
use serde::Serialize;

use crate::config::{CutPoint, Fraction, NetworkConfig, Params, Row, Setting, TestSplit, TrainingConfig};
use crate::data::Task;
use crate::error::Result;
use crate::model::{Cut, Model};
use crate::results::Identity;
use crate::util::hex::hex;

/// The version of [`Run`], which changes when the meaning of a field does.
const VERSION: u32 = 2;

/// All that decides a run's numbers, but for rounding, which differs between processors.
#[derive(Serialize)]
struct Run<'a> {
    network: &'a NetworkConfig,
    /// What the network is where it is not the study's.
    #[serde(skip_serializing_if = "Option::is_none")]
    blocks: Option<String>,
    input_shape: [usize; 3],
    classes: &'a [u8],
    images: &'a str,
    test: TestSplit,
    training: &'a TrainingConfig,
    /// Rounding differs between kinds of device, not between devices of a kind.
    on_cpu: bool,
    /// Where nothing of the source network is kept, its weights are of no account.
    weights: Option<&'a str>,
    fraction: Fraction,
    cut: CutPoint,
    setting: Setting,
    reinit_both_dense: bool,
    repeat: u64,
}

/// Makes the keys of a sweep's runs.
pub(super) struct Keys<'a> {
    source: &'a dyn Model,
    task: &'a Task,
    network: NetworkConfig,
    training: TrainingConfig,
    test: TestSplit,
    reinit_both_dense: bool,
    images: &'a str,
    weights: &'a str,
}

impl<'a> Keys<'a> {
    /// Of runs with these parameters; `images` and `weights` are digests.
    pub fn new(
        params: &Params,
        source: &'a dyn Model,
        task: &'a Task,
        images: &'a str,
        weights: &'a str,
    ) -> Result<Keys<'a>> {
        Ok(Keys {
            source,
            task,
            network: params.network()?,
            training: params.fine_tuning()?,
            test: params.test_split,
            reinit_both_dense: params.reinit_both_dense,
            images,
            weights,
        })
    }

    fn keeps_nothing(cut: Cut) -> bool {
        cut.point == CutPoint::After(0) && cut.setting.reinit() && cut.reinit_both_dense
    }

    /// The key of a row that this cut, in its canonical form, computes.
    pub fn of(&self, row: &Row, cut: Cut) -> Result<String> {
        let run = Run {
            network: &self.network,
            blocks: self.source.as_study().is_none().then(|| self.source.architecture()),
            input_shape: self.source.input_shape(),
            classes: &self.task.classes,
            images: self.images,
            test: self.test,
            training: &self.training,
            on_cpu: self.source.device() == tch::Device::Cpu,
            weights: (!Self::keeps_nothing(cut)).then_some(self.weights),
            fraction: row.fraction,
            cut: cut.point,
            setting: cut.setting,
            reinit_both_dense: cut.reinit_both_dense,
            repeat: row.repeat,
        };
        Ok(Identity::new("run", VERSION, &run)?.key())
    }

    /// The key that version 0.1 kept such a run under, so that its journals are read: a hash of a sentence. `None` for what
    /// that version could not do.
    pub fn earlier(&self, row: &Row, cut: Cut) -> Option<String> {
        let t = &self.training;
        let lr = t.optimizer().lr();
        if !t.particulars().is_empty() || self.source.as_study().is_none() {
            return None;
        }
        let common = format!(
            "1 {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {} {:?} {}",
            lr,
            t.epochs(),
            t.patience(),
            t.batch_size(),
            t.restore_best(),
            self.test,
            self.reinit_both_dense,
            self.task.classes,
            self.source.input_shape(),
            self.source.architecture(),
            self.source.device() == tch::Device::Cpu,
            self.images,
        );
        let weights = if Self::keeps_nothing(cut) { "" } else { self.weights };
        let (fraction, repeat) = (row.fraction.get(), row.repeat);
        Some(hex(Md5::digest(format!(
            "{common} {weights} {fraction:?} {} {} {repeat}",
            cut.point.number(),
            cut.setting
        ))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{TransferLearningWrapper, GLYPHS};
    use crate::model::CustomCnn;

    /// Keys as version 0.1 wrote them into journals.
    #[test]
    fn runs_of_earlier_journals_are_known() {
        let params = Params { depth: 2, num_channels: 4, device: crate::config::Device::Cpu, ..Params::default() };
        let data = TransferLearningWrapper::new(&params, GLYPHS, GLYPHS, "data").unwrap();
        let source = CustomCnn::new(&params, 5, data.input_shape()).unwrap();
        let keys = |params: &Params, weights: &'static str| {
            let keys = Keys::new(params, &source, &data.target, "images", weights).unwrap();
            let row = Row::new(0.01, 1, 3).unwrap();
            let cut = Cut::new(params, row.cut).unwrap().canonical(2);
            (keys.of(&row, cut).unwrap(), keys.earlier(&row, cut).unwrap())
        };
        let sentence = "1 0.001 40 Some(6) 64 false Test true [5, 6, 7, 8, 9] [1, 28, 28] \
                        4-4p, kernel 3, pooling stride 2, ReLU true images weights 0.01 1 FR 3";
        let of_weights = keys(&params, "weights");
        assert_eq!(of_weights.1, hex(Md5::digest(sentence)));
        assert_ne!(of_weights, keys(&params, "others"));
        let both = Params { lr_fine_tune: 0.002, ..params.clone() };
        assert_ne!(of_weights.0, keys(&both, "weights").0);
    }
}
