//! The study's main claim: the more target data, the fewer layers should be kept.

use std::fmt;

use super::best::highest;
use super::slope::{slope, Slope};
use crate::error::{Error, Result};
use crate::notebook::display;
use crate::stats::bootstrap::LEVEL;
use crate::stats::describe::median;
use crate::stats::groups::{paired, Group, Groups};
use crate::stats::tests::{spearman, spearman_exact, Correlation, CorrelationMethod, ALPHA, MOST_ORDERED};
use crate::table::{cut_name, cut_names, p_value, percent, Table, Value};

/// With fewer fractions of the data there is no trend.
pub(super) const FEWEST_FRACTIONS: usize = 3;

/// The best cut of one repeat at one percentage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrendPoint {
    /// Fraction of the target training data.
    pub percentage: f64,
    /// The seed.
    pub repeat: u64,
    /// The cut with the highest test accuracy; of equal ones the highest, which trains least.
    pub cut: i64,
}

/// What the points of a correlation are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    Medians,
    Repeats,
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Over::Medians => "medians",
            Over::Repeats => "repeats",
        })
    }
}

/// Whether the best cut falls as data grows: rank correlations of percentage and best cut.
#[derive(Clone, Debug, PartialEq)]
pub struct Trend {
    /// Each percentage and the cut of its highest median; of equal ones the highest, which trains least.
    pub best: Vec<(f64, i64)>,
    /// How fast it falls, with an interval over seeds.
    pub slope: Slope,
    /// The correlation over `best`, one point a percentage. Up to [`MOST_ORDERED`] percentages its p-values are exact:
    /// of all orders of the best cuts, how many fall as clearly. It assumes no more than that the orders would be
    /// equally likely if data did not matter; with five percentages it cannot be smaller than 1/120.
    pub by_median: Correlation,
    /// The best cut of every repeat, by percentage, then repeat.
    pub points: Vec<TrendPoint>,
    /// The correlation over `points`, with p-values of Student's t distribution where there are more than
    /// [`MOST_ORDERED`] of them, as `scipy.stats.spearmanr` gives them. They assume independent points, which
    /// repeats are not: those at one percentage share source weights and data set, and one seed serves all percentages.
    /// It says how firmly the best cut of a run falls in these results, not that medians would fall in a study made
    /// anew; that is `by_median`'s question, to which repeats at one percentage add no points. A cut that wins a tie
    /// by being the highest counts like one that wins outright.
    pub by_repeat: Correlation,
}

/// Tests whether the best cut falls as data grows. The baseline keeps nothing of the source network and is no cut: it is
/// left out, or, with `with_baseline`, counts as one below cut 0.
///
/// # Errors
/// [`Error::Parameter`] when there are fewer than three percentages or two cuts; when a percentage lacks a cut that others have, or
/// the cuts of one differ in their repeats ([`Groups::common_repeats`] keeps those they share): the best of other
/// candidates would be another question.
pub fn trend(groups: &Groups, with_baseline: bool) -> Result<Trend> {
    let percentages = groups.percentages();
    if percentages.len() < FEWEST_FRACTIONS {
        let expected = "at least three percentages, to see a trend";
        return Err(Error::parameter("percentages", expected, percentages.len()));
    }
    let (mut best, mut points, mut candidates) = (Vec::new(), Vec::new(), Vec::new());
    for percentage in percentages {
        let candidate = |cut: i64| with_baseline || cut >= 0;
        let missing: Vec<i64> = groups.missing(percentage).into_iter().filter(|&c| candidate(c)).collect();
        if !missing.is_empty() {
            let found = format!("no {} at {}", cut_names(&missing), percent(percentage));
            return Err(Error::parameter("cuts", "the same cuts at every percentage", found));
        }
        let cuts: Vec<&Group> = groups.at(percentage).into_iter().filter(|g| candidate(g.cut)).collect();
        let [first, _, ..] = cuts[..] else {
            return Err(Error::parameter("cuts", "at least two cuts to choose from", cuts.len()));
        };
        cuts.iter().try_for_each(|cut| paired(first, cut).map(|_| ()))?;
        let middle = |g: &Group| median(&g.accuracy).unwrap_or(f64::NAN);
        best.extend(highest(&cuts, middle).map(|g| (percentage, g.cut)));
        for (i, &repeat) in first.repeats.iter().enumerate() {
            let top = highest(&cuts, |g| g.accuracy[i]);
            points.extend(top.map(|g| TrendPoint { percentage, repeat, cut: g.cut }));
        }
        candidates.push((percentage, cuts));
    }
    let by_median = {
        let (x, y): (Vec<f64>, Vec<f64>) = best.iter().map(|&(percentage, cut)| (percentage, cut as f64)).unzip();
        correlated(&x, &y)?
    };
    let (x, y): (Vec<f64>, Vec<f64>) = points.iter().map(|p| (p.percentage, p.cut as f64)).unzip();
    let by_repeat = correlated(&x, &y)?;
    Ok(Trend { slope: slope(&candidates, LEVEL)?, best, by_median, points, by_repeat })
}

