//! A study in small, on the built-in glyphs: train a source network, cut it after each layer, fine-tune what is left on
//! other classes, and say which cut is best.
//!
//!     cargo run --release --example study

use cutpoint::prelude::*;

fn main() -> Result<()> {
    let params = Params {
        depth: 3,
        num_channels: 8,
        num_train: 3,
        pre_train_classes: vec![0, 1, 2, 3, 4],
        fine_tune_classes: vec![5, 6, 7, 8, 9],
        device: Device::Cpu,
        ..Params::default()
    };
    let mut data = TransferLearningWrapper::new(&params, GLYPHS, GLYPHS, "data")?;
    let mut source = CustomCnn::new(&params, data.output_dim(), data.input_shape())?;
    let report = Trainer::new(&mut source, &data, params.lr_pretrain, &params)?.train()?;
    println!("source network: test accuracy {:.3}", report.test_acc);

    data.update_phase(Phase::Finetune);
    let sweep = Sweep::new(&params, &source, &data)?.percentages(&[0.1]).cuts(-1..=3).repeats(Repeats::Fixed(3));
    let results = sweep.run()?;
    println!("{}", Summary::new(&results.records));
    println!("{}", answer(&results)?);
    Ok(())
}
