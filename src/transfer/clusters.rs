//! The study's own sign: clusters that are classes.

use ndarray::ArrayView2;

use super::input::Labelled;
use crate::cluster::{Algorithm, Contingency};
use crate::error::Result;

/// The adjusted Rand index (Hubert and Arabie 1985) of classes and of as many clusters of the features (images x
/// features), by average linkage on cosine distance as in the published study: 0 by chance, 1 where clusters are classes.
/// Images whose features are all zero have no direction and are left out.
///
/// # Errors
/// [`crate::error::Error::Parameter`] when there is not a label for each image, fewer than two classes, no more images than
/// classes, or when features are not finite or do not vary.
pub fn cluster_agreement(features: ArrayView2<f64>, labels: &[u8]) -> Result<f64> {
    let data = Labelled::new(features, labels, 1)?;
    let kept: Vec<usize> = (0..data.len()).filter(|&i| features.row(i).iter().any(|&v| v != 0.0)).collect();
    let vectors = features.select(ndarray::Axis(0), &kept);
    let classes: Vec<u8> = kept.iter().map(|&i| labels[i]).collect();
    let clusters = Algorithm::Average.cluster_here(vectors.view(), data.counts.len(), 0)?;
    Ok(Contingency::new(&clusters, &classes)?.ari())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn directions_that_are_classes_score_1_and_images_without_a_direction_are_left_out() {
        let features = array![[1.0, 0.1], [0.1, 1.0], [2.0, 0.1], [0.2, 3.0], [0.0, 0.0]];
        assert_eq!(cluster_agreement(features.view(), &[0, 1, 0, 1, 0]).unwrap(), 1.0);
        assert!(cluster_agreement(features.view(), &[0, 0, 1, 1, 0]).unwrap() < 0.1);
    }
}
