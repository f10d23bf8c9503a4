//! The study's kind of network with more freedom: a width and a stride for each convolution, and average, max or no
//! pooling.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::config::Activation;
use crate::error::{During, Error, Result};
use crate::model::heads::FlatHead;
use crate::model::layers::activate;
use crate::model::network::{Network, NetworkBuilder};
use crate::model::{Block, Layer, Layers};

/// What follows every few convolutions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PoolingKind {
    /// The mean of two by two pixels.
    #[default]
    Average,
    /// The largest of them.
    Max,
    /// Nothing.
    None,
}

/// A stack of convolutions, each with an activation, and linear layers on all that is left.
///
/// ```
/// use cutpoint::model::{Convolutions, Network, PoolingKind};
/// let stack = Convolutions { widths: vec![16, 32, 64], strides: vec![1, 1, 2], pooling: PoolingKind::Max, ..Default::default() };
/// let network = stack.network([3, 32, 32])?.build(10)?;
/// assert_eq!(network.shape_before(3)?, [64, 8, 8]);
/// # Ok::<(), cutpoint::error::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Convolutions {
    /// Channels of each convolution's output; as many convolutions as numbers.
    pub widths: Vec<usize>,
    /// The stride of each convolution, in pixels: one number for all, or one for each.
    pub strides: Vec<usize>,
    /// Width and height of the windows, in pixels; padding is half of it, rounded down.
    pub kernel_size: usize,
    /// What follows every `pooling_every` convolutions.
    pub pooling: PoolingKind,
    /// Convolutions before each pooling.
    pub pooling_every: usize,
    /// Stride of the pooling window (2 x 2), in pixels.
    pub pooling_stride: usize,
    /// The function after each convolution, and after the hidden linear layer.
    pub activation: Activation,
    /// Units of a hidden linear layer; `None`: there is none.
    pub hidden: Option<usize>,
}

impl Default for Convolutions {
    /// The study's: six convolutions of 64 channels, and average pooling after every second one.
    fn default() -> Self {
        Convolutions {
            widths: vec![64; 6],
            strides: vec![1],
            kernel_size: 3,
            pooling: PoolingKind::Average,
            pooling_every: 2,
            pooling_stride: 2,
            activation: Activation::ReLU,
            hidden: None,
        }
    }
}

impl Convolutions {
    /// Checks the numbers.
    ///
    /// # Errors
    /// [`Error::Parameter`].
    pub fn check(&self) -> Result<()> {
        let positive = |name: &'static str, list: &[usize]| match list.iter().all(|&n| n > 0) && !list.is_empty() {
            true => Ok(()),
            false => Err(Error::parameter(name, "at least one number, each at least 1", format!("{list:?}"))),
        };
        positive("widths", &self.widths)?;
        positive("strides", &self.strides)?;
        positive("kernel_size", &[self.kernel_size])?;
        positive("pooling_every", &[self.pooling_every])?;
        positive("pooling_stride", &[self.pooling_stride])?;
        if self.strides.len() != 1 && self.strides.len() != self.widths.len() {
            let expected = format!("one number, or one for each of {} convolutions", self.widths.len());
            return Err(Error::parameter("strides", expected, self.strides.len()));
        }
        Ok(())
    }

    /// Such a network for images of `shape` (channels, height and width). Weights are called as the study's are.
    ///
    /// # Errors
    /// Those of [`Convolutions::check`].
    pub fn network(&self, shape: [usize; 3]) -> Result<NetworkBuilder> {
        self.check()?;
        let mut network = Network::of(&self.name(), shape);
        let mut inputs = shape[0];
        for ((i, &outputs), stride) in self.widths.iter().enumerate().zip(self.each_stride()) {
            let pools = (i + 1).is_multiple_of(self.pooling_every);
            let block = Convolution {
                layer: Layer::conv(&format!("conv{i}"), inputs, outputs, self.kernel_size).stride(stride),
                activation: self.activation,
                pooling: if pools { self.pooling } else { PoolingKind::None },
                pooling_stride: self.pooling_stride as i64,
            };
            network = network.block_with_prefix(&format!("conv{i}"), "", block);
            inputs = outputs;
        }
        let (hidden, activation) = (self.hidden, self.activation);
        Ok(network.head("", move |shape, classes| {
            let names: &[&str] = if hidden.is_some() { &["fc", "fc_2"] } else { &["fc"] };
            FlatHead::new(names, shape, hidden.as_slice(), classes, activation, None)
        }))
    }
}

impl Convolutions {
    /// The stride of each convolution.
    fn each_stride(&self) -> Vec<usize> {
        let of = |i: usize| self.strides.get(i).or(self.strides.first()).copied().unwrap_or(1);
        (0..self.widths.len()).map(of).collect()
    }

    /// What it is called: all that is not as in the study's network and that no shape of a weight tells, so that networks
    /// that compute something else have other names.
    fn name(&self) -> String {
        let usual = Convolutions::default();
        let mut name = "convolutions".to_owned();
        let strides = self.each_stride();
        if strides.iter().any(|&stride| stride != 1) {
            name += &format!(", strides {strides:?}");
        }
        let poolings = |of: &Convolutions| (of.pooling, of.pooling_every, of.pooling_stride);
        let (every, stride) = (self.pooling_every, self.pooling_stride);
        name += &match self.pooling {
            PoolingKind::None => ", no pooling".to_owned(),
            _ if poolings(self) == poolings(&usual) => String::new(),
            PoolingKind::Average => format!(", average pooling every {every} by {stride}"),
            PoolingKind::Max => format!(", max pooling every {every} by {stride}"),
        };
        if self.activation != usual.activation {
            name += &format!(", {}", self.activation);
        }
        name
    }
}

struct Convolution {
    layer: Layer,
    activation: Activation,
    pooling: PoolingKind,
    pooling_stride: i64,
}

impl Block for Convolution {
    fn layers(&self) -> Vec<Layer> {
        vec![self.layer.clone()]
    }

    fn forward(&self, layers: &Layers, x: &Tensor) -> Result<Tensor> {
        let x = layers.apply(&self.layer.name, x)?;
        let x = activate(self.activation, &x).during("an activation")?;
        let stride = self.pooling_stride;
        match self.pooling {
            PoolingKind::Average => x.f_avg_pool2d(2, stride, 0, false, true, None).during("a pooling"),
            PoolingKind::Max => x.f_max_pool2d(2, stride, 0, 1, false).during("a pooling"),
            PoolingKind::None => Ok(x),
        }
    }
}
