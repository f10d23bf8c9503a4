//! Precision, recall and F1 of each class.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Scores of one class, or a mean of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassScores {
    /// The class, or `macro avg`, `weighted avg`.
    pub class: String,
    /// Of those predicted to be of the class, the fraction that are; 0 when none is predicted.
    pub precision: f64,
    /// Of those of the class, the fraction predicted to be; 0 when there are none.
    pub recall: f64,
    /// The harmonic mean of both; 0 when both are.
    pub f1: f64,
    /// Samples of the class.
    pub support: usize,
}

/// The classification report, as scikit-learn defines its numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassificationReport {
    /// Each class, in label order.
    pub classes: Vec<ClassScores>,
    /// The mean over classes.
    pub macro_avg: ClassScores,
    /// The mean over classes, weighted by support.
    pub weighted_avg: ClassScores,
    /// The share predicted right, from 0 to 1.
    pub accuracy: f64,
    /// Rows are true classes, columns predicted ones.
    pub confusion: Vec<Vec<usize>>,
}

fn ratio(a: f64, b: f64) -> f64 {
    if b == 0.0 {
        0.0
    } else {
        a / b
    }
}

impl ClassificationReport {
    /// From true and predicted labels (as many, each below the number of names).
    pub fn new(truth: &[u8], predicted: &[u8], names: &[String]) -> Self {
        let k = names.len();
        let mut confusion = vec![vec![0usize; k]; k];
        for (&t, &p) in truth.iter().zip(predicted) {
            confusion[usize::from(t)][usize::from(p)] += 1;
        }
        let classes: Vec<ClassScores> = (0..k)
            .map(|c| {
                let hits = confusion[c][c] as f64;
                let support: usize = confusion[c].iter().sum();
                let chosen: usize = confusion.iter().map(|row| row[c]).sum();
                let (precision, recall) = (ratio(hits, chosen as f64), ratio(hits, support as f64));
                let f1 = ratio(2.0 * hits, (support + chosen) as f64);
                ClassScores { class: names[c].clone(), precision, recall, f1, support }
            })
            .collect();
        let mean = |name: &str, weight: &dyn Fn(&ClassScores) -> f64| {
            let total: f64 = classes.iter().map(weight).sum();
            let of =
                |score: &dyn Fn(&ClassScores) -> f64| ratio(classes.iter().map(|c| weight(c) * score(c)).sum(), total);
            ClassScores {
                class: name.to_owned(),
                precision: of(&|c| c.precision),
                recall: of(&|c| c.recall),
                f1: of(&|c| c.f1),
                support: truth.len(),
            }
        };
        let right: usize = (0..k).map(|c| confusion[c][c]).sum();
        ClassificationReport {
            macro_avg: mean("macro avg", &|_| 1.0),
            weighted_avg: mean("weighted avg", &|c| c.support as f64),
            accuracy: ratio(right as f64, truth.len() as f64),
            classes,
            confusion,
        }
    }
}

impl fmt::Display for ClassificationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<14} {:>9} {:>9} {:>9} {:>9}", "", "precision", "recall", "f1", "support")?;
        for s in self.classes.iter().chain([&self.macro_avg, &self.weighted_avg]) {
            writeln!(f, "{:<14} {:>9.4} {:>9.4} {:>9.4} {:>9}", s.class, s.precision, s.recall, s.f1, s.support)?;
        }
        write!(f, "accuracy {:.4}", self.accuracy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected: scikit-learn 1.9.1, `classification_report(truth, predicted, output_dict=True, zero_division=0)`.
    #[test]
    fn numbers_are_scikit_learns() {
        let (truth, predicted) = ([0, 0, 0, 1, 1, 2, 2, 2, 2, 3], [0, 0, 1, 1, 0, 2, 2, 0, 2, 2]);
        let names: Vec<String> = (0..4).map(|c| c.to_string()).collect();
        let report = ClassificationReport::new(&truth, &predicted, &names);
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
        let expected = [(0.5, 2.0 / 3.0, 4.0 / 7.0, 3), (0.5, 0.5, 0.5, 2), (0.75, 0.75, 0.75, 4), (0.0, 0.0, 0.0, 1)];
        for (scores, (p, r, f1, n)) in report.classes.iter().zip(expected) {
            close(scores.precision, p);
            close(scores.recall, r);
            close(scores.f1, f1);
            assert_eq!(scores.support, n);
        }
        close(report.macro_avg.f1, 0.45535714285714285);
        close(report.weighted_avg.f1, 0.5714285714285714);
        close(report.weighted_avg.precision, 0.55);
        close(report.accuracy, 0.6);
        assert_eq!(report.confusion[0], [2, 1, 0, 0]);
    }
}
