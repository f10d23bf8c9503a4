//! Flips and shifted crops of training images, drawn as torchvision draws them.

use tch::{Kind, Tensor};

use crate::config::Augmentation;
use crate::error::{During, Result};
use crate::rng::TorchRng;

/// Images (images x channels x height x width bytes) shifted and mirrored, each with draws of its own: the row and the
/// column of the crop as `torch.randint` draws them, then whether to mirror as `torch.rand(1) < 0.5`.
///
/// # Errors
/// [`crate::error::Error::Torch`].
pub(crate) fn augment(pixels: &Tensor, how: Augmentation, rng: &mut TorchRng) -> Result<Tensor> {
    if how.is_none() {
        return Ok(pixels.shallow_clone());
    }
    let size = pixels.size();
    let [images, channels, height, width] = [0, 1, 2, 3].map(|i| size[i] as usize);
    let flat = pixels.f_to(tch::Device::Cpu).and_then(|p| p.f_contiguous()).and_then(|p| p.f_flatten(0, -1));
    let bytes = Vec::<u8>::try_from(&flat.during("changing images")?).during("changing images")?;
    let mut out = vec![0u8; bytes.len()];
    for image in 0..images {
        let shift = |rng: &mut TorchRng| match how.crop {
            0 => 0,
            most => i64::from(rng.random32() % (2 * most as u32 + 1)) - most as i64,
        };
        let (down, right) = (shift(rng), shift(rng));
        let mirrors = how.flip && rng.uniform(1, 0.0, 1.0)[0] < 0.5;
        for row in 0..channels * height {
            let (channel, y) = (row / height, (row % height) as i64 + down);
            if !(0..height as i64).contains(&y) {
                continue;
            }
            let from = ((image * channels + channel) * height + y as usize) * width;
            let to = (image * channels * height + row) * width;
            for x in 0..width {
                let at = if mirrors { width - 1 - x } else { x } as i64 + right;
                if (0..width as i64).contains(&at) {
                    out[to + x] = bytes[from + at as usize];
                }
            }
        }
    }
    let new = Tensor::f_from_data_size(&out, &size, Kind::Uint8).and_then(|t| t.f_to(pixels.device()));
    new.during("changing images")
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: [i64; 3] = [115604, 155156, 89995];

    /// Expected: torchvision 0.26. `torch.manual_seed(3)`, images `a[i] = (7 i² + 13 i) % 251` of 3 x 2 x 6 x 5 bytes, and
    /// for each `RandomHorizontalFlip()(RandomCrop((6, 5), padding=2)(image))`; the sum of each image's bytes times their
    /// positions from 1.
    #[test]
    fn draws_and_moves_as_torchvision_does() {
        let bytes: Vec<u8> = (0..180usize).map(|i| ((7 * i * i + 13 * i) % 251) as u8).collect();
        let pixels = Tensor::from_slice(&bytes).view([3, 2, 6, 5]);
        let mut rng = TorchRng::new(3);
        let out = augment(&pixels, Augmentation { crop: 2, flip: true }, &mut rng).unwrap();
        let weights = Tensor::arange_start(1, 61, (Kind::Int64, tch::Device::Cpu));
        let sums =
            (out.view([3, 60]).to_kind(Kind::Int64) * weights).sum_dim_intlist([1i64].as_slice(), false, Kind::Int64);
        assert_eq!(Vec::<i64>::try_from(sums).unwrap(), EXPECTED);
    }

    #[test]
    fn nothing_asked_for_draws_nothing() {
        let (pixels, mut rng) = (Tensor::from_slice(&[1u8, 2, 3, 4]).view([1, 1, 2, 2]), TorchRng::new(1));
        assert_eq!(augment(&pixels, Augmentation::default(), &mut rng).unwrap(), pixels);
        assert_eq!(rng, TorchRng::new(1));
    }
}
