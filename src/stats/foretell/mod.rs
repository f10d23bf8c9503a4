//! Can the best cut be foretold? What scores of layers were worth in studies that were then fine-tuned, by the choice that
//! they lead to, and what that says to whoever has a network and images and has not fine-tuned yet.

mod across;
mod case;
mod evidence;
mod gather;
mod judge;
mod recommend;
mod series;

pub use across::{across, across_table, Across, Policy, FEWEST_STUDIES};
pub use case::{Case, Choice};
pub use evidence::{Evidence, EvidenceCase};
pub use gather::gather;
pub use judge::{judge, judgement_table, Estimate, Judgement};
pub use recommend::{recommend, Recommendation, Situation};
pub use series::score_series;
