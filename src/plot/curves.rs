//! Lines: accuracy over the amount of data or over cuts, differences to the baseline, ranks of weights, training.

use std::borrow::Borrow;

use plotters::style::{Color, RGBColor};

use super::axes::{Axes, Axis, Margins};
use super::boxes::experiment;
use super::canvas::Canvas;
use super::figure::Figure;
use super::style::{text_width, Align, GREY, SMALL, UNIT};
use crate::error::{Error, Result};
use crate::notebook::display;
use crate::record::ResultFile;
use crate::stats::{best, cut_name, mean, median, percent, quantile, standard_deviation, Best, Groups, Rule};
use crate::train::{Epoch, Source, TrainReport};

/// A line of a figure: at each place a sample of values.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What the legend calls it.
    pub name: String,
    /// Place on the horizontal axis (a share of the data, a cut, a layer, ..) and the values there, by place.
    pub points: Vec<(f64, Vec<f64>)>,
}

impl Series {
    /// A line.
    pub fn new(name: impl Into<String>, points: impl IntoIterator<Item = (f64, Vec<f64>)>) -> Series {
        Series { name: name.into(), points: points.into_iter().collect() }
    }

    /// Test accuracies of an experiment: a line for each cut, over shares of the data.
    ///
    /// # Errors
    /// Those of [`Groups::new`].
    pub fn by_cut(results: &ResultFile) -> Result<Vec<Series>> {
        let groups = Groups::new(&results.records)?;
        let of_cut = |cut: i64| {
            let of = groups.all().iter().filter(move |g| g.cut == cut);
            Series::new(cut_name(cut), of.map(|g| (g.percentage, g.accuracy.clone())))
        };
        Ok(groups.cuts().into_iter().map(of_cut).collect())
    }

    /// Test accuracies of an experiment: a line for each share of the data, over cuts.
    ///
    /// # Errors
    /// Those of [`Groups::new`].
    pub fn by_percentage(results: &ResultFile) -> Result<Vec<Series>> {
        let groups = Groups::new(&results.records)?;
        let of_percentage = |percentage: f64| {
            let of = groups.at(percentage).into_iter().map(|g| (g.cut as f64, g.accuracy.clone()));
            Series::new(percent(percentage), of)
        };
        Ok(groups.percentages().into_iter().map(of_percentage).collect())
    }

    /// Test accuracies of an experiment's best cut, the baseline left out: one line, over shares of the data.
    ///
    /// # Errors
    /// Those of [`Groups::new`] and [`best`].
    pub fn best_cuts(name: impl Into<String>, results: &ResultFile) -> Result<Series> {
        let groups = Groups::new(&results.without_baseline().records)?;
        let accuracy = |b: &Best| Some((b.percentage, groups.get(b.percentage, b.cut)?.accuracy.clone()));
        Ok(Series::new(name, best(&groups, Rule::SciPy)?.iter().filter_map(accuracy)))
    }
}

/// What the horizontal axis of a figure of lines holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Shares of the target training data, on a logarithmic axis.
    Percentage,
    /// Cuts; -1 is the baseline.
    Cut,
    /// Layers, counted from 0.
    Layer,
}

impl Over {
    fn words(self) -> &'static str {
        match self {
            Over::Percentage => "shares of the target training data",
            Over::Cut => "cuts",
            Over::Layer => "layers",
        }
    }

    fn axis(self, places: &[f64]) -> Axis {
        match self {
            Over::Percentage => Axis::shares(places, "share of the target training data (logarithmic)"),
            Over::Cut => {
                let name = |&cut: &f64| (cut, if cut < 0.0 { "baseline".to_owned() } else { format!("{cut}") });
                Axis::at_places(places.iter().map(name), "cut")
            }
            Over::Layer => Axis::at_places(places.iter().map(|&l| (l, format!("conv{l}"))), "layer"),
        }
    }
}

