//! Trends over several studies, against SciPy and NumPy.

mod common;

use cutpoint::cluster::{ClusterFile, ClusterScore};
use cutpoint::config::Setting;
use cutpoint::results::{Record, ResultFile};
use cutpoint::stats::{
    all_pairs, by_layer, load_studies, page, pooled_trend, published_best_cuts, published_ranks, rank_table,
    stratified, trend, uneven, weights, weights_table, wilcoxon, wilcoxon_table, Groups, Measure, PageMethod, Rule,
    WeightPoint,
};

/// Two samples.
type Block = (Vec<f64>, Vec<f64>);

/// Expected: SciPy 1.17.1 and NumPy 2.4; `stats/make_trend.py` says how.
#[derive(serde::Deserialize)]
struct Expected {
    /// Percentage, two layers, statistic, p-value.
    layers: Vec<(f64, i64, i64, f64, f64)>,
    /// Blocks x treatments, L, p-value, method.
    page: Vec<(Vec<Vec<f64>>, f64, f64, String)>,
    /// Blocks, p-value against a fall, two-sided p-value.
    stratified: Vec<(Vec<Block>, f64, f64)>,
    /// Best cuts by study, then L, its p-value, and those of the permutation test.
    medians: (Vec<Vec<f64>>, f64, f64, f64, f64),
    /// Data set, setting, slope, quantiles of resampled slopes at 0.015, 0.025, 0.035, 0.965, 0.975, 0.985.
    slopes: Vec<(String, String, f64, [f64; 6])>,
    /// Fraction, setting, cut, whether it cannot be told from the highest median.
    as_good: Vec<(f64, String, i64, bool)>,
}

fn expected() -> Expected {
    serde_json::from_str(include_str!("stats/trend.json")).unwrap()
}

const FRACTIONS: [f64; 5] = [0.001, 0.01, 0.1, 0.5, 1.0];

#[test]
fn page_s_test_agrees_with_scipy() {
    let cases = expected().page;
    assert!(cases.len() > 20);
    for (blocks, l, p_value, method) in cases {
        let ours = page(&blocks).unwrap();
        assert_eq!(ours.l, l, "{blocks:?}");
        assert!((ours.p_value - p_value).abs() < 1e-10, "{blocks:?}: {ours:?}, {p_value}");
        assert_eq!(ours.method == PageMethod::Exact, method == "exact", "{blocks:?}: {ours:?}, {method}");
    }
}

#[test]
fn the_permutation_test_counts_every_order_of_every_block() {
    let cases = expected().stratified;
    assert!(cases.len() > 15);
    for (blocks, less, two_sided) in cases {
        let ours = stratified(&blocks).unwrap();
        assert!((ours.p_less - less).abs() < 1e-12, "{blocks:?}: {ours:?}, {less}");
        assert!((ours.p_two_sided - two_sided).abs() < 1e-12, "{blocks:?}: {ours:?}, {two_sided}");
    }
}

#[test]
fn the_published_medians_of_eight_studies_fall() {
    let (best, l, p_page, less, two_sided) = expected().medians;
    let blocks: Vec<_> = best.iter().map(|row| (FRACTIONS.to_vec(), row.clone())).collect();
    let committed: Vec<Vec<(f64, f64)>> = (published_best_cuts().into_iter())
        .map(|study| study.cuts.into_iter().map(|(fraction, cut)| (fraction, cut as f64)).collect())
        .collect();
    let expected = best.iter().map(|row| FRACTIONS.into_iter().zip(row.iter().copied()).collect());
    assert_eq!(committed, expected.collect::<Vec<Vec<_>>>());
    let ours = stratified(&blocks).unwrap();
    let close = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-9;
    assert!(close(ours.p_less, less) && close(ours.p_two_sided, two_sided), "{ours:?}, {less} {two_sided}");
    let falling: Vec<Vec<f64>> = best.iter().map(|row| row.iter().rev().copied().collect()).collect();
    let ours = page(&falling).unwrap();
    assert!(ours.l == l && close(ours.p_value, p_page), "{ours:?}, {l} {p_page}");
}

