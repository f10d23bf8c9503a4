//! Blocks: what a network is made of. A cut comes after any of them.
//!
//! A block says which layers it has and how an image's features pass through them; the network holds their weights,
//! freezes them, draws them again and copies them. So a block has no state, and one value of it serves every copy of a
//! network.

use std::cell::Cell;

use serde::Serialize;
use tch::{Kind, Tensor};

use super::init;
use crate::error::{During, Error, Result};
use crate::rng::TorchRng;

/// A part of a network.
///
/// ```
/// use cutpoint::error::Result;
/// use cutpoint::model::{Block, Layer, Layers};
/// use tch::Tensor;
///
/// /// A convolution and a shortcut around it.
/// struct Residual(usize);
///
/// impl Block for Residual {
///     fn layers(&self) -> Vec<Layer> {
///         vec![Layer::conv("conv", self.0, self.0, 3).bias(false), Layer::norm("bn", self.0)]
///     }
///     fn forward(&self, layers: &Layers, x: &Tensor) -> Result<Tensor> {
///         Ok((layers.apply("bn", &layers.apply("conv", x)?)? + x).relu())
///     }
/// }
/// ```
pub trait Block: Send + Sync {
    /// The layers that have weights, in PyTorch's order.
    fn layers(&self) -> Vec<Layer>;

    /// What the block makes of `x` (images x channels x height x width).
    ///
    /// # Errors
    /// [`Error::Torch`] when the shape does not fit.
    fn forward(&self, layers: &Layers, x: &Tensor) -> Result<Tensor>;
}

/// How far a convolution's input is padded with zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Padding {
    /// So many pixels on each side.
    Pixels(usize),
    /// As TensorFlow's "same": the output has the input's side over the stride, rounded up; where the padding is odd, the
    /// right and the lower side get the pixel more.
    Same,
}

/// A layer with weights: its name within the block, and what it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Layer {
    pub(super) name: String,
    pub(super) kind: LayerKind,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) enum LayerKind {
    Conv { inputs: usize, outputs: usize, kernel: usize, stride: usize, padding: Padding, groups: usize, bias: bool },
    Norm { channels: usize, momentum: f64, epsilon: f64 },
    Linear { inputs: usize, outputs: usize },
}

impl Layer {
    /// A convolution with square windows of `kernel` pixels: stride 1, padded by half a window (rounded down), with a
    /// bias, unless said otherwise.
    pub fn conv(name: &str, inputs: usize, outputs: usize, kernel: usize) -> Layer {
        let padding = Padding::Pixels(kernel / 2);
        let kind = LayerKind::Conv { inputs, outputs, kernel, stride: 1, padding, groups: 1, bias: true };
        Layer { name: name.to_owned(), kind }
    }

    /// Batch normalisation of so many channels, with PyTorch's momentum (0.1) and epsilon (1e-5) unless said otherwise.
    pub fn norm(name: &str, channels: usize) -> Layer {
        Layer { name: name.to_owned(), kind: LayerKind::Norm { channels, momentum: 0.1, epsilon: 1e-5 } }
    }

    /// A linear layer with a bias.
    pub fn linear(name: &str, inputs: usize, outputs: usize) -> Layer {
        Layer { name: name.to_owned(), kind: LayerKind::Linear { inputs, outputs } }
    }

    /// Pixels that a convolution's window moves by.
    pub fn stride(mut self, pixels: usize) -> Layer {
        if let LayerKind::Conv { stride, .. } = &mut self.kind {
            *stride = pixels.max(1);
        }
        self
    }

    /// A convolution's padding.
    pub fn padding(mut self, to: Padding) -> Layer {
        if let LayerKind::Conv { padding, .. } = &mut self.kind {
            *padding = to;
        }
        self
    }

    /// Groups of a convolution's channels; as many as there are channels make it a depthwise one.
    pub fn groups(mut self, count: usize) -> Layer {
        if let LayerKind::Conv { groups, .. } = &mut self.kind {
            *groups = count.max(1);
        }
        self
    }

