//! The best cut of every study by the amount of data.

use plotters::style::Color;

use crate::error::{Error, Result};
use crate::plot::axes::{Axes, Axis, Margins};
use crate::plot::canvas::Canvas;
use crate::plot::figure::Figure;
use crate::plot::legend::{self, Entry};
use crate::plot::style::{Align, LABEL, SMALL, UNIT};
use crate::stats::{percent, BestCuts, PooledTrend, StudyTrend};
use crate::util::numbers::distinct;

/// Panels side by side.
const COLUMNS: usize = 4;
/// A panel, in pixels.
const PANEL: (i32, i32) = (236, 216);
/// Height of a panel's name and slope, in pixels.
const NAME: i32 = 40;
/// Which series ours and theirs are.
const OURS: usize = 0;
const THEIRS: usize = 1;

/// The best cut by the fraction of the data, a panel a study: the cut of the highest median, the best cut of each single
/// repeat as a dot behind it (the larger, the more repeats), and, where `published` has a study of that name, the cuts
/// that were published for it. Below a name is the slope in cuts per tenfold data, with its interval.
///
/// # Errors
/// [`Error::Parameter`] when there is no study.
pub fn trend_plot(trends: &PooledTrend, published: &[BestCuts]) -> Result<Figure> {
    if trends.studies.is_empty() {
        return Err(Error::parameter("trends", "a study or more", "none"));
    }
    let studies = trends.studies.clone();
    let theirs: Vec<Option<BestCuts>> =
        studies.iter().map(|s| published.iter().find(|p| p.study == s.name).cloned()).collect();
    let columns = studies.len().min(COLUMNS);
    let rows = studies.len().div_ceil(columns);
    let size = ((columns as i32 * PANEL.0).max(560) as u32, (rows as i32 * PANEL.1 + 84) as u32);
    let names: Vec<&str> = studies.iter().map(|s| s.name.as_str()).collect();
    let description = format!("Best cut by the fraction of the data, a panel for each of {}", names.join(", "));
    let draw = move |canvas: &Canvas, top| draw(canvas, top, &studies, &theirs, columns);
    Ok(Figure::new("The best cut as target data grows", size, draw).described(description))
}

fn draw(canvas: &Canvas, top: i32, studies: &[StudyTrend], theirs: &[Option<BestCuts>], columns: usize) -> Result<()> {
    let mut entries = vec![
        Entry::Mark(OURS, canvas.theme.series(OURS), "highest median".to_owned()),
        Entry::Words("dots: best cut of each repeat".to_owned()),
    ];
    if theirs.iter().any(Option::is_some) {
        entries.push(Entry::Mark(THEIRS, canvas.theme.series(THEIRS), "published".to_owned()));
    }
    let level = percent(studies[0].trend.slope.level);
    entries.push(Entry::Words(format!("below names: cuts per tenfold data, {level} interval")));
    let (from, wide) = (60 * UNIT, canvas.size.0 - 76 * UNIT);
    let legend = legend::height(&entries, wide);
    legend::draw(canvas, &entries, (from, top), wide)?;
    let cuts = studies.iter().flat_map(|s| s.trend.points.iter().map(|p| p.cut));
    let cuts = cuts.chain(theirs.iter().flatten().flat_map(|t| t.cuts.iter().map(|c| c.1)));
    let (low, high) = cuts.fold((0, 0), |(low, high), cut| (low.min(cut), high.max(cut)));
    let above = top + legend;
    let rows = studies.len().div_ceil(columns);
    let (width, height) = (canvas.size.0 / columns as i32, (canvas.size.1 - above) / rows as i32);
    for (i, (study, theirs)) in studies.iter().zip(theirs).enumerate() {
        let (column, row) = ((i % columns) as i32, i / columns);
        let panel = canvas.panel((column * width, above + row as i32 * height), (width, height));
        draw_study(&panel, study, theirs.as_ref(), (low, high), column == 0)?;
    }
    Ok(())
}

/// One panel; the outermost ones name their vertical axis.
fn draw_study(
    panel: &Canvas,
    study: &StudyTrend,
    theirs: Option<&BestCuts>,
    (low, high): (i64, i64),
    outermost: bool,
) -> Result<()> {
    let theme = panel.theme;
    let (left, top) = panel.corner();
    let middle = left + panel.size.0 / 2 + 16 * UNIT;
    panel.bold(&study.name, (middle, top + 11 * UNIT), LABEL, theme.ink(), Align::Centre)?;
    panel.text(&slope(study), (middle, top + 29 * UNIT), SMALL, theme.muted(), Align::Centre)?;
    let ours = &study.trend.best;
    let theirs_at = theirs.iter().flat_map(|t| t.cuts.iter().map(|c| c.0));
    let places = distinct(ours.iter().map(|b| b.0).chain(theirs_at));
    let x = Axis::shares(&places, "% of the target data").without_percent_signs();
    let cut = |cut: i64| (cut as f64, if cut < 0 { "B".to_owned() } else { cut.to_string() });
    let y = Axis::at_places((low..=high).map(cut), if outermost { "best cut" } else { "" });
    let axes = Axes::draw(panel, NAME * UNIT, x, y, Margins::default())?;
    let colour = theme.series(OURS);
    for &(fraction, _) in ours {
        let here: Vec<i64> = study.trend.points.iter().filter(|p| p.percentage == fraction).map(|p| p.cut).collect();
        for cut in low..=high {
            let count = here.iter().filter(|&&c| c == cut).count();
            if count > 0 {
                // The area of a dot is its number of repeats.
                let radius = f64::from(11 * UNIT) * (count as f64 / here.len() as f64).sqrt();
                panel.dot(axes.at(fraction, cut as f64), radius.round() as i32, colour.mix(0.22))?;
            }
        }
    }
    let theirs = theirs.map(|t| (t.cuts.as_slice(), THEIRS));
    for (cuts, series) in theirs.into_iter().chain([(ours.as_slice(), OURS)]) {
        let colour = theme.series(series);
        // Two lines on one cut are both to be seen.
        let aside = if series == THEIRS { 3 * UNIT } else { 0 };
        let at = |&(fraction, cut): &(f64, i64)| {
            let (x, y) = axes.at(fraction, cut as f64);
            (x, y + aside)
        };
        panel.line(cuts.iter().map(at), colour, 3)?;
        cuts.iter().map(at).try_for_each(|point| panel.mark(point, 4 * UNIT, series, colour.to_rgba()))?;
    }
    Ok(())
}

/// The slope in a few words.
fn slope(study: &StudyTrend) -> String {
    let slope = study.trend.slope;
    match slope.interval {
        Some((low, high)) => {
            format!("{:+.2} ({low:+.2} to {high:+.2})", slope.per_tenfold)
        }
        None => format!("{:+.2}", slope.per_tenfold),
    }
}
