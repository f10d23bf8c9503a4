//! Singular values and vectors of a feature matrix, by way of its smaller Gram matrix.

use linfa_linalg::eigh::{EigSort, EigValsh, Eigh};
use ndarray::{Array1, Array2, ArrayView2};

use crate::error::{Error, Result};

/// The part of a matrix that is not zero: `values` are the squares of its singular values, highest first, and `left` its
/// left singular vectors (rows x values).
pub(super) struct Spectrum {
    pub values: Array1<f64>,
    pub left: Array2<f64>,
}

impl Spectrum {
    /// Of a matrix, rows x columns. Directions whose share is rounding noise are left out.
    pub fn new(matrix: ArrayView2<f64>) -> Result<Spectrum> {
        let wide = matrix.nrows() <= matrix.ncols();
        let gram = if wide { matrix.dot(&matrix.t()) } else { matrix.t().dot(&matrix) };
        let (values, vectors) = gram.eigh().map_err(failed)?.sort_eig_desc();
        let kept = rank(&values, matrix.nrows().max(matrix.ncols()));
        let values = values.slice(ndarray::s![..kept]).to_owned();
        let vectors = vectors.slice(ndarray::s![.., ..kept]);
        let left = if wide { vectors.to_owned() } else { matrix.dot(&vectors) / values.mapv(f64::sqrt) };
        Ok(Spectrum { values, left })
    }
}

/// How many of the eigenvalues of a Gram matrix, highest first, are more than the rounding of a matrix with that many
/// rows or columns.
fn rank(values: &Array1<f64>, size: usize) -> usize {
    let least = values.first().map_or(0.0, |top| top * size as f64 * f64::EPSILON);
    values.iter().take_while(|&&v| v > least).count()
}

/// The logarithm of det(I + `scale` X'X) for X, rows x columns: of the smaller Gram matrix, which has the same.
pub(super) fn log_det_identity_plus(matrix: ArrayView2<f64>, scale: f64) -> Result<f64> {
    let wide = matrix.nrows() <= matrix.ncols();
    let gram = if wide { matrix.dot(&matrix.t()) } else { matrix.t().dot(&matrix) };
    let values = gram.eigvalsh().map_err(failed)?;
    Ok(values.iter().map(|v| (scale * v.max(0.0)).ln_1p()).sum())
}

fn failed(error: linfa_linalg::LinalgError) -> Error {
    Error::Worker(format!("eigenvalues of features: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn tall_and_wide_matrices_have_the_same_values_and_noise_is_left_out() {
        // The third column is the sum of the others: of rank 2.
        let tall = array![[1.0, 0.0, 1.0], [0.0, 2.0, 2.0], [1.0, 1.0, 2.0], [3.0, 0.0, 3.0]];
        let (a, b) = (Spectrum::new(tall.view()).unwrap(), Spectrum::new(tall.t()).unwrap());
        assert_eq!((a.values.len(), b.values.len()), (2, 2));
        assert!((&a.values - &b.values).iter().all(|d| d.abs() < 1e-12));
        for spectrum in [a, b] {
            let unit = spectrum.left.t().dot(&spectrum.left) - Array2::<f64>::eye(2);
            assert!(unit.iter().all(|d| d.abs() < 1e-12), "{unit}");
        }
        // det(I + X'X) of one row (1, 2) is 1 + 5.
        let row = array![[1.0, 2.0]];
        assert!((log_det_identity_plus(row.view(), 1.0).unwrap() - 6f64.ln()).abs() < 1e-15);
        assert!((log_det_identity_plus(row.t(), 1.0).unwrap() - 6f64.ln()).abs() < 1e-15);
    }
}
