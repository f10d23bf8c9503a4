//! The same seeds give the same numbers as PyTorch, to the last digit on a CPU.
//!
//! The expectations in `parity/cases.json`, and in `parity/cases_avx2.json` for processors without AVX-512, are what a
//! reference program in PyTorch 2.11 printed; `parity/make.py` writes them and stands for the command that made each.

mod common;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;

use common::need;
use cutpoint::config::{Params, Setting};
use cutpoint::data::{DatasetName, TransferLearningWrapper, CIFAR10, FASHION_MNIST, MNIST};
use cutpoint::model::CustomCnn;
use cutpoint::study::{Profile, Study};
use cutpoint::train::{check_source, check_source_images, load_source};
use serde_json::Value;

const AVX512: &str = include_str!("parity/cases.json");
const AVX2: &str = include_str!("parity/cases_avx2.json");

fn cases(text: &str) -> Vec<Value> {
    serde_json::from_str(text).unwrap()
}

/// Whether PyTorch uses AVX-512 here, and whether the expectations were made on a processor of this kind. On one of
/// another maker or architecture PyTorch itself sums in another order.
fn processor() -> (bool, bool) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected as has;
        let restricted = std::env::var("ATEN_CPU_CAPABILITY").is_ok_and(|it| it != "avx512");
        let avx512 = !restricted && has!("avx512f") && has!("avx512bw") && has!("avx512vl") && has!("avx512dq");
        let amd = std::fs::read_to_string("/proc/cpuinfo").is_ok_and(|text| text.contains("AuthenticAMD"));
        (avx512, amd && has!("avx2") && has!("fma"))
    }
    #[cfg(not(target_arch = "x86_64"))]
    (false, false)
}

/// How a run differs from the reference.
struct Difference {
    text: String,
    /// As another order of sums has it: early losses are nearly the same.
    slight: bool,
}

/// Runs one case and says how it differs from the reference, if it does.
fn difference(case: &Value, data: &Path) -> Option<Difference> {
    let arguments = case["arguments"].as_str().unwrap();
    let mut command = common::cutpoint();
    command
        .arg("finetune")
        .args(arguments.split_whitespace())
        .args(["--trace", "--device", "cpu"])
        .arg("--data")
        .arg(data);
    let row: Value = serde_json::from_slice(&common::succeed(&mut command).stdout).unwrap();
    let mut wrong = Vec::new();
    for key in ["train_acc", "test_acc", "epochs"] {
        if row[key] != case[key] {
            wrong.push(format!("{key}: expected {}, got {}", case[key], row[key]));
        }
    }
    let epochs = row["trace"].as_array().unwrap();
    let losses = epochs.iter().flat_map(|e| e["loss"].as_array().unwrap()).map(|l| l.as_f64().unwrap());
    let expected: Vec<f64> = case["losses"].as_array().unwrap().iter().map(|l| l.as_f64().unwrap()).collect();
    let losses: Vec<f64> = losses.take(expected.len()).collect();
    let within = |bound: f64| {
        losses.len() == expected.len() && losses.iter().zip(&expected).all(|(a, b)| (a - b).abs() <= bound)
    };
    if !within(1e-5) {
        wrong.push(format!("first losses: expected {expected:?}, got {losses:?}"));
    }
    let text = format!("{arguments}\n    {}", wrong.join("\n    "));
    (!wrong.is_empty()).then(|| Difference { text, slight: within(1e-3) })
}

/// Source and target of the cases; there is a test for each pair, so that only those are skipped whose data sets cannot
/// be had.
const PAIRS: [(DatasetName, DatasetName); 4] =
    [(FASHION_MNIST, FASHION_MNIST), (MNIST, MNIST), (CIFAR10, CIFAR10), (MNIST, FASHION_MNIST)];

fn is_of(case: &Value, (source, target): (DatasetName, DatasetName)) -> bool {
    case["arguments"].as_str().unwrap().starts_with(&format!("--source {source} --target {target} "))
}

