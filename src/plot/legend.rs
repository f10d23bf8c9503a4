//! Legends that flow into as many rows as they need.

use plotters::style::{Color, RGBColor};

use super::canvas::Canvas;
use super::style::{readable_on, text_width, Align, SMALL, UNIT};
use crate::error::Result;

/// One entry of a legend.
pub(super) enum Entry {
    /// Words alone.
    Words(String),
    /// A square of a colour and what it means.
    Colour(RGBColor, String),
    /// The mark of the i-th series, its colour and its name.
    Mark(usize, RGBColor, String),
    /// A hatched field, up to the right or down, and what it means.
    Hatch(bool, String),
}

/// Height of a row, in units.
const ROW: i32 = 20 * UNIT;
/// Between two entries, in units.
const GAP: i32 = 12 * UNIT;

impl Entry {
    fn symbol(&self) -> i32 {
        match self {
            Entry::Words(_) => 0,
            Entry::Colour(..) | Entry::Mark(..) => 17 * UNIT,
            Entry::Hatch(..) => 23 * UNIT,
        }
    }

    fn words(&self) -> &str {
        match self {
            Entry::Words(words) | Entry::Colour(_, words) | Entry::Mark(_, _, words) | Entry::Hatch(_, words) => words,
        }
    }

    fn width(&self) -> i32 {
        self.symbol() + text_width(self.words(), SMALL, false)
    }

    fn draw(&self, canvas: &Canvas, (x, y): (i32, i32)) -> Result<()> {
        let theme = canvas.theme;
        let side = 6 * UNIT;
        match self {
            Entry::Words(_) => {}
            Entry::Colour(colour, _) => {
                canvas.rectangle((x, y - side), (x + 2 * side, y + side), *colour)?;
                canvas.outline((x, y - side), (x + 2 * side, y + side), theme.muted(), 1)?;
            }
            Entry::Mark(i, colour, _) => canvas.mark((x + side, y), 4 * UNIT, *i, colour.to_rgba())?,
            Entry::Hatch(up, _) => {
                let (a, b, fill) = ((x, y - side), (x + 3 * side, y + side), theme.neutral());
                canvas.rectangle(a, b, fill)?;
                canvas.hatch(a, b, *up, readable_on(fill))?;
                canvas.outline(a, b, theme.ink(), 2)?;
            }
        }
        canvas.text(self.words(), (x + self.symbol(), y), SMALL, theme.muted(), Align::Left)
    }
}

/// Where each entry goes, (left, row), in a width in units; and how many rows there are.
fn flow(entries: &[Entry], width: i32) -> (Vec<(i32, i32)>, i32) {
    let (mut x, mut row) = (0, 0);
    let mut places = Vec::with_capacity(entries.len());
    for entry in entries {
        if x > 0 && x + entry.width() > width {
            (x, row) = (0, row + 1);
        }
        places.push((x, row));
        x += entry.width() + GAP;
    }
    (places, if entries.is_empty() { 0 } else { row + 1 })
}

/// Height of a legend in a width, both in units.
pub(super) fn height(entries: &[Entry], width: i32) -> i32 {
    flow(entries, width).1 * ROW
}

/// Draws a legend from `left` on, `width` wide, below `top`, all in units.
pub(super) fn draw(canvas: &Canvas, entries: &[Entry], (left, top): (i32, i32), width: i32) -> Result<()> {
    let (places, _) = flow(entries, width);
    entries
        .iter()
        .zip(places)
        .try_for_each(|(entry, (x, row))| entry.draw(canvas, (left + x, top + row * ROW + ROW / 2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_legend_takes_as_many_rows_as_it_needs_and_none_is_cut_off() {
        let entries: Vec<Entry> = (0..12).map(|i| Entry::Mark(i, RGBColor(0, 0, 0), format!("series {i}"))).collect();
        assert_eq!(height(&entries, 100_000), ROW);
        let width = 400;
        let (places, rows) = flow(&entries, width);
        assert!(rows > 2);
        assert!(places.iter().zip(&entries).all(|(p, e)| p.0 == 0 || p.0 + e.width() <= width));
        assert_eq!(height(&[], 100), 0);
    }
}
