//! Completion and inspection. rust-analyzer answers while no cell runs; while one does, names that are known anyhow.

use std::collections::BTreeSet;
use std::sync::{Mutex, TryLockError};

use evcxr::CommandContext;
use jupyter_protocol::messaging::{CompleteReply, InspectReply, ReplyStatus};
use serde_json::{json, Map};

use crate::events::Bundle;
use crate::output::media;

/// What can be completed without rust-analyzer.
#[derive(Default)]
pub struct Names(Mutex<BTreeSet<String>>);

const KEYWORDS: [&str; 36] = [
    "as", "async", "await", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern", "false", "fn",
    "for", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref", "return", "self", "static",
    "struct", "super", "trait", "true", "type", "use", "where", "while",
];

impl Names {
    /// Learns the variables and items that there are now.
    pub fn learn(&self, context: &CommandContext) {
        let mut names = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        names.clear();
        names.extend(context.variables_and_types().map(|(name, _)| name.to_owned()));
        names.extend(context.defined_item_names().map(str::to_owned));
    }

    /// The known names, and the words of a cell, that start so.
    fn starting_with(&self, start: &str, code: &str) -> Vec<String> {
        let names = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut found: BTreeSet<&str> = names.iter().map(String::as_str).chain(KEYWORDS).collect();
        found.extend(code.split(|c| !is_word(c)).filter(|word| !word.starts_with(|c: char| c.is_ascii_digit())));
        found.retain(|name| name.starts_with(start) && *name != start);
        found.into_iter().map(str::to_owned).collect()
    }
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

/// Uses the compiler's context, unless a cell runs.
fn with<T>(context: &Mutex<Option<CommandContext>>, ask: impl FnOnce(&mut CommandContext) -> Option<T>) -> Option<T> {
    let mut context = match context.try_lock() {
        Ok(context) => context,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => return None,
    };
    let context = context.as_mut()?;
    // rust-analyzer can stumble over code that is half written; that must not end the kernel.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ask(context))).ok().flatten()
}

/// Answers a `complete_request`. `cursor` counts characters.
pub fn complete(context: &Mutex<Option<CommandContext>>, names: &Names, code: &str, cursor: usize) -> CompleteReply {
    let at = to_byte(code, cursor);
    let found = with(context, |context| context.completions(code, at).ok());
    let (start, end, matches, kinds) = match found {
        Some(found) if !found.completions.is_empty() => {
            let written = code.get(found.start_offset..at).unwrap_or_default().to_lowercase();
            let mut fitting: Vec<_> = found.completions.iter().map(|c| (plain(&c.code), c.kind.to_owned())).collect();
            let starts = |name: &str| name.to_lowercase().starts_with(&written);
            if fitting.iter().any(|(name, _)| starts(name)) {
                fitting.retain(|(name, _)| starts(name));
            }
            let (matches, kinds) = fitting.into_iter().unzip();
            (found.start_offset, found.end_offset, matches, kinds)
        }
        _ => {
            let start = code[..at]
                .rfind(|c| !is_word(c))
                .map_or(0, |before| before + code[before..].chars().next().map_or(1, char::len_utf8));
            let matches = names.starting_with(&code[start..at], code);
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

/// Answers an `inspect_request`: the documentation of the name at the cursor, which counts characters.
pub fn inspect(context: &Mutex<Option<CommandContext>>, code: &str, cursor: usize) -> InspectReply {
    let mut at = to_byte(code, cursor);
    // From inside a name, or just behind its bracket, to its end.
    at += code[at..].find(|c| !is_word(c)).unwrap_or(code.len() - at);
    if !code[..at].ends_with(is_word) {
        at = code[..at].rfind(is_word).map_or(at, |last| last + code[last..].chars().next().map_or(1, char::len_utf8));
    }
    let found = with(context, |context| context.hover_at(code, at).ok());
    let mut reply = InspectReply::default();
    if let Some((text, html)) = found.filter(|(text, _)| text != "No documentation found") {
        let mut data = Bundle::new();
        data.insert("text/plain".to_owned(), text.into());
        data.insert("text/html".to_owned(), html.into());
        (reply.found, reply.data) = (true, media(&data));
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_a_cell_runs_known_names_are_completed() {
        let (context, names) = (Mutex::new(None), Names::default());
        let reply = complete(&context, &names, "let würfel = 1; wür", 19);
        assert_eq!((reply.matches, reply.cursor_start, reply.cursor_end), (vec!["würfel".to_owned()], 16, 19));
    }

    #[test]
    fn places_to_fill_in_are_left_out() {
        assert_eq!(plain("push(${1:value})$0"), "push(value)");
        assert_eq!(plain("len()$0"), "len()");
    }
}
