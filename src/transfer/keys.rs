//! The keys that scores are kept under: hashes of all that decides their numbers.

use serde::Serialize;

use super::View;
use crate::config::Fraction;
use crate::error::Result;
use crate::results::Identity;
use crate::sweep::layers::Examined;

/// The version of [`Scoring`], which changes when the meaning of a field does, or how a score is made.
const VERSION: u32 = 1;

/// All that decides the scores of a layer.
#[derive(Serialize)]
struct Scoring<'a> {
    #[serde(flatten)]
    examined: &'a Examined,
    features: View,
    fraction: Fraction,
    repeat: u64,
    /// None: the network as a whole.
    layer: Option<usize>,
}

/// The key of one row.
pub(super) fn key(
    examined: &Examined,
    features: View,
    fraction: Fraction,
    repeat: u64,
    layer: Option<usize>,
) -> Result<String> {
    let scoring = Scoring { examined, features, fraction, repeat, layer };
    Ok(Identity::new("scores of a layer", VERSION, &scoring)?.key())
}
