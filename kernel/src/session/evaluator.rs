//! The thread that compiles and runs cells, one after another.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use cutpoint_wire::{Bundle, Event, Frame, Notice, Outcome, Request};
use jupyter_protocol::messaging::{
    ErrorOutput, ExecuteInput, ExecuteReply, ExecuteRequest, JupyterMessage, Payload, ReplyError, ReplyStatus,
    StreamContent,
};
use jupyter_protocol::{ExecutionCount, MediaType};
use tokio::sync::mpsc::UnboundedSender;

use super::builds::Build;
use super::compile::{Compiled, Compiler};
use super::diagnostics::{self, Failure, GONE};
use super::history::History;
use super::insight::{library_path, restore_environment, Insight};
use super::parse::{self, Parsed};
use super::program::{State, Text, Why};
use crate::commands::prepare;
use crate::process::host::{Exit, Heard, Process};
use crate::process::supervisor::Supervisor;
use crate::protocol::output::{Output, Report};
use crate::protocol::publish::Publisher;
use crate::toolchain::bundle;
use crate::toolchain::recipe::Recipe;
use crate::toolchain::side::{self, Dependency, Side, Way};
use crate::workspace::home::{Settings, Work};

/// The program that makes a new runtime ready, and its number among the cells.
pub const READY: (usize, &str) = (1, "cutpoint::notebook::prepare()?;");
/// Crates with a runtime for asynchronous calls, and how it is made.
const ASYNCHRONOUS: (&str, &str) =
    ("tokio", "tokio::runtime::Runtime::new().unwrap_or_else(|error| ::core::panic!(\"tokio: {error}\"))");
/// Texts of so many of the last cells are kept, for places in them.
const TEXTS: usize = 500;

/// A question to the reader, for `input_request`.
/// The last argument says whether the answer is still wanted.
pub type Ask = Box<dyn Fn(&JupyterMessage, &str, bool, &dyn Fn() -> bool) -> Option<String> + Send + Sync>;

struct Job {
    message: JupyterMessage,
    request: ExecuteRequest,
}

/// What the evaluator waits for while a cell runs.
enum News {
    Ended {
        run: u64,
        outcome: Outcome,
        at: i64,
    },
    /// The process ended; its number among the processes.
    Exited(u64, Exit),
}

/// How what ran came to its end.
enum End {
    Ended(Outcome, i64),
    Exited(Exit),
    /// It was asked to stop before it ran.
    NotRun,
}

