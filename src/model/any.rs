//! What studies ask of a network, whichever it is.

use std::fmt;

use tch::{Kind, Tensor};

use super::cnn::CustomCnn;
use super::forward::LayerOutput;
use super::network::Network;
use super::ranks::effective_rank;
use super::weights::StateDict;
use super::Cut;
use crate::data::Preparation;
use crate::error::{During, Error, Result};
use crate::rng::TorchRng;

/// A network that can be trained, cut, swept, clustered and drawn: the study's ([`CustomCnn`]) or one of blocks
/// ([`Network`]).
pub trait Model: fmt::Display + fmt::Debug + Send {
    /// How many blocks there are: places for a cut, but for the one before the first.
    fn depth(&self) -> usize;
    /// The blocks' names.
    fn block_names(&self) -> Vec<String>;
    /// How many blocks, from the first on, are frozen.
    fn frozen(&self) -> usize;
    /// How many classes the network tells apart.
    fn output_dim(&self) -> usize;
    /// How images become what the network sees.
    fn preparation(&self) -> Preparation;
    /// Where the weights are.
    fn device(&self) -> tch::Device;
    /// What the network is made of, but for its weights and outputs, in a few words.
    fn architecture(&self) -> String;
    /// The generator, as initialisation left it.
    fn rng(&self) -> &TorchRng;
    /// Channels, height and width of what goes into a block (the last: into the head).
    ///
    /// # Errors
    /// [`crate::error::Error::Parameter`] when there is no such block.
    fn shape_before(&self, block: usize) -> Result<[usize; 3]>;
    /// Takes what block `from` - 1 puts out (or prepared images) through the blocks up to, not including, `to`; with
    /// `training`, blocks that are not frozen normalise by the batch's own statistics.
    ///
    /// # Errors
    /// [`crate::error::Error::Torch`].
    fn through(&self, x: &Tensor, from: usize, to: usize, training: bool) -> Result<Tensor>;
    /// Log-probabilities (images x classes) of what the last block puts out.
    ///
    /// # Errors
    /// [`crate::error::Error::Torch`].
    fn classify(&self, features: &Tensor, training: bool) -> Result<Tensor>;
    /// Whether training takes statistics over a batch, so that images of a batch depend on each other.
    fn trains_statistics(&self) -> bool;
    /// The tensors by name, sharing the network's memory.
    fn state_dict(&self) -> StateDict;
    /// Copies tensors in by name. Nothing is changed when they do not fit. Returns what was left out, for a reader.
    ///
    /// # Errors
    /// [`crate::error::Error::Parameter`] when they do not fit.
    fn load_state_dict(&mut self, state: &[(String, Tensor)]) -> Result<Option<String>>;
    /// What training changes by gradients: each with the block it is in (the head's: [`Model::depth`]), in PyTorch's order,
    /// sharing the network's memory.
    fn trainable(&self) -> Vec<(usize, Tensor)>;
    /// Names and weights of the convolutions: outputs x inputs x height x width.
    fn convolutions(&self) -> Vec<(String, Tensor)>;
    /// Multiplications and additions of one image's way through blocks `from` to `to`.
    fn flops(&self, from: usize, to: usize) -> u64;
    /// Bytes that training keeps for one image, from block `from` on.
    fn training_bytes(&self, from: usize) -> u64;
    /// How many numbers each of the first `depth` blocks has, statistics among them, and last a new head for so many classes
    /// after them.
    ///
    /// # Errors
    /// [`crate::error::Error::Parameter`] when there are fewer blocks.
    fn tensor_counts(&self, depth: usize, classes: usize) -> Result<Vec<u64>>;
    /// What each block puts out for prepared images, averaged over space: images x channels. The study's network has its
    /// convolutions' outputs before the activation. No gradient is recorded.
    ///
    /// # Errors
    /// [`crate::error::Error::Torch`].
    fn block_means(&self, x: &Tensor) -> Result<Vec<Tensor>>;
    /// Every layer's (the study's network) or block's output for prepared images. No gradient is recorded.
    ///
    /// # Errors
    /// [`crate::error::Error::Torch`].
    fn layer_outputs(&self, x: &Tensor) -> Result<Vec<LayerOutput>>;
    /// The network as it is drawn.
    ///
    /// # Errors
    /// [`crate::error::Error::Parameter`] when its layers do not fit its images.
    fn stages(&self) -> Result<Vec<Stage>>;
    /// A copy that shares no memory with this one.
    ///
    /// # Errors
    /// [`crate::error::Error::Torch`] when there is no memory left.
    fn copied(&self) -> Result<Box<dyn Model>>;
    /// A network for other classes made of this one; see [`CustomCnn::cut`] and [`Network::cut`].
    ///
    /// # Errors
    /// [`crate::error::Error::Parameter`] when the cut is beyond the network.
    fn cut_for(&self, cut: Cut, output_dim: usize, repeat: u64) -> Result<Box<dyn Model>>;
    /// The study's network that this is, where it is one: result files describe it layer by layer.
    fn as_study(&self) -> Option<&CustomCnn>;

