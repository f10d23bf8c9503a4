//! Which colour and mark each series has.

use super::style::GREY;
use crate::stats::{Label, Series};

/// Which colour and mark each series has. Cuts have those of their number, so that figures of one experiment agree whether
/// they show the baseline or not; the baseline has the grey ones.
pub(super) fn palette(series: &[Series]) -> Vec<usize> {
    let of_cut = |s: &Series| match s.name {
        Label::Cut(cut) => Some(usize::try_from(cut).unwrap_or(GREY)),
        _ => None,
    };
    series.iter().map(of_cut).collect::<Option<Vec<_>>>().unwrap_or_else(|| (0..series.len()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_has_one_colour_whatever_stands_beside_it_and_none_has_the_baseline_s() {
        let named = |cuts: std::ops::RangeInclusive<i64>| cuts.map(|cut| Series::new(Label::Cut(cut), [])).collect();
        let (all, cuts): (Vec<Series>, Vec<Series>) = (named(-1..=9), named(2..=9));
        assert_eq!(palette(&all)[3..], palette(&cuts));
        assert_eq!(palette(&all)[..3], [GREY, 0, 1]);
        assert!(!palette(&cuts).contains(&GREY));
        // Other names are coloured in their order.
        assert_eq!(palette(&[Series::new("FR", []), Series::new("cut 5", [])]), [0, 1]);
    }
}
