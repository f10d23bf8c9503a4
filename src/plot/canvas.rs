//! A surface to draw on: plotters' drawing area over SVG, with the few shapes that figures are made of.
//!
//! Coordinates are in units of half a pixel ([`UNIT`]), from the top left.

use std::cell::RefCell;
use std::rc::Rc;

use base64::Engine;
use plotters::coord::Shift;
use plotters::drawing::IntoDrawingArea;
use plotters::element::{Circle, PathElement, Polygon, Rectangle, Text};
use plotters::prelude::{DrawingArea, SVGBackend};
use plotters::style::{Color, FontTransform, RGBAColor, RGBColor, ShapeStyle};

use super::style::{text, Align, Colours, Looks, Theme, GREY, UNIT};
use crate::error::{Error, Result};

/// A drawing area over an SVG file in memory.
pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// What a figure draws on: all of a file, or a part of it. Positions of shapes count from the file's corner.
pub(super) struct Canvas<'a> {
    /// The whole file.
    whole: Area<'a>,
    /// The part that charts fill.
    pub area: Area<'a>,
    pub theme: Colours,
    pub looks: Looks,
    /// Width and height of the part, in units.
    pub size: (i32, i32),
    /// Images, which go into the file after everything else.
    images: Rc<RefCell<String>>,
}

/// Turns plotters' errors into ours.
pub(super) fn failed(error: impl std::fmt::Display) -> Error {
    Error::Drawing(error.to_string())
}

impl<'a> Canvas<'a> {
    /// A canvas over `svg`, of a size in pixels, filled with the theme's background.
    pub fn new(svg: &'a mut String, (width, height): (u32, u32), theme: Theme, looks: Looks) -> Result<Self> {
        let unit = UNIT as u32;
        let area = SVGBackend::with_string(svg, (width * unit, height * unit)).into_drawing_area();
        area.fill(&theme.background()).map_err(failed)?;
        let size = ((width * unit) as i32, (height * unit) as i32);
        let theme = Colours::new(theme, looks.palette);
        Ok(Canvas { whole: area.clone(), area, theme, looks, size, images: Rc::default() })
    }

