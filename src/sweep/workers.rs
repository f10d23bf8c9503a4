//! Runs side by side: single-threaded workers take jobs from one queue.
//!
//! The queue goes from low cuts to high ones. A job whose stored activations are not there yet, or whose memory would
//! go over the budget beside what is running, is passed over until it can run.

use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tch::Tensor;

use super::bank::{Layout, PictureBank};
use super::run::{run, RunSpec};
use crate::config::TrainingConfig;
use crate::error::{Error, Result};
use crate::model::pieces;
use crate::model::CustomCnn;

use crate::record::Record;
use crate::runtime::cancel::Stop;
use crate::runtime::threads;

/// Rows of a table that one task fills: enough to be worth it, few enough to share among workers.
const ROWS_A_TASK: usize = 256;

/// A run to be computed.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub key: String,
    pub spec: RunSpec,
    /// The table that its inputs are in; 0 for pictures.
    pub level: usize,
    /// Bytes it needs at its peak, at most.
    pub memory: u64,
    /// Operations, in millions, if it runs to the last epoch.
    pub cost: u64,
}

/// A stage of stored activations: the table for block `level`, made from that for `from` (0: pictures).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stage {
    pub level: usize,
    pub from: usize,
}

/// What workers tell the thread that waits for them.
pub(super) enum Message {
    /// This much of the whole cost is done.
    Advanced(u64),
    /// A run is finished.
    Finished(String, Record),
    /// A worker cannot go on.
    Failed(Error),
}

enum Item {
    Fill { stage: Stage, rows: (usize, usize) },
    Run(Job),
}

/// A table of activations: filled, and needed, by so many items yet.
struct Table {
    tensor: Option<Tensor>,
    fills_left: usize,
    users_left: usize,
    bytes: u64,
}

struct State {
    queue: VecDeque<Item>,
    tables: BTreeMap<usize, Table>,
    in_use: u64,
    running: usize,
}

/// The queue and what its items share.
pub(super) struct Pool {
    state: Mutex<State>,
    changed: Condvar,
    layout: Layout,
    training: TrainingConfig,
    memory_budget: u64,
    /// Ends all workers at their next chance.
    pub stop: Stop,
}