/// Our ends are those of 10,000 resamples: their fractions are off by at most 0.008 (five deviations).
#[test]
fn slopes_of_published_files_and_their_intervals_are_numpy_s() {
    for (set, setting, slope, around) in expected().slopes {
        let path = common::published().join(format!("{set}/cuts_regular_classes_{setting}.json"));
        let groups = Groups::new(&ResultFile::load(path).unwrap().records).unwrap();
        let ours = trend(&groups, false).unwrap().slope;
        assert!((ours.per_tenfold - slope).abs() < 1e-12, "{set} {setting}: {ours:?}, {slope}");
        let (low, high) = ours.interval.unwrap();
        let within = |value: f64, from: f64, to: f64| (from - 1e-9..=to + 1e-9).contains(&value);
        assert!(within(low, around[0], around[2]) && within(high, around[3], around[5]), "{set} {setting}: {ours:?}");
    }
}

#[test]
fn published_files_of_two_studies_are_pooled() {
    let folder = common::published();
    let files: Vec<_> = ["MNIST", "FashionMNIST"]
        .iter()
        .flat_map(|set| ["baselines_regular_classes", "cuts_regular_classes_FR"].map(|f| format!("{set}/{f}.json")))
        .map(|file| folder.join(file))
        .collect();
    let studies = load_studies(&files).unwrap();
    let names: Vec<&str> = studies.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["MNIST regular FR", "FashionMNIST regular FR"]);
    let has_baseline = |f: &ResultFile| f.records.iter().any(|r| r.sampled_cut_point < 0);
    assert!(studies.iter().all(|(_, file)| has_baseline(file)), "baselines join the cuts of their folder");
    let groups: Vec<_> = studies.iter().map(|(n, f)| (n.clone(), Groups::new(&f.records).unwrap())).collect();
    let pooled = pooled_trend(&groups, false).unwrap();
    let best: Vec<Vec<i64>> =
        pooled.studies.iter().map(|s| s.trend.best.iter().map(|(_, cut)| *cut).collect()).collect();
    assert_eq!(best, [[4, 4, 4, 3, 1], [5, 4, 4, 5, 3]]);
    // By hand: of 20 and 30 orders, each as likely, those of both with as low a sum of products.
    let blocks: Vec<_> =
        best.iter().map(|b| (FRACTIONS.to_vec(), b.iter().map(|&c| c as f64).collect::<Vec<_>>())).collect();
    assert_eq!(pooled.stratified, stratified(&blocks).unwrap());
    assert!(pooled.falls() && pooled.stratified.p_less > 0.01, "{:?}", pooled.stratified);
    assert_eq!(pooled.common, FRACTIONS);
    let said = pooled.to_string();
    assert!(
        said.contains("MNIST regular FR: cut 4 at 0.1%") && said.contains("Over 2 studies the best cut falls"),
        "{said}"
    );
    let csv = pooled.table().to_csv();
    assert!(csv.starts_with("study,best_0.001,best_0.01,best_0.1,best_0.5,best_1.0,slope,"), "{csv}");
    assert!(pooled_trend(&[], false).is_err());
}

#[test]
fn every_pair_of_layers_of_the_published_clusterings_agrees_with_scipy() {
    let file = ClusterFile::load(common::published().join("FashionMNIST/regular_classes_cluster.json")).unwrap();
    let groups = by_layer(&file, ClusterScore::Ari).unwrap();
    let tests = all_pairs(&groups, Rule::SciPy).unwrap();
    let expected = expected().layers;
    assert_eq!(tests.len(), expected.len());
    for (test, (percentage, first, second, statistic, p_value)) in tests.iter().zip(expected) {
        assert_eq!((test.percentage, test.cut_1, test.cut_2), (percentage, first, second));
        let found = test.test;
        let close = (found.statistic - statistic).abs() < 1e-9 && (found.p_value - p_value).abs() < 1e-12;
        assert!(close, "{percentage} conv{first} conv{second}: {found:?}, {statistic} {p_value}");
    }
    let csv = wilcoxon_table(&tests).to_csv();
    assert!(csv.starts_with("percentage,layer_1,layer_2,") && csv.contains(",conv0,conv1,"), "{csv}");
    let ranks = published_ranks(&groups, &all_pairs(&groups, Rule::Published).unwrap());
    assert!(rank_table(&ranks).to_csv().starts_with("percentage,layer,mean_ari,rank\n"));
}

