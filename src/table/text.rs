//! Plain text.

use std::fmt;

use super::base::{Column, Table};

/// Plain text, columns aligned, notes above; a star after values with a mark of their own.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.shown();
        let texts: Vec<Vec<String>> = columns.iter().map(|c| texts(c, self.len())).collect();
        let width = |(column, texts): (&&Column, &Vec<String>)| {
            texts.iter().chain([&column.title]).map(|t| t.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = columns.iter().zip(&texts).map(width).collect();
        let line = |cells: Vec<&String>| {
            let padded = cells.iter().zip(&columns).zip(&widths).map(|((cell, column), &w)| match column.left {
                true => format!("{cell:<w$}"),
                false => format!("{cell:>w$}"),
            });
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        let mut lines = self.notes.clone();
        lines.push(line(columns.iter().map(|c| &c.title).collect()));
        lines.extend((0..self.len()).map(|row| line(texts.iter().map(|column| &column[row]).collect())));
        f.write_str(&lines.join("\n"))
    }
}

/// A column's values. Where one of them has a star, the others keep its place free.
fn texts(column: &Column, rows: usize) -> Vec<String> {
    let any = column.marks.contains(&Some(true));
    let star = |row: usize| match (any, column.marks[row]) {
        (false, _) => "",
        (true, Some(true)) => "*",
        (true, _) => " ",
    };
    (0..rows).map(|row| shortened(column.text(row)) + star(row)).collect()
}

/// A value at a length that fits into a line: a file may hold names of any.
fn shortened(text: String) -> String {
    const MOST: usize = 120;
    match text.chars().count() {
        0..=MOST => text,
        _ => text.chars().take(MOST - 1).chain(['…']).collect(),
    }
}
