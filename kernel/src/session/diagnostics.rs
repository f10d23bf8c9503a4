//! Errors as a notebook shows them: a name, a value, and lines that point into cells.
//!
//! The compiler's messages are drawn anew from its JSON, with the cells' own text and places: only what a reader has
//! written is shown, in the compiler's order.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use annotate_snippets::renderer::{DecorStyle, Style};
use annotate_snippets::{AnnotationKind, Element, Group, Level, Patch, Renderer, Snippet};
use cutpoint_wire::{Failed, Panic, Place};

use super::compile::{Files, Message, Span};
use super::program::{Lost, State, Text, Why};
use super::source::Origin;
use crate::process::host::Exit;

/// An error of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub ename: String,
    pub evalue: String,
    pub traceback: Vec<String>,
    /// How many errors it shows.
    pub shown: usize,
}

// Pages show errors on red, light or dark: no colour is readable on both, bold is.
const BOLD: &str = "\u{1b}[1m";
const PLAIN: &str = "\u{1b}[0m";
/// More errors than these are only counted.
const MOST: usize = 12;

impl Failure {
    /// An error whose text says all.
    pub fn new(ename: &str, evalue: impl Into<String>) -> Failure {
        let evalue = evalue.into();
        let traceback = evalue.lines().enumerate().map(|(i, line)| match i {
            0 => format!("{BOLD}{ename}{PLAIN}: {line}"),
            _ => line.to_owned(),
        });
        Failure { ename: ename.to_owned(), traceback: traceback.collect(), evalue, shown: 1 }
    }

    /// The same by another name.
    pub fn renamed(self, ename: &str) -> Failure {
        let mut traceback = self.traceback;
        if let Some(first) = traceback.first_mut() {
            *first = first.replacen(&self.ename, ename, 1);
        }
        Failure { ename: ename.to_owned(), traceback, ..self }
    }

    /// The same with more lines below.
    pub fn with(mut self, lines: impl IntoIterator<Item = String>) -> Failure {
        self.traceback.extend(lines);
        self
    }
}

/// What is said whenever the process had to be started anew.
pub const GONE: &str = "All variables are gone. The next cell runs in a new process; `use`, `fn` and types are kept.";

fn renderer() -> Renderer {
    let (bold, plain) = (Style::new().bold(), Style::new());
    let levels = Renderer::styled().error(bold).warning(bold).info(bold).note(bold).help(bold);
    let parts = levels.line_num(plain).emphasis(bold).context(plain).addition(bold).removal(plain).none(plain);
    parts.decor_style(DecorStyle::Ascii).term_width(100)
}

/// A drawing, its places in words: `cell 4, line 2, column 7`.
fn drawn(groups: &[Group<'_>]) -> Vec<String> {
    renderer().render(groups).lines().map(placed).collect()
}

fn placed(line: &str) -> String {
    let plain = strip(line);
    let Some(rest) = plain.trim_start().strip_prefix("--> ").or_else(|| plain.trim_start().strip_prefix("::: ")) else {
        return line.to_owned();
    };
    let mut parts = rest.rsplitn(3, ':');
    let (column, number, name) = (parts.next(), parts.next(), parts.next());
    match (name, number, column) {
        (Some(name), Some(number), Some(column)) => {
            line.replace(rest, &format!("{name}, line {number}, column {column}"))
        }
        _ => line.to_owned(),
    }
}

/// A text without colours.
pub fn strip(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        out.push_str(&rest[..at]);
        rest = rest[at..].split_once('m').map_or("", |(_, rest)| rest);
    }
    out + rest
}