#[test]
fn other_accuracies_are_tested_as_such() {
    let path = common::published().join("MNIST/cuts_regular_classes_FR.json");
    let records = ResultFile::load(path).unwrap().records;
    let groups = Groups::of(&records, Measure::TrainAcc).unwrap();
    let of = |cut: i64| {
        let mut rows: Vec<_> =
            records.iter().filter(|r| r.sampled_percentage == 0.5 && r.sampled_cut_point == cut).collect();
        rows.sort_by_key(|r| r.repeat);
        rows.iter().map(|r| r.train_acc).collect::<Vec<f64>>()
    };
    let tests = all_pairs(&groups, Rule::SciPy).unwrap();
    let pair = tests.iter().find(|t| (t.percentage, t.cut_1, t.cut_2) == (0.5, 1, 4)).unwrap();
    assert_eq!(pair.test, wilcoxon(&of(1), &of(4), Rule::SciPy).unwrap());
    assert!(wilcoxon_table(&tests).to_string().starts_with("training accuracy\n"));
    assert!(Groups::of(&records, Measure::ValAcc).is_err() && Groups::of(&records, Measure::Seconds).is_err());
}

/// 28 x 28 pixels, six convolutions of 64 channels, pooled after every second one, three classes.
#[test]
fn fewer_weights_are_set_beside_accuracy() {
    let folder = common::published().join("FashionMNIST");
    let files = ["FR", "F", "FT"].map(|setting| folder.join(format!("cuts_regular_classes_{setting}.json")));
    let points = weights(&load_studies(&files).unwrap()).unwrap();
    assert_eq!(points.len(), 3 * 5 * 7);
    let count = |setting: Setting, cut: i64| {
        points.iter().find(|p| p.setting == setting && p.cut == cut && p.percentage == 0.1).unwrap().weights
    };
    let (first, other) = (64 * 9 + 64, 64 * 64 * 9 + 64);
    let whole = first + 5 * other + 64 * 3 * 3 * 3 + 3;
    assert_eq!((count(Setting::FR, 0).kept, count(Setting::FR, 0).trained), (whole, whole));
    assert_eq!(count(Setting::F, 4).trained, whole - first - 3 * other);
    // A linear classifier on pixels, and one on what two convolutions and a pooling leave.
    assert_eq!(count(Setting::FT, 0).kept, 784 * 3 + 3);
    let two = count(Setting::FT, 2);
    assert_eq!((two.kept, two.trained), (first + other + 64 * 14 * 14 * 3 + 3, 64 * 14 * 14 * 3 + 3));
    // All of the data has five repeats, which tell nothing.
    assert!(points.iter().all(|p| p.as_good.is_none() == (p.percentage >= 0.5)), "{points:?}");
    let expected = expected().as_good;
    assert_eq!(expected.len(), 3 * 3 * 7);
    for (percentage, setting, cut, as_good) in expected {
        let is_it = |p: &&WeightPoint| p.percentage == percentage && p.setting.to_string() == setting && p.cut == cut;
        let point = points.iter().find(is_it).unwrap();
        assert_eq!(point.as_good, Some(as_good), "{setting}, cut {cut} at {percentage}");
    }
    let table = weights_table(&points);
    assert_eq!(table.len(), points.len());
    assert!(table.to_string().contains("repeats are too few to tell"), "{table}");
    let twice = [&files[0], &files[0]].map(|f| ("FR".to_owned(), ResultFile::load(f).unwrap()));
    assert!(weights(&twice).unwrap_err().to_string().contains("one file of each setting"));
}

#[test]
fn what_only_some_of_the_rows_have_is_said() {
    let row = |percentage: f64, cut: i64| -> Record {
        serde_json::from_value(serde_json::json!({"lr": 0.1, "sampled_percentage": percentage, "repeat": 0,
            "sampled_cut_point": cut, "train_acc": 1.0, "test_acc": 0.5}))
        .unwrap()
    };
    let rows = [
        row(0.01, -1),
        row(0.01, 1),
        row(0.01, 2),
        row(0.05, 1),
        row(0.05, 2),
        row(0.1, -1),
        row(0.5, -1),
        row(0.5, 1),
    ];
    let said = uneven(&Groups::new(&rows).unwrap());
    assert_eq!(
        said,
        ["at 5% there are no baselines", "at 10% there are baselines only", "at 50% there is nothing of cut 2"]
    );
}
