//! What results say, in sentences that their numbers support.

mod against;
mod base;
mod conclusions;
#[cfg(test)]
mod example;
mod gains;
mod layers;
mod settings;

pub use against::compare_answer;
pub use base::Answer;
pub use conclusions::answer;
pub use gains::gain_answer;
pub use layers::cluster_answer;
pub use settings::best_cuts_answer;
