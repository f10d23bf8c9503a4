//! Networks of named blocks and a head.

use std::fmt;
use std::sync::Arc;

use md5::{Digest, Md5};
use tch::nn;
use tch::{Kind, Tensor};

use super::block::{Block, Layer};
use super::heads::PoolHead;
use super::part::{blank, caught, Definition, Forward, Part};
use super::{Cut, StateDict};
use crate::data::Preparation;
use crate::error::{During, Error, Result};
use crate::rng::TorchRng;

/// Makes the head for features of a shape (channels, height, width) and a number of classes.
type HeadOf = Arc<dyn Fn([usize; 3], usize) -> Arc<dyn Block> + Send + Sync>;

/// A network of named blocks and a head, which turns the last block's features into one output a class. A cut comes after
/// any block; a frozen block takes no gradient and leaves its batch normalisation's statistics as they are.
///
/// [`Network::of`] makes one's own; [`Network::builtin`] has those that people fine-tune.
pub struct Network {
    name: String,
    /// Whether its name says what it is.
    is_builtin: bool,
    pub(super) parts: Vec<Part>,
    pub(super) head: Part,
    head_of: HeadOf,
    head_prefix: String,
    classes: usize,
    frozen: usize,
    preparation: Preparation,
    /// What goes into each block, and into the head: channels, height and width.
    shapes: Vec<[usize; 3]>,
    /// Operations, and bytes of what layers put out, of one image's way through each block and the head.
    costs: Vec<(u64, u64)>,
    device: tch::Device,
    rng: TorchRng,
}

/// Puts a network together, block by block.
pub struct NetworkBuilder {
    name: String,
    is_builtin: bool,
    preparation: Preparation,
    blocks: Vec<(String, String, Definition)>,
    head: Option<(String, HeadOf)>,
    device: tch::Device,
    rng: TorchRng,
}

impl NetworkBuilder {
    /// Says that there is one network of this name, which needs no description.
    pub(super) fn builtin(self) -> Self {
        NetworkBuilder { is_builtin: true, ..self }
    }

    /// Adds a block. Its weights are called `<name>.<layer>.weight` and so on.
    pub fn block(self, name: &str, block: impl Block + 'static) -> Self {
        let prefix = format!("{name}.");
        self.block_with_prefix(name, &prefix, block)
    }

    /// Adds a block whose weights' names begin with `prefix` instead.
    pub fn block_with_prefix(mut self, name: &str, prefix: &str, block: impl Block + 'static) -> Self {
        self.blocks.push((name.to_owned(), prefix.to_owned(), Definition::Block(Arc::new(block))));
        self
    }

    /// Adds a block of modules of `tch::nn`. `make` gets the place for their variables and returns what the block makes of
    /// features; the flag says whether it is being trained. It is called again for every copy of the network, and must
    /// make the same variables each time. Their initial values are drawn by the network, by their names.
    pub fn modules<F>(mut self, name: &str, make: impl Fn(&nn::Path) -> F + Send + Sync + 'static) -> Self
    where
        F: Fn(&Tensor, bool) -> Tensor + Send + 'static,
    {
        let make = move |path: &nn::Path| -> Forward { Box::new(make(path)) };
        self.blocks.push((name.to_owned(), format!("{name}."), Definition::Modules(Arc::new(make))));
        self
    }

    /// The head: made for the shape of features (channels, height, width) that go into it and the number of classes. Unless
    /// set, the mean over space and a linear layer `fc`.
    pub fn head<B: Block + 'static>(
        mut self,
        prefix: &str,
        head_of: impl Fn([usize; 3], usize) -> B + Send + Sync + 'static,
    ) -> Self {
        let head_of: HeadOf = Arc::new(move |shape, classes| Arc::new(head_of(shape, classes)));
        self.head = Some((prefix.to_owned(), head_of));
        self
    }

    /// How images become what the network sees; unless set as the study does it.
    pub fn preparation(mut self, preparation: Preparation) -> Self {
        self.preparation = preparation;
        self
    }

    /// Where the weights are; the CPU unless set.
    pub fn device(mut self, device: tch::Device) -> Self {
        self.device = device;
        self
    }

