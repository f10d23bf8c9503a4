//! Lists of numbers.

/// The values that occur, each once, ascending.
pub(crate) fn distinct(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut all: Vec<f64> = values.into_iter().collect();
    all.sort_by(f64::total_cmp);
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_stands_once_and_in_order() {
        assert_eq!(distinct([0.1, 0.01, 0.1, 1.0, 0.01]), [0.01, 0.1, 1.0]);
        assert!(distinct([]).is_empty());
    }
}
