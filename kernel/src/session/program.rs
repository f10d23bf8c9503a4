//! The program that a cell becomes: all definitions that are in force, and a function with the cell's statements.
//!
//! Each statement runs in a closure behind a guard, and the variables stand outside of the closures. Whatever ends a
//! statement, they can be put into the store. A cell that does not compile in this shape, because it borrows or moves
//! across statements in a way that closures do not allow, is compiled in one closure ([`Shape::Whole`]).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use super::parse::{count_word, Binding, Item, ItemKind, Parsed, Statement, StatementKind, POINT};
use super::source::{push_edited, Edit, Origin, Source};

/// What is in force before the first cell.
const PRELUDE: &str = "use cutpoint::prelude::*;\nuse cutpoint::notebook::{dbg, print};\n";
/// The number of the prelude among the cells.
const PRELUDE_CELL: usize = 0;

const CELL: &str = "::cutpoint::notebook::cell";
const RESULT: &str = "::core::result::Result";

/// A cell's text.
#[derive(Clone, Debug)]
pub struct Text {
    /// As it is called in messages and in the program: `cell 4`.
    pub name: String,
    pub code: String,
}

impl Text {
    /// The line, counted from 1, and the column, counted in characters from 1, of a byte.
    pub fn place(&self, at: usize) -> (usize, usize) {
        let before = &self.code[..at.min(self.code.len())];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
    }
}

/// A definition in force.
#[derive(Clone, Debug)]
struct Entry {
    cell: usize,
    item: Item,
    /// Parts of it that were defined anew.
    gone: Vec<Range<usize>>,
    /// The imports of it that are left.
    imports: Vec<String>,
}

/// A variable in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    pub kind: String,
    pub mutable: bool,
    /// Where it was declared.
    pub cell: usize,
    pub range: Range<usize>,
}

/// A variable, or a definition, that is there no more: why, and where that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    pub why: Why,
    pub cell: usize,
    pub range: Range<usize>,
}

/// Why something is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It was moved.
    Moved,
    /// It borrows from something.
    Borrows,
    /// Its type has no name: what it is.
    Nameless(String),
    /// Its type was defined anew.
    Redefined(String),
    /// It does not fit what was defined anew.
    DoesNotFit,
    /// The statement that makes it did not come to its end.
    NotMade,
    /// The process ended, or the thread was left behind.
    Process,
}

/// What a session knows: texts, definitions and variables.
#[derive(Clone, Debug)]
pub struct State {
    pub texts: BTreeMap<usize, Arc<Text>>,
    entries: Vec<Entry>,
    pub variables: BTreeMap<String, Variable>,
    pub lost: BTreeMap<String, Lost>,
    /// Names in the store that no cell may see any more.
    pub forgotten: BTreeSet<String>,
    /// How values that end cells are formatted, where `:fmt` has said so.
    pub format: Option<String>,
}

impl Default for State {
    fn default() -> Self {
        let text = Text { name: "prelude".to_owned(), code: PRELUDE.to_owned() };
        let mut state = State {
            texts: BTreeMap::from([(PRELUDE_CELL, Arc::new(text))]),
            entries: vec![],
            variables: BTreeMap::new(),
            lost: BTreeMap::new(),
            forgotten: BTreeSet::new(),
            format: None,
        };
        if let Some(parsed) = super::parse::parse(PRELUDE) {
            state.define(PRELUDE_CELL, &parsed.items);
        }
        state
    }
}

impl State {
    /// Takes in the definitions of a cell, whose text is known already: the newer replaces the older. Returns the
    /// variables that cannot stay, with the name of the type that was defined anew.
    pub fn define(&mut self, cell: usize, items: &[Item]) -> Vec<(String, String)> {
        let mut changed = BTreeSet::new();
        for item in items {
            self.replace(cell, item, &mut changed);
            let imports = match &item.kind {
                ItemKind::Use(imports) => imports.iter().map(|(_, text)| text.clone()).collect(),
                _ => vec![],
            };
            self.entries.push(Entry { cell, item: item.clone(), gone: vec![], imports });
        }
        self.entries.retain(|entry| !entry.is_empty());
        self.without_what_depends(changed)
    }

    fn text_of(&self, entry: &Entry) -> &str {
        self.texts.get(&entry.cell).and_then(|text| text.code.get(entry.item.range.clone())).unwrap_or_default()
    }

