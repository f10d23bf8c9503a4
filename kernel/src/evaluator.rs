//! The thread that compiles and runs cells, one after another.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};
use std::time::Instant;

use anyhow::{Context, Result};
use evcxr::{CommandContext, EvalCallbacks, EvalContext, EvalContextOutputs, EvalOutputs};
use jupyter_protocol::messaging::{
    ErrorOutput, ExecuteInput, ExecuteReply, ExecuteRequest, JupyterMessage, Payload, ReplyError, ReplyStatus,
    StreamContent,
};
use jupyter_protocol::{ExecutionCount, MediaType};
use tokio::sync::mpsc::UnboundedSender;

use crate::answers;
use crate::cargo::{REAL_CARGO, REAL_CARGO_HOME, REAL_RUSTC};
use crate::complete::{self, Names};
use crate::events::Bundle;
use crate::folders::{Settings, Work};
use crate::history::History;
use crate::interrupt::{Stopped, Supervisor};
use crate::output::{Output, Report};
use crate::prepare;
use crate::publish::Publisher;
use crate::traceback::{self, Failure, GONE};

/// What is in force before the first cell.
pub fn prelude(settings: &Settings) -> String {
    format!(
        ":dep cutpoint = {{ path = {:?} }}\n\
         use cutpoint::prelude::*;\n\
         use cutpoint::notebook::{{eprint, eprintln}};\n\
         {READY}",
        settings.source
    )
}

/// What rust-analyzer is asked before the first cell.
const WARM_UP: &str =
    "let numbers = vec![Params::default().depth]; let sum: usize = numbers.iter().map(|n| n + 1).sum(); su";

/// What a new process needs to be told. evcxr compiles the first cell with a `?` twice, to learn that there are any;
/// here that is done by the preparation.
const READY: &str = "cutpoint::notebook::prepare(); Ok::<(), std::fmt::Error>(())?;";

/// The variables that [`set_environment`] changes and cells do not see, as they were before.
static BEFORE: OnceLock<Vec<(&str, Option<OsString>)>> = OnceLock::new();
const CHANGED: [&str; 12] = [
    "PATH",
    "EVCXR_TMPDIR",
    "CARGO",
    "CARGO_HOME",
    "RUSTC",
    "RUST_SRC_PATH",
    REAL_CARGO,
    REAL_RUSTC,
    REAL_CARGO_HOME,
    answers::ROOT,
    answers::FOLDER,
    answers::KEEPS,
];

/// Sets the variables that evcxr and rust-analyzer read. Called while there is one thread only.
pub fn set_environment(work: &Work, settings: &Settings) {
    BEFORE.get_or_init(|| CHANGED.into_iter().map(|name| (name, std::env::var_os(name))).collect());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(work.bin()).chain(std::env::split_paths(&path));
    if let Ok(path) = std::env::join_paths(folders) {
        std::env::set_var("PATH", path);
    }
    std::env::set_var("EVCXR_TMPDIR", work.evcxr());
    std::env::set_var("LIBTORCH", &settings.libtorch);
    std::env::set_var(REAL_CARGO, &settings.cargo);
    std::env::set_var(REAL_RUSTC, &settings.rustc);
    std::env::set_var(REAL_CARGO_HOME, std::env::var_os("CARGO_HOME").unwrap_or_default());
    std::env::set_var("CARGO_HOME", work.root());
    std::env::set_var("CARGO", work.bin().join("cargo"));
    std::env::set_var("RUSTC", &settings.rustc);
    std::env::set_var("RUST_SRC_PATH", work.std_link());
    std::env::set_var(answers::ROOT, work.root());
    std::env::set_var(answers::FOLDER, work.answers());
    // What a program around this one set for itself must not change what is built.
    for name in ["CARGO_TARGET_DIR", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "EVCXR_CONFIG_DIR"] {
        std::env::remove_var(name);
    }
}

/// Gives a command the variables as they were before [`set_environment`].
fn restore_environment(command: &mut Command) {
    for (name, value) in BEFORE.get().into_iter().flatten() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
}

/// Starts evcxr in a folder, and the process that runs cells in the present one.
pub fn open(work: &Work, settings: &Settings) -> Result<(CommandContext, EvalContextOutputs)> {
    let here = std::env::current_dir().context("the working directory")?;
    let mut command = Command::new(std::env::current_exe()?);
    let libraries = [settings.libtorch.join("lib"), settings.std_lib.clone()]
        .into_iter()
        .chain(std::env::var_os("LD_LIBRARY_PATH").iter().flat_map(std::env::split_paths).collect::<Vec<PathBuf>>());
    command.current_dir(&here).env("LD_LIBRARY_PATH", std::env::join_paths(libraries)?);
    command.env("CUTPOINT_PARENT", std::process::id().to_string());
    restore_environment(&mut command);
    // evcxr prefers a configuration file in the working directory to everything else.
    std::env::set_current_dir(work.config())?;
    let opened = EvalContext::with_subprocess_command(command);
    std::env::set_current_dir(&here)?;
    work.show_std()?;
    let (context, outputs) = opened.map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok((CommandContext::with_eval_context(context), outputs))
}

