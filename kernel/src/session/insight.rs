//! What evcxr does for the kernel: the crates that cells depend on, completion and documentation.
//!
//! evcxr's context knows the crates and nothing of the cells. For completion it is given all definitions in force, the
//! variables with their types, and the cell. It opens in the background: no cell waits for it, but one with a `:dep`.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, TryLockError};
use std::time::Duration;

use anyhow::{Context, Result};
use evcxr::{CommandContext, EvalContext, EvalContextOutputs, EvalOutputs};
use jupyter_protocol::messaging::{CompleteReply, InspectReply, ReplyStatus};
use serde_json::{json, Map};

use super::parse::count_word;
use super::private::Private;
use super::program::State;
use crate::protocol::output::media;
use crate::toolchain::answers;
use crate::toolchain::cargo::{REAL_CARGO, REAL_CARGO_HOME, REAL_RUSTC, RUSTC_VERSION};
use crate::workspace::home::{Settings, Work};

/// evcxr's sign of the process that it thinks runs cells.
const CHILD: &str = "EVCXR_IS_RUNTIME";

/// Whether evcxr started this process for running cells.
pub fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// The process that evcxr thinks runs cells: it says to every request that it is done.
pub fn child() -> ExitCode {
    // Its input ends with evcxr. (A signal at the parent's death would come when the thread that started it ends.)
    for _ in std::io::stdin().lines().map_while(Result::ok) {
        println!("EVCXR_EXECUTION_COMPLETE");
    }
    ExitCode::SUCCESS
}

/// How long a question may wait for evcxr to start.
const PATIENCE: Duration = Duration::from_secs(10);

/// What evcxr is told first: the crate, and what is imported from it.
pub fn prelude(settings: &Settings) -> String {
    format!(
        ":dep cutpoint = {{ path = {:?} }}\nuse cutpoint::prelude::*;\nuse cutpoint::notebook::{{dbg, print}};\n",
        settings.source
    )
}

/// What rust-analyzer is asked before the first question.
const WARM_UP: &str =
    "let numbers = vec![Params::default().depth]; let sum: usize = numbers.iter().map(|n| n + 1).sum(); su";

/// The variables that [`set_environment`] changes and cells do not see, as they were before.
static BEFORE: OnceLock<Vec<(&str, Option<OsString>)>> = OnceLock::new();
const CHANGED: [&str; 14] = [
    "PATH",
    "EVCXR_TMPDIR",
    "CARGO",
    "CARGO_HOME",
    "RUSTC",
    "RUST_SRC_PATH",
    REAL_CARGO,
    REAL_RUSTC,
    REAL_CARGO_HOME,
    RUSTC_VERSION,
    answers::ROOT,
    answers::FOLDER,
    answers::KEEPS,
    answers::LOG,
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
    std::env::set_var(RUSTC_VERSION, settings.rustc_version.lines().next().unwrap_or_default());
    std::env::set_var(REAL_CARGO_HOME, std::env::var_os("CARGO_HOME").unwrap_or_default());
    std::env::set_var("CARGO_HOME", work.root());
    std::env::set_var("CARGO", work.bin().join("cargo"));
    std::env::set_var("RUSTC", &settings.rustc);
    std::env::set_var("RUST_SRC_PATH", work.std_link());
    std::env::set_var(answers::ROOT, work.root());
    std::env::set_var(answers::FOLDER, work.answers());
    std::env::set_var(answers::LOG, work.build_log());
    // What a program around this one set for itself must not change what is built.
    for name in ["CARGO_TARGET_DIR", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "EVCXR_CONFIG_DIR"] {
        std::env::remove_var(name);
    }
}

/// Gives a command the variables as they were before [`set_environment`].
pub fn restore_environment(command: &mut Command) {
    for (name, value) in BEFORE.get().into_iter().flatten() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
}

/// The libraries that cells are linked with, for the loader.
pub fn library_path(settings: &Settings, bundles: &[PathBuf]) -> Result<OsString> {
    let before = std::env::var_os("LD_LIBRARY_PATH");
    let before = before.iter().flat_map(std::env::split_paths).collect::<Vec<PathBuf>>();
    let own = [settings.libtorch.join("lib"), settings.std_lib.clone()];
    let libraries = bundles.iter().cloned().chain(own).chain(before);
    Ok(std::env::join_paths(libraries)?)
}

/// Starts evcxr in a folder.
pub fn open(work: &Work) -> Result<(CommandContext, EvalContextOutputs)> {
    let here = std::env::current_dir().context("the working directory")?;
    let mut command = Command::new(std::env::current_exe()?);
    command.current_dir(&here).env("CUTPOINT_PARENT", std::process::id().to_string());
    // evcxr prefers a configuration file in the working directory to everything else.
    std::env::set_current_dir(work.config())?;
    let opened = EvalContext::with_subprocess_command(command);
    std::env::set_current_dir(&here)?;
    work.show_std()?;
    let (context, outputs) = opened.map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok((CommandContext::with_eval_context(context), outputs))
}

