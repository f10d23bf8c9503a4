//! Figures: what is drawn, and where. Each is read back from its SVG.

mod common;

use cutpoint::prelude::*;
use cutpoint::stats::{boxes, Boxes, RankNote};
use ndarray::Array2;
use roxmltree::{Document, Node};

/// A text of a figure and where it hangs.
#[derive(Clone, Debug)]
struct Words {
    text: String,
    x: f64,
    y: f64,
}

/// A figure's SVG, to be asked about.
struct Drawn(String);

impl Drawn {
    fn new(figure: &Figure) -> Drawn {
        Drawn(figure.to_svg().unwrap())
    }

    fn each<T>(&self, tag: &str, of: impl Fn(Node) -> T) -> Vec<T> {
        let document = Document::parse(&self.0).unwrap();
        let nodes: Vec<Node> =
            document.descendants().filter(|n| n.has_tag_name(("http://www.w3.org/2000/svg", tag))).collect();
        nodes.into_iter().map(of).collect()
    }

    fn words(&self) -> Vec<Words> {
        self.each("text", |n| Words {
            text: n.text().unwrap_or_default().trim().to_owned(),
            x: number(n, "x"),
            y: number(n, "y"),
        })
    }

    fn find(&self, text: &str) -> Words {
        let words = self.words();
        let found = words.iter().find(|w| w.text == text);
        found
            .unwrap_or_else(|| panic!("no text {text:?} among {:?}", words.iter().map(|w| &w.text).collect::<Vec<_>>()))
            .clone()
    }

    fn count(&self, text: &str) -> usize {
        self.words().iter().filter(|w| w.text == text).count()
    }

    /// Filled rectangles: x, y, width, height, colour. The first is the background.
    fn filled(&self) -> Vec<([f64; 4], String)> {
        let all = self.each("rect", |n| {
            (["x", "y", "width", "height"].map(|a| number(n, a)), n.attribute("fill").unwrap_or("none").to_owned())
        });
        all.into_iter().filter(|(_, fill)| fill != "none").skip(1).collect()
    }

    /// Lines: their points.
    fn lines(&self) -> Vec<Vec<(f64, f64)>> {
        let points = |n: Node| -> Vec<(f64, f64)> {
            let list = n.attribute("points").unwrap_or_default();
            let pair = |p: &str| p.split_once(',').map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap()));
            list.split_whitespace().filter_map(pair).collect()
        };
        let straight = |n: Node| vec![(number(n, "x1"), number(n, "y1")), (number(n, "x2"), number(n, "y2"))];
        [self.each("polyline", points), self.each("line", straight)].concat()
    }

    fn polygons(&self) -> usize {
        self.each("polygon", |_| ()).len()
    }

    fn dots(&self) -> Vec<(f64, f64, String)> {
        self.each("circle", |n| (number(n, "cx"), number(n, "cy"), n.attribute("fill").unwrap_or_default().to_owned()))
    }

    /// Images: width and height of the file inside, and its pixels.
    fn images(&self) -> Vec<(u32, u32, Vec<u8>)> {
        self.each("image", |n| {
            use base64::Engine;
            let data = n.attribute("href").unwrap().strip_prefix("data:image/png;base64,").unwrap();
            decode(&base64::engine::general_purpose::STANDARD.decode(data).unwrap())
        })
    }

    /// Height on the page of a value on the vertical axis, from two of its ticks.
    fn height_of(&self, value: f64, (a, b): (&str, &str)) -> f64 {
        let (low, high) = (self.find(a), self.find(b));
        let share = (value - a.parse::<f64>().unwrap()) / (b.parse::<f64>().unwrap() - a.parse::<f64>().unwrap());
        low.y + (high.y - low.y) * share
    }
}

fn number(node: Node, attribute: &str) -> f64 {
    node.attribute(attribute).unwrap_or_else(|| panic!("{attribute} in {node:?}")).parse().unwrap()
}

/// Width, height and RGBA of a PNG file.
fn decode(file: &[u8]) -> (u32, u32, Vec<u8>) {
    let decoded = image::load_from_memory_with_format(file, image::ImageFormat::Png).unwrap().to_rgba8();
    (decoded.width(), decoded.height(), decoded.into_raw())
}

fn record(percentage: f64, cut: i64, repeat: u64, test_acc: f64) -> Record {
    let row = serde_json::json!({"lr": 0.001, "sampled_percentage": percentage, "sampled_cut_point": cut,
        "repeat": repeat, "train_acc": 1.0, "test_acc": test_acc});
    serde_json::from_value(row).unwrap()
}

