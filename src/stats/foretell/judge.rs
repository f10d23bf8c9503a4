//! What scores were worth, by the choice that they lead to.

use rand_xoshiro::rand_core::{RngCore, SeedableRng};
use rand_xoshiro::Xoshiro256Plus;

use super::case::{Case, Choice};
use crate::config::Setting;
use crate::stats::bootstrap::LEVEL;
use crate::stats::describe::quantile;
use crate::table::Table;

/// A number with its bootstrap interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// The lower end of its interval, at a level of 95%.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Estimate {
    /// A number, and the percentile interval of what resamples say it is.
    pub(super) fn new(value: f64, resampled: &[f64]) -> Estimate {
        let outside = (1.0 - LEVEL) / 2.0;
        let at = |q| quantile(resampled, q).unwrap_or(value);
        Estimate { value, low: at(outside), high: at(1.0 - outside) }
    }

    /// The number and its interval with some digits: `0.012 (0.004 to 0.020)`.
    pub fn text(&self, digits: usize) -> String {
        format!("{:.digits$} ({:.digits$} to {:.digits$})", self.value, self.low, self.high)
    }
}

/// Resamples of an interval.
pub(super) const RESAMPLES: usize = 1000;

/// Positions drawn from `n` with replacement, many times, and the same every time.
pub(super) fn resamples(n: usize) -> Vec<Vec<usize>> {
    let mut rng = Xoshiro256Plus::seed_from_u64(0);
    // Of the high bits, which are the random ones of this generator; n is far below 2^32.
    let mut draw = || (((rng.next_u64() >> 32) * n as u64) >> 32) as usize;
    (0..RESAMPLES).map(|_| (0..n).map(|_| draw()).collect()).collect()
}

/// What a choice was worth in one case.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The study.
    pub study: String,
    /// The setting that it was fine-tuned under.
    pub setting: Setting,
    /// Fraction of the target training data, with which layers were scored too.
    pub percentage: f64,
    /// The way of choosing a cut.
    pub choice: Choice,
    /// Seeds that the numbers are over.
    pub repeats: usize,
    /// How far below the best cut's accuracy the choice is ([`Case::regret`]).
    pub regret: Estimate,
    /// Rank correlation with accuracy over cuts ([`Case::tau`]); of scores only.
    pub tau: Option<Estimate>,
}

/// Judges every choice in every case. Intervals are by the bootstrap over seeds: of a seed its scores and its accuracies
/// are drawn together. The best cut is that of the same draws, so that intervals say how sure the regret is in this study,
/// with this source network; another study is another matter.
pub fn judge(cases: &[Case]) -> Vec<Judgement> {
    let mut judgements = Vec::new();
    for case in cases {
        let all: Vec<usize> = (0..case.len()).collect();
        let draws = resamples(case.len());
        for choice in case.choices() {
            let estimate = |of: &dyn Fn(&[usize]) -> Option<f64>| {
                let resampled: Vec<f64> = draws.iter().filter_map(|draw| of(draw)).collect();
                Some(Estimate::new(of(&all)?, &resampled))
            };
            let Some(regret) = estimate(&|sample| case.regret(choice, sample)) else { continue };
            let tau = match choice {
                Choice::Score(score) => estimate(&|sample| case.tau(score, sample)),
                _ => None,
            };
            judgements.push(Judgement {
                study: case.study.clone(),
                setting: case.setting,
                percentage: case.percentage,
                choice,
                repeats: case.len(),
                regret,
                tau,
            });
        }
    }
    judgements
}

/// Judgements as a table; the least regret of each study, setting and fraction is marked, that of fixed cuts, which nobody
/// knows before, left out of the comparison.
pub fn judgement_table(judgements: &[Judgement]) -> Table {
    let same =
        |a: &Judgement, b: &Judgement| a.study == b.study && a.setting == b.setting && a.percentage == b.percentage;
    let is_fixed = |j: &Judgement| matches!(j.choice, Choice::Always(_));
    let least = |j: &Judgement| {
        !is_fixed(j)
            && judgements.iter().filter(|o| same(o, j) && !is_fixed(o)).all(|o| o.regret.value >= j.regret.value)
    };
    let tau = |j: &Judgement, of: fn(&Estimate) -> f64| j.tau.as_ref().map(of);
    Table::of(judgements)
        .words("study", |j| j.study.clone())
        .words("setting", |j| j.setting.to_string())
        .fraction("percentage", |j| j.percentage)
        .titled("data")
        .words("choice", |j| j.choice.to_string())
        .count("repeats", |j| j.repeats)
        .number("regret", 4, |j| j.regret.value)
        .hidden()
        .number("regret_low", 4, |j| j.regret.low)
        .hidden()
        .number("regret_high", 4, |j| j.regret.high)
        .hidden()
        .words("regret_shown", |j| j.regret.text(3))
        .titled("regret")
        .right()
        .marked(least)
        .shown_only()
        .number("tau", 2, |j| tau(j, |t| t.value))
        .hidden()
        .number("tau_low", 2, |j| tau(j, |t| t.low))
        .hidden()
        .number("tau_high", 2, |j| tau(j, |t| t.high))
        .hidden()
        .words("tau_shown", |j| j.tau.map(|t| t.text(2)))
        .titled("Kendall's tau")
        .right()
        .shown_only()
        .done()
        .note("regret: median test accuracy of the best cut less that of the chosen one, mean over seeds; in brackets 95% intervals by the bootstrap over seeds; marked: the least of what can be chosen before fine-tuning")
}
