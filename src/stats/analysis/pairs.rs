//! Every pair of cuts of an experiment, tested.

use crate::error::Result;
use crate::stats::groups::{paired, Groups};
use crate::stats::measure::Quantity;
use crate::stats::tests::{numbered_pairs, wilcoxon, Family, Rule, Wilcoxon, ALPHA};

/// The test of two cuts at one percentage.
#[derive(Clone, Debug, PartialEq)]
pub struct PairTest {
    /// What was measured: of clusterings, layers stand where cuts do.
    pub quantity: Quantity,
    /// Fraction of the target training data.
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
        for (a, b) in numbered_pairs(cuts.len()) {
            let (a, b) = (cuts[a], cuts[b]);
            let (x, y) = paired(a, b)?;
            let test = wilcoxon(x, y, rule)?;
            pairs.push((x, y));
            tests.push(PairTest {
                quantity: groups.quantity(),
                percentage,
                cut_1: a.cut,
                cut_2: b.cut,
                test,
                holm: test.p_value,
            });
        }
        let corrected = Family::new(&pairs).corrected(&tests.iter().map(|t| t.test.p_value).collect::<Vec<_>>());
        for (test, p) in tests.iter_mut().zip(corrected) {
            test.holm = p;
        }
        all.extend(tests);
    }
    Ok(all)
}