    fn replace(&mut self, cell: usize, item: &Item, changed: &mut BTreeSet<String>) {
        let code = self.texts.get(&cell).map(|text| text.code.clone()).unwrap_or_default();
        let new_text = code.get(item.range.clone()).unwrap_or_default().to_owned();
        let texts = self.texts.clone();
        let old_text = |entry: &Entry| {
            texts.get(&entry.cell).and_then(|text| text.code.get(entry.item.range.clone())).unwrap_or_default()
        };
        for entry in self.entries.iter_mut().filter(|entry| entry.cell != cell) {
            let mut whole = false;
            let old_kind = entry.item.kind.clone();
            match (&item.kind, &old_kind) {
                (
                    ItemKind::Named { name, types, values, layout },
                    ItemKind::Named { name: old, types: old_types, values: old_values, layout: old_layout },
                ) if name == old && (*types && *old_types || *values && *old_values) => {
                    whole = true;
                    if (*layout || *old_layout) && old_text(entry) != new_text {
                        changed.insert(name.clone());
                    }
                }
                (ItemKind::Named { name, .. } | ItemKind::Macro(name), ItemKind::Use(_)) => entry.without_import(name),
                (ItemKind::Named { name, .. }, ItemKind::Extern(members)) => entry.gone.extend(ranges(members, name)),
                (ItemKind::Macro(name), ItemKind::Macro(old)) if name == old => {
                    whole = true;
                    if old_text(entry) != new_text {
                        changed.insert(name.clone());
                    }
                }
                (ItemKind::Use(imports), old) => {
                    for (name, text) in imports {
                        match (name, old) {
                            (Some(name), ItemKind::Use(_)) => entry.without_import(name),
                            (Some(name), ItemKind::Named { name: old, .. } | ItemKind::Macro(old)) => {
                                if name == old {
                                    whole = true;
                                    changed.insert(name.clone());
                                }
                            }
                            (None, ItemKind::Use(_)) => entry.imports.retain(|known| known != text),
                            _ => {}
                        }
                    }
                }
                (ItemKind::TraitImpl { head }, ItemKind::TraitImpl { head: old }) => whole = head == old,
                (ItemKind::Impl { head, members }, ItemKind::Impl { head: old, members: old_members })
                    if head == old =>
                {
                    for (name, _) in members {
                        entry.gone.extend(ranges(old_members, name));
                    }
                    whole = members.is_empty() && old_members.is_empty();
                }
                (ItemKind::Extern(members), ItemKind::Extern(old)) => {
                    for (name, _) in members {
                        entry.gone.extend(ranges(old, name));
                    }
                }
                (ItemKind::Extern(members), ItemKind::Named { name, values: true, .. }) => {
                    whole = members.iter().any(|(member, _)| member == name);
                }
                (ItemKind::Attribute, ItemKind::Attribute) => whole = old_text(entry) == new_text,
                (ItemKind::Other(key), ItemKind::Other(old)) => whole = key == old,
                _ => {}
            }
            if whole {
                entry.gone = vec![entry.item.range.clone()];
                entry.imports.clear();
            }
        }
        self.entries.retain(|entry| !entry.is_empty());
    }

    /// Drops the variables whose types depend on something that was defined anew, and names them.
    fn without_what_depends(&mut self, mut changed: BTreeSet<String>) -> Vec<(String, String)> {
        if changed.is_empty() {
            return vec![];
        }
        let uses =
            |text: &str, changed: &BTreeSet<String>| changed.iter().find(|name| count_word(text, name) > 0).cloned();
        loop {
            let more: Vec<String> = (self.entries.iter())
                .filter_map(|entry| match &entry.item.kind {
                    ItemKind::Named { name, layout: true, .. } | ItemKind::Macro(name) => Some((name, entry)),
                    _ => None,
                })
                .filter(|(name, entry)| !changed.contains(*name) && uses(self.text_of(entry), &changed).is_some())
                .map(|(name, _)| name.clone())
                .collect();
            if more.is_empty() {
                break;
            }
            changed.extend(more);
        }
        let gone: Vec<(String, String)> = (self.variables.iter())
            .filter_map(|(name, variable)| Some((name.clone(), uses(&variable.kind, &changed)?)))
            .collect();
        for (name, kind) in &gone {
            self.lose(name, Why::Redefined(kind.clone()));
        }
        gone
    }

    /// A variable is there no more, though its value may still be in the store.
    pub fn lose(&mut self, name: &str, why: Why) {
        if let Some(variable) = self.variables.remove(name) {
            self.lost.insert(name.to_owned(), Lost { why, cell: variable.cell, range: variable.range });
            self.forgotten.insert(name.to_owned());
        }
    }

