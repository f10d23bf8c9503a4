//! What an experiment says, in sentences that its own numbers support.

use std::fmt;

use super::best::best;
use super::describe::median;
use super::groups::Groups;
use super::names::{cut_name, cut_names, percent};
use super::trend::trend;
use super::wilcoxon::{Rule, TELL_NOTHING};
use crate::error::Result;
use crate::notebook::display;
use crate::record::ResultFile;

/// The answer of an experiment: a sentence for each percentage, and one on whether the best cut falls as data grows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer(Vec<String>);

/// Reads the answer out of an experiment's rows: which cut is best at each percentage, which ones cannot be told from it
/// (Wilcoxon as in SciPy, Holm-corrected), how far it is above the baseline, and, from three percentages on, the trend.
///
/// # Errors
/// Those of [`Groups::new`] and [`best`].
pub fn answer(results: &ResultFile) -> Result<Answer> {
    let cuts_only = Groups::new(&results.filter(|r| r.sampled_cut_point >= 0).records)?;
    let all = Groups::new(&results.records)?;
    let mut sentences = Vec::new();
    for found in best(&cuts_only, Rule::SciPy)? {
        let (data, cut) = (percent(found.percentage), cut_name(found.cut));
        let alike = found.alike();
        let others = match (found.repeats, alike.as_slice()) {
            (n, _) if n <= TELL_NOTHING => format!("{n} repeats cannot tell it from the others"),
            (_, []) => "it is significantly better than every other cut".to_owned(),
            (_, alike) => format!("it cannot be told from {}", cut_names(alike)),
        };
        let base = all.get(found.percentage, -1).and_then(|g| median(&g.accuracy));
        let over = base.map_or(String::new(), |base| {
            let difference = found.median - base;
            let way = if difference < 0.0 { "below" } else { "above" };
            format!(", {:.3} {way} the baseline's", difference.abs())
        });
        sentences.push(format!(
            "At {data} of the data {cut} has the highest median test accuracy, {:.3}{over}; {others}.",
            found.median
        ));
    }
    if cuts_only.percentages().len() >= 3 {
        // Where cuts are missing at a percentage there is no trend to test, and nothing is said of one.
        if let Ok(trend) = trend(&cuts_only, false) {
            let falls = trend.by_median.p_less < super::pairs::ALPHA;
            let rho = trend.by_median.rho.map_or("-".to_owned(), |rho| format!("{rho:+.2}"));
            let verdict = if falls { "falls as data grows" } else { "is not shown to fall as data grows" };
            sentences.push(format!(
                "Over percentages the best cut {verdict} (rank correlation of the medians' best cuts {rho}, p {:.3}).",
                trend.by_median.p_less
            ));
        }
    }
    Ok(Answer(sentences))
}

impl Answer {
    /// An answer of some sentences.
    pub(super) fn of(sentences: Vec<String>) -> Answer {
        Answer(sentences)
    }

    /// The sentences.
    pub fn sentences(&self) -> &[String] {
        &self.0
    }

    /// Shows the sentences in a notebook.
    pub fn evcxr_display(&self) {
        let items: String = self.0.iter().map(|s| format!("<li>{}</li>", display::escaped(s))).collect();
        display::show(&[("text/html", &format!("<ul>{items}</ul>")), ("text/plain", &self.to_string())]);
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::Params;
    use crate::record::Record;

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
        for part in
            ["At 1% of the data cut 4", "0.801", "0.400 above the baseline's", "significantly better than every"]
        {
            assert!(first.contains(part), "{first}");
        }
        assert!(said.sentences()[4].contains("falls as data grows"), "{said}");
        let steady = answer(&results(20, |_| 2)).unwrap().to_string();
        assert!(steady.contains("is not shown to fall"), "{steady}");
        let few = answer(&results(3, falling)).unwrap().to_string();
        assert!(few.contains("3 repeats cannot tell it from the others"), "{few}");
    }
}
