//! A cut for the data at hand, before any fine-tuning, and what the evidence says it may cost.

use std::collections::BTreeMap;
use std::fmt;

use super::across::{best_cut, best_score, of_group, Across, Policy, FEWEST_STUDIES};
use super::evidence::{Evidence, EvidenceCase};
use super::judge::Estimate;
use crate::config::Setting;
use crate::data::Samples;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::notebook::display;
use crate::stats::describe::mean;
use crate::stats::tests::ALPHA;
use crate::table::{cut_name, percent};
use crate::transfer::{LayerFeatures, Score, View};

/// What is known before fine-tuning.
#[derive(Clone, Debug, PartialEq)]
pub struct Situation {
    /// How the network will be fine-tuned.
    pub setting: Setting,
    /// Images of each class that there are to train on, on average.
    pub images_per_class: f64,
    /// The scores of each layer or block, in order; the cut after the first is cut 1.
    pub layers: Vec<BTreeMap<Score, f64>>,
    /// Whether the network is of the kind that the evidence is of: six convolutions of 64 channels and a linear layer.
    pub is_of_the_kind: bool,
}

impl Situation {
    /// A network of this crate and the images at hand: every layer is scored on them.
    ///
    /// # Errors
    /// Those of [`LayerFeatures::new`].
    pub fn new(model: &dyn Model, images: &Samples, setting: Setting) -> Result<Situation> {
        let layers = LayerFeatures::new(model, images, View::Channels)?;
        Ok(Situation { is_of_the_kind: is_of_the_kind(model), ..Situation::of_features(&layers, setting) })
    }

    /// A network of any other kind, known by the features that its blocks make of the images at hand.
    pub fn of_features(layers: &LayerFeatures, setting: Setting) -> Situation {
        let mut classes = layers.labels().to_vec();
        classes.sort_unstable();
        classes.dedup();
        let images_per_class = layers.len() as f64 / classes.len().max(1) as f64;
        Situation { setting, images_per_class, layers: layers.scores(), is_of_the_kind: false }
    }
}

/// Whether a network is like those of the evidence: the study's, of six convolutions with 64 channels and windows of
/// three by three.
fn is_of_the_kind(model: &dyn Model) -> bool {
    let convolutions = model.convolutions();
    let is_usual = |(_, weight): &(String, tch::Tensor)| {
        let size = weight.size();
        (size[0], size[2], size[3]) == (64, 3, 3)
    };
    model.as_study().is_some() && convolutions.len() == 6 && convolutions.iter().all(is_usual)
}

/// A cut, a few that may be as good, and what to expect.
#[derive(Clone, Debug, PartialEq)]
pub struct Recommendation {
    /// The cut to take.
    pub cut: i64,
    /// What it was chosen by.
    pub policy: Policy,
    /// Other cuts worth a run: what the best score picks, and cuts whose regret elsewhere was no more than what is expected
    /// of the first at worst. At most two.
    pub also: Vec<i64>,
    /// The regret to expect, in test accuracy, with its interval over studies; `None` where the evidence does not reach.
    pub expected: Option<Estimate>,
    /// The largest regret of the same choice in any study; `None` as [`Recommendation::expected`].
    pub worst: Option<f64>,
    /// Studies behind it.
    pub studies: usize,
    /// The fraction of the data in those studies that has about as many images of a class.
    pub percentage: f64,
    sentences: Vec<String>,
}

/// Evidence is asked for so many times more or fewer images of a class, at most.
const REACH: f64 = 4.0;
/// Further cuts that are named.
const FURTHER: usize = 2;

