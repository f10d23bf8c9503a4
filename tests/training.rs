//! Training from a program's point of view: what is frozen stays, what is interrupted goes on.

use std::sync::Arc;

use cutpoint::config::{Activation, Device, Params, Setting};
use cutpoint::data::{Phase, TransferLearningWrapper, GLYPHS};
use cutpoint::error::Error;
use cutpoint::model::Checkpoint;
use cutpoint::model::CustomCnn;
use cutpoint::runtime::cancel;
use cutpoint::runtime::progress::{Recorded, Silent};
use cutpoint::sweep::{fine_tune, Row};
use cutpoint::train::{classification_report, pretrained, Source, TrainReport, Trainer};

fn params() -> Params {
    Params { depth: 3, num_channels: 8, num_train: 4, batch_size: 128, device: Device::Cpu, ..Params::default() }
}

fn data(params: &Params) -> TransferLearningWrapper {
    let mut data = TransferLearningWrapper::load(params, GLYPHS, GLYPHS, None, &Silent).unwrap();
    data.update_phase(Phase::Finetune);
    data
}

fn network(params: &Params, data: &TransferLearningWrapper) -> CustomCnn {
    CustomCnn::new(params, data.source.classes.len(), data.input_shape()).unwrap()
}

/// A trainer on 2% of the target task, which has as many classes as the source task.
fn trainer<'m>(model: &'m mut CustomCnn, data: &TransferLearningWrapper, params: &Params) -> Trainer<'m> {
    let trainer = Trainer::new(model, data, params.lr_pretrain, params).unwrap();
    trainer.on(data.reduced_train(0.02, 1).unwrap()).unwrap().threads(1).progress(Arc::new(Silent))
}

#[test]
fn frozen_weights_are_bit_identical_after_training_and_others_are_not() {
    let params = params();
    let data = data(&params);
    let source = network(&params, &data);
    let before = source.state_dict();
    for setting in Setting::ALL {
        for cut in 0..=3 {
            let params = params.clone().with_setting(setting);
            let result = fine_tune(&source, &data, &params, Row::new(0.01, cut, 5).unwrap(), 1, false).unwrap();
            for (name, after) in result.model.state_dict() {
                let Some((layer, _)) = name.strip_prefix("conv").and_then(|n| n.split_once('.')) else { continue };
                let frozen = setting.freeze() && layer.parse::<i64>().unwrap() < cut;
                let source = &before.iter().find(|(n, _)| *n == name).unwrap().1;
                assert_eq!(&after == source, frozen, "{name} with {setting} at cut {cut}");
            }
        }
    }
    assert_eq!(source.state_dict(), before, "the source network itself is never changed");
}

#[test]
fn training_learns_and_its_report_is_whole() {
    let params = Params { num_train: 8, classification_report_flag: true, is_debug: true, ..params() };
    let data = data(&params);
    let mut model = network(&params, &data);
    let shown = Recorded::default();
    let report =
        Trainer::new(&mut model, &data, 0.003, &params).unwrap().progress(Arc::new(shown.clone())).train().unwrap();
    assert!(report.test_acc > 0.6 && report.test_acc < 0.99, "{report}");
    assert_eq!(report.curve.len(), report.epochs);
    assert!(report.curve[0].loss[0] > report.curve[report.epochs - 1].loss[0], "the loss falls");
    let classes = report.classification.as_ref().unwrap();
    assert!((classes.accuracy - report.test_acc).abs() < 1e-12);
    assert_eq!(classes.confusion.iter().flatten().sum::<usize>(), data.target.test.len());
    let reports = shown.reports();
    assert_eq!(reports[0], "begin training 8");
    assert_eq!(reports.iter().filter(|r| *r == "advance 1").count(), report.epochs);
    assert!(reports.iter().any(|r| r.starts_with("line epoch 0, batch 60: loss ")), "{reports:?}");
    assert_eq!(reports.last().unwrap(), "end");
}

