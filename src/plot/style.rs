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
    /// Paul Tol's bright colours, with the orange of his vibrant ones for their grey.
    Tol,
    /// Steps from dark to light, for series in an order, such as cuts: as many as there are series.
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
    /// Steps from dark to light.
    steps: usize,
}

/// Colours of a palette before they come again, darker and then lighter.
const ROUND: usize = 7;

impl Colours {
    pub fn new(theme: Theme, palette: Palette) -> Colours {
        Colours { theme, palette, steps: ROUND }
    }

    /// The same with as many steps from dark to light as these series need.
    pub fn for_series(self, series: &[usize]) -> Colours {
        let highest = series.iter().filter(|&&i| i != GREY).max();
        Colours { steps: highest.map_or(ROUND, |i| (i + 1).max(ROUND)), ..self }
    }

    /// The i-th colour of the palette; the baseline's ([`GREY`]) is grey in all of them. After the palette's own colours
    /// come darker ones and then lighter ones. From the 22nd on they come again: a mark of another shape goes with them
    /// ([`super::canvas::Canvas::mark`]).
    pub fn series(self, i: usize) -> RGBColor {
        const TOL: [(u8, u8, u8); ROUND] = [
            (68, 119, 170),
            (238, 102, 119),
            (34, 136, 51),
            (204, 187, 68),
            (102, 204, 238),
            (170, 51, 119),
            (238, 119, 51),
        ];
        let (r, g, b) = match self.palette {
            _ if i == GREY => return self.theme.grey(),
            // Neither end is seen well on both backgrounds.
            Palette::Steps => return ordered(0.12 + 0.7 * i as f64 / (self.steps - 1) as f64),
            Palette::Tol => TOL[i % ROUND],
            Palette::OkabeIto => self.theme.okabe_ito()[i % ROUND],
        };
        let towards = |c: u8, end: f64, by: f64| (f64::from(c) + (end - f64::from(c)) * by).round() as u8;
        let shade = |c: u8| match i / ROUND % 3 {
            0 => c,
            1 => towards(c, 0.0, 0.35),
            _ => towards(c, 255.0, 0.5),
        };
        RGBColor(shade(r), shade(g), shade(b))
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

/// The number of the baseline among series: it has the grey.
pub(super) const GREY: usize = usize::MAX;

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

    /// The baseline's colour.
    fn grey(self) -> RGBColor {
        self.choose((70, 70, 70), (220, 220, 220))
    }

    /// Colours of series that have no order (Okabe and Ito, with a brown for their black), as they stand out on this
    /// background.
    fn okabe_ito(self) -> [(u8, u8, u8); ROUND] {
        let blue = if self == Theme::Light { (0, 114, 178) } else { (70, 120, 250) };
        [blue, (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233), (153, 117, 63)]
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
    0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
}

/// The light of a channel of sRGB, from 0 to 1.
fn linear(channel: u8) -> f64 {
    let share = f64::from(channel) / 255.0;
    if share <= 0.04045 {
        share / 12.92
    } else {
        ((share + 0.055) / 1.055).powf(2.4)
    }
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

    /// CIE 1976 L*a*b* of a colour, in which distances are about as large as they look.
    fn lab(RGBColor(r, g, b): RGBColor) -> [f64; 3] {
        let [r, g, b] = [r, g, b].map(linear);
        let root = |v: f64| if v > 0.008856 { v.cbrt() } else { 7.787 * v + 16.0 / 116.0 };
        let x = root((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505);
        let y = root(0.2126 * r + 0.7152 * g + 0.0722 * b);
        let z = root((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089);
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    #[test]
    fn twenty_one_series_and_the_baseline_have_colours_that_differ_and_are_seen() {
        for theme in [Theme::Light, Theme::Dark] {
            for palette in [Palette::OkabeIto, Palette::Tol] {
                let colours = Colours::new(theme, palette);
                let all: Vec<RGBColor> = (0..21).chain([GREY]).map(|i| colours.series(i)).collect();
                for (i, a) in all.iter().enumerate() {
                    let (ink, paper) = (luminance(*a), luminance(theme.background()));
                    let contrast = (ink.max(paper) + 0.05) / (ink.min(paper) + 0.05);
                    assert!(contrast > 1.3, "{theme:?} {palette}: {i}, {contrast}");
                    for (j, b) in all[..i].iter().enumerate() {
                        let (a, b) = (lab(*a), lab(*b));
                        let far = (0..3).map(|k| (a[k] - b[k]) * (a[k] - b[k])).sum::<f64>().sqrt();
                        assert!(far > 12.0, "{theme:?} {palette}: {i} and {j}, {far}");
                    }
                }
            }
        }
    }

    #[test]
    fn steps_get_lighter_over_all_series_and_keep_the_baseline_grey() {
        for many in [7, 8, 19, 40] {
            let numbers: Vec<usize> = (0..many).chain([GREY]).collect();
            let colours = Colours::new(Theme::Light, Palette::Steps).for_series(&numbers);
            let light: Vec<f64> = (0..many).map(|i| luminance(colours.series(i))).collect();
            assert!(light.windows(2).all(|w| w[1] > w[0]), "{light:?}");
            assert_eq!(colours.series(many - 1), ordered(0.82));
            assert_eq!(colours.series(GREY), RGBColor(70, 70, 70));
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
