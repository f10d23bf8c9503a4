//! Colours, fonts and sizes that every figure shares.

use std::fmt;
use std::str::FromStr;
use std::sync::Once;

use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{register_font, Color, FontDesc, FontFamily, FontStyle, RGBColor, TextStyle};

use crate::error::{Error, Result};

/// Whether a figure is dark on light or light on dark. Each carries its own background, so that both can be read on
/// any page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Dark ink on white.
    #[default]
    Light,
    /// Light ink on near-black.
    Dark,
}

/// The colours of series that have no order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Palette {
    /// Okabe and Ito 2008.
    #[default]
    OkabeIto,
    /// Paul Tol's bright colours.
    Tol,
    /// Steps from dark to light, for series in an order, such as cuts.
    Steps,
}

impl Palette {
    const ALL: [(Palette, &'static str); 3] =
        [(Palette::OkabeIto, "okabe-ito"), (Palette::Tol, "tol"), (Palette::Steps, "steps")];
}

impl fmt::Display for Palette {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(Palette::ALL.iter().find(|(palette, _)| palette == self).map_or("", |(_, name)| name))
    }
}

impl FromStr for Palette {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        let found = Palette::ALL.iter().find(|(_, name)| *name == s).map(|(palette, _)| *palette);
        found.ok_or_else(|| Error::parameter("palette", Palette::ALL.map(|(_, name)| name).join(", "), s))
    }
}

/// How values lie on an axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AxisScale {
    /// At their distance.
    #[default]
    Linear,
    /// At the distance of their logarithms.
    Logarithmic,
}

/// How a figure looks, beside its theme, where it is not as usual.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Looks {
    /// The ends of vertical axes.
    pub limits: Option<(f64, f64)>,
    /// The scale of vertical axes.
    pub scale: AxisScale,
    pub palette: Palette,
}

/// A theme with a palette.
#[derive(Clone, Copy, Debug)]
pub(super) struct Colours {
    theme: Theme,
    palette: Palette,
}

impl Colours {
    pub fn new(theme: Theme, palette: Palette) -> Colours {
        Colours { theme, palette }
    }

    /// The i-th colour of the palette; the baseline's is grey in all of them.
    pub fn series(self, i: usize) -> RGBColor {
        const TOL: [(u8, u8, u8); 7] = [
            (68, 119, 170),
            (238, 102, 119),
            (34, 136, 51),
            (204, 187, 68),
            (102, 204, 238),
            (170, 51, 119),
            (150, 150, 150),
        ];
        let place = i % (GREY + 1);
        match self.palette {
            Palette::Tol if place < GREY => RGBColor(TOL[place].0, TOL[place].1, TOL[place].2),
            // Neither end is seen well on both backgrounds.
            Palette::Steps if place < GREY => ordered(0.12 + 0.7 * place as f64 / (GREY - 1) as f64),
            _ => self.theme.series(i),
        }
    }
}

impl std::ops::Deref for Colours {
    type Target = Theme;

    fn deref(&self) -> &Theme {
        &self.theme
    }
}

/// Units of a figure's coordinates a pixel: lines can be placed between whole pixels.
pub(super) const UNIT: i32 = 2;
/// The font's name, and what a page uses where it does not have that one.
const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

/// The place of the greys among the colours of series.
pub(super) const GREY: usize = 7;

/// Sizes of text, in pixels.
pub(super) const TITLE: i32 = 16;
pub(super) const LABEL: i32 = 13;
pub(super) const SMALL: i32 = 11;
pub(super) const TINY: i32 = 10;

impl Theme {
    pub(super) fn background(self) -> RGBColor {
        self.choose((255, 255, 255), (22, 24, 29))
    }

    /// Text and axes.
    pub(super) fn ink(self) -> RGBColor {
        self.choose((31, 35, 40), (230, 232, 236))
    }

    /// Text that explains.
    pub(super) fn muted(self) -> RGBColor {
        self.choose((90, 97, 106), (160, 166, 175))
    }

    /// Lines behind the data.
    pub(super) fn grid(self) -> RGBColor {
        self.choose((228, 231, 235), (55, 60, 68))
    }

    /// Fill of what is neither good nor bad.
    pub(super) fn neutral(self) -> RGBColor {
        self.choose((201, 209, 217), (92, 99, 110))
    }

    /// The i-th colour of series that have no order (Okabe and Ito), as they stand out on this background. From the ninth
    /// on they come again: a mark of another shape goes with them ([`super::canvas::Canvas::mark`]).
    pub(super) fn series(self, i: usize) -> RGBColor {
        const COLOURS: [(u8, u8, u8); 7] = [
            (0, 114, 178),
            (213, 94, 0),
            (0, 158, 115),
            (204, 121, 167),
            (230, 159, 0),
            (86, 180, 233),
            (153, 117, 63),
        ];
        match (i % (GREY + 1), self) {
            (GREY, Theme::Light) => RGBColor(70, 70, 70),
            (GREY, Theme::Dark) => RGBColor(220, 220, 220),
            (0, Theme::Dark) => RGBColor(72, 160, 220),
            (i, _) => {
                let (r, g, b) = COLOURS[i];
                RGBColor(r, g, b)
            }
        }
    }

