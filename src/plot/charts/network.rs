//! A network drawn: its layers from left to right, as high as their images and as thick as their channels.

use crate::error::Result;
use crate::model::{Model, Stage};
use crate::plot::canvas::Canvas;
use crate::plot::figure::Figure;
use crate::plot::style::{ordered, text_width, Align, SMALL, TINY, UNIT};

/// The architecture of a network: each convolution as a block whose height is the side of what it puts out and whose
/// thickness grows with its channels, then the linear layers. Frozen layers are blue, those that are trained yellow.
///
/// # Errors
/// [`crate::error::Error::Parameter`] when the network's layers do not fit its images.
pub fn architecture(model: &dyn Model) -> Result<Figure> {
    let (name, shape) = ("input".to_owned(), model.input_shape());
    let mut layers = vec![Stage { name, shape, frozen: false, linear: false, note: "" }];
    layers.extend(model.stages()?);
    let title = format!("Network: {}", model.architecture());
    let width = (layers.len() as u32 * 96 + 60).clamp(420, 2400);
    let described = |layer: &Stage| {
        let [channels, height, across] = layer.shape;
        let frozen = if layer.frozen { ", frozen" } else { "" };
        format!("{} ({channels} x {height} x {across}{frozen})", layer.name)
    };
    let description = format!("Layers {}", layers.iter().map(described).collect::<Vec<_>>().join(", "));
    Ok(Figure::new(title, (width, 330), move |canvas, top| draw(canvas, top, &layers)).described(description))
}

fn draw(canvas: &Canvas, top: i32, layers: &[Stage]) -> Result<()> {
    let theme = canvas.theme;
    let (left, right) = (30 * UNIT, canvas.size.0 - 20 * UNIT);
    let (upper, lower) = (top + 34 * UNIT, canvas.size.1 - 62 * UNIT);
    let middle = (upper + lower) / 2;
    let tallest = layers.iter().map(|l| l.shape[1].max(l.shape[2])).max().unwrap_or(1) as f64;
    let pitch = (right - left) / layers.len() as i32;
    let most = layers.iter().map(|l| l.shape[0]).max().unwrap_or(1) as f64;
    for (i, layer) in layers.iter().enumerate() {
        let x = left + pitch * i as i32 + pitch / 2;
        let [channels, height, _] = layer.shape;
        let linear = layer.linear;
        let fill = match (i, linear, layer.frozen) {
            (0, ..) => theme.neutral(),
            (_, _, true) => ordered(0.12),
            _ => ordered(0.9),
        };
        let side = if linear {
            // A column of units, of which a few are enough to say so.
            (f64::from(lower - upper) * (0.25 + 0.5 * (channels as f64 / most).min(1.0))) as i32
        } else {
            (f64::from(lower - upper) * height as f64 / tallest) as i32
        };
        let half = side.max(8 * UNIT) / 2;
        let thick = (f64::from(pitch) * (0.06 + 0.3 * (channels as f64 / most).sqrt())) as i32;
        let slant = if linear { 0 } else { (thick / 2).min(10 * UNIT) };
        let (a, b) = ((x - thick / 2, middle - half), (x + thick / 2, middle + half));
        if slant > 0 {
            // The top and the right side of a block seen from the upper right.
            let roof = vec![a, (b.0, a.1), (b.0 + slant, a.1 - slant), (a.0 + slant, a.1 - slant)];
            let side = vec![(b.0, a.1), (b.0 + slant, a.1 - slant), (b.0 + slant, b.1 - slant), b];
            for face in [roof, side] {
                let mut edge = face.clone();
                edge.push(face[0]);
                canvas.polygon(face, plotters::style::Color::mix(&fill, 0.6))?;
                canvas.line(edge, theme.ink(), 1)?;
            }
        }
        canvas.rectangle(a, b, fill)?;
        canvas.outline(a, b, theme.ink(), 2)?;
        if i + 1 < layers.len() {
            let (from, to) = (x + thick / 2 + slant + 3 * UNIT, x + pitch / 2 + 6 * UNIT);
            if from < to {
                canvas.line([(from, middle), (to, middle)], theme.muted(), 2)?;
                canvas.line(
                    [(to - 4 * UNIT, middle - 3 * UNIT), (to, middle), (to - 4 * UNIT, middle + 3 * UNIT)],
                    theme.muted(),
                    2,
                )?;
            }
        }
        let [c, h, w] = layer.shape;
        let shape = if linear { format!("{c}") } else { format!("{c} x {h} x {w}") };
        canvas.bold(&layer.name, (x, lower + 18 * UNIT), SMALL, theme.ink(), Align::Centre)?;
        canvas.text(&shape, (x, lower + 33 * UNIT), TINY, theme.ink(), Align::Centre)?;
        canvas.text(layer.note, (x, lower + 47 * UNIT), TINY, theme.muted(), Align::Centre)?;
    }
    let mut x = left;
    let y = top + 14 * UNIT;
    let frozen = layers.iter().any(|l| l.frozen).then(|| ("frozen", ordered(0.12)));
    for (words, fill) in frozen.into_iter().chain([("trained", ordered(0.9))]) {
        canvas.rectangle((x, y - 5 * UNIT), (x + 12 * UNIT, y + 5 * UNIT), fill)?;
        canvas.text(words, (x + 17 * UNIT, y), SMALL, theme.ink(), Align::Left)?;
        x += text_width(words, SMALL, false) + 34 * UNIT;
    }
    canvas.text("sizes after pooling: channels x height x width", (x, y), SMALL, theme.muted(), Align::Left)
}
