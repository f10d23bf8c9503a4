//! The fraction of the machine's matrix-product rate that training reaches at cut 0, on one thread.
//!
//! Counted are the multiplications and additions of the convolutions: forward once for an image that is measured,
//! three times for one that is trained on (less the first layer's gradient of its input, which nobody needs).

use std::time::Instant;

use cutpoint::config::{Device, Params};
use cutpoint::data::{TransferLearningWrapper, GLYPHS};
use cutpoint::model::CustomCnn;
use cutpoint::runtime::progress::Silent;
use cutpoint::sweep::{fine_tune, Row};
use tch::{Kind, Tensor};

/// Times a product of 2048 x 2048 matrices, in operations a second.
fn product_rate() -> f64 {
    let a = Tensor::rand([2048, 2048], (Kind::Float, tch::Device::Cpu));
    let _ = a.matmul(&a);
    let start = Instant::now();
    let _ = a.matmul(&a);
    2.0 * 2048f64.powi(3) / start.elapsed().as_secs_f64()
}

fn main() -> cutpoint::error::Result<()> {
    cutpoint::runtime::threads::prepare_thread(1);
    let params =
        Params { batch_size: 4096, num_train: 10, early_stop_patience: None, device: Device::Cpu, ..Params::default() };
    let data = TransferLearningWrapper::load(&params, GLYPHS, GLYPHS, None, &Silent)?;
    let source = CustomCnn::new(&params, data.source.classes.len(), data.input_shape())?;
    // Operations of one image's way forward through each convolution of the study's network, 28 x 28.
    let conv = |side: f64, inputs: f64| 2.0 * side * side * 9.0 * 64.0 * inputs;
    let first = conv(28.0, 1.0);
    let forward = first + conv(28.0, 64.0) + 2.0 * conv(14.0, 64.0) + 2.0 * conv(7.0, 64.0);
    let percentage = 0.018;
    let n = (data.target.per_class(percentage)? * data.target.classes.len()) as f64;
    let measured = n + (data.target.validation.len() + data.target.test.len()) as f64;
    let work = params.num_train as f64 * n * (3.0 * forward - first) + measured * forward;
    let mut shares = Vec::new();
    for repeat in 0..5 {
        let before = product_rate();
        let start = Instant::now();
        fine_tune(&source, &data, &params, Row::new(percentage, 0, repeat)?, 1, false)?;
        let rate = work / start.elapsed().as_secs_f64();
        let product = (before + product_rate()) / 2.0;
        println!("training {:.1} GFLOP/s, matrix product {:.1} GFLOP/s", rate / 1e9, product / 1e9);
        shares.push(rate / product);
    }
    shares.sort_by(f64::total_cmp);
    println!("fraction of the matrix-product rate, median of {}: {:.2}", shares.len(), shares[shares.len() / 2]);
    Ok(())
}
