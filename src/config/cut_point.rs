//! Where a network is cut.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Where a source network is cut.
///
/// Result files have numbers: -1 for the baseline, else the number of convolutions before the cut.
///
/// ```
/// use cutpoint::config::CutPoint;
/// assert_eq!(CutPoint::try_from(-1)?, CutPoint::Baseline);
/// assert_eq!(CutPoint::try_from(3)?.to_string(), "cut 3");
/// assert!(CutPoint::try_from(-2).is_err());
/// # Ok::<(), cutpoint::error::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub enum CutPoint {
    /// No cut: the same network, trained from scratch on the target data.
    Baseline,
    /// After so many convolutions.
    After(usize),
}

impl CutPoint {
    /// The baseline, and the cuts of a network of `depth` convolutions: 0 to `depth`.
    pub fn all(depth: usize) -> impl Iterator<Item = CutPoint> {
        std::iter::once(CutPoint::Baseline).chain((0..=depth).map(CutPoint::After))
    }

    /// Convolutions that the cut leaves before it; none for the baseline.
    pub fn kept(self) -> usize {
        match self {
            CutPoint::Baseline => 0,
            CutPoint::After(n) => n,
        }
    }

    /// Whether this is the baseline.
    pub fn is_baseline(self) -> bool {
        self == CutPoint::Baseline
    }

    /// The number in result files.
    pub fn number(self) -> i64 {
        match self {
            CutPoint::Baseline => -1,
            CutPoint::After(n) => n as i64,
        }
    }

    /// Checks that a network of `depth` convolutions can be cut here.
    ///
    /// # Errors
    /// [`Error::Parameter`].
    pub fn check(self, depth: usize) -> Result<()> {
        if self.kept() <= depth {
            return Ok(());
        }
        Err(Error::parameter("cut", format!("-1 (the baseline) or 0 to {depth} (`depth`)"), self.number()))
    }
}

impl TryFrom<i64> for CutPoint {
    type Error = Error;

    fn try_from(number: i64) -> Result<Self> {
        match usize::try_from(number) {
            Ok(n) => Ok(CutPoint::After(n)),
            Err(_) if number == -1 => Ok(CutPoint::Baseline),
            Err(_) => Err(Error::parameter("cut", "-1 (the baseline) or a number of convolutions", number)),
        }
    }
}

impl From<CutPoint> for i64 {
    fn from(cut: CutPoint) -> i64 {
        cut.number()
    }
}

impl fmt::Display for CutPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CutPoint::Baseline => f.pad("baseline"),
            CutPoint::After(n) => f.pad(&format!("cut {n}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_come_in_the_order_of_their_numbers_and_beyond_the_network_there_are_none() {
        let numbers: Vec<i64> = CutPoint::all(3).map(CutPoint::number).collect();
        assert_eq!(numbers, [-1, 0, 1, 2, 3]);
        assert!(CutPoint::all(3).is_sorted());
        CutPoint::After(3).check(3).unwrap();
        let error = CutPoint::After(4).check(3).unwrap_err().to_string();
        assert_eq!(error, "parameter `cut`: expected -1 (the baseline) or 0 to 3 (`depth`), found 4");
        assert_eq!(serde_json::from_str::<CutPoint>("-1").unwrap(), CutPoint::Baseline);
        assert!(serde_json::from_str::<CutPoint>("-2").is_err());
    }
}
