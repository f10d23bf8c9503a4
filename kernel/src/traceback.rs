//! Errors as a notebook shows them: a name, a value, and lines that point into the cell.

use evcxr::{CompilationError, Error};

use crate::events::{Exit, Panic};

/// An error of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub ename: String,
    pub evalue: String,
    pub traceback: Vec<String>,
}

const RED: &str = "\u{1b}[1;31m";
const BLUE: &str = "\u{1b}[1;34m";
const PLAIN: &str = "\u{1b}[0m";

impl Failure {
    /// An error whose text says all.
    pub fn new(ename: &str, evalue: impl Into<String>) -> Failure {
        let evalue = evalue.into();
        let traceback = evalue.lines().enumerate().map(|(i, line)| match i {
            0 => format!("{RED}{ename}{PLAIN}: {line}"),
            _ => line.to_owned(),
        });
        Failure { ename: ename.to_owned(), traceback: traceback.collect(), evalue }
    }

    /// The same by another name.
    pub fn renamed(self, ename: &str) -> Failure {
        let mut traceback = self.traceback;
        if let Some(first) = traceback.first_mut() {
            *first = first.replacen(&self.ename, ename, 1);
        }
        Failure { ename: ename.to_owned(), evalue: self.evalue, traceback }
    }

    /// The same with more lines below.
    pub fn with(mut self, lines: impl IntoIterator<Item = String>) -> Failure {
        self.traceback.extend(lines);
        self
    }
}

/// What evcxr could not compile or run.
pub fn of_evcxr(error: &Error, cell: &str) -> Failure {
    match error {
        Error::CompilationErrors(errors) => of_compiler(errors, cell),
        other => Failure::new("EvaluationError", strip(&other.to_string())),
    }
}

fn of_compiler(errors: &[CompilationError], cell: &str) -> Failure {
    let real: Vec<_> = errors.iter().filter(|error| error.level() == "error" || error.level().is_empty()).collect();
    let errors = if real.is_empty() { errors.iter().collect() } else { real };
    let evalue = match errors.first() {
        Some(first) => first.message(),
        None => "the cell does not compile".to_owned(),
    };
    let mut traceback = vec![];
    for error in &errors {
        traceback.extend(described(error, cell));
    }
    Failure { ename: "CompileError".to_owned(), evalue, traceback }
}

fn described(error: &CompilationError, cell: &str) -> Vec<String> {
    let code = error.code().map(|code| format!("[{code}]")).unwrap_or_default();
    let mut lines = vec![format!("{RED}error{code}{PLAIN}: {}", error.message())];
    let mut shown = false;
    for message in error.spanned_messages() {
        let Some(span) = &message.span else { continue };
        if !shown {
            lines.push(format!("{BLUE}  -->{PLAIN} cell line {}, column {}", span.start_line, span.start_column));
            shown = true;
        }
        for number in span.start_line..=span.end_line {
            let Some(text) = cell.lines().nth(number - 1) else { continue };
            lines.push(format!("{BLUE}{number:4} |{PLAIN} {text}"));
            let from = if number == span.start_line { span.start_column } else { 1 };
            let to = if number == span.end_line { span.end_column } else { text.chars().count() + 1 };
            let mark = if message.is_primary { "^" } else { "-" };
            let marks = mark.repeat(to.saturating_sub(from).max(1));
            let label = if number == span.end_line { message.label.as_str() } else { "" };
            // What the first line says need not be said again.
            let label = label.strip_prefix("error: ").map_or(label, |_| "");
            lines.push(format!("{BLUE}     |{PLAIN} {}{RED}{marks}{PLAIN} {label}", " ".repeat(from - 1)));
        }
    }
    if !shown {
        let rendered = error.rendered();
        lines.extend(rendered.lines().skip(1).map(str::to_owned));
    }
    for help in error.help() {
        let mut help = help.lines().map(str::to_owned);
        lines.extend(help.next().map(|first| format!("{BLUE}help{PLAIN}: {first}")));
        lines.extend(help.map(|line| format!("      {line}")));
    }
    lines.extend(error.evcxr_extra_hint().map(|hint| format!("{BLUE}note{PLAIN}: {hint}")));
    lines
}

/// A panic that ended the cell. `compiled` is the program that evcxr made of it.
pub fn of_panic(panic: Option<&Panic>, cell: &str, compiled: &str) -> Failure {
    let Some(panic) = panic else { return Failure::new("Panic", "the cell panicked") };
    let mut lines = vec![];
    if let Some(place) = &panic.place {
        let in_cell = place.file.ends_with("src/lib.rs") && !place.file.contains("/cutpoint");
        match in_cell.then(|| line_in_cell(place.line, cell, compiled)).flatten() {
            Some(number) => lines.extend(excerpt(cell, number)),
            None => lines.push(format!("{BLUE}  -->{PLAIN} {}:{}:{}", place.file, place.line, place.column)),
        }
    }
    let frames = frames(&panic.trace, cell, compiled);
    if !frames.is_empty() {
        lines.push("called from:".to_owned());
        lines.extend(frames);
    }
    Failure::new("Panic", panic.message.clone()).with(lines)
}

/// A `?` that ended the cell.
pub fn of_question_mark(error: Option<&(String, String)>, cell: &str) -> Failure {
    let Some((kind, text)) = error else {
        return Failure::new("Error", "a `?` in this cell met an error; its text is above");
    };
    let candidates: Vec<usize> =
        (1..).zip(cell.lines()).filter(|(_, l)| has_question_mark(l)).map(|(n, _)| n).collect();
    let lines = match candidates.as_slice() {
        [only] => excerpt(cell, *only),
        [] => vec![],
        several => {
            let numbers: Vec<String> = several.iter().map(ToString::to_string).collect();
            vec![format!("{BLUE}  -->{PLAIN} a `?` in one of the cell's lines {}", numbers.join(", "))]
        }
    };
    Failure::new(&short_type(kind), text.clone()).with(lines)
}

