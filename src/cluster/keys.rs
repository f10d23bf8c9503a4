//! The keys that clusterings are kept under: hashes of all that decides their numbers.

use md5::{Digest, Md5};
use serde::Serialize;

use super::Algorithm;
use crate::config::Fraction;
use crate::data::Task;
use crate::error::Result;
use crate::model::Model;
use crate::results::Identity;
use crate::util::hex::hex;

/// The version of [`Clustering`], which changes when the meaning of a field does.
const VERSION: u32 = 2;

/// All that decides a clustering's numbers. Scores are made of its counts, and so can be made again.
#[derive(Serialize)]
struct Clustering<'a> {
    /// The network in words: weights of one shape may belong to networks that pool or activate in other ways.
    network: &'a str,
    input_shape: [usize; 3],
    weights: &'a str,
    classes: &'a [u8],
    images: &'a str,
    /// Rounding differs between kinds of device, not between devices of a kind.
    on_cpu: bool,
    algorithm: &'a str,
    fraction: Fraction,
    repeat: u64,
    layer: usize,
}

/// Makes the keys of a sweep's clusterings.
pub(super) struct Keys<'a> {
    network: String,
    input_shape: [usize; 3],
    on_cpu: bool,
    classes: &'a [u8],
    weights: &'a str,
    images: &'a str,
}

impl<'a> Keys<'a> {
    /// `weights` and `images` are digests.
    pub fn new(model: &dyn Model, task: &'a Task, weights: &'a str, images: &'a str) -> Keys<'a> {
        let on_cpu = model.device() == tch::Device::Cpu;
        let (network, input_shape) = (model.architecture(), model.input_shape());
        Keys { network, input_shape, on_cpu, classes: &task.classes, weights, images }
    }

    /// The key of one clustering.
    pub fn of(&self, algorithm: Algorithm, fraction: Fraction, repeat: u64, layer: usize) -> Result<String> {
        let clustering = Clustering {
            network: &self.network,
            input_shape: self.input_shape,
            weights: self.weights,
            classes: self.classes,
            images: self.images,
            on_cpu: self.on_cpu,
            algorithm: &algorithm.to_string(),
            fraction,
            repeat,
            layer,
        };
        Ok(Identity::new("clustering", VERSION, &clustering)?.key())
    }

    /// The key that version 0.1 kept it under, so that its journals are read: a hash of a sentence.
    pub fn earlier(&self, algorithm: Algorithm, fraction: Fraction, repeat: u64, layer: usize) -> String {
        let common = format!(
            "clustering 1 {} {} {:?} {:?} {} {}",
            self.weights, self.network, self.input_shape, self.classes, self.on_cpu, self.images,
        );
        hex(Md5::digest(format!("{common} {algorithm} {:?} {repeat} {layer}", fraction.get())))
    }
}