/// The compiler's errors.
pub fn of_compiler(errors: &[&Message], files: &Files<'_>, state: &State) -> Failure {
    let mut traceback = vec![];
    let mut seen = HashSet::new();
    let mut evalue = None;
    let mut left_out = 0;
    for error in errors {
        let title = title(error, files, state);
        let lines = draw(error, &title, files, state);
        if !seen.insert(lines.clone()) {
            continue;
        }
        if seen.len() > MOST {
            left_out += 1;
            continue;
        }
        evalue.get_or_insert(title);
        traceback.extend(lines);
    }
    if left_out > 0 {
        traceback.push(format!("and {left_out} more errors"));
    }
    let evalue = evalue.unwrap_or_else(|| "the cell does not compile".to_owned());
    Failure { ename: "CompileError".to_owned(), evalue, traceback, shown: seen.len() }
}

/// What is said of an error in one line.
fn title(error: &Message, files: &Files<'_>, state: &State) -> String {
    if let Some(name) = shown_type(error) {
        return format!("`{name}` cannot be shown: it does not implement `Debug`");
    }
    match lost(error, state) {
        Some((name, Lost { why: Why::Moved, .. })) => format!("use of moved value: `{name}`"),
        _ => {
            // The bracket behind a cell is the kernel's: for the reader it is the end.
            let is_outside = |span: &Span| span.is_primary && spot(span, files, state).is_none();
            let is_at_end = error.spans.iter().any(is_outside);
            let text = match error.code() {
                // Here the path is what matters.
                "E0432" | "E0433" | "E0603" => error.message.clone(),
                "E0267" if error.spans.iter().all(|span| span.is_primary || spot(span, files, state).is_none()) => {
                    error.message.replace("inside of a closure", "outside of a loop")
                }
                _ => in_words(&error.message),
            };
            if is_at_end {
                text.replace("found `}`", "found the end of the cell")
                    .replace("unexpected token: `}`", "unexpected end of the cell")
            } else {
                text
            }
        }
    }
}

/// The type without a text of a value that ends a cell, if that is what an error is about.
fn shown_type(error: &Message) -> Option<String> {
    if error.code() != "E0599" || !error.message.contains("evcxr_display") {
        return None;
    }
    let name = error.message.split('`').nth(3)?;
    Some(short_paths(name.trim_start_matches('&')))
}

/// What an error misses that was there once.
fn lost<'a>(error: &Message, state: &'a State) -> Option<(String, &'a Lost)> {
    if !["E0425", "E0412", "E0422", "E0433", "E0405", "E0423", "E0574"].contains(&error.code()) {
        return None;
    }
    let name = error.message.split('`').nth(1)?;
    state.lost.get(name).map(|lost| (name.to_owned(), lost))
}

/// A message without the names of the kernel's own, and with types by their last names.
fn in_words(text: &str) -> String {
    let mut text = short_paths(text);
    for (start, words) in
        [("in a closure that returns `", "in a cell"), ("in an async block that returns `", "in a cell")]
    {
        while let Some(at) = text.find(start) {
            let rest = &text[at + start.len()..];
            let end = rest.find('`').map_or(rest.len(), |end| end + 1);
            if rest[end..].starts_with(" or `") {
                // A closure of the reader's own.
                break;
            }
            text = format!("{}{words}{}", &text[..at], &rest[end..]);
        }
    }
    text.replace("CellError", "Error").replace("__cutpoint", "the kernel's store")
}

/// Types by their last names, where that leaves them different.
pub fn short_paths(text: &str) -> String {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut out = String::new();
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_alphabetic() || c == '_') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.char_indices().find(|(at, c)| {
            !is_word(*c) && !rest[*at..].starts_with("::") && !(*c == ':' && rest[..*at].ends_with(':'))
        });
        let path = &rest[..end.map_or(rest.len(), |(at, _)| at)];
        let path = path.trim_end_matches(':');
        let last = path.rsplit("::").next().unwrap_or(path);
        if path.contains("::") && last.starts_with(char::is_uppercase) {
            // `Kind::Float` needs its type; a path of modules does not.
            let parts: Vec<&str> = path.split("::").collect();
            let first = parts.iter().position(|part| part.starts_with(char::is_uppercase)).unwrap_or(0);
            let short = parts[first..].join("::");
            if names.get(&short).is_some_and(|known| known != path) {
                return text.to_owned();
            }
            names.insert(short.clone(), path.to_owned());
            out.push_str(&short);
        } else {
            out.push_str(path);
        }
        rest = &rest[path.len()..];
    }
    out + rest
}

