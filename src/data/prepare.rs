//! From an image's bytes to what a network sees: size, channels, and scaling.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::resize::resize;
use crate::error::{During, Error, Result};

/// How images are prepared for a network when a batch is made. They are kept as bytes until then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preparation {
    /// Channels, height and width that the network takes. Images of another size are resized as Pillow's bilinear filter
    /// does it, without keeping their proportions; grey ones become three equal channels where three are asked for.
    pub shape: [usize; 3],
    /// What is subtracted from each channel (scaled to 0 to 1): one number for all, or one for each.
    pub mean: Vec<f64>,
    /// What it is divided by then.
    pub std: Vec<f64>,
}

impl Preparation {
    /// The study's: as the images are, from -1 to 1.
    pub fn study(shape: [usize; 3]) -> Preparation {
        Preparation { shape, mean: vec![0.5], std: vec![0.5] }
    }

    /// What weights trained on ImageNet with torchvision expect: three channels, and its mean and standard deviation.
    pub fn imagenet(side: usize) -> Preparation {
        let (mean, std) = (vec![0.485, 0.456, 0.406], vec![0.229, 0.224, 0.225]);
        Preparation { shape: [3, side, side], mean, std }
    }

    /// Checks that there is a mean and a deviation for each channel, or one for all, and that no deviation is 0.
    ///
    /// # Errors
    /// [`Error::Parameter`].
    pub fn check(&self) -> Result<()> {
        let [channels, height, width] = self.shape;
        if !(channels == 1 || channels == 3) || !(1..=4096).contains(&height) || !(1..=4096).contains(&width) {
            let expected = "1 or 3 channels, and a height and width from 1 to 4096";
            return Err(Error::parameter("images", expected, format!("{:?}", self.shape)));
        }
        for (name, values) in [("mean", &self.mean), ("std", &self.std)] {
            if values.len() != 1 && values.len() != channels {
                let expected = format!("one number, or one for each of {channels} channels");
                return Err(Error::parameter(name, expected, values.len()));
            }
            if let Some(bad) = values.iter().find(|v| !v.is_finite() || (name == "std" && **v <= 0.0)) {
                let expected = if name == "std" { "positive numbers" } else { "numbers" };
                return Err(Error::parameter(name, expected, bad));
            }
        }
        Ok(())
    }

    /// Checks that images of this shape can be prepared.
    ///
    /// # Errors
    /// [`Error::Parameter`] for colour images where grey ones are asked for.
    pub fn takes(&self, [channels, ..]: [usize; 3]) -> Result<()> {
        if channels == self.shape[0] || (channels == 1 && self.shape[0] == 3) {
            return Ok(());
        }
        Err(Error::parameter("images", format!("images of {} channel, as the network takes", self.shape[0]), channels))
    }

    /// Bytes (images x channels x height x width) to float32, resized and scaled. The steps are torchvision's (`Resize` of
    /// a PIL image, `ToTensor`, `Normalize`) one by one, for the same rounding.
    ///
    /// # Errors
    /// [`Error::Parameter`] when these are no bytes of images that can be prepared, or when [`Preparation::check`] fails;
    /// [`Error::Torch`].
    pub fn apply(&self, pixels: &Tensor) -> Result<Tensor> {
        self.check()?;
        let size = pixels.size();
        let channels = match size.as_slice() {
            &[_, channels, height, width] if height > 0 && width > 0 => channels as usize,
            _ => return Err(Error::parameter("images", "images x channels x height x width", format!("{size:?}"))),
        };
        if pixels.kind() != Kind::Uint8 {
            // Numbers would be scaled in place, where they are the caller's.
            return Err(Error::parameter("images", "bytes", format!("{:?}", pixels.kind())));
        }
        self.takes([channels, 0, 0])?;
        let mut x = self.resized(pixels)?.f_to_kind(Kind::Float).during("scaling pixels")?;
        let scaled = || -> Result<Tensor, tch::TchError> {
            let _ = x.f_div_scalar_(255)?;
            if let ([mean], [std]) = (self.mean.as_slice(), self.std.as_slice()) {
                let _ = x.f_sub_scalar_(*mean)?;
                let _ = x.f_div_scalar_(*std)?;
            } else {
                let of = |values: &[f64]| {
                    let values: Vec<f32> = values.iter().map(|&v| v as f32).collect();
                    Tensor::f_from_slice(&values)?.f_view([-1, 1, 1])?.f_to(x.device())
                };
                let (mean, std) = (of(&self.mean)?, of(&self.std)?);
                let _ = x.f_sub_(&mean)?;
                let _ = x.f_div_(&std)?;
            }
            if x.size()[1] == 1 && self.shape[0] == 3 {
                return x.f_expand([-1, 3, -1, -1], false)?.f_contiguous();
            }
            Ok(x)
        };
        scaled().during("scaling pixels")
    }

