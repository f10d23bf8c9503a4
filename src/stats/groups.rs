//! Accuracies by percentage and cut, paired by repeat.

use crate::error::{Error, Result};
use crate::record::Record;

/// The test accuracies of one percentage and cut.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Share of the target training data.
    pub percentage: f64,
    /// The cut; -1 is the baseline.
    pub cut: i64,
    /// Repeats, ascending.
    pub repeats: Vec<u64>,
    /// Test accuracy of each, from 0 to 1.
    pub accuracy: Vec<f64>,
}

impl Group {
    /// The mean accuracy, of a sum that keeps what rounding drops (Kahan 1965): to the last digit, in any order.
    pub fn mean(&self) -> f64 {
        let (mut sum, mut dropped) = (0.0, 0.0);
        for &value in &self.accuracy {
            let y = value - dropped;
            let next = sum + y;
            dropped = (next - sum) - y;
            sum = next;
        }
        sum / self.accuracy.len() as f64
    }
}

/// The groups of some records, by percentage, then cut.
#[derive(Clone, Debug, PartialEq)]
pub struct Groups(Vec<Group>);

impl Groups {
    /// Groups records.
    ///
    /// # Errors
    /// [`Error::Parameter`] when there are none, or when a percentage, cut and repeat occurs twice.
    pub fn new(records: &[Record]) -> Result<Groups> {
        let mut sorted: Vec<&Record> = records.iter().collect();
        let key = |r: &Record| (r.sampled_percentage, r.sampled_cut_point, r.repeat);
        sorted.sort_by(|a, b| {
            let ((p, c, r), (q, d, s)) = (key(a), key(b));
            p.total_cmp(&q).then(c.cmp(&d)).then(r.cmp(&s))
        });
        if let Some(twice) = sorted.windows(2).find(|w| key(w[0]) == key(w[1])) {
            let (percentage, cut, repeat) = key(twice[0]);
            let found = format!("two of percentage {percentage}, cut {cut}, repeat {repeat}");
            return Err(Error::parameter("records", "each percentage, cut and repeat once", found));
        }
        let same = |a: &&Record, b: &&Record| (key(a).0, key(a).1) == (key(b).0, key(b).1);
        let groups: Vec<Group> = sorted
            .chunk_by(same)
            .map(|rows| Group {
                percentage: rows[0].sampled_percentage,
                cut: rows[0].sampled_cut_point,
                repeats: rows.iter().map(|r| r.repeat).collect(),
                accuracy: rows.iter().map(|r| r.test_acc).collect(),
            })
            .collect();
        if groups.is_empty() {
            return Err(Error::parameter("records", "at least one result row", "none"));
        }
        Ok(Groups(groups))
    }

    /// All groups.
    pub fn all(&self) -> &[Group] {
        &self.0
    }

    /// The percentages, ascending.
    pub fn percentages(&self) -> Vec<f64> {
        let mut list: Vec<f64> = self.0.iter().map(|g| g.percentage).collect();
        list.dedup();
        list
    }

    /// The groups of a percentage, by cut.
    pub fn at(&self, percentage: f64) -> Vec<&Group> {
        self.0.iter().filter(|g| g.percentage == percentage).collect()
    }

    /// One group.
    pub fn get(&self, percentage: f64, cut: i64) -> Option<&Group> {
        self.0.iter().find(|g| g.percentage == percentage && g.cut == cut)
    }
}

/// The accuracies of two groups, pair by pair.
///
/// # Errors
/// [`Error::Parameter`] when they do not have the same repeats: a test of pairs needs both of each.
pub(super) fn paired<'a>(a: &'a Group, b: &'a Group) -> Result<(&'a [f64], &'a [f64])> {
    if a.repeats == b.repeats {
        return Ok((&a.accuracy, &b.accuracy));
    }
    let name = |g: &Group| format!("{} of cut {} at {}", g.repeats.len(), g.cut, g.percentage);
    Err(Error::parameter(
        "repeats",
        "the same repeats in both samples of a test",
        format!("{} and {}", name(a), name(b)),
    ))
}
