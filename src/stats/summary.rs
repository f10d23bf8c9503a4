//! Medians, and what else describes a sample, by percentage and cut.

use std::fmt;

use super::bootstrap::{check_level, interval, LEVEL};
use super::describe::{mean, median, quantile, standard_deviation};
use super::groups::checked;
use super::measure::{Centre, Measure};
use crate::error::Result;
use crate::notebook::display;
use crate::results::Record;
use crate::table::{cut_name, percent, Table, Value};

/// The numbers of one percentage and cut, over repeats, in the unit of what is measured: accuracies from 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Fraction of the target training data.
    pub percentage: f64,
    /// The cut; -1 is the baseline.
    pub cut: i64,
    /// Repeats.
    pub count: usize,
    /// The median.
    pub median: f64,
    /// The mean.
    pub mean: f64,
    /// The standard deviation with n - 1 in the denominator; `None` of a single repeat.
    pub standard_deviation: Option<f64>,
    /// The lowest.
    pub minimum: f64,
    /// A quarter lies below it, on a straight line between neighbours.
    pub lower_quartile: f64,
    /// A quarter lies above it.
    pub upper_quartile: f64,
    /// The highest.
    pub maximum: f64,
    /// The confidence interval of the median ([`super::median_interval`]); `None` of a single repeat.
    pub interval: Option<(f64, f64)>,
}

impl Cell {
    /// Its middle.
    pub fn centre(&self, of: Centre) -> f64 {
        match of {
            Centre::Median => self.median,
            Centre::Mean => self.mean,
        }
    }

    /// Of at least one value.
    fn new(percentage: f64, cut: i64, values: &[f64], level: f64) -> Cell {
        let or_nan = |number: Option<f64>| number.unwrap_or(f64::NAN);
        let at = |q: f64| or_nan(quantile(values, q));
        let usable = values.len() > 1 && values.iter().all(|v| v.is_finite());
        Cell {
            percentage,
            cut,
            count: values.len(),
            median: or_nan(median(values)),
            mean: or_nan(mean(values)),
            standard_deviation: standard_deviation(values),
            minimum: at(0.0),
            lower_quartile: at(0.25),
            upper_quartile: at(0.75),
            maximum: at(1.0),
            interval: usable.then(|| interval(values, level)),
        }
    }
}

/// What describes the runs of each percentage and cut. As text, it is the table of medians; a notebook shows that, too.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// One for each percentage and cut that there are records of, by percentage, then cut.
    pub cells: Vec<Cell>,
    /// What was measured.
    pub measure: Measure,
    /// The level of the confidence intervals, such as 0.95.
    pub level: f64,
}

impl Summary {
    /// Test accuracies of any records, as they are: where one is no number, the numbers of its percentage and cut are
    /// none, and a row that is there twice counts twice. [`Summary::of`] refuses such records.
    pub fn new(records: &[Record]) -> Self {
        let mut rows: Vec<(&Record, f64)> = records.iter().map(|r| (r, r.test_acc)).collect();
        let key = |r: &Record| (r.sampled_percentage, r.sampled_cut_point);
        rows.sort_by(|(a, _), (b, _)| key(a).0.total_cmp(&key(b).0).then(key(a).1.cmp(&key(b).1)));
        Summary::of_sorted(&rows, Measure::TestAcc, LEVEL)
    }

    /// Any number of result rows, with confidence intervals of the median at a level between 0 and 1 ([`LEVEL`] is
    /// 0.95).
    ///
    /// # Errors
    /// Those of [`super::Groups::new`]; [`crate::error::Error::Parameter`] when a row does not have the number, as
    /// published files hold no validation accuracy, or when the level is not between 0 and 1.
    pub fn of(records: &[Record], measure: Measure, level: f64) -> Result<Self> {
        check_level(level)?;
        Ok(Summary::of_sorted(&checked(records, measure)?, measure, level))
    }