/// A question to the reader, for `input_request`.
/// The last argument says whether the answer is still wanted.
pub type Ask = Box<dyn Fn(&JupyterMessage, &str, bool, &dyn Fn() -> bool) -> String + Send + Sync>;

struct Job {
    message: JupyterMessage,
    request: ExecuteRequest,
}

/// The queue of cells and all that running them needs.
pub struct Evaluator {
    queue: Mutex<VecDeque<Job>>,
    wake: Condvar,
    context: Mutex<Option<CommandContext>>,
    output: OnceLock<Arc<Output>>,
    /// Why no cell can run.
    broken: OnceLock<String>,
    notices: Mutex<Vec<String>>,
    preparing: AtomicBool,
    count: AtomicUsize,
    pub supervisor: Arc<Supervisor>,
    pub history: History,
    pub names: Names,
    publisher: Publisher,
    replies: UnboundedSender<JupyterMessage>,
    ask: Ask,
}

impl Evaluator {
    /// An evaluator that is not ready yet; [`Evaluator::work`] makes it so.
    pub fn new(publisher: Publisher, replies: UnboundedSender<JupyterMessage>, ask: Ask) -> Arc<Evaluator> {
        Arc::new(Evaluator {
            queue: Mutex::default(),
            wake: Condvar::new(),
            context: Mutex::new(None),
            output: OnceLock::new(),
            broken: OnceLock::new(),
            notices: Mutex::default(),
            preparing: AtomicBool::new(true),
            count: AtomicUsize::new(0),
            supervisor: Arc::default(),
            history: History::default(),
            names: Names::default(),
            publisher,
            replies,
            ask,
        })
    }

    /// Where completion and inspection ask.
    pub fn context(&self) -> &Mutex<Option<CommandContext>> {
        &self.context
    }

    /// Puts a cell into the queue.
    pub fn submit(&self, message: JupyterMessage, request: ExecuteRequest) {
        let job = Job { message, request };
        self.queue().push_back(job);
        self.wake.notify_one();
    }

    /// Stops what runs; while the kernel gets ready, what waits.
    pub fn interrupt(&self) {
        if self.preparing.load(Ordering::SeqCst) {
            let waiting = self.queue().drain(..).collect();
            self.abort(waiting);
        } else {
            self.supervisor.interrupt();
        }
    }

    /// The worker's life: makes ready, then runs cells for as long as the kernel lives.
    pub fn work(&self, work: &Work, home: &std::path::Path, settings: Settings) {
        if let Err(error) = self.get_ready(work, home, settings) {
            let _ = self.broken.set(format!("{error:#}"));
        }
        self.run_all()
    }

