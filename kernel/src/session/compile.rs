//! From a cell to a library that can be loaded: writing its program, calling the compiler, and trying again with what
//! the compiler's errors teach.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::diagnostics::{self, Failure};
use super::parse::{Parsed, StatementKind};
use super::program::{
    declared_at, given_anew, has_statement_shape, write, Out, Program, Shape, State, Text, Variable, Visible, Why,
    Without, ROOT,
};
use super::source::{Origin, Source};
use super::syntax::assigns;
use crate::process::frames::LIBRARY;
use crate::toolchain::bundle::{self, Bundle};
use crate::toolchain::recipe::Recipe;
use crate::toolchain::side::Built;

/// A variable that lets the kernel's log say what a cell's tries taught.
const TRACE: &str = "CUTPOINT_KERNEL_TRACE";
/// How often a cell is compiled with something left out before its errors are shown as they are.
const TRIES: usize = 12;

/// A message of the compiler, as its JSON has it.
#[derive(Deserialize, Clone, Debug)]
pub struct Message {
    pub message: String,
    pub code: Option<Code>,
    pub level: String,
    pub spans: Vec<Span>,
    #[serde(default)]
    pub children: Vec<Message>,
}

#[derive(Deserialize, Clone, Debug)]
pub struct Code {
    pub code: String,
}

#[derive(Deserialize, Clone, Debug)]
pub struct Span {
    pub file_name: String,
    pub byte_start: usize,
    pub byte_end: usize,
    pub is_primary: bool,
    pub label: Option<String>,
    pub suggested_replacement: Option<String>,
    pub expansion: Option<Box<Expansion>>,
}

#[derive(Deserialize, Clone, Debug)]
pub struct Expansion {
    pub span: Span,
}

impl Message {
    pub fn code(&self) -> &str {
        self.code.as_ref().map_or("", |code| code.code.as_str())
    }

    fn is_error(&self) -> bool {
        self.level.starts_with("error") && !self.message.starts_with("aborting due to")
    }
}

/// The files of a program as the compiler names them.
pub struct Files<'a> {
    pub sources: &'a BTreeMap<String, Source>,
    /// The folder that they are in.
    pub folder: &'a Path,
}

impl Files<'_> {
    /// The file of ours that a span lies in, and its bytes there; through macros to where they are called.
    pub fn find(&self, span: &Span) -> Option<(&Source, Range<usize>)> {
        let name = span.file_name.as_str();
        let below = Path::new(name).strip_prefix(self.folder).ok().and_then(Path::to_str).unwrap_or(name);
        match self.sources.get(below) {
            Some(source) => Some((source, span.byte_start..span.byte_end)),
            None => self.find(&span.expansion.as_ref()?.span),
        }
    }
}

/// A cell that can be run.
pub struct Compiled {
    pub library: PathBuf,
    pub program: Program,
    pub without: Without,
    /// The type of what is declared, by name and statement.
    pub kinds: BTreeMap<(String, usize), String>,
    /// Variables whose type a definition has changed, and the type.
    pub redefined: Vec<(String, String)>,
    /// Definitions that do not fit any more, each with the message that says why.
    pub dropped: Vec<(String, usize, Range<usize>, String)>,
    /// The state with the cell's definitions.
    pub state: State,
}

/// Compiles cells.
pub struct Compiler {
    /// Where programs and libraries are written.
    folder: PathBuf,
    /// Where the preparation has left what every kernel needs.
    prepared: PathBuf,
    pub recipe: Recipe,
    /// The expression that makes the runtime of asynchronous calls, if a crate for it is there. Each set of crates has
    /// a runtime of its own.
    asynchronous: Option<String>,
    /// Counts sets of crates.
    generation: usize,
}

