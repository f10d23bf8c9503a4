//! Does the clustering of a layer's features foretell how well the cut after it transfers?

use std::fmt;

use crate::cluster::{ClusterFile, ClusterScore};
use crate::error::{Error, Result};
use crate::results::ResultFile;
use crate::stats::analysis::{best_by, by_layer, Best};
use crate::stats::answers::Answer;
use crate::stats::describe::median;
use crate::stats::groups::Groups;
use crate::stats::tests::{spearman_exact, Correlation, Rule, ALPHA, MOST_ORDERED};
use crate::table::{cannot_tell, cut_name, percent, Table};

/// One layer at one percentage: how its features cluster, and how the cut right after it does.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerScore {
    /// Fraction of the target training data, from above 0 to 1.
    pub percentage: f64,
    /// The layer's place in the network, from 0.
    pub layer: usize,
    /// Its name: `conv0`, or a block's own.
    pub name: String,
    /// Median adjusted Rand index over repeats.
    pub ari: f64,
    /// Median test accuracy of the cut after the layer, `layer` + 1, over repeats; from 0 to 1.
    pub accuracy: f64,
}

/// Clusterings beside an experiment: a transferability score, and what it was worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Transferability {
    /// By percentage, then layer: those that both have.
    pub layers: Vec<LayerScore>,
    /// By percentage, the rank correlation over layers of the two; exact p-values.
    pub correlations: Vec<(f64, Correlation)>,
    /// By percentage, the layer of those here that clusters best, beside the others.
    pub best_layers: Vec<Best>,
    /// By percentage, the best cut, beside the others.
    pub best_cuts: Vec<Best>,
}

/// Puts clusterings by one algorithm ([`ClusterFile::by`]) beside an experiment's cuts.
///
/// # Errors
/// [`Error::Parameter`] when there are no clusterings, or some by several algorithms; when fewer than three layers, or
/// more than [`MOST_ORDERED`], have both at some percentage; those of [`cluster_answer`](super::cluster_answer), [`Groups::new`] and
/// [`best`](super::best()).
pub fn transferability(clusterings: &ClusterFile, results: &ResultFile) -> Result<Transferability> {
    let algorithm = clusterings.algorithm()?;
    let groups = Groups::new(&results.records)?;
    let of_layers = by_layer(clusterings, ClusterScore::Ari)?;
    let quantity = of_layers.quantity();
    let (mut layers, mut correlations) = (Vec::new(), Vec::new());
    for percentage in groups.percentages() {
        let of_layer = |layer: usize| {
            let ari = median(&of_layers.get(percentage, layer as i64)?.accuracy)?;
            let accuracy = median(&groups.get(percentage, layer as i64 + 1)?.accuracy)?;
            Some(LayerScore { percentage, layer, name: quantity.name(layer as i64), ari, accuracy })
        };
        let both: Vec<LayerScore> = (0..=MOST_ORDERED).filter_map(of_layer).collect();
        if both.is_empty() {
            continue;
        }
        let (x, y): (Vec<f64>, Vec<f64>) = both.iter().map(|l| (l.ari, l.accuracy)).unzip();
        correlations.push((percentage, spearman_exact(&x, &y)?));
        layers.extend(both);
    }
    if layers.is_empty() {
        let expected = format!("clusterings by {algorithm} at a percentage of the experiment");
        return Err(Error::parameter("clusterings", expected, format!("{} others", clusterings.records.len())));
    }
    let has_both = |percentage: f64, layer: i64| {
        layers.iter().any(|l: &LayerScore| l.percentage == percentage && l.layer as i64 == layer)
    };
    // Layers and cuts can be compared over the repeats that they share; a clustering that its vectors did not allow has no
    // row, and a sweep may be unfinished.
    let of_layers = of_layers.only_where(|g| has_both(g.percentage, g.cut)).common_repeats()?.0;
    let both = |percentage: f64| layers.iter().any(|l| l.percentage == percentage);
    let cuts = groups.with_paired_baseline().only_where(|g| both(g.percentage)).common_repeats()?.0;
    let best_layers = best_by(&of_layers, Rule::SciPy, |g| median(&g.accuracy))?;
    let best_cuts = best_by(&cuts, Rule::SciPy, |g| median(&g.accuracy).filter(|_| g.cut >= 0))?;
    Ok(Transferability { layers, correlations, best_layers, best_cuts })
}

