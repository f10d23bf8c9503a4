//! The best cut of each percentage, and the cuts that cannot be told from it.

use super::describe::median;
use super::family::Family;
use super::groups::{paired, Group, Groups};
use super::pairs::ALPHA;
use super::wilcoxon::{wilcoxon, Rule};
use crate::error::{Error, Result};
use crate::record::ResultFile;

/// The answer at one percentage.
#[derive(Clone, Debug, PartialEq)]
pub struct Best {
    /// Share of the target training data.
    pub percentage: f64,
    /// The cut with the highest median test accuracy; of equal ones the highest, which trains least.
    pub cut: i64,
    /// Its median, from 0 to 1.
    pub median: f64,
    /// Repeats of each cut.
    pub repeats: usize,
    /// The fewest repeats with which a difference from one of the others can be significant at all: the more cuts there
    /// are to compare, the more repeats it takes.
    pub repeats_needed: usize,
    /// Each other cut and the p-value of its difference from the best, corrected (Holm) for the number of
    /// them; cuts whose runs coincide count as one.
    pub others: Vec<(i64, f64)>,
    /// Cuts that other percentages have and this one has not: the best is the best without them.
    pub missing: Vec<i64>,
    /// The rule of the tests.
    pub rule: Rule,
}

impl Best {
    /// Whether there are too few repeats to tell the best from any other, whatever the numbers.
    pub fn tells_nothing(&self) -> bool {
        self.repeats < self.repeats_needed
    }

    /// The cuts that cannot be told from the best: their corrected p-value is not below 0.05.
    pub fn alike(&self) -> Vec<i64> {
        self.others.iter().filter(|(_, p)| *p >= ALPHA).map(|(cut, _)| *cut).collect()
    }
}

impl ResultFile {
    /// The best cut at a percentage and those that cannot be told from it: [`best`] with SciPy's rule, of all cuts that
    /// the file has, the baseline among them.
    ///
    /// # Errors
    /// Those of [`Groups::new`] and [`best`]; [`Error::Parameter`] when there is no such percentage.
    pub fn best_cut(&self, percentage: f64) -> Result<Best> {
        let groups = Groups::new(&self.records)?;
        let found = best(&groups, Rule::SciPy)?.into_iter().find(|b| b.percentage == percentage);
        let expected = || format!("one of {:?}", groups.percentages());
        found.ok_or_else(|| Error::parameter("percentage", expected(), percentage))
    }
}

/// The best cut at every percentage.
///
/// # Errors
/// [`crate::error::Error::Parameter`] when two cuts of a percentage do not have the same repeats
/// ([`Groups::common_repeats`] keeps those they share).
pub fn best(groups: &Groups, rule: Rule) -> Result<Vec<Best>> {
    let at = |percentage: f64| {
        let cuts = groups.at(percentage);
        let middle = |g: &Group| median(&g.accuracy).unwrap_or(f64::NAN);
        highest(&cuts, middle).map(|top| {
            let rest: Vec<&&Group> = cuts.iter().filter(|g| g.cut != top.cut).collect();
            let p_value = |g: &&&Group| paired(top, g).and_then(|(x, y)| Ok(wilcoxon(x, y, rule)?.p_value));
            let p_values = rest.iter().map(p_value).collect::<Result<Vec<_>>>()?;
            let pairs: Vec<_> = rest.iter().map(|g| (top.accuracy.as_slice(), g.accuracy.as_slice())).collect();
            let family = Family::new(&pairs);
            let others = rest.iter().map(|g| g.cut).zip(family.corrected(&p_values)).collect();
            let (repeats, repeats_needed) = (top.repeats.len(), family.repeats_needed());
            let (cut, median, missing) = (top.cut, middle(top), groups.missing(percentage));
            Ok(Best { percentage, cut, median, repeats, repeats_needed, others, missing, rule })
        })
    };
    groups.percentages().into_iter().filter_map(at).collect()
}

/// The group with the highest value; of equal ones the highest cut, which trains least.
pub(super) fn highest<'a>(cuts: &[&'a Group], value: impl Fn(&Group) -> f64) -> Option<&'a Group> {
    cuts.iter().copied().max_by(|a, b| value(a).total_cmp(&value(b)).then(a.cut.cmp(&b.cut)))
}
