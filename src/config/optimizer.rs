//! Optimizers and their settings.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::is_default;
use crate::error::{Error, Result};

/// How weights follow their gradients. Each is `torch.optim`'s of that name, with PyTorch's other defaults.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name")]
#[non_exhaustive]
pub enum Optimizer {
    /// Adam (Kingma and Ba 2015).
    Adam {
        /// The learning rate.
        lr: f64,
        /// How much of each weight is added to its gradient.
        #[serde(default, skip_serializing_if = "is_default")]
        weight_decay: f64,
    },
    /// Adam with weight decay apart from the gradients (Loshchilov and Hutter 2019).
    AdamW {
        /// The learning rate.
        lr: f64,
        /// How much of each weight, times the learning rate, is taken away in a step.
        weight_decay: f64,
    },
    /// Stochastic gradient descent.
    Sgd {
        /// The learning rate.
        lr: f64,
        /// How much of the step before is taken again, from 0 to below 1.
        momentum: f64,
        /// Nesterov's form of momentum.
        nesterov: bool,
        /// How much of each weight is added to its gradient.
        weight_decay: f64,
    },
}

impl Optimizer {
    /// Adam without weight decay.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the learning rate is no positive number.
    pub fn adam(lr: f64) -> Result<Optimizer> {
        Optimizer::Adam { lr, weight_decay: 0.0 }.checked("lr")
    }

    /// SGD with momentum (0 for none) and without weight decay.
    ///
    /// # Errors
    /// Those of [`Optimizer::adam`]; [`Error::Parameter`] for a momentum out of range.
    pub fn sgd(lr: f64, momentum: f64) -> Result<Optimizer> {
        Optimizer::Sgd { lr, momentum, nesterov: false, weight_decay: 0.0 }.checked("lr")
    }

    /// Reads `adam`, `adamw`, `sgd` (without momentum), `sgd:0.9` or `nesterov:0.9`, with a learning rate and, unless the
    /// optimizer's own is to hold, weight decay.
    ///
    /// # Errors
    /// [`Error::Parameter`] for another name, or numbers out of range.
    pub fn named(name: &str, lr: f64, weight_decay: Option<f64>) -> Result<Optimizer> {
        let wrong = || Error::parameter("optimizer", "adam, adamw, sgd, sgd:MOMENTUM or nesterov:MOMENTUM", name);
        let (kind, momentum) = match name.split_once(':') {
            Some((kind, text)) => (kind, Some(text.parse::<f64>().map_err(|_| wrong())?)),
            None => (name, None),
        };
        let decay = weight_decay.unwrap_or(0.0);
        let optimizer = match (kind, momentum) {
            ("adam", None) => Optimizer::Adam { lr, weight_decay: decay },
            ("adamw", None) => Optimizer::AdamW { lr, weight_decay: weight_decay.unwrap_or(0.01) },
            ("sgd", momentum) => {
                Optimizer::Sgd { lr, momentum: momentum.unwrap_or(0.0), nesterov: false, weight_decay: decay }
            }
            ("nesterov", Some(momentum)) => Optimizer::Sgd { lr, momentum, nesterov: true, weight_decay: decay },
            _ => return Err(wrong()),
        };
        optimizer.checked("lr")
    }

    /// The learning rate that training begins with, or that a schedule is measured by.
    pub fn lr(&self) -> f64 {
        match *self {
            Optimizer::Adam { lr, .. } | Optimizer::AdamW { lr, .. } | Optimizer::Sgd { lr, .. } => lr,
        }
    }

    /// The same with another learning rate.
    ///
    /// # Errors
    /// [`Error::Parameter`] when it is no positive number.
    pub fn with_lr(self, rate: f64) -> Result<Optimizer> {
        self.at(rate).checked("lr")
    }

    /// The same with another learning rate, unchecked.
    pub(super) fn at(mut self, rate: f64) -> Optimizer {
        match &mut self {
            Optimizer::Adam { lr, .. } | Optimizer::AdamW { lr, .. } | Optimizer::Sgd { lr, .. } => *lr = rate,
        }
        self
    }

    /// Weight decay.
    pub fn weight_decay(&self) -> f64 {
        match *self {
            Optimizer::Adam { weight_decay, .. }
            | Optimizer::AdamW { weight_decay, .. }
            | Optimizer::Sgd { weight_decay, .. } => weight_decay,
        }
    }

    /// Refuses impossible values; the learning rate is known to the user as `name`.
    pub(super) fn checked(self, name: &'static str) -> Result<Optimizer> {
        let (lr, decay) = (self.lr(), self.weight_decay());
        if !(lr.is_finite() && lr > 0.0) {
            return Err(Error::parameter(name, "a positive number", lr));
        }
        if !(0.0..1.0).contains(&decay) {
            return Err(Error::parameter("weight_decay", "a number from 0 to below 1", decay));
        }
        if let Optimizer::Sgd { momentum, nesterov, .. } = self {
            if !(0.0..1.0).contains(&momentum) {
                return Err(Error::parameter("momentum", "a number from 0 to below 1", momentum));
            }
            if nesterov && momentum == 0.0 {
                return Err(Error::parameter("momentum", "a positive number, as Nesterov's form needs it", momentum));
            }
        }
        Ok(self)
    }
}

/// The name that [`Optimizer::named`] reads.
impl fmt::Display for Optimizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Optimizer::Adam { .. } => f.write_str("adam"),
            Optimizer::AdamW { .. } => f.write_str("adamw"),
            Optimizer::Sgd { momentum: 0.0, .. } => f.write_str("sgd"),
            Optimizer::Sgd { momentum, nesterov: false, .. } => write!(f, "sgd:{momentum}"),
            Optimizer::Sgd { momentum, nesterov: true, .. } => write!(f, "nesterov:{momentum}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for text in ["adam", "adamw", "sgd", "sgd:0.9", "nesterov:0.8"] {
            assert_eq!(Optimizer::named(text, 0.1, None).unwrap().to_string(), text);
        }
        for (text, lr, decay, what) in [
            ("sgd:x", 0.1, None, "`optimizer`"),
            ("lion", 0.1, None, "`optimizer`"),
            ("nesterov:0", 0.1, None, "Nesterov"),
            ("sgd:1", 0.1, None, "`momentum`"),
            ("adam", 0.0, None, "`lr`"),
            ("adam", 0.1, Some(1.0), "`weight_decay`"),
        ] {
            let error = Optimizer::named(text, lr, decay).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
    }
}
