//! Drawn signs, for where no data set can be had: ten classes of 28 x 28 grey images, the same on every machine.
//!
//! Each class is a sign of a few strokes. An image bends, turns, shifts and scales the sign, draws it with a pen of
//! random width and strength, adds a stray stroke and noise. Some signs are easily taken for each other, so that a
//! network is neither at chance nor perfect.

use super::images::{Files, Images};
use crate::rng::TorchRng;

/// Width and height in pixels.
const SIDE: usize = 28;
/// Images a class in the training files and in the test files.
const PER_CLASS: [usize; 2] = [2000, 400];

/// The strokes of a class, as corners in the unit square (x to the right, y down).
fn strokes(class: u8) -> &'static [&'static [(f32, f32)]] {
    match class {
        0 => &[&[(0.5, 0.1), (0.8, 0.3), (0.8, 0.7), (0.5, 0.9), (0.2, 0.7), (0.2, 0.3), (0.5, 0.1)]],
        1 => &[&[(0.4, 0.25), (0.55, 0.1), (0.55, 0.9)]],
        2 => &[&[(0.2, 0.2), (0.75, 0.2), (0.25, 0.85), (0.8, 0.85)]],
        3 => &[&[(0.25, 0.15), (0.7, 0.2), (0.45, 0.5), (0.75, 0.7), (0.3, 0.9)]],
        4 => &[&[(0.3, 0.1), (0.25, 0.55), (0.75, 0.55)], &[(0.65, 0.2), (0.65, 0.9)]],
        5 => &[&[(0.75, 0.15), (0.3, 0.2), (0.35, 0.5), (0.7, 0.6), (0.65, 0.85), (0.25, 0.85)]],
        6 => &[&[(0.65, 0.1), (0.3, 0.5), (0.35, 0.85), (0.7, 0.8), (0.65, 0.55), (0.35, 0.6)]],
        7 => &[&[(0.2, 0.15), (0.75, 0.15), (0.45, 0.9)]],
        8 => &[&[(0.25, 0.15), (0.75, 0.85)], &[(0.75, 0.15), (0.25, 0.85)]],
        _ => &[&[(0.7, 0.35), (0.4, 0.45), (0.35, 0.2), (0.65, 0.15), (0.7, 0.35), (0.6, 0.9)]],
    }
}

/// The images of one set of files; always the same.
pub fn load(files: Files) -> Images {
    let (seed, per_class) = match files {
        Files::Train => (2001, PER_CLASS[0]),
        Files::Test => (2002, PER_CLASS[1]),
    };
    let mut rng = TorchRng::new(seed);
    let order = rng.randperm(10 * per_class);
    let labels: Vec<u8> = order.iter().map(|i| (i % 10) as u8).collect();
    let mut pixels = Vec::with_capacity(labels.len() * SIDE * SIDE);
    for &label in &labels {
        pixels.extend(draw(label, &mut rng).map(|v| (v.clamp(0.0, 1.0) * 255.0) as u8));
    }
    Images { pixels, labels, shape: [1, SIDE, SIDE] }
}

fn draw(class: u8, rng: &mut TorchRng) -> [f32; SIDE * SIDE] {
    let mut between = |low: f32, high: f32| low + (high - low) * (rng.random32() >> 8) as f32 / (1 << 24) as f32;
    let (angle, slant) = (between(-0.5, 0.5), between(-0.3, 0.3));
    let (scale_x, scale_y) = (between(13.0, 23.0), between(15.0, 23.0));
    let (middle_x, middle_y) = (between(11.5, 16.5), between(11.5, 16.5));
    let (sin, cos) = angle.sin_cos();
    let (pen, strength) = (between(0.7, 1.5), between(0.6, 1.0));
    let mut canvas = [0f32; SIDE * SIDE];
    for stroke in strokes(class) {
        let mut corners = stroke.iter().map(|&(x, y)| {
            let x = (x - 0.5 + between(-0.09, 0.09)) * scale_x;
            let y = (y - 0.5 + between(-0.09, 0.09)) * scale_y;
            let x = x + slant * y;
            (middle_x + cos * x - sin * y, middle_y + sin * x + cos * y)
        });
        if let Some(mut from) = corners.next() {
            for to in corners {
                stroke_line(&mut canvas, from, to, pen, strength);
                from = to;
            }
        }
    }
    let stray = ((between(0.0, 28.0), between(0.0, 28.0)), (between(0.0, 28.0), between(0.0, 28.0)));
    stroke_line(&mut canvas, stray.0, stray.1, 0.7 * pen, 0.6 * strength);
    for value in &mut canvas {
        *value += between(-0.25, 0.25);
    }
    canvas
}

/// Draws a line by setting dots of radius `pen` (pixels) close together; overlapping dots do not add up.
fn stroke_line(canvas: &mut [f32], from: (f32, f32), to: (f32, f32), pen: f32, strength: f32) {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let steps = (dx.hypot(dy) * 2.0).ceil().max(1.0) as usize;
    for step in 0..=steps {
        let t = step as f32 / steps as f32;
        let (x, y) = (from.0 + t * dx, from.1 + t * dy);
        for row in ((y - 2.5).max(0.0) as usize)..((y + 3.5).clamp(0.0, SIDE as f32) as usize) {
            for column in ((x - 2.5).max(0.0) as usize)..((x + 3.5).clamp(0.0, SIDE as f32) as usize) {
                let (across, down) = (column as f32 - x, row as f32 - y);
                let distance = (across * across + down * down).sqrt();
                let ink = strength * (1.0 - (distance - pen).clamp(0.0, 1.0));
                let pixel = &mut canvas[row * SIDE + column];
                *pixel = pixel.max(ink);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_balanced_varied_and_always_the_same() {
        let images = load(Files::Test);
        assert_eq!(images, load(Files::Test));
        assert_eq!((images.len(), images.shape), (4000, [1, 28, 28]));
        for class in 0..10 {
            assert_eq!(images.labels.iter().filter(|&&l| l == class).count(), 400);
        }
        let distinct: std::collections::HashSet<_> = (0..images.len()).map(|i| images.image(i)).collect();
        assert_eq!(distinct.len(), images.len());
    }
}
