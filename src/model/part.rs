//! A block of a network with its weights.

use std::sync::Arc;

use tch::nn::{self, VarStore};
use tch::{Kind, Tensor};

use super::block::{Block, Layer, Layers, Live, Trace};
use super::init;
use crate::error::{During, Error, Result};
use crate::rng::TorchRng;
use crate::util::panics;

/// What modules of `tch::nn` make of features; `true` while they are trained.
pub(super) type Forward = Box<dyn Fn(&Tensor, bool) -> Tensor + Send>;

/// How a block is made, as often as a network is copied.
#[derive(Clone)]
pub(super) enum Definition {
    Block(Arc<dyn Block>),
    Modules(Arc<dyn Fn(&nn::Path) -> Forward + Send + Sync>),
}

enum Body {
    Layers(Vec<Live>),
    Modules { store: VarStore, forward: Forward },
}

/// A block of a network, or its head, with its weights.
pub(super) struct Part {
    pub name: String,
    /// What its weights' names begin with, such as `layer1.0.`.
    pub prefix: String,
    definition: Definition,
    body: Body,
    device: tch::Device,
}

impl Part {
    /// With PyTorch's initial values, drawn from `rng`.
    pub fn init(
        name: &str,
        prefix: &str,
        definition: &Definition,
        rng: &mut TorchRng,
        device: tch::Device,
    ) -> Result<Part> {
        let body = match definition {
            Definition::Block(block) => {
                let layers = caught(name, || block.layers())?;
                let layers = layers.into_iter().map(|layer| Live::init(layer, rng, device));
                Body::Layers(layers.collect::<Result<_>>()?)
            }
            Definition::Modules(build) => modules(name, build.as_ref(), device)?,
        };
        let part =
            Part { name: name.to_owned(), prefix: prefix.to_owned(), definition: definition.clone(), body, device };
        if let Body::Modules { .. } = &part.body {
            draw(&part.named(), rng, device)?;
        }
        Ok(part)
    }

    /// A head with PyTorch's initial values; with the layers of `kept`, but for the last one, where there is one.
    pub fn init_head(
        prefix: &str,
        definition: &Definition,
        kept: Option<&Part>,
        rng: &mut TorchRng,
        device: tch::Device,
    ) -> Result<Part> {
        let (Some(kept), Definition::Block(block)) = (kept, definition) else {
            return Part::init("head", prefix, definition, rng, device);
        };
        let Body::Layers(old) = &kept.body else { return Err(unlike("head")) };
        let layers = caught("head", || block.layers())?;
        let count = layers.len();
        let layer = |(i, layer): (usize, Layer)| match old.get(i) {
            _ if i + 1 == count => Live::init(layer, rng, device),
            Some(live) if live.layer == layer => live.deep_clone(),
            _ => {
                let found = format!("false, where {} does not fit what is left of the network", layer.name);
                Err(Error::parameter("reinit_both_dense", "true after this cut", found))
            }
        };
        let body = Body::Layers(layers.into_iter().enumerate().map(layer).collect::<Result<_>>()?);
        let definition = definition.clone();
        Ok(Part { name: "head".to_owned(), prefix: prefix.to_owned(), definition, body, device })
    }

    /// The same block with new initial values.
    pub fn renewed(&self, rng: &mut TorchRng) -> Result<Part> {
        Part::init(&self.name, &self.prefix, &self.definition, rng, self.device)
    }

    /// A copy that shares no memory with this one.
    pub fn deep_clone(&self) -> Result<Part> {
        let body = match (&self.body, &self.definition) {
            (Body::Layers(layers), _) => Body::Layers(layers.iter().map(Live::deep_clone).collect::<Result<_>>()?),
            (Body::Modules { .. }, Definition::Modules(build)) => modules(&self.name, build.as_ref(), self.device)?,
            (Body::Modules { .. }, Definition::Block(_)) => return Err(unlike(&self.name)),
        };
        let definition = self.definition.clone();
        let mut copy =
            Part { name: self.name.clone(), prefix: self.prefix.clone(), definition, body, device: self.device };
        if let Body::Modules { .. } = &copy.body {
            let _no_grad = tch::no_grad_guard();
            let own = self.named();
            for (name, mut to) in copy.named() {
                let from = own.iter().find(|(n, _)| *n == name).ok_or_else(|| unlike(&self.name))?;
                to.f_copy_(&from.1).during("copying a layer")?;
            }
            copy.set_trainable(self.parameters().iter().any(Tensor::requires_grad));
        }
        Ok(copy)
    }