/// Two percentages, baseline and two cuts, twenty repeats: cut 1 well above the others, which are alike; one outlier.
fn results() -> ResultFile {
    let mut rows = Vec::new();
    for percentage in [0.01, 0.1] {
        for (cut, middle) in [(-1, 0.5), (0, 0.5), (1, 0.7)] {
            for repeat in 0..20u64 {
                let noise =
                    (repeat as f64 - 9.5) * 0.002 + if cut == 0 { [0.001, -0.001][repeat as usize % 2] } else { 0.0 };
                rows.push(record(percentage, cut, repeat, middle + noise + if percentage > 0.05 { 0.1 } else { 0.0 }));
            }
        }
    }
    rows[5].test_acc = 0.3;
    ResultFile::new(Params::default(), rows)
}

#[test]
fn a_box_plot_has_a_box_for_each_group_at_its_quartiles_with_median_and_rank() {
    let drawn = Drawn::new(&box_plot(&results()).unwrap());
    for text in ["1%", "10%", "test accuracy", "fraction of the target training data"] {
        drawn.find(text);
    }
    assert_eq!((drawn.count("B"), drawn.count("0.700"), drawn.count("0.800")), (2, 1, 1));
    // Boxes are the filled rectangles that are twice there: filled and outlined; the legend's are small squares.
    let boxes: Vec<_> = drawn.filled().into_iter().filter(|(r, _)| r[2] != r[3]).collect();
    assert_eq!(boxes.len(), 6, "{boxes:?}");
    let top = &boxes[2].0;
    let (q3, q1) = (drawn.height_of(0.7095, ("0.4", "0.7")), drawn.height_of(0.6905, ("0.4", "0.7")));
    assert!((top[1] - q3).abs() < 2.5 && (top[1] + top[3] - q1).abs() < 2.5, "{top:?} {q3} {q1}");
    // Better cuts have rank 1 and another colour; those alike share theirs.
    assert!(boxes[0].1 == boxes[1].1 && boxes[1].1 != boxes[2].1);
    assert_eq!((drawn.count("2"), drawn.count("1")), (2 + 2 + 1, 2 + 2 + 1), "ranks, cut names and legend");
    assert_eq!(drawn.polygons(), 1, "one outlier, a diamond");
}

#[test]
fn few_or_unequal_repeats_are_drawn_without_ranks_and_the_figure_says_so() {
    let few = results().filter(|r| r.repeat < 5);
    let drawn = Drawn::new(&box_plot(&few).unwrap());
    drawn.find("rank: 1 + cuts significantly better; empty: too few repeats to tell");
    assert_eq!(drawn.count("above: median"), 1);
    let unequal = results().filter(|r| r.sampled_cut_point != 1 || r.repeat > 0);
    Drawn::new(&box_plot(&unequal).unwrap()).find("empty: not ranked, cuts have different repeats");
    let mut layers = clusterings();
    layers.records.retain(|r| r.layer != "conv1" || r.repeat > 0);
    let drawn = Drawn::new(&cluster_box_plot(&layers, ClusterScore::Ari).unwrap());
    drawn.find("empty: not ranked, layers have different repeats");
}

#[test]
fn unequal_repeats_at_one_percentage_leave_the_ranks_of_the_others() {
    let unequal = results().filter(|r| r.sampled_percentage < 0.05 || r.sampled_cut_point != 1 || r.repeat > 0);
    for (ranking, meaning) in
        [(Ranking::Sound, "rank: 1 + cuts significantly better"), (Ranking::Published, "ranks as published")]
    {
        let found = boxes(&unequal, Measure::TestAcc, ranking).unwrap();
        let all = boxes(&results(), Measure::TestAcc, ranking).unwrap();
        let ranks = |of: &Boxes| of.boxes.iter().map(|b| b.rank).collect::<Vec<_>>();
        assert_eq!(ranks(&found)[..3], ranks(&all)[..3]);
        assert_eq!((ranks(&found)[3..].to_vec(), found.ranked), (vec![None; 3], RankNote::Unpaired));
        assert!(ranks(&all).iter().all(Option::is_some) && all.ranked == RankNote::All);
        let drawn = Drawn::new(&box_plot_ranked(&unequal, ranking).unwrap());
        drawn.find(&format!("{meaning}; empty: cuts have different repeats"));
    }
    let few_too = unequal.filter(|r| r.sampled_percentage > 0.05 || r.repeat < 5);
    let drawn = Drawn::new(&box_plot(&few_too).unwrap());
    assert_eq!(boxes(&few_too, Measure::TestAcc, Ranking::Sound).unwrap().ranked, RankNote::UnpairedOrTooFew);
    assert!(drawn
        .words()
        .iter()
        .any(|w| w.text == "empty: not ranked, cuts have different repeats, or too few to tell"));
}

