//! What the rows of a result file come from.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Origin;
use crate::config::Params;

/// The parameter that says what network it is, where it is not the study's.
const NETWORK: &str = "network";
/// The parameter that says which source network the rows of a result file came from: a digest of its weights.
pub(crate) const SOURCE_WEIGHTS: &str = "source_weights";
/// The parameter that says which images the rows of a result file are of: [`crate::data::Task::digest`] of the target
/// task.
pub const PICTURES: &str = "target_pictures";
/// The parameter that says how the source network was trained.
const SOURCE_ORIGIN: &str = "source_origin";
/// Parameters of a result file that say nothing of baselines.
pub(crate) const OF_CUTS: [&str; 5] = ["freeze", "reinit", "truncate", SOURCE_WEIGHTS, SOURCE_ORIGIN];

/// What the rows of a result file come from, as far as the file says. Keys that stand in the header beside the
/// parameters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// What the network is, where it is not the study's. Then `depth` counts its blocks, and the other parameters that
    /// describe the study's network say nothing of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// The data set of the source task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_dataset: Option<String>,
    /// The data set of the target task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_dataset: Option<String>,
    /// A digest of the target task's images and labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_pictures: Option<String>,
    /// A digest of the source network's weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_weights: Option<String>,
    /// How the source network was trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_origin: Option<Origin>,
}

impl Provenance {
    /// What a header says.
    pub fn of(params: &Params) -> Provenance {
        let text = |key: &str| params.other.get(key).and_then(Value::as_str).map(str::to_owned);
        Provenance {
            network: text(NETWORK),
            source_dataset: text("source_dataset"),
            target_dataset: text("target_dataset"),
            target_pictures: text(PICTURES),
            source_weights: text(SOURCE_WEIGHTS),
            source_origin: params.other.get(SOURCE_ORIGIN).and_then(|v| serde_json::from_value(v.clone()).ok()),
        }
    }

    /// The same parameters with this provenance beside them.
    pub fn beside(&self, mut params: Params) -> Params {
        // A record of texts has a form in JSON.
        if let Ok(Value::Object(keys)) = serde_json::to_value(self) {
            params.other.extend(keys);
        }
        params
    }
}

/// Removes what says nothing of baselines: they keep nothing of the source network.
pub(super) fn forget_source(params: &mut Params) {
    for key in [SOURCE_WEIGHTS, SOURCE_ORIGIN] {
        params.other.shift_remove(key);
    }
}

/// Forgets what `old` does not say of its rows: once ours are among them, nobody can say it of all.
pub(super) fn forget_unsaid(params: &mut Params, old: &Params) {
    for key in [PICTURES, SOURCE_WEIGHTS, SOURCE_ORIGIN] {
        if !old.other.contains_key(key) {
            params.other.shift_remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_says_again_what_was_put_into_it() {
        let origin = Origin { study: "MNIST".to_owned(), ..Origin::default() };
        let all = Provenance {
            source_dataset: Some("MNIST".to_owned()),
            target_pictures: Some("abc".to_owned()),
            source_origin: Some(origin),
            ..Provenance::default()
        };
        let header = all.beside(Params::default());
        let text = serde_json::to_string(&header).unwrap();
        assert_eq!(Provenance::of(&serde_json::from_str(&text).unwrap()), all);
        assert!(!text.contains("target_dataset"), "what is not known is not said: {text}");
        let mut of_baselines = header;
        forget_source(&mut of_baselines);
        assert_eq!(Provenance::of(&of_baselines).source_origin, None);
    }
}
