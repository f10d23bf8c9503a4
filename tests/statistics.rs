//! Statistics against SciPy and against the study's published tables.

mod common;

use cutpoint::record::{Record, ResultFile};
use cutpoint::stats::{all_pairs, best, published_ranks, wilcoxon, Groups, Rule};

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

#[test]
fn ranks_are_the_published_ones() {
    let mut checked = 0;
    for (set, setting) in [("MNIST", "FR"), ("FashionMNIST", "FR"), ("FashionMNIST", "F"), ("FashionMNIST", "FT")] {
        let folder = common::published().join(set);
        let load = |name: &str| ResultFile::load(folder.join(name)).unwrap().records;
        let cuts = load(&format!("cuts_regular_classes_{setting}.json"));
        let groups = Groups::new(&[load("baselines_regular_classes.json"), cuts].concat()).unwrap();
        let ranks = published_ranks(&groups, &all_pairs(&groups, Rule::Published).unwrap());
        let table = std::fs::read_to_string(folder.join(format!("ranks_regular_classes_{setting}.csv"))).unwrap();
        for line in table.lines().skip(1) {
            let fields: Vec<f64> = line.split(',').map(|f| f.parse().unwrap()).collect();
            let rank = ranks.iter().find(|r| r.percentage == fields[0] && r.cut == fields[1] as i64).unwrap();
            assert!((rank.mean - fields[2]).abs() < 1e-12, "{set} {setting}: {line}");
            assert_eq!(rank.raw as f64, fields[3], "{set} {setting}: {line}");
            checked += 1;
        }
    }
    assert_eq!(checked, 160);
}

#[test]
fn the_best_cut_and_those_that_cannot_be_told_from_it() {
    let folder = common::published().join("FashionMNIST");
    let records = ResultFile::load(folder.join("cuts_regular_classes_FR.json")).unwrap().records;
    let groups = Groups::new(&records).unwrap();
    let answers = best(&groups, Rule::SciPy).unwrap();
    assert_eq!(answers.iter().map(|b| b.cut).collect::<Vec<_>>(), [5, 4, 4, 5, 3]);
    for answer in &answers {
        assert_eq!(answer.others.len(), 6);
        assert!(answer.others.iter().all(|(_, p)| (0.0..=1.0).contains(p)));
    }
    // 25 pairs tell cut 0 from the best; five pairs tell nothing.
    assert!(!answers[0].alike().contains(&0));
    assert_eq!(answers[4].alike(), [0, 1, 2, 4, 5, 6]);
}

#[test]
fn rows_that_cannot_be_paired_are_refused() {
    let record = |cut: i64, repeat: u64| -> Record {
        let row = serde_json::json!({"lr": 0.001, "sampled_percentage": 0.1, "sampled_cut_point": cut, "repeat": repeat,
            "train_acc": 1.0, "test_acc": 0.5});
        serde_json::from_value(row).unwrap()
    };
    assert!(Groups::new(&[]).unwrap_err().to_string().contains("at least one result row"));
    let twice = Groups::new(&[record(1, 0), record(1, 0)]).unwrap_err().to_string();
    assert!(twice.contains("two of percentage 0.1, cut 1, repeat 0"), "{twice}");
    let unequal = Groups::new(&[record(1, 0), record(2, 0), record(2, 1)]).unwrap();
    let error = all_pairs(&unequal, Rule::SciPy).unwrap_err().to_string();
    assert!(error.contains("`repeats`") && error.contains("1 of cut 1") && error.contains("2 of cut 2"), "{error}");
    let single = Groups::new(&[record(1, 0), record(2, 0)]).unwrap();
    assert_eq!(all_pairs(&single, Rule::SciPy).unwrap()[0].test.p_value, 1.0);
}