/// What is drawn around the middle of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spread {
    /// The mean, and a bar of one standard deviation to each side.
    Deviation,
    /// The mean, and a band from the lowest value to the highest.
    Band,
    /// The median, and a bar from the lower quartile to the upper one.
    Quartiles,
    /// The mean alone.
    None,
}

impl Spread {
    fn of(self, values: &[f64]) -> Option<(f64, f64, f64)> {
        let middle = if self == Spread::Quartiles { median(values)? } else { mean(values)? };
        let (low, high) = match self {
            Spread::Deviation => {
                let deviation = standard_deviation(values).unwrap_or(0.0);
                (middle - deviation, middle + deviation)
            }
            Spread::Band => (quantile(values, 0.0)?, quantile(values, 1.0)?),
            Spread::Quartiles => (quantile(values, 0.25)?, quantile(values, 0.75)?),
            Spread::None => (middle, middle),
        };
        Some((middle, low, high))
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
        not_a_share.map_or(Ok(()), |(x, _)| Err(Error::parameter("series", "shares above 0", x)))
    }

    fn figure(self, title: String) -> Result<Figure> {
        self.check()?;
        let names: Vec<_> = self.series.iter().map(|s| s.name.as_str()).collect();
        let description = format!("Lines over {} for {}", self.over.words(), names.join(", "));
        Ok(Figure::new(title, (860, 500), move |canvas, top| self.draw(canvas, top)).described(description))
    }

    fn draw(&self, canvas: &Canvas, top: i32) -> Result<()> {
        let theme = canvas.theme;
        let mut places: Vec<f64> = self.series.iter().flat_map(|s| s.points.iter().map(|p| p.0)).collect();
        places.sort_by(f64::total_cmp);
        places.dedup();
        let spreads = self.series.iter().flat_map(|s| s.points.iter()).filter_map(|(_, v)| self.spread.of(v));
        let reference = self.reference.iter().map(|(level, _)| *level);
        let y = Axis::numbers(spreads.flat_map(|(m, l, h)| [m, l, h]).chain(reference), &self.label);
        let beside = self.reference.iter().map(|(_, words)| words.as_str());
        let names = self.series.iter().map(|s| s.name.as_str()).chain(beside);
        let width = names.map(|n| text_width(n, SMALL, false)).max().unwrap_or(0) / UNIT;
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
        let palette = palette(&self.series);
        for (i, series) in self.series.iter().enumerate().filter(|_| self.spread == Spread::Band) {
            let (drawn, colour) = (places_of(i, series), theme.series(palette[i]));
            let (low, high): (Vec<_>, Vec<_>) = drawn.iter().map(|d| (d[1], d[2])).unzip();
            canvas.polygon(low.iter().chain(high.iter().rev()).copied().collect(), colour.mix(0.13))?;
            [low, high].into_iter().try_for_each(|edge| canvas.line(edge, colour.mix(0.5), 1))?;
        }
        for (i, series) in self.series.iter().enumerate() {
            let (drawn, colour) = (places_of(i, series), theme.series(palette[i]));
            if matches!(self.spread, Spread::Deviation | Spread::Quartiles) {
                drawn.iter().try_for_each(|&[_, low, high]| error_bar(canvas, low, high, colour))?;
            }
            canvas.line(drawn.iter().map(|d| d[0]), colour, 4)?;
            drawn.iter().try_for_each(|d| canvas.mark(d[0], 4 * UNIT, palette[i], colour.to_rgba()))?;
        }
        for (i, series) in self.series.iter().enumerate() {
            let (x, y) = (right + 14 * UNIT, plot_top + (10 + 20 * i as i32) * UNIT);
            let colour = theme.series(palette[i]);
            canvas.line([(x - 8 * UNIT, y), (x + 8 * UNIT, y)], colour, 4)?;
            canvas.mark((x, y), 4 * UNIT, palette[i], colour.to_rgba())?;
            canvas.text(&series.name, (x + 14 * UNIT, y), SMALL, theme.ink(), Align::Left)?;
        }
        Ok(())
    }
}