#[test]
fn a_comparison_hatches_boxes_that_are_significantly_higher_or_lower() {
    let first = results();
    let mut second = results();
    second.params = second.params.with_setting(Setting::FT);
    for row in &mut second.records {
        // Cut 1 lower, the baseline higher, cut 0 as it was.
        row.test_acc += match row.sampled_cut_point {
            1 => -0.05,
            -1 => 0.05,
            _ => 0.0,
        };
    }
    let drawn = Drawn::new(&comparison_box_plot(&first, &second, Ranking::Sound, Rule::SciPy).unwrap());
    drawn.find("significantly higher than FT");
    let boxes: Vec<_> = drawn.filled().into_iter().filter(|(r, _)| r[2] > 20.0 && r[2] != r[3] && r[3] > 8.5).collect();
    let slanted: Vec<_> =
        drawn.lines().into_iter().filter(|l| l.len() == 2 && l[0].0 != l[1].0 && l[0].1 != l[1].1).collect();
    let hatches = |r: &[f64; 4]| {
        let inside = |l: &&Vec<(f64, f64)>| {
            l.iter().all(|p| (r[0]..=r[0] + r[2]).contains(&p.0) && (r[1]..=r[1] + r[3]).contains(&p.1))
        };
        let up = |l: &&Vec<(f64, f64)>| (l[1].0 - l[0].0) * (l[1].1 - l[0].1) < 0.0;
        let all: Vec<_> = slanted.iter().filter(inside).collect();
        (all.len(), all.iter().filter(|l| up(l)).count())
    };
    // The legend's two come first; flat ones keep medians free of hatching.
    let boxes: Vec<_> = boxes.iter().skip(2).take(6).collect();
    let counts: Vec<(usize, usize)> = boxes.iter().map(|(r, _)| hatches(r)).collect();
    for group in [&counts[..3], &counts[3..]] {
        assert!(group[0].0 > 0 && group[0].1 == 0, "the baseline is lower: hatched downwards; {counts:?}");
        assert_eq!(group[1].0, 0, "cut 0 is the same; {counts:?}");
        assert!(group[2].0 > 0 && group[2].1 == group[2].0, "cut 1 is higher: hatched upwards; {counts:?}");
    }
}

/// A p-value of 0.03 is one of three here: significant as it was published, and not after Holm's correction.
#[test]
fn hatching_is_corrected_unless_the_published_rule_is_asked_for() {
    let first = results();
    let mut second = results();
    second.params = second.params.with_setting(Setting::FT);
    for row in &mut second.records {
        let size = 0.0001 * (row.repeat + 1) as f64;
        // Rank sums of 48 and 162 for cut 1; by turns for the others, in opposite turns.
        let up = match row.sampled_cut_point {
            1 => [8, 18, 19].contains(&row.repeat),
            cut => (row.repeat % 2 == 0) == (cut == 0),
        };
        row.test_acc += if up { size } else { -size };
    }
    let groups = |r: &ResultFile| Groups::new(&r.records).unwrap();
    let tests = compare(&groups(&first), &groups(&second), Rule::SciPy).unwrap();
    assert!(tests.iter().filter(|t| t.cut == 1).all(|t| t.test.p_value < 0.05 && !t.significant()), "{tests:?}");
    let slanted = |rule: Rule| {
        let drawn = Drawn::new(&comparison_box_plot(&first, &second, Ranking::Sound, rule).unwrap());
        drawn.lines().into_iter().filter(|l| l.len() == 2 && l[0].0 != l[1].0 && l[0].1 != l[1].1).count()
    };
    // The legend's hatches are in both.
    assert!(
        slanted(Rule::Published) > slanted(Rule::SciPy) + 4,
        "{} {}",
        slanted(Rule::Published),
        slanted(Rule::SciPy)
    );
}

fn clusterings() -> ClusterFile {
    let row = |percentage: f64, repeat: u64, layer: u64| -> ClusterRecord {
        serde_json::from_value(serde_json::json!({"Percentage": percentage, "Repeat": repeat,
            "Layer": format!("conv{layer}"), "Precision": 0.5, "Recall": 0.5, "Accuracy": 0.5,
            "ARI": 0.1 * layer as f64 + 0.001 * repeat as f64, "Dataset": "Finetune", "Split": "Train"}))
        .unwrap()
    };
    let all = [0.01, 0.1].into_iter().flat_map(|p| (0..8).flat_map(move |r| (0..3).map(move |l| row(p, r, l))));
    ClusterFile { records: all.collect() }
}

