//! H-score with shrinkage.

use ndarray::{Array2, ArrayView2, Axis};

use super::input::Labelled;
use super::spectrum::trace_of_quadratic_form;
use crate::error::Result;

/// The H-score (Bao and others 2019) with the covariance shrunk (Ibrahim, Ponomareva and Mazumder 2021): how large the
/// scatter of class means is beside that of all features (images x features), where directions are made alike. From 0
/// to at most one less than there are classes; higher is better.
///
/// tr(S^-1 (1 - a) B), with B the covariance of class means, S the covariance of features shrunk by Ledoit and Wolf's
/// share a towards a multiple of the identity; both with n in the denominator.
///
/// # Errors
/// [`crate::error::Error::Parameter`] when there is not a label for each image, fewer than two classes, or when features are not finite
/// or do not vary.
pub fn h_score(features: ArrayView2<f64>, labels: &[u8]) -> Result<f64> {
    let data = Labelled::new(features, labels, 1)?;
    let n = data.len() as f64;
    let centred = data.centred();
    let (covariance, shrinkage) = ledoit_wolf(&centred);
    let middle = data.features.mean_axis(Axis(0)).unwrap_or_default();
    let mut means = data.class_means() - &middle;
    for (mut mean, &count) in means.rows_mut().into_iter().zip(&data.counts) {
        mean *= (count as f64 / n).sqrt();
    }
    Ok((1.0 - shrinkage) * trace_of_quadratic_form(&covariance, means.t())?)
}

/// The covariance of centred features (images x features) shrunk towards its mean variance times the identity, and the
/// share of that identity (Ledoit and Wolf 2004).
fn ledoit_wolf(centred: &Array2<f64>) -> (Array2<f64>, f64) {
    let (n, d) = (centred.nrows() as f64, centred.ncols() as f64);
    let mut covariance = centred.t().dot(centred) / n;
    let variance = covariance.diag().sum() / d;
    let squares: f64 = covariance.iter().map(|v| v * v).sum();
    // The distance of the covariance from the identity, and how much of it one would see by chance.
    let distance = squares / d - variance * variance;
    let fourth: f64 = centred.rows().into_iter().map(|row| row.dot(&row).powi(2)).sum();
    let noise = ((fourth / n - squares) / (n * d)).clamp(0.0, distance.max(0.0));
    let shrinkage = if noise > 0.0 { noise / distance } else { 0.0 };
    covariance *= 1.0 - shrinkage;
    covariance.diag_mut().iter_mut().for_each(|v| *v += shrinkage * variance);
    (covariance, shrinkage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_follow_the_features_score_higher_than_labels_that_do_not() {
        let features =
            Array2::from_shape_fn((60, 3), |(i, j)| if i % 3 == j { 1.0 } else { 0.01 * ((i * 7 + j) % 5) as f64 });
        let of =
            |step: usize| h_score(features.view(), &(0..60).map(|i| (i / step % 3) as u8).collect::<Vec<_>>()).unwrap();
        assert!(of(1) > 1.8 && of(1) <= 2.0 && of(20) < 0.1, "{} {}", of(1), of(20));
        assert!(matches!(h_score(features.view(), &[0; 60]), Err(crate::error::Error::Parameter { .. })));
    }
}
