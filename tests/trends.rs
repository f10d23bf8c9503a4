//! Trends over several studies, against SciPy and NumPy.

mod common;

use cutpoint::results::ResultFile;
use cutpoint::stats::{load_studies, page, pooled_trend, stratified, trend, Groups, PageMethod};

/// Expected: SciPy 1.17.1 and NumPy 2.4; `stats/make_trend.py` says how.
#[derive(serde::Deserialize)]
struct Expected {
    /// Blocks x treatments, L, p-value, method.
    page: Vec<(Vec<Vec<f64>>, f64, f64, String)>,
    /// Blocks, p-value against a fall, two-sided p-value.
    stratified: Vec<(Vec<(Vec<f64>, Vec<f64>)>, f64, f64)>,
    /// Best cuts by study, then L, its p-value, and those of the permutation test.
    medians: (Vec<Vec<f64>>, f64, f64, f64, f64),
    /// Data set, setting, slope, quantiles of resampled slopes at 0.015, 0.025, 0.035, 0.965, 0.975, 0.985.
    slopes: Vec<(String, String, f64, [f64; 6])>,
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
    let ours = stratified(&blocks).unwrap();
    let close = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-9;
    assert!(close(ours.p_less, less) && close(ours.p_two_sided, two_sided), "{ours:?}, {less} {two_sided}");
    let falling: Vec<Vec<f64>> = best.iter().map(|row| row.iter().rev().copied().collect()).collect();
    let ours = page(&falling).unwrap();
    assert!(ours.l == l && close(ours.p_value, p_page), "{ours:?}, {l} {p_page}");
}

/// Our ends are those of 10,000 resamples: their shares are off by at most 0.008 (five deviations).
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