#[test]
fn a_cluster_box_plot_has_a_box_for_each_percentage_and_layer() {
    let drawn = Drawn::new(&cluster_box_plot(&clusterings(), ClusterScore::Ari).unwrap());
    drawn.find("adjusted Rand index");
    assert_eq!(drawn.count("0.204"), 2, "medians of conv2 at both percentages");
    let boxes: Vec<_> = drawn.filled().into_iter().filter(|(r, _)| r[2] != r[3]).collect();
    assert_eq!(boxes.len(), 6);
    assert!(boxes[0].0[1] > boxes[1].0[1] && boxes[1].0[1] > boxes[2].0[1], "later layers are higher");
    let mut mixed = clusterings();
    mixed.records[0].algorithm = "ward".into();
    assert!(cluster_box_plot(&mixed, ClusterScore::Ari).unwrap_err().to_string().contains("one algorithm"));
    assert!(cluster_box_plot(&clusterings(), ClusterScore::Nmi)
        .unwrap_err()
        .to_string()
        .contains("mutual information"));
    let mut twice = clusterings();
    twice.records.push(twice.records[0].clone());
    assert!(cluster_box_plot(&twice, ClusterScore::Ari).unwrap_err().to_string().contains("two of percentage 0.01"));
}

#[test]
fn a_cluster_box_plot_of_a_network_of_blocks_has_the_blocks_names() {
    drawn_below("below: convolution", &["0", "1", "2"], &clusterings());
    let mut blocks = clusterings();
    for record in &mut blocks.records {
        let place = record.place().unwrap();
        (record.layer, record.cut) = (["in", "l1", "l2"][place as usize].to_owned(), Some(place + 1));
    }
    drawn_below("below: layer", &["in", "l1", "l2"], &blocks);
}

/// Whether a box plot of clusterings says what stands below its boxes, at both percentages.
fn drawn_below(legend: &str, names: &[&str], clusterings: &ClusterFile) {
    let drawn = Drawn::new(&cluster_box_plot(clusterings, ClusterScore::Ari).unwrap());
    assert_eq!(drawn.count(legend), 1, "{legend}");
    for name in names {
        assert!(drawn.count(name) >= 2, "{name}");
    }
}

#[test]
fn differences_are_to_the_baseline_of_the_same_repeat_over_a_logarithmic_axis() {
    let mut rows = Vec::new();
    for percentage in [0.001, 0.01, 0.1] {
        for repeat in 0..4 {
            let base = 0.5 + repeat as f64 * 0.1;
            rows.push(record(percentage, -1, repeat, base));
            rows.push(record(percentage, 2, repeat, base + 0.1));
        }
    }
    let drawn = Drawn::new(&difference_plot(&ResultFile::new(Params::default(), rows.clone())).unwrap());
    let (a, b, c) = (drawn.find("0.1%"), drawn.find("1%"), drawn.find("10%"));
    assert!(((b.x - a.x) - (c.x - b.x)).abs() <= 2.0, "{a:?} {b:?} {c:?}");
    drawn.find("baseline");
    let line = drawn.lines().into_iter().find(|l| l.len() == 3).unwrap();
    let expected = drawn.height_of(0.1, ("0.00", "0.10"));
    assert!(line.iter().all(|p| (p.1 - expected).abs() < 2.5), "{line:?} {expected}");
    rows.retain(|r| r.sampled_cut_point >= 0);
    let error = difference_plot(&ResultFile::new(Params::default(), rows)).unwrap_err().to_string();
    assert!(error.contains("baselines"), "{error}");
}

#[test]
fn experiments_are_compared_by_what_cuts_gain_over_their_own_baselines() {
    let experiment = |base: f64, gain: f64| {
        let row = |cut: i64, repeat: u64| {
            let wobble = 0.01 * repeat as f64;
            record(0.01, cut, repeat, base + wobble + if cut > 0 { gain * cut as f64 } else { 0.0 })
        };
        ResultFile::new(
            Params::default(),
            (-1..=2).flat_map(|cut| (0..3).map(move |repeat| row(cut, repeat))).collect(),
        )
    };
    let (easy, hard) = (experiment(0.7, 0.1), experiment(0.2, 0.2));
    let drawn = Drawn::new(&gain_plot(&[("easy", &easy), ("hard", &hard)], 0.01).unwrap());
    assert!(drawn.count("easy") == 1 && drawn.count("hard") == 1 && drawn.count("baseline") == 1);
    let lines: Vec<_> = drawn.lines().into_iter().filter(|l| l.len() == 3).collect();
    assert_eq!(lines.len(), 2);
    for (line, gain) in lines.iter().zip([0.1, 0.2]) {
        for (cut, point) in line.iter().enumerate() {
            assert!((point.1 - drawn.height_of(gain * cut as f64, ("0.0", "0.4"))).abs() < 2.5, "{line:?}");
        }
    }
    let none = gain_plot(&[("easy", &easy), ("bare", &hard.cuts(0..=2))], 0.01).unwrap_err().to_string();
    assert!(none.contains("bare at 1%") && none.contains("baselines"), "{none}");
    assert!(gain_plot(&[("easy", &easy)], 0.5).is_err() && gain_plot::<ResultFile>(&[], 0.01).is_err());
}

