//! evcxr's marks in what a cell prints: rich blocks, and the prompt of a question.
//!
//! Crates for evcxr show a figure by printing its bytes between two marks. That is text like any other, and a cell may
//! print the marks for other reasons: whatever is not a whole block is text, and nothing waits for a mark to come.

use std::time::{Duration, Instant};

use cutpoint_wire::Bundle;

const BEGIN: &str = "EVCXR_BEGIN_CONTENT ";
const END: &str = "EVCXR_END_CONTENT";
const QUESTION: &str = "EVCXR_INPUT_REQUEST";
/// A block that is not closed for so long is text.
const PATIENCE: Duration = Duration::from_secs(2);
/// A letter that may begin a mark waits for so long.
const GLANCE: Duration = Duration::from_millis(100);
/// A block of more bytes is text.
const MOST: usize = 64 << 20;

/// What was found in printed text.
#[derive(Debug, PartialEq)]
pub enum Found {
    Text(String),
    /// Blocks that stood behind one another, each of another type.
    Block(Bundle),
}

/// Finds marks in a text that comes in pieces.
#[derive(Default)]
pub struct Blocks {
    /// Text that may be the start of a mark.
    held: String,
    /// Since when it is held.
    since: Option<Instant>,
    /// The block that is open: its type, its text so far, and since when.
    open: Option<(String, String, Option<Instant>)>,
    bundle: Bundle,
    /// A line that asks a question, until it is known whether something is read.
    question: Option<String>,
}

impl Blocks {
    /// Takes in a piece of text.
    pub fn feed(&mut self, text: &str) -> Vec<Found> {
        let mut found = vec![];
        if self.held.is_empty() && self.open.is_none() && self.question.is_none() && !text.contains('E') {
            self.text(text, &mut found);
            return found;
        }
        self.held.push_str(text);
        while self.step(&mut found) {}
        self.since =
            if self.held.is_empty() { None } else { self.since.filter(|_| text.is_empty()).or(Some(Instant::now())) };
        found
    }

    /// Takes one line, or what is before a mark; false when more text is needed.
    fn step(&mut self, found: &mut Vec<Found>) -> bool {
        if let Some((mime, content, _)) = &mut self.open {
            let Some(end) = self.held.find('\n') else { return false };
            let line: String = self.held.drain(..=end).collect();
            let text = line.trim_end_matches('\n');
            if let Some(last) = text.strip_suffix(END) {
                content.push_str(last);
                let content = content.strip_suffix('\n').unwrap_or(content).to_owned();
                let mime = std::mem::take(mime);
                self.open = None;
                if self.bundle.contains_key(&mime) {
                    found.push(Found::Block(std::mem::take(&mut self.bundle)));
                }
                self.bundle.insert(mime, content.into());
                return true;
            }
            content.push_str(&line);
            if content.len() > MOST {
                self.give_up(found);
            }
            return true;
        }
        let Some(at) = self.held.find("EVCXR_") else {
            // The last letters may be the first ones of a mark.
            let start = (0..6).rev().find(|length| self.held.ends_with(&"EVCXR_"[..*length])).unwrap_or(0);
            let text: String = self.held.drain(..self.held.len() - start).collect();
            self.text(&text, found);
            return false;
        };
        let before: String = self.held.drain(..at).collect();
        self.text(&before, found);
        let Some(end) = self.held.find('\n') else {
            let is_start = BEGIN.starts_with(&self.held) || self.held.starts_with(BEGIN);
            let is_question = QUESTION.starts_with(&self.held) || self.held.starts_with(QUESTION);
            if !is_start && !is_question {
                let text = std::mem::take(&mut self.held);
                self.text(&text, found);
            }
            return false;
        };
        let line: String = self.held.drain(..=end).collect();
        let mime = line.strip_prefix(BEGIN).map(str::trim).filter(|mime| mime.contains('/') && !mime.contains(' '));
        if let Some(mime) = mime {
            self.open = Some((mime.to_owned(), String::new(), Some(Instant::now())));
        } else if line.starts_with(QUESTION) {
            self.text("", found);
            self.question = Some(line);
        } else {
            // A mark's name in the middle of a text.
            self.text(&line, found);
        }
        true
    }

    fn text(&mut self, text: &str, found: &mut Vec<Found>) {
        if text.is_empty() {
            return;
        }
        if !self.bundle.is_empty() {
            found.push(Found::Block(std::mem::take(&mut self.bundle)));
        }
        let text = self.question.take().unwrap_or_default() + text;
        match found.last_mut() {
            Some(Found::Text(last)) => last.push_str(&text),
            _ => found.push(Found::Text(text)),
        }
    }

