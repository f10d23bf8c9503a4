//! Numbers that describe a sample. A value that is no number makes the result no number; nothing is left out silently.

/// The mean, of a sum that keeps what rounding drops (Kahan 1965): to the last digit, in any order; `None` of none.
pub fn mean(values: &[f64]) -> Option<f64> {
    let (mut sum, mut dropped) = (0.0, 0.0);
    for &value in values {
        let y = value - dropped;
        let next = sum + y;
        dropped = (next - sum) - y;
        sum = next;
    }
    (!values.is_empty()).then(|| sum / values.len() as f64)
}

/// The median; `None` of none. The mean of the middle two where their number is even.
pub fn median(values: &[f64]) -> Option<f64> {
    let sorted = sorted(values)?;
    let n = sorted.len();
    Some(if n % 2 == 1 { sorted[n / 2] } else { (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0 })
}

/// The value below which the fraction `q` of a sample lies, on a straight line between neighbours, as NumPy and pandas
/// have it; `None` of none, and where `q` is not from 0 to 1.
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    if !(0.0..=1.0).contains(&q) {
        return None;
    }
    let sorted = sorted(values)?;
    let at = q * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    // Where both are equal, and at either end, rounding must not move the value.
    Some(if below == above { below } else { below + (above - below) * at.fract() })
}

/// The standard deviation with n - 1 in the denominator; `None` of fewer than two values.
pub fn standard_deviation(values: &[f64]) -> Option<f64> {
    let middle = mean(values)?;
    let squares: Vec<f64> = values.iter().map(|v| (v - middle) * (v - middle)).collect();
    let variance = mean(&squares)? * values.len() as f64 / (values.len() - 1) as f64;
    (values.len() > 1).then(|| variance.sqrt())
}

/// Ascending; all NaN where any value is; `None` of none.
fn sorted(values: &[f64]) -> Option<Vec<f64>> {
    if values.iter().any(|v| v.is_nan()) {
        return Some(vec![f64::NAN; values.len()]);
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    (!sorted.is_empty()).then_some(sorted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_of_none_and_no_number_of_no_number() {
        assert_eq!((mean(&[]), median(&[]), quantile(&[], 0.5), standard_deviation(&[0.5])), (None, None, None, None));
        let bad = [0.1, f64::NAN, 0.3];
        for number in [mean(&bad), median(&bad), quantile(&bad, 0.0), standard_deviation(&bad)] {
            assert!(number.unwrap().is_nan());
        }
        assert_eq!((quantile(&[1.0], 1.5), quantile(&[1.0], f64::NAN)), (None, None));
    }

    #[test]
    fn medians_and_quartiles() {
        assert_eq!((median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0])), (Some(2.0), Some(2.5)));
        let values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!([0.0, 0.25, 0.5, 0.75, 1.0].map(|q| quantile(&values, q).unwrap()), [1.0, 1.75, 2.5, 3.25, 4.0]);
    }
}
