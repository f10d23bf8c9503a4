//! The table itself: notes, columns, marks.

use std::fmt;

use super::value::{Format, Value};

/// A table of results.
///
/// In a notebook, a cell that ends with one shows it. Its HTML takes the page's colours, dark or light.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    pub(super) notes: Vec<String>,
    pub(super) columns: Vec<Column>,
    /// By row: whether it is marked.
    pub(super) bold: Vec<bool>,
}

/// One column: a value for each row, and who reads it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Column {
    /// Its name for programs.
    pub key: String,
    /// Its name for people.
    pub title: String,
    pub values: Vec<Value>,
    /// By row: a mark of its own, or `None` where the value follows its row.
    pub marks: Vec<Option<bool>>,
    pub format: Format,
    /// Words are flush left, numbers flush right.
    pub left: bool,
    pub shown: bool,
    pub json: bool,
    pub csv: Csv,
}

/// How a column stands in CSV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Csv {
    /// Not at all.
    Absent,
    /// With every digit.
    Full,
    /// As people read it: the published tables round.
    Rounded,
}

impl Column {
    /// The value of a row, for people.
    pub fn text(&self, row: usize) -> String {
        self.values[row].shown(self.format)
    }
}

impl Table {
    /// Adds a line above the table: what it is of, what its marks mean. Lines come in the order in which they are added.
    pub fn note(mut self, text: impl fmt::Display) -> Self {
        self.notes.extend(text.to_string().lines().map(str::to_owned));
        self
    }

    /// The lines above the table. CSV and JSON do not have them.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.bold.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.bold.is_empty()
    }

    /// The columns that people see.
    pub(super) fn shown(&self) -> Vec<&Column> {
        self.columns.iter().filter(|c| c.shown).collect()
    }

    /// Whether a value is marked: by itself, or as its row is.
    pub(super) fn is_bold(&self, column: &Column, row: usize) -> bool {
        column.marks[row].unwrap_or(self.bold[row])
    }
}
