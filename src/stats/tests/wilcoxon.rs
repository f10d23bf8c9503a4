//! The Wilcoxon signed-rank test (Wilcoxon 1945), two-sided, for paired samples.
//!
//! Programs differ in when they use the exact distribution and what they do about ties and zeros; a [`Rule`] says
//! which of them is meant.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// Whose decisions about ties, zeros and small samples are followed. Both drop zero differences before ranking and use
/// no continuity correction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rule {
    /// SciPy 1.13 and later (checked against 1.17.1): exact up to 50 pairs without ties and zeros; with them all signs
    /// are tried up to 13 pairs; else the normal approximation.
    #[default]
    SciPy,
    /// SciPy 1.7, with which the study's published tables were made: exact up to 25 pairs without zeros, ties or not,
    /// the rank sum cut to a whole number; else the normal approximation. Equal counts that rounding makes unequal are no
    /// ties there.
    Published,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rule::SciPy => "scipy",
            Rule::Published => "published",
        })
    }
}

impl FromStr for Rule {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        match s {
            "scipy" => Ok(Rule::SciPy),
            "published" => Ok(Rule::Published),
            _ => Err(Error::parameter("rule", "scipy or published", s)),
        }
    }
}

/// How a p-value was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The samples are identical: nothing to test, p is 1.
    Identical,
    /// The distribution of the rank sum of untied ranks.
    Exact,
    /// All ways of giving signs to the ranks as they are.
    AllSigns,
    /// The normal approximation, corrected for ties.
    Normal,
}

/// The most pairs of which no difference can be significant, whatever they are: the smallest p-value of five is 0.0625, of
/// one it is 1.
pub const TELL_NOTHING: usize = 5;

/// The result of a test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wilcoxon {
    /// The smaller of the two rank sums.
    pub statistic: f64,
    /// The rank sum of pairs whose first value is larger.
    pub rank_sum_plus: f64,
    /// The rank sum of pairs whose second value is larger.
    pub rank_sum_minus: f64,
    /// The two-sided p-value, from 0 to 1.
    pub p_value: f64,
    /// Pairs that differ.
    pub pairs: usize,
    /// All pairs.
    pub count: usize,
    /// Whose decisions were followed.
    pub rule: Rule,
    /// How the p-value was found.
    pub method: Method,
}

impl Wilcoxon {
    /// The matched-pairs rank-biserial correlation (Kerby 2014): from -1 (every second value is larger) to 1; 0 for
    /// identical samples.
    pub fn effect_size(&self) -> f64 {
        let total = self.rank_sum_plus + self.rank_sum_minus;
        if total == 0.0 {
            0.0
        } else {
            (self.rank_sum_plus - self.rank_sum_minus) / total
        }
    }
}

/// Tests whether two paired samples differ.
///
/// Accuracies are numbers of right answers over one number of images. Under [`Rule::SciPy`] they are compared as such
/// counts, where one number of images fits all, so that rounding makes no tie into a difference. [`Rule::Published`]
/// ranks the differences of the accuracies as they are, rounding and all: SciPy 1.7 did, and the published tables follow
/// from nothing else.
///
/// # Errors
/// [`Error::Parameter`] when the samples are empty, of different lengths, or hold a value that is no number.
pub fn wilcoxon(x: &[f64], y: &[f64], rule: Rule) -> Result<Wilcoxon> {
    if x.is_empty() || x.len() != y.len() {
        let found = format!("{} and {} values", x.len(), y.len());
        return Err(Error::parameter("samples", "as many values, at least one, in both samples", found));
    }
    if let Some(bad) = x.iter().chain(y).find(|v| !v.is_finite()) {
        return Err(Error::parameter("samples", "finite numbers", bad));
    }
    let differences = match rule {
        Rule::SciPy => exact_differences(x, y),
        Rule::Published => plain_differences(x, y),
    };
    let mut kept: Vec<f64> = differences.into_iter().filter(|&d| d != 0.0).collect();
    kept.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    let ranks = Ranks::new(&kept);
    let (plus, minus) = ranks.sums(&kept);
    let (n, zeros) = (x.len(), x.len() - kept.len());
    let method = match rule {
        _ if kept.is_empty() => Method::Identical,
        Rule::Published if n <= 25 && zeros == 0 => Method::Exact,
        Rule::Published => Method::Normal,
        Rule::SciPy if n > 50 => Method::Normal,
        Rule::SciPy if !ranks.tied && zeros == 0 => Method::Exact,
        Rule::SciPy if n <= 13 => Method::AllSigns,
        Rule::SciPy => Method::Normal,
    };
    let p_value = match method {
        Method::Identical => 1.0,
        Method::Exact => {
            let untied: Vec<usize> = (1..=kept.len()).map(|r| 2 * r).collect();
            both_tails(&untied, 2 * plus.floor() as usize)
        }
        Method::AllSigns => both_tails(&ranks.doubled, (2.0 * plus) as usize),
        Method::Normal => normal(plus.min(minus), kept.len() as f64, ranks.tie_term),
    };
    Ok(Wilcoxon {
        statistic: plus.min(minus),
        rank_sum_plus: plus,
        rank_sum_minus: minus,
        p_value,
        pairs: kept.len(),
        count: n,
        rule,
        method,
    })
}

