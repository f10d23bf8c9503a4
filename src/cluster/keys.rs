//! The keys that clusterings are kept under: hashes of all that decides their numbers.

use md5::{Digest, Md5};
use serde::Serialize;

use super::Algorithm;
use crate::config::Fraction;
use crate::error::Result;
use crate::results::Identity;
use crate::sweep::layers::Examined;
use crate::util::hex::hex;

/// The version of [`Clustering`], which changes when the meaning of a field does.
const VERSION: u32 = 2;

/// All that decides a clustering's numbers. Scores are made of its counts, and so can be made again.
#[derive(Serialize)]
struct Clustering<'a> {
    #[serde(flatten)]
    examined: &'a Examined,
    algorithm: &'a str,
    fraction: Fraction,
    repeat: u64,
    layer: usize,
}

/// The key of one clustering.
pub(super) fn key(
    examined: &Examined,
    algorithm: Algorithm,
    fraction: Fraction,
    repeat: u64,
    layer: usize,
) -> Result<String> {
    let clustering = Clustering { examined, algorithm: &algorithm.to_string(), fraction, repeat, layer };
    Ok(Identity::new("clustering", VERSION, &clustering)?.key())
}

/// The key that version 0.1 kept it under, so that its journals are read: a hash of a sentence.
pub(super) fn earlier_key(
    of: &Examined,
    algorithm: Algorithm,
    fraction: Fraction,
    repeat: u64,
    layer: usize,
) -> String {
    let common = format!(
        "clustering 1 {} {} {:?} {:?} {} {}",
        of.weights, of.network, of.input_shape, of.classes, of.on_cpu, of.images,
    );
    hex(Md5::digest(format!("{common} {algorithm} {:?} {repeat} {layer}", fraction.get())))
}
