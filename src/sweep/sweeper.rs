//! From a grid to a result file.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{channel, RecvTimeoutError};
use std::sync::Arc;
use std::time::{Duration, Instant};

use md5::{Digest, Md5};

use super::bank::{Layout, PictureBank};
use super::run::RunSpec;
use super::workers::{self, Job, Message, Pool, Stage};
use crate::config::{rows, Repeats, Row};
use crate::config::{Params, PERCENTAGES};
use crate::data::TransferLearningWrapper;
use crate::error::{Error, Result};

use crate::journal::Journal;
use crate::model::Checkpoint;
use crate::model::{CustomCnn, Cut};

use crate::record::{Record, ResultFile, OF_CUTS, PICTURES, SOURCE_WEIGHTS};
use crate::runtime::cancel;
use crate::runtime::memory;
use crate::runtime::progress::{default_sink, Progress, Unit};
use crate::runtime::threads;
use crate::util::hex::hex;

/// A sweep: fine-tuning runs over percentages, cuts and repeats.
///
/// The defaults are the published grid: five percentages, every cut (not the baseline, which has files of its own),
/// and repeats as published.
pub struct Sweep<'a> {
    params: Params,
    source: &'a CustomCnn,
    data: &'a TransferLearningWrapper,
    percentages: Vec<f64>,
    cuts: Vec<i64>,
    repeats: Repeats,
    workers: Option<usize>,
    memory_budget: Option<u64>,
    journal: Option<PathBuf>,
    known: Vec<PathBuf>,
    progress: Arc<dyn Progress>,
    /// A digest of the target task's pictures and labels, once it was asked for.
    pictures: OnceCell<String>,
}

impl<'a> Sweep<'a> {
    /// A sweep of cuts of `source` on the target task of `data`, with the setting that `params` spells.
    ///
    /// # Errors
    /// Those of [`Params::check`]; [`Error::Parameter`] when the source network is not the one that `params` describes,
    /// or takes other pictures than the task has.
    pub fn new(params: &Params, source: &'a CustomCnn, data: &'a TransferLearningWrapper) -> Result<Self> {
        params.check()?;
        params.check_for_runs()?;
        if source.input_shape() != data.input_shape() {
            let expected = format!("pictures of {:?}, as the network takes", source.input_shape());
            return Err(Error::parameter("input_shape", expected, format!("{:?}", data.input_shape())));
        }
        source.check_params(params)?;
        Ok(Sweep {
            params: params.clone(),
            source,
            data,
            percentages: PERCENTAGES.to_vec(),
            cuts: (0..=source.depth() as i64).collect(),
            repeats: Repeats::Published,
            workers: None,
            memory_budget: None,
            journal: None,
            known: Vec::new(),
            progress: default_sink(),
            pictures: OnceCell::new(),
        })
    }

    /// A sweep of a study's plan: its parameters, percentages and repeats, and its files below `root`: finished runs are
    /// kept in its journal, and rows of its result files are not made again.
    ///
    /// # Errors
    /// Those of [`Sweep::new`]; those of [`crate::study::StudyFiles::check_rows`] when the plan's files, to which its rows
    /// are to be added, are of other parameters, source weights or pictures.
    pub fn planned(
        plan: &crate::study::Plan,
        source: &'a CustomCnn,
        data: &'a TransferLearningWrapper,
        root: impl AsRef<Path>,
    ) -> Result<Self> {
        let sweep = Sweep::new(&plan.params, source, data)?;
        let files = plan.files(root);
        // Which cuts is not known yet.
        files.check_rows(&sweep.params_of_file()?, &[-1, 0])?;
        let known = [files.baselines(), files.cuts(plan.params.setting()?)];
        Ok(sweep.percentages(&plan.percentages).repeats(plan.repeats).journal(files.journal).known(known))
    }

