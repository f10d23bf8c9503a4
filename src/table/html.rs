//! HTML, and what a notebook shows.

use super::base::{Column, Table};
use crate::notebook::display;

impl Table {
    /// An HTML table, notes as its caption; marked values are bold. It sets no colours, so it can be read on dark and
    /// on light pages.
    pub fn to_html(&self) -> String {
        let columns = self.shown();
        let align = |c: &Column| if c.left { "left" } else { "right" };
        let titles: String = (columns.iter())
            .map(|c| {
                let style = format!("text-align:{};padding:2px 10px;border-bottom:1px solid currentColor", align(c));
                format!("<th style=\"{style}\">{}</th>", display::escaped(&c.title))
            })
            .collect();
        let cell = |column: &Column, row: usize| {
            let text = display::escaped(&column.text(row));
            let text = if self.is_bold(column, row) { format!("<strong>{text}</strong>") } else { text };
            format!("<td style=\"text-align:{};padding:2px 10px\">{text}</td>", align(column))
        };
        let row = |row| format!("<tr>{}</tr>\n", columns.iter().map(|c| cell(c, row)).collect::<String>());
        let caption = match self.notes.is_empty() {
            true => String::new(),
            false => format!(
                "<caption style=\"caption-side:top;text-align:left;color:inherit\">{}</caption>\n",
                self.notes.iter().map(|n| display::escaped(n)).collect::<Vec<_>>().join("<br>")
            ),
        };
        format!(
            "<table style=\"border-collapse:collapse;font-variant-numeric:tabular-nums\">\n{caption}<thead><tr>{titles}</tr></thead>\n<tbody>\n{}</tbody>\n</table>\n",
            (0..self.len()).map(row).collect::<String>()
        )
    }

    /// Shows the table in a notebook; evcxr calls it for the value that ends a cell.
    pub fn evcxr_display(&self) {
        display::show(&[("text/html", &self.to_html()), ("text/plain", &self.to_string())]);
    }
}
