//! The table of clustering results.

use super::describe::median;
use super::names::percent;
use super::table::{Entry, Table};
use crate::cluster::{ClusterRecord, ClusterScore};

/// Median scores by algorithm, percentage and layer, in the order in which they first occur; the layer with the highest
/// adjusted Rand index of each percentage is marked.
pub fn cluster_table(records: &[ClusterRecord]) -> Table {
    let key = |r: &ClusterRecord| (r.algorithm.clone(), r.percentage.to_bits(), r.layer.clone());
    let mut groups: Vec<Vec<&ClusterRecord>> = Vec::new();
    let mut place = std::collections::HashMap::new();
    for record in records {
        let at = *place.entry(key(record)).or_insert(groups.len());
        if at == groups.len() {
            groups.push(Vec::new());
        }
        groups[at].push(record);
    }
    let middle = |rows: &Vec<&ClusterRecord>, score: ClusterScore| {
        median(&rows.iter().filter_map(|r| score.of(r)).collect::<Vec<f64>>())
    };
    let ari = |rows: &Vec<&ClusterRecord>| middle(rows, ClusterScore::Ari).unwrap_or(f64::NEG_INFINITY);
    let is_best = |rows: &Vec<&ClusterRecord>| {
        let rivals =
            groups.iter().filter(|g| g[0].algorithm == rows[0].algorithm && g[0].percentage == rows[0].percentage);
        rivals.map(ari).all(|other| other <= ari(rows))
    };
    let mut table = Table::of(&groups)
        .value("algorithm", |g| g[0].algorithm.clone().into())
        .value("percentage", |g| g[0].percentage.into())
        .value("layer", |g| g[0].layer.clone().into())
        .csv("algorithm", |g| g[0].algorithm.clone())
        .csv("percentage", |g| format!("{:?}", g[0].percentage))
        .csv("layer", |g| g[0].layer.clone())
        .words("algorithm", |g| g[0].algorithm.clone())
        .number("data", |g| percent(g[0].percentage))
        .words("layer", |g| g[0].layer.clone());
    let text = |rows: &Vec<&ClusterRecord>, score| middle(rows, score).map_or("-".to_owned(), |m| format!("{m:.4}"));
    for (title, name, score) in [
        ("ARI", "ari", ClusterScore::Ari),
        ("accuracy", "accuracy", ClusterScore::Accuracy),
        ("precision", "precision", ClusterScore::Precision),
        ("recall", "recall", ClusterScore::Recall),
        ("NMI", "nmi", ClusterScore::Nmi),
        ("silhouette", "silhouette", ClusterScore::Silhouette),
    ] {
        table = table
            .value(name, |g| middle(g, score).into())
            .csv(name, |g| middle(g, score).map_or(String::new(), |m| format!("{m:?}")))
            .number(title, |g| Entry::marked(text(g, score), score == ClusterScore::Ari && is_best(g)));
    }
    let table = table
        .value("repeats", |g| g.len().into())
        .csv("repeats", |g| g.len().to_string())
        .number("repeats", |g| g.len().to_string())
        .bold(is_best)
        .done();
    let scoring = records.first().map_or("sound", |r| r.scoring.as_str());
    table.note(format!(
        "medians over repeats, scoring {scoring}; marked: the highest ARI of a percentage by an algorithm"
    ))
}
