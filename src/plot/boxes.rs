//! Box plots: accuracies by percentage and cut, clustering scores by percentage and layer.

use std::fmt;
use std::str::FromStr;

use super::axes::{Axes, Axis, Margins};
use super::canvas::Canvas;
use super::figure::Figure;
use super::legend::{self, Entry};
use super::style::{ordered, readable_on, text_width, Align, LABEL, TINY, UNIT};
use crate::cluster::{ClusterFile, ClusterScore};
use crate::error::{Error, Result};
use crate::record::ResultFile;
use crate::stats::{
    all_pairs, compare, dominance_ranks, percent, published_ranks, quantile, tell_nothing, Comparison, Groups, Rule,
    ALPHA,
};

/// How the boxes of one percentage are ranked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ranking {
    /// 1, and one more for each cut that is significantly better ([`dominance_ranks`]).
    #[default]
    Sound,
    /// The published ranks ([`published_ranks`]).
    Published,
}

impl fmt::Display for Ranking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Ranking::Sound => "sound",
            Ranking::Published => "published",
        })
    }
}

impl FromStr for Ranking {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        match s {
            "sound" => Ok(Ranking::Sound),
            "published" => Ok(Ranking::Published),
            _ => Err(Error::parameter("ranking", "sound or published", s)),
        }
    }
}

/// Which way an experiment differs significantly from the one it is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Higher,
    Lower,
}

/// One box.
#[derive(Clone, Debug)]
struct Drawn {
    group: usize,
    slot: usize,
    values: Vec<f64>,
    rank: Option<usize>,
    verdict: Option<Verdict>,
}

/// What a box shows of a sample: quartiles, whiskers to the farthest values within one and a half times the distance of
/// the quartiles, and what lies beyond (Tukey).
struct Five {
    lower: f64,
    median: f64,
    upper: f64,
    whiskers: (f64, f64),
    outliers: Vec<f64>,
}

impl Five {
    fn of(values: &[f64]) -> Option<Five> {
        let (lower, median, upper) = (quantile(values, 0.25)?, quantile(values, 0.5)?, quantile(values, 0.75)?);
        let reach = 1.5 * (upper - lower);
        let within = |v: &f64| (lower - reach..=upper + reach).contains(v);
        let inside = values.iter().copied().filter(within);
        let whiskers = inside.fold((lower, upper), |(low, high), v| (low.min(v), high.max(v)));
        Some(Five { lower, median, upper, whiskers, outliers: values.iter().copied().filter(|v| !within(v)).collect() })
    }
}

/// All boxes of a figure, in groups of slots.
#[derive(Clone, Debug)]
struct Boxes {
    drawn: Vec<Drawn>,
    groups: Vec<String>,
    slots: Vec<String>,
    group_label: &'static str,
    slot_label: &'static str,
    value_label: String,
    /// What the hatching means: of higher boxes, and of lower ones.
    verdicts: Option<(String, String)>,
    /// What ranks, their absence and tests mean.
    notes: Vec<String>,
}

/// Room inside the plot, in pixels: below the lowest value for the names of slots, above the highest for medians and
/// ranks.
const NAMES: f64 = 22.0;
const NUMBERS: f64 = 58.0;
/// How wide the line of the median is.
const MEDIAN: i32 = 4;
/// Left of the plot, about, in pixels.
const LEFT: i32 = 60;
/// The share of a group's width that its boxes take.
const FILLED: f64 = 0.9;

impl Boxes {
    fn figure(self, title: String) -> Figure {
        let description = self.description();
        Figure::new(title, size_for(&self), move |canvas, top| self.draw(canvas, top)).described(description)
    }

    /// What the axes hold, and the highest median of each group.
    fn description(&self) -> String {
        let median = |b: &&Drawn| quantile(&b.values, 0.5).unwrap_or(f64::NEG_INFINITY);
        let highest = self.groups.iter().enumerate().filter_map(|(group, name)| {
            let boxes = self.drawn.iter().filter(|b| b.group == group);
            let best = boxes.max_by(|a, b| median(a).total_cmp(&median(b)))?;
            Some(format!("{} at {name} ({:.3})", self.slots.get(best.slot)?, median(&best)))
        });
        let highest = highest.collect::<Vec<_>>().join(", ");
        let (value, slot, group) = (&self.value_label, self.slot_label, self.group_label);
        format!("Box plot of {value} by {slot}, for each {group}; highest medians: {highest}")
    }