    /// Channels, height and width of a prepared image.
    fn input_shape(&self) -> [usize; 3] {
        self.preparation().shape
    }

    /// Checks that images of this shape (channels, height and width) can be given to the network. The study's takes them as
    /// they are.
    ///
    /// # Errors
    /// [`Error::Parameter`].
    fn check_images(&self, shape: [usize; 3]) -> Result<()> {
        let own = self.input_shape();
        if self.as_study().is_some() && own != shape {
            let expected = format!("images of {own:?}, as the network takes");
            return Err(Error::parameter("input_shape", expected, format!("{shape:?}")));
        }
        self.preparation().takes(shape)
    }

    /// The effective rank of each convolution, by its name; see [`effective_rank`].
    ///
    /// # Errors
    /// [`crate::error::Error::Torch`] when weights are not finite.
    fn ranks(&self) -> Result<Vec<(String, f64)>> {
        self.convolutions().into_iter().map(|(name, weight)| Ok((name, effective_rank(&weight)?))).collect()
    }
}

/// A part of a network as it is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// The layer's or block's name.
    pub name: String,
    /// Channels, height and width of what it puts out; units, 1 and 1 where there is no space any more.
    pub shape: [usize; 3],
    /// Whether it takes no gradient.
    pub frozen: bool,
    /// Whether its outputs are units, without space.
    pub linear: bool,
    /// What stands below its name.
    pub note: &'static str,
}

impl Model for CustomCnn {
    fn depth(&self) -> usize {
        self.depth()
    }

    fn block_names(&self) -> Vec<String> {
        (0..self.depth()).map(|i| format!("conv{i}")).collect()
    }

    fn frozen(&self) -> usize {
        self.frozen()
    }

    fn output_dim(&self) -> usize {
        self.output_dim()
    }

    fn preparation(&self) -> Preparation {
        Preparation::study(self.input_shape)
    }

    fn device(&self) -> tch::Device {
        self.device()
    }

    fn architecture(&self) -> String {
        self.architecture()
    }

    fn rng(&self) -> &TorchRng {
        self.rng()
    }

    fn shape_before(&self, block: usize) -> Result<[usize; 3]> {
        self.shape_before(block)
    }

    fn through(&self, x: &Tensor, from: usize, to: usize, _: bool) -> Result<Tensor> {
        self.through(x, from, to)
    }

    fn classify(&self, features: &Tensor, _: bool) -> Result<Tensor> {
        self.classify(features)
    }

    fn trains_statistics(&self) -> bool {
        false
    }

    fn state_dict(&self) -> StateDict {
        self.state_dict()
    }

    fn load_state_dict(&mut self, state: &[(String, Tensor)]) -> Result<Option<String>> {
        self.load_state_dict(state).map(|()| None)
    }

    fn trainable(&self) -> Vec<(usize, Tensor)> {
        self.trainable()
    }

    fn convolutions(&self) -> Vec<(String, Tensor)> {
        self.blocks.iter().enumerate().map(|(i, b)| (format!("conv{i}"), b.conv.weight.detach())).collect()
    }

    fn flops(&self, from: usize, to: usize) -> u64 {
        self.flops(from, to)
    }

    fn training_bytes(&self, from: usize) -> u64 {
        self.training_bytes(from)
    }

    fn tensor_counts(&self, depth: usize, classes: usize) -> Result<Vec<u64>> {
        self.tensor_counts(depth, classes)
    }

    fn block_means(&self, x: &Tensor) -> Result<Vec<Tensor>> {
        self.conv_means(x)
    }

    fn layer_outputs(&self, x: &Tensor) -> Result<Vec<LayerOutput>> {
        self.layer_outputs(x)
    }

    fn stages(&self) -> Result<Vec<Stage>> {
        let mut stages = Vec::new();
        for (i, pools) in self.pools().into_iter().enumerate() {
            let (shape, note) = (self.shape_before(i + 1)?, if pools { "+ pool" } else { "" });
            stages.push(Stage { name: format!("conv{i}"), shape, frozen: i < self.frozen(), linear: false, note });
        }
        for (name, outputs) in self.linear_outputs() {
            stages.push(Stage { name, shape: [outputs, 1, 1], frozen: false, linear: true, note: "" });
        }
        Ok(stages)
    }

    fn copied(&self) -> Result<Box<dyn Model>> {
        Ok(Box::new(self.deep_clone()?))
    }

