//! Spearman's rank correlation (Spearman 1904) and its p-values.

use std::fmt;

use super::ranks::doubled_ranks;
use super::student;
use crate::error::{Error, Result};

/// The most points of which all orders are tried: ten have 3,628,800.
pub const MOST_ORDERED: usize = 10;

/// How the p-values of a correlation were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CorrelationMethod {
    /// All orders of the second sample, equally likely: exact, ties or not.
    AllOrders,
    /// Student's t distribution, as `scipy.stats.spearmanr` has it: for many points.
    StudentT,
    /// One of the samples is the same value throughout: there is no correlation, and p is 1.
    Constant,
}

impl fmt::Display for CorrelationMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CorrelationMethod::AllOrders => "all orders",
            CorrelationMethod::StudentT => "Student's t",
            CorrelationMethod::Constant => "constant",
        })
    }
}

/// A rank correlation and whether chance explains it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Correlation {
    /// From -1 (one falls wherever the other rises) to 1; ties share their mean rank. `None` where one of the samples is
    /// the same value throughout.
    pub rho: Option<f64>,
    /// Number of points.
    pub points: usize,
    /// The p-value against a falling second sample, from 0 to 1.
    pub p_less: f64,
    /// The p-value against any correlation, from 0 to 1.
    pub p_two_sided: f64,
    /// How the p-values were found.
    pub method: CorrelationMethod,
}

/// Spearman's correlation with p-values of Student's t distribution, as `scipy.stats.spearmanr` gives them. Right for
/// many points that are independent of each other.
///
/// # Errors
/// [`Error::Parameter`] when the samples differ in length, have fewer than three values, or hold one that is no number.
pub fn spearman(x: &[f64], y: &[f64]) -> Result<Correlation> {
    let (x, y) = ranked(x, y)?;
    let Some(rho) = correlation(&x, &y) else { return Ok(constant(x.len())) };
    let freedom = u32::try_from(x.len() - 2)
        .map_err(|_| Error::parameter("samples", format!("fewer than {} values", u32::MAX), x.len()))?;
    let t = rho * (f64::from(freedom) / ((1.0 + rho) * (1.0 - rho))).sqrt();
    Ok(Correlation {
        rho: Some(rho),
        points: x.len(),
        p_less: student::at_most(t, freedom),
        p_two_sided: student::two_sided(t, freedom),
        method: CorrelationMethod::StudentT,
    })
}

/// Spearman's correlation with exact p-values, from all orders of the second sample: how many of them correlate as low
/// (`p_less`), and twice the smaller of that share and the one of as high (`p_two_sided`, at most 1), as
/// `scipy.stats.permutation_test` counts them.
///
/// # Errors
/// Those of [`spearman`]; [`Error::Parameter`] when there are more than [`MOST_ORDERED`] points.
pub fn spearman_exact(x: &[f64], y: &[f64]) -> Result<Correlation> {
    let (x, y) = ranked(x, y)?;
    if x.len() > MOST_ORDERED {
        return Err(Error::parameter("samples", format!("at most {MOST_ORDERED} values, to try all orders"), x.len()));
    }
    let Some(rho) = correlation(&x, &y) else { return Ok(constant(x.len())) };
    // The orders of a sample differ in the sum of products only, a whole number: equal ones are equal.
    let observed = x.iter().zip(&y).map(|(a, b)| a * b).sum();
    let mut orders = Orders { x: &x, y: y.clone(), observed, as_low: 0, as_high: 0, all: 0 };
    orders.count(0, 0);
    let (low, high) = (orders.as_low as f64 / orders.all as f64, orders.as_high as f64 / orders.all as f64);
    Ok(Correlation {
        rho: Some(rho),
        points: x.len(),
        p_less: low,
        p_two_sided: (2.0 * low.min(high)).min(1.0),
        method: CorrelationMethod::AllOrders,
    })
}

fn constant(points: usize) -> Correlation {
    Correlation { rho: None, points, p_less: 1.0, p_two_sided: 1.0, method: CorrelationMethod::Constant }
}

/// Both samples checked, as twice their ranks: whole numbers, ties sharing their mean.
fn ranked(x: &[f64], y: &[f64]) -> Result<(Vec<i64>, Vec<i64>)> {
    if x.len() != y.len() || x.len() < 3 {
        let found = format!("{} and {} values", x.len(), y.len());
        return Err(Error::parameter("samples", "as many values, at least three, in both samples", found));
    }
    if let Some(bad) = x.iter().chain(y).find(|v| !v.is_finite()) {
        return Err(Error::parameter("samples", "finite numbers", bad));
    }
    Ok((doubled_ranks(x), doubled_ranks(y)))
}

/// The correlation of ranks, from whole sums; `None` where one side does not vary.
fn correlation(x: &[i64], y: &[i64]) -> Option<f64> {
    let n = x.len() as i128;
    let sum = |v: &[i64]| v.iter().map(|&a| i128::from(a)).sum::<i128>();
    let products = |v: &[i64], w: &[i64]| v.iter().zip(w).map(|(&a, &b)| i128::from(a) * i128::from(b)).sum::<i128>();
    let spread = |v: &[i64], w: &[i64]| (n * products(v, w) - sum(v) * sum(w)) as f64;
    let (xx, yy) = (spread(x, x), spread(y, y));
    (xx > 0.0 && yy > 0.0).then(|| (spread(x, y) / (xx * yy).sqrt()).clamp(-1.0, 1.0))
}

/// Counts the orders of `y` by their sum of products with `x`.
struct Orders<'a> {
    x: &'a [i64],
    y: Vec<i64>,
    observed: i64,
    as_low: u64,
    as_high: u64,
    all: u64,
}

impl Orders<'_> {
    /// All orders of what is at `from` and after it, where what is before adds up to `sum`.
    fn count(&mut self, from: usize, sum: i64) {
        if from == self.x.len() {
            self.all += 1;
            self.as_low += u64::from(sum <= self.observed);
            self.as_high += u64::from(sum >= self.observed);
            return;
        }
        for next in from..self.x.len() {
            self.y.swap(from, next);
            self.count(from + 1, sum + self.x[from] * self.y[from]);
            self.y.swap(from, next);
        }
    }
}
