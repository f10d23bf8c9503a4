//! How well clusters and classes agree.

use std::fmt;
use std::str::FromStr;

use ndarray::{Array2, ArrayView2};
use pathfinding::kuhn_munkres::kuhn_munkres;
use pathfinding::matrix::Matrix;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How clusterings are scored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scoring {
    /// Precision and recall over pairs of two different samples, accuracy under the best matching.
    #[default]
    Sound,
    /// As published, for comparison: precision and recall over ordered pairs, each sample with itself among them, halved
    /// and rounded down, which flatters; accuracy with the matching read the wrong way round, which does not.
    Published,
}

impl fmt::Display for Scoring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Scoring::Sound => "sound",
            Scoring::Published => "published",
        })
    }
}

impl FromStr for Scoring {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        match s {
            "sound" => Ok(Scoring::Sound),
            "published" => Ok(Scoring::Published),
            _ => Err(Error::parameter("scoring", "sound or published", s)),
        }
    }
}

/// How many samples of each class are in each cluster. Every score of agreement follows from this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contingency {
    /// Clusters x classes.
    counts: Array2<u64>,
}

/// Scores of one clustering. All are 1 where clusters are classes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Of the pairs in one cluster, the fraction that is of one class, from 0 to 1.
    #[serde(rename = "Precision")]
    pub precision: f64,
    /// Of the pairs of one class, the fraction that is in one cluster, from 0 to 1.
    #[serde(rename = "Recall")]
    pub recall: f64,
    /// The fraction of samples in the cluster that is matched to their class, from 0 to 1.
    #[serde(rename = "Accuracy")]
    pub accuracy: f64,
    /// The adjusted Rand index (Hubert and Arabie 1985): 0 is chance, 1 the most.
    #[serde(rename = "ARI")]
    pub ari: f64,
}

impl Contingency {
    /// Counts samples by cluster and class.
    ///
    /// # Errors
    /// [`Error::Parameter`] when there are no samples, or not as many clusters as labels.
    pub fn new(clusters: &[usize], labels: &[u8]) -> Result<Self> {
        if clusters.len() != labels.len() || clusters.is_empty() {
            let found = format!("{} and {}", clusters.len(), labels.len());
            return Err(Error::parameter("labels", "a cluster and a class for each sample", found));
        }
        let rows = clusters.iter().max().map_or(0, |m| m + 1);
        let columns = labels.iter().max().map_or(0, |&m| usize::from(m) + 1);
        let mut counts = Array2::zeros((rows, columns));
        for (&cluster, &label) in clusters.iter().zip(labels) {
            counts[[cluster, usize::from(label)]] += 1;
        }
        Ok(Contingency { counts })
    }

    /// Of counts by cluster and class: clusters x classes.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the rows are not of one length, or nothing is counted.
    pub fn from_counts(counts: &[Vec<u64>]) -> Result<Self> {
        let columns = counts.first().map_or(0, Vec::len);
        let wrong = || Error::parameter("counts", "rows of one length, with samples", format!("{counts:?}"));
        if counts.iter().any(|r| r.len() != columns) || counts.iter().flatten().sum::<u64>() == 0 {
            return Err(wrong());
        }
        let counts = Array2::from_shape_vec((counts.len(), columns), counts.concat()).map_err(|_| wrong())?;
        Ok(Contingency { counts })
    }

    /// Samples by cluster and class: clusters x classes.
    pub fn counts(&self) -> &Array2<u64> {
        &self.counts
    }

    fn clusters(&self) -> Vec<u64> {
        self.counts.rows().into_iter().map(|r| r.sum()).collect()
    }

    fn classes(&self) -> Vec<u64> {
        self.counts.columns().into_iter().map(|c| c.sum()).collect()
    }

    /// The class that each cluster is matched to: the assignment, one to one, under which most samples agree.
    /// `None` for a cluster that is left over.
    pub fn matching(&self) -> Vec<Option<usize>> {
        let (rows, columns) = self.counts.dim();
        let weight = |a: usize, b: usize| self.counts[[a, b]] as i64;
        if rows <= columns {
            let weights = Matrix::from_fn(rows, columns, |(r, c)| weight(r, c));
            return kuhn_munkres(&weights).1.into_iter().map(Some).collect();
        }
        let weights = Matrix::from_fn(columns, rows, |(c, r)| weight(r, c));
        let mut of_cluster = vec![None; rows];
        for (class, cluster) in kuhn_munkres(&weights).1.into_iter().enumerate() {
            of_cluster[cluster] = Some(class);
        }
        of_cluster
    }

