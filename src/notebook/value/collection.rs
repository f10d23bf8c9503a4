//! Texts of vectors, sets and maps.

use std::fmt::Debug;

use super::text::{shortened, Text, ITEM_LIMIT};

/// A collection of at most so many items is shown whole where its text is short enough.
const WHOLE_ITEMS: usize = 100;
/// The characters of a text that is short enough.
const WHOLE_TEXT: usize = 2000;
/// Of a longer one at most so many items are shown at either end, and about so many characters.
const EDGE: usize = 10;
const EDGE_TEXT: usize = 800;
/// So many keys are put in order at a time.
const BATCH: usize = 4096;

/// Items in their own order.
pub(super) fn list<T: Debug>(items: impl DoubleEndedIterator<Item = T> + ExactSizeIterator + Clone) -> Text {
    Ends::of(items).text("[]", "items", item)
}

/// Items of a set that is in order.
pub(super) fn set<T: Debug>(items: impl DoubleEndedIterator<Item = T> + ExactSizeIterator + Clone) -> Text {
    Ends::of(items).text("{}", "items", item)
}

/// Entries of a map that is in order.
pub(super) fn map<K: Debug, V: Debug>(
    entries: impl DoubleEndedIterator<Item = (K, V)> + ExactSizeIterator + Clone,
) -> Text {
    Ends::of(entries).text("{}", "entries", entry)
}

/// Items of a set in the order of their texts; its own order is another one in every run.
pub(super) fn unordered_set<T: Debug>(items: impl Iterator<Item = T>) -> Text {
    Ends::sorted(items, |item| item).text("{}", "items", item)
}

/// Entries of a map in the order of their keys' texts.
pub(super) fn unordered_map<K: Debug, V: Debug>(entries: impl Iterator<Item = (K, V)>) -> Text {
    Ends::sorted(entries, |(key, _)| key).text("{}", "entries", entry)
}

fn item<T: Debug>(item: &T, limit: usize) -> String {
    shortened(format_args!("{item:?}"), limit)
}

fn entry<K: Debug, V: Debug>((key, value): &(K, V), limit: usize) -> String {
    format!("{}: {}", item(key, limit), item(value, limit))
}

/// What may be shown of a collection: all items of a short one as its first, else those at its ends.
struct Ends<T> {
    first: Vec<T>,
    last: Vec<T>,
    count: usize,
}

impl<T> Ends<T> {
    fn of(items: impl DoubleEndedIterator<Item = T> + ExactSizeIterator + Clone) -> Ends<T> {
        let count = items.len();
        if count <= WHOLE_ITEMS {
            return Ends { first: items.collect(), last: Vec::new(), count };
        }
        let first = items.clone().take(EDGE).collect();
        let mut last: Vec<T> = items.rev().take(EDGE).collect();
        last.reverse();
        Ends { first, last, count }
    }

    /// The ends of what is in no order, sorted by the texts of keys, those that are numbers by their size.
    fn sorted<K: Debug>(items: impl Iterator<Item = T>, key: impl Fn(&T) -> &K) -> Ends<T> {
        let mut count = 0;
        let mut kept: Vec<((u64, String), T)> = Vec::new();
        for value in items {
            count += 1;
            let text = item(key(&value), ITEM_LIMIT);
            kept.push(((rank(&text), text), value));
            // Those in the middle of what was seen so far are not at an end of the whole either.
            if kept.len() == BATCH {
                kept.sort_by(|a, b| a.0.cmp(&b.0));
                kept.drain(EDGE..BATCH - EDGE);
            }
        }
        kept.sort_by(|a, b| a.0.cmp(&b.0));
        let mut first: Vec<T> = kept.into_iter().map(|(_, value)| value).collect();
        if count <= WHOLE_ITEMS {
            return Ends { first, last: Vec::new(), count };
        }
        let last = first.split_off(first.len() - EDGE);
        first.truncate(EDGE);
        Ends { first, last, count }
    }