/// Recommends a cut. Of the studies with about as many images of a class, the better of two policies is taken: always the
/// cut that did best there, or the cut that the best score picks; the score only where it is significantly better by
/// Wilcoxon's test over studies, each left out when the policy was learnt. Their regrets are what is to be expected, where
/// the network and the number of images are like the evidence's; elsewhere no regret is promised, and it is said why.
///
/// # Errors
/// [`Error::Parameter`] when no layer is given, the number of images is not above 0, or the evidence has fewer than
/// [`FEWEST_STUDIES`] studies of the setting.
pub fn recommend(evidence: &Evidence, situation: &Situation) -> Result<Recommendation> {
    let Situation { setting, images_per_class, layers, is_of_the_kind } = situation;
    if layers.is_empty() {
        return Err(Error::parameter("layers", "the scores of one layer or more", "none"));
    }
    if !(images_per_class.is_finite() && *images_per_class > 0.0) {
        return Err(Error::parameter("images_per_class", "a number above 0", images_per_class));
    }
    let (percentage, cases) = nearest(evidence, *setting, *images_per_class)?;
    let middle = over(&cases, |c| c.images_per_class);
    let rows = of_group(*setting, percentage, &cases)?;
    let row = |policy: Policy| rows.iter().find(|r| r.policy == policy);
    let fixed = row(Policy::LearntCut).ok_or_else(|| Error::parameter("evidence", "the regret of cuts", "none"))?;
    let score = best_score(&cases);
    let by_score = row(Policy::LearntScore).filter(|r| is_better(r, fixed));
    let depth = cases.iter().map(|c| c.of_cut.len() - 1).min().unwrap_or(0);
    let scaled = |cut: usize| match depth {
        0 => 0,
        depth => (cut as f64 * layers.len() as f64 / depth as f64).round() as i64,
    };
    let fixed_cut = best_cut(&cases).map(scaled).unwrap_or_default();
    let picked = score.and_then(|score| pick(layers, score));
    let (chosen, cut) = match (by_score, picked) {
        (Some(row), Some(picked)) => (row, picked),
        _ => (fixed, fixed_cut),
    };
    let mut also: Vec<i64> = picked.into_iter().chain([fixed_cut]).collect();
    let mut near: Vec<(usize, f64)> = (0..=depth).map(|cut| (cut, over(&cases, |c| c.of_cut[cut]))).collect();
    near.retain(|(_, regret)| *regret <= chosen.regret.high);
    near.sort_by(|a, b| a.1.total_cmp(&b.1));
    also.extend(near.into_iter().map(|(cut, _)| scaled(cut)));
    let mut seen = vec![cut];
    also.retain(|&other| {
        !seen.contains(&other) && {
            seen.push(other);
            true
        }
    });
    also.truncate(FURTHER);
    let is_near = (1.0 / REACH..=REACH).contains(&(images_per_class / middle));
    let known = *is_of_the_kind && is_near;
    let mut found = Recommendation {
        cut,
        policy: chosen.policy,
        also,
        expected: known.then_some(chosen.regret),
        worst: known.then(|| chosen.worst()),
        studies: cases.len(),
        percentage,
        sentences: Vec::new(),
    };
    found.sentences = sentences(&found, situation, (middle, depth), score, (fixed, row(Policy::LearntScore)));
    Ok(found)
}

/// The mean over studies.
fn over(cases: &[&EvidenceCase], value: impl Fn(&EvidenceCase) -> f64) -> f64 {
    mean(&cases.iter().map(|c| value(c)).collect::<Vec<_>>()).unwrap_or(f64::NAN)
}

/// Whether a policy has less regret than always the same cut, and significantly so.
fn is_better(row: &Across, fixed: &Across) -> bool {
    row.regret.value < fixed.regret.value && row.p_value.is_some_and(|p| p < ALPHA)
}