/// Exact for few points, of which Student's t would find three in a row certain.
fn correlated(x: &[f64], y: &[f64]) -> Result<Correlation> {
    if x.len() <= MOST_ORDERED {
        spearman_exact(x, y)
    } else {
        spearman(x, y)
    }
}

impl Trend {
    /// Both correlations with their p-values, as a table, with the answer in words above it.
    pub fn table(&self) -> Table {
        let best = || {
            let fields = |&(p, cut): &(f64, i64)| vec![("percentage", Value::Fraction(p)), ("cut", Value::Cut(cut))];
            Value::List(self.best.iter().map(fields).map(Value::Fields).collect())
        };
        Table::of(&[(Over::Medians, &self.by_median), (Over::Repeats, &self.by_repeat)])
            .words("over", |r| r.0.to_string())
            .titled("best cut of")
            .signed("rho", 3, |r| r.1.rho)
            .titled("correlation")
            .count("points", |r| r.1.points)
            .p_value("p_less", 4, |r| r.1.p_less)
            .titled("p (falls)")
            .p_value("p_two_sided", 4, |r| r.1.p_two_sided)
            .titled("p (two-sided)")
            .words("method", |r| r.1.method.to_string())
            .titled("by")
            .not_in_csv()
            .words("best", |r| if r.0 == Over::Medians { best() } else { Value::Missing })
            .hidden()
            .not_in_csv()
            .signed("slope", 2, |r| (r.0 == Over::Medians).then_some(self.slope.per_tenfold))
            .titled("per tenfold data")
            .signed("slope_low", 2, |r| self.slope.interval.filter(|_| r.0 == Over::Medians).map(|i| i.0))
            .titled(format!("{} from", percent(self.slope.level)))
            .signed("slope_high", 2, |r| self.slope.interval.filter(|_| r.0 == Over::Medians).map(|i| i.1))
            .titled("to")
            .bold(|r| r.1.p_less < ALPHA)
            .done()
            .note("rank correlation (Spearman) of the fraction of data with the best cut")
            .note(self)
    }

    fn answers(&self) -> String {
        let answer = |&(percentage, cut): &(f64, i64)| format!("{} at {}", cut_name(cut), percent(percentage));
        format!("highest median: {}", self.best.iter().map(answer).collect::<Vec<_>>().join(", "))
    }

    /// Shows the table in a notebook, with the answer in words as its text; evcxr calls it for the value that ends a
    /// cell.
    pub fn evcxr_display(&self) {
        display::show(&[("text/html", &self.table().to_html()), ("text/plain", &self.to_string())]);
    }
}

/// The answer in words.
impl fmt::Display for Trend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.answers())?;
        writeln!(f, "slope: {}", self.slope)?;
        writeln!(f, "over medians: {}", in_words(&self.by_median))?;
        writeln!(f, "over repeats: {}", in_words(&self.by_repeat))?;
        write!(
            f,
            "repeats at one percentage are no independent evidence about its median: the last answer is of single runs"
        )
    }
}

fn in_words(c: &Correlation) -> String {
    let Some(rho) = c.rho else {
        return format!("the best cut does not change with the amount of data ({} points)", c.points);
    };
    let verdict = match rho {
        _ if c.p_less < ALPHA => "the best cut falls as data grows",
        _ if rho > 0.0 && c.p_two_sided < ALPHA => "the best cut rises as data grows",
        _ if rho < 0.0 => "the best cut falls as data grows, but no more than chance explains",
        _ => "the best cut does not fall as data grows",
    };
    let method = match c.method {
        CorrelationMethod::AllOrders => "from all orders",
        CorrelationMethod::StudentT => "by Student's t",
        CorrelationMethod::Constant => "constant",
    };
    format!(
        "{verdict} (rank correlation {rho:+.2} over {} points; p {} for a fall, {} two-sided, {method})",
        c.points,
        p_value(c.p_less, 4),
        p_value(c.p_two_sided, 4)
    )
}
