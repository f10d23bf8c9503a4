//! The best cuts that were published.

/// The best cut of a study by the fraction of the data.
#[derive(Clone, Debug, PartialEq)]
pub struct BestCuts {
    /// What the study is called, as [`study_name`](crate::stats::study_name) calls its file.
    pub study: String,
    /// Fractions of the target training data, and the cut of the highest median test accuracy.
    pub cuts: Vec<(f64, i64)>,
}

/// The cut of the highest published median test accuracy under FR, for eight studies and five fractions of the data.
/// Source: *Exploring Layer Freezing in Transfer Learning*, <https://github.com/tusharmanekar/mp-tl-study>, where
/// accuracy is measured on images of the training files.
pub fn published_best_cuts() -> Vec<BestCuts> {
    read(include_str!("../../../published/best_cuts.csv"))
}

/// A line a study; what is no number is passed over.
fn read(table: &str) -> Vec<BestCuts> {
    let mut lines = table.lines();
    let fractions: Vec<f64> = fields(lines.next().unwrap_or_default()).filter_map(|f| f.parse().ok()).collect();
    let study = |line: &str| BestCuts {
        study: line.split(',').next().unwrap_or_default().to_owned(),
        cuts: fractions.iter().copied().zip(fields(line).filter_map(|cut| cut.parse().ok())).collect(),
    };
    lines.map(study).collect()
}

/// What comes after a line's name.
fn fields(line: &str) -> impl Iterator<Item = &str> {
    line.split(',').skip(1)
}
