//! Statistics against SciPy and against the study's published tables.

mod common;

use cutpoint::record::{Record, ResultFile};
use cutpoint::stats::{wilcoxon, Rule};

/// Expected: SciPy 1.17.1; `stats/make.py` says how.
#[test]
fn wilcoxon_agrees_with_scipy() {
    type Case = (Vec<f64>, Vec<f64>, f64, f64, f64);
    let cases: Vec<Case> = serde_json::from_str(include_str!("stats/wilcoxon.json")).unwrap();
    assert!(cases.len() > 250);
    for (x, y, pictures, statistic, p_value) in cases {
        let accuracy = |counts: &[f64]| counts.iter().map(|k| k / pictures).collect::<Vec<_>>();
        let test = wilcoxon(&accuracy(&x), &accuracy(&y), Rule::SciPy).unwrap();
        assert_eq!(test.statistic, statistic, "{x:?} {y:?}");
        assert!((test.p_value - p_value).abs() < 1e-12, "{x:?} {y:?}: {} {p_value}, {:?}", test.p_value, test.method);
        let turned = wilcoxon(&accuracy(&y), &accuracy(&x), Rule::SciPy).unwrap();
        assert_eq!((turned.statistic, turned.p_value), (test.statistic, test.p_value));
        assert_eq!(turned.effect_size(), -test.effect_size());
    }
}

/// Accuracies of a percentage and cut by repeat.
fn sample(records: &[Record], percentage: f64, cut: i64) -> Vec<f64> {
    let mut rows: Vec<&Record> =
        records.iter().filter(|r| r.sampled_percentage == percentage && r.sampled_cut_point == cut).collect();
    rows.sort_by_key(|r| r.repeat);
    rows.iter().map(|r| r.test_acc).collect()
}

#[test]
fn wilcoxon_gives_the_published_tables() {
    for set in ["MNIST", "FashionMNIST"] {
        let folder = common::published().join(set);
        let load = |name: &str| ResultFile::load(folder.join(name)).unwrap().records;
        let records = [load("baselines_regular_classes.json"), load("cuts_regular_classes_FR.json")].concat();
        let table = std::fs::read_to_string(folder.join("wilcoxon_regular_classes_FR.csv")).unwrap();
        let mut rows = 0;
        for line in table.lines().skip(1) {
            let fields: Vec<f64> = line.split(',').map(|f| f.parse().unwrap()).collect();
            let of = |cut: f64| sample(&records, fields[0], cut as i64);
            let test = wilcoxon(&of(fields[1]), &of(fields[2]), Rule::Published).unwrap();
            assert_eq!(test.statistic.trunc(), fields[3], "{set}: {line}");
            assert!((test.p_value - fields[4]).abs() < 1e-6, "{set}: {line}: {}", test.p_value);
            rows += 1;
        }
        assert_eq!(rows, 140);
    }
}

#[test]
fn samples_that_cannot_be_compared_are_refused_and_identical_ones_have_p_1() {
    for (x, y) in [(vec![], vec![]), (vec![0.5], vec![0.5, 0.6]), (vec![f64::NAN], vec![0.5])] {
        assert!(wilcoxon(&x, &y, Rule::SciPy).unwrap_err().to_string().contains("`samples`"));
    }
    for rule in [Rule::SciPy, Rule::Published] {
        let test = wilcoxon(&[0.25; 30], &[0.25; 30], rule).unwrap();
        assert_eq!((test.statistic, test.p_value, test.effect_size()), (0.0, 1.0, 0.0));
    }
}
