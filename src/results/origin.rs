//! How source weights were made.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Computed, Identity};

/// How source weights were made: kept in their file, and in the header of results that came from them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// The study they were made for.
    pub study: String,
    /// The network, in words.
    pub network: String,
    /// What was asked for in pre-training, in words: epochs, batch size, ..
    pub training: String,
    /// What came of it.
    pub report: String,
    /// All that was asked for, images included; `None` in files of earlier versions, which have the words alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// Threads of each operation, which decide last digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// What computed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub computed: Option<Computed>,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.study, self.training, self.report)
    }
}