    /// Lets the weights take a gradient, or not.
    pub fn set_trainable(&mut self, yes: bool) {
        match &mut self.body {
            Body::Layers(layers) => layers.iter_mut().for_each(|l| l.set_trainable(yes)),
            Body::Modules { store, .. } if yes => store.unfreeze(),
            Body::Modules { store, .. } => store.freeze(),
        }
    }

    /// The weights, without statistics, sharing the network's memory.
    pub fn parameters(&self) -> Vec<Tensor> {
        match &self.body {
            Body::Layers(layers) => layers.iter().flat_map(Live::parameters).map(Tensor::shallow_clone).collect(),
            Body::Modules { store, .. } => store.trainable_variables(),
        }
    }

    /// Every tensor by its whole name, in PyTorch's order.
    pub fn named(&self) -> Vec<(String, Tensor)> {
        let prefix = &self.prefix;
        match &self.body {
            Body::Layers(layers) => {
                layers.iter().flat_map(Live::named).map(|(n, t)| (format!("{prefix}{n}"), t.shallow_clone())).collect()
            }
            Body::Modules { store, .. } => {
                // As they were made; what is never trained comes last, by name.
                let made = store.trainable_variables();
                let place = |t: &Tensor| made.iter().position(|m| m.data_ptr() == t.data_ptr()).unwrap_or(made.len());
                let mut all: Vec<_> = store.variables().into_iter().map(|(n, t)| (place(&t), n, t)).collect();
                all.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
                all.into_iter().map(|(_, n, t)| (format!("{prefix}{n}"), t)).collect()
            }
        }
    }

    /// What of its layers the shapes of their tensors do not tell; of modules nothing is known.
    pub fn particulars(&self) -> String {
        match &self.body {
            Body::Layers(layers) => layers.iter().filter_map(|l| l.layer.particulars()).collect(),
            Body::Modules { .. } => String::new(),
        }
    }

    /// What is trained by gradients, by its whole name.
    pub fn named_parameters(&self) -> Vec<(String, Tensor)> {
        let parameters = self.parameters();
        let is_one = |t: &Tensor| parameters.iter().any(|p| p.data_ptr() == t.data_ptr());
        self.named().into_iter().filter(|(_, t)| is_one(t)).collect()
    }

    /// Names (whole) and weights of its convolutions: outputs x inputs x height x width.
    pub fn convolutions(&self) -> Vec<(String, Tensor)> {
        let name = |n: &str| format!("{}{n}", self.prefix);
        match &self.body {
            Body::Layers(layers) => layers
                .iter()
                .filter(|l| l.is_conv())
                .map(|l| (name(&l.layer.name), l.tensors[0].shallow_clone()))
                .collect(),
            Body::Modules { .. } => {
                let windows = self.named().into_iter().filter(|(_, t)| t.dim() == 4);
                windows.map(|(n, t)| (n.trim_end_matches(".weight").to_owned(), t)).collect()
            }
        }
    }

    /// Whether it normalises by statistics of a batch while it is trained. Modules are not asked.
    pub fn normalises(&self) -> bool {
        match &self.body {
            Body::Layers(layers) => layers.iter().any(Live::is_norm),
            Body::Modules { .. } => self.named().iter().any(|(n, _)| n.ends_with("running_mean")),
        }
    }

    /// What the block makes of `x`.
    pub fn forward(&self, x: &Tensor, training: bool) -> Result<Tensor> {
        self.run(x, training, None)
    }