#[test]
fn every_activation_and_shape_of_network_trains() {
    for activation in Activation::ALL {
        let params = Params { activation_function: activation, num_train: 2, ..params() };
        let data = data(&params);
        let report = trainer(&mut network(&params, &data), &data, &params).losses(true).train().unwrap();
        let losses: Vec<f64> = report.curve.iter().flat_map(|e| e.loss.clone()).collect();
        assert!(losses.len() >= 4 && losses.iter().all(|l| l.is_finite() && *l < 10.0), "{activation}: {losses:?}");
    }
    for params in [
        Params { two_linear_layers: true, ..params() },
        Params { use_pooling: false, depth: 1, ..params() },
        Params { pooling_every_n_layers: 3, pooling_stride: 1, ..params() },
        Params { kernel_size: 4, ..params() },
    ] {
        let data = data(&params);
        trainer(&mut network(&params, &data), &data, &params).train().unwrap();
        for setting in Setting::ALL {
            fine_tune(
                &network(&params, &data),
                &data,
                &params.clone().with_setting(setting),
                Row::new(0.01, 1, 0).unwrap(),
                1,
                false,
            )
            .unwrap();
        }
    }
}

#[test]
fn a_classification_report_of_a_network_is_that_of_its_training_and_of_its_own_classes_only() {
    let params = Params { classification_report_flag: true, ..params() };
    let data = data(&params);
    let mut model = network(&params, &data);
    let report = trainer(&mut model, &data, &params).train().unwrap();
    // More than are classified at once.
    assert!(data.target.test.len() > 1024, "{}", data.target.test.len());
    let own = classification_report(&model, &data.target.test, &data.target.class_names).unwrap();
    assert_eq!((Some(&own), own.accuracy), (report.classification.as_ref(), report.test_acc));
    let three = Params { fine_tune_classes: vec![5, 6, 7], ..params.clone() };
    let fewer = TransferLearningWrapper::load(&three, GLYPHS, GLYPHS, None, &Silent).unwrap();
    let narrow = CustomCnn::new(&params, 3, data.input_shape()).unwrap();
    let error = classification_report(&narrow, &data.target.test, &fewer.target.class_names).unwrap_err();
    assert!(matches!(&error, Error::Data { .. }) && error.to_string().contains("label 4"), "{error}");
}

/// What a report says but for the time it took.
fn timeless(report: TrainReport) -> TrainReport {
    TrainReport { seconds: 0.0, ..report }
}

#[test]
fn training_resumed_from_a_checkpoint_ends_as_if_it_had_not_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let params =
        Params { num_train: 5, early_stop_patience: Some(2), save_checkpoints: true, save_best: true, ..params() };
    let data = data(&params);
    let mut whole = network(&params, &data);
    let expected = trainer(&mut whole, &data, &params).output(folder.path(), "whole").train().unwrap();
    let best = Checkpoint::load(folder.path().join("whole_best.safetensors")).unwrap();
    assert_eq!(best.tensors.len(), whole.state_dict().len());
    let checkpoints = std::fs::read_dir(folder.path().join("whole_checkpoints")).unwrap().count();
    assert_eq!(checkpoints, expected.epochs);

    let mut stopped = network(&params, &data);
    let short = Params { num_train: 2, ..params.clone() };
    trainer(&mut stopped, &data, &short).output(folder.path(), "two").train().unwrap();
    let mut resumed = network(&params, &data);
    let report = trainer(&mut resumed, &data, &params).output(folder.path(), "two").resume(true).train().unwrap();
    assert_eq!(timeless(report), timeless(expected));
    assert_eq!(resumed.state_dict(), whole.state_dict());

    let other = Params { batch_size: 64, ..params };
    let error = trainer(&mut resumed, &data, &other).output(folder.path(), "two").resume(true).train().unwrap_err();
    assert!(
        error.to_string().contains(
            "epoch_004.safetensors: expected a checkpoint of a training with `training.batch_size` 64, found 128"
        ),
        "{error}"
    );
}

#[test]
fn best_weights_come_back_only_when_training_stops_early_or_is_asked_to() {
    let params = Params { num_train: 6, early_stop_patience: Some(1), ..params() };
    let data = data(&params);
    let best_of = |report: &TrainReport| report.curve.iter().map(|e| e.val_acc.unwrap()).fold(0.0, f64::max);
    let mut seen_early = false;
    for lr in [0.001, 0.01, 0.1] {
        let mut model = network(&params, &data);
        let run =
            Trainer::new(&mut model, &data, lr, &params).unwrap().on(data.reduced_train(0.01, 0).unwrap()).unwrap();
        let report = run.threads(1).progress(Arc::new(Silent)).train().unwrap();
        let expected =
            if report.stopped_early { best_of(&report) } else { report.curve.last().unwrap().val_acc.unwrap() };
        assert_eq!(report.val_acc, Some(expected));
        seen_early |= report.stopped_early;
    }
    assert!(seen_early, "no run stopped early: the test shows nothing");
    let params = Params { early_stop_patience: None, restore_best: true, ..params };
    let report = trainer(&mut network(&params, &data), &data, &params).train().unwrap();
    assert_eq!((report.epochs, report.val_acc), (6, Some(best_of(&report))));
}