    fn choose(self, light: (u8, u8, u8), dark: (u8, u8, u8)) -> RGBColor {
        let (r, g, b) = if self == Theme::Light { light } else { dark };
        RGBColor(r, g, b)
    }
}

/// A colour of an ordered scale, from 0 (dark blue) to 1 (light yellow): cividis, by way of nine of its points.
pub(super) fn ordered(share: f64) -> RGBColor {
    const POINTS: [(f64, f64, f64); 9] = [
        (0.0, 34.0, 78.0),
        (18.0, 53.0, 112.0),
        (59.0, 73.0, 108.0),
        (87.0, 93.0, 109.0),
        (112.0, 113.0, 115.0),
        (138.0, 134.0, 120.0),
        (165.0, 156.0, 116.0),
        (210.0, 193.0, 92.0),
        (254.0, 232.0, 56.0),
    ];
    let at = share.clamp(0.0, 1.0) * (POINTS.len() - 1) as f64;
    let i = (at as usize).min(POINTS.len() - 2);
    let (a, b, t) = (POINTS[i], POINTS[i + 1], at - i as f64);
    let mix = |a: f64, b: f64| (a + (b - a) * t).round() as u8;
    RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

/// Black or white, whichever stands out more from `background` (relative luminance, as the web's guidelines count it).
pub(super) fn readable_on(background: RGBColor) -> RGBColor {
    let light = luminance(background);
    if (light + 0.05) / 0.05 > 1.05 / (light + 0.05) {
        RGBColor(0, 0, 0)
    } else {
        RGBColor(255, 255, 255)
    }
}

fn luminance(RGBColor(r, g, b): RGBColor) -> f64 {
    let linear = |channel: u8| {
        let share = f64::from(channel) / 255.0;
        if share <= 0.04045 {
            share / 12.92
        } else {
            ((share + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
}

/// How a text hangs on its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Centre,
    Right,
}

/// A text style: size in pixels, centred vertically on its position.
pub(super) fn text(size: i32, colour: RGBColor, align: Align, bold: bool) -> TextStyle<'static> {
    register_fonts();
    let style = if bold { FontStyle::Bold } else { FontStyle::Normal };
    // plotters writes the size divided by 1.24 into the file.
    let size = f64::from(size * UNIT) * 1.24;
    let horizontal = match align {
        Align::Left => HPos::Left,
        Align::Centre => HPos::Center,
        Align::Right => HPos::Right,
    };
    TextStyle {
        font: FontDesc::new(FontFamily::Name(FAMILY), size, style),
        color: colour.to_backend_color(),
        pos: Pos::new(horizontal, VPos::Center),
    }
}

/// Width of a text in a figure's units.
pub(super) fn text_width(content: &str, size: i32, bold: bool) -> i32 {
    let style = text(size, RGBColor(0, 0, 0), Align::Left, bold);
    let width = style.font.box_size(content).map_or(0.0, |(w, _)| f64::from(w));
    (width * EM / 1.24).ceil() as i32
}

/// Height of DejaVu Sans from its highest to its lowest stroke, by which plotters measures, in units of its nominal size,
/// by which pages draw.
const EM: f64 = 1.164;

fn register_fonts() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // The fonts are compiled in; one that were broken would fail every test of a figure.
        let _ = register_font(FAMILY, FontStyle::Normal, dejavu::sans::regular());
        let _ = register_font(FAMILY, FontStyle::Bold, dejavu::sans::bold());
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ordered_scale_gets_lighter_all_the_way_and_its_text_stays_readable() {
        for i in 0..100 {
            let at = |i: i32| luminance(ordered(f64::from(i) / 100.0));
            assert!(at(i + 1) >= at(i) - 1e-9, "{i}");
            let ink = luminance(readable_on(ordered(f64::from(i) / 100.0)));
            let contrast = (ink.max(at(i)) + 0.05) / (ink.min(at(i)) + 0.05);
            assert!(contrast > 4.5, "{i}: {contrast}");
        }
    }

    #[test]
    fn text_is_measured_with_the_font_that_is_compiled_in() {
        // The font's own table: an M is 0.863 of the nominal size wide, an i 0.278.
        for (content, each) in [("MMMMMMMMMM", 0.863), ("iiiiiiiiii", 0.278)] {
            let expected = 10.0 * each * f64::from(LABEL * UNIT);
            let found = f64::from(text_width(content, LABEL, false));
            assert!((found / expected - 1.0).abs() < 0.05, "{content}: {found} {expected}");
        }
    }
}
