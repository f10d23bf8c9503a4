//! JPEG, strictly: a file that is cut off, or damaged within, is refused instead of being filled with grey.
//!
//! Source: ITU-T T.81 for the markers; the decoder is the one that the crate `image` uses.

use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, RgbImage};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::fault::{Budget, Fault};

/// What the markers of a file say, up to its end.
#[derive(Debug, PartialEq)]
struct Frame {
    width: usize,
    height: usize,
    /// Bytes of the coefficients of all components, which progressive files need all at once.
    coefficients: usize,
}

/// Reads a JPEG file.
pub(super) fn decode(bytes: &[u8], budget: &Budget) -> Result<(DynamicImage, Orientation), Fault> {
    let frame = frame(bytes)?;
    let area = frame.width * frame.height;
    budget.check(area.saturating_mul(3).saturating_add(frame.coefficients), [frame.width, frame.height])?;
    let broken = |e: zune_jpeg::errors::DecodeErrors| Fault::Broken(format!("{e:?}"));
    let options = DecoderOptions::default().set_strict_mode(false).set_max_width(1 << 16).set_max_height(1 << 16);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(broken)?;
    let orientation = decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif));
    let grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let space = if grey { ColorSpace::Luma } else { ColorSpace::RGB };
    // Only what stands between two markers is tolerated: many cameras leave bytes there.
    decoder.set_options(options.jpeg_set_out_colorspace(space).set_strict_mode(true));
    let pixels = decoder.decode().map_err(broken)?;
    let (width, height) = (frame.width as u32, frame.height as u32);
    let image = match grey {
        true => GrayImage::from_raw(width, height, pixels).map(DynamicImage::from),
        false => RgbImage::from_raw(width, height, pixels).map(DynamicImage::from),
    };
    let image = image.ok_or_else(|| Fault::Broken("as many pixels as its header does not say".to_owned()))?;
    Ok((image, orientation.unwrap_or(Orientation::NoTransforms)))
}

/// Walks through the markers to the one that ends the image.
fn frame(bytes: &[u8]) -> Result<Frame, Fault> {
    let cut_off = || Fault::Broken("a file that is cut off".to_owned());
    let mut frame = None;
    let mut at = 2;
    loop {
        // To the next marker: past what a scan holds, and past fill bytes.
        let start = bytes.get(at..).and_then(|rest| rest.iter().position(|&b| b == 0xff)).ok_or_else(cut_off)?;
        let marker = *bytes.get(at + start + 1).ok_or_else(cut_off)?;
        at += start + 1;
        match marker {
            // A stuffed byte of a scan, or a fill byte, which may be the first of the next marker.
            0x00 => at += 1,
            0xff => {}
            0xd9 => return frame.ok_or_else(|| Fault::Broken("no image in it".to_owned())),
            0x01 | 0xd0..=0xd8 => at += 1,
            _ => {
                let length = bytes.get(at + 1..at + 3).ok_or_else(cut_off)?;
                let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
                let segment = bytes.get(at + 3..at + 1 + length.max(2)).ok_or_else(cut_off)?;
                if matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) && frame.is_none() {
                    frame = Some(frame_header(segment).ok_or_else(|| Fault::Broken("a broken header".to_owned()))?);
                }
                at += 1 + length.max(2);
            }
        }
    }
}

/// The header of a frame: precision, height, width, and of each component its number and its sampling.
fn frame_header(segment: &[u8]) -> Option<Frame> {
    let word = |at: usize| Some(usize::from(u16::from_be_bytes([*segment.get(at)?, *segment.get(at + 1)?])));
    let (height, width, components) = (word(1)?, word(3)?, usize::from(*segment.get(5)?));
    let sampling: Vec<[usize; 2]> = (0..components)
        .map(|c| segment.get(6 + 3 * c + 1).map(|&s| [usize::from(s >> 4), usize::from(s & 15)]))
        .collect::<Option<_>>()?;
    let most = |d: usize| sampling.iter().map(|s| s[d]).max().unwrap_or(1).max(1);
    let (across, down) = (width.div_ceil(8 * most(0)), height.div_ceil(8 * most(1)));
    let blocks = sampling.iter().map(|s| s[0] * s[1]).sum::<usize>().saturating_mul(across).saturating_mul(down);
    // Two bytes for each of a block's 64 numbers.
    Some(Frame { width, height, coefficients: blocks.saturating_mul(128) })
}
