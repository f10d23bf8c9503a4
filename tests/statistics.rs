//! Statistics against SciPy and against the study's published tables.

mod common;

use cutpoint::config::Params;
use cutpoint::results::{Record, ResultFile};
use cutpoint::stats::{
    all_pairs, best, best_table, compare, compare_table, load_together, mean, median, median_interval, not_compared,
    published_ranks, quantile, spearman, spearman_exact, standard_deviation, trend, wilcoxon, wilcoxon_table,
    Correlation, CorrelationMethod, Groups, Higher, Rule, Statistics, Summary,
};

/// Expected: SciPy 1.17.1; `stats/make.py` says how.
#[test]
fn wilcoxon_agrees_with_scipy() {
    type Case = (Vec<f64>, Vec<f64>, f64, f64, f64);
    let cases: Vec<Case> = serde_json::from_str(include_str!("stats/wilcoxon.json")).unwrap();
    assert!(cases.len() > 250);
    for (x, y, images, statistic, p_value) in cases {
        let accuracy = |counts: &[f64]| counts.iter().map(|k| k / images).collect::<Vec<_>>();
        let test = wilcoxon(&accuracy(&x), &accuracy(&y), Rule::SciPy).unwrap();
        assert_eq!(test.statistic, statistic, "{x:?} {y:?}");
        assert!((test.p_value - p_value).abs() < 1e-12, "{x:?} {y:?}: {} {p_value}, {:?}", test.p_value, test.method);
        let turned = wilcoxon(&accuracy(&y), &accuracy(&x), Rule::SciPy).unwrap();
        assert_eq!((turned.statistic, turned.p_value), (test.statistic, test.p_value));
        assert_eq!(turned.effect_size(), -test.effect_size());
    }
}

/// Expected: SciPy 1.7's decisions over SciPy's own ranks; `stats/make.py` says how.
#[test]
fn the_published_rule_ranks_differences_as_they_are_rounding_and_all() {
    type Case = (Vec<f64>, Vec<f64>, f64, f64, f64);
    let cases: Vec<Case> = serde_json::from_str(include_str!("stats/published_rule.json")).unwrap();
    assert!(cases.len() > 100);
    let mut unlike_counts = 0;
    for (x, y, images, statistic, p_value) in cases {
        let accuracy = |counts: &[f64]| counts.iter().map(|k| k / images).collect::<Vec<_>>();
        let test = wilcoxon(&accuracy(&x), &accuracy(&y), Rule::Published).unwrap();
        assert_eq!(test.statistic, statistic, "{x:?} {y:?}");
        assert!((test.p_value - p_value).abs() < 1e-12, "{x:?} {y:?}: {} {p_value}, {:?}", test.p_value, test.method);
        // Whole counts, whose differences rounding leaves alone, give another answer where it made ties into differences.
        let counts = wilcoxon(&x, &y, Rule::Published).unwrap();
        unlike_counts += usize::from((counts.statistic, counts.p_value) != (test.statistic, test.p_value));
    }
    assert!(unlike_counts > 20, "{unlike_counts} cases that rounding changes");
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
fn the_best_cut_of_one_percentage() {
    let folder = common::published().join("FashionMNIST");
    let results = ResultFile::load(folder.join("cuts_regular_classes_FR.json")).unwrap();
    let found = results.best_cut(0.01).unwrap();
    assert_eq!((found.cut, found.alike()), (4, vec![3, 5]));
    let error = results.best_cut(0.02).unwrap_err().to_string();
    assert!(error.contains("0.001, 0.01, 0.1"), "{error}");
}

#[test]
fn a_test_decides_which_experiment_is_higher_also_where_one_run_failed() {
    let at = |acc: f64, repeat: u64, cut: i64| -> Record {
        serde_json::from_value(serde_json::json!({"lr": 0.1, "sampled_percentage": 0.1, "sampled_cut_point": cut,
            "repeat": repeat, "train_acc": 1.0, "test_acc": acc}))
        .unwrap()
    };
    let first: Vec<Record> = (0..25).map(|r| at(if r == 3 { 0.1 } else { 0.81 }, r, 2)).collect();
    let second: Vec<Record> = (0..25).map(|r| at(0.8 + r as f64 * 1e-4, r, 2)).collect();
    let found = &compare(&Groups::new(&first).unwrap(), &Groups::new(&second).unwrap(), Rule::SciPy).unwrap()[0];
    assert!(found.mean_1 < found.mean_2 && found.significant());
    assert_eq!(found.higher(), Higher::First);
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
        assert!(answer.others.iter().all(|o| (0.0..=1.0).contains(&o.holm)));
    }
    // 25 pairs tell cut 0 from the best; five pairs tell nothing.
    assert!(!answers[0].alike().contains(&0));
    assert_eq!(answers[4].alike(), [0, 1, 2, 4, 5, 6]);
}

