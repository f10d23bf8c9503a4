//! Agglomerative clustering: every vector begins as a cluster, and the two nearest clusters join until few are left.
//!
//! Average linkage needs memory for the vectors only; see [`average`]. For the others it is that of the distances of
//! all pairs, each held once (n (n - 1) / 2 of 8 bytes).

use kodama::Method;
use ndarray::linalg::general_mat_mul;
use ndarray::{s, Array2, ArrayView2};

use super::average;
use crate::error::{Error, Result};
use crate::runtime::threads;

/// Rows of distances computed at once: enough for a fast matrix product, few enough to stay in the cache.
const ROWS: usize = 64;

/// Groups vectors into clusters, numbered as scikit-learn numbers them.
pub(super) fn cluster(vectors: ArrayView2<f64>, clusters: usize, method: Method) -> Result<Vec<usize>> {
    let n = vectors.nrows();
    let merges = match method {
        Method::Average => average::merges(&unit(vectors)?)?,
        Method::Ward => joined(euclidean(vectors), n, method),
        _ => joined(cosine(vectors)?, n, method),
    };
    Ok(cut(n, &merges, clusters))
}

fn joined(mut distances: Vec<f64>, n: usize, method: Method) -> Vec<(usize, usize)> {
    kodama::linkage(&mut distances, n, method).steps().iter().map(|s| (s.cluster1, s.cluster2)).collect()
}

/// Takes the last merges of a dendrogram back until there are `clusters` clusters. Merge i joined two clusters into
/// cluster n + i.
///
/// A cluster's number is its place in a heap of the clusters, the latest first, from which the latest is split again
/// and again: scikit-learn's numbers, which published accuracies depend on.
fn cut(n: usize, merges: &[(usize, usize)], clusters: usize) -> Vec<usize> {
    let mut heap = vec![n + merges.len() - 1];
    while heap.len() < clusters {
        let (a, b) = merges[heap[0] - n];
        heap.push(a);
        let mut child = heap.len() - 1;
        while child > 0 && heap[child] > heap[(child - 1) / 2] {
            heap.swap(child, (child - 1) / 2);
            child = (child - 1) / 2;
        }
        // The latest of all makes room for b, unless b is later still, which a part never is.
        heap[0] = b;
        sink(&mut heap);
    }
    let mut number = vec![None; n + merges.len()];
    for (i, &cluster) in heap.iter().enumerate() {
        number[cluster] = Some(i);
    }
    // A merge has a higher number than its parts, so that going down every whole is known before its parts.
    for (i, &(a, b)) in merges.iter().enumerate().rev() {
        if let Some(whole) = number[n + i] {
            (number[a], number[b]) = (Some(whole), Some(whole));
        }
    }
    number[..n].iter().map(|of| of.unwrap_or(0)).collect()
}

/// Moves the first element of a heap, the highest first, to its place, as Python's `heapq` does: down along the higher
/// children to the bottom, then up.
fn sink(heap: &mut [usize]) {
    let mut at = 0;
    while 2 * at + 1 < heap.len() {
        let (left, right) = (2 * at + 1, 2 * at + 2);
        let child = if right < heap.len() && heap[right] > heap[left] { right } else { left };
        heap.swap(at, child);
        at = child;
    }
    while at > 0 && heap[at] > heap[(at - 1) / 2] {
        heap.swap(at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

/// The vectors at length 1.
fn unit(vectors: ArrayView2<f64>) -> Result<Array2<f64>> {
    let mut unit = vectors.to_owned();
    for (i, mut row) in unit.rows_mut().into_iter().enumerate() {
        let norm = row.dot(&row).sqrt();
        if norm == 0.0 {
            return Err(Error::clustering("vectors", "vectors that are not all zeros, for the cosine distance", i));
        }
        row /= norm;
    }
    Ok(unit)
}

/// 1 minus the cosine of the angle between each two vectors, as a condensed matrix.
fn cosine(vectors: ArrayView2<f64>) -> Result<Vec<f64>> {
    Ok(condensed(&unit(vectors)?, |_, _, product| 1.0 - product))
}

/// The Euclidean distance between each two vectors, as a condensed matrix.
fn euclidean(vectors: ArrayView2<f64>) -> Vec<f64> {
    let vectors = vectors.to_owned();
    let squares: Vec<f64> = vectors.rows().into_iter().map(|r| r.dot(&r)).collect();
    condensed(&vectors, |i, j, product| (squares[i] + squares[j] - 2.0 * product).max(0.0).sqrt())
}

/// Fills a condensed matrix from the products of each two rows, row block by row block, on every core.
fn condensed(rows: &Array2<f64>, distance: impl Fn(usize, usize, f64) -> f64 + Sync) -> Vec<f64> {
    let n = rows.nrows();
    let mut out = vec![0.0; n * n.saturating_sub(1) / 2];
    // Each block of rows owns a stretch of the matrix; the stretches are dealt out like cards, as early ones are longer.
    let mut stretches = Vec::new();
    let mut rest = out.as_mut_slice();
    for first in (0..n).step_by(ROWS) {
        let last = (first + ROWS).min(n);
        let length = (first..last).map(|i| n - 1 - i).sum();
        let (stretch, after) = rest.split_at_mut(length);
        stretches.push((first, last, stretch));
        rest = after;
    }
    let workers = threads::cores();
    let mut hands: Vec<Vec<_>> = (0..workers).map(|_| Vec::new()).collect();
    for (i, stretch) in stretches.into_iter().enumerate() {
        hands[i % workers].push(stretch);
    }
    std::thread::scope(|scope| {
        for hand in hands {
            let distance = &distance;
            scope.spawn(move || {
                let mut products = Array2::zeros((ROWS, n));
                for (first, last, stretch) in hand {
                    let mut block = products.slice_mut(s![..last - first, first..]);
                    general_mat_mul(
                        1.0,
                        &rows.slice(s![first..last, ..]),
                        &rows.slice(s![first.., ..]).t(),
                        0.0,
                        &mut block,
                    );
                    let pairs = (first..last).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
                    for (out, (i, j)) in stretch.iter_mut().zip(pairs) {
                        *out = distance(i, j, block[[i - first, j - first]]);
                    }
                }
            });
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn distances_are_those_of_their_definitions() {
        let vectors = array![[3.0, 4.0], [4.0, -3.0], [-6.0, -8.0], [0.0, 2.0]];
        let close = |a: &[f64], b: &[f64]| assert!(a.iter().zip(b).all(|(x, y)| (x - y).abs() < 1e-12), "{a:?} {b:?}");
        close(&cosine(vectors.view()).unwrap(), &[1.0, 2.0, 0.2, 1.0, 1.6, 1.8]);
        close(&euclidean(vectors.view())[..2], &[50f64.sqrt(), 15.0]);
        let error = cosine(array![[1.0, 0.0], [0.0, 0.0]].view()).unwrap_err().to_string();
        assert!(error.contains("all zeros") && error.ends_with("found 1"), "{error}");
    }

    #[test]
    fn taking_merges_back_leaves_their_parts() {
        let merges = [(1, 3), (0, 4), (2, 5), (6, 7)];
        assert_eq!(cut(5, &merges, 1), [0; 5]);
        assert_eq!(cut(5, &merges, 2), [1, 0, 0, 0, 1]);
        assert_eq!(cut(5, &merges, 3).iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
        let four = cut(5, &merges, 4);
        assert!(four[1] == four[3] && four[0] != four[4] && four[2] != four[1], "{four:?}");
    }
}