#[test]
fn the_line_of_best_cuts_leaves_out_the_baseline() {
    let rows = [(-1, 0.9f64), (0, 0.5), (1, 0.7), (2, 0.6)];
    let of = |share: f64, least: f64| rows.map(|(cut, accuracy)| record(share, cut, 0, accuracy.max(least)));
    let results = ResultFile::new(Params::default(), [of(0.01, 0.0), of(0.1, 0.8)].concat());
    let series = Series::best_cuts("FR", &results).unwrap();
    assert_eq!((series.name, series.points), ("FR".into(), vec![(0.01, vec![0.7]), (0.1, vec![0.8])]));
    assert!(Series::best_cuts("FR", &results.cuts([-1])).is_err());
}

#[test]
fn best_cuts_of_several_studies_have_a_panel_each_with_the_published_ones_of_that_name() {
    // The best cut is the one that is asked for, in three of four repeats; in the last it is cut 0.
    let study = |best: [i64; 3]| {
        let rows = [0.001, 0.01, 0.1].into_iter().zip(best).flat_map(|(fraction, best)| {
            (0..=3).flat_map(move |cut| {
                (0..4).map(move |repeat| {
                    let first = if repeat == 3 { 0 } else { best };
                    record(fraction, cut, repeat, if cut == first { 0.9 } else { 0.5 + cut as f64 / 100.0 })
                })
            })
        });
        Groups::new(&rows.collect::<Vec<_>>()).unwrap()
    };
    let studies = [("MNIST regular FR".to_owned(), study([3, 2, 1])), ("mine".to_owned(), study([3, 3, 3]))];
    let published = published_best_cuts();
    let drawn = Drawn::new(&trend_plot(&pooled_trend(&studies, false).unwrap(), &published).unwrap());
    let names = ["MNIST regular FR", "mine"].map(|name| drawn.find(name));
    assert!(names[0].x < names[1].x && names[0].y == names[1].y);
    assert_eq!(drawn.count("published"), 1);
    assert!(drawn.words().iter().any(|w| w.text.starts_with("-1.00 (") && w.x < names[1].x), "{:?}", drawn.words());
    // The published study has fractions of its own: 50% and 100% in the first panel, and no cut above 4.
    assert_eq!((drawn.count("100"), drawn.count("10")), (1, 2));
    assert_eq!((drawn.count("4"), drawn.count("5")), (2, 0));
    // Another figure without it.
    let alone = Drawn::new(&trend_plot(&pooled_trend(&studies[1..], false).unwrap(), &published).unwrap());
    assert_eq!((alone.count("published"), alone.count("100"), alone.count("mine")), (0, 0, 1));
}

#[test]
fn lines_have_error_bars_or_bands_and_their_means() {
    let points = vec![(0.0, vec![0.1, 0.3]), (1.0, vec![0.4, 0.6]), (2.0, vec![0.6, 0.8])];
    let series = [Series::new("one", points.clone()), Series::new("two", points[..2].to_vec())];
    let bars = Drawn::new(&error_bar_plot(&series, Over::Cut, "test accuracy").unwrap());
    assert!(bars.count("one") == 1 && bars.count("two") == 1 && bars.polygons() == 0);
    let upright =
        bars.lines().into_iter().filter(|l| l.len() == 2 && l[0].0 == l[1].0 && l[0].1 != l[1].1).collect::<Vec<_>>();
    let deviation = 0.02f64.sqrt();
    let (high, low) =
        (bars.height_of(0.2 + deviation, ("0.2", "0.6")), bars.height_of(0.2 - deviation, ("0.2", "0.6")));
    let is_it =
        |l: &&Vec<(f64, f64)>| (l[0].1.max(l[1].1) - low).abs() < 2.5 && (l[0].1.min(l[1].1) - high).abs() < 2.5;
    assert_eq!(upright.iter().filter(is_it).count(), 2, "one for each series at the first place");
    let bands = Drawn::new(&band_plot(&series, Over::Cut, "test accuracy").unwrap());
    assert_eq!(bands.polygons(), 2);
    // The bands' edges come first.
    let means = bands.lines().into_iter().rfind(|l| l.len() == 3).unwrap();
    for (point, mean) in means.iter().zip([0.2, 0.5, 0.7]) {
        assert!((point.1 - bands.height_of(mean, ("0.2", "0.6"))).abs() < 2.5);
    }
    assert!(band_plot(&[], Over::Cut, "x").unwrap_err().to_string().contains("at least one value"));
    let nan = [Series::new("n", [(0.0, vec![f64::NAN])])];
    assert!(error_bar_plot(&nan, Over::Cut, "x").unwrap_err().to_string().contains("finite"));
    let none = [Series::new("n", [(0.0, vec![0.5])])];
    assert!(band_plot(&none, Over::Percentage, "x").unwrap_err().to_string().contains("above 0"));
}

