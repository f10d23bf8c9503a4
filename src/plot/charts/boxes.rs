//! Box plots: accuracies by percentage and cut, clustering scores by percentage and layer.

use crate::cluster::{ClusterFile, ClusterScore};
use crate::error::Result;
use crate::plot::axes::{Axes, Axis, Margins};
use crate::plot::canvas::Canvas;
use crate::plot::figure::Figure;
use crate::plot::legend::{self, Entry};
use crate::plot::style::{ordered, readable_on, text_width, Align, LABEL, TINY, UNIT};
use crate::results::ResultFile;
use crate::stats::{
    boxes, boxes_against, experiment_name, layer_boxes, percent, Boxed, Boxes, Higher, Measure, RankNote, Ranking,
    Rule, Slots, ALPHA,
};

/// Boxes, and what is written beside them.
#[derive(Clone, Debug)]
struct Chart {
    boxes: Boxes,
    groups: Vec<String>,
    slots: Vec<String>,
    value_label: String,
    /// What the hatching means: of higher boxes, and of lower ones.
    verdicts: Option<(String, String)>,
}

/// Room inside the plot, in pixels: below the lowest value for the names of slots, above the highest for medians and
/// ranks.
const NAMES: f64 = 22.0;
const NUMBERS: f64 = 58.0;
/// How wide the line of the median is.
const MEDIAN: i32 = 4;
/// Left of the plot, about, in pixels.
const LEFT: i32 = 60;
/// The fraction of a group's width that its boxes take.
const FILLED: f64 = 0.9;
/// What the groups of boxes are.
const FRACTION: &str = "fraction of the target training data";

impl Chart {
    fn figure(self, title: String) -> Figure {
        let description = self.description();
        Figure::new(title, size_for(&self), move |canvas, top| self.draw(canvas, top)).described(description)
    }

    /// What the axes hold, and the highest median of each group.
    fn description(&self) -> String {
        let median = |b: &&Boxed| b.five.median;
        let highest = self.groups.iter().enumerate().filter_map(|(group, name)| {
            let boxes = self.boxes.boxes.iter().filter(|b| b.group == group);
            let best = boxes.max_by(|a, b| median(a).total_cmp(&median(b)))?;
            Some(format!("{} at {name} ({:.3})", self.slots.get(best.slot)?, median(&best)))
        });
        let highest = highest.collect::<Vec<_>>().join(", ");
        let (value, slot) = (&self.value_label, self.slot_label());
        format!("Box plot of {value} by {slot}, for each {FRACTION}; highest medians: {highest}")
    }

