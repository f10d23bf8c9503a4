//! The table of all pairs of cuts.

use super::tests::{note_few_repeats, rule_of, with_test};
use crate::stats::analysis::PairTest;
use crate::stats::measure::{Measure, Quantity};
use crate::stats::tests::ALPHA;
use crate::table::Table;

/// The table of [`all_pairs`](crate::stats::all_pairs): significant rows are marked, and p-values that are significant
/// after Holm's correction. Of clusterings it is of layers. Its CSV is in the form of the published tables.
pub fn wilcoxon_table(tests: &[PairTest]) -> Table {
    let place = tests.first().map_or("cut", |t| t.quantity.place());
    let head = (Table::of(tests).fraction("percentage", |t| t.percentage).titled("data"))
        .value(&format!("{place}_1"), |t| t.quantity.value(t.cut_1))
        .titled("first")
        .value(&format!("{place}_2"), |t| t.quantity.value(t.cut_2))
        .titled("second");
    let table = with_test(head, true, |t| (&t.test, t.holm)).bold(PairTest::significant).done();
    // Test accuracy is what a reader takes for granted.
    let of = tests.first().map(|t| &t.quantity).filter(|&q| *q != Quantity::Runs(Measure::TestAcc));
    let table = of.map_or_else(|| table.clone(), |quantity| table.clone().note(quantity.words()));
    let table = table
        .note(format!("Wilcoxon's signed-rank test over repeats, two-sided, rule {}", rule_of(tests.first().map(|t| t.test.rule))))
        .note(format!("marked: p below {ALPHA}; Holm: corrected for all pairs of a percentage; effect: above 0 where the first {place} is better"));
    note_few_repeats(table, tests.iter().map(|t| (t.percentage, t.test.count)))
}
