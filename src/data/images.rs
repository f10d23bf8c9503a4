//! Labelled images as bytes.

use std::fmt;

use crate::error::{Error, Result};

/// One of a data set's two sets of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Files {
    /// The training files.
    Train,
    /// The test files.
    Test,
}

/// Labelled images as bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Images {
    /// Pixels, 0 to 255: image by image, channel by channel, row by row.
    pub pixels: Vec<u8>,
    /// A class label for each image.
    pub labels: Vec<u8>,
    /// Channels, height and width of every image.
    pub shape: [usize; 3],
}

impl Images {
    /// Images from bytes: image by image, channel by channel, row by row. `shape` is channels, height and width.
    ///
    /// # Errors
    /// [`Error::Parameter`] when a side is 0, when there are neither one nor three channels, or when there are not as
    /// many bytes as the labels' images have.
    pub fn from_bytes(pixels: Vec<u8>, labels: Vec<u8>, shape: [usize; 3]) -> Result<Images> {
        let [channels, height, width] = shape;
        if !(channels == 1 || channels == 3) || height == 0 || width == 0 {
            let expected = "1 or 3 channels, and a height and width of at least 1";
            return Err(Error::parameter("shape", expected, format!("{shape:?}")));
        }
        let expected = labels.len() * channels * height * width;
        if pixels.len() != expected {
            let expected = format!("{expected} bytes, for {} images of {shape:?}", labels.len());
            return Err(Error::parameter("pixels", expected, pixels.len()));
        }
        Ok(Images { pixels, labels, shape })
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Bytes an image.
    pub fn image_size(&self) -> usize {
        self.shape.iter().product()
    }

    /// The bytes of image `row`.
    pub fn image(&self, row: usize) -> &[u8] {
        let size = self.image_size();
        &self.pixels[row * size..(row + 1) * size]
    }
}

impl fmt::Debug for Images {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [c, h, w] = self.shape;
        write!(f, "Images({} of {c} x {h} x {w})", self.len())
    }
}