    /// The generator that initial values are drawn from; seed 0 unless set.
    pub fn rng(mut self, rng: TorchRng) -> Self {
        self.rng = rng;
        self
    }

    /// The network with PyTorch's initial values, for so many classes.
    ///
    /// # Errors
    /// [`Error::Parameter`] when two blocks have one name or weights share one, when a block does not take what the one
    /// before it puts out (or the images are too small for so many blocks), or for fewer than two classes.
    pub fn build(self, classes: usize) -> Result<Network> {
        let NetworkBuilder { name, is_builtin, preparation, blocks, head, device, mut rng } = self;
        preparation.check()?;
        check_classes(classes)?;
        if blocks.is_empty() {
            return Err(Error::parameter("network", "at least one block", "none"));
        }
        for (i, (block, ..)) in blocks.iter().enumerate() {
            if block.is_empty() || blocks[..i].iter().any(|(other, ..)| other == block) {
                return Err(Error::parameter("network", "blocks with names of their own", block));
            }
        }
        let (head_prefix, head_of) = head.unwrap_or_else(|| {
            let head_of: HeadOf = Arc::new(|shape: [usize; 3], classes| Arc::new(PoolHead::new("fc", shape, classes)));
            (String::new(), head_of)
        });
        let mut parts = Vec::with_capacity(blocks.len());
        for (block, prefix, definition) in &blocks {
            parts.push(Part::init(block, prefix, definition, &mut rng, device)?);
        }
        let (shapes, mut costs) = measure(&parts, preparation.shape, device)?;
        let of_head = Definition::Block(head_of(last(&shapes), classes));
        let head = Part::init_head(&head_prefix, &of_head, None, &mut rng, device)?;
        costs.push(measure_head(&head, last(&shapes), classes, device)?);
        let network = Network {
            name,
            is_builtin,
            parts,
            head,
            head_of,
            head_prefix,
            classes,
            frozen: 0,
            preparation,
            shapes,
            costs,
            device,
            rng,
        };
        let mut names: Vec<String> = network.state_dict().into_iter().map(|(n, _)| n).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::parameter("network", "weights with names of their own", &pair[0]));
        }
        Ok(network)
    }
}

fn check_classes(classes: usize) -> Result<()> {
    if classes < 2 {
        return Err(Error::parameter("output_dim", "at least two classes", classes));
    }
    Ok(())
}

fn last(shapes: &[[usize; 3]]) -> [usize; 3] {
    shapes.last().copied().unwrap_or_default()
}

/// The shapes before each block and after the last, and each block's costs.
type Measures = (Vec<[usize; 3]>, Vec<(u64, u64)>);

fn measure(parts: &[Part], input: [usize; 3], device: tch::Device) -> Result<Measures> {
    let (mut shapes, mut costs) = (vec![input], Vec::new());
    let mut x = blank(input, device)?;
    for part in parts {
        let (out, flops, bytes) = part.measure(&x).map_err(|error| too_small(error, input))?;
        let size = out.size();
        let &[1, c, h, w] = size.as_slice() else {
            let expected = format!("images x channels x height x width from block `{}`", part.name);
            return Err(Error::parameter("network", expected, format!("{size:?}")));
        };
        shapes.push([c, h, w].map(|n| n as usize));
        costs.push((flops, bytes));
        x = out;
    }
    Ok((shapes, costs))
}

fn measure_head(head: &Part, shape: [usize; 3], classes: usize, device: tch::Device) -> Result<(u64, u64)> {
    let (out, flops, bytes) = head.measure(&blank(shape, device)?)?;
    if out.size() != [1, classes as i64] {
        let expected = format!("images x {classes} classes from the head");
        return Err(Error::parameter("network", expected, format!("{:?}", out.size())));
    }
    Ok((flops, bytes))
}

