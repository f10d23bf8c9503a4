//! Sweeps: the same rows as single runs, whatever is stored, shared, interrupted or killed.

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cutpoint::config::{Device, Params, Setting, TestSplit};
use cutpoint::data::{TransferLearningWrapper, GLYPHS};
use cutpoint::model::CustomCnn;

use cutpoint::results::{Record, ResultFile};
use cutpoint::runtime::progress::{Recorded, Silent};
use cutpoint::study::{Plan, Profile, Study};
use cutpoint::sweep::{fine_tune, Repeats, Row, Sweep};

fn params() -> Params {
    Params { depth: 4, num_channels: 8, num_train: 3, batch_size: 64, device: Device::Cpu, ..Params::default() }
}

fn study(params: &Params) -> (CustomCnn, TransferLearningWrapper) {
    let data = TransferLearningWrapper::load(params, GLYPHS, GLYPHS, None, &Silent).unwrap();
    (CustomCnn::new(params, data.source.classes.len(), data.input_shape()).unwrap(), data)
}

fn timeless(records: Vec<Record>) -> Vec<Record> {
    records.into_iter().map(|r| Record { seconds: None, ..r }).collect()
}

/// A sweep with a journal of its own.
fn sweep<'a>(params: &Params, source: &'a CustomCnn, data: &'a TransferLearningWrapper, journal: &Path) -> Sweep<'a> {
    let sweep = Sweep::new(params, source, data).unwrap().percentages(&[0.001, 0.0145]).cuts(-1..=4);
    sweep.repeats(Repeats::Fixed(2)).journal(journal).progress(Arc::new(Silent))
}

/// 0.0145 of 9000 images in five classes is 26 a class: 130 samples, so that no batch of 64 is a single sample; 0.001
/// is one a class.
#[test]
fn rows_of_a_sweep_equal_single_runs_in_every_setting() {
    let folder = tempfile::tempdir().unwrap();
    for (i, setting) in Setting::ALL.into_iter().enumerate() {
        let test_split = if i % 2 == 0 { TestSplit::Test } else { TestSplit::Published };
        let params = Params { test_split, early_stop_patience: Some(1 + i), ..params().with_setting(setting) };
        let (source, data) = study(&params);
        let rows = sweep(&params, &source, &data, &folder.path().join("j")).run().unwrap();
        assert_eq!(rows.records.len(), 24);
        for record in timeless(rows.records) {
            let (p, cut, repeat) = (record.sampled_percentage, record.sampled_cut_point, record.repeat);
            let single =
                fine_tune(&source, &data, &params, Row::new(p, cut, repeat).unwrap(), 1, false).unwrap().record;
            assert_eq!(record, Record { seconds: None, ..single }, "{setting}");
        }
    }
}

/// A batch of 64 of 65 samples leaves a batch of one, which libtorch convolves in a way of its own.
#[test]
fn a_last_batch_of_one_sample_is_computed_as_in_a_single_run() {
    let folder = tempfile::tempdir().unwrap();
    let params = params();
    let (source, data) = study(&params);
    let percentage = 65.0 / 9000.0 + 1e-6;
    assert_eq!(data.reduced_train(percentage, 0).unwrap().len(), 65);
    let rows = sweep(&params, &source, &data, &folder.path().join("j")).percentages(&[percentage]).run().unwrap();
    for record in timeless(rows.records) {
        let (cut, repeat) = (record.sampled_cut_point, record.repeat);
        let single =
            fine_tune(&source, &data, &params, Row::new(percentage, cut, repeat).unwrap(), 1, false).unwrap().record;
        assert_eq!(record, Record { seconds: None, ..single });
    }
}

#[test]
fn memory_and_workers_change_no_number() {
    let folder = tempfile::tempdir().unwrap();
    let params = params();
    let (source, data) = study(&params);
    let run = |name: &str, workers, budget| {
        let sweep = sweep(&params, &source, &data, &folder.path().join(name)).workers(workers).memory_budget(budget);
        timeless(sweep.run().unwrap().records)
    };
    let expected = run("a", 1, 4 << 30);
    assert_eq!(run("b", 3, 4 << 30), expected);
    assert_eq!(run("c", 2, 0), expected, "with no budget nothing is stored and runs are made one by one");
    assert_eq!(run("d", 2, 30 << 20), expected);
}

