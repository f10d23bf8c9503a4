//! Networks that people fine-tune, with the names of torchvision's weights (and of the files that exist for
//! EfficientNet-Lite).
//!
//! Dropout before the last layer, which torchvision's VGG and MobileNet and EfficientNet have, and the dropping of whole
//! blocks in training EfficientNets, are left out: fine-tuning here is a function of the run's seed alone.

mod convolutions;
mod efficientnet_lite;
mod mobilenet;
mod resnet;
mod vgg;

use std::fmt;
use std::str::FromStr;

pub use convolutions::{Convolutions, PoolingKind};

use super::files::load_checkpoint;
use super::network::{Network, NetworkBuilder};
use super::weights::Checkpoint;
use crate::data::Preparation;
use crate::error::{Error, Result};
use crate::rng::TorchRng;
use crate::runtime::progress::default_sink;
use crate::util::names::plain;

/// The networks that are built in, beside the study's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Builtin {
    Vgg11,
    Vgg11Bn,
    Vgg16,
    Vgg16Bn,
    ResNet18,
    ResNet34,
    ResNet50,
    MobileNetV2,
    EfficientNetLite0,
    EfficientNetLite1,
    EfficientNetLite2,
}

impl Builtin {
    /// All of them.
    pub const ALL: [Builtin; 11] = [
        Builtin::Vgg11,
        Builtin::Vgg11Bn,
        Builtin::Vgg16,
        Builtin::Vgg16Bn,
        Builtin::ResNet18,
        Builtin::ResNet34,
        Builtin::ResNet50,
        Builtin::MobileNetV2,
        Builtin::EfficientNetLite0,
        Builtin::EfficientNetLite1,
        Builtin::EfficientNetLite2,
    ];

    /// The side of the images that published weights were trained on, in pixels.
    pub fn side(self) -> usize {
        match self {
            Builtin::EfficientNetLite1 => 240,
            Builtin::EfficientNetLite2 => 260,
            _ => 224,
        }
    }

    /// How published weights expect images, at a side in pixels.
    pub fn preparation(self, side: usize) -> Preparation {
        match self {
            // TensorFlow's: (byte - 127) / 128, as the authors of the Lite networks trained them.
            Builtin::EfficientNetLite0 | Builtin::EfficientNetLite1 | Builtin::EfficientNetLite2 => {
                Preparation { shape: [3, side, side], mean: vec![127.0 / 255.0], std: vec![128.0 / 255.0] }
            }
            _ => Preparation::imagenet(side),
        }
    }

    /// The last layer's weight: its name, and how many inputs it has.
    fn outputs(self) -> (&'static str, i64) {
        match self {
            Builtin::Vgg11 | Builtin::Vgg11Bn | Builtin::Vgg16 | Builtin::Vgg16Bn => ("classifier.6.weight", 4096),
            Builtin::ResNet18 | Builtin::ResNet34 => ("fc.weight", 512),
            Builtin::ResNet50 => ("fc.weight", 2048),
            Builtin::MobileNetV2 => ("classifier.1.weight", 1280),
            Builtin::EfficientNetLite0 | Builtin::EfficientNetLite1 | Builtin::EfficientNetLite2 => {
                ("_fc.weight", 1280)
            }
        }
    }

    fn builder(self) -> NetworkBuilder {
        let start = Network::of(&self.to_string(), [3, self.side(), self.side()]).builtin();
        match self {
            Builtin::Vgg11 => vgg::build(start, &vgg::ELEVEN, false),
            Builtin::Vgg11Bn => vgg::build(start, &vgg::ELEVEN, true),
            Builtin::Vgg16 => vgg::build(start, &vgg::SIXTEEN, false),
            Builtin::Vgg16Bn => vgg::build(start, &vgg::SIXTEEN, true),
            Builtin::ResNet18 => resnet::build(start, [2, 2, 2, 2], false),
            Builtin::ResNet34 => resnet::build(start, [3, 4, 6, 3], false),
            Builtin::ResNet50 => resnet::build(start, [3, 4, 6, 3], true),
            Builtin::MobileNetV2 => mobilenet::build(start),
            Builtin::EfficientNetLite0 => efficientnet_lite::build(start, 1.0, 1.0),
            Builtin::EfficientNetLite1 => efficientnet_lite::build(start, 1.0, 1.1),
            Builtin::EfficientNetLite2 => efficientnet_lite::build(start, 1.1, 1.2),
        }
    }
}