impl Compiler {
    /// A compiler that works in a folder, with what is `prepared` in another one.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new(folder: &Path, prepared: &Path, recipe: Recipe) -> Result<Compiler> {
        for part in ["src", "out"] {
            let part = folder.join(part);
            std::fs::create_dir_all(&part).with_context(|| format!("{}", part.display()))?;
        }
        let mut recipe = recipe;
        recipe.bundle = Bundle::find(&prepared.join(bundle::FOLDER), 0);
        let (folder, prepared) = (folder.to_owned(), prepared.to_owned());
        Ok(Compiler { folder, prepared, recipe, asynchronous: None, generation: 0 })
    }

    /// Where the libraries of crates are that this compiler makes.
    pub fn bundles(&self) -> PathBuf {
        self.folder.join(bundle::FOLDER)
    }

    /// Compiles with the same crates in another place.
    pub fn move_to(&mut self, recipe: Recipe, prepared: &Path) {
        let bundle = Bundle::find(&prepared.join(bundle::FOLDER), 0).or_else(|| self.recipe.bundle.clone());
        self.recipe = recipe;
        self.recipe.bundle = bundle;
    }

    /// Puts the crates of the first recipe into one library.
    ///
    /// # Errors
    /// When that cannot be compiled.
    pub fn bundle(&mut self) -> Result<()> {
        let made = Bundle::make(&self.recipe, &self.folder.join(bundle::FOLDER), self.generation)?;
        self.recipe.bundle = Some(made);
        Ok(())
    }

    /// Compiles by another recipe from now on, if it is another one.
    ///
    /// # Errors
    /// When its crates do not go into one library.
    pub fn change(&mut self, recipe: Recipe, asynchronous: Option<&str>) -> Result<()> {
        if recipe.arguments() == self.recipe.arguments() {
            return Ok(());
        }
        self.generation += 1;
        self.recipe = recipe;
        if let Some(make) = asynchronous {
            self.asynchronous = Some(make.to_owned());
        }
        self.bundle()
    }

    /// Compiles with crates that were built beside the others.
    ///
    /// # Errors
    /// When the crates do not go into one library.
    pub fn add(&mut self, side: Built, asynchronous: Option<&str>) -> Result<()> {
        self.generation += 1;
        self.recipe.side = side;
        if let Some(make) = asynchronous {
            self.asynchronous = Some(make.to_owned());
        }
        self.bundle()
    }

    fn sources(&self) -> PathBuf {
        self.folder.join("src")
    }

    /// Compiles cell `cell`, whose text `state` knows and whose definitions it does not know yet.
    ///
    /// # Errors
    /// The cell's own errors, as they are shown; an interrupt.
    pub fn compile(
        &self,
        before: &State,
        cell: usize,
        parsed: &Parsed,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<Compiled, Failure> {
        let mut state = before.clone();
        let redefined = state.define(cell, &parsed.items);
        let mut shape = if has_statement_shape(parsed) { Shape::Statements } else { Shape::Whole };
        let mut without = Without::default();
        let mut dropped = vec![];
        let mut first_errors: Option<Failure> = None;
        for _ in 0..TRIES {
            let asynchronous = self.asynchronous.as_deref().map(|make| (self.generation, make));
            let program = write(&state, cell, parsed, shape, &without, asynchronous);
            let library = self.folder.join("out").join(format!("{LIBRARY}{cell}.so"));
            let messages = self.run(&program, &library, is_stopped)?;
            let files = Files { sources: &program.files, folder: &self.sources() };
            let errors: Vec<&Message> = messages.iter().filter(|message| message.is_error()).collect();
            if std::env::var_os(TRACE).is_some() {
                errors.iter().for_each(|error| eprintln!("{shape:?}: {} {:?}", error.message, error.spans));
            }
            if errors.is_empty() {
                let kinds = kinds(&messages, &files);
                return Ok(Compiled { library, program, without, kinds, redefined, dropped, state });
            }
            let Some(text) = state.texts.get(&cell).cloned() else { break };
            let learned = learn(&errors, &files, &program, cell, (parsed, &text), shape);
            let mut is_new = false;
            for fact in &learned.facts {
                is_new |= fact.apply(&mut without);
            }
            if learned.wants_whole && shape == Shape::Statements {
                (shape, without) = (Shape::Whole, Without::default());
                continue;
            }
            if is_new && learned.own_errors == 0 {
                continue;
            }
            let mut dropped_now = false;
            for (of, span, why) in learned.of_others {
                if let Some((name, cell, range)) = state.drop_definition(of, &span) {
                    dropped.push((name, cell, range, why));
                    dropped_now = true;
                }
            }
            if dropped_now {
                continue;
            }
            if shape == Shape::Statements && (learned.own_errors > 0 || first_errors.is_none()) {
                first_errors = Some(diagnostics::of_compiler(&of_reader(&errors, &files), &files, &state));
                (shape, without) = (Shape::Whole, Without::default());
                continue;
            }
            if is_new {
                continue;
            }
            let whole = diagnostics::of_compiler(&of_reader(&errors, &files), &files, &state);
            return Err(match first_errors {
                // What only one of the shapes says comes from the shape.
                Some(statements) if statements.shown < whole.shown => statements,
                _ => whole,
            });
        }
        Err(first_errors.unwrap_or_else(|| Failure::new("CompileError", "the cell does not compile")))
    }

    /// The library that makes a new runtime ready, compiled once.
    ///
    /// # Errors
    /// When it does not compile.
    pub fn ready(&self, state: &State) -> Result<PathBuf> {
        let (cell, code) = super::evaluator::READY;
        let name = format!("{LIBRARY}{cell}.so");
        let known = [&self.folder, &self.prepared].map(|folder| folder.join("out").join(&name));
        if let Some(library) = known.into_iter().find(|library| library.exists()) {
            return Ok(library);
        }
        let mut state = state.clone();
        let text = Text { name: "the kernel's own".to_owned(), code: code.to_owned() };
        state.texts.insert(cell, std::sync::Arc::new(text));
        let parsed = super::parse::parse(code).context("the kernel's own cell")?;
        let compiled = self.compile(&state, cell, &parsed, &|| false);
        let compiled = compiled.map_err(|failure| anyhow::anyhow!("{}", failure.traceback.join("\n")))?;
        Ok(compiled.library)
    }

    /// The compiler's word on a cell that does not parse.
    pub fn complain(&self, state: &State, cell: usize, is_stopped: &dyn Fn() -> bool) -> Failure {
        let unclear = || Failure::new("CompileError", "the kernel cannot make sense of this cell");
        let Some(text) = state.texts.get(&cell) else { return unclear() };
        if let Some(failure) = diagnostics::of_brackets(text) {
            return failure;
        }
        let path = format!("run/{}", text.name);
        let mut source = Source::default();
        source.add("fn cutpoint_cell() {");
        source.push(&text.code, Origin::Cell { cell, start: 0 });
        source.add("\n}");
        let mut root = Source::default();
        root.add(&format!("include!({path:?});\n"));
        let files = BTreeMap::from([(ROOT.to_owned(), root), (path, source)]);
        let program = Program { files, ..Program::default() };
        let library = self.folder.join("out").join("none.so");
        match self.run(&program, &library, is_stopped) {
            Err(failure) => failure,
            Ok(messages) => {
                let files = Files { sources: &program.files, folder: &self.sources() };
                let errors: Vec<&Message> = messages.iter().filter(|message| message.is_error()).take(1).collect();
                if errors.is_empty() {
                    return unclear();
                }
                diagnostics::of_compiler(&errors, &files, state)
            }
        }
    }

    fn run(&self, program: &Program, library: &Path, is_stopped: &dyn Fn() -> bool) -> Result<Vec<Message>, Failure> {
        let broken = |error: &dyn std::fmt::Display| Failure::new("KernelError", format!("compiling: {error}"));
        let folder = self.sources();
        for (path, source) in &program.files {
            let path = folder.join(path);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(|error| broken(&error))?;
            }
            // Old cells' files are mostly as they were.
            if std::fs::read(&path).is_ok_and(|old| old == source.text.as_bytes()) {
                continue;
            }
            std::fs::write(&path, &source.text).map_err(|error| broken(&error))?;
        }
        if let (Some(bundle), Some(root)) = (&self.recipe.bundle, program.files.get(ROOT)) {
            let path = folder.join(ROOT);
            // At the end: the places of everything else stay.
            let text = format!("{}extern crate {};\n", root.text, bundle.name);
            std::fs::write(&path, text).map_err(|error| broken(&error))?;
        }
        let output = self.recipe.compile(&folder, ROOT, library, is_stopped).map_err(|error| broken(&error))?;
        if is_stopped() {
            return Err(Failure::new("Interrupted", "the cell was stopped before it ran"));
        }
        let mut messages = vec![];
        let mut other = String::new();
        for line in output.text.lines() {
            match serde_json::from_str::<Message>(line) {
                Ok(message) => messages.push(message),
                Err(_) if line.starts_with('{') => {}
                Err(_) => other.push_str(&format!("{line}\n")),
            }
        }
        if !output.success && !messages.iter().any(Message::is_error) {
            return Err(Failure::new("CompileError", format!("the compiler failed:\n{}", other.trim())));
        }
        Ok(messages)
    }
}

