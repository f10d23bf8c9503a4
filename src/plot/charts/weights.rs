//! Accuracy against the weights that cuts keep and train.

use crate::config::Setting;
use crate::error::{Error, Result};
use crate::plot::axes::{Axes, Axis, Margins};
use crate::plot::canvas::Canvas;
use crate::plot::figure::Figure;
use crate::plot::legend::{self, Entry};
use crate::plot::style::{text_width, Align, SMALL, TINY, UNIT};
use crate::stats::{percent, WeightPoint};
use crate::util::numbers::distinct;

/// Median test accuracy against weights, a line for each setting over its cuts, with bars from the lower quartile to the
/// upper one: against the weights that are kept, and beside it against those that are trained. Cuts are written beside
/// their marks. At one fraction of the data, or at every one, in rows.
///
/// # Errors
/// [`Error::Parameter`] when there are no points at the fraction.
pub fn weights_plot(points: &[WeightPoint], percentage: Option<f64>) -> Result<Figure> {
    let percentages = distinct(points.iter().map(|p| p.percentage));
    let shown: Vec<f64> = percentages.iter().copied().filter(|&p| percentage.is_none_or(|only| only == p)).collect();
    if shown.is_empty() {
        let expected = format!("one of {percentages:?}");
        return Err(Error::parameter("percentage", expected, percentage.map_or("none".to_owned(), |p| p.to_string())));
    }
    let points = points.to_vec();
    let mut settings: Vec<Setting> = Vec::new();
    for point in &points {
        if !settings.contains(&point.setting) {
            settings.push(point.setting);
        }
    }
    let names = settings.iter().map(Setting::to_string).collect::<Vec<_>>().join(", ");
    let data = shown.iter().map(|&p| percent(p)).collect::<Vec<_>>().join(", ");
    let description =
        format!("Lines of test accuracy against kept and against trained weights for {names} at {data} of the data");
    let height = 300 * shown.len() as u32 + 80;
    let figure = Figure::new("Test accuracy against weights", (920, height), move |canvas, top| {
        let entry = |(i, setting): (usize, &Setting)| Entry::Mark(i, canvas.theme.series(i), setting.to_string());
        let entries: Vec<Entry> = settings.iter().enumerate().map(entry).collect();
        let wide = canvas.size.0 - 76 * UNIT;
        let legend_height = legend::height(&entries, wide);
        legend::draw(canvas, &entries, (60 * UNIT, top), wide)?;
        let top = top + legend_height;
        let half = canvas.size.0 / 2;
        let row = (canvas.size.1 - top) / shown.len() as i32;
        for (number, &percentage) in shown.iter().enumerate() {
            let here: Vec<&WeightPoint> = points.iter().filter(|p| p.percentage == percentage).collect();
            for (side, kept) in [true, false].into_iter().enumerate() {
                let panel = canvas.part(side as i32 * half, half);
                let space = (top + number as i32 * row, canvas.size.1 - top - (number as i32 + 1) * row);
                draw(&panel, space, &settings, &here, percentage, kept)?;
            }
        }
        Ok(())
    });
    Ok(figure.described(description))
}

fn draw(
    canvas: &Canvas,
    (above, below): (i32, i32),
    settings: &[Setting],
    points: &[&WeightPoint],
    percentage: f64,
    kept: bool,
) -> Result<()> {
    let theme = canvas.theme;
    let weights = |p: &WeightPoint| (if kept { p.weights.kept } else { p.weights.trained }) as f64 / 1000.0;
    let label = if kept { "thousand weights kept" } else { "thousand weights trained" };
    let x = Axis::numbers(points.iter().map(|p| weights(p)), label);
    let y = Axis::numbers(
        points.iter().flat_map(|p| p.quartiles),
        &format!("test accuracy, {} of the data", percent(percentage)),
    );
    let axes = Axes::draw(canvas, above, x, y, Margins { right: 8, bottom: below / UNIT })?;
    for (i, setting) in settings.iter().enumerate() {
        let colour = theme.series(i);
        let mut line: Vec<&&WeightPoint> = points.iter().filter(|p| p.setting == *setting).collect();
        line.sort_by_key(|p| p.cut);
        canvas.line(line.iter().map(|p| axes.at(weights(p), p.quartiles[1])), colour, 3)?;
        for point in line {
            let at = |q: usize| axes.at(weights(point), point.quartiles[q]);
            canvas.line([at(0), at(2)], colour, 2)?;
            canvas.mark(at(1), 4 * UNIT, i, plotters::style::Color::to_rgba(&colour))?;
            let name = point.cut.to_string();
            let beside = (at(1).0 + 6 * UNIT + text_width(&name, TINY, false) / 2, at(1).1 - 7 * UNIT);
            canvas.text(&name, beside, SMALL, theme.muted(), Align::Centre)?;
        }
    }
    Ok(())
}
