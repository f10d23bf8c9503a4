//! The table of best cuts.

use super::tests::rule_of;
use crate::stats::analysis::{Best, Other};
use crate::stats::tests::ALPHA;
use crate::table::{percent, Table, Value};

/// The table of [`best`](crate::stats::best()).
pub fn best_table(answers: &[Best]) -> Table {
    let alike = |b: &Best| match (b.repeats, b.alike()) {
        _ if b.others.is_empty() => format!("no other {}", b.quantity.place()),
        // Few pairs tell nothing, and an empty answer must not look like one.
        (1, _) => "any (1 repeat tells no difference)".to_owned(),
        (repeats, _) if b.tells_nothing() => format!("any ({repeats} repeats tell no difference)"),
        (_, alike) if alike.is_empty() => "none".to_owned(),
        (_, alike) => b.quantity.names(&alike),
    };
    let other = |b: &Best, o: &Other| {
        Value::Fields(vec![
            (b.quantity.place(), b.quantity.value(o.cut)),
            ("holm", o.holm.into()),
            ("effect_size", o.effect_size.into()),
        ])
    };
    let place = answers.first().map_or("cut", |b| b.quantity.place());
    let median = format!("median_{}", answers.first().map_or("test_acc".to_owned(), |b| b.quantity.key()));
    let table = (Table::of(answers).fraction("percentage", |b| b.percentage).titled("data"))
        .value(place, |b| b.quantity.value(b.cut))
        .titled("best")
        .number("median", 4, |b| b.median)
        .not_in_csv()
        .number(&median, 4, |b| b.median)
        .only_in_csv_in_full()
        .count("repeats", |b| b.repeats)
        .hidden()
        .not_in_csv()
        .words("alike", |b| b.alike())
        .hidden()
        .words("others", |b| Value::List(b.others.iter().map(|o| other(b, o)).collect()))
        .hidden()
        .not_in_csv()
        .words("missing", |b| b.missing.clone())
        .hidden()
        .not_in_csv()
        .words("rule", |b| b.rule.to_string())
        .hidden()
        .not_in_csv()
        .words("cannot be told from it", alike)
        .shown_only()
        .done()
        .note(format!(
            "the {place} of the highest median {}, and those from which Wilcoxon's test (rule {}) does not tell it, at {ALPHA} after Holm's correction for all pairs of a percentage",
            answers.first().map_or("accuracy", |b| b.quantity.words()),
            rule_of(answers.first().map(|b| b.rule))
        ));
    answers.iter().filter(|b| !b.missing.is_empty()).fold(table, |table, b| {
        table.note(format!("without results at {}: {}", percent(b.percentage), b.quantity.names(&b.missing)))
    })
}
