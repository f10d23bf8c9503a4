//! The study's claim over several studies: does the best cut fall as data grows?

use std::fmt;

use super::trend::{trend, Trend, FEWEST_FRACTIONS};
use crate::error::{Error, Result};
use crate::notebook::display;
use crate::stats::groups::Groups;
use crate::stats::tests::{page, stratified, Page, PageMethod, Stratified, ALPHA};
use crate::table::{cut_name, p_value, percent, percents, Table, Value};
use crate::util::numbers::distinct;

/// The trend of one study among others.
#[derive(Clone, Debug, PartialEq)]
pub struct StudyTrend {
    /// What the study is called.
    pub name: String,
    /// Its trend.
    pub trend: Trend,
    /// The fewest and the most repeats of a fraction.
    pub repeats: (usize, usize),
}

/// The trends of several studies, and the tests of all together. Each study is a block: fractions are ordered within it
/// only, and its repeats count as no evidence of their own.
#[derive(Clone, Debug, PartialEq)]
pub struct PooledTrend {
    /// The studies, in the order in which they were given.
    pub studies: Vec<StudyTrend>,
    /// The exact permutation test over all fractions that each study has.
    pub stratified: Stratified,
    /// The fractions that all studies have.
    pub common: Vec<f64>,
    /// Page's test for a fall over the fractions that all studies have; `None` where these are fewer than three, or there is
    /// one study.
    pub page: Option<Page>,
}

/// Tests whether the best cut falls as data grows, over several studies, each with its name: [`trend`] of each,
/// [`stratified`] and [`page`] of all.
///
/// Studies count as independent of each other. Those of one data set share images, and settings of one study share their
/// source network: give one file of each.
///
/// # Errors
/// [`Error::Parameter`] when there is no study; those of [`trend`], with the study's name.
pub fn pooled_trend(studies: &[(String, Groups)], with_baseline: bool) -> Result<PooledTrend> {
    let of_study = |(name, groups): &(String, Groups)| {
        let trend = trend(groups, with_baseline).map_err(|error| match error {
            Error::Parameter { name: parameter, expected, found } => {
                Error::Parameter { name: parameter, expected, found: format!("{found} ({name})") }
            }
            other => other,
        })?;
        let counts = || groups.all().iter().map(|g| g.repeats.len());
        let repeats = (counts().min().unwrap_or(0), counts().max().unwrap_or(0));
        Ok(StudyTrend { name: name.clone(), trend, repeats })
    };
    let studies = studies.iter().map(of_study).collect::<Result<Vec<_>>>()?;
    let Some(first) = studies.first() else {
        return Err(Error::parameter("studies", "at least one", "none"));
    };
    let blocks: Vec<(Vec<f64>, Vec<f64>)> =
        studies.iter().map(|s| s.trend.best.iter().map(|&(p, cut)| (p, cut as f64)).unzip()).collect();
    let has = |s: &StudyTrend, p: f64| s.trend.best.iter().any(|(q, _)| *q == p);
    let all = first.trend.best.iter().map(|(p, _)| *p);
    let common: Vec<f64> = all.filter(|&p| studies.iter().all(|s| has(s, p))).collect();
    let falling = |s: &StudyTrend| {
        // Page's test is for a rise: from much data to little.
        let cuts = s.trend.best.iter().rev().filter(|(p, _)| common.contains(p));
        cuts.map(|(_, cut)| *cut as f64).collect::<Vec<f64>>()
    };
    let page = match (studies.len(), common.len()) {
        (2.., 3..) => Some(page(&studies.iter().map(falling).collect::<Vec<_>>())?),
        _ => None,
    };
    Ok(PooledTrend { stratified: stratified(&blocks)?, common, page, studies })
}

/// Those of several studies that have enough fractions of the data for a trend, and of each other one a sentence that
/// says why it is left out.
pub fn with_trends(studies: Vec<(String, Groups)>) -> (Vec<(String, Groups)>, Vec<String>) {
    let (kept, others): (Vec<_>, Vec<_>) =
        studies.into_iter().partition(|(_, groups)| groups.percentages().len() >= FEWEST_FRACTIONS);
    let left_out = others.into_iter().map(|(name, groups)| {
        format!("{name} is left out: {} fractions of the data show no trend", groups.percentages().len())
    });
    (kept, left_out.collect())
}

impl PooledTrend {
    /// Whether the best cut falls in all studies together, significantly.
    pub fn falls(&self) -> bool {
        self.stratified.p_less < ALPHA
    }

