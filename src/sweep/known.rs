//! Rows of result files that need not be made again.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use super::plan::RunPlan;
use crate::config::Params;
use crate::results::{Record, ResultFile, OF_CUTS};
use crate::runtime::progress::Progress;

/// By key, the planned runs that result files hold already; `params` is the header that the sweep's own file has. A file
/// that does not say what images it is of, and for cuts what source weights, as the published ones do not, might be of
/// others.
pub(super) fn known_rows(
    files: &[PathBuf],
    plan: &RunPlan,
    params: &Params,
    on_cpu: bool,
    progress: &dyn Progress,
) -> HashMap<String, Record> {
    let (mut known, mut doubtful) = (HashMap::new(), HashSet::new());
    for path in files.iter().filter(|path| path.exists()) {
        let file = match ResultFile::load(path) {
            Ok(file) => file,
            // Whether rows can be added to it is another question.
            Err(error) => {
                progress.line(&format!("not looked at for rows that are done already: {error}"));
                continue;
            }
        };
        let says = file.provenance();
        let same = |ignoring: &[&str]| params.difference(&file.params, ignoring).is_none();
        let stated = file.states_test_split && says.target_pictures.is_some();
        let (baselines, cuts) = (stated && same(&OF_CUTS), stated && says.source_weights.is_some() && same(&[]));
        let place = |percentage: f64, cut: i64, repeat: u64| (percentage.to_bits(), cut, repeat);
        let rows: HashMap<_, &Record> = file
            .records
            .iter()
            .filter(|r| if r.sampled_cut_point < 0 { baselines } else { cuts })
            // Rounding differs between kinds of device.
            .filter(|r| r.device.is_none() == on_cpu)
            .map(|r| (place(r.sampled_percentage, r.sampled_cut_point, r.repeat), r))
            .collect();
        for planned in &plan.rows {
            let row = planned.row;
            let Some(&record) = rows.get(&place(row.fraction.get(), row.cut.number(), row.repeat)) else { continue };
            let before = known.entry(planned.key.clone()).or_insert_with(|| record.clone());
            // A baseline and cut 0 may be one run, in two files. Which of them was changed is not known.
            if accuracies(before) != accuracies(record) && doubtful.insert(planned.key.clone()) {
                progress.line(&format!(
                    "{}: cut {}, repeat {}, fraction {} has test accuracy {}, and the same run {} in another row; neither is taken",
                    path.display(),
                    row.cut.number(),
                    row.repeat,
                    row.fraction.get(),
                    record.test_acc,
                    before.test_acc,
                ));
            }
        }
    }
    known.retain(|key, _| !doubtful.contains(key));
    known
}

/// What two rows of one run have to agree in.
fn accuracies(record: &Record) -> (f64, f64, Option<f64>) {
    (record.train_acc, record.test_acc, record.val_acc)
}
