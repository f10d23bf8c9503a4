//! The published ranking of cuts.

use super::pairs::PairTest;
use crate::stats::groups::Groups;
use crate::stats::measure::Quantity;
use crate::stats::tests::Rule;

/// The rank of a cut at a percentage.
#[derive(Clone, Debug, PartialEq)]
pub struct Rank {
    /// What was measured: of clusterings, layers stand where cuts do.
    pub quantity: Quantity,
    /// Fraction of the target training data.
    pub percentage: f64,
    /// The cut; -1 is the baseline.
    pub cut: i64,
    /// Its mean.
    pub mean: f64,
    /// The rank as published tables hold it: 1 is best, and numbers may be missing.
    pub raw: usize,
    /// The rank as it is shown: 1, 2, .. without a gap.
    pub rank: usize,
    /// The rule of the tests; `None` where a single cut left nothing to test.
    pub rule: Option<Rule>,
}

/// Ranks cuts at every percentage as published: cuts that a test does not tell apart join one list, and lists are
/// ranked by mean accuracy.
///
/// The outcome depends on the order of comparisons: a list that has grown is compared by its first cut only. It is
/// here for comparison with the published figures; [`best`](super::best()) is sound.
pub fn published_ranks(groups: &Groups, pairs: &[PairTest]) -> Vec<Rank> {
    groups.percentages().into_iter().flat_map(|p| ranks_at(groups, pairs, p)).collect()
}

fn ranks_at(groups: &Groups, pairs: &[PairTest], percentage: f64) -> Vec<Rank> {
    let cuts = groups.at(percentage);
    let told_apart = |x: i64, y: i64| {
        let row = pairs.iter().find(|t| t.percentage == percentage && t.cut_1 == x && t.cut_2 == y);
        row.is_none_or(PairTest::significant)
    };
    let lists = grouped(&cuts.iter().map(|g| g.cut).collect::<Vec<_>>(), told_apart);
    let mean = |cut: i64| cuts.iter().find(|g| g.cut == cut).map_or(f64::NAN, |g| g.mean());
    let mut ordered: Vec<(f64, Vec<i64>)> =
        lists.into_iter().map(|l| (l.iter().map(|&c| mean(c)).sum::<f64>() / l.len() as f64, l)).collect();
    ordered.sort_by(|a, b| b.0.total_cmp(&a.0));
    // Equal sets share the later position, but keep the place of the first among the sets.
    let mut sets: Vec<(Vec<i64>, usize)> = Vec::new();
    for (position, (_, mut list)) in ordered.into_iter().enumerate() {
        list.sort_unstable();
        list.dedup();
        match sets.iter_mut().find(|(set, _)| *set == list) {
            Some((_, rank)) => *rank = position + 1,
            None => sets.push((list, position + 1)),
        }
    }
    let raw_of = |cut: i64| sets.iter().rev().find(|(set, _)| set.contains(&cut)).map_or(0, |(_, rank)| *rank);
    let mut shown: Vec<usize> = cuts.iter().map(|g| raw_of(g.cut)).collect();
    shown.sort_unstable();
    shown.dedup();
    let rank = |raw: usize| shown.iter().position(|&r| r == raw).map_or(0, |p| p + 1);
    cuts.iter()
        .map(|g| {
            let raw = raw_of(g.cut);
            Rank {
                quantity: groups.quantity(),
                percentage,
                cut: g.cut,
                mean: g.mean(),
                raw,
                rank: rank(raw),
                rule: pairs.first().map(|t| t.test.rule),
            }
        })
        .collect()
}

/// The lists of cuts that the published procedure arrives at. Lists are shared between its two collections, so that
/// one that grows grows in both: they are held once and named by number.
fn grouped(cuts: &[i64], told_apart: impl Fn(i64, i64) -> bool) -> Vec<Vec<i64>> {
    let mut lists: Vec<Vec<i64>> = cuts.iter().map(|&c| vec![c]).collect();
    let mut old: Vec<usize> = (0..lists.len()).collect();
    let mut new = old.clone();
    let mut skip = 1;
    while skip < old.len() {
        old = new;
        new = vec![old[0]];
        let mut current = 0;
        while current + skip < old.len() {
            old.sort_by_key(|&l| lists[l][0]);
            let (a, b) = (old[current], old[current + skip]);
            let first = lists[a][0];
            let home = new.iter().copied().find(|&l| lists[l].contains(&first)).unwrap_or_else(|| {
                new.push(a);
                a
            });
            if told_apart(first, lists[b][0]) {
                new.push(b);
            } else {
                let more = lists[b].clone();
                lists[home].extend(more);
            }
            current += 1;
        }
        skip += 1;
        for &cut in cuts {
            if !new.iter().any(|&l| lists[l].contains(&cut)) {
                new.extend(old.iter().copied().find(|&l| lists[l].contains(&cut)));
            }
        }
    }
    new.into_iter().map(|l| lists[l].clone()).collect()
}