    /// Drops the definitions of other cells that a span lies in. Returns what they define and their place.
    pub fn drop_definition(&mut self, cell: usize, span: &Range<usize>) -> Option<(String, usize, Range<usize>)> {
        let at = self.entries.iter().position(|entry| {
            entry.cell == cell && entry.item.range.start <= span.start && span.end <= entry.item.range.end
        })?;
        let entry = self.entries.remove(at);
        let name = match &entry.item.kind {
            ItemKind::Named { name, .. } => name.clone(),
            ItemKind::Macro(name) => format!("{name}!"),
            ItemKind::TraitImpl { head } | ItemKind::Impl { head, .. } => head.clone(),
            ItemKind::Use(imports) => imports.first().map(|(_, text)| text.clone()).unwrap_or_default(),
            ItemKind::Extern(_) => "extern".to_owned(),
            ItemKind::Attribute => "an attribute".to_owned(),
            ItemKind::Other(key) => key.chars().take(40).collect(),
        };
        let lost = Lost { why: Why::DoesNotFit, cell: entry.cell, range: entry.item.range.clone() };
        self.lost.insert(name.clone(), lost);
        Some((name, entry.cell, entry.item.range))
    }

    /// Names of definitions in force.
    pub fn defined(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().filter(|entry| entry.cell != PRELUDE_CELL).flat_map(|entry| match &entry.item.kind {
            ItemKind::Named { name, .. } | ItemKind::Macro(name) => vec![name.as_str()],
            ItemKind::Use(imports) => imports.iter().filter_map(|(name, _)| name.as_deref()).collect(),
            _ => vec![],
        })
    }

    /// All definitions in force as one text, for completion and inspection.
    pub fn definitions_text(&self) -> String {
        let mut out = Source::default();
        for entry in self.entries.iter().filter(|entry| entry.cell != PRELUDE_CELL) {
            let Some(text) = self.texts.get(&entry.cell) else { continue };
            entry.push(&mut out, &text.code, false);
            out.add("\n");
        }
        out.text
    }

    /// Texts that nothing in force comes from are forgotten.
    pub fn forget_texts(&mut self, keep_after: usize) {
        let used: BTreeSet<usize> = (self.entries.iter().map(|entry| entry.cell))
            .chain(self.variables.values().map(|variable| variable.cell))
            .chain(self.lost.values().map(|lost| lost.cell))
            .collect();
        self.texts.retain(|cell, _| *cell == PRELUDE_CELL || *cell >= keep_after || used.contains(cell));
    }
}

fn ranges<'a>(members: &'a [(String, Range<usize>)], name: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
    members.iter().filter(move |(member, _)| member == name).map(|(_, range)| range.clone())
}

impl Entry {
    fn without_import(&mut self, name: &str) {
        if let ItemKind::Use(imports) = &self.item.kind {
            let texts: Vec<&String> =
                imports.iter().filter(|(own, _)| own.as_deref() == Some(name)).map(|(_, text)| text).collect();
            self.imports.retain(|text| !texts.contains(&text));
        }
    }

    fn is_empty(&self) -> bool {
        match &self.item.kind {
            ItemKind::Use(_) => self.imports.is_empty(),
            ItemKind::Impl { members, .. } if !members.is_empty() => {
                members.iter().all(|(_, range)| self.gone.contains(range)) || self.gone.contains(&self.item.range)
            }
            ItemKind::Extern(members) if !members.is_empty() => {
                members.iter().all(|(_, range)| self.gone.contains(range))
            }
            _ => self.gone.contains(&self.item.range),
        }
    }

    /// Appends the definition as it is compiled, with points at which it can be stopped or without.
    fn push(&self, out: &mut Source, code: &str, with_points: bool) {
        if let ItemKind::Use(imports) = &self.item.kind {
            if imports.len() != self.imports.len() {
                let uses = self.imports.iter().map(|text| format!("use {text}; ")).collect::<String>();
                out.push(&uses, Origin::Cell { cell: self.cell, start: self.item.range.start });
                return;
            }
        }
        let mut edits: Vec<Edit> = self.gone.iter().map(|gone| Edit::blank(gone.clone(), code)).collect();
        if with_points {
            let is_gone =
                |edit: &Edit| self.gone.iter().any(|gone| gone.start <= edit.at.start && edit.at.end <= gone.end);
            edits.extend(self.item.edits.iter().filter(|edit| !is_gone(edit)).cloned());
        }
        edits.sort_by_key(|edit| (edit.at.start, edit.at.end));
        push_edited(out, self.cell, code, self.item.range.clone(), &edits);
    }
}

/// The shape in which a cell is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Each statement in a closure of its own.
    Statements,
    /// All statements in one closure.
    Whole,
}

/// What is left out of a program, learned from what did not compile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Without {
    /// Variables that are not taken from the store.
    pub loads: BTreeSet<String>,
    /// Where a variable, known by where it was declared, is not put back.
    pub packs: BTreeMap<(String, Option<usize>), Vec<Out>>,
    /// Variables that borrow, and would at the end of the cell still hold what others lend them.
    pub borrowers: BTreeSet<String>,
    /// Where such a variable has been moved already.
    pub moved: BTreeSet<(String, usize)>,
}

