//! What a notebook shows of values that do not draw themselves.

use super::charts::{architecture, learning_curve, sample_grid};
use super::figure::Figure;
use crate::data::{Task, TransferLearningWrapper};
use crate::error::Result;
use crate::model::{CustomCnn, Network};
use crate::notebook::display;
use crate::train::{Source, TrainReport};

/// Values that a notebook shows with a figure. evcxr calls [`evcxr_display`](Illustrated::evcxr_display) for the value
/// that ends a cell.
pub trait Illustrated {
    /// Shows the value.
    fn evcxr_display(&self);
}

/// The network drawn, and its layers as a table.
impl Illustrated for CustomCnn {
    fn evcxr_display(&self) {
        // A network whose drawing failed still has its table.
        if let Ok(figure) = architecture(self) {
            figure.evcxr_display();
        }
        display::show(&[("text/plain", &self.to_string())]);
    }
}

/// The network drawn, and its blocks as a table.
impl Illustrated for Network {
    fn evcxr_display(&self) {
        if let Ok(figure) = architecture(self) {
            figure.evcxr_display();
        }
        display::show(&[("text/plain", &self.to_string())]);
    }
}

/// The report's numbers and, where several epochs were kept, the learning curve.
impl Illustrated for TrainReport {
    fn evcxr_display(&self) {
        display::show(&[("text/plain", &self.to_string())]);
        // One epoch is a point, and no curve.
        if self.curve.len() > 1 {
            if let Ok(figure) = learning_curve(&self.curve) {
                figure.evcxr_display();
            }
        }
    }
}

/// How a source network came by its weights; after a training, its curve too.
impl Illustrated for Source {
    fn evcxr_display(&self) {
        match self {
            Source::Trained(report, _) => report.evcxr_display(),
            Source::Read(_) => display::show(&[("text/plain", &self.to_string())]),
        }
    }
}

/// Data whose images can be looked at.
pub trait ShowSamples {
    /// The first `count` training images of each class.
    ///
    /// # Errors
    /// Those of [`sample_grid`].
    fn show_samples(&self, count: usize) -> Result<Figure>;
}

impl ShowSamples for Task {
    fn show_samples(&self, count: usize) -> Result<Figure> {
        sample_grid(self, count)
    }
}

/// Of the phase's task.
impl ShowSamples for TransferLearningWrapper {
    fn show_samples(&self, count: usize) -> Result<Figure> {
        sample_grid(self.task(), count)
    }
}
