//! Which layers' activations are stored for all runs.

use super::bank::Layout;
use super::plan::PlannedRun;
use crate::error::Result;
use crate::model::Model;

/// The first block whose inputs are worth storing: one convolution costs next to nothing, and what it puts out is
/// the largest there is.
pub(super) const FIRST_STORED: usize = 2;

/// A stage of stored activations: the table for block `level`, made from that for `from` (0: images).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stage {
    pub level: usize,
    pub from: usize,
}

/// Which cuts' inputs are stored: each that some run needs and that fits into half of the budget beside the one
/// it is made from.
pub(super) fn stages(todo: &[&PlannedRun], source: &dyn Model, layout: &Layout, budget: u64) -> Result<Vec<Stage>> {
    let mut levels: Vec<usize> = todo.iter().map(|run| run.frozen()).filter(|&l| l >= FIRST_STORED).collect();
    levels.sort_unstable();
    levels.dedup();
    let mut stages: Vec<Stage> = Vec::new();
    for level in levels {
        let from = stages.last().map_or(0, |s| s.level);
        let lower = if from == 0 { 0 } else { layout.bytes(source, from)? };
        if layout.bytes(source, level)? + lower <= budget / 2 {
            stages.push(Stage { level, from });
        }
    }
    Ok(stages)
}
