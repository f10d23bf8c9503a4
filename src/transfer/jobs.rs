//! The jobs of a sweep of scores.

use std::collections::BTreeMap;
use std::time::Instant;

use ndarray::Axis;

use super::{layer_scores, leep, LayerFeatures, TransferRecord, View, NETWORK};
use crate::config::Fraction;
use crate::error::Result;
use crate::results::Computed;
use crate::runtime::pool::{Course, Held, Work};

/// One row to be made.
#[derive(Clone)]
pub(super) struct Job {
    /// What it is kept under.
    pub key: String,
    pub fraction: Fraction,
    pub repeat: u64,
    /// The layer; none: the network as a whole.
    pub layer: Option<usize>,
    /// Which of the drawn sample sets.
    pub draw: usize,
}

/// What the jobs share.
pub(super) struct Scorings {
    pub layers: LayerFeatures,
    /// The rows of those layers that each draw consists of.
    pub samples: Vec<Vec<usize>>,
    pub features: View,
    pub computed: Computed,
}

/// Copies of a layer's features that scores make at most at the same time, in float64.
const COPIES: u64 = 6;

impl Work for Scorings {
    type Job = Job;
    type Done = TransferRecord;
    type Hand = ();
    type Ticket = Held;
    const NAME: &'static str = "scoring layers";

    fn memory(&self, job: &Job) -> u64 {
        let n = self.samples[job.draw].len() as u64;
        let numbers = job.layer.map_or(0, |layer| self.layers.features().get(layer).map_or(0, |f| f.ncols() as u64));
        // Beside the features, the distances of nearest neighbours and the sketches of average linkage.
        n * (numbers * 8 * COPIES + 4096)
    }

    fn begin(&self, _: &Job, held: Held) -> Held {
        held
    }

    fn run(&self, (): &(), job: &Job, _: &Held, _: &Course<Self>) -> Result<TransferRecord> {
        let start = Instant::now();
        let rows = &self.samples[job.draw];
        let mut labels: Vec<u8> = rows.iter().map(|&row| self.layers.labels()[row]).collect();
        let (mut scores, mut left_out, mut of_network) = (BTreeMap::new(), BTreeMap::new(), None);
        match (job.layer, self.layers.probabilities()) {
            (Some(layer), _) => {
                let (features, labels) = self.layers.rows(layer, rows)?;
                for (score, value) in layer_scores(features.view(), &labels) {
                    match value {
                        Ok(value) => drop(scores.insert(score, value)),
                        // What these images do not allow must not cost the other scores.
                        Err(error) => drop(left_out.insert(score, error.to_string())),
                    }
                }
            }
            (None, Some(probabilities)) => {
                of_network = Some(leep(probabilities.select(Axis(0), rows).mapv(f64::from).view(), &labels)?);
            }
            (None, None) => {}
        }
        labels.sort_unstable();
        labels.dedup();
        Ok(TransferRecord {
            percentage: job.fraction.get(),
            repeat: job.repeat,
            layer: job.layer.map_or(NETWORK.to_owned(), |layer| self.layers.names()[layer].clone()),
            cut: job.layer.map(|layer| layer as i64 + 1),
            features: self.features,
            scores,
            leep: of_network,
            left_out,
            images: rows.len(),
            classes: labels.len(),
            // It is said where rows are made of these.
            source_weights: String::new(),
            target_images: String::new(),
            seconds: (start.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
            computed: Some(self.computed.clone()),
        })
    }
}
