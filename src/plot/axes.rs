//! Axes that fit their data, over plotters' charts.

use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::prelude::{Cartesian2d, SVGBackend};

use super::canvas::{failed, stroke, Canvas};
use super::style::{text, text_width, Align, AxisScale, Looks, LABEL, SMALL, UNIT};
use crate::error::Result;
use crate::stats::percent;

/// A straight scale with ticks at given places, as plotters takes it.
#[derive(Clone, Debug)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    places: Vec<f64>,
}

impl Ranged for Scale {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let share = (value - self.low) / (self.high - self.low);
        from + (f64::from(to - from) * share).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.places.clone()
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.low..self.high
    }
}

/// One axis: its range, its ticks, and what it shows.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    ticks: Vec<(f64, String)>,
    label: String,
    /// Values are placed by their logarithm to base ten.
    log: bool,
    /// A line behind the data at each tick.
    lines: bool,
    /// Values beyond these ends are placed at them.
    ends: Option<(f64, f64)>,
}

/// Steps between ticks that are easy to read, times a power of ten.
const STEPS: [f64; 4] = [1.0, 2.0, 2.5, 5.0];

impl Axis {
    /// An axis of numbers that holds all of `values` and some space around them. Values that are not finite are passed
    /// over.
    pub fn numbers(values: impl IntoIterator<Item = f64>, label: &str) -> Axis {
        let finite = values.into_iter().filter(|v| v.is_finite());
        let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        let (low, high) = match (low.is_finite(), high > low) {
            (false, _) => (0.0, 1.0),
            (true, false) => (low - 0.5 * low.abs().max(0.02), low + 0.5 * low.abs().max(0.02)),
            (true, true) => (low, high),
        };
        let pad = (high - low) * 0.05;
        let axis = Axis::range(low - pad, high + pad, label);
        if high <= 1.0 {
            axis.up_to(1.0)
        } else {
            axis
        }
    }

    /// The same axis without ticks above `most`: there are no accuracies above 1, whatever room is left there.
    pub fn up_to(mut self, most: f64) -> Axis {
        self.ticks.retain(|t| t.0 <= most + 1e-9);
        self
    }

    /// An axis of numbers from `low` to `high`.
    pub fn range(low: f64, high: f64, label: &str) -> Axis {
        let ticks = ticks(low, high);
        Axis { low, high, ticks, label: label.to_owned(), log: false, lines: true, ends: None }
    }

    /// The same axis with more room above, as a fraction of its range.
    pub fn with_headroom(self, share: f64) -> Axis {
        let high = self.high + (self.high - self.low) * share;
        Axis { ticks: ticks(self.low, high), high, ..self }
    }

    /// A logarithmic axis of fractions of the data, with a tick at each.
    pub fn shares(percentages: &[f64], label: &str) -> Axis {
        let place = |p: f64| p.log10();
        let (low, high) = percentages.iter().fold((0.0f64, -10.0f64), |(l, h), &p| (l.min(place(p)), h.max(place(p))));
        let pad = ((high - low) * 0.06).max(0.15);
        let ticks = percentages.iter().map(|&p| (place(p), percent(p))).collect();
        Axis { low: low - pad, high: high + pad, ticks, label: label.to_owned(), log: true, lines: false, ends: None }
    }

    /// The same axis of fractions, its ticks in percent without the sign, for small panels.
    pub fn without_percent_signs(mut self) -> Axis {
        self.ticks.iter_mut().for_each(|(_, name)| *name = name.trim_end_matches('%').to_owned());
        self
    }

    /// An axis of names, each in the middle of a stretch of length 1 from 0 on.
    pub fn names(names: impl IntoIterator<Item = String>, label: &str) -> Axis {
        let ticks: Vec<_> = names.into_iter().enumerate().map(|(i, name)| (i as f64 + 0.5, name)).collect();
        Axis {
            low: 0.0,
            high: ticks.len() as f64,
            ticks,
            label: label.to_owned(),
            log: false,
            lines: false,
            ends: None,
        }
    }

    /// An axis with a named tick at each of some places, and some space around them.
    pub fn at_places(places: impl IntoIterator<Item = (f64, String)>, label: &str) -> Axis {
        let ticks: Vec<(f64, String)> = places.into_iter().collect();
        let values = ticks.iter().map(|t| t.0);
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        let pad = ((high - low) * 0.05).max(0.3);
        Axis { low: low - pad, high: high + pad, ticks, label: label.to_owned(), log: false, lines: false, ends: None }
    }

    /// The lowest and the highest value on the axis.
    pub fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// The same axis without ticks between whole numbers.
    pub fn in_whole_numbers(mut self) -> Axis {
        self.ticks.retain(|t| t.0.fract() == 0.0);
        for (value, name) in &mut self.ticks {
            *name = format!("{value:.0}");
        }
        self
    }

