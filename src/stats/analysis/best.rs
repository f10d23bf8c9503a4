//! The best cut of each percentage, and the cuts that cannot be told from it.

use super::pairs::{all_pairs, PairTest};
use crate::error::Result;
use crate::stats::describe::median;
use crate::stats::groups::{Group, Groups};
use crate::stats::measure::Quantity;
use crate::stats::tests::{pairs_of, Family, Rule, ALPHA};

/// The answer at one percentage.
#[derive(Clone, Debug, PartialEq)]
pub struct Best {
    /// Fraction of the target training data.
    pub percentage: f64,
    /// What was measured.
    pub quantity: Quantity,
    /// The cut with the highest median; of equal ones the highest, which trains least.
    pub cut: i64,
    /// Its median, from 0 to 1.
    pub median: f64,
    /// Repeats of each cut.
    pub repeats: usize,
    /// The fewest repeats with which a difference from one of the others can be significant at all: the more cuts there
    /// are to compare, the more repeats it takes.
    pub repeats_needed: usize,
    /// Each other cut, and how it differs from the best.
    pub others: Vec<Other>,
    /// Cuts that other percentages have and this one has not: the best is the best without them.
    pub missing: Vec<i64>,
    /// The rule of the tests.
    pub rule: Rule,
}

/// A cut beside the best one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Other {
    /// The cut.
    pub cut: i64,
    /// The p-value of its difference from the best, corrected (Holm) for all pairs of cuts of the percentage, as the best
    /// was found by looking at all; cuts whose runs coincide count as one.
    pub holm: f64,
    /// The effect size of the best against it, from -1 to 1: above 0 where the best is better.
    pub effect_size: f64,
}

impl Other {
    /// Whether the best is significantly better. A higher median alone does not say so, nor does a small p-value: in the
    /// pairs it may be the other one that wins more often.
    pub fn is_worse(&self) -> bool {
        self.holm < ALPHA && self.effect_size > 0.0
    }
}

impl Best {
    /// Whether there are too few repeats to tell the best from any other, whatever the numbers.
    pub fn tells_nothing(&self) -> bool {
        self.repeats < self.repeats_needed
    }

    /// Cuts that cannot be told from the best: it is not significantly better than they are ([`Other::is_worse`]).
    pub fn alike(&self) -> Vec<i64> {
        self.others.iter().filter(|other| !other.is_worse()).map(|other| other.cut).collect()
    }
}

/// The best cut at every percentage.
///
/// # Errors
/// [`crate::error::Error::Parameter`] when two cuts of a percentage do not have the same repeats
/// ([`Groups::common_repeats`] keeps those they share).
pub fn best(groups: &Groups, rule: Rule) -> Result<Vec<Best>> {
    best_by(groups, rule, |group| median(&group.accuracy))
}

/// The best at every percentage by some value, among the groups that have one; compared with all the others.
///
/// # Errors
/// Those of [`best`].
pub(crate) fn best_by(groups: &Groups, rule: Rule, value: impl Fn(&Group) -> Option<f64>) -> Result<Vec<Best>> {
    let tests = all_pairs(groups, rule)?;
    let at = |percentage: f64| {
        let cuts = groups.at(percentage);
        let candidates: Vec<&Group> = cuts.iter().copied().filter(|g| value(g).is_some()).collect();
        let top = highest(&candidates, |g| value(g).unwrap_or(f64::NAN))?;
        let other = |test: &PairTest| {
            // The test is of the lower cut against the higher one.
            let (cut, sign) = match (test.cut_1 == top.cut, test.cut_2 == top.cut) {
                (true, _) => (test.cut_2, 1.0),
                (_, true) => (test.cut_1, -1.0),
                _ => return None,
            };
            Some(Other { cut, holm: test.holm, effect_size: sign * test.test.effect_size() })
        };
        let samples: Vec<&[f64]> = cuts.iter().map(|g| g.accuracy.as_slice()).collect();
        Some(Best {
            percentage,
            quantity: groups.quantity(),
            cut: top.cut,
            median: median(&top.accuracy)?,
            repeats: top.repeats.len(),
            repeats_needed: Family::new(&pairs_of(&samples)).repeats_needed(),
            others: tests.iter().filter(|t| t.percentage == percentage).filter_map(other).collect(),
            missing: groups.missing(percentage),
            rule,
        })
    };
    Ok(groups.percentages().into_iter().filter_map(at).collect())
}

/// The group with the highest value; of equal ones the highest cut, which trains least.
pub(super) fn highest<'a>(cuts: &[&'a Group], value: impl Fn(&Group) -> f64) -> Option<&'a Group> {
    cuts.iter().copied().max_by(|a, b| value(a).total_cmp(&value(b)).then(a.cut.cmp(&b.cut)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Measure;

    #[test]
    fn a_higher_median_is_not_better_where_most_pairs_say_otherwise() {
        let group = |cut: i64, accuracy: Vec<f64>| Group { percentage: 0.1, cut, repeats: (0..12).collect(), accuracy };
        let of = |groups: Vec<Group>| Groups::made_of(groups, Quantity::Runs(Measure::TestAcc));
        let values = |low: f64, middle: f64, high: f64| [vec![low; 5], vec![middle; 2], vec![high; 5]].concat();
        let groups = of(vec![group(0, values(0.10, 0.50, 0.90)), group(1, values(0.11, 0.49, 0.91))]);
        let found = best(&groups, Rule::SciPy).unwrap().remove(0);
        assert_eq!((found.cut, found.alike()), (0, vec![1]));
        assert!(found.others[0].holm < ALPHA && found.others[0].effect_size < 0.0, "{found:?}");
    }

    #[test]
    fn the_best_is_compared_as_in_the_table_of_all_pairs() {
        let group = |cut: i64, off: f64| {
            let accuracy = (0..12).map(|i| 0.5 + off + 0.001 * f64::from(i * i % 7)).collect();
            Group { percentage: 0.1, cut, repeats: (0..12).collect(), accuracy }
        };
        let groups = (0..5).map(|cut| group(cut, 0.01 * cut as f64)).collect();
        let groups = Groups::made_of(groups, Quantity::Runs(Measure::TestAcc));
        let found = best(&groups, Rule::SciPy).unwrap().remove(0);
        let pairs = all_pairs(&groups, Rule::SciPy).unwrap();
        assert_eq!((found.cut, found.others.len()), (4, 4));
        for other in &found.others {
            let pair = pairs.iter().find(|t| (t.cut_1, t.cut_2) == (other.cut, 4)).unwrap();
            assert_eq!((other.holm, other.effect_size), (pair.holm, 1.0));
        }
        // Of ten pairs of five cuts: 10 * 2 / 2^9 is below 0.05, 10 * 2 / 2^8 is not.
        assert_eq!(found.repeats_needed, 9);
        let third = best_by(&groups, Rule::SciPy, |g| (g.cut < 3).then_some(g.cut as f64)).unwrap().remove(0);
        assert_eq!((third.cut, third.alike(), third.others.len()), (2, vec![3, 4], 4));
    }
}
