//! The study's convolutional network.

use std::fmt;

use tch::Tensor;

use super::layers::{resolve_device, Affine};
use super::ranks::effective_rank;
use super::weights::StateDict;
use crate::config::{Activation, Params};
use crate::error::{During, Error, Result};
use crate::rng::TorchRng;

/// A stack of convolutions, each with an activation and some with average pooling after it, and one or two linear
/// layers. It ends in log-probabilities.
///
/// The network carries the random generator that its weights were drawn from: training goes on drawing where
/// initialisation stopped, as it does in PyTorch with its one global generator.
pub struct CustomCnn {
    pub(super) blocks: Vec<Block>,
    /// The hidden linear layer, where there are two.
    pub(super) hidden: Option<Affine>,
    pub(super) last: Affine,
    /// Blocks at the start that take no gradient.
    pub(super) frozen: usize,
    pub(super) input_shape: [usize; 3],
    pub(super) activation: Activation,
    pub(super) kernel_size: usize,
    pub(super) pooling_stride: usize,
    pub(super) device: tch::Device,
    pub(super) rng: TorchRng,
}

/// A convolution with its activation and, perhaps, the pooling after it.
#[derive(Debug)]
pub(super) struct Block {
    pub conv: Affine,
    pub pools: bool,
}

impl CustomCnn {
    /// The source network with its initial weights: PyTorch's, after `torch.manual_seed(0)`.
    ///
    /// `output_dim` is the number of classes, `input_shape` channels, height and width of an image.
    ///
    /// # Errors
    /// [`Error::Parameter`] when a setting is out of range, when the kernel is larger than the image, or when
    /// pooling leaves nothing of it; also for a device that is not there.
    pub fn new(params: &Params, output_dim: usize, input_shape: [usize; 3]) -> Result<Self> {
        Self::with_rng(params, output_dim, input_shape, TorchRng::new(0))
    }

    /// The same with initial weights drawn from `rng`.
    ///
    /// # Errors
    /// Those of [`CustomCnn::new`].
    pub fn with_rng(params: &Params, output_dim: usize, input_shape: [usize; 3], mut rng: TorchRng) -> Result<Self> {
        params.check()?;
        if output_dim < 2 {
            return Err(Error::parameter("output_dim", "at least two classes", output_dim));
        }
        let [channels, height, width] = input_shape;
        if params.kernel_size > height.min(width) {
            let expected = format!("at most {}, the image's side", height.min(width));
            return Err(Error::parameter("kernel_size", expected, params.kernel_size));
        }
        let device = resolve_device(params.device)?;
        let mut blocks = Vec::with_capacity(params.depth);
        let (mut fan_in, k) = (channels as i64, params.kernel_size as i64);
        for layer in 0..params.depth {
            let conv = Affine::init(&[params.num_channels as i64, fan_in, k, k], &mut rng, device)?;
            blocks.push(Block { conv, pools: params.pools_after(layer) });
            fan_in = params.num_channels as i64;
        }
        let flat = flat_size(input_shape, &blocks, params.kernel_size, params.pooling_stride)?;
        let hidden_dim = params.two_linear_layers.then_some(params.hidden_dim_lin);
        let (hidden, last) = linear_layers(flat, hidden_dim, output_dim, &mut rng, device)?;
        Ok(CustomCnn {
            blocks,
            hidden,
            last,
            frozen: 0,
            input_shape,
            activation: params.activation_function,
            kernel_size: params.kernel_size,
            pooling_stride: params.pooling_stride,
            device,
            rng,
        })
    }

    /// How many convolutions there are.
    pub fn depth(&self) -> usize {
        self.blocks.len()
    }

    /// How many convolutions, from the first on, take no gradient.
    pub fn frozen(&self) -> usize {
        self.frozen
    }

    /// How many classes the network tells apart.
    pub fn output_dim(&self) -> usize {
        self.last.bias.numel()
    }

