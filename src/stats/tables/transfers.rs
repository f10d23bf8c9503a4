//! Scores of layers as a table.

use std::collections::BTreeMap;

use crate::stats::describe::median;
use crate::table::Table;
use crate::transfer::{Score, TransferRecord, View};

/// A layer at a fraction of the data: the median of each score over repeats.
struct Row {
    features: View,
    percentage: f64,
    images: usize,
    repeats: usize,
    layer: String,
    cut: Option<i64>,
    scores: BTreeMap<Score, f64>,
    leep: Option<f64>,
    seconds: f64,
}

/// Scores of layers as a table: medians over repeats of each layer and fraction of the data; the highest of each score and
/// share is marked.
pub fn transfer_table(records: &[TransferRecord]) -> Table {
    let mut groups: BTreeMap<(String, u64, i64), Vec<&TransferRecord>> = BTreeMap::new();
    for record in records {
        // Positive numbers are in the order of their bits.
        let key = (record.features.to_string(), record.percentage.to_bits(), record.cut.unwrap_or(0));
        groups.entry(key).or_default().push(record);
    }
    let middle = |of: &mut dyn Iterator<Item = f64>| median(&of.collect::<Vec<_>>());
    let row = |records: &Vec<&TransferRecord>| {
        let of = |score: Score| middle(&mut records.iter().filter_map(|r| r.scores.get(&score).copied()));
        Row {
            features: records[0].features,
            percentage: records[0].percentage,
            images: records[0].images,
            repeats: records.len(),
            layer: records[0].layer.clone(),
            cut: records[0].cut,
            scores: Score::ALL.into_iter().filter_map(|s| Some((s, of(s)?))).collect(),
            leep: middle(&mut records.iter().filter_map(|r| r.leep)),
            seconds: middle(&mut records.iter().map(|r| r.seconds)).unwrap_or(0.0),
        }
    };
    let rows: Vec<Row> = groups.values().map(row).collect();
    let alike = |a: &Row, b: &Row| a.features == b.features && a.percentage == b.percentage;
    let highest = |row: &Row, score: Score, value: f64| {
        rows.iter().filter(|o| alike(o, row)).filter_map(|o| o.scores.get(&score)).all(|&other| other <= value)
    };
    let mut table = Table::of(&rows)
        .words("features", |r| r.features.to_string())
        .hidden()
        .fraction("percentage", |r| r.percentage)
        .titled("data")
        .count("images", |r| r.images)
        .count("repeats", |r| r.repeats)
        .words("layer", |r| r.layer.clone())
        .count("cut", |r| r.cut)
        .hidden();
    for score in Score::ALL {
        table = table
            .number(&score.to_string(), 3, |r| r.scores.get(&score).copied())
            .titled(score.short())
            .marked(|r| r.scores.get(&score).is_some_and(|&value| highest(r, score, value)));
    }
    table.number("leep", 3, |r| r.leep).titled("LEEP").number("seconds", 3, |r| r.seconds).hidden().done().note(
        "medians over repeats; the highest of each score is marked, and the cut after that layer is what it picks",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_repeats_are_shown_and_the_highest_of_each_score_is_marked() {
        let row = |repeat: u64, cut: Option<i64>, log_me: f64| -> TransferRecord {
            let mut row = serde_json::json!({"Percentage": 0.01, "Repeat": repeat, "Layer": "x", "Features": "channels",
                "Images": 30, "Classes": 3, "SourceWeights": "w", "TargetImages": "p", "Seconds": 0.5});
            match cut {
                Some(cut) => {
                    row["Cut"] = cut.into();
                    row["Layer"] = format!("conv{}", cut - 1).into();
                    row["Scores"] = serde_json::json!({"log-me": log_me});
                }
                None => row["LEEP"] = log_me.into(),
            }
            serde_json::from_value(row).unwrap()
        };
        let rows = [row(0, Some(1), 0.1), row(1, Some(1), 0.3), row(0, Some(2), 0.15), row(0, None, -0.5)];
        let table = transfer_table(&rows);
        let text = table.to_string();
        assert!(text.contains("0.200*") && text.contains("0.150") && text.contains("-0.500"), "{text}");
        let json: Vec<serde_json::Value> = serde_json::from_str(&table.to_json()).unwrap();
        assert_eq!((json.len(), &json[1]["log-me"], &json[1]["h-score"]), (3, &0.2.into(), &serde_json::Value::Null));
    }
}
