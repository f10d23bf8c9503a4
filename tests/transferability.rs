//! Scores before fine-tuning, against scikit-learn, SciPy and NumPy.

use std::collections::HashMap;

use cutpoint::transfer::{leep, linear_cka, linear_probe, nearest_neighbours, Score};
use ndarray::Array2;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    features: Vec<Vec<f64>>,
    labels: Vec<u8>,
    probabilities: Vec<Vec<f64>>,
    other: Vec<Vec<f64>>,
    neighbours: HashMap<String, f64>,
    leep: f64,
    cka: f64,
    #[serde(flatten)]
    scores: HashMap<String, f64>,
}

fn array(rows: &[Vec<f64>]) -> Array2<f64> {
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
}

/// Expected: scikit-learn 1.9.1, SciPy 1.17.1 and NumPy; `transfer/make.py` says how.
fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("transfer/scores.json")).unwrap()
}

#[test]
fn scores_of_layers_are_those_of_independent_implementations() {
    for (i, case) in cases().iter().enumerate() {
        let features = array(&case.features);
        assert_eq!(case.scores.len(), 7);
        for (name, expected) in &case.scores {
            let found = name.parse::<Score>().unwrap().of(features.view(), &case.labels).unwrap();
            assert!((found - expected).abs() < 1e-6, "case {i}, {name}: {found} {expected}");
        }
        for (k, expected) in &case.neighbours {
            let found = nearest_neighbours(features.view(), &case.labels, k.parse().unwrap()).unwrap();
            assert!((found - expected).abs() < 1e-12, "case {i}, {k} neighbours: {found} {expected}");
        }
        let probe = linear_probe(features.view(), &case.labels).unwrap();
        assert_eq!(Score::ProbeLikelihood.of(features.view(), &case.labels).unwrap(), probe.log_likelihood);
    }
}

#[test]
fn scores_of_networks_are_those_of_independent_implementations() {
    for (i, case) in cases().iter().enumerate() {
        let found = leep(array(&case.probabilities).view(), &case.labels).unwrap();
        assert!((found - case.leep).abs() < 1e-9, "case {i}: {found} {}", case.leep);
        let found = linear_cka(array(&case.features).view(), array(&case.other).view()).unwrap();
        assert!((found - case.cka).abs() < 1e-9, "case {i}: {found} {}", case.cka);
    }
}
