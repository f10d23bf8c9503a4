//! Pixels as a small PNG file.

use std::collections::HashMap;

use resvg::tiny_skia::Pixmap;

use crate::error::{Error, Result};

/// Most colours that a palette holds.
const PALETTE: usize = 256;

/// An image as a PNG file's bytes, without loss: with a palette where it has few colours, as figures mostly have, which
/// makes it a tenth as large.
///
/// # Errors
/// [`Error::Drawing`].
pub(super) fn encode(image: &Pixmap) -> Result<Vec<u8>> {
    let pixels: Vec<[u8; 4]> =
        image.pixels().iter().map(|p| p.demultiply()).map(|p| [p.red(), p.green(), p.blue(), p.alpha()]).collect();
    let opaque = pixels.iter().all(|p| p[3] == 255);
    let mut places = HashMap::new();
    let mut palette: Vec<[u8; 4]> = Vec::new();
    let mut indices: Vec<u8> = Vec::with_capacity(pixels.len());
    for (i, pixel) in pixels.iter().enumerate() {
        // Most pixels are like the one before.
        if i > 0 && *pixel == pixels[i - 1] {
            indices.push(indices[i - 1]);
            continue;
        }
        let place = *places.entry(pixel).or_insert_with(|| {
            palette.push(*pixel);
            palette.len() - 1
        });
        if palette.len() > PALETTE {
            break;
        }
        indices.push(place as u8);
    }
    let mut file = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut file, image.width(), image.height());
    encoder.set_compression(::png::Compression::Balanced);
    let few = opaque && palette.len() <= PALETTE;
    let bytes = if few {
        encoder.set_color(::png::ColorType::Indexed);
        encoder.set_palette(palette.iter().flat_map(|p| &p[..3]).copied().collect::<Vec<u8>>());
        encoder.set_filter(::png::Filter::NoFilter);
        indices
    } else {
        let channels = if opaque { 3 } else { 4 };
        encoder.set_color(if opaque { ::png::ColorType::Rgb } else { ::png::ColorType::Rgba });
        encoder.set_filter(::png::Filter::Adaptive);
        pixels.iter().flat_map(|p| &p[..channels]).copied().collect()
    };
    encoder.set_depth(::png::BitDepth::Eight);
    let failed = |error: ::png::EncodingError| Error::Drawing(error.to_string());
    encoder.write_header().and_then(|mut writer| writer.write_image_data(&bytes)).map_err(failed)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use resvg::tiny_skia::{Color, Pixmap};

    use super::*;

    /// What a decoder sees, as RGBA.
    fn decoded(file: &[u8]) -> Vec<u8> {
        image::load_from_memory_with_format(file, image::ImageFormat::Png).unwrap().to_rgba8().into_raw()
    }

    #[test]
    fn nothing_is_lost_with_few_colours_with_many_and_with_transparent_ones() {
        let mut few = Pixmap::new(40, 30).unwrap();
        few.fill(Color::from_rgba8(250, 250, 250, 255));
        few.pixels_mut()[17] = Color::from_rgba8(10, 20, 30, 255).premultiply().to_color_u8();
        let mut many = few.clone();
        for (i, pixel) in many.pixels_mut().iter_mut().enumerate() {
            *pixel = Color::from_rgba8((i % 251) as u8, (i / 251) as u8, 7, 255).premultiply().to_color_u8();
        }
        let mut clear = few.clone();
        clear.pixels_mut()[3] = Color::TRANSPARENT.premultiply().to_color_u8();
        for image in [few, many, clear] {
            let expected: Vec<u8> = (image.pixels().iter())
                .map(|p| p.demultiply())
                .flat_map(|p| [p.red(), p.green(), p.blue(), p.alpha()])
                .collect();
            assert!(decoded(&encode(&image).unwrap()) == expected);
        }
    }
}
