//! The forms of a table, by name.

use std::fmt;
use std::str::FromStr;

use super::base::Table;
use crate::error::{Error, Result};

/// A form that a table can be written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Aligned columns.
    #[default]
    Text,
    /// Comma-separated values, every digit.
    Csv,
    /// A list of objects, every digit.
    Json,
    /// A Markdown table.
    Markdown,
    /// A LaTeX `tabular`.
    Latex,
    /// An HTML table.
    Html,
}

impl Form {
    /// Every form.
    pub const ALL: [Form; 6] = [Form::Text, Form::Csv, Form::Json, Form::Markdown, Form::Latex, Form::Html];

    /// Whether programs read it: such a form has no notes.
    pub fn is_for_programs(self) -> bool {
        matches!(self, Form::Csv | Form::Json)
    }

    fn name(self) -> &'static str {
        match self {
            Form::Text => "text",
            Form::Csv => "csv",
            Form::Json => "json",
            Form::Markdown => "markdown",
            Form::Latex => "latex",
            Form::Html => "html",
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Form {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        let all = || Form::ALL.map(Form::name).join(", ");
        Form::ALL.into_iter().find(|form| form.name() == s).ok_or_else(|| Error::parameter("form", all(), s))
    }
}

impl Table {
    /// The table in a form.
    pub fn to(&self, form: Form) -> String {
        match form {
            Form::Text => self.to_string(),
            Form::Csv => self.to_csv(),
            Form::Json => self.to_json(),
            Form::Markdown => self.to_markdown(),
            Form::Latex => self.to_latex(),
            Form::Html => self.to_html(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Table {
        Table::of(&[("50% & more", -0.5, true), ("a_b|c", 0.25, false)])
            .words("name", |r| r.0)
            .titled("what <is>")
            .number("number", 2, |r| r.1)
            .titled("p_1")
            .marked(|r| !r.2)
            .number("n", 1, |r| r.1)
            .shown_only()
            .bold(|r| r.2)
            .done()
            .note("of *two* rows")
    }

    #[test]
    fn text_aligns_columns_and_stars_marked_values() {
        let expected = "of *two* rows\nwhat <is>      p_1     n\n50% & more  -0.50   -0.5\na_b|c        0.25*   0.2";
        assert_eq!(example().to(Form::Text), expected);
    }

    #[test]
    fn csv_and_json_are_for_programs() {
        let quoted = Table::of(&["a, \"b\""]).words("name", |r| *r).done();
        assert_eq!(quoted.to(Form::Csv), "name\n\"a, \"\"b\"\"\"\n");
        assert_eq!(example().to(Form::Csv), "name,number\n50% & more,-0.5\na_b|c,0.25\n");
        let rows: serde_json::Value = serde_json::from_str(&example().to(Form::Json)).unwrap();
        assert_eq!(
            rows,
            serde_json::json!([{"name": "50% & more", "number": -0.5}, {"name": "a_b|c", "number": 0.25}])
        );
    }

    #[test]
    fn markdown_escapes_what_it_would_read_as_its_own() {
        let expected = "of \\*two\\* rows\n\n| what \\<is\\> | p\\_1 | n |\n| :--- | ---: | ---: |\n\
            | **50% & more** | -0.50 | **-0.5** |\n| a\\_b\\|c | **0.25** | 0.2 |\n";
        assert_eq!(example().to(Form::Markdown), expected);
    }

    #[test]
    fn latex_escapes_and_needs_no_package() {
        let expected = "% of *two* rows\n\\begin{tabular}{lrr}\n\\hline\nwhat $<$is$>$ & p\\_1 & n \\\\\n\\hline\n\
            \\textbf{50\\% \\& more} & $-$0.50 & \\textbf{$-$0.5} \\\\\na\\_b|c & \\textbf{0.25} & 0.2 \\\\\n\\hline\n\\end{tabular}\n";
        assert_eq!(example().to(Form::Latex), expected);
    }

    #[test]
    fn html_escapes_and_sets_no_colour() {
        let html = example().to(Form::Html);
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
        let table = Table::of::<f64>(&[]).number("x", 1, |&v| v).done();
        assert_eq!((table.to(Form::Text), table.to(Form::Csv)), ("x".to_owned(), "x\n".to_owned()));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&table.to_json()).unwrap(), serde_json::json!([]));
    }

    #[test]
    fn forms_are_found_by_name() {
        assert!(Form::ALL.into_iter().all(|form| form.to_string().parse::<Form>().unwrap() == form));
        assert!("xls".parse::<Form>().unwrap_err().to_string().contains("text, csv, json, markdown"));
    }
}
