//! The tables of tests, ranks and answers, in the form of the published ones where those are CSV.

use serde_json::{json, Value};

use super::best::{Best, Other};
use super::compare::Comparison;
use super::names::{cut_name, cut_names, percent, percents};
use super::pairs::{PairTest, ALPHA};
use super::ranks::Rank;
use super::table::{Entry, Table, TableOf};
use super::wilcoxon::{Rule, Wilcoxon, TELL_NOTHING};

/// The table of [`super::all_pairs`]: significant rows are marked, and p-values that are significant after Holm's
/// correction.
pub fn wilcoxon_table(tests: &[PairTest]) -> Table {
    let head = Table::of(tests)
        .value("percentage", |t| t.percentage.into())
        .value("cut_1", |t| t.cut_1.into())
        .value("cut_2", |t| t.cut_2.into())
        .csv("percentage", |t| format!("{:?}", t.percentage))
        .csv("cut_1", |t| t.cut_1.to_string())
        .csv("cut_2", |t| t.cut_2.to_string())
        .number("data", |t| percent(t.percentage))
        // The published tables cut statistics to whole numbers and round p-values.
        .csv("statistic", |t| format!("{:.0}", t.test.statistic.trunc()))
        .csv("p_value", |t| format!("{:.6}", t.test.p_value))
        .number("first", |t| cut_name(t.cut_1))
        .number("second", |t| cut_name(t.cut_2));
    let table = with_test(head, |t| (&t.test, t.holm)).bold(PairTest::significant).done();
    let counts = tests.iter().map(|t| (t.percentage, t.test.count));
    table
        .note(format!("Wilcoxon's signed-rank test over repeats, two-sided, rule {}", rule_of(tests.first().map(|t| t.test.rule))))
        .note(format!("marked: p below {ALPHA}; Holm: corrected for all pairs of a percentage; effect: above 0 where the first cut is better"))
        .note_few_repeats(counts)
}

/// The table of [`super::published_ranks`]; the best cuts of each percentage are marked. Its CSV has the ranks before
/// they were renumbered, as published.
pub fn rank_table(ranks: &[Rank]) -> Table {
    Table::of(ranks)
        .value("percentage", |r| r.percentage.into())
        .value("cut", |r| r.cut.into())
        .value("mean_test_acc", |r| r.mean.into())
        .value("raw_rank", |r| r.raw.into())
        .value("rank", |r| r.rank.into())
        .value("rule", |r| r.rule.map_or(Value::Null, |rule| rule.to_string().into()))
        .csv("percentage", |r| format!("{:?}", r.percentage))
        .csv("cut", |r| r.cut.to_string())
        .csv("mean_test_acc", |r| format!("{:?}", r.mean))
        .csv("rank", |r| r.raw.to_string())
        .number("data", |r| percent(r.percentage))
        .number("cut", |r| cut_name(r.cut))
        .number("mean", |r| format!("{:.4}", r.mean))
        .number("rank", |r| Entry::marked(r.rank.to_string(), r.rank == 1))
        .bold(|r| r.rank == 1)
        .done()
        .note(format!(
            "the published ranking, rule {}: it depends on the order of comparisons; marked: the first rank",
            rule_of(ranks.iter().find_map(|r| r.rule))
        ))
}

/// The table of [`super::best`].
pub fn best_table(answers: &[Best]) -> Table {
    let alike = |b: &Best| match (b.repeats, b.alike()) {
        _ if b.others.is_empty() => "no other cut".to_owned(),
        // Few pairs tell nothing, and an empty answer must not look like one.
        (1, _) => "any (1 repeat tells no difference)".to_owned(),
        (repeats, _) if b.tells_nothing() => format!("any ({repeats} repeats tell no difference)"),
        (_, alike) if alike.is_empty() => "none".to_owned(),
        (_, alike) => cut_names(&alike),
    };
    let others = |b: &Best| {
        let other = |o: &Other| json!({"cut": o.cut, "holm": o.holm, "effect_size": o.effect_size});
        b.others.iter().map(other).collect::<Vec<_>>()
    };
    let table = Table::of(answers)
        .value("percentage", |b| b.percentage.into())
        .value("cut", |b| b.cut.into())
        .value("median", |b| b.median.into())
        .value("repeats", |b| b.repeats.into())
        .value("alike", |b| b.alike().into())
        .value("others", |b| others(b).into())
        .value("missing", |b| b.missing.clone().into())
        .value("rule", |b| b.rule.to_string().into())
        .csv("percentage", |b| format!("{:?}", b.percentage))
        .csv("cut", |b| b.cut.to_string())
        .csv("median_test_acc", |b| format!("{:?}", b.median))
        .csv("alike", |b| b.alike().iter().map(i64::to_string).collect::<Vec<_>>().join(" "))
        .number("data", |b| percent(b.percentage))
        .number("best", |b| cut_name(b.cut))
        .number("median", |b| format!("{:.4}", b.median))
        .words("cannot be told from it", alike)
        .done()
        .note(format!(
            "the cut of the highest median test accuracy, and those from which Wilcoxon's test (rule {}) does not tell it, at {ALPHA} after Holm's correction for all pairs of a percentage",
            rule_of(answers.first().map(|b| b.rule))
        ));
    answers.iter().filter(|b| !b.missing.is_empty()).fold(table, |table, b| {
        table.note(format!("without results at {}: {}", percent(b.percentage), cut_names(&b.missing)))
    })
}

