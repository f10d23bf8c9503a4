//! Tables in colour: medians by percentage and cut, and confusion matrices.

use crate::error::{Error, Result};
use crate::plot::canvas::Canvas;
use crate::plot::figure::Figure;
use crate::plot::style::{ordered, readable_on, text_width, Align, LABEL, SMALL, UNIT};
use crate::results::ResultFile;
use crate::stats::{experiment_name, percent, Centre, Groups, Measure, Summary};

/// A table of numbers with a colour for each.
#[derive(Clone)]
struct Heat {
    rows: Vec<String>,
    columns: Vec<String>,
    /// By row; `None` where there is no number.
    cells: Vec<Vec<Option<Heated>>>,
    row_label: &'static str,
    column_label: &'static str,
}

#[derive(Clone)]
struct Heated {
    /// What is written.
    text: String,
    /// From 0 to 1: the colour.
    share: f64,
    bold: bool,
}

impl Heat {
    fn figure(self, title: String, size: (u32, u32)) -> Figure {
        let row = |(name, cells): (&String, &Vec<Option<Heated>>)| {
            let cells = cells.iter().map(|cell| cell.as_ref().map_or("-", |c| c.text.as_str()));
            format!("{name}: {}", cells.collect::<Vec<_>>().join(", "))
        };
        // A large table is too long to be read out.
        let few = self.rows.len() * self.columns.len() <= 40;
        let rows = self.rows.iter().zip(&self.cells).filter(|_| few).map(row).collect::<Vec<_>>().join("; ");
        let (by, colon) = (self.column_label, if few { ": " } else { "" });
        let description = format!("Table of {} by {by} ({}){colon}{rows}", self.row_label, self.columns.join(", "));
        Figure::new(title, size, move |canvas, top| self.draw(canvas, top)).described(description)
    }

    fn draw(&self, canvas: &Canvas, top: i32) -> Result<()> {
        let theme = canvas.theme;
        let names = self.rows.iter().map(|r| text_width(r, SMALL, false)).max().unwrap_or(0);
        let (left, right) = (names + 40 * UNIT, canvas.size.0 - 14 * UNIT);
        let (upper, lower) = (top + 10 * UNIT, canvas.size.1 - 50 * UNIT);
        let x = |i: usize| left + (right - left) * i as i32 / self.columns.len().max(1) as i32;
        let y = |i: usize| upper + (lower - upper) * i as i32 / self.rows.len().max(1) as i32;
        for (r, row) in self.cells.iter().enumerate() {
            for (c, cell) in row.iter().enumerate() {
                let middle = ((x(c) + x(c + 1)) / 2, (y(r) + y(r + 1)) / 2);
                let Some(cell) = cell else {
                    canvas.text("-", middle, SMALL, theme.muted(), Align::Centre)?;
                    continue;
                };
                let fill = ordered(cell.share);
                canvas.rectangle((x(c) + UNIT, y(r) + UNIT), (x(c + 1) - UNIT, y(r + 1) - UNIT), fill)?;
                if text_width(&cell.text, SMALL, true) > x(c + 1) - x(c) {
                    continue;
                }
                if cell.bold {
                    canvas.bold(&cell.text, middle, SMALL, readable_on(fill), Align::Centre)?;
                } else {
                    canvas.text(&cell.text, middle, SMALL, readable_on(fill), Align::Centre)?;
                }
            }
        }
        for (r, name) in self.rows.iter().enumerate() {
            canvas.text(name, (left - 6 * UNIT, (y(r) + y(r + 1)) / 2), SMALL, theme.ink(), Align::Right)?;
        }
        for (c, name) in self.columns.iter().enumerate() {
            canvas.text(name, ((x(c) + x(c + 1)) / 2, lower + 12 * UNIT), SMALL, theme.ink(), Align::Centre)?;
        }
        let middle = ((left + right) / 2, lower + 34 * UNIT);
        canvas.text(self.column_label, middle, LABEL, theme.ink(), Align::Centre)?;
        canvas.upright(self.row_label, (14 * UNIT, (upper + lower) / 2), LABEL, theme.ink(), Align::Centre)
    }
}

