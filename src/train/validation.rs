//! Whether an epoch is better than the best before it, with as few images as it takes.
//!
//! Early stopping asks for more than it needs when it asks for an accuracy: all that matters about an epoch that is not
//! better is that it is not. With the images that the network got wrong before in front, so many of them are wrong
//! again after a few hundred that no result of the others could make the epoch better. With little training data
//! validation is most of the work of a run, and most epochs are not better.

use tch::{Kind, Tensor};

use super::inputs::{through_in_chunks, Inputs};
use super::labels::{share_equal, to_labels};
use crate::error::{During, Result};
use crate::model::{pieces, Model};
use crate::runtime::cancel::Stop;

/// Images classified before it is looked whether that is enough.
const STEP: usize = 96;

/// The validation images of a run, and how well each was told apart when it was last looked at.
#[derive(Default)]
pub(super) struct Validation {
    /// The output of the true class less the highest other one, by image.
    margins: Vec<f32>,
}

impl Validation {
    /// The accuracy on `inputs` if it is higher than `best`, else perhaps none: then it is not higher.
    ///
    /// An accuracy is, to the last bit, that of [`super::evaluate::accuracy`] in file order.
    pub fn accuracy_above(
        &mut self,
        best: f64,
        model: &dyn Model,
        inputs: &Inputs,
        batch_size: usize,
        stop: &Stop,
    ) -> Result<Option<f64>> {
        let _no_grad = tch::no_grad_guard();
        let n = inputs.len();
        self.margins.resize(n, 0.0);
        let mut order: Vec<i64> = (0..n as i64).collect();
        order.sort_by(|&a, &b| self.margins[a as usize].total_cmp(&self.margins[b as usize]));
        let (mut parts, mut wrong) = (Vec::new(), 0);
        for positions in steps(&order) {
            let features = through_in_chunks(model, inputs, positions, model.depth(), || stop.check())?;
            for (&position, (margin, is_sure)) in positions.iter().zip(margins(model, inputs, positions, &features)?) {
                self.margins[position as usize] = margin;
                wrong += usize::from(margin < 0.0 && is_sure);
            }
            if (n - wrong) as f64 / n as f64 <= best {
                return Ok(None);
            }
            parts.push(features);
        }
        if parts.is_empty() {
            return Ok(Some(0.0));
        }
        // The rounding of the last layer may depend on a batch's size: as in file order, batch by batch.
        let mut place = vec![0; n];
        for (i, &position) in order.iter().enumerate() {
            place[position as usize] = i as i64;
        }
        let place = Tensor::f_from_slice(&place).during("ordering features")?;
        let features =
            Tensor::f_cat(&parts, 0).and_then(|f| f.f_index_select(0, &place)).during("ordering features")?;
        let all: Vec<i64> = (0..n as i64).collect();
        let mut predicted = Vec::new();
        for first in (0..n).step_by(batch_size) {
            let batch = features.f_narrow(0, first as i64, batch_size.min(n - first) as i64).during("predicting")?;
            predicted.push(model.classify(&batch, false)?.f_argmax(1, false).during("predicting")?);
        }
        let predicted = Tensor::f_cat(&predicted, 0).during("predicting")?;
        Ok(Some(share_equal(&predicted, &inputs.labels(&all)?)))
    }

    /// Whether this gives what classifying everything gives, to the last bit: on a processor, where a convolution's result
    /// does not depend on the images beside it, unless there is a batch of one image, which libtorch convolves in
    /// another way.
    pub fn serves(model: &dyn Model, inputs: &Inputs, batch_size: usize) -> bool {
        model.device() == tch::Device::Cpu && inputs.len() % batch_size != 1 && inputs.len() > 1
    }
}

/// Positions in steps, none of them of one unless there is but one.
fn steps(order: &[i64]) -> Vec<&[i64]> {
    pieces(order.len(), STEP).into_iter().map(|(first, count)| &order[first..first + count]).collect()
}

