//! Labelled pictures as bytes.

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

/// Labelled pictures as bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Pictures {
    /// Pixels, 0 to 255: picture by picture, channel by channel, row by row.
    pub pixels: Vec<u8>,
    /// A class label for each picture.
    pub labels: Vec<u8>,
    /// Channels, height and width of every picture.
    pub shape: [usize; 3],
}

impl Pictures {
    /// Pictures from bytes: picture by picture, channel by channel, row by row. `shape` is channels, height and width.
    ///
    /// # Errors
    /// [`Error::Parameter`] when a side is 0, when there are neither one nor three channels, or when there are not as
    /// many bytes as the labels' pictures have.
    pub fn from_bytes(pixels: Vec<u8>, labels: Vec<u8>, shape: [usize; 3]) -> Result<Pictures> {
        let [channels, height, width] = shape;
        if !(channels == 1 || channels == 3) || height == 0 || width == 0 {
            let expected = "1 or 3 channels, and a height and width of at least 1";
            return Err(Error::parameter("shape", expected, format!("{shape:?}")));
        }
        let expected = labels.len() * channels * height * width;
        if pixels.len() != expected {
            let expected = format!("{expected} bytes, for {} pictures of {shape:?}", labels.len());
            return Err(Error::parameter("pixels", expected, pixels.len()));
        }
        Ok(Pictures { pixels, labels, shape })
    }

    /// How many pictures there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Bytes a picture.
    pub fn picture_size(&self) -> usize {
        self.shape.iter().product()
    }

    /// The bytes of picture `row`.
    pub fn picture(&self, row: usize) -> &[u8] {
        let size = self.picture_size();
        &self.pixels[row * size..(row + 1) * size]
    }
}

impl fmt::Debug for Pictures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [c, h, w] = self.shape;
        write!(f, "Pictures({} of {c} x {h} x {w})", self.len())
    }
}
