//! Whether a cell is complete, asked of the parser; and what is open in one that is not.

use std::ops::Range;

use jupyter_protocol::messaging::{IsCompleteReply, IsCompleteReplyStatus};
use ra_ap_syntax::ast::MacroCall;
use ra_ap_syntax::{AstNode, Edition, SourceFile, SyntaxKind, SyntaxToken};

/// What stands around a cell so that its statements parse.
const BEFORE: &str = "async fn cell() {\n";

/// Whether a cell can be run as it is, needs more lines, or can never be right.
pub fn is_complete(code: &str) -> IsCompleteReply {
    let code: String =
        code.lines().map(|line| if is_command(line) { "\n".to_owned() } else { format!("{line}\n") }).collect();
    let code = code.trim_end();
    let reply = |status, indent: &str| IsCompleteReply::new(status, indent.to_owned());
    let Some(depth) = open_brackets(code) else {
        return reply(IsCompleteReplyStatus::Invalid, "");
    };
    let parsed = SourceFile::parse(&format!("{BEFORE}{code}\n}}"), Edition::Edition2024);
    if depth == Depth::Open(0) {
        let Some(error) = parsed.errors().into_iter().next() else {
            return reply(IsCompleteReplyStatus::Complete, "");
        };
        // An error at the very end is one that another line can mend.
        let at = usize::from(error.range().start());
        if at < BEFORE.len() + code.len() {
            return reply(IsCompleteReplyStatus::Invalid, "");
        }
        return reply(IsCompleteReplyStatus::Incomplete, "    ");
    }
    match depth {
        Depth::Open(levels) => reply(IsCompleteReplyStatus::Incomplete, &"    ".repeat(levels)),
        Depth::InText => reply(IsCompleteReplyStatus::Incomplete, ""),
    }
}

/// A command of evcxr, such as `:dep`, or of the shell.
pub fn is_command(line: &str) -> bool {
    let line = line.trim_start();
    (line.starts_with(':') && line[1..].starts_with(|c: char| c.is_ascii_alphabetic()))
        || (line.starts_with('!') && line.len() > 1)
}

/// Macros whose `name = value` names an argument.
const FORMATS: [&str; 18] = [
    "print",
    "println",
    "eprint",
    "eprintln",
    "format",
    "format_args",
    "write",
    "writeln",
    "panic",
    "assert",
    "assert_eq",
    "assert_ne",
    "debug_assert",
    "debug_assert_eq",
    "debug_assert_ne",
    "todo",
    "unimplemented",
    "unreachable",
];

/// Whether a statement gives a variable a new value, other than by `let`; also among what it gives to a macro.
pub fn assigns(statement: &str, name: &str) -> bool {
    let parsed = SourceFile::parse(&format!("{BEFORE}{statement}\n}}"), Edition::Edition2024);
    let tokens: Vec<SyntaxToken> = (parsed.tree().syntax().descendants_with_tokens())
        .filter_map(|element| element.into_token())
        .filter(|token| !token.kind().is_trivia())
        .collect();
    let kind = |at: Option<usize>| at.and_then(|at| tokens.get(at)).map(SyntaxToken::kind);
    let touches = |at: usize| tokens[at - 1].text_range().end() == tokens[at].text_range().start();
    (0..tokens.len()).any(|at| {
        let before = kind(at.checked_sub(1));
        let is_named = tokens[at].kind() == SyntaxKind::IDENT && tokens[at].text() == name;
        let is_new = [Some(SyntaxKind::LET_KW), Some(SyntaxKind::MUT_KW), Some(SyntaxKind::DOT)].contains(&before);
        // What a macro is given is not parsed: `==` is two tokens there.
        let is_longer = matches!(kind(Some(at + 2)), Some(SyntaxKind::EQ | SyntaxKind::R_ANGLE)) && touches(at + 2);
        let is_argument = before == Some(SyntaxKind::COMMA) && is_given_to_format(&tokens[at]);
        is_named && !is_new && kind(Some(at + 1)) == Some(SyntaxKind::EQ) && !is_longer && !is_argument
    })
}