    /// The same axis of numbers as a figure is asked to look.
    fn looking(self, looks: &Looks) -> Axis {
        if !self.lines || self.log {
            return self;
        }
        let mut axis = match (looks.limits, self.ends) {
            (Some((low, high)), None) => Axis { low, high, ticks: ticks(low, high), ends: Some((low, high)), ..self },
            _ => self,
        };
        if looks.scale == AxisScale::Logarithmic && axis.low > 0.0 {
            axis.ticks = logarithmic_ticks(axis.low, axis.high);
            (axis.low, axis.high, axis.log) = (axis.low.log10(), axis.high.log10(), true);
        }
        axis
    }

    /// The same axis, on which values beyond some ends are placed at them.
    pub fn ending_at(self, ends: Option<(f64, f64)>) -> Axis {
        Axis { ends, ..self }
    }

    fn place(&self, value: f64) -> f64 {
        let value = self.ends.map_or(value, |(low, high)| value.clamp(low, high));
        if self.log {
            // What is not above 0 has no logarithm.
            value.max(f64::MIN_POSITIVE).log10()
        } else {
            value
        }
    }

    /// The same axis without the names that would run into the one before them, or into the last one, on a plot so wide,
    /// in units: where an axis ends is always said.
    fn without_overlaps(&self, width: i32) -> Axis {
        let mut axis = self.clone();
        let extent = |(place, name): &(f64, String)| {
            let middle = f64::from(width) * (*place - self.low) / (self.high - self.low);
            let half = f64::from(text_width(name, SMALL, false)) / 2.0;
            (middle - half, middle + half)
        };
        let gap = f64::from(4 * UNIT);
        let Some((last, others)) = axis.ticks.split_last_mut() else { return axis };
        let (mut free, end) = (f64::NEG_INFINITY, extent(last).0 - gap);
        for tick in others {
            let (from, to) = extent(tick);
            if from < free || to > end {
                tick.1.clear();
            } else {
                free = to + gap;
            }
        }
        axis
    }

    /// The axis as plotters takes it.
    pub fn scale(&self) -> Scale {
        Scale { low: self.low, high: self.high, places: self.ticks.iter().map(|t| t.0).collect() }
    }

    /// What the tick at a place is called; nothing where there is none.
    pub fn name_of(&self, place: f64) -> String {
        let near = |t: &&(f64, String)| (t.0 - place).abs() < 1e-9 * (1.0 + place.abs());
        self.ticks.iter().find(near).map_or(String::new(), |t| t.1.clone())
    }
}

/// Ticks at easy numbers within a range, four to nine.
fn ticks(low: f64, high: f64) -> Vec<(f64, String)> {
    let raw = (high - low) / 8.0;
    if !(raw.is_finite() && raw > 0.0) {
        return Vec::new();
    }
    let power = 10f64.powf(raw.log10().floor());
    let step = STEPS.iter().map(|s| s * power).find(|s| *s >= raw * 0.999).unwrap_or(10.0 * power);
    let decimals = (0..10).find(|&d| (step * 10f64.powi(d)).fract().abs() < 1e-6).unwrap_or(10) as usize;
    let first = (low / step).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    // Adding 0 makes a negative zero a plain one.
    (first..=last).map(|i| i as f64 * step + 0.0).map(|v| (v, format!("{v:.decimals$}"))).collect()
}

/// Ticks of a logarithmic axis: 1, 2 and 5 times the powers of ten, or the ticks of a linear one where that would be few.
fn logarithmic_ticks(low: f64, high: f64) -> Vec<(f64, String)> {
    let powers = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let steps = powers.flat_map(|power| [1.0, 2.0, 5.0].map(|step| step * 10f64.powi(power)));
    let own: Vec<f64> = steps.filter(|v| (low..=high).contains(v)).collect();
    if own.len() < 4 {
        return ticks(low, high).into_iter().map(|(value, name)| (value.log10(), name)).collect();
    }
    own.into_iter().map(|value| (value.log10(), format!("{}", (value * 1e9).round() / 1e9))).collect()
}

/// Axes drawn on a canvas.
pub(super) struct Axes<'c, 'a> {
    chart: ChartContext<'c, SVGBackend<'a>, Cartesian2d<Scale, Scale>>,
    x: Axis,
    y: Axis,
    /// The plot's corners, top left and bottom right, in units.
    pub corners: ((i32, i32), (i32, i32)),
}

/// Space around a plot, in pixels: left of the vertical axis's labels, right, below.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Margins {
    pub right: i32,
    /// Between the horizontal axis's labels and the canvas's edge, for what a figure writes there itself.
    pub bottom: i32,
}

