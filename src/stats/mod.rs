//! What result files say. Records in, numbers and tables out; no model is touched.

mod best;
mod compare;
mod groups;
mod pairs;
mod ranks;
mod summary;
mod wilcoxon;

pub use best::{best, Best};
pub use compare::{compare, Comparison};
pub use groups::{Group, Groups};
pub use pairs::{all_pairs, holm, PairTest, ALPHA};
pub use ranks::{published_ranks, Rank};
pub use summary::{median, Cell, Summary};
pub use wilcoxon::{wilcoxon, Method, Rule, Wilcoxon};