#[test]
fn finished_runs_are_not_made_again_and_settings_share_what_they_have_in_common() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("j");
    let lines = || std::fs::read_to_string(&journal).unwrap().lines().count();
    let (source, data) = study(&params());
    let run = |params: Params| sweep(&params, &source, &data, &journal).percentages(&[0.001]).run().unwrap();
    let fr = run(params());
    // Baseline and cut 0 coincide under FR.
    assert_eq!(lines(), 10);
    assert_eq!(run(params()), fr);
    assert_eq!(lines(), 10);
    // F shares the baseline and the last cut, and has cut 0 to 3 of its own.
    run(params().with_setting(Setting::F));
    assert_eq!(lines(), 18);
    // Other parameters are other runs.
    run(Params { lr_fine_tune: 0.002, ..params() });
    assert_eq!(lines(), 28);
    // Other source weights are other runs, except where nothing of them is kept.
    let other = CustomCnn::with_rng(&params(), 5, data.input_shape(), cutpoint::rng::TorchRng::new(9)).unwrap();
    sweep(&params(), &other, &data, &journal).percentages(&[0.001]).run().unwrap();
    assert_eq!(lines(), 36);
}

/// On a fresh clone there are result files and no journal. Rows count as done where the file says that they are of the same
/// parameters, source weights and images.
#[test]
fn rows_of_result_files_are_not_made_again_unless_they_might_be_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (source, data) = study(&params());
    let made = |from: &[PathBuf], params: &Params, source: &CustomCnn| {
        let journal = tempfile::NamedTempFile::new().unwrap();
        let sweep = sweep(params, source, &data, journal.path()).percentages(&[0.001]);
        let rows = sweep.known(from.iter().cloned()).run().unwrap();
        (rows, std::fs::read_to_string(journal.path()).unwrap().lines().count())
    };
    let (mut all, ten) = made(&[], &params(), &source);
    assert_eq!(ten, 10);
    // A number that no run gives: where it is found again, the row was taken from the file.
    let marked = |all: &mut ResultFile| all.records.iter_mut().for_each(|r| r.test_acc = 0.125);
    marked(&mut all);
    let files = [at("baselines.json"), at("cuts.json"), at("none.json")];
    all.cuts([-1]).add_to(&files[0]).unwrap();
    all.without_baseline().add_to(&files[1]).unwrap();
    assert_eq!(made(&files, &params(), &source), (all.clone(), 0));
    // A number that was changed in one of the two rows of a run: it is made again, whichever was changed.
    let mut edited = all.without_baseline();
    edited.records.iter_mut().find(|r| r.sampled_cut_point == 0).unwrap().test_acc = 0.99;
    edited.save(at("edited.json")).unwrap();
    for both in [[files[0].clone(), at("edited.json")], [at("edited.json"), files[0].clone()]] {
        let (rows, again) = made(&both, &params(), &source);
        assert_eq!(again, 1);
        assert!(rows.records.iter().all(|r| r.test_acc != 0.99));
    }
    // Cut 0 is the run of the baseline under FR; under F only the baseline and none of its own cuts is known.
    assert_eq!(made(&files[..1], &params(), &source).1, 8);
    assert_eq!(made(&files, &params().with_setting(Setting::F), &source).1, 10);
    assert_eq!(made(&files, &Params { lr_fine_tune: 0.002, ..params() }, &source).1, 10);
    // Of another source network only the baseline is known.
    let other = CustomCnn::with_rng(&params(), 5, data.input_shape(), cutpoint::rng::TorchRng::new(9)).unwrap();
    assert_eq!(made(&files, &params(), &other).1, 8);
    // Files that do not say what they are of, and rows of another kind of device.
    for key in ["target_pictures", "source_weights"] {
        let mut silent = all.without_baseline();
        silent.params.other.shift_remove(key);
        silent.save(at("silent.json")).unwrap();
        assert_eq!(made(&[at("silent.json")], &params(), &source).1, 10, "{key}");
        // Nor do they say it once a row that does is among them.
        all.cuts([1]).add_to(at("silent.json")).unwrap();
        assert_eq!(made(&[at("silent.json")], &params(), &source).1, 10, "{key}");
    }
    // Baselines do not relabel the cuts of another source network in one file with them.
    let mixed = made(&[], &params(), &other).0;
    mixed.save(at("mixed.json")).unwrap();
    assert!(all.cuts([-1]).add_to(at("mixed.json")).is_err());
    let mut elsewhere = all.without_baseline();
    elsewhere.records.iter_mut().for_each(|r| r.device = Some("cuda".to_owned()));
    elsewhere.save(at("cuda.json")).unwrap();
    assert_eq!(made(&[at("cuda.json")], &params(), &source).1, 10);
    // Rows of other images are not known, and are not added to these.
    all.params.other.insert("target_pictures".to_owned(), "others".into());
    all.without_baseline().save(at("pictures.json")).unwrap();
    let (new, ten) = made(&[at("pictures.json")], &params(), &source);
    assert_eq!(ten, 10);
    let refused = new.without_baseline().add_to(at("pictures.json")).unwrap_err().to_string();
    assert!(refused.contains("`target_pictures`") && refused.contains("found \"others\""), "{refused}");
}

