//! How fast the best cut falls: its slope per tenfold data, with an interval over seeds.

use std::fmt;

use super::best::highest;
use crate::error::{Error, Result};
use crate::rng::TorchRng;
use crate::stats::describe::{mean, median, quantile};
use crate::stats::groups::{paired, Group};
use crate::table::percent;

/// Resamples of a bootstrap.
const RESAMPLES: usize = 10_000;

/// The slope of the best cut over the logarithm of the fraction of data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slope {
    /// Cuts per tenfold data, by least squares over the fractions: below 0 where the best cut falls.
    pub per_tenfold: f64,
    /// The bootstrap interval; `None` where a fraction has a single repeat. Few repeats make it too narrow, and it knows
    /// nothing of what another source network would have given.
    pub interval: Option<(f64, f64)>,
    /// The level of the interval, such as 0.95.
    pub level: f64,
}

/// In words.
impl fmt::Display for Slope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:+.2} cuts per tenfold data", self.per_tenfold)?;
        match self.interval {
            Some((low, high)) => {
                write!(f, " ({} from {low:+.2} to {high:+.2}, bootstrap over seeds)", percent(self.level))
            }
            None => write!(f, " (single repeats: no interval)"),
        }
    }
}

/// The slope of the cut with the highest median over the logarithm of the fraction, of candidates by fraction (each the
/// groups of one fraction, with the same repeats). The interval is the percentile bootstrap: at each fraction, the
/// repeats are drawn anew with replacement, the same ones for all cuts, and the best cut is chosen anew, 10,000 times,
/// always with the same random numbers.
pub(super) fn slope(candidates: &[(f64, Vec<&Group>)], level: f64) -> Result<Slope> {
    for (_, cuts) in candidates {
        let Some(first) = cuts.first() else {
            return Err(Error::parameter("cuts", "a cut at every percentage", "none"));
        };
        cuts.iter().try_for_each(|cut| paired(first, cut).map(|_| ()))?;
    }
    let x: Vec<f64> = candidates.iter().map(|(percentage, _)| percentage.log10()).collect();
    let middle = |g: &Group| median(&g.accuracy).unwrap_or(f64::NAN);
    let best: Vec<f64> =
        candidates.iter().filter_map(|(_, cuts)| highest(cuts, middle)).map(|g| g.cut as f64).collect();
    let single = candidates.iter().any(|(_, cuts)| cuts[0].repeats.len() < 2);
    let interval = if single { None } else { interval(candidates, &x, level) };
    Ok(Slope { per_tenfold: least_squares(&x, &best), interval, level })
}

fn interval(candidates: &[(f64, Vec<&Group>)], x: &[f64], level: f64) -> Option<(f64, f64)> {
    let mut rng = TorchRng::new(0);
    let slopes: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let best: Vec<f64> = candidates.iter().map(|(_, cuts)| resampled_best(cuts, &mut rng)).collect();
            least_squares(x, &best)
        })
        .collect();
    let outside = (1.0 - level) / 2.0;
    Some((quantile(&slopes, outside)?, quantile(&slopes, 1.0 - outside)?))
}

/// The cut with the highest median over repeats that are drawn with replacement.
fn resampled_best(cuts: &[&Group], rng: &mut TorchRng) -> f64 {
    let n = cuts[0].repeats.len();
    let drawn: Vec<usize> = (0..n).map(|_| rng.random32() as usize % n).collect();
    let of = |g: &Group| median(&drawn.iter().map(|&i| g.accuracy[i]).collect::<Vec<_>>()).unwrap_or(f64::NAN);
    // Each median once: `highest` looks at values several times.
    let medians: Vec<(f64, i64)> = cuts.iter().map(|g| (of(g), g.cut)).collect();
    let best = medians.iter().max_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    best.map_or(f64::NAN, |(_, cut)| *cut as f64)
}

/// The slope of the straight line through points, by least squares.
fn least_squares(x: &[f64], y: &[f64]) -> f64 {
    let middle = |v: &[f64]| mean(v).unwrap_or(f64::NAN);
    let (mx, my) = (middle(x), middle(y));
    let across: f64 = x.iter().zip(y).map(|(a, b)| (a - mx) * (b - my)).sum();
    across / x.iter().map(|a| (a - mx) * (a - mx)).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_best_cut_that_is_beyond_doubt_has_a_slope_without_spread() {
        let group = |percentage: f64, cut: i64, accuracy: f64| Group {
            percentage,
            cut,
            repeats: vec![0, 1, 2],
            accuracy: vec![accuracy, accuracy + 0.001, accuracy - 0.001],
        };
        let at = |p: f64, best: i64| (0..4).map(|cut| group(p, cut, if cut == best { 0.9 } else { 0.5 })).collect();
        let groups: Vec<Vec<Group>> = vec![at(0.01, 3), at(0.1, 2), at(1.0, 1)];
        let candidates: Vec<(f64, Vec<&Group>)> =
            groups.iter().map(|g| (g[0].percentage, g.iter().collect())).collect();
        let found = slope(&candidates, 0.95).unwrap();
        assert!((found.per_tenfold + 1.0).abs() < 1e-12);
        let (low, high) = found.interval.unwrap();
        assert!((low + 1.0).abs() < 1e-12 && (high + 1.0).abs() < 1e-12);
    }
}
