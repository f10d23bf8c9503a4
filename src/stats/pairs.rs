//! Every pair of cuts of an experiment, tested.

use super::family::Family;
use super::groups::{paired, Groups};
use super::wilcoxon::{wilcoxon, Rule, Wilcoxon};
use crate::error::Result;
use crate::record::ResultFile;

/// Below this p-value a difference counts as significant.
pub const ALPHA: f64 = 0.05;

/// The test of two cuts at one percentage.
#[derive(Clone, Debug, PartialEq)]
pub struct PairTest {
    /// Share of the target training data.
    pub percentage: f64,
    /// The lower cut.
    pub cut_1: i64,
    /// The higher cut.
    pub cut_2: i64,
    /// The test itself.
    pub test: Wilcoxon,
    /// The p-value corrected for all pairs of its percentage (Holm 1979), from 0 to 1. Cuts whose runs coincide, as the
    /// baseline and cut 0 under FR, count as one.
    pub holm: f64,
}

impl PairTest {
    /// Whether the uncorrected p-value is significant, as in the published tables.
    pub fn significant(&self) -> bool {
        self.test.p_value < ALPHA
    }
}

impl ResultFile {
    /// Tests every pair of cuts at every percentage of this file: [`all_pairs`] of its rows.
    ///
    /// # Errors
    /// Those of [`Groups::new`] and [`all_pairs`].
    pub fn pair_tests(&self, rule: Rule) -> Result<Vec<PairTest>> {
        all_pairs(&Groups::new(&self.records)?, rule)
    }
}

/// Tests every pair of cuts at every percentage, by percentage, then cuts.
///
/// # Errors
/// [`crate::error::Error::Parameter`] when two cuts of a percentage do not have the same repeats
/// ([`Groups::common_repeats`] keeps those they share).
pub fn all_pairs(groups: &Groups, rule: Rule) -> Result<Vec<PairTest>> {
    let mut all = Vec::new();
    for percentage in groups.percentages() {
        let cuts = groups.at(percentage);
        let (mut tests, mut pairs) = (Vec::new(), Vec::new());
        for (i, a) in cuts.iter().enumerate() {
            for b in &cuts[i + 1..] {
                let (x, y) = paired(a, b)?;
                let test = wilcoxon(x, y, rule)?;
                pairs.push((x, y));
                tests.push(PairTest { percentage, cut_1: a.cut, cut_2: b.cut, test, holm: test.p_value });
            }
        }
        let corrected = Family::new(&pairs).corrected(&tests.iter().map(|t| t.test.p_value).collect::<Vec<_>>());
        for (test, p) in tests.iter_mut().zip(corrected) {
            test.holm = p;
        }
        all.extend(tests);
    }
    Ok(all)
}

/// Holm's step-down correction: the p-values with which the whole family keeps its level.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut corrected = vec![0.0; p_values.len()];
    let mut highest = 0f64;
    for (rank, &i) in order.iter().enumerate() {
        highest = highest.max((p_values[i] * (p_values.len() - rank) as f64).min(1.0));
        corrected[i] = highest;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked by hand from Holm's definition: each p times the number of hypotheses left, never falling.
    #[test]
    fn holm_multiplies_by_the_hypotheses_left_and_never_falls() {
        let close = |a: &[f64], b: &[f64]| assert!(a.iter().zip(b).all(|(x, y)| (x - y).abs() < 1e-15), "{a:?} {b:?}");
        close(&holm(&[0.01, 0.04, 0.03, 0.005]), &[0.03, 0.06, 0.06, 0.02]);
        close(&holm(&[0.9, 0.8]), &[1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }
}
