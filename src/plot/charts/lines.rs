//! Lines: accuracy over the amount of data or over cuts, differences to the baseline, ranks of weights, training.

use std::borrow::Borrow;

use plotters::style::Color;

use crate::error::{Error, Result};
use crate::plot::axes::{Axes, Axis, Margins};
use crate::plot::canvas::Canvas;
use crate::plot::figure::Figure;
use crate::plot::palette::palette;
use crate::plot::style::{text_width, Align, SMALL, UNIT};
use crate::results::ResultFile;
use crate::stats::{experiment_name, percent, Groups, Label, Series, Spread};
use crate::util::numbers::distinct;

/// What the horizontal axis of a figure of lines holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Fractions of the target training data, on a logarithmic axis.
    Percentage,
    /// Cuts; -1 is the baseline.
    Cut,
    /// Layers, counted from 0.
    Layer,
}

impl Over {
    fn words(self) -> &'static str {
        match self {
            Over::Percentage => "fractions of the target training data",
            Over::Cut => "cuts",
            Over::Layer => "layers",
        }
    }

    fn axis(self, places: &[f64]) -> Axis {
        match self {
            Over::Percentage => Axis::shares(places, "fraction of the target training data (logarithmic)"),
            Over::Cut => {
                let name = |&cut: &f64| (cut, if cut < 0.0 { "baseline".to_owned() } else { format!("{cut}") });
                Axis::at_places(places.iter().map(name), "cut")
            }
            Over::Layer => Axis::at_places(places.iter().map(|&l| (l, format!("conv{l}"))), "layer"),
        }
    }
}

/// Everything a figure of lines needs.
#[derive(Clone)]
struct Lines {
    series: Vec<Series>,
    over: Over,
    spread: Spread,
    label: String,
    /// A level to compare with.
    reference: Option<(f64, String)>,
}

impl Lines {
    fn check(&self) -> Result<()> {
        let values = || self.series.iter().flat_map(|s| s.points.iter());
        if values().all(|(_, v)| v.is_empty()) {
            return Err(Error::parameter("series", "at least one value", "none"));
        }
        let bad = values().flat_map(|(x, v)| v.iter().chain([x])).find(|v| !v.is_finite());
        if let Some(bad) = bad {
            return Err(Error::parameter("series", "finite numbers", bad));
        }
        let not_a_share = values().find(|(x, _)| self.over == Over::Percentage && *x <= 0.0);
        not_a_share.map_or(Ok(()), |(x, _)| Err(Error::parameter("series", "fractions above 0", x)))
    }

    fn figure(self, title: String) -> Result<Figure> {
        self.check()?;
        let names: Vec<_> = self.series.iter().map(|s| s.name.to_string()).collect();
        let description = format!("Lines over {} for {}", self.over.words(), names.join(", "));
        Ok(Figure::new(title, (860, 500), move |canvas, top| self.draw(canvas, top)).described(description))
    }