#[test]
fn a_heat_map_writes_each_median_into_its_field_and_lighter_is_higher() {
    let drawn = Drawn::new(&heat_map(&results(), Measure::TestAcc).unwrap());
    let (row, column, value) = (drawn.find("10%"), drawn.find("1"), drawn.find("0.800"));
    assert!((row.y - value.y).abs() < 2.0 && (column.x - value.x).abs() < 2.0);
    let light = |hex: &str| (1..7).step_by(2).map(|i| u32::from_str_radix(&hex[i..i + 2], 16).unwrap()).sum::<u32>();
    let fields = drawn.filled();
    assert_eq!(fields.len(), 6);
    assert!(light(&fields[5].1) > light(&fields[4].1) && light(&fields[4].1) > light(&fields[0].1));
    assert!(heat_map(&ResultFile::new(Params::default(), vec![]), Measure::TestAcc).is_err());
}

#[test]
fn bars_begin_at_0_and_are_as_high_as_their_medians() {
    let series =
        [Series::new("FR", [(0.01, vec![0.2, 0.2]), (0.1, vec![0.8])]), Series::new("FT", [(0.01, vec![0.4])])];
    let drawn = Drawn::new(&grouped_bars(&series, "test accuracy").unwrap());
    // The legend's are squares.
    let heights: Vec<f64> = drawn.filled().iter().filter(|(r, _)| r[2] != r[3]).map(|(r, _)| r[3]).collect();
    assert!(
        (heights[1] / heights[0] - 4.0).abs() < 0.05 && (heights[2] / heights[0] - 2.0).abs() < 0.05,
        "{heights:?}"
    );
    drawn.find("FT");
    assert!(grouped_bars(&[Series::new("a", [(0.1, vec![-0.5])])], "x").unwrap_err().to_string().contains("from 0 on"));
}

#[test]
fn a_surface_has_a_field_between_each_four_medians() {
    let rows =
        [0.001, 0.01, 0.1].into_iter().flat_map(|p| (0..4).map(move |cut| record(p, cut, 0, 0.2 * cut as f64 + p)));
    let file = ResultFile::new(Params::default(), rows.collect());
    let drawn = Drawn::new(&surface(&file).unwrap());
    let panels = 3;
    assert_eq!(drawn.polygons(), 2 * 3 + panels);
    assert_eq!(drawn.dots().len(), 12);
    for text in ["0.1%", "10%", "3", "cut", "test accuracy", "fraction of the data"] {
        drawn.find(text);
    }
    let hole = file.filter(|r| !(r.sampled_percentage == 0.01 && r.sampled_cut_point == 2));
    assert!(surface(&hole).unwrap_err().to_string().contains("no cut 2 at 0.01"));
    assert!(surface(&file.percentages(&[0.01])).unwrap_err().to_string().contains("two percentages"));
}

#[test]
fn effective_ranks_of_known_weights_and_their_figure() {
    let params = Params { depth: 2, num_channels: 8, kernel_size: 1, device: Device::Cpu, ..Params::default() };
    let mut model = CustomCnn::new(&params, 5, [1, 28, 28]).unwrap();
    let state: Vec<_> = model
        .state_dict()
        .into_iter()
        .map(|(name, t)| {
            let known = if name == "conv1.weight" {
                tch::Tensor::eye(8, (tch::Kind::Float, tch::Device::Cpu)).view([8, 8, 1, 1])
            } else {
                t
            };
            (name, known)
        })
        .collect();
    model.load_state_dict(&state).unwrap();
    let ranks = model.effective_ranks().unwrap();
    assert!(
        (ranks[0] - 1.0).abs() < 1e-6 && (ranks[1] - 8.0).abs() < 1e-6,
        "one input, and all eight alike: {ranks:?}"
    );
    let drawn = Drawn::new(&effective_rank_plot(&[("a", ranks)]).unwrap());
    drawn.find("conv1");
    let line = drawn.lines().into_iter().find(|l| l.len() == 2 && l[0].1 - l[1].1 > 100.0).unwrap();
    assert!((line[1].1 - drawn.height_of(8.0, ("1", "8"))).abs() < 2.5);
}

