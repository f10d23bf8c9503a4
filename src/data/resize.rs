//! Resizing images as Pillow's `Image.resize(size, BILINEAR)` does, to the last bit: each output pixel is the weighted mean
//! of the input pixels below a triangle, which grows with the reduction, so that small images are not jagged
//! (torchvision's `Resize(antialias=True)` on PIL images is the same).
//!
//! Rows first, then columns, with whole numbers between them: weights have 22 binary places, and each pass rounds to a
//! byte.

/// Binary places of the weights.
const PLACES: u32 = 22;

/// The input pixels of one output pixel and their weights.
struct Window {
    first: usize,
    weights: Vec<i64>,
}

/// The windows of `to` output pixels over `from` input pixels.
fn windows(from: usize, to: usize) -> Vec<Window> {
    let scale = from as f64 / to as f64;
    let support = scale.max(1.0);
    let window = |at: usize| {
        let centre = (at as f64 + 0.5) * scale;
        let first = (centre - support + 0.5).max(0.0) as usize;
        let last = ((centre + support + 0.5) as usize).min(from);
        let weight = |x: usize| (1.0 - (((x + first) as f64 - centre + 0.5) / support).abs()).max(0.0);
        let weights: Vec<f64> = (0..last - first).map(weight).collect();
        let sum: f64 = weights.iter().sum();
        let whole = |w: &f64| (0.5 + w / sum * f64::from(1u32 << PLACES)) as i64;
        Window { first, weights: weights.iter().map(whole).collect() }
    };
    (0..to).map(window).collect()
}

/// The weighted mean of a window's pixels, `step` bytes apart from `at`.
fn mean(pixels: &[u8], at: usize, step: usize, window: &Window) -> u8 {
    let start = at + window.first * step;
    let sum: i64 = window.weights.iter().enumerate().map(|(i, w)| i64::from(pixels[start + i * step]) * w).sum();
    ((sum + (1 << (PLACES - 1))) >> PLACES).clamp(0, 255) as u8
}

/// One channel of `from` (height, width) pixels as one of `to` pixels.
fn channel(pixels: &[u8], from: [usize; 2], to: [usize; 2], [down, across]: [&[Window]; 2], out: &mut Vec<u8>) {
    let rows = if from[1] == to[1] {
        pixels.to_vec()
    } else {
        (0..from[0]).flat_map(|y| across.iter().map(move |w| mean(pixels, y * from[1], 1, w))).collect()
    };
    if from[0] == to[0] {
        out.extend(rows);
    } else {
        let rows = &rows;
        out.extend(down.iter().flat_map(|w| (0..to[1]).map(move |x| mean(rows, x, to[1], w))));
    }
}

/// Images of `from` (height, width) pixels as ones of `to` pixels: image by image and channel by channel, bytes in and
/// bytes out. Both sides of both are at least 1.
pub fn resize(pixels: &[u8], from: [usize; 2], to: [usize; 2]) -> Vec<u8> {
    if from == to {
        return pixels.to_vec();
    }
    let (down, across) = (windows(from[0], to[0]), windows(from[1], to[1]));
    let (area, new) = (from[0] * from[1], to[0] * to[1]);
    let mut out = Vec::with_capacity(pixels.len() / area * new);
    pixels.chunks_exact(area).for_each(|one| channel(one, from, to, [&down, &across], &mut out));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes of the images that were resized: `(7 i² + 13 i + i // 5) % 256`.
    fn pixels(count: usize) -> Vec<u8> {
        (0..count).map(|i| ((7 * i * i + 13 * i + i / 5) % 256) as u8).collect()
    }

    type Case<'a> = ([usize; 2], [usize; 2], &'a str, [u8; 8]);
    const EXPECTED: [Case; 7] = [
        ([32, 32], [96, 96], "c2764bca9a0eb368992dfdd5a98b8a88", [0, 0, 7, 13, 20, 31, 43, 54]),
        ([28, 28], [64, 64], "ebb74d6b33f669e01d5351bdee0855d4", [0, 3, 12, 21, 36, 51, 71, 92]),
        ([64, 48], [32, 32], "dbea505897c8212ce935de0acd8952e9", [69, 111, 142, 159, 134, 123, 170, 147]),
        ([375, 500], [224, 224], "072b615bafa704c5f1dee736a54bb805", [60, 101, 143, 131, 121, 128, 121, 159]),
        ([31, 57], [57, 31], "535a55ffaf5c1a3729647e2600e8416c", [13, 67, 172, 142, 110, 124, 161, 73]),
        ([5, 5], [9, 5], "bb806b54eadacba455fa6e8834eb7daf", [0, 20, 54, 102, 164, 80, 38, 96]),
        ([40, 9], [7, 9], "a36793a149dd9a4c2c099566a77c4737", [126, 125, 169, 102, 143, 134, 167, 156]),
    ];

    /// Expected: Pillow 12.0. `a = np.array([(7*i*i + 13*i + i//5) % 256 for i in range(h*w)], np.uint8).reshape(h, w)`,
    /// then `np.asarray(Image.fromarray(a).resize((W, H), Image.BILINEAR))`, of which the MD5 of the bytes and the first
    /// eight are kept.
    #[test]
    fn resizes_as_pillow_does() {
        use md5::{Digest, Md5};
        for (from, to, digest, first) in EXPECTED {
            let out = resize(&pixels(from[0] * from[1]), from, to);
            assert_eq!(out[..8], first, "{from:?} to {to:?}");
            assert_eq!(crate::util::hex::hex(Md5::digest(&out)), digest, "{from:?} to {to:?}");
        }
    }

    #[test]
    fn channels_and_images_do_not_mix() {
        let two = [vec![10u8; 12], vec![200u8; 12]].concat();
        let out = resize(&two, [3, 4], [5, 5]);
        assert_eq!(out, [vec![10u8; 25], vec![200u8; 25]].concat());
    }
}
