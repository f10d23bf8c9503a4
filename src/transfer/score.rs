//! The scores of a layer, by name.

use std::fmt;
use std::str::FromStr;

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::neighbours::usual_k;
use super::{cluster_agreement, h_score, linear_probe, log_me, nearest_class_mean, nearest_neighbours, trans_rate};
use crate::error::{Error, Result};

/// A score of how well a layer's features tell the target classes apart. Of each a higher value promises more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Score {
    /// [`h_score`].
    HScore,
    /// [`log_me`].
    LogMe,
    /// [`trans_rate`].
    TransRate,
    /// [`nearest_class_mean`].
    ClassMean,
    /// [`nearest_neighbours`] with five of them, or fewer where a class has no more images.
    Neighbours,
    /// The accuracy of [`linear_probe`].
    ProbeAccuracy,
    /// The log likelihood of [`linear_probe`].
    ProbeLikelihood,
    /// [`cluster_agreement`], the study's own.
    Ari,
}

impl Score {
    /// Every score of a layer.
    pub const ALL: [Score; 8] = [
        Score::HScore,
        Score::LogMe,
        Score::TransRate,
        Score::ClassMean,
        Score::Neighbours,
        Score::ProbeAccuracy,
        Score::ProbeLikelihood,
        Score::Ari,
    ];

    /// The score's name in words.
    pub fn words(self) -> &'static str {
        match self {
            Score::HScore => "H-score",
            Score::LogMe => "LogME",
            Score::TransRate => "TransRate",
            Score::ClassMean => "nearest class mean",
            Score::Neighbours => "nearest neighbours",
            Score::ProbeAccuracy => "linear probe (accuracy)",
            Score::ProbeLikelihood => "linear probe (likelihood)",
            Score::Ari => "adjusted Rand index of clusters",
        }
    }

    /// The score's name in a column's head.
    pub fn short(self) -> &'static str {
        match self {
            Score::HScore => "H-score",
            Score::LogMe => "LogME",
            Score::TransRate => "TransRate",
            Score::ClassMean => "class mean",
            Score::Neighbours => "neighbours",
            Score::ProbeAccuracy => "probe",
            Score::ProbeLikelihood => "likelihood",
            Score::Ari => "ARI",
        }
    }

    /// The score of a layer, from features (images x features) and the label of each image.
    ///
    /// # Errors
    /// Those of the score's function.
    pub fn of(self, features: ArrayView2<f64>, labels: &[u8]) -> Result<f64> {
        match self {
            Score::HScore => h_score(features, labels),
            Score::LogMe => log_me(features, labels),
            Score::TransRate => trans_rate(features, labels),
            Score::ClassMean => nearest_class_mean(features, labels),
            Score::Neighbours => nearest_neighbours(features, labels, usual_k(labels)),
            Score::ProbeAccuracy => linear_probe(features, labels).map(|probe| probe.accuracy),
            Score::ProbeLikelihood => linear_probe(features, labels).map(|probe| probe.log_likelihood),
            Score::Ari => cluster_agreement(features, labels),
        }
    }
}

/// Every score of a layer, in the order of [`Score::ALL`], from features (images x features) and labels. A score that
/// these images do not allow (a probe with one image of a class, say) has an error in its place that says why.
pub fn layer_scores(features: ArrayView2<f64>, labels: &[u8]) -> Vec<(Score, Result<f64>)> {
    // The probe has two scores and is the dearest: it is made once.
    let mut likelihood = None;
    let mut of = |score: Score| match score {
        Score::ProbeAccuracy => linear_probe(features, labels).map(|probe| {
            likelihood = Some(probe.log_likelihood);
            probe.accuracy
        }),
        Score::ProbeLikelihood => likelihood.map_or_else(|| score.of(features, labels), Ok),
        _ => score.of(features, labels),
    };
    Score::ALL.map(|score| (score, of(score))).into()
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Score::HScore => "h-score",
            Score::LogMe => "log-me",
            Score::TransRate => "trans-rate",
            Score::ClassMean => "class-mean",
            Score::Neighbours => "neighbours",
            Score::ProbeAccuracy => "probe-accuracy",
            Score::ProbeLikelihood => "probe-likelihood",
            Score::Ari => "ari",
        })
    }
}

impl FromStr for Score {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        Score::ALL.into_iter().find(|score| score.to_string().eq_ignore_ascii_case(s)).ok_or_else(|| {
            let names = Score::ALL.map(|score| score.to_string()).join(", ");
            Error::parameter("score", format!("one of {names}"), s)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn every_score_has_a_name_that_is_read_back_in_files_and_on_the_command_line() {
        for score in Score::ALL {
            assert_eq!(score.to_string().parse::<Score>().unwrap(), score);
            assert_eq!(serde_json::to_value(score).unwrap(), serde_json::json!(score.to_string()));
        }
        assert!("leap".parse::<Score>().unwrap_err().to_string().contains("h-score, log-me"));
    }

    #[test]
    fn what_images_do_not_allow_is_said_and_costs_no_other_score() {
        let features = Array2::from_shape_fn((7, 4), |(i, j)| ((i * 5 + j * 3) % 7) as f64);
        let scores = layer_scores(features.view(), &[0, 0, 1, 1, 2, 2, 3]);
        let (made, refused): (Vec<_>, Vec<_>) = scores.into_iter().partition(|(_, value)| value.is_ok());
        let names = |list: &[(Score, Result<f64>)]| list.iter().map(|(score, _)| *score).collect::<Vec<_>>();
        assert_eq!(names(&refused), [Score::ClassMean, Score::ProbeAccuracy, Score::ProbeLikelihood]);
        assert!(refused[1].1.as_ref().unwrap_err().to_string().contains("1 of class 3"));
        assert_eq!(made.len(), 5);
    }
}