/// Whether this is the process that a test of interrupts runs in: the interrupt is a flag of the whole process. Elsewhere
/// the process is started and its success asserted.
fn in_own_process(test: &str) -> bool {
    const INNER: &str = "CUTPOINT_TEST_INTERRUPT";
    if std::env::var_os(INNER).is_some() {
        return true;
    }
    let program = std::env::current_exe().unwrap();
    let arguments = ["--exact", test, "--nocapture"];
    let output = std::process::Command::new(program).args(arguments).env(INNER, "1").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    false
}

/// Raises the interrupt as soon as a file is there.
fn interrupt_when_there(path: std::path::PathBuf) {
    std::thread::spawn(move || {
        while !path.exists() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        cancel::raise();
    });
}

/// A notebook's cell that is interrupted and run again has the network that the interrupt left.
#[test]
fn a_training_goes_on_with_the_network_that_an_interrupt_left() {
    if !in_own_process("a_training_goes_on_with_the_network_that_an_interrupt_left") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let params = Params { early_stop_patience: None, save_checkpoints: true, ..params() };
    let data = data(&params);
    let mut model = network(&params, &data);
    interrupt_when_there(folder.path().join("own_checkpoints/epoch_001.safetensors"));
    let long = Params { num_train: 100_000, ..params.clone() };
    let error = trainer(&mut model, &data, &long).output(folder.path(), "own").train().unwrap_err();
    assert!(matches!(error, Error::Interrupted(_)), "{error}");
    let done = std::fs::read_dir(folder.path().join("own_checkpoints")).unwrap().count();
    let longer = Params { num_train: done + 2, ..params.clone() };
    let report = trainer(&mut model, &data, &longer).output(folder.path(), "own").resume(true).train().unwrap();
    assert_eq!(report.epochs, done + 2);
    // From the first weights it goes on as well, as after a restart.
    let mut anew = network(&params, &data);
    let last = Params { num_train: done + 3, ..params.clone() };
    let report = trainer(&mut anew, &data, &last).output(folder.path(), "own").resume(true).train().unwrap();
    assert_eq!(report.epochs, done + 3);
    let mut straight = network(&params, &data);
    trainer(&mut straight, &data, &longer).output(folder.path(), "straight").train().unwrap();
    assert_eq!(model.state_dict(), straight.state_dict());
}

#[test]
fn an_interrupted_pre_training_goes_on_when_its_cell_is_run_again() {
    if !in_own_process("an_interrupted_pre_training_goes_on_when_its_cell_is_run_again") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let params = Params { num_train: 5, early_stop_patience: None, ..params() };
    let mut data = data(&params);
    let mut whole = network(&params, &data);
    pretrained(&mut whole, &mut data, &params, "test", folder.path().join("whole.safetensors")).unwrap();

    let mut model = network(&params, &data);
    let before = model.deep_clone().unwrap().state_dict();
    interrupt_when_there(folder.path().join("own_checkpoints/epoch_001.safetensors"));
    let path = folder.path().join("own.safetensors");
    let error = pretrained(&mut model, &mut data, &params, "test", &path).unwrap_err();
    assert!(matches!(error, Error::Interrupted(_)), "{error}");
    assert_eq!(model.state_dict(), before, "the network is as it was");
    assert_eq!(data.phase(), Phase::Finetune, "and so is the phase");
    let source = pretrained(&mut model, &mut data, &params, "test", &path).unwrap();
    assert!(matches!(source, Source::Trained(report, _) if report.epochs == 5));
    assert_eq!(model.state_dict(), whole.state_dict());
    assert!(!folder.path().join("own_checkpoints").exists());
}

/// What a pre-training of a single epoch takes.
fn one_epoch() -> (Params, TransferLearningWrapper, CustomCnn) {
    let params = Params { num_train: 1, ..params() };
    let data = data(&params);
    let model = network(&params, &data);
    (params, data, model)
}