/// A row of percentage, cut, repeat and test accuracy.
fn record(percentage: f64, cut: i64, repeat: u64, test_acc: f64) -> Record {
    let row = serde_json::json!({"lr": 0.001, "sampled_percentage": 0.1, "sampled_cut_point": cut, "repeat": repeat,
        "train_acc": 1.0, "test_acc": 0.5});
    // JSON has no way to write what is no number.
    Record { sampled_percentage: percentage, test_acc, ..serde_json::from_value(row).unwrap() }
}

fn groups(rows: &[(f64, i64, u64, f64)]) -> Groups {
    Groups::new(&rows.iter().map(|&(p, c, r, acc)| record(p, c, r, acc)).collect::<Vec<_>>()).unwrap()
}

/// The message of an error, which must hold all of `parts`.
fn refused<T: std::fmt::Debug>(result: cutpoint::error::Result<T>, parts: &[&str]) {
    let error = result.unwrap_err().to_string();
    assert!(parts.iter().all(|part| error.contains(part)), "expected {parts:?} in: {error}");
}

#[test]
fn rows_that_cannot_be_paired_are_refused() {
    refused(Groups::new(&[]), &["at least one result row"]);
    let twice = Groups::new(&[record(0.1, 1, 0, 0.5), record(0.1, 1, 0, 0.6)]);
    refused(twice, &["two of percentage 0.1, cut 1, repeat 0"]);
    let unequal = groups(&[(0.1, 1, 0, 0.5), (0.1, 2, 0, 0.5), (0.1, 2, 1, 0.5)]);
    let expected = ["`repeats`", "1 of cut 1 at 10%", "2 of cut 2 at 10% (repeat 1 only there)"];
    refused(all_pairs(&unequal, Rule::SciPy), &expected);
    refused(best(&unequal, Rule::SciPy), &["`repeats`", "of cut 1", "of cut 2"]);
    // As many, but not the same ones.
    let other = groups(&[(0.1, 1, 0, 0.5), (0.1, 2, 3, 0.5)]);
    refused(all_pairs(&other, Rule::SciPy), &["1 of cut 1 at 10% (repeat 0 only there)", "(repeat 3 only there)"]);
    refused(compare(&unequal, &groups(&[(0.1, 2, 0, 0.5)]), Rule::SciPy), &["2 of cut 2", "1 of cut 2"]);
}

#[test]
fn a_row_that_cannot_be_one_is_named() {
    let second = |row: Record| Groups::new(&[record(0.1, 0, 0, 0.5), row]);
    for bad in [f64::NAN, f64::INFINITY, -0.01, 1.01] {
        let place = "in row 2 (percentage 0.1, cut 3, repeat 7)";
        refused(second(record(0.1, 3, 7, bad)), &["`test_acc`", "from 0 to 1", &format!("{bad} {place}")]);
    }
    for bad in [f64::NAN, 0.0, -0.1, 1.5, 10.0] {
        refused(second(record(bad, 3, 7, 0.5)), &["`sampled_percentage`", &format!("found {bad} in row 2")]);
    }
    refused(second(record(0.1, -2, 7, 0.5)), &["`sampled_cut_point`", "-2 in row 2"]);
    let rate = Record { lr: 0.01, ..record(0.1, 3, 7, 0.5) };
    refused(second(rate), &["`lr`", "0.001 in row 1 and 0.01 in row 2"]);
}

