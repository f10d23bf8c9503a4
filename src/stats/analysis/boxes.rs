//! Everything that a box plot shows, worked out: quartiles, whiskers, outliers, ranks, and what is significant.

use std::fmt;
use std::str::FromStr;

use super::compare::{compare, Higher};
use super::dominance::dominance_ranks;
use super::layers::by_layer;
use super::pairs::all_pairs;
use super::ranks::published_ranks;
use crate::cluster::{ClusterFile, ClusterScore};
use crate::error::{Error, Result};
use crate::results::ResultFile;
use crate::stats::describe::quantile;
use crate::stats::groups::{Group, Groups};
use crate::stats::measure::Measure;
use crate::stats::tests::{tell_nothing, Rule};

/// How the boxes of one percentage are ranked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ranking {
    /// 1, and one more for each cut that is significantly better ([`dominance_ranks`]).
    #[default]
    Sound,
    /// The published ranks ([`published_ranks`]).
    Published,
}

impl fmt::Display for Ranking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Ranking::Sound => "sound",
            Ranking::Published => "published",
        })
    }
}

impl FromStr for Ranking {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        match s {
            "sound" => Ok(Ranking::Sound),
            "published" => Ok(Ranking::Published),
            _ => Err(Error::parameter("ranking", "sound or published", s)),
        }
    }
}

/// What a box shows of a sample (Tukey): quartiles, whiskers to the farthest values within one and a half times the
/// distance of the quartiles, and what lies beyond.
#[derive(Clone, Debug, PartialEq)]
pub struct Five {
    /// A quarter lies below it.
    pub lower: f64,
    /// The median.
    pub median: f64,
    /// A quarter lies above it.
    pub upper: f64,
    /// The ends of the whiskers, the lower one first.
    pub whiskers: (f64, f64),
    /// Values beyond the whiskers.
    pub outliers: Vec<f64>,
}

impl Five {
    /// Of some values; `None` of none.
    pub fn of(values: &[f64]) -> Option<Five> {
        let (lower, median, upper) = (quantile(values, 0.25)?, quantile(values, 0.5)?, quantile(values, 0.75)?);
        let reach = 1.5 * (upper - lower);
        let within = |v: &f64| (lower - reach..=upper + reach).contains(v);
        let inside = values.iter().copied().filter(within);
        let whiskers = inside.fold((lower, upper), |(low, high), v| (low.min(v), high.max(v)));
        Some(Five { lower, median, upper, whiskers, outliers: values.iter().copied().filter(|v| !within(v)).collect() })
    }

    /// The lowest and the highest value.
    pub fn ends(&self) -> (f64, f64) {
        self.outliers.iter().fold(self.whiskers, |(low, high), &v| (low.min(v), high.max(v)))
    }
}

/// One box.
#[derive(Clone, Debug, PartialEq)]
pub struct Boxed {
    /// The number of its percentage among [`Boxes::percentages`].
    pub group: usize,
    /// The number of its cut or layer among [`Boxes::slots`].
    pub slot: usize,
    /// What it shows.
    pub five: Five,
    /// Its rank among the boxes of its percentage; `None` where nothing can be told.
    pub rank: Option<usize>,
    /// Of two experiments: which is significantly higher here.
    pub higher: Higher,
}

/// What stands side by side at a percentage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slots {
    /// Cuts, ascending; -1 is the baseline.
    Cuts(Vec<i64>),
    /// Layers in the network's order, by name: `conv0`, or a block's own.
    Layers(Vec<String>),
}

/// Why boxes have the ranks that they have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RankNote {
    /// At some percentage cuts have different repeats: none is ranked there.
    Unpaired,
    /// Both: different repeats at some percentage, too few at another.
    UnpairedOrTooFew,
    /// Some boxes are not ranked: too few repeats to tell them apart.
    TooFew,
    /// All are ranked.
    All,
}

/// The boxes of one experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct Boxes {
    /// By percentage, then slot.
    pub boxes: Vec<Boxed>,
    /// The percentages, ascending.
    pub percentages: Vec<f64>,
    /// What stands side by side at each.
    pub slots: Slots,
    /// Whose ranks they have.
    pub ranking: Ranking,
    /// Why they have them.
    pub ranked: RankNote,
    /// Of two experiments: the rule of the tests that decided which is higher.
    pub rule: Option<Rule>,
}

