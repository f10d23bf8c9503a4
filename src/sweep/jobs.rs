//! The jobs of a sweep: runs, and filling tables with what frozen layers make of the images.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tch::{Kind, Tensor};

use super::bank::{ImageBank, Layout};
use super::run::{run, RunSpec};
use super::stages::Stage;
use crate::config::TrainingConfig;
use crate::error::{Error, Result};
use crate::model::{pieces, Model};
use crate::results::Record;
use crate::runtime::pool::{Course, Held, Work};
use crate::runtime::threads;

/// Rows of a table that one job fills: enough to be worth it, few enough to share among workers.
const ROWS_A_JOB: usize = 256;

/// A run to be computed.
#[derive(Clone, Debug)]
pub(super) struct RunJob {
    /// What it is kept under.
    pub key: String,
    pub spec: RunSpec,
    /// The table that its inputs are in; 0 for images.
    pub level: usize,
    /// Bytes it needs at its peak, at most.
    pub memory: u64,
    /// Operations, in millions, if it runs to the last epoch.
    pub cost: u64,
}

/// One thing to be done.
#[derive(Debug)]
pub(super) enum Job {
    /// So many rows of a table, from the first on, are computed.
    Fill { stage: Stage, rows: (usize, usize), cost: u64 },
    /// A run is made.
    Run(RunJob),
}

impl Job {
    /// Operations, in millions.
    pub fn cost(&self) -> u64 {
        match self {
            Job::Fill { cost, .. } => *cost,
            Job::Run(run) => run.cost,
        }
    }
}

/// The jobs in their order: every stage before the first run that needs it.
pub(super) fn in_order(runs: Vec<RunJob>, stages: &[Stage], layout: &Layout, source: &dyn Model) -> Vec<Job> {
    let mut jobs = Vec::new();
    let mut stages = stages.iter().peekable();
    for run in runs {
        while let Some(&stage) = stages.next_if(|s| s.level <= run.level) {
            jobs.extend(pieces(layout.len(), ROWS_A_JOB).into_iter().map(|rows| {
                let cost = rows.1 as u64 * source.flops(stage.from, stage.level) / 1_000_000;
                Job::Fill { stage, rows, cost }
            }));
        }
        jobs.push(Job::Run(run));
    }
    jobs
}

/// A table of activations: filled, and needed, by so many jobs yet.
struct Table {
    stored: Option<Stored>,
    fills_left: usize,
    users_left: usize,
    shape: [i64; 4],
    bytes: u64,
}

struct Stored {
    tensor: Tensor,
    _held: Held,
}

/// What all jobs of a sweep share.
pub(super) struct Runs {
    tables: Mutex<BTreeMap<usize, Table>>,
    layout: Layout,
    training: TrainingConfig,
    device: tch::Device,
}

/// What a running job holds: the table it reads, the one it writes, and memory.
pub(super) struct Ticket {
    read: Option<Tensor>,
    write: Option<Tensor>,
    _held: Option<Held>,
}

impl Runs {
    /// The tables of some stages, for these runs.
    pub fn new(
        runs: &[RunJob],
        stages: &[Stage],
        layout: Layout,
        source: &dyn Model,
        training: TrainingConfig,
    ) -> Result<Runs> {
        let a_table = pieces(layout.len(), ROWS_A_JOB).len();
        let mut tables = BTreeMap::new();
        for stage in stages {
            let users_left = runs.iter().filter(|run| run.level == stage.level).count()
                + stages.iter().filter(|s| s.from == stage.level).count() * a_table;
            let (shape, bytes) = (layout.shape(source, stage.level)?, layout.bytes(source, stage.level)?);
            tables.insert(stage.level, Table { stored: None, fills_left: a_table, users_left, shape, bytes });
        }
        Ok(Runs { tables: Mutex::new(tables), layout, training, device: source.device() })
    }

