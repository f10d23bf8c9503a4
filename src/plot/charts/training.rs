//! The course of a training.

use crate::error::{Error, Result};
use crate::plot::axes::{Axes, Axis, Margins};
use crate::plot::canvas::Canvas;
use crate::plot::figure::Figure;
use crate::plot::style::{text_width, Align, SMALL, UNIT};
use crate::stats::mean;
use crate::train::Epoch;

/// The course of a training: mean loss of each epoch, where losses were kept, and accuracy on the training and the
/// validation set after it.
///
/// # Errors
/// [`Error::Parameter`] when the epochs hold neither losses nor accuracies.
pub fn learning_curve(epochs: &[Epoch]) -> Result<Figure> {
    for epoch in epochs {
        let accuracies = epoch.train_acc.iter().chain(&epoch.val_acc);
        if let Some(bad) = accuracies.copied().find(|a| !(0.0..=1.0).contains(a)) {
            return Err(Error::parameter("epochs", format!("accuracies from 0 to 1 in epoch {}", epoch.epoch), bad));
        }
        if let Some(bad) = epoch.loss.iter().find(|l| !l.is_finite()) {
            return Err(Error::parameter("epochs", format!("finite losses in epoch {}", epoch.epoch), bad));
        }
    }
    let number = |e: &Epoch| e.epoch as f64 + 1.0;
    let line = |name: &str, of: &dyn Fn(&Epoch) -> Option<f64>| {
        let points: Vec<_> = epochs.iter().filter_map(|e| Some((number(e), of(e)?))).collect();
        (!points.is_empty()).then(|| (name.to_owned(), points))
    };
    let losses: Vec<_> = line("training", &|e| mean(&e.loss)).into_iter().collect();
    let accuracies: Vec<_> =
        line("training", &|e| e.train_acc).into_iter().chain(line("validation", &|e| e.val_acc)).collect();
    if losses.is_empty() && accuracies.is_empty() {
        let found = format!("{} epochs without either", epochs.len());
        return Err(Error::parameter("epochs", "epochs with losses or accuracies (Trainer::curve, losses)", found));
    }
    let panels: Vec<(&str, Vec<Course>)> =
        [("mean loss", losses), ("accuracy", accuracies)].into_iter().filter(|(_, lines)| !lines.is_empty()).collect();
    let width = 460 * panels.len() as u32;
    let labels: Vec<_> = panels.iter().map(|(label, _)| *label).collect();
    let description = format!("Lines of {} over {} epochs", labels.join(" and, beside it, of "), epochs.len());
    let figure = Figure::new("Learning curve", (width.max(560), 380), move |canvas, top| {
        let share = canvas.size.0 / panels.len() as i32;
        for (i, (label, lines)) in panels.iter().enumerate() {
            let panel = canvas.part(i as i32 * share, share);
            draw_course(&panel, top, label, lines)?;
        }
        Ok(())
    });
    Ok(figure.described(description))
}

/// A line over epochs: its name, and (epoch, value) by epoch.
type Course = (String, Vec<(f64, f64)>);

fn draw_course(canvas: &Canvas, top: i32, label: &str, lines: &[Course]) -> Result<()> {
    let theme = canvas.theme;
    let last = lines.iter().flat_map(|l| l.1.iter().map(|p| p.0)).fold(1.0, f64::max);
    let x = Axis::range(if last > 1.0 { 1.0 } else { 0.5 }, last.max(1.5), "epoch").in_whole_numbers();
    let y = Axis::numbers(lines.iter().flat_map(|l| l.1.iter().map(|p| p.1)), label).with_headroom(0.12);
    let axes = Axes::draw(canvas, top, x, y, Margins::default())?;
    let ((_, plot_top), (right, _)) = axes.corners;
    let mut at = right;
    for (name, points) in lines {
        // Validation keeps its colour where training is not shown.
        let colour = theme.series(usize::from(name == "validation"));
        canvas.line(points.iter().map(|p| axes.at(p.0, p.1)), colour, 4)?;
        if points.len() <= 60 {
            points.iter().try_for_each(|p| canvas.dot(axes.at(p.0, p.1), 3 * UNIT, colour))?;
        }
        let y = plot_top + 8 * UNIT;
        canvas.text(name, (at, y), SMALL, theme.ink(), Align::Right)?;
        at -= text_width(name, SMALL, false) + 8 * UNIT;
        canvas.line([(at - 16 * UNIT, y), (at, y)], colour, 4)?;
        at -= 28 * UNIT;
    }
    Ok(())
}
