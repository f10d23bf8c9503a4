//! Page's trend test (Page 1963): do treatments rise, in a given order, over several blocks?

use super::ranks::doubled_ranks;
use crate::error::{Error, Result};

/// How a p-value of Page's test was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageMethod {
    /// All orders of untied ranks in every block; a statistic that ties make half a number is cut to a whole one.
    Exact,
    /// The normal approximation.
    Normal,
}

/// The result of Page's test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Page {
    /// Page's L: the sum over treatments of their place, from 1, times their rank sum.
    pub l: f64,
    /// Blocks.
    pub blocks: usize,
    /// Treatments.
    pub treatments: usize,
    /// The p-value against a rise, one-sided, from 0 to 1.
    pub p_value: f64,
    /// How it was found.
    pub method: PageMethod,
}

/// Tests whether values rise from treatment to treatment, each block ranked for itself (blocks x treatments), as
/// `scipy.stats.page_trend_test` does: exact up to eight treatments and twelve blocks (twenty blocks of three treatments).
/// Its exact distribution knows no ties: where there are some, the p-value is on the safe side in its cutting of L, and
/// [`super::stratified`] has the one that knows them.
///
/// # Errors
/// [`Error::Parameter`] when there are fewer than two blocks or three treatments, when blocks have different lengths, or
/// hold a value that is no number.
pub fn page(blocks: &[Vec<f64>]) -> Result<Page> {
    let (m, n) = (blocks.len(), blocks.first().map_or(0, Vec::len));
    if m < 2 || n < 3 || blocks.iter().any(|block| block.len() != n) {
        let found = format!("blocks of {:?}", blocks.iter().map(Vec::len).collect::<Vec<_>>());
        return Err(Error::parameter("blocks", "at least two blocks of as many treatments, at least three", found));
    }
    if let Some(bad) = blocks.iter().flatten().find(|v| !v.is_finite()) {
        return Err(Error::parameter("blocks", "finite numbers", bad));
    }
    let doubled: i64 =
        blocks.iter().flat_map(|block| doubled_ranks(block).into_iter().zip(1..)).map(|(r, i)| r * i).sum();
    let l = doubled as f64 / 2.0;
    let method = if n > 8 || (m > 12 && n > 3) || m > 20 { PageMethod::Normal } else { PageMethod::Exact };
    let p_value = match method {
        PageMethod::Exact => at_least(l as usize, m, n),
        PageMethod::Normal => {
            let (m, n) = (m as f64, n as f64);
            let mean = m * n * (n + 1.0).powi(2) / 4.0;
            let variance = m * n * n * (n + 1.0) * (n * n - 1.0) / 144.0;
            0.5 * libm::erfc((l - mean) / variance.sqrt() / std::f64::consts::SQRT_2)
        }
    };
    Ok(Page { l, blocks: m, treatments: n, p_value, method })
}

/// The chance that L is at least `l`, for `m` blocks of `n` treatments in any order.
fn at_least(l: usize, m: usize, n: usize) -> f64 {
    let one = one_block(n);
    let mut chance = vec![1.0];
    for _ in 0..m {
        let mut next = vec![0.0; chance.len() + one.len() - 1];
        for (i, a) in chance.iter().enumerate() {
            one.iter().enumerate().for_each(|(j, b)| next[i + j] += a * b);
        }
        chance = next;
    }
    chance.iter().skip(l).sum()
}

/// The chance of each L of one block: over subsets of ranks that are given out already, place by place.
fn one_block(n: usize) -> Vec<f64> {
    let most: usize = (1..=n).map(|i| i * i).sum();
    let mut ways = vec![Vec::new(); 1 << n];
    ways[0] = vec![0.0; most + 1];
    ways[0][0] = 1.0;
    for taken in 0..(1usize << n) {
        let place = taken.count_ones() as usize + 1;
        let here = std::mem::take(&mut ways[taken]);
        if place > n {
            return here;
        }
        for rank in (1..=n).filter(|rank| taken & (1 << (rank - 1)) == 0) {
            let next = &mut ways[taken | (1 << (rank - 1))];
            if next.is_empty() {
                *next = vec![0.0; most + 1];
            }
            let product = place * rank;
            // Each of the ranks that are left is as likely.
            let share = 1.0 / (n + 1 - place) as f64;
            for sum in 0..=most - product {
                next[sum + product] += here[sum] * share;
            }
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: of the six orders of three, L is 14 (once), 13 (twice), 11 (twice) and 10 (once).
    #[test]
    fn the_distribution_of_one_block_is_that_of_all_orders() {
        let one = one_block(3);
        let of = |l: usize| one[l] * 6.0;
        assert!([(14, 1.0), (13, 2.0), (12, 0.0), (11, 2.0), (10, 1.0)]
            .iter()
            .all(|&(l, n)| (of(l) - n).abs() < 1e-12));
        assert!((at_least(28, 2, 3) - 1.0 / 36.0).abs() < 1e-12);
    }

    #[test]
    fn what_cannot_be_ranked_is_refused() {
        for blocks in [vec![vec![1.0, 2.0, 3.0]], vec![vec![1.0, 2.0]; 3], vec![vec![1.0, 2.0, 3.0], vec![1.0; 4]]] {
            assert!(page(&blocks).unwrap_err().to_string().contains("`blocks`"));
        }
        assert!(page(&[vec![1.0, 2.0, f64::NAN], vec![1.0; 3]]).unwrap_err().to_string().contains("NaN"));
    }
}
