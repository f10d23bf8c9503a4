//! Clustering scores by percentage and layer, paired by repeat.

use crate::cluster::{ClusterFile, ClusterScore};
use crate::error::{Error, Result};
use crate::stats::groups::{Group, Groups};
use crate::stats::measure::{LayerNames, Quantity};

/// A score of clusterings by percentage and layer; a layer's number stands where cuts have theirs, and its name goes with
/// [`Groups::quantity`]. Rows of one algorithm only ([`ClusterFile::by`]); rows without the score are passed over.
///
/// # Errors
/// [`Error::Parameter`] when there are no rows, rows of several algorithms, or a percentage, repeat and layer twice; when
/// a row has no `Cut` and its layer is not called `conv0`, `conv1`, ..; when layers of one place have two names, as those
/// of two networks.
pub fn by_layer(clusterings: &ClusterFile, score: ClusterScore) -> Result<Groups> {
    clusterings.algorithm()?;
    let mut rows = Vec::new();
    for record in &clusterings.records {
        let unplaced = || Error::parameter("layer", "conv0, conv1, .., or a row with `Cut`", &record.layer);
        let layer = record.place().ok_or_else(unplaced)?;
        rows.extend(
            score.of(record).map(|value| (record.percentage, layer, record.repeat, value, record.layer.as_str())),
        );
    }
    if rows.is_empty() {
        return Err(Error::parameter("records", format!("rows with {}", score.words()), "none"));
    }
    let names: LayerNames = rows.iter().map(|row| (row.1, row.4.to_owned())).collect();
    if let Some(row) = rows.iter().find(|row| names.name(row.1) != row.4) {
        let expected = format!("one network's, with {} at place {}", names.name(row.1), row.1);
        return Err(Error::parameter("layer", expected, row.4));
    }
    rows.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    if let Some(w) = rows.windows(2).find(|w| (w[0].0, w[0].1, w[0].2) == (w[1].0, w[1].1, w[1].2)) {
        let found = format!("two of percentage {}, {}, repeat {}", w[0].0, w[0].4, w[0].2);
        return Err(Error::parameter("records", "each percentage, layer and repeat once", found));
    }
    let group = |rows: &[(f64, i64, u64, f64, &str)]| Group {
        percentage: rows[0].0,
        cut: rows[0].1,
        repeats: rows.iter().map(|r| r.2).collect(),
        accuracy: rows.iter().map(|r| r.3).collect(),
    };
    let groups = rows.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)).map(group).collect();
    Ok(Groups::made_of(groups, Quantity::Clusters(score, names)))
}