/// Whether a token is one of those that a formatting macro is given, and not of a block among them.
fn is_given_to_format(token: &SyntaxToken) -> bool {
    let call = token.parent().and_then(|tree| MacroCall::cast(tree.parent()?));
    let name = call.and_then(|call| Some(call.path()?.segment()?.name_ref()?.text().to_string()));
    name.is_some_and(|name| FORMATS.contains(&name.as_str()))
}

#[derive(PartialEq, Eq)]
enum Depth {
    /// So many brackets are open.
    Open(usize),
    /// A text or a comment is open.
    InText,
}

/// What is open at the end of a cell; none when a bracket is closed that was not open.
fn open_brackets(code: &str) -> Option<Depth> {
    match scan(code) {
        Scanned::Open(open) => Some(Depth::Open(open.len())),
        Scanned::InText(_, what) if what != Open::Character => Some(Depth::InText),
        Scanned::InText(..) | Scanned::Wrong { .. } => None,
    }
}

/// What stands open.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Text,
    RawText,
    Comment,
    Character,
}

enum Scanned {
    /// These brackets are open: the byte and the bracket.
    Open(Vec<(usize, char)>),
    /// Something that starts at this byte is not closed.
    InText(usize, Open),
    /// The bracket at this byte closes nothing, or another one than the last that is open.
    Wrong { at: usize, open: Option<(usize, char)> },
}

fn scan(code: &str) -> Scanned {
    let mut open: Vec<(usize, char)> = vec![];
    let mut at = 0;
    while let Some(c) = code[at..].chars().next() {
        let rest = &code[at..];
        let skip = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            let Some(end) = comment_end(rest) else { return Scanned::InText(at, Open::Comment) };
            end
        } else if let Some(hashes) = raw_text(rest) {
            let start = rest.find('"').unwrap_or(0) + 1;
            let close = format!("\"{}", "#".repeat(hashes));
            let Some(end) = rest[start..].find(&close) else { return Scanned::InText(at, Open::RawText) };
            start + end + close.len()
        } else if c == '"' {
            let Some(end) = text_end(rest, '"') else { return Scanned::InText(at, Open::Text) };
            end
        } else if c == '\'' {
            // A character, or a lifetime, which has no closing mark.
            let second = rest[1..].chars().next();
            let third = second.and_then(|second| rest[1 + second.len_utf8()..].chars().next());
            if second == Some('\\') || third == Some('\'') {
                let Some(end) = text_end(rest, '\'') else { return Scanned::InText(at, Open::Character) };
                end
            } else {
                1
            }
        } else {
            match c {
                '(' | '[' | '{' => open.push((at, c)),
                ')' | ']' | '}' => {
                    let last = open.pop();
                    let fits = last.is_some_and(|(_, open)| matches!((open, c), ('(', ')') | ('[', ']') | ('{', '}')));
                    if !fits {
                        return Scanned::Wrong { at, open: last };
                    }
                }
                _ => {}
            }
            // A word in one go: the `r` of `br"` or of `for` starts no raw text.
            let word = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            word.max(c.len_utf8())
        };
        at += skip;
    }
    Scanned::Open(open)
}

/// What is wrong with the brackets, texts and comments of a cell.
pub struct Unbalanced {
    pub message: String,
    pub code: Option<&'static str>,
    pub at: Range<usize>,
    pub label: String,
    /// Another place that has to do with it.
    pub other: Option<(Range<usize>, String)>,
}

/// What is open in a cell, or closed without being open, in the compiler's words.
pub fn unbalanced(code: &str) -> Option<Unbalanced> {
    let found = |message: String, code, at, label: &str, other| {
        Some(Unbalanced { message, code, at, label: label.to_owned(), other })
    };
    match scan(code) {
        Scanned::Open(open) => {
            let (at, bracket) = *open.last()?;
            let message = format!("unclosed delimiter: this `{bracket}` is never closed");
            found(message, None, at..at + 1, "unclosed delimiter", None)
        }
        Scanned::InText(at, what) => {
            let (what, code, length) = match what {
                Open::Text => ("unterminated double quote string", "E0765", 1),
                Open::RawText => ("unterminated raw string", "E0748", 1),
                Open::Comment => ("unterminated block comment", "E0758", 2),
                Open::Character => ("unterminated character literal", "E0763", 1),
            };
            found(what.to_owned(), Some(code), at..at + length, "it starts here and never ends", None)
        }
        Scanned::Wrong { at, open: None } => {
            let message = format!("unexpected closing delimiter: `{}`", &code[at..at + 1]);
            found(message, None, at..at + 1, "unexpected closing delimiter", None)
        }
        Scanned::Wrong { at, open: Some((of, bracket)) } => {
            let message = format!("mismatched closing delimiter: `{}`", &code[at..at + 1]);
            let other = Some((of..of + 1, format!("the `{bracket}` that is open")));
            found(message, None, at..at + 1, "mismatched closing delimiter", other)
        }
    }
}

