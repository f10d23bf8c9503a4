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

    /// The numbers of each convolution or block (images x numbers) among all outputs of a network; `study`: of the study's.
    fn of(self, outputs: &[LayerOutput], depth: usize, study: bool) -> Result<Vec<Tensor>> {
        let kinds: &[&str] = if self == View::Channels { &["conv"] } else { &["pool", "act"] };
        let layer = |i: usize| {
            let named = |kind: &&str| outputs.iter().find(|o| o.name == format!("{kind}{i}"));
            // A network of blocks puts out one thing a block, whatever the blocks are called, and its probabilities.
            let output = if study { kinds.iter().find_map(named) } else { outputs.get(i) };
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
/// crate; of any other they can be put together by hand ([`LayerFeatures::of_tables`]), one table a block that a cut can
/// come after.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerFeatures {
    names: Vec<String>,
    features: Vec<Array2<f32>>,
    probabilities: Option<Array2<f32>>,
    labels: Vec<u8>,
}

impl LayerFeatures {
    /// Puts features together: each layer's name and table (images x numbers), the source network's class probabilities
    /// (images x source classes) where they are known, and the class of each image.
    ///
    /// # Errors
    /// [`Error::Parameter`] when a table has not one row a label.
    pub fn of_tables(
        layers: Vec<(String, Array2<f32>)>,
        probabilities: Option<Array2<f32>>,
        labels: Vec<u8>,
    ) -> Result<LayerFeatures> {
        let unlike = |table: &Array2<f32>| table.nrows() != labels.len();
        if let Some((name, table)) = layers.iter().find(|(_, table)| unlike(table)) {
            let expected = format!("a row of {name} for each of {} labels", labels.len());
            return Err(Error::parameter("features", expected, table.nrows()));
        }
        if let Some(table) = probabilities.as_ref().filter(|table| unlike(table)) {
            let expected = format!("a row for each of {} labels", labels.len());
            return Err(Error::parameter("probabilities", expected, table.nrows()));
        }
        let (names, features) = layers.into_iter().unzip();
        Ok(LayerFeatures { names, features, probabilities, labels })
    }

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
            let mut numbers = view.of(&outputs, model.depth(), model.as_study().is_some())?;
            let last = outputs.last().ok_or_else(|| Error::Worker("features: the network has no output".to_owned()))?;
            numbers.push(last.output.f_exp().during("class probabilities")?);
            Ok(numbers)
        };
        let mut features = tables(model, samples, of, advanced)?;
        let probabilities = features.pop();
        let layers = model.block_names().into_iter().zip(features).collect();
        LayerFeatures::of_tables(layers, probabilities, samples.labels.clone())
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Names of the layers, such as `conv0`, in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The features of each layer: images x numbers.
    pub fn features(&self) -> &[Array2<f32>] {
        &self.features
    }

    /// The source network's class probabilities (images x source classes), where they are known.
    pub fn probabilities(&self) -> Option<&Array2<f32>> {
        self.probabilities.as_ref()
    }

    /// The class of each image.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// Every score of every layer, in the order of the layers; those that the images do not allow are missing.
    pub fn scores(&self) -> Vec<BTreeMap<Score, f64>> {
        let of_layer = |features: &Array2<f32>| {
            let made = layer_scores(features.mapv(f64::from).view(), &self.labels).into_iter();
            made.filter_map(|(score, value)| Some((score, value.ok()?))).collect()
        };
        self.features.iter().map(of_layer).collect()
    }

    /// A layer's features for the images at `rows`, and their labels.
    ///
    /// # Errors
    /// [`Error::Parameter`] when there is no such layer or image.
    pub fn rows(&self, layer: usize, rows: &[usize]) -> Result<(Array2<f64>, Vec<u8>)> {
        let none = || Error::parameter("layer", format!("below {}, the layers", self.features.len()), layer);
        let features = self.features.get(layer).ok_or_else(none)?;
        if let Some(row) = rows.iter().find(|&&row| row >= self.len()) {
            return Err(Error::parameter("rows", format!("below {}, the images", self.len()), row));
        }
        let labels = rows.iter().map(|&i| self.labels[i]).collect();
        Ok((features.select(Axis(0), rows).mapv(f64::from), labels))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Images;
    use crate::model::{Layer, Layers, Network};
    use std::sync::Arc;

    struct Conv(usize);

    impl crate::model::Block for Conv {
        fn layers(&self) -> Vec<Layer> {
            vec![Layer::conv("c", self.0, self.0 + 1, 3)]
        }

        fn forward(&self, layers: &Layers, x: &Tensor) -> Result<Tensor> {
            Ok(layers.apply("c", x)?.relu())
        }
    }

    #[test]
    fn blocks_are_taken_in_their_order_whatever_they_are_called() {
        // The second block has the name that the study's first convolution has, and so on.
        let network = Network::of("own", [1, 4, 4]).block("act1", Conv(1)).block("conv0", Conv(2)).build(2).unwrap();
        let images = Images::from_bytes((0..48).collect(), vec![0, 1, 1], [1, 4, 4]).unwrap();
        let samples = Samples { images: Arc::new(images), rows: vec![0, 1, 2], labels: vec![0, 1, 1] };
        for view in View::ALL {
            let features = LayerFeatures::new(&network, &samples, view).unwrap();
            assert_eq!(features.names(), ["act1", "conv0"]);
            let cells = if view == View::Flattened { 16 } else { 1 };
            let widths: Vec<usize> = features.features().iter().map(Array2::ncols).collect();
            assert_eq!(widths, [2 * cells, 3 * cells], "{view}");
        }
    }

    #[test]
    fn tables_that_do_not_fit_and_rows_that_are_not_there_are_refused() {
        let of = |images: usize, likely: usize| {
            let layers = vec![("conv0".to_owned(), Array2::zeros((images, 2)))];
            LayerFeatures::of_tables(layers, Some(Array2::zeros((likely, 3))), vec![0, 1, 0])
        };
        assert!(of(2, 3).unwrap_err().to_string().contains("a row of conv0 for each of 3 labels, found 2"));
        assert!(of(3, 4).unwrap_err().to_string().contains("`probabilities`: expected a row for each of 3"));
        let features = of(3, 3).unwrap();
        assert_eq!(features.rows(0, &[2, 1]).unwrap().1, [0, 1]);
        assert!(features.rows(1, &[0]).unwrap_err().to_string().contains("`layer`: expected below 1"));
        assert!(features.rows(0, &[3]).unwrap_err().to_string().contains("`rows`: expected below 3"));
    }
}
