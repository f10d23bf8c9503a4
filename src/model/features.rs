//! Features: what the convolutions of a network make of images, one vector an image and layer.

use ndarray::{Array2, Axis};
use tch::Tensor;

use super::any::Model;
use super::inputs::{chunks, pieces, pixel_table};
use crate::data::Samples;
use crate::error::{During, Error, Result};
use crate::runtime::background::in_background;
use crate::runtime::cancel::Stop;
use crate::runtime::progress::LateBar;
use crate::runtime::threads;

/// Features of every convolution for some samples.
#[derive(Clone, Debug)]
pub struct FeatureTable {
    /// One table a convolution, samples x channels.
    layers: Vec<Array2<f32>>,
    names: Vec<String>,
    /// The samples' labels.
    labels: Vec<u8>,
}

/// The features of one layer, without all-zero vectors, which have no direction.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    /// `conv0`, `conv1`, ..
    pub layer: String,
    /// Vectors x channels.
    pub vectors: Array2<f64>,
    /// The class of each vector's image: its position in the task's class list.
    pub labels: Vec<u8>,
    /// Images whose vector was all zeros, and is not here.
    pub dropped: usize,
}

/// Images taken through the network at once on a GPU.
const GPU_BATCH: usize = 1024;

impl FeatureTable {
    /// Takes samples through a network, a few at a time: what is kept is one number a channel and layer.
    ///
    /// # Errors
    /// [`Error::Parameter`] when there are no samples or their images do not fit the network; [`Error::Torch`];
    /// [`Error::Interrupted`].
    pub fn new(model: &dyn Model, samples: &Samples) -> Result<FeatureTable> {
        let mut bar = LateBar::new("computing features", Some(samples.len() as u64));
        let table = Self::observed(model, samples, |n| bar.advance(n as u64))?;
        bar.finish();
        Ok(table)
    }

    /// The same; `advanced` hears of each part of the samples that is done.
    pub(crate) fn observed(model: &dyn Model, samples: &Samples, advanced: impl FnMut(usize)) -> Result<Self> {
        let layers = tables(model, samples, |model, images| model.block_means(images), advanced)?;
        Ok(FeatureTable { layers, names: model.block_names(), labels: samples.labels.clone() })
    }

    /// How many layers there are.
    pub fn depth(&self) -> usize {
        self.layers.len()
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The features of convolution `layer` for all samples.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the network has no such convolution.
    pub fn layer(&self, layer: usize) -> Result<Features> {
        self.rows(layer, 0..self.len())
    }

    /// The features of convolution `layer` for the samples at `positions`.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the network has no such convolution, or the table no such sample.
    pub fn rows(&self, layer: usize, positions: impl IntoIterator<Item = usize>) -> Result<Features> {
        let Some(table) = self.layers.get(layer) else {
            return Err(Error::parameter("layer", format!("0 to {}", self.depth() - 1), layer));
        };
        let (mut kept, mut labels, mut dropped) = (Vec::new(), Vec::new(), 0);
        for position in positions {
            if position >= self.len() {
                return Err(Error::parameter("positions", format!("below {}, the samples", self.len()), position));
            }
            if table.row(position).iter().all(|&v| v == 0.0) {
                dropped += 1;
            } else {
                kept.push(position);
                labels.push(self.labels[position]);
            }
        }
        let vectors = table.select(Axis(0), &kept).mapv(f64::from);
        if let Some(bad) = vectors.iter().find(|v| !v.is_finite()) {
            return Err(Error::parameter("source_weights", format!("finite outputs of {}", self.names[layer]), bad));
        }
        Ok(Features { layer: self.names[layer].clone(), vectors, labels, dropped })
    }
}

/// What `of` makes of all samples, on all cores: for each matrix (images x numbers) that it gives of a chunk of images, the
/// table of all. `advanced` hears of each chunk that is done.
///
/// # Errors
/// [`Error::Parameter`] when there are no samples or their images do not fit the network; those of `of`;
/// [`Error::Torch`]; [`Error::Interrupted`].
pub(crate) fn tables<F>(
    model: &dyn Model,
    samples: &Samples,
    of: F,
    mut advanced: impl FnMut(usize),
) -> Result<Vec<Array2<f32>>>
where
    F: Fn(&dyn Model, &Tensor) -> Result<Vec<Tensor>> + Copy + Send + 'static,
{
    if samples.is_empty() {
        return Err(Error::parameter("samples", "at least one image", 0));
    }
    model.check_images(samples.images.shape)?;
    let cpu = model.device() == tch::Device::Cpu;
    let workers = if cpu { threads::cores() } else { 1 };
    let parts: Vec<Samples> = parts(samples.len(), workers).map(|part| samples.select(part)).collect();
    let models = parts.iter().map(|_| model.copied()).collect::<Result<Vec<_>>>()?;
    let (sender, done) = std::sync::mpsc::channel();
    let work = move |stop: &Stop| -> Result<Vec<Vec<Array2<f32>>>> {
        std::thread::scope(|scope| {
            let start = |(model, part): (Box<dyn Model>, Samples)| {
                let sender = sender.clone();
                scope.spawn(move || {
                    threads::prepare_thread(1);
                    tables_of_part(model.as_ref(), &part, of, stop, |n| {
                        // Whoever was listening has been interrupted.
                        let _ = sender.send(n);
                    })
                })
            };
            let threads: Vec<_> = models.into_iter().zip(parts).map(start).collect();
            let join = |t: std::thread::ScopedJoinHandle<'_, Result<_>>| {
                t.join().unwrap_or_else(|_| Err(Error::Worker("computing features: it panicked".to_owned())))
            };
            threads.into_iter().map(join).collect()
        })
    };
    let parts = in_background("computing features", work, || {
        done.try_iter().for_each(&mut advanced);
        Ok(())
    })?;
    done.try_iter().for_each(advanced);
    let table = |i: usize| {
        let views: Vec<_> = parts.iter().map(|p| p[i].view()).collect();
        ndarray::concatenate(Axis(0), &views).map_err(|e| Error::Worker(format!("joining features: {e}")))
    };
    (0..parts.first().map_or(0, Vec::len)).map(table).collect()
}

