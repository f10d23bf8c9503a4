//! A permutation test over several studies: is there a trend in all of them together?

use std::collections::BTreeMap;

use super::ranks::doubled_ranks;
use super::spearman::MOST_ORDERED;
use crate::error::{Error, Result};

/// The result of a stratified permutation test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stratified {
    /// Over all blocks, the sum of products of the ranks of both samples; ties share their mean rank. With blocks of one
    /// length and untied first samples it is Page's L.
    pub statistic: f64,
    /// What it would be in the mean if the second samples were in any order.
    pub expected: f64,
    /// The p-value against a fall, from 0 to 1.
    pub p_less: f64,
    /// The p-value against any trend, from 0 to 1: twice the smaller tail.
    pub p_two_sided: f64,
    /// Blocks.
    pub blocks: usize,
}

/// Tests whether the second sample of a pair falls as the first one rises, over several blocks of such pairs, of any
/// lengths: exact, ties or not. The second sample of each block is put into every order, independently of the other
/// blocks, as all orders are equally likely if there is no trend; the statistic is the sum over blocks of the products of
/// ranks.
///
/// # Errors
/// [`Error::Parameter`] when there is no block, when the samples of one differ in length, have fewer than two values or
/// more than [`MOST_ORDERED`], or hold one that is no number.
pub fn stratified(blocks: &[(Vec<f64>, Vec<f64>)]) -> Result<Stratified> {
    if blocks.is_empty() {
        return Err(Error::parameter("blocks", "at least one", "none"));
    }
    let (mut observed, mut expected) = (0, 0.0);
    let mut chances = BTreeMap::from([(0, 1.0)]);
    for (x, y) in blocks {
        if x.len() != y.len() || !(2..=MOST_ORDERED).contains(&x.len()) {
            let found = format!("{} and {} values", x.len(), y.len());
            let wanted = format!("as many values in both samples of a block, 2 to {MOST_ORDERED}");
            return Err(Error::parameter("blocks", wanted, found));
        }
        if let Some(bad) = x.iter().chain(y).find(|v| !v.is_finite()) {
            return Err(Error::parameter("blocks", "finite numbers", bad));
        }
        let (x, y) = (doubled_ranks(x), doubled_ranks(y));
        observed += x.iter().zip(&y).map(|(a, b)| a * b).sum::<i64>();
        expected += (x.iter().sum::<i64>() * y.iter().sum::<i64>()) as f64 / x.len() as f64;
        let mut next = BTreeMap::new();
        let own = orders(&x, &y);
        for (sum, chance) in &chances {
            for (product, share) in &own {
                *next.entry(sum + product).or_insert(0.0) += chance * share;
            }
        }
        chances = next;
    }
    let below: f64 = chances.range(..=observed).map(|(_, p)| p).sum();
    let above: f64 = chances.range(observed..).map(|(_, p)| p).sum();
    Ok(Stratified {
        // Both ranks are doubled.
        statistic: observed as f64 / 4.0,
        expected: expected / 4.0,
        p_less: below.min(1.0),
        p_two_sided: (2.0 * below.min(above)).min(1.0),
        blocks: blocks.len(),
    })
}

/// The chance of each sum of products when `y` is in any order: over subsets of `y` that are given out already.
fn orders(x: &[i64], y: &[i64]) -> BTreeMap<i64, f64> {
    let n = x.len();
    let mut ways: Vec<BTreeMap<i64, f64>> = vec![BTreeMap::new(); 1 << n];
    ways[0].insert(0, 1.0);
    for taken in 0..(1usize << n) - 1 {
        let place = taken.count_ones() as usize;
        let share = 1.0 / (n - place) as f64;
        let here = std::mem::take(&mut ways[taken]);
        for i in (0..n).filter(|i| taken & (1 << i) == 0) {
            for (sum, chance) in &here {
                *ways[taken | (1 << i)].entry(sum + x[place] * y[i]).or_insert(0.0) += chance * share;
            }
        }
    }
    ways.pop().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_block_is_the_exact_test_of_one_study() {
        let (x, y) = (vec![0.001, 0.01, 0.1, 0.5, 1.0], vec![4.0, 4.0, 4.0, 3.0, 1.0]);
        let one = stratified(&[(x.clone(), y.clone())]).unwrap();
        let exact = super::super::spearman_exact(&x, &y).unwrap();
        assert!((one.p_less - exact.p_less).abs() < 1e-12 && (one.p_two_sided - exact.p_two_sided).abs() < 1e-12);
        assert!((one.p_less - 0.05).abs() < 1e-12, "five medians with ties cannot pass: {one:?}");
    }

    #[test]
    fn blocks_may_have_different_lengths_and_a_constant_one_says_nothing() {
        let falls = (vec![1.0, 2.0, 3.0], vec![3.0, 2.0, 1.0]);
        let longer = (vec![1.0, 2.0, 3.0, 4.0], vec![4.0, 3.0, 2.0, 1.0]);
        let both = stratified(&[falls.clone(), longer]).unwrap();
        assert!((both.p_less - 1.0 / 6.0 / 24.0).abs() < 1e-15, "{both:?}");
        let constant = (vec![1.0, 2.0, 3.0], vec![2.0; 3]);
        let with = stratified(&[falls.clone(), constant]).unwrap();
        assert!((with.p_less - stratified(&[falls]).unwrap().p_less).abs() < 1e-15);
        assert!(stratified(&[]).is_err() && stratified(&[(vec![1.0], vec![1.0])]).is_err());
    }
}