    /// A row for each study: the best cut of each fraction, the slope and its interval, the rank test of the study alone.
    /// The tests of all together are above.
    pub fn table(&self) -> Table {
        let percentages = distinct(self.studies.iter().flat_map(|s| s.trend.best.iter().map(|(p, _)| *p)));
        let mut table = Table::of(&self.studies).words("study", |s| s.name.clone());
        for percentage in percentages {
            let best = move |s: &StudyTrend| s.trend.best.iter().find(|(p, _)| *p == percentage).map(|(_, cut)| *cut);
            table = table.count(&format!("best_{percentage:?}"), best).titled(percent(percentage));
        }
        let interval = |s: &StudyTrend| s.trend.slope.interval;
        let level = self.studies.first().map_or(0.95, |s| s.trend.slope.level);
        (table.signed("slope", 2, |s| s.trend.slope.per_tenfold).titled("per tenfold data"))
            .signed("slope_low", 2, move |s| interval(s).map(|i| i.0))
            .titled(format!("{} from", percent(level)))
            .signed("slope_high", 2, move |s| interval(s).map(|i| i.1))
            .titled("to")
            .signed("rho", 2, |s| s.trend.by_median.rho)
            .titled("correlation")
            .p_value("p_less", 4, |s| s.trend.by_median.p_less)
            .titled("p (falls)")
            .count("least_repeats", |s| s.repeats.0)
            .hidden()
            .count("most_repeats", |s| s.repeats.1)
            .hidden()
            .count("repeats", |s| match s.repeats {
                (least, most) if least == most => Value::from(least),
                (least, most) => format!("{least} to {most}").into(),
            })
            .shown_only()
            .bold(|s| s.trend.by_median.p_less < ALPHA)
            .done()
            .note("best cut (highest median accuracy) by fraction of the data, and its slope in cuts per tenfold data with a bootstrap interval over seeds")
            .note(self.verdict())
    }

    /// The tests of all studies together, a row for each.
    pub fn tests(&self) -> Table {
        let rows: Vec<(&str, f64, Option<f64>, String)> = std::iter::once((
            "permutation within studies",
            self.stratified.p_less,
            Some(self.stratified.statistic),
            "all orders, ties as they are".to_owned(),
        ))
        .chain(self.page.map(|page| {
            let method = match page.method {
                PageMethod::Exact => "all orders, as if without ties",
                PageMethod::Normal => "normal approximation",
            };
            ("Page's L", page.p_value, Some(page.l), method.to_owned())
        }))
        .collect();
        Table::of(&rows)
            .words("test", |r| r.0)
            .count("statistic", |r| r.2)
            .p_value("p_less", 6, |r| r.1)
            .titled("p (falls)")
            .words("method", |r| r.3.clone())
            .titled("by")
            .done()
            .note(format!("{} studies, fractions {}", self.studies.len(), percents(&self.common)))
    }

    /// What all studies together say.
    fn verdict(&self) -> String {
        let count = self.studies.len();
        let of = if count == 1 { "In this study".to_owned() } else { format!("Over {count} studies") };
        let verdict = match (self.falls(), self.stratified.p_two_sided < ALPHA) {
            (true, _) => "the best cut falls as data grows",
            (_, true) => "the best cut rises as data grows",
            _ => "the best cut is not shown to fall as data grows",
        };
        let page = self.page.map_or(String::new(), |page| {
            format!("; Page's L {} over {}: p {}", page.l, percents(&self.common), p_value(page.p_value, 6))
        });
        format!(
            "{of} {verdict} (of all orders within studies, p {} for a fall, {} two-sided{page}).",
            p_value(self.stratified.p_less, 6),
            p_value(self.stratified.p_two_sided, 6)
        )
    }

    /// Shows the table in a notebook.
    pub fn evcxr_display(&self) {
        display::show(&[("text/html", &self.table().to_html()), ("text/plain", &self.to_string())]);
    }
}

/// A line for each study, and what all together say.
impl fmt::Display for PooledTrend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for study in &self.studies {
            let best = study.trend.best.iter().map(|&(p, cut)| format!("{} at {}", cut_name(cut), percent(p)));
            let best = best.collect::<Vec<_>>().join(", ");
            writeln!(f, "{}: {best}; {}", study.name, study.trend.slope)?;
        }
        f.write_str(&self.verdict())
    }
}
