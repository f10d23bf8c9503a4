//! The tables of tests, ranks and answers, in the form of the published ones where those are CSV.

mod best;
mod clusterings;
mod compare;
mod pairs;
mod ranks;
mod tests;
mod transfers;
mod weights;

pub use best::best_table;
pub use clusterings::cluster_table;
pub use compare::compare_table;
pub use pairs::wilcoxon_table;
pub use ranks::rank_table;
pub use transfers::transfer_table;
pub use weights::weights_table;
