//! Clusterings against scikit-learn and against the study's published file.

mod common;

use std::collections::HashMap;
use std::path::Path;

use common::need;
use cutpoint::cluster::{
    pca, silhouette, tsne, Algorithm, ClusterFile, ClusterSweep, Contingency, FeatureTable, Scoring,
};
use cutpoint::model::Checkpoint;
use cutpoint::prelude::*;
use cutpoint::runtime::progress::Recorded;
use ndarray::Array2;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    vectors: Vec<Vec<f64>>,
    classes: Vec<u8>,
    linkages: HashMap<String, Vec<usize>>,
    scores: HashMap<String, f64>,
    pca: Vec<Vec<f64>>,
    explained: [f64; 2],
}

fn array(rows: &[Vec<f64>]) -> Array2<f64> {
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
}

/// Expected: scikit-learn 1.9.1; `clusters/make.py` says how.
fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("clusters/sklearn.json")).unwrap()
}

#[test]
fn linkages_find_the_clusters_that_scikit_learn_finds() {
    for case in cases() {
        let vectors = array(&case.vectors);
        let count = usize::from(*case.classes.iter().max().unwrap()) + 1;
        assert_eq!(case.linkages.len(), 5);
        for (name, expected) in &case.linkages {
            let found = name.parse::<Algorithm>().unwrap().cluster(vectors.view(), count, 0).unwrap();
            if name == "weighted" {
                // SciPy numbers clusters in another way: the same ones if they agree one to one.
                let labels: Vec<u8> = expected.iter().map(|&l| l as u8 - 1).collect();
                assert_eq!(Contingency::new(&found, &labels).unwrap().accuracy(Scoring::Sound), 1.0);
            } else {
                assert_eq!(&found, expected, "{name}");
            }
        }
    }
}

#[test]
fn scores_are_scikit_learns() {
    for case in cases() {
        let clusters = &case.linkages["average"];
        let contingency = Contingency::new(clusters, &case.classes).unwrap();
        let scores = contingency.scores(Scoring::Sound);
        let silhouette = silhouette(array(&case.vectors).view(), clusters).unwrap();
        for (name, found) in [
            ("ari", scores.ari),
            ("nmi", contingency.nmi()),
            ("precision", scores.precision),
            ("recall", scores.recall),
            ("silhouette", silhouette),
        ] {
            assert!((found - case.scores[name]).abs() < 1e-12, "{name}: {found} {}", case.scores[name]);
        }
    }
}

#[test]
fn principal_components_are_scikit_learns_but_for_their_signs() {
    for case in cases() {
        let (map, explained) = pca(array(&case.vectors).view()).unwrap();
        for axis in 0..2 {
            assert!((explained[axis] - case.explained[axis]).abs() < 1e-12);
            let sign = (map[[0, axis]] * case.pca[0][axis]).signum();
            for (row, expected) in map.rows().into_iter().zip(&case.pca) {
                assert!((row[axis] * sign - expected[axis]).abs() < 1e-9, "{row} {expected:?}");
            }
        }
    }
}

/// Three tight groups of vectors, far apart.
fn groups(size: usize) -> (Array2<f64>, Vec<u8>) {
    let mut rng = TorchRng::new(3);
    let labels: Vec<u8> = (0..3 * size).map(|i| (i % 3) as u8).collect();
    let noise = |rng: &mut TorchRng| rng.randperm(1000)[0] as f64 / 1e4;
    let row = |label: u8| -> Vec<f64> { (0..4).map(|c| f64::from(u8::from(c == label)) + noise(&mut rng)).collect() };
    let rows: Vec<Vec<f64>> = labels.iter().copied().map(row).collect();
    (array(&rows), labels)
}

#[test]
fn every_algorithm_finds_groups_that_are_far_apart_and_the_same_seed_the_same_ones() {
    let (vectors, labels) = groups(30);
    for algorithm in Algorithm::ALL {
        let clusters = algorithm.cluster(vectors.view(), 3, 1).unwrap();
        let scores = Contingency::new(&clusters, &labels).unwrap().scores(Scoring::Sound);
        assert_eq!((scores.accuracy, scores.ari), (1.0, 1.0), "{algorithm}");
        assert_eq!(clusters, algorithm.cluster(vectors.view(), 3, 1).unwrap(), "{algorithm}");
        assert_eq!(algorithm.to_string().parse::<Algorithm>().unwrap(), algorithm);
    }
    let map = tsne(vectors.view(), 1).unwrap();
    assert_eq!(map, tsne(vectors.view(), 1).unwrap(), "the same seed gives the same map");
    let clusters = Algorithm::KMeans.cluster(map.view(), 3, 0).unwrap();
    assert_eq!(Contingency::new(&clusters, &labels).unwrap().ari(), 1.0, "t-SNE keeps groups apart");
}

