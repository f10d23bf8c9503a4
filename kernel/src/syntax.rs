//! Whether a cell is complete, asked of the parser.

use jupyter_protocol::messaging::{IsCompleteReply, IsCompleteReplyStatus};
use ra_ap_syntax::{Edition, SourceFile};

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

#[derive(PartialEq, Eq)]
enum Depth {
    /// So many brackets are open.
    Open(usize),
    /// A text or a comment is open.
    InText,
}

/// What is open at the end of a cell; none when a bracket is closed that was not open.
fn open_brackets(code: &str) -> Option<Depth> {
    let mut open = vec![];
    let mut rest = code;
    while let Some(c) = rest.chars().next() {
        let skip = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            let Some(end) = comment_end(rest) else { return Some(Depth::InText) };
            end
        } else if let Some(hashes) = raw_text(rest) {
            let start = rest.find('"')? + 1;
            let close = format!("\"{}", "#".repeat(hashes));
            let Some(end) = rest[start..].find(&close) else { return Some(Depth::InText) };
            start + end + close.len()
        } else if c == '"' {
            let Some(end) = text_end(rest, '"') else { return Some(Depth::InText) };
            end
        } else if c == '\'' {
            // A character, or a lifetime, which has no closing mark.
            let second = rest[1..].chars().next();
            let third = second.and_then(|second| rest[1 + second.len_utf8()..].chars().next());
            if second == Some('\\') || third == Some('\'') {
                text_end(rest, '\'').unwrap_or(1)
            } else {
                1
            }
        } else {
            match c {
                '(' | '[' | '{' => open.push(c),
                ')' if open.pop()? != '(' => return None,
                ']' if open.pop()? != '[' => return None,
                '}' if open.pop()? != '{' => return None,
                _ => {}
            }
            // A word in one go: the `r` of `br"` or of `for` starts no raw text.
            let word = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            word.max(c.len_utf8())
        };
        rest = &rest[skip..];
    }
    Some(Depth::Open(open.len()))
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
