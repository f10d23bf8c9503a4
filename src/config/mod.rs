//! What a study is made of, by component: network, training, split, setting, cut point, fraction of the data, grid.
//!
//! Each component is checked once, when it is built, so that what runs is always valid. [`Params`] is the form that result
//! files and the original notebooks have: one flat record, which is taken apart into components where it comes in.

mod activation;
mod cut_point;
mod device;
mod fraction;
mod grid;
mod network;
mod optimizer;
mod params;
mod recipe;
mod setting;
mod split;
mod test_split;
mod training;

pub use activation::Activation;
pub use cut_point::CutPoint;
pub use device::Device;
pub use fraction::{check_percentage, Fraction, PERCENTAGES};
pub use grid::{Grid, Repeats, Row};
pub use network::{NetworkConfig, Pooling, MAX_DEPTH};
pub use optimizer::Optimizer;
pub use params::{Params, NO_NUMBER, SETTING_KEYS};
pub use recipe::{Augmentation, Recipe, Schedule};
pub use setting::Setting;
pub use split::SplitConfig;
pub use test_split::TestSplit;
pub use training::TrainingConfig;

/// For fields that are left out of JSON where they have their default value, so that an identity written before the field
/// existed stays what it was.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
