//! What a network takes: images as numbers, a few at a time.

use tch::{Kind, Tensor};

use crate::data::Samples;
use crate::error::{During, Result};

/// Samples' pixels as one tensor: samples x channels x height x width bytes.
pub(crate) fn pixel_table(samples: &Samples, device: tch::Device) -> Result<Tensor> {
    let [c, h, w] = samples.images.shape.map(|s| s as i64);
    let size = [samples.len() as i64, c, h, w];
    let table = Tensor::f_from_data_size(&samples.pixels(), &size, Kind::Uint8).and_then(|x| x.f_to(device));
    table.during("loading images")
}

/// Samples taken through convolutions together where no gradient is needed. Few enough that activations stay in the
/// processor's cache.
const CHUNK: usize = 32;

/// How to take a batch of `size` samples through convolutions in chunks: (first, count) each.
///
/// A convolution's result for a sample does not depend on the samples beside it, so that chunks change no bit; except
/// that libtorch has another way of convolving a single sample. So no chunk is one, unless the batch is.
pub(crate) fn chunks(size: usize, device: tch::Device) -> Vec<(usize, usize)> {
    if device != tch::Device::Cpu || size <= CHUNK {
        return vec![(0, size)];
    }
    pieces(size, CHUNK)
}

/// Cuts `size` samples into pieces of `most`: (first, count) each. The last one is shorter, or, where it would be a single
/// sample, is joined to the one before it.
pub(crate) fn pieces(size: usize, most: usize) -> Vec<(usize, usize)> {
    let mut list: Vec<_> = (0..size).step_by(most).map(|first| (first, most.min(size - first))).collect();
    if let [.., before, (_, 1)] = list.as_mut_slice() {
        before.1 += 1;
        list.pop();
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_a_batch_and_none_is_one_sample() {
        for size in 0..200 {
            let list = chunks(size, tch::Device::Cpu);
            let mut next = 0;
            for (first, count) in &list {
                assert_eq!(*first, next);
                next += count;
                assert!(*count != 1 || size == 1, "{size}: {list:?}");
                assert!(*count <= CHUNK + 1);
            }
            assert_eq!(next, size);
        }
        assert_eq!(chunks(4096, tch::Device::Cuda(0)), [(0, 4096)]);
        assert_eq!(pieces(513, 256), [(0, 256), (256, 257)]);
        assert_eq!((pieces(258, 256), pieces(1, 256)), (vec![(0, 256), (256, 2)], vec![(0, 1)]));
    }
}
