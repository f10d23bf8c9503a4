//! Comma-separated values.

use super::base::{Csv, Table};

impl Table {
    /// Comma-separated, a header first (RFC 4180, lines ending in a line feed).
    pub fn to_csv(&self) -> String {
        let columns: Vec<_> = self.columns.iter().filter(|c| c.csv != Csv::Absent).collect();
        let line = |fields: Vec<String>| fields.iter().map(|f| quoted(f)).collect::<Vec<_>>().join(",") + "\n";
        let field = |row: usize| {
            columns.iter().map(move |column| match column.csv {
                Csv::Rounded => column.text(row),
                _ => column.values[row].written(),
            })
        };
        let head = line(columns.iter().map(|c| c.key.clone()).collect());
        (0..self.len()).fold(head, |text, row| text + &line(field(row).collect()))
    }
}

fn quoted(field: &str) -> String {
    match field.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.to_owned(),
    }
}