    fn cut_for(&self, cut: Cut, output_dim: usize, repeat: u64) -> Result<Box<dyn Model>> {
        Ok(Box::new(self.cut(cut, output_dim, repeat)?))
    }

    fn as_study(&self) -> Option<&CustomCnn> {
        Some(self)
    }
}

impl Model for Network {
    fn depth(&self) -> usize {
        self.depth()
    }

    fn block_names(&self) -> Vec<String> {
        self.block_names().into_iter().map(str::to_owned).collect()
    }

    fn frozen(&self) -> usize {
        self.frozen()
    }

    fn output_dim(&self) -> usize {
        self.output_dim()
    }

    fn preparation(&self) -> Preparation {
        self.preparation().clone()
    }

    fn device(&self) -> tch::Device {
        self.device()
    }

    fn architecture(&self) -> String {
        self.architecture()
    }

    fn rng(&self) -> &TorchRng {
        self.rng()
    }

    fn shape_before(&self, block: usize) -> Result<[usize; 3]> {
        self.shape_before(block)
    }

    fn through(&self, x: &Tensor, from: usize, to: usize, training: bool) -> Result<Tensor> {
        self.through(x, from, to, training)
    }

    fn classify(&self, features: &Tensor, training: bool) -> Result<Tensor> {
        self.classify(features, training)
    }

    fn trains_statistics(&self) -> bool {
        self.trains_statistics()
    }

    fn state_dict(&self) -> StateDict {
        self.state_dict()
    }

    fn load_state_dict(&mut self, state: &[(String, Tensor)]) -> Result<Option<String>> {
        self.load_state_dict(state)
    }

    fn trainable(&self) -> Vec<(usize, Tensor)> {
        self.trainable()
    }

    fn convolutions(&self) -> Vec<(String, Tensor)> {
        self.parts.iter().flat_map(|part| part.convolutions()).map(|(n, t)| (n, t.detach())).collect()
    }

    fn flops(&self, from: usize, to: usize) -> u64 {
        self.flops(from, to)
    }

    fn training_bytes(&self, from: usize) -> u64 {
        self.training_bytes(from)
    }

    fn tensor_counts(&self, depth: usize, classes: usize) -> Result<Vec<u64>> {
        self.tensor_counts(depth, classes)
    }

    fn block_means(&self, x: &Tensor) -> Result<Vec<Tensor>> {
        let mean = |x: &Tensor| x.f_mean_dim([2i64, 3].as_slice(), false, Kind::Float).during("averaging over space");
        self.block_outputs(x)?.iter().map(|output| mean(&output.output)).collect()
    }

    fn layer_outputs(&self, x: &Tensor) -> Result<Vec<LayerOutput>> {
        let mut outputs = self.block_outputs(x)?;
        let last = outputs.last().map_or_else(|| x.shallow_clone(), |o| o.output.shallow_clone());
        let _no_grad = tch::no_grad_guard();
        outputs.push(LayerOutput { name: "log_softmax".to_owned(), output: self.classify(&last, false)? });
        Ok(outputs)
    }

    fn stages(&self) -> Result<Vec<Stage>> {
        let mut stages = Vec::new();
        for (i, name) in self.block_names().into_iter().enumerate() {
            let (name, shape, frozen) = (name.to_owned(), self.shape_before(i + 1)?, i < self.frozen());
            stages.push(Stage { name, shape, frozen, linear: false, note: "" });
        }
        let shape = [self.output_dim(), 1, 1];
        stages.push(Stage { name: "head".to_owned(), shape, frozen: false, linear: true, note: "" });
        Ok(stages)
    }

    fn copied(&self) -> Result<Box<dyn Model>> {
        Ok(Box::new(self.deep_clone()?))
    }

    fn cut_for(&self, cut: Cut, output_dim: usize, repeat: u64) -> Result<Box<dyn Model>> {
        Ok(Box::new(self.cut(cut, output_dim, repeat)?))
    }

    fn as_study(&self) -> Option<&CustomCnn> {
        None
    }
}

impl Network {
    /// What each block puts out for prepared images: images x channels x height x width. No gradient is recorded.
    ///
    /// # Errors
    /// [`crate::error::Error::Torch`] when the shape does not fit.
    pub fn block_outputs(&self, x: &Tensor) -> Result<Vec<LayerOutput>> {
        let _no_grad = tch::no_grad_guard();
        let mut x = x.shallow_clone();
        let mut outputs = Vec::with_capacity(self.depth());
        for part in &self.parts {
            x = part.forward(&x, false)?;
            outputs.push(LayerOutput { name: part.name.clone(), output: x.shallow_clone() });
        }
        Ok(outputs)
    }
}