    /// Whether a convolution has a bias.
    pub fn bias(mut self, yes: bool) -> Layer {
        if let LayerKind::Conv { bias, .. } = &mut self.kind {
            *bias = yes;
        }
        self
    }

    /// Momentum and epsilon of a batch normalisation.
    pub fn statistics(mut self, of_momentum: f64, of_epsilon: f64) -> Layer {
        if let LayerKind::Norm { momentum, epsilon, .. } = &mut self.kind {
            (*momentum, *epsilon) = (of_momentum, of_epsilon);
        }
        self
    }

    /// What of it the shapes of its tensors do not tell, where it is not as usual: strides, padding, groups, how statistics
    /// are taken. `None` where it is.
    pub(super) fn particulars(&self) -> Option<String> {
        let usual = match self.kind {
            LayerKind::Conv { inputs, outputs, kernel, bias, .. } => {
                Layer::conv(&self.name, inputs, outputs, kernel).bias(bias)
            }
            LayerKind::Norm { channels, .. } => Layer::norm(&self.name, channels),
            LayerKind::Linear { .. } => return None,
        };
        (*self != usual).then(|| serde_json::json!(self).to_string())
    }

    /// How many numbers its tensors have, statistics among them.
    pub(super) fn count(&self) -> u64 {
        self.tensors().iter().map(|(_, shape)| shape.iter().product::<i64>() as u64).sum()
    }

    /// Names and shapes of its tensors, in PyTorch's order: those that are trained, then the statistics.
    fn tensors(&self) -> Vec<(&'static str, Vec<i64>)> {
        let weight_shape = self.weight_shape();
        let outputs = weight_shape[..1].to_vec();
        match self.kind {
            LayerKind::Conv { bias: false, .. } => vec![("weight", weight_shape)],
            LayerKind::Conv { .. } | LayerKind::Linear { .. } => vec![("weight", weight_shape), ("bias", outputs)],
            LayerKind::Norm { .. } => vec![
                ("weight", weight_shape),
                ("bias", outputs.clone()),
                ("running_mean", outputs.clone()),
                ("running_var", outputs),
                ("num_batches_tracked", vec![]),
            ],
        }
    }

    fn weight_shape(&self) -> Vec<i64> {
        match self.kind {
            LayerKind::Conv { inputs, outputs, kernel, groups, .. } => {
                [outputs, inputs / groups, kernel, kernel].map(|n| n as i64).to_vec()
            }
            LayerKind::Norm { channels, .. } => vec![channels as i64],
            LayerKind::Linear { inputs, outputs } => vec![outputs as i64, inputs as i64],
        }
    }
}

/// A layer with its tensors.
#[derive(Debug)]
pub(super) struct Live {
    pub layer: Layer,
    /// In the order of [`Layer::tensors`].
    pub tensors: Vec<Tensor>,
}

impl Live {
    /// With PyTorch's initial values.
    pub fn init(layer: Layer, rng: &mut TorchRng, device: tch::Device) -> Result<Live> {
        let shape = layer.weight_shape();
        let filled = |value: f64, shape: &[i64], kind: Kind| {
            Tensor::f_full(shape, value, (kind, device)).during("initialising a layer")
        };
        let tensors = match layer.kind {
            LayerKind::Norm { .. } => vec![
                filled(1.0, &shape, Kind::Float)?,
                filled(0.0, &shape, Kind::Float)?,
                filled(0.0, &shape, Kind::Float)?,
                filled(1.0, &shape, Kind::Float)?,
                filled(0.0, &[], Kind::Int64)?,
            ],
            LayerKind::Conv { bias: false, .. } => vec![init::weight(&shape, rng, device)?],
            LayerKind::Conv { .. } | LayerKind::Linear { .. } => {
                vec![init::weight(&shape, rng, device)?, init::bias(&shape, rng, device)?]
            }
        };
        let mut live = Live { layer, tensors };
        live.set_trainable(true);
        Ok(live)
    }

