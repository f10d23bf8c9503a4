//! Where tensors live.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// Where tensors live and are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// The first GPU when libtorch sees one, else the CPU.
    #[default]
    Auto,
    /// The CPU, where the same seeds give PyTorch's numbers to the last digit.
    Cpu,
    /// One GPU, by its number.
    Cuda(usize),
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Device::Auto => f.write_str("auto"),
            Device::Cpu => f.write_str("cpu"),
            Device::Cuda(n) => write!(f, "cuda:{n}"),
        }
    }
}

impl FromStr for Device {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        match s {
            "auto" => Ok(Device::Auto),
            "cpu" => Ok(Device::Cpu),
            "cuda" => Ok(Device::Cuda(0)),
            _ => (s.strip_prefix("cuda:").and_then(|n| n.parse().ok()).map(Device::Cuda))
                .ok_or_else(|| Error::parameter("device", "auto, cpu or cuda:N", s)),
        }
    }
}
