//! LEEP.

use ndarray::{Array2, ArrayView2, Axis};

use crate::error::{Error, Result};

/// LEEP (Nguyen and others 2020): the mean log probability of the labels under the classifier that reads a target class
/// off the source network's own class probabilities (images x source classes). 0 or less; higher is better.
///
/// It knows nothing of layers: it compares source networks for a target task, not cuts of one.
///
/// # Errors
/// [`Error::Parameter`] when there are no images, when there is not a label for each, or when a row is not one of
/// probabilities that add up to 1.
pub fn leep(probabilities: ArrayView2<f64>, labels: &[u8]) -> Result<f64> {
    let n = probabilities.nrows();
    if n == 0 || labels.len() != n {
        return Err(Error::parameter("labels", format!("a label for each of {n} images"), labels.len()));
    }
    let is_wrong =
        |row: &ndarray::ArrayView1<f64>| row.iter().any(|p| !(0.0..=1.0).contains(p)) || (row.sum() - 1.0).abs() > 1e-4;
    if let Some(row) = probabilities.rows().into_iter().find(is_wrong) {
        return Err(Error::parameter("probabilities", "rows of probabilities that add up to 1", row));
    }
    let classes = labels.iter().max().map_or(0, |&most| usize::from(most) + 1);
    // How probable each target class is, given the source class: the joint distribution over its margin.
    let mut given = Array2::<f64>::zeros((classes, probabilities.ncols()));
    for (row, &label) in probabilities.rows().into_iter().zip(labels) {
        let mut of_label = given.row_mut(usize::from(label));
        of_label += &row;
    }
    // A source class that no image is given any probability of says nothing; its column stays zero.
    let margins = given.sum_axis(Axis(0)).mapv(|sum| if sum > 0.0 { sum } else { 1.0 });
    given /= &margins;
    let log = |(row, &label): (ndarray::ArrayView1<f64>, &u8)| row.dot(&given.row(usize::from(label))).ln();
    Ok(probabilities.rows().into_iter().zip(labels).map(log).sum::<f64>() / n as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn source_classes_that_are_target_classes_leave_nothing_to_guess() {
        let sure = array![[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
        assert_eq!(leep(sure.view(), &[0, 1, 0, 1]).unwrap(), 0.0);
        // One source class for all: only the fractions of the labels are known.
        let none = array![[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]];
        assert!((leep(none.view(), &[0, 1, 0, 1]).unwrap() - 0.5f64.ln()).abs() < 1e-15);
        let error = leep(array![[0.5, 0.1]].view(), &[0]).unwrap_err().to_string();
        assert!(error.contains("`probabilities`") && error.contains("0.5"), "{error}");
        assert!(leep(none.view(), &[0]).unwrap_err().to_string().contains("a label for each of 4 images, found 1"));
    }
}
