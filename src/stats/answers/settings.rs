//! Settings of a study at their best cuts, in sentences.

use std::borrow::Borrow;

use super::base::{others_in_words, Answer};
use crate::error::{Error, Result};
use crate::results::ResultFile;
use crate::stats::analysis::{best, Best};
use crate::stats::groups::{Group, Groups};
use crate::stats::measure::{Measure, Quantity};
use crate::stats::tests::Rule;
use crate::table::{cut_name, percent};

/// Which of several experiments on one task, such as the settings of a study, reaches the highest median test accuracy at
/// its best cut, and which cannot be told from it (Wilcoxon as in SciPy over repeats, Holm-corrected for all pairs): a
/// sentence for each percentage. Each experiment's best cut is chosen by the accuracies that are then compared, which
/// flatters the one with more cuts to choose from. Experiments are given with their names.
///
/// # Errors
/// Those of [`Groups::new`] and [`best`](crate::stats::best); [`Error::Parameter`] when there is no experiment, when the test accuracies
/// are of other images, or when the repeats differ.
pub fn best_cuts_answer<R: Borrow<ResultFile>>(experiments: &[(&str, R)]) -> Result<Answer> {
    let Some((_, first)) = experiments.first() else {
        return Err(Error::parameter("experiments", "at least one", "none"));
    };
    let first = first.borrow();
    // By percentage and experiment: the accuracies of its best cut, under the experiment's number.
    let mut of_best: Vec<(Group, i64)> = Vec::new();
    for (number, (name, results)) in experiments.iter().enumerate() {
        let results = results.borrow();
        let task = |r: &ResultFile| {
            let data =
                r.params.other.get("target_dataset").and_then(|d| d.as_str()).unwrap_or("a data set without a name");
            format!("{data}, classes {:?}, {}", r.params.fine_tune_classes, r.measured_on())
        };
        if task(results) != task(first) {
            return Err(Error::parameter("experiments", task(first), format!("{name}: {}", task(results))));
        }
        let groups = Groups::new(&results.without_baseline().records)?;
        for best in best(&groups, Rule::SciPy)? {
            let Some(group) = groups.get(best.percentage, best.cut) else { continue };
            let fellow = of_best.iter().find(|(other, _)| other.percentage == best.percentage);
            if let Some((fellow, _)) = fellow.filter(|(other, _)| other.repeats != group.repeats) {
                let expected = format!("repeats {:?}, as in {}", fellow.repeats, experiments[fellow.cut as usize].0);
                return Err(Error::parameter("experiments", expected, format!("{name}: {:?}", group.repeats)));
            }
            of_best.push((Group { cut: number as i64, ..group.clone() }, best.cut));
        }
    }
    of_best.sort_by(|(a, _), (b, _)| a.percentage.total_cmp(&b.percentage).then(a.cut.cmp(&b.cut)));
    let groups = of_best.iter().map(|(group, _)| group.clone()).collect();
    let groups = Groups::made_of(groups, Quantity::Runs(Measure::TestAcc));
    let sentence = |found: &Best| {
        let cut_of = |number: i64| {
            let is_it = |(group, _): &&(Group, i64)| group.percentage == found.percentage && group.cut == number;
            of_best.iter().find(is_it).map_or(String::new(), |(_, cut)| cut_name(*cut))
        };
        let name = |number: i64| format!("{} ({})", experiments[number as usize].0, cut_of(number));
        // The last cut's runs are the same under FR, F and FT: none of them is the best alone.
        let accuracy = |number: i64| groups.get(found.percentage, number).map(|g| &g.accuracy);
        let is_twin = |number: i64| accuracy(number) == accuracy(found.cut);
        let mut others = found.clone();
        others.others.retain(|other| !is_twin(other.cut));
        let mut winners: Vec<i64> = found.others.iter().map(|o| o.cut).filter(|&cut| is_twin(cut)).collect();
        let same = if winners.is_empty() { "reaches" } else { "reach, with the same runs," };
        winners.push(found.cut);
        winners.sort_unstable();
        let winners: Vec<&str> = winners.iter().map(|&number| experiments[number as usize].0).collect();
        let missing: Vec<&str> = found.missing.iter().map(|&number| experiments[number as usize].0).collect();
        let missing = match missing.is_empty() {
            true => String::new(),
            false => format!(" (no results of {})", missing.join(", ")),
        };
        format!(
            "At {} of the data {} {same} the highest median test accuracy, {:.3} at {}{}{missing}.",
            percent(found.percentage),
            winners.join(", "),
            found.median,
            cut_of(found.cut),
            others_in_words(&others, "setting at its best cut", &name)
        )
    };
    Ok(Answer::of(best(&groups, Rule::SciPy)?.iter().map(sentence).collect()))
}

#[cfg(test)]
mod tests {
    use super::super::example::{experiment, off};
    use super::*;

    #[test]
    fn settings_are_compared_at_their_best_cuts() {
        let at = |best: i64, height: f64| {
            experiment(12, move |cut, repeat| 0.5 + off(repeat) + if cut == best { height } else { 0.0 })
        };
        let (high, low) = (at(2, 0.2), at(3, 0.1));
        let turns = experiment(12, |cut, repeat| {
            0.5 + off(repeat) + if cut == 1 { 0.2 + [0.0011, -0.0012][repeat as usize % 2] } else { 0.0 }
        });
        assert_eq!(
            best_cuts_answer(&[("FR", &high), ("F", &low)]).unwrap().to_string(),
            "At 1% of the data FR reaches the highest median test accuracy, 0.706 at cut 2; it is significantly better \
             than every other setting at its best cut."
        );
        let said = best_cuts_answer(&[("FR", &high), ("F", &low), ("FT", &turns)]).unwrap().to_string();
        assert!(
            said.contains("it cannot be told from") && said.contains("(cut ") && !said.contains("F (cut 3)"),
            "{said}"
        );
        let fewer = experiment(5, |_, repeat| 0.5 + off(repeat));
        let error = best_cuts_answer(&[("FR", &high), ("F", &fewer)]).unwrap_err().to_string();
        assert!(error.contains("as in FR") && error.contains("F: [0, 1, 2, 3, 4]"), "{error}");
        let mut other = low.clone();
        other.params.fine_tune_classes = vec![0, 1];
        assert!(best_cuts_answer(&[("FR", &high), ("other", &other)])
            .unwrap_err()
            .to_string()
            .contains("other: a data set"));
        let said = best_cuts_answer(&[("FR", &low), ("FT", &low), ("F", &high)]).unwrap().to_string();
        assert!(said.contains("F reaches the highest"), "{said}");
        let said = best_cuts_answer(&[("FR", &high), ("FT", &high), ("F", &low)]).unwrap().to_string();
        assert!(
            said.contains(
                "FR, FT reach, with the same runs, the highest median test accuracy, 0.706 at cut 2; it is sig"
            ),
            "{said}"
        );

        assert!(best_cuts_answer::<ResultFile>(&[]).is_err());
    }
}
