//! From a file's bytes to an image, whatever is in them: strictly, in bounded memory, and without a panic.

use std::io::Cursor;

use image::codecs::webp::WebPDecoder;
use image::codecs::{bmp::BmpDecoder, gif::GifDecoder, png::PngDecoder, pnm::PnmDecoder, tiff::TiffDecoder};
use image::metadata::Orientation;
use image::{ColorType, DynamicImage, GrayImage, ImageDecoder, ImageError, ImageFormat, Limits, RgbImage};

use super::fault::{Budget, Fault};
use super::{jpeg, tiff, webp};
use crate::util::panics::caught;

/// Decodes an image; its first frame, of several. Transparent parts show `background` (red, green, blue). The result is
/// as it is stored, to be turned by the orientation that comes with it.
pub(super) fn decode(bytes: &[u8], background: [u8; 3]) -> Result<(DynamicImage, Orientation), Fault> {
    let (image, orientation) = caught(|| read(bytes)).unwrap_or_else(|panic| Err(Fault::Broken(panic)))?;
    if image.width() == 0 || image.height() == 0 {
        return Err(Fault::Broken("no pixels".to_owned()));
    }
    Ok((on_background(image, background), orientation))
}

fn read(bytes: &[u8]) -> Result<(DynamicImage, Orientation), Fault> {
    let budget = Budget::of(bytes);
    let input = Cursor::new(bytes);
    match format(bytes)? {
        ImageFormat::Jpeg => jpeg::decode(bytes, &budget),
        // What a decoder needs at its peak, as a multiple of the image it gives.
        ImageFormat::Png => with(PngDecoder::with_limits(input, limits(budget.bytes())), 1, &budget),
        ImageFormat::WebP => {
            webp::check(bytes, &budget)?;
            with(WebPDecoder::new(input), 3, &budget)
        }
        ImageFormat::Bmp => with(BmpDecoder::new(input), 1, &budget),
        ImageFormat::Gif => with(GifDecoder::new(input), 2, &budget),
        ImageFormat::Pnm => with(PnmDecoder::new(input), 2, &budget),
        ImageFormat::Tiff => match tiff::decode(bytes, &budget)? {
            Some(image) => Ok(image),
            None => with(TiffDecoder::new(input), 2, &budget),
        },
        _ => Err(Fault::Unknown),
    }
}

fn format(bytes: &[u8]) -> Result<ImageFormat, Fault> {
    // The form for files beyond 4 GiB, which some programs write always.
    if bytes.starts_with(b"II+\0") || bytes.starts_with(b"MM\0+") {
        return Ok(ImageFormat::Tiff);
    }
    image::guess_format(bytes).map_err(|_| Fault::Unknown)
}

/// Limits of what a decoder takes beside the image.
fn limits(bytes: usize) -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(bytes as u64);
    limits
}

fn with<D: ImageDecoder>(
    decoder: Result<D, ImageError>,
    peak: usize,
    budget: &Budget,
) -> Result<(DynamicImage, Orientation), Fault> {
    let mut decoder = decoder.map_err(fault)?;
    let (width, height) = decoder.dimensions();
    // An image with an alpha channel is put on its background in a second buffer.
    let size = usize::try_from(decoder.total_bytes()).unwrap_or(usize::MAX).saturating_mul(peak);
    let copy = if decoder.color_type().has_alpha() { (width as usize).saturating_mul(height as usize) } else { 0 };
    budget.check(size.saturating_add(copy.saturating_mul(3)), [width as usize, height as usize])?;
    let image = usize::try_from(decoder.total_bytes()).unwrap_or(usize::MAX);
    decoder.set_limits(limits(budget.bytes().saturating_sub(image))).map_err(fault)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok((DynamicImage::from_decoder(decoder).map_err(fault)?, orientation))
}

fn fault(error: ImageError) -> Fault {
    match error {
        ImageError::Unsupported(what) => Fault::Unread(what.to_string()),
        ImageError::Limits(what) => Fault::Large(format!("{what}, more than a file of this size can hold")),
        // A stream that ends before its image does says so in many words.
        ImageError::IoError(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            Fault::Broken("a file that is cut off".to_owned())
        }
        error => Fault::Broken(error.to_string()),
    }
}

/// The image without its alpha channel: as it is seen on `background`.
fn on_background(image: DynamicImage, background: [u8; 3]) -> DynamicImage {
    let blend = |value: u8, alpha: u8, behind: u8| {
        let (value, alpha, behind) = (u32::from(value), u32::from(alpha), u32::from(behind));
        ((value * alpha + behind * (255 - alpha) + 127) / 255) as u8
    };
    let (width, height) = (image.width(), image.height());
    match image.color() {
        ColorType::La8 | ColorType::La16 if background.iter().all(|&b| b == background[0]) => {
            let from = image.into_luma_alpha8();
            let pixels = from.pixels().map(|p| blend(p.0[0], p.0[1], background[0])).collect();
            GrayImage::from_raw(width, height, pixels).map_or(DynamicImage::ImageLumaA8(from), DynamicImage::from)
        }
        color if color.has_alpha() => {
            let from = image.into_rgba8();
            let mut pixels = Vec::with_capacity(3 * from.len() / 4);
            from.pixels().for_each(|p| pixels.extend((0..3).map(|c| blend(p.0[c], p.0[3], background[c]))));
            RgbImage::from_raw(width, height, pixels).map_or(DynamicImage::ImageRgba8(from), DynamicImage::from)
        }
        _ => image,
    }
}

/// Whether width and height change places when an image is turned as it says.
pub(super) fn lies(orientation: Orientation) -> bool {
    use Orientation::{Rotate270, Rotate270FlipH, Rotate90, Rotate90FlipH};
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}