enum Opened {
    NotYet,
    Open(Box<CommandContext>, EvalContextOutputs),
    Broken(String),
}

/// evcxr, when it is there, and what is known without it.
pub struct Insight {
    context: Mutex<Opened>,
    came: Condvar,
    session: Arc<Mutex<State>>,
    private: OnceLock<Private>,
}

const KEYWORDS: [&str; 36] = [
    "as", "async", "await", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern", "false", "fn",
    "for", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref", "return", "self", "static",
    "struct", "super", "trait", "true", "type", "use", "where", "while",
];

impl Insight {
    /// Insight into a session; [`Insight::get_ready`] opens evcxr.
    pub fn new(session: Arc<Mutex<State>>) -> Insight {
        Insight { context: Mutex::new(Opened::NotYet), came: Condvar::new(), session, private: OnceLock::new() }
    }

    /// Opens evcxr, and lets rust-analyzer read the crate. Cells do not wait for this.
    pub fn get_ready(&self, work: &Work, settings: &Settings) {
        // SAFETY: changes this thread's own priority: cells are compiled meanwhile.
        unsafe { libc::setpriority(libc::PRIO_PROCESS, libc::gettid().unsigned_abs(), 10) };
        // Before anything is offered.
        let mut private = Private::default();
        private.learn(&settings.source.join("src"));
        crates_seen(work).iter().for_each(|folder| private.learn(folder));
        let _ = self.private.set(private);
        let opened = std::panic::catch_unwind(|| -> Result<_> {
            let (mut context, outputs) = open(work)?;
            context.execute(&prelude(settings)).map_err(|error| anyhow::anyhow!("{error}"))?;
            Ok((context, outputs))
        });
        let opened = match opened {
            Ok(Ok((context, outputs))) => Opened::Open(Box::new(context), outputs),
            Ok(Err(error)) => Opened::Broken(format!("{error:#}")),
            Err(_) => Opened::Broken("evcxr panicked; see the kernel's log".to_owned()),
        };
        if let Opened::Broken(why) = &opened {
            eprintln!("evcxr: {why}");
        }
        *self.lock() = opened;
        self.came.notify_all();
        self.with(|context| context.completions(WARM_UP, WARM_UP.len()).ok());
    }

