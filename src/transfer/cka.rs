//! Centred kernel alignment: how alike two layers are.

use ndarray::{ArrayView2, Axis};

use crate::error::{Error, Result};

/// Linear CKA (Kornblith and others 2019) of two layers' features of the same images (images x features each): from 0 to
/// 1, where one is the other turned, moved and scaled. Between a layer before and after fine-tuning it says how little the
/// layer has changed.
///
/// # Errors
/// [`Error::Parameter`] when the layers have not seen equally many images, or fewer than two, or when features are not finite or do not vary.
pub fn linear_cka(a: ArrayView2<f64>, b: ArrayView2<f64>) -> Result<f64> {
    if a.nrows() != b.nrows() {
        return Err(Error::parameter("features", format!("of {} images, as the first layer's", a.nrows()), b.nrows()));
    }
    if a.nrows() < 2 {
        return Err(Error::parameter("features", "of two images or more", a.nrows()));
    }
    let centred = |x: ArrayView2<f64>| &x - &x.mean_axis(Axis(0)).unwrap_or_default();
    let (a, b) = (centred(a), centred(b));
    let (n, wide) = (a.nrows(), a.ncols().max(b.ncols()));
    // The squared norms of products of features, or of images where those are fewer.
    let alignment = |x: &ndarray::Array2<f64>, y: &ndarray::Array2<f64>| -> f64 {
        match n < wide {
            true => (x.dot(&x.t()) * y.dot(&y.t())).sum(),
            false => x.t().dot(y).iter().map(|v| v * v).sum(),
        }
    };
    let own = (alignment(&a, &a) * alignment(&b, &b)).sqrt();
    if !(own.is_finite() && own > 0.0) {
        return Err(Error::parameter("features", "finite features that vary from image to image", own));
    }
    Ok((alignment(&a, &b) / own).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{array, Array2};

    #[test]
    fn a_layer_that_is_turned_moved_and_scaled_is_the_same_layer() {
        let a = array![[1.0, 2.0], [0.5, -1.0], [3.0, 0.0], [-2.0, 1.0]];
        let turned = a.dot(&array![[0.6, 0.8], [-0.8, 0.6]]) * 3.0 + 7.0;
        assert!((linear_cka(a.view(), turned.view()).unwrap() - 1.0).abs() < 1e-12);
        let other = array![[1.0], [1.0], [-1.0], [0.0]];
        assert!(linear_cka(a.view(), other.view()).unwrap() < 0.9);
        let constant = Array2::from_elem((4, 2), 1.0);
        assert!(linear_cka(a.view(), constant.view()).unwrap_err().to_string().contains("vary"));
        let (none, narrow) = (Array2::zeros((0, 2)), Array2::zeros((0, 1)));
        assert!(linear_cka(none.view(), narrow.view())
            .unwrap_err()
            .to_string()
            .contains("two images or more, found 0"));
        let no_numbers = Array2::zeros((4, 0));
        assert!(linear_cka(a.view(), no_numbers.view()).unwrap_err().to_string().contains("vary"));
        assert!(linear_cka(a.view(), array![[1.0]].view()).unwrap_err().to_string().contains("of 4 images"));
    }
}
