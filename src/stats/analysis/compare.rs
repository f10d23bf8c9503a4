//! Two experiments against each other, such as FR and FT.

use std::fmt;

use crate::error::{Error, Result};
use crate::stats::groups::{paired, Groups};
use crate::stats::measure::Quantity;
use crate::stats::tests::{wilcoxon, Family, Rule, Wilcoxon, ALPHA};

/// Which of two experiments is higher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Higher {
    /// The first, significantly.
    First,
    /// The second, significantly.
    Second,
    /// No difference is shown.
    Neither,
}

impl fmt::Display for Higher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Higher::First => "first",
            Higher::Second => "second",
            Higher::Neither => "neither",
        })
    }
}

/// The test of two experiments at one percentage and cut.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// What was measured.
    pub quantity: Quantity,
    /// Fraction of the target training data.
    pub percentage: f64,
    /// The cut; -1 is the baseline.
    pub cut: i64,
    /// Mean of the first experiment, from 0 to 1.
    pub mean_1: f64,
    /// Mean of the second one, from 0 to 1.
    pub mean_2: f64,
    /// The test of the first against the second.
    pub test: Wilcoxon,
    /// The p-value corrected (Holm) for all cuts of its percentage; cuts at which both experiments have the same runs, and
    /// so the same numbers, are no comparison and do not count.
    pub holm: f64,
}

impl Comparison {
    /// Whether the difference is significant as the rule of the test has it: under [`Rule::SciPy`] after Holm's
    /// correction, under [`Rule::Published`] without one, as in the published tables.
    pub fn significant(&self) -> bool {
        let p = match self.test.rule {
            Rule::SciPy => self.holm,
            Rule::Published => self.test.p_value,
        };
        p < ALPHA
    }

    /// Which experiment is significantly higher by the test, which goes by ranks: one run that failed can put the means
    /// the other way round.
    pub fn higher(&self) -> Higher {
        match (self.significant(), self.test.effect_size()) {
            (true, effect) if effect > 0.0 => Higher::First,
            (true, effect) if effect < 0.0 => Higher::Second,
            _ => Higher::Neither,
        }
    }
}

/// Tests two experiments at every percentage and cut that both have, by percentage, then cut.
///
/// # Errors
/// [`Error::Parameter`] when they measure different things, have no percentage and cut in common, or not the same repeats at one
/// ([`Groups::common_with`] keeps those they share).
pub fn compare(first: &Groups, second: &Groups, rule: Rule) -> Result<Vec<Comparison>> {
    // Layers of two networks are compared by their places, whatever they are called.
    if first.quantity().key() != second.quantity().key() {
        return Err(Error::parameter("experiments", first.quantity().words(), second.quantity().words()));
    }
    let mut all = Vec::new();
    for percentage in first.percentages() {
        let (mut tests, mut pairs) = (Vec::new(), Vec::new());
        for a in first.at(percentage) {
            let Some(b) = second.get(percentage, a.cut) else { continue };
            let (x, y) = paired(a, b)?;
            let test = wilcoxon(x, y, rule)?;
            pairs.push((x, y));
            let (mean_1, mean_2) = (a.mean(), b.mean());
            tests.push(Comparison {
                quantity: first.quantity(),
                percentage,
                cut: a.cut,
                mean_1,
                mean_2,
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
    if all.is_empty() {
        return Err(Error::parameter("experiments", "percentages and cuts in common", "none"));
    }
    Ok(all)
}

/// The percentages and cuts that only one of two experiments has: [`compare`] says nothing of them.
pub fn not_compared(first: &Groups, second: &Groups) -> Vec<(f64, i64)> {
    let alone = |a: &Groups, b: &Groups| {
        let places = a.all().iter().map(|g| (g.percentage, g.cut));
        places.filter(|&(percentage, cut)| b.get(percentage, cut).is_none()).collect::<Vec<_>>()
    };
    let mut places = alone(first, second);
    places.extend(alone(second, first));
    places.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    places
}
