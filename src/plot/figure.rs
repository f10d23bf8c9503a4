//! A figure as a value.

use std::path::Path;
use std::sync::Arc;

use resvg::{tiny_skia, usvg};

use super::canvas::{failed, Canvas};
use super::fonts;
use super::style::{text_width, Align, AxisScale, Looks, Palette, Theme, LABEL, TITLE, UNIT};
use crate::error::{Error, Result};
use crate::notebook::display;
use crate::runtime::progress::default_sink;
use crate::util::files::write_atomically;

/// Pixels of a PNG for each pixel of the figure: sharp on screens of high resolution and in print.
const PNG_SCALE: f32 = 2.0;
/// Space above the title and below it, in pixels.
const ABOVE: i32 = 9;
const BELOW: i32 = 8;

type Draw = dyn Fn(&Canvas, i32) -> Result<()> + Send + Sync;

/// A figure. It is drawn when it is shown or saved; until then its title, size and theme can be changed.
#[derive(Clone)]
pub struct Figure {
    title: String,
    /// What there is to see, in a sentence, for those who do not.
    description: String,
    size: (u32, u32),
    theme: Theme,
    looks: Looks,
    draw: Arc<Draw>,
}

impl Figure {
    /// A figure of a size in pixels. `draw` gets the canvas, and how far down the title reaches, in units.
    pub(super) fn new(
        title: impl Into<String>,
        size: (u32, u32),
        draw: impl Fn(&Canvas, i32) -> Result<()> + Send + Sync + 'static,
    ) -> Figure {
        let (title, description) = (printable(title.into()), String::new());
        Figure { title, description, size, theme: Theme::Light, looks: Looks::default(), draw: Arc::new(draw) }
    }

    /// The same figure with a sentence that says what there is to see.
    pub(super) fn described(mut self, description: impl Into<String>) -> Self {
        self.description = printable(description.into());
        self
    }

    /// The same figure with another title; an empty one leaves its line out.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = printable(title.into());
        self
    }

    /// The same figure in another size, in pixels; a notebook is some 900 wide. Sides are at least 120 and at most 8000.
    pub fn size(mut self, width: u32, height: u32) -> Self {
        self.size = (width.clamp(120, 8000), height.clamp(120, 8000));
        self
    }

    /// The same figure in another theme.
    pub fn theme(mut self, theme: Theme) -> Self {
        self.theme = theme;
        self
    }

    /// The same figure with the values on its vertical axes from `low` to `high`, so that figures can be compared:
    /// what lies beyond is placed at the end. Figures without such an axis stay as they are.
    pub fn limits(mut self, low: f64, high: f64) -> Self {
        self.looks.limits = Some((low.min(high), low.max(high))).filter(|(low, high)| low < high);
        self
    }

    /// The same figure with its vertical axes linear or logarithmic. A logarithmic axis shows only values above 0; where
    /// there are others it stays linear.
    pub fn scale(mut self, scale: AxisScale) -> Self {
        self.looks.scale = scale;
        self
    }

    /// The same figure with the colours of another palette.
    pub fn palette(mut self, palette: Palette) -> Self {
        self.looks.palette = palette;
        self
    }

    /// What the figure shows, in words: its title, and a sentence about what there is to see. Notebooks and their
    /// exports have it as alternative text.
    pub fn alternative_text(&self) -> String {
        let parts = [self.title.trim(), self.description.as_str()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(". ")
    }

    /// The figure as SVG.
    ///
    /// # Errors
    /// [`Error::Drawing`].
    pub fn to_svg(&self) -> Result<String> {
        let mut svg = String::new();
        let canvas = Canvas::new(&mut svg, self.size, self.theme, self.looks)?;
        let (lines, size) = fitted(&self.title, self.size.0 as i32 * UNIT - 24 * UNIT);
        for (i, line) in lines.iter().enumerate() {
            let y = (ABOVE + size * 3 / 5) * UNIT + i as i32 * (size + 4) * UNIT;
            canvas.bold(line, (self.size.0 as i32 * UNIT / 2, y), size, self.theme.ink(), Align::Centre)?;
        }
        let top = if lines.is_empty() { 0 } else { (ABOVE + BELOW + lines.len() as i32 * (size + 4) - 4) * UNIT };
        (self.draw)(&canvas, top)?;
        let images = canvas.finish()?;
        Ok(in_pixels(&svg, self.size, (&self.title, &self.description), &images))
    }

    /// The figure as a PNG file's bytes, twice as fine as its size in pixels.
    ///
    /// # Errors
    /// [`Error::Drawing`].
    pub fn to_png(&self) -> Result<Vec<u8>> {
        let svg = self.to_svg()?;
        let (options, missing) = fonts::options(&svg);
        if !missing.is_empty() {
            let letters: Vec<String> =
                missing.iter().take(10).map(|c| format!("{c} (U+{:04X})", u32::from(*c))).collect();
            let letters = letters.join(", ");
            default_sink().line(&format!("no font of this system has {letters}: missing in a PNG of {:?}", self.title));
        }
        let tree = usvg::Tree::from_str(&svg, &options).map_err(failed)?;
        let side = |pixels: u32| (pixels as f32 * PNG_SCALE) as u32;
        let mut pixels = tiny_skia::Pixmap::new(side(self.size.0), side(self.size.1))
            .ok_or_else(|| Error::Drawing(format!("no memory for {:?} pixels", self.size)))?;
        resvg::render(&tree, tiny_skia::Transform::from_scale(PNG_SCALE, PNG_SCALE), &mut pixels.as_mut());
        super::png::encode(&pixels)
    }

    /// Writes the figure to a file, by its ending `.svg` or `.png`.
    ///
    /// # Errors
    /// [`Error::Parameter`] for another ending; [`Error::Drawing`]; [`Error::Io`] naming the file.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let ending = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
        let bytes = match ending.as_deref() {
            Some("svg") => self.to_svg()?.into_bytes(),
            Some("png") => self.to_png()?,
            _ => return Err(Error::parameter("path", "a file name that ends in .svg or .png", path.display())),
        };
        write_atomically(path, |w| w.write_all(&bytes))
    }

    /// Shows the figure in a notebook: as SVG, and as PNG where that is not drawn.
    pub fn evcxr_display(&self) {
        let drawn = self.to_svg().and_then(|svg| Ok((svg, self.to_png()?)));
        match drawn {
            Ok((svg, png)) => {
                let forms = [("image/svg+xml", svg.as_str()), ("text/plain", &format!("{self:?}"))];
                display::show_image(&forms, &png, self.size, &self.alternative_text());
            }
            Err(error) => display::show(&[("text/plain", &error.to_string())]),
        }
    }
}