#[test]
fn a_single_repeat_has_p_1_and_the_table_says_so() {
    let single = groups(&[
        (0.1, 1, 0, 0.1),
        (0.1, 2, 0, 0.9),
        (0.5, 1, 0, 0.1),
        (0.5, 2, 0, 0.9),
        (0.5, 1, 1, 0.2),
        (0.5, 2, 1, 0.8),
    ]);
    for rule in [Rule::SciPy, Rule::Published] {
        let tests = all_pairs(&single, rule).unwrap();
        assert_eq!((tests[0].test.p_value, tests[0].holm, tests[0].test.count), (1.0, 1.0, 1));
        let table = wilcoxon_table(&tests).to_string();
        assert!(table.contains("at 10% there is a single repeat: p is 1"), "{table}");
        assert!(
            table.contains("at 50% there are too few repeats, 5 or fewer: no difference can be significant"),
            "{table}"
        );
    }
    let table = best_table(&best(&single, Rule::SciPy).unwrap()).to_string();
    assert!(table.contains("any (1 repeat tells no difference)"), "{table}");
}

#[test]
fn common_repeats_are_used_when_asked_for_and_what_is_left_out_is_said() {
    let rows =
        [(0.1, 1, 0, 0.5), (0.1, 1, 1, 0.6), (0.1, 2, 1, 0.7), (0.1, 2, 2, 0.8), (0.5, 1, 4, 0.9), (0.5, 2, 4, 0.8)];
    let (common, left_out) = groups(&rows).common_repeats().unwrap();
    let kept: Vec<_> =
        common.all().iter().map(|g| (g.percentage, g.cut, g.repeats.clone(), g.accuracy.clone())).collect();
    let expected = [
        (0.1, 1, vec![1], vec![0.6]),
        (0.1, 2, vec![1], vec![0.7]),
        (0.5, 1, vec![4], vec![0.9]),
        (0.5, 2, vec![4], vec![0.8]),
    ];
    assert_eq!(kept, expected);
    assert_eq!(
        left_out,
        [
            "left out: repeat 0 of cut 1 at 10%, not shared by every cut",
            "left out: repeat 2 of cut 2 at 10%, not shared by every cut"
        ]
    );
    all_pairs(&common, Rule::SciPy).unwrap();
    refused(groups(&[(0.1, 1, 0, 0.5), (0.1, 2, 1, 0.5)]).common_repeats(), &["`repeats`", "none for cut 1 at 10%"]);

    let second = groups(&[(0.1, 1, 1, 0.4), (0.1, 1, 2, 0.3), (0.1, 3, 0, 0.2)]);
    let (a, b, left_out) = groups(&rows).common_with(&second).unwrap();
    assert_eq!((&a.get(0.1, 1).unwrap().repeats[..], &b.get(0.1, 1).unwrap().accuracy[..]), (&[1][..], &[0.4][..]));
    assert_eq!(left_out.len(), 2, "{left_out:?}");
    assert!(left_out[0].contains("repeat 0 of cut 1 at 10%, not in the second experiment"), "{left_out:?}");
    assert_eq!(compare(&a, &b, Rule::SciPy).unwrap().len(), 1);
    assert_eq!(not_compared(&a, &b), [(0.1, 2), (0.1, 3), (0.5, 1), (0.5, 2)]);
}

#[test]
fn cuts_that_a_percentage_lacks_are_named_in_its_answer() {
    let some = groups(&[(0.1, 1, 0, 0.5), (0.1, 2, 0, 0.6), (0.5, 1, 0, 0.5), (1.0, 1, 0, 0.5), (1.0, 2, 0, 0.4)]);
    let answers = best(&some, Rule::SciPy).unwrap();
    assert_eq!(
        answers.iter().map(|b| (b.cut, &b.missing[..])).collect::<Vec<_>>(),
        [(2, &[][..]), (1, &[2]), (1, &[])]
    );
    let table = best_table(&answers).to_string();
    assert!(table.contains("without results at 50%: cut 2"), "{table}");
    refused(trend(&some, false), &["`cuts`", "no cut 2 at 50%"]);
}

#[test]
fn experiments_without_anything_in_common_are_refused() {
    refused(
        compare(&groups(&[(0.1, 1, 0, 0.5)]), &groups(&[(0.5, 1, 0, 0.5)]), Rule::SciPy),
        &["`experiments`", "in common"],
    );
}