    /// Shares of the target training data, from above 0 to 1.
    pub fn percentages(mut self, percentages: &[f64]) -> Self {
        self.percentages = percentages.to_vec();
        self
    }

    /// Cuts; -1 is the baseline.
    pub fn cuts(mut self, cuts: impl IntoIterator<Item = i64>) -> Self {
        self.cuts = cuts.into_iter().collect();
        self
    }

    /// How often each run is repeated.
    pub fn repeats(mut self, repeats: Repeats) -> Self {
        self.repeats = repeats;
        self
    }

    /// Runs side by side. Unless set: one a core, or on a GPU one.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers.max(1));
        self
    }

    /// Bytes for stored activations and for training. Unless set: two thirds of the memory that is free, or 8 GiB on a
    /// GPU. A run that needs more than that is still made, by itself.
    pub fn memory_budget(mut self, bytes: u64) -> Self {
        self.memory_budget = Some(bytes);
        self
    }

    /// Where finished runs are kept, so that a sweep that was stopped goes on. Unless set: in memory, for as long as
    /// this process lives.
    pub fn journal(mut self, path: impl AsRef<Path>) -> Self {
        self.journal = Some(path.as_ref().to_owned());
        self
    }

    /// Result files whose rows are not made again, if they are of the same parameters, source weights and pictures, and say
    /// so. Unless set: none. Files that are not there, or cannot be read, are passed over.
    pub fn known(mut self, files: impl IntoIterator<Item = PathBuf>) -> Self {
        self.known = files.into_iter().collect();
        self
    }

    /// Where progress goes; unless set a bar in the notebook, or in the terminal.
    pub fn progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = progress;
        self
    }

    /// Makes every run that is neither in the journal nor in a result file that is known, and returns all rows of the grid.
    ///
    /// # Errors
    /// [`Error::Parameter`] for an impossible grid; [`Error::Interrupted`], and then finished runs are kept;
    /// [`Error::Io`] on the journal; [`Error::Torch`].
    pub fn run(&self) -> Result<ResultFile> {
        let grid = rows(&self.percentages, &self.cuts, self.repeats)?;
        for &percentage in &self.percentages {
            self.data.target.per_class(percentage)?;
        }
        let plan = Plan::new(self, &grid)?;
        let params = self.params_of_file()?;
        let known = self.known_rows(&plan, &params);
        let mut journal = match &self.journal {
            Some(path) => Journal::open(path)?,
            None => Journal::in_memory()?,
        };
        let is_done = |r: &PlannedRow| journal.get(&r.key).is_some() || known.contains_key(&r.key);
        let before = plan.rows.iter().filter(|r| is_done(r)).count();
        let todo: Vec<&PlannedRow> = {
            let mut seen = HashSet::new();
            plan.rows.iter().filter(|r| !is_done(r) && seen.insert(&r.key)).collect()
        };
        match plan.rows.len() {
            _ if before == 0 => {}
            all if before == all => self.progress.line(&format!("all {all} rows are done already")),
            all => self.progress.line(&format!("{before} of {all} rows are done already")),
        }
        if !todo.is_empty() {
            self.compute(&todo, &mut journal)?;
        }
        let records = plan.rows.iter().map(|planned| {
            let record = journal.get(&planned.key).or_else(|| known.get(&planned.key));
            let record = record.ok_or_else(|| Error::Worker("a run was lost".to_owned()))?;
            Ok(Record { sampled_cut_point: planned.row.cut.number(), ..record.clone() })
        });
        Ok(ResultFile::new(params, records.collect::<Result<_>>()?))
    }

    /// By key, the planned runs that result files hold already. A file that does not say what pictures it is of, and for
    /// cuts what source weights, as the published ones do not, might be of others.
    fn known_rows(&self, plan: &Plan, params: &Params) -> HashMap<String, Record> {
        let mut known = HashMap::new();
        for path in self.known.iter().filter(|path| path.exists()) {
            let file = match ResultFile::load(path) {
                Ok(file) => file,
                // Whether rows can be added to it is another question.
                Err(error) => {
                    self.progress.line(&format!("not looked at for rows that are done already: {error}"));
                    continue;
                }
            };
            let says = |key: &str| file.params.other.contains_key(key);
            let same = |ignoring: &[&str]| params.difference(&file.params, ignoring).is_none();
            let stated = file.states_test_split && says(PICTURES);
            let (baselines, cuts) = (stated && same(&OF_CUTS), stated && says(SOURCE_WEIGHTS) && same(&[]));
            let of_cpu = self.source.device() == tch::Device::Cpu;
            let place = |percentage: f64, cut: i64, repeat: u64| (percentage.to_bits(), cut, repeat);
            let rows: HashMap<_, &Record> = file
                .records
                .iter()
                .filter(|r| if r.sampled_cut_point < 0 { baselines } else { cuts })
                // Rounding differs between kinds of device.
                .filter(|r| r.device.is_none() == of_cpu)
                .map(|r| (place(r.sampled_percentage, r.sampled_cut_point, r.repeat), r))
                .collect();
            for planned in &plan.rows {
                let Row { fraction, cut, repeat } = planned.row;
                if let Some(&record) = rows.get(&place(fraction.get(), cut.number(), repeat)) {
                    known.insert(planned.key.clone(), record.clone());
                }
            }
        }
        known
    }

    /// The parameters as the result file has them: with both data sets, and digests of the target task's pictures and of
    /// the source weights.
    ///
    /// # Errors
    /// [`Error::Torch`] when the weights cannot be read.
    pub fn params_of_file(&self) -> Result<Params> {
        let mut params = self.params.clone();
        let weights = Checkpoint { tensors: self.source.state_dict(), text: String::new() }.digest()?;
        for (key, value) in [
            ("source_dataset", self.data.source.dataset.as_str()),
            ("target_dataset", self.data.target.dataset.as_str()),
            (PICTURES, self.pictures()),
            (SOURCE_WEIGHTS, weights.as_str()),
        ] {
            params.other.insert(key.to_owned(), value.into());
        }
        Ok(params)
    }

    fn pictures(&self) -> &str {
        self.pictures.get_or_init(|| self.data.target.digest())
    }

    fn compute(&self, todo: &[&PlannedRow], journal: &mut Journal<Record>) -> Result<()> {
        threads::prepare_process();
        let device = self.source.device();
        let budget = self.memory_budget.unwrap_or_else(|| match device {
            tch::Device::Cpu => memory::available_memory() / 3 * 2,
            // libtorch's bindings do not say what a GPU has: what the smallest in use have.
            _ => 8 << 30,
        });
        let pictures = PictureBank::new(&self.data.target, device)?;
        let runs_with_prefix = todo.iter().filter(|r| self.frozen(r.cut) >= FIRST_STORED);
        let layout = pictures.layout(runs_with_prefix.map(|r| (r.row.fraction.get(), r.row.repeat)))?;
        let stages = self.stages(todo, &layout, budget)?;
        let jobs = self.jobs(todo, &stages)?;
        let count = jobs.len();
        let pool = Arc::new(Pool::new(jobs, &stages, layout, self.source, &self.params.fine_tuning()?, budget)?);
        let (sender, messages) = channel();
        let default = if device == tch::Device::Cpu { threads::cores() } else { 1 };
        let workers = self.workers.unwrap_or(default).min(count);
        self.progress.begin("fine-tuning", pool.cost(self.source), Unit::Work);
        self.progress.note(&format!("0 of {count} runs"));
        let started = workers::start(&pool, workers, self.source, &pictures, &sender);
        drop((sender, pictures));
        let result = started.and_then(|()| self.collect(&messages, count, journal));
        self.progress.end();
        if result.is_err() {
            pool.stop.request();
            // Runs that are just ending may still be kept.
            let deadline = Instant::now() + Duration::from_millis(300);
            while let Ok(message) = messages.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                if let Message::Finished(key, record) = message {
                    journal.add(key, record)?;
                }
            }
        }
        memory::release_memory();
        result
    }

    /// Takes finished runs into the journal until all are there.
    fn collect(
        &self,
        messages: &std::sync::mpsc::Receiver<Message>,
        count: usize,
        journal: &mut Journal<Record>,
    ) -> Result<()> {
        let mut finished = 0;
        while finished < count {
            cancel::check(&format!("{finished} of {count} runs are finished and kept"))?;
            match messages.recv_timeout(Duration::from_millis(100)) {
                Ok(Message::Advanced(cost)) => self.progress.advance(cost),
                Ok(Message::Finished(key, record)) => {
                    journal.add(key, record)?;
                    finished += 1;
                    self.progress.note(&format!("{finished} of {count} runs"));
                }
                Ok(Message::Failed(error)) => return Err(error),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::Worker("all workers ended before the last run".to_owned()))
                }
            }
        }
        Ok(())
    }

    /// Blocks that take no gradient after a cut.
    fn frozen(&self, cut: Cut) -> usize {
        if cut.setting.freeze() {
            cut.point.max(0) as usize
        } else {
            0
        }
    }

    /// Which cuts' inputs are stored: each that some run needs and that fits into half of the budget beside the one
    /// it is made from.
    fn stages(&self, todo: &[&PlannedRow], layout: &Layout, budget: u64) -> Result<Vec<Stage>> {
        let mut levels: Vec<usize> = todo.iter().map(|r| self.frozen(r.cut)).filter(|&l| l >= FIRST_STORED).collect();
        levels.sort_unstable();
        levels.dedup();
        let mut stages: Vec<Stage> = Vec::new();
        for level in levels {
            let from = stages.last().map_or(0, |s| s.level);
            let lower = if from == 0 { 0 } else { layout.bytes(self.source, from)? };
            if layout.bytes(self.source, level)? + lower <= budget / 2 {
                stages.push(Stage { level, from });
            }
        }
        Ok(stages)
    }

    /// The jobs in the order they are to run: low cuts first, as activations are made from those below, and long ones
    /// first among them, so that all workers end at about the same time.
    fn jobs(&self, todo: &[&PlannedRow], stages: &[Stage]) -> Result<Vec<Job>> {
        let task = &self.data.target;
        let mut jobs = Vec::with_capacity(todo.len());
        for planned in todo {
            let Row { fraction, repeat, .. } = planned.row;
            let percentage = fraction.get();
            let spec = RunSpec { percentage, cut: planned.cut, repeat };
            let frozen = self.frozen(planned.cut);
            let level = stages.iter().map(|s| s.level).filter(|&l| l <= frozen).max().unwrap_or(0);
            let depth = if planned.cut.setting.truncate() { frozen } else { self.source.depth() };
            let samples = (task.per_class(percentage)? * task.classes.len()) as u64;
            let (forward, trained) = (self.source.flops(level, depth), self.source.flops(frozen, depth));
            let validation = if self.params.early_stop_patience.is_some() { task.validation.len() as u64 } else { 0 };
            let an_epoch = samples * (forward + 2 * trained) + validation * forward;
            let at_the_end = (samples + task.test.len() as u64) * forward;
            let batch = samples.min(self.params.batch_size as u64);
            let activations = if frozen < depth { self.source.training_bytes(frozen) } else { 0 };
            let features = 4 * self.source.shape_before(frozen)?.iter().product::<usize>() as u64;
            // What is classified at once, and once more while its parts are joined.
            let classified = validation.max((self.params.batch_size as u64).min(samples.max(task.test.len() as u64)));
            let last = 4 * self.source.shape_before(depth)?.iter().product::<usize>() as u64;
            let memory = batch * (activations + 2 * features) + 2 * classified * last + (64 << 20);
            let cost = (self.params.num_train as u64 * an_epoch + at_the_end) / 1_000_000 + 1;
            jobs.push((frozen, Job { key: planned.key.clone(), spec, level, memory, cost }));
        }
        jobs.sort_by_key(|(frozen, job)| (*frozen, std::cmp::Reverse(job.cost)));
        Ok(jobs.into_iter().map(|(_, job)| job).collect())
    }
}

