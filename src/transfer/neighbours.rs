//! k nearest neighbours.

use ndarray::{Array1, ArrayView1, ArrayView2, Axis};

use super::input::Labelled;
use crate::error::{Error, Result};

/// Neighbours that are asked unless there are too few images of a class.
const USUAL: usize = 5;
/// Images whose distances to all others are held at once.
const AT_ONCE: usize = 256;

/// The fraction of images whose class most of their `k` nearest neighbours have, the image itself not among them: the
/// accuracy of the k-nearest-neighbours classifier by leave-one-out, from 0 to 1. Features are images x features;
/// distances are Euclidean, and of classes with as many neighbours the lowest counts.
///
/// # Errors
/// [`Error::Parameter`] when there is not a label for each image, fewer than two classes, when `k` is not from 1 to the
/// number of other images, or when features are not finite or do not vary.
pub fn nearest_neighbours(features: ArrayView2<f64>, labels: &[u8], k: usize) -> Result<f64> {
    let data = Labelled::new(features, labels, 1)?;
    let n = data.len();
    if k == 0 || k >= n {
        return Err(Error::parameter("k", format!("1 to {}, the other images", n - 1), k));
    }
    // Distances are differences of squares: around the mean they lose the fewest digits.
    let centred = data.centred();
    let squares: Array1<f64> = centred.rows().into_iter().map(|row| row.dot(&row)).collect();
    let mut right = 0;
    for first in (0..n).step_by(AT_ONCE) {
        let part = centred.slice(ndarray::s![first..(first + AT_ONCE).min(n), ..]);
        // The image's own square is the same for all its neighbours.
        let distances = &squares.view().insert_axis(Axis(0)) - &(2.0 * part.dot(&centred.t()));
        for (i, row) in distances.rows().into_iter().enumerate() {
            right += usize::from(most_common(row, first + i, k, &data) == data.labels[first + i]);
        }
    }
    Ok(right as f64 / n as f64)
}

/// As many neighbours as are usually asked, 5, or fewer where a class has no more images than that: else its images could
/// not have a majority.
pub(super) fn usual_k(labels: &[u8]) -> usize {
    let mut counts = [0usize; 256];
    labels.iter().for_each(|&label| counts[usize::from(label)] += 1);
    let least = counts.into_iter().filter(|&count| count > 0).min();
    least.map_or(1, |least| (least - 1).clamp(1, USUAL))
}

/// The class that most of the `k` nearest neighbours have.
fn most_common(distances: ArrayView1<f64>, own: usize, k: usize, data: &Labelled) -> usize {
    let mut others: Vec<usize> = (0..distances.len()).filter(|&i| i != own).collect();
    let by_distance = |&a: &usize, &b: &usize| distances[a].total_cmp(&distances[b]).then(a.cmp(&b));
    others.select_nth_unstable_by(k - 1, by_distance);
    let mut votes = vec![0; data.counts.len()];
    others[..k].iter().for_each(|&i| votes[data.labels[i]] += 1);
    (0..votes.len()).rev().max_by_key(|&class| votes[class]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn neighbours_vote_without_the_image_itself() {
        let features = array![[0.0], [0.1], [0.2], [1.0], [1.1], [0.15]];
        let labels = [0, 0, 0, 1, 1, 1];
        assert_eq!(nearest_neighbours(features.view(), &labels, 1).unwrap(), 3.0 / 6.0);
        assert_eq!(nearest_neighbours(features.view(), &labels, 3).unwrap(), 5.0 / 6.0);
        // All others: two of the own class against three, every time.
        assert_eq!(nearest_neighbours(features.view(), &labels, 5).unwrap(), 0.0);
        for k in [0, 6] {
            let error = nearest_neighbours(features.view(), &labels, k).unwrap_err().to_string();
            assert!(error.contains("`k`: expected 1 to 5"), "{error}");
        }
        let of = |counts: [usize; 2]| usual_k(&[vec![0; counts[0]], vec![3; counts[1]]].concat());
        assert_eq!((of([100, 200]), of([3, 9]), of([1, 9])), (5, 2, 1));
    }
}
