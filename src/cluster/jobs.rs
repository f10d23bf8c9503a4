//! The jobs of a sweep of clusterings.

use std::time::Instant;

use super::{silhouette, Algorithm, ClusterRecord, Contingency, FeatureTable, Scoring};
use crate::config::Fraction;
use crate::error::Result;
use crate::results::Computed;
use crate::runtime::pool::{Course, Held, Work};

/// One clustering to be made.
#[derive(Clone)]
pub(super) struct Job {
    /// What it is kept under.
    pub key: String,
    /// The key under which an earlier version has kept it.
    pub earlier_key: String,
    pub algorithm: Algorithm,
    pub fraction: Fraction,
    pub repeat: u64,
    pub layer: usize,
    /// Which of the drawn sample sets.
    pub draw: usize,
}

impl Job {
    /// What is kept of it, if it is.
    pub fn find<'t, T>(&self, kept: impl Fn(&str) -> Option<&'t T>) -> Option<&'t T> {
        kept(&self.key).or_else(|| kept(&self.earlier_key))
    }
}

/// What the clusterings share.
pub(super) struct Clusterings {
    pub table: FeatureTable,
    /// The rows of that table that each draw consists of.
    pub samples: Vec<Vec<usize>>,
    pub classes: usize,
    pub scoring: Scoring,
    pub computed: Computed,
}

impl Work for Clusterings {
    type Job = Job;
    type Done = ClusterRecord;
    type Hand = ();
    type Ticket = Held;
    const NAME: &'static str = "clustering";

    fn memory(&self, job: &Job) -> u64 {
        job.algorithm.memory(self.samples[job.draw].len())
    }

    fn begin(&self, _: &Job, held: Held) -> Held {
        held
    }

    fn run(&self, (): &(), job: &Job, _: &Held, _: &Course<Self>) -> Result<ClusterRecord> {
        let start = Instant::now();
        let features = self.table.rows(job.layer, self.samples[job.draw].iter().copied())?;
        let clusters = job.algorithm.cluster_here(features.vectors.view(), self.classes, job.repeat)?;
        let contingency = Contingency::new(&clusters, &features.labels)?;
        let record = ClusterRecord {
            percentage: job.fraction.get(),
            repeat: job.repeat,
            layer: features.layer,
            cut: None,
            scores: contingency.scores(self.scoring),
            // As the source weights, it is said where rows are made of these.
            dataset: String::new(),
            split: String::new(),
            algorithm: job.algorithm.to_string(),
            vectors: Some(clusters.len()),
            dropped: Some(features.dropped),
            nmi: Some(contingency.nmi()),
            silhouette: silhouette(features.vectors.view(), &clusters),
            scoring: self.scoring.to_string(),
            counts: Some(contingency.counts().rows().into_iter().map(|r| r.to_vec()).collect()),
            source_weights: None,
            images: None,
            seconds: Some((start.elapsed().as_secs_f64() * 1000.0).round() / 1000.0),
            computed: Some(self.computed.clone()),
            other: serde_json::Map::new(),
        };
        Ok(record)
    }
}
