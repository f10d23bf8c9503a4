//! Grouped bars.

use crate::error::{Error, Result};
use crate::plot::axes::{Axes, Axis, Margins};
use crate::plot::canvas::Canvas;
use crate::plot::figure::Figure;
use crate::plot::legend::{self, Entry};
use crate::plot::palette::palette;
use crate::plot::style::{readable_on, text_width, Align, TINY, UNIT};
use crate::stats::{percent, Centre, Series, Spread};
use crate::util::numbers::distinct;

/// A group of bars for each fraction of the data and in it one for each series: the median, written on it, and a line from
/// the lower quartile to the upper one. Bars begin at 0.
///
/// # Errors
/// [`Error::Parameter`] when there is no value, or one that is not finite or below 0.
pub fn grouped_bars(series: &[Series], label: &str) -> Result<Figure> {
    grouped_bars_of(series, label, Centre::Median)
}

/// The same of medians, or of means with a line of one standard deviation to each side.
///
/// # Errors
/// Those of [`grouped_bars`].
pub fn grouped_bars_of(series: &[Series], label: &str, of: Centre) -> Result<Figure> {
    let values = || series.iter().flat_map(|s| s.points.iter().flat_map(|p| p.1.iter()));
    if values().next().is_none() {
        return Err(Error::parameter("series", "at least one value", "none"));
    }
    if let Some(bad) = values().find(|v| !(v.is_finite() && **v >= 0.0)) {
        return Err(Error::parameter("series", "finite values from 0 on", bad));
    }
    let places = distinct(series.iter().flat_map(|s| s.points.iter().map(|p| p.0)));
    let bars = places.len() * series.len();
    let width = ((bars * 22 + places.len() * 16) as u32 + 110).clamp(640, 2600);
    let (series, label) = (series.to_vec(), label.to_owned());
    let (spread, around) = match of {
        Centre::Median => (Spread::Quartiles, "quartiles"),
        Centre::Mean => (Spread::Deviation, "standard deviation"),
    };
    let title = format!("{} {label}, with {around}", of.title());
    let names: Vec<_> = series.iter().map(|s| s.name.to_string()).collect();
    let shares: Vec<_> = places.iter().map(|&p| percent(p)).collect();
    let description = format!("Bars for {} at {} of the data", names.join(", "), shares.join(", "));
    let draw = move |canvas: &Canvas, top| draw(canvas, top, &series, spread, &places, &label);
    Ok(Figure::new(title, (width, 460), draw).described(description))
}

fn draw(canvas: &Canvas, top: i32, series: &[Series], spread: Spread, places: &[f64], label: &str) -> Result<()> {
    let palette = palette(series);
    let theme = canvas.theme.for_series(&palette);
    let entries: Vec<Entry> =
        series.iter().zip(&palette).map(|(s, &i)| Entry::Colour(theme.series(i), s.name.to_string())).collect();
    let (from, wide) = (60 * UNIT, canvas.size.0 - 76 * UNIT);
    let legend = legend::height(&entries, wide);
    legend::draw(canvas, &entries, (from, top), wide)?;
    let highest = series.iter().flat_map(|s| s.points.iter()).filter_map(|(_, v)| Some(spread.of(v)?.2));
    let y = Axis::range(0.0, highest.fold(0.0, f64::max).max(1e-9) * 1.08, label);
    let x = Axis::names(places.iter().map(|&p| percent(p)), "fraction of the target training data");
    let axes = Axes::draw(canvas, top + legend, x, y, Margins::default())?;
    let ((left, _), (right, bottom)) = axes.corners;
    let pitch = f64::from(right - left) / places.len() as f64 * 0.86 / series.len() as f64;
    for (i, one) in series.iter().enumerate() {
        let colour = theme.series(palette[i]);
        for (place, values) in &one.points {
            let Some(group) = places.iter().position(|p| p == place) else { continue };
            let Some((middle, low, high)) = spread.of(values) else { continue };
            let within = 0.07 + 0.86 * (i as f64 + 0.5) / series.len() as f64;
            let (x, y) = axes.at(group as f64 + within, middle);
            let half = (pitch * 0.44) as i32;
            canvas.rectangle((x - half, y), (x + half, bottom), colour)?;
            canvas.line([(x, axes.at(0.0, low).1), (x, axes.at(0.0, high).1)], theme.ink(), 3)?;
            let number = format!("{middle:.3}");
            if bottom - y > text_width(&number, TINY, false) + 8 * UNIT && 2 * half > TINY * UNIT {
                canvas.upright(&number, (x, bottom - 5 * UNIT), TINY, readable_on(colour), Align::Left)?;
            }
        }
    }
    Ok(())
}