/// Says of what images a block ran out of pixels.
fn too_small(error: Error, [_, h, w]: [usize; 3]) -> Error {
    match error {
        Error::Torch { during, source } if source.to_string().to_lowercase().contains("output size is too small") => {
            let expected = format!("larger images, or fewer blocks: nothing is left of {h} x {w} pixels in {during}");
            Error::parameter("network", expected, "none")
        }
        Error::Parameter { name: "network", expected, found } => {
            Error::Parameter { name: "network", expected, found: format!("{found}, of images of {h} x {w}") }
        }
        other => other,
    }
}

impl Network {
    /// Starts a network of one's own for images of `shape` (channels, height and width).
    ///
    /// ```
    /// use cutpoint::model::{Layer, Network};
    /// use tch::nn;
    ///
    /// let conv = nn::ConvConfig { padding: 1, stride: 2, ..Default::default() };
    /// let network = Network::of("small", [1, 28, 28])
    ///     .modules("one", move |p| {
    ///         let c = nn::conv2d(p / "conv", 1, 8, 3, conv);
    ///         move |x, _| x.apply(&c).relu()
    ///     })
    ///     .modules("two", move |p| {
    ///         let (c, n) = (nn::conv2d(p / "conv", 8, 16, 3, conv), nn::batch_norm2d(p / "bn", 16, Default::default()));
    ///         move |x, train| x.apply(&c).apply_t(&n, train).relu()
    ///     })
    ///     .build(10)?;
    /// assert_eq!(network.block_names(), ["one", "two"]);
    /// assert!(network.state_dict().iter().any(|(name, _)| name == "one.conv.weight"));
    /// # Ok::<(), cutpoint::error::Error>(())
    /// ```
    pub fn of(name: &str, shape: [usize; 3]) -> NetworkBuilder {
        NetworkBuilder {
            name: name.to_owned(),
            is_builtin: false,
            preparation: Preparation::study(shape),
            blocks: Vec::new(),
            head: None,
            device: tch::Device::Cpu,
            rng: TorchRng::new(0),
        }
    }

    /// What the network is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The blocks' names, in order.
    pub fn block_names(&self) -> Vec<&str> {
        self.parts.iter().map(|p| p.name.as_str()).collect()
    }

    /// How many blocks there are.
    pub fn depth(&self) -> usize {
        self.parts.len()
    }

    /// How many blocks, from the first on, are frozen.
    pub fn frozen(&self) -> usize {
        self.frozen
    }

    /// How many classes the network tells apart.
    pub fn output_dim(&self) -> usize {
        self.classes
    }

    /// Channels, height and width that the network takes.
    pub fn input_shape(&self) -> [usize; 3] {
        self.preparation.shape
    }

    /// How images are prepared for it.
    pub fn preparation(&self) -> &Preparation {
        &self.preparation
    }

    /// Where the weights are.
    pub fn device(&self) -> tch::Device {
        self.device
    }

    /// The generator, as initialisation left it.
    pub fn rng(&self) -> &TorchRng {
        &self.rng
    }

    /// Channels, height and width of what goes into block `block` (the last: into the head).
    ///
    /// # Errors
    /// [`Error::Parameter`] when there is no such block.
    pub fn shape_before(&self, block: usize) -> Result<[usize; 3]> {
        let shape = self.shapes.get(block).copied();
        shape.ok_or_else(|| Error::parameter("block", format!("0 to {}", self.depth()), block))
    }

    /// Weights, without statistics, of each block and of the head.
    pub fn weight_counts(&self) -> Vec<usize> {
        let count = |part: &Part| part.parameters().iter().map(Tensor::numel).sum();
        self.parts.iter().chain([&self.head]).map(count).collect()
    }

    /// What the network is made of, but for its weights and outputs, in a few words. Networks of one's own whose blocks
    /// have the same layers, and put them together in other ways, are told apart by their names only.
    pub fn architecture(&self) -> String {
        let shapes = |part: &Part| {
            let all = part.named().into_iter().map(|(name, t)| format!("{name} {:?}", t.size()));
            format!("{} {}; ", part.name, all.collect::<Vec<_>>().join(", "))
        };
        let mut text: String = self.parts.iter().map(shapes).collect();
        if !self.is_builtin {
            self.parts.iter().for_each(|part| text += &part.particulars());
            text += &self.about_head();
        }
        let digest = crate::util::hex::hex(Md5::digest(text));
        let Preparation { shape: [c, h, w], mean, std } = &self.preparation;
        let blocks = self.depth();
        format!("{} of {blocks} blocks ({}), images {c} x {h} x {w} less {mean:?} by {std:?}", self.name, &digest[..12])
    }

