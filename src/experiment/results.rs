//! What an experiment has found.

use std::fmt;
use std::ops::Deref;
use std::path::PathBuf;

use crate::config::Setting;
use crate::error::Result;
use crate::plot::{box_plot, difference_plot, heat_map, Figure};
use crate::results::ResultFile;
use crate::stats::{
    all_pairs, answer, best, best_table, load_together, wilcoxon_table, Answer, Best, Groups, Measure, PairTest, Rule,
    Statistics, Summary, Table,
};
use crate::study::StudyFiles;

/// What an experiment has found: the rows of its baselines and cuts, and all that can be asked of them. It is a
/// [`ResultFile`], and can be used wherever one can.
#[derive(Clone, PartialEq)]
pub struct ExperimentResults {
    all: ResultFile,
    of_sweep: Option<ResultFile>,
    written: Vec<PathBuf>,
}

impl ExperimentResults {
    /// Of rows that are in no file.
    pub(super) fn new(rows: ResultFile) -> Self {
        ExperimentResults { all: rows, of_sweep: None, written: Vec::new() }
    }

    /// What the files hold.
    pub(super) fn of_files(files: &StudyFiles, setting: Setting) -> Result<Self> {
        Ok(ExperimentResults::new(load_together(&[files.baselines(), files.cuts(setting)])?))
    }

    /// What the files hold that a sweep has written to.
    pub(super) fn after_sweep(rows: ResultFile, written: Vec<PathBuf>) -> Result<Self> {
        let all = load_together(&written)?;
        Ok(ExperimentResults { all, of_sweep: Some(rows), written })
    }

    /// Every row.
    pub fn rows(&self) -> &ResultFile {
        &self.all
    }

    /// The rows of the sweep alone that these are the results of, without those that the files held before; all rows where
    /// they were read from files.
    pub fn of_sweep(&self) -> &ResultFile {
        self.of_sweep.as_ref().unwrap_or(&self.all)
    }

    /// The files that the sweep has written.
    pub fn written(&self) -> &[PathBuf] {
        &self.written
    }

    /// Medians by fraction and cut.
    pub fn summary(&self) -> Summary {
        Summary::new(&self.all.records)
    }

    /// A box for each cut and fraction of the data, coloured by rank.
    ///
    /// # Errors
    /// Those of [`box_plot`].
    pub fn box_plot(&self) -> Result<Figure> {
        box_plot(&self.all)
    }

    /// How much better than the baseline of the same seed and the same images: medians and quartiles.
    ///
    /// # Errors
    /// Those of [`difference_plot`].
    pub fn difference_plot(&self) -> Result<Figure> {
        difference_plot(&self.all)
    }

    /// Medians of test accuracy, a field for each fraction and cut.
    ///
    /// # Errors
    /// Those of [`heat_map`].
    pub fn heat_map(&self) -> Result<Figure> {
        heat_map(&self.all, Measure::TestAcc)
    }

    /// What the rows say, in sentences: [`answer`].
    ///
    /// # Errors
    /// Those of [`answer`].
    pub fn conclusions(&self) -> Result<Answer> {
        answer(&self.all)
    }

    /// Wilcoxon's signed-rank test of every pair of cuts, over repeats.
    ///
    /// # Errors
    /// Those of [`Groups::new`] and [`all_pairs`].
    pub fn pair_tests(&self, rule: Rule) -> Result<Vec<PairTest>> {
        all_pairs(&Groups::new(&self.all.records)?, rule)
    }

    /// [`Self::pair_tests`] with SciPy's rule, as a table.
    ///
    /// # Errors
    /// Those of [`Self::pair_tests`].
    pub fn pair_table(&self) -> Result<Table> {
        Ok(wilcoxon_table(&self.pair_tests(Rule::SciPy)?))
    }

    /// The best cut of each fraction, and those that cannot be told from it.
    ///
    /// # Errors
    /// Those of [`Groups::new`] and [`best`].
    pub fn best(&self) -> Result<Vec<Best>> {
        best(&Groups::new(&self.all.records)?, Rule::SciPy)
    }

    /// [`Self::best`] as a table.
    ///
    /// # Errors
    /// Those of [`Self::best`].
    pub fn best_table(&self) -> Result<Table> {
        Ok(best_table(&self.best()?))
    }

    /// Shows medians of test accuracy in a notebook.
    pub fn evcxr_display(&self) {
        self.all.evcxr_display();
    }
}

impl Deref for ExperimentResults {
    type Target = ResultFile;

    fn deref(&self) -> &ResultFile {
        &self.all
    }
}

/// Medians by fraction and cut.
impl fmt::Display for ExperimentResults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.summary().fmt(f)
    }
}

/// The same as its `Display`: a notebook shows a value by its `Debug`.
impl fmt::Debug for ExperimentResults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
