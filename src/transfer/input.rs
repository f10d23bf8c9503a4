//! Features and labels, checked once for every score.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use crate::error::{Error, Result};

/// The features of a layer with the class of each image, fit to be scored.
pub(super) struct Labelled<'a> {
    /// Images x features.
    pub features: ArrayView2<'a, f64>,
    /// The class of each image: a position in `counts`.
    pub labels: Vec<usize>,
    /// Images of each class that occurs, none of them zero.
    pub counts: Vec<usize>,
}

impl<'a> Labelled<'a> {
    /// Checks features (images x features) and the label of each image; labels may leave numbers out.
    ///
    /// # Errors
    /// [`Error::Parameter`] when there is not a label for each image, fewer than two classes, fewer than `of_each` images
    /// of a class, a feature that is not finite, or none that varies.
    pub fn new(features: ArrayView2<'a, f64>, labels: &[u8], of_each: usize) -> Result<Self> {
        let n = features.nrows();
        if labels.len() != n {
            return Err(Error::parameter("labels", format!("a label for each of {n} images"), labels.len()));
        }
        let mut present = labels.to_vec();
        present.sort_unstable();
        present.dedup();
        if present.len() < 2 {
            return Err(Error::parameter("labels", "images of two classes or more", present.len()));
        }
        let mut counts = vec![0; present.len()];
        let position = |label: &u8| present.binary_search(label).unwrap_or_default();
        let labels: Vec<usize> = labels.iter().map(position).collect();
        labels.iter().for_each(|&class| counts[class] += 1);
        if let Some((class, &count)) = counts.iter().enumerate().find(|(_, &count)| count < of_each) {
            let found = format!("{count} of class {}", present[class]);
            return Err(Error::parameter("labels", format!("{of_each} images of each class or more"), found));
        }
        if let Some(bad) = features.iter().find(|v| !v.is_finite()) {
            return Err(Error::parameter("features", "finite numbers", bad));
        }
        let varies = |column: ndarray::ArrayView1<f64>| column.iter().any(|&v| v != column[0]);
        if !features.columns().into_iter().any(varies) {
            let found = format!("{} that are the same for all images", features.ncols());
            return Err(Error::parameter("features", "features that vary from image to image", found));
        }
        Ok(Labelled { features, labels, counts })
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// The features less their means (images x features).
    pub fn centred(&self) -> Array2<f64> {
        &self.features - &self.features.mean_axis(Axis(0)).unwrap_or_default()
    }

    /// The mean feature vector of each class (classes x features).
    pub fn class_means(&self) -> Array2<f64> {
        let mut means = Array2::zeros((self.counts.len(), self.features.ncols()));
        for (row, &class) in self.features.rows().into_iter().zip(&self.labels) {
            let mut mean = means.row_mut(class);
            mean += &row;
        }
        let counts: Array1<f64> = self.counts.iter().map(|&count| count as f64).collect();
        means / counts.insert_axis(Axis(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn labels_may_leave_numbers_out_and_what_cannot_be_scored_is_refused() {
        let features = array![[1.0, 0.0], [3.0, 0.0], [5.0, 0.0]];
        let data = Labelled::new(features.view(), &[7, 2, 7], 1).unwrap();
        assert_eq!((data.labels.clone(), data.counts.clone(), data.len()), (vec![1, 0, 1], vec![1, 2], 3));
        assert_eq!(data.class_means(), array![[3.0, 0.0], [3.0, 0.0]]);
        assert_eq!(data.centred(), array![[-2.0, 0.0], [0.0, 0.0], [2.0, 0.0]]);
        let refused = |features: &Array2<f64>, labels: &[u8], of_each| {
            Labelled::new(features.view(), labels, of_each).err().map(|e| e.to_string()).unwrap_or_default()
        };
        for (error, part) in [
            (refused(&features, &[1, 2], 1), "a label for each of 3 images, found 2"),
            (refused(&features, &[1, 1, 1], 1), "two classes or more, found 1"),
            (refused(&features, &[7, 2, 7], 2), "2 images of each class or more, found 1 of class 2"),
            (refused(&array![[1.0], [f64::NAN], [0.0]], &[0, 1, 0], 1), "finite numbers, found NaN"),
            (refused(&array![[1.0], [1.0], [1.0]], &[0, 1, 0], 1), "vary from image to image"),
        ] {
            assert!(error.contains(part), "{error}: {part}");
        }
    }
}
