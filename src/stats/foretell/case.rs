//! What was scored, beside what came of it.

use std::collections::BTreeMap;

use crate::config::Setting;
use crate::error::{Error, Result};
use crate::results::ResultFile;
use crate::stats::describe::{mean, median};
use crate::stats::groups::Groups;
use crate::stats::tests::kendall;
use crate::transfer::{Score, TransferFile};

/// A way of choosing a cut before any fine-tuning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Choice {
    /// The cut after the layer that scores highest; of equal ones the last, which trains least.
    Score(Score),
    /// The same cut whatever the data.
    Always(i64),
    /// Any cut after a layer, each as likely.
    Random,
}

impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Choice::Score(score) => f.pad(score.words()),
            Choice::Always(cut) => f.pad(&format!("always cut {cut}")),
            Choice::Random => f.pad("a cut at random"),
        }
    }
}

/// A study under one setting at one fraction of the data: what cuts were worth, and what layers had scored before.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// The study, as `CIFAR/regular`.
    pub study: String,
    /// The setting that it was fine-tuned under.
    pub setting: Setting,
    /// Fraction of the target training data.
    pub percentage: f64,
    /// Images of each class in the reduced training set, on average.
    pub images_per_class: f64,
    /// The seeds that have both, ascending.
    pub repeats: Vec<u64>,
    /// The cuts, ascending; the baseline is none.
    pub cuts: Vec<i64>,
    /// Test accuracies from 0 to 1, by cut, then repeat.
    accuracy: Vec<Vec<f64>>,
    /// Of each score its values by cut, then repeat; cuts before the first layer have none.
    scores: BTreeMap<Score, Vec<Option<Vec<f64>>>>,
}

impl Case {
    /// A case for each fraction of the data that both have, over the repeats that both have. A score that is missing for some
    /// layer or repeat of a fraction is left out there.
    ///
    /// # Errors
    /// Those of [`Groups::new`] and [`Groups::common_repeats`]; [`Error::Parameter`] when no fraction and repeat has both.
    pub fn all(study: &str, scores: &TransferFile, results: &ResultFile) -> Result<Vec<Case>> {
        let setting = results.params.setting()?;
        let groups = Groups::new(&results.without_baseline().records)?.common_repeats()?.0;
        let mut cases = Vec::new();
        for percentage in groups.percentages() {
            let at = groups.at(percentage);
            let rows: Vec<_> = scores.records.iter().filter(|r| r.percentage == percentage).collect();
            let scored = |repeat: &u64| rows.iter().any(|r| r.repeat == *repeat);
            let repeats: Vec<u64> = at[0].repeats.iter().copied().filter(scored).collect();
            if repeats.is_empty() {
                continue;
            }
            let cuts: Vec<i64> = at.iter().map(|g| g.cut).collect();
            let accuracy = at.iter().map(|g| {
                let of = |repeat: &u64| g.repeats.binary_search(repeat).ok().map(|i| g.accuracy[i]);
                repeats.iter().filter_map(of).collect()
            });
            let of_cut = |score: Score, cut: i64| -> Option<Vec<f64>> {
                let of = |repeat: &u64| {
                    let row = rows.iter().find(|r| r.repeat == *repeat && r.cut == Some(cut))?;
                    row.scores.get(&score).copied()
                };
                repeats.iter().map(of).collect()
            };
            let scored: BTreeMap<Score, Vec<Option<Vec<f64>>>> = Score::ALL
                .into_iter()
                .map(|score| (score, cuts.iter().map(|&cut| of_cut(score, cut)).collect::<Vec<_>>()))
                .filter(|(_, by_cut)| cuts.iter().zip(by_cut).all(|(&cut, values)| cut < 1 || values.is_some()))
                .collect();
            let per_class = rows.iter().map(|r| r.images as f64 / r.classes as f64).sum::<f64>() / rows.len() as f64;
            cases.push(Case {
                study: study.to_owned(),
                setting,
                percentage,
                images_per_class: per_class,
                accuracy: accuracy.collect(),
                repeats,
                cuts,
                scores: scored,
            });
        }
        match cases.is_empty() {
            true => {
                let expected = format!("scores of a fraction and repeat that {study} was fine-tuned on");
                Err(Error::parameter("scores", expected, format!("{} rows of others", scores.records.len())))
            }
            false => Ok(cases),
        }
    }