    /// The fraction of samples in the cluster that is matched to their class, from 0 to 1. As published, the matching is
    /// read the wrong way round, so that where three clusters or more change places it is not the best one.
    pub fn accuracy(&self, scoring: Scoring) -> f64 {
        let matching = self.matching().into_iter().enumerate();
        let pairs = matching.filter_map(|(cluster, class)| Some((cluster, class?)));
        let agree = |(cluster, class): (usize, usize)| match scoring {
            Scoring::Sound => self.counts[[cluster, class]],
            Scoring::Published => self.counts.get([class, cluster]).copied().unwrap_or(0),
        };
        pairs.map(agree).sum::<u64>() as f64 / self.counts.sum() as f64
    }

    /// Pairwise precision and recall, from 0 to 1; NaN where there is no pair to take a fraction of.
    pub fn precision_recall(&self, scoring: Scoring) -> (f64, f64) {
        let pairs = |sizes: &mut dyn Iterator<Item = u64>| match scoring {
            Scoring::Sound => sizes.map(|n| n * n.saturating_sub(1) / 2).sum::<u64>(),
            Scoring::Published => sizes.map(|n| n * n).sum::<u64>() / 2,
        };
        let both = pairs(&mut self.counts.iter().copied()) as f64;
        let share = |all: Vec<u64>| both / pairs(&mut all.into_iter()) as f64;
        (share(self.clusters()), share(self.classes()))
    }

    /// The adjusted Rand index (Hubert and Arabie 1985): 1 where clusters are classes, 0 on average by chance.
    pub fn ari(&self) -> f64 {
        let pairs = |n: &u64| (n * n.saturating_sub(1) / 2) as f64;
        let both: f64 = self.counts.iter().map(pairs).sum();
        let clusters: f64 = self.clusters().iter().map(pairs).sum();
        let classes: f64 = self.classes().iter().map(pairs).sum();
        let expected = clusters * classes / pairs(&self.counts.sum());
        let most = (clusters + classes) / 2.0;
        // One cluster and one class, or nothing but clusters and classes of one: they agree.
        if both == clusters && both == classes {
            return 1.0;
        }
        (both - expected) / (most - expected)
    }

    /// The mutual information of clusters and classes over the mean of their entropies, from 0 to 1.
    pub fn nmi(&self) -> f64 {
        let n = self.counts.sum() as f64;
        let (clusters, classes) = (self.clusters(), self.classes());
        let entropy = |sizes: &[u64]| -> f64 {
            sizes.iter().filter(|&&s| s > 0).map(|&s| s as f64 / n).map(|p| -p * p.ln()).sum()
        };
        let shared: f64 = self
            .counts
            .indexed_iter()
            .filter(|(_, &count)| count > 0)
            .map(|((i, j), &count)| {
                let count = count as f64;
                count / n * (count * n / (clusters[i] as f64 * classes[j] as f64)).ln()
            })
            .sum();
        let mean = (entropy(&clusters) + entropy(&classes)) / 2.0;
        if mean == 0.0 {
            return 1.0;
        }
        (shared / mean).clamp(0.0, 1.0)
    }

    /// The four published scores.
    pub fn scores(&self, scoring: Scoring) -> Scores {
        let (precision, recall) = self.precision_recall(scoring);
        Scores { precision, recall, accuracy: self.accuracy(scoring), ari: self.ari() }
    }
}