    /// A copy that shares no memory with this one.
    pub fn deep_clone(&self) -> Result<Live> {
        let copy = |t: &Tensor| -> Result<Tensor> {
            let c = t.f_detach().map(|t| t.copy()).during("copying a layer")?;
            Ok(c.set_requires_grad(t.requires_grad()))
        };
        Ok(Live { layer: self.layer.clone(), tensors: self.tensors.iter().map(copy).collect::<Result<_>>()? })
    }

    /// Tensors that training changes by their gradients.
    fn trained(&self) -> usize {
        self.tensors.len().min(2)
    }

    /// Lets the weights take a gradient, or not; statistics never do.
    pub fn set_trainable(&mut self, yes: bool) {
        let count = self.trained();
        for t in &mut self.tensors[..count] {
            *t = t.detach().set_requires_grad(yes);
        }
    }

    /// Weights, without the statistics.
    pub fn parameters(&self) -> &[Tensor] {
        &self.tensors[..self.trained()]
    }

    /// Every tensor by its name within the block.
    pub fn named(&self) -> impl Iterator<Item = (String, &Tensor)> {
        let names = self.layer.tensors().into_iter().map(|(name, _)| format!("{}.{name}", self.layer.name));
        names.zip(&self.tensors)
    }

    pub fn is_norm(&self) -> bool {
        matches!(self.layer.kind, LayerKind::Norm { .. })
    }

    pub fn is_conv(&self) -> bool {
        matches!(self.layer.kind, LayerKind::Conv { .. })
    }
}

/// What passes through a network costs: counted instead of computed.
#[derive(Debug, Default)]
pub(super) struct Trace {
    /// Multiplications and additions.
    pub flops: Cell<u64>,
    /// Bytes of what layers put out.
    pub bytes: Cell<u64>,
}

/// A block's layers as its [`Block::forward`] sees them.
pub struct Layers<'a> {
    pub(super) live: &'a [Live],
    pub(super) training: bool,
    pub(super) trace: Option<&'a Trace>,
}

impl Layers<'_> {
    /// Whether the block is being trained: batch normalisation then takes the batch's own statistics. A frozen block never
    /// is.
    pub fn training(&self) -> bool {
        self.training
    }

    /// Takes `x` through the layer called `name`.
    ///
    /// # Errors
    /// [`Error::Parameter`] when there is no such layer, or when batch normalisation is trained on a single value a
    /// channel; [`Error::Torch`] when the shape does not fit.
    pub fn apply(&self, name: &str, x: &Tensor) -> Result<Tensor> {
        let Some(live) = self.live.iter().find(|l| l.layer.name == name) else {
            let names: Vec<&str> = self.live.iter().map(|l| l.layer.name.as_str()).collect();
            return Err(Error::parameter("layer", format!("one of {}", names.join(", ")), name));
        };
        if let Some(trace) = self.trace {
            return live.count(x, trace);
        }
        match live.layer.kind {
            LayerKind::Conv { stride, padding, groups, kernel, .. } => {
                let [weight, bias @ ..] = live.tensors.as_slice() else { return Err(no_weights(name)) };
                let (stride, x) = (stride as i64, padded(x, padding, kernel as i64, stride as i64)?);
                let pixels = if let Padding::Pixels(pixels) = padding { pixels as i64 } else { 0 };
                x.f_conv2d(weight, bias.first(), stride, pixels, 1, groups as i64).during("a convolution")
            }
            LayerKind::Linear { .. } => {
                let [weight, bias] = live.tensors.as_slice() else { return Err(no_weights(name)) };
                x.f_linear(weight, Some(bias)).during("a linear layer")
            }
            LayerKind::Norm { momentum, epsilon, .. } => {
                let [weight, bias, mean, variance, batches] = live.tensors.as_slice() else {
                    return Err(no_weights(name));
                };
                let size = x.size();
                if self.training && size.iter().product::<i64>() == size.get(1).copied().unwrap_or(1) {
                    let expected =
                        "batches of two images at least, as batch normalisation is trained (choose a size that \
                                    does not leave one image over)";
                    return Err(Error::parameter("batch_size", expected, "a batch of one image"));
                }
                let (mean, variance) = (Some(mean), Some(variance));
                let (weight, bias) = (Some(weight), Some(bias));
                let y = x.f_batch_norm(weight, bias, mean, variance, self.training, momentum, epsilon, true);
                let y = y.during("batch normalisation")?;
                if self.training {
                    let _ = batches.shallow_clone().f_add_scalar_(1).during("batch normalisation")?;
                }
                Ok(y)
            }
        }
    }
}

