//! Over studies: what a choice that was made on the others was worth in each.

use super::evidence::{Evidence, EvidenceCase};
use super::judge::{resamples, Estimate};
use crate::config::Setting;
use crate::error::Result;
use crate::stats::describe::mean;
use crate::stats::tests::{wilcoxon, Rule};
use crate::table::Table;
use crate::transfer::Score;

/// A way of choosing a cut for a study that was not there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// By one score.
    Score(Score),
    /// By the score that had the least mean regret in the other studies.
    LearntScore,
    /// Always the cut that had the least mean regret in the other studies.
    LearntCut,
    /// At random among the cuts after a layer.
    Random,
}

impl std::fmt::Display for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Policy::Score(score) => f.pad(score.words()),
            Policy::LearntScore => f.pad("the score that did best elsewhere"),
            Policy::LearntCut => f.pad("the cut that did best elsewhere"),
            Policy::Random => f.pad("a cut at random"),
        }
    }
}

/// What a policy was worth over studies, each left out when the policy was learnt.
#[derive(Clone, Debug, PartialEq)]
pub struct Across {
    /// The setting of fine-tuning.
    pub setting: Setting,
    /// Fraction of the target training data.
    pub percentage: f64,
    /// The policy.
    pub policy: Policy,
    /// Its regret in each study, in the order of the evidence.
    pub regrets: Vec<(String, f64)>,
    /// Their mean, with an interval by the bootstrap over studies.
    pub regret: Estimate,
    /// The p-value of its regrets beside those of [`Policy::LearntCut`], by Wilcoxon's test over studies (two-sided, as
    /// SciPy); `None` for that policy itself.
    pub p_value: Option<f64>,
}

impl Across {
    /// The largest regret in any study.
    pub fn worst(&self) -> f64 {
        self.regrets.iter().map(|(_, regret)| *regret).fold(0.0, f64::max)
    }
}

/// The fewest studies that something can be learnt from and tried on.
pub const FEWEST_STUDIES: usize = 3;

/// Every policy over the studies of each setting and fraction with [`FEWEST_STUDIES`] or more. Scores that some study of a
/// share lacks are left out there.
///
/// # Errors
/// Those of [`wilcoxon`].
pub fn across(evidence: &Evidence) -> Result<Vec<Across>> {
    let mut all = Vec::new();
    for (setting, percentage) in evidence.groups() {
        let cases = evidence.at(setting, percentage);
        if cases.len() >= FEWEST_STUDIES {
            all.extend(of_group(setting, percentage, &cases)?);
        }
    }
    Ok(all)
}

/// The policies of one setting and fraction.
pub(super) fn of_group(setting: Setting, percentage: f64, cases: &[&EvidenceCase]) -> Result<Vec<Across>> {
    let policies = scores_of_all(cases).into_iter().map(Policy::Score);
    let policies = [Policy::LearntCut, Policy::Random, Policy::LearntScore].into_iter().chain(policies);
    let draws = resamples(cases.len());
    let mut found: Vec<Across> = Vec::new();
    for policy in policies {
        let Some(regrets) = regrets(policy, cases) else { continue };
        let middle = |values: &[f64]| mean(values).unwrap_or(f64::NAN);
        let resampled: Vec<f64> =
            draws.iter().map(|d| middle(&d.iter().map(|&i| regrets[i]).collect::<Vec<_>>())).collect();
        let p_value = match found.first() {
            Some(learnt_cut) => {
                let others: Vec<f64> = learnt_cut.regrets.iter().map(|r| r.1).collect();
                Some(wilcoxon(&regrets, &others, Rule::SciPy)?.p_value)
            }
            None => None,
        };
        found.push(Across {
            setting,
            percentage,
            policy,
            regret: Estimate::new(middle(&regrets), &resampled),
            regrets: cases.iter().map(|c| c.study.clone()).zip(regrets).collect(),
            p_value,
        });
    }
    Ok(found)
}

/// The scores that all cases have.
pub(super) fn scores_of_all(cases: &[&EvidenceCase]) -> Vec<Score> {
    Score::ALL.into_iter().filter(|score| cases.iter().all(|c| c.of_score.contains_key(score))).collect()
}

/// The cut of the least mean regret in some cases, of those that all have; of equal ones the last.
pub(super) fn best_cut(cases: &[&EvidenceCase]) -> Option<usize> {
    let cuts = cases.iter().map(|c| c.of_cut.len()).min()?;
    let sum = |cut: usize| cases.iter().map(|c| c.of_cut[cut]).sum::<f64>();
    (0..cuts).min_by(|&a, &b| sum(a).total_cmp(&sum(b)).then(b.cmp(&a)))
}

/// The score of the least mean regret in some cases; of equal ones the first.
pub(super) fn best_score(cases: &[&EvidenceCase]) -> Option<Score> {
    let sum = |score: &Score| cases.iter().map(|c| c.of_score[score]).sum::<f64>();
    scores_of_all(cases).into_iter().min_by(|a, b| sum(a).total_cmp(&sum(b)))
}

/// The regret of a policy in each case, learnt on the others.
fn regrets(policy: Policy, cases: &[&EvidenceCase]) -> Option<Vec<f64>> {
    let of = |(left_out, case): (usize, &&EvidenceCase)| {
        let others: Vec<&EvidenceCase> =
            cases.iter().enumerate().filter(|(i, _)| *i != left_out).map(|(_, c)| *c).collect();
        match policy {
            Policy::Score(score) => case.of_score.get(&score).copied(),
            Policy::LearntScore => case.of_score.get(&best_score(&others)?).copied(),
            Policy::LearntCut => case.of_cut.get(best_cut(&others)?).copied(),
            Policy::Random => Some(case.random),
        }
    };
    cases.iter().enumerate().map(of).collect()
}

/// Policies over studies as a table; the least mean regret of each setting and fraction is marked.
pub fn across_table(rows: &[Across]) -> Table {
    let same = |a: &Across, b: &Across| a.setting == b.setting && a.percentage == b.percentage;
    let least = |row: &Across| rows.iter().filter(|o| same(o, row)).all(|o| o.regret.value >= row.regret.value);
    Table::of(rows)
        .words("setting", |r| r.setting.to_string())
        .fraction("percentage", |r| r.percentage)
        .titled("data")
        .words("policy", |r| r.policy.to_string())
        .titled("choice")
        .count("studies", |r| r.regrets.len())
        .number("regret", 4, |r| r.regret.value)
        .hidden()
        .number("regret_low", 4, |r| r.regret.low)
        .hidden()
        .number("regret_high", 4, |r| r.regret.high)
        .hidden()
        .words("regret_shown", |r| r.regret.text(3))
        .titled("mean regret")
        .right()
        .marked(least)
        .shown_only()
        .number("worst", 3, Across::worst)
        .number("p_value", 3, |r| r.p_value)
        .titled("p")
        .done()
        .note("each study left out of what is learnt elsewhere; in brackets 95% intervals by the bootstrap over studies; p: Wilcoxon's test over studies against the cut that did best elsewhere")
}