impl Transferability {
    /// The layers as a table; the highest of both columns marked at each percentage.
    pub fn table(&self) -> Table {
        let highest = |of: &dyn Fn(&LayerScore) -> f64, l: &LayerScore| {
            let others = self.layers.iter().filter(|other| other.percentage == l.percentage);
            others.map(of).all(|other| other <= of(l))
        };
        Table::of(&self.layers)
            .fraction("percentage", |l| l.percentage)
            .titled("data")
            .words("layer", |l| l.name.clone())
            .shown_only()
            .count("layer", |l| l.layer)
            .hidden()
            .number("ari", 3, |l| l.ari)
            .titled("ARI")
            .marked(|l| highest(&|l| l.ari, l))
            .cut("cut", |l| l.layer as i64 + 1)
            .left()
            .shown_only()
            .number("accuracy", 3, |l| l.accuracy)
            .marked(|l| highest(&|l| l.accuracy, l))
            .done()
            .note("medians over repeats: adjusted Rand index of a layer's clusters, test accuracy of the cut after it")
    }

    /// Whether clustering has foretold the best cut, and whether its order of layers is that of accuracy, for each
    /// percentage that both have.
    pub fn answer(&self) -> Answer {
        let sentence = |(percentage, correlation): &(f64, Correlation)| {
            let at = |best: &'_ [Best]| best.iter().find(|b| b.percentage == *percentage).cloned();
            let (layer, cut) = (at(&self.best_layers)?, at(&self.best_cuts)?);
            let rho = correlation.rho.map_or("none, as one of them is constant".to_owned(), |rho| format!("{rho:+.2}"));
            let weight = match correlation.p_two_sided < ALPHA {
                true => "unlikely by chance, if this were the only correlation looked at",
                false => "not distinguishable from chance",
            };
            Some(format!(
                "At {} of the data {} has the highest median adjusted Rand index{}; {}. Over {} layers the rank correlation \
                 of clusters and accuracy is {rho}, p {:.3}: {weight}.",
                percent(*percentage),
                layer.quantity.name(layer.cut),
                uncertainty(&layer),
                self.foretold(&layer, &cut),
                correlation.points,
                correlation.p_two_sided
            ))
        };
        Answer::of(self.correlations.iter().filter_map(sentence).collect())
    }

    /// What the cut after the layer that clusters best is worth beside the best cut, and so whether clustering has foretold
    /// it. Where other layers cannot be told from that one, clustering says no more than they all do.
    fn foretold(&self, layer: &Best, cut: &Best) -> String {
        let after = layer.cut + 1;
        let is_good = |after: i64| after == cut.cut || cut.alike().contains(&after);
        let of_layers = |l: &&LayerScore| l.percentage == cut.percentage && l.layer as i64 == layer.cut;
        let below = self.layers.iter().find(of_layers).map_or(f64::NAN, |l| cut.median - l.accuracy);
        let place = match after == cut.cut {
            true => format!("{}, right after it, is the best", cut_name(after)),
            false => {
                format!("{}, right after it, is {below:.3} below {}, the best", cut_name(after), cut_name(cut.cut))
            }
        };
        if cut.tells_nothing() {
            return format!("{place}, and {} cuts apart", cannot_tell(cut.repeats));
        }
        let at = self.layers.iter().filter(|l| l.percentage == cut.percentage);
        if at.map(|l| l.layer as i64 + 1).all(is_good) {
            return format!(
                "{place}, and no cut after a layer can be told from the best: there was nothing to foretell"
            );
        }
        let differs = match (after == cut.cut, is_good(after)) {
            (true, _) => "",
            (_, true) => ", and cannot be told from it",
            _ => ", and significantly worse",
        };
        // Layers that might as well be the best, and would have said otherwise.
        let others = layer.alike().into_iter().filter(|&other| is_good(other + 1) != is_good(after));
        let others = others.map(|other| layer.quantity.name(other)).collect::<Vec<_>>();
        let verdict = match (is_good(after), others.is_empty()) {
            (true, _) if after == cut.cut => "clustering has foretold it",
            (true, true) => "clustering has foretold a cut as good, as far as can be told",
            (true, false) => "clustering has foretold a cut as good",
            (false, _) => "clustering has not foretold the best cut",
        };
        let (names, cuts) = (others.join(", "), if others.len() == 1 { "whose cut is" } else { "whose cuts are" });
        let doubt = match (is_good(after), others.is_empty()) {
            (_, true) => String::new(),
            (true, _) => format!(", by its median only: {names}, {cuts} worse, may cluster as well"),
            (false, _) => format!(", though {names}, {cuts} as good as the best, may cluster as well"),
        };
        format!("{place}{differs}: {verdict}{doubt}")
    }