    fn of_sorted(rows: &[(&Record, f64)], measure: Measure, level: f64) -> Self {
        let key = |r: &Record| (r.sampled_percentage, r.sampled_cut_point);
        let cell = |rows: &[(&Record, f64)]| {
            let (percentage, cut) = key(rows[0].0);
            Cell::new(percentage, cut, &rows.iter().map(|(_, value)| *value).collect::<Vec<_>>(), level)
        };
        Summary { cells: rows.chunk_by(|(a, _), (b, _)| key(a) == key(b)).map(cell).collect(), measure, level }
    }

    /// The cut with the highest median at a percentage, baseline included; of equal ones the highest cut, which
    /// trains least. `None` where there is none, or what was measured has no best (epochs, seconds).
    pub fn best(&self, percentage: f64) -> Option<&Cell> {
        let usable = |c: &&Cell| self.measure.is_accuracy() && c.percentage == percentage && !c.median.is_nan();
        let at = self.cells.iter().filter(usable);
        at.max_by(|a, b| a.median.total_cmp(&b.median).then(a.cut.cmp(&b.cut)))
    }

    /// Whether a table of medians marks this one as the best of its percentage: not where it is the only one.
    fn marks(&self, percentage: f64, cut: i64) -> bool {
        let others = self.cells.iter().any(|c| c.percentage == percentage && c.cut != cut);
        others && self.best(percentage).is_some_and(|best| best.cut == cut)
    }

    /// The percentages, ascending.
    pub fn percentages(&self) -> Vec<f64> {
        let mut list: Vec<f64> = self.cells.iter().map(|c| c.percentage).collect();
        list.dedup();
        list
    }

    /// The cuts, ascending.
    pub fn cuts(&self) -> Vec<i64> {
        let mut list: Vec<i64> = self.cells.iter().map(|c| c.cut).collect();
        list.sort_unstable();
        list.dedup();
        list
    }

    /// One percentage and cut.
    pub fn get(&self, percentage: f64, cut: i64) -> Option<&Cell> {
        self.cells.iter().find(|c| c.percentage == percentage && c.cut == cut)
    }

    /// Repeats at a percentage: one number, or the least and the most.
    fn repeats(&self, percentage: f64) -> Value {
        let counts = || self.cells.iter().filter(|c| c.percentage == percentage).map(|c| c.count);
        match (counts().min().unwrap_or(0), counts().max().unwrap_or(0)) {
            (least, most) if least == most => least.into(),
            (least, most) => format!("{least} to {most}").into(),
        }
    }

    /// The table of medians: percentages down, cuts across, the best of each row marked.
    pub fn medians(&self) -> Table {
        let percentages = self.percentages();
        let mut table = Table::of(&percentages).fraction("percentage", |&p| p).titled("data");
        for cut in self.cuts() {
            let median = |&p: &f64| self.get(p, cut).map(|c| c.median);
            table = table
                .number(&cut_name(cut), self.measure.places(), median)
                .marked(|&p| self.get(p, cut).is_some() && self.marks(p, cut));
        }
        table.count("repeats", |&p| self.repeats(p)).done()
    }