    /// The ways of choosing that can be judged here: every score, every cut, and chance.
    pub fn choices(&self) -> Vec<Choice> {
        let scores = self.scores.keys().map(|&score| Choice::Score(score));
        scores.chain(self.cuts.iter().map(|&cut| Choice::Always(cut))).chain([Choice::Random]).collect()
    }

    /// The median accuracy of each cut over some of the repeats, by position; a position may occur several times.
    fn medians(&self, sample: &[usize]) -> Vec<f64> {
        let of = |values: &Vec<f64>| median(&sample.iter().map(|&i| values[i]).collect::<Vec<_>>());
        self.accuracy.iter().map(|values| of(values).unwrap_or(f64::NAN)).collect()
    }

    /// The position of the cut that a score picks at a repeat.
    fn pick(&self, by_cut: &[Option<Vec<f64>>], repeat: usize) -> Option<usize> {
        let of = |i: usize| Some((i, by_cut[i].as_ref()?[repeat]));
        (0..by_cut.len()).filter_map(of).max_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0))).map(|(i, _)| i)
    }

    /// How many repeats there are.
    pub fn len(&self) -> usize {
        self.repeats.len()
    }

    /// Whether there are none, which [`Case::all`] does not make.
    pub fn is_empty(&self) -> bool {
        self.repeats.is_empty()
    }

    /// The cuts that a score picks, one a repeat.
    pub fn picks(&self, score: Score) -> Option<Vec<i64>> {
        let by_cut = self.scores.get(&score)?;
        (0..self.len()).map(|repeat| Some(self.cuts[self.pick(by_cut, repeat)?])).collect()
    }

    /// The regret of a choice: how far the median accuracy of what it picks is below that of the best cut, on average
    /// over some of the repeats (positions, all by `0..len`); each repeat scores its own reduced training set. `None` where
    /// the choice cannot be made here.
    pub fn regret(&self, choice: Choice, sample: &[usize]) -> Option<f64> {
        let medians = self.medians(sample);
        let best = medians.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        match choice {
            Choice::Always(cut) => Some(best - medians[self.cuts.binary_search(&cut).ok()?]),
            Choice::Random => {
                let after_layers: Vec<f64> =
                    self.cuts.iter().zip(&medians).filter(|(&c, _)| c > 0).map(|(_, m)| *m).collect();
                Some(best - mean(&after_layers)?)
            }
            Choice::Score(score) => {
                let by_cut = self.scores.get(&score)?;
                let regret = |&repeat: &usize| Some(best - medians[self.pick(by_cut, repeat)?]);
                let regrets: Option<Vec<f64>> = sample.iter().map(regret).collect();
                mean(&regrets?)
            }
        }
    }

    /// Kendall's tau of a score and the median accuracies over cuts, averaged over some of the repeats; 0 where all layers
    /// score alike, as the score then says nothing. `None` where there is no such score, or fewer than two cuts have one.
    pub fn tau(&self, score: Score, sample: &[usize]) -> Option<f64> {
        let by_cut = self.scores.get(&score)?;
        let medians = self.medians(sample);
        let tau = |&repeat: &usize| {
            let both = by_cut.iter().zip(&medians).filter_map(|(values, m)| Some((values.as_ref()?[repeat], *m)));
            let (x, y): (Vec<f64>, Vec<f64>) = both.unzip();
            Some(kendall(&x, &y).ok()?.unwrap_or(0.0))
        };
        let taus: Option<Vec<f64>> = sample.iter().map(tau).collect();
        mean(&taus?)
    }
}