/// The mean silhouette (Rousseeuw 1987) under the cosine distance, from -1 to 1; `None` where fewer than two clusters
/// have members. A vector alone in its cluster counts as 0.
///
/// The mean cosine distance of a vector to a cluster is 1 minus its product with the cluster's mean direction, so that
/// no pair is ever looked at. Vectors (vectors x channels) must not be all zeros.
pub fn silhouette(vectors: ArrayView2<f64>, clusters: &[usize]) -> Option<f64> {
    let count = clusters.iter().max().map_or(0, |m| m + 1);
    let mut unit = vectors.to_owned();
    let mut sums = Array2::<f64>::zeros((count, unit.ncols()));
    let mut sizes = vec![0usize; count];
    for (mut row, &cluster) in unit.rows_mut().into_iter().zip(clusters) {
        let norm = row.dot(&row).sqrt();
        row /= norm;
        let mut sum = sums.row_mut(cluster);
        sum += &row;
        sizes[cluster] += 1;
    }
    if sizes.iter().filter(|&&s| s > 0).count() < 2 || unit.nrows() != clusters.len() {
        return None;
    }
    let of_vector = |(row, &own): (ndarray::ArrayView1<f64>, &usize)| {
        if sizes[own] == 1 {
            return 0.0;
        }
        // To itself the distance is 0, and it is not one of the others.
        let within = (sizes[own] as f64 - row.dot(&sums.row(own))) / (sizes[own] - 1) as f64;
        let other = |c: usize| 1.0 - row.dot(&sums.row(c)) / sizes[c] as f64;
        let nearest = (0..count).filter(|&c| c != own && sizes[c] > 0).map(other).fold(f64::INFINITY, f64::min);
        let most = within.max(nearest);
        if most == 0.0 {
            0.0
        } else {
            (nearest - within) / most
        }
    };
    Some(unit.rows().into_iter().zip(clusters).map(of_vector).sum::<f64>() / clusters.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn contingency(clusters: &[usize], labels: &[u8]) -> Contingency {
        Contingency::new(clusters, labels).unwrap()
    }

    /// By hand: 4 + 1 pairs in one cluster and class of 6 + 1 + 1 in one cluster and 3 + 3 + 1 of one class.
    #[test]
    fn scores_of_a_small_clustering_worked_out_by_hand() {
        let c = contingency(&[0, 0, 0, 0, 1, 1, 2, 2], &[0, 0, 0, 1, 1, 1, 2, 2]);
        assert_eq!(c.matching(), [Some(0), Some(1), Some(2)]);
        assert_eq!(c.accuracy(Scoring::Sound), 7.0 / 8.0);
        assert_eq!(c.precision_recall(Scoring::Sound), (5.0 / 8.0, 5.0 / 7.0));
        // 9 + 1 + 4 + 4 = 18 of 16 + 4 + 4 = 24 and of 9 + 9 + 4 = 22, halved.
        assert_eq!(c.precision_recall(Scoring::Published), (9.0 / 12.0, 9.0 / 11.0));
        assert!((c.ari() - (5.0 - 2.0) / (7.5 - 2.0)).abs() < 1e-15);
    }

    #[test]
    fn clusters_that_are_classes_score_1_whatever_they_are_called() {
        let c = contingency(&[2, 2, 0, 0, 1, 1], &[0, 0, 1, 1, 2, 2]);
        let scores = c.scores(Scoring::Sound);
        assert_eq!((scores.accuracy, scores.precision, scores.recall, scores.ari), (1.0, 1.0, 1.0, 1.0));
        assert!((c.nmi() - 1.0).abs() < 1e-15);
        assert_eq!(contingency(&[0, 0], &[0, 0]).ari(), 1.0);
    }

    #[test]
    fn more_clusters_than_classes_leave_some_unmatched_and_fewer_are_all_matched() {
        let c = contingency(&[0, 1, 2, 2, 2], &[0, 0, 1, 1, 1]);
        assert_eq!(c.matching().iter().filter(|m| m.is_none()).count(), 1);
        assert_eq!(c.accuracy(Scoring::Sound), 0.8);
        let c = contingency(&[0, 0, 0, 0, 0], &[0, 0, 1, 1, 2]);
        assert_eq!(c.accuracy(Scoring::Sound), 0.4);
        assert!(Contingency::new(&[0], &[]).is_err() && Contingency::new(&[], &[]).is_err());
    }

    #[test]
    fn silhouettes_of_opposite_groups_are_near_1_and_of_one_group_none() {
        let vectors = array![[1.0, 0.1], [1.0, 0.0], [-1.0, 0.1], [-2.0, 0.0]];
        assert!(silhouette(vectors.view(), &[0, 0, 1, 1]).unwrap() > 0.99);
        assert!(silhouette(vectors.view(), &[0, 1, 0, 1]).unwrap() < -0.4);
        assert_eq!(silhouette(vectors.view(), &[0, 0, 0, 0]), None);
        assert_eq!(silhouette(vectors.view(), &[0, 1, 2, 3]), Some(0.0));
    }
}