#[test]
fn a_learning_curve_has_a_panel_for_losses_and_one_for_accuracies() {
    let epoch = |i: usize| Epoch {
        epoch: i,
        loss: vec![1.0 / (i + 1) as f64; 3],
        train_acc: Some(0.5 + 0.1 * i as f64),
        val_acc: Some(0.4),
    };
    let drawn = Drawn::new(&learning_curve(&[epoch(0), epoch(1), epoch(2)]).unwrap());
    assert_eq!(
        (drawn.count("mean loss"), drawn.count("accuracy"), drawn.count("training"), drawn.count("validation")),
        (1, 1, 2, 1)
    );
    assert_eq!(drawn.lines().iter().filter(|l| l.len() == 3).count(), 3);
    let without = Epoch { loss: vec![], ..epoch(0) };
    assert_eq!(Drawn::new(&learning_curve(std::slice::from_ref(&without)).unwrap()).count("mean loss"), 0);
    let nothing = Epoch { train_acc: None, val_acc: None, ..without };
    assert!(learning_curve(&[nothing]).unwrap_err().to_string().contains("losses or accuracies"));
}

#[test]
fn a_confusion_matrix_writes_its_counts_in_their_rows_and_columns() {
    let names = ["cat".to_owned(), "dog".to_owned()];
    let drawn = Drawn::new(&confusion_matrix(&[vec![40, 3], vec![7, 50]], &names).unwrap());
    drawn.find("Confusion of classes: 90 of 100 right");
    let (three, seven) = (drawn.find("3"), drawn.find("7"));
    assert!(three.x > seven.x && three.y < seven.y);
    assert!(confusion_matrix(&[vec![1]], &names).is_err());
}

fn glyphs(params: &Params) -> TransferLearningWrapper {
    TransferLearningWrapper::new(params, GLYPHS, GLYPHS, "data").unwrap()
}

#[test]
fn images_are_the_pixels_of_the_samples_and_of_the_layers() {
    let params = Params { depth: 2, num_channels: 20, device: Device::Cpu, ..Params::default() };
    let data = glyphs(&params);
    let drawn = Drawn::new(&sample_grid(&data.target, 3).unwrap());
    let images = drawn.images();
    assert_eq!(images.len(), 5 * 3);
    let first = data.target.train.labels.iter().position(|&l| l == 0).unwrap();
    let pixels = data.target.train.images.image(data.target.train.rows[first] as usize);
    let grey: Vec<u8> = pixels.iter().flat_map(|&p| [p, p, p, 255]).collect();
    assert_eq!(images[0], (28, 28, grey));
    data.target.class_names.clone().iter().for_each(|name| drop(drawn.find(name)));
    assert!(sample_grid(&data.target, 0).is_err());

    let model = CustomCnn::new(&params, 5, data.input_shape()).unwrap();
    let filters = Drawn::new(&filters(&model).unwrap()).images();
    assert_eq!((filters.len(), filters[0].0, filters[0].1), (20, 3, 3));
    let maps = Drawn::new(&feature_maps(&model, &data.target.train, first).unwrap());
    assert_eq!(maps.images().len(), 1 + 2 * 16, "the image, and sixteen channels of two layers");
    assert!(feature_maps(&model, &data.target.train, usize::MAX).unwrap_err().to_string().contains("`position`"));
}

#[test]
fn the_architecture_names_every_layer_with_its_size_and_shows_what_is_frozen() {
    let params = Params { depth: 3, num_channels: 8, device: Device::Cpu, ..Params::default() };
    let source = CustomCnn::new(&params, 5, [1, 28, 28]).unwrap();
    let cut = source.cut(Cut::new(&params, 2).unwrap(), 4, 0).unwrap();
    let drawn = Drawn::new(&architecture(&cut).unwrap());
    for text in ["input", "1 x 28 x 28", "conv1", "8 x 14 x 14", "+ pool", "fc", "4", "frozen"] {
        drawn.find(text);
    }
    let front: Vec<String> = drawn.filled().into_iter().map(|(_, fill)| fill).collect();
    assert!(front[1] == front[2] && front[2] != front[3] && front[3] == front[4], "{front:?}");
}

