//! What result files say. Records in, numbers and tables out; no model is touched.
//!
//! ```no_run
//! use cutpoint::prelude::*;
//! use cutpoint::stats::*;
//!
//! let results = load_together(&["baselines_regular_classes.json", "cuts_regular_classes_FR.json"])?;
//! let groups = Groups::new(&results.records)?;
//! let pairs = all_pairs(&groups, Rule::SciPy)?;
//! println!("{}", wilcoxon_table(&pairs));
//! println!("{}", best_table(&best(&groups, Rule::SciPy)?).to_latex());
//! println!("{}", trend(&groups, false)?);
//! # Ok::<(), Error>(())
//! ```
//!
//! | where | what |
//! |---|---|
//! | `tests/` | tests of samples: Wilcoxon's, Holm's correction, rank correlations |
//! | `analysis/` | what rows say, in numbers: pairs, comparisons, the best cut, ranks, trends |
//! | `tables/` | the same as tables |
//! | `answers/` | the same in sentences |
//! | `foretell/` | what scores before fine-tuning were worth, and a cut recommended from that |

mod analysis;
mod answers;
mod bootstrap;
mod describe;
mod foretell;
mod groups;
mod load;
mod measure;
mod results;
mod summary;
mod tables;
mod tests;
mod transferability;

pub use crate::table::{cut_name, percent, Table};
pub use analysis::{
    all_pairs, best, boxes, boxes_against, by_layer, compare, dominance_ranks, layer_boxes, not_compared, pooled_trend,
    published_best_cuts, published_ranks, trend, weight_count, weights, with_trends, Best, BestCuts, Boxed, Boxes,
    Comparison, Five, Higher, Label, Other, PairTest, PooledTrend, Rank, RankNote, Ranking, Series, Slope, Slots,
    Spread, StudyTrend, Trend, TrendPoint, WeightCount, WeightPoint,
};
pub use answers::{answer, best_cuts_answer, cluster_answer, compare_answer, gain_answer, Answer};
pub use bootstrap::{median_interval, LEVEL};
pub use describe::{mean, median, quantile, standard_deviation};
pub use foretell::{
    across, across_table, gather, judge, judgement_table, recommend, score_series, Across, Case, Choice, Estimate,
    Evidence, EvidenceCase, Judgement, Policy, Recommendation, Situation, FEWEST_STUDIES,
};
pub use groups::{Group, Groups};
pub use load::{
    check_settings_comparable, experiment_name, load_experiment, load_studies, load_together, study_name, uneven,
};
pub use measure::{Centre, LayerNames, Measure, Quantity};
pub use results::Statistics;
pub use summary::{Cell, Summary};
pub use tables::{best_table, cluster_table, compare_table, rank_table, transfer_table, weights_table, wilcoxon_table};
pub use tests::{
    holm, kendall, page, spearman, spearman_exact, stratified, wilcoxon, Correlation, CorrelationMethod, Method, Page,
    PageMethod, Rule, Stratified, Wilcoxon, ALPHA, MOST_ORDERED, TELL_NOTHING,
};
pub use transferability::{transferability, LayerScore, Transferability};