impl fmt::Display for Builtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Builtin::Vgg11 => "vgg11",
            Builtin::Vgg11Bn => "vgg11_bn",
            Builtin::Vgg16 => "vgg16",
            Builtin::Vgg16Bn => "vgg16_bn",
            Builtin::ResNet18 => "resnet18",
            Builtin::ResNet34 => "resnet34",
            Builtin::ResNet50 => "resnet50",
            Builtin::MobileNetV2 => "mobilenet_v2",
            Builtin::EfficientNetLite0 => "efficientnet_lite0",
            Builtin::EfficientNetLite1 => "efficientnet_lite1",
            Builtin::EfficientNetLite2 => "efficientnet_lite2",
        })
    }
}

impl FromStr for Builtin {
    type Err = Error;

    /// Reads torchvision's name, in any case, with or without hyphens and underscores.
    fn from_str(s: &str) -> Result<Self> {
        Builtin::ALL.into_iter().find(|n| plain(&n.to_string()) == plain(s)).ok_or_else(|| {
            let known = Builtin::ALL.map(|n| n.to_string()).join(", ");
            Error::parameter("network", format!("one of {known}"), s)
        })
    }
}

impl Network {
    /// A network that is built in, with PyTorch's initial values, for so many classes and images as `preparation` makes
    /// them ([`Builtin::preparation`] is what published weights expect).
    ///
    /// # Errors
    /// [`Error::Parameter`] for images that are too small, for other than three channels, or for fewer than two classes.
    pub fn builtin(which: Builtin, classes: usize, preparation: Preparation) -> Result<Network> {
        Network::builtin_on(which, classes, preparation, tch::Device::Cpu, TorchRng::new(0))
    }

    /// A network with published weights from a file, with as many outputs as the file has; images are prepared as the
    /// weights expect, at a side in pixels.
    ///
    /// # Errors
    /// Those of [`Network::builtin`] and [`Network::load`]; [`Error::Format`] when the file has no last layer of this
    /// network's ([`Network::builtin_on`] with [`Network::load`] reads the rest of such a file).
    pub fn pretrained(
        which: Builtin,
        path: impl AsRef<std::path::Path>,
        side: usize,
        device: tch::Device,
    ) -> Result<Network> {
        let path = path.as_ref();
        let file = Checkpoint::load(path)?;
        let (name, inputs) = which.outputs();
        // Before anything is allocated: a file of a few bytes may claim any number of classes.
        let size = file.get(name).map(|t| t.size());
        let classes = match size.as_deref() {
            Some(&[classes, width]) if classes >= 2 && width == inputs => classes as usize,
            size => {
                let expected = format!("{name} of two classes or more x {inputs}, the last layer of {which}");
                let found = size.map_or("none".to_owned(), |size| format!("one of shape {size:?}"));
                return Err(Error::format(path, expected, found));
            }
        };
        let mut network = Network::builtin_on(which, classes, which.preparation(side), device, TorchRng::new(0))?;
        if let Some(said) = load_checkpoint(&mut network, &file, path)? {
            default_sink().line(&format!("{}: {said}", path.display()));
        }
        Ok(network)
    }

    /// The same on a device, with initial values drawn from `rng`.
    ///
    /// # Errors
    /// Those of [`Network::builtin`].
    pub fn builtin_on(
        which: Builtin,
        classes: usize,
        preparation: Preparation,
        device: tch::Device,
        rng: TorchRng,
    ) -> Result<Network> {
        if preparation.shape[0] != 3 {
            return Err(Error::parameter("images", format!("three channels for {which}"), preparation.shape[0]));
        }
        which.builder().preparation(preparation).device(device).rng(rng).build(classes)
    }
}

/// A convolution without bias, batch normalisation, and an activation: what most of these networks are made of.
fn activated(layers: &super::Layers, conv: &str, norm: &str, x: &tch::Tensor, relu6: bool) -> Result<tch::Tensor> {
    use crate::error::During;
    let x = layers.apply(norm, &layers.apply(conv, x)?)?;
    if relu6 { x.f_relu6() } else { x.f_relu() }.during("an activation")
}