    fn draw(&self, canvas: &Canvas, top: i32) -> Result<()> {
        let theme = canvas.theme;
        let most = self.boxes.boxes.iter().filter_map(|b| b.rank).max().unwrap_or(1);
        let legend = self.legend(most);
        let (from, wide) = (LEFT * UNIT, canvas.size.0 - (LEFT + 16) * UNIT);
        let legend_height = legend::height(&legend, wide);
        legend::draw(canvas, &legend, (from, top), wide)?;
        let ends = self.boxes.boxes.iter().map(|b| b.five.ends());
        // Names and numbers take pixels, not values: the axis grows by as many values as these pixels are.
        let height = f64::from(canvas.size.1 - top - legend_height) / f64::from(UNIT) - 70.0;
        let (low, high) = ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), (a, b)| (l.min(a), h.max(b)));
        let (low, high) = canvas.looks.limits.unwrap_or((low, high));
        let (low, high) = if high > low { (low, high) } else { (low - 0.05, low + 0.05) };
        let a_pixel = (high - low) / (height - NAMES - NUMBERS - 12.0).max(20.0);
        let y = Axis::range(low - (NAMES + 6.0) * a_pixel, high + (NUMBERS + 6.0) * a_pixel, &self.value_label);
        let y = if high <= 1.0 { y.up_to(1.0) } else { y };
        let y = y.ending_at(canvas.looks.limits);
        let x = Axis::names(self.groups.iter().cloned(), FRACTION);
        let axes = Axes::draw(canvas, top + legend_height, x, y, Margins::default())?;
        let ((left, plot_top), (right, bottom)) = axes.corners;
        let pitch = f64::from(right - left) / self.groups.len().max(1) as f64 * FILLED / self.slots.len().max(1) as f64;
        let centre = |group: usize, slot: usize| {
            let within = (1.0 - FILLED) / 2.0 + FILLED * (slot as f64 + 0.5) / self.slots.len() as f64;
            axes.at(group as f64 + within, low).0
        };
        for group in 1..self.groups.len() {
            let x = axes.at(group as f64, low).0;
            canvas.line([(x, plot_top), (x, bottom)], theme.grid(), 2)?;
        }
        let half = ((pitch * 0.4) as i32).clamp(3, 26 * UNIT);
        for drawn in &self.boxes.boxes {
            let x = centre(drawn.group, drawn.slot);
            self.draw_box(canvas, &axes, drawn, (x, half, pitch), most)?;
        }
        for group in 0..self.groups.len() {
            // Where boxes stand close, every so-manieth has its name.
            let widest = self.slots.iter().map(|s| text_width(s, TINY, false)).max().unwrap_or(0) + 4 * UNIT;
            let step = (f64::from(widest) / pitch).ceil().max(1.0) as usize;
            for (slot, name) in self.slots.iter().enumerate().step_by(step) {
                let at = (centre(group, slot), bottom - (NAMES as i32 / 2) * UNIT);
                canvas.text(name, at, TINY, theme.muted(), Align::Centre)?;
            }
        }
        Ok(())
    }

    fn draw_box(
        &self,
        canvas: &Canvas,
        axes: &Axes,
        drawn: &Boxed,
        (x, half, pitch): (i32, i32, f64),
        most: usize,
    ) -> Result<()> {
        let theme = canvas.theme;
        let five = &drawn.five;
        let y = |v: f64| axes.at(0.0, v).1;
        let fill = drawn.rank.map_or(theme.background(), |rank| rank_colour(rank, most));
        let (upper, lower) = (y(five.upper), y(five.lower));
        for (end, edge) in [(five.whiskers.0, lower), (five.whiskers.1, upper)] {
            canvas.line([(x, y(end)), (x, edge)], theme.ink(), 2)?;
            canvas.line([(x - half / 2, y(end)), (x + half / 2, y(end))], theme.ink(), 2)?;
        }
        canvas.rectangle((x - half, upper), (x + half, lower), fill)?;
        let differs = drawn.higher != Higher::Neither;
        if differs {
            canvas.hatch((x - half, upper), (x + half, lower), drawn.higher == Higher::First, readable_on(fill))?;
        }
        let middle = y(five.median);
        if differs {
            // Hatching would hide the median.
            canvas.rectangle((x - half + 1, (middle - 4).max(upper)), (x + half - 1, (middle + 4).min(lower)), fill)?;
        }
        // Where the median is a quartile too, its line stays inside the box, whose edge is seen on the page; a box that is
        // hardly higher than the line is the line.
        if lower - upper > 2 * MEDIAN {
            let inside = middle.clamp(upper + MEDIAN / 2 + 1, lower - MEDIAN / 2 - 1);
            canvas.line([(x - half, inside), (x + half, inside)], readable_on(fill), MEDIAN as u32)?;
        }
        canvas.outline((x - half, upper), (x + half, lower), theme.ink(), 2)?;
        for &outlier in &five.outliers {
            canvas.diamond((x, y(outlier)), 6, theme.ink())?;
        }
        let number = format!("{:.3}", five.median);
        let lies = pitch > f64::from(text_width(&number, TINY, false) + 2 * UNIT);
        let length = if lies { 14 * UNIT } else { text_width(&number, TINY, false) + 5 * UNIT };
        // Above the whisker, or above the outliers that are in the way there.
        let mut end = y(five.whiskers.1);
        let mut above: Vec<i32> = five.outliers.iter().filter(|&&v| v > five.whiskers.1).map(|&v| y(v)).collect();
        above.sort_unstable_by_key(|&v| std::cmp::Reverse(v));
        for outlier in above {
            if outlier > end - length - 24 * UNIT {
                end = outlier;
            }
        }
        let mut at = end - 8 * UNIT;
        if lies {
            canvas.text(&number, (x, at), TINY, theme.ink(), Align::Centre)?;
        } else {
            canvas.upright(&number, (x, at + 3 * UNIT), TINY, theme.ink(), Align::Left)?;
        }
        at -= length;
        if let Some(rank) = drawn.rank {
            canvas.bold(&rank.to_string(), (x, at), TINY, theme.ink(), Align::Centre)?;
        }
        Ok(())
    }

    /// What names, numbers, colours and hatches mean.
    fn legend(&self, most: usize) -> Vec<Entry> {
        let ranked = self.boxes.boxes.iter().any(|b| b.rank.is_some());
        let above = if ranked { "above: median, rank" } else { "above: median" };
        let mut entries = vec![Entry::Words(format!("below: {}", self.slot_label())), Entry::Words(above.to_owned())];
        entries
            .extend((1..=most).filter(|_| ranked).map(|rank| Entry::Colour(rank_colour(rank, most), rank.to_string())));
        if let Some((higher, lower)) = &self.verdicts {
            entries.extend([Entry::Hatch(true, higher.clone()), Entry::Hatch(false, lower.clone())]);
        }
        entries.extend(self.notes().into_iter().map(Entry::Words));
        entries
    }
}

