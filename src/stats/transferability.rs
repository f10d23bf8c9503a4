//! Does the clustering of a layer's features foretell how well the cut after it transfers?

use std::fmt;

use super::answer::Answer;
use super::describe::median;
use super::groups::Groups;
use super::names::{cut_name, percent};
use super::pairs::ALPHA;
use super::spearman::{spearman_exact, Correlation, MOST_ORDERED};
use super::table::{Entry, Table};
use crate::cluster::ClusterFile;
use crate::error::{Error, Result};
use crate::record::ResultFile;

/// One layer at one percentage: how its features cluster, and how the cut right after it does.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerScore {
    /// Share of the target training data, from above 0 to 1.
    pub percentage: f64,
    /// The convolution, counted from 0.
    pub layer: usize,
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
}

/// Puts clusterings by one algorithm ([`ClusterFile::by`]) beside an experiment's cuts.
///
/// # Errors
/// [`Error::Parameter`] when there are no clusterings, or some by several algorithms; when fewer than three layers, or
/// more than [`MOST_ORDERED`], have both at some percentage; those of [`Groups::new`].
pub fn transferability(clusterings: &ClusterFile, results: &ResultFile) -> Result<Transferability> {
    let algorithm = clusterings.algorithm()?;
    let groups = Groups::new(&results.records)?;
    let (mut layers, mut correlations) = (Vec::new(), Vec::new());
    for percentage in groups.percentages() {
        let of_layer = |layer: usize| {
            let name = format!("conv{layer}");
            let rows = clusterings.records.iter();
            let rows = rows.filter(|r| r.layer == name && r.percentage == percentage);
            let ari = median(&rows.map(|r| r.scores.ari).collect::<Vec<_>>())?;
            let accuracy = median(&groups.get(percentage, layer as i64 + 1)?.accuracy)?;
            Some(LayerScore { percentage, layer, ari, accuracy })
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
    Ok(Transferability { layers, correlations })
}

impl Transferability {
    /// The layers as a table; the highest of both columns marked at each percentage.
    pub fn table(&self) -> Table {
        let highest = |of: &dyn Fn(&LayerScore) -> f64, l: &LayerScore| {
            let others = self.layers.iter().filter(|other| other.percentage == l.percentage);
            others.map(of).all(|other| other <= of(l))
        };
        let number = |l: &LayerScore, of: &dyn Fn(&LayerScore) -> f64| {
            let text = format!("{:.3}", of(l));
            Entry::marked(text, highest(of, l))
        };
        Table::of(&self.layers)
            .value("percentage", |l| l.percentage.into())
            .value("layer", |l| l.layer.into())
            .value("ari", |l| l.ari.into())
            .value("accuracy", |l| l.accuracy.into())
            .csv("percentage", |l| format!("{:?}", l.percentage))
            .csv("layer", |l| l.layer.to_string())
            .csv("ari", |l| format!("{:?}", l.ari))
            .csv("accuracy", |l| format!("{:?}", l.accuracy))
            .number("data", |l| percent(l.percentage))
            .words("layer", |l| format!("conv{}", l.layer))
            .number("ARI", |l| number(l, &|l| l.ari))
            .words("cut", |l| cut_name(l.layer as i64 + 1))
            .number("accuracy", |l| number(l, &|l| l.accuracy))
            .done()
            .note("medians over repeats: adjusted Rand index of a layer's clusters, test accuracy of the cut after it")
    }

    /// A sentence for each percentage.
    pub fn answer(&self) -> Answer {
        let best = |percentage: f64, of: &dyn Fn(&LayerScore) -> f64| {
            let layers = self.layers.iter().filter(|l| l.percentage == percentage);
            layers.max_by(|a, b| of(a).total_cmp(&of(b)))
        };
        let sentence = |(percentage, correlation): &(f64, Correlation)| {
            let (clusters, transfers) = (best(*percentage, &|l| l.ari)?, best(*percentage, &|l| l.accuracy)?);
            let data = percent(*percentage);
            let named = format!("At {data} of the data conv{} clusters best", clusters.layer);
            let told = if clusters.layer == transfers.layer {
                format!("{named}, and the cut after it is the best of those after a convolution")
            } else {
                let below = transfers.accuracy - clusters.accuracy;
                let (after, best) = (cut_name(clusters.layer as i64 + 1), cut_name(transfers.layer as i64 + 1));
                format!("{named}; {after}, right after it, is {below:.3} below {best}, the best")
            };
            let rho = correlation.rho.map_or("none, as one of them is constant".to_owned(), |rho| format!("{rho:+.2}"));
            let weight = match correlation.p_two_sided < ALPHA {
                true => "more than chance explains",
                false => "not distinguishable from chance",
            };
            Some(format!(
                "{told}. Over {} layers the rank correlation of clusters and accuracy is {rho}, p {:.3}: {weight}.",
                correlation.points, correlation.p_two_sided
            ))
        };
        Answer::of(self.correlations.iter().filter_map(sentence).collect())
    }

    /// Shows the table and the sentences in a notebook.
    pub fn evcxr_display(&self) {
        self.table().evcxr_display();
        self.answer().evcxr_display();
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
    use crate::params::Params;
    use crate::record::Record;

    /// Three repeats of five layers; `ari` and `accuracy` by layer.
    fn both(ari: [f64; 5], accuracy: [f64; 5]) -> (ClusterFile, ResultFile) {
        let (mut clusterings, mut rows): (Vec<ClusterRecord>, Vec<Record>) = (Vec::new(), Vec::new());
        for layer in 0..5 {
            for repeat in 0..3 {
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
        assert_eq!(found.layers[2], LayerScore { percentage: 0.1, layer: 2, ari: 0.301, accuracy: 0.701 });
        let said = found.answer().to_string();
        assert!(said.contains("conv4 clusters best, and the cut after it is the best"), "{said}");
        // All 120 orders, twice the share of the one as high: 2/120.
        assert!(said.contains("+1.00, p 0.017: more than chance explains"), "{said}");

        let (clusterings, results) = both(rising, [0.5, 0.9, 0.6, 0.8, 0.7]);
        let found = transferability(&clusterings, &results).unwrap();
        let said = found.to_string();
        assert!(said.contains("cut 5, right after it, is 0.200 below cut 2, the best"), "{said}");
        assert!(said.contains("not distinguishable from chance"), "{said}");
        assert!(said.contains("0.901*") && said.contains("0.501*"), "{said}");
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