/// A span in a cell's text.
struct Spot<'a> {
    text: &'a Text,
    cell: usize,
    range: Range<usize>,
}

fn spot<'a>(span: &Span, files: &Files<'_>, state: &'a State) -> Option<Spot<'a>> {
    let (source, range) = files.find(span)?;
    let of = |cell: usize, range: Range<usize>| {
        let text = state.texts.get(&cell)?;
        let end = range.end.min(text.code.len());
        Some(Spot { text, cell, range: range.start.min(end)..end })
    };
    match source.origin(range.start)?.0 {
        Origin::Load(name) => {
            let variable = state.variables.get(name)?;
            of(variable.cell, variable.range.clone())
        }
        // The errors of a value that is shown point at the whole call that shows it.
        _ => source.in_cell(&range).and_then(|(cell, range)| of(cell, range)),
    }
}

/// The place nearest before a span that lies in the kernel's own text: where something is missing.
fn near<'a>(span: &Span, files: &Files<'_>, state: &'a State) -> Option<Spot<'a>> {
    let (source, range) = files.find(span)?;
    let (cell, at) = source.nearest(range.start)?;
    let text = state.texts.get(&cell)?;
    let at = text.code[..at.min(text.code.len())].trim_end().len();
    let start = text.code[..at].char_indices().last().map_or(0, |(start, _)| start);
    Some(Spot { text, cell, range: start..at })
}

fn draw(error: &Message, title: &str, files: &Files<'_>, state: &State) -> Vec<String> {
    let mut groups = vec![];
    let code = error.code().to_owned();
    let lost = lost(error, state);
    let code = if lost.as_ref().is_some_and(|(_, lost)| lost.why == Why::Moved) { "E0382".to_owned() } else { code };
    let code = if shown_type(error).is_some() { "E0277".to_owned() } else { code };
    let mut head = Level::ERROR.primary_title(title.to_owned());
    if code.starts_with('E') {
        head = head.id(code);
    }
    let mut group = Group::with_title(head);
    // Of what is not there any more, names that are like its own are of no interest.
    let only_primary: Vec<Span> = error.spans.iter().filter(|span| span.is_primary).cloned().collect();
    let spans = if lost.is_some() { &only_primary } else { &error.spans };
    for element in snippets(spans, files, state, error) {
        group = group.element(element);
    }
    for child in &error.children {
        if is_of_the_kernel(&child.message) || shown_type(error).is_some() || lost.is_some() {
            continue;
        }
        let level = match child.level.as_str() {
            "help" => Level::HELP,
            _ => Level::NOTE,
        };
        let message = in_words(&child.message);
        let patches = patches(child, files, state);
        if !patches.is_empty() {
            let mut help = Group::with_title(level.secondary_title(message));
            for patch in patches {
                help = help.element(patch);
            }
            groups.push(help);
        } else if child.spans.iter().any(|span| span.suggested_replacement.is_some()) {
            // A change of something that the reader has not written.
        } else {
            let places = snippets(&child.spans, files, state, error);
            if places.is_empty() {
                group = group.element(level.message(message));
            } else {
                let mut note = Group::with_title(level.secondary_title(message));
                for place in places {
                    note = note.element(place);
                }
                groups.push(note);
            }
        }
    }
    if let Some(name) = shown_type(error) {
        let help = format!("add `#[derive(Debug)]` to `{name}`, or end the line with `;` to show nothing");
        group = group.element(Level::HELP.message(help));
    }
    if let Some((name, lost)) = &lost {
        groups.push(explained(name, lost, state));
    } else if let Some((name, variable)) = similar(error, state) {
        groups.push(alike(name, variable, state));
    }
    if let Some(spot) = forgotten_question_mark(error, files, state) {
        let end = spot.range.end;
        let patch =
            Snippet::source(spot.text.code.as_str()).path(spot.text.name.as_str()).patch(Patch::new(end..end, "?"));
        let help = Level::HELP.secondary_title("add `?` here: an error then ends the cell");
        groups.push(Group::with_title(help).element(patch));
    }
    groups.insert(0, group);
    drawn(&groups)
}