    /// The layers of the head before the last one, which is another for other classes; nothing where there are none.
    fn about_head(&self) -> String {
        let outputs = self.outputs();
        let before = self.head.named().into_iter().filter(|(name, _)| !outputs.contains(name));
        before.map(|(name, t)| format!("head {name} {:?}; ", t.size())).collect()
    }

    /// Log-probabilities (images x classes) of prepared images (images x channels x height x width).
    ///
    /// # Errors
    /// [`Error::Torch`] when the shape does not fit.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.classify(&self.through(x, 0, self.depth(), false)?, false)
    }

    /// What the head puts out before the log-softmax, images x classes; `training` as in [`Network::through`].
    ///
    /// # Errors
    /// [`Error::Torch`] when the shape does not fit.
    pub fn logits(&self, x: &Tensor, training: bool) -> Result<Tensor> {
        self.head.forward(&self.through(x, 0, self.depth(), training)?, training)
    }

    /// Takes `x`, the output of block `from` - 1 (or images), through the blocks up to, not including, `to`. With
    /// `training`, blocks that are not frozen normalise by the batch's own statistics.
    ///
    /// # Errors
    /// [`Error::Torch`] when the shape does not fit; [`Error::Parameter`] for a batch of one image under batch
    /// normalisation that is trained.
    pub fn through(&self, x: &Tensor, from: usize, to: usize, training: bool) -> Result<Tensor> {
        let mut x = x.shallow_clone();
        for (i, part) in self.parts.iter().enumerate().take(to).skip(from) {
            x = part.forward(&x, training && i >= self.frozen)?;
        }
        Ok(x)
    }

    /// Log-probabilities of what the last block puts out.
    ///
    /// # Errors
    /// [`Error::Torch`] when the shape does not fit.
    pub fn classify(&self, features: &Tensor, training: bool) -> Result<Tensor> {
        self.head.forward(features, training)?.f_log_softmax(1, Kind::Float).during("the log-softmax")
    }

    /// Whether a block that is trained normalises by the statistics of a batch, which a single image does not have.
    pub fn trains_statistics(&self) -> bool {
        self.parts[self.frozen..].iter().any(Part::normalises) || self.head.normalises()
    }

    /// The tensors by name, statistics among them, in PyTorch's order, sharing the network's memory.
    pub fn state_dict(&self) -> StateDict {
        self.parts.iter().chain([&self.head]).flat_map(Part::named).map(|(n, t)| (n, t.detach())).collect()
    }

    /// What training changes by gradients, by name and in PyTorch's order, sharing the network's memory.
    pub fn parameters(&self) -> StateDict {
        let all = self.parts.iter().chain([&self.head]).flat_map(Part::named_parameters);
        all.filter(|(_, t)| t.requires_grad()).collect()
    }

    /// Names of the head's last layer: those that another number of classes changes.
    fn outputs(&self) -> Vec<String> {
        let named = self.head.named();
        let layer = |name: &str| name.rsplit_once('.').map_or(String::new(), |(layer, _)| layer.to_owned());
        let of_last = named.last().map(|(name, _)| layer(name)).unwrap_or_default();
        named.into_iter().map(|(name, _)| name).filter(|name| layer(name) == of_last).collect()
    }

    /// Copies tensors in by name. Nothing is changed when they do not fit. A last layer for another number of classes is
    /// left as it is, and said: the text is for the reader. Counters of batches may be missing, as in old files.
    ///
    /// # Errors
    /// [`Error::Parameter`] when a name is missing or unknown, a shape differs, or a value is not finite.
    pub fn load_state_dict(&mut self, state: &[(String, Tensor)]) -> Result<Option<String>> {
        let own = self.state_dict();
        let outputs = self.outputs();
        let find = |name: &str, list: &'_ [(String, Tensor)]| list.iter().position(|(n, _)| n == name);
        let surplus: Vec<&str> = state.iter().map(|(n, _)| n.as_str()).filter(|n| find(n, &own).is_none()).collect();
        let missing: Vec<&str> = own
            .iter()
            .map(|(n, _)| n.as_str())
            .filter(|n| find(n, state).is_none() && !n.ends_with(".num_batches_tracked"))
            .collect();
        if !surplus.is_empty() || !missing.is_empty() {
            let list = |names: &[&str], what: &str| {
                let more = if names.len() > 3 { ", .." } else { "" };
                let shown = names[..names.len().min(3)].join(", ");
                (!names.is_empty()).then(|| format!("{} {what} ({shown}{more})", names.len()))
            };
            let found: Vec<String> =
                [list(&missing, "missing"), list(&surplus, "unknown")].into_iter().flatten().collect();
            let expected = format!("the {} tensors of {} by their names", own.len(), self.name);
            return Err(Error::parameter("state_dict", expected, found.join(" and ")));
        }
        let (mut pairs, mut replaced) = (Vec::with_capacity(own.len()), None);
        for (name, tensor) in own {
            let Some((_, new)) = state.iter().find(|(n, _)| *n == name) else { continue };
            let finite = new.f_isfinite().and_then(|t| t.f_all()).and_then(|t| t.f_int64_value(&[]));
            if finite.during("looking at weights")? == 0 {
                return Err(Error::parameter("state_dict", format!("finite numbers in {name}"), "NaN or infinity"));
            }
            if new.size() != tensor.size() {
                let same_inputs = new.dim() == tensor.dim() && new.size().get(1..) == tensor.size().get(1..);
                if outputs.contains(&name) && same_inputs {
                    let (theirs, ours) = (new.size()[0], tensor.size()[0]);
                    replaced = Some(format!(
                        "the last layer of the file has {theirs} outputs, and this network {ours}: it is new"
                    ));
                    continue;
                }
                let expected = format!("{name} of shape {:?}", tensor.size());
                return Err(Error::parameter("state_dict", expected, format!("{:?}", new.size())));
            }
            pairs.push((name, tensor, new));
        }
        if replaced.is_some() {
            pairs.retain(|(name, ..)| !outputs.contains(name));
        }
        let _no_grad = tch::no_grad_guard();
        for (_, mut own, new) in pairs {
            own.f_copy_(new).during("copying weights")?;
        }
        Ok(replaced)
    }

    /// A copy that shares no memory with this one.
    ///
    /// # Errors
    /// [`Error::Torch`] when there is no memory left.
    pub fn deep_clone(&self) -> Result<Network> {
        Ok(Network {
            name: self.name.clone(),
            parts: self.parts.iter().map(Part::deep_clone).collect::<Result<_>>()?,
            head: self.head.deep_clone()?,
            head_of: Arc::clone(&self.head_of),
            head_prefix: self.head_prefix.clone(),
            preparation: self.preparation.clone(),
            shapes: self.shapes.clone(),
            costs: self.costs.clone(),
            rng: self.rng.clone(),
            ..*self
        })
    }

    /// What training changes by gradients: each with the block it is in (the head's: [`Network::depth`]), in PyTorch's
    /// order, sharing the network's memory.
    pub(crate) fn trainable(&self) -> Vec<(usize, Tensor)> {
        let parts = self.parts.iter().chain([&self.head]).enumerate();
        let of = |(i, part): (usize, &Part)| part.parameters().into_iter().map(move |t| (i, t)).collect::<Vec<_>>();
        parts.flat_map(of).filter(|(_, t)| t.requires_grad()).collect()
    }

    /// Multiplications and additions of one image's way through blocks `from` to `to`; the head is block
    /// [`Network::depth`].
    pub fn flops(&self, from: usize, to: usize) -> u64 {
        self.costs.iter().take(to).skip(from).map(|(flops, _)| flops).sum()
    }

    /// How many numbers the first `depth` blocks have, statistics among them, and a new head for so many classes after them.
    pub(crate) fn tensor_counts(&self, depth: usize, classes: usize) -> Result<Vec<u64>> {
        let count = |part: &Part| part.named().iter().map(|(_, t)| t.numel() as u64).sum();
        let shape = self.shape_before(depth)?;
        let head = caught("head", || (self.head_of)(shape, classes).layers())?;
        let blocks = self.parts.iter().take(depth).map(count);
        Ok(blocks.chain([head.iter().map(Layer::count).sum()]).collect())
    }

    /// Bytes that training keeps for one image from block `from` on.
    pub(crate) fn training_bytes(&self, from: usize) -> u64 {
        // What layers put out, what activations between them do, and gradients passing back.
        self.costs.iter().skip(from).map(|(_, bytes)| 3 * bytes).sum()
    }

    /// A network for `output_dim` classes made of this one: blocks after the cut are drawn again in order, then the head,
    /// with numbers drawn after seeding with `repeat`; see the settings for what is frozen, kept or removed.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the cut is beyond the network, or when only the head's last layer is to be new but the
    /// others no longer fit what is left of the network.
    pub fn cut(&self, cut: Cut, output_dim: usize, repeat: u64) -> Result<Network> {
        let depth = self.depth();
        check_classes(output_dim)?;
        cut.point.check(depth)?;
        let baseline = cut.point.is_baseline();
        let (truncate, reinit) = (cut.setting.truncate() && !baseline, cut.setting.reinit() || baseline);
        let point = cut.point.kept();
        let mut rng = TorchRng::new(repeat);
        let mut parts = Vec::with_capacity(depth);
        for (i, part) in self.parts.iter().enumerate().take(if truncate { point } else { depth }) {
            parts.push(if i >= point && reinit { part.renewed(&mut rng)? } else { part.deep_clone()? });
        }
        let frozen = if cut.setting.freeze() && !baseline { point } else { 0 };
        for (i, part) in parts.iter_mut().enumerate() {
            part.set_trainable(i >= frozen);
        }
        let shapes = self.shapes[..=parts.len()].to_vec();
        let mut costs = self.costs[..parts.len()].to_vec();
        let definition = Definition::Block((self.head_of)(last(&shapes), output_dim));
        let kept = (!cut.reinit_both_dense && !baseline).then_some(&self.head);
        let head = Part::init_head(&self.head_prefix, &definition, kept, &mut rng, self.device)?;
        costs.push(measure_head(&head, last(&shapes), output_dim, self.device)?);
        Ok(Network {
            name: self.name.clone(),
            parts,
            head,
            head_of: Arc::clone(&self.head_of),
            head_prefix: self.head_prefix.clone(),
            classes: output_dim,
            frozen,
            preparation: self.preparation.clone(),
            shapes,
            costs,
            rng,
            ..*self
        })
    }
}