#[test]
fn vectors_that_cannot_be_clustered_are_refused() {
    let one = |v: f64| Array2::from_elem((5, 3), v);
    for algorithm in Algorithm::ALL {
        let few = algorithm.cluster(one(1.0).view(), 5, 0).unwrap_err().to_string();
        assert!(few.contains("`vectors`: expected more than 5"), "{algorithm}: {few}");
        let nan = algorithm.cluster(one(f64::NAN).view(), 2, 0).unwrap_err().to_string();
        assert!(nan.contains("finite"), "{algorithm}: {nan}");
    }
    let zeros = Algorithm::Average.cluster(one(0.0).view(), 2, 0).unwrap_err().to_string();
    assert!(zeros.contains("not all zeros"), "{zeros}");
    // Five points that are one point still make the clusters asked for.
    assert_eq!(Algorithm::Average.cluster(one(1.0).view(), 2, 0).unwrap().len(), 5);
    assert!("kmeans".parse::<Algorithm>().unwrap_err().to_string().contains("k-means"));
}

fn study(name: &str, data: &Path, params: impl FnOnce(Params) -> Params) -> (Params, TransferLearningWrapper) {
    let study = Study::find(name).unwrap();
    let params = params(Params { device: Device::Cpu, ..study.params });
    let data = TransferLearningWrapper::new(&params, study.source, study.target, data).unwrap();
    (params, data)
}

/// The committed network's feature maps of footwear fall into the clusters that scikit-learn finds in them. Expected:
/// scikit-learn 1.9.1; `clusters/make_committed.py` says how.
#[test]
fn clusterings_of_the_committed_weights_are_scikit_learns() {
    type Case = (f64, u64, String, Vec<Vec<u64>>);
    let expected: Vec<Case> = serde_json::from_str(include_str!("clusters/committed.json")).unwrap();
    assert_eq!(expected.len(), 418);
    let (params, data) = study("FashionMNIST/regular", &need!(common::data(&[FASHION_MNIST])), |p| p);
    let mut model = CustomCnn::new(&params, params.pre_train_classes.len(), data.input_shape()).unwrap();
    let weights = Study::find("FashionMNIST/regular").unwrap().files(env!("CARGO_MANIFEST_DIR")).weights;
    model.load_state_dict(&Checkpoint::load(weights).unwrap().tensors).unwrap();
    let found = ClusterSweep::new(&model, &data.target).percentages(&[0.001, 0.01, 0.1]).run().unwrap().records;
    for (percentage, repeat, layer, counts) in expected {
        let row = found.iter().find(|r| (r.percentage, r.repeat, &r.layer) == (percentage, repeat, &layer)).unwrap();
        // Which cluster has which number means nothing.
        let mut ours = row.counts.clone().unwrap();
        ours.iter_mut().for_each(|cluster| cluster.resize(3, 0));
        ours.sort();
        assert_eq!(ours, counts, "{row:?}");
        assert_eq!(row.scores, Contingency::from_counts(&counts).unwrap().scores(Scoring::Sound), "{row:?}");
    }
}

/// The published file, from the published weights. Precision, recall and the adjusted Rand index agree to every digit.
/// Accuracies do where one matching of clusters and classes is the best; among equally good ones SciPy's pick decided.
#[test]
fn the_published_clusterings() {
    let weights = need!(common::published_files()).join("FashionMNIST/regular_classes.pth");
    let (params, data) = study("FashionMNIST/regular", &need!(common::data(&[FASHION_MNIST])), |p| p);
    let mut model = CustomCnn::new(&params, params.pre_train_classes.len(), data.input_shape()).unwrap();
    model.load_state_dict(&Checkpoint::load(weights).unwrap().tensors).unwrap();
    let sweep = ClusterSweep::new(&model, &data.target).percentages(&[0.001, 0.01, 0.1]).scoring(Scoring::Published);
    let found = sweep.run().unwrap().records;
    let published =
        ClusterFile::load(common::published().join("FashionMNIST/regular_classes_cluster.json")).unwrap().records;
    let mut accuracies = 0;
    for row in &found {
        let same = |p: &&cutpoint::cluster::ClusterRecord| {
            (p.percentage, p.repeat, &p.layer) == (row.percentage, row.repeat, &row.layer)
        };
        let expected = published.iter().find(same).unwrap().scores;
        let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(close(row.scores.ari, expected.ari), "{row:?} {expected:?}");
        assert!(close(row.scores.precision, expected.precision) && close(row.scores.recall, expected.recall));
        if close(row.scores.accuracy, expected.accuracy) {
            accuracies += 1;
        } else {
            assert!(best_matchings(row.counts.as_ref().unwrap()) > 1, "{row:?} {expected:?}");
        }
    }
    assert_eq!(found.len(), 25 * 6 + 25 * 6 + 20 * 6);
    assert!(accuracies >= 390, "{accuracies} of {}", found.len());
}