/// The end of the process that ran the cell.
pub fn of_exit(exit: &Exit) -> Failure {
    let evalue = format!("the process that runs cells ended: {}", exit.reason());
    Failure::new("ProcessEnded", evalue).with([GONE.to_owned()])
}

/// What is said whenever the process had to be started anew.
pub const GONE: &str = "All variables are gone. The next cell runs in a new process; `use`, `fn` and types are kept.";

fn has_question_mark(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    code.match_indices('?').any(|(at, mark)| {
        let next = code[at + mark.len()..].trim_start().chars().next();
        at > 0 && next.is_none_or(|next| !next.is_alphanumeric())
    })
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

/// A line of the cell with those around it.
fn excerpt(cell: &str, number: usize) -> Vec<String> {
    let mut lines = vec![format!("{BLUE}  -->{PLAIN} cell line {number}")];
    for (at, text) in (1..).zip(cell.lines()) {
        if at + 2 >= number && at <= number + 1 {
            let arrow = if at == number { "--> " } else { "    " };
            lines.push(format!("{RED}{arrow}{PLAIN}{BLUE}{at:4} |{PLAIN} {text}"));
        }
    }
    lines
}

/// The cell's line that became line `number` of the compiled program. evcxr keeps lines whole, but for what it puts
/// before the first and after the last of a statement.
fn line_in_cell(number: usize, cell: &str, compiled: &str) -> Option<usize> {
    let text = compiled.lines().nth(number.checked_sub(1)?)?.trim();
    let lines: Vec<&str> = cell.lines().map(str::trim).collect();
    let same = |line: &&str| !line.is_empty() && (*line == text || (line.len() > 3 && text.contains(*line)));
    let matching: Vec<usize> = (1..).zip(&lines).filter(|(_, line)| same(line)).map(|(at, _)| at).collect();
    if let [only] = matching.as_slice() {
        return Some(*only);
    }
    // Of several equal lines it is the one that is as many equal lines down in both texts.
    let before = compiled.lines().take(number).filter(|line| line.trim() == text).count();
    matching.get(before.checked_sub(1)?).copied()
}

/// The frames of a backtrace that are the reader's: of the cell, and of the crate cutpoint.
fn frames(trace: &str, cell: &str, compiled: &str) -> Vec<String> {
    let mut found = vec![];
    let mut lines = trace.lines().map(str::trim).peekable();
    while let Some(line) = lines.next() {
        let Some((number, name)) = line.split_once(": ") else { continue };
        if !number.bytes().all(|b| b.is_ascii_digit()) {
            continue;
        }
        let place = lines.next_if(|next| next.starts_with("at ")).map(|at| &at[3..]);
        let hidden = ["cutpoint::notebook::", "evcxr_internal", "catch_unwind", "std::", "core::", "<core", "<alloc"];
        if hidden.iter().any(|part| name.contains(part)) {
            continue;
        }
        if name.starts_with("ctx::") || name.contains("cutpoint::") {
            let number = place.and_then(|p| p.rsplit(':').nth(1)).and_then(|n| n.parse().ok());
            let of_cell = place.is_some_and(|p| p.contains("src/lib.rs")) && name.starts_with("ctx::");
            let line = number.filter(|_| of_cell).and_then(|number| line_in_cell(number, cell, compiled));
            let name = name.strip_prefix("ctx::").unwrap_or(name);
            if name.starts_with("run_user_code_") {
                continue;
            }
            let at = line.map(|line| format!(", cell line {line}")).unwrap_or_default();
            found.push(format!("    {name}{at}"));
        }
        if found.len() == 20 {
            break;
        }
    }
    found
}

/// A text without evcxr's colours.
fn strip(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        out.push_str(&rest[..at]);
        rest = rest[at..].split_once('m').map_or("", |(_, rest)| rest);
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Place;

    #[test]
    fn a_panic_points_at_its_line_of_the_cell() {
        let cell = "let a = 1;\n\nlet b: Option<i32> = None;\nb.unwrap()";
        let compiled = "mod x {}\nlet a = 1;\nlet b: Option<i32> = None;\nsend(format!(\"{}\",&(\nb.unwrap()\n)));";
        let place = Some(Place { file: "src/lib.rs".into(), line: 5, column: 3 });
        let panic = Panic { message: "no value".into(), place, main: true, thread: None, trace: String::new() };
        let failure = of_panic(Some(&panic), cell, compiled);
        assert_eq!((failure.ename.as_str(), failure.evalue.as_str()), ("Panic", "no value"));
        let text = failure.traceback.join("\n");
        assert!(text.contains("cell line 4") && text.contains("b.unwrap()"), "{text}");
    }

    #[test]
    fn a_failing_question_mark_has_the_type_and_text_of_its_error() {
        let error = ("alloc::boxed::Box<dyn core::error::Error>".to_owned(), "no such file".to_owned());
        let failure = of_question_mark(Some(&error), "let a = 1;\nlet f = open(\"a?b\")?; // why?\n");
        assert_eq!((failure.ename.as_str(), failure.evalue.as_str()), ("Box<dyn Error>", "no such file"));
        assert!(failure.traceback.join("\n").contains("cell line 2"));
        let failure = of_question_mark(Some(&error), "let größe = 1;\nprintln!(\"50 €\"); open(\"é\")?;\n");
        assert!(failure.traceback.join("\n").contains("cell line 2"), "{failure:?}");
    }

    #[test]
    fn colours_are_taken_off() {
        assert_eq!(strip("a\u{1b}[31mb\u{1b}[0mc"), "abc");
    }
}
