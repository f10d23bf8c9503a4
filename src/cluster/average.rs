//! Average linkage on cosine distance, in memory that grows with the vectors and not with their pairs.
//!
//! The mean cosine distance between the members of two clusters is 1 minus the product of their mean directions, so
//! that a cluster is its sum of unit vectors and its size, and no distance needs to be stored. Clusters are joined along
//! chains of nearest neighbours (Murtagh 1983). A nearest neighbour is looked for with a sketch of each mean: its
//! products with the few directions that hold most of the vectors, and the length of the rest. What two rests can add
//! is at most the product of their lengths, and only clusters that this bound does not rule out are compared in full.

use linfa_linalg::eigh::{EigSort, Eigh};
use ndarray::{Array2, ArrayView2};

use crate::error::{Error, Result};

/// Components of a sketch, beside the length of the rest.
const SKETCH: usize = 16;
/// Clusters whose bounds are computed together: few enough that they stay in the processor's first cache.
const LANE: usize = 512;
/// More than rounding to float32 can take off a bound.
const SLACK: f32 = 4e-6;

/// Joins unit vectors (vectors x channels) until one cluster is left. Merge i joins two clusters, the one with the lower
/// number first, into cluster n + i; merges come by distance.
///
/// # Errors
/// [`Error::Worker`] when the directions that hold most of the vectors cannot be found.
pub(super) fn merges(unit: &Array2<f64>) -> Result<Vec<(usize, usize)>> {
    let n = unit.nrows();
    let mut clusters = Clusters::new(unit)?;
    let mut found: Vec<(usize, usize, f64)> = Vec::with_capacity(n - 1);
    let mut chain: Vec<usize> = Vec::new();
    while found.len() + 1 < n {
        if chain.is_empty() {
            chain.push(clusters.first());
        }
        let (tip, before) = (chain[chain.len() - 1], chain.len().checked_sub(2).map(|i| chain[i]));
        let (nearest, product) = clusters.nearest(tip, before);
        if before == Some(nearest) {
            chain.truncate(chain.len() - 2);
            found.push((clusters.member[tip], clusters.member[nearest], 1.0 - product));
            clusters.join(tip, nearest);
            clusters.compact(&mut chain);
        } else {
            chain.push(nearest);
        }
    }
    found.sort_by(|a, b| a.2.total_cmp(&b.2));
    Ok(numbered(n, &found))
}

/// Gives merges, of a member of each part, the numbers of the clusters that these members are in by then.
fn numbered(n: usize, merges: &[(usize, usize, f64)]) -> Vec<(usize, usize)> {
    fn root(parent: &mut [usize], mut i: usize) -> usize {
        while parent[i] != i {
            parent[i] = parent[parent[i]];
            i = parent[i];
        }
        i
    }
    let mut parent: Vec<usize> = (0..n).collect();
    let mut numbered = Vec::with_capacity(merges.len());
    for &(a, b, _) in merges {
        let (a, b) = (root(&mut parent, a), root(&mut parent, b));
        let new = parent.len();
        parent.push(new);
        (parent[a], parent[b]) = (new, new);
        numbered.push((a.min(b), a.max(b)));
    }
    numbered
}

/// The clusters that are left, and those that have gone since the last compaction.
struct Clusters {
    channels: usize,
    /// Sum of each cluster's unit vectors: clusters x channels.
    sums: Vec<f64>,
    /// Members of each cluster; 0 where it has gone.
    sizes: Vec<f64>,
    /// One member of each cluster, by its number among the vectors.
    member: Vec<usize>,
    /// Components of the means, and the length of the rest: one list each, over clusters.
    sketch: Vec<Vec<f32>>,
    bounds: Vec<f32>,
    left: usize,
    first: usize,
}

impl Clusters {
    fn new(unit: &Array2<f64>) -> Result<Clusters> {
        let rotated = unit.dot(&directions(unit.view())?);
        let (n, channels) = rotated.dim();
        let mut clusters = Clusters {
            channels,
            sums: rotated.iter().copied().collect(),
            sizes: vec![1.0; n],
            member: (0..n).collect(),
            sketch: vec![vec![0.0; n]; SKETCH.min(channels) + 1],
            bounds: vec![0.0; n],
            left: n,
            first: 0,
        };
        (0..n).for_each(|i| clusters.draw(i));
        Ok(clusters)
    }

    fn sum(&self, i: usize) -> &[f64] {
        &self.sums[i * self.channels..(i + 1) * self.channels]
    }

    /// The first cluster that is left.
    fn first(&mut self) -> usize {
        while self.sizes[self.first] == 0.0 {
            self.first += 1;
        }
        self.first
    }