/// The fraction whose studies have about as many images of a class, of those with enough studies.
fn nearest(evidence: &Evidence, setting: Setting, images: f64) -> Result<(f64, Vec<&EvidenceCase>)> {
    let groups = evidence.groups().into_iter().filter(|group| group.0 == setting);
    let groups = groups.map(|(_, percentage)| (percentage, evidence.at(setting, percentage)));
    let enough = groups.filter(|(_, cases)| cases.len() >= FEWEST_STUDIES);
    let distance = |cases: &[&EvidenceCase]| (over(cases, |c| c.images_per_class) / images).ln().abs();
    enough.min_by(|a, b| distance(&a.1).total_cmp(&distance(&b.1))).ok_or_else(|| {
        let expected = format!("{FEWEST_STUDIES} studies or more of setting {setting} at some fraction of the data");
        Error::parameter("evidence", expected, format!("{} cases", evidence.cases.len()))
    })
}

/// The cut that a score picks: after the layer with the highest; of equal ones the last.
fn pick(layers: &[BTreeMap<Score, f64>], score: Score) -> Option<i64> {
    let values = layers.iter().enumerate().filter_map(|(i, layer)| Some((i, *layer.get(&score)?)));
    values.max_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0))).map(|(i, _)| i as i64 + 1)
}

fn sentences(
    found: &Recommendation,
    situation: &Situation,
    (middle, depth): (f64, usize),
    score: Option<Score>,
    (fixed, learnt): (&Across, Option<&Across>),
) -> Vec<String> {
    let Recommendation { cut, also, studies, percentage, .. } = found;
    let further = match also.as_slice() {
        [] => String::new(),
        also => format!(
            "; if there is time for more than one run, also {}",
            also.iter().map(|&c| cut_name(c)).collect::<Vec<_>>().join(" and ")
        ),
    };
    let mut sentences = vec![format!("Take {}{further}.", cut_name(*cut))];
    let like = format!(
        "{studies} studies at {} of their data, with about {middle:.0} images of a class",
        percent(*percentage)
    );
    sentences.push(match (score, learnt, found.policy) {
        (Some(score), Some(row), Policy::LearntScore) => format!(
            "By {}: in {like}, choosing by the score that did best in the other studies cost {} of test accuracy, and always the same cut {}.",
            score.words(), row.regret.text(3), fixed.regret.text(3)
        ),
        (Some(score), Some(row), _) => format!(
            "Always the same cut: in {like}, no score is shown to do better than that. The cut that did best in the other studies cost {} of test accuracy, choosing by the score that did best there {} (p {:.2}); here {}, the best one over all, picks {}.",
            fixed.regret.text(3), row.regret.text(3), row.p_value.unwrap_or(f64::NAN), score.words(),
            pick(&situation.layers, score).map_or("none".to_owned(), cut_name)
        ),
        _ => format!("Always the same cut, the best one in {like}."),
    });
    sentences.push(match (found.expected, found.worst) {
        (Some(expected), Some(worst)) => format!(
            "Expect to lose {:.3} against the best cut, which only fine-tuning them all would find; the mean over studies is known to between {:.3} and {:.3}, and the worst study lost {worst:.3}. {studies} studies are few, and they share data sets.",
            expected.value, expected.low, expected.high
        ),
        _ if !situation.is_of_the_kind => format!(
            "What it may cost cannot be said: the evidence is of networks of {depth} convolutions on small images, this one has {} blocks, and the cut is at the same fraction of its depth.",
            situation.layers.len()
        ),
        _ => format!(
            "What it may cost cannot be said: there are {:.0} images of a class here, and the nearest evidence has about {middle:.0}.",
            situation.images_per_class
        ),
    });
    sentences
}

impl Recommendation {
    /// What to do, why, and what it may cost: one sentence or two each.
    pub fn sentences(&self) -> &[String] {
        &self.sentences
    }

    /// Shows the sentences in a notebook.
    pub fn evcxr_display(&self) {
        let items: String = self.sentences.iter().map(|s| format!("<li>{}</li>", display::escaped(s))).collect();
        display::show(&[("text/html", &format!("<ul>{items}</ul>")), ("text/plain", &self.to_string())]);
    }
}

impl fmt::Display for Recommendation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentences.join("\n"))
    }
}
