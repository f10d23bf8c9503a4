//! Optimizers and their settings.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How weights follow their gradients.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name")]
#[non_exhaustive]
pub enum Optimizer {
    /// Adam (Kingma and Ba 2015) as `torch.optim.Adam` computes it, with PyTorch's other defaults.
    Adam {
        /// The learning rate.
        lr: f64,
    },
}

impl Optimizer {
    /// Adam.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the learning rate is no positive number.
    pub fn adam(lr: f64) -> Result<Optimizer> {
        Optimizer::Adam { lr }.checked("lr")
    }

    /// The learning rate that training begins with.
    pub fn lr(&self) -> f64 {
        match *self {
            Optimizer::Adam { lr } => lr,
        }
    }

    /// Refuses impossible values; the learning rate is known to the user as `name`.
    pub(super) fn checked(self, name: &'static str) -> Result<Optimizer> {
        let lr = self.lr();
        if lr.is_finite() && lr > 0.0 {
            return Ok(self);
        }
        Err(Error::parameter(name, "a positive number", lr))
    }
}