#[test]
fn progress_reaches_its_total() {
    let folder = tempfile::tempdir().unwrap();
    let params = params();
    let (source, data) = study(&params);
    let shown = Recorded::default();
    sweep(&params, &source, &data, &folder.path().join("j")).progress(Arc::new(shown.clone())).run().unwrap();
    let reports = shown.reports();
    let number = |r: &String, prefix: &str| r.strip_prefix(prefix).and_then(|n| n.parse::<u64>().ok());
    let total = reports.iter().find_map(|r| number(r, "begin fine-tuning ")).unwrap();
    let done: u64 = reports.iter().filter_map(|r| number(r, "advance ")).sum();
    assert_eq!(done, total);
    assert!(reports.contains(&"note 20 of 20 runs".to_owned()));
}

/// The command of a small sweep by the program, on built-in images and initial weights.
fn program(out: &Path, repeats: u32) -> Command {
    let mut command = common::cutpoint();
    command.args("sweep Glyphs --percentages 0.001,0.01 --pretrain-epochs 0 --device cpu --repeats".split(' '));
    command.arg(repeats.to_string());
    command.args("--epochs 3 --depth 3 --channels 16 --batch-size 64".split(' ')).arg("--out").arg(out);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

const NAMES: [&str; 2] = ["baselines_regular_classes.json", "cuts_regular_classes_FR.json"];

fn results(out: &Path) -> Vec<String> {
    NAMES.iter().map(|name| common::without_seconds(&out.join("results/Glyphs").join(name))).collect()
}

fn journal(out: &Path) -> PathBuf {
    out.join("results/Glyphs/.journal/regular_classes.jsonl")
}

#[test]
fn twenty_kills_leave_the_files_of_an_undisturbed_sweep() {
    let folder = tempfile::tempdir().unwrap();
    let (calm, troubled) = (folder.path().join("calm"), folder.path().join("troubled"));
    let start = Instant::now();
    common::succeed(&mut program(&calm, 4));
    let whole = start.elapsed();
    let mut random = cutpoint::rng::TorchRng::new(20);
    let mut kept = Vec::new();
    for _ in 0..20 {
        let mut child = program(&troubled, 4).spawn().unwrap();
        // Long enough that all kills together let about one sweep through; some come before the first run ends.
        let wait = whole.mul_f64(0.05 + 0.25 * f64::from(random.random32()) / f64::from(u32::MAX));
        std::thread::sleep(wait);
        // SIGKILL.
        child.kill().unwrap();
        let status = child.wait().unwrap();
        let lines = std::fs::read_to_string(journal(&troubled)).map_or(0, |text| text.lines().count());
        kept.push((status.success(), lines));
    }
    assert!(kept.windows(2).all(|w| w[0].1 <= w[1].1), "no finished run is ever lost: {kept:?}");
    assert!(kept.iter().filter(|k| !k.0).count() >= 3, "too few of the kills hit a running sweep: {kept:?}");
    common::succeed(&mut program(&troubled, 4));
    assert_eq!(results(&troubled), results(&calm));
    let left: Vec<_> =
        std::fs::read_dir(troubled.join("results/Glyphs")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "two files and the journal's folder, nothing half-written: {left:?}");
}

#[test]
fn an_interrupt_ends_the_program_within_a_second_and_keeps_finished_runs() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let child = program(&out, 200).stderr(Stdio::piped()).spawn().unwrap();
    while std::fs::read_to_string(journal(&out)).map_or(0, |text| text.lines().count()) < 3 {
        std::thread::sleep(Duration::from_millis(20));
    }
    let interrupted = Instant::now();
    let pid = child.id().to_string();
    common::succeed(Command::new("kill").args(["-INT", &pid]));
    let output = child.wait_with_output().unwrap();
    let took = interrupted.elapsed();
    assert_eq!(output.status.code(), Some(130), "{}", common::stderr(&output));
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert!(common::stderr(&output).contains("interrupted: "), "{}", common::stderr(&output));
    assert!(!out.join("results/Glyphs").join(NAMES[1]).exists(), "no result file of an unfinished sweep");
    assert!(std::fs::read_to_string(journal(&out)).unwrap().lines().count() >= 3);
}

