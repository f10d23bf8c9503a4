//! What a network, or the rest of one, is trained and measured on.

use tch::{Kind, Tensor};

use crate::config::Augmentation;
use crate::data::{augment, Preparation, Samples};
use crate::error::{During, Result};
use crate::model::{chunks, pixel_table, Model};
use crate::rng::TorchRng;

/// Labelled inputs of block `start`: images as bytes (`start` = 0), or what the blocks before it made of them.
///
/// Several sets may share one table of inputs; each knows its own rows of it.
#[derive(Debug)]
pub(crate) struct Inputs {
    /// Table rows x channels x height x width; bytes, or float32.
    table: Tensor,
    /// Which rows of the table, in order; `None`: all of them.
    rows: Option<Vec<i64>>,
    /// Labels, 64-bit integers on the table's device.
    labels: Tensor,
    /// The block they go into.
    start: usize,
    /// The same samples as images, for batches of one: see [`Inputs::for_batch_of`].
    images: Option<Box<Inputs>>,
}

/// Samples' labels as 64-bit integers.
pub(crate) fn label_tensor(samples: &Samples, device: tch::Device) -> Result<Tensor> {
    let labels: Vec<i64> = samples.labels.iter().map(|&l| l.into()).collect();
    Tensor::f_from_slice(&labels).and_then(|y| y.f_to(device)).during("loading labels")
}

impl Inputs {
    /// The images of some samples, as bytes on `device`.
    pub fn images(samples: &Samples, device: tch::Device) -> Result<Inputs> {
        let (table, labels) = (pixel_table(samples, device)?, label_tensor(samples, device)?);
        Ok(Inputs { table, rows: None, labels, start: 0, images: None })
    }

    /// Rows of a table of images.
    pub fn of_images(table: &Tensor, rows: Vec<i64>, labels: &Tensor) -> Inputs {
        let (table, labels) = (table.shallow_clone(), labels.shallow_clone());
        Inputs { table, rows: Some(rows), labels, start: 0, images: None }
    }

    /// The same samples as rows of a table of stored activations, the inputs of block `start`.
    pub fn into_features(self, table: &Tensor, rows: Vec<i64>, start: usize) -> Inputs {
        let (table, labels) = (table.shallow_clone(), self.labels.shallow_clone());
        Inputs { table, rows: Some(rows), labels, start, images: Some(Box::new(self)) }
    }

    pub fn len(&self) -> usize {
        self.labels.numel()
    }

    /// The block they go into.
    pub fn start(&self) -> usize {
        self.start
    }

    /// What to take a batch of `size` samples from. libtorch convolves a single sample in another way, which rounds
    /// differently from the way that stored activations were computed; a batch of one starts from the image.
    pub fn for_batch_of(&self, size: usize) -> &Inputs {
        match &self.images {
            Some(images) if size == 1 => images,
            _ => self,
        }
    }

    /// The samples at some positions, as the network takes them; images are changed as `changes` draws it.
    fn changed(&self, positions: &[i64], preparation: &Preparation, changes: &mut Option<Changes>) -> Result<Tensor> {
        let rows = match &self.rows {
            Some(rows) => Tensor::f_from_slice(&positions.iter().map(|&p| rows[p as usize]).collect::<Vec<_>>()),
            None => Tensor::f_from_slice(positions),
        };
        let rows = rows.and_then(|r| r.f_to(self.table.device()));
        let x = rows.and_then(|r| self.table.f_index_select(0, &r)).during("choosing samples")?;
        if x.kind() != Kind::Uint8 {
            return Ok(x);
        }
        match changes {
            Some((how, rng)) => preparation.apply(&augment(&x, *how, rng)?),
            None => preparation.apply(&x),
        }
    }

    /// Their labels.
    pub fn labels(&self, positions: &[i64]) -> Result<Tensor> {
        let index = Tensor::f_from_slice(positions).and_then(|i| i.f_to(self.labels.device()));
        index.and_then(|i| self.labels.f_index_select(0, &i)).during("choosing labels")
    }
}

/// How training images are changed, and the generator that it is drawn from.
pub(crate) type Changes<'a> = (Augmentation, &'a mut TorchRng);

/// Takes the samples at some positions, one batch, through the blocks up to `to`, in chunks and without recording
/// gradients. `between` is called before each chunk.
pub(crate) fn through_in_chunks(
    model: &dyn Model,
    inputs: &Inputs,
    positions: &[i64],
    to: usize,
    between: impl FnMut() -> Result<()>,
) -> Result<Tensor> {
    changed_in_chunks(model, inputs, positions, to, None, between)
}

/// The same, with images changed as `changes` draws it; nothing is drawn for stored activations.
pub(crate) fn changed_in_chunks(
    model: &dyn Model,
    inputs: &Inputs,
    positions: &[i64],
    to: usize,
    mut changes: Option<Changes>,
    mut between: impl FnMut() -> Result<()>,
) -> Result<Tensor> {
    let (inputs, preparation) = (inputs.for_batch_of(positions.len()), model.preparation());
    if inputs.start >= to {
        return inputs.changed(positions, &preparation, &mut changes);
    }
    let _no_grad = tch::no_grad_guard();
    let mut parts = Vec::new();
    for (first, count) in chunks(positions.len(), model.device()) {
        between()?;
        let x = inputs.changed(&positions[first..first + count], &preparation, &mut changes)?;
        parts.push(model.through(&x, inputs.start, to, false)?);
    }
    if parts.len() == 1 {
        return Ok(parts.remove(0));
    }
    Tensor::f_cat(&parts, 0).during("joining chunks")
}