/// Pairwise differences, as whole numbers where all values are multiples of one over a whole number.
fn exact_differences(x: &[f64], y: &[f64]) -> Vec<f64> {
    match common_denominator(x.iter().chain(y).copied()) {
        Some(n) => x.iter().zip(y).map(|(a, b)| (a * n).round() - (b * n).round()).collect(),
        None => plain_differences(x, y),
    }
}

fn plain_differences(x: &[f64], y: &[f64]) -> Vec<f64> {
    x.iter().zip(y).map(|(a, b)| a - b).collect()
}

/// The smallest whole number, up to that of the largest data set here, that makes all values whole.
fn common_denominator(values: impl Iterator<Item = f64> + Clone) -> Option<f64> {
    if values.clone().any(|v| !(0.0..=1.0).contains(&v)) {
        return None;
    }
    // An accuracy is the nearest number to k/N: times N it is within N times half a rounding step of k.
    let whole = |v: f64, n: f64| (v * n - (v * n).round()).abs() <= n * f64::EPSILON;
    (1..=100_000).map(f64::from).find(|&n| values.clone().all(|v| whole(v, n)))
}

/// Ranks of values that are sorted by size, ties sharing their mean rank.
struct Ranks {
    /// Twice the rank of each: whole numbers.
    doubled: Vec<usize>,
    tied: bool,
    /// The sum of t^3 - t over groups of t ties.
    tie_term: f64,
}

impl Ranks {
    fn new(sorted: &[f64]) -> Ranks {
        let (mut doubled, mut tie_term) = (Vec::with_capacity(sorted.len()), 0.0);
        let mut groups = 0;
        for group in sorted.chunk_by(|a, b| a.abs() == b.abs()) {
            let (first, t) = (doubled.len() + 1, group.len());
            doubled.extend(std::iter::repeat_n(2 * first + t - 1, t));
            tie_term += (t as f64).powi(3) - t as f64;
            groups += 1;
        }
        Ranks { tied: groups < doubled.len(), doubled, tie_term }
    }

    /// The rank sums of positive and of negative values.
    fn sums(&self, sorted: &[f64]) -> (f64, f64) {
        let sum = |positive: bool| {
            let chosen = self.doubled.iter().zip(sorted).filter(|(_, d)| (**d > 0.0) == positive);
            chosen.map(|(r, _)| r).sum::<usize>() as f64 / 2.0
        };
        (sum(true), sum(false))
    }
}

/// Twice the smaller tail of the distribution of the sum of those ranks whose sign is positive, all signs equally
/// likely; at most 1. Ranks and sum are doubled.
fn both_tails(doubled_ranks: &[usize], doubled_sum: usize) -> f64 {
    let total: usize = doubled_ranks.iter().sum();
    let mut chance = vec![0.0; total + 1];
    chance[0] = 1.0;
    let mut reached = 0;
    for &rank in doubled_ranks {
        for sum in (0..=reached).rev() {
            let half = 0.5 * chance[sum];
            chance[sum] = half;
            chance[sum + rank] += half;
        }
        reached += rank;
    }
    let below: f64 = chance[..=doubled_sum].iter().sum();
    let above: f64 = chance[doubled_sum..].iter().sum();
    (2.0 * below.min(above)).min(1.0)
}

fn normal(statistic: f64, n: f64, tie_term: f64) -> f64 {
    let mean = n * (n + 1.0) / 4.0;
    let variance = (n * (n + 1.0) * (2.0 * n + 1.0) - 0.5 * tie_term) / 24.0;
    let z = (statistic - mean) / variance.sqrt();
    libm::erfc(z.abs() / std::f64::consts::SQRT_2)
}
