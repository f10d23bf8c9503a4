//! What the rows of experiments say, in numbers.

mod best;
mod boxes;
mod compare;
mod dominance;
mod layers;
mod pairs;
mod pooled;
mod published;
mod ranks;
mod series;
mod slope;
mod trend;
mod weights;

pub(crate) use best::best_by;
pub use best::{best, Best, Other};
pub use boxes::{boxes, boxes_against, layer_boxes, Boxed, Boxes, Five, RankNote, Ranking, Slots};
pub use compare::{compare, not_compared, Comparison, Higher};
pub use dominance::dominance_ranks;
pub use layers::by_layer;
pub use pairs::{all_pairs, PairTest};
pub use pooled::{pooled_trend, with_trends, PooledTrend, StudyTrend};
pub use published::{published_best_cuts, BestCuts};
pub use ranks::{published_ranks, Rank};
pub use series::{Label, Series, Spread};
pub use slope::Slope;
pub use trend::{trend, Trend, TrendPoint};
pub use weights::{weight_count, weights, WeightCount, WeightPoint};