    fn draw(&self, canvas: &Canvas, top: i32) -> Result<()> {
        let theme = canvas.theme;
        let most = self.drawn.iter().filter_map(|b| b.rank).max().unwrap_or(1);
        let legend = self.legend(most);
        let (from, wide) = (LEFT * UNIT, canvas.size.0 - (LEFT + 16) * UNIT);
        let legend_height = legend::height(&legend, wide);
        legend::draw(canvas, &legend, (from, top), wide)?;
        let values = || self.drawn.iter().flat_map(|b| b.values.iter().copied());
        // Names and numbers take pixels, not values: the axis grows by as many values as these pixels are.
        let height = f64::from(canvas.size.1 - top - legend_height) / f64::from(UNIT) - 70.0;
        let (low, high) = values().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        let (low, high) = if high > low { (low, high) } else { (low - 0.05, low + 0.05) };
        let a_pixel = (high - low) / (height - NAMES - NUMBERS - 12.0).max(20.0);
        let y = Axis::range(low - (NAMES + 6.0) * a_pixel, high + (NUMBERS + 6.0) * a_pixel, &self.value_label);
        let y = if high <= 1.0 { y.up_to(1.0) } else { y };
        let x = Axis::names(self.groups.iter().cloned(), self.group_label);
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
        for drawn in &self.drawn {
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
        drawn: &Drawn,
        (x, half, pitch): (i32, i32, f64),
        most: usize,
    ) -> Result<()> {
        let theme = canvas.theme;
        let Some(five) = Five::of(&drawn.values) else { return Ok(()) };
        let y = |v: f64| axes.at(0.0, v).1;
        let fill = drawn.rank.map_or(theme.background(), |rank| rank_colour(rank, most));
        let (upper, lower) = (y(five.upper), y(five.lower));
        for (end, edge) in [(five.whiskers.0, lower), (five.whiskers.1, upper)] {
            canvas.line([(x, y(end)), (x, edge)], theme.ink(), 2)?;
            canvas.line([(x - half / 2, y(end)), (x + half / 2, y(end))], theme.ink(), 2)?;
        }
        canvas.rectangle((x - half, upper), (x + half, lower), fill)?;
        if let Some(verdict) = drawn.verdict {
            canvas.hatch((x - half, upper), (x + half, lower), verdict == Verdict::Higher, readable_on(fill))?;
        }
        let middle = y(five.median);
        if drawn.verdict.is_some() {
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
        let ranked = self.drawn.iter().any(|b| b.rank.is_some());
        let above = if ranked { "above: median, rank" } else { "above: median" };
        let mut entries = vec![Entry::Words(format!("below: {}", self.slot_label)), Entry::Words(above.to_owned())];
        entries
            .extend((1..=most).filter(|_| ranked).map(|rank| Entry::Colour(rank_colour(rank, most), rank.to_string())));
        if let Some((higher, lower)) = &self.verdicts {
            entries.extend([Entry::Hatch(true, higher.clone()), Entry::Hatch(false, lower.clone())]);
        }
        entries.extend(self.notes.iter().cloned().map(Entry::Words));
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

fn ranks_of(groups: &Groups, ranking: Ranking) -> Option<Vec<(f64, i64, usize)>> {
    match ranking {
        Ranking::Published => {
            let pairs = all_pairs(groups, Rule::Published).ok()?;
            Some(published_ranks(groups, &pairs).iter().map(|r| (r.percentage, r.cut, r.rank)).collect())
        }
        Ranking::Sound => {
            let mut all = Vec::new();
            for percentage in groups.percentages() {
                let at = groups.at(percentage);
                if at.windows(2).any(|w| w[0].repeats != w[1].repeats) {
                    return None;
                }
                let samples: Vec<&[f64]> = at.iter().map(|g| g.accuracy.as_slice()).collect();
                if tell_nothing(&samples) {
                    continue;
                }
                let ranks = dominance_ranks(&samples, Rule::SciPy).ok()?;
                all.extend(at.iter().zip(ranks).map(|(g, rank)| (percentage, g.cut, rank)));
            }
            Some(all)
        }
    }
}

fn boxes_of(results: &ResultFile, ranking: Ranking) -> Result<(Boxes, Groups)> {
    let groups = Groups::new(&results.records)?;
    let (percentages, cuts) = (groups.percentages(), groups.cuts());
    let ranks = ranks_of(&groups, ranking);
    let rank_at =
        |percentage: f64, cut: i64| ranks.iter().flatten().find(|r| r.0 == percentage && r.1 == cut).map(|r| r.2);
    let note = match (&ranks, ranking) {
        (None, _) => "empty: not ranked, cuts have different repeats",
        (Some(ranks), Ranking::Sound) if ranks.len() < groups.all().len() => {
            "rank: 1 + cuts significantly better; empty: too few repeats to tell"
        }
        (_, Ranking::Sound) => "rank: 1 + cuts significantly better",
        (_, Ranking::Published) => "ranks as published",
    };
    let position = |list: &[f64], p: f64| list.iter().position(|&q| q == p).unwrap_or(0);
    let drawn = groups.all().iter().map(|g| Drawn {
        group: position(&percentages, g.percentage),
        slot: cuts.iter().position(|&c| c == g.cut).unwrap_or(0),
        values: g.accuracy.clone(),
        rank: rank_at(g.percentage, g.cut),
        verdict: None,
    });
    let boxes = Boxes {
        drawn: drawn.collect(),
        groups: percentages.iter().map(|&p| percent(p)).collect(),
        slots: cuts.iter().map(|&c| slot_name(c)).collect(),
        group_label: "share of the target training data",
        slot_label: if cuts.contains(&-1) { "cut, B: baseline" } else { "cut" },
        value_label: "test accuracy".to_owned(),
        verdicts: None,
        notes: vec![note.to_owned()],
    };
    Ok((boxes, groups))
}

/// What experiment a file holds, for a title: data set, setting, target classes.
pub fn experiment(results: &ResultFile) -> String {
    let params = &results.params;
    let name = |key: &str| params.other.get(key).and_then(|v| v.as_str()).map(str::to_owned);
    let sets = match (name("source_dataset"), name("target_dataset")) {
        (Some(a), Some(b)) if a != b => format!("{a} to {b}, "),
        (_, Some(b)) => format!("{b}, "),
        _ => String::new(),
    };
    let setting = params.setting().map_or(String::new(), |s| s.to_string());
    let classes: Vec<String> = params.fine_tune_classes.iter().map(u8::to_string).collect();
    format!("{sets}{setting}, target classes {}", classes.join(" "))
}

/// A box plot of test accuracy for every percentage and cut, coloured by rank ([`Ranking::Sound`]), with medians and
/// ranks written on the boxes and outliers as diamonds. Where cuts have different repeats they are not ranked, and the
/// figure says so.
///
/// # Errors
/// Those of [`Groups::new`].
pub fn box_plot(results: &ResultFile) -> Result<Figure> {
    box_plot_ranked(results, Ranking::Sound)
}

/// The same with ranks of a choice.
///
/// # Errors
/// Those of [`Groups::new`].
pub fn box_plot_ranked(results: &ResultFile, ranking: Ranking) -> Result<Figure> {
    let (boxes, _) = boxes_of(results, ranking)?;
    let title = format!("Test accuracy by cut: {}", experiment(results));
    Ok(boxes.figure(title))
}

/// The box plot of one experiment, hatched where it is significantly higher or lower than another one at the same
/// percentage and cut, by Wilcoxon's test: with [`Rule::SciPy`] p below 0.05 after Holm's correction for all cuts of a
/// percentage, with [`Rule::Published`] p itself below 0.05, as published. Files must hold the same repeats where they
/// share a percentage and cut.
///
/// # Errors
/// Those of [`Groups::new`] and [`compare`].
pub fn comparison_box_plot(first: &ResultFile, second: &ResultFile, ranking: Ranking, rule: Rule) -> Result<Figure> {
    let (mut boxes, groups) = boxes_of(first, ranking)?;
    let (percentages, cuts) = (groups.percentages(), groups.cuts());
    let (significant, note): (fn(&Comparison) -> bool, _) = match rule {
        Rule::SciPy => (|t| t.holm < ALPHA, "after Holm's correction"),
        Rule::Published => (Comparison::significant, "not corrected, as published"),
    };
    for test in compare(&groups, &Groups::new(&second.records)?, rule)?.iter().filter(|t| significant(t)) {
        let verdict = if test.higher() == "first" { Verdict::Higher } else { Verdict::Lower };
        let is_it = |b: &&mut Drawn| percentages[b.group] == test.percentage && cuts[b.slot] == test.cut;
        if let Some(drawn) = boxes.drawn.iter_mut().find(is_it) {
            drawn.verdict = Some(verdict);
        }
    }
    let other = second.params.setting()?;
    boxes.verdicts = Some((format!("significantly higher than {other}"), format!("significantly lower than {other}")));
    boxes.notes.push(format!("Wilcoxon, rule {rule}, p below {ALPHA} {note}"));
    let title = format!("Test accuracy by cut: {}, against {other}", experiment(first));
    Ok(boxes.figure(title))
}

/// A box plot of a clustering score for every percentage and layer, coloured by rank. Rows of one algorithm only.
///
/// # Errors
/// [`Error::Parameter`] when there are no rows, when they are of several algorithms, or when a percentage, repeat and
/// layer occurs twice.
pub fn cluster_box_plot(results: &ClusterFile, score: ClusterScore) -> Result<Figure> {
    let algorithm = results.algorithm_in_words()?;
    let mut rows: Vec<_> = results.records.iter().filter_map(|r| Some((r, score.of(r)?))).collect();
    rows.sort_by(|(a, _), (b, _)| {
        let layer = |r: &crate::cluster::ClusterRecord| (r.layer.len(), r.layer.clone());
        a.percentage.total_cmp(&b.percentage).then(layer(a).cmp(&layer(b))).then(a.repeat.cmp(&b.repeat))
    });
    if rows.is_empty() {
        return Err(Error::parameter("records", format!("rows with {}", score.words()), "none"));
    }
    let place = |r: &crate::cluster::ClusterRecord| (r.percentage.to_bits(), r.layer.clone(), r.repeat);
    if let Some(twice) = rows.windows(2).find(|w| place(w[0].0) == place(w[1].0)) {
        let r = twice[0].0;
        let found = format!("two of percentage {}, {}, repeat {}", r.percentage, r.layer, r.repeat);
        return Err(Error::parameter("records", "each percentage, layer and repeat once", found));
    }
    let mut percentages: Vec<f64> = rows.iter().map(|(r, _)| r.percentage).collect();
    percentages.dedup();
    let mut layers: Vec<String> = rows.iter().map(|(r, _)| r.layer.clone()).collect();
    layers.sort_by_key(|l| (l.len(), l.clone()));
    layers.dedup();
    let mut drawn = Vec::new();
    let (mut few, mut unequal) = (false, false);
    for (group, &percentage) in percentages.iter().enumerate() {
        type Sample = (Vec<u64>, Vec<f64>);
        let of = |layer: &String| -> Sample {
            let rows = rows.iter().filter(|(r, _)| r.percentage == percentage && r.layer == *layer);
            rows.map(|(r, value)| (r.repeat, *value)).unzip()
        };
        let samples: Vec<(usize, Sample)> =
            layers.iter().map(of).enumerate().filter(|(_, (repeats, _))| !repeats.is_empty()).collect();
        let paired = samples.windows(2).all(|w| w[0].1 .0 == w[1].1 .0);
        let values: Vec<&[f64]> = samples.iter().map(|(_, (_, values))| values.as_slice()).collect();
        let enough = !tell_nothing(&values);
        let ranks = if paired && enough { dominance_ranks(&values, Rule::SciPy).ok() } else { None };
        (few, unequal) = (few || !enough, unequal || !paired);
        for (i, (slot, (_, values))) in samples.iter().enumerate() {
            let rank = ranks.as_ref().map(|r| r[i]);
            drawn.push(Drawn { group, slot: *slot, values: values.clone(), rank, verdict: None });
        }
    }
    let mut notes = vec!["rank: 1 + layers significantly better".to_owned()];
    notes.extend(few.then(|| "empty: too few repeats to tell".to_owned()));
    notes.extend(unequal.then(|| "empty: layers have different repeats".to_owned()));
    let boxes = Boxes {
        drawn,
        groups: percentages.iter().map(|&p| percent(p)).collect(),
        slots: layers.iter().map(|l| l.trim_start_matches("conv").to_owned()).collect(),
        group_label: "share of the target training data",
        slot_label: "convolution",
        value_label: score.words().to_owned(),
        verdicts: None,
        notes,
    };
    let title = format!("Clusters of feature maps by layer: {}, {} clustering", score.words(), algorithm);
    Ok(boxes.figure(title))
}

/// Wide enough for every box: a notebook's width for five groups of eight.
fn size_for(boxes: &Boxes) -> (u32, u32) {
    let count = (boxes.groups.len() * boxes.slots.len()) as u32;
    ((count * 22 + 90).clamp(640, 2600), (LABEL as u32) * 40)
}