/// A variable of an earlier cell whose name is like one that is not found. The compiler sees only those that are used.
fn similar<'a>(error: &Message, state: &'a State) -> Option<(&'a str, &'a super::program::Variable)> {
    if error.code() != "E0425" {
        return None;
    }
    let wanted = error.message.split('`').nth(1)?;
    let distance = |name: &str| strsim::damerau_levenshtein(name, wanted);
    let found = state.variables.iter().min_by_key(|(name, _)| distance(name))?;
    let limit = wanted.chars().count().max(3) / 3;
    (distance(found.0) <= limit).then_some((found.0.as_str(), found.1))
}

fn alike<'a>(name: &str, variable: &super::program::Variable, state: &'a State) -> Group<'a> {
    let help = format!("a variable with a similar name exists: `{name}`");
    let mut group = Group::with_title(Level::HELP.secondary_title(help));
    if let Some(text) = state.texts.get(&variable.cell).filter(|text| variable.range.end <= text.code.len()) {
        let annotation = AnnotationKind::Context.span(variable.range.clone()).label("made here");
        group = group.element(Snippet::source(text.code.as_str()).path(text.name.as_str()).annotation(annotation));
    }
    group
}

/// Where a `?` is missing: something is wanted, and a `Result` of it is there.
fn forgotten_question_mark<'a>(error: &Message, files: &Files<'_>, state: &'a State) -> Option<Spot<'a>> {
    let span = error.spans.iter().find(|span| span.is_primary && error.code() == "E0308")?;
    let label = span.label.as_ref()?;
    let mut parts = label.split('`').skip(1).step_by(2);
    let (wanted, found) = (parts.next()?, parts.next()?);
    let (_, inner) = found.split_once("Result<").filter(|(before, _)| !before.contains('<'))?;
    inner.starts_with(&format!("{wanted},")).then(|| spot(span, files, state)).flatten()
}

/// Notes of the compiler about code that the kernel has written.
fn is_of_the_kernel(text: &str) -> bool {
    ["__cutpoint", "cutpoint_cell_", "cutpoint::notebook::cell", "dropping_references", "full type name"]
        .iter()
        .any(|own| text.contains(own))
}

