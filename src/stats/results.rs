//! What can be asked of a result file.

use super::analysis::{all_pairs, best, Best, PairTest};
use super::groups::Groups;
use super::summary::Summary;
use super::tests::Rule;
use crate::error::{Error, Result};
use crate::results::ResultFile;

/// Statistics of the rows of a result file.
pub trait Statistics: Sized {
    /// The best cut at a percentage and those that cannot be told from it: [`best`] with SciPy's rule, of all cuts that
    /// the file has, the baseline among them.
    ///
    /// # Errors
    /// Those of [`Groups::new`] and [`best`]; [`Error::Parameter`] when there is no such percentage.
    fn best_cut(&self, percentage: f64) -> Result<Best>;

    /// Tests every pair of cuts at every percentage of this file: [`all_pairs`] of its rows.
    ///
    /// # Errors
    /// Those of [`Groups::new`] and [`all_pairs`].
    fn pair_tests(&self, rule: Rule) -> Result<Vec<PairTest>>;

    /// The rows whose repeats all cuts of their percentage have, and what was left out, in words: an unfinished sweep made
    /// comparable.
    ///
    /// # Errors
    /// Those of [`Groups::new`] and [`Groups::common_repeats`].
    fn common_repeats(&self) -> Result<(Self, Vec<String>)>;

    /// The rows that some groups are made of.
    fn only(&self, groups: &Groups) -> Self;

    /// Shows medians of test accuracy by percentage and cut in a notebook.
    fn evcxr_display(&self);
}

impl Statistics for ResultFile {
    fn best_cut(&self, percentage: f64) -> Result<Best> {
        let groups = Groups::new(&self.records)?;
        let found = best(&groups, Rule::SciPy)?.into_iter().find(|b| b.percentage == percentage);
        let expected = || format!("one of {:?}", groups.percentages());
        found.ok_or_else(|| Error::parameter("percentage", expected(), percentage))
    }

    fn pair_tests(&self, rule: Rule) -> Result<Vec<PairTest>> {
        all_pairs(&Groups::new(&self.records)?, rule)
    }

    fn common_repeats(&self) -> Result<(Self, Vec<String>)> {
        let (groups, left_out) = Groups::new(&self.records)?.common_repeats()?;
        Ok((self.only(&groups), left_out))
    }

    fn only(&self, groups: &Groups) -> Self {
        self.filter(|r| {
            let group = groups.get(r.sampled_percentage, r.sampled_cut_point);
            group.is_some_and(|g| g.repeats.contains(&r.repeat))
        })
    }

    fn evcxr_display(&self) {
        Summary::new(&self.records).evcxr_display();
    }
}