/// The table of [`super::compare`]; `first` and `second` say what the experiments are. Significant rows are marked.
pub fn compare_table(rows: &[Comparison], first: &str, second: &str) -> Table {
    let head = Table::of(rows)
        .value("percentage", |c| c.percentage.into())
        .value("cut", |c| c.cut.into())
        .value("mean_1", |c| c.mean_1.into())
        .value("mean_2", |c| c.mean_2.into())
        .value("higher", |c| c.higher().into())
        .csv("percentage", |c| format!("{:?}", c.percentage))
        .csv("cut", |c| c.cut.to_string())
        .csv("mean_1", |c| format!("{:?}", c.mean_1))
        .csv("mean_2", |c| format!("{:?}", c.mean_2))
        .csv("higher", |c| c.higher().to_owned())
        .csv("statistic", |c| format!("{:?}", c.test.statistic))
        .csv("p_value", |c| format!("{:?}", c.test.p_value))
        .csv("holm", |c| format!("{:?}", c.holm))
        .csv("effect_size", |c| format!("{:?}", c.test.effect_size()))
        .csv("pairs", |c| c.test.pairs.to_string())
        .csv("rule", |c| c.test.rule.to_string())
        .number("data", |c| percent(c.percentage))
        .number("cut", |c| cut_name(c.cut))
        .number("mean 1", |c| format!("{:.4}", c.mean_1))
        .number("mean 2", |c| format!("{:.4}", c.mean_2))
        .number("higher", Comparison::higher);
    let table = with_test(head, |c| (&c.test, c.holm)).bold(Comparison::significant).done();
    table
        .note(format!("first: {first}"))
        .note(format!("second: {second}"))
        .note(format!("Wilcoxon's signed-rank test over repeats, two-sided, rule {}", rule_of(rows.first().map(|c| c.test.rule))))
        .note(format!("marked: p below {ALPHA}; Holm: corrected for all cuts of a percentage; effect: above 0 where the first is better"))
        .note_few_repeats(rows.iter().map(|c| (c.percentage, c.test.count)))
}

/// The columns of a test, but for those of the CSV.
fn with_test<'a, T>(table: TableOf<'a, T>, of: impl Fn(&T) -> (&Wilcoxon, f64)) -> TableOf<'a, T> {
    table
        .value("rule", |t| of(t).0.rule.to_string().into())
        .value("statistic", |t| of(t).0.statistic.into())
        .value("p_value", |t| of(t).0.p_value.into())
        .value("holm", |t| of(t).1.into())
        .value("effect_size", |t| of(t).0.effect_size().into())
        .value("pairs", |t| of(t).0.pairs.into())
        .value("method", |t| format!("{:?}", of(t).0.method).into())
        .number("statistic", |t| of(t).0.statistic.to_string())
        .number("p", |t| Entry::marked(p_value(of(t).0.p_value), of(t).0.p_value < ALPHA))
        .number("p (Holm)", |t| Entry::marked(p_value(of(t).1), of(t).1 < ALPHA))
        .number("effect", |t| format!("{:+.2}", of(t).0.effect_size()))
}

fn rule_of(rule: Option<Rule>) -> String {
    rule.map_or("of no test".to_owned(), |rule| rule.to_string())
}

/// A p-value to six places, as published; never a zero, which it cannot be.
fn p_value(p: f64) -> String {
    if p < 0.000_000_5 {
        "<0.000001".to_owned()
    } else {
        format!("{p:.6}")
    }
}

impl Table {
    /// Says where there are too few repeats for any difference to be significant.
    fn note_few_repeats(self, counts: impl Iterator<Item = (f64, usize)> + Clone) -> Table {
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
        lines.fold(self, |table, (at, what)| table.note(format!("at {at} {what}")))
    }
}
