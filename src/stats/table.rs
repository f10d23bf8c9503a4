//! A table in every form that results are printed in: text, CSV, JSON, Markdown, LaTeX, HTML.

use std::fmt;

use serde_json::{Map, Value};

use crate::notebook::display;

/// What is shown in one place of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    text: String,
    /// `None` follows its row.
    marked: Option<bool>,
}

impl Entry {
    /// Text with a mark of its own, or without one whatever its row has: a star after it in plain text, bold elsewhere.
    pub fn marked(text: impl Into<String>, marked: bool) -> Self {
        Entry { text: text.into(), marked: Some(marked) }
    }
}

impl<T: Into<String>> From<T> for Entry {
    fn from(text: T) -> Self {
        Entry { text: text.into(), marked: None }
    }
}

/// A table of results. What is shown (text, Markdown, LaTeX, HTML) has titles and rounded numbers for people; CSV and
/// JSON have names and numbers for programs.
///
/// In a notebook, a cell that ends with one shows it. Its HTML takes the page's colours, dark or light.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    notes: Vec<String>,
    columns: Vec<Column>,
    bold: Vec<bool>,
    csv_names: Vec<String>,
    csv: Vec<Vec<String>>,
    objects: Vec<Map<String, Value>>,
}

/// A column that is shown.
#[derive(Clone, Debug, PartialEq)]
struct Column {
    title: String,
    left: bool,
    entries: Vec<Entry>,
}

impl Table {
    /// A table with one row for each of some things, to be given columns.
    ///
    /// ```
    /// use cutpoint::stats::Table;
    ///
    /// let table = Table::of(&[(1, 0.25), (2, 0.5)])
    ///     .value("cut", |row| row.0.into())
    ///     .csv("cut", |row| row.0.to_string())
    ///     .number("cut", |row| row.0.to_string())
    ///     .number("share", |row| format!("{}%", 100.0 * row.1))
    ///     .done();
    /// assert_eq!(table.to_string(), "cut  share\n  1    25%\n  2    50%");
    /// assert_eq!(table.to_csv(), "cut\n1\n2\n");
    /// ```
    pub fn of<T>(things: &[T]) -> TableOf<'_, T> {
        let table = Table {
            bold: vec![false; things.len()],
            csv: vec![Vec::new(); things.len()],
            objects: vec![Map::new(); things.len()],
            ..Table::default()
        };
        TableOf { things, table }
    }

    /// Adds a line above the table: what it is of, what its marks mean. Lines come in the order in which they are added.
    pub fn note(mut self, text: impl fmt::Display) -> Self {
        self.notes.extend(text.to_string().lines().map(str::to_owned));
        self
    }

    /// The lines above the table. CSV and JSON do not have them.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    fn rows(&self) -> impl Iterator<Item = (usize, Vec<&Entry>)> {
        (0..self.bold.len()).map(|row| (row, self.columns.iter().map(|c| &c.entries[row]).collect()))
    }

    fn is_bold(&self, row: usize, entry: &Entry) -> bool {
        entry.marked.unwrap_or(self.bold[row])
    }

    /// Comma-separated, a header first (RFC 4180, lines ending in a line feed).
    pub fn to_csv(&self) -> String {
        let quoted = |field: &String| match field.contains([',', '"', '\n', '\r']) {
            true => format!("\"{}\"", field.replace('"', "\"\"")),
            false => field.clone(),
        };
        let line = |fields: &Vec<String>| fields.iter().map(quoted).collect::<Vec<_>>().join(",") + "\n";
        std::iter::once(&self.csv_names).chain(&self.csv).map(line).collect()
    }

    /// A JSON list with one object a row: every number, unrounded.
    pub fn to_json(&self) -> String {
        let objects: Vec<String> = self.objects.iter().map(|o| Value::Object(o.clone()).to_string()).collect();
        format!("[\n {}\n]\n", objects.join(",\n "))
    }

    /// A Markdown table (the pipes that GitHub and Jupyter know), notes above it; marked entries are bold.
    pub fn to_markdown(&self) -> String {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let notes: String = self.notes.iter().map(|n| markdown(n) + "\n\n").collect();
        let head = line(self.columns.iter().map(|c| markdown(&c.title)).collect());
        let rule = line(self.columns.iter().map(|c| if c.left { ":---" } else { "---:" }.to_owned()).collect());
        let cell = |row: usize, entry: &Entry| match self.is_bold(row, entry) {
            true => format!("**{}**", markdown(&entry.text)),
            false => markdown(&entry.text),
        };
        let body = self.rows().map(|(row, entries)| line(entries.into_iter().map(|e| cell(row, e)).collect()));
        notes + &head + &rule + &body.collect::<String>()
    }

    /// A LaTeX `tabular` that needs no package, notes above it as comments; marked entries are bold.
    pub fn to_latex(&self) -> String {
        let line = |cells: Vec<String>| format!("{} \\\\\n", cells.join(" & "));
        let notes: String = self.notes.iter().map(|n| format!("% {n}\n")).collect();
        let columns: String = self.columns.iter().map(|c| if c.left { 'l' } else { 'r' }).collect();
        let head = line(self.columns.iter().map(|c| latex(&c.title)).collect());
        let cell = |row: usize, entry: &Entry| match self.is_bold(row, entry) {
            true => format!("\\textbf{{{}}}", latex(&entry.text)),
            false => latex(&entry.text),
        };
        let body = self.rows().map(|(row, entries)| line(entries.into_iter().map(|e| cell(row, e)).collect()));
        let body: String = body.collect();
        format!("{notes}\\begin{{tabular}}{{{columns}}}\n\\hline\n{head}\\hline\n{body}\\hline\n\\end{{tabular}}\n")
    }

    /// An HTML table, notes as its caption; marked entries are bold. It sets no colours, so it can be read on dark and
    /// on light pages.
    pub fn to_html(&self) -> String {
        let align = |c: &Column| if c.left { "left" } else { "right" };
        let titles = self.columns.iter().map(|c| {
            let style = format!("text-align:{};padding:2px 10px;border-bottom:1px solid currentColor", align(c));
            format!("<th style=\"{style}\">{}</th>", display::escaped(&c.title))
        });
        let cell = |row: usize, column: &Column| {
            let entry = &column.entries[row];
            let text = display::escaped(&entry.text);
            let text = if self.is_bold(row, entry) { format!("<strong>{text}</strong>") } else { text };
            format!("<td style=\"text-align:{};padding:2px 10px\">{text}</td>", align(column))
        };
        let row = |row| format!("<tr>{}</tr>\n", self.columns.iter().map(|c| cell(row, c)).collect::<String>());
        let caption = match self.notes.is_empty() {
            true => String::new(),
            false => format!(
                "<caption style=\"caption-side:top;text-align:left;color:inherit\">{}</caption>\n",
                self.notes.iter().map(|n| display::escaped(n)).collect::<Vec<_>>().join("<br>")
            ),
        };
        format!(
            "<table style=\"border-collapse:collapse;font-variant-numeric:tabular-nums\">\n{caption}<thead><tr>{}</tr></thead>\n<tbody>\n{}</tbody>\n</table>\n",
            titles.collect::<String>(),
            (0..self.bold.len()).map(row).collect::<String>()
        )
    }

    /// Shows the table in a notebook; evcxr calls it for the value that ends a cell.
    pub fn evcxr_display(&self) {
        display::show(&[("text/html", &self.to_html()), ("text/plain", &self.to_string())]);
    }
}