/// The errors that point at what the reader has written, if there are any.
fn of_reader<'a>(errors: &[&'a Message], files: &Files<'_>) -> Vec<&'a Message> {
    let is_own = |error: &&&Message| {
        let primary = error.spans.iter().filter(|span| span.is_primary);
        let origins =
            primary.filter_map(|span| files.find(span)).filter_map(|(source, range)| source.origin(range.start));
        !origins.into_iter().any(|(origin, _)| matches!(origin, Origin::Pack(..) | Origin::Probe(..)))
    };
    let own: Vec<&Message> = errors.iter().filter(is_own).copied().collect();
    if own.is_empty() {
        errors.to_vec()
    } else {
        own
    }
}

/// The types that the compiler was asked for.
fn kinds(messages: &[Message], files: &Files<'_>) -> BTreeMap<(String, usize), String> {
    let mut kinds = BTreeMap::new();
    for message in messages.iter().filter(|message| message.code() == "dropping_references") {
        for span in &message.spans {
            let Some(kind) = span.label.as_ref().and_then(|label| label.strip_prefix("argument has type `&")) else {
                continue;
            };
            let Some((source, range)) = files.find(span) else { continue };
            if let Some((Origin::Probe(name, at), _)) = source.origin(range.start) {
                kinds.insert((name.clone(), *at), kind.trim_end_matches('`').to_owned());
            }
        }
    }
    kinds
}