impl Pool {
    /// A queue of `jobs`, in order, with the stages that they need before them.
    pub fn new(
        jobs: Vec<Job>,
        stages: &[Stage],
        layout: Layout,
        source: &CustomCnn,
        training: &TrainingConfig,
        memory_budget: u64,
    ) -> Result<Pool> {
        let ranges = pieces(layout.len(), ROWS_A_TASK);
        let mut tables = BTreeMap::new();
        for stage in stages {
            let users = jobs.iter().filter(|j| j.level == stage.level).count()
                + stages.iter().filter(|s| s.from == stage.level).count() * ranges.len();
            let bytes = layout.bytes(source, stage.level)?;
            tables.insert(stage.level, Table { tensor: None, fills_left: ranges.len(), users_left: users, bytes });
        }
        let mut queue = VecDeque::new();
        let mut stages = stages.iter().peekable();
        for job in jobs {
            while let Some(stage) = stages.next_if(|s| s.level <= job.level) {
                queue.extend(ranges.iter().map(|&rows| Item::Fill { stage: *stage, rows }));
            }
            queue.push_back(Item::Run(job));
        }
        Ok(Pool {
            state: Mutex::new(State { queue, tables, in_use: 0, running: 0 }),
            changed: Condvar::new(),
            layout,
            training: training.clone(),
            memory_budget,
            stop: Stop::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works until the queue is empty.
    pub fn work(&self, source: &CustomCnn, pictures: &PictureBank, messages: &Sender<Message>) {
        threads::prepare_thread(1);
        while let Some((item, tables)) = self.next(source) {
            let result = match &item {
                Item::Fill { stage, rows } => self.fill(*stage, *rows, source, pictures, &tables, messages),
                Item::Run(job) => self.run(job, source, pictures, &tables, messages),
            };
            drop(tables);
            self.done(&item);
            if let Err(error) = result {
                // Nobody may be waiting any more, after an interrupt.
                let _ = messages.send(Message::Failed(error));
                return;
            }
        }
    }

    /// The next item that can be worked on, with the tables it needs: the one it reads and the one it writes.
    /// `None` when there are no more, or all are to stop.
    fn next(&self, source: &CustomCnn) -> Option<(Item, [Option<Tensor>; 2])> {
        let mut state = self.lock();
        loop {
            if self.stop.requested() || state.queue.is_empty() {
                return None;
            }
            let ready = (0..state.queue.len()).find(|&i| self.can_start(&state, &state.queue[i]));
            if let Some(item) = ready.and_then(|i| state.queue.remove(i)) {
                match self.start(&mut state, &item, source) {
                    Ok(tables) => return Some((item, tables)),
                    // No memory for a table: what finds none says so, and all is over.
                    Err(_) => return Some((item, [None, None])),
                }
            }
            let wait = self.changed.wait_timeout(state, Duration::from_millis(100));
            state = wait.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn can_start(&self, state: &State, item: &Item) -> bool {
        let filled = |level: usize| level == 0 || state.tables[&level].fills_left == 0;
        match item {
            Item::Fill { stage, .. } => {
                let table = &state.tables[&stage.level];
                let fits =
                    table.tensor.is_some() || state.in_use + table.bytes <= self.memory_budget || state.running == 0;
                filled(stage.from) && fits
            }
            Item::Run(job) => {
                filled(job.level) && (state.in_use + job.memory <= self.memory_budget || state.running == 0)
            }
        }
    }

    fn start(&self, state: &mut State, item: &Item, source: &CustomCnn) -> Result<[Option<Tensor>; 2]> {
        state.running += 1;
        let table = |state: &State, level: usize| state.tables.get(&level)?.tensor.as_ref().map(Tensor::shallow_clone);
        match item {
            Item::Fill { stage, .. } => {
                if let Some(own) = state.tables.get_mut(&stage.level).filter(|t| t.tensor.is_none()) {
                    own.tensor = Some(self.layout.table(source, stage.level)?);
                    state.in_use += own.bytes;
                }
                Ok([table(state, stage.from), table(state, stage.level)])
            }
            Item::Run(job) => {
                state.in_use += job.memory;
                Ok([table(state, job.level), None])
            }
        }
    }

    /// Gives back what an item used; a table that nothing needs any more is dropped.
    fn done(&self, item: &Item) {
        let mut state = self.lock();
        state.running -= 1;
        let used = match item {
            Item::Fill { stage, .. } => {
                if let Some(table) = state.tables.get_mut(&stage.level) {
                    table.fills_left -= 1;
                }
                stage.from
            }
            Item::Run(job) => {
                state.in_use -= job.memory;
                job.level
            }
        };
        if let Some(table) = state.tables.get_mut(&used) {
            table.users_left -= 1;
            if table.users_left == 0 {
                table.tensor = None;
                let bytes = table.bytes;
                state.in_use = state.in_use.saturating_sub(bytes);
            }
        }
        self.changed.notify_all();
    }

    fn fill(
        &self,
        stage: Stage,
        rows: (usize, usize),
        source: &CustomCnn,
        pictures: &PictureBank,
        [lower, own]: &[Option<Tensor>; 2],
        messages: &Sender<Message>,
    ) -> Result<()> {
        let Some(own) = own else { return Err(no_table(stage.level)) };
        self.layout.fill(pictures, source, rows, (stage.from, lower.as_ref()), (stage.level, own))?;
        let _ = messages.send(Message::Advanced(fill_cost(source, stage, rows.1)));
        Ok(())
    }

    /// Operations of everything in the queue, in millions.
    pub fn cost(&self, source: &CustomCnn) -> u64 {
        let cost = |item: &Item| match item {
            Item::Fill { stage, rows } => fill_cost(source, *stage, rows.1),
            Item::Run(job) => job.cost,
        };
        self.lock().queue.iter().map(cost).sum()
    }

    fn run(
        &self,
        job: &Job,
        source: &CustomCnn,
        pictures: &PictureBank,
        [table, _]: &[Option<Tensor>; 2],
        messages: &Sender<Message>,
    ) -> Result<()> {
        let RunSpec { percentage, repeat, .. } = job.spec;
        let mut inputs = pictures.inputs(percentage, repeat)?;
        if job.level > 0 {
            let Some(table) = table else { return Err(no_table(job.level)) };
            inputs = self.layout.as_features(pictures, inputs, (percentage, repeat), table, job.level)?;
        }
        let mut told = 0;
        let share = job.cost / self.training.epochs() as u64;
        let result = run(source, job.spec, &inputs, &self.training, false, &self.stop, |_| {
            told += share;
            let _ = messages.send(Message::Advanced(share));
        })?;
        let _ = messages.send(Message::Advanced(job.cost.saturating_sub(told)));
        let _ = messages.send(Message::Finished(job.key.clone(), result.record));
        Ok(())
    }
}

/// Operations, in millions, of taking so many rows from one stage to the next.
fn fill_cost(source: &CustomCnn, stage: Stage, rows: usize) -> u64 {
    rows as u64 * source.flops(stage.from, stage.level) / 1_000_000
}

fn no_table(level: usize) -> Error {
    Error::Worker(format!("there was no memory for the activations that go into convolution {level}"))
}

/// Starts `count` workers on a pool, each with its own copy of the source network. They end when the queue is empty
/// or the pool's stop is requested.
pub(super) fn start(
    pool: &Arc<Pool>,
    count: usize,
    source: &CustomCnn,
    pictures: &PictureBank,
    messages: &Sender<Message>,
) -> Result<()> {
    for i in 0..count {
        let (pool, messages) = (Arc::clone(pool), messages.clone());
        let (source, pictures) = (source.deep_clone()?, pictures.shallow_clone());
        std::thread::Builder::new()
            .name(format!("worker {i}"))
            .spawn(move || {
                let work = std::panic::AssertUnwindSafe(|| pool.work(&source, &pictures, &messages));
                if std::panic::catch_unwind(work).is_err() {
                    let _ = messages.send(Message::Failed(Error::Worker("it panicked".to_owned())));
                }
            })
            .map_err(|e| Error::Worker(e.to_string()))?;
    }
    Ok(())
}