/// Plain text, columns aligned, notes above; a star after marked entries.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let starred = |e: &Entry| e.marked == Some(true);
        // Where one entry of a column has a star, the others keep its place free.
        let text = |column: &Column, entry: &Entry| match column.entries.iter().any(starred) {
            true => format!("{}{}", entry.text, if starred(entry) { "*" } else { " " }),
            false => entry.text.clone(),
        };
        let width = |c: &Column| {
            let entries = c.entries.iter().map(|e| text(c, e).chars().count());
            entries.chain([c.title.chars().count()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = self.columns.iter().map(width).collect();
        let line = |cells: Vec<String>| {
            let padded = cells.iter().zip(&self.columns).zip(&widths).map(|((cell, column), &w)| match column.left {
                true => format!("{cell:<w$}"),
                false => format!("{cell:>w$}"),
            });
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        let mut lines = self.notes.clone();
        lines.push(line(self.columns.iter().map(|c| c.title.clone()).collect()));
        for (_, entries) in self.rows() {
            lines.push(line(self.columns.iter().zip(entries).map(|(c, e)| text(c, e)).collect()));
        }
        f.write_str(&lines.join("\n"))
    }
}

/// A table that is being given columns; [`Table::of`] starts one.
pub struct TableOf<'a, T> {
    things: &'a [T],
    table: Table,
}

impl<T> TableOf<'_, T> {
    /// A key of the JSON objects.
    pub fn value(mut self, key: &str, value: impl Fn(&T) -> Value) -> Self {
        for (object, thing) in self.table.objects.iter_mut().zip(self.things) {
            object.insert(key.to_owned(), value(thing));
        }
        self
    }

    /// A column of the CSV.
    pub fn csv(mut self, name: &str, field: impl Fn(&T) -> String) -> Self {
        self.table.csv_names.push(name.to_owned());
        for (row, thing) in self.table.csv.iter_mut().zip(self.things) {
            row.push(field(thing));
        }
        self
    }

    /// A column that is shown, flush right.
    pub fn number<E: Into<Entry>>(self, title: &str, entry: impl Fn(&T) -> E) -> Self {
        self.shown(title, false, entry)
    }

    /// A column that is shown, flush left.
    pub fn words<E: Into<Entry>>(self, title: &str, entry: impl Fn(&T) -> E) -> Self {
        self.shown(title, true, entry)
    }

    fn shown<E: Into<Entry>>(mut self, title: &str, left: bool, entry: impl Fn(&T) -> E) -> Self {
        let entries = self.things.iter().map(|thing| entry(thing).into()).collect();
        self.table.columns.push(Column { title: title.to_owned(), left, entries });
        self
    }

    /// The rows that are marked: bold, but for entries with a mark of their own. Plain text does not show it.
    pub fn bold(mut self, row: impl Fn(&T) -> bool) -> Self {
        self.table.bold = self.things.iter().map(row).collect();
        self
    }

    /// The finished table.
    pub fn done(self) -> Table {
        self.table
    }
}