fn snippets<'a>(spans: &[Span], files: &Files<'_>, state: &'a State, error: &Message) -> Vec<Element<'a>> {
    let mut by_cell: Vec<(usize, &Text, Vec<(bool, Range<usize>, Option<String>)>)> = vec![];
    let mut add = |spot: Spot<'a>, is_primary: bool, label: Option<String>| {
        let found = by_cell.iter_mut().find(|(cell, ..)| *cell == spot.cell);
        let entry = (is_primary, spot.range, label);
        match found {
            Some((.., entries)) => entries.push(entry),
            None => by_cell.push((spot.cell, spot.text, vec![entry])),
        }
    };
    let mut ordered: Vec<&Span> = spans.iter().filter(|span| span.suggested_replacement.is_none()).collect();
    ordered.sort_by_key(|span| !span.is_primary);
    for span in ordered {
        let label = span.label.as_deref().filter(|label| !is_of_the_kernel(label)).map(in_words);
        let label = match (shown_type(error).is_some(), span.is_primary) {
            (true, true) => Some("it has no text to show".to_owned()),
            (true, false) => continue,
            _ => label,
        };
        match spot(span, files, state) {
            Some(found) => {
                let cell = found.cell;
                add(found, span.is_primary, label);
                // What a macro of another cell makes: the call is what the reader has just written.
                let call = span.expansion.as_ref().and_then(|expansion| spot(&expansion.span, files, state));
                if let Some(call) = call.filter(|call| call.cell != cell) {
                    add(call, false, Some("in this call of a macro".to_owned()));
                }
            }
            None if span.is_primary => {
                if let Some(spot) = near(span, files, state) {
                    add(spot, true, label);
                }
            }
            None => {}
        }
    }
    by_cell
        .into_iter()
        .map(|(_, text, entries)| {
            let mut snippet = Snippet::source(text.code.as_str()).path(text.name.as_str());
            for (is_primary, range, label) in entries {
                let kind = if is_primary { AnnotationKind::Primary } else { AnnotationKind::Context };
                let mut annotation = kind.span(range);
                if let Some(label) = label.filter(|label| !label.is_empty()) {
                    annotation = annotation.label(label);
                }
                snippet = snippet.annotation(annotation);
            }
            snippet.into()
        })
        .collect()
}

/// The changes that a message suggests, each as one drawing; several for the same place are alternatives.
fn patches<'a>(message: &Message, files: &Files<'_>, state: &'a State) -> Vec<Element<'a>> {
    let mut alternatives: Vec<Vec<(usize, &Text, Range<usize>, String)>> = vec![];
    for span in &message.spans {
        let Some(replacement) = &span.suggested_replacement else { continue };
        if is_of_the_kernel(replacement) {
            return vec![];
        }
        let Some((source, range)) = files.find(span) else { return vec![] };
        let spot = if range.is_empty() {
            insertion(source, range.start, state)
        } else {
            spot(span, files, state).filter(|spot| spot.range.len() == range.len())
        };
        let Some(spot) = spot else { return vec![] };
        // A type that is put in is written as a reader would.
        let is_type = replacement.starts_with(": ");
        let replacement = if is_type { short_paths(replacement) } else { replacement.clone() };
        let patch = (spot.cell, spot.text, spot.range, replacement);
        let is_alternative =
            |patches: &Vec<(usize, &Text, Range<usize>, String)>| patches.iter().any(|p| p.2 == patch.2);
        match alternatives.last_mut() {
            Some(last) if !is_alternative(last) && last[0].0 == patch.0 => last.push(patch),
            _ => alternatives.push(vec![patch]),
        }
    }
    (alternatives.into_iter().take(4))
        .filter_map(|patches| {
            let (_, text, ..) = patches.first()?;
            let snippet = Snippet::source(text.code.as_str()).path(text.name.as_str());
            let patches = patches.iter().map(|(_, _, range, text)| Patch::new(range.clone(), text.clone()));
            Some(snippet.patches(patches).into())
        })
        .collect()
}

/// Where in a cell something is to be put in. At the edge of the kernel's own text it is the reader's side.
fn insertion<'a>(source: &super::source::Source, at: usize, state: &'a State) -> Option<Spot<'a>> {
    let (origin, start) = source.origin(at)?;
    let (cell, place) = match origin {
        Origin::Cell { cell, start: of_cell } => (*cell, of_cell + (at - start)),
        Origin::Load(name) => {
            let variable = state.variables.get(name)?;
            (variable.cell, variable.range.start)
        }
        _ if at == start => {
            let Origin::Cell { .. } = source.origin(at.checked_sub(1)?)?.0 else { return None };
            source.nearest(at.checked_sub(1)?)?
        }
        _ => return None,
    };
    let text = state.texts.get(&cell)?;
    (place <= text.code.len()).then_some(Spot { text, cell, range: place..place })
}

