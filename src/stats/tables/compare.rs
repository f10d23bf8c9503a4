//! The table of two experiments against each other.

use super::tests::{note_few_repeats, rule_of, with_test};
use crate::stats::analysis::{Comparison, Higher};
use crate::stats::tests::{Rule, ALPHA};
use crate::table::Table;

/// The table of [`compare`](crate::stats::compare); `first` and `second` name the experiments, such as `FR` and `FT`.
/// Significant rows are marked, and say which experiment is higher.
pub fn compare_table(rows: &[Comparison], first: &str, second: &str) -> Table {
    let higher = |c: &Comparison| match c.higher() {
        Higher::First => Some(first),
        Higher::Second => Some(second),
        Higher::Neither => None,
    };
    let head = (Table::of(rows).fraction("percentage", |c| c.percentage).titled("data"))
        .cut("cut", |c| c.cut)
        .number("mean_1", 4, |c| c.mean_1)
        .titled(format!("mean, {first}"))
        .number("mean_2", 4, |c| c.mean_2)
        .titled(format!("mean, {second}"))
        .words("higher", |c| c.higher().to_string())
        .hidden()
        .words("higher", higher)
        .right()
        .shown_only();
    let table = with_test(head, false, |c| (&c.test, c.holm)).bold(Comparison::significant).done();
    let rule = rows.first().map(|c| c.test.rule);
    let corrected = match rule {
        Some(Rule::Published) => {
            format!("marked, and one of them higher: p below {ALPHA}, not corrected, as published")
        }
        _ => format!(
            "marked, and one of them higher: p below {ALPHA} after Holm's correction for all cuts of a percentage"
        ),
    };
    let table = table
        .note(format!("first: {first}"))
        .note(format!("second: {second}"))
        .note(format!("Wilcoxon's signed-rank test over repeats, two-sided, rule {}", rule_of(rule)))
        .note(format!("{corrected}; effect: above 0 where the first is better"));
    note_few_repeats(table, rows.iter().map(|c| (c.percentage, c.test.count)))
}