/// How many `#` stand before the quote of a raw text that starts here.
fn raw_text(code: &str) -> Option<usize> {
    let rest = ["br", "cr", "r"].iter().find_map(|prefix| code.strip_prefix(prefix))?;
    let hashes = rest.bytes().take_while(|b| *b == b'#').count();
    rest[hashes..].starts_with('"').then_some(hashes)
}

/// Where the text ends that starts here.
fn text_end(code: &str, mark: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in code.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == mark => return Some(at + c.len_utf8()),
            _ => {}
        }
    }
    None
}

/// Where the comment ends that starts here; comments can stand in one another.
fn comment_end(code: &str) -> Option<usize> {
    let (mut depth, mut at) = (0, 0);
    while at < code.len() {
        if code[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if code[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += code[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_values_are_told_from_comparisons_and_from_texts() {
        for (text, expected) in [
            ("if a { x = f(x); }", true),
            ("if x == 1 {}", false),
            ("match x { x => 1 };", false),
            ("let x = 1;", false),
            ("let mut x = 1;", false),
            ("xx = 1;", false),
            ("x += 1;", false),
            ("a.x = 1;", false),
            ("println!(\"x = {x}\");", false),
            ("println!(\"{x}\", x = 3);", false),
            ("std::println!(\"{x}\", x = 3);", false),
            ("debug_assert_eq!(1, 1, \"{x}\", x = 3);", false),
            ("println!(\"{}\", { x = vec![2]; x.len() });", true),
            ("// x = 1\nf();", false),
            ("m!(x = 1; y);", true),
            ("m!(x == 1);", false),
            ("for i in 0..3 { x = i }", true),
        ] {
            assert_eq!(assigns(text, "x"), expected, "{text}");
        }
    }

    #[test]
    fn what_is_open_is_named_with_its_place() {
        for (code, message, at) in [
            ("fn f() {\n    g(1;\n}", "mismatched closing delimiter: `}`", 18),
            ("f(1", "unclosed delimiter: this `(` is never closed", 1),
            ("let a = \"abc;", "unterminated double quote string", 8),
            ("/* a", "unterminated block comment", 0),
            ("a }", "unexpected closing delimiter: `}`", 2),
            ("let a = 'ab\\';", "", 0),
        ] {
            let found = unbalanced(code);
            let found = found.as_ref().map_or(("", 0), |found| (found.message.as_str(), found.at.start));
            assert_eq!(found, (message, at), "{code}");
        }
    }

    #[test]
    fn cells_are_complete_incomplete_or_invalid() {
        use IsCompleteReplyStatus::{Complete, Incomplete, Invalid};
        let table = [
            ("1 + 1", Complete),
            ("let a = 5;", Complete),
            ("fn f<'a>(x: &'a str) -> char { 'x' }", Complete),
            (":dep rand = \"0.8\"\nlet a = r#\"}\"#;", Complete),
            ("for i in 0..3 {\n    println!(\"{i}\");\n}", Complete),
            ("", Complete),
            ("fn f() {", Incomplete),
            ("let a =", Incomplete),
            ("println!(\"abc", Incomplete),
            ("/* a /* b */", Incomplete),
            ("let a = [1,\n2,", Incomplete),
            ("let = 3;", Invalid),
            ("let a = 1);", Invalid),
        ];
        for (code, expected) in table {
            assert_eq!(is_complete(code).status, expected, "{code}");
        }
        assert_eq!(is_complete("fn f() { if true {").indent, "        ");
    }
}
