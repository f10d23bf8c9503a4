//! Which runs a sweep is made of.

use super::{CutPoint, Fraction};
use crate::error::{Error, Result};

/// How often a run is repeated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Repeats {
    /// As published: more often where there is less data: 25 times up to 1%, 20 below 50%, else 5.
    #[default]
    Published,
    /// As often at every fraction. Repeats are 0, 1, .. and seed the run.
    Fixed(u64),
}

impl Repeats {
    /// Repeats at a fraction of the data.
    pub fn at(self, fraction: f64) -> u64 {
        match self {
            Repeats::Published => published_repeats(fraction),
            Repeats::Fixed(n) => n,
        }
    }
}

fn published_repeats(fraction: f64) -> u64 {
    match fraction {
        p if p <= 0.01 => 25,
        p if p < 0.5 => 20,
        _ => 5,
    }
}

/// More repeats than any study makes.
const MAX_REPEATS: u64 = 100_000;

/// One row of a sweep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Fraction of the target training data.
    pub fraction: Fraction,
    /// Where the source network is cut.
    pub cut: CutPoint,
    /// The seed.
    pub repeat: u64,
}

impl Row {
    /// A row by the numbers of result files.
    ///
    /// # Errors
    /// [`Error::Parameter`] for an impossible fraction or cut.
    pub fn new(percentage: f64, cut: i64, repeat: u64) -> Result<Row> {
        Ok(Row { fraction: Fraction::new(percentage)?, cut: CutPoint::try_from(cut)?, repeat })
    }
}

/// Fractions of the data, cuts and repeats: every combination is a run. Fractions and cuts are sorted, each there once.
///
/// ```
/// use cutpoint::config::{CutPoint, Grid, Repeats, PERCENTAGES};
/// let published = Grid::new(&PERCENTAGES, CutPoint::all(6), Repeats::Published)?;
/// assert_eq!(published.rows().len(), 640);
/// # Ok::<(), cutpoint::error::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    fractions: Vec<Fraction>,
    cuts: Vec<CutPoint>,
    repeats: Repeats,
}

impl Grid {
    /// A grid; cuts may be given by their numbers, too.
    ///
    /// # Errors
    /// [`Error::Parameter`] when there is no run in it, or when a fraction, a cut or the number of repeats is impossible.
    pub fn new<C: Into<i64>>(fractions: &[f64], cuts: impl IntoIterator<Item = C>, repeats: Repeats) -> Result<Grid> {
        if let Some(&p) = fractions.iter().find(|&&p| repeats.at(p) > MAX_REPEATS) {
            return Err(Error::parameter("repeats", format!("at most {MAX_REPEATS}"), repeats.at(p)));
        }
        let mut fractions: Vec<Fraction> = fractions.iter().map(|&p| Fraction::new(p)).collect::<Result<_>>()?;
        fractions.sort_by_key(|f| f.bits());
        fractions.dedup();
        let mut cuts: Vec<CutPoint> =
            cuts.into_iter().map(|cut| CutPoint::try_from(cut.into())).collect::<Result<_>>()?;
        cuts.sort_unstable();
        cuts.dedup();
        let grid = Grid { fractions, cuts, repeats };
        if grid.rows().is_empty() {
            let (fractions, cuts) = (grid.fractions.len(), grid.cuts.len());
            let found = format!("{fractions} percentages, {cuts} cuts, {repeats:?} repeats");
            return Err(Error::parameter("sweep", "at least one percentage, cut and repeat", found));
        }
        Ok(grid)
    }

    /// The fractions of the target training data.
    pub fn fractions(&self) -> &[Fraction] {
        &self.fractions
    }

    /// The cuts.
    pub fn cuts(&self) -> &[CutPoint] {
        &self.cuts
    }

    /// All rows: by fraction, then cut, then repeat.
    pub fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for &fraction in &self.fractions {
            for &cut in &self.cuts {
                rows.extend((0..self.repeats.at(fraction.get())).map(|repeat| Row { fraction, cut, repeat }));
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::super::PERCENTAGES;
    use super::*;

    fn rows(fractions: &[f64], cuts: &[i64], repeats: Repeats) -> Result<Vec<Row>> {
        Ok(Grid::new(fractions, cuts.iter().copied(), repeats)?.rows())
    }

    #[test]
    fn repeats_are_the_published_ones() {
        assert_eq!(PERCENTAGES.map(published_repeats), [25, 25, 20, 5, 5]);
    }

    #[test]
    fn the_published_grid_has_as_many_rows_as_the_published_files() {
        assert_eq!(rows(&PERCENTAGES, &(0..=6).collect::<Vec<_>>(), Repeats::Published).unwrap().len(), 560);
        assert_eq!(rows(&PERCENTAGES, &[-1], Repeats::Published).unwrap().len(), 80);
    }

    #[test]
    fn rows_are_sorted_and_each_is_there_once() {
        let rows = rows(&[0.1, 0.01, 0.1], &[2, -1, 2], Repeats::Fixed(2)).unwrap();
        let got: Vec<_> = rows.iter().map(|r| (r.fraction.get(), r.cut.number(), r.repeat)).collect();
        assert_eq!(got[..3], [(0.01, -1, 0), (0.01, -1, 1), (0.01, 2, 0)]);
        assert_eq!(got.len(), 8);
    }

    #[test]
    fn empty_and_impossible_grids_are_refused() {
        assert!(rows(&[], &[0], Repeats::Published).is_err());
        assert!(rows(&[0.1], &[], Repeats::Published).is_err());
        assert!(rows(&[0.1], &[-2], Repeats::Published).unwrap_err().to_string().contains("`cut`"));
        assert!(rows(&[0.1], &[0], Repeats::Fixed(0)).is_err());
        assert!(rows(&[0.5], &[0], Repeats::Fixed(u64::MAX)).unwrap_err().to_string().contains("`repeats`"));
        assert!(rows(&[1.5], &[0], Repeats::Published).unwrap_err().to_string().contains("`percentage`"));
    }
}