/// Runs the cases of one pair, as many at once as there are cores. An error, by which the test is skipped, where
/// PyTorch's numbers for this kind of processor are not known and those known are not quite met.
fn equal_pytorchs(pair: (DatasetName, DatasetName), data: &Path) -> Result<(), String> {
    // One pair after the other: a run may take a gigabyte.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(|of_a_failed_test| of_a_failed_test.into_inner());
    let (avx512, known) = processor();
    let mut cases = cases(if avx512 { AVX512 } else { AVX2 });
    cases.retain(|case| is_of(case, pair));
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..cutpoint::runtime::threads::cores() {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    failures.lock().unwrap().extend(difference(case, data));
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    let texts: Vec<&str> = failures.iter().map(|f| f.text.as_str()).collect();
    let summary = format!("{} of {} cases differ", failures.len(), cases.len());
    if !known && !failures.is_empty() && failures.iter().all(|f| f.slight) {
        return Err(format!("expected a processor that PyTorch's numbers are known of; here {summary} slightly"));
    }
    assert!(failures.is_empty(), "{summary}:\n{}", texts.join("\n"));
    Ok(())
}

#[test]
fn fashion_mnist_runs_equal_pytorchs_to_the_last_digit() {
    need!(equal_pytorchs((FASHION_MNIST, FASHION_MNIST), &need!(common::data(&[FASHION_MNIST]))));
}

#[test]
fn mnist_runs_equal_pytorchs_to_the_last_digit() {
    need!(equal_pytorchs((MNIST, MNIST), &need!(common::data(&[MNIST]))));
}

#[test]
fn mnist_to_fashion_mnist_runs_equal_pytorchs_to_the_last_digit() {
    need!(equal_pytorchs((MNIST, FASHION_MNIST), &need!(common::data(&[MNIST, FASHION_MNIST]))));
}

/// Of the CIFAR-10 that the expectations are of: its images went through JPEG (see the main README).
#[test]
fn cifar_10_runs_equal_pytorchs_to_the_last_digit() {
    let data = need!(common::data(&[CIFAR10]));
    need!(images_of_the_committed_results("CIFAR/regular", &data));
    need!(equal_pytorchs((CIFAR10, CIFAR10), &data));
}

/// Whether a study's target images are those that its committed results were computed from.
fn images_of_the_committed_results(study: &str, data: &Path) -> Result<(), String> {
    let study = Study::find(study).unwrap();
    let found = TransferLearningWrapper::new(&study.params, study.source, study.target, data).unwrap().target.digest();
    let results = study.files(env!("CARGO_MANIFEST_DIR")).cuts(Setting::FR);
    let file: Value = serde_json::from_str(&std::fs::read_to_string(results).unwrap()).unwrap();
    let expected = file[0]["target_pictures"].as_str().unwrap();
    (found == expected).then_some(()).ok_or_else(|| {
        format!("expected the images of {} that the committed results are of, found others", study.target)
    })
}

/// Committed weights say how, and on what images, they were trained. They are used for that, and refused on other images.
#[test]
fn committed_weights_know_their_images() {
    let data = need!(common::data(&[MNIST]));
    let study = Study::find("MNIST").unwrap();
    let pretrain = study.plan(Profile::Cpu).pretrain;
    let path = study.files(env!("CARGO_MANIFEST_DIR")).weights;
    let load = |params: &Params| TransferLearningWrapper::new(params, study.source, study.target, &data).unwrap();
    let ours = load(&pretrain);
    let mut network = CustomCnn::new(&pretrain, 5, ours.input_shape()).unwrap();
    let origin = load_source(&mut network, &path).unwrap();
    check_source(origin.as_ref(), &pretrain, &ours.source, &path, None).unwrap();
    check_source_images(origin.as_ref(), &ours.source, &path).unwrap();
    // The same digits, divided otherwise into those that train and those that validate.
    let others = load(&Params { generate_dataset_seed: 1, ..pretrain.clone() });
    for refused in [
        check_source(origin.as_ref(), &pretrain, &others.source, &path, None),
        check_source_images(origin.as_ref(), &others.source, &path),
    ] {
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("regular_classes.safetensors") && error.contains("`images`"), "{error}");
    }
}

/// The cases are spread as a study is: every setting, every cut, both input sizes, both batch sizes, early stopping.
#[test]
fn cases_cover_the_study() {
    let cases = cases(AVX512);
    assert!(cases.len() >= 24);
    let arguments = |cases: &[Value]| cases.iter().map(|c| c["arguments"].clone()).collect::<Vec<_>>();
    assert_eq!(arguments(&cases), arguments(&self::cases(AVX2)));
    assert!(cases.iter().all(|case| PAIRS.iter().any(|&pair| is_of(case, pair))), "a case that no test runs");
    let all: Vec<&str> = cases.iter().map(|c| c["arguments"].as_str().unwrap()).collect();
    let needed = ["--setting FR", "--setting F ", "--setting R", "--setting none", "--setting FT", "CIFAR10", "MNIST"]
        .map(str::to_owned)
        .into_iter()
        .chain((-1..=6).map(|cut| format!("--cut {cut} ")))
        .chain(
            ["--batch-size 64", "--patience", "--test-split train", "--pretrain-epochs", "--percentage 0.001"]
                .map(str::to_owned),
        );
    for part in needed {
        assert!(all.iter().any(|a| a.contains(&part)), "no case has {part}");
    }
}