impl<'c, 'a> Axes<'c, 'a> {
    /// Draws axes below the title (`top`, in units).
    pub fn draw(canvas: &'c Canvas<'a>, top: i32, x: Axis, y: Axis, margins: Margins) -> Result<Axes<'c, 'a>> {
        let y = y.looking(&canvas.looks);
        let widest = y.ticks.iter().map(|t| text_width(&t.1, SMALL, false)).max().unwrap_or(0);
        let left = widest + (22 + 12) * UNIT;
        let below = if x.label.is_empty() { 24 } else { 46 } * UNIT;
        let theme = canvas.theme;
        let mut chart = ChartBuilder::on(&canvas.area)
            .margin_top(top + 8 * UNIT)
            .margin_right((16 + margins.right) * UNIT)
            .margin_left(8 * UNIT)
            .margin_bottom((6 + margins.bottom) * UNIT)
            .x_label_area_size(below)
            .y_label_area_size(left)
            .build_cartesian_2d(x.scale(), y.scale())
            .map_err(failed)?;
        let ends = chart.plotting_area().get_x_axis_pixel_range();
        let shown = x.without_overlaps(ends.end - ends.start);
        let (x_names, y_names) = (|v: &f64| shown.name_of(*v), |v: &f64| y.name_of(*v));
        let mut mesh = chart.configure_mesh();
        mesh.axis_style(stroke(theme.muted(), 2))
            .bold_line_style(stroke(theme.grid(), 2))
            .light_line_style(stroke(theme.grid(), 0))
            .max_light_lines(0)
            .label_style(text(SMALL, theme.ink(), Align::Centre, false))
            .axis_desc_style(text(LABEL, theme.ink(), Align::Centre, false))
            .x_label_formatter(&x_names)
            .y_label_formatter(&y_names)
            .set_all_tick_mark_size(4 * UNIT);
        if !x.lines {
            mesh.disable_x_mesh();
        }
        if !y.lines {
            mesh.disable_y_mesh();
        }
        if !x.label.is_empty() {
            mesh.x_desc(x.label.as_str());
        }
        if !y.label.is_empty() {
            mesh.y_desc(y.label.as_str());
        }
        mesh.draw().map_err(failed)?;
        let corner = |a: f64, b: f64| chart.backend_coord(&(a, b));
        let corners = (corner(x.low, y.high), corner(x.high, y.low));
        Ok(Axes { chart, x, y, corners })
    }

    /// Where a point is on the canvas, in units.
    pub fn at(&self, x: f64, y: f64) -> (i32, i32) {
        self.chart.backend_coord(&(self.x.place(x), self.y.place(y)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_easy_numbers_within_the_range() {
        let names = |low, high| ticks(low, high).into_iter().map(|t| t.1).collect::<Vec<_>>();
        assert_eq!(names(0.0, 1.0), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(names(0.913, 0.978), ["0.92", "0.93", "0.94", "0.95", "0.96", "0.97"]);
        assert_eq!(names(-0.04, 0.06), ["-0.04", "-0.02", "0.00", "0.02", "0.04", "0.06"]);
        assert_eq!(names(0.0, 40.0), ["0", "5", "10", "15", "20", "25", "30", "35", "40"]);
        assert!(names(1.0, 1.0).is_empty() && names(0.0, f64::NAN).is_empty());
    }

    #[test]
    fn an_axis_ends_where_it_is_asked_to_and_may_be_logarithmic() {
        let limited = Looks { limits: Some((0.5, 1.0)), ..Looks::default() };
        let axis = Axis::numbers([0.2, 0.9], "y").looking(&limited);
        assert_eq!((axis.low, axis.high, axis.place(0.2), axis.place(0.7)), (0.5, 1.0, 0.5, 0.7));
        let logarithmic = Looks { scale: AxisScale::Logarithmic, ..Looks::default() };
        let axis = Axis::range(0.001, 10.0, "y").looking(&logarithmic);
        assert_eq!(
            axis.ticks.iter().map(|t| t.1.as_str()).take(4).collect::<Vec<_>>(),
            ["0.001", "0.002", "0.005", "0.01"]
        );
        assert!((axis.place(0.1) + 1.0).abs() < 1e-12 && axis.place(0.0).is_finite());
        // There is no logarithm of 0, and none of names.
        assert!(!Axis::range(0.0, 1.0, "y").looking(&logarithmic).log);
        let names = Axis::names(["a".to_owned()], "x");
        assert_eq!(names.clone().looking(&limited), names);
    }

    #[test]
    fn names_that_would_overlap_are_left_out_but_the_last_one_never() {
        let shares = Axis::shares(&[0.001, 0.01, 0.1, 0.5, 1.0], "share");
        let shown =
            |width: i32| shares.without_overlaps(width * UNIT).ticks.into_iter().map(|t| t.1).collect::<Vec<_>>();
        assert_eq!(shown(1000), ["0.1%", "1%", "10%", "50%", "100%"]);
        assert_eq!(shown(200), ["0.1%", "1%", "10%", "", "100%"]);
    }

    #[test]
    fn axes_hold_their_values_whatever_these_are() {
        for values in [vec![], vec![0.5], vec![0.0], vec![f64::NAN, 0.2, 0.9], vec![-3.0, -3.0]] {
            let axis = Axis::numbers(values.clone(), "y");
            assert!(axis.low < axis.high && !axis.ticks.is_empty(), "{values:?}: {axis:?}");
            assert!(values.iter().all(|v| v.is_nan() || (axis.low..axis.high).contains(v)), "{values:?}: {axis:?}");
        }
        let shares = Axis::shares(&[0.001, 0.01, 1.0], "share");
        assert_eq!(shares.ticks.iter().map(|t| t.1.as_str()).collect::<Vec<_>>(), ["0.1%", "1%", "100%"]);
    }
}
