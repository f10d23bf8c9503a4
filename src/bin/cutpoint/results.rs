//! Printing tables in the form that is asked for.

use cutpoint::error::Result;
use cutpoint::table::{self, Table};

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
    /// The form that was asked for.
    fn chosen(&self) -> table::Form {
        match self {
            Form { csv: true, .. } => table::Form::Csv,
            Form { json: true, .. } => table::Form::Json,
            Form { markdown: true, .. } => table::Form::Markdown,
            Form { latex: true, .. } => table::Form::Latex,
            _ => table::Form::Text,
        }
    }

    /// Whether none was asked for.
    pub fn is_text(&self) -> bool {
        self.chosen() == table::Form::Text
    }

    /// Prints a table. What a form for programs has no place for goes to standard error.
    pub fn print(&self, table: &Table, warnings: &[String]) -> Result<()> {
        let form = self.chosen();
        if form.is_for_programs() {
            warnings.iter().for_each(tell);
        }
        say(warnings.iter().fold(table.clone(), Table::note).to(form).trim_end())
    }
}