/// The first block whose inputs are worth storing: one convolution costs next to nothing, and what it puts out is
/// the largest there is.
const FIRST_STORED: usize = 2;

/// A row of the grid, the cut that computes it, and the key of that run.
struct PlannedRow {
    row: Row,
    cut: Cut,
    key: String,
}

struct Plan {
    rows: Vec<PlannedRow>,
}

impl Plan {
    fn new(sweep: &Sweep, grid: &[Row]) -> Result<Plan> {
        let keys = Keys::new(sweep)?;
        let plan = |row: &Row| {
            let cut = Cut::new(&sweep.params, row.cut)?.canonical(sweep.source.depth());
            Ok(PlannedRow { row: *row, cut, key: keys.of(row, cut) })
        };
        Ok(Plan { rows: grid.iter().map(plan).collect::<Result<_>>()? })
    }
}

/// Makes the keys of runs: digests of all that decides their numbers.
struct Keys {
    common: String,
    weights: String,
}

impl Keys {
    fn new(sweep: &Sweep) -> Result<Keys> {
        let p = &sweep.params;
        let source = sweep.source;
        let common = format!(
            "1 {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {} {:?} {}",
            p.lr_fine_tune,
            p.num_train,
            p.early_stop_patience,
            p.batch_size,
            p.restore_best,
            p.test_split,
            p.reinit_both_dense,
            sweep.data.target.classes,
            source.input_shape(),
            source.architecture(),
            // Rounding differs between kinds of device, not between devices of a kind.
            matches!(source.device(), tch::Device::Cpu),
            sweep.pictures(),
        );
        let weights = Checkpoint { tensors: source.state_dict(), text: String::new() }.digest()?;
        Ok(Keys { common, weights })
    }