/// A fact that the errors of a try teach.
#[derive(Debug)]
enum Fact {
    NoLoad(String),
    NoPack {
        name: String,
        declared: Option<usize>,
        out: Out,
    },
    /// A variable that is left out would borrow to the end.
    Borrower(String),
    /// It has been moved when a statement fails.
    MovedAt(String, usize),
}

impl Fact {
    /// Takes the fact into account; whether it is new.
    fn apply(&self, without: &mut Without) -> bool {
        match self {
            Fact::NoLoad(name) => without.loads.insert(name.clone()),
            Fact::Borrower(name) => without.borrowers.insert(name.clone()),
            Fact::MovedAt(name, point) => without.moved.insert((name.clone(), *point)),
            Fact::NoPack { name, declared, out } => {
                if without.out(name, *declared, out.from).is_some() {
                    return false;
                }
                without.packs.entry((name.clone(), *declared)).or_default().push(out.clone());
                true
            }
        }
    }
}

/// What a try teaches.
struct Learned {
    facts: Vec<Fact>,
    /// Errors in definitions of other cells: the cell, the bytes, the message.
    of_others: Vec<(usize, Range<usize>, String)>,
    /// How many errors are the cell's own.
    own_errors: usize,
    /// Whether the other shape is worth trying before anything is left out.
    wants_whole: bool,
}