/// How many matchings of three clusters and three classes are the best.
fn best_matchings(counts: &[Vec<u64>]) -> usize {
    let at = |cluster: usize, class: usize| counts.get(cluster).and_then(|r| r.get(class)).copied().unwrap_or(0);
    let all = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let totals = all.map(|m| (0..3).map(|cluster| at(cluster, m[cluster])).sum::<u64>());
    totals.iter().filter(|t| **t == *totals.iter().max().unwrap()).count()
}

#[test]
fn a_sweep_goes_on_from_its_journal_and_rescoring_needs_no_clustering() {
    let small = |p: Params| Params { depth: 3, num_channels: 8, ..p };
    let (params, data) = study("Glyphs", Path::new("data"), small);
    let model = CustomCnn::new(&params, 5, data.input_shape()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("j.jsonl");
    let sweep = |percentages: &[f64], progress: &Recorded| {
        ClusterSweep::new(&model, &data.target)
            .percentages(percentages)
            .repeats(Repeats::Fixed(2))
            .algorithms(&[Algorithm::Average, Algorithm::KMeans])
            .journal(&journal)
            .progress(std::sync::Arc::new(progress.clone()))
    };
    let first = sweep(&[0.01], &Recorded::default()).run().unwrap();
    assert_eq!(first.records.len(), 2 * 2 * 3);
    let progress = Recorded::default();
    let both = sweep(&[0.01, 0.05], &progress).run().unwrap();
    assert!(progress.reports().iter().any(|r| r.contains("12 of 24 clusterings are done already")));
    let of_first: Vec<_> = both.records.iter().filter(|r| r.percentage == 0.01).cloned().collect();
    assert_eq!(of_first, first.records);
    let again = Recorded::default();
    let published = sweep(&[0.01, 0.05], &again).scoring(Scoring::Published).run().unwrap();
    assert!(again.reports().is_empty(), "{:?}", again.reports());
    for (a, b) in both.records.iter().zip(&published.records) {
        assert_eq!((a.scores.ari, &a.counts), (b.scores.ari, &b.counts));
        assert!(b.scores.precision > a.scores.precision || a.scores.precision == 1.0);
    }
    // Rows of another task are not taken for these.
    let path = dir.path().join("c.json");
    both.save(&path).unwrap();
    let of_source =
        ClusterSweep::new(&model, &data.source).percentages(&[0.01]).repeats(Repeats::Fixed(1)).run().unwrap();
    assert!(both.records.iter().all(|r| r.dataset == "Finetune"));
    assert!(of_source.records.iter().all(|r| r.dataset == "Pretrain"));
    let error = of_source.add_to(&path).unwrap_err().to_string();
    assert!(error.contains("`task` Pretrain, found Finetune"), "{error}");
    assert_eq!(ClusterFile::load(&path).unwrap(), both);
}

#[test]
fn features_are_the_layers_outputs_averaged_over_space_without_zero_vectors() {
    let (params, data) = study("Glyphs", Path::new("data"), |p| Params { depth: 2, num_channels: 4, ..p });
    let mut model = CustomCnn::new(&params, 5, data.input_shape()).unwrap();
    let samples = data.reduced_train(0.01, 1).unwrap();
    let features = FeatureTable::new(&model, &samples).unwrap().layer(1).unwrap();
    let bytes = tch::Tensor::from_slice(&samples.pixels()).view([samples.len() as i64, 1, 28, 28]);
    let images = (bytes.to_kind(tch::Kind::Float) / 255.0 - 0.5) / 0.5;
    let outputs = model.layer_outputs(&images).unwrap();
    let conv1 = outputs.iter().find(|l| l.name == "conv1").unwrap();
    let means = conv1.output.mean_dim([2i64, 3].as_slice(), false, tch::Kind::Double);
    for (i, row) in features.vectors.rows().into_iter().enumerate() {
        for (c, value) in row.iter().enumerate() {
            assert!((value - means.double_value(&[i as i64, c as i64])).abs() < 1e-5);
        }
    }
    assert_eq!((features.dropped, &features.labels), (0, &samples.labels));
    // A layer that has died puts out zeros, which have no direction.
    let silenced = |(name, t): (String, tch::Tensor)| {
        let t = if name.starts_with("conv1") { t.zeros_like() } else { t };
        (name, t)
    };
    let dead: Vec<_> = model.state_dict().into_iter().map(silenced).collect();
    model.load_state_dict(&dead).unwrap();
    let features = FeatureTable::new(&model, &samples).unwrap().layer(1).unwrap();
    assert_eq!((features.vectors.nrows(), features.dropped), (0, samples.len()));
}
