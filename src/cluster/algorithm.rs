//! Ways of grouping vectors into clusters.

use std::fmt;
use std::str::FromStr;

use kodama::Method;
use linfa::prelude::{Fit, Predict};
use linfa::DatasetBase;
use linfa_clustering::{GaussianMixtureModel, KMeans};
use ndarray::ArrayView2;
use rand_xoshiro::rand_core::SeedableRng;
use rand_xoshiro::Xoshiro256Plus;

use super::agglomerative;
use crate::error::{Error, Result};
use crate::runtime::progress::timed_in_background;

/// A clustering algorithm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Agglomerative, mean cosine distance between the members of two clusters: the published one.
    #[default]
    Average,
    /// Agglomerative, largest cosine distance between the members of two clusters.
    Complete,
    /// Agglomerative, smallest cosine distance between the members of two clusters.
    Single,
    /// Agglomerative, cosine distance, both halves of a cluster counting alike (WPGMA).
    Weighted,
    /// Agglomerative, least growth of the squared Euclidean distances within clusters (Ward 1963).
    Ward,
    /// Lloyd's k-means on Euclidean distance, best of ten starts by k-means++.
    KMeans,
    /// A mixture of Gaussians with full covariances by expectation maximisation; needs more vectors than clusters times
    /// channels.
    GaussianMixture,
}

/// Starts of k-means, of which the best one counts.
const STARTS: usize = 10;

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Algorithm; 7] = [
        Algorithm::Average,
        Algorithm::Complete,
        Algorithm::Single,
        Algorithm::Weighted,
        Algorithm::Ward,
        Algorithm::KMeans,
        Algorithm::GaussianMixture,
    ];

    /// The algorithm in words that go before "clustering": `average-linkage`, `k-means`.
    pub fn words(self) -> String {
        match self.linkage() {
            Some(_) => format!("{self}-linkage"),
            None => self.to_string().replace("gaussian-mixture", "Gaussian-mixture"),
        }
    }

    fn linkage(self) -> Option<Method> {
        match self {
            Algorithm::Average => Some(Method::Average),
            Algorithm::Complete => Some(Method::Complete),
            Algorithm::Single => Some(Method::Single),
            Algorithm::Weighted => Some(Method::Weighted),
            Algorithm::Ward => Some(Method::Ward),
            Algorithm::KMeans | Algorithm::GaussianMixture => None,
        }
    }

    /// Bytes it needs for `n` vectors, about, beside the vectors themselves.
    pub(super) fn memory(self, n: usize) -> u64 {
        match self.linkage() {
            Some(Method::Average) => (n * 2048) as u64,
            Some(_) => (n * n.saturating_sub(1) / 2 * 8 + n * 128) as u64,
            None => (n * 64) as u64,
        }
    }

    /// Groups vectors (vectors x channels) into `clusters` clusters; returns each vector's, from 0. `seed` decides the
    /// starts of k-means and of the mixture; agglomerative clusterings have none.
    ///
    /// # Errors
    /// [`Error::Interrupted`]; [`Error::Clustering`] when there are not more vectors than clusters, when a vector is not
    /// finite or, for the cosine distance, all zeros, or when the mixture cannot be fitted to so few or so similar vectors.
    pub fn cluster(self, vectors: ArrayView2<f64>, clusters: usize, seed: u64) -> Result<Vec<usize>> {
        let vectors = vectors.to_owned();
        timed_in_background("clustering", move |_| self.cluster_here(vectors.view(), clusters, seed))
    }

    /// The same in this thread, and not to be interrupted.
    pub(crate) fn cluster_here(self, vectors: ArrayView2<f64>, clusters: usize, seed: u64) -> Result<Vec<usize>> {
        let n = vectors.nrows();
        if clusters == 0 || n <= clusters {
            return Err(Error::clustering("vectors", format!("more than {clusters}, the clusters"), n));
        }
        if let Some(bad) = vectors.iter().find(|v| !v.is_finite()) {
            return Err(Error::clustering("vectors", "finite numbers", bad));
        }
        if let Some(method) = self.linkage() {
            return agglomerative::cluster(vectors, clusters, method);
        }
        let data = DatasetBase::from(vectors.to_owned());
        let rng = Xoshiro256Plus::seed_from_u64(seed);
        let failed =
            |e: String| Error::clustering("algorithm", format!("one that {n} vectors allow"), format!("{self}: {e}"));
        if self == Algorithm::KMeans {
            let model = KMeans::params_with_rng(clusters, rng).n_runs(STARTS).fit(&data);
            return Ok(model.map_err(|e| failed(e.to_string()))?.predict(&data).to_vec());
        }
        // A covariance of fewer vectors than it has rows says nothing: fitting would not leave the clusters of k-means
        // that it begins with, under another name.
        let needed = clusters * (vectors.ncols() + 1);
        if n <= needed {
            let expected = format!("more than {needed}, for {clusters} covariances of {} channels", vectors.ncols());
            return Err(Error::clustering("vectors", expected, n));
        }
        let model = GaussianMixtureModel::params_with_rng(clusters, rng).fit(&data);
        Ok(model.map_err(|e| failed(e.to_string()))?.predict(&data).to_vec())
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Algorithm::Average => "average",
            Algorithm::Complete => "complete",
            Algorithm::Single => "single",
            Algorithm::Weighted => "weighted",
            Algorithm::Ward => "ward",
            Algorithm::KMeans => "k-means",
            Algorithm::GaussianMixture => "gaussian-mixture",
        })
    }
}

impl FromStr for Algorithm {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        Algorithm::ALL.into_iter().find(|a| a.to_string().eq_ignore_ascii_case(s)).ok_or_else(|| {
            let names = Algorithm::ALL.map(|a| a.to_string()).join(", ");
            Error::parameter("algorithm", format!("one of {names}"), s)
        })
    }
}
