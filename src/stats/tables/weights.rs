//! The table of accuracy against weights.

use crate::stats::analysis::WeightPoint;
use crate::table::{percent, Table};

/// The table of [`weights`](crate::stats::weights): of each fraction of the data, every cut of every setting, by the
/// weights that it keeps. Those that cannot be told from the highest median are marked.
pub fn weights_table(points: &[WeightPoint]) -> Table {
    let mut sorted = points.to_vec();
    sorted.sort_by(|a, b| {
        let key = |p: &WeightPoint| (p.weights.kept, p.weights.trained);
        a.percentage.total_cmp(&b.percentage).then(key(a).cmp(&key(b))).then(b.cut.cmp(&a.cut))
    });
    let highest = |p: &WeightPoint| {
        let medians = points.iter().filter(|q| q.percentage == p.percentage).map(|q| q.quartiles[1]);
        medians.fold(f64::NEG_INFINITY, f64::max)
    };
    let table = (Table::of(&sorted).fraction("percentage", |p| p.percentage).titled("data"))
        .words("setting", |p| p.setting.to_string())
        .cut("cut", |p| p.cut)
        .count("kept_weights", |p| p.weights.kept)
        .titled("weights kept")
        .count("trained_weights", |p| p.weights.trained)
        .titled("trained")
        .number("lower_quartile", 4, |p| p.quartiles[0])
        .hidden()
        .number("median_test_acc", 4, |p| p.quartiles[1])
        .titled("median")
        .marked(|p| p.quartiles[1] == highest(p))
        .number("upper_quartile", 4, |p| p.quartiles[2])
        .hidden()
        .words("as_good", |p| p.as_good)
        .titled("as good as the best")
        .bold(|p| p.as_good == Some(true))
        .done()
        .note("test accuracy against weights (biases among them), by cut; as good: cannot be told from the highest median of all settings and cuts, by Wilcoxon's test (rule scipy) after Holm's correction over the comparisons with that one alone; it was chosen by the same accuracies, so that 'no' is said a little too easily");
    let mut untold: Vec<f64> = sorted.iter().filter(|p| p.as_good.is_none()).map(|p| p.percentage).collect();
    untold.dedup();
    untold.into_iter().fold(table, |table, p| {
        table.note(format!("at {} repeats are too few to tell, or differ between settings", percent(p)))
    })
}