    fn draw(&self, canvas: &Canvas, top: i32) -> Result<()> {
        let palette = palette(&self.series);
        let theme = canvas.theme.for_series(&palette);
        let places = distinct(self.series.iter().flat_map(|s| s.points.iter().map(|p| p.0)));
        let spreads = self.series.iter().flat_map(|s| s.points.iter()).filter_map(|(_, v)| self.spread.of(v));
        let reference = self.reference.iter().map(|(level, _)| *level);
        let y = Axis::numbers(spreads.flat_map(|(m, l, h)| [m, l, h]).chain(reference), &self.label);
        let beside = self.reference.iter().map(|(_, words)| words.clone());
        let names = self.series.iter().map(|s| s.name.to_string()).chain(beside);
        let width = names.map(|n| text_width(&n, SMALL, false)).max().unwrap_or(0) / UNIT;
        let margins = Margins { right: width + 40, bottom: 0 };
        let axes = Axes::draw(canvas, top, self.over.axis(&places), y, margins)?;
        let ((left, plot_top), (right, _)) = axes.corners;
        if let Some((level, words)) = &self.reference {
            let y = axes.at(places[0], *level).1;
            canvas.line([(left, y), (right, y)], theme.muted(), 3)?;
            canvas.text(words, (right + 5 * UNIT, y), SMALL, theme.muted(), Align::Left)?;
        }
        // Bars at one place stand side by side, within a third of the way to the next place.
        let at = |place: f64| f64::from(axes.at(place, 0.0).0);
        let nearest = places.windows(2).map(|w| at(w[1]) - at(w[0])).fold(f64::INFINITY, f64::min);
        let step = f64::from(4 * UNIT).min(nearest / 3.0 / self.series.len() as f64);
        let dodge = |i: usize| match self.spread {
            Spread::Deviation | Spread::Quartiles => ((i as f64 - (self.series.len() - 1) as f64 / 2.0) * step) as i32,
            Spread::Band | Spread::None => 0,
        };
        let places_of = |i: usize, series: &Series| -> Vec<[(i32, i32); 3]> {
            let drawn = series.points.iter().filter_map(|(x, v)| {
                let (middle, low, high) = self.spread.of(v)?;
                Some([middle, low, high].map(|v| (axes.at(*x, v).0 + dodge(i), axes.at(*x, v).1)))
            });
            drawn.collect()
        };
        // Bands lie behind all lines.
        for (i, series) in self.series.iter().enumerate().filter(|_| self.spread == Spread::Band) {
            let (drawn, colour) = (places_of(i, series), theme.series(palette[i]));
            let (low, high): (Vec<_>, Vec<_>) = drawn.iter().map(|d| (d[1], d[2])).unzip();
            canvas.polygon(low.iter().chain(high.iter().rev()).copied().collect(), colour.mix(0.13))?;
            [low, high].into_iter().try_for_each(|edge| canvas.line(edge, colour.mix(0.5), 1))?;
        }
        for (i, series) in self.series.iter().enumerate() {
            let (drawn, colour) = (places_of(i, series), theme.series(palette[i]));
            if matches!(self.spread, Spread::Deviation | Spread::Quartiles) {
                drawn.iter().try_for_each(|&[_, low, high]| canvas.error_bar(low, high, colour))?;
            }
            canvas.line(drawn.iter().map(|d| d[0]), colour, 4)?;
            drawn.iter().try_for_each(|d| canvas.mark(d[0], 4 * UNIT, palette[i], colour.to_rgba()))?;
        }
        for (i, series) in self.series.iter().enumerate() {
            let (x, y) = (right + 14 * UNIT, plot_top + (10 + 20 * i as i32) * UNIT);
            let colour = theme.series(palette[i]);
            canvas.line([(x - 8 * UNIT, y), (x + 8 * UNIT, y)], colour, 4)?;
            canvas.mark((x, y), 4 * UNIT, palette[i], colour.to_rgba())?;
            canvas.text(&series.name.to_string(), (x + 14 * UNIT, y), SMALL, theme.ink(), Align::Left)?;
        }
        Ok(())
    }
}

/// Lines of means with bars of one standard deviation to each side.
///
/// # Errors
/// [`Error::Parameter`] when there is no value, or one that is not finite.
pub fn error_bar_plot(series: &[Series], over: Over, label: &str) -> Result<Figure> {
    let spread = Spread::Deviation;
    let lines = Lines { series: series.to_vec(), over, spread, label: label.to_owned(), reference: None };
    lines.figure(format!("Mean {label} and standard deviation"))
}

/// Lines of means with bands from the lowest value to the highest.
///
/// # Errors
/// [`Error::Parameter`] when there is no value, or one that is not finite.
pub fn band_plot(series: &[Series], over: Over, label: &str) -> Result<Figure> {
    let spread = Spread::Band;
    let lines = Lines { series: series.to_vec(), over, spread, label: label.to_owned(), reference: None };
    lines.figure(format!("Mean {label}, from lowest to highest"))
}

