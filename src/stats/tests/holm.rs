//! The level of significance, and Holm's correction for many tests.

/// Below this p-value a difference counts as significant.
pub const ALPHA: f64 = 0.05;

/// Holm's step-down correction: the p-values with which the whole family keeps its level.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut corrected = vec![0.0; p_values.len()];
    let mut highest = 0f64;
    for (rank, &i) in order.iter().enumerate() {
        highest = highest.max((p_values[i] * (p_values.len() - rank) as f64).min(1.0));
        corrected[i] = highest;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked by hand from Holm's definition: each p times the number of hypotheses left, never falling.
    #[test]
    fn holm_multiplies_by_the_hypotheses_left_and_never_falls() {
        let close = |a: &[f64], b: &[f64]| assert!(a.iter().zip(b).all(|(x, y)| (x - y).abs() < 1e-15), "{a:?} {b:?}");
        close(&holm(&[0.01, 0.04, 0.03, 0.005]), &[0.03, 0.06, 0.06, 0.02]);
        close(&holm(&[0.9, 0.8]), &[1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }
}
