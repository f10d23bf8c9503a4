//! Accuracies by percentage and cut, paired by repeat.

use super::describe::mean;
use super::measure::{Measure, Quantity};
use crate::error::{Error, Result};
use crate::results::Record;
use crate::table::{cut_name, percent};

/// The accuracies of one percentage and cut.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Fraction of the target training data.
    pub percentage: f64,
    /// The cut; -1 is the baseline.
    pub cut: i64,
    /// Repeats, ascending.
    pub repeats: Vec<u64>,
    /// Accuracy of each, from 0 to 1.
    pub accuracy: Vec<f64>,
}

impl Group {
    /// The mean accuracy, to the last digit, in any order of repeats.
    pub fn mean(&self) -> f64 {
        mean(&self.accuracy).unwrap_or(f64::NAN)
    }

    /// The group without the repeats that are not among some.
    fn only(&self, wanted: &[u64]) -> Group {
        let kept = |&(repeat, _): &(&u64, &f64)| wanted.contains(repeat);
        let (repeats, accuracy) = self.repeats.iter().zip(&self.accuracy).filter(kept).unzip();
        Group { percentage: self.percentage, cut: self.cut, repeats, accuracy }
    }

    /// The repeats that are not among some.
    fn repeats_beside(&self, others: &[u64]) -> Vec<u64> {
        self.repeats.iter().copied().filter(|r| !others.contains(r)).collect()
    }
}

/// The groups of some records, by percentage, then cut.
///
/// Each percentage stands for itself: where a cut is missing at one, tests and answers there are those of the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Groups {
    groups: Vec<Group>,
    quantity: Quantity,
}

impl Groups {
    /// Groups test accuracies: [`Groups::of`] them.
    ///
    /// # Errors
    /// Those of [`Groups::of`].
    pub fn new(records: &[Record]) -> Result<Groups> {
        Groups::of(records, Measure::TestAcc)
    }

    /// Groups accuracies of a kind.
    ///
    /// # Errors
    /// [`Error::Parameter`] when there are no records; when a percentage, cut and repeat occurs twice; when learning rates
    /// differ; when an accuracy is missing or not a number from 0 to 1, a percentage not above 0 and at most 1, or a cut
    /// below -1 (the message names the row); when what is measured is no accuracy.
    pub fn of(records: &[Record], measure: Measure) -> Result<Groups> {
        if !measure.is_accuracy() {
            return Err(Error::parameter("measure", "test_acc, train_acc or val_acc", measure));
        }
        let rows = checked(records, measure)?;
        let same = |a: &(&Record, f64), b: &(&Record, f64)| key(a.0).0 == key(b.0).0 && key(a.0).1 == key(b.0).1;
        let group = |rows: &[(&Record, f64)]| Group {
            percentage: rows[0].0.sampled_percentage,
            cut: rows[0].0.sampled_cut_point,
            repeats: rows.iter().map(|(r, _)| r.repeat).collect(),
            accuracy: rows.iter().map(|(_, accuracy)| *accuracy).collect(),
        };
        Ok(Groups::made_of(rows.chunk_by(same).map(group).collect(), Quantity::Runs(measure)))
    }

    /// Groups that are made already, by percentage, then cut.
    pub(super) fn made_of(groups: Vec<Group>, quantity: Quantity) -> Groups {
        Groups { groups, quantity }
    }

    /// What the numbers are.
    pub fn quantity(&self) -> Quantity {
        self.quantity.clone()
    }

    /// All groups.
    pub fn all(&self) -> &[Group] {
        &self.groups
    }

    /// The percentages, ascending.
    pub fn percentages(&self) -> Vec<f64> {
        let mut list: Vec<f64> = self.groups.iter().map(|g| g.percentage).collect();
        list.dedup();
        list
    }

    /// The cuts that occur at any percentage, ascending.
    pub fn cuts(&self) -> Vec<i64> {
        let mut list: Vec<i64> = self.groups.iter().map(|g| g.cut).collect();
        list.sort_unstable();
        list.dedup();
        list
    }

    /// The groups of a percentage, by cut.
    pub fn at(&self, percentage: f64) -> Vec<&Group> {
        self.groups.iter().filter(|g| g.percentage == percentage).collect()
    }

    /// One group.
    pub fn get(&self, percentage: f64, cut: i64) -> Option<&Group> {
        self.groups.iter().find(|g| g.percentage == percentage && g.cut == cut)
    }

    /// How much higher the test accuracy of a cut is than the baseline's (cut -1), for each repeat that both have, in
    /// their order; nothing where they have none in common.
    pub fn gains(&self, percentage: f64, cut: i64) -> Vec<f64> {
        let (Some(base), Some(at)) = (self.get(percentage, -1), self.get(percentage, cut)) else { return Vec::new() };
        let of = |repeat: &u64| base.repeats.binary_search(repeat).ok().map(|i| base.accuracy[i]);
        at.repeats.iter().zip(&at.accuracy).filter_map(|(repeat, accuracy)| Some(accuracy - of(repeat)?)).collect()
    }

    /// Without the baseline where its repeats are not those of the cuts: there it cannot be compared, and the cuts are
    /// compared without it.
    pub(super) fn with_paired_baseline(&self) -> Groups {
        let is_paired = |base: &Group| {
            let cuts = self.at(base.percentage).into_iter().filter(|g| g.cut >= 0);
            cuts.into_iter().all(|cut| cut.repeats == base.repeats)
        };
        self.only_where(|g| g.cut >= 0 || is_paired(g))
    }

    /// The groups that a condition holds for.
    pub(super) fn only_where(&self, keep: impl Fn(&Group) -> bool) -> Groups {
        Groups::made_of(self.groups.iter().filter(|g| keep(g)).cloned().collect(), self.quantity())
    }