fn no_weights(name: &str) -> Error {
    Error::parameter("layer", format!("weights of {name}"), "none")
}

/// `x` with the zeros around it that [`Padding::Same`] asks for.
fn padded(x: &Tensor, padding: Padding, kernel: i64, stride: i64) -> Result<Tensor> {
    if padding != Padding::Same {
        return Ok(x.shallow_clone());
    }
    let missing = |side: i64| (((side + stride - 1) / stride - 1) * stride + kernel - side).max(0);
    let size = x.size();
    let [.., height, width] = size.as_slice() else { return Ok(x.shallow_clone()) };
    let (down, right) = (missing(*height), missing(*width));
    if down == 0 && right == 0 {
        return Ok(x.shallow_clone());
    }
    let sides = [right / 2, right - right / 2, down / 2, down - down / 2];
    x.f_constant_pad_nd(sides).during("padding")
}

impl Live {
    /// Nothing in the shape of what the layer would put out, at the cost of what it would take.
    fn count(&self, x: &Tensor, trace: &Trace) -> Result<Tensor> {
        let size = x.size();
        let fits = |dim: usize, inputs: usize| {
            if size.get(dim).is_some_and(|&n| n == inputs as i64) {
                return Ok(());
            }
            let expected = format!("{inputs} inputs of {}", self.layer.name);
            Err(Error::parameter("network", expected, format!("features of shape {:?}", size.get(1..).unwrap_or(&[]))))
        };
        let shape = match self.layer.kind {
            LayerKind::Norm { channels, .. } => {
                fits(1, channels)?;
                size
            }
            LayerKind::Linear { inputs, outputs } => {
                fits(size.len() - 1, inputs)?;
                [&size[..size.len() - 1], &[outputs as i64]].concat()
            }
            LayerKind::Conv { inputs, outputs, kernel, stride, padding, .. } => {
                fits(1, inputs)?;
                let side = |n: i64| match padding {
                    Padding::Same => (n + stride as i64 - 1) / stride as i64,
                    Padding::Pixels(pixels) => (n + 2 * pixels as i64 - kernel as i64).div_euclid(stride as i64) + 1,
                };
                let &[images, _, height, width] = size.as_slice() else {
                    let found = format!("features of shape {:?}", size.get(1..).unwrap_or(&[]));
                    return Err(Error::parameter(
                        "network",
                        format!("channels x height x width for {}", self.layer.name),
                        found,
                    ));
                };
                let shape = [images, outputs as i64, side(height), side(width)];
                if shape[2] < 1 || shape[3] < 1 {
                    let expected = format!("larger images, or fewer blocks: {} needs {kernel} pixels", self.layer.name);
                    return Err(Error::parameter("network", expected, format!("{height} x {width} left")));
                }
                shape.to_vec()
            }
        };
        let outputs: i64 = shape.iter().product();
        let each = match self.layer.kind {
            LayerKind::Norm { .. } => 2,
            _ => 2 * self.tensors[0].numel() as u64 / self.layer.weight_shape()[0].max(1) as u64,
        };
        trace.flops.set(trace.flops.get() + each * outputs as u64);
        trace.bytes.set(trace.bytes.get() + 4 * outputs as u64);
        Tensor::f_zeros(shape, (Kind::Float, x.device())).during("measuring a network")
    }
}
