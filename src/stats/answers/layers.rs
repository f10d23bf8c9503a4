//! Layers by how well their features cluster, in sentences.

use super::base::{others_in_words, Answer};
use crate::cluster::{ClusterFile, ClusterScore};
use crate::error::Result;
use crate::stats::analysis::{best, by_layer, Best};
use crate::stats::tests::Rule;
use crate::table::percent;

/// Which layer clusters best at each percentage, by the median adjusted Rand index over repeats, and which ones cannot be
/// told from it (Wilcoxon as in SciPy, Holm-corrected). Rows of one algorithm only ([`ClusterFile::by`]).
///
/// # Errors
/// Those of [`by_layer`]; [`Error::Parameter`](crate::error::Error::Parameter) when layers have different repeats.
pub fn cluster_answer(clusterings: &ClusterFile) -> Result<Answer> {
    let algorithm = clusterings.algorithm_in_words()?;
    let sentence = |b: &Best| {
        format!(
            "At {} of the data {} has the highest median adjusted Rand index by {algorithm} clustering, {:.3}{}.",
            percent(b.percentage),
            b.quantity.name(b.cut),
            b.median,
            others_in_words(b, "layer", &|layer| b.quantity.name(layer))
        )
    };
    Ok(Answer::of(best(&by_layer(clusterings, ClusterScore::Ari)?, Rule::SciPy)?.iter().map(sentence).collect()))
}

#[cfg(test)]
mod tests {
    use super::super::example::off;
    use super::*;

    /// The same of a network of blocks, whose rows say where its layers are.
    fn of_blocks(mut file: ClusterFile, names: [&str; 3]) -> ClusterFile {
        for record in &mut file.records {
            let place = record.place().unwrap();
            (record.layer, record.cut) = (names[place as usize].to_owned(), Some(place + 1));
        }
        file
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
        let blocks = of_blocks(clusterings(12, turns), ["stem", "layer1", "layer2"]);
        let said = cluster_answer(&blocks).unwrap().to_string();
        assert!(
            said.contains("cannot be told from layer") && !said.contains("conv") && !said.contains("stem"),
            "{said}"
        );
        let mut two_networks = clusterings(12, turns);
        two_networks.records.extend(of_blocks(clusterings(13, turns), ["conv0", "layer1", "layer2"]).records);
        let error = cluster_answer(&two_networks).unwrap_err().to_string();
        assert!(error.contains("layer") && error.contains("at place 1"), "{error}");
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