    /// The table of all numbers: a row for each percentage and cut, the best median of each percentage marked.
    pub fn numbers(&self) -> Table {
        type Number = (&'static str, String, fn(&Cell) -> Option<f64>);
        let level = percent(self.level);
        let numbers: [Number; 9] = [
            ("median", "median".to_owned(), |c| Some(c.median)),
            ("interval_low", format!("{level} from"), |c| c.interval.map(|i| i.0)),
            ("interval_high", "to".to_owned(), |c| c.interval.map(|i| i.1)),
            ("mean", "mean".to_owned(), |c| Some(c.mean)),
            ("standard_deviation", "sd".to_owned(), |c| c.standard_deviation),
            ("minimum", "min".to_owned(), |c| Some(c.minimum)),
            ("lower_quartile", "lower q.".to_owned(), |c| Some(c.lower_quartile)),
            ("upper_quartile", "upper q.".to_owned(), |c| Some(c.upper_quartile)),
            ("maximum", "max".to_owned(), |c| Some(c.maximum)),
        ];
        let is_best = |c: &Cell| self.best(c.percentage).is_some_and(|best| best.cut == c.cut);
        let mut table = Table::of(&self.cells)
            .fraction("percentage", |c| c.percentage)
            .titled("data")
            .cut("cut", |c| c.cut)
            .words("measure", |_| self.measure.to_string())
            .hidden()
            .not_in_csv()
            .count("level", |_| self.level)
            .hidden()
            .not_in_csv()
            .count("count", |c| c.count)
            .titled("n")
            .bold(is_best);
        for (key, title, of) in numbers {
            table = table.number(key, self.measure.places(), of).titled(title);
            // In plain text, only the median itself has a star.
            table = if key == "median" { table.marked(is_best) } else { table };
        }
        let best = if self.measure.is_accuracy() { "; the best median of each percentage is marked" } else { "" };
        let table = table
            .done()
            .note(format!("{} over repeats{best}", self.measure.words()))
            .note(format!("{level} from .. to: confidence interval of the median (percentile bootstrap, exact)"));
        let table = match self.cells.iter().any(|c| c.count == 1) {
            true => table.note("a single repeat has no interval and no standard deviation"),
            false => table,
        };
        // The widest interval there is, from the lowest value to the highest, misses the median with 2 in 2^n.
        let widest = |n: usize| 1.0 - 2.0 / 2f64.powi(n as i32);
        match self.cells.iter().map(|c| c.count).filter(|&n| n > 1 && widest(n) < self.level).min() {
            Some(n) => table.note(format!("of {n} repeats no interval covers {level}: at most {}", percent(widest(n)))),
            None => table,
        }
    }

    /// The table of medians with the best of each row marked, and what it is of.
    fn titled(&self) -> Table {
        let marks = self.cells.iter().any(|c| self.marks(c.percentage, c.cut));
        let best = if marks { "; the best of each row is marked" } else { "" };
        self.medians().note(format!("median {} over repeats{best}", self.measure.words()))
    }

    /// The table of medians as HTML, the best of each row bold, for dark and for light pages.
    pub fn to_html(&self) -> String {
        self.titled().to_html()
    }

    /// The table of medians as Markdown, the best of each row bold.
    pub fn to_markdown(&self) -> String {
        self.titled().to_markdown()
    }

    /// The table of medians as a LaTeX `tabular` that needs no package, the best of each row bold.
    pub fn to_latex(&self) -> String {
        self.titled().to_latex()
    }

    /// All numbers as CSV, a row for each percentage and cut.
    pub fn to_csv(&self) -> String {
        self.numbers().to_csv()
    }

    /// All numbers as a JSON list, an object for each percentage and cut.
    pub fn to_json(&self) -> String {
        self.numbers().to_json()
    }

    /// Shows the table of medians in a notebook; evcxr calls it for the value that ends a cell.
    pub fn evcxr_display(&self) {
        display::show(&[("text/html", &self.to_html()), ("text/plain", &self.to_string())]);
    }
}

/// Percentages down, cuts across, the best of each row marked with a star.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.medians().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(percentage: f64, cut: i64, repeat: u64, test_acc: f64) -> Record {
        let text = serde_json::json!({"lr": 0.001, "sampled_percentage": percentage, "sampled_cut_point": cut,
            "repeat": repeat, "train_acc": 1.0, "test_acc": 0.0});
        Record { test_acc, ..serde_json::from_value(text).unwrap() }
    }

    fn records() -> Vec<Record> {
        vec![
            record(0.1, -1, 0, 0.3),
            record(0.1, 2, 0, 0.5),
            record(0.1, 2, 1, 0.7),
            record(0.1, 4, 0, 0.6),
            record(0.01, 2, 0, 0.4),
        ]
    }

    #[test]
    fn medians_and_the_best_cut() {
        let summary = Summary::new(&records());
        assert_eq!(summary, Summary::of(&records(), Measure::TestAcc, LEVEL).unwrap());
        assert_eq!(summary.percentages(), [0.01, 0.1]);
        assert_eq!(summary.cuts(), [-1, 2, 4]);
        assert_eq!(summary.best(0.1).map(|c| (c.cut, c.count)), Some((4, 1)));
        let table = summary.to_string();
        let lines: Vec<Vec<&str>> = table.lines().map(|l| l.split_whitespace().collect()).collect();
        assert_eq!(lines[1], ["1%", "-", "0.4000", "-", "1"]);
        assert_eq!(lines[2], ["10%", "0.3000", "0.6000", "0.6000*", "1", "to", "2"]);
    }

    #[test]
    fn a_summary_in_other_forms_marks_the_best_and_leaves_nothing_out() {
        let summary = Summary::new(&records());
        assert!(summary.to_markdown().contains("| 10% | 0.3000 | 0.6000 | **0.6000** | 1 to 2 |\n"));
        assert!(summary.to_latex().contains("10\\% & 0.3000 & 0.6000 & \\textbf{0.6000} & 1 to 2 \\\\\n"));
        assert!(summary.to_html().contains("<strong>0.6000</strong>"));
        let csv = summary.to_csv();
        assert!(
            csv.starts_with("percentage,cut,count,median,interval_low,interval_high,mean,standard_deviation,"),
            "{csv}"
        );
        assert!(csv.contains("\n0.1,-1,1,0.3,,,0.3,,0.3,0.3,0.3,0.3\n"), "{csv}");
        let json: serde_json::Value = serde_json::from_str(&summary.to_json()).unwrap();
        assert_eq!(json.as_array().map(Vec::len), Some(4));
        assert_eq!((&json[2]["interval_low"], &json[2]["interval_high"]), (&0.5.into(), &0.7.into()));
        assert!(json[1]["standard_deviation"].is_null());
    }

    /// A mistake must not end as the best accuracy, nor be dropped.
    #[test]
    fn a_value_that_is_no_number_is_neither_dropped_nor_the_best() {
        let mut records = records();
        records.push(record(0.1, 4, 1, f64::NAN));
        let summary = Summary::new(&records);
        let cell = summary.get(0.1, 4).unwrap();
        assert!(cell.median.is_nan() && cell.mean.is_nan() && cell.minimum.is_nan() && cell.interval.is_none());
        assert_eq!(summary.best(0.1).map(|c| c.cut), Some(2));
        let error = Summary::of(&records, Measure::TestAcc, LEVEL).unwrap_err().to_string();
        assert!(
            error.contains("`test_acc`") && error.contains("NaN in row 6 (percentage 0.1, cut 4, repeat 1)"),
            "{error}"
        );
    }

    #[test]
    fn other_measures_are_read_where_rows_have_them() {
        let with = |epochs, seconds, cut| Record { epochs, seconds, ..record(0.1, cut, 0, 0.5) };
        let all = [with(Some(12), Some(1.5), 0), with(Some(7), Some(2.5), 1)];
        let epochs = Summary::of(&all, Measure::Epochs, LEVEL).unwrap();
        assert_eq!(epochs.cells.iter().map(|c| c.median).collect::<Vec<_>>(), [12.0, 7.0]);
        assert!(epochs.best(0.1).is_none() && !epochs.to_string().contains('*'), "epochs have no best");
        assert_eq!(Summary::of(&all, Measure::TrainAcc, LEVEL).unwrap().cells[0].median, 1.0);
        let error = Summary::of(&all, Measure::ValAcc, LEVEL).unwrap_err().to_string();
        assert!(error.contains("`val_acc`") && error.contains("none in row 1"), "{error}");
        let bad = [with(Some(1), Some(-2.0), 0)];
        assert!(Summary::of(&bad, Measure::Seconds, LEVEL).unwrap_err().to_string().contains("-2 in row 1"));
        assert!(Summary::of(&all, Measure::TestAcc, 95.0).unwrap_err().to_string().contains("`level`"));
        assert!(Summary::of(&[], Measure::TestAcc, LEVEL).unwrap_err().to_string().contains("at least one result row"));
    }
}
