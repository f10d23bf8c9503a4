//! Activations.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};

/// The function after each convolution. Names are those of `torch.nn`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Activation {
    #[default]
    ReLU,
    LeakyReLU,
    ReLU6,
    ELU,
    CELU,
    SELU,
    GELU,
    SiLU,
    Mish,
    Softplus,
    Hardswish,
    Sigmoid,
    Tanh,
}

impl Activation {
    /// Every activation.
    pub const ALL: [Activation; 13] = [
        Activation::ReLU,
        Activation::LeakyReLU,
        Activation::ReLU6,
        Activation::ELU,
        Activation::CELU,
        Activation::SELU,
        Activation::GELU,
        Activation::SiLU,
        Activation::Mish,
        Activation::Softplus,
        Activation::Hardswish,
        Activation::Sigmoid,
        Activation::Tanh,
    ];
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl FromStr for Activation {
    type Err = Error;

    /// Reads `ReLU` (in any case) or the form of result files, `<class 'torch.nn.modules.activation.ReLU'>`.
    fn from_str(s: &str) -> Result<Self> {
        let name = s.trim_start_matches("<class '").trim_end_matches("'>").rsplit('.').next().unwrap_or(s);
        Activation::ALL.into_iter().find(|a| a.to_string().eq_ignore_ascii_case(name)).ok_or_else(|| {
            let known = Activation::ALL.map(|a| a.to_string()).join(", ");
            Error::parameter("activation_function", format!("one of {known}"), s)
        })
    }
}

impl Serialize for Activation {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&format!("<class 'torch.nn.modules.activation.{self}'>"))
    }
}

impl<'de> Deserialize<'de> for Activation {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}
