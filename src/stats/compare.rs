//! Two experiments against each other, such as FR and FT.

use super::groups::{paired, Groups};
use super::pairs::holm;
use super::wilcoxon::{wilcoxon, Rule, Wilcoxon};
use crate::error::{Error, Result};

/// The test of two experiments at one percentage and cut.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Share of the target training data.
    pub percentage: f64,
    /// The cut; -1 is the baseline.
    pub cut: i64,
    /// Mean test accuracy of the first experiment, from 0 to 1.
    pub mean_1: f64,
    /// Mean test accuracy of the second one, from 0 to 1.
    pub mean_2: f64,
    /// The test of the first against the second.
    pub test: Wilcoxon,
    /// The p-value corrected (Holm) for all cuts of its percentage.
    pub holm: f64,
}

/// Tests two experiments at every percentage and cut that both have, by percentage, then cut.
///
/// # Errors
/// [`Error::Parameter`] when they have no percentage and cut in common, or not the same repeats at one.
pub fn compare(first: &Groups, second: &Groups, rule: Rule) -> Result<Vec<Comparison>> {
    let mut all = Vec::new();
    for percentage in first.percentages() {
        let mut tests = Vec::new();
        for a in first.at(percentage) {
            let Some(b) = second.get(percentage, a.cut) else { continue };
            let (x, y) = paired(a, b)?;
            let test = wilcoxon(x, y, rule)?;
            let (mean_1, mean_2) = (a.mean(), b.mean());
            tests.push(Comparison { percentage, cut: a.cut, mean_1, mean_2, test, holm: test.p_value });
        }
        let corrected = holm(&tests.iter().map(|t| t.test.p_value).collect::<Vec<_>>());
        for (test, p) in tests.iter_mut().zip(corrected) {
            test.holm = p;
        }
        all.extend(tests);
    }
    if all.is_empty() {
        return Err(Error::parameter("experiments", "percentages and cuts in common", "none"));
    }
    Ok(all)
}