fn learn(
    errors: &[&Message],
    files: &Files<'_>,
    program: &Program,
    cell: usize,
    (parsed, text): (&Parsed, &Text),
    shape: Shape,
) -> Learned {
    let mut learned = Learned { facts: vec![], of_others: vec![], own_errors: 0, wants_whole: false };
    for error in errors {
        let mut found = None;
        let mut packs = vec![];
        // That a value would have to live for ever is said in a label, or in a note of its own.
        let is_forever = |text: Option<&String>| text.is_some_and(|text| text.contains("'static"));
        let own = error.spans.iter().map(|span| (span, is_forever(span.label.as_ref())));
        let mut borrowers = vec![];
        let notes = error.children.iter().flat_map(|note| {
            let spans = note.spans.iter().filter(|span| span.suggested_replacement.is_none());
            spans.map(|span| (span, is_forever(Some(&note.message))))
        });
        for (span, is_forever) in own.chain(notes) {
            let Some((source, range)) = files.find(span) else { continue };
            for origin in source.origins(&range) {
                match origin {
                    Origin::Pack(name, point) => packs.push((span, is_forever, name.clone(), *point)),
                    Origin::Load(name) if span.is_primary => found = Some(Fact::NoLoad(name.clone())),
                    _ => {}
                }
            }
            // A value that borrows may be found out where it is made, before it is put anywhere.
            if is_forever {
                let place = source.in_cell(&range).filter(|(of, _)| *of == cell);
                let made = place.and_then(|(_, range)| declared_at(&parsed.statements, shape, range.start));
                borrowers.extend(made.into_iter().flat_map(|(at, names)| names.iter().map(move |n| (at, n.clone()))));
            }
        }
        if let Some(fact) = of_borrower(error, files, program) {
            learned.facts.push(fact);
            continue;
        }
        let is_told = packs.iter().any(|(_, is_forever, ..)| *is_forever);
        if found.is_none() && !is_told && !borrowers.is_empty() {
            learned.facts.extend(borrowers.into_iter().map(|(at, binding)| {
                let out = Out { from: 0, until: usize::MAX, why: Why::Borrows, place: Some(binding.range) };
                Fact::NoPack { name: binding.name, declared: Some(at), out }
            }));
            continue;
        }
        // One that is out already may be all that is wrong.
        let is_out = |name: &String| {
            learned.facts.iter().any(|fact| matches!(fact, Fact::NoPack { name: out, .. } if out == name))
        };
        if packs.iter().any(|(.., name, _)| is_out(name)) && packs.iter().any(|(.., name, _)| !is_out(name)) {
            continue;
        }
        if let Some((name, point)) = choose(&packs) {
            let declared = program.visible.get(point).and_then(|visible| visible.get(&name)).copied().flatten();
            let moved = error.code() == "E0382" || error.code() == "E0381";
            // A closure that takes a variable hides that it gives it a new value as well.
            learned.wants_whole |= moved
                && shape == Shape::Statements
                && parsed.statements.iter().any(|statement| {
                    !matches!(statement.kind, StatementKind::Assign { .. })
                        && text.code.get(statement.range.clone()).is_some_and(|text| assigns(text, &name))
                });
            let place = error.spans.iter().filter(|span| !span.is_primary).find_map(|span| {
                let (source, range) = files.find(span)?;
                let moved_here =
                    span.label.as_ref().is_some_and(|label| label.contains("moved") || label.contains("use in"));
                source.in_cell(&range).filter(|(of, _)| *of == cell && moved_here).map(|(_, range)| range)
            });
            let why = if moved { Why::Moved } else { Why::Borrows };
            let (from, until) = match (moved, shape) {
                (true, Shape::Statements) => (point, given_anew(&parsed.statements, &name, point)),
                _ => (0, usize::MAX),
            };
            found = Some(Fact::NoPack { name, declared, out: Out { from, until, why, place } });
        }
        if let Some(fact) = found {
            learned.facts.push(fact);
            continue;
        }
        // Of two definitions that exclude each other the older goes, whichever the compiler points at first.
        if ["E0119", "E0592", "E0428", "E0255", "E0252", "E0254"].contains(&error.code()) {
            let places =
                error.spans.iter().filter_map(|span| files.find(span).and_then(|(s, range)| s.in_cell(&range)));
            let others: Vec<(usize, Range<usize>)> = places.filter(|(of, _)| *of != cell && *of != 0).collect();
            if !others.is_empty() {
                let told = others.into_iter().map(|(of, range)| (of, range, error.message.clone()));
                learned.of_others.extend(told);
                continue;
            }
        }
        // What a macro of another cell makes belongs to the cell that calls it.
        let calls_here = |span: &Span| {
            let mut call = span.expansion.as_ref();
            while let Some(expansion) = call {
                let place = files.find(&expansion.span).and_then(|(source, range)| source.in_cell(&range));
                if place.is_some_and(|(of, _)| of == cell) {
                    return true;
                }
                call = expansion.span.expansion.as_ref();
            }
            false
        };
        if error.spans.iter().any(|span| span.is_primary && calls_here(span)) {
            learned.own_errors += 1;
            continue;
        }
        // An error belongs to a definition of another cell when the compiler points there first.
        let primary = error.spans.iter().filter(|span| span.is_primary);
        let places: Vec<(usize, Range<usize>)> =
            primary.filter_map(|span| files.find(span).and_then(|(source, range)| source.in_cell(&range))).collect();
        match places.iter().find(|(of, _)| *of != cell) {
            Some((of, range)) if *of != 0 && places.iter().all(|(of, _)| *of != cell) => {
                learned.of_others.push((*of, range.clone(), error.message.clone()));
            }
            _ => learned.own_errors += 1,
        }
    }
    learned
}

