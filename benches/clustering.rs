//! Average-linkage clustering of one repeat at 100% of the target data, every layer's features one after the other, here
//! and in scikit-learn in turns in one run: time, peak memory, and whether the clusters are the same.
//!
//! Needs FashionMNIST, the source weights (`CUTPOINT_WEIGHTS`: a .pth or .safetensors file) and a Python with
//! scikit-learn (`SKLEARN_PYTHON`); `make bench` sets both.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use cutpoint::cluster::{Algorithm, FeatureTable};
use cutpoint::model::Checkpoint;
use cutpoint::prelude::*;

fn main() -> Result<()> {
    let needed = |name: &str| std::env::var_os(name).unwrap_or_else(|| panic!("expected {name} to be set"));
    let study = Study::find("FashionMNIST/regular")?;
    let data = TransferLearningWrapper::load(
        &study.params,
        study.source,
        study.target,
        None,
        &cutpoint::runtime::progress::Silent,
    )?;
    let mut model = CustomCnn::new(&study.params, study.params.pre_train_classes.len(), data.input_shape())?;
    model.load_state_dict(&Checkpoint::load(PathBuf::from(needed("CUTPOINT_WEIGHTS")))?.tensors)?;
    let table = FeatureTable::new(&model, &data.reduced_train(1.0, 0)?)?;
    let clusters = data.target.classes.len();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for layer in 0..model.depth() {
        let features = table.layer(layer)?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("features.f64");
        let bytes: Vec<u8> = features.vectors.iter().flat_map(|v| v.to_le_bytes()).collect();
        std::fs::write(&path, bytes).expect("features written");
        println!("{}: {} vectors of {}", features.layer, features.vectors.nrows(), features.vectors.ncols());
        let start = Instant::now();
        let found = Algorithm::Average.cluster(features.vectors.view(), clusters, 0)?;
        ours.push(start.elapsed().as_secs_f64());
        let output = Command::new(needed("SKLEARN_PYTHON"))
            .arg("benches/clustering.py")
            .args([path.as_os_str(), clusters.to_string().as_ref(), features.vectors.ncols().to_string().as_ref()])
            .output()
            .expect("Python runs");
        let text = String::from_utf8_lossy(&output.stdout);
        let answer: serde_json::Value = serde_json::from_str(&text)
            .unwrap_or_else(|_| panic!("scikit-learn: {text}{}", String::from_utf8_lossy(&output.stderr)));
        let seconds = answer["seconds"].as_f64().expect("seconds");
        theirs.push(seconds);
        let labels: Vec<usize> = serde_json::from_value(answer["labels"].clone()).expect("labels");
        let same = if labels == found { "the same clusters" } else { "OTHER clusters" };
        println!(
            "  here {:6.2} s, scikit-learn {seconds:6.2} s and {} MiB at most; {same}",
            ours[ours.len() - 1],
            answer["mib"]
        );
    }
    let (a, b) = (ours.iter().sum::<f64>(), theirs.iter().sum::<f64>());
    println!(
        "one repeat: {a:.2} s against {b:.2} s: {:.1} times as fast; here {} MiB at most in all",
        b / a,
        peak_mib()
    );
    Ok(())
}

/// The most memory this process has had, in MiB.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}