#[test]
fn a_scatter_map_has_every_point_in_both_panels_and_matched_colours() {
    let points = Array2::from_shape_vec((4, 2), vec![0.0, 0.0, 1.0, 1.0, 5.0, 5.0, 6.0, 6.0]).unwrap();
    let names = ["a".to_owned(), "b".to_owned()];
    let drawn = Drawn::new(&scatter_map(points.view(), &[0, 0, 1, 1], Some(&[1, 1, 0, 0]), &names).unwrap());
    // Class a and its cluster are dots, class b and its cluster squares.
    let squares = drawn.filled().into_iter().filter(|(r, _)| r[2] == r[3]).map(|(r, fill)| (r[0], fill));
    let marks: Vec<(f64, String)> = drawn.dots().into_iter().map(|d| (d.0, d.2)).chain(squares).collect();
    let of = |x: std::ops::Range<f64>| -> Vec<String> {
        marks.iter().filter(|m| x.contains(&m.0)).map(|m| m.1.clone()).collect()
    };
    // Two points of each class, and one of each in the legend.
    let (left, right) = (of(0.0..920.0), of(920.0..1840.0));
    assert_eq!(left.len(), 6);
    assert_eq!(left, right, "a cluster has the colour of its class");
    assert_eq!(left.iter().filter(|c| **c == left[0]).count(), 3);
    let many = Array2::from_shape_fn((5000, 2), |(i, j)| (i * (j + 1)) as f64);
    let figure = scatter_map(many.view(), &vec![0; 5000], None, &names).unwrap();
    assert!(Drawn::new(&figure).dots().len() <= 1502);
    assert!(format!("{figure:?}").contains("1250 of 5000 points"));
    assert!(scatter_map(points.view(), &[0, 0, 1, 2], None, &names).unwrap_err().to_string().contains("class 2"));
}

/// A full sweep: five percentages, eight cuts, repeats as published, and accuracies all different.
fn full_sweep() -> ResultFile {
    let mut rng = TorchRng::new(1);
    let mut rows = Vec::new();
    for (percentage, repeats) in [(0.001, 25), (0.01, 25), (0.1, 20), (0.5, 5), (1.0, 5)] {
        for cut in -1..=6 {
            for repeat in 0..repeats {
                rows.push(record(percentage, cut, repeat, 0.6 + rng.randperm(3000)[0] as f64 / 1e4));
            }
        }
    }
    ResultFile::new(Params::default(), rows)
}

#[test]
fn figures_of_a_full_sweep_stay_small_and_say_the_same_as_svg_and_png_in_both_themes() {
    let results = full_sweep();
    let all = [
        box_plot(&results).unwrap(),
        box_plot_ranked(&results, Ranking::Published).unwrap(),
        difference_plot(&results).unwrap(),
        error_bar_plot(&Series::by_cut(&results).unwrap(), Over::Percentage, "test accuracy").unwrap(),
        band_plot(&Series::by_percentage(&results).unwrap(), Over::Cut, "test accuracy").unwrap(),
        heat_map(&results, Measure::TestAcc).unwrap(),
        grouped_bars(&Series::by_cut(&results).unwrap(), "test accuracy").unwrap(),
        surface(&results).unwrap(),
    ];
    for figure in all {
        let svg = figure.to_svg().unwrap();
        assert!(svg.len() < 300_000, "{figure:?}: {}", svg.len());
        Document::parse(&svg).unwrap();
        let dark = figure.clone().theme(Theme::Dark);
        assert_eq!(Drawn::new(&dark).words().len(), Drawn::new(&figure).words().len());
        for (figure, dark) in [(&figure, false), (&dark, true)] {
            let (width, height, pixels) = decode(&figure.to_png().unwrap());
            let light = |i: usize| pixels[4 * i..4 * i + 3].iter().map(|&p| u32::from(p)).sum::<u32>() / 3;
            assert_eq!(light(0) < 100, dark, "the corner is background");
            // The title, at least, is ink.
            let strip = (0..(width * 60) as usize).filter(|&i| (light(i) < 100) != dark).count();
            assert!(strip > 300, "{figure:?}: {strip} of {width} x {height}");
        }
    }
}

#[test]
fn figures_are_saved_by_their_ending_and_take_titles_and_sizes() {
    let dir = tempfile::tempdir().unwrap();
    let figure = heat_map(&results(), Measure::TestAcc).unwrap().title("a < b & c").size(500, 300);
    figure.save(dir.path().join("new/f.svg")).unwrap();
    figure.save(dir.path().join("f.PNG")).unwrap();
    let svg = std::fs::read_to_string(dir.path().join("new/f.svg")).unwrap();
    assert!(svg.contains("width=\"500\" height=\"300\"") && svg.contains("aria-label=\"a &lt; b &amp; c\""));
    let (width, height, _) = decode(&std::fs::read(dir.path().join("f.PNG")).unwrap());
    assert_eq!((width, height), (1000, 600));
    let error = figure.save(dir.path().join("f.pdf")).unwrap_err().to_string();
    assert!(error.contains(".svg or .png") && error.contains("f.pdf"), "{error}");
    assert_eq!(Drawn::new(&figure.title("")).count(""), 0);
}
