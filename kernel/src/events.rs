//! What the relay and the crate cutpoint tell the kernel: one line of JSON behind a marker.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What stands before a message; `cutpoint::notebook` writes the same text.
pub const MARKER: &str = "\u{1e}cutpoint ";

/// Contents by MIME type.
pub type Bundle = Map<String, Value>;

/// One message.
#[derive(Serialize, Deserialize, Debug, Clone)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Text that was printed.
    Stream { name: String, text: String },
    /// Something to draw; with an `id` it can be replaced, by the next one that says `update`.
    Display {
        data: Bundle,
        /// How to draw it, by MIME type: a picture's width and height.
        #[serde(default, skip_serializing_if = "Bundle::is_empty")]
        metadata: Bundle,
        #[serde(default)]
        id: Option<String>,
        #[serde(default)]
        update: bool,
    },
    /// The value that ended the cell.
    Result { data: Bundle },
    /// Takes away what the cell has shown.
    Clear { wait: bool },
    /// A thread panicked; if it was the cell's own, [`Event::Panicked`] follows.
    Panic(Panic),
    /// A panic ended the cell.
    Panicked,
    /// An error was converted by a `?`; if that ended the cell, [`Event::Failed`] follows.
    ErrorText {
        #[serde(rename = "type")]
        kind: String,
        text: String,
    },
    /// A `?` ended the cell.
    Failed,
    /// The runtime can be asked for output that is held back.
    Flusher,
    /// It has flushed it.
    Flushed,
    /// The runtime's process ended.
    Exited(Exit),
}

/// A panic as its hook saw it.
#[derive(Serialize, Deserialize, Debug, Clone)]
pub struct Panic {
    pub message: String,
    pub place: Option<Place>,
    /// Whether the thread was the one that runs cells.
    pub main: bool,
    pub thread: Option<String>,
    pub trace: String,
}

/// Where a panic arose.
#[derive(Serialize, Deserialize, Debug, Clone)]
pub struct Place {
    pub file: String,
    pub line: usize,
    pub column: usize,
}

/// How the runtime's process ended.
#[derive(Serialize, Deserialize, Debug, Clone)]
pub struct Exit {
    pub code: Option<i32>,
    pub signal: Option<i32>,
    /// The end of what it printed to standard error.
    pub last_words: String,
}

impl Exit {
    /// The reason, in words.
    pub fn reason(&self) -> String {
        let memory = ["memory allocation of", "bad_alloc", "can't allocate memory", "not enough memory"];
        let out_of_memory = memory.iter().any(|sign| self.last_words.contains(sign));
        match (self.signal, self.code) {
            (Some(libc::SIGABRT), _) if out_of_memory => "it ran out of memory (SIGABRT)".to_owned(),
            (Some(libc::SIGABRT), _) => "it aborted (SIGABRT)".to_owned(),
            (Some(libc::SIGSEGV), _) => "a segmentation fault, or a stack overflow (SIGSEGV)".to_owned(),
            (Some(libc::SIGBUS), _) => "a bus error (SIGBUS)".to_owned(),
            (Some(libc::SIGILL), _) => "an illegal instruction (SIGILL)".to_owned(),
            (Some(libc::SIGFPE), _) => "an arithmetic error (SIGFPE)".to_owned(),
            (Some(libc::SIGKILL), _) => "it was killed (SIGKILL), perhaps because memory ran out".to_owned(),
            (Some(signal), _) => format!("signal {signal}"),
            (None, code) => format!("it exited with code {}", code.unwrap_or_default()),
        }
    }
}

impl Event {
    /// The message in a line of the relay, if it is one.
    pub fn parse(line: &str) -> Option<Event> {
        serde_json::from_str(line.strip_prefix(MARKER)?).ok()
    }

    /// The message as a line.
    pub fn line(&self) -> String {
        // A message holds nothing that JSON cannot say.
        format!("{MARKER}{}\n", serde_json::to_string(self).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_the_line() {
        let text = "a\n\u{1e}b\"";
        let line = Event::Stream { name: "stdout".into(), text: text.into() }.line();
        assert_eq!(line.matches('\n').count(), 1);
        let Some(Event::Stream { text: read, .. }) = Event::parse(line.trim_end()) else { panic!("{line}") };
        assert_eq!(read, text);
        assert!(matches!(Event::parse("\u{1e}cutpoint \"flushed\""), Some(Event::Flushed)));
        assert!(Event::parse("flushed").is_none() && Event::parse("\u{1e}cutpoint {}").is_none());
    }

    #[test]
    fn reasons_name_memory_where_the_last_words_do() {
        let exit = |signal, words: &str| Exit { code: None, signal: Some(signal), last_words: words.into() }.reason();
        assert!(exit(libc::SIGABRT, "memory allocation of 8 bytes failed").contains("out of memory"));
        assert!(exit(libc::SIGABRT, "").contains("aborted"));
        assert_eq!(Exit { code: Some(3), signal: None, last_words: String::new() }.reason(), "it exited with code 3");
    }
}