/// Why something is not there any more.
fn explained<'a>(name: &str, lost: &Lost, state: &'a State) -> Group<'a> {
    let text = state.texts.get(&lost.cell);
    let place = text.map_or_else(|| "an earlier cell".to_owned(), |text| text.name.clone());
    let (title, label) = match &lost.why {
        Why::Moved => (format!("`{name}` was moved in {place}; clone it there to keep it"), "moved here"),
        Why::Borrows => (
            format!(
                "`{name}` borrows from another variable, so it lived only in {place}; an owned value would be kept"
            ),
            "it borrows",
        ),
        Why::Nameless(kind) => (
            format!(
                "`{name}` was made in {place}; it is {kind}, whose type has no name, so it is not kept between cells"
            ),
            "made here",
        ),
        Why::Redefined(kind) => {
            (format!("the value of `{name}` was of the former `{kind}`, and went with it"), "made here")
        }
        Why::DoesNotFit => {
            (format!("`{name}` of {place} did not fit what was defined later; run it again, changed"), "defined here")
        }
        Why::NotMade => (format!("{place} failed before `{name}` was made"), "it would have been made here"),
        Why::Process => (format!("`{name}` went with the process, or the thread, that ran {place}"), "made here"),
    };
    let mut group = Group::with_title(Level::NOTE.secondary_title(title));
    if let Some(text) = text.filter(|text| !lost.range.is_empty() && lost.range.end <= text.code.len()) {
        let annotation = AnnotationKind::Context.span(lost.range.clone()).label(label);
        group = group.element(Snippet::source(text.code.as_str()).path(text.name.as_str()).annotation(annotation));
    }
    if matches!(&lost.why, Why::Nameless(kind) if kind == "a closure") {
        let help = format!("box it: `let {name}: Box<dyn Fn(..) -> ..> = Box::new(..);`, or write a function");
        group = group.element(Level::HELP.message(help));
    }
    group
}

/// A bracket, a text or a comment that is not closed, or closed without being open.
pub fn of_brackets(text: &Text) -> Option<Failure> {
    let found = super::syntax::unbalanced(&text.code)?;
    let mut head = Level::ERROR.primary_title(found.message.clone());
    if let Some(code) = found.code {
        head = head.id(code);
    }
    let mut snippet = Snippet::source(text.code.as_str()).path(text.name.as_str());
    snippet = snippet.annotation(AnnotationKind::Primary.span(found.at.clone()).label(found.label.clone()));
    if let Some((at, label)) = found.other.clone() {
        snippet = snippet.annotation(AnnotationKind::Context.span(at).label(label));
    }
    let traceback = drawn(&[Group::with_title(head).element(snippet)]);
    Some(Failure { ename: "CompileError".to_owned(), evalue: found.message, traceback, shown: 1 })
}

/// The cell and line of a place that a program knows, if it is one in a cell.
fn in_cells<'a>(place: &Place, state: &'a State) -> Option<(&'a Text, usize)> {
    let name = place.file.rsplit('/').next().unwrap_or_default();
    // Several texts can have one name, if a cell was run silently; the last one is meant.
    let text = state.texts.values().rev().find(|text| text.name == name)?;
    Some((text, place.line))
}

/// A line of a cell with those around it.
fn excerpt(text: &Text, number: usize) -> Vec<String> {
    let mut lines = vec![format!("  --> {}, line {number}", text.name)];
    for (at, line) in (1..).zip(text.code.lines()) {
        if at + 2 >= number && at <= number + 1 {
            let arrow = if at == number { "--> " } else { "    " };
            lines.push(format!("{BOLD}{arrow}{PLAIN}{at:4} | {line}"));
        }
    }
    lines
}

