//! The network's shape.

use serde::{Deserialize, Serialize};

use super::{Activation, Device};
use crate::error::{Error, Result};

/// More convolutions than any network has that can be trained.
pub const MAX_DEPTH: usize = 1000;
/// More weights than fit a study's networks: 4 GB of them.
const MAX_WEIGHTS: usize = 1 << 30;
/// More units than a hidden linear layer needs.
const MAX_HIDDEN: usize = 1 << 20;

/// Average pooling between convolutions, by windows of 2 x 2 pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pooling {
    /// Convolutions before each pooling.
    pub every: usize,
    /// The windows' stride, in pixels.
    pub stride: usize,
}

/// A network's shape, but for what the data decide (channels and size of the images, number of classes), and where its
/// weights live. Every value that there is can be built.
///
/// ```
/// use cutpoint::config::NetworkConfig;
/// let network = NetworkConfig::default().with_depth(4)?.with_channels(16)?;
/// assert_eq!((network.depth(), network.pools_after(1)), (4, true));
/// let error = network.with_depth(0).unwrap_err();
/// assert_eq!(error.to_string(), "parameter `depth`: expected at least 1, found 0");
/// # Ok::<(), cutpoint::error::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NetworkConfig {
    depth: usize,
    channels: usize,
    kernel_size: usize,
    activation: Activation,
    pooling: Option<Pooling>,
    hidden: Option<usize>,
    /// Rounding differs between kinds of device, which is noted where it matters, and not between devices of a kind.
    #[serde(skip)]
    device: Device,
}

impl Default for NetworkConfig {
    /// The published network: six convolutions of 64 channels, 3 x 3, pooling after every second one, ReLU.
    fn default() -> Self {
        NetworkConfig {
            depth: 6,
            channels: 64,
            kernel_size: 3,
            activation: Activation::ReLU,
            pooling: Some(Pooling { every: 2, stride: 2 }),
            hidden: None,
            device: Device::Auto,
        }
    }
}

impl NetworkConfig {
    /// So many convolutions of so many channels each, with windows of so many pixels a side, else as published.
    ///
    /// # Errors
    /// [`Error::Parameter`] for what cannot be built.
    pub fn new(depth: usize, channels: usize, kernel_size: usize) -> Result<Self> {
        NetworkConfig { depth, channels, kernel_size, ..NetworkConfig::default() }.checked()
    }

    /// Convolutions.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Channels of every convolution's output.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Width and height of the convolutions' windows, in pixels; padding is half of it, rounded down.
    pub fn kernel_size(&self) -> usize {
        self.kernel_size
    }

    /// The function after each convolution, and after the hidden linear layer.
    pub fn activation(&self) -> Activation {
        self.activation
    }

    /// Average pooling; `None` for none.
    pub fn pooling(&self) -> Option<Pooling> {
        self.pooling
    }

    /// Units of a hidden linear layer before the last one; `None` for no such layer.
    pub fn hidden(&self) -> Option<usize> {
        self.hidden
    }

    /// Where the weights live.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Whether a pooling follows convolution `layer` (counted from 0).
    pub fn pools_after(&self, layer: usize) -> bool {
        self.pooling.is_some_and(|p| (layer + 1).is_multiple_of(p.every))
    }

    /// The same with so many convolutions.
    ///
    /// # Errors
    /// [`Error::Parameter`], as those of the other methods that change a value.
    pub fn with_depth(self, depth: usize) -> Result<Self> {
        NetworkConfig { depth, ..self }.checked()
    }

    /// The same with so many channels a convolution.
    ///
    /// # Errors
    /// [`Error::Parameter`].
    pub fn with_channels(self, channels: usize) -> Result<Self> {
        NetworkConfig { channels, ..self }.checked()
    }

    /// The same with windows of so many pixels a side.
    ///
    /// # Errors
    /// [`Error::Parameter`].
    pub fn with_kernel_size(self, kernel_size: usize) -> Result<Self> {
        NetworkConfig { kernel_size, ..self }.checked()
    }

    /// The same with another activation.
    pub fn with_activation(self, activation: Activation) -> Self {
        NetworkConfig { activation, ..self }
    }

    /// The same with other pooling, or none.
    ///
    /// # Errors
    /// [`Error::Parameter`].
    pub fn with_pooling(self, pooling: Option<Pooling>) -> Result<Self> {
        NetworkConfig { pooling, ..self }.checked()
    }

    /// The same with a hidden linear layer of so many units, or without one.
    ///
    /// # Errors
    /// [`Error::Parameter`].
    pub fn with_hidden(self, hidden: Option<usize>) -> Result<Self> {
        NetworkConfig { hidden, ..self }.checked()
    }

    /// The same on another device.
    pub fn on(self, device: Device) -> Self {
        NetworkConfig { device, ..self }
    }

    fn checked(self) -> Result<Self> {
        let pooling = self.pooling.unwrap_or(Pooling { every: 1, stride: 1 });
        let at_least_one = [
            ("depth", self.depth),
            ("num_channels", self.channels),
            ("kernel_size", self.kernel_size),
            ("pooling_every_n_layers", pooling.every),
            ("pooling_stride", pooling.stride),
            ("hidden_dim_lin", self.hidden.unwrap_or(1)),
        ];
        if let Some((name, value)) = at_least_one.into_iter().find(|(_, value)| *value == 0) {
            return Err(Error::parameter(name, "at least 1", value));
        }
        if self.depth > MAX_DEPTH {
            return Err(Error::parameter("depth", format!("at most {MAX_DEPTH}"), self.depth));
        }
        let window = self.kernel_size.checked_mul(self.kernel_size);
        let layer = window.and_then(|w| w.checked_mul(self.channels)?.checked_mul(self.channels));
        if layer.and_then(|l| l.checked_mul(self.depth)).is_none_or(|w| w > MAX_WEIGHTS) {
            let expected = format!("at most {MAX_WEIGHTS} weights in all convolutions");
            let found = format!("{} of {} x {}", self.channels, self.kernel_size, self.kernel_size);
            return Err(Error::parameter("num_channels", expected, found));
        }
        match self.hidden {
            Some(hidden) if hidden > MAX_HIDDEN => {
                Err(Error::parameter("hidden_dim_lin", format!("at most {MAX_HIDDEN}"), hidden))
            }
            _ => Ok(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_built_is_refused_by_name() {
        let some = NetworkConfig::default;
        let none = Pooling { every: 0, stride: 2 };
        for (name, refused) in [
            ("depth", some().with_depth(usize::MAX)),
            ("num_channels", some().with_channels(usize::MAX)),
            ("kernel_size", some().with_kernel_size(0)),
            ("pooling_every_n_layers", some().with_pooling(Some(none))),
            ("hidden_dim_lin", some().with_hidden(Some(0))),
            ("hidden_dim_lin", some().with_hidden(Some(MAX_HIDDEN + 1))),
        ] {
            let error = refused.unwrap_err().to_string();
            assert!(error.starts_with(&format!("parameter `{name}`: expected ")), "{error}");
        }
        let plain = some().with_pooling(None).unwrap();
        assert!((0..6).all(|layer| !plain.pools_after(layer)));
    }
}
