//! Images: samples of a task, a network's first filters, and what it makes of an image.

use tch::{Kind, Tensor};

use crate::data::{Samples, Task};
use crate::error::{During, Error, Result};
use crate::model::Model;
use crate::plot::canvas::Canvas;
use crate::plot::figure::Figure;
use crate::plot::style::{ordered, Align, SMALL, UNIT};

/// An image as it is drawn: RGB bytes.
struct Tile {
    rgb: Vec<u8>,
    width: usize,
    height: usize,
}

/// Rows of tiles, each row with a name.
struct Grid {
    rows: Vec<(String, Vec<Tile>)>,
    /// Side of a tile, in pixels.
    side: i32,
}

/// Between two tiles, in pixels.
const GAP: i32 = 4;
/// Space left of the tiles for rows' names, in pixels.
const NAMES: i32 = 96;

impl Grid {
    fn figure(self, title: String) -> Figure {
        let across = self.rows.iter().map(|r| r.1.len()).max().unwrap_or(1) as i32;
        let named = self.rows.iter().any(|r| !r.0.is_empty());
        let left = if named { NAMES } else { 12 };
        let width = left + across * (self.side + GAP) + 12;
        let height = 34 + self.rows.len() as i32 * (self.side + GAP) + 16;
        let names: Vec<_> = self.rows.iter().map(|r| r.0.as_str()).filter(|name| !name.is_empty()).collect();
        let of = if named { format!(", of {}", names.join(", ")) } else { String::new() };
        let description = format!("{} rows of up to {across} images{of}", self.rows.len());
        let size = (width.max(320) as u32, height.max(120) as u32);
        Figure::new(title, size, move |canvas, top| self.draw(canvas, top, left)).described(description)
    }

    /// Tiles fill the canvas whatever its size is, as squares.
    fn draw(&self, canvas: &Canvas, top: i32, left: i32) -> Result<()> {
        let across = self.rows.iter().map(|r| r.1.len()).max().unwrap_or(1) as i32;
        let (left, gap) = (left * UNIT, GAP * UNIT);
        let room = (canvas.size.0 - left - 8 * UNIT, canvas.size.1 - top - 8 * UNIT);
        let side = (room.0 / across.max(1)).min(room.1 / self.rows.len().max(1) as i32) - gap;
        for (r, (name, tiles)) in self.rows.iter().enumerate() {
            let y = top + 4 * UNIT + r as i32 * (side + gap);
            let at = (left - 8 * UNIT, y + side / 2);
            canvas.text(name, at, SMALL, canvas.theme.ink(), Align::Right)?;
            for (c, tile) in tiles.iter().enumerate() {
                let at = (left + c as i32 * (side + gap), y);
                canvas.image(at, (side, side), (tile.width as u32, tile.height as u32), &tile.rgb)?;
            }
        }
        Ok(())
    }
}

/// Bytes of channels after one another, as RGB: one channel is grey, three are colours.
fn interleaved(bytes: &[u8], [channels, height, width]: [usize; 3]) -> Tile {
    let area = height * width;
    let channel = |c: usize| if channels == 3 { c } else { 0 };
    let rgb = (0..area).flat_map(|i| (0..3).map(move |c| bytes[channel(c) * area + i])).collect();
    Tile { rgb, width, height }
}

/// Numbers (height x width) in the colours of the ordered scale, from `low` to `high`.
fn coloured(values: &[f32], (height, width): (usize, usize), (low, high): (f32, f32)) -> Tile {
    let share = |v: f32| if high > low { f64::from((v - low) / (high - low)) } else { 0.5 };
    let rgb = values.iter().map(|&v| ordered(share(v))).flat_map(|c| [c.0, c.1, c.2]).collect();
    Tile { rgb, width, height }
}

fn range(values: &[f32]) -> (f32, f32) {
    values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)))
}

/// The first `count` training images of each class of a task, a row for each class.
///
/// # Errors
/// [`Error::Parameter`] when `count` is 0 or above 40.
pub fn sample_grid(task: &Task, count: usize) -> Result<Figure> {
    if !(1..=40).contains(&count) {
        return Err(Error::parameter("count", "1 to 40 images a class", count));
    }
    let shape = task.train.images.shape;
    let row = |(label, name): (usize, String)| {
        let of_class = (0..task.train.len()).filter(|&i| usize::from(task.train.labels[i]) == label).take(count);
        let tile = |i: usize| interleaved(task.train.images.image(task.train.rows[i] as usize), shape);
        (name, of_class.map(tile).collect())
    };
    let rows = task.class_names.iter().cloned().enumerate().map(row).collect();
    Ok(Grid { rows, side: 64 }.figure(format!("{}: training images", task.dataset)))
}