/// A panic that ended the cell.
pub fn of_panic(panic: Option<&Panic>, state: &State) -> Failure {
    let Some(panic) = panic else { return Failure::new("Panic", "the cell panicked") };
    let mut lines = vec![];
    let mut shown = None;
    if let Some(place) = &panic.place {
        match in_cells(place, state) {
            Some((text, number)) => {
                lines.extend(excerpt(text, number));
                shown = Some((text.name.clone(), number));
            }
            None => lines.push(format!("  --> {}", outside(place))),
        }
    }
    let mut calls: Vec<(&str, &Text, usize)> = (panic.calls.iter())
        .filter_map(|(name, place)| in_cells(place, state).map(|(text, number)| (name.as_str(), text, number)))
        .collect();
    // The kernel's own function around the statements is no call of the reader's, where its closures are known by name.
    let is_own = |name: &str| name.contains("cutpoint_cell_") && !name.contains("closure");
    if calls.iter().any(|(name, ..)| name.contains("closure")) {
        calls.retain(|(name, ..)| !is_own(name));
    }
    // What is further up than the place was called from there: a function that blames its caller.
    let is_shown = |(_, text, number): &(&str, &Text, usize)| shown.as_ref() == Some(&(text.name.clone(), *number));
    if let Some(at) = calls.iter().position(is_shown) {
        calls.drain(..at);
    }
    calls.retain(|call| !is_shown(call));
    // A line that calls through a closure of its own is one line.
    calls.dedup_by_key(|(_, text, number)| (text.name.clone(), *number));
    match (shown, calls.first()) {
        // It arose in a crate: the line of the cell is what a reader looks for.
        (None, Some((_, text, number))) => {
            lines.extend(excerpt(text, *number));
            calls.remove(0);
        }
        _ => {}
    }
    if !calls.is_empty() {
        lines.push("called from:".to_owned());
        lines.extend(calls.iter().map(|(_, text, number)| called(text, *number)));
    }
    Failure::new("Panic", panic.message.clone()).with(lines)
}

/// A place in a crate or in the standard library, without the folders above.
fn outside(place: &Place) -> String {
    let file = place.file.as_str();
    let below = |mark: &str, folders: usize| {
        let rest = &file[file.find(mark)? + mark.len()..];
        rest.splitn(folders + 1, '/').last()
    };
    // Behind the registry's folder stands one with its name; behind the standard library's own, or a commit.
    let short = below("/registry/src/", 1)
        .or_else(|| below("/rustlib/src/rust/library/", 0))
        .or_else(|| file.strip_prefix("/rustc/").and_then(|rest| rest.split_once("/library/")).map(|(_, rest)| rest));
    format!("{}:{}", short.unwrap_or(file), place.line)
}

fn called(text: &Text, number: usize) -> String {
    let line = text.code.lines().nth(number.saturating_sub(1)).unwrap_or_default().trim();
    format!("    {}, line {number}: {line}", text.name)
}

/// A panic that did not end the cell, as a text.
pub fn told(panic: &Panic, state: &State) -> String {
    let of_cell = |place| in_cells(place, state).map(|(text, number)| format!("{}, line {number}", text.name));
    let place = panic.place.as_ref().map(|place| match of_cell(place) {
        Some(place) => format!(" at {place}"),
        None => match panic.calls.iter().find_map(|(_, call)| of_cell(call)) {
            Some(call) => format!(" at {call}, in {}", outside(place)),
            None => format!(" at {}", outside(place)),
        },
    });
    let thread = panic.thread.as_deref().unwrap_or(if panic.main { "main" } else { "unnamed" });
    format!("thread '{thread}' panicked{}:\n{}\n", place.unwrap_or_default(), panic.message)
}

/// An error that ended the cell: of a `?`, or the value that ends it.
pub fn of_error(failed: Option<&Failed>, state: &State) -> Failure {
    let Some(failed) = failed else { return Failure::new("Error", "a `?` in this cell met an error") };
    let lines = failed.place.as_ref().and_then(|place| in_cells(place, state));
    let lines = lines.map(|(text, number)| excerpt(text, number)).unwrap_or_default();
    Failure::new(&short_type(&failed.kind), failed.text.clone()).with(lines)
}