/// By image, the output of the true class less the highest other one, and whether that is more than rounding could
/// make of nothing.
fn margins(model: &dyn Model, inputs: &Inputs, positions: &[i64], features: &Tensor) -> Result<Vec<(f32, bool)>> {
    let outputs = model.classify(features, false)?;
    let classes = outputs.size()[1] as usize;
    let mut values = vec![0f32; outputs.numel()];
    let flat = outputs.f_contiguous().and_then(|o| o.f_to_kind(Kind::Float)).during("reading outputs")?;
    flat.f_copy_data(&mut values, outputs.numel()).during("reading outputs")?;
    let labels = to_labels(&inputs.labels(positions)?)?;
    let margin = |(row, &label): (&[f32], &u8)| {
        let (label, mut other, mut largest) = (usize::from(label), f32::NEG_INFINITY, 0f32);
        for (class, &value) in row.iter().enumerate() {
            largest = largest.max(value.abs());
            if class != label {
                other = other.max(value);
            }
        }
        let margin = row.get(label).map_or(f32::NEG_INFINITY, |own| own - other);
        // A thousand times the rounding of a sum of some hundred numbers. What is not a number is not sure.
        (margin, margin.abs() > 1e-3 * (1.0 + largest))
    };
    Ok(values.chunks(classes.max(1)).zip(&labels).map(margin).collect())
}

#[cfg(test)]
mod tests {
    use super::super::evaluate::accuracy;
    use super::super::fit::{fit, FitOptions};
    use super::*;
    use crate::config::{Optimizer, Params, TrainingConfig};
    use crate::data::{TransferLearningWrapper, GLYPHS};
    use crate::model::CustomCnn;

    #[test]
    fn steps_cover_all_and_none_is_one() {
        for n in 0..400 {
            let order: Vec<i64> = (0..n).collect();
            let list = steps(&order);
            assert_eq!(list.concat(), order);
            assert!(n == 1 || list.iter().all(|step| step.len() != 1), "{n}");
        }
    }

    fn options(decides: bool) -> FitOptions {
        let training = TrainingConfig::new(Optimizer::adam(0.003).unwrap()).with_epochs(12).unwrap();
        let training = training.with_patience(Some(3)).unwrap();
        FitOptions { training, keep_best: false, curve: false, losses: false, decides }
    }

    #[test]
    fn runs_are_the_same_and_accuracies_exact_where_there_are_any() {
        let params = Params { depth: 2, num_channels: 8, ..Params::default() };
        let data = TransferLearningWrapper::new(&params, GLYPHS, GLYPHS, "data").unwrap();
        let (device, stop) = (tch::Device::Cpu, Stop::default());
        let validation = Inputs::images(&data.source.validation, device).unwrap();
        let mut none = 0;
        crate::runtime::threads::prepare_thread(1);
        for repeat in 0..2 {
            let train = data.reduced_train(0.02, repeat).unwrap();
            let train = Inputs::images(&train, device).unwrap();
            let model = || CustomCnn::new(&params, data.target.classes.len(), data.input_shape()).unwrap();
            let validation = Inputs::images(&data.target.validation, device).unwrap();
            assert!(Validation::serves(&model(), &validation, 64));
            let mut seen = [vec![], vec![]];
            let run = |decides: bool, seen: &mut Vec<Option<f64>>| {
                fit(Box::new(model()), &train, &validation, &options(decides), &stop, |epoch| {
                    seen.push(epoch.val_acc);
                    Ok(())
                })
                .unwrap()
            };
            let [whole, short] = &mut seen;
            let (a, b) = (run(false, whole), run(true, short));
            assert_eq!((a.epochs, a.stopped_early), (b.epochs, b.stopped_early));
            for ((name, x), (_, y)) in a.model.state_dict().iter().zip(&b.model.state_dict()) {
                assert!(x.equal(y), "{name}");
            }
            let mut best = 0.0;
            for (whole, short) in whole.iter().zip(short.iter()) {
                let whole = whole.unwrap();
                match short {
                    Some(short) => assert_eq!(*short, whole),
                    None => {
                        none += 1;
                        assert!(whole <= best);
                    }
                }
                best = whole.max(best);
            }
        }
        assert!(none > 0, "no epoch was cut short");
        // An accuracy that is asked for without a best is the whole one.
        let model = CustomCnn::new(&params, data.source.classes.len(), data.input_shape()).unwrap();
        let whole = accuracy(&model, &validation, None, 64, &stop).unwrap();
        let mut order = Validation::default();
        for _ in 0..2 {
            let above = order.accuracy_above(whole - 1e-6, &model, &validation, 64, &stop).unwrap();
            assert_eq!(above, Some(whole));
            let above = order.accuracy_above(whole, &model, &validation, 64, &stop).unwrap();
            assert!(above.is_none() || above == Some(whole));
        }
    }
}
