//! Markdown.

use super::base::Table;

impl Table {
    /// A Markdown table (the pipes that GitHub and Jupyter know), notes above it; marked values are bold.
    pub fn to_markdown(&self) -> String {
        let columns = self.shown();
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let notes: String = self.notes.iter().map(|n| escaped(n) + "\n\n").collect();
        let head = line(columns.iter().map(|c| escaped(&c.title)).collect());
        let rule = line(columns.iter().map(|c| if c.left { ":---" } else { "---:" }.to_owned()).collect());
        let cells = |row: usize| {
            let cell = |text: String, bold: bool| if bold { format!("**{}**", escaped(&text)) } else { escaped(&text) };
            columns.iter().map(|c| cell(c.text(row), self.is_bold(c, row))).collect()
        };
        notes + &head + &rule + &(0..self.len()).map(|row| line(cells(row))).collect::<String>()
    }
}

/// Text with the characters escaped that mean something in Markdown.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\`*_[]<>|~$#".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