    /// Shows the table and the sentences in a notebook.
    pub fn evcxr_display(&self) {
        self.table().evcxr_display();
        self.answer().evcxr_display();
    }
}

/// The layers that cannot be told from the best, in brackets.
fn uncertainty(layer: &Best) -> String {
    let alike = layer.quantity.names(&layer.alike());
    if layer.tells_nothing() {
        format!(" ({} it from the others)", cannot_tell(layer.repeats))
    } else if alike.is_empty() {
        String::new()
    } else {
        format!(" ({alike} cannot be told from it)")
    }
}

impl fmt::Display for Transferability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.table(), self.answer())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Algorithm, ClusterRecord};
    use crate::config::Params;
    use crate::results::Record;
    use crate::stats::{all_pairs, best_table, wilcoxon_table};

    /// Three repeats of five layers; `ari` and `accuracy` by layer.
    fn both(ari: [f64; 5], accuracy: [f64; 5]) -> (ClusterFile, ResultFile) {
        repeated(3, ari, accuracy)
    }

    fn repeated(repeats: i32, ari: [f64; 5], accuracy: [f64; 5]) -> (ClusterFile, ResultFile) {
        let (mut clusterings, mut rows): (Vec<ClusterRecord>, Vec<Record>) = (Vec::new(), Vec::new());
        for layer in 0..5 {
            for repeat in 0..repeats {
                let off = f64::from(repeat) * 0.001;
                let record = serde_json::json!({"Percentage": 0.1, "Repeat": repeat, "Layer": format!("conv{layer}"),
                    "Precision": 0.5, "Recall": 0.5, "Accuracy": 0.5, "ARI": ari[layer] + off,
                    "Dataset": "Finetune", "Split": "Train", "Algorithm": "k-means"});
                clusterings.push(serde_json::from_value(record).unwrap());
                let record = serde_json::json!({"lr": 0.1, "sampled_percentage": 0.1, "sampled_cut_point": layer + 1,
                    "repeat": repeat, "train_acc": 1.0, "test_acc": accuracy[layer] + off});
                rows.push(serde_json::from_value(record).unwrap());
            }
        }
        (ClusterFile { records: clusterings }, ResultFile::new(Params::default(), rows))
    }

    #[test]
    fn clusters_that_rise_with_accuracy_foretell_it_and_others_do_not() {
        let rising = [0.1, 0.2, 0.3, 0.4, 0.5];
        let (clusterings, results) = both(rising, [0.5, 0.6, 0.7, 0.8, 0.9]);
        let found = transferability(&clusterings, &results).unwrap();
        assert_eq!(
            found.layers[2],
            LayerScore { percentage: 0.1, layer: 2, name: "conv2".into(), ari: 0.301, accuracy: 0.701 }
        );
        let said = found.answer().to_string();
        assert!(said.contains("conv4 has the highest median adjusted Rand index (3 repeats cannot tell"), "{said}");
        assert!(said.contains("cut 5, right after it, is the best, and 3 repeats cannot tell cuts apart"), "{said}");
        // All 120 orders, twice the fraction of the one as high: 2/120.
        assert!(said.contains("+1.00, p 0.017: unlikely by chance, if this were the only"), "{said}");

        let (clusterings, results) = both(rising, [0.5, 0.9, 0.6, 0.8, 0.7]);
        let found = transferability(&clusterings, &results).unwrap();
        let said = found.to_string();
        assert!(
            said.contains(
                "cut 5, right after it, is 0.200 below cut 2, the best, and 3 repeats cannot tell cuts apart"
            ),
            "{said}"
        );
        assert!(said.contains("not distinguishable from chance"), "{said}");
        assert!(said.contains("0.901*") && said.contains("0.501*"), "{said}");
    }

    #[test]
    fn layers_of_a_network_of_blocks_have_their_own_names() {
        let (mut clusterings, results) = repeated(12, [0.1, 0.2, 0.3, 0.5, 0.5], [0.5, 0.6, 0.7, 0.9, 0.8]);
        for record in &mut clusterings.records {
            let place = record.place().unwrap();
            (record.layer, record.cut) =
                (format!("block_{}", ["a", "b", "c", "d", "e"][place as usize]), Some(place + 1));
        }
        let found = transferability(&clusterings, &results).unwrap();
        assert_eq!((found.layers[3].layer, found.layers[3].name.as_str()), (3, "block_d"));
        let said = found.to_string();
        assert!(
            said.contains("block_e has the highest") && said.contains("(block_d cannot be told from it)"),
            "{said}"
        );
        assert!(said.contains("though block_d, whose cut") && !said.contains("conv"), "{said}");
        let groups = by_layer(&clusterings, ClusterScore::Ari).unwrap();
        let csv = wilcoxon_table(&all_pairs(&groups, Rule::SciPy).unwrap()).to_csv();
        assert!(csv.contains(",block_a,block_b,") && !csv.contains("conv"), "{csv}");
        let mut unequal = clusterings.clone();
        unequal.records.push(ClusterRecord { percentage: 0.5, ..unequal.records[0].clone() });
        let groups = by_layer(&unequal, ClusterScore::Ari).unwrap();
        let table = best_table(&best_by(&groups, Rule::SciPy, |g| median(&g.accuracy)).unwrap()).to_string();
        assert!(table.contains("without results at 50%: block_b, block_c"), "{table}");
    }

    #[test]
    fn whether_clustering_has_foretold_the_best_cut() {
        let said = |ari, accuracy| {
            let (clusterings, results) = repeated(12, ari, accuracy);
            transferability(&clusterings, &results).unwrap().answer().to_string()
        };
        let rising = [0.1, 0.2, 0.3, 0.4, 0.5];
        let foretold = said(rising, [0.5, 0.6, 0.7, 0.8, 0.9]);
        assert!(
            foretold.contains("index; cut 5, right after it, is the best: clustering has foretold it."),
            "{foretold}"
        );
        let missed = said(rising, [0.5, 0.9, 0.6, 0.8, 0.7]);
        assert!(missed.contains("significantly worse: clustering has not foretold the best cut."), "{missed}");
        // Equal layers: each would have named another cut.
        let layers_alike = said([0.1, 0.2, 0.3, 0.5, 0.5], [0.5, 0.6, 0.7, 0.9, 0.8]);
        assert!(layers_alike.contains("index (conv3 cannot be told from it); cut 5"), "{layers_alike}");
        assert!(
            layers_alike.contains("not foretold the best cut, though conv3, whose cut is as good as the best"),
            "{layers_alike}"
        );
        let by_median = said([0.1, 0.2, 0.3, 0.5, 0.5], [0.5, 0.6, 0.7, 0.8, 0.9]);
        assert!(by_median.contains("foretold it, by its median only: conv3, whose cut is worse"), "{by_median}");
        let no_difference = said(rising, [0.5; 5]);
        assert!(no_difference.contains("there was nothing to foretell"), "{no_difference}");
        let cuts_alike = said(rising, [0.5, 0.6, 0.7, 0.9, 0.9]);
        assert!(cuts_alike.contains("cut 5, right after it, is the best: clustering has foretold it"), "{cuts_alike}");
    }

    #[test]
    fn nothing_in_common_is_an_error_that_says_so() {
        let (clusterings, results) = both([0.1; 5], [0.5; 5]);
        let elsewhere = ResultFile::new(Params::default(), results.filter(|r| r.sampled_cut_point > 5).records);
        assert!(transferability(&clusterings, &elsewhere).is_err());
        let error = transferability(&clusterings.by(Algorithm::Average), &results).unwrap_err().to_string();
        assert!(error.contains("clusterings") && error.contains("none"), "{error}");
    }
}