/// Tiles of a row, where there are no names.
const ACROSS: usize = 16;

fn in_rows(tiles: Vec<Tile>) -> Vec<(String, Vec<Tile>)> {
    let mut rows: Vec<(String, Vec<Tile>)> = Vec::new();
    for (i, tile) in tiles.into_iter().enumerate() {
        if i % ACROSS == 0 {
            rows.push((String::new(), Vec::new()));
        }
        if let Some(row) = rows.last_mut() {
            row.1.push(tile);
        }
    }
    rows
}

/// The first convolution's filters. Those over three channels are drawn in colour, each from its lowest weight to its
/// highest; others (the first channel of each) on the ordered scale, from the lowest weight of all to the highest.
///
/// # Errors
/// [`Error::Torch`] when the weights cannot be read.
pub fn filters(model: &dyn Model) -> Result<Figure> {
    let Some((_, weight)) = model.convolutions().into_iter().next() else {
        return Err(Error::parameter("network", "a convolution, whose filters can be drawn", "none"));
    };
    let size: Vec<usize> = weight.size().iter().map(|&s| s as usize).collect();
    let (count, channels, height, width) = (size[0], size[1], size[2], size[3]);
    let values = numbers(&weight)?;
    let all = range(&values);
    let tile = |filter: &[f32]| {
        if channels == 3 {
            let (low, high) = range(filter);
            let byte = |&v: &f32| if high > low { ((v - low) / (high - low) * 255.0).round() as u8 } else { 128 };
            interleaved(&filter.iter().map(byte).collect::<Vec<_>>(), [3, height, width])
        } else {
            coloured(&filter[..height * width], (height, width), all)
        }
    };
    let tiles = values.chunks(channels * height * width).map(tile).collect();
    Ok(Grid { rows: in_rows(tiles), side: 44 }.figure(format!("The first layer's {count} filters")))
}

fn numbers(tensor: &Tensor) -> Result<Vec<f32>> {
    let flat = tensor.f_to(tch::Device::Cpu).and_then(|t| t.f_to_kind(Kind::Float)).and_then(|t| t.f_flatten(0, -1));
    Vec::<f32>::try_from(&flat.during("reading numbers")?).during("reading numbers")
}

/// What the convolutions of the study's network make of one image before the activation, or the blocks of another
/// network: a row for each, of its first sixteen channels, each row on the ordered scale from its lowest value to its
/// highest, with the image itself above. `position` counts among the samples.
///
/// # Errors
/// [`Error::Parameter`] when there is no such sample, or its image does not fit the network; [`Error::Torch`].
pub fn feature_maps(model: &dyn Model, samples: &Samples, position: usize) -> Result<Figure> {
    if position >= samples.len() {
        return Err(Error::parameter("position", format!("below {}, the samples", samples.len()), position));
    }
    let shape = samples.images.shape;
    model.check_images(shape)?;
    let image = samples.images.image(samples.rows[position] as usize);
    let mut rows = vec![("image".to_owned(), vec![interleaved(image, shape)])];
    let [c, h, w] = shape.map(|s| s as i64);
    let bytes = Tensor::f_from_data_size(image, &[1, c, h, w], Kind::Uint8).and_then(|x| x.f_to(model.device()));
    let outputs = model.layer_outputs(&model.preparation().apply(&bytes.during("loading an image")?)?)?;
    let of_study = model.as_study().is_some();
    for layer in outputs.iter().filter(|l| l.output.dim() == 4 && (!of_study || l.name.starts_with("conv"))) {
        let size: Vec<usize> = layer.output.size().iter().map(|&s| s as usize).collect();
        let values = numbers(&layer.output)?;
        let area = size[2] * size[3];
        let shown = &values[..area * size[1].min(ACROSS)];
        let tiles = shown.chunks(area).map(|v| coloured(v, (size[2], size[3]), range(shown))).collect();
        rows.push((layer.name.clone(), tiles));
    }
    let title = match of_study {
        true => "Feature maps before the activation, first channels",
        false => "Feature maps of the blocks, first channels",
    };
    Ok(Grid { rows, side: 48 }.figure(title.to_owned()))
}
