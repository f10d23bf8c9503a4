//! Medians by percentage and cut.

use std::fmt;

use crate::record::Record;

/// Test accuracies of one percentage and cut, over repeats.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Share of the target training data.
    pub percentage: f64,
    /// The cut; -1 is the baseline.
    pub cut: i64,
    /// Repeats.
    pub count: usize,
    /// Median test accuracy, from 0 to 1.
    pub median: f64,
}

/// The median of some numbers; `None` of none. The mean of the middle two where their number is even.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    match n {
        0 => None,
        _ if n % 2 == 1 => Some(sorted[n / 2]),
        _ => Some((sorted[n / 2 - 1] + sorted[n / 2]) / 2.0),
    }
}

/// Median test accuracy by percentage and cut.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// One for each percentage and cut that there are records of, by percentage, then cut.
    pub cells: Vec<Cell>,
}

impl Summary {
    /// Of any records.
    pub fn new(records: &[Record]) -> Self {
        let mut keys: Vec<(f64, i64)> = records.iter().map(|r| (r.sampled_percentage, r.sampled_cut_point)).collect();
        keys.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        keys.dedup();
        let cell = |(percentage, cut): (f64, i64)| {
            let of_cell = records.iter().filter(|r| r.sampled_percentage == percentage && r.sampled_cut_point == cut);
            let values: Vec<f64> = of_cell.map(|r| r.test_acc).collect();
            Cell { percentage, cut, count: values.len(), median: median(&values).unwrap_or(f64::NAN) }
        };
        Summary { cells: keys.into_iter().map(cell).collect() }
    }

    /// The cut with the highest median at a percentage, baseline included; of equal ones the highest cut, which
    /// trains least.
    pub fn best(&self, percentage: f64) -> Option<&Cell> {
        let at = self.cells.iter().filter(|c| c.percentage == percentage);
        at.max_by(|a, b| a.median.total_cmp(&b.median).then(a.cut.cmp(&b.cut)))
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
}

/// Percentages down, cuts across, the best of each row marked with a star.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cuts = self.cuts();
        write!(f, "{:>8}", "data")?;
        for &cut in &cuts {
            let name = if cut < 0 { "baseline".to_owned() } else { format!("cut {cut}") };
            write!(f, " {name:>9}")?;
        }
        write!(f, "  repeats")?;
        for percentage in self.percentages() {
            write!(f, "\n{:>8}", format!("{}%", (percentage * 1e6).round() / 1e4))?;
            let best = self.best(percentage).map(|c| c.cut);
            let mut counts = Vec::new();
            for &cut in &cuts {
                match self.cells.iter().find(|c| c.percentage == percentage && c.cut == cut) {
                    Some(cell) => {
                        let star = if Some(cut) == best { "*" } else { " " };
                        write!(f, " {:>8.4}{star}", cell.median)?;
                        counts.push(cell.count);
                    }
                    None => write!(f, " {:>8} ", "-")?,
                }
            }
            let (least, most) = (counts.iter().min().copied().unwrap_or(0), counts.iter().max().copied().unwrap_or(0));
            let repeats = if least == most { least.to_string() } else { format!("{least} to {most}") };
            write!(f, "  {repeats:>7}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(percentage: f64, cut: i64, test_acc: f64) -> Record {
        let text = serde_json::json!({"lr": 0.001, "sampled_percentage": percentage, "sampled_cut_point": cut,
            "repeat": 0, "train_acc": 1.0, "test_acc": test_acc});
        serde_json::from_value(text).unwrap()
    }

    #[test]
    fn medians_and_the_best_cut() {
        assert_eq!((median(&[]), median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0])), (None, Some(2.0), Some(2.5)));
        let records =
            [record(0.1, -1, 0.3), record(0.1, 2, 0.5), record(0.1, 2, 0.7), record(0.1, 4, 0.6), record(0.01, 2, 0.4)];
        let summary = Summary::new(&records);
        assert_eq!(summary.percentages(), [0.01, 0.1]);
        assert_eq!(summary.cuts(), [-1, 2, 4]);
        assert_eq!(summary.best(0.1).map(|c| (c.cut, c.count)), Some((4, 1)));
        let table = summary.to_string();
        let lines: Vec<Vec<&str>> = table.lines().map(|l| l.split_whitespace().collect()).collect();
        assert_eq!(lines[1], ["1%", "-", "0.4000*", "-", "1"]);
        assert_eq!(lines[2], ["10%", "0.3000", "0.6000", "0.6000*", "1", "to", "2"]);
    }
}
