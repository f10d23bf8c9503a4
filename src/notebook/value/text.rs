//! Texts of values, and how a long one is shortened.

use std::collections::VecDeque;
use std::fmt::{Arguments, Write};

/// The characters that a value's text has at most, before its middle is left out.
pub(super) const TEXT_LIMIT: usize = 4000;
/// The characters that an item within a collection has at most.
pub(super) const ITEM_LIMIT: usize = 200;
/// How far from a cut a comma is looked for, in characters.
const NEAR: usize = 40;

/// What is shown for a value.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// The value, as it would be written in code or by PyTorch.
    pub(super) body: String,
    /// A line below it: shape and type.
    pub(super) note: String,
    /// The value says nothing: it is shown only within something that says more.
    pub(super) is_unit: bool,
}

impl Text {
    pub(super) fn plain(body: String) -> Text {
        Text { body, ..Text::default() }
    }
}

/// A text of at most some `limit` characters: of a longer one the beginning and the end, and how many are left out
/// between them. The whole text is never in memory.
pub(super) fn shortened(text: Arguments<'_>, limit: usize) -> String {
    let mut ends = Ends { half: limit / 2, head: String::new(), written: 0, tail: VecDeque::new() };
    // Nothing here can fail; a `Debug` that does is shown as far as it came.
    let _ = ends.write_fmt(text);
    ends.text()
}

/// The first and the last `half` characters of what is written to it.
struct Ends {
    half: usize,
    head: String,
    written: usize,
    tail: VecDeque<char>,
}

impl Write for Ends {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for c in text.chars() {
            if self.written < self.half {
                self.head.push(c);
            } else {
                if self.tail.len() == self.half {
                    self.tail.pop_front();
                }
                self.tail.push_back(c);
            }
            self.written += 1;
        }
        Ok(())
    }
}

impl Ends {
    fn text(self) -> String {
        let tail: String = self.tail.into_iter().collect();
        let kept = self.half.min(self.written) + tail.chars().count();
        if kept == self.written {
            return self.head + &tail;
        }
        // Cut behind a comma, where one is near: half a number would be read as a number.
        let head = match self.head.rfind(", ") {
            Some(at) if self.head[at..].chars().count() <= NEAR => &self.head[..at + 2],
            _ => &self.head,
        };
        let tail = match tail.find(", ") {
            Some(at) if tail[..at].chars().count() <= NEAR => &tail[at..],
            _ => &tail,
        };
        let left_out = self.written - head.chars().count() - tail.chars().count();
        let space = if head.ends_with(' ') { "" } else { " " };
        let end_space = if tail.starts_with(',') { "" } else { " " };
        format!("{head}{space}… ({left_out} characters left out){end_space}{tail}")
    }
}

/// A text whose lines after the first are moved to the right.
pub(super) fn indented(text: &str, columns: usize) -> String {
    text.replace('\n', &format!("\n{}", " ".repeat(columns)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_within_the_limit_is_whole() {
        let text = "x".repeat(98);
        assert_eq!(shortened(format_args!("{text:?}"), 100), format!("{text:?}"));
        assert_eq!(shortened(format_args!("{:?}", ""), 100), "\"\"");
    }

    #[test]
    fn of_a_longer_text_the_middle_is_left_out_and_counted() {
        let text = "ä".repeat(1000);
        let short = shortened(format_args!("{text:?}"), 100);
        assert_eq!(short, format!("\"{0} … (902 characters left out) {0}\"", "ä".repeat(49)));
    }

    #[test]
    fn a_list_is_cut_between_its_items() {
        let numbers: Vec<u32> = (10_000..11_000).collect();
        let short = shortened(format_args!("{numbers:?}"), 100);
        assert!(short.starts_with("[10000, 10001, "), "{short}");
        assert!(short.contains("10006, … (6900 characters left out), 10993, "), "{short}");
    }
}