/// What an error says of a variable that borrows until it is dropped, and is not put into the store itself.
fn of_borrower(error: &Message, files: &Files<'_>, program: &Program) -> Option<Fact> {
    if ["E0381", "E0382"].contains(&error.code()) {
        let primary = error.spans.iter().find(|span| span.is_primary)?;
        let (source, range) = files.find(primary)?;
        let mut released = source.origins(&range).into_iter().filter_map(|origin| match origin {
            Origin::Release(name, point) => Some(Fact::MovedAt(name.clone(), *point)),
            _ => None,
        });
        return released.next();
    }
    let labels = error.spans.iter().filter_map(|span| span.label.as_deref());
    let name = labels
        .filter_map(|label| label.split_once("might be used here, when `")?.1.split_once("` is dropped"))
        .next()?
        .0;
    let is_out = |(visible, packed): (&Visible, &Visible)| {
        visible.get(name).is_some_and(Option::is_some) && !packed.contains_key(name)
    };
    program.visible.iter().zip(&program.packed).any(is_out).then(|| Fact::Borrower(name.to_owned()))
}

/// The variable that must stay out of the store: the one of which the compiler says that it would have to live for ever,
/// or else the one that the error points at.
fn choose(packs: &[(&Span, bool, String, usize)]) -> Option<(String, usize)> {
    // What borrows stays out, and not what it borrows from.
    let is_later = |span: &Span| span.label.as_ref().is_some_and(|label| label.contains("later used"));
    let chosen = (packs.iter().find(|(_, is_forever, ..)| *is_forever))
        .or_else(|| packs.iter().find(|(span, ..)| is_later(span)))
        .or_else(|| packs.iter().find(|(span, ..)| span.is_primary))
        .or(packs.first())?;
    Some((chosen.2.clone(), chosen.3))
}

/// Why a value of a type cannot be named in another cell, in words; none when it can.
fn nameless(kind: &str) -> Option<String> {
    if kind.contains("{closure@") || kind.contains("{async closure") {
        Some("a closure".to_owned())
    } else if kind.contains("{async ") || kind.contains("{coroutine") {
        Some("an asynchronous block".to_owned())
    } else if kind.contains('{') {
        Some("a function".to_owned())
    } else if kind.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == "impl") {
        Some(format!("`{kind}`"))
    } else {
        None
    }
}

