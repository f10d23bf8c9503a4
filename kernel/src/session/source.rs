//! Generated source with a map back to where each byte of it comes from.

use std::ops::Range;

/// Where a piece of generated source comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The text of a cell, from this byte on.
    Cell { cell: usize, start: usize },
    /// A variable is taken from the store.
    Load(String),
    /// A variable is put into the store, after so many statements.
    Pack(String, usize),
    /// A variable that borrows is dropped before others are put into the store, after so many statements.
    Release(String, usize),
    /// The compiler is asked for the type of a variable, declared by this statement.
    Probe(String, usize),
    /// The value that ends a cell is shown.
    Show,
    /// Everything else that the kernel writes.
    Generated,
}

/// A text with a map.
#[derive(Clone, Debug, Default)]
pub struct Source {
    pub text: String,
    pieces: Vec<(usize, Origin)>,
}

impl Source {
    /// Appends text that comes from somewhere.
    pub fn push(&mut self, text: &str, origin: Origin) {
        if !text.is_empty() {
            self.pieces.push((self.text.len(), origin));
            self.text.push_str(text);
        }
    }

    /// Appends text of the kernel's own.
    pub fn add(&mut self, text: &str) {
        self.push(text, Origin::Generated);
    }

    /// The piece at a byte: its origin and where it starts.
    pub fn origin(&self, at: usize) -> Option<(&Origin, usize)> {
        let next = self.pieces.partition_point(|(start, _)| *start <= at);
        self.pieces[..next].last().map(|(start, origin)| (origin, *start))
    }

    /// The origins of all pieces that a span touches.
    pub fn origins(&self, span: &Range<usize>) -> impl Iterator<Item = &Origin> {
        let first = self.pieces.partition_point(|(start, _)| *start <= span.start).saturating_sub(1);
        let end = span.end.max(span.start + 1);
        self.pieces[first..].iter().take_while(move |(start, _)| *start < end).map(|(_, origin)| origin)
    }

    /// A span in the text of a cell: the cell, and its bytes. Kernel text at the edges is left out.
    pub fn in_cell(&self, span: &Range<usize>) -> Option<(usize, Range<usize>)> {
        let mut found: Option<(usize, Range<usize>)> = None;
        let first = self.pieces.partition_point(|(start, _)| *start <= span.start).saturating_sub(1);
        for (at, (start, origin)) in self.pieces.iter().enumerate().skip(first) {
            if *start > span.start.max(span.end.saturating_sub(1)) {
                break;
            }
            let Origin::Cell { cell, start: of_cell } = origin else { continue };
            let length = self.pieces.get(at + 1).map_or(self.text.len(), |(next, _)| *next) - start;
            let from = span.start.max(*start) - start;
            let to = span.end.min(start + length) - start;
            if from > length || to < from {
                continue;
            }
            let part = of_cell + from..of_cell + to;
            found = match found {
                Some((known, range)) if known == *cell => {
                    Some((known, range.start.min(part.start)..range.end.max(part.end)))
                }
                Some(other) => Some(other),
                None => Some((*cell, part)),
            };
        }
        found
    }

    /// The place in a cell that comes nearest before a byte, for spans in the kernel's own text.
    pub fn nearest(&self, at: usize) -> Option<(usize, usize)> {
        let next = self.pieces.partition_point(|(start, _)| *start <= at);
        self.pieces[..next].iter().enumerate().rev().find_map(|(i, (start, origin))| {
            let Origin::Cell { cell, start: of_cell } = origin else { return None };
            let end = self.pieces.get(i + 1).map_or(self.text.len(), |(next, _)| *next);
            Some((*cell, of_cell + (end - start)))
        })
    }
}

/// A change of a text: bytes that go, and what comes in their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    pub at: Range<usize>,
    pub text: String,
    /// Whether it belongs to what stands before it, and not to what follows.
    pub closes: bool,
}

impl Edit {
    /// Text that is put in before a byte.
    pub fn insert(at: usize, text: impl Into<String>) -> Edit {
        Edit { at: at..at, text: text.into(), closes: false }
    }

    /// Text that is put in behind what ends at a byte.
    pub fn close(at: usize, text: impl Into<String>) -> Edit {
        Edit { at: at..at, text: text.into(), closes: true }
    }

    /// Text that goes; its lines stay.
    pub fn blank(at: Range<usize>, text: &str) -> Edit {
        let lines = text[at.clone()].matches('\n').count();
        Edit { at, text: "\n".repeat(lines), closes: false }
    }
}

/// Appends a part of a cell's text, changed.
pub fn push_edited(out: &mut Source, cell: usize, text: &str, range: Range<usize>, edits: &[Edit]) {
    let mut at = range.start;
    // What is put in at an edge belongs to one side of it.
    let is_within = |edit: &&Edit| {
        let (start, end) = (edit.at.start, edit.at.end);
        let is_at_start = start == range.start && edit.closes && edit.at.is_empty();
        let is_at_end = end == range.end && !edit.closes && edit.at.is_empty() && !range.is_empty();
        start >= range.start && end <= range.end && !is_at_start && !is_at_end
    };
    for edit in edits.iter().filter(is_within) {
        if edit.at.start < at {
            continue;
        }
        out.push(&text[at..edit.at.start], Origin::Cell { cell, start: at });
        out.add(&edit.text);
        at = edit.at.end;
    }
    out.push(&text[at..range.end], Origin::Cell { cell, start: at });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_found_in_their_cell() {
        let mut source = Source::default();
        source.add("fn x() {");
        let code = "let a = f();";
        push_edited(&mut source, 4, code, 0..12, &[Edit::insert(8, "guard("), Edit::close(11, ")")]);
        source.push("put(a)", Origin::Pack("a".into(), 1));
        assert_eq!(source.text, "fn x() {let a = guard(f());put(a)");
        let at = source.text.find("f()").unwrap();
        assert_eq!(source.in_cell(&(at..at + 3)), Some((4, 8..11)));
        assert_eq!(source.in_cell(&(at - 2..at + 4)), Some((4, 8..11)));
        let put = source.text.find("put").unwrap();
        assert_eq!(source.in_cell(&(put..put + 3)), None);
        assert_eq!(source.origins(&(put..put + 1)).collect::<Vec<_>>(), [&Origin::Pack("a".into(), 1)]);
        assert_eq!(source.nearest(put + 2), Some((4, 12)));
    }

    #[test]
    fn what_is_blanked_keeps_its_lines() {
        let code = "a\nb\nc";
        let mut source = Source::default();
        push_edited(&mut source, 1, code, 0..5, &[Edit::blank(0..3, code)]);
        assert_eq!(source.text, "\n\nc");
    }
}