/// The colour of a rank: the best is the lightest on the ordered scale.
fn rank_colour(rank: usize, most: usize) -> plotters::style::RGBColor {
    ordered(0.95 - 0.85 * (rank - 1) as f64 / (most.max(2) - 1) as f64)
}

/// A cut as it is written below a box.
fn slot_name(cut: i64) -> String {
    if cut < 0 {
        "B".to_owned()
    } else {
        cut.to_string()
    }
}

/// The numbers of layers that are all called by one, `conv0`, `conv1`, .., as they are written below boxes.
fn convolutions(names: &[String]) -> Option<Vec<String>> {
    let number = |name: &String| Some(name.strip_prefix("conv")?.parse::<usize>().ok()?.to_string());
    names.iter().map(number).collect()
}

impl Chart {
    fn new(boxes: Boxes, value_label: &str) -> Chart {
        let groups = boxes.percentages.iter().map(|&p| percent(p)).collect();
        let slots = match &boxes.slots {
            Slots::Cuts(cuts) => cuts.iter().map(|&cut| slot_name(cut)).collect(),
            Slots::Layers(names) => convolutions(names).unwrap_or_else(|| names.clone()),
        };
        Chart { boxes, groups, slots, value_label: value_label.to_owned(), verdicts: None }
    }

    /// What stands side by side.
    fn slot_label(&self) -> &'static str {
        match &self.boxes.slots {
            Slots::Cuts(cuts) if cuts.contains(&-1) => "cut, B: baseline",
            Slots::Cuts(_) => "cut",
            Slots::Layers(names) if convolutions(names).is_some() => "convolution",
            Slots::Layers(_) => "layer",
        }
    }

    /// What ranks, their absence and tests mean.
    fn notes(&self) -> Vec<String> {
        let compared = match &self.boxes.slots {
            Slots::Cuts(_) => "cuts",
            Slots::Layers(_) => "layers",
        };
        let meaning = match self.boxes.ranking {
            Ranking::Published => "ranks as published".to_owned(),
            Ranking::Sound => format!("rank: 1 + {compared} significantly better"),
        };
        let none = self.boxes.boxes.iter().all(|b| b.rank.is_none());
        let before = if none { "empty: not ranked, ".to_owned() } else { format!("{meaning}; empty: ") };
        let ranks = match self.boxes.ranked {
            RankNote::Unpaired => format!("{before}{compared} have different repeats"),
            RankNote::UnpairedOrTooFew => format!("{before}{compared} have different repeats, or too few to tell"),
            RankNote::TooFew => format!("{meaning}; empty: too few repeats to tell"),
            RankNote::All => meaning,
        };
        let rule = self.boxes.rule.map(|rule| {
            let note = match rule {
                Rule::SciPy => "after Holm's correction",
                Rule::Published => "not corrected, as published",
            };
            format!("Wilcoxon, rule {rule}, p below {ALPHA} {note}")
        });
        std::iter::once(ranks).chain(rule).collect()
    }
}

