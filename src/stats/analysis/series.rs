//! Samples along an axis, and what is shown of each.

use std::fmt;

use super::best::{best, Best};
use crate::error::Result;
use crate::results::ResultFile;
use crate::stats::describe::{mean, median, quantile, standard_deviation};
use crate::stats::groups::Groups;
use crate::stats::tests::Rule;
use crate::table::{cut_name, percent};

/// What a line of a figure stands for.
#[derive(Clone, Debug, PartialEq)]
pub enum Label {
    /// A cut; -1 is the baseline.
    Cut(i64),
    /// A fraction of the data.
    Fraction(f64),
    /// Something with a name of its own.
    Named(String),
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Label::Cut(cut) => f.pad(&cut_name(*cut)),
            Label::Fraction(fraction) => f.pad(&percent(*fraction)),
            Label::Named(name) => f.pad(name),
        }
    }
}

impl From<&str> for Label {
    fn from(name: &str) -> Self {
        Label::Named(name.to_owned())
    }
}

impl From<String> for Label {
    fn from(name: String) -> Self {
        Label::Named(name)
    }
}

/// A line of a figure: at each place a sample of values.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What the legend calls it.
    pub name: Label,
    /// Place on the horizontal axis (a fraction of the data, a cut, a layer, ..) and the values there, by place.
    pub points: Vec<(f64, Vec<f64>)>,
}

impl Series {
    /// A line.
    pub fn new(name: impl Into<Label>, points: impl IntoIterator<Item = (f64, Vec<f64>)>) -> Series {
        Series { name: name.into(), points: points.into_iter().collect() }
    }

    /// Test accuracies of an experiment: a line for each cut, over fractions of the data.
    ///
    /// # Errors
    /// Those of [`Groups::new`].
    pub fn by_cut(results: &ResultFile) -> Result<Vec<Series>> {
        let groups = Groups::new(&results.records)?;
        let of_cut = |cut: i64| {
            let of = groups.all().iter().filter(move |g| g.cut == cut);
            Series::new(Label::Cut(cut), of.map(|g| (g.percentage, g.accuracy.clone())))
        };
        Ok(groups.cuts().into_iter().map(of_cut).collect())
    }

    /// Test accuracies of an experiment: a line for each fraction of the data, over cuts.
    ///
    /// # Errors
    /// Those of [`Groups::new`].
    pub fn by_percentage(results: &ResultFile) -> Result<Vec<Series>> {
        let groups = Groups::new(&results.records)?;
        let of_percentage = |percentage: f64| {
            let of = groups.at(percentage).into_iter().map(|g| (g.cut as f64, g.accuracy.clone()));
            Series::new(Label::Fraction(percentage), of)
        };
        Ok(groups.percentages().into_iter().map(of_percentage).collect())
    }

    /// Test accuracies of an experiment's best cut, the baseline left out: one line, over fractions of the data.
    ///
    /// # Errors
    /// Those of [`Groups::new`] and [`best`].
    pub fn best_cuts(name: impl Into<Label>, results: &ResultFile) -> Result<Series> {
        let groups = Groups::new(&results.without_baseline().records)?;
        let accuracy = |b: &Best| Some((b.percentage, groups.get(b.percentage, b.cut)?.accuracy.clone()));
        Ok(Series::new(name, best(&groups, Rule::SciPy)?.iter().filter_map(accuracy)))
    }
}

/// What is drawn around the middle of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// The mean, and a bar of one standard deviation to each side.
    Deviation,
    /// The mean, and a band from the lowest value to the highest.
    Band,
    /// The median, and a bar from the lower quartile to the upper one.
    Quartiles,
    /// The mean alone.
    None,
}

impl Spread {
    /// Of a sample: its middle, and the lower and the upper end of what is drawn around it; `None` of none.
    pub fn of(self, values: &[f64]) -> Option<(f64, f64, f64)> {
        let middle = if self == Spread::Quartiles { median(values)? } else { mean(values)? };
        let (low, high) = match self {
            Spread::Deviation => {
                let deviation = standard_deviation(values).unwrap_or(0.0);
                (middle - deviation, middle + deviation)
            }
            Spread::Band => (quantile(values, 0.0)?, quantile(values, 1.0)?),
            Spread::Quartiles => (quantile(values, 0.25)?, quantile(values, 0.75)?),
            Spread::None => (middle, middle),
        };
        Some((middle, low, high))
    }
}
