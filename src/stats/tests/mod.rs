//! Tests, each in the form of a function of samples. No result file is known here.

mod family;
mod holm;
mod kendall;
mod page;
mod ranks;
mod spearman;
mod stratified;
mod student;
mod wilcoxon;

pub(crate) use family::{numbered_pairs, pairs_of, repeats_needed, tell_nothing, Family};
pub use holm::{holm, ALPHA};
pub use kendall::kendall;
pub use page::{page, Page, PageMethod};
pub use spearman::{spearman, spearman_exact, Correlation, CorrelationMethod, MOST_ORDERED};
pub use stratified::{stratified, Stratified};
pub use wilcoxon::{wilcoxon, Method, Rule, Wilcoxon, TELL_NOTHING};