impl Compiled {
    /// The state after the run: `point` is the statement that failed, or none when the cell came to its end. Returns the
    /// state and the variables that are there no more though they were, or that were made and cannot be kept.
    pub fn after(&self, cell: usize, point: Option<usize>) -> (State, Vec<(String, Why)>) {
        let mut state = self.state.clone();
        state.forgotten.clear();
        let last = self.program.packed.len().saturating_sub(1);
        let point = point.unwrap_or(last).min(last);
        let empty = Visible::new();
        let packed = self.program.packed.get(point).unwrap_or(&empty);
        let visible = self.program.visible.get(point).unwrap_or(&empty);
        let mut gone = vec![];
        for (name, declared) in visible {
            let of_cell = declared.and_then(|at| {
                let binding = self.program.declared.iter().find(|(of, b)| *of == at && b.name == *name)?;
                Some((at, binding.1.clone()))
            });
            let known = self.state.variables.get(name).cloned();
            let variable = match &of_cell {
                Some((at, binding)) => {
                    let kind = self.kinds.get(&(name.clone(), *at)).cloned();
                    kind.map(|kind| Variable { kind, mutable: binding.mutable, cell, range: binding.range.clone() })
                }
                None => known.clone(),
            };
            let why = match (&variable, packed.contains_key(name)) {
                (Some(variable), true) => nameless(&variable.kind).map(Why::Nameless),
                (None, true) => Some(Why::Nameless("a type that the compiler does not say".to_owned())),
                (variable, false) => {
                    let why = self.without.out(name, *declared, point).map_or(Why::NotMade, |out| out.why.clone());
                    match variable.as_ref().and_then(|variable| nameless(&variable.kind)) {
                        Some(kind) if why != Why::Moved => Some(Why::Nameless(kind)),
                        _ => Some(why),
                    }
                }
            };
            match (variable, why) {
                (Some(variable), None) => {
                    state.lost.remove(name);
                    state.forgotten.remove(name);
                    state.variables.insert(name.clone(), variable);
                }
                (variable, Some(why)) => {
                    let place = self.without.out(name, *declared, point).and_then(|out| out.place.clone());
                    let at = variable.map(|variable| (variable.cell, variable.range)).unwrap_or((cell, 0..0));
                    let (of, range) = place.map_or(at, |place| (cell, place));
                    // Loaded and not put back: not in the store. Put though it has no name: there, and of no use.
                    state.variables.remove(name);
                    if packed.contains_key(name) || declared.is_some() {
                        state.forgotten.insert(name.clone());
                    }
                    state.lost.insert(name.clone(), super::program::Lost { why: why.clone(), cell: of, range });
                    gone.push((name.clone(), why));
                }
                (None, None) => {}
            }
        }
        for name in self.without.loads.iter().filter(|name| !visible.contains_key(*name)) {
            state.lose(name, Why::Nameless("a type that cannot be named".to_owned()));
        }
        (state, gone)
    }

    /// The state when the thread that ran a cell is of no use any more: what it had taken from the store is gone, and what
    /// it had made.
    pub fn left_behind(&self, cell: usize) -> (State, Vec<(String, Why)>) {
        let mut state = self.state.clone();
        state.forgotten.clear();
        let mut gone = vec![];
        for name in &self.program.loaded {
            state.lose(name, Why::Process);
            gone.push((name.clone(), Why::Process));
        }
        for (_, binding) in &self.program.declared {
            if !state.variables.contains_key(&binding.name) && !self.program.loaded.contains(&binding.name) {
                let lost = super::program::Lost { why: Why::Process, cell, range: binding.range.clone() };
                state.lost.insert(binding.name.clone(), lost);
            }
        }
        (state, gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_without_a_name_are_told_from_others() {
        for kind in ["{closure@cell 5:4:11: 4:19}", "fn(i32) -> i32 {boom}", "impl std::iter::Iterator<Item = i32>"] {
            assert!(nameless(kind).is_some(), "{kind}");
        }
        for kind in ["std::vec::Vec<i32>", "std::boxed::Box<dyn std::ops::Fn(i32) -> i32>", "implement::A"] {
            assert!(nameless(kind).is_none(), "{kind}");
        }
    }
}