/// The same as its `Display`: a notebook shows a value by its `Debug`.
impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The table of blocks: name, output shape for one image, weights, and whether they are trained.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shape = |[c, h, w]: [usize; 3]| format!("{c} x {h} x {w}");
        let counts = self.weight_counts();
        let wide = self.parts.iter().map(|p| p.name.len()).max().unwrap_or(0).max(12);
        let long = self.name.chars().count() > wide;
        if long {
            writeln!(f, "{}", self.name)?;
        }
        let name = if long { "" } else { self.name.as_str() };
        writeln!(f, "{name:<wide$} {:>16} {:>11}  weights", "output", "number")?;
        writeln!(f, "{:<wide$} {:>16}", "images", shape(self.preparation.shape))?;
        for (i, part) in self.parts.iter().enumerate() {
            let state = if i < self.frozen { "frozen" } else { "trained" };
            writeln!(f, "{:<wide$} {:>16} {:>11}  {state}", part.name, shape(self.shapes[i + 1]), counts[i])?;
        }
        writeln!(f, "{:<wide$} {:>16} {:>11}  trained", "head", self.classes, counts[self.depth()])?;
        let total: usize = counts.iter().sum();
        let trained: usize = self.trainable().iter().map(|(_, t)| t.numel()).sum();
        write!(f, "{total} weights, {trained} of them trained, on {:?}", self.device)
    }
}