/// Why a variable is not put back, and at which statements that fail: the first one, and the one behind the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Out {
    pub from: usize,
    pub until: usize,
    pub why: Why,
    /// Where in the cell that happens.
    pub place: Option<Range<usize>>,
}

impl Without {
    /// Why a variable is not put back at a statement; none when it is.
    pub fn out(&self, name: &str, declared: Option<usize>, point: usize) -> Option<&Out> {
        let outs = self.packs.get(&(name.to_owned(), declared))?;
        outs.iter().find(|out| (out.from..out.until).contains(&point))
    }

    /// Whether a variable is left out anywhere.
    pub fn leaves_out(&self, name: &str, declared: Option<usize>) -> bool {
        self.packs.contains_key(&(name.to_owned(), declared))
    }
}

/// The variables that the statement at a byte of the cell declares, and its number in a shape.
pub fn declared_at(statements: &[Statement], shape: Shape, at: usize) -> Option<(usize, &[Binding])> {
    let is_there = |statement: &&Statement| statement.range.contains(&at);
    let (number, statement) = match shape {
        Shape::Statements => groups(statements)
            .into_iter()
            .enumerate()
            .find_map(|(number, group)| Some((number, group.iter().find(is_there)?)))?,
        Shape::Whole => statements.iter().enumerate().find(|(_, statement)| is_there(statement))?,
    };
    match &statement.kind {
        StatementKind::Let { bindings, .. } => Some((number, bindings)),
        _ => None,
    }
}

/// The number of the statement behind the next one that gives a variable a new value, from statement `from` on.
pub fn given_anew(statements: &[Statement], name: &str, from: usize) -> usize {
    let gives = |group: &[Statement]| {
        group.iter().any(|statement| matches!(&statement.kind, StatementKind::Assign { name: own, .. } if own == name))
    };
    let next = groups(statements).into_iter().enumerate().skip(from).find(|(_, group)| gives(group));
    next.map_or(usize::MAX, |(at, _)| at + 1)
}

/// The variables at the end, or at a statement that fails: each with the statement that declares it, if it was not
/// taken from the store.
pub type Visible = BTreeMap<String, Option<usize>>;

/// A program with all that is known of it.
pub struct Program {
    /// The files, by their paths below the source folder.
    pub files: BTreeMap<String, Source>,
    /// The variables taken from the store.
    pub loaded: BTreeSet<String>,
    /// What is put into the store when statement `k` fails, and, last, at the end.
    pub packed: Vec<Visible>,
    /// What could be seen there.
    pub visible: Vec<Visible>,
    /// What is declared, by statement.
    pub declared: Vec<(usize, Binding)>,
    pub function: String,
}

/// Consecutive statements that go into one closure.
fn groups(statements: &[Statement]) -> Vec<&[Statement]> {
    let mut groups = vec![];
    let mut at = 0;
    while at < statements.len() {
        let mut end = at + 1;
        let is_plain = |statement: &Statement| matches!(statement.kind, StatementKind::Other);
        while is_plain(&statements[at]) && end < statements.len() && is_plain(&statements[end]) {
            end += 1;
        }
        groups.push(&statements[at..end]);
        at = end;
    }
    groups
}

/// Whether a cell can be compiled statement by statement.
pub fn has_statement_shape(parsed: &Parsed) -> bool {
    parsed.statements.iter().all(|statement| !matches!(statement.kind, StatementKind::Let { value: None, .. }))
}

/// Writes the program of a cell. `asynchronous` is the expression that makes the runtime of asynchronous calls, if there
/// is one, and the number of the set of crates that it belongs to.
pub fn write(
    state: &State,
    cell: usize,
    parsed: &Parsed,
    shape: Shape,
    without: &Without,
    asynchronous: Option<(usize, &str)>,
) -> Program {
    let mut files = files_of_definitions(state);
    let mut writer = Writer { state, cell, parsed, without, out: Source::default(), program: Default::default() };
    let function = format!("cutpoint_run_{cell}");
    writer.function(shape, asynchronous);
    let Writer { out, program, .. } = writer;
    let name = state.texts.get(&cell).map(|text| text.name.clone()).unwrap_or_default();
    let run = format!("run/{name}");
    if let Some(root) = files.get_mut(ROOT) {
        root.add(&format!(
            "include!({run:?});\n#[unsafe(no_mangle)]\npub unsafe extern \"C\" fn {function}(\
             slot: *mut *mut ::core::ffi::c_void) -> i64 {{ unsafe {{ {CELL}::run(slot, cutpoint_cell_{cell}) }} }}\n"
        ));
    }
    files.insert(run, out);
    Program { files, function, ..program }
}

impl Default for Program {
    fn default() -> Self {
        Program {
            files: BTreeMap::new(),
            loaded: BTreeSet::new(),
            packed: vec![],
            visible: vec![],
            declared: vec![],
            function: String::new(),
        }
    }
}

