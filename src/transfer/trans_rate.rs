//! TransRate.

use ndarray::{ArrayView2, Axis};

use super::input::Labelled;
use super::spectrum::log_det_identity_plus;
use crate::error::Result;

/// The distortion that features are coded with, in units of their mean variance (the paper's value).
const DISTORTION: f64 = 1e-4;

/// TransRate (Huang and others 2022): how many more nats it takes to code all features (images x features) than to code
/// them class by class, an estimate of what features and labels say about each other. 0 or more; higher is better.
///
/// Features are centred, and scaled to a mean variance of 1, so that layers of other scales can be compared. The coding
/// rate of n rows Z is 1/2 log det(I + Z'Z / (n e)); that of classes is weighted by their fractions of the images.
///
/// # Errors
/// [`crate::error::Error::Parameter`] when there is not a label for each image, fewer than two classes, or when features
/// are not finite or do not vary.
pub fn trans_rate(features: ArrayView2<f64>, labels: &[u8]) -> Result<f64> {
    let data = Labelled::new(features, labels, 1)?;
    let mut centred = data.centred();
    let variance = centred.iter().map(|v| v * v).sum::<f64>() / centred.len() as f64;
    centred /= variance.sqrt();
    let rate = |z: ArrayView2<f64>| Ok(0.5 * log_det_identity_plus(z, 1.0 / (z.nrows() as f64 * DISTORTION))?);
    let mut within = 0.0;
    for (class, &count) in data.counts.iter().enumerate() {
        let rows: Vec<usize> = (0..data.len()).filter(|&i| data.labels[i] == class).collect();
        let share = count as f64 / data.len() as f64;
        within += share * rate(centred.select(Axis(0), &rows).view())?;
    }
    Ok(rate(centred.view())? - within)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn the_scale_of_features_does_not_matter_and_their_classes_do() {
        let features =
            Array2::from_shape_fn((60, 3), |(i, j)| if i % 3 == j { 1.0 } else { 0.02 * ((i * 7 + j) % 5) as f64 });
        let of = |scale: f64, step: usize| {
            let labels: Vec<u8> = (0..60).map(|i| (i / step % 3) as u8).collect();
            trans_rate((&features * scale).view(), &labels).unwrap()
        };
        assert!(of(1.0, 1) > of(1.0, 20) + 0.5, "{} {}", of(1.0, 1), of(1.0, 20));
        assert!((of(1.0, 1) - of(1000.0, 1)).abs() < 1e-9);
    }
}
