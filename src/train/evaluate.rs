//! Predictions and accuracy.

use tch::{Kind, Tensor};

use super::inputs::{through_in_chunks, Inputs};
use super::labels::{share_equal, to_labels};
use super::report::ClassificationReport;
use crate::data::Samples;
use crate::error::{During, Error, Result};
use crate::model::Model;
use crate::runtime::background::in_background;
use crate::runtime::cancel::Stop;
use crate::runtime::progress::LateBar;
use crate::runtime::threads;

/// The predicted label of each sample, in the order they are visited in, and the true ones.
///
/// `order` is the order of visiting (file order where there is none), cut into batches of `batch_size` as a loader
/// would: the last linear layer's rounding may depend on a batch's size.
pub(super) fn predict(
    model: &dyn Model,
    inputs: &Inputs,
    order: Option<&[i64]>,
    batch_size: usize,
    stop: &Stop,
) -> Result<(Tensor, Tensor)> {
    let _no_grad = tch::no_grad_guard();
    let in_file_order: Vec<i64>;
    let order = match order {
        Some(order) => order,
        None => {
            in_file_order = (0..inputs.len() as i64).collect();
            &in_file_order
        }
    };
    let (mut predicted, mut truth) = (Vec::new(), Vec::new());
    for batch in order.chunks(batch_size) {
        let features = through_in_chunks(model, inputs, batch, model.depth(), || stop.check())?;
        predicted.push(model.classify(&features, false)?.f_argmax(1, false).during("predicting")?);
        truth.push(inputs.labels(batch)?);
    }
    let join = |parts: &[Tensor]| {
        if parts.is_empty() {
            return Tensor::f_zeros(0, (Kind::Int64, model.device())).during("predicting");
        }
        Tensor::f_cat(parts, 0).during("predicting")
    };
    Ok((join(&predicted)?, join(&truth)?))
}

/// How well a network tells the samples of a task apart: scores of each class, and the confusion matrix. `names` are the
/// classes'.
///
/// # Errors
/// [`Error::Data`] when the network does not have an output for each class, or its images are not the samples';
/// [`Error::Torch`]; [`Error::Interrupted`].
pub fn classification_report(model: &dyn Model, samples: &Samples, names: &[String]) -> Result<ClassificationReport> {
    if model.output_dim() != names.len() {
        return Err(Error::data("names", format!("a name for each of {} outputs", model.output_dim()), names.len()));
    }
    if let Some(label) = samples.labels.iter().max().filter(|&&label| usize::from(label) >= names.len()) {
        let expected = format!("samples of {} classes, as the network has outputs", names.len());
        return Err(Error::data("samples", expected, format!("label {label}")));
    }
    model.check_images(samples.images.shape)?;
    let mut bar = LateBar::new("classifying", Some(samples.len() as u64));
    let (sender, classified) = std::sync::mpsc::channel();
    let (model, samples, names) = (model.copied()?, samples.clone(), names.to_vec());
    let work = move |stop: &Stop| {
        threads::prepare_thread(threads::cores());
        let inputs = Inputs::images(&samples, model.device())?;
        let (mut predicted, mut truth) = (Vec::new(), Vec::new());
        let all: Vec<i64> = (0..inputs.len() as i64).collect();
        for batch in all.chunks(REPORT_BATCH) {
            let (labels, true_labels) = predict(model.as_ref(), &inputs, Some(batch), REPORT_BATCH, stop)?;
            predicted.extend(to_labels(&labels)?);
            truth.extend(to_labels(&true_labels)?);
            // Whoever was listening has been interrupted.
            let _ = sender.send(batch.len());
        }
        Ok(ClassificationReport::new(&truth, &predicted, &names))
    };
    let report = in_background("classifying", work, || {
        bar.advance(classified.try_iter().sum::<usize>() as u64);
        Ok(())
    })?;
    bar.finish();
    Ok(report)
}

/// Samples classified at once in a report.
const REPORT_BATCH: usize = 1024;

/// The fraction of samples whose label is predicted, from 0 to 1; 0 when there are none.
pub(super) fn accuracy(
    model: &dyn Model,
    inputs: &Inputs,
    order: Option<&[i64]>,
    batch_size: usize,
    stop: &Stop,
) -> Result<f64> {
    let (predicted, truth) = predict(model, inputs, order, batch_size, stop)?;
    Ok(share_equal(&predicted, &truth))
}
