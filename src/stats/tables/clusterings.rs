//! The table of clustering results.

use crate::cluster::{ClusterRecord, ClusterScore};
use crate::stats::describe::median;
use crate::table::Table;

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
        .words("algorithm", |g| g[0].algorithm.clone())
        .fraction("percentage", |g| g[0].percentage)
        .titled("data")
        .words("layer", |g| g[0].layer.clone());
    for (title, name, score) in [
        ("ARI", "ari", ClusterScore::Ari),
        ("accuracy", "accuracy", ClusterScore::Accuracy),
        ("precision", "precision", ClusterScore::Precision),
        ("recall", "recall", ClusterScore::Recall),
        ("NMI", "nmi", ClusterScore::Nmi),
        ("silhouette", "silhouette", ClusterScore::Silhouette),
    ] {
        table = (table.number(name, 4, |g| middle(g, score)).titled(title))
            .marked(|g| score == ClusterScore::Ari && is_best(g));
    }
    let table = table.count("repeats", |g| g.len()).bold(is_best).done();
    let scoring = records.first().map_or("sound", |r| r.scoring.as_str());
    table.note(format!(
        "medians over repeats, scoring {scoring}; marked: the highest ARI of a percentage by an algorithm"
    ))
}