    /// Sketches a cluster's mean.
    fn draw(&mut self, i: usize) {
        let size = self.sizes[i];
        let (mut whole, mut drawn) = (0.0, 0.0);
        for channel in 0..self.channels {
            let mean = self.sums[i * self.channels + channel] / size;
            whole += mean * mean;
            if channel + 1 < self.sketch.len() {
                drawn += mean * mean;
                self.sketch[channel][i] = mean as f32;
            }
        }
        let rest = self.sketch.len() - 1;
        self.sketch[rest][i] = (whole - drawn).max(0.0).sqrt() as f32;
    }

    /// The product of two means.
    fn product(&self, a: usize, b: usize) -> f64 {
        let (mut sums, mut rest) = ([0.0; 8], 0.0);
        let (x, y) = (self.sum(a).chunks_exact(8), self.sum(b).chunks_exact(8));
        for (x, y) in x.remainder().iter().zip(y.remainder()) {
            rest += x * y;
        }
        for (x, y) in x.zip(y) {
            for i in 0..8 {
                sums[i] += x[i] * y[i];
            }
        }
        (sums.iter().sum::<f64>() + rest) / (self.sizes[a] * self.sizes[b])
    }

    /// The cluster nearest to `tip`, and the product of their means. Where several are as near it is `before`, if that is
    /// one of them, so that a chain ends.
    fn nearest(&mut self, tip: usize, before: Option<usize>) -> (usize, f64) {
        let query: Vec<f32> = self.sketch.iter().map(|row| row[tip]).collect();
        let mut bounds = std::mem::take(&mut self.bounds);
        let mut best = before.map_or((usize::MAX, f64::NEG_INFINITY), |b| (b, self.product(tip, b)));
        // The most promising cluster first: it rules out the most of the others.
        let (mut highest, mut at) = (f32::NEG_INFINITY, 0);
        let mut peaks = Vec::with_capacity(bounds.len() / LANE + 1);
        for (lane, out) in bounds.chunks_mut(LANE).enumerate() {
            out.fill(SLACK);
            let columns = lane * LANE..lane * LANE + out.len();
            for (row, &q) in self.sketch.iter().zip(&query) {
                for (bound, &component) in out.iter_mut().zip(&row[columns.clone()]) {
                    *bound += q * component;
                }
            }
            if columns.contains(&tip) {
                out[tip - columns.start] = f32::NEG_INFINITY;
            }
            let peak = out.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            if peak > highest {
                highest = peak;
                at = columns.start + out.iter().position(|&b| b == peak).unwrap_or(0);
            }
            peaks.push(peak);
        }
        let mut look = |i: usize| {
            if i != tip && self.sizes[i] > 0.0 {
                let product = self.product(tip, i);
                if product > best.1 {
                    best = (i, product);
                }
            }
            best.1 as f32
        };
        let mut least = look(at);
        for ((lane, &peak), bounds) in peaks.iter().enumerate().zip(bounds.chunks(LANE)) {
            if peak >= least {
                for (i, &bound) in bounds.iter().enumerate() {
                    if bound >= least {
                        least = look(lane * LANE + i);
                    }
                }
            }
        }
        self.bounds = bounds;
        best
    }

    /// Joins two clusters; the one that comes later stands for both.
    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (a.min(b), a.max(b));
        let (left, right) = self.sums.split_at_mut(b * self.channels);
        for (x, y) in right.iter_mut().zip(&left[a * self.channels..(a + 1) * self.channels]) {
            *x += y;
        }
        self.sizes[b] += self.sizes[a];
        self.sizes[a] = 0.0;
        for row in &mut self.sketch {
            row[a] = 0.0;
        }
        self.draw(b);
        self.left -= 1;
    }

    /// Drops clusters that have gone, once they are a quarter, and renumbers the chain.
    fn compact(&mut self, chain: &mut [usize]) {
        let n = self.sizes.len();
        if 4 * self.left > 3 * n {
            return;
        }
        let keep: Vec<usize> = (0..n).filter(|&i| self.sizes[i] > 0.0).collect();
        let mut place = vec![0; n];
        for (new, &old) in keep.iter().enumerate() {
            place[old] = new;
            self.sums.copy_within(old * self.channels..(old + 1) * self.channels, new * self.channels);
            (self.sizes[new], self.member[new]) = (self.sizes[old], self.member[old]);
            for row in &mut self.sketch {
                row[new] = row[old];
            }
        }
        self.sums.truncate(keep.len() * self.channels);
        self.sizes.truncate(keep.len());
        self.member.truncate(keep.len());
        self.bounds.truncate(keep.len());
        self.sketch.iter_mut().for_each(|row| row.truncate(keep.len()));
        chain.iter_mut().for_each(|i| *i = place[*i]);
        self.first = 0;
    }
}

/// Orthogonal directions (channels x channels), those first that hold most of the vectors.
fn directions(unit: ArrayView2<f64>) -> Result<Array2<f64>> {
    let failed = |e| Error::Worker(format!("average linkage: {e}"));
    Ok(unit.t().dot(&unit).eigh().map_err(failed)?.sort_eig_desc().1)
}
