//! The inputs of this session, as `history_request` wants them.

use std::sync::Mutex;

use jupyter_protocol::messaging::{HistoryEntry, HistoryRequest};

/// What was run, in order.
#[derive(Default)]
pub struct History(Mutex<Vec<(usize, String)>>);

impl History {
    /// Adds the input of one cell.
    pub fn add(&self, count: usize, code: &str) {
        self.entries().push((count, code.to_owned()));
    }

    /// The entries that a request asks for.
    pub fn find(&self, request: &HistoryRequest) -> Vec<HistoryEntry> {
        let all = self.entries();
        let last = |found: Vec<&(usize, String)>, n: i32| {
            let n = usize::try_from(n).unwrap_or(0);
            found[found.len().saturating_sub(n)..].iter().map(|entry| (*entry).clone()).collect::<Vec<_>>()
        };
        let (found, output) = match request {
            HistoryRequest::Tail { n, output, .. } => (last(all.iter().collect(), *n), *output),
            HistoryRequest::Range { start, stop, output, .. } => {
                let (start, stop) =
                    (usize::try_from(*start).unwrap_or(0), usize::try_from(*stop).unwrap_or(usize::MAX));
                let within = |entry: &&(usize, String)| entry.0 >= start.max(1) && entry.0 < stop;
                (all.iter().filter(within).cloned().collect(), *output)
            }
            HistoryRequest::Search { pattern, unique, output, n, .. } => {
                let mut found: Vec<_> = all.iter().filter(|(_, code)| matches(pattern, code)).collect();
                if *unique {
                    let mut seen = std::collections::HashSet::new();
                    found.reverse();
                    found.retain(|(_, code)| seen.insert(code.clone()));
                    found.reverse();
                }
                // Clients that do not say how many they want get all.
                (last(found, if *n > 0 { *n } else { i32::MAX }), *output)
            }
        };
        let entry = |(count, code): (usize, String)| match output {
            true => HistoryEntry::InputOutput(0, count, (code, String::new())),
            false => HistoryEntry::Input(0, count, code),
        };
        found.into_iter().map(entry).collect()
    }

    fn entries(&self) -> std::sync::MutexGuard<'_, Vec<(usize, String)>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Whether a text is like a pattern in which `*` stands for any text and `?` for one character.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        if p < pattern.len() && pattern[p] == '*' {
            star = Some((p, t));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == '?' || pattern[p] == text[t]) {
            (p, t) = (p + 1, t + 1);
        } else if let Some((at, taken)) = star {
            (p, t) = (at + 1, taken + 1);
            star = Some((at, taken + 1));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_have_stars_and_question_marks() {
        assert!(matches("*", "") && matches("let*", "let a") && matches("*1?1*", "1+1;"));
        assert!(!matches("let", "let a") && !matches("a*b", "abc"));
    }

    #[test]
    fn ranges_tails_and_searches_find_their_entries() {
        let history = History::default();
        for (count, code) in [(1, "a"), (2, "b"), (3, "a")] {
            history.add(count, code);
        }
        let search = |unique| HistoryRequest::Search { pattern: "a".into(), unique, output: false, raw: true, n: 10 };
        assert_eq!(history.find(&search(false)).len(), 2);
        assert_eq!(history.find(&search(true)).len(), 1);
        assert_eq!(history.find(&HistoryRequest::Tail { n: 2, output: false, raw: true }).len(), 2);
        let range = HistoryRequest::Range { session: Some(0), start: 2, stop: 3, output: true, raw: true };
        assert!(matches!(history.find(&range).as_slice(), [HistoryEntry::InputOutput(0, 2, _)]));
    }
}
