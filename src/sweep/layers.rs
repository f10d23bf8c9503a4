//! What sweeps over the layers of a network (clusterings, scores) share: the drawn training sets, what decides numbers that
//! are made of them, and making rows side by side.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::config::{CutPoint, Grid, Repeats, Row};
use crate::data::{Samples, Task};
use crate::error::Result;
use crate::model::{digest, Model};
use crate::runtime::pool::{self, Budget, News, Work};
use crate::runtime::progress::{Progress, Unit};
use crate::runtime::{cancel, memory, threads};

/// Fields of an identity: the network and the images that rows are made of.
#[derive(Clone, Serialize)]
pub(crate) struct Examined {
    /// The network in words: weights of one shape may belong to networks that pool or activate in other ways.
    pub network: String,
    pub input_shape: [usize; 3],
    /// A digest.
    pub weights: String,
    pub classes: Vec<u8>,
    /// A digest.
    pub images: String,
    /// Rounding differs between kinds of device, not between devices of a kind.
    pub on_cpu: bool,
}

impl Examined {
    /// What `model` makes of the training set of `task`.
    ///
    /// # Errors
    /// [`crate::error::Error::Torch`] when a weight cannot be read.
    pub fn new(model: &dyn Model, task: &Task) -> Result<Examined> {
        Ok(Examined {
            network: model.architecture(),
            input_shape: model.input_shape(),
            weights: digest(&model.state_dict())?,
            classes: task.classes.clone(),
            images: task.digest(),
            on_cpu: model.device() == tch::Device::Cpu,
        })
    }
}

/// Reduced training sets of a task, by fraction and repeat.
pub(crate) struct Draws {
    /// Which each is.
    pub rows: Vec<Row>,
    /// The positions of its images in the training set.
    samples: Vec<Vec<usize>>,
}

impl Draws {
    /// # Errors
    /// [`crate::error::Error::Parameter`] for an impossible grid; [`crate::error::Error::Interrupted`].
    pub fn new(task: &Task, percentages: &[f64], repeats: Repeats) -> Result<Draws> {
        // Nothing is cut: the rows of one cut are the draws.
        let rows = Grid::new(percentages, [CutPoint::After(0)], repeats)?.rows();
        let drawn = |row: &Row| {
            cancel::check("choosing samples")?;
            task.reduced(row.fraction.get(), row.repeat)
        };
        let samples = rows.iter().map(drawn).collect::<Result<_>>()?;
        Ok(Draws { rows, samples })
    }

    /// The images that some of these draws need, each once; and which of them each draw consists of.
    pub fn gathered(&self, task: &Task, needed: impl Iterator<Item = usize>) -> (Samples, Vec<Vec<usize>>) {
        let mut row_of = BTreeMap::new();
        for draw in needed {
            row_of.extend(self.samples[draw].iter().map(|&position| (position, 0)));
        }
        row_of.values_mut().enumerate().for_each(|(i, row)| *row = i);
        let rows = |draw: &Vec<usize>| draw.iter().filter_map(|position| row_of.get(position).copied()).collect();
        (task.train.select(row_of.keys().copied()), self.samples.iter().map(rows).collect())
    }

    /// What a row of a draw costs beside others, for progress: about the square of its images.
    fn cost(&self, draw: usize) -> u64 {
        (self.samples[draw].len() as u64).pow(2) / 1000 + 1
    }
}

/// How rows are called, and how much memory they may take side by side.
pub(crate) struct Manner<'a> {
    /// What is done: `clustering`.
    pub title: &'a str,
    /// What is made: `clusterings`.
    pub rows: &'a str,
    /// In bytes. None: two thirds of what is free.
    pub memory: Option<u64>,
    pub progress: &'a dyn Progress,
}

impl Manner<'_> {
    /// Says how many of the rows need not be made.
    pub fn tell_done(&self, done: usize, planned: usize) {
        if done > 0 {
            self.progress.line(&format!("{done} of {planned} {} are done already", self.rows));
        }
    }

    /// Makes what the features of all samples are, showing progress.
    pub fn features<T>(&self, samples: &Samples, make: impl FnOnce(&mut dyn FnMut(usize)) -> Result<T>) -> Result<T> {
        self.progress.begin("features", samples.len() as u64, Unit::Work);
        let made = make(&mut |n| self.progress.advance(n as u64));
        self.progress.end();
        made
    }

    /// Makes rows side by side. `draw_of` says which draw a job needs, `keep` takes what it gave.
    ///
    /// # Errors
    /// Those of `keep`; [`crate::error::Error::Interrupted`], and then what was finished is kept.
    pub fn make<W: Work<Hand = ()>>(
        &self,
        work: W,
        mut jobs: Vec<W::Job>,
        draws: &Draws,
        draw_of: impl Fn(&W::Job) -> usize,
        mut keep: impl FnMut(W::Job, Result<W::Done>) -> Result<()>,
    ) -> Result<()> {
        let cost = |job: &W::Job| draws.cost(draw_of(job));
        // Long ones first, so that all workers end at about the same time.
        jobs.sort_by_key(|job| std::cmp::Reverse(cost(job)));
        let count = jobs.len();
        self.progress.begin(self.title, jobs.iter().map(cost).sum(), Unit::Work);
        let mut finished = 0;
        let hear = |news: News<W>| match news {
            News::None => cancel::check(&format!("{finished} of {count} {} are finished and kept", self.rows)),
            News::Advanced(cost) => {
                self.progress.advance(cost);
                Ok(())
            }
            News::Over(job, outcome) => {
                self.progress.advance(cost(&job));
                keep(job, outcome)?;
                finished += 1;
                self.progress.note(&format!("{finished} of {count}"));
                Ok(())
            }
        };
        let hands = vec![(); threads::cores().min(count)];
        let budget = self.memory.unwrap_or_else(|| memory::available_memory() / 3 * 2);
        let result = pool::run(work, jobs, hands, Budget::new(budget), hear);
        self.progress.end();
        memory::release_memory();
        result
    }
}
