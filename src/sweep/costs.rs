//! What a run costs: operations and memory.

use super::plan::PlannedRun;
use crate::config::{Optimizer, TrainingConfig};
use crate::data::Task;
use crate::error::Result;
use crate::model::Model;

/// What a run costs if it runs to the last epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cost {
    /// Operations, in millions.
    pub operations: u64,
    /// Bytes at its peak, at most.
    pub memory: u64,
}

/// The cost of a run whose inputs are stored before block `level` (0: they are images).
pub(super) fn cost(
    run: &PlannedRun,
    level: usize,
    source: &dyn Model,
    task: &Task,
    training: &TrainingConfig,
) -> Result<Cost> {
    let frozen = run.frozen();
    let depth = if run.cut.setting.truncate() { frozen } else { source.depth() };
    let samples = (task.per_class(run.row.fraction.get())? * task.classes.len()) as u64;
    let (forward, trained) = (source.flops(level, depth), source.flops(frozen, depth));
    let validation = if training.patience().is_some() { task.validation.len() as u64 } else { 0 };
    let an_epoch = samples * (forward + 2 * trained) + validation * forward;
    let at_the_end = (samples + task.test.len() as u64) * forward;
    let batch_size = training.batch_size() as u64;
    let batch = samples.min(batch_size);
    let activations = if frozen < depth { source.training_bytes(frozen) } else { 0 };
    let features = 4 * source.shape_before(frozen)?.iter().product::<usize>() as u64;
    // What is classified at once, and once more while its parts are joined.
    let classified = validation.max(batch_size.min(samples.max(task.test.len() as u64)));
    let last = 4 * source.shape_before(depth)?.iter().product::<usize>() as u64;
    let weights = weights(&source.tensor_counts(depth, task.classes.len())?, frozen, training);
    Ok(Cost {
        operations: (training.epochs() as u64 * an_epoch + at_the_end) / 1_000_000 + 1,
        memory: batch * (activations + 2 * features) + 2 * classified * last + weights + (64 << 20),
    })
}

/// Bytes of a network's numbers, given by block, in a training: its own and the best so far; and of those that are trained,
/// gradients and what the optimizer keeps.
fn weights(counts: &[u64], frozen: usize, training: &TrainingConfig) -> u64 {
    let kept = match training.optimizer() {
        Optimizer::Adam { .. } | Optimizer::AdamW { .. } => 2,
        Optimizer::Sgd { momentum: 0.0, .. } => 0,
        Optimizer::Sgd { .. } => 1,
    };
    let copies = if training.patience().is_some() || training.restore_best() { 2 } else { 1 };
    let trained: u64 = counts.iter().skip(frozen).sum();
    4 * (copies * counts.iter().sum::<u64>() + (1 + kept) * trained)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Device, Params, Row, Setting};
    use crate::data::{TransferLearningWrapper, GLYPHS};
    use crate::model::{Builtin, CustomCnn, Cut, Network};

    /// After a cut of FT the whole width of the images goes into the linear layer: a few training images need little,
    /// the test images that are classified at once a lot.
    #[test]
    fn a_run_needs_the_memory_of_what_is_classified_at_once() {
        let params = Params { depth: 2, num_channels: 8, batch_size: 4096, ..Params::default() };
        let params = params.with_setting(Setting::FT);
        let data = TransferLearningWrapper::new(&params, GLYPHS, GLYPHS, "data").unwrap();
        let source = CustomCnn::new(&params, data.source.classes.len(), data.input_shape()).unwrap();
        let row = Row::new(0.001, 1, 0).unwrap();
        let cut = Cut::new(&params, row.cut).unwrap().canonical(2);
        let run = PlannedRun { row, cut, key: String::new(), earlier_key: None };
        let memory = cost(&run, 0, &source, &data.target, &params.fine_tuning().unwrap()).unwrap().memory;
        let features = 4 * source.shape_before(1).unwrap().iter().product::<usize>() as u64;
        let at_once = data.target.test.len().min(4096).max(data.target.validation.len()) as u64;
        assert!(memory >= 2 * at_once * features, "{memory} for {at_once} of {features}");
    }

    /// Of ResNet-18 there are 45 MB, of which a run has its own and the best so far, and with Adam three more of what it
    /// trains; of the study's networks, what there is.
    #[test]
    fn a_run_needs_the_memory_of_weights_and_what_the_optimizer_keeps() {
        let which = Builtin::ResNet18;
        let network = Network::builtin(which, 10, which.preparation(32)).unwrap();
        let counts = network.tensor_counts(9, 10).unwrap();
        let numbers = network.state_dict().iter().map(|(_, t)| t.numel() as u64).sum::<u64>();
        assert_eq!(counts.iter().sum::<u64>(), numbers);
        let training = |name: &str| TrainingConfig::new(Optimizer::named(name, 0.1, None).unwrap());
        assert_eq!(weights(&counts, 0, &training("adam")), 4 * 5 * numbers);
        assert_eq!(weights(&counts, 0, &training("nesterov:0.9")), 4 * 4 * numbers);
        let alone = training("sgd").with_patience(None).unwrap();
        assert_eq!(weights(&counts, 9, &alone), 4 * (numbers + counts[9]));
        let params = Params { two_linear_layers: true, device: Device::Cpu, ..Params::default() };
        let study = CustomCnn::new(&params, 5, [1, 28, 28]).unwrap();
        for setting in [Setting::FR, Setting::FT] {
            let cut = Cut::new(&params.clone().with_setting(setting), 2).unwrap();
            let cut = study.cut(cut, 3, 0).unwrap();
            let numbers = cut.state_dict().iter().map(|(_, t)| t.numel() as u64).sum::<u64>();
            assert_eq!(study.tensor_counts(cut.depth(), 3).unwrap().iter().sum::<u64>(), numbers, "{setting}");
        }
    }
}