/// Which colour and mark each series has. Cuts have those of their number, so that figures of one experiment agree whether
/// they show the baseline or not; the baseline has the grey ones.
pub(super) fn palette(series: &[Series]) -> Vec<usize> {
    let of_cut = |s: &Series| match s.name.strip_prefix("cut ") {
        // The grey place is passed over.
        Some(number) => number.parse::<usize>().ok().map(|n| n + n / GREY),
        None => (s.name == cut_name(-1)).then_some(GREY),
    };
    series.iter().map(of_cut).collect::<Option<Vec<_>>>().unwrap_or_else(|| (0..series.len()).collect())
}

fn error_bar(canvas: &Canvas, low: (i32, i32), high: (i32, i32), colour: RGBColor) -> Result<()> {
    let cap = 3 * UNIT;
    canvas.line([low, high], colour, 3)?;
    [low, high].iter().try_for_each(|&(x, y)| canvas.line([(x - cap, y), (x + cap, y)], colour, 3))
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

/// How much better or worse than the baseline each cut is, over shares of the data on a logarithmic axis: the median of
/// the differences of each repeat's accuracies, with bars from their lower quartile to the upper one.
///
/// # Errors
/// Those of [`Groups::new`]; [`Error::Parameter`] when there are no baselines, no cuts, or no repeats in common.
pub fn difference_plot(results: &ResultFile) -> Result<Figure> {
    let groups = Groups::new(&results.records)?;
    let of_cut = |&cut: &i64| {
        let points = groups.percentages().into_iter().map(|p| (p, groups.gains(p, cut)));
        Series::new(cut_name(cut), points.filter(|p| !p.1.is_empty()))
    };
    let series: Vec<Series> = groups.cuts().iter().filter(|&&cut| cut >= 0).map(of_cut).collect();
    if series.iter().all(|s| s.points.is_empty()) {
        return Err(nothing_to_compare("records", "", &groups));
    }
    beside_baseline(series, Over::Percentage, format!("Difference to the baseline: {}", experiment(results)))
}

/// How much better or worse than its own baseline each cut is in several experiments, such as different splits of the
/// classes, at one share of the data: over cuts, the median of the differences of each repeat's accuracies, with bars
/// from their lower quartile to the upper one. Experiments are given with their names.
///
/// # Errors
/// Those of [`Groups::new`]; [`Error::Parameter`] when there is no experiment, or when one has no baselines, cuts or
/// repeats in common at this share.
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

impl TrainReport {
    /// Shows the report in a notebook: its numbers and, where several epochs were kept, the learning curve.
    pub fn evcxr_display(&self) {
        display::show(&[("text/plain", &self.to_string())]);
        // One epoch is a point, and no curve.
        if self.curve.len() > 1 {
            if let Ok(figure) = learning_curve(&self.curve) {
                figure.evcxr_display();
            }
        }
    }
}

impl Source {
    /// Shows in a notebook how a source network came by its weights; after a training, its curve too.
    pub fn evcxr_display(&self) {
        match self {
            Source::Trained(report) => report.evcxr_display(),
            Source::Read(_) => display::show(&[("text/plain", &self.to_string())]),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_has_one_colour_whatever_stands_beside_it_and_none_has_the_baseline_s() {
        let named = |cuts: std::ops::RangeInclusive<i64>| cuts.map(|cut| Series::new(cut_name(cut), [])).collect();
        let (all, cuts): (Vec<Series>, Vec<Series>) = (named(-1..=9), named(2..=9));
        assert_eq!(palette(&all)[3..], palette(&cuts));
        assert_eq!(palette(&all)[..3], [GREY, 0, 1]);
        assert!(palette(&cuts).iter().all(|i| i % (GREY + 1) != GREY));
        // Other names are coloured in their order.
        assert_eq!(palette(&[Series::new("FR", []), Series::new("cut 5", [])]), [0, 1]);
    }
}
