//! What all studies so far say about choosing a cut, in a form that can be carried along.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::case::{Case, Choice};
use crate::config::Setting;
use crate::transfer::Score;

/// The regrets of one study under one setting at one fraction of the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvidenceCase {
    /// The study.
    pub study: String,
    /// The setting that it was fine-tuned under.
    pub setting: Setting,
    /// Fraction of the target training data.
    pub percentage: f64,
    /// Images of each class in the reduced training set, on average.
    pub images_per_class: f64,
    /// Seeds that the numbers are over.
    pub repeats: usize,
    /// The regret of always taking a cut, by cut from 0.
    pub of_cut: Vec<f64>,
    /// The regret of taking the cut that a score picks.
    pub of_score: BTreeMap<Score, f64>,
    /// The regret of taking any cut after a layer.
    pub random: f64,
}

/// Regrets of studies, by which a new one is advised.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// One a study, setting and fraction.
    pub cases: Vec<EvidenceCase>,
}

/// Decimals kept: accuracies are of thousands of images.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

impl Evidence {
    /// What some cases say. Cases that lack a cut say nothing of it, nor do theirs after it; they are left out.
    pub fn new(cases: &[Case]) -> Evidence {
        let condensed = |case: &Case| {
            let all: Vec<usize> = (0..case.len()).collect();
            let complete = case.cuts.iter().enumerate().all(|(i, &cut)| cut == i as i64);
            let of_cut: Option<Vec<f64>> =
                case.cuts.iter().map(|&cut| case.regret(Choice::Always(cut), &all).map(rounded)).collect();
            let of_score =
                Score::ALL.into_iter().filter_map(|s| Some((s, rounded(case.regret(Choice::Score(s), &all)?))));
            complete.then_some(EvidenceCase {
                study: case.study.clone(),
                setting: case.setting,
                percentage: case.percentage,
                images_per_class: case.images_per_class,
                repeats: case.len(),
                of_cut: of_cut?,
                of_score: of_score.collect(),
                random: rounded(case.regret(Choice::Random, &all)?),
            })
        };
        Evidence { cases: cases.iter().filter_map(condensed).collect() }
    }

    /// The evidence of the results that come with this crate: networks of six convolutions on MNIST, FashionMNIST and
    /// CIFAR-10.
    pub fn built_in() -> Evidence {
        // Written by this crate, and compared by its tests with the results that it comes from.
        serde_json::from_str(include_str!("evidence.json")).unwrap_or_default()
    }

    /// The same without a study, such as the one that is to be advised.
    pub fn without(&self, study: &str) -> Evidence {
        Evidence { cases: self.cases.iter().filter(|c| c.study != study).cloned().collect() }
    }

    /// The settings and fractions that there is evidence for, each once, by setting and fraction.
    pub fn groups(&self) -> Vec<(Setting, f64)> {
        let mut groups: Vec<(Setting, f64)> = self.cases.iter().map(|c| (c.setting, c.percentage)).collect();
        groups.sort_by(|a, b| a.0.to_string().cmp(&b.0.to_string()).then(a.1.total_cmp(&b.1)));
        groups.dedup();
        groups
    }

    /// The cases of a setting and fraction.
    pub fn at(&self, setting: Setting, percentage: f64) -> Vec<&EvidenceCase> {
        self.cases.iter().filter(|c| c.setting == setting && c.percentage == percentage).collect()
    }

    /// JSON, one case a line.
    pub fn to_json(&self) -> String {
        let line = |case: &EvidenceCase| serde_json::to_string(case).unwrap_or_default();
        let lines: Vec<String> = self.cases.iter().map(line).collect();
        format!("{{\"cases\": [\n{}\n]}}\n", lines.join(",\n"))
    }
}