/// Text with the characters escaped that mean something in Markdown.
fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\`*_[]<>|~$#".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Text with the characters escaped that mean something in LaTeX, and with a true minus before numbers.
fn latex(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    if let (Some(number), Ok(_)) = (text.strip_prefix('-'), text.parse::<f64>()) {
        out.push_str("$-$");
        rest = number;
    }
    for c in rest.chars() {
        match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => out.extend(['\\', c]),
            '\\' => out.push_str("\\textbackslash{}"),
            '~' => out.push_str("\\textasciitilde{}"),
            '^' => out.push_str("\\textasciicircum{}"),
            '<' | '>' => out.extend(['$', c, '$']),
            // At the start of a row these would belong to the line break before it.
            '[' | '*' => out.extend(['{', c, '}']),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Table {
        Table::of(&[("50% & more", -0.5, true), ("a_b|c", 0.25, false)])
            .value("name", |r| r.0.into())
            .value("number", |r| r.1.into())
            .csv("name", |r| r.0.replace('&', ","))
            .csv("number", |r| r.1.to_string())
            .words("what <is>", |r| r.0)
            .number("p_1", |r| Entry::marked(format!("{:.2}", r.1), !r.2))
            .number("n", |r| format!("{:.1}", r.1))
            .bold(|r| r.2)
            .done()
            .note("of *two* rows")
    }

    #[test]
    fn text_aligns_columns_and_stars_marked_entries() {
        let expected = "of *two* rows\nwhat <is>      p_1     n\n50% & more  -0.50   -0.5\na_b|c        0.25*   0.2";
        assert_eq!(example().to_string(), expected);
    }

    #[test]
    fn csv_and_json_are_for_programs() {
        assert_eq!(example().to_csv(), "name,number\n\"50% , more\",-0.5\na_b|c,0.25\n");
        let rows: Value = serde_json::from_str(&example().to_json()).unwrap();
        assert_eq!(
            rows,
            serde_json::json!([{"name": "50% & more", "number": -0.5}, {"name": "a_b|c", "number": 0.25}])
        );
    }

    #[test]
    fn markdown_escapes_what_it_would_read_as_its_own() {
        let expected = "of \\*two\\* rows\n\n| what \\<is\\> | p\\_1 | n |\n| :--- | ---: | ---: |\n\
            | **50% & more** | -0.50 | **-0.5** |\n| a\\_b\\|c | **0.25** | 0.2 |\n";
        assert_eq!(example().to_markdown(), expected);
    }

    #[test]
    fn latex_escapes_and_needs_no_package() {
        let expected = "% of *two* rows\n\\begin{tabular}{lrr}\n\\hline\nwhat $<$is$>$ & p\\_1 & n \\\\\n\\hline\n\
            \\textbf{50\\% \\& more} & $-$0.50 & \\textbf{$-$0.5} \\\\\na\\_b|c & \\textbf{0.25} & 0.2 \\\\\n\\hline\n\\end{tabular}\n";
        assert_eq!(example().to_latex(), expected);
        assert_eq!(
            latex("[a] *b \\ ~ ^ {c} -1"),
            "{[}a] {*}b \\textbackslash{} \\textasciitilde{} \\textasciicircum{} \\{c\\} -1"
        );
    }

    #[test]
    fn html_escapes_and_sets_no_colour() {
        let html = example().to_html();
        for part in [
            "what &lt;is&gt;</th>",
            "<strong>50% &amp; more</strong>",
            ">-0.50</td>",
            "<strong>0.25</strong>",
            ">of *two* rows</caption>",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        let colours: Vec<&str> = html.match_indices("color").map(|(at, _)| &html[at..at + 8]).collect();
        assert!(colours.iter().all(|c| c.starts_with("color:in")), "{colours:?}");
        assert!(!html.contains("background"));
    }

    #[test]
    fn a_table_without_rows_is_a_header() {
        let table =
            Table::of::<f64>(&[]).value("x", |&v| v.into()).csv("x", f64::to_string).number("x", f64::to_string).done();
        assert_eq!((table.to_string(), table.to_csv()), ("x".to_owned(), "x\n".to_owned()));
        assert_eq!(serde_json::from_str::<Value>(&table.to_json()).unwrap(), serde_json::json!([]));
    }
}