    /// Channels, height and width of an image.
    pub fn input_shape(&self) -> [usize; 3] {
        self.input_shape
    }

    /// Where the weights are.
    pub fn device(&self) -> tch::Device {
        self.device
    }

    /// What the network is made of, but for its weights and outputs, in a few words.
    pub fn architecture(&self) -> String {
        let blocks = self.blocks.iter().map(|b| (b.conv.bias.numel(), b.pools));
        let hidden = self.hidden.as_ref().map(|h| h.bias.numel());
        in_words(blocks, self.kernel_size, self.pooling_stride, self.activation, hidden)
    }

    /// Checks that this is the network that `params` describe, but for its weights and outputs.
    ///
    /// # Errors
    /// [`Error::Parameter`] with both networks in words.
    pub fn check_params(&self, params: &Params) -> Result<()> {
        let blocks = (0..params.depth).map(|i| (params.num_channels, params.pools_after(i)));
        let hidden = params.two_linear_layers.then_some(params.hidden_dim_lin);
        let expected = in_words(blocks, params.kernel_size, params.pooling_stride, params.activation_function, hidden);
        if self.architecture() == expected {
            return Ok(());
        }
        Err(Error::parameter("source", format!("the network of the parameters ({expected})"), self.architecture()))
    }

    /// The generator, as initialisation left it.
    pub fn rng(&self) -> &TorchRng {
        &self.rng
    }

    /// The effective rank (Roy and Vetterli 2007) of each convolution's weights, as a matrix of outputs x (inputs x
    /// window): the exponential of the entropy of its singular values as fractions of their sum. From 1, where all outputs
    /// are multiples of one, to the number of outputs.
    ///
    /// # Errors
    /// [`Error::Torch`] when the weights are not finite.
    pub fn effective_ranks(&self) -> Result<Vec<f64>> {
        self.blocks.iter().map(|block| effective_rank(&block.conv.weight)).collect()
    }

    /// Name and outputs of each linear layer.
    pub(crate) fn linear_outputs(&self) -> Vec<(String, usize)> {
        self.layers().skip(self.depth()).map(|(name, layer)| (name, layer.bias.numel())).collect()
    }

    /// Which convolutions a pooling follows, by layer.
    pub fn pools(&self) -> Vec<bool> {
        self.blocks.iter().map(|b| b.pools).collect()
    }

    fn layers(&self) -> impl Iterator<Item = (String, &Affine)> {
        let convs = self.blocks.iter().enumerate().map(|(i, b)| (format!("conv{i}"), &b.conv));
        let hidden = self.hidden.as_ref().map(|l| ("fc".to_owned(), l));
        let last = if self.hidden.is_some() { "fc_2" } else { "fc" };
        convs.chain(hidden).chain([(last.to_owned(), &self.last)])
    }

    /// The weights by name (`conv0.weight`, `conv0.bias`, .., `fc.weight`, `fc.bias`), sharing the network's memory.
    pub fn state_dict(&self) -> StateDict {
        self.layers()
            .flat_map(|(name, l)| {
                [(format!("{name}.weight"), l.weight.detach()), (format!("{name}.bias"), l.bias.detach())]
            })
            .collect()
    }

    /// Copies weights in by name. Nothing is changed when they do not fit.
    ///
    /// # Errors
    /// [`Error::Parameter`] when a name is missing or unknown, or a shape differs.
    pub fn load_state_dict(&mut self, state: &[(String, Tensor)]) -> Result<()> {
        let own = self.state_dict();
        if let Some((name, _)) = state.iter().find(|(n, _)| own.iter().all(|(o, _)| o != n)) {
            let names = own.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>().join(", ");
            return Err(Error::parameter("state_dict", format!("only {names}"), name));
        }
        let mut pairs = Vec::with_capacity(own.len());
        for (name, tensor) in own {
            let Some((_, new)) = state.iter().find(|(n, _)| *n == name) else {
                return Err(Error::parameter("state_dict", name, "no such weights"));
            };
            if new.size() != tensor.size() {
                let expected = format!("{name} of shape {:?}", tensor.size());
                return Err(Error::parameter("state_dict", expected, format!("{:?}", new.size())));
            }
            pairs.push((tensor, new));
        }
        let _no_grad = tch::no_grad_guard();
        for (mut own, new) in pairs {
            own.f_copy_(new).during("copying weights")?;
        }
        Ok(())
    }