    /// Says why there is no evcxr.
    pub fn fail(&self, why: &str) {
        eprintln!("evcxr: {why}");
        *self.lock() = Opened::Broken(why.to_owned());
        self.came.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Opened> {
        self.context.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn session(&self) -> MutexGuard<'_, State> {
        self.session.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Gives evcxr a command, such as `:dep`, when it is there.
    ///
    /// # Errors
    /// What evcxr says; why it is not there.
    pub fn command(&self, command: &str, is_stopped: &dyn Fn() -> bool) -> Result<EvalOutputs> {
        let mut opened = self.lock();
        loop {
            match &mut *opened {
                Opened::Open(context, outputs) => {
                    let run = std::panic::AssertUnwindSafe(|| context.execute(command));
                    let done = std::panic::catch_unwind(run);
                    outputs.stdout.try_iter().chain(outputs.stderr.try_iter()).for_each(drop);
                    let done = done.map_err(|_| anyhow::anyhow!("evcxr panicked; see the kernel's log"))?;
                    return done.map_err(|error| anyhow::anyhow!("{}", super::diagnostics::strip(&error.to_string())));
                }
                Opened::Broken(why) => anyhow::bail!("evcxr could not be started: {why}"),
                Opened::NotYet => {}
            }
            anyhow::ensure!(!is_stopped(), "stopped while evcxr was starting");
            let waited = self.came.wait_timeout(opened, Duration::from_millis(50));
            opened = waited.map_or_else(|poisoned| poisoned.into_inner().0, |(opened, _)| opened);
        }
    }

    /// Waits until evcxr is there, or is known not to come.
    ///
    /// # Errors
    /// When the cell that waits was stopped.
    pub fn wait(&self, is_stopped: &dyn Fn() -> bool) -> Result<()> {
        let mut opened = self.lock();
        while matches!(*opened, Opened::NotYet) {
            anyhow::ensure!(!is_stopped(), "stopped while evcxr was starting");
            let waited = self.came.wait_timeout(opened, Duration::from_millis(50));
            opened = waited.map_or_else(|poisoned| poisoned.into_inner().0, |(opened, _)| opened);
        }
        Ok(())
    }

    /// Uses evcxr, unless it is at work or not there.
    fn with<T>(&self, ask: impl FnOnce(&mut CommandContext) -> Option<T>) -> Option<T> {
        let mut opened = match self.context.try_lock() {
            Ok(opened) => opened,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        if matches!(*opened, Opened::NotYet) {
            let not_yet = |opened: &mut Opened| matches!(opened, Opened::NotYet);
            let waited = self.came.wait_timeout_while(opened, PATIENCE, not_yet);
            opened = waited.map_or_else(|poisoned| poisoned.into_inner().0, |(opened, _)| opened);
        }
        let Opened::Open(context, _) = &mut *opened else { return None };
        // rust-analyzer can stumble over code that is half written; that must not end the kernel.
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ask(context))).ok().flatten()
    }

    /// What stands before a cell when rust-analyzer is asked about it.
    fn before(&self) -> String {
        let session = self.session();
        let mut text = session.definitions_text();
        for (name, variable) in &session.variables {
            let mutable = if variable.mutable { "mut " } else { "" };
            text.push_str(&format!("let {mutable}{name}: {} = loop {{}};\n", variable.kind));
        }
        text
    }

    /// Answers a `complete_request`. `cursor` counts characters.
    pub fn complete(&self, code: &str, cursor: usize) -> CompleteReply {
        let at = to_byte(code, cursor);
        let (code_only, _) = super::parse::without_commands(code);
        let is_command = code.lines().next().is_some_and(super::syntax::is_command) && !code[..at].contains('\n');
        let before = if is_command { String::new() } else { self.before() };
        let asked = if is_command { code.to_owned() } else { format!("{before}{code_only}") };
        let found = self.with(|context| context.completions(&asked, before.len() + at).ok());
        let found = found.filter(|found| found.start_offset >= before.len());
        let (start, end, matches, kinds) = match found {
            Some(found) if !found.completions.is_empty() => {
                let (start, end) = (found.start_offset - before.len(), found.end_offset - before.len());
                let written = code.get(start..at).unwrap_or_default().to_lowercase();
                let mut fitting: Vec<_> =
                    found.completions.iter().map(|c| (plain(&c.code), c.kind.to_owned())).collect();
                fitting.retain(|(name, _)| !name.starts_with("__cutpoint") && !name.starts_with("evcxr_"));
                // Fields have the same kind as variables.
                let after_dot = code.get(..start).unwrap_or_default().trim_end().ends_with('.');
                let is_field = |kind: &str| ["field", "property", "instance"].contains(&kind) && after_dot;
                let is_member = |kind: &str| ["method", "function"].contains(&kind) || is_field(kind);
                let of = self.type_before(code.get(..start).unwrap_or_default());
                let is_hidden = |name: &str, kind: &str| {
                    self.private.get().is_some_and(|private| private.hides(name, is_field(kind), of.as_deref()))
                };
                let own = self.session().definitions_text();
                fitting
                    .retain(|(name, kind)| !(is_member(kind) && is_hidden(name, kind)) || count_word(&own, name) > 0);
                let starts = |name: &str| name.to_lowercase().starts_with(&written);
                if fitting.iter().any(|(name, _)| starts(name)) {
                    fitting.retain(|(name, _)| starts(name));
                }
                // What can be called comes before fields.
                fitting.sort_by_key(|(_, kind)| is_field(kind));
                let (matches, kinds) = fitting.into_iter().unzip();
                (start, end, matches, kinds)
            }
            _ => {
                let start = code[..at]
                    .rfind(|c| !is_word(c))
                    .map_or(0, |before| before + code[before..].chars().next().map_or(1, char::len_utf8));
                let matches = self.starting_with(&code[start..at], code);
                let kinds = vec!["name".to_owned(); matches.len()];
                (start, at, matches, kinds)
            }
        };
        let (start, end) = (to_character(code, start), to_character(code, end));
        let typed: Vec<_> = (matches.iter().zip(&kinds))
            .map(|(text, kind)| json!({"start": start, "end": end, "text": text, "type": kind}))
            .collect();
        let mut metadata = Map::new();
        metadata.insert("_jupyter_types_experimental".to_owned(), typed.into());
        CompleteReply { matches, cursor_start: start, cursor_end: end, metadata, status: ReplyStatus::Ok, error: None }
    }

    /// The type of the variable whose member is being written at the end of a text.
    fn type_before(&self, text: &str) -> Option<String> {
        let owner = text.trim_end().strip_suffix('.')?.trim_end();
        let start =
            owner.rfind(|c| !is_word(c)).map_or(0, |at| at + owner[at..].chars().next().map_or(1, char::len_utf8));
        // What is itself a member of something is of another type.
        let is_member = owner[..start].trim_end().ends_with('.');
        let variable = self.session().variables.get(&owner[start..]).cloned();
        variable.filter(|_| !is_member).map(|variable| variable.kind)
    }

    /// The names of the session, and the words of a cell, that start so.
    fn starting_with(&self, start: &str, code: &str) -> Vec<String> {
        let session = self.session();
        let names = session.variables.keys().map(String::as_str).chain(session.defined());
        let mut found: BTreeSet<&str> = names.chain(KEYWORDS).collect();
        found.extend(code.split(|c| !is_word(c)).filter(|word| !word.starts_with(|c: char| c.is_ascii_digit())));
        found.retain(|name| name.starts_with(start) && *name != start);
        found.into_iter().map(str::to_owned).collect()
    }

    /// Answers an `inspect_request`: the documentation of the name at the cursor, which counts characters.
    pub fn inspect(&self, code: &str, cursor: usize) -> InspectReply {
        let mut at = to_byte(code, cursor);
        // From inside a name, or just behind its bracket, to its end.
        at += code[at..].find(|c| !is_word(c)).unwrap_or(code.len() - at);
        if !code[..at].ends_with(is_word) {
            let last = code[..at].rfind(is_word);
            at = last.map_or(at, |last| last + code[last..].chars().next().map_or(1, char::len_utf8));
        }
        // The path or the chain of fields and methods that ends there.
        let start = code[..at].rfind(|c| !is_word(c) && c != ':' && c != '.');
        let start = start.map_or(0, |before| before + code[before..].chars().next().map_or(1, char::len_utf8));
        let mut reply = InspectReply::default();
        if let Some((text, html)) = self.documentation(code[start..at].trim_start_matches([':', '.'])) {
            let mut data = cutpoint_wire::Bundle::new();
            data.insert("text/plain".to_owned(), text.into());
            data.insert("text/html".to_owned(), html.into());
            (reply.found, reply.data) = (true, media(&data));
        }
        reply
    }

    /// The documentation of a name, a path, or `value.method`: as text and as Markdown.
    fn documentation(&self, name: &str) -> Option<(String, String)> {
        if name.is_empty() {
            return None;
        }
        let before = self.before();
        // A method of a type is asked for by a value of it.
        let (before, name) = match name.split_once('.') {
            Some((owner, rest)) if owner.starts_with(char::is_uppercase) => {
                (format!("{before}let __cutpoint: {owner} = loop {{}};\n"), format!("__cutpoint.{rest}"))
            }
            _ => (before, name.to_owned()),
        };
        let is_found = |(text, _): &(String, String)| text != "No documentation found";
        let ask = |code: String| self.with(|context| context.hover_at(&code, code.len()).ok()).filter(is_found);
        ask(format!("{before}{name}")).or_else(|| ask(format!("{before}{name}(")))
    }
}

/// Where the source of the crates lies whose types the crate's own items show.
fn crates_seen(work: &Work) -> Vec<PathBuf> {
    let lock = std::fs::read_to_string(work.evcxr().join("Cargo.lock")).unwrap_or_default();
    let lines: Vec<&str> = lock.lines().collect();
    let version = |name: &str| {
        let at = lines.iter().position(|line| *line == format!("name = \"{name}\""))?;
        Some(format!("{name}-{}", lines.get(at + 1)?.strip_prefix("version = ")?.trim_matches('"')))
    };
    let wanted: Vec<String> = ["tch", "ndarray"].into_iter().filter_map(version).collect();
    let home = std::env::var_os(REAL_CARGO_HOME).filter(|home| !home.is_empty()).map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let registries = home.map(|home| home.join("registry/src")).and_then(|folder| std::fs::read_dir(folder).ok());
    let folders = registries.into_iter().flatten().flatten().map(|entry| entry.path());
    folders.flat_map(|folder| wanted.iter().map(move |name| folder.join(name).join("src"))).collect()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The byte at which a character stands.
fn to_byte(code: &str, character: usize) -> usize {
    code.char_indices().nth(character).map_or(code.len(), |(at, _)| at)
}

fn to_character(code: &str, byte: usize) -> usize {
    code.char_indices().take_while(|(at, _)| *at < byte).count()
}

/// A completion without the places that an editor would let one fill in.
fn plain(code: &str) -> String {
    let mut out = String::new();
    let mut rest = code;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some((inner, after)) = rest.strip_prefix('{').and_then(|r| r.split_once('}')) {
            out.push_str(inner.split_once(':').map_or("", |(_, text)| text));
            rest = after;
        } else {
            rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_evcxr_known_names_are_completed() {
        let insight = Insight::new(Arc::default());
        *insight.lock() = Opened::Broken("a test".to_owned());
        let reply = insight.complete("let würfel = 1; wür", 19);
        assert_eq!((reply.matches, reply.cursor_start, reply.cursor_end), (vec!["würfel".to_owned()], 16, 19));
        assert!(!insight.inspect("würfel", 2).found);
    }

    #[test]
    fn places_to_fill_in_are_left_out() {
        assert_eq!(plain("push(${1:value})$0"), "push(value)");
        assert_eq!(plain("len()$0"), "len()");
    }
}