    /// A part of the canvas as high as it is: from `left` on, `width` wide, in units.
    pub fn part(&self, left: i32, width: i32) -> Canvas<'a> {
        self.panel((left, 0), (width, self.size.1))
    }

    /// A part of the whole file: its corner, its width and height, in units.
    pub fn panel(&self, corner: (i32, i32), size: (i32, i32)) -> Canvas<'a> {
        Canvas {
            whole: self.whole.clone(),
            area: self.whole.clone().shrink(corner, size),
            theme: self.theme,
            looks: self.looks,
            size,
            images: Rc::clone(&self.images),
        }
    }

    /// Where the part begins in the whole file: its left and its top, in units.
    pub fn corner(&self) -> (i32, i32) {
        self.area.get_base_pixel()
    }

    /// Ends drawing; returns the images' part of the file.
    pub fn finish(self) -> Result<String> {
        self.whole.present().map_err(failed)?;
        Ok(self.images.take())
    }

    pub fn rectangle(&self, a: (i32, i32), b: (i32, i32), fill: impl Color) -> Result<()> {
        self.whole.draw(&Rectangle::new([a, b], fill.filled())).map_err(failed)
    }

    pub fn outline(&self, a: (i32, i32), b: (i32, i32), colour: RGBColor, width: u32) -> Result<()> {
        self.whole.draw(&Rectangle::new([a, b], stroke(colour, width))).map_err(failed)
    }

    pub fn line(&self, points: impl IntoIterator<Item = (i32, i32)>, colour: impl Color, width: u32) -> Result<()> {
        let points: Vec<_> = points.into_iter().collect();
        self.whole.draw(&PathElement::new(points, stroke(colour, width))).map_err(failed)
    }

    pub fn polygon(&self, points: Vec<(i32, i32)>, fill: RGBAColor) -> Result<()> {
        self.whole.draw(&Polygon::new(points, fill.filled())).map_err(failed)
    }

    pub fn dot(&self, at: (i32, i32), radius: i32, fill: impl Color) -> Result<()> {
        self.whole.draw(&Circle::new(at, radius, fill.filled())).map_err(failed)
    }

    /// A small diamond: an outlier.
    pub fn diamond(&self, (x, y): (i32, i32), radius: i32, fill: RGBColor) -> Result<()> {
        self.polygon(vec![(x, y - radius), (x + radius, y), (x, y + radius), (x - radius, y)], fill.to_rgba())
    }

    /// The mark of the i-th series: shapes differ between neighbours, and where a colour comes again.
    pub fn mark(&self, (x, y): (i32, i32), r: i32, i: usize, fill: RGBAColor) -> Result<()> {
        match shape(i) {
            0 => self.dot((x, y), r, fill),
            1 => self.rectangle((x - r + 1, y - r + 1), (x + r - 1, y + r - 1), fill),
            2 => self.polygon(vec![(x, y - r - 2), (x + r + 1, y + r - 1), (x - r - 1, y + r - 1)], fill),
            _ => self.polygon(vec![(x, y - r - 2), (x + r + 2, y), (x, y + r + 2), (x - r - 2, y)], fill),
        }
    }

    /// A line from a low value to a high one, with a cap at either end.
    pub fn error_bar(&self, low: (i32, i32), high: (i32, i32), colour: RGBColor) -> Result<()> {
        let cap = 3 * UNIT;
        self.line([low, high], colour, 3)?;
        [low, high].iter().try_for_each(|&(x, y)| self.line([(x - cap, y), (x + cap, y)], colour, 3))
    }

    /// Diagonal lines across a rectangle: up to the right, or down.
    pub fn hatch(&self, (x0, y0): (i32, i32), (x1, y1): (i32, i32), up: bool, colour: RGBColor) -> Result<()> {
        const STEP: i32 = 7;
        let height = y1 - y0;
        // Lines at 45 degrees: each goes in at one edge and out at another.
        let mut start = x0 - height + STEP / 2;
        while start < x1 {
            let (left, right) = (start.max(x0), (start + height).min(x1));
            if left < right {
                let y = |x: i32| if up { y1 - (x - start) } else { y0 + (x - start) };
                self.line([(left, y(left)), (right, y(right))], colour, 1)?;
            }
            start += STEP;
        }
        Ok(())
    }

    /// A line of text, centred vertically on its position.
    pub fn text(&self, content: &str, at: (i32, i32), size: i32, colour: RGBColor, align: Align) -> Result<()> {
        self.whole.draw(&Text::new(printable(content), at, text(size, colour, align, false))).map_err(failed)
    }

    /// The same in bold.
    pub fn bold(&self, content: &str, at: (i32, i32), size: i32, colour: RGBColor, align: Align) -> Result<()> {
        self.whole.draw(&Text::new(printable(content), at, text(size, colour, align, true))).map_err(failed)
    }

    /// A line of text that reads upwards; `at` is where it starts, in the middle of its height.
    pub fn upright(&self, content: &str, at: (i32, i32), size: i32, colour: RGBColor, align: Align) -> Result<()> {
        let style = text(size, colour, align, false).transform(FontTransform::Rotate270);
        self.whole.draw(&Text::new(printable(content), at, style)).map_err(failed)
    }

    /// An image of RGB bytes (width x height x 3), drawn with hard edges between its pixels.
    pub fn image(&self, at: (i32, i32), size: (i32, i32), (width, height): (u32, u32), rgb: &[u8]) -> Result<()> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, width, height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_compression(png::Compression::High);
        encoder.write_header().and_then(|mut w| w.write_image_data(rgb)).map_err(failed)?;
        let data = base64::engine::general_purpose::STANDARD.encode(file);
        self.images.borrow_mut().push_str(&format!(
            "<image x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" preserveAspectRatio=\"none\" \
             style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{data}\"/>\n",
            at.0, at.1, size.0, size.1
        ));
        Ok(())
    }
}

/// Which of four shapes the mark of the i-th series has.
fn shape(i: usize) -> usize {
    if i == GREY {
        3
    } else {
        (i + 2 * (i / 7)) % 4
    }
}

/// A text without the characters that a file of SVG cannot hold.
fn printable(content: &str) -> String {
    content.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A line style; the width is in units.
pub(super) fn stroke(colour: impl Color, width: u32) -> ShapeStyle {
    colour.stroke_width(width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_colour_comes_again_the_mark_is_another() {
        for palette in [super::super::style::Palette::OkabeIto, super::super::style::Palette::Tol] {
            let colours = Colours::new(Theme::Light, palette);
            let mut seen = Vec::new();
            for i in 0..84 {
                let look = (colours.series(i), shape(i));
                assert!(!seen.contains(&look), "{palette}: {i}");
                seen.push(look);
            }
        }
    }
}