/// Weights that are no numbers are neither written nor left in the network, and the next try begins anew.
#[test]
fn a_pre_training_that_diverges_leaves_the_network_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("source.safetensors");
    let (params, mut data, mut model) = one_epoch();
    let before = model.deep_clone().unwrap().state_dict();
    let wild = Params { lr_pretrain: 1e30, ..params.clone() };
    let error = pretrained(&mut model, &mut data, &wild, "test", &path).unwrap_err().to_string();
    assert!(error.contains("finite weights") && error.contains("smaller learning rate"), "{error}");
    assert_eq!(model.state_dict(), before);
    assert!(!path.exists() && !folder.path().join("source_checkpoints").exists());
    pretrained(&mut model, &mut data, &params, "test", &path).unwrap();
    assert!(path.exists());
}

/// A changed plan must not go on quietly with the weights of the old one.
#[test]
fn weights_of_another_pre_training_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("source.safetensors");
    let (params, mut data, mut model) = one_epoch();
    pretrained(&mut model, &mut data, &params, "test", &path).unwrap();
    assert!(matches!(pretrained(&mut model, &mut data, &params, "test", &path), Ok(Source::Read(Some(_)))));
    let longer = Params { num_train: 2, ..params };
    let error = pretrained(&mut model, &mut data, &longer, "test", &path).unwrap_err().to_string();
    for part in ["source.safetensors", "`training.epochs` 2", "variant", "found 1"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn without_validation_images_there_is_no_accuracy_and_no_best() {
    let params = Params { val_split: 0.0, early_stop_patience: None, ..params() };
    let data = data(&params);
    let report = trainer(&mut network(&params, &data), &data, &params).train().unwrap();
    assert_eq!(report.val_acc, None);
    assert!(report.curve.iter().all(|epoch| epoch.val_acc.is_none() && epoch.train_acc.is_some()));
    for refused in [Params { restore_best: true, ..params.clone() }, Params { save_best: true, ..params.clone() }] {
        let error = Trainer::new(&mut network(&params, &data), &data, 0.001, &refused).err().unwrap().to_string();
        assert!(error.contains("`val_split`"), "{error}");
        let error = TransferLearningWrapper::load(&refused, GLYPHS, GLYPHS, None, &Silent).err().unwrap().to_string();
        assert!(error.contains("`val_split`"), "{error}");
    }
}

#[test]
fn an_interrupt_keeps_the_last_complete_epoch() {
    if !in_own_process("an_interrupt_keeps_the_last_complete_epoch") {
        return;
    }
    let params = Params { num_train: 10_000, early_stop_patience: None, ..params() };
    let data = data(&params);
    let mut model = network(&params, &data);
    let before = model.deep_clone().unwrap().state_dict();
    let shown = Recorded::default();
    let watched = shown.clone();
    std::thread::spawn(move || {
        while watched.reports().iter().filter(|r| *r == "advance 1").count() < 2 {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        cancel::raise();
    });
    let run = trainer(&mut model, &data, &params).progress(Arc::new(shown));
    let start = std::time::Instant::now();
    let error = run.train().unwrap_err();
    assert!(matches!(error, Error::Interrupted(_)), "{error}");
    assert!(start.elapsed() < std::time::Duration::from_secs(60));
    assert_ne!(model.state_dict(), before, "the weights of the last complete epoch are in the network");
    assert!(!cancel::is_raised(), "the interrupt has been answered");
    // Everything goes on from there.
    let params = Params { num_train: 1, ..params };
    trainer(&mut model, &data, &params).train().unwrap();
}

#[test]
fn what_does_not_fit_is_refused_before_training() {
    let params = params();
    let data = data(&params);
    let mut model = CustomCnn::new(&params, 3, data.input_shape()).unwrap();
    let refused = |model: &mut CustomCnn, data: &TransferLearningWrapper, params: &Params, lr: f64| {
        Trainer::new(model, data, lr, params).err().unwrap().to_string()
    };
    assert!(refused(&mut model, &data, &params, 0.001).contains("`output_dim`: expected 3 classes"));
    let mut model = network(&params, &data);
    assert!(refused(&mut model, &data, &params, 0.0).contains("`lr`"));
    let params = Params { save_best: true, ..params };
    let error = trainer(&mut model, &data, &params).train().unwrap_err().to_string();
    assert!(error.contains("`output`"), "{error}");
}
