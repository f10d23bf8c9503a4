//! What ways of choosing a cut have cost.

use crate::error::{Error, Result};
use crate::plot::axes::{Axes, Axis, Margins};
use crate::plot::canvas::Canvas;
use crate::plot::figure::Figure;
use crate::plot::legend::{self, Entry};
use crate::plot::style::UNIT;
use crate::stats::{percent, Across, Policy};
use crate::util::numbers::distinct;
use plotters::style::Color;

/// The mean regret of each way of choosing a cut, with its interval, side by side for the fractions of the data of one
/// setting; a way that is judged at some fractions only is drawn there.
///
/// # Errors
/// [`Error::Parameter`] when there is nothing to draw, or several settings.
pub fn regret_plot(rows: &[Across]) -> Result<Figure> {
    let Some(first) = rows.first() else {
        return Err(Error::parameter("rows", "the regret of one way of choosing or more", "none"));
    };
    if let Some(other) = rows.iter().find(|r| r.setting != first.setting) {
        let found = format!("{} and {}", first.setting, other.setting);
        return Err(Error::parameter("rows", "rows of one setting", found));
    }
    let fractions = distinct(rows.iter().map(|r| r.percentage));
    let mut policies: Vec<Policy> = Vec::new();
    for row in rows {
        if !policies.contains(&row.policy) {
            policies.push(row.policy);
        }
    }
    let names: Vec<String> = policies.iter().map(|p| short(*p)).collect();
    let title = format!("What choosing a cut before fine-tuning costs ({})", first.setting);
    let description = format!("Mean regret with 95% intervals of {}", names.join(", "));
    let rows = rows.to_vec();
    let width = (policies.len() as u32 * 92 + 110).clamp(640, 1600);
    let figure =
        Figure::new(title, (width, 460), move |canvas, top| draw(canvas, top, &rows, &fractions, &policies, &names));
    Ok(figure.described(description))
}

fn short(policy: Policy) -> String {
    match policy {
        Policy::Score(score) => score.short().to_owned(),
        Policy::LearntScore => "best score".to_owned(),
        Policy::LearntCut => "best cut".to_owned(),
        Policy::Random => "at random".to_owned(),
    }
}

fn draw(
    canvas: &Canvas,
    top: i32,
    rows: &[Across],
    fractions: &[f64],
    policies: &[Policy],
    names: &[String],
) -> Result<()> {
    let theme = canvas.theme.for_series(&Vec::from_iter(0..fractions.len()));
    let mut entries = vec![Entry::Words("fraction of the data:".to_owned())];
    entries.extend(fractions.iter().enumerate().map(|(i, &f)| Entry::Mark(i, theme.series(i), percent(f))));
    let (from, wide) = (60 * UNIT, canvas.size.0 - 76 * UNIT);
    let legend = legend::height(&entries, wide);
    legend::draw(canvas, &entries, (from, top), wide)?;
    let highest = rows.iter().map(|r| r.regret.high).fold(0.0, f64::max);
    let y = Axis::range(0.0, highest.max(1e-9) * 1.06, "mean regret (test accuracy lost)");
    let x = Axis::names(names.iter().cloned(), "chosen by");
    let axes = Axes::draw(canvas, top + legend, x, y, Margins::default())?;
    for row in rows {
        let place = policies.iter().position(|&p| p == row.policy);
        let part = fractions.iter().position(|&f| f == row.percentage);
        let (Some(place), Some(part)) = (place, part) else { continue };
        let within = 0.15 + 0.7 * (part as f64 + 0.5) / fractions.len() as f64;
        let at = |value: f64| axes.at(place as f64 + within, value);
        let colour = theme.series(part);
        canvas.error_bar(at(row.regret.low), at(row.regret.high), colour)?;
        canvas.mark(at(row.regret.value), 4 * UNIT, part, colour.to_rgba())?;
    }
    Ok(())
}
