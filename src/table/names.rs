//! Fractions of the data, cuts and layers, as tables name them.

/// A share as a percentage: 0.001 is `0.1%`.
pub fn percent(share: f64) -> String {
    let exact = share * 100.0;
    let rounded = (exact * 1e4).round() / 1e4;
    // Four places are enough for most; what they would change in sight has ten digits.
    if (rounded - exact).abs() <= 1e-4 * exact.abs() {
        return format!("{rounded}%");
    }
    format!("{}%", format!("{exact:.9e}").parse().unwrap_or(exact))
}

/// A cut by its name: `baseline` for -1, otherwise `cut 4`.
pub fn cut_name(cut: i64) -> String {
    if cut < 0 {
        "baseline".to_owned()
    } else {
        format!("cut {cut}")
    }
}

/// Cuts by their names, with commas between them.
pub(crate) fn cut_names(cuts: &[i64]) -> String {
    cuts.iter().map(|&c| cut_name(c)).collect::<Vec<_>>().join(", ")
}

/// Repeats that cannot tell something, in words: `3 repeats cannot tell`.
pub(crate) fn cannot_tell(repeats: usize) -> String {
    format!("{repeats} {} cannot tell", if repeats == 1 { "repeat" } else { "repeats" })
}

/// The bound that a p-value is below where so many places would show it as zero, which it cannot be.
pub(super) fn p_bound(p: f64, places: usize) -> Option<String> {
    let least = 10f64.powi(-(places as i32));
    // Half of the last place would be shown as nothing.
    (p < least / 2.0).then(|| format!("{least:.places$}"))
}

/// A p-value in a sentence, to so many places: `0.0312`, or `< 0.0001`.
pub(crate) fn p_value(p: f64, places: usize) -> String {
    p_bound(p, places).map_or_else(|| format!("{p:.places$}"), |bound| format!("< {bound}"))
}

/// Percentages, with commas between them.
pub(crate) fn percents(shares: &[f64]) -> String {
    shares.iter().map(|&s| percent(s)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_share_is_not_written_as_nothing() {
        assert_eq!([0.001, 0.1, 0.07, 1.0].map(percent), ["0.1%", "10%", "7%", "100%"]);
        assert_eq!([1.0 / 3.0, 1e-7, 1.23e-6].map(percent), ["33.3333%", "0.00001%", "0.000123%"]);
        assert_eq!([0.03125, 0.00005, 0.000049].map(|p| p_value(p, 4)), ["0.0312", "0.0001", "< 0.0001"]);
        assert_eq!((cut_name(-1), cut_name(0)), ("baseline".to_owned(), "cut 0".to_owned()));
    }
}
