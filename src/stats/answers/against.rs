//! Two experiments against each other, in sentences.

use super::base::Answer;
use crate::stats::analysis::{Comparison, Higher};
use crate::stats::tests::{repeats_needed, Method};
use crate::table::{cannot_tell, cut_names, percent};

/// What [`compare`](crate::stats::compare) has found, in a sentence for each percentage: the cuts at which the first experiment is
/// significantly higher or lower than the second ([`Comparison::significant`]), and those where no difference is shown; or that there
/// are too few repeats to show one. `first` and `second` say what the experiments are.
pub fn compare_answer(rows: &[Comparison], first: &str, second: &str) -> Answer {
    let mut sentences = Vec::new();
    for at in rows.chunk_by(|a, b| a.percentage == b.percentage) {
        let cuts = |wanted: &dyn Fn(&Comparison) -> bool| {
            let cuts: Vec<i64> = at.iter().filter(|c| wanted(c)).map(|c| c.cut).collect();
            (!cuts.is_empty()).then(|| cut_names(&cuts))
        };
        let data = percent(at[0].percentage);
        let differs = |c: &Comparison| c.higher() != Higher::Neither;
        // Where both experiments have the same runs there is nothing to compare.
        let comparisons = at.iter().filter(|c| c.test.method != Method::Identical).count();
        let most = at.iter().map(|c| c.test.count).max().unwrap_or(0);
        if comparisons > 0 && most < repeats_needed(comparisons) && !at.iter().any(differs) {
            sentences.push(format!("At {data} of the data {} {first} from {second}.", cannot_tell(most)));
            continue;
        }
        let parts = [
            (cuts(&|c| c.higher() == Higher::First), format!("is significantly higher than {second} at")),
            (cuts(&|c| c.higher() == Higher::Second), format!("is significantly lower than {second} at")),
            (cuts(&|c| !differs(c)), format!("is not shown to differ from {second} at")),
        ];
        let parts: Vec<String> =
            parts.into_iter().filter_map(|(cuts, words)| Some(format!("{words} {}", cuts?))).collect();
        sentences.push(format!("At {data} of the data {first} {}.", parts.join("; it ")));
    }
    Answer::of(sentences)
}

#[cfg(test)]
mod tests {
    use super::super::example::{experiment, off};
    use super::*;
    use crate::results::ResultFile;
    use crate::stats::{compare, Groups, Rule};

    #[test]
    fn the_experiments_are_said_to_differ_where_they_do() {
        let first = experiment(12, |cut, repeat| 0.5 + off(repeat) + if cut == 2 { 0.1 } else { 0.0 });
        let second = experiment(12, |cut, repeat| 0.5 + off(repeat) + if cut == 3 { 0.2 } else { 0.0 });
        let groups = |r: &ResultFile| Groups::new(&r.cuts(0..=3).records).unwrap();
        let tests = compare(&groups(&first), &groups(&second), Rule::SciPy).unwrap();
        assert_eq!(
            compare_answer(&tests, "FR", "FT").to_string(),
            "At 1% of the data FR is significantly higher than FT at cut 2; it is significantly lower than FT at cut 3; \
             it is not shown to differ from FT at cut 0, cut 1."
        );
    }

    #[test]
    fn too_few_repeats_are_said_to_tell_nothing() {
        let first = experiment(5, |cut, repeat| 0.5 + off(repeat) + 0.01 * cut as f64);
        let second = experiment(5, |cut, repeat| 0.3 + off(repeat) + 0.01 * cut as f64);
        let groups = |r: &ResultFile| Groups::new(&r.cuts(0..=3).records).unwrap();
        let tests = compare(&groups(&first), &groups(&second), Rule::SciPy).unwrap();
        let said = compare_answer(&tests, "FR", "FT").to_string();
        assert_eq!(said, "At 1% of the data 5 repeats cannot tell FR from FT.");
    }
}
