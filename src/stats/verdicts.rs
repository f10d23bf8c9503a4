//! Sentences on comparisons of experiments and of clusterings.

use std::borrow::Borrow;

use super::answer::{others_in_words, Answer};
use super::best::best_by;
use super::compare::Comparison;
use super::describe::median;
use super::family::repeats_needed;
use super::groups::{Group, Groups};
use super::names::{cannot_tell, cut_name, cut_names, percent};
use super::pairs::ALPHA;
use super::wilcoxon::{Method, Rule};
use crate::cluster::ClusterFile;
use crate::error::{Error, Result};
use crate::record::ResultFile;

/// What [`super::compare`] has found, in a sentence for each percentage: the cuts at which the first experiment is
/// significantly higher or lower than the second (Holm-corrected), and those where no difference is shown; or that there
/// are too few repeats to show one. `first` and `second` say what the experiments are.
pub fn compare_answer(rows: &[Comparison], first: &str, second: &str) -> Answer {
    let mut sentences = Vec::new();
    for at in rows.chunk_by(|a, b| a.percentage == b.percentage) {
        let cuts = |wanted: &dyn Fn(&Comparison) -> bool| {
            let cuts: Vec<i64> = at.iter().filter(|c| wanted(c)).map(|c| c.cut).collect();
            (!cuts.is_empty()).then(|| cut_names(&cuts))
        };
        let data = percent(at[0].percentage);
        let differs = |c: &Comparison| c.holm < ALPHA;
        // Where both experiments have the same runs there is nothing to compare.
        let comparisons = at.iter().filter(|c| c.test.method != Method::Identical).count();
        let most = at.iter().map(|c| c.test.count).max().unwrap_or(0);
        if comparisons > 0 && most < repeats_needed(comparisons) && !at.iter().any(differs) {
            sentences.push(format!("At {data} of the data {} {first} from {second}.", cannot_tell(most)));
            continue;
        }
        let parts = [
            (cuts(&|c| differs(c) && c.higher() == "first"), format!("is significantly higher than {second} at")),
            (cuts(&|c| differs(c) && c.higher() == "second"), format!("is significantly lower than {second} at")),
            (cuts(&|c| !differs(c)), format!("is not shown to differ from {second} at")),
        ];
        let parts: Vec<String> =
            parts.into_iter().filter_map(|(cuts, words)| Some(format!("{words} {}", cuts?))).collect();
        sentences.push(format!("At {data} of the data {first} {}.", parts.join("; it ")));
    }
    Answer::of(sentences)
}

/// What cuts gain over the baseline in several experiments whose accuracies cannot be compared themselves, as their tasks
/// differ: a sentence for each percentage with the cut of the highest median gain in each, and the cuts that cannot be
/// told from it (Wilcoxon as in SciPy, Holm-corrected for all pairs). A gain is the difference of a run to the baseline of
/// the same repeat; its median is not the difference of the medians. Experiments are given with their names.
///
/// # Errors
/// Those of [`Groups::new`] and [`super::best`]; [`Error::Parameter`] when an experiment has no baselines and cuts with
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
        format!("At {data} of the data the highest median gain over training anew is {}.", words.join(", "))
    };
    Ok(Answer::of(found.iter().map(sentence).collect()))
}

/// Which of several experiments on one task, such as the settings of a study, reaches the highest median test accuracy at
/// its best cut, and which cannot be told from it (Wilcoxon as in SciPy over repeats, Holm-corrected for all pairs): a
/// sentence for each percentage. Each experiment's best cut is chosen by the accuracies that are then compared, which
/// flatters the one with more cuts to choose from. Experiments are given with their names.
///
/// # Errors
/// Those of [`Groups::new`] and [`super::best`]; [`Error::Parameter`] when there is no experiment, when the test accuracies
/// are of other pictures, or when the repeats differ.
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
        for best in super::best(&groups, Rule::SciPy)? {
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
    let groups = Groups::of(of_best.iter().map(|(group, _)| group.clone()).collect());
    let sentence = |found: &super::Best| {
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
    Ok(Answer::of(super::best(&groups, Rule::SciPy)?.iter().map(sentence).collect()))
}

/// Which layer clusters best at each percentage, by the median adjusted Rand index over repeats, and which ones cannot be
/// told from it (Wilcoxon as in SciPy, Holm-corrected). Rows of one algorithm only ([`ClusterFile::by`]).
///
/// # Errors
/// [`Error::Parameter`] when there are no rows, rows of several algorithms, or a percentage, repeat and layer twice; when
/// a layer is not called `conv0`, `conv1`, ..; when layers have different repeats.
pub fn cluster_answer(clusterings: &ClusterFile) -> Result<Answer> {
    let algorithm = clusterings.algorithm_in_words()?;
    let sentence = |b: &super::Best| {
        format!(
            "At {} of the data {} has the highest median adjusted Rand index by {algorithm} clustering, {:.3}{}.",
            percent(b.percentage),
            layer_name(b.cut),
            b.median,
            others_in_words(b, "layer", &layer_name)
        )
    };
    Ok(Answer::of(super::best(&by_layer(clusterings)?, Rule::SciPy)?.iter().map(sentence).collect()))
}

/// The name of a convolution.
pub(super) fn layer_name(layer: i64) -> String {
    format!("conv{layer}")
}

/// The adjusted Rand indices of clusterings by percentage and layer; a layer's number stands where cuts have theirs.
///
/// # Errors
/// Those of [`cluster_answer`], but for layers with different repeats.
pub(super) fn by_layer(clusterings: &ClusterFile) -> Result<Groups> {
    clusterings.algorithm()?;
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
    Ok(Groups::of(rows.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)).map(group).collect()))
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
            "At 1% of the data the highest median gain over training anew is +0.100 at cut 2 (easy), -0.020 at cut 1 \
             (hard; cut 0 cannot be told from it)."
        );
        let (few, _) = of(3);
        assert!(few.contains("+0.100 at cut 2 (easy; 3 repeats cannot tell it from the others)"), "{few}");
        let error = gain_answer(&[("bare", &easy.cuts(0..=3))]).unwrap_err().to_string();
        assert!(error.contains("bare") && error.contains("baselines"), "{error}");
    }

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

    #[test]
    fn too_few_repeats_are_said_to_tell_nothing() {
        let first = experiment(5, |cut, repeat| 0.5 + off(repeat) + 0.01 * cut as f64);
        let second = experiment(5, |cut, repeat| 0.3 + off(repeat) + 0.01 * cut as f64);
        let groups = |r: &ResultFile| Groups::new(&r.cuts(0..=3).records).unwrap();
        let tests = compare(&groups(&first), &groups(&second), Rule::SciPy).unwrap();
        let said = compare_answer(&tests, "FR", "FT").to_string();
        assert_eq!(said, "At 1% of the data 5 repeats cannot tell FR from FT.");
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
