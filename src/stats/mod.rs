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

mod answer;
mod best;
mod bootstrap;
mod clusterings;
mod compare;
mod describe;
mod dominance;
mod experiment;
mod family;
mod groups;
mod measure;
mod names;
mod pairs;
mod ranks;
mod spearman;
mod student;
mod summary;
mod table;
mod tables;
mod transferability;
mod trend;
mod verdicts;
mod wilcoxon;

pub use answer::{answer, Answer};
pub use best::{best, Best, Other};
pub use bootstrap::{median_interval, LEVEL};
pub use clusterings::cluster_table;
pub use compare::{compare, not_compared, Comparison};
pub use describe::{mean, median, quantile, standard_deviation};
pub use dominance::dominance_ranks;
pub use experiment::{check_settings_comparable, load_experiment, load_together};
pub(crate) use family::tell_nothing;
pub use groups::{Group, Groups};
pub use measure::Measure;
pub use names::{cut_name, percent};
pub use pairs::{all_pairs, holm, PairTest, ALPHA};
pub use ranks::{published_ranks, Rank};
pub use spearman::{spearman, spearman_exact, Correlation, CorrelationMethod, MOST_ORDERED};
pub use summary::{Cell, Summary};
pub use table::{Entry, Table, TableOf};
pub use tables::{best_table, compare_table, rank_table, wilcoxon_table};
pub use transferability::{transferability, LayerScore, Transferability};
pub use trend::{trend, Trend, TrendPoint};
pub use verdicts::{best_cuts_answer, cluster_answer, compare_answer, gain_answer};
pub use wilcoxon::{wilcoxon, Method, Rule, Wilcoxon, TELL_NOTHING};
