//! Printing tables in the form that is asked for.

use cutpoint::error::Result;
use cutpoint::stats::Table;

use crate::{say, tell};

/// The form of a table; at most one.
#[derive(clap::Args)]
#[group(multiple = false)]
pub struct Form {
    /// Comma-separated, unrounded; `wilcoxon` and `ranks` in the form of the published tables, with whole statistics and
    /// p-values of six places.
    #[arg(long)]
    csv: bool,
    /// A JSON list with every number.
    #[arg(long)]
    json: bool,
    /// A Markdown table, marked entries bold.
    #[arg(long)]
    markdown: bool,
    /// A LaTeX tabular that needs no package, marked entries bold.
    #[arg(long)]
    latex: bool,
}

impl Form {
    /// Whether none was asked for.
    pub fn is_text(&self) -> bool {
        !(self.csv || self.json || self.markdown || self.latex)
    }

    /// Prints a table. What a form for programs has no place for goes to standard error.
    pub fn print(&self, table: &Table, warnings: &[String]) -> Result<()> {
        if self.csv || self.json {
            warnings.iter().for_each(tell);
        }
        let table = warnings.iter().fold(table.clone(), Table::note);
        let text = match self {
            Form { csv: true, .. } => table.to_csv(),
            Form { json: true, .. } => table.to_json(),
            Form { markdown: true, .. } => table.to_markdown(),
            Form { latex: true, .. } => table.to_latex(),
            _ => table.to_string(),
        };
        say(text.trim_end())
    }
}
