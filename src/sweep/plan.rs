//! Which runs a sweep needs.

use std::collections::HashSet;

use super::keys::Keys;
use crate::config::{Grid, Params, Row};
use crate::error::Result;
use crate::model::{Cut, Model};

/// A row of the grid, the cut that computes it, and the key of that run.
#[derive(Clone, Debug)]
pub(super) struct PlannedRun {
    pub row: Row,
    /// In its canonical form: rows that one run computes have equal cuts.
    pub cut: Cut,
    pub key: String,
    /// The key under which an earlier version has kept it.
    pub earlier_key: Option<String>,
}

impl PlannedRun {
    /// Blocks that take no gradient.
    pub fn frozen(&self) -> usize {
        if self.cut.setting.freeze() {
            self.cut.point.kept()
        } else {
            0
        }
    }

    /// What is kept of this run, if it is.
    pub fn find<'t, T>(&self, kept: impl Fn(&str) -> Option<&'t T>) -> Option<&'t T> {
        kept(&self.key).or_else(|| kept(self.earlier_key.as_deref()?))
    }
}

/// The rows of a grid, in its order, and the runs that compute them.
pub(super) struct RunPlan {
    pub rows: Vec<PlannedRun>,
}

impl RunPlan {
    pub fn new(grid: &Grid, params: &Params, source: &dyn Model, keys: &Keys) -> Result<RunPlan> {
        let plan = |row: Row| {
            row.cut.check(source.depth())?;
            let cut = Cut::new(params, row.cut)?.canonical(source.depth());
            Ok(PlannedRun { row, cut, key: keys.of(&row, cut)?, earlier_key: keys.earlier(&row, cut) })
        };
        Ok(RunPlan { rows: grid.rows().into_iter().map(plan).collect::<Result<_>>()? })
    }

    /// The runs that are still to be made, each once.
    pub fn todo(&self, is_done: impl Fn(&PlannedRun) -> bool) -> Vec<&PlannedRun> {
        let mut seen = HashSet::new();
        self.rows.iter().filter(|run| !is_done(run) && seen.insert(&run.key)).collect()
    }
}