    /// A copy that shares no memory with this one.
    ///
    /// # Errors
    /// [`Error::Torch`] when there is no memory left.
    pub fn deep_clone(&self) -> Result<Self> {
        let block = |b: &Block| Ok(Block { conv: b.conv.deep_clone()?, pools: b.pools });
        Ok(CustomCnn {
            blocks: self.blocks.iter().map(block).collect::<Result<_>>()?,
            hidden: self.hidden.as_ref().map(Affine::deep_clone).transpose()?,
            last: self.last.deep_clone()?,
            rng: self.rng.clone(),
            ..*self
        })
    }

    /// The weights that training changes, each with the block it is in (linear layers: the depth), in PyTorch's order,
    /// sharing the network's memory.
    pub(crate) fn trainable(&self) -> Vec<(usize, Tensor)> {
        let depth = self.depth();
        let of =
            |(i, (_, layer)): (usize, (String, &Affine))| layer.parameters().map(|t| (i.min(depth), t.shallow_clone()));
        self.layers().enumerate().flat_map(of).filter(|(_, t)| t.requires_grad()).collect()
    }

    /// Channels, height and width of what goes into block `block` (the last: into the linear layers).
    pub(crate) fn shape_before(&self, block: usize) -> Result<[usize; 3]> {
        let before = self.blocks.get(..block);
        let before = before.ok_or_else(|| Error::parameter("block", format!("0 to {}", self.depth()), block))?;
        shape_after(self.input_shape, before, self.kernel_size, self.pooling_stride)
    }

    /// Multiplications and additions of one image's way forward through blocks `from` to `to`.
    pub(crate) fn flops(&self, from: usize, to: usize) -> u64 {
        (from..to)
            .map(|i| {
                let Ok([_, h, w]) = self.shape_before(i) else { return 0 };
                2 * (h * w * self.blocks[i].conv.weight.numel()) as u64
            })
            .sum()
    }

    /// Bytes that training keeps for one image, from block `from` on: what each step puts out, once more for the
    /// gradients passing back.
    pub(crate) fn training_bytes(&self, from: usize) -> u64 {
        (from..self.depth())
            .map(|i| {
                let Ok([_, h, w]) = self.shape_before(i) else { return 0 };
                let out = (h * w * self.blocks[i].conv.bias.numel() * 4) as u64;
                3 * out
            })
            .sum::<u64>()
            + 16 * self.last.weight.numel() as u64 / self.output_dim() as u64
    }

    /// How many weights the first `depth` convolutions have, and new linear layers for so many classes after them.
    pub(crate) fn tensor_counts(&self, depth: usize, classes: usize) -> Result<Vec<u64>> {
        let features: usize = self.shape_before(depth)?.iter().product();
        let affine = |inputs: usize, outputs: usize| ((inputs + 1) * outputs) as u64;
        let head = match &self.hidden {
            Some(hidden) => affine(features, hidden.bias.numel()) + affine(hidden.bias.numel(), classes),
            None => affine(features, classes),
        };
        let block = |block: &Block| (block.conv.weight.numel() + block.conv.bias.numel()) as u64;
        Ok(self.blocks.iter().take(depth).map(block).chain([head]).collect())
    }
}

