//! Reading result files and printing tables, as options ask for them.

use std::path::{Path, PathBuf};

use cutpoint::cluster::{Algorithm, ClusterFile};
use cutpoint::error::{Error, Result};
use cutpoint::results::ResultFile;
use cutpoint::stats::{load_studies, with_trends, Groups, Measure};
use cutpoint::table::{self, Table};

use crate::args;
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

/// Which rows of result files are looked at.
#[derive(clap::Args, Clone, Default)]
pub struct Only {
    /// Only these fractions of the target training data, such as 0.001,0.01.
    #[arg(long, value_delimiter = ',')]
    percentages: Option<Vec<f64>>,
    /// Only these cuts: a list (-1,0,6) or a range with both ends (-1..6); -1 is the baseline.
    #[arg(long, allow_hyphen_values = true)]
    cuts: Option<String>,
}

impl Only {
    /// The rows that are asked for; at least one.
    pub fn of(&self, file: ResultFile) -> Result<ResultFile> {
        let rows = file.records.len();
        let mut kept = file;
        if let Some(percentages) = &self.percentages {
            kept = kept.percentages(percentages);
        }
        if let Some(cuts) = &self.cuts {
            kept = kept.cuts(args::cuts(cuts)?);
        }
        if rows > 0 && kept.records.is_empty() {
            let asked =
                format!("rows of percentages {:?}, cuts {}", self.percentages, self.cuts.as_deref().unwrap_or("all"));
            return Err(Error::Parameter {
                name: "percentages, cuts",
                expected: asked,
                found: format!("none among {rows}"),
            });
        }
        Ok(kept)
    }
}

#[derive(clap::Args)]
pub struct Repeats {
    /// Where cuts differ in their repeats, as in an unfinished sweep, use those that all have, and say what is left out.
    #[arg(long)]
    pub common_repeats: bool,
}

impl Repeats {
    /// The groups to work with, and what was left out of those given.
    pub fn of(&self, groups: Groups) -> Result<(Groups, Vec<String>)> {
        match self.common_repeats {
            true => groups.common_repeats(),
            false => Ok((groups, Vec::new())),
        }
    }
}

/// A study: its name, and its rows by fraction and cut.
type Study = (String, Groups);

/// Result files of several studies, for what is asked of all together.
#[derive(clap::Args)]
pub struct Studies {
    /// Result files of one study or of several, each with at least three percentages.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Count the baseline as a cut below cut 0.
    #[arg(long)]
    pub with_baseline: bool,
    /// test_acc, train_acc or val_acc.
    #[arg(long, default_value_t)]
    measure: Measure,
    #[command(flatten)]
    only: Only,
    #[command(flatten)]
    repeats: Repeats,
}

impl Studies {
    /// The groups of each study, with its name, and what was left out. Of several studies, those that have too few
    /// fractions for a trend do not keep others from theirs.
    pub fn load(&self) -> Result<(Vec<Study>, Vec<String>)> {
        let (mut studies, mut left_out) = (Vec::new(), Vec::new());
        for (name, file) in load_studies(&self.files)? {
            let groups = Groups::of(&self.only.of(file)?.records, self.measure)?;
            let (groups, more) = self.repeats.of(groups)?;
            left_out.extend(more.into_iter().map(|line| format!("{name}: {line}")));
            studies.push((name, groups));
        }
        if studies.len() > 1 {
            let (kept, others) = with_trends(studies);
            left_out.extend(others);
            return Ok((kept, left_out));
        }
        Ok((studies, left_out))
    }
}

/// The rows of one algorithm of a file of clusterings.
pub fn clusterings(path: &Path, algorithm: Algorithm) -> Result<ClusterFile> {
    let all = ClusterFile::load(path)?;
    let found = all.by(algorithm);
    if found.records.is_empty() {
        return Err(Error::Format {
            path: path.to_owned(),
            expected: format!("rows of {algorithm} (--algorithm)"),
            found: format!("rows of {}", all.algorithms().join(", ")),
        });
    }
    Ok(found)
}