    fn text(&self, brackets: &str, noun: &str, text: impl Fn(&T, usize) -> String) -> Text {
        let (open, close) = brackets.split_at(1);
        let whole = |texts: &[String]| {
            let length: usize = texts.iter().map(|text| text.chars().count() + 2).sum();
            (self.last.is_empty() && length <= WHOLE_TEXT).then(|| format!("{open}{}{close}", texts.join(", ")))
        };
        let texts = |items: &[T], limit| items.iter().map(|item| text(item, limit)).collect::<Vec<_>>();
        // Long items are shortened only where that makes room.
        if let Some(text) = whole(&texts(&self.first, WHOLE_TEXT)) {
            return Text::plain(text);
        }
        let mut first = texts(&self.first, ITEM_LIMIT);
        if let Some(text) = whole(&first) {
            return Text::plain(text);
        }
        let mut last = match self.last.is_empty() {
            true => first.split_off(first.len() / 2),
            false => texts(&self.last, ITEM_LIMIT),
        };
        first.truncate(fitting(first.iter()));
        last.drain(..last.len() - fitting(last.iter().rev()));
        Text::plain(format!("{open}{}, … ({} {noun}), {}{close}", first.join(", "), self.count, last.join(", ")))
    }
}

/// How many of some texts stand at one end.
fn fitting<'a>(texts: impl Iterator<Item = &'a String>) -> usize {
    let mut length = 0;
    let fits = |text: &&String| {
        length += text.chars().count();
        length <= EDGE_TEXT
    };
    texts.take(EDGE).take_while(fits).count().max(1)
}

/// Where the text of a key stands among those of others, before the texts are compared: numbers by size, then the rest.
fn rank(text: &str) -> u64 {
    match text.parse::<f64>().map(f64::to_bits) {
        Ok(bits) if bits >> 63 == 1 => !bits,
        Ok(bits) => bits | 1 << 63,
        Err(_) => u64::MAX,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap, HashSet};

    use super::*;

    #[test]
    fn a_short_one_is_whole() {
        assert_eq!(list([1, 2, 3].iter()).body, "[1, 2, 3]");
        assert_eq!(list([0; 0].iter()).body, "[]");
        assert_eq!(list((0..100).collect::<Vec<_>>().iter()).body, format!("{:?}", (0..100).collect::<Vec<_>>()));
        let long = "x".repeat(1900);
        assert_eq!(list([&long].iter()).body, format!("[{long:?}]"));
        assert_eq!(map(BTreeMap::from([(1, "a"), (2, "b")]).iter()).body, "{1: \"a\", 2: \"b\"}");
    }

    #[test]
    fn of_a_long_one_the_ends_are_shown_and_the_items_are_counted() {
        assert_eq!(
            list((0..5000).collect::<Vec<_>>().iter()).body,
            "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, … (5000 items), 4990, 4991, 4992, 4993, 4994, 4995, 4996, 4997, 4998, 4999]"
        );
        let long_texts = vec!["x".repeat(50); 99];
        let text = list(long_texts.iter()).body;
        assert!(text.contains("xx\", … (99 items), \"xx") && text.len() < 1500, "{text}");
    }

    #[test]
    fn long_items_are_shortened() {
        let rows = vec![(0..1000).collect::<Vec<_>>(); 3];
        let text = list(rows.iter()).body;
        assert!(text.starts_with("[[0, 1, 2, ") && text.ends_with(", 998, 999]]"), "{text}");
        assert_eq!(text.matches("characters left out").count(), 3);
        assert!(!text.contains("items)"), "{text}");
        let text = list(vec!["x".repeat(10_000); 2].iter()).body;
        assert!(text.chars().count() < 600, "{text}");
    }

    #[test]
    fn what_has_no_order_is_sorted() {
        let map: HashMap<i32, ()> = (-50..50).map(|key| (key, ())).collect();
        assert!(unordered_map(map.iter()).body.starts_with("{-50: (), -49: (), "));
        let map: HashMap<i32, i32> = (0..20_000).map(|key| (key, key)).collect();
        let text = unordered_map(map.iter()).body;
        assert!(text.starts_with("{0: 0, 1: 1, 2: 2, ") && text.ends_with("8, 19999: 19999}"), "{text}");
        assert!(text.contains("9: 9, … (20000 entries), 19990: 19990"), "{text}");
        let set = HashSet::from(["pear", "apple", "fig"]);
        assert_eq!(unordered_set(set.iter()).body, "{\"apple\", \"fig\", \"pear\"}");
    }
}