/// The end of the process that ran the cell.
pub fn of_exit(exit: &Exit) -> Failure {
    let evalue = format!("the process that runs cells ended: {}", exit.reason());
    Failure::new("ProcessEnded", evalue).with([GONE.to_owned()])
}

/// `alloc::boxed::Box<dyn core::error::Error>` as `Box<dyn Error>`.
fn short_type(name: &str) -> String {
    let mut short = String::new();
    let mut word = String::new();
    for c in name.chars() {
        if c.is_alphanumeric() || c == '_' || c == ':' {
            word.push(c);
        } else {
            short.push_str(word.rsplit("::").next().unwrap_or_default());
            word.clear();
            short.push(c);
        }
    }
    short + word.rsplit("::").next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn state(code: &str) -> State {
        let mut state = State::default();
        state.texts.insert(4, Arc::new(Text { name: "cell 4".into(), code: code.into() }));
        state
    }

    #[test]
    fn a_panic_points_at_its_line_and_at_the_line_that_called() {
        let state = state("let a = 1;\n\nfn f() {\n    panic!()\n}\nf();");
        let place = |line| Place { file: "cell 4".into(), line };
        let calls = vec![
            ("f".to_owned(), place(4)),
            ("ctx::cutpoint_cell_4::{{closure}}".to_owned(), place(6)),
            ("ctx::cutpoint_cell_4".to_owned(), place(1)),
        ];
        let panic = Panic { message: "no value".into(), place: Some(place(4)), main: true, thread: None, calls };
        let failure = of_panic(Some(&panic), &state);
        assert_eq!((failure.ename.as_str(), failure.evalue.as_str()), ("Panic", "no value"));
        let text = strip(&failure.traceback.join("\n"));
        assert!(text.contains("cell 4, line 4") && text.contains("    cell 4, line 6: f();"), "{text}");
        let far = Panic { place: Some(Place { file: "/tch/lib.rs".into(), line: 9 }), ..panic };
        let text = strip(&of_panic(Some(&far), &state).traceback.join("\n"));
        assert!(text.contains("/tch/lib.rs:9") && text.contains("--> cell 4, line 4"), "{text}");
    }

    #[test]
    fn an_error_has_its_type_its_text_and_its_line() {
        let failed = Failed {
            kind: "alloc::boxed::Box<dyn core::error::Error>".into(),
            text: "no such file".into(),
            place: Some(Place { file: "cell 4".into(), line: 2 }),
        };
        let failure = of_error(Some(&failed), &state("let a = 1;\nopen()?;"));
        assert_eq!((failure.ename.as_str(), failure.evalue.as_str()), ("Box<dyn Error>", "no such file"));
        assert!(failure.traceback.join("\n").contains("cell 4, line 2"));
    }

    #[test]
    fn types_go_by_their_last_names_where_these_differ() {
        assert_eq!(short_paths("expected `std::vec::Vec<i32>`, found `&str`"), "expected `Vec<i32>`, found `&str`");
        assert_eq!(short_paths("expected `a::Error`, found `b::Error`"), "expected `a::Error`, found `b::Error`");
        assert_eq!(short_paths("`tch::Kind::Float` and std::fs::read"), "`Kind::Float` and std::fs::read");
        assert_eq!(
            in_words("the `?` operator can only be used on `Result`s in a closure that returns `Result<_, E>`"),
            "the `?` operator can only be used on `Result`s in a cell"
        );
    }

    #[test]
    fn places_are_said_in_words() {
        assert_eq!(placed(" --> cell 4:2:7"), " --> cell 4, line 2, column 7");
        assert_eq!(placed("2 | a::b:1:2"), "2 | a::b:1:2");
    }

    #[test]
    fn colours_are_taken_off() {
        assert_eq!(strip("a\u{1b}[31mb\u{1b}[0mc"), "abc");
    }
}