/// A box plot of test accuracy for every percentage and cut, coloured by rank ([`Ranking::Sound`]), with medians and
/// ranks written on the boxes and outliers as diamonds. At a percentage where cuts have different repeats they are
/// not ranked, and the figure says so.
///
/// # Errors
/// Those of [`boxes`].
pub fn box_plot(results: &ResultFile) -> Result<Figure> {
    box_plot_ranked(results, Ranking::Sound)
}

/// The same with ranks of a choice.
///
/// # Errors
/// Those of [`boxes`].
pub fn box_plot_ranked(results: &ResultFile, ranking: Ranking) -> Result<Figure> {
    box_plot_of(results, Measure::TestAcc, ranking)
}

/// The box plot of any accuracy, such as that on the training set.
///
/// # Errors
/// Those of [`boxes`].
pub fn box_plot_of(results: &ResultFile, measure: Measure, ranking: Ranking) -> Result<Figure> {
    let chart = Chart::new(boxes(results, measure, ranking)?, measure.words());
    Ok(chart.figure(format!("{} by cut: {}", capitalised(measure.words()), experiment_name(results))))
}

/// The box plot of one experiment, hatched where it is significantly higher or lower than another one at the same
/// percentage and cut ([`boxes_against`]). Files must hold the same repeats where they share a percentage and cut.
///
/// # Errors
/// Those of [`boxes_against`].
pub fn comparison_box_plot(first: &ResultFile, second: &ResultFile, ranking: Ranking, rule: Rule) -> Result<Figure> {
    comparison_box_plot_of(first, second, Measure::TestAcc, ranking, rule)
}

/// The same of any accuracy.
///
/// # Errors
/// Those of [`boxes_against`].
pub fn comparison_box_plot_of(
    first: &ResultFile,
    second: &ResultFile,
    measure: Measure,
    ranking: Ranking,
    rule: Rule,
) -> Result<Figure> {
    let mut chart = Chart::new(boxes_against(first, second, measure, ranking, rule)?, measure.words());
    let other = second.params.setting()?;
    chart.verdicts = Some((format!("significantly higher than {other}"), format!("significantly lower than {other}")));
    let title = format!("{} by cut: {}, against {other}", capitalised(measure.words()), experiment_name(first));
    Ok(chart.figure(title))
}

/// A box plot of a clustering score for every percentage and layer, coloured by rank. Rows of one algorithm only.
///
/// # Errors
/// Those of [`layer_boxes`].
pub fn cluster_box_plot(results: &ClusterFile, score: ClusterScore) -> Result<Figure> {
    cluster_box_plot_ranked(results, score, Ranking::Sound)
}

/// The same with ranks of a choice.
///
/// # Errors
/// Those of [`layer_boxes`].
pub fn cluster_box_plot_ranked(results: &ClusterFile, score: ClusterScore, ranking: Ranking) -> Result<Figure> {
    let algorithm = results.algorithm_in_words()?;
    let chart = Chart::new(layer_boxes(results, score, ranking)?, score.words());
    Ok(chart.figure(format!("Clusters of feature maps by layer: {}, {algorithm} clustering", score.words())))
}

fn capitalised(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().collect::<String>() + letters.as_str())
}

/// Wide enough for every box: a notebook's width for five groups of eight.
fn size_for(chart: &Chart) -> (u32, u32) {
    let count = (chart.groups.len() * chart.slots.len()) as u32;
    ((count * 22 + 90).clamp(640, 2600), (LABEL as u32) * 40)
}