impl std::fmt::Debug for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Figure \"{}\", {} x {} pixels", self.title, self.size.0, self.size.1)
    }
}

/// A title without what has no place in an XML file.
fn printable(title: String) -> String {
    title.replace(|c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'), " ")
}

/// A title in lines that fit into a width in units, and their size in pixels: smaller before it is broken, and broken
/// between words.
fn fitted(title: &str, width: i32) -> (Vec<String>, i32) {
    if title.trim().is_empty() {
        return (Vec::new(), TITLE);
    }
    let fits = |line: &str, size: i32| text_width(line, size, true) <= width;
    if let Some(size) = (LABEL..=TITLE).rev().find(|&size| fits(title, size)) {
        return (vec![title.to_owned()], size);
    }
    let mut lines: Vec<String> = Vec::new();
    for word in title.split_whitespace() {
        match lines.last_mut() {
            Some(line) if fits(&format!("{line} {word}"), LABEL) => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    (lines, LABEL)
}

/// Gives a drawing in units its size in pixels, a name and a description for those who hear it read, and its images.
fn in_pixels(svg: &str, (width, height): (u32, u32), (title, description): (&str, &str), images: &str) -> String {
    let body = svg.split_once('>').map_or("", |(_, body)| body);
    let body = body.trim_end().strip_suffix("</svg>").unwrap_or(body);
    let (w, h) = (width * UNIT as u32, height * UNIT as u32);
    let title = display::escaped(title);
    let description = match description {
        "" => String::new(),
        words => format!("<desc>{}</desc>", display::escaped(words)),
    };
    // `max-width` lets a narrow page shrink the figure; the background stays the figure's own.
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {w} {h}\" \
         style=\"max-width:100%;height:auto\" role=\"img\" aria-label=\"{title}\">{description}{body}{images}</svg>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_says_what_there_is_to_see() {
        let figure = Figure::new("a < b", (200, 200), |_, _| Ok(())).described("Bars for \"a\"");
        assert_eq!(figure.alternative_text(), "a < b. Bars for \"a\"");
        let svg = figure.to_svg().unwrap();
        assert!(svg.contains("aria-label=\"a &lt; b\"><desc>Bars for &quot;a&quot;</desc>"), "{svg}");
        assert_eq!(figure.clone().title("").alternative_text(), "Bars for \"a\"");
        assert_eq!(Figure::new("a", (200, 200), |_, _| Ok(())).alternative_text(), "a");
    }
}