/// The file that includes all others.
pub const ROOT: &str = "lib.rs";

/// The files with all definitions in force, and the root.
fn files_of_definitions(state: &State) -> BTreeMap<String, Source> {
    let mut files: BTreeMap<String, Source> = BTreeMap::new();
    let mut root = Source::default();
    // Not all warnings: the types of variables come as one.
    root.add("#![allow(unused, deprecated, non_snake_case, non_camel_case_types, unsafe_code)]\n");
    let mut includes = BTreeSet::new();
    for entry in state.entries.iter().filter(|entry| entry.item.kind == ItemKind::Attribute) {
        if let Some(text) = state.texts.get(&entry.cell) {
            entry.push(&mut root, &text.code, false);
            root.add("\n");
        }
    }
    // Macros and imports stand in the root itself: one that came by `include!` would not go before one of the standard
    // library's. Macros come first, so that definitions of all cells see them.
    let is_macro = |entry: &Entry| matches!(entry.item.kind, ItemKind::Macro(_));
    let is_import = |entry: &Entry| matches!(entry.item.kind, ItemKind::Use(_));
    for entry in state.entries.iter().filter(|e| is_import(e)).chain(state.entries.iter().filter(|e| is_macro(e))) {
        if let Some(text) = state.texts.get(&entry.cell) {
            entry.push(&mut root, &text.code, false);
            root.add("\n");
        }
    }
    for entry in &state.entries {
        let Some(text) = state.texts.get(&entry.cell) else { continue };
        if entry.item.kind == ItemKind::Attribute || is_macro(entry) || is_import(entry) {
            continue;
        }
        let path = format!("items/{}", text.name);
        let file = files.entry(path.clone()).or_default();
        // The line that it has in its cell.
        let line = text.code[..entry.item.range.start].matches('\n').count();
        let here = file.text.matches('\n').count();
        file.add(&"\n".repeat(line.saturating_sub(here)));
        file.add(" ");
        entry.push(file, &text.code, true);
        includes.insert((entry.cell, path));
    }
    for (_, path) in &includes {
        root.add(&format!("include!({path:?});\n"));
    }
    files.insert(ROOT.to_owned(), root);
    files
}

struct Writer<'a> {
    state: &'a State,
    cell: usize,
    parsed: &'a Parsed,
    without: &'a Without,
    out: Source,
    program: Program,
}