/// Workers are left behind in the middle of operations of a second; the process must not fall over them as it ends.
#[test]
fn an_interrupt_in_the_middle_of_long_operations_ends_as_any_other() {
    let folder = tempfile::tempdir().unwrap();
    for signal in ["-INT", "-TERM", "-INT", "-INT"] {
        let mut command = common::cutpoint();
        let long = "sweep Glyphs --percentages 0.5 --repeats 5 --workers 2 --pretrain-epochs 0 --depth 6 --channels 32";
        command.args(long.split(' ')).args(["--batch-size", "4096", "--device", "cpu", "--out"]).arg(folder.path());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while !journal(folder.path()).exists() {
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_secs(2));
        common::succeed(Command::new("kill").args([signal, &child.id().to_string()]));
        assert_eq!(child.wait().unwrap().code(), Some(130), "{signal}");
    }
}

#[test]
fn impossible_sweeps_are_refused_before_anything_runs() {
    let (source, data) = study(&params());
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("j");
    let sweep = || Sweep::new(&params(), &source, &data).unwrap().journal(&journal);
    let error = sweep().percentages(&[0.00001]).run().unwrap_err().to_string();
    assert!(error.contains("`percentage`") && error.contains("0.00001"), "{error}");
    assert!(sweep().cuts([9]).run().unwrap_err().to_string().contains("`cut`"));
    let deeper = Params { depth: 6, ..params() };
    let error = Sweep::new(&deeper, &source, &data).err().unwrap().to_string();
    assert!(error.contains("`source`: expected the network of the parameters (8-8p-8-8p-8-8p"), "{error}");
    assert!(!journal.exists());
}

/// Hours of computing must not end in a file that refuses their rows.
#[test]
fn a_planned_sweep_whose_rows_its_files_would_refuse_is_refused_before_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let mut plan = Study::find("Glyphs").unwrap().plan(Profile::Cpu);
    (plan.params, plan.pretrain, plan.percentages, plan.repeats) = (params(), params(), vec![0.001], Repeats::Fixed(1));
    let (source, data) = study(&plan.params);
    let planned = |plan: &Plan| Ok(Sweep::planned(plan, &source, &data, root)?.progress(Arc::new(Silent)));
    let both = |plan: &Plan| -> cutpoint::error::Result<[ResultFile; 2]> {
        let baselines = planned(plan)?.cuts([-1]).run()?.add_to(plan.baselines(root))?;
        Ok([baselines, planned(plan)?.cuts([1]).run()?.add_to(plan.cuts(root)?)?])
    };
    let [baselines, cuts] = both(&plan).unwrap();
    assert!(!baselines.params.other.contains_key("source_weights") && cuts.params.other.contains_key("source_weights"));
    // The file of baselines is one for all settings, and of none.
    let truncated = plan.clone().with_setting(Setting::FT);
    let [again, _] = both(&truncated).unwrap();
    assert_eq!((again.params, again.records), (baselines.params, baselines.records));

    plan.params.num_train = 2;
    let refused = both(&plan).unwrap_err().to_string();
    for part in ["baselines_regular_classes.json", "`num_train` 2", "found 3", "Plan::variant"] {
        assert!(refused.contains(part), "{refused}");
    }
    let plan = plan.variant("short").unwrap();
    let [short, _] = both(&plan).unwrap();
    assert_eq!(short.params.num_train, 2);
    assert!(root.join("results/Glyphs/short/cuts_regular_classes_FR.json").exists());
    // One journal for both: 1 baseline and 1 cut of three epochs, a truncated cut, and two of two epochs.
    let journal = std::fs::read_to_string(root.join("results/Glyphs/.journal/regular_classes.jsonl")).unwrap();
    assert_eq!(journal.lines().count(), 5);
}

#[test]
fn result_files_are_read_back_as_they_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let params = Params { test_split: TestSplit::Published, ..params() };
    let (source, data) = study(&params);
    let rows = sweep(&params, &source, &data, &folder.path().join("j")).percentages(&[0.001]).run().unwrap();
    let path = folder.path().join("cuts_regular_classes_FR.json");
    rows.save(&path).unwrap();
    let read = ResultFile::load(&path).unwrap();
    assert_eq!(read.records, rows.records);
    assert!(read.states_test_split && read.params.test_split == TestSplit::Published);
    assert_eq!(read.params.other["target_dataset"], "Glyphs");
    let first: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert!(first[0].get("device").is_none());
    let keys: Vec<&String> = first[1].as_object().unwrap().keys().collect();
    let published = ["lr", "sampled_percentage", "sampled_cut_point", "repeat", "train_acc", "test_acc"];
    assert_eq!(keys[..6], published);
}
