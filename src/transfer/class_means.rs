//! Nearest class mean.

use ndarray::ArrayView2;

use super::input::Labelled;
use crate::error::Result;

/// The fraction of images that are nearest to the mean of their own class, each left out of that mean: the accuracy of the
/// nearest-class-mean classifier by leave-one-out, from 0 to 1. Features are images x features; distances are Euclidean,
/// and of classes equally near the lowest counts.
///
/// # Errors
/// [`crate::error::Error::Parameter`] when there is not a label for each image, fewer than two classes, fewer than two
/// images of one, or when features are not finite or do not vary.
pub fn nearest_class_mean(features: ArrayView2<f64>, labels: &[u8]) -> Result<f64> {
    let data = Labelled::new(features, labels, 2)?;
    let means = data.class_means();
    let is_right = |&(row, &own): &(ndarray::ArrayView1<f64>, &usize)| {
        let distance = |class: usize| {
            let square: f64 = row.iter().zip(means.row(class)).map(|(a, b)| (a - b) * (a - b)).sum();
            // A mean without the image itself is further from it by n / (n - 1).
            let n = data.counts[class] as f64;
            if class == own {
                square * (n / (n - 1.0)).powi(2)
            } else {
                square
            }
        };
        let nearest = (0..data.counts.len()).min_by(|&a, &b| distance(a).total_cmp(&distance(b)));
        nearest == Some(own)
    };
    let right = data.features.rows().into_iter().zip(&data.labels).filter(is_right).count();
    Ok(right as f64 / data.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn an_image_does_not_count_towards_the_mean_it_is_compared_with() {
        // 0 is nearer to 0.5, the mean of its class with itself, than to -0.6, but not to 1, the mean without it.
        let features = array![[0.0], [1.0], [-0.6], [-0.6]];
        assert_eq!(nearest_class_mean(features.view(), &[0, 0, 1, 1]).unwrap(), 0.75);
        let error = nearest_class_mean(features.view(), &[0, 0, 0, 1]).unwrap_err().to_string();
        assert!(error.contains("2 images of each class or more, found 1 of class 1"), "{error}");
    }
}
