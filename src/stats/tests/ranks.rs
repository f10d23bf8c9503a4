//! Ranks as whole numbers.

/// Twice the rank of each value, from the lowest on; ties share their mean rank.
pub(super) fn doubled_ranks(values: &[f64]) -> Vec<i64> {
    let below = |v: f64| values.iter().filter(|&&w| w < v).count() as i64;
    let equal = |v: f64| values.iter().filter(|&&w| w == v).count() as i64;
    values.iter().map(|&v| 2 * below(v) + equal(v) + 1).collect()
}
