//! The five settings of the study.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What happens to the layers before and after the cut. The short name is used in file names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Setting {
    /// Freeze before the cut, re-initialise and train after it.
    FR,
    /// Freeze before the cut, keep and train after it.
    F,
    /// Keep and train before the cut, re-initialise and train after it.
    R,
    /// Keep and train everything.
    #[serde(rename = "--")]
    Keep,
    /// Freeze before the cut, remove what is after it.
    FT,
}

impl Setting {
    /// All five settings.
    pub const ALL: [Setting; 5] = [Setting::FR, Setting::F, Setting::R, Setting::Keep, Setting::FT];

    /// Layers before the cut take no gradient.
    pub fn freeze(self) -> bool {
        matches!(self, Setting::FR | Setting::F | Setting::FT)
    }

    /// Layers after the cut get new weights.
    pub fn reinit(self) -> bool {
        matches!(self, Setting::FR | Setting::R | Setting::FT)
    }

    /// Layers after the cut are removed.
    pub fn truncate(self) -> bool {
        self == Setting::FT
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Setting::FR => "FR",
            Setting::F => "F",
            Setting::R => "R",
            Setting::Keep => "--",
            Setting::FT => "FT",
        })
    }
}

impl FromStr for Setting {
    type Err = Error;

    /// Reads a short name; `none` stands for `--`, which a command line cannot pass well.
    fn from_str(s: &str) -> Result<Self> {
        match s {
            "FR" => Ok(Setting::FR),
            "F" => Ok(Setting::F),
            "R" => Ok(Setting::R),
            "none" | "--" => Ok(Setting::Keep),
            "FT" => Ok(Setting::FT),
            _ => Err(Error::parameter("setting", "one of FR, F, R, none, FT", s)),
        }
    }
}
