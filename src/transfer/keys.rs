//! The keys that scores are kept under: hashes of all that decides their numbers.

use serde::Serialize;

use super::View;
use crate::config::Fraction;
use crate::data::Task;
use crate::error::Result;
use crate::model::Model;
use crate::results::Identity;

/// The version of [`Scoring`], which changes when the meaning of a field does, or how a score is made.
const VERSION: u32 = 1;

/// All that decides the scores of a layer.
#[derive(Serialize)]
struct Scoring<'a> {
    /// The network in words: weights of one shape may belong to networks that pool or activate in other ways.
    network: &'a str,
    input_shape: [usize; 3],
    weights: &'a str,
    classes: &'a [u8],
    images: &'a str,
    /// Rounding differs between kinds of device, not between devices of a kind.
    on_cpu: bool,
    features: View,
    fraction: Fraction,
    repeat: u64,
    /// None: the network as a whole.
    layer: Option<usize>,
}

/// Makes the keys of a sweep's rows.
pub(super) struct Keys<'a> {
    network: String,
    input_shape: [usize; 3],
    on_cpu: bool,
    classes: &'a [u8],
    weights: &'a str,
    images: &'a str,
    features: View,
}

impl<'a> Keys<'a> {
    /// `weights` and `images` are digests.
    pub fn new(model: &dyn Model, task: &'a Task, weights: &'a str, images: &'a str, features: View) -> Keys<'a> {
        let on_cpu = model.device() == tch::Device::Cpu;
        let (network, input_shape) = (model.architecture(), model.input_shape());
        Keys { network, input_shape, on_cpu, classes: &task.classes, weights, images, features }
    }

    /// The key of one row.
    pub fn of(&self, fraction: Fraction, repeat: u64, layer: Option<usize>) -> Result<String> {
        let scoring = Scoring {
            network: &self.network,
            input_shape: self.input_shape,
            weights: self.weights,
            classes: self.classes,
            images: self.images,
            on_cpu: self.on_cpu,
            features: self.features,
            fraction,
            repeat,
            layer,
        };
        Ok(Identity::new("scores of a layer", VERSION, &scoring)?.key())
    }
}
