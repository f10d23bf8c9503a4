//! Giving a table its columns.

use super::base::{Column, Csv, Table};
use super::value::{Format, Value};

/// A table that is being given columns; [`Table::of`] starts one. [`titled`](TableOf::titled) and the other methods that
/// name no key are about the column that was added last.
pub struct TableOf<'a, T> {
    rows: &'a [T],
    table: Table,
}

impl Table {
    /// A table with one row for each of some things, to be given columns.
    pub fn of<T>(rows: &[T]) -> TableOf<'_, T> {
        TableOf { rows, table: Table { bold: vec![false; rows.len()], ..Table::default() } }
    }
}

impl<T> TableOf<'_, T> {
    /// A column of fractions of the data, which people read as percentages.
    pub fn fraction(self, key: &str, value: impl Fn(&T) -> f64) -> Self {
        self.column(key, false, Format::Plain, |row| Value::Fraction(value(row)))
    }

    /// A column of cuts; -1 is the baseline.
    pub fn cut(self, key: &str, value: impl Fn(&T) -> i64) -> Self {
        self.column(key, false, Format::Plain, |row| Value::Cut(value(row)))
    }

    /// A column of numbers, of which people see so many places.
    pub fn number<V: Into<Value>>(self, key: &str, places: usize, value: impl Fn(&T) -> V) -> Self {
        self.column(key, false, Format::Decimals(places), |row| value(row).into())
    }

    /// The same with signs.
    pub fn signed<V: Into<Value>>(self, key: &str, places: usize, value: impl Fn(&T) -> V) -> Self {
        self.column(key, false, Format::Signed(places), |row| value(row).into())
    }

    /// A column of p-values, of which people see so many places.
    pub fn p_value(self, key: &str, places: usize, value: impl Fn(&T) -> f64) -> Self {
        self.column(key, false, Format::PValue(places), |row| Value::Number(value(row)))
    }

    /// A column of whole numbers, or of numbers that are shown as they are, flush right.
    pub fn count<V: Into<Value>>(self, key: &str, value: impl Fn(&T) -> V) -> Self {
        self.column(key, false, Format::Plain, |row| value(row).into())
    }

    /// A column of values of any kind, flush right.
    pub fn value(self, key: &str, value: impl Fn(&T) -> Value) -> Self {
        self.column(key, false, Format::Plain, value)
    }

    /// A column of words, flush left.
    pub fn words<V: Into<Value>>(self, key: &str, value: impl Fn(&T) -> V) -> Self {
        self.column(key, true, Format::Plain, |row| value(row).into())
    }

    fn column(mut self, key: &str, left: bool, format: Format, value: impl Fn(&T) -> Value) -> Self {
        self.table.columns.push(Column {
            key: key.to_owned(),
            title: key.to_owned(),
            values: self.rows.iter().map(value).collect(),
            marks: vec![None; self.rows.len()],
            format,
            left,
            shown: true,
            json: true,
            csv: Csv::Full,
        });
        self
    }

    fn last(mut self, change: impl FnOnce(&mut Column)) -> Self {
        if let Some(column) = self.table.columns.last_mut() {
            change(column);
        }
        self
    }

    /// The column's name for people, where it is not its key.
    pub fn titled(self, title: impl Into<String>) -> Self {
        self.last(|column| column.title = title.into())
    }

    /// Flush left.
    pub fn left(self) -> Self {
        self.last(|column| column.left = true)
    }

    /// Flush right.
    pub fn right(self) -> Self {
        self.last(|column| column.left = false)
    }

    /// Which values of the column are marked, whatever their row is: a star after them in plain text, bold elsewhere.
    pub fn marked(self, mark: impl Fn(&T) -> bool) -> Self {
        let marks = self.rows.iter().map(|row| Some(mark(row))).collect();
        self.last(|column| column.marks = marks)
    }

    /// For programs only.
    pub fn hidden(self) -> Self {
        self.last(|column| column.shown = false)
    }

    /// For people only.
    pub fn shown_only(self) -> Self {
        self.last(|column| (column.json, column.csv) = (false, Csv::Absent))
    }

    /// Not in CSV.
    pub fn not_in_csv(self) -> Self {
        self.last(|column| column.csv = Csv::Absent)
    }

    /// In CSV only, rounded as people read it: for the form of the published tables.
    pub fn only_in_csv(self) -> Self {
        self.last(|column| (column.shown, column.json, column.csv) = (false, false, Csv::Rounded))
    }

    /// In CSV only, with every digit: where it has another name there.
    pub fn only_in_csv_in_full(self) -> Self {
        self.last(|column| (column.shown, column.json, column.csv) = (false, false, Csv::Full))
    }

    /// The rows that are marked: bold, but for values with a mark of their own. Plain text does not show it.
    pub fn bold(mut self, row: impl Fn(&T) -> bool) -> Self {
        self.table.bold = self.rows.iter().map(row).collect();
        self
    }

    /// The finished table.
    pub fn done(self) -> Table {
        self.table
    }
}
