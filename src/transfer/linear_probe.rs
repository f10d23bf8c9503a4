//! A cross-validated linear probe.

use linfa::prelude::Fit;
use linfa::DatasetBase;
use linfa_logistic::MultiLogisticRegression;
use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::input::Labelled;
use crate::error::{Error, Result};

/// Folds unless a class has fewer images.
const FOLDS: usize = 5;
/// The weight of half the squared coefficients beside the summed log loss: scikit-learn's usual C = 1.
const PENALTY: f64 = 1.0;
/// Steps of the optimizer at most, and the gradient that it stops at.
const STEPS: u64 = 1000;
const GRADIENT: f64 = 1e-6;

/// What a linear classifier makes of images that it was not trained on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearProbe {
    /// The fraction of images classified as what they are, from 0 to 1.
    pub accuracy: f64,
    /// The mean logarithm of the probability given to an image's class, 0 or less. Where images are few it tells layers
    /// apart that have the same accuracy.
    pub log_likelihood: f64,
}

/// Multinomial logistic regression from features (images x features) to classes, cross-validated. Coefficients are
/// penalised by half their squares, intercepts are not; features are standardised by the mean and deviation of each fold's
/// training part. There are five folds, or as many as the smallest class has images; the i-th image of a class is in fold
/// i modulo their number, so that folds are balanced and nothing is drawn.
///
/// # Errors
/// [`Error::Parameter`] when there is not a label for each image, fewer than two classes, fewer than two images of one,
/// or when features are not finite or do not vary; [`Error::Worker`] when the optimizer fails.
pub fn linear_probe(features: ArrayView2<f64>, labels: &[u8]) -> Result<LinearProbe> {
    let data = Labelled::new(features, labels, 2)?;
    let folds = data.counts.iter().min().map_or(FOLDS, |&least| FOLDS.min(least));
    let mut seen = vec![0; data.counts.len()];
    let mut next_fold = |&class: &usize| {
        seen[class] += 1;
        (seen[class] - 1) % folds
    };
    let fold_of: Vec<usize> = data.labels.iter().map(&mut next_fold).collect();
    let (mut right, mut log_likelihood) = (0, 0.0);
    for fold in 0..folds {
        let (tested, trained): (Vec<usize>, Vec<usize>) = (0..data.len()).partition(|&i| fold_of[i] == fold);
        let scores = scores(&data, &trained, &tested)?;
        for (row, &image) in scores.rows().into_iter().zip(&tested) {
            let own = data.labels[image];
            let best = (0..row.len()).rev().max_by(|&a, &b| row[a].total_cmp(&row[b]));
            right += usize::from(best == Some(own));
            let top = row.fold(f64::NEG_INFINITY, |a, &b| a.max(b));
            log_likelihood += row[own] - top - row.iter().map(|v| (v - top).exp()).sum::<f64>().ln();
        }
    }
    let n = data.len() as f64;
    Ok(LinearProbe { accuracy: right as f64 / n, log_likelihood: log_likelihood / n })
}

/// The linear scores (tested images x classes) by a model of the trained ones.
fn scores(data: &Labelled, trained: &[usize], tested: &[usize]) -> Result<Array2<f64>> {
    let mut known = data.features.select(Axis(0), trained);
    let mut unknown = data.features.select(Axis(0), tested);
    let mean = known.mean_axis(Axis(0)).unwrap_or_default();
    let deviation = known.std_axis(Axis(0), 0.0).mapv(|s| if s > 0.0 { s } else { 1.0 });
    for part in [&mut known, &mut unknown] {
        *part -= &mean;
        *part /= &deviation;
    }
    let classes: Array1<usize> = trained.iter().map(|&i| data.labels[i]).collect();
    let model = MultiLogisticRegression::default()
        .alpha(PENALTY)
        .max_iterations(STEPS)
        .gradient_tolerance(GRADIENT)
        .fit(&DatasetBase::new(known, classes))
        .map_err(|e| Error::Worker(format!("the linear probe: {e}")))?;
    Ok(unknown.dot(model.params()) + model.intercept())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_on_either_side_of_a_plane_are_told_apart_and_classes_by_turns_are_not() {
        let features = Array2::from_shape_fn((40, 2), |(i, j)| ((i * 7 + j * 3) % 40) as f64 - 20.0);
        let of = |label: &dyn Fn(usize) -> bool| {
            let labels: Vec<u8> = (0..40).map(|i| u8::from(label(i))).collect();
            linear_probe(features.view(), &labels).unwrap()
        };
        let (plane, turns) = (of(&|i| features[[i, 0]] > 0.0), of(&|i| features[[i, 0]] as i64 % 2 == 0));
        assert!(plane.accuracy > 0.9 && turns.accuracy < 0.7, "{plane:?} {turns:?}");
        assert!(plane.log_likelihood > -0.3 && turns.log_likelihood < -0.6, "{plane:?} {turns:?}");
    }
}
