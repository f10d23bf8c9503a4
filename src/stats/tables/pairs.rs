//! The table of all pairs of cuts.

use super::tests::{note_few_repeats, rule_of, with_test};
use crate::stats::analysis::PairTest;
use crate::stats::tests::ALPHA;
use crate::table::Table;

/// The table of [`all_pairs`](crate::stats::all_pairs): significant rows are marked, and p-values that are significant
/// after Holm's correction. Its CSV is in the form of the published tables.
pub fn wilcoxon_table(tests: &[PairTest]) -> Table {
    let head = (Table::of(tests).fraction("percentage", |t| t.percentage).titled("data"))
        .cut("cut_1", |t| t.cut_1)
        .titled("first")
        .cut("cut_2", |t| t.cut_2)
        .titled("second");
    let table = with_test(head, true, |t| (&t.test, t.holm)).bold(PairTest::significant).done();
    let table = table
        .note(format!("Wilcoxon's signed-rank test over repeats, two-sided, rule {}", rule_of(tests.first().map(|t| t.test.rule))))
        .note(format!("marked: p below {ALPHA}; Holm: corrected for all pairs of a percentage; effect: above 0 where the first cut is better"));
    note_few_repeats(table, tests.iter().map(|t| (t.percentage, t.test.count)))
}
