//! Making the runs of a sweep, side by side.

use super::bank::ImageBank;
use super::costs::cost;
use super::jobs::{in_order, Hand, Job, RunJob, Runs};
use super::plan::PlannedRun;
use super::run::RunSpec;
use super::stages::{stages, Stage, FIRST_STORED};
use crate::config::TrainingConfig;
use crate::data::Task;
use crate::error::Result;
use crate::model::Model;
use crate::results::{Journal, Record};
use crate::runtime::pool::{self, Budget, News};
use crate::runtime::progress::{Progress, Unit};
use crate::runtime::{cancel, memory, threads};

/// The memory of the smallest GPUs in use, as libtorch's bindings do not say what one has.
const GPU_MEMORY: u64 = 8 << 30;

/// What runs are made with.
pub(super) struct Means<'a> {
    pub source: &'a dyn Model,
    pub task: &'a Task,
    pub training: TrainingConfig,
    /// Runs side by side; `None`: one a core, or on a GPU one.
    pub workers: Option<usize>,
    /// Bytes for stored activations and for training; `None`: two thirds of what is free.
    pub memory_budget: Option<u64>,
    pub progress: &'a dyn Progress,
}

/// Makes these runs and keeps each in the journal as soon as it is finished.
pub(super) fn compute(means: &Means, todo: &[&PlannedRun], journal: &mut Journal<Record>) -> Result<()> {
    threads::prepare_allocator();
    let Means { source, task, training, progress, .. } = means;
    let on_cpu = source.device() == tch::Device::Cpu;
    let free = || if on_cpu { memory::available_memory() / 3 * 2 } else { GPU_MEMORY };
    let budget = means.memory_budget.unwrap_or_else(free);
    let images = ImageBank::new(task, source.device())?;
    let with_prefix = todo.iter().filter(|run| run.frozen() >= FIRST_STORED);
    let layout = images.layout(with_prefix.map(|run| (run.row.fraction.get(), run.row.repeat)))?;
    // What a frozen layer makes of an image is the same in every epoch only where the image is.
    let stored = if training.recipe().augmentation.is_none() { todo } else { &[] };
    let stages = stages(stored, *source, &layout, budget)?;
    let runs = runs(means, todo, &stages)?;
    let count = runs.len();
    let jobs = in_order(runs.clone(), &stages, &layout, *source);
    let workers = means.workers.unwrap_or(if on_cpu { threads::cores() } else { 1 }).min(count);
    let hand = |_| Ok(Hand { source: source.copied()?, images: images.shallow_clone() });
    let hands = (0..workers).map(hand).collect::<Result<Vec<_>>>()?;
    drop(images);
    progress.begin("fine-tuning", jobs.iter().map(Job::cost).sum(), Unit::Work);
    progress.note(&format!("0 of {count} runs"));
    let work = Runs::new(&runs, &stages, layout, *source, training.clone())?;
    let mut finished = 0;
    let result = pool::run(work, jobs, hands, Budget::new(budget), |news| match news {
        News::None => cancel::check(&format!("{finished} of {count} runs are finished and kept")),
        News::Advanced(operations) => {
            progress.advance(operations);
            Ok(())
        }
        News::Over(job, outcome) => {
            if let (Job::Run(run), Some(record)) = (job, outcome?) {
                journal.add(run.key, record)?;
                finished += 1;
                progress.note(&format!("{finished} of {count} runs"));
            }
            Ok(())
        }
    });
    progress.end();
    memory::release_memory();
    result
}

/// The runs in the order they are to be made: low cuts first, as activations are made from those below, and long ones
/// first among them, so that all workers end at about the same time.
fn runs(means: &Means, todo: &[&PlannedRun], stages: &[Stage]) -> Result<Vec<RunJob>> {
    let job = |run: &&PlannedRun| {
        let level = stages.iter().map(|s| s.level).filter(|&l| l <= run.frozen()).max().unwrap_or(0);
        let cost = cost(run, level, means.source, means.task, &means.training)?;
        let spec = RunSpec { percentage: run.row.fraction.get(), cut: run.cut, repeat: run.row.repeat };
        let job = RunJob { key: run.key.clone(), spec, level, memory: cost.memory, cost: cost.operations };
        Ok((run.frozen(), job))
    };
    let mut jobs = todo.iter().map(job).collect::<Result<Vec<_>>>()?;
    jobs.sort_by_key(|(frozen, job)| (*frozen, std::cmp::Reverse(job.cost)));
    Ok(jobs.into_iter().map(|(_, job)| job).collect())
}