impl Writer<'_> {
    fn code(&self) -> &str {
        self.state.texts.get(&self.cell).map_or("", |text| text.code.as_str())
    }

    fn user(&mut self, range: Range<usize>, edits: &[Edit]) {
        let text = self.state.texts.get(&self.cell).cloned();
        if let Some(text) = text {
            push_edited(&mut self.out, self.cell, &text.code, range, edits);
        }
    }

    /// Newlines up to the line of a byte.
    fn to_line_of(&mut self, at: usize) {
        let line = self.code()[..at].matches('\n').count();
        let here = self.out.text.matches('\n').count();
        self.out.add(&"\n".repeat(line.saturating_sub(here)));
    }

    fn function(&mut self, shape: Shape, asynchronous: Option<(usize, &str)>) {
        let cell = self.cell;
        self.out.add(&format!(
            "#[warn(dropping_references)] fn cutpoint_cell_{cell}(__cutpoint: &mut {CELL}::Store) -> {CELL}::Ended {{ "
        ));
        for name in &self.state.forgotten {
            self.out.add(&format!("__cutpoint.forget({name:?}); "));
        }
        if let Some((generation, make)) = asynchronous {
            self.out.add(&format!(
                "let __runtime = __cutpoint.shared(\"the asynchronous runtime {generation}\", || {make}); \
                 let __entered = __runtime.enter(); "
            ));
        }
        let mut visible = self.load();
        match shape {
            Shape::Statements => {
                let statements: &[Statement] = &self.parsed.statements;
                for (at, group) in groups(statements).into_iter().enumerate() {
                    self.group(at, group, &mut visible);
                }
                self.pack(&visible);
                self.out.add(&format!("{RESULT}::Ok(()) }}"));
            }
            Shape::Whole => self.whole(visible),
        }
        self.out.add("\n");
    }

    /// Takes the variables that the cell uses from the store.
    fn load(&mut self) -> Visible {
        let mut visible = Visible::new();
        let statements = &self.parsed.statements;
        let text: String = statements.iter().map(|s| &self.code()[s.range.clone()]).collect::<Vec<_>>().join("\n");
        for (name, variable) in &self.state.variables {
            let word = name.trim_start_matches("r#");
            if !self.parsed.words.contains(word) || self.without.loads.contains(name) {
                continue;
            }
            // A name that is only declared does not need its old value.
            let declared = statements.iter().map(|statement| match &statement.kind {
                StatementKind::Let { bindings, .. } => bindings.iter().filter(|b| b.name == *name).count(),
                _ => 0,
            });
            let first = statements.iter().find(|s| count_word(&self.code()[s.range.clone()], word) > 0);
            let is_declared_first = first.is_some_and(|statement| {
                matches!(&statement.kind, StatementKind::Let { bindings, .. } if bindings.iter().any(|b| b.name == *name))
                    && count_word(&self.code()[statement.range.clone()], word) == 1
            });
            if is_declared_first || declared.sum::<usize>() == count_word(&text, word) {
                continue;
            }
            let mutable = if variable.mutable { "mut " } else { "" };
            let load = format!("let {mutable}{name}: {} = __cutpoint.take({name:?}); ", variable.kind);
            self.out.push(&load, Origin::Load(name.clone()));
            visible.insert(name.clone(), None);
            self.program.loaded.insert(name.clone());
        }
        visible
    }

    /// Puts what can be seen into the store.
    fn pack(&mut self, visible: &Visible) {
        let point = self.program.packed.len();
        let packed: Visible = (visible.iter())
            .filter(|(name, declared)| self.without.out(name, **declared, point).is_none())
            .map(|(name, declared)| (name.clone(), *declared))
            .collect();
        // The last one may borrow from the one before.
        let mut borrowers: Vec<(usize, &String)> = (visible.iter())
            .filter(|(name, _)| self.without.borrowers.contains(*name) && !packed.contains_key(*name))
            .filter(|(name, _)| !self.without.moved.contains(&((*name).clone(), point)))
            .filter_map(|(name, declared)| Some(((*declared)?, name)))
            .collect();
        borrowers.sort_unstable();
        for (_, name) in borrowers.into_iter().rev() {
            self.out.push(&format!("__cutpoint.end({name}); "), Origin::Release(name.clone(), point));
        }
        self.puts(&packed, point);
        self.program.packed.push(packed);
        self.program.visible.push(visible.clone());
    }

    fn puts(&mut self, packed: &Visible, point: usize) {
        for name in packed.keys() {
            self.out.push(&format!("__cutpoint.put({name:?}, {name}); "), Origin::Pack(name.clone(), point));
        }
    }

    /// The start and the end of a guarded closure that gives a value of a type.
    fn closure(&self, kind: Option<&str>) -> (String, String) {
        let kind = kind.unwrap_or("_");
        let ok = format!("{RESULT}::Ok::<{kind}, {CELL}::CellError>(");
        match self.parsed.is_async {
            true => (format!("{CELL}::guard(|| {CELL}::wait(async {{ {POINT} {ok}"), ") }))".to_owned()),
            false => (format!("{CELL}::guard(|| {{ {POINT} {ok}"), ") })".to_owned()),
        }
    }

    /// What follows a guarded closure, to be written in front of it. What it returns is dropped before variables are
    /// stored when it fails: its type may borrow from them.
    fn tries(&mut self) {
        self.out.add("{ let ::core::option::Option::Some(__value) = __cutpoint.tried(");
    }

    /// What happens when statement `at` fails, and the value when it does not.
    fn fails(&mut self, at: usize, visible: &Visible) {
        self.out.add(") else { ");
        self.pack(visible);
        self.out.add(&format!("return __cutpoint.failed({at}); }}; __value }}"));
    }

    fn probe(&mut self, at: usize, bindings: &[Binding]) {
        for binding in bindings {
            let probe = format!("::core::mem::drop(&{}); ", binding.name);
            self.out.push(&probe, Origin::Probe(binding.name.clone(), at));
            self.program.declared.push((at, binding.clone()));
        }
    }

    fn group(&mut self, at: usize, group: &[Statement], visible: &mut Visible) {
        let Some(first) = group.first() else { return };
        self.to_line_of(first.range.start);
        match &first.kind {
            StatementKind::Let { bindings, kind, value: Some(value), otherwise } => {
                let (open, close) = self.closure(kind.as_deref());
                self.user(first.range.start..value.start, &first.edits);
                self.tries();
                self.out.add(&open);
                self.user(value.clone(), &first.edits);
                self.out.add(&close);
                self.fails(at, visible);
                if let Some(block) = otherwise {
                    self.user(value.end..block.start, &first.edits);
                    let (open, close) = self.closure(Some("()"));
                    self.out.add(&format!("{{ let _ = __cutpoint.tried({open}"));
                    self.user(block.clone(), &first.edits);
                    // The same variables as before; the store has them twice in the text and once in fact.
                    self.out.add(&format!("{close}); "));
                    let packed = self.program.packed.last().cloned().unwrap_or_default();
                    self.puts(&packed, at);
                    self.out.add(&format!("return __cutpoint.failed({at}); }}"));
                    self.user(block.end..first.range.end, &first.edits);
                } else {
                    self.user(value.end..first.range.end, &first.edits);
                }
                self.out.add(" ");
                visible.extend(bindings.iter().map(|binding| (binding.name.clone(), Some(at))));
                self.probe(at, bindings);
            }
            StatementKind::Assign { value, .. } => {
                let (open, close) = self.closure(None);
                self.user(first.range.start..value.start, &first.edits);
                self.tries();
                self.out.add(&open);
                self.user(value.clone(), &first.edits);
                self.out.add(&close);
                self.fails(at, visible);
                self.user(value.end..first.range.end, &first.edits);
                self.out.add("; ");
            }
            StatementKind::Value => {
                let (open, close) = self.closure(None);
                self.tries();
                self.out.add(&format!("{open}{{ "));
                self.value(first);
                self.out.add(&format!(" }}{close}"));
                self.fails(at, visible);
                self.out.add("; ");
            }
            _ => {
                let (open, close) = self.closure(None);
                self.tries();
                self.out.add(&format!("{open}{{ "));
                for statement in group {
                    self.to_line_of(statement.range.start);
                    self.out.add(POINT);
                    self.user(statement.range.clone(), &statement.edits);
                    self.out.add(" ");
                }
                self.out.add(&format!(" {POINT} }}{close}"));
                self.fails(at, visible);
                self.out.add("; ");
            }
        }
    }

    /// The expression that ends a cell, shown.
    fn value(&mut self, statement: &Statement) {
        match self.state.format.clone() {
            Some(format) => {
                self.out.push(&format!("{CELL}::text(&::std::format!({format:?}, &("), Origin::Show);
                self.user(statement.range.clone(), &statement.edits);
                self.out.push("))); ", Origin::Show);
            }
            None => {
                self.out.push(&format!("{CELL}::shown(::cutpoint::notebook::show!("), Origin::Show);
                self.user(statement.range.clone(), &statement.edits);
                self.out.push("))?; ", Origin::Show);
            }
        }
        self.out.add(POINT);
    }

    /// All statements in one closure: what it declares is put into the store at its end.
    fn whole(&mut self, loaded: Visible) {
        let (open, close) = self.closure(Some("()"));
        self.out.add(&format!("let __ended = {open}{{ "));
        let mut declared = Visible::new();
        for (at, statement) in self.parsed.statements.iter().enumerate() {
            self.to_line_of(statement.range.start);
            self.out.add(POINT);
            match &statement.kind {
                StatementKind::Value => self.value(statement),
                StatementKind::Let { bindings, value, .. } => {
                    self.user(statement.range.clone(), &statement.edits);
                    self.out.add(" ");
                    declared.extend(bindings.iter().map(|binding| (binding.name.clone(), Some(at))));
                    if value.is_some() {
                        self.probe(at, bindings);
                    } else {
                        // It has no value yet: its type is asked for at the end.
                        self.program.declared.extend(bindings.iter().map(|binding| (at, binding.clone())));
                    }
                }
                StatementKind::Assign { .. } => {
                    self.user(statement.range.clone(), &statement.edits);
                    self.out.add("; ");
                }
                StatementKind::Other => {
                    self.user(statement.range.clone(), &statement.edits);
                    self.out.add(" ");
                }
            }
        }
        self.out.add(POINT);
        let late: Vec<(usize, String)> = (self.parsed.statements.iter().enumerate())
            .filter_map(|(at, statement)| match &statement.kind {
                StatementKind::Let { bindings, value: None, .. } => Some((at, bindings)),
                _ => None,
            })
            .flat_map(|(at, bindings)| bindings.iter().map(move |binding| (at, binding.name.clone())))
            .collect();
        for (at, name) in late {
            let is_out = self.without.leaves_out(&name, Some(at));
            if !is_out && declared.get(&name) == Some(&Some(at)) {
                self.out.push(&format!("::core::mem::drop(&{name}); "), Origin::Probe(name, at));
            }
        }
        let is_in = |(name, declared): &(&String, &Option<usize>)| !self.without.leaves_out(name, **declared);
        let packed: Visible = declared.iter().filter(is_in).map(|(name, at)| (name.clone(), *at)).collect();
        let kept: Visible = loaded.iter().filter(is_in).map(|(name, at)| (name.clone(), *at)).collect();
        self.puts(&packed, 1);
        self.out.add(&format!("}}{close}; match __cutpoint.tried(__ended) {{ ::core::option::Option::Some(()) => {{ "));
        let rest: Visible =
            kept.iter().filter(|(name, _)| !declared.contains_key(*name)).map(|(n, at)| (n.clone(), *at)).collect();
        self.puts(&rest, 1);
        self.out.add(&format!("{RESULT}::Ok(()) }} ::core::option::Option::None => {{ "));
        self.puts(&kept, 0);
        self.out.add("__cutpoint.failed(0) } } }");
        let at_end: Visible = rest.into_iter().chain(packed).collect();
        self.program.packed = vec![kept, at_end];
        let mut all = loaded.clone();
        all.extend(declared);
        self.program.visible = vec![loaded, all];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::parse::parse;

    fn state(cells: &[&str]) -> (State, Vec<Vec<(String, String)>>) {
        let mut state = State::default();
        let mut gone = vec![];
        for (number, code) in (1..).zip(cells) {
            let text = Text { name: format!("cell {number}"), code: (*code).to_owned() };
            state.texts.insert(number, Arc::new(text));
            gone.push(state.define(number, &parse(code).unwrap().items));
        }
        (state, gone)
    }

    fn variable(kind: &str) -> Variable {
        Variable { kind: kind.to_owned(), mutable: false, cell: 1, range: 0..1 }
    }

    #[test]
    fn the_newer_definition_replaces_the_older() {
        let (state, _) = state(&[
            "fn f() -> i32 { 1 }\nstruct A;",
            "impl A { fn a(&self) {} fn b(&self) {} }\nimpl Clone for A { fn clone(&self) -> A { A } }",
            "fn f() -> i32 { 2 }\nimpl A { fn b(&self) { 2; } }\nimpl Clone  for A { fn clone(&self) -> A { todo() } }",
            "use a::{f as g, h};",
            "use b::h;",
        ]);
        let text = state.definitions_text();
        assert!(!text.contains("{ 1 }") && text.contains("{ 2 }"), "{text}");
        assert_eq!((text.matches("fn a(").count(), text.matches("fn b(").count()), (1, 1), "{text}");
        assert_eq!(text.matches("Clone").count(), 1, "{text}");
        assert!(text.contains("use a::f as g;") && !text.contains("a::h") && text.contains("use b::h"), "{text}");
    }

    #[test]
    fn values_of_a_changed_type_go_and_others_stay() {
        let (mut known, _) = state(&["const N: usize = 2;\nstruct A { a: [u8; N] }\nstruct B(A);\nstruct C;"]);
        for (name, kind) in [("a", "A"), ("b", "std::vec::Vec<B>"), ("c", "C"), ("n", "i32")] {
            known.variables.insert(name.to_owned(), variable(kind));
        }
        let mut again = |code: &str| {
            let cell = known.texts.len() + 1;
            known.texts.insert(cell, Arc::new(Text { name: format!("cell {cell}"), code: code.to_owned() }));
            known.define(cell, &parse(code).unwrap().items).into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(again("struct C;"), Vec::<String>::new());
        assert_eq!(again("const N: usize = 3;"), ["a", "b"]);
    }

    #[test]
    fn statements_keep_their_lines() {
        let code = "let a = 1;\n\nlet b = f(a)?;\nfn f(a: i32) {}\nprintln!(\"{a}\");\n\nb";
        let (mut known, _) = state(&[code]);
        known.variables.insert("old".to_owned(), variable("i32"));
        let parsed = parse(code).unwrap();
        for shape in [Shape::Statements, Shape::Whole] {
            let program = write(&known, 1, &parsed, shape, &Without::default(), None);
            let text = &program.files["run/cell 1"].text;
            for (line, part) in [(1, "let a"), (3, "f(a)?"), (5, "println!"), (7, "show!(b)")] {
                assert!(text.lines().nth(line - 1).is_some_and(|text| text.contains(part)), "{part}\n{text}");
            }
            assert!(program.files["items/cell 1"].text.lines().nth(3).unwrap().contains("fn f"));
            assert!(program.loaded.is_empty());
            assert_eq!(program.packed.last().unwrap().keys().collect::<Vec<_>>(), ["a", "b"]);
        }
    }

    #[test]
    fn what_a_cell_only_declares_is_not_taken_from_the_store() {
        let (mut known, _) = state(&[]);
        for name in ["x", "y", "z"] {
            known.variables.insert(name.to_owned(), variable("i32"));
        }
        let code = "let x = 5;\nlet y = y + x;\nprintln!(\"{z}\");";
        known.texts.insert(9, Arc::new(Text { name: "cell 9".into(), code: code.into() }));
        let program = write(&known, 9, &parse(code).unwrap(), Shape::Statements, &Without::default(), None);
        assert_eq!(program.loaded.iter().collect::<Vec<_>>(), ["y", "z"]);
        // At the second statement the first has made x, and y is still the old one.
        assert_eq!(program.packed[1], Visible::from([("x".into(), Some(0)), ("y".into(), None), ("z".into(), None)]));
        assert_eq!(program.packed[3]["y"], Some(1));
    }
}