    /// Bytes in the size that the network takes, and grey ones as three channels where their scaling differs.
    fn resized(&self, pixels: &Tensor) -> Result<Tensor> {
        let size = pixels.size();
        let [channels, height, width] = self.shape.map(|n| n as i64);
        let mut x = pixels.shallow_clone();
        if size[2..] != [height, width] {
            let flat = pixels.f_to(tch::Device::Cpu).and_then(|p| p.f_contiguous()).and_then(|p| p.f_flatten(0, -1));
            let bytes = Vec::<u8>::try_from(&flat.during("resizing images")?).during("resizing images")?;
            let bytes = resize(&bytes, [size[2], size[3]].map(|n| n as usize), [height, width].map(|n| n as usize));
            let shape = [size[0], size[1], height, width];
            let new = Tensor::f_from_data_size(&bytes, &shape, Kind::Uint8).and_then(|t| t.f_to(pixels.device()));
            x = new.during("resizing images")?;
        }
        if size[1] == 1 && channels == 3 && (self.mean.len() > 1 || self.std.len() > 1) {
            let wide = x.f_expand([-1, 3, -1, -1], false).and_then(|x| x.f_contiguous());
            x = wide.during("turning grey images to colour")?;
        }
        Ok(x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_images_are_resized_and_scaled_as_three_channels() {
        let grey = Tensor::from_slice(&[0u8, 255, 51, 102]).view([1, 1, 2, 2]);
        let out = Preparation::imagenet(2).apply(&grey).unwrap();
        assert_eq!(out.size(), [1, 3, 2, 2]);
        let expected = (102.0 / 255.0 - 0.406) / 0.225;
        assert!((out.double_value(&[0, 2, 1, 1]) - expected).abs() < 1e-6);
        let study = Preparation { shape: [3, 4, 4], ..Preparation::study([1, 1, 1]) }.apply(&grey).unwrap();
        assert_eq!(study.size(), [1, 3, 4, 4]);
        assert_eq!((study.double_value(&[0, 0, 0, 0]), study.double_value(&[0, 2, 0, 3])), (-1.0, 1.0));
    }

    #[test]
    fn what_cannot_be_prepared_is_named() {
        let of = |mean: Vec<f64>, std: Vec<f64>| Preparation { shape: [3, 8, 8], mean, std }.check();
        assert!(of(vec![0.5; 2], vec![0.5]).unwrap_err().to_string().contains("`mean`: expected one number"));
        assert!(of(vec![0.5], vec![0.5, 0.0, 1.0]).unwrap_err().to_string().contains("`std`: expected positive"));
        let of = |pixels: Tensor| Preparation::study([1, 8, 8]).apply(&pixels).unwrap_err().to_string();
        let of_shape = |shape: &[i64]| of(Tensor::zeros(shape, (Kind::Uint8, tch::Device::Cpu)));
        assert!(of_shape(&[8, 8]).contains("images x channels x height x width, found [8, 8]"));
        assert!(of_shape(&[1, 1, 0, 8]).contains("height x width"));
        assert!(of_shape(&[1, 3, 8, 8]).contains("1 channel"));
        let numbers = Tensor::ones([1, 1, 8, 8], (Kind::Float, tch::Device::Cpu));
        assert!(of(numbers.shallow_clone()).contains("bytes, found Float"));
        assert_eq!(numbers.sum(Kind::Float).double_value(&[]), 64.0, "what is refused is left as it was");
        assert!(Preparation::study([1, 8, 8]).takes([3, 8, 8]).unwrap_err().to_string().contains("1 channel"));
        Preparation::imagenet(8).takes([1, 5, 5]).unwrap();
    }
}
