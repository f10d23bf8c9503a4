//! LogME.

use ndarray::{Array1, ArrayView2};

use super::input::Labelled;
use super::spectrum::Spectrum;
use crate::error::Result;

/// LogME (You and others 2021): the log of the maximum evidence of a Bayesian linear model from features (images x
/// features) to each class's indicator, per image, averaged over classes. Higher is better; it has no bounds.
///
/// The precisions of weights and noise are found by the paper's fixed-point iteration, all classes on one singular value
/// decomposition. Features are taken as they are, without centring, as in the paper.
///
/// # Errors
/// [`crate::error::Error::Parameter`] when there is not a label for each image, fewer than two classes, or when features
/// are not finite or do not vary.
pub fn log_me(features: ArrayView2<f64>, labels: &[u8]) -> Result<f64> {
    let data = Labelled::new(features, labels, 1)?;
    let spectrum = Spectrum::new(features)?;
    let of_class = |class: usize| {
        let indicator: Array1<f64> = data.labels.iter().map(|&label| f64::from(u8::from(label == class))).collect();
        let along = spectrum.left.t().dot(&indicator).mapv(|v| v * v);
        let outside = (data.counts[class] as f64 - along.sum()).max(0.0);
        evidence(&spectrum.values, &along, outside, data.len() as f64)
    };
    let classes = data.counts.len();
    Ok((0..classes).map(of_class).sum::<f64>() / classes as f64)
}

/// Rounds of the fixed-point iteration at most. Where there are fewer images than features it converges slowly.
const ROUNDS: usize = 100_000;
/// The iteration ends when the ratio of the two precisions changes by less, relatively.
const TOLERANCE: f64 = 1e-12;
/// A residual or a weight below this counts as this: a model that fits without any error would have infinite evidence.
const LEAST: f64 = 1e-12;

/// The maximum log evidence per image of one target. `values` are squared singular values, `along` the squares of the
/// target's coordinates in the left singular vectors, `outside` the square of what is in none, `n` the images.
fn evidence(values: &Array1<f64>, along: &Array1<f64>, outside: f64, n: f64) -> f64 {
    let (mut alpha, mut beta): (f64, f64) = (1.0, 1.0);
    let pairs = || values.iter().zip(along);
    let fit = |alpha: f64, beta: f64| {
        let weights: f64 = pairs().map(|(s, x)| s * x / (s + alpha / beta).powi(2)).sum();
        let residual: f64 = outside + pairs().map(|(s, x)| x / (1.0 + s * beta / alpha).powi(2)).sum::<f64>();
        (weights, residual)
    };
    for _ in 0..ROUNDS {
        let ratio = alpha / beta;
        let (weights, residual) = fit(alpha, beta);
        let effective: f64 = values.iter().map(|s| s / (s + ratio)).sum();
        alpha = effective / weights.max(LEAST);
        beta = (n - effective) / residual.max(LEAST);
        if (alpha / beta - ratio).abs() <= TOLERANCE * ratio {
            break;
        }
    }
    let (weights, residual) = fit(alpha, beta);
    let determinant: f64 = values.iter().map(|s| (alpha + beta * s).ln()).sum();
    let log = values.len() as f64 * alpha.ln() + n * beta.ln()
        - determinant
        - beta * residual
        - alpha * weights
        - n * std::f64::consts::TAU.ln();
    log / (2.0 * n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn labels_that_follow_the_features_have_more_evidence_than_labels_that_do_not() {
        let features =
            Array2::from_shape_fn((60, 3), |(i, j)| if i % 3 == j { 1.0 } else { 0.02 * ((i * 7 + j) % 5) as f64 });
        let of =
            |step: usize| log_me(features.view(), &(0..60).map(|i| (i / step % 3) as u8).collect::<Vec<_>>()).unwrap();
        assert!(of(1) > of(20) + 1.0, "{} {}", of(1), of(20));
        // More features than images: evidence stays a number.
        let wide = Array2::from_shape_fn((6, 20), |(i, j)| ((i * 13 + j * 7) % 11) as f64);
        assert!(log_me(wide.view(), &[0, 1, 2, 0, 1, 2]).unwrap().is_finite());
    }
}
