//! How much of the target data a run is given.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The fractions of target data of every published sweep (1.0 is all of it).
pub const PERCENTAGES: [f64; 5] = [0.001, 0.01, 0.1, 0.5, 1.0];

/// A fraction of the target training data: above 0, at most 1. Result files call it `sampled_percentage`.
///
/// ```
/// use cutpoint::config::Fraction;
/// let fraction = Fraction::new(0.001)?;
/// assert_eq!((fraction.get(), fraction.to_string()), (0.001, "0.1%".to_owned()));
/// assert!(Fraction::new(10.0).is_err());
/// # Ok::<(), cutpoint::error::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Fraction(f64);

impl Fraction {
    /// A fraction.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless it is above 0 and at most 1.
    pub fn new(fraction: f64) -> Result<Fraction> {
        if fraction > 0.0 && fraction <= 1.0 {
            return Ok(Fraction(fraction));
        }
        Err(Error::parameter("percentage", "a fraction above 0 and at most 1 (0.01 is one percent)", fraction))
    }

    /// The number, above 0 and at most 1.
    pub fn get(self) -> f64 {
        self.0
    }

    /// A number that orders as the fraction does, and is equal where the fraction is.
    pub fn bits(self) -> u64 {
        // Positive numbers are in the order of their bits.
        self.0.to_bits()
    }
}

impl TryFrom<f64> for Fraction {
    type Error = Error;

    fn try_from(fraction: f64) -> Result<Self> {
        Fraction::new(fraction)
    }
}

impl From<Fraction> for f64 {
    fn from(fraction: Fraction) -> f64 {
        fraction.0
    }
}

/// In percent.
impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", (self.0 * 1e6).round() / 1e4)
    }
}

/// Checks that a fraction of the target data is above 0 and at most 1.
///
/// # Errors
/// [`Error::Parameter`].
pub fn check_percentage(percentage: f64) -> Result<()> {
    Fraction::new(percentage).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_fractions_are_built() {
        for wrong in [0.0, -0.1, 1.01, f64::NAN] {
            assert!(Fraction::new(wrong).is_err(), "{wrong}");
            assert!(serde_json::from_value::<Fraction>(serde_json::json!(wrong)).is_err(), "{wrong}");
        }
        assert!(Fraction::new(0.01).unwrap().bits() < Fraction::new(1.0).unwrap().bits());
    }
}