    fn tables(&self) -> MutexGuard<'_, BTreeMap<usize, Table>> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn make(&self, job: &RunJob, hand: &Hand, table: Option<&Tensor>, course: &Course<Self>) -> Result<Record> {
        let RunSpec { percentage, repeat, .. } = job.spec;
        let mut inputs = hand.images.inputs(percentage, repeat)?;
        if job.level > 0 {
            let Some(table) = table else { return Err(no_table(job.level)) };
            inputs = self.layout.as_features(&hand.images, inputs, (percentage, repeat), table, job.level)?;
        }
        let mut told = 0;
        let an_epoch = job.cost / self.training.epochs() as u64;
        let result = run(hand.source.as_ref(), job.spec, &inputs, &self.training, false, &course.stop, |_| {
            told += an_epoch;
            course.advance(an_epoch);
        })?;
        course.advance(job.cost.saturating_sub(told));
        Ok(result.record)
    }
}

/// What each worker has for itself.
pub(super) struct Hand {
    pub source: Box<dyn Model>,
    pub images: ImageBank,
}

impl Work for Runs {
    type Job = Job;
    type Done = Option<Record>;
    type Hand = Hand;
    type Ticket = Ticket;
    const NAME: &'static str = "worker";

    fn enter(&self) {
        threads::prepare_thread(1);
    }

    fn memory(&self, job: &Job) -> u64 {
        match job {
            Job::Run(run) => run.memory,
            Job::Fill { stage, .. } => {
                self.tables().get(&stage.level).filter(|table| table.stored.is_none()).map_or(0, |table| table.bytes)
            }
        }
    }

    fn is_ready(&self, job: &Job) -> bool {
        let needed = match job {
            Job::Run(run) => run.level,
            Job::Fill { stage, .. } => stage.from,
        };
        self.tables().get(&needed).is_none_or(|table| table.fills_left == 0)
    }

    fn begin(&self, job: &Job, held: Held) -> Ticket {
        let mut tables = self.tables();
        let tensor = |tables: &BTreeMap<usize, Table>, level: usize| {
            Some(tables.get(&level)?.stored.as_ref()?.tensor.shallow_clone())
        };
        match job {
            Job::Run(run) => Ticket { read: tensor(&tables, run.level), write: None, _held: Some(held) },
            Job::Fill { stage, .. } => {
                if let Some(own) = tables.get_mut(&stage.level).filter(|table| table.stored.is_none()) {
                    // Where no memory can be had, the job says so.
                    let tensor = Tensor::f_empty(own.shape, (Kind::Float, self.device)).ok();
                    own.stored = tensor.map(|tensor| Stored { tensor, _held: held });
                }
                Ticket { read: tensor(&tables, stage.from), write: tensor(&tables, stage.level), _held: None }
            }
        }
    }

    fn run(&self, hand: &Hand, job: &Job, ticket: &Ticket, course: &Course<Self>) -> Result<Option<Record>> {
        match job {
            Job::Run(run) => self.make(run, hand, ticket.read.as_ref(), course).map(Some),
            Job::Fill { stage, rows, cost } => {
                let Some(own) = &ticket.write else { return Err(no_table(stage.level)) };
                let from = (stage.from, ticket.read.as_ref());
                self.layout.fill(&hand.images, hand.source.as_ref(), *rows, from, (stage.level, own))?;
                course.advance(*cost);
                Ok(None)
            }
        }
    }

    /// A table that nothing needs any more is dropped.
    fn end(&self, job: &Job) {
        let mut tables = self.tables();
        let used = match job {
            Job::Run(run) => run.level,
            Job::Fill { stage, .. } => {
                if let Some(table) = tables.get_mut(&stage.level) {
                    table.fills_left -= 1;
                }
                stage.from
            }
        };
        if let Some(table) = tables.get_mut(&used) {
            table.users_left -= 1;
            if table.users_left == 0 {
                table.stored = None;
            }
        }
    }
}

fn no_table(level: usize) -> Error {
    Error::Worker(format!("there was no memory for the activations that go into convolution {level}"))
}
