//! Kinds of TIFF files that the crate `image` does not read: palettes, grey of two or four bits or with an alpha channel,
//! and luminance with colour differences.
//!
//! A palette's numbers are read as grey by the crate `tiff` once the file no longer says that they are a palette's.
//! Source: TIFF 6.0, sections 2, 5, 8 and 21.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, GrayAlphaImage, GrayImage, RgbImage};
use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::tags::Tag;
use tiff::ColorType;

use super::fault::{Budget, Fault};

/// The tag that says what numbers mean, and its values for a palette and for grey.
const INTERPRETATION: u16 = 262;
const PALETTE: u16 = 3;
const GREY: u16 = 1;

/// Reads a file if it is one of these kinds.
pub(super) fn decode(bytes: &[u8], budget: &Budget) -> Result<Option<(DynamicImage, Orientation)>, Fault> {
    let broken = |e: tiff::TiffError| Fault::Broken(e.to_string());
    let mut limits = Limits::default();
    (limits.decoding_buffer_size, limits.intermediate_buffer_size) = (budget.bytes() / 3, budget.bytes() / 3);
    let palette = palette(bytes)?;
    let mut input = std::borrow::Cow::from(bytes);
    if let Some((at, little)) = palette {
        input.to_mut()[at..at + 2].copy_from_slice(&if little { GREY.to_le_bytes() } else { GREY.to_be_bytes() });
    }
    let mut decoder = Decoder::new(Cursor::new(&*input)).map_err(broken)?.with_limits(limits);
    let kind = decoder.colortype().map_err(broken)?;
    let ours = match kind {
        ColorType::Gray(1 | 8) => palette.is_some(),
        ColorType::Gray(2 | 4) | ColorType::YCbCr(8) => true,
        ColorType::Multiband { bit_depth: 8 | 16, num_samples: 2 } => true,
        _ if palette.is_some() => return Err(Fault::Unread(format!("a palette of {kind:?}"))),
        _ => false,
    };
    if !ours {
        return Ok(None);
    }
    let (width, height) = decoder.dimensions().map_err(broken)?;
    let area = (width as usize).saturating_mul(height as usize);
    budget.check(area.saturating_mul(8), [width as usize, height as usize])?;
    let planes = decoder.find_tag_unsigned::<u16>(Tag::PlanarConfiguration).map_err(broken)?;
    if !matches!(kind, ColorType::Gray(_)) && planes.is_some_and(|p| p != 1) {
        return Err(Fault::Unread(format!("{kind:?} in planes")));
    }
    let colours = match (palette, kind) {
        (Some(_), ColorType::Gray(bits)) => {
            let colours = decoder.get_tag_u16_vec(Tag::ColorMap).map_err(broken)?;
            if colours.len() != 3 << bits {
                return Err(Fault::Broken(format!("a palette of {} numbers instead of {}", colours.len(), 3 << bits)));
            }
            Some(colours)
        }
        _ => None,
    };
    let orientation = decoder.find_tag_unsigned::<u16>(Tag::Orientation).map_err(broken)?;
    let orientation =
        orientation.and_then(|o| Orientation::from_exif(o.min(255) as u8)).unwrap_or(Orientation::NoTransforms);
    let samples = match decoder.read_image().map_err(broken)? {
        DecodingResult::U8(samples) => samples,
        DecodingResult::U16(samples) => samples.into_iter().map(|s| (s >> 8) as u8).collect(),
        _ => return Err(Fault::Unread(format!("{kind:?} in other numbers than bytes"))),
    };
    let image = match (kind, colours) {
        (ColorType::Gray(bits), colours) => {
            let bits = usize::from(bits);
            let numbers = unpacked(&samples, bits, width as usize, height as usize);
            match colours {
                Some(colours) => {
                    let of = |index: u8| (0..3).map(move |c| (c << bits) + usize::from(index));
                    let pixels = numbers.into_iter().flat_map(of).map(|at| (colours[at] >> 8) as u8).collect();
                    RgbImage::from_raw(width, height, pixels).map(DynamicImage::from)
                }
                None => {
                    let most = (1u16 << bits) - 1;
                    let pixels = numbers.into_iter().map(|n| (u16::from(n) * 255 / most) as u8).collect();
                    GrayImage::from_raw(width, height, pixels).map(DynamicImage::from)
                }
            }
        }
        (ColorType::YCbCr(_), _) => {
            let pixels = samples.chunks_exact(3).flat_map(|p| rgb([p[0], p[1], p[2]])).collect();
            RgbImage::from_raw(width, height, pixels).map(DynamicImage::from)
        }
        _ => GrayAlphaImage::from_raw(width, height, samples).map(DynamicImage::from),
    };
    image
        .map(|image| Some((image, orientation)))
        .ok_or_else(|| Fault::Broken("fewer pixels than its header says".to_owned()))
}

/// Where the first image's interpretation stands in the file, if it is a palette's: its offset, and whether words are
/// little-endian.
///
/// A directory that claims more values than the file has bytes is refused: memory is taken for them before they are read.
fn palette(bytes: &[u8]) -> Result<Option<(usize, bool)>, Fault> {
    let broken = || Fault::Broken("a directory of tags that is not all there".to_owned());
    let little = bytes.starts_with(b"II");
    let number = |at: usize, length: usize| {
        let digits = bytes.get(at..at.checked_add(length)?)?;
        let add = |sum: u64, &byte: &u8| sum << 8 | u64::from(byte);
        Some(if little { digits.iter().rev().fold(0, add) } else { digits.iter().fold(0, add) })
    };
    // Versions 42 and 43 have offsets, and so entries, of different sizes: of where the directory is, of its count, of
    // an entry, and of an entry's count.
    let (first, count, entry, long) = match number(2, 2) {
        Some(42) => (number(4, 4), 2, 12, 4),
        Some(43) => (number(8, 8), 8, 20, 8),
        _ => return Err(Fault::Unknown),
    };
    let first = first.and_then(|first| usize::try_from(first).ok()).filter(|&f| f < bytes.len()).ok_or_else(broken)?;
    let entries = usize::try_from(number(first, count).ok_or_else(broken)?).unwrap_or(usize::MAX);
    let mut place = None;
    for i in 0..entries {
        let at = first + count + entry * i;
        let (tag, kind) = (number(at, 2).ok_or_else(broken)?, number(at + 2, 2).ok_or_else(broken)?);
        let values = number(at + 4, long).ok_or_else(broken)?;
        let size = match kind {
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 | 16..=18 => 8,
            _ => 1,
        };
        if values.saturating_mul(size) > bytes.len() as u64 {
            return Err(broken());
        }
        let at = at + 4 + long;
        if tag == u64::from(INTERPRETATION) && number(at, 2) == Some(u64::from(PALETTE)) {
            place = Some((at, little));
        }
    }
    Ok(place)
}

/// The numbers of rows that each begin at a byte, of `bits` bits each.
fn unpacked(packed: &[u8], bits: usize, width: usize, height: usize) -> Vec<u8> {
    let row = (width * bits).div_ceil(8).max(1);
    let mask = ((1u16 << bits) - 1) as u8;
    let of_row = |line: &[u8]| {
        let number = |x: usize| line.get(x * bits / 8).map(|byte| (byte >> (8 - bits - x * bits % 8)) & mask);
        (0..width).map_while(number).collect::<Vec<u8>>()
    };
    packed.chunks(row).take(height).flat_map(of_row).collect()
}

/// Luminance and colour differences as red, green and blue, by the weights of ITU-R BT.601 as JFIF uses them.
fn rgb([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb].map(|v| v.round().clamp(0.0, 255.0) as u8)
}