#[test]
fn files_are_read_together_and_never_mixed() {
    let folder = tempfile::tempdir().unwrap();
    let save = |name: &str, params: Params, rows: &[(f64, i64, u64, f64)]| {
        let path = folder.path().join(name);
        let records = rows.iter().map(|&(p, c, r, acc)| record(p, c, r, acc)).collect();
        ResultFile::new(params, records).save(&path).unwrap();
        path
    };
    let fr = Params { freeze: true, reinit: true, ..Params::default() };
    let ft = Params { freeze: true, reinit: true, truncate: true, ..Params::default() };
    let baselines = save("baselines.json", ft.clone(), &[(0.1, -1, 0, 0.1)]);
    let cuts = save("fr.json", fr.clone(), &[(0.1, 1, 0, 0.5)]);
    let truncated = save("ft.json", ft.clone(), &[(0.1, 1, 0, 0.6)]);
    let longer = save("longer.json", Params { num_train: 99, ..fr.clone() }, &[(0.1, 2, 0, 0.6)]);
    for order in [[&baselines, &cuts], [&cuts, &baselines]] {
        let all = load_together(&order).unwrap();
        assert_eq!((all.records.len(), all.params.truncate), (2, false), "the parameters are those of the cuts");
    }
    refused(load_together(&[&cuts, &truncated]), &["ft.json", "truncate false, as in", "fr.json"]);
    refused(load_together(&[&cuts, &longer]), &["longer.json", "num_train 40", "found 99"]);
    refused(load_together(&[&cuts, &cuts]), &["`records`", "two of percentage 0.1, cut 1, repeat 0"]);
    refused(load_together::<&str>(&[]), &["`files`", "at least one"]);
    refused(load_together(&["/nonexistent.json"]), &["/nonexistent.json"]);
}

/// Expected: NumPy 2.4 (mean, sd with ddof 1, percentiles); `stats/make.py` says how.
#[test]
fn descriptions_agree_with_numpy() {
    type Case = (Vec<f64>, [f64; 7], f64, f64, f64);
    let cases: Vec<Case> = serde_json::from_str(include_str!("stats/describe.json")).unwrap();
    assert!(cases.len() > 20);
    for (sample, expected, ..) in cases {
        let q = |share| quantile(&sample, share).unwrap();
        let ours =
            [mean(&sample).unwrap(), standard_deviation(&sample).unwrap(), q(0.0), q(0.25), q(0.5), q(0.75), q(1.0)];
        for (a, b) in ours.iter().zip(expected) {
            assert!((a - b).abs() < 1e-15, "{sample:?}: {ours:?} {expected:?}");
        }
        assert!((median(&sample).unwrap() - expected[4]).abs() < 1e-15);
    }
}

/// Expected: SciPy 1.17.1, `bootstrap` with 200,000 resamples; `stats/make.py` says how.
///
/// SciPy's ends are those of a sample of medians, whose share below an end of share a is off by
/// sqrt(a (1 - a) / 200,000) in the mean: its ends must lie between our exact ones at a less and a plus five times that.
#[test]
fn intervals_are_what_the_bootstrap_tends_to() {
    type Case = (Vec<f64>, [f64; 7], f64, f64, f64);
    let cases: Vec<Case> = serde_json::from_str(include_str!("stats/describe.json")).unwrap();
    let (mut equal, mut ends) = (0, 0);
    for (sample, _, level, low, high) in cases {
        let share = (1.0 - level) / 2.0;
        let off = 5.0 * (share * (1.0 - share) / 200_000.0).sqrt();
        let at = |share: f64| median_interval(&sample, 1.0 - 2.0 * share).unwrap();
        let (wide, ours, narrow) = (at(share - off), at(share), at(share + off));
        assert!(wide.0 - 1e-12 <= low && low <= narrow.0 + 1e-12, "{sample:?}: {low}, {wide:?} {narrow:?}");
        assert!(narrow.1 - 1e-12 <= high && high <= wide.1 + 1e-12, "{sample:?}: {high}, {wide:?} {narrow:?}");
        equal += [(ours.0, low), (ours.1, high)].iter().filter(|(a, b)| (a - b).abs() < 1e-12).count();
        ends += 2;
    }
    // Where the step at an end is wide enough, sampling hits it exactly.
    assert!(equal * 10 >= ends * 8, "{equal} of {ends} ends are SciPy's");
}

fn assert_p_values(ours: &Correlation, rho: f64, less: f64, two_sided: f64, of: &str) {
    let close = |a: f64, b: f64| (a - b).abs() < 1e-12;
    assert!(close(ours.rho.unwrap(), rho), "{of}: {ours:?}, rho {rho}");
    assert!(close(ours.p_less, less) && close(ours.p_two_sided, two_sided), "{of}: {ours:?}, {less} {two_sided}");
}

