//! Sentences on comparisons of experiments and of clusterings.

use std::borrow::Borrow;

use super::answer::{others_in_words, Answer};
use super::best::best;
use super::compare::Comparison;
use super::describe::median;
use super::groups::{Group, Groups};
use super::names::{cut_name, cut_names, percent};
use super::pairs::ALPHA;
use super::wilcoxon::Rule;
use crate::cluster::ClusterFile;
use crate::error::{Error, Result};
use crate::record::ResultFile;

/// What [`super::compare`] has found, in a sentence for each percentage: the cuts at which the first experiment is
/// significantly higher or lower than the second (Holm-corrected), and those where no difference is shown. `first` and
/// `second` say what the experiments are.
pub fn compare_answer(rows: &[Comparison], first: &str, second: &str) -> Answer {
    let mut sentences = Vec::new();
    for at in rows.chunk_by(|a, b| a.percentage == b.percentage) {
        let cuts = |wanted: &dyn Fn(&Comparison) -> bool| {
            let cuts: Vec<i64> = at.iter().filter(|c| wanted(c)).map(|c| c.cut).collect();
            (!cuts.is_empty()).then(|| cut_names(&cuts))
        };
        let differs = |c: &Comparison| c.holm < ALPHA;
        let parts = [
            (cuts(&|c| differs(c) && c.higher() == "first"), format!("is significantly higher than {second} at")),
            (cuts(&|c| differs(c) && c.higher() == "second"), format!("is significantly lower than {second} at")),
            (cuts(&|c| !differs(c)), format!("is not shown to differ from {second} at")),
        ];
        let parts: Vec<String> =
            parts.into_iter().filter_map(|(cuts, words)| Some(format!("{words} {}", cuts?))).collect();
        sentences.push(format!("At {} of the data {first} {}.", percent(at[0].percentage), parts.join("; it ")));
    }
    Answer::of(sentences)
}

/// What cuts gain over the baseline in several experiments whose accuracies cannot be compared themselves, as their tasks
/// differ: a sentence for each percentage with the cut of the highest median gain in each. Experiments are given with
/// their names.
///
/// # Errors
/// Those of [`Groups::new`]; [`Error::Parameter`] when an experiment has no baselines and cuts with repeats in common.
pub fn gain_answer<R: Borrow<ResultFile>>(experiments: &[(&str, R)]) -> Result<Answer> {
    let mut found: Vec<(f64, Vec<String>)> = Vec::new();
    for (name, results) in experiments {
        let groups = Groups::new(&results.borrow().records)?;
        let mut any = false;
        for percentage in groups.percentages() {
            let gains = groups.cuts().into_iter().filter(|&cut| cut >= 0);
            let gains = gains.filter_map(|cut| Some((median(&groups.gains(percentage, cut))?, cut)));
            let Some((gain, cut)) = gains.max_by(|a, b| a.0.total_cmp(&b.0)) else { continue };
            let words = format!("{gain:+.3} at {} ({name})", cut_name(cut));
            any = true;
            match found.iter_mut().find(|(p, _)| *p == percentage) {
                Some((_, all)) => all.push(words),
                None => found.push((percentage, vec![words])),
            }
        }
        if !any {
            let found = format!("{name}: cuts {:?}", groups.cuts());
            return Err(Error::parameter("experiments", "baselines (cut -1) and cuts with repeats in common", found));
        }
    }
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    let sentence = |(percentage, words): &(f64, Vec<String>)| {
        let data = percent(*percentage);
        format!("At {data} of the data the highest median gain over training anew is {}.", words.join(", "))
    };
    Ok(Answer::of(found.iter().map(sentence).collect()))
}

/// Which layer clusters best at each percentage, by the median adjusted Rand index over repeats, and which ones cannot be
/// told from it (Wilcoxon as in SciPy, Holm-corrected). Rows of one algorithm only ([`ClusterFile::by`]).
///
/// # Errors
/// [`Error::Parameter`] when there are no rows, rows of several algorithms, or a percentage, repeat and layer twice; when
/// a layer is not called `conv0`, `conv1`, ..; when layers have different repeats.
pub fn cluster_answer(clusterings: &ClusterFile) -> Result<Answer> {
    let algorithm = clusterings.algorithm()?;
    let mut rows = Vec::new();
    for record in &clusterings.records {
        let layer: Option<i64> = record.layer.strip_prefix("conv").and_then(|n| n.parse().ok());
        let layer = layer.ok_or_else(|| Error::parameter("layer", "conv0, conv1, ..", &record.layer))?;
        rows.push((record.percentage, layer, record.repeat, record.scores.ari));
    }
    rows.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    if let Some(w) = rows.windows(2).find(|w| (w[0].0, w[0].1, w[0].2) == (w[1].0, w[1].1, w[1].2)) {
        let found = format!("two of percentage {}, conv{}, repeat {}", w[0].0, w[0].1, w[0].2);
        return Err(Error::parameter("records", "each percentage, layer and repeat once", found));
    }
    let group = |rows: &[(f64, i64, u64, f64)]| Group {
        percentage: rows[0].0,
        cut: rows[0].1,
        repeats: rows.iter().map(|r| r.2).collect(),
        accuracy: rows.iter().map(|r| r.3).collect(),
    };
    let layers = Groups::of(rows.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)).map(group).collect());
    let name = |layer: i64| format!("conv{layer}");
    let sentence = |b: &super::Best| {
        format!(
            "At {} of the data {} has the highest median adjusted Rand index by {algorithm} clustering, {:.3}{}.",
            percent(b.percentage),
            name(b.cut),
            b.median,
            others_in_words(b, "layer", &name)
        )
    };
    Ok(Answer::of(best(&layers, Rule::SciPy)?.iter().map(sentence).collect()))
}