/// A network in words: channels of each convolution, a `p` where pooling follows, and the rest.
fn in_words(
    blocks: impl Iterator<Item = (usize, bool)>,
    kernel: usize,
    stride: usize,
    activation: Activation,
    hidden: Option<usize>,
) -> String {
    let blocks: Vec<String> =
        blocks.map(|(channels, pools)| format!("{channels}{}", if pools { "p" } else { "" })).collect();
    let hidden = hidden.map_or(String::new(), |h| format!(", hidden {h}"));
    format!("{}, kernel {kernel}, pooling stride {stride}, {activation}{hidden}", blocks.join("-"))
}

/// Channels, height and width after some blocks.
fn shape_after(input: [usize; 3], blocks: &[Block], kernel: usize, stride: usize) -> Result<[usize; 3]> {
    let [mut channels, mut height, mut width] = input;
    for (i, block) in blocks.iter().enumerate() {
        channels = block.conv.bias.numel();
        for side in [&mut height, &mut width] {
            *side = *side + 2 * (kernel / 2) + 1 - kernel;
            if block.pools {
                if *side < 2 {
                    let expected = format!("few enough poolings for images of {} x {}", input[1], input[2]);
                    let found = format!("a pooling after layer {i}, where the side is {side} pixel");
                    return Err(Error::parameter("pooling_every_n_layers", expected, found));
                }
                *side = (*side - 2) / stride + 1;
            }
        }
    }
    Ok([channels, height, width])
}

pub(super) fn flat_size(input: [usize; 3], blocks: &[Block], kernel: usize, stride: usize) -> Result<usize> {
    Ok(shape_after(input, blocks, kernel, stride)?.iter().product())
}

/// New linear layers for `flat` inputs: the hidden one, where `hidden_dim` says so, then the last.
pub(super) fn linear_layers(
    flat: usize,
    hidden_dim: Option<usize>,
    output_dim: usize,
    rng: &mut TorchRng,
    device: tch::Device,
) -> Result<(Option<Affine>, Affine)> {
    let hidden = hidden_dim.map(|dim| Affine::init(&[dim as i64, flat as i64], rng, device)).transpose()?;
    let inputs = hidden_dim.unwrap_or(flat);
    let last = Affine::init(&[output_dim as i64, inputs as i64], rng, device)?;
    Ok((hidden, last))
}