    fn run_all(&self) {
        self.preparing.store(false, Ordering::SeqCst);
        loop {
            let job = {
                let mut queue = self.queue();
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
    pub fn refuse(&self, why: &anyhow::Error) {
        let _ = self.broken.set(format!("{why:#}"));
        self.run_all()
    }

    fn get_ready(&self, work: &Work, home: &std::path::Path, settings: Settings) -> Result<()> {
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
        let start = Instant::now();
        work.fill(home)?;
        let filled = start.elapsed();
        let (mut context, outputs) = open(work, &settings)?;
        let opened = start.elapsed();
        self.supervisor.watch(context.process_handle());
        let output = Output::start(outputs, self.publisher.clone());
        let prelude = prelude(&settings);
        context
            .execute(&prelude)
            .map_err(|error| anyhow::anyhow!("{}", traceback::of_evcxr(&error, &prelude).traceback.join("\n")))?;
        output.finish();
        let (all, opened) = (start.elapsed().as_secs_f64(), opened.as_secs_f64());
        let filled = filled.as_secs_f64();
        eprintln!(
            "ready after {all:.1} s: folder {filled:.1} s, evcxr {:.1} s, prelude {:.1} s",
            opened - filled,
            all - opened
        );
        self.names.learn(&context);
        if self.queue().is_empty() {
            // rust-analyzer reads the crate when it is first asked for a type: best while nobody waits.
            let _ = context.completions(WARM_UP, WARM_UP.len());
        }
        *self.lock_context() = Some(context);
        let _ = self.output.set(output);
        Ok(())
    }

    /// Says something in the notebook: in the cell that waits, or else in the first one that comes.
    fn notice(&self, text: &str) {
        let mut notices = self.notices.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        notices.push(format!("{text}\n"));
        let waiting = self.queue().front().map(|job| job.message.clone());
        if let Some(parent) = waiting {
            let text: String = notices.drain(..).collect();
            self.publisher.publish(StreamContent::stderr(&text), Some(&parent));
        }
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<Job>> {
        self.queue.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn lock_context(&self) -> MutexGuard<'_, Option<CommandContext>> {
        self.context.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn run(&self, job: &Job) {
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
        let (failure, process_is_new) = match (self.output.get(), self.broken.get()) {
            _ if page.is_some() => (None, false),
            (Some(output), _) => self.evaluate(output, message, request, count),
            (None, why) => {
                let why = why.cloned().unwrap_or_default();
                (Some(Failure::new("KernelNotReady", why)), false)
            }
        };
        let mut reply = ExecuteReply {
            execution_count: ExecutionCount::new(count),
            user_expressions: Some(Default::default()),
            payload: page.into_iter().collect(),
            ..Default::default()
        };
        if let Some(failure) = &failure {
            let Failure { ename, evalue, traceback } = failure.clone();
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
            if failure.is_some() && request.stop_on_error { self.queue().drain(..).collect() } else { vec![] };
        let _ = self.replies.send(JupyterMessage::new(reply, Some(message)));
        self.publisher.idle(message);
        self.abort(aborted);
        if process_is_new {
            self.welcome_process();
        }
    }

    /// The documentation that a cell such as `?CustomCnn` or `CustomCnn?` asks for.
    fn page(&self, code: &str) -> Option<Payload> {
        let code = code.trim();
        let name = code.strip_prefix('?').or_else(|| code.strip_suffix('?'))?.trim_matches('?').trim();
        let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        if name.is_empty() || !name.chars().all(is_path) || !name.starts_with(|c: char| c.is_alphabetic()) {
            return None;
        }
        // A lone variable with a question mark behind it is a `?` at work.
        if code.ends_with('?') && self.lock_context().as_ref()?.variables_and_types().any(|(known, _)| known == name) {
            return None;
        }
        let reply = complete::inspect(&self.context, name, name.chars().count());
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

    /// Runs a cell; says what went wrong, and whether a new process has to be made ready.
    fn evaluate(
        &self,
        output: &Output,
        message: &JupyterMessage,
        request: &ExecuteRequest,
        count: usize,
    ) -> (Option<Failure>, bool) {
        output.begin(message, count);
        let notices: Vec<String> =
            self.notices.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).drain(..).collect();
        if !notices.is_empty() {
            output.say(&notices.concat());
        }
        // A completion may hold the compiler for a while: from here on an interrupt is one of this cell.
        self.supervisor.begin();
        let mut guard = self.lock_context();
        let Some(context) = guard.as_mut() else {
            self.supervisor.end();
            return (Some(Failure::new("KernelNotReady", "the compiler is not there")), false);
        };
        let code = request.code.as_str();
        let ask = |prompt: &str, is_password: bool| {
            if request.allow_stdin {
                (self.ask)(message, prompt, is_password, &|| !self.supervisor.is_stopped())
            } else {
                String::new()
            }
        };
        let runs = self.supervisor.may_run();
        let result = match runs {
            true => execute(context, code, &ask),
            false => Err(Trouble::Evcxr(evcxr::Error::Message("interrupted before it began".to_owned()))),
        };
        if runs && commands(code).any(|command| [":fmt", ":types"].contains(&command)) {
            // From now on evcxr formats the values that end cells, and not the crate.
            let _ = execute(context, "use cutpoint::notebook::value::EvcxrValue as _;", &ask);
        }
        let stopped = self.supervisor.end();
        let report = output.finish();
        let compiled = context.last_source().unwrap_or_default();
        self.names.learn(context);
        drop(guard);
        let ended = report.exit.is_some() || stopped.killed;
        // A mistake of the kernel's own in saying what went wrong costs that, and not the notebook.
        let judged =
            std::panic::AssertUnwindSafe(|| judge(result.as_ref().map(|_| ()), &report, stopped, code, &compiled));
        let failure = std::panic::catch_unwind(judged).unwrap_or_else(|_| {
            Some(Failure::new("KernelError", "the kernel cannot say what went wrong (it panicked; see its log)"))
        });
        if failure.is_none() && !request.silent {
            if let Ok(outputs) = &result {
                let data: Bundle =
                    outputs.content_by_mime_type.iter().map(|(k, v)| (k.clone(), v.clone().into())).collect();
                if !data.is_empty() {
                    output.value(&data);
                }
            }
        }
        let cleared = commands(code).any(|command| [":clear", ":restart"].contains(&command));
        (failure, ended || cleared)
    }

    /// A new process runs the cells from now on.
    fn welcome_process(&self) {
        let mut guard = self.lock_context();
        let Some(context) = guard.as_mut() else { return };
        let nobody: &Asker = &|_, _| String::new();
        if execute(context, READY, nobody).is_err() {
            // `:clear` has taken the crate away as well.
            if let Ok(settings) = crate::folders::home().and_then(|home| Settings::read(&home)) {
                let _ = execute(context, &prelude(&settings), nobody);
            }
        }
        if let Some(output) = self.output.get() {
            output.finish();
        }
    }
}

/// The first words of a cell's commands to evcxr.
fn commands(code: &str) -> impl Iterator<Item = &str> {
    code.lines().filter(|line| crate::syntax::is_command(line)).filter_map(|line| line.split_whitespace().next())
}

/// A question to the reader: a prompt, and whether the answer is secret.
type Asker<'a> = dyn Fn(&str, bool) -> String + 'a;

/// What can go wrong with a cell before and while it runs.
enum Trouble {
    Evcxr(evcxr::Error),
    /// evcxr or rust-analyzer met a case that they do not know.
    Panicked,
}

fn execute(context: &mut CommandContext, code: &str, ask: &Asker) -> Result<EvalOutputs, Trouble> {
    if code.lines().any(|line| line.trim() == ":quit") {
        let advice = "use the notebook's menu to shut the kernel down".to_owned();
        return Err(Trouble::Evcxr(evcxr::Error::Message(advice)));
    }
    let run = std::panic::AssertUnwindSafe(|| {
        let mut callbacks = EvalCallbacks { input_reader: &|question| ask(&question.prompt, question.is_password) };
        context.execute_with_callbacks(code, &mut callbacks)
    });
    match std::panic::catch_unwind(run) {
        Ok(result) => result.map_err(Trouble::Evcxr),
        Err(_) => Err(Trouble::Panicked),
    }
}

/// What a cell's end means: evcxr takes a panic and a failing `?` for success.
fn judge(
    result: Result<(), &Trouble>,
    report: &Report,
    stopped: Stopped,
    cell: &str,
    compiled: &str,
) -> Option<Failure> {
    if stopped.killed {
        let why = "the cell did not stop by itself, so its process was ended";
        return Some(Failure::new("Interrupted", why).with([GONE.to_owned()]));
    }
    if let Some(exit) = &report.exit {
        return Some(traceback::of_exit(exit));
    }
    if report.panicked {
        return Some(traceback::of_panic(report.panic.as_ref(), cell, compiled));
    }
    if report.failed {
        let failure = traceback::of_question_mark(report.error.as_ref(), cell);
        return Some(match stopped.interrupted {
            true => failure.renamed("Interrupted").with(["All variables are kept.".to_owned()]),
            false => failure,
        });
    }
    match result {
        Ok(()) => None,
        Err(_) if stopped.interrupted => {
            let why = "the cell was stopped before it ran";
            Some(Failure::new("Interrupted", why).with(["All variables are kept.".to_owned()]))
        }
        Err(Trouble::Evcxr(error)) => Some(traceback::of_evcxr(error, cell)),
        Err(Trouble::Panicked) => Some(Failure::new(
            "EvaluationError",
            "evcxr cannot make sense of this cell (it panicked; see the kernel's log)",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Exit;

    #[test]
    fn what_evcxr_takes_for_success_is_an_error_all_the_same() {
        let judge = |report: &Report, stopped| judge(Ok(()), report, stopped, "f()?", "").map(|failure| failure.ename);
        let calm = Stopped::default();
        assert_eq!(judge(&Report::default(), calm), None);
        assert_eq!(judge(&Report { panicked: true, ..Report::default() }, calm).as_deref(), Some("Panic"));
        let failed = Report { failed: true, error: Some(("a::B".into(), "no".into())), ..Report::default() };
        assert_eq!(judge(&failed, calm).as_deref(), Some("B"));
        assert_eq!(judge(&failed, Stopped { interrupted: true, killed: false }).as_deref(), Some("Interrupted"));
        let exit = Some(Exit { code: Some(1), signal: None, last_words: String::new() });
        assert_eq!(judge(&Report { exit, ..Report::default() }, calm).as_deref(), Some("ProcessEnded"));
    }
}
