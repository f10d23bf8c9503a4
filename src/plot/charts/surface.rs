//! Accuracy as a surface over cuts and the amount of data.

use plotters::chart::ChartBuilder;
use plotters::element::{Circle, PathElement, Polygon, Text};
use plotters::style::Color;

use crate::error::{Error, Result};
use crate::plot::axes::Axis;
use crate::plot::canvas::{failed, stroke, Canvas};
use crate::plot::figure::Figure;
use crate::plot::style::{ordered, text, Align, LABEL, SMALL, UNIT};
use crate::results::ResultFile;
use crate::stats::{cut_name, experiment_name, percent, Centre, Groups, Measure, Summary};

/// Median test accuracy over cuts (the baseline is left out) and fractions of the data, at equal distances, seen from
/// above at a slant.
///
/// # Errors
/// Those of [`surface_of`].
pub fn surface(results: &ResultFile) -> Result<Figure> {
    surface_of(results, Measure::TestAcc, Centre::Median, false, false)
}

/// The same of any measure, of medians or means, with the baseline beside cut 0 or without it, and with the fractions at
/// equal distances or at their logarithms.
///
/// # Errors
/// Those of [`Groups::new`] and [`Summary::of`]; [`Error::Parameter`] when there are not two cuts and two percentages, or
/// one of them is missing at another.
pub fn surface_of(
    results: &ResultFile,
    measure: Measure,
    of: Centre,
    with_baseline: bool,
    logarithmic: bool,
) -> Result<Figure> {
    Groups::new(&results.records)?;
    let summary = Summary::of(&results.records, measure, crate::stats::LEVEL)?;
    let percentages = summary.percentages();
    let cuts: Vec<i64> = summary.cuts().into_iter().filter(|&c| c >= 0 || with_baseline).collect();
    if cuts.len() < 2 || percentages.len() < 2 {
        let found = format!("{} cuts, {} percentages", cuts.len(), percentages.len());
        return Err(Error::parameter("records", "at least two cuts and two percentages", found));
    }
    let height = |p: f64, cut: i64| {
        let missing =
            || Error::parameter("records", "every cut at every percentage", format!("no {} at {p}", cut_name(cut)));
        summary.get(p, cut).map(|c| c.centre(of)).ok_or_else(missing)
    };
    let row = |&p: &f64| cuts.iter().map(|&cut| height(p, cut)).collect::<Result<Vec<f64>>>();
    let heights: Vec<Vec<f64>> = percentages.iter().map(row).collect::<Result<_>>()?;
    let title = format!("{} {}: {}", of.title(), measure.words(), experiment_name(results));
    let (low, high) = range(&heights);
    let description = format!(
        "Surface over {} to {} and {} to {} of the data, from {low:.3} to {high:.3}",
        cut_name(cuts[0]),
        cut_name(cuts[cuts.len() - 1]),
        percent(percentages[0]),
        percent(percentages[percentages.len() - 1])
    );
    let plan = Plan { percentages, cuts, heights, logarithmic, label: measure.words() };
    Ok(Figure::new(title, (760, 560), move |canvas, top| draw(canvas, top, &plan)).described(description))
}

/// What is drawn.
struct Plan {
    percentages: Vec<f64>,
    cuts: Vec<i64>,
    /// By percentage, then cut.
    heights: Vec<Vec<f64>>,
    logarithmic: bool,
    label: &'static str,
}

fn range(heights: &[Vec<f64>]) -> (f64, f64) {
    heights.iter().flatten().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)))
}

fn draw(canvas: &Canvas, top: i32, plan: &Plan) -> Result<()> {
    let Plan { percentages, cuts, heights, .. } = plan;
    let theme = canvas.theme;
    let (low, high) = range(heights);
    let (low, high) = if high > low { (low, high) } else { (low - 0.01, low + 0.01) };
    let pad = (high - low) * 0.05;
    // Little data in front: accuracy mostly grows with data, and what is high in front would hide the rest.
    let place: Vec<f64> = match plan.logarithmic {
        true => percentages.iter().map(|p| -p.log10()).collect(),
        false => (0..percentages.len()).map(|i| -(i as f64)).collect(),
    };
    let base = low - pad;
    let across =
        Axis::at_places(cuts.iter().map(|&c| (c as f64, if c < 0 { "B".to_owned() } else { c.to_string() })), "");
    let levels = Axis::range(base, high + pad, "");
    let shares = Axis::at_places(place.iter().zip(percentages).map(|(&at, &p)| (at, percent(p))), "");
    let mut chart = ChartBuilder::on(&canvas.area)
        .margin_top(top)
        .margin(30 * UNIT)
        .build_cartesian_3d(across.scale(), levels.scale(), shares.scale())
        .map_err(failed)?;
    chart.with_projection(|mut view| {
        view.yaw = 0.6;
        view.pitch = 0.4;
        view.scale = 0.8;
        view.into_matrix()
    });
    chart
        .configure_axes()
        .light_grid_style(stroke(theme.grid(), 0))
        .bold_grid_style(stroke(theme.grid(), 2))
        .max_light_lines(0)
        .axis_panel_style(theme.grid().mix(0.25))
        .label_style(text(SMALL, theme.ink(), Align::Centre, false))
        .x_formatter(&|v: &f64| across.name_of(*v))
        .y_formatter(&|v: &f64| levels.name_of(*v))
        .z_formatter(&|v: &f64| shares.name_of(*v))
        .draw()
        .map_err(failed)?;
    // From the back to the front, so that what is near covers what is far.
    for z in (0..place.len()).rev() {
        for x in (0..cuts.len() - 1).filter(|_| z + 1 < place.len()) {
            let corner = |dz: usize, dx: usize| (cuts[x + dx] as f64, heights[z + dz][x + dx], place[z + dz]);
            let corners = vec![corner(0, 0), corner(0, 1), corner(1, 1), corner(1, 0)];
            let middle = corners.iter().map(|c| c.1).sum::<f64>() / 4.0;
            let edge: Vec<_> = corners.iter().chain([&corners[0]]).copied().collect();
            let fill = ordered((middle - low) / (high - low)).mix(0.9);
            chart.draw_series([Polygon::new(corners, fill.filled())]).map_err(failed)?;
            chart.draw_series([PathElement::new(edge, stroke(theme.background(), 2))]).map_err(failed)?;
        }
        let at = heights[z].iter().zip(cuts).map(|(&h, &cut)| (cut as f64, h, place[z]));
        chart.draw_series(at.map(|at| Circle::new(at, 4, theme.ink().filled()))).map_err(failed)?;
    }
    let title = |words: &str, at: (f64, f64, f64)| {
        Text::new(words.to_owned(), at, text(LABEL, theme.ink(), Align::Centre, false))
    };
    let beyond = |a: f64, b: f64, by: f64| b + (b - a) * by;
    let ((left, right), (back, front)) = (across.ends(), shares.ends());
    let titles = [
        title(
            if cuts[0] < 0 { "cut, B: baseline" } else { "cut" },
            ((left + right) / 2.0, base, beyond(back, front, 0.2)),
        ),
        title("fraction of the data", (beyond(left, right, 0.3), base, (back + front) / 2.0)),
        title(plan.label, (left, beyond(base, high + pad, 0.09), front)),
    ];
    chart.draw_series(titles).map_err(failed)?;
    Ok(())
}