/// What each of at most so many workers takes of `count` samples: all about as many, and none a single one, which libtorch
/// convolves in another way, so that numbers do not depend on how many cores there are.
fn parts(count: usize, workers: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let most = count.div_ceil(workers.max(1)).max(2);
    pieces(count, most).into_iter().map(|(first, count)| first..first + count)
}

/// The tables of one worker's samples.
fn tables_of_part(
    model: &dyn Model,
    samples: &Samples,
    of: impl Fn(&dyn Model, &Tensor) -> Result<Vec<Tensor>>,
    stop: &Stop,
    mut advanced: impl FnMut(usize),
) -> Result<Vec<Array2<f32>>> {
    let _no_grad = tch::no_grad_guard();
    let device = model.device();
    let mut tables: Vec<Vec<f32>> = Vec::new();
    let step = if device == tch::Device::Cpu { samples.len() } else { GPU_BATCH };
    for (first, count) in pieces(samples.len(), step) {
        let part = samples.select(first..first + count);
        // The images of a part are bytes; only a chunk of them at a time becomes numbers.
        let table = pixel_table(&part, device)?;
        for (first, count) in chunks(part.len(), device) {
            stop.check()?;
            let chunk = table.f_narrow(0, first as i64, count as i64).during("choosing samples")?;
            let made = of(model, &model.preparation().apply(&chunk)?)?;
            tables.resize(made.len(), Vec::new());
            for (table, numbers) in tables.iter_mut().zip(made) {
                let host =
                    numbers.f_to(tch::Device::Cpu).and_then(|m| m.f_flatten(0, -1)).during("reading features")?;
                table.extend(Vec::<f32>::try_from(&host).during("reading features")?);
            }
            advanced(count);
        }
    }
    let table = |values: Vec<f32>| {
        let shape = (samples.len(), values.len() / samples.len());
        Array2::from_shape_vec(shape, values).map_err(|e| Error::Worker(format!("arranging features: {e}")))
    };
    tables.into_iter().map(table).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_share_all_samples_and_none_takes_a_single_one() {
        for (count, workers) in (1..70).flat_map(|count| (1..20).map(move |workers| (count, workers))) {
            let parts: Vec<_> = parts(count, workers).collect();
            assert!(parts.len() <= workers, "{count} for {workers}: {parts:?}");
            assert!(parts.iter().all(|p| p.len() > 1 || count == 1), "{count} for {workers}: {parts:?}");
            let all: Vec<usize> = parts.into_iter().flatten().collect();
            assert_eq!(all, (0..count).collect::<Vec<_>>());
        }
    }
}