    /// What was taken for a block is text.
    fn give_up(&mut self, found: &mut Vec<Found>) {
        if let Some((mime, content, _)) = self.open.take() {
            self.text(&format!("{BEGIN}{mime}\n{content}"), found);
        }
    }

    /// Text that has waited for long enough.
    pub fn overdue(&mut self) -> Vec<Found> {
        let mut found = vec![];
        let is_old = |since: &Option<Instant>| since.is_none_or(|since| since.elapsed() > PATIENCE);
        if self.open.as_ref().is_some_and(|(_, _, since)| is_old(since)) {
            self.give_up(&mut found);
        }
        let patience = if self.held.starts_with("EVCXR_") { PATIENCE } else { GLANCE };
        if self.open.is_none() && self.since.is_some_and(|since| since.elapsed() > patience) {
            let rest = std::mem::take(&mut self.held);
            self.since = None;
            self.text(&rest, &mut found);
        }
        found
    }

    /// The prompt of a question, when something is read: its text, and whether the answer is a secret.
    pub fn prompt(&mut self) -> Option<(String, bool)> {
        let line = self.question.take()?;
        let is_secret = line.starts_with("EVCXR_INPUT_REQUEST_PASSWORD");
        let text = line.split_once(':').map_or("", |(_, text)| text);
        Some((text.trim_end_matches('\n').to_owned(), is_secret))
    }

    /// The end: what is left, and the block that stands last.
    pub fn end(&mut self) -> (Vec<Found>, Option<Bundle>) {
        let mut found = vec![];
        self.give_up(&mut found);
        let rest = std::mem::take(&mut self.held);
        self.text(&rest, &mut found);
        if self.question.is_some() {
            let line = self.question.take().unwrap_or_default();
            self.text(&line, &mut found);
        }
        let last = std::mem::take(&mut self.bundle);
        (found, (!last.is_empty()).then_some(last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(pieces: &[&str]) -> (String, Vec<Bundle>, Option<Bundle>) {
        let (mut blocks, mut text, mut bundles) = (Blocks::default(), String::new(), vec![]);
        let mut take = |found: Vec<Found>| {
            for found in found {
                match found {
                    Found::Text(part) => text.push_str(&part),
                    Found::Block(bundle) => bundles.push(bundle),
                }
            }
        };
        for piece in pieces {
            take(blocks.feed(piece));
        }
        let (found, last) = blocks.end();
        take(found);
        (text, bundles, last)
    }

    const BLOCK: &str = "EVCXR_BEGIN_CONTENT text/html\none\ntwo\nEVCXR_END_CONTENT\n";

    #[test]
    fn a_block_is_found_however_it_is_cut() {
        for cut in 0..BLOCK.len() {
            let (text, bundles, last) = all(&["half", &BLOCK[..cut], &BLOCK[cut..]]);
            assert_eq!((text.as_str(), bundles.len()), ("half", 0));
            assert_eq!(last.unwrap()["text/html"], "one\ntwo");
        }
        let (text, bundles, last) = all(&[BLOCK, "after\n", BLOCK, BLOCK]);
        assert_eq!((text.as_str(), bundles.len(), last.is_some()), ("after\n", 2, true));
    }

    #[test]
    fn what_is_no_whole_block_is_text() {
        for text in [
            "EVCXR_BEGIN_CONTENT text/html\nnever closed\n",
            "EVCXR_END_CONTENT\n",
            "EVCXR_BEGIN_CONTENT\n",
            "EVCXR_BEGIN_CONTENT no type\n",
            "EVCXR_EXECUTION_COMPLETE\nEVCXR_PANIC_NOTIFICATION\n",
            "E\nEVC",
            "EVCXR_INPUT_REQUEST:not asked\n",
            "Every CXR_ letter",
        ] {
            assert_eq!(all(&[text]), (text.to_owned(), vec![], None), "{text}");
            let (first, rest) = text.split_at(text.len() / 2);
            assert_eq!(all(&[first, rest]).0, text);
        }
        let nested = format!("EVCXR_BEGIN_CONTENT a/b\n{BLOCK}EVCXR_END_CONTENT\n");
        let (text, _, last) = all(&[&nested]);
        assert!(text.contains("EVCXR_END_CONTENT") && last.is_none_or(|last| last.contains_key("a/b")), "{text}");
    }

    #[test]
    fn a_question_is_one_when_something_is_read() {
        let mut blocks = Blocks::default();
        assert_eq!(blocks.feed("EVCXR_INPUT_REQUEST:Name? \n"), []);
        assert_eq!(blocks.prompt(), Some(("Name? ".to_owned(), false)));
        blocks.feed("EVCXR_INPUT_REQUEST_PASSWORD:Key\n");
        assert_eq!(blocks.prompt(), Some(("Key".to_owned(), true)));
        assert_eq!(blocks.prompt(), None);
    }
}
