//! What the layers of a network make of images, as numbers to be scored.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use ndarray::{Array2, Axis};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::{layer_scores, Score};
use crate::data::Samples;
use crate::error::{During, Error, Result};
use crate::model::{tables, LayerOutput, Model};

/// Which numbers of a layer are scored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum View {
    /// The convolution's outputs before the activation, averaged over space: one number a channel, as clustering has them.
    #[default]
    Channels,
    /// What the next layer sees, after activation and pooling, averaged over space: one number a channel.
    Pooled,
    /// What the next layer sees, averaged over a grid of at most four by four cells: up to sixteen numbers a channel.
    Flattened,
}

/// Cells of a side of the grid of [`View::Flattened`].
const CELLS: i64 = 4;

impl View {
    /// Every view.
    pub const ALL: [View; 3] = [View::Channels, View::Pooled, View::Flattened];

    /// The numbers of each convolution (images x numbers) among all outputs of a network.
    fn of(self, outputs: &[LayerOutput], depth: usize) -> Result<Vec<Tensor>> {
        let kinds: &[&str] = if self == View::Channels { &["conv"] } else { &["pool", "act"] };
        let layer = |i: usize| {
            let named = |kind: &&str| outputs.iter().find(|o| o.name == format!("{kind}{i}"));
            // A network of blocks puts out one thing a block, and its probabilities.
            let of_block = outputs.get(i).filter(|_| outputs.len() == depth + 1);
            let output = kinds.iter().find_map(named).or(of_block);
            output.ok_or_else(|| Error::Worker(format!("features: the network has no layer {i}")))
        };
        let numbers = |output: &LayerOutput| {
            let x = &output.output;
            let reduced = match (self, x.size().as_slice()) {
                (View::Flattened, &[_, _, h, w]) => {
                    x.f_adaptive_avg_pool2d([CELLS.min(h), CELLS.min(w)]).and_then(|x| x.f_flatten(1, -1))
                }
                _ => x.f_mean_dim([2i64, 3].as_slice(), false, Kind::Float),
            };
            reduced.during("averaging over space")
        };
        (0..depth).map(|i| numbers(layer(i)?)).collect()
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            View::Channels => "channels",
            View::Pooled => "pooled",
            View::Flattened => "flattened",
        })
    }
}

impl FromStr for View {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        let names = View::ALL.map(|v| v.to_string()).join(", ");
        let wrong = || Error::parameter("features", format!("one of {names}"), s);
        View::ALL.into_iter().find(|v| v.to_string().eq_ignore_ascii_case(s)).ok_or_else(wrong)
    }
}

/// The features of every layer for some images, by whatever network. [`LayerFeatures::new`] makes them with a network of this
/// crate; of any other they can be put together by hand, one table a block that a cut can come after.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerFeatures {
    /// Names of the layers, such as `conv0`, in order.
    pub names: Vec<String>,
    /// The features of each layer: images x numbers.
    pub features: Vec<Array2<f32>>,
    /// The source network's class probabilities (images x source classes), where they are known.
    pub probabilities: Option<Array2<f32>>,
    /// The class of each image.
    pub labels: Vec<u8>,
}

impl LayerFeatures {
    /// Takes samples through a network, a few at a time, on all cores.
    ///
    /// # Errors
    /// [`Error::Parameter`] when there are no samples or their images do not fit the network; [`Error::Torch`];
    /// [`Error::Interrupted`].
    pub fn new(model: &dyn Model, samples: &Samples, view: View) -> Result<LayerFeatures> {
        LayerFeatures::observed(model, samples, view, |_| ())
    }

    /// The same; `advanced` hears of each part of the samples that is done.
    pub(super) fn observed(
        model: &dyn Model,
        samples: &Samples,
        view: View,
        advanced: impl FnMut(usize),
    ) -> Result<LayerFeatures> {
        let of = move |model: &dyn Model, images: &Tensor| {
            let outputs = model.layer_outputs(images)?;
            let mut numbers = view.of(&outputs, model.depth())?;
            let last = outputs.last().ok_or_else(|| Error::Worker("features: the network has no output".to_owned()))?;
            numbers.push(last.output.f_exp().during("class probabilities")?);
            Ok(numbers)
        };
        let mut features = tables(model, samples, of, advanced)?;
        let probabilities = features.pop();
        Ok(LayerFeatures { names: model.block_names(), features, probabilities, labels: samples.labels.clone() })
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Every score of every layer, in the order of the layers; those that the images do not allow are missing.
    pub fn scores(&self) -> Vec<BTreeMap<Score, f64>> {
        let all: Vec<usize> = (0..self.len()).collect();
        let of_layer = |layer: usize| {
            let (features, labels) = self.rows(layer, &all);
            let made = layer_scores(features.view(), &labels).into_iter();
            made.filter_map(|(score, value)| Some((score, value.ok()?))).collect()
        };
        (0..self.features.len()).map(of_layer).collect()
    }

    /// A layer's features for the images at `rows` (each below `len`), and their labels.
    pub fn rows(&self, layer: usize, rows: &[usize]) -> (Array2<f64>, Vec<u8>) {
        let labels = rows.iter().map(|&i| self.labels[i]).collect();
        (self.features[layer].select(Axis(0), rows).mapv(f64::from), labels)
    }
}
