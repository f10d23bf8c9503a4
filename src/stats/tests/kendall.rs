//! Kendall's rank correlation.

use crate::error::{Error, Result};

/// Kendall's tau-b (1945), which allows for ties, from -1 to 1: of all pairs of places, how many more both samples put in
/// the same order than in opposite ones. `None` where one of them is constant.
///
/// # Errors
/// [`Error::Parameter`] when there are fewer than two pairs of values, not as many of both, or one is not finite.
pub fn kendall(x: &[f64], y: &[f64]) -> Result<Option<f64>> {
    if x.len() != y.len() || x.len() < 2 {
        let found = format!("{} and {}", x.len(), y.len());
        return Err(Error::parameter("values", "two values or more, as many of both", found));
    }
    if let Some(bad) = x.iter().chain(y).find(|v| !v.is_finite()) {
        return Err(Error::parameter("values", "finite numbers", bad));
    }
    let (mut agreement, mut of_x, mut of_y) = (0.0, 0.0, 0.0);
    for i in 0..x.len() {
        for j in 0..i {
            let order = |v: &[f64]| f64::from(v[i].total_cmp(&v[j]) as i8) * f64::from(u8::from(v[i] != v[j]));
            let (a, b) = (order(x), order(y));
            agreement += a * b;
            of_x += a * a;
            of_y += b * b;
        }
    }
    let most = (of_x * of_y).sqrt();
    Ok((most > 0.0).then(|| agreement / most))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected: `scipy.stats.kendalltau` of SciPy 1.17.1.
    #[test]
    fn taus_are_scipys() {
        let x = [0.1, 0.4, 0.4, 0.9, 0.3, 0.7];
        for (y, expected) in [
            ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 0.41403933560541256),
            ([0.2, 0.5, 0.5, 0.8, 0.5, 0.1], 0.3086066999241838),
            ([6.0, 4.0, 4.0, 1.0, 5.0, 2.0], -1.0),
        ] {
            assert!((kendall(&x, &y).unwrap().unwrap() - expected).abs() < 1e-12, "{y:?}");
        }
        assert_eq!(kendall(&x, &[0.5; 6]).unwrap(), None);
        assert!(kendall(&[1.0, f64::NAN], &[1.0, 2.0]).is_err() && kendall(&[1.0], &[1.0]).is_err());
    }
}