    /// The cuts that other percentages have and this one has not.
    pub fn missing(&self, percentage: f64) -> Vec<i64> {
        self.cuts().into_iter().filter(|&cut| self.get(percentage, cut).is_none()).collect()
    }

    /// Only the repeats that every cut of a percentage has, so that cuts can be paired; and a line for each group that
    /// this takes repeats from, saying which.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the cuts of a percentage have no repeat in common.
    pub fn common_repeats(&self) -> Result<(Groups, Vec<String>)> {
        self.keeping(|group| self.at(group.percentage), "not shared by every cut")
    }

    /// Two experiments with only the repeats that both have, at every percentage and cut that both have; and a line for
    /// each group that this takes repeats from. What one of them alone has stays as it is.
    ///
    /// # Errors
    /// [`Error::Parameter`] when both have a percentage and cut without a repeat in common.
    pub fn common_with(&self, other: &Groups) -> Result<(Groups, Groups, Vec<String>)> {
        let both = |group: &Group| {
            [self, other].into_iter().filter_map(|g| g.get(group.percentage, group.cut)).collect::<Vec<_>>()
        };
        let (first, mut left_out) = self.keeping(both, "not in the second experiment")?;
        let (second, more) = other.keeping(both, "not in the first experiment")?;
        left_out.extend(more);
        Ok((first, second, left_out))
    }

    /// Each group with the repeats that all of its `fellows` have.
    fn keeping<'a>(&self, fellows: impl Fn(&Group) -> Vec<&'a Group>, why: &str) -> Result<(Groups, Vec<String>)> {
        let mut left_out = Vec::new();
        let mut groups = Vec::with_capacity(self.groups.len());
        for group in &self.groups {
            let fellows = fellows(group);
            let kept = group.repeats.iter().copied().filter(|r| fellows.iter().all(|f| f.repeats.contains(r)));
            let kept: Vec<u64> = kept.collect();
            let place = format!("{} at {}", self.quantity.name(group.cut), percent(group.percentage));
            if kept.is_empty() {
                let expected = "a repeat in common of all samples of a test";
                return Err(Error::parameter("repeats", expected, format!("none for {place}")));
            }
            let gone = group.repeats_beside(&kept);
            if !gone.is_empty() {
                left_out.push(format!("left out: {} of {place}, {why}", repeats(&gone)));
            }
            groups.push(group.only(&kept));
        }
        Ok((Groups::made_of(groups, self.quantity()), left_out))
    }
}

fn key(r: &Record) -> (f64, i64, u64) {
    (r.sampled_percentage, r.sampled_cut_point, r.repeat)
}

/// Records with one of their numbers each, by percentage, cut and repeat, once all have passed [`Groups::new`]'s checks.
pub(super) fn checked(records: &[Record], measure: Measure) -> Result<Vec<(&Record, f64)>> {
    let mut rows = Vec::with_capacity(records.len());
    for (i, record) in records.iter().enumerate() {
        let (percentage, cut, repeat) = key(record);
        let row = || format!("row {} (percentage {percentage}, cut {cut}, repeat {repeat})", i + 1);
        if !(percentage > 0.0 && percentage <= 1.0) {
            let expected = "a fraction above 0 and at most 1 in every row";
            return Err(Error::parameter("sampled_percentage", expected, format!("{percentage} in {}", row())));
        }
        if cut < -1 {
            let expected = "-1 (the baseline) or more in every row";
            return Err(Error::parameter("sampled_cut_point", expected, format!("{cut} in {}", row())));
        }
        if record.lr != records[0].lr {
            let found = format!("{} in row 1 and {} in {}", records[0].lr, record.lr, row());
            return Err(Error::parameter("lr", "one learning rate in all rows", found));
        }
        rows.push((record, measure.checked(record, row)?));
    }
    rows.sort_by(|a, b| {
        let ((p, c, r), (q, d, s)) = (key(a.0), key(b.0));
        p.total_cmp(&q).then(c.cmp(&d)).then(r.cmp(&s))
    });
    if let Some(twice) = rows.windows(2).find(|w| key(w[0].0) == key(w[1].0)) {
        let (percentage, cut, repeat) = key(twice[0].0);
        let found = format!("two of percentage {percentage}, cut {cut}, repeat {repeat}");
        return Err(Error::parameter("records", "each percentage, cut and repeat once", found));
    }
    if rows.is_empty() {
        return Err(Error::parameter("records", "at least one result row", "none"));
    }
    Ok(rows)
}

/// The accuracies of two groups, pair by pair.
///
/// # Errors
/// [`Error::Parameter`] when they do not have the same repeats: a test of pairs needs both of each.
pub(super) fn paired<'a>(a: &'a Group, b: &'a Group) -> Result<(&'a [f64], &'a [f64])> {
    if a.repeats == b.repeats {
        return Ok((&a.accuracy, &b.accuracy));
    }
    let name = |g: &Group, other: &Group| {
        let alone = match g.repeats_beside(&other.repeats) {
            none if none.is_empty() => String::new(),
            some => format!(" ({} only there)", repeats(&some)),
        };
        format!("{} of {} at {}{alone}", g.repeats.len(), cut_name(g.cut), percent(g.percentage))
    };
    Err(Error::parameter(
        "repeats",
        "the same repeats in both samples of a test (or ask for the common ones)",
        format!("{} and {}", name(a, b), name(b, a)),
    ))
}

/// Repeats by number, the first ten of many.
fn repeats(list: &[u64]) -> String {
    let names: Vec<String> = list.iter().take(10).map(u64::to_string).collect();
    let more = if list.len() > names.len() { format!(" and {} more", list.len() - names.len()) } else { String::new() };
    format!("{} {}{more}", if list.len() == 1 { "repeat" } else { "repeats" }, names.join(", "))
}