/// Expected: SciPy 1.17.1, `spearmanr` and `permutation_test` over all orders; `stats/make.py` says how.
#[test]
fn rank_correlations_agree_with_scipy() {
    type Case = (Vec<f64>, Vec<f64>, f64, f64, f64, Option<f64>, Option<f64>);
    let cases: Vec<Case> = serde_json::from_str(include_str!("stats/spearman.json")).unwrap();
    let mut exact = 0;
    for (x, y, rho, less, two_sided, less_of_all, two_sided_of_all) in &cases {
        let ours = spearman(x, y).unwrap();
        assert_eq!((ours.points, ours.method), (x.len(), CorrelationMethod::StudentT));
        assert_p_values(&ours, *rho, *less, *two_sided, &format!("{x:?} {y:?}"));
        if let (Some(less), Some(two_sided)) = (less_of_all, two_sided_of_all) {
            let ours = spearman_exact(x, y).unwrap();
            assert_eq!(ours.method, CorrelationMethod::AllOrders);
            assert_p_values(&ours, *rho, *less, *two_sided, &format!("{x:?} {y:?}"));
            exact += 1;
        }
    }
    assert!(cases.len() > 40 && exact > 15, "{} cases, {exact} of them exact", cases.len());
}

#[test]
fn samples_without_a_correlation_are_refused_or_said_to_have_none() {
    for test in [spearman, spearman_exact] {
        refused(test(&[1.0, 2.0], &[1.0, 2.0]), &["`samples`", "at least three"]);
        refused(test(&[1.0, 2.0, 3.0], &[1.0, 2.0]), &["`samples`", "3 and 2 values"]);
        refused(test(&[1.0, 2.0, f64::NAN], &[1.0, 2.0, 3.0]), &["`samples`", "NaN"]);
        let constant = test(&[1.0, 2.0, 3.0], &[4.0; 3]).unwrap();
        assert_eq!((constant.rho, constant.p_less, constant.p_two_sided), (None, 1.0, 1.0));
        assert_eq!(constant.method, CorrelationMethod::Constant);
    }
    let many: Vec<f64> = (0..11).map(f64::from).collect();
    refused(spearman_exact(&many, &many), &["`samples`", "at most 10"]);
    let falling: Vec<f64> = many.iter().map(|v| -v).collect();
    assert_eq!((spearman(&many, &falling).unwrap().rho, spearman(&many, &falling).unwrap().p_less), (Some(-1.0), 0.0));
}

#[derive(serde::Deserialize)]
struct Published {
    /// Setting, percentage, cut, statistic, p-value.
    comparisons: Vec<(String, f64, i64, f64, f64)>,
    trends: Vec<PublishedTrend>,
}

/// Setting; over medians: best cuts, rho, p-values; over repeats: points, rho and p-values.
#[derive(serde::Deserialize)]
struct PublishedTrend(String, Vec<i64>, f64, [f64; 2], usize, [f64; 3]);

/// The cuts of a published FashionMNIST experiment, and what SciPy 1.17.1 says of all of them.
fn published_fashion(setting: &str) -> (Groups, Published) {
    let path = common::published().join(format!("FashionMNIST/cuts_regular_classes_{setting}.json"));
    let groups = Groups::new(&ResultFile::load(path).unwrap().records).unwrap();
    (groups, serde_json::from_str(include_str!("stats/published.json")).unwrap())
}

#[test]
fn fr_against_f_and_ft_agrees_with_scipy_at_every_percentage_and_cut() {
    let (fr, expected) = published_fashion("FR");
    for setting in ["F", "FT"] {
        let rows = compare(&fr, &published_fashion(setting).0, Rule::SciPy).unwrap();
        let expected: Vec<_> = expected.comparisons.iter().filter(|c| c.0 == setting).collect();
        assert_eq!((rows.len(), expected.len()), (35, 35));
        for (row, (_, percentage, cut, statistic, p_value)) in rows.iter().zip(expected) {
            assert_eq!((row.percentage, row.cut, row.test.statistic), (*percentage, *cut, *statistic), "{setting}");
            assert!((row.test.p_value - p_value).abs() < 1e-12, "{setting} {row:?} {p_value}");
        }
        let table = compare_table(&rows, "FR", setting);
        assert_eq!(table.to_csv().lines().count(), 36);
        assert!(table.to_string().contains(&format!("second: {setting}\n")));
    }
}

