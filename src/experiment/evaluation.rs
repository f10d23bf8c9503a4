//! How well a network tells classes apart.

use std::fmt;

use crate::error::Result;
use crate::notebook::display;
use crate::plot::{confusion_matrix, Figure};
use crate::train::ClassificationReport;

/// How well a network tells the classes of some images apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The fraction of images that it tells right.
    pub accuracy: f64,
    /// Precision, recall and F1 of each class, and the confusion matrix.
    pub report: ClassificationReport,
    /// What the classes show, in the order of labels.
    pub class_names: Vec<String>,
}

impl Evaluation {
    pub(super) fn new(report: ClassificationReport, class_names: Vec<String>) -> Evaluation {
        Evaluation { accuracy: report.accuracy, report, class_names }
    }

    /// The confusion matrix: rows are true classes, columns what the network takes them for.
    ///
    /// # Errors
    /// Those of [`confusion_matrix`].
    pub fn confusion_matrix(&self) -> Result<Figure> {
        confusion_matrix(&self.report.confusion, &self.class_names)
    }

    /// Shows the scores of each class in a notebook.
    pub fn evcxr_display(&self) {
        display::show(&[("text/plain", &self.to_string())]);
    }
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.report.fmt(f)
    }
}