impl Boxes {
    fn new(groups: &Groups, slots: Slots, ranking: Ranking) -> Boxes {
        let percentages = groups.percentages();
        let ranks: Vec<_> = percentages.iter().map(|&p| ranks_at(groups, p, ranking)).collect();
        let cuts = groups.cuts();
        let boxed = |g: &Group| {
            let group = percentages.iter().position(|&p| p == g.percentage)?;
            let rank = |list: &[(i64, usize)]| list.iter().find(|(cut, _)| *cut == g.cut).map(|(_, rank)| *rank);
            Some(Boxed {
                group,
                slot: cuts.iter().position(|&c| c == g.cut).unwrap_or(0),
                five: Five::of(&g.accuracy)?,
                rank: ranks[group].as_deref().ok().and_then(rank),
                higher: Higher::Neither,
            })
        };
        let any = |why: Unranked| ranks.iter().any(|r| r.as_ref().err() == Some(&why));
        let ranked = match (any(Unranked::Unpaired), any(Unranked::TooFew)) {
            (true, true) => RankNote::UnpairedOrTooFew,
            (true, false) => RankNote::Unpaired,
            (false, true) => RankNote::TooFew,
            (false, false) => RankNote::All,
        };
        Boxes {
            boxes: groups.all().iter().filter_map(boxed).collect(),
            percentages,
            slots,
            ranking,
            ranked,
            rule: None,
        }
    }
}

/// The boxes of an experiment: an accuracy by percentage and cut.
///
/// # Errors
/// Those of [`Groups::of`].
pub fn boxes(results: &ResultFile, measure: Measure, ranking: Ranking) -> Result<Boxes> {
    let groups = Groups::of(&results.records, measure)?;
    Ok(Boxes::new(&groups, Slots::Cuts(groups.cuts()), ranking))
}

/// The boxes of one experiment, and where it is significantly higher or lower than a second one at the same percentage
/// and cut ([`Comparison::higher`](crate::stats::Comparison::higher)).
///
/// # Errors
/// Those of [`Groups::of`] and [`compare`].
pub fn boxes_against(
    first: &ResultFile,
    second: &ResultFile,
    measure: Measure,
    ranking: Ranking,
    rule: Rule,
) -> Result<Boxes> {
    let groups = Groups::of(&first.records, measure)?;
    let cuts = groups.cuts();
    let mut boxes = Boxes::new(&groups, Slots::Cuts(cuts.clone()), ranking);
    boxes.rule = Some(rule);
    for test in compare(&groups, &Groups::of(&second.records, measure)?, rule)? {
        let is_it = |b: &&mut Boxed| boxes.percentages[b.group] == test.percentage && cuts[b.slot] == test.cut;
        if let Some(boxed) = boxes.boxes.iter_mut().find(is_it) {
            boxed.higher = test.higher();
        }
    }
    Ok(boxes)
}

/// The boxes of a clustering score by percentage and layer. Rows of one algorithm only.
///
/// # Errors
/// Those of [`by_layer`].
pub fn layer_boxes(results: &ClusterFile, score: ClusterScore, ranking: Ranking) -> Result<Boxes> {
    let groups = by_layer(results, score)?;
    let layers = groups.cuts().iter().map(|&layer| groups.quantity().name(layer)).collect();
    Ok(Boxes::new(&groups, Slots::Layers(layers), ranking))
}

/// Why the boxes of a percentage have no ranks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unranked {
    Unpaired,
    TooFew,
}

/// The rank of each cut at a percentage, or why there are none. What is missing at one percentage takes nothing from the
/// others.
fn ranks_at(groups: &Groups, percentage: f64, ranking: Ranking) -> Result<Vec<(i64, usize)>, Unranked> {
    let here = groups.only_where(|g| g.percentage == percentage);
    let cuts = here.all();
    if cuts.windows(2).any(|w| w[0].repeats != w[1].repeats) {
        return Err(Unranked::Unpaired);
    }
    match ranking {
        Ranking::Published => {
            // Of paired finite samples, which these are, no test fails.
            let pairs = all_pairs(&here, Rule::Published).map_err(|_| Unranked::Unpaired)?;
            Ok(published_ranks(&here, &pairs).iter().map(|r| (r.cut, r.rank)).collect())
        }
        Ranking::Sound => {
            let samples: Vec<&[f64]> = cuts.iter().map(|g| g.accuracy.as_slice()).collect();
            if tell_nothing(&samples) {
                return Err(Unranked::TooFew);
            }
            let ranks = dominance_ranks(&samples, Rule::SciPy).map_err(|_| Unranked::Unpaired)?;
            Ok(cuts.iter().map(|g| g.cut).zip(ranks).collect())
        }
    }
}
