//! A network beside what `make.py` kept of the same one in PyTorch.

use cutpoint::data::Preparation;
use cutpoint::model::{Builtin, Network};
use cutpoint::rng::TorchRng;
use serde_json::Value;
use tch::{Kind, Tensor};

pub const SIDE: usize = 64;
const CLASSES: usize = 10;
pub const IMAGES: i64 = 4;
/// The largest difference of a number, as a part of the largest number of its kind.
pub const CLOSE: f64 = 1e-5;

pub fn uniform(rng: &mut TorchRng, shape: &[i64], from: f64, to: f64) -> Tensor {
    let count = shape.iter().product::<i64>() as usize;
    Tensor::from_slice(&rng.uniform(count, from, to)).view(shape)
}

pub fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(list) => list.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().unwrap()],
    }
}

/// The largest difference, as a part of the largest expected number.
pub fn difference(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0f64, |m, v| m.max(v.abs()));
    found.iter().zip(expected).fold(0f64, |m, (a, b)| m.max((a - b).abs())) / largest.max(f64::MIN_POSITIVE)
}

pub fn doubles(t: &Tensor) -> Vec<f64> {
    Vec::<f64>::try_from(t.to_kind(Kind::Double).flatten(0, -1)).unwrap()
}

/// A gradient as `seen` in `make.py` sees it: its norm, and the sum of its elements, each times a random number, three times.
fn seen(gradient: &Tensor, rng: &mut TorchRng) -> Vec<f64> {
    let gradient = gradient.to_kind(Kind::Double);
    let matrix = gradient.reshape([gradient.size()[0], -1]);
    let mut factors = |n: i64| uniform(rng, &[n], -1.0, 1.0).to_kind(Kind::Double).to_device(matrix.device());
    let sums = (0..3).map(|_| {
        let (left, right) = (factors(matrix.size()[0]), factors(matrix.size()[1]));
        left.dot(&matrix.mv(&right)).double_value(&[])
    });
    let sums: Vec<f64> = sums.collect();
    [vec![gradient.norm().double_value(&[])], sums].concat()
}

/// Compares a network with what `make.py` kept of it: logits, loss, gradients and statistics.
pub fn compare(which: Builtin, network: &Network, images: &Tensor, expected: &Value) {
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
    let mut by_name: Vec<(&str, &Tensor)> = parameters.iter().map(|(name, _)| name.as_str()).zip(&gradients).collect();
    by_name.sort_by_key(|(name, _)| *name);
    let mut rng = TorchRng::new(2);
    let worst = by_name.into_iter().fold((0f64, ""), |worst, (name, gradient)| {
        let by = difference(&seen(gradient, &mut rng), &numbers(&known[name]));
        if by > worst.0 {
            (by, name)
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

pub fn new(which: Builtin) -> Network {
    Network::builtin(which, CLASSES, Preparation::imagenet(SIDE)).unwrap()
}
