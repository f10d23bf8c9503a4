//! What test accuracy is measured on.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Which images a test accuracy is measured on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TestSplit {
    /// The data set's test files, which training never sees.
    #[default]
    Test,
    /// The training files' images of the task's classes, those trained on included: what the published results
    /// measured. It flatters every number, and is here for comparison with them.
    Published,
}

impl fmt::Display for TestSplit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TestSplit::Test => "test",
            TestSplit::Published => "published",
        })
    }
}

impl FromStr for TestSplit {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        match s {
            "test" => Ok(TestSplit::Test),
            "published" | "train" => Ok(TestSplit::Published),
            _ => Err(Error::parameter("test_split", "test or published", s)),
        }
    }
}