#[cfg(test)]
mod tests {
    use super::super::compare;
    use super::*;
    use crate::params::Params;
    use crate::record::Record;

    /// `accuracy(cut, repeat)` for cuts -1 to 3 at 1%.
    fn experiment(repeats: u64, accuracy: impl Fn(i64, u64) -> f64) -> ResultFile {
        let mut rows: Vec<Record> = Vec::new();
        for cut in -1..=3 {
            for repeat in 0..repeats {
                let row = serde_json::json!({"lr": 0.1, "sampled_percentage": 0.01, "sampled_cut_point": cut,
                    "repeat": repeat, "train_acc": 1.0, "test_acc": accuracy(cut, repeat)});
                rows.push(serde_json::from_value(row).unwrap());
            }
        }
        ResultFile::new(Params::default(), rows)
    }

    fn off(repeat: u64) -> f64 {
        0.001 * repeat as f64
    }

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
    fn gains_are_over_the_baseline_of_the_same_repeat() {
        let easy = experiment(3, |cut, repeat| 0.5 + 10.0 * off(repeat) + if cut == 2 { 0.1 } else { 0.0 });
        let hard =
            experiment(3, |cut, repeat| 0.3 + off(repeat) - if cut >= 0 { 0.02 + 0.01 * cut as f64 } else { 0.0 });
        assert_eq!(
            gain_answer(&[("easy", &easy), ("hard", &hard)]).unwrap().to_string(),
            "At 1% of the data the highest median gain over training anew is +0.100 at cut 2 (easy), -0.020 at cut 0 \
             (hard)."
        );
        let error = gain_answer(&[("bare", &easy.cuts(0..=3))]).unwrap_err().to_string();
        assert!(error.contains("bare") && error.contains("baselines"), "{error}");
    }

    fn clusterings(repeats: u64, ari: impl Fn(u64, u64) -> f64) -> ClusterFile {
        let mut records = Vec::new();
        for layer in 0..3 {
            for repeat in 0..repeats {
                let row = serde_json::json!({"Percentage": 0.1, "Repeat": repeat, "Layer": format!("conv{layer}"),
                    "Precision": 0.5, "Recall": 0.5, "Accuracy": 0.5, "ARI": ari(layer, repeat),
                    "Dataset": "Finetune", "Split": "Train", "Algorithm": "k-means"});
                records.push(serde_json::from_value(row).unwrap());
            }
        }
        ClusterFile { records }
    }

    #[test]
    fn the_layer_that_clusters_best_is_named_with_those_that_cannot_be_told_from_it() {
        // conv1 and conv2 differ by turns, conv0 is lower in every repeat and below 0, as the index can be.
        let turns = |layer: u64, repeat: u64| match layer {
            0 => -0.1 + off(repeat),
            1 => 0.4 + off(repeat),
            _ => 0.4 + off(repeat) + if repeat.is_multiple_of(2) { 0.0011 } else { -0.001 },
        };
        let said = cluster_answer(&clusterings(12, turns)).unwrap().to_string();
        assert!(said.starts_with("At 10% of the data conv"), "{said}");
        assert!(said.contains("index by k-means clustering, 0.40"), "{said}");
        assert!(said.contains("cannot be told from conv") && !said.contains("conv0"), "{said}");
        let few = cluster_answer(&clusterings(3, turns)).unwrap().to_string();
        assert!(few.ends_with("; 3 repeats cannot tell it from the others."), "{few}");
        let mut mixed = clusterings(3, turns);
        mixed.records[0].algorithm = "average".into();
        assert!(cluster_answer(&mixed).unwrap_err().to_string().contains("one algorithm"));
        let mut twice = clusterings(3, turns);
        twice.records.push(twice.records[0].clone());
        assert!(cluster_answer(&twice).unwrap_err().to_string().contains("two of percentage 0.1, conv0, repeat 0"));
    }
}
