//! A confidence interval of the median, by the bootstrap (Efron 1979), without random numbers.
//!
//! The percentile bootstrap draws n values from n, with replacement, many times, and takes the middle fraction of the
//! medians. What it would say after infinitely many draws has a closed form, from the distribution of order statistics:
//! so there is no seed here, and no error of sampling.

use crate::error::{Error, Result};

/// The level of intervals unless another one is asked for.
pub const LEVEL: f64 = 0.95;

/// The percentile bootstrap interval of the median: what `scipy.stats.bootstrap(.., method='percentile')` tends to with
/// more and more resamples. `level` is the fraction of resampled medians inside, such as 0.95.
///
/// Few values make it too narrow: of five, a level of 0.95 gives the lowest and the highest one, which hold the median
/// of what they were drawn from in 93.75% of cases; of one value, it is that value twice and says nothing.
/// The work grows with the square of the number of values.
///
/// # Errors
/// [`Error::Parameter`] when there are no values or one is no finite number, and when `level` is not between 0 and 1.
pub fn median_interval(values: &[f64], level: f64) -> Result<(f64, f64)> {
    check_level(level)?;
    if values.is_empty() {
        return Err(Error::parameter("values", "at least one value", "none"));
    }
    if let Some(bad) = values.iter().find(|v| !v.is_finite()) {
        return Err(Error::parameter("values", "finite numbers", bad));
    }
    Ok(interval(values, level))
}

/// Refuses a level that is none.
pub(super) fn check_level(level: f64) -> Result<()> {
    if level > 0.0 && level < 1.0 {
        return Ok(());
    }
    Err(Error::parameter("level", "a fraction between 0 and 1, such as 0.95", level))
}

/// As [`median_interval`], of values and a level that were checked.
pub(super) fn interval(values: &[f64], level: f64) -> (f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mut medians = resampled_medians(&sorted);
    medians.sort_by(|a, b| a.0.total_cmp(&b.0));
    let outside = (1.0 - level) / 2.0;
    (reached(medians.iter(), outside), reached(medians.iter().rev(), outside))
}

/// The first value at which the chances so far add up to `share`.
fn reached<'a>(medians: impl Iterator<Item = &'a (f64, f64)>, share: f64) -> f64 {
    // A sum that is `share` but for rounding counts as it: of two right answers the wider interval.
    const ROUNDING: f64 = 1e-12;
    let (mut sum, mut last) = (0.0, f64::NAN);
    for (value, chance) in medians {
        sum += chance;
        last = *value;
        if sum >= share - ROUNDING {
            break;
        }
    }
    last
}

/// Every median that n draws from n sorted values can have, with its chance. A value may occur several times.
fn resampled_medians(sorted: &[f64]) -> Vec<(f64, f64)> {
    let n = sorted.len();
    let half = n / 2;
    let logs = LogFactorials::new(n);
    // The chance that at least `needed` of the n draws are among the lowest `first` values.
    let tail = |needed: usize, first: usize| -> f64 {
        match (first as f64 / n as f64, first) {
            (_, 0) => 0.0,
            (_, all) if all == n => 1.0,
            (p, _) => (needed..=n)
                .map(|k| (logs.choose(n, k) + k as f64 * p.ln() + (n - k) as f64 * (-p).ln_1p()).exp())
                .sum(),
        }
    };
    // The chance that the draw of rank `rank`, from 1, is the value of index i.
    let order_statistic = |rank: usize, i: usize| tail(rank, i + 1) - tail(rank, i);
    if n % 2 == 1 {
        return (0..n).map(|i| (sorted[i], order_statistic(half + 1, i).max(0.0))).collect();
    }
    // Of an even number, two draws decide: the half below has i as its highest, the half above j as its lowest.
    // ln of the chance that `half` draws stay within the outer `count` values and touch the innermost of them.
    let within = |count: usize| {
        let (count, half) = (count as f64, half as f64);
        half * (count / n as f64).ln() + (-(half * ((count - 1.0) / count).ln()).exp_m1()).ln()
    };
    let ways = logs.choose(n, half);
    let mut medians = Vec::with_capacity(n * (n + 1) / 2);
    for i in 0..n {
        let lower = ways + within(i + 1);
        let apart = (lower + half as f64 * ((n - 1 - i) as f64 / n as f64).ln()).exp();
        medians.push((sorted[i], (order_statistic(half, i) - apart).max(0.0)));
        for j in i + 1..n {
            medians.push(((sorted[i] + sorted[j]) / 2.0, (lower + within(n - j)).exp()));
        }
    }
    medians
}

/// Logarithms of factorials: the factorials themselves leave the range of numbers at 171.
struct LogFactorials(Vec<f64>);

impl LogFactorials {
    fn new(highest: usize) -> Self {
        let mut logs = vec![0.0; highest + 1];
        for k in 1..=highest {
            logs[k] = logs[k - 1] + (k as f64).ln();
        }
        LogFactorials(logs)
    }

    /// The logarithm of the number of ways to choose `k` of `n`.
    fn choose(&self, n: usize, k: usize) -> f64 {
        self.0[n] - self.0[k] - self.0[n - k]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::describe::median;

    /// All n^n resamples, counted.
    #[test]
    fn the_distribution_is_that_of_all_resamples() {
        for sample in [&[0.3][..], &[0.1, 0.7], &[0.2, 0.5, 0.6], &[0.1, 0.2, 0.4, 0.8], &[0.1, 0.2, 0.4, 0.5, 0.9]] {
            let n = sample.len();
            let all = n.pow(n as u32);
            let resample = |code: usize| (0..n).map(|d| sample[code / n.pow(d as u32) % n]).collect::<Vec<_>>();
            let counted: Vec<f64> = (0..all).map(|code| median(&resample(code)).unwrap()).collect();
            let exact = resampled_medians(sample);
            for &value in &counted {
                let below = counted.iter().filter(|&&m| m <= value).count() as f64 / all as f64;
                let ours: f64 = exact.iter().filter(|(m, _)| *m <= value).map(|(_, p)| p).sum();
                assert!((ours - below).abs() < 1e-14, "{sample:?}: {ours} {below} at {value}");
            }
        }
    }

    #[test]
    fn chances_add_up_to_one_for_many_values_too() {
        for n in [24, 25, 300, 1301] {
            let sample: Vec<f64> = (0..n).map(f64::from).collect();
            let sum: f64 = resampled_medians(&sample).iter().map(|(_, p)| p).sum();
            assert!((sum - 1.0).abs() < 1e-9, "{n}: {sum}");
        }
    }

    #[test]
    fn small_samples_and_the_level() {
        assert_eq!(median_interval(&[0.4], 0.95).unwrap(), (0.4, 0.4));
        assert_eq!(median_interval(&[0.5, 0.1, 0.2, 0.4, 0.3], 0.95).unwrap(), (0.1, 0.5));
        // Of two values a quarter of the resamples is twice the lower one: at that level exactly, the wider answer.
        assert_eq!(median_interval(&[0.0, 1.0], 0.5).unwrap(), (0.0, 1.0));
        assert_eq!(median_interval(&[0.0, 1.0], 0.49).unwrap(), (0.5, 0.5));
        for (values, level) in [(&[][..], 0.95), (&[f64::NAN], 0.95), (&[0.5], 0.0), (&[0.5], 1.0), (&[0.5], f64::NAN)]
        {
            let error = median_interval(values, level).unwrap_err().to_string();
            assert!(error.contains("`values`") || error.contains("`level`"), "{error}");
        }
    }
}
