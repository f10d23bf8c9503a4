//! Scores by layer, as lines.

use crate::error::{Error, Result};
use crate::results::ResultFile;
use crate::stats::analysis::Series;
use crate::stats::groups::Groups;
use crate::transfer::{Score, TransferFile};

/// A line for each score over cuts, at one fraction of the data: a score's values on each reduced training set moved and
/// scaled to go from 0, its lowest layer, to 1, its highest, as scores have no unit in common. Where results are given, the
/// test accuracy of the cuts after layers is the last line, scaled in the same way.
///
/// # Errors
/// [`Error::Parameter`] when there are no scores at this fraction; those of [`Groups::new`].
pub fn score_series(scores: &TransferFile, results: Option<&ResultFile>, percentage: f64) -> Result<Vec<Series>> {
    let mut rows: Vec<_> = scores.records.iter().filter(|r| r.percentage == percentage && r.cut.is_some()).collect();
    rows.sort_by_key(|r| (r.repeat, r.cut));
    if rows.is_empty() {
        let expected = format!("one of {:?}", scores.percentages());
        return Err(Error::parameter("percentage", expected, percentage));
    }
    let of_score = |score: Score| {
        let values = rows.iter().filter_map(|r| Some((r.repeat, r.cut?, *r.scores.get(&score)?)));
        Series::new(score.words(), scaled(values.collect()))
    };
    let mut series: Vec<Series> = Score::ALL.into_iter().map(of_score).filter(|s| !s.points.is_empty()).collect();
    if let Some(results) = results {
        let groups = Groups::new(&results.records)?;
        let after_layers = groups.at(percentage).into_iter().filter(|g| g.cut > 0);
        let values = after_layers.flat_map(|g| g.repeats.iter().zip(&g.accuracy).map(|(r, a)| (*r, g.cut, *a)));
        series.push(Series::new("test accuracy of the cut", scaled(values.collect())));
    }
    Ok(series)
}

/// Values of repeats and cuts, those of each repeat scaled to go from 0 to 1, by cut; a repeat with equal values is left
/// out.
fn scaled(values: Vec<(u64, i64, f64)>) -> Vec<(f64, Vec<f64>)> {
    let mut points: Vec<(f64, Vec<f64>)> = Vec::new();
    for &(repeat, cut, value) in &values {
        let own = values.iter().filter(|v| v.0 == repeat).map(|v| v.2);
        let (low, high) = own.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        if high > low {
            let value = (value - low) / (high - low);
            match points.iter_mut().find(|p| p.0 == cut as f64) {
                Some(point) => point.1.push(value),
                None => points.push((cut as f64, vec![value])),
            }
        }
    }
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_each_repeat_go_from_0_to_1_and_equal_ones_are_left_out() {
        let values = vec![(0, 1, 2.0), (0, 2, 6.0), (0, 3, 3.0), (1, 2, 5.0), (1, 1, -5.0), (2, 1, 7.0), (2, 2, 7.0)];
        assert_eq!(scaled(values), [(1.0, vec![0.0, 0.0]), (2.0, vec![1.0, 1.0]), (3.0, vec![0.25])]);
    }
}