/// Medians of a measure, written into a field for each percentage and cut; the best of each percentage in bold.
/// Colours run over all fields' values, from the lowest to the highest.
///
/// # Errors
/// Those of [`Groups::new`] and [`Summary::of`].
pub fn heat_map(results: &ResultFile, measure: Measure) -> Result<Figure> {
    heat_map_of(results, measure, Centre::Median)
}

/// The same of medians or of means.
///
/// # Errors
/// Those of [`heat_map`].
pub fn heat_map_of(results: &ResultFile, measure: Measure, of: Centre) -> Result<Figure> {
    Groups::new(&results.records)?;
    let summary = Summary::of(&results.records, measure, crate::stats::LEVEL)?;
    let (percentages, cuts) = (summary.percentages(), summary.cuts());
    let centres = |p: Option<f64>| {
        summary.cells.iter().filter(move |c| p.is_none_or(|p| c.percentage == p)).map(|c| c.centre(of))
    };
    let (low, high) = centres(None).fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    let heated = |percentage: f64, cut: i64| {
        let cell = summary.get(percentage, cut)?;
        let value = cell.centre(of);
        let share = if high > low { (value - low) / (high - low) } else { 0.5 };
        let text = if measure.is_accuracy() { format!("{value:.3}") } else { format!("{value:.1}") };
        let is_best = match of {
            Centre::Median => summary.best(percentage).is_some_and(|b| b.cut == cut),
            Centre::Mean => centres(Some(percentage)).all(|other| other <= value),
        };
        Some(Heated { text, share, bold: measure.is_accuracy() && is_best })
    };
    let heat = Heat {
        rows: percentages.iter().map(|&p| percent(p)).collect(),
        columns: cuts.iter().map(|&c| if c < 0 { "baseline".to_owned() } else { c.to_string() }).collect(),
        cells: percentages.iter().map(|&p| cuts.iter().map(|&c| heated(p, c)).collect()).collect(),
        row_label: "fraction of the data",
        column_label: "cut",
    };
    let size = ((cuts.len() as u32 * 84 + 130).max(420), (percentages.len() as u32 * 46 + 110).max(220));
    let title = format!("{} {}: {}", of.title(), measure.words(), experiment_name(results));
    Ok(heat.figure(title, size))
}

/// How often samples of each class (rows) were taken for each class (columns). Counts are written; colours are fractions of
/// a row.
///
/// # Errors
/// [`Error::Parameter`] when there are not as many rows and columns as names, or no samples.
pub fn confusion_matrix(counts: &[Vec<usize>], names: &[String]) -> Result<Figure> {
    let total: usize = counts.iter().flatten().sum();
    if counts.len() != names.len() || counts.iter().any(|r| r.len() != names.len()) || total == 0 {
        let found = format!("{} rows, {total} samples", counts.len());
        return Err(Error::parameter("counts", format!("{0} x {0} counts of samples", names.len()), found));
    }
    let row = |r: &Vec<usize>| {
        let sum = r.iter().sum::<usize>().max(1);
        let cell = |&n: &usize| Some(Heated { text: n.to_string(), share: n as f64 / sum as f64, bold: false });
        r.iter().map(cell).collect()
    };
    let right: usize = (0..names.len()).map(|i| counts[i][i]).sum();
    let heat = Heat {
        rows: names.to_vec(),
        columns: names.to_vec(),
        cells: counts.iter().map(row).collect(),
        row_label: "true class",
        column_label: "predicted class",
    };
    let side = names.len() as u32;
    let size = ((side * 70 + 150).clamp(420, 2600), (side * 42 + 120).clamp(260, 2600));
    let title = format!("Confusion of classes: {right} of {total} right");
    Ok(heat.figure(title, size))
}
