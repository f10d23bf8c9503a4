//! H-score with shrinkage.

use ndarray::{Array1, Array2, ArrayView2};

use super::input::Labelled;
use super::spectrum::Spectrum;
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
    let (n, d) = (data.len() as f64, data.features.ncols() as f64);
    let centred = data.centred();
    let Spectrum { values, left } = Spectrum::new(centred.view())?;
    let variances = &values / n;
    let fourth: f64 = centred.rows().into_iter().map(|row| row.dot(&row).powi(2)).sum();
    let (shrinkage, identity) = ledoit_wolf(&variances, fourth / n, n, d);
    // Each class mean along each direction: the singular value times the mean of the class's left singular vectors.
    let mut means = Array2::<f64>::zeros((data.counts.len(), values.len()));
    for (row, &class) in left.rows().into_iter().zip(&data.labels) {
        let mut mean = means.row_mut(class);
        mean += &row;
    }
    let share = |class: usize| 1.0 / (n * data.counts[class] as f64);
    let along = |(i, &value): (usize, &f64)| {
        let squares = means.column(i).into_iter().enumerate().map(|(class, sum)| sum * sum * share(class));
        value * squares.sum::<f64>()
    };
    let scatter = values.iter().enumerate().map(along);
    let of = scatter.zip(&variances).map(|(scatter, v)| scatter / ((1.0 - shrinkage) * v + shrinkage * identity));
    Ok((1.0 - shrinkage) * of.sum::<f64>())
}

/// How far the covariance of `n` images' `d` features is shrunk towards the identity, and the variance that the identity is
/// multiplied by (Ledoit and Wolf 2004). The covariance itself (d x d) is not needed: its eigenvalues (those that are not 0)
/// and the mean fourth power of an image's norm are enough.
fn ledoit_wolf(variances: &Array1<f64>, fourth: f64, n: f64, d: f64) -> (f64, f64) {
    let variance = variances.sum() / d;
    let squares: f64 = variances.iter().map(|v| v * v).sum();
    // The distance of the covariance from the identity, and how much of it one would see by chance.
    let distance = squares / d - variance * variance;
    let noise = ((fourth - squares) / (n * d)).clamp(0.0, distance.max(0.0));
    (if noise > 0.0 { noise / distance } else { 0.0 }, variance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use linfa_linalg::eigh::Eigh;
    use ndarray::Axis;

    /// By its definition, with the covariance itself.
    fn by_definition(features: &Array2<f64>, labels: &[u8]) -> f64 {
        let data = Labelled::new(features.view(), labels, 1).unwrap();
        let (n, d) = (data.len() as f64, features.ncols() as f64);
        let centred = data.centred();
        let covariance = centred.t().dot(&centred) / n;
        let variance = covariance.diag().sum() / d;
        let squares: f64 = covariance.iter().map(|v| v * v).sum();
        let fourth: f64 = centred.rows().into_iter().map(|row| row.dot(&row).powi(2)).sum::<f64>() / n;
        let distance = squares / d - variance * variance;
        let share = ((fourth - squares) / (n * d)).clamp(0.0, distance) / distance;
        assert!(share > 0.0 && share < 1.0);
        let shrunk = covariance * (1.0 - share) + Array2::<f64>::eye(features.ncols()) * (share * variance);
        let mut means = data.class_means() - &features.mean_axis(Axis(0)).unwrap();
        for (mut mean, &count) in means.rows_mut().into_iter().zip(&data.counts) {
            mean *= (count as f64 / n).sqrt();
        }
        let (values, directions) = shrunk.eigh().unwrap();
        let along = directions.t().dot(&means.t());
        (1.0 - share) * along.rows().into_iter().zip(&values).map(|(row, value)| row.dot(&row) / value).sum::<f64>()
    }

    #[test]
    fn few_images_of_many_features_and_many_of_few_are_scored_as_the_definition_says() {
        for (n, d) in [(9, 40), (40, 9), (12, 12)] {
            let features = Array2::from_shape_fn((n, d), |(i, j)| ((i * 37 + j * 101 + i * j * 13) % 29) as f64 / 7.0);
            let labels: Vec<u8> = (0..n).map(|i| (i * i % 3) as u8).collect();
            let (ours, theirs) = (h_score(features.view(), &labels).unwrap(), by_definition(&features, &labels));
            assert!((ours - theirs).abs() < 1e-10 * theirs.abs().max(1.0), "{n} x {d}: {ours} {theirs}");
        }
        // 60,000 features: their covariance would have 29 GB.
        let wide = Array2::from_shape_fn((8, 60_000), |(i, j)| ((i * 7 + j) % 5) as f64);
        assert!(h_score(wide.view(), &[0, 0, 0, 0, 1, 1, 1, 1]).unwrap() >= 0.0);
    }

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
