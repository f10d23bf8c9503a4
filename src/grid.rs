//! Which runs a sweep is made of.

use crate::error::{Error, Result};
use crate::params::{check_percentage, published_repeats};

/// How often a run is repeated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Repeats {
    /// As published: more often where there is less data; see [`published_repeats`].
    #[default]
    Published,
    /// As often at every percentage. Repeats are 0, 1, .. and seed the run.
    Fixed(u64),
}

impl Repeats {
    /// Repeats at a percentage.
    pub fn at(self, percentage: f64) -> u64 {
        match self {
            Repeats::Published => published_repeats(percentage),
            Repeats::Fixed(n) => n,
        }
    }
}

/// More repeats than any study makes.
const MAX_REPEATS: u64 = 100_000;

/// One row of a sweep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Share of the target training data.
    pub percentage: f64,
    /// The cut; -1 is the baseline.
    pub cut: i64,
    /// The seed.
    pub repeat: u64,
}

/// All rows of a grid: by percentage, then cut, then repeat.
///
/// # Errors
/// [`Error::Parameter`] when a list is empty, or a percentage is not above 0 and at most 1.
pub fn rows(percentages: &[f64], cuts: &[i64], repeats: Repeats) -> Result<Vec<Row>> {
    if let Some(&p) = percentages.iter().find(|&&p| repeats.at(p) > MAX_REPEATS) {
        return Err(Error::parameter("repeats", format!("at most {MAX_REPEATS}"), repeats.at(p)));
    }
    let mut percentages = percentages.to_vec();
    percentages.iter().try_for_each(|&p| check_percentage(p))?;
    percentages.sort_by(f64::total_cmp);
    percentages.dedup();
    let mut cuts = cuts.to_vec();
    cuts.sort_unstable();
    cuts.dedup();
    let mut rows = Vec::new();
    for &percentage in &percentages {
        for &cut in &cuts {
            rows.extend((0..repeats.at(percentage)).map(|repeat| Row { percentage, cut, repeat }));
        }
    }
    if rows.is_empty() {
        let found = format!("{} percentages, {} cuts, {repeats:?} repeats", percentages.len(), cuts.len());
        return Err(Error::parameter("sweep", "at least one percentage, cut and repeat", found));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_grid_has_as_many_rows_as_the_published_files() {
        use crate::params::PERCENTAGES;
        assert_eq!(rows(&PERCENTAGES, &(0..=6).collect::<Vec<_>>(), Repeats::Published).unwrap().len(), 560);
        assert_eq!(rows(&PERCENTAGES, &[-1], Repeats::Published).unwrap().len(), 80);
    }

    #[test]
    fn rows_are_sorted_and_each_is_there_once() {
        let rows = rows(&[0.1, 0.01, 0.1], &[2, -1, 2], Repeats::Fixed(2)).unwrap();
        let got: Vec<_> = rows.iter().map(|r| (r.percentage, r.cut, r.repeat)).collect();
        assert_eq!(got[..3], [(0.01, -1, 0), (0.01, -1, 1), (0.01, 2, 0)]);
        assert_eq!(got.len(), 8);
    }

    #[test]
    fn empty_and_impossible_grids_are_refused() {
        assert!(rows(&[], &[0], Repeats::Published).is_err());
        assert!(rows(&[0.1], &[], Repeats::Published).is_err());
        assert!(rows(&[0.1], &[0], Repeats::Fixed(0)).is_err());
        assert!(rows(&[0.5], &[0], Repeats::Fixed(u64::MAX)).unwrap_err().to_string().contains("`repeats`"));
        assert!(rows(&[1.5], &[0], Repeats::Published).unwrap_err().to_string().contains("`percentage`"));
    }
}