    /// The shape of what it makes of `x`, and what that costs: operations, and bytes of what layers put out.
    pub fn measure(&self, x: &Tensor) -> Result<(Tensor, u64, u64)> {
        let _no_grad = tch::no_grad_guard();
        let trace = Trace::default();
        let out = self.run(x, false, Some(&trace))?;
        let (mut flops, mut bytes) = (trace.flops.get(), trace.bytes.get());
        if let Body::Modules { .. } = self.body {
            // Not known of modules: as if each weight met each place of what comes out.
            let places: i64 = out.size().iter().skip(2).product();
            flops = self.parameters().iter().map(|p| 2 * p.numel() as u64 * places.max(1) as u64).sum();
            bytes = 4 * out.numel() as u64 * self.parameters().len().max(1) as u64;
        }
        Ok((out, flops, bytes))
    }

    fn run(&self, x: &Tensor, training: bool, trace: Option<&Trace>) -> Result<Tensor> {
        match (&self.body, &self.definition) {
            (Body::Layers(live), Definition::Block(block)) => {
                // A panic of somebody's own block becomes an error that names it.
                let forward = || block.forward(&Layers { live, training, trace }, x);
                caught(&self.name, forward)?
            }
            (Body::Modules { forward, .. }, _) => caught(&self.name, || forward(x, training)),
            (Body::Layers(_), Definition::Modules(_)) => Err(unlike(&self.name)),
        }
        .map_err(|error| match error {
            Error::Parameter { name: name @ ("network" | "layer"), expected, found } => {
                Error::Parameter { name, expected: format!("{expected} (in block `{}`)", self.name), found }
            }
            other => other,
        })
    }
}

fn modules(name: &str, build: &dyn Fn(&nn::Path) -> Forward, device: tch::Device) -> Result<Body> {
    let store = VarStore::new(device);
    let forward = caught(name, || build(&store.root()))?;
    Ok(Body::Modules { store, forward })
}

/// Runs what somebody wrote for a block; a panic becomes an error that names the block.
pub(super) fn caught<T>(block: &str, work: impl FnOnce() -> T) -> Result<T> {
    panics::caught(work).map_err(|text| {
        let first = text.lines().next().unwrap_or("it panicked").to_owned();
        Error::parameter("network", format!("a block `{block}` that takes what comes in"), first)
    })
}

fn unlike(name: &str) -> Error {
    Error::parameter("network", format!("a block `{name}` that has the same weights each time it is made"), "others")
}

/// New initial values for modules' variables, by their names: PyTorch's for weights of two dimensions and more and their
/// biases; 1 and 0 for those of normalisation, and fresh statistics. Others stay as they were made.
fn draw(named: &[(String, Tensor)], rng: &mut TorchRng, device: tch::Device) -> Result<()> {
    let _no_grad = tch::no_grad_guard();
    let weight_of = |name: &str| {
        let of = name.strip_suffix("bias").map(|stem| format!("{stem}weight"))?;
        named.iter().find(|(n, _)| *n == of).map(|(_, t)| t)
    };
    for (name, tensor) in named {
        let last = name.rsplit('.').next().unwrap_or(name);
        let shape = tensor.size();
        let filled = |value: f64| tensor.f_full_like(value).during("initialising a layer");
        let value = match (last, weight_of(name)) {
            ("weight", _) if shape.len() >= 2 => init::weight(&shape, rng, device)?,
            ("weight" | "running_var", _) => filled(1.0)?,
            ("running_mean", _) => filled(0.0)?,
            ("bias", Some(weight)) if weight.dim() >= 2 => init::bias(&weight.size(), rng, device)?,
            ("bias", Some(_)) => filled(0.0)?,
            _ => continue,
        };
        tensor.shallow_clone().f_copy_(&value.to_kind(tensor.kind())).during("initialising a layer")?;
    }
    Ok(())
}

/// A zero image in a shape.
pub(super) fn blank([c, h, w]: [usize; 3], device: tch::Device) -> Result<Tensor> {
    Tensor::f_zeros([1, c as i64, h as i64, w as i64], (Kind::Float, device)).during("measuring a network")
}
