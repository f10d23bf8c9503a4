//! Vectors on a plane, to be looked at.

use linfa::prelude::Transformer;
use linfa_linalg::eigh::{EigSort, Eigh};
use linfa_tsne::TSneParams;
use ndarray::{Array2, ArrayView2, Axis};
use rand_xoshiro::rand_core::SeedableRng;
use rand_xoshiro::Xoshiro256Plus;

use crate::error::{Error, Result};
use crate::runtime::progress::timed_in_background;

fn check(vectors: ArrayView2<f64>, least: usize) -> Result<()> {
    if vectors.nrows() < least || vectors.ncols() < 2 {
        let found = format!("{} of {}", vectors.nrows(), vectors.ncols());
        return Err(Error::parameter("vectors", format!("at least {least}, of two channels or more"), found));
    }
    match vectors.iter().find(|v| !v.is_finite()) {
        Some(bad) => Err(Error::parameter("vectors", "finite numbers", bad)),
        None => Ok(()),
    }
}

/// The two principal components of vectors (vectors x channels): vectors x 2, and the fraction of the variance that each
/// explains. A component points so that its largest loading is positive.
///
/// # Errors
/// [`Error::Parameter`] for fewer than two vectors or channels, or numbers that are not finite.
pub fn pca(vectors: ArrayView2<f64>) -> Result<(Array2<f64>, [f64; 2])> {
    check(vectors, 2)?;
    let mean = vectors.mean_axis(Axis(0)).unwrap_or_default();
    let centred = &vectors - &mean;
    let covariance = centred.t().dot(&centred) / (vectors.nrows() - 1) as f64;
    let failed = |e| Error::Worker(format!("principal components: {e}"));
    let (values, loadings) = covariance.eigh().map_err(failed)?.sort_eig_desc();
    let mut loadings = loadings.slice(ndarray::s![.., ..2]).to_owned();
    for mut component in loadings.columns_mut() {
        let largest = component.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs()));
        if largest.is_some_and(|v| v < 0.0) {
            component.mapv_inplace(|v| -v);
        }
    }
    let total = values.sum();
    let share = |i: usize| if total > 0.0 { (values[i] / total).clamp(0.0, 1.0) } else { 0.0 };
    Ok((centred.dot(&loadings), [share(0), share(1)]))
}

/// Neighbours that t-SNE looks at, about.
const PERPLEXITY: f64 = 30.0;
/// Steps of t-SNE's descent.
const STEPS: usize = 1000;

/// The t-SNE map (van der Maaten 2014, Barnes-Hut) of vectors (vectors x channels): vectors x 2. Few vectors get a
/// smaller perplexity than the usual 30. `seed` decides the start.
///
/// # Errors
/// [`Error::Parameter`] for fewer than five vectors, or numbers that are not finite; [`Error::Interrupted`].
pub fn tsne(vectors: ArrayView2<f64>, seed: u64) -> Result<Array2<f64>> {
    check(vectors, 5)?;
    let perplexity = PERPLEXITY.min((vectors.nrows() - 1) as f64 / 3.0);
    let params = TSneParams::embedding_size_with_rng(2, Xoshiro256Plus::seed_from_u64(seed))
        .perplexity(perplexity)
        .approx_threshold(0.5)
        .max_iter(STEPS);
    let vectors = vectors.to_owned();
    let work = move |_: &_| {
        // In one thread: several add up in another order each time, and descent makes other maps of that.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
        let pool = pool.map_err(|e| Error::Worker(format!("t-SNE: {e}")))?;
        pool.install(|| params.transform(vectors)).map_err(|e| Error::Worker(format!("t-SNE: {e}")))
    };
    timed_in_background("t-SNE", work)
}
