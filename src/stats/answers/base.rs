//! Sentences, and how the best is set beside the others.

use std::fmt;

use crate::notebook::display;
use crate::stats::analysis::Best;
use crate::table::cannot_tell;

/// The answer of an experiment: a sentence for each percentage, and one on whether the best cut falls as data grows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer(Vec<String>);

impl Answer {
    /// An answer of some sentences.
    pub(crate) fn of(sentences: Vec<String>) -> Answer {
        Answer(sentences)
    }

    /// The sentences.
    pub fn sentences(&self) -> &[String] {
        &self.0
    }

    /// Shows the sentences in a notebook.
    pub fn evcxr_display(&self) {
        let items: String = self.0.iter().map(|s| format!("<li>{}</li>", display::escaped(s))).collect();
        display::show(&[("text/html", &format!("<ul>{items}</ul>")), ("text/plain", &self.to_string())]);
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

/// What can and cannot be told from the best, after a semicolon; nothing where there is nothing else. `name` names one,
/// and `kind` says what they are.
pub(super) fn others_in_words(found: &Best, kind: &str, name: &dyn Fn(i64) -> String) -> String {
    let alike = found.alike();
    if found.others.is_empty() {
        String::new()
    } else if found.tells_nothing() {
        format!("; {} it from the others", cannot_tell(found.repeats))
    } else if alike.is_empty() {
        format!("; it is significantly better than every other {kind}")
    } else {
        format!("; it cannot be told from {}", alike.iter().map(|&a| name(a)).collect::<Vec<_>>().join(", "))
    }
}