/// The queue of cells and all that running them needs.
pub struct Evaluator {
    queue: Mutex<VecDeque<Job>>,
    wake: Condvar,
    session: Arc<Mutex<State>>,
    compiler: Mutex<Option<Compiler>>,
    settings: OnceLock<Settings>,
    /// Where the libraries of crates are.
    bundles: OnceLock<Vec<PathBuf>>,
    /// The crates that are built beside those of the notebook.
    side: Mutex<Option<Side>>,
    /// A process that is being started.
    starting: Mutex<Option<std::thread::JoinHandle<Result<()>>>>,
    /// Where builds write what they do, and where it is kept how long they took.
    places: OnceLock<(PathBuf, PathBuf)>,
    output: Arc<Output>,
    news: (crossbeam_channel::Sender<News>, crossbeam_channel::Receiver<News>),
    /// Counts processes: what is heard of a former one is of no interest.
    processes: AtomicU64,
    /// Why no cell can run.
    broken: OnceLock<String>,
    notices: Mutex<Vec<String>>,
    preparing: AtomicBool,
    count: AtomicUsize,
    runs: AtomicUsize,
    /// The run that goes on, or zero.
    running: AtomicU64,
    /// The runs that may ask for input.
    may_ask: Mutex<HashMap<u64, bool>>,
    pub supervisor: Arc<Supervisor>,
    pub history: History,
    pub insight: Insight,
    publisher: Publisher,
    replies: UnboundedSender<JupyterMessage>,
    ask: Arc<Ask>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Evaluator {
    /// An evaluator that is not ready yet; [`Evaluator::work`] makes it so.
    pub fn new(publisher: Publisher, replies: UnboundedSender<JupyterMessage>, ask: Ask) -> Arc<Evaluator> {
        let session: Arc<Mutex<State>> = Arc::default();
        let known = Arc::clone(&session);
        Arc::new(Evaluator {
            queue: Mutex::default(),
            wake: Condvar::new(),
            insight: Insight::new(Arc::clone(&session)),
            session,
            compiler: Mutex::new(None),
            settings: OnceLock::new(),
            bundles: OnceLock::new(),
            side: Mutex::new(None),
            starting: Mutex::new(None),
            places: OnceLock::new(),
            output: Output::start(publisher.clone(), move |panic| diagnostics::told(panic, &locked(&known))),
            news: crossbeam_channel::unbounded(),
            processes: AtomicU64::new(0),
            broken: OnceLock::new(),
            notices: Mutex::default(),
            preparing: AtomicBool::new(true),
            count: AtomicUsize::new(0),
            runs: AtomicUsize::new(READY.0),
            running: AtomicU64::new(0),
            may_ask: Mutex::default(),
            supervisor: Arc::default(),
            history: History::default(),
            publisher,
            replies,
            ask: Arc::new(ask),
        })
    }

    /// Queues a cell. While the kernel is made ready the reader sees that the cell waits for that.
    pub fn submit(&self, message: JupyterMessage, request: ExecuteRequest) {
        let waits = self.preparing.load(Ordering::SeqCst);
        let notices: String = locked(&self.notices).drain(..).collect();
        if waits && !notices.is_empty() {
            self.publisher.publish(StreamContent::stderr(&notices), Some(&message));
        }
        locked(&self.queue).push_back(Job { message, request });
        self.wake.notify_one();
    }

    /// Interrupts the running cell.
    pub fn interrupt(&self) {
        self.output.hurry();
        self.supervisor.interrupt();
    }

    /// The worker's life: makes everything ready, then runs cells for as long as the kernel lives.
    pub fn work(self: &Arc<Self>, work: &Arc<Work>, home: &Path, settings: Settings) {
        if let Err(error) = self.get_ready(work, home, settings) {
            let _ = self.broken.set(format!("{error:#}"));
        }
        self.run_all()
    }

    fn run_all(self: &Arc<Self>) {
        self.preparing.store(false, Ordering::SeqCst);
        loop {
            let job = {
                let mut queue = locked(&self.queue);
                loop {
                    if let Some(job) = queue.pop_front() {
                        break job;
                    }
                    queue = self.wake.wait(queue).unwrap_or_else(|poisoned| poisoned.into_inner());
                }
            };
            self.run(&job);
        }
    }

    /// The worker's life where nothing was prepared: every cell is told why it cannot run.
    pub fn refuse(self: &Arc<Self>, why: &anyhow::Error) {
        let _ = self.broken.set(format!("{why:#}"));
        self.run_all()
    }

    fn get_ready(self: &Arc<Self>, work: &Arc<Work>, home: &Path, settings: Settings) -> Result<()> {
        let mut settings = settings;
        if !prepare::is_fresh(&settings) {
            self.notice("The crate cutpoint has changed since it was built for notebooks; building it again.");
            let start = Instant::now();
            let mut command = Command::new(std::env::current_exe()?);
            restore_environment(&mut command);
            let output = command.arg("prepare").output()?;
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr);
                anyhow::bail!("the crate cutpoint cannot be built for notebooks:\n{}", said.trim());
            }
            settings = Settings::read(home)?;
            self.notice(&format!("Built in {:.0} s.", start.elapsed().as_secs_f64()));
        }
        // Cells are compiled from the prepared folder itself until this kernel has links of its own to all that is in it.
        work.clear();
        let seed = Work::seed_of(home);
        let compiler = Compiler::new(&work.root().join("cells"), &seed.join("cells"), Recipe::read(&seed)?)?;
        let _ = self.bundles.set(vec![compiler.bundles(), seed.join("cells").join(bundle::FOLDER)]);
        *locked(&self.compiler) = Some(compiler);
        let _ = self.settings.set(settings.clone());
        let _ = self.places.set((work.build_log(), home.join("builds.json")));
        let own = Arc::clone(self);
        let starting = std::thread::Builder::new().name("start".to_owned()).spawn(move || own.start_process())?;
        *locked(&self.starting) = Some(starting);
        let (own, work, home) = (Arc::clone(self), Arc::clone(work), home.to_owned());
        std::thread::Builder::new()
            .name("insight".to_owned())
            .spawn(move || own.get_insight(&work, &home, &settings))?;
        Ok(())
    }

    /// Fills this kernel's own folder, and opens evcxr in it.
    fn get_insight(&self, work: &Work, home: &Path, settings: &Settings) {
        let filled = work.fill(home).and_then(|()| Recipe::read(work.evcxr()));
        match filled {
            Ok(recipe) => {
                let platform = recipe.platform().unwrap_or_default().to_owned();
                let (folder, target) = (work.root().join("side"), home.join("crates"));
                *locked(&self.side) = Some(Side::new(&folder, &target, work.evcxr(), &work.build_log(), &platform));
                if let Some(compiler) = locked(&self.compiler).as_mut() {
                    compiler.move_to(recipe, &work.evcxr().join("cells"));
                }
                self.insight.get_ready(work, settings);
            }
            Err(error) => self.insight.fail(&format!("{error:#}")),
        }
    }

    /// Waits for a process that is being started.
    fn wait_for_process(&self) -> Result<()> {
        let starting = locked(&self.starting).take();
        match starting.map(std::thread::JoinHandle::join) {
            None => Ok(()),
            Some(Ok(started)) => started,
            Some(Err(_)) => anyhow::bail!("the kernel panicked while it started a process (see its log)"),
        }
    }

    /// Starts a process for cells and makes it ready.
    fn start_process(self: &Arc<Self>) -> Result<()> {
        let start = Instant::now();
        let settings = self.settings.get().context("no settings")?;
        let number = self.processes.fetch_add(1, Ordering::SeqCst) + 1;
        let mut command = Command::new(std::env::current_exe()?);
        let bundles = self.bundles.get().context("no folder")?;
        command.env("LD_LIBRARY_PATH", library_path(settings, bundles)?);
        if std::env::var_os("NVIDIA_TF32_OVERRIDE").is_none() {
            // Float32 products on a GPU are float32 ones; once cells run the environment cannot be changed any more.
            command.env("NVIDIA_TF32_OVERRIDE", "0");
        }
        restore_environment(&mut command);
        let (cell, code) = READY;
        let ready = Text { name: "the kernel's own".to_owned(), code: code.to_owned() };
        locked(&self.session).texts.insert(cell, Arc::new(ready));
        self.output.begin(cell as u64, None, 0);
        let library = {
            let compiler = locked(&self.compiler);
            let compiler = compiler.as_ref().context("no compiler")?;
            compiler.ready(&State::default())?
        };
        self.news.1.try_iter().for_each(drop);
        let own = Arc::downgrade(self);
        let process = Arc::new(Process::start(command, move |heard| {
            if let Some(own) = own.upgrade() {
                own.hear(number, heard);
            }
        })?);
        process.request(&Request::Run {
            run: cell as u64,
            library: library.to_string_lossy().into_owned(),
            function: format!("cutpoint_run_{cell}"),
        });
        self.supervisor.watch(process);
        match self.wait_for_end(cell as u64, number) {
            End::Ended(Outcome::Done, _) => {
                eprintln!("a process for cells, ready after {:.2} s", start.elapsed().as_secs_f64());
                Ok(())
            }
            End::Ended(Outcome::Failed, _) => {
                let report = self.output.finish(cell as u64, false);
                anyhow::bail!(report.failed.map(|failed| failed.text).unwrap_or_default())
            }
            End::Ended(outcome, _) => anyhow::bail!("the crate cutpoint cannot be loaded: {outcome:?}"),
            End::Exited(exit) => {
                anyhow::bail!("the process that runs cells ended: {}\n{}", exit.reason(), exit.last_words)
            }
            End::NotRun => anyhow::bail!("the process that runs cells did not start"),
        }
    }

    /// Takes in what comes from a process.
    fn hear(self: &Arc<Self>, process: u64, heard: Heard) {
        match heard {
            Heard::Frame(Frame::Output { run, is_error, bytes }) => self.output.printed(run, is_error, &bytes),
            Heard::Frame(Frame::Event(_, Event::Version(version))) if version != cutpoint_wire::VERSION => {
                eprintln!("the crate speaks version {version} of the contract");
            }
            Heard::Frame(Frame::Event(run, event)) => self.output.event(run, event),
            Heard::Frame(Frame::Notice(Notice::Ended { run, outcome, at })) => {
                let _ = self.news.0.send(News::Ended { run, outcome, at });
            }
            Heard::Frame(Frame::Notice(Notice::WantsInput { run })) => self.ask_for_input(run),
            Heard::Frame(Frame::Notice(Notice::StillBusy { run })) => self.output.say(
                run,
                "The cell computes without a point at which it could be stopped. Its process will be ended in three \
                 seconds, and with it all variables; another interrupt ends it at once.\n",
            ),
            Heard::Frame(Frame::Notice(Notice::Ready(_))) => {}
            Heard::Exited(exit) => {
                let _ = self.news.0.send(News::Exited(process, exit));
            }
        }
    }

    /// Asks the reader for a line. The answer may take its time; what the cell prints meanwhile is shown.
    fn ask_for_input(self: &Arc<Self>, run: u64) {
        let own = Arc::clone(self);
        let started = std::thread::Builder::new().name("question".to_owned()).spawn(move || {
            let (parent, prompt, is_secret) = own.output.question(run);
            let may_ask = locked(&own.may_ask).get(&run).copied().unwrap_or(false);
            let answer = match parent.filter(|_| may_ask) {
                Some(parent) => (own.ask)(&parent, &prompt, is_secret, &|| {
                    own.running.load(Ordering::SeqCst) == run && !own.supervisor.is_stopped()
                }),
                None => None,
            };
            if own.running.load(Ordering::SeqCst) == run {
                own.supervisor.tell(&Request::Input(answer));
            }
        });
        if started.is_err() {
            self.supervisor.tell(&Request::Input(None));
        }
    }

    /// Says something in the notebook: in the cell that waits, or else in the first one that comes.
    fn notice(&self, text: &str) {
        let mut notices = locked(&self.notices);
        notices.push(format!("{text}\n"));
        let waiting = locked(&self.queue).front().map(|job| job.message.clone());
        if let Some(parent) = waiting {
            let text: String = notices.drain(..).collect();
            self.publisher.publish(StreamContent::stderr(&text), Some(&parent));
        }
    }

    fn run(self: &Arc<Self>, job: &Job) {
        let Job { message, request } = job;
        self.publisher.busy(message);
        let counts = request.store_history && !request.silent;
        let count = self.count.load(Ordering::SeqCst) + usize::from(counts);
        self.count.store(count, Ordering::SeqCst);
        if !request.silent {
            let execution_count = ExecutionCount::new(count);
            let input = ExecuteInput { code: request.code.clone(), execution_count };
            self.publisher.publish(input, Some(message));
        }
        if counts {
            self.history.add(count, &request.code);
        }
        let page = self.page(&request.code);
        let (failure, process_is_gone) = match self.broken.get() {
            _ if page.is_some() => (None, false),
            Some(why) => (Some(Failure::new("KernelNotReady", why.clone())), false),
            None => self.evaluate(message, request, count),
        };
        let mut reply = ExecuteReply {
            execution_count: ExecutionCount::new(count),
            user_expressions: Some(Default::default()),
            payload: page.into_iter().collect(),
            ..Default::default()
        };
        if let Some(failure) = &failure {
            let Failure { ename, evalue, traceback, .. } = failure.clone();
            reply.status = ReplyStatus::Error;
            reply.error = Some(Box::new(ReplyError {
                ename: ename.clone(),
                evalue: evalue.clone(),
                traceback: traceback.clone(),
            }));
            self.publisher.publish(ErrorOutput { ename, evalue, traceback }, Some(message));
        }
        // What comes after the reply was sent by somebody who knows of the error.
        let aborted: Vec<Job> =
            if failure.is_some() && request.stop_on_error { locked(&self.queue).drain(..).collect() } else { vec![] };
        let _ = self.replies.send(JupyterMessage::new(reply, Some(message)));
        self.publisher.idle(message);
        self.abort(aborted);
        if process_is_gone {
            if let Err(error) = self.start_process() {
                let _ = self.broken.set(format!("{error:#}"));
            }
        }
    }

    /// The documentation that a cell such as `?CustomCnn` or `CustomCnn?` asks for.
    fn page(&self, code: &str) -> Option<Payload> {
        let code = code.trim();
        let name = code.strip_prefix('?').or_else(|| code.strip_suffix('?'))?.trim_matches('?').trim();
        let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '.';
        if name.is_empty() || !name.chars().all(is_path) || !name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            return None;
        }
        // A variable, or a call on one, with a question mark behind it is a `?` at work.
        let owner = name.split('.').next().unwrap_or_default();
        if code.ends_with('?') && locked(&self.session).variables.contains_key(owner) {
            return None;
        }
        let reply = self.insight.inspect(name, name.chars().count());
        let data = if reply.found { reply.data } else { MediaType::Plain(format!("{name}: no documentation")).into() };
        Some(Payload::Page { data, start: 0 })
    }

    /// Cells that were waiting when one failed are answered, and not run.
    fn abort(&self, waiting: Vec<Job>) {
        for job in waiting {
            self.publisher.busy(&job.message);
            let reply = ExecuteReply {
                status: ReplyStatus::Aborted,
                execution_count: ExecutionCount::new(self.count.load(Ordering::SeqCst)),
                user_expressions: Some(Default::default()),
                ..Default::default()
            };
            let _ = self.replies.send(JupyterMessage::new(reply, Some(&job.message)));
            self.publisher.idle(&job.message);
        }
    }

    /// Runs a cell; says what went wrong, and whether the process is gone.
    fn evaluate(
        self: &Arc<Self>,
        message: &JupyterMessage,
        request: &ExecuteRequest,
        count: usize,
    ) -> (Option<Failure>, bool) {
        let cell = self.runs.fetch_add(1, Ordering::SeqCst) + 1;
        let run = cell as u64;
        self.running.store(run, Ordering::SeqCst);
        self.supervisor.begin();
        self.output.begin(run, Some(message), count);
        locked(&self.may_ask).insert(run, request.allow_stdin);
        locked(&self.may_ask).retain(|known, _| known + 100 > run);
        let notices: Vec<String> = locked(&self.notices).drain(..).collect();
        if !notices.is_empty() {
            self.output.say(run, &notices.concat());
        }
        let name = self.name_of(count, request.store_history && !request.silent);
        if let Err(error) = self.replace_dead_process(run) {
            return (Some(Failure::new("KernelError", format!("{error:#}"))), false);
        }
        // A mistake of the kernel's own costs this cell, and not the notebook.
        let evaluated = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.evaluated(cell, &name, request)));
        let result = evaluated.unwrap_or_else(|_| {
            Err(Box::new((
                Failure::new("KernelError", "the kernel met a case that it does not know (see its log)"),
                false,
            )))
        });
        let stopped = self.supervisor.end();
        // A question that was not answered is no question of the next cell.
        self.running.store(0, Ordering::SeqCst);
        self.output.finish(run, false);
        match result {
            Ok(()) => (None, false),
            Err(failed) => {
                let (failure, is_gone) = *failed;
                (Some(failure), is_gone || stopped.killed)
            }
        }
    }

    /// A cell's name in messages. A cell that is not counted has one of its own.
    fn name_of(&self, count: usize, counts: bool) -> String {
        let name = if counts { format!("cell {count}") } else { format!("cell {count}+") };
        let session = locked(&self.session);
        let is_free = |name: &str| !session.texts.values().any(|text| text.name == name);
        if is_free(&name) {
            return name;
        }
        (2..).map(|n| format!("{name} ({n})")).find(|name| is_free(name)).unwrap_or(name)
    }

    fn evaluated(
        self: &Arc<Self>,
        cell: usize,
        name: &str,
        request: &ExecuteRequest,
    ) -> Result<(), Box<(Failure, bool)>> {
        let run = cell as u64;
        let (code, commands) = parse::without_commands(&request.code);
        for (line, command) in &commands {
            self.command(run, command).map_err(|failed| {
                let (failure, is_gone) = *failed;
                let place = format!("  --> {name}, line {line}");
                Box::new((failure.with([place]), is_gone))
            })?;
        }
        if code.trim().is_empty() {
            return Ok(());
        }
        let text = Arc::new(Text { name: name.to_owned(), code: code.clone() });
        let before = {
            let mut session = locked(&self.session);
            session.texts.insert(cell, text);
            session.forget_texts(cell.saturating_sub(TEXTS));
            session.clone()
        };
        let is_stopped = || self.supervisor.is_stopped();
        let fail = |failure: Failure| Box::new((failure, false));
        let Some(parsed) = parse::parse(&code) else {
            let compiler = locked(&self.compiler);
            let compiler = compiler.as_ref().ok_or_else(|| fail(Failure::new("KernelNotReady", "no compiler")))?;
            return Err(fail(compiler.complain(&before, cell, &is_stopped)));
        };
        if parsed.statements.is_empty() && parsed.items.is_empty() {
            return Ok(());
        }
        let compiled = self.compile(&before, cell, &parsed).map_err(fail)?;
        self.say_what_changed(run, &compiled);
        let request = Request::Run {
            run,
            library: compiled.library.to_string_lossy().into_owned(),
            function: compiled.program.function.clone(),
        };
        let not_ready = |error: anyhow::Error| fail(Failure::new("KernelNotReady", format!("{error:#}")));
        let end = self.run_to_end(run, &request).map_err(not_ready)?;
        let judged = self.judge(cell, &compiled, end, &before);
        let _ = std::fs::remove_file(&compiled.library);
        judged
    }

    fn compile(&self, before: &State, cell: usize, parsed: &Parsed) -> Result<Compiled, Failure> {
        let compiler = locked(&self.compiler);
        let Some(compiler) = compiler.as_ref() else { return Err(Failure::new("KernelNotReady", "no compiler")) };
        let compiled = compiler.compile(before, cell, parsed, &|| self.supervisor.is_stopped());
        compiled.map_err(|failure| match self.supervisor.is_stopped() {
            true => failure.with(["All variables are kept.".to_owned()]),
            false => failure,
        })
    }

    /// Says which variables and definitions did not survive that others were defined anew.
    fn say_what_changed(&self, run: u64, compiled: &Compiled) {
        let mut said = String::new();
        for (name, kind) in &compiled.redefined {
            said.push_str(&format!("`{name}` was a value of the former `{kind}`, and is gone.\n"));
        }
        for (name, cell, range, why) in &compiled.dropped {
            let place = compiled
                .state
                .texts
                .get(cell)
                .map_or_else(String::new, |text| format!(" ({}, line {})", text.name, text.place(range.start).0));
            said.push_str(&format!("`{name}`{place} does not fit what is defined now, and is gone: {why}\n"));
        }
        if !said.is_empty() {
            self.output.say(run, &said);
        }
    }

    /// Runs something, and waits for its end.
    fn run_to_end(&self, run: u64, request: &Request) -> Result<End> {
        self.wait_for_process()?;
        if let Some(exit) = self.exit_of_process() {
            return Ok(End::Exited(exit));
        }
        let process = self.processes.load(Ordering::SeqCst);
        if !self.supervisor.run(|process| process.request(request)) {
            return Ok(End::NotRun);
        }
        let end = self.wait_for_end(run, process);
        self.supervisor.pause();
        Ok(end)
    }

    /// How the process that runs cells ended, if it did since the last cell. News of former cells are of no interest.
    fn exit_of_process(&self) -> Option<Exit> {
        let process = self.processes.load(Ordering::SeqCst);
        let exits = self.news.1.try_iter().filter_map(|news| match news {
            News::Exited(number, exit) if number == process => Some(exit),
            _ => None,
        });
        exits.last()
    }

    /// Starts another process where the one that runs cells ended between two cells, and says so.
    fn replace_dead_process(self: &Arc<Self>, run: u64) -> Result<()> {
        // While the first one is being started, what is heard is for the thread that starts it.
        if locked(&self.starting).is_some() {
            return Ok(());
        }
        let Some(exit) = self.exit_of_process() else { return Ok(()) };
        self.lose_all(&mut locked(&self.session));
        self.output
            .say(run, &format!("The process that runs cells ended between two cells: {}. {GONE}\n", exit.reason()));
        self.start_process()?;
        Ok(())
    }

    /// All variables are gone with their process.
    fn lose_all(&self, state: &mut State) {
        let names: Vec<String> = state.variables.keys().cloned().collect();
        names.iter().for_each(|name| state.lose(name, Why::Process));
        state.forgotten.clear();
    }

    fn wait_for_end(&self, run: u64, process: u64) -> End {
        loop {
            match self.news.1.recv() {
                Ok(News::Ended { run: ended, outcome, at }) if ended == run => return End::Ended(outcome, at),
                Ok(News::Exited(number, exit)) if number == process => return End::Exited(exit),
                Ok(_) => {}
                // The sender is this evaluator's own.
                Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
        }
    }

    /// What a run's end means for the session, and for the reader.
    fn judge(&self, cell: usize, compiled: &Compiled, end: End, before: &State) -> Result<(), Box<(Failure, bool)>> {
        let panicked = matches!(&end, End::Ended(Outcome::Panicked, _));
        let report = self.output.finish(cell as u64, panicked);
        let interrupted = self.supervisor.is_stopped();
        let point = |at: i64| usize::try_from(at).ok();
        let (failure, gone) = match end {
            End::Ended(Outcome::Done, _) => {
                let (state, _) = compiled.after(cell, None);
                *locked(&self.session) = state;
                return Ok(());
            }
            End::NotRun => {
                let why = "the cell was stopped before it ran";
                return Err(Box::new((Failure::new("Interrupted", why).with([kept(&[])]), false)));
            }
            End::Exited(exit) => {
                let mut state = compiled.state.clone();
                self.lose_all(&mut state);
                *locked(&self.session) = state;
                let killed = self.supervisor.end().killed;
                let failure = match killed {
                    true => Failure::new("Interrupted", "the cell did not stop by itself, so its process was ended")
                        .with([GONE.to_owned()]),
                    false => diagnostics::of_exit(&exit),
                };
                return Err(Box::new((failure, true)));
            }
            End::Ended(Outcome::NotLoaded(why), _) => {
                return Err(Box::new((Failure::new("LoadError", format!("the cell cannot be loaded: {why}")), false)));
            }
            End::Ended(Outcome::LeftBehind, _) => {
                let (state, gone) = compiled.left_behind(cell);
                *locked(&self.session) = state;
                let why = "the cell waits for something that cannot be interrupted; its thread was left behind";
                (Failure::new("Interrupted", why), gone)
            }
            End::Ended(outcome, at) => {
                let (state, gone) = compiled.after(cell, Some(point(at).unwrap_or(0)));
                // A thread that was stopped makes those panic that wait for it.
                let outcome = if interrupted && outcome == Outcome::Panicked { Outcome::Stopped } else { outcome };
                let failure = self.failure(&outcome, &report, &state);
                *locked(&self.session) = state;
                (failure, gone)
            }
        };
        let failure = if interrupted { failure.renamed("Interrupted") } else { failure };
        // Only what was there before is missed.
        let missed: Vec<(String, Why)> =
            gone.into_iter().filter(|(name, _)| before.variables.contains_key(name)).collect();
        let failure = match (interrupted, missed.is_empty()) {
            (false, true) => failure,
            _ => failure.with([kept(&missed)]),
        };
        Err(Box::new((failure, false)))
    }

    fn failure(&self, outcome: &Outcome, report: &Report, state: &State) -> Failure {
        match outcome {
            Outcome::Panicked => diagnostics::of_panic(report.panic.as_ref(), state),
            Outcome::Stopped => Failure::new("Interrupted", "the cell was stopped"),
            _ => diagnostics::of_error(report.failed.as_ref(), state),
        }
    }

    /// Runs a command: of the shell, of the kernel, or of evcxr.
    fn command(self: &Arc<Self>, run: u64, command: &str) -> Result<(), Box<(Failure, bool)>> {
        let fail = |ename: &str, text: String| Box::new((Failure::new(ename, text), false));
        if let Some(command) = command.strip_prefix('!') {
            let end = self.run_to_end(run, &Request::Shell { run, command: command.to_owned() });
            let end = end.map_err(|error| fail("KernelNotReady", format!("{error:#}")))?;
            return match end {
                End::Ended(Outcome::Done, 0) => Ok(()),
                End::Ended(Outcome::Done, code) => {
                    Err(fail("ShellError", format!("the command exited with code {code}")))
                }
                End::Ended(Outcome::NotLoaded(why), _) => Err(fail("ShellError", why)),
                End::Exited(exit) => Err(Box::new((diagnostics::of_exit(&exit), true))),
                End::Ended(..) | End::NotRun => {
                    let failure = Failure::new("Interrupted", "the command was stopped");
                    Err(Box::new((failure.with([kept(&[])]), false)))
                }
            };
        }
        let (name, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
        let rest = rest.trim();
        match name {
            ":quit" => {
                return Err(fail("EvaluationError", "use the notebook's menu to shut the kernel down".to_owned()))
            }
            ":vars" => {
                let session = locked(&self.session);
                let lines = session
                    .variables
                    .iter()
                    .map(|(name, variable)| format!("{name}: {}\n", diagnostics::short_paths(&variable.kind)));
                let data = Bundle::from_iter([("text/plain".to_owned(), lines.collect::<String>().trim_end().into())]);
                drop(session);
                self.output.value(run, data);
            }
            ":clear" | ":restart" => {
                *locked(&self.session) = State::default();
                self.wait_for_process().map_err(|error| fail("KernelNotReady", format!("{error:#}")))?;
                self.supervisor.end();
                self.supervisor.shut_down_process();
                self.start_process().map_err(|error| fail("KernelError", format!("{error:#}")))?;
                self.supervisor.begin();
            }
            ":fmt" => locked(&self.session).format = (!rest.is_empty() && rest != "{:?}").then(|| rest.to_owned()),
            _ => {
                if let Some(wanted) = side::dependency(command) {
                    if self
                        .add_apart(run, command, &wanted)
                        .map_err(|error| fail("DependencyError", format!("{error:#}")))?
                    {
                        return Ok(());
                    }
                }
                let build = self.places.get().map(|(log, times)| Build::begin(&self.output, run, command, log, times));
                let outputs = self.insight.command(command, &|| self.supervisor.is_stopped());
                if let Some(build) = build {
                    build.end(outputs.is_ok());
                }
                let outputs = outputs.map_err(|error| fail("EvaluationError", error.to_string()))?;
                self.read_recipe(run).map_err(|error| fail("KernelError", format!("{error:#}")))?;
                let data: Bundle =
                    outputs.content_by_mime_type.iter().map(|(k, v)| (k.clone(), v.clone().into())).collect();
                if !data.is_empty() {
                    self.output.value(run, data);
                }
            }
        }
        Ok(())
    }

    /// Builds a crate beside those of the notebook, if building it with them would build them again.
    fn add_apart(self: &Arc<Self>, run: u64, command: &str, wanted: &Dependency) -> Result<bool> {
        let is_stopped = || self.supervisor.is_stopped();
        self.insight.wait(&is_stopped)?;
        let mut side = locked(&self.side);
        let side = side.as_mut().context("the kernel's folder is not there")?;
        let build = self.places.get().map(|(log, times)| Build::begin(&self.output, run, command, log, times));
        let way = side.way(wanted, &is_stopped)?;
        if way == Way::Again {
            self.output.say(
                run,
                "This crate shares types with the notebook's crates and wants other features of what \
                they need: they are built again, which takes minutes, and values of their types will be gone.\n",
            );
        }
        if way != Way::Apart {
            return Ok(false);
        }
        let built = side.add(wanted, &is_stopped);
        if let Some(build) = build {
            build.end(built.is_ok());
        }
        let (crate_name, make) = ASYNCHRONOUS;
        let has = wanted.name == crate_name;
        let mut compiler = locked(&self.compiler);
        compiler.as_mut().context("no compiler")?.add(built?, has.then_some(make))?;
        Ok(true)
    }

    /// After cargo has built something: how cells are compiled from now on.
    fn read_recipe(&self, run: u64) -> Result<()> {
        let mut compiler = locked(&self.compiler);
        let Some(compiler) = compiler.as_mut() else { return Ok(()) };
        let (recipe, manifest) = compiler.recipe.again()?;
        let before = compiler.recipe.arguments().to_vec();
        let (crate_name, make) = ASYNCHRONOUS;
        let has = manifest.lines().any(|line| line.split('=').next().map(str::trim) == Some(crate_name));
        compiler.change(recipe, has.then_some(make))?;
        let file = |arguments: &[String]| arguments.iter().find(|a| a.starts_with("cutpoint=")).cloned();
        if file(&before) != file(compiler.recipe.arguments()) {
            // Their types are new ones.
            let mut session = locked(&self.session);
            let is_of =
                |kind: &str| ["cutpoint", "tch", "ndarray", "serde_json"].iter().any(|name| kind.contains(name));
            let names: Vec<String> =
                session.variables.iter().filter(|(_, v)| is_of(&v.kind)).map(|(name, _)| name.clone()).collect();
            names.iter().for_each(|name| session.lose(name, Why::Redefined("crate".to_owned())));
            if !names.is_empty() {
                let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
                self.output.say(run, &format!("The crates were built again; gone with them: {}.\n", names.join(", ")));
            }
        }
        Ok(())
    }
}

/// What an error says of the variables that were there before.
fn kept(missed: &[(String, Why)]) -> String {
    if missed.is_empty() {
        return "All variables are kept.".to_owned();
    }
    let names = |of: &dyn Fn(&Why) -> bool| {
        let names: Vec<String> =
            missed.iter().filter(|(_, why)| of(why)).map(|(name, _)| format!("`{name}`")).collect();
        names.join(", ")
    };
    let moved = names(&|why| *why == Why::Moved);
    let other = names(&|why| *why != Why::Moved);
    let mut said = vec![];
    if !moved.is_empty() {
        said.push(format!("{moved} (moved by the cell before it ended)"));
    }
    if !other.is_empty() {
        said.push(other);
    }
    format!("Gone: {}. All other variables are kept.", said.join(", "))
}
