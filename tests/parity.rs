//! The same seeds give the same numbers as PyTorch, to the last digit on a CPU.
//!
//! The expectations in `parity/cases.json` are what a reference program in PyTorch 2.11 printed; `parity/make.py`
//! writes them and stands for the command that made each.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;

use common::need;
use cutpoint::data::{CIFAR10, FASHION_MNIST, MNIST};
use serde_json::Value;

fn cases() -> Vec<Value> {
    serde_json::from_str(include_str!("parity/cases.json")).unwrap()
}

/// Runs one case and says how it differs from the reference, if it does.
fn difference(case: &Value, data: &std::path::Path) -> Option<String> {
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
    if losses.len() != expected.len() || losses.iter().zip(&expected).any(|(a, b)| (a - b).abs() > 1e-5) {
        wrong.push(format!("first losses: expected {expected:?}, got {losses:?}"));
    }
    (!wrong.is_empty()).then(|| format!("{arguments}\n    {}", wrong.join("\n    ")))
}

#[test]
fn runs_equal_pytorchs_to_the_last_digit() {
    let data = need!(common::data(&[MNIST, FASHION_MNIST, CIFAR10]));
    let cases = cases();
    assert!(cases.len() >= 24);
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..cutpoint::train::machine::cores() {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    failures.lock().unwrap().extend(difference(case, &data));
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} of {} cases differ:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

/// The cases are spread as a study is: every setting, every cut, both input sizes, both batch sizes, early stopping.
#[test]
fn cases_cover_the_study() {
    let cases = cases();
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
