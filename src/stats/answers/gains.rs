//! What cuts gain over the baseline, in sentences.

use std::borrow::Borrow;

use super::base::Answer;
use crate::error::{Error, Result};
use crate::results::ResultFile;
use crate::stats::analysis::best_by;
use crate::stats::describe::median;
use crate::stats::groups::{Group, Groups};
use crate::stats::tests::Rule;
use crate::table::{cannot_tell, cut_name, cut_names, percent};

/// What cuts gain over the baseline in several experiments whose accuracies cannot be compared themselves, as their tasks
/// differ: a sentence for each percentage with the cut of the highest median gain in each, and the cuts that cannot be
/// told from it (Wilcoxon as in SciPy, Holm-corrected for all pairs). A gain is the difference of a run to the baseline of
/// the same repeat; its median is not the difference of the medians. Experiments are given with their names.
///
/// # Errors
/// Those of [`Groups::new`] and [`best`](crate::stats::best); [`Error::Parameter`] when an experiment has no baselines and cuts with
/// repeats in common.
pub fn gain_answer<R: Borrow<ResultFile>>(experiments: &[(&str, R)]) -> Result<Answer> {
    let mut found: Vec<(f64, Vec<String>)> = Vec::new();
    for (name, results) in experiments {
        let groups = Groups::new(&results.borrow().records)?;
        let gain = |g: &Group| median(&groups.gains(g.percentage, g.cut)).filter(|_| g.cut >= 0);
        let best = best_by(&groups.with_paired_baseline(), Rule::SciPy, gain)?;
        if best.is_empty() {
            let found = format!("{name}: cuts {:?}", groups.cuts());
            return Err(Error::parameter("experiments", "baselines (cut -1) and cuts with repeats in common", found));
        }
        for best in best {
            let Some(gain) = groups.get(best.percentage, best.cut).and_then(gain) else { continue };
            let alike: Vec<i64> = best.alike().into_iter().filter(|&cut| cut >= 0).collect();
            let beside = match alike.as_slice() {
                [] => String::new(),
                _ if best.tells_nothing() => format!("; {} it from the others", cannot_tell(best.repeats)),
                alike => format!("; {} cannot be told from it", cut_names(alike)),
            };
            let words = format!("{gain:+.3} at {} ({name}{beside})", cut_name(best.cut));
            match found.iter_mut().find(|(p, _)| *p == best.percentage) {
                Some((_, all)) => all.push(words),
                None => found.push((best.percentage, vec![words])),
            }
        }
    }
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    let sentence = |(percentage, words): &(f64, Vec<String>)| {
        let data = percent(*percentage);
        format!("At {data} of the data the highest median gain over training from scratch is {}.", words.join(", "))
    };
    Ok(Answer::of(found.iter().map(sentence).collect()))
}

#[cfg(test)]
mod tests {
    use super::super::example::{experiment, off};
    use super::*;

    #[test]
    fn gains_are_over_the_baseline_of_the_same_repeat() {
        let of = |repeats: u64| {
            let easy = experiment(repeats, |cut, repeat| 0.5 + 10.0 * off(repeat) + if cut == 2 { 0.1 } else { 0.0 });
            // Cut 1 is now a little above cut 0 and now a little below it.
            let turns = |cut: i64, repeat: u64| if cut == 1 { [0.0011, -0.001][repeat as usize % 2] } else { 0.0 };
            let below = |cut: i64| if cut > 1 { 0.05 } else { 0.02 };
            let hard = experiment(repeats, |cut, repeat| {
                0.3 + off(repeat) + turns(cut, repeat) - if cut >= 0 { below(cut) } else { 0.0 }
            });
            (gain_answer(&[("easy", &easy), ("hard", &hard)]).unwrap().to_string(), easy)
        };
        let (said, easy) = of(12);
        assert_eq!(
            said,
            "At 1% of the data the highest median gain over training from scratch is +0.100 at cut 2 (easy), -0.020 at cut 1 \
             (hard; cut 0 cannot be told from it)."
        );
        let (few, _) = of(3);
        assert!(few.contains("+0.100 at cut 2 (easy; 3 repeats cannot tell it from the others)"), "{few}");
        let error = gain_answer(&[("bare", &easy.cuts(0..=3))]).unwrap_err().to_string();
        assert!(error.contains("bare") && error.contains("baselines"), "{error}");
    }
}
