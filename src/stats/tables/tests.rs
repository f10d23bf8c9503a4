//! What tables of tests have in common.

use crate::stats::tests::{Rule, Wilcoxon, ALPHA, TELL_NOTHING};
use crate::table::{percents, Table, TableOf};

/// A test as it stands in a table: the test itself, and its p-value after Holm's correction.
pub(super) type Tested<'a> = (&'a Wilcoxon, f64);

/// The columns of a test that people see. Where `published`, CSV has only the two that published tables have, statistics
/// cut to whole numbers and p-values rounded; otherwise all of them, the rule last.
pub(super) fn with_test<'a, T>(
    table: TableOf<'a, T>,
    published: bool,
    of: impl Fn(&T) -> Tested<'_>,
) -> TableOf<'a, T> {
    let table = table.words("rule", |t| of(t).0.rule.to_string()).hidden().not_in_csv();
    if published {
        let table = (table.number("statistic", 0, |t| of(t).0.statistic.trunc()).only_in_csv())
            .number("p_value", 6, |t| of(t).0.p_value)
            .only_in_csv();
        return with_numbers(table, true, &of)
            .words("method", |t| format!("{:?}", of(t).0.method))
            .hidden()
            .not_in_csv();
    }
    with_numbers(table, false, &of)
        .words("rule", |t| of(t).0.rule.to_string())
        .hidden()
        .words("method", |t| format!("{:?}", of(t).0.method))
        .hidden()
        .not_in_csv()
}

fn with_numbers<'a, T>(table: TableOf<'a, T>, not_in_csv: bool, of: impl Fn(&T) -> Tested<'_>) -> TableOf<'a, T> {
    let csv = |table: TableOf<'a, T>| if not_in_csv { table.not_in_csv() } else { table };
    let table = csv(table.count("statistic", |t| of(t).0.statistic));
    let table = csv(table.p_value("p_value", 6, |t| of(t).0.p_value).titled("p").marked(|t| of(t).0.p_value < ALPHA));
    let table = csv(table.p_value("holm", 6, |t| of(t).1).titled("p (Holm)").marked(|t| of(t).1 < ALPHA));
    let table = csv(table.signed("effect_size", 2, |t| of(t).0.effect_size()).titled("effect"));
    csv(table.count("pairs", |t| of(t).0.pairs).hidden())
}

/// The rule of some tests, in words.
pub(super) fn rule_of(rule: Option<Rule>) -> String {
    rule.map_or("of no test".to_owned(), |rule| rule.to_string())
}

/// Says where there are too few repeats for any difference to be significant, of (percentage, repeats) of tests.
pub(super) fn note_few_repeats(table: Table, counts: impl Iterator<Item = (f64, usize)> + Clone) -> Table {
    let at = |few: &dyn Fn(usize) -> bool| {
        let mut at: Vec<f64> = counts.clone().filter(|&(_, n)| few(n)).map(|(percentage, _)| percentage).collect();
        at.dedup();
        percents(&at)
    };
    let (single, few) = (at(&|n| n == 1), at(&|n| n > 1 && n <= TELL_NOTHING));
    let lines = [
        (single, "there is a single repeat: p is 1, whatever the difference".to_owned()),
        (few, format!("there are too few repeats, {TELL_NOTHING} or fewer: no difference can be significant")),
    ];
    let lines = lines.into_iter().filter(|(at, _)| !at.is_empty());
    lines.fold(table, |table, (at, what)| table.note(format!("at {at} {what}")))
}