/// How much better or worse than the baseline each cut is, over fractions of the data on a logarithmic axis: the median of
/// the differences of each repeat's accuracies, with bars from their lower quartile to the upper one.
///
/// # Errors
/// Those of [`Groups::new`]; [`Error::Parameter`] when there are no baselines, no cuts, or no repeats in common.
pub fn difference_plot(results: &ResultFile) -> Result<Figure> {
    let groups = Groups::new(&results.records)?;
    let of_cut = |&cut: &i64| {
        let points = groups.percentages().into_iter().map(|p| (p, groups.gains(p, cut)));
        Series::new(Label::Cut(cut), points.filter(|p| !p.1.is_empty()))
    };
    let series: Vec<Series> = groups.cuts().iter().filter(|&&cut| cut >= 0).map(of_cut).collect();
    if series.iter().all(|s| s.points.is_empty()) {
        return Err(nothing_to_compare("records", "", &groups));
    }
    beside_baseline(series, Over::Percentage, format!("Difference to the baseline: {}", experiment_name(results)))
}

/// How much better or worse than its own baseline each cut is in several experiments, such as different splits of the
/// classes, at one fraction of the data: over cuts, the median of the differences of each repeat's accuracies, with bars
/// from their lower quartile to the upper one. Experiments are given with their names.
///
/// # Errors
/// Those of [`Groups::new`]; [`Error::Parameter`] when there is no experiment, or when one has no baselines, cuts or
/// repeats in common at this fraction.
pub fn gain_plot<R: Borrow<ResultFile>>(experiments: &[(&str, R)], percentage: f64) -> Result<Figure> {
    let of_experiment = |(name, results): &(&str, R)| {
        let groups = Groups::new(&results.borrow().records)?;
        let cuts = groups.cuts().into_iter().filter(|&cut| cut >= 0);
        let points = cuts.map(|cut| (cut as f64, groups.gains(percentage, cut))).filter(|p| !p.1.is_empty());
        let series = Series::new(*name, points);
        if series.points.is_empty() {
            return Err(nothing_to_compare("experiments", &format!("{name} at {}: ", percent(percentage)), &groups));
        }
        Ok(series)
    };
    let series = experiments.iter().map(of_experiment).collect::<Result<Vec<_>>>()?;
    beside_baseline(series, Over::Cut, format!("Difference to the baseline at {} of the data", percent(percentage)))
}

fn nothing_to_compare(what: &'static str, which: &str, groups: &Groups) -> Error {
    let found = format!("{which}cuts {:?} at {:?}", groups.cuts(), groups.percentages());
    Error::parameter(what, "baselines (cut -1) and cuts with repeats in common", found)
}

fn beside_baseline(series: Vec<Series>, over: Over, title: String) -> Result<Figure> {
    let label = "difference in test accuracy: median, quartiles".to_owned();
    let reference = Some((0.0, "baseline".to_owned()));
    Lines { series, over, spread: Spread::Quartiles, label, reference }.figure(title)
}

/// The effective rank of each layer's weights ([`crate::model::CustomCnn::effective_ranks`]), for one network or
/// several: (name, ranks by layer) each.
///
/// # Errors
/// [`Error::Parameter`] when there is no rank, or one that is not finite.
pub fn effective_rank_plot(networks: &[(&str, Vec<f64>)]) -> Result<Figure> {
    let line = |(name, ranks): &(&str, Vec<f64>)| {
        Series::new(*name, ranks.iter().enumerate().map(|(layer, &rank)| (layer as f64, vec![rank])))
    };
    let series = networks.iter().map(line).collect();
    let label = "effective rank".to_owned();
    let lines = Lines { series, over: Over::Layer, spread: Spread::None, label, reference: None };
    lines.figure("Effective rank of each layer's weights".to_owned())
}
