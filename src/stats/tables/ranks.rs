//! The table of published ranks.

use super::tests::rule_of;
use crate::stats::analysis::Rank;
use crate::table::Table;

/// The table of [`published_ranks`](crate::stats::published_ranks); the best cuts of each percentage are marked. Its CSV
/// has the ranks before they were renumbered, as published.
pub fn rank_table(ranks: &[Rank]) -> Table {
    let place = ranks.first().map_or("cut", |r| r.quantity.place());
    let mean = format!("mean_{}", ranks.first().map_or("test_acc".to_owned(), |r| r.quantity.key()));
    let table = (Table::of(ranks).fraction("percentage", |r| r.percentage).titled("data"))
        .value(place, |r| r.quantity.value(r.cut))
        .number(&mean, 4, |r| r.mean)
        .titled("mean")
        .count("raw_rank", |r| r.raw)
        .hidden()
        .not_in_csv()
        .count("rank", |r| r.rank)
        .marked(|r| r.rank == 1)
        .not_in_csv()
        .count("rank", |r| r.raw)
        .only_in_csv()
        .words("rule", |r| r.rule.map(|rule| rule.to_string()))
        .hidden()
        .not_in_csv()
        .bold(|r| r.rank == 1)
        .done();
    table.note(format!(
        "the published ranking, rule {}: it depends on the order of comparisons; marked: the first rank",
        rule_of(ranks.iter().find_map(|r| r.rule))
    ))
}