/// The same as its `Display`: a notebook shows a value by its `Debug`.
impl fmt::Debug for CustomCnn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The layer table: name, output shape for one image, weights, and whether they are trained.
impl fmt::Display for CustomCnn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [c, h, w] = self.input_shape;
        writeln!(f, "{:<12} {:>16} {:>10}  weights", "layer", "output", "number")?;
        writeln!(f, "{:<12} {:>16}", "images", format!("{c} x {h} x {w}"))?;
        for (i, block) in self.blocks.iter().enumerate() {
            let shape = |blocks: &[Block]| {
                shape_after(self.input_shape, blocks, self.kernel_size, self.pooling_stride)
                    .map_or_else(|_| "?".to_owned(), |[c, h, w]| format!("{c} x {h} x {w}"))
            };
            let unpooled = {
                let [_, h, w] = self.shape_before(i).unwrap_or_default();
                let side = |s: usize| s + 2 * (self.kernel_size / 2) + 1 - self.kernel_size;
                format!("{} x {} x {}", block.conv.bias.numel(), side(h), side(w))
            };
            let state = if i < self.frozen { "frozen" } else { "trained" };
            writeln!(f, "{:<12} {:>16} {:>10}  {state}", format!("conv{i}"), unpooled, block.conv.numel())?;
            writeln!(f, "{:<12} {:>16}", self.activation.to_string(), unpooled)?;
            if block.pools {
                writeln!(f, "{:<12} {:>16}", format!("pool{i}"), shape(&self.blocks[..=i]))?;
            }
        }
        for (name, layer) in self.layers().skip(self.blocks.len()) {
            writeln!(f, "{name:<12} {:>16} {:>10}  trained", layer.bias.numel(), layer.numel())?;
        }
        let total: usize = self.layers().map(|(_, l)| l.numel()).sum();
        let trained: usize = self.trainable().iter().map(|(_, t)| t.numel()).sum();
        write!(f, "{total} weights, {trained} of them trained, on {:?}", self.device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    fn cpu() -> Params {
        Params { device: crate::config::Device::Cpu, ..Params::default() }
    }

    #[test]
    fn a_block_that_is_not_there_is_refused() {
        let network = CustomCnn::new(&cpu(), 3, [1, 28, 28]).unwrap();
        let depth = network.depth();
        assert!(network.tensor_counts(depth, 2).is_ok());
        for error in [network.tensor_counts(99, 5).map(drop), network.shape_before(99).map(drop)] {
            let error = error.unwrap_err().to_string();
            assert!(error.contains("`block`") && error.contains(&format!("0 to {depth}")), "{error}");
        }
    }

    #[test]
    fn layer_outputs_end_in_what_forward_returns() {
        for params in [cpu(), Params { two_linear_layers: true, depth: 3, ..cpu() }] {
            let net = CustomCnn::new(&params, 4, [1, 12, 12]).unwrap();
            let x = Tensor::arange(3 * 144, (Kind::Float, tch::Device::Cpu)).view([3, 1, 12, 12]) / 200 - 1;
            let outputs = net.layer_outputs(&x).unwrap();
            assert_eq!(outputs[0].name, "conv0");
            assert_eq!(outputs[0].output.size(), [3, 64, 12, 12]);
            assert!(outputs[0].output.min().double_value(&[]) < 0.0, "features are taken before the activation");
            assert_eq!(outputs.last().unwrap().output, net.forward(&x).unwrap());
        }
    }

    #[test]
    fn impossible_shapes_are_refused() {
        let small = [1, 5, 5];
        let error = CustomCnn::new(&Params { kernel_size: 7, ..cpu() }, 2, small).unwrap_err().to_string();
        assert!(error.contains("`kernel_size`: expected at most 5"), "{error}");
        let error = CustomCnn::new(&Params { pooling_every_n_layers: 1, ..cpu() }, 2, small).unwrap_err().to_string();
        assert!(error.contains("`pooling_every_n_layers`") && error.contains("after layer 2"), "{error}");
        let params = Params { device: crate::config::Device::Cuda(99), ..cpu() };
        assert!(CustomCnn::new(&params, 2, small).unwrap_err().to_string().contains("`device`"));
    }

    #[test]
    fn weights_that_do_not_fit_change_nothing() {
        let mut net = CustomCnn::new(&cpu(), 3, [1, 8, 8]).unwrap();
        let before = net.deep_clone().unwrap().state_dict();
        let mut state = CustomCnn::new(&cpu(), 3, [1, 8, 8]).unwrap().state_dict();
        for (_, t) in &mut state {
            *t = t.ones_like();
        }
        let mut bad = state.iter().map(|(n, t)| (n.clone(), t.shallow_clone())).collect::<Vec<_>>();
        bad[13].1 = Tensor::zeros([4], (Kind::Float, tch::Device::Cpu));
        assert!(net.load_state_dict(&bad).unwrap_err().to_string().contains("fc.bias of shape [3], found [4]"));
        drop(bad.remove(13));
        assert!(net.load_state_dict(&bad).unwrap_err().to_string().contains("fc.bias, found no such weights"));
        assert_eq!(net.state_dict(), before);
        net.load_state_dict(&state).unwrap();
        assert_eq!(net.state_dict(), state);
    }

    #[test]
    fn the_layer_table_names_every_layer() {
        let table = CustomCnn::new(&cpu(), 5, [1, 28, 28]).unwrap().to_string();
        for expected in ["conv0", "64 x 28 x 28", "pool1", "64 x 14 x 14", "fc", "2885", "188165 weights"] {
            assert!(table.contains(expected), "{expected} in\n{table}");
        }
    }
}
