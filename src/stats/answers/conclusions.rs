//! What an experiment says, in sentences that its own numbers support.

use super::base::{others_in_words, Answer};
use crate::error::Result;
use crate::results::ResultFile;
use crate::stats::analysis::{best_by, trend, Best, Other};
use crate::stats::describe::median;
use crate::stats::groups::{Group, Groups};
use crate::stats::tests::{Rule, ALPHA};
use crate::table::{cut_name, percent};

/// Reads the answer out of an experiment's rows: which cut is best at each percentage, which ones cannot be told from it
/// (Wilcoxon as in SciPy, Holm-corrected for all pairs, the baseline's among them), how far its median is above the
/// baseline's and whether that is significant, and, from three percentages on, the trend.
///
/// # Errors
/// Those of [`Groups::new`] and [`best`](crate::stats::best).
pub fn answer(results: &ResultFile) -> Result<Answer> {
    let cuts_only = Groups::new(&results.without_baseline().records)?;
    let all = Groups::new(&results.records)?;
    let of_cuts = |group: &Group| median(&group.accuracy).filter(|_| group.cut >= 0);
    let mut sentences = Vec::new();
    for mut found in best_by(&all.with_paired_baseline(), Rule::SciPy, of_cuts)? {
        let baseline = found.others.iter().position(|o| o.cut < 0).map(|i| found.others.remove(i));
        let (data, cut) = (percent(found.percentage), cut_name(found.cut));
        let over = over_baseline(&all, &found, baseline);
        let others = others_in_words(&found, "cut", &cut_name);
        sentences.push(format!(
            "At {data} of the data {cut} has the highest median test accuracy, {:.3}{over}{others}.",
            found.median
        ));
    }
    if cuts_only.percentages().len() >= 3 {
        // Where cuts are missing at a percentage there is no trend to test, and nothing is said of one.
        if let Ok(trend) = trend(&cuts_only, false) {
            let falls = trend.by_median.p_less < ALPHA;
            let rho = trend.by_median.rho.map_or("-".to_owned(), |rho| format!("{rho:+.2}"));
            let verdict = if falls { "falls as data grows" } else { "is not shown to fall as data grows" };
            sentences.push(format!(
                "Over percentages the best cut {verdict} (rank correlation of the medians' best cuts {rho}, p {:.3}).",
                trend.by_median.p_less
            ));
        }
    }
    Ok(Answer::of(sentences))
}

/// How far the median of the best cut is above the baseline's, and, where there are repeats enough, whether the difference
/// is significant.
fn over_baseline(all: &Groups, found: &Best, test: Option<Other>) -> String {
    let Some(base) = all.get(found.percentage, -1) else { return String::new() };
    if all.get(found.percentage, found.cut).is_some_and(|best| best.accuracy == base.accuracy) {
        return ", as the baseline has".to_owned();
    }
    let difference = found.median - median(&base.accuracy).unwrap_or(f64::NAN);
    let way = if difference < 0.0 { "below" } else { "above" };
    let words = format!(", {:.3} {way} the baseline's", difference.abs());
    match test.filter(|_| !found.tells_nothing()) {
        Some(test) if test.holm < ALPHA && test.effect_size * difference > 0.0 => format!("{words} (significant)"),
        Some(test) if test.holm < ALPHA => {
            let other_way = if difference < 0.0 { "above" } else { "below" };
            format!("{words} (but repeat by repeat significantly {other_way} it)")
        }
        Some(_) => format!("{words} (not significant)"),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Params;
    use crate::results::Record;

    fn results(repeats: u64, best_at: impl Fn(f64) -> i64) -> ResultFile {
        let mut rows: Vec<Record> = Vec::new();
        for percentage in [0.01, 0.1, 0.5, 1.0] {
            for cut in -1..=4 {
                for repeat in 0..repeats {
                    let distance = (cut - best_at(percentage)).abs() as f64;
                    let acc = if cut < 0 { 0.4 } else { 0.8 - 0.05 * distance } + 0.0001 * repeat as f64;
                    let row = serde_json::json!({"lr": 0.1, "sampled_percentage": percentage, "sampled_cut_point": cut,
                        "repeat": repeat, "train_acc": 1.0, "test_acc": acc});
                    rows.push(serde_json::from_value(row).unwrap());
                }
            }
        }
        ResultFile::new(Params::default(), rows)
    }

    #[test]
    fn sentences_follow_the_numbers() {
        let falling = |p: f64| {
            if p < 0.05 {
                4
            } else if p < 0.3 {
                3
            } else if p < 0.8 {
                2
            } else {
                1
            }
        };
        let said = answer(&results(20, falling)).unwrap();
        assert_eq!(said.sentences().len(), 5);
        let first = &said.sentences()[0];
        for part in [
            "At 1% of the data cut 4",
            "0.801",
            "0.400 above the baseline's (significant)",
            "significantly better than every",
        ] {
            assert!(first.contains(part), "{first}");
        }
        assert!(said.sentences()[4].contains("falls as data grows"), "{said}");
        let steady = answer(&results(20, |_| 2)).unwrap().to_string();
        assert!(steady.contains("is not shown to fall"), "{steady}");
        // Six differ significantly in pairs, but not of five cuts.
        for repeats in [3, 6] {
            let few = answer(&results(repeats, falling)).unwrap().to_string();
            assert!(few.contains(&format!("baseline's; {repeats} repeats cannot tell it from the others")), "{few}");
        }
        let alone = answer(&results(20, falling).cuts([2])).unwrap().to_string();
        assert!(alone.contains("of the data cut 2 has the highest median test accuracy, 0.701."), "{alone}");
    }

    #[test]
    fn a_gain_over_the_baseline_is_called_significant_only_where_it_is() {
        // The baseline of each repeat is higher or lower than the best cut by turns, or is the best cut's own run.
        let beside = |off: [f64; 2]| {
            let mut results = results(12, |_| 2).percentages(&[0.01]).cuts([-1, 2]);
            let best = results.cuts([2]);
            for row in results.records.iter_mut().filter(|r| r.sampled_cut_point < 0) {
                let repeat = row.repeat as usize;
                row.test_acc = best.records[repeat].test_acc + off[repeat % 2];
            }
            answer(&results).unwrap().to_string()
        };
        let turns = beside([-0.0101, 0.01]);
        assert!(turns.contains("the baseline's (not significant)"), "{turns}");
        let lower = beside([-0.01, -0.02]);
        assert!(lower.contains("above the baseline's (significant)"), "{lower}");
        let same = beside([0.0, 0.0]);
        assert!(same.ends_with("accuracy, 0.801, as the baseline has."), "{same}");
    }
}