    fn of(&self, row: &Row, cut: Cut) -> String {
        // Where nothing of the source network is kept, its weights are of no account.
        let all_new = cut.point == 0 && cut.setting.reinit() && cut.reinit_both_dense;
        let weights = if all_new { "" } else { &self.weights };
        let text =
            format!("{} {weights} {:?} {} {} {}", self.common, row.fraction.get(), cut.point, cut.setting, row.repeat);
        hex(Md5::digest(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Setting;
    use crate::data::GLYPHS;

    /// After a cut of FT the whole width of the pictures goes into the linear layer: a few training pictures need little,
    /// the test pictures that are classified at once a lot.
    #[test]
    fn a_run_needs_the_memory_of_what_is_classified_at_once() {
        let params = Params { depth: 2, num_channels: 8, batch_size: 4096, ..Params::default() };
        let params = params.with_setting(Setting::FT);
        let data = TransferLearningWrapper::new(&params, GLYPHS, GLYPHS, "data").unwrap();
        let source = CustomCnn::new(&params, data.source.classes.len(), data.input_shape()).unwrap();
        let sweep = Sweep::new(&params, &source, &data).unwrap();
        let grid = rows(&[0.001], &[1], Repeats::Fixed(1)).unwrap();
        let plan = Plan::new(&sweep, &grid).unwrap();
        let jobs = sweep.jobs(&plan.rows.iter().collect::<Vec<_>>(), &[]).unwrap();
        let features = 4 * source.shape_before(1).unwrap().iter().product::<usize>() as u64;
        let at_once = data.target.test.len().min(4096).max(data.target.validation.len()) as u64;
        assert!(jobs[0].memory >= 2 * at_once * features, "{} for {at_once} of {features}", jobs[0].memory);
    }
}