#[test]
fn the_trend_of_published_results_agrees_with_scipy() {
    for PublishedTrend(setting, best, rho, [less, two_sided], points, by_repeat) in published_fashion("FR").1.trends {
        let trend = trend(&published_fashion(&setting).0, false).unwrap();
        assert_eq!(trend.best.iter().map(|(_, cut)| *cut).collect::<Vec<_>>(), best, "{setting}");
        assert_eq!(trend.by_median.method, CorrelationMethod::AllOrders);
        assert_p_values(&trend.by_median, rho, less, two_sided, &setting);
        assert_eq!((trend.points.len(), trend.by_repeat.points), (points, points));
        assert_eq!(trend.by_repeat.method, CorrelationMethod::StudentT);
        assert_p_values(&trend.by_repeat, by_repeat[0], by_repeat[1], by_repeat[2], &setting);
    }
}

/// By hand: of the six orders of three best cuts that differ, one falls throughout.
#[test]
fn a_trend_takes_the_highest_of_equal_cuts_and_no_baseline() {
    let rows = [
        (0.01, -1, 0, 0.9),
        (0.01, 1, 0, 0.5),
        (0.01, 3, 0, 0.5),
        (0.1, -1, 0, 0.9),
        (0.1, 1, 0, 0.7),
        (0.1, 3, 0, 0.6),
        (1.0, -1, 0, 0.9),
        (1.0, 1, 0, 0.9),
        (1.0, 3, 0, 0.2),
    ];
    let falls = trend(&groups(&rows), false).unwrap();
    assert_eq!(falls.best, [(0.01, 3), (0.1, 1), (1.0, 1)]);
    assert_eq!(falls.by_median.p_less, 2.0 / 6.0);
    // A repeat each is as few points: nothing is certain of three.
    assert_eq!(falls.by_repeat, falls.by_median);
    assert!(falls.to_string().contains("no more than chance explains"), "{falls}");
    let with_baseline = trend(&groups(&rows), true).unwrap();
    assert_eq!(with_baseline.best, [(0.01, -1), (0.1, -1), (1.0, 1)]);
    let same = rows.map(|(p, cut, repeat, accuracy)| (p, cut, repeat, if cut == 1 { 0.95 } else { accuracy }));
    let same = trend(&groups(&same), false).unwrap();
    assert_eq!((same.by_median.rho, same.by_median.p_less), (None, 1.0));
    assert!(same.to_string().contains("the best cut does not change"), "{same}");
    refused(trend(&groups(&rows[..6]), false), &["`percentages`", "at least three", "found 2"]);
    let few: Vec<_> = rows.iter().filter(|r| r.1 < 3).copied().collect();
    refused(trend(&groups(&few), false), &["`cuts`", "at least two", "found 1"]);
    let more = [&rows[..], &[(0.1, 3, 1, 0.5)]].concat();
    refused(trend(&groups(&more), false), &["`repeats`", "1 of cut 1 at 10%", "2 of cut 3 at 10%"]);
}

#[test]
fn summaries_of_published_files_have_all_numbers() {
    let path = common::published().join("FashionMNIST/cuts_regular_classes_FR.json");
    let file = ResultFile::load(path).unwrap();
    let summary = Summary::new(&file.cuts([3, 4]).percentages(&[0.001, 1.0]).records);
    assert_eq!(
        summary.cells.iter().map(|c| (c.percentage, c.cut, c.count)).collect::<Vec<_>>(),
        [(0.001, 3, 25), (0.001, 4, 25), (1.0, 3, 5), (1.0, 4, 5)]
    );
    for cell in &summary.cells {
        let (low, high) = cell.interval.unwrap();
        let ascending = [cell.minimum, cell.lower_quartile, cell.median, cell.upper_quartile, cell.maximum];
        assert!(ascending.is_sorted() && low < cell.median && cell.median < high, "{cell:?}");
        // Five values: the interval reaches from the lowest to the highest.
        assert!(cell.count > 5 || (low, high) == (cell.minimum, cell.maximum), "{cell:?}");
    }
}
