//! The text of an `ndarray` array: its items, then shape and type.

use std::fmt::Debug;

use ndarray::{ArrayBase, ArrayViewD, Data, Dimension};

use super::grid::{kept, Grid};
use super::text::{shortened, Text, ITEM_LIMIT, TEXT_LIMIT};

pub(super) fn text<S: Data<Elem: Debug>, D: Dimension>(array: &ArrayBase<S, D>) -> Text {
    let mut note = format!("shape {:?}, {}", array.shape(), short_name(std::any::type_name::<S::Elem>()));
    if array.ndim() > 1 && !array.is_standard_layout() && array.t().is_standard_layout() {
        note += ", column-major";
    }
    Text { body: body(array), note, ..Text::default() }
}

fn body<S: Data<Elem: Debug>, D: Dimension>(array: &ArrayBase<S, D>) -> String {
    // Of a large array ndarray's own text has ten items along each of the last two axes, and six along others; shape,
    // strides and layout follow.
    let text = format!("{array:?}");
    let items = text.rfind(", shape=[").map_or(text.as_str(), |at| &text[..at]);
    if items.chars().count() <= TEXT_LIMIT {
        return items.to_owned();
    }
    let view = array.view().into_dyn();
    let fewer = (1..=3).rev().map(|edge| edges(&view, edge)).find(|text| text.chars().count() <= TEXT_LIMIT);
    fewer.unwrap_or_else(|| shortened(format_args!("{items}"), TEXT_LIMIT))
}

/// The array with `edge` items at either end of every axis.
fn edges<T: Debug>(array: &ArrayViewD<'_, T>, edge: usize) -> String {
    let shape = array.shape();
    let kept_shape: Vec<usize> = shape.iter().map(|&length| kept(length, Some(edge))).collect();
    let items: Vec<String> = ndarray::indices(kept_shape.as_slice())
        .into_iter()
        .map(|place| {
            let at = |(axis, &length): (usize, &usize)| match place[axis] {
                i if i < edge || length <= 2 * edge => i,
                i => length - 2 * edge + i,
            };
            let index: Vec<usize> = shape.iter().enumerate().map(at).collect();
            shortened(format_args!("{:?}", array[index.as_slice()]), ITEM_LIMIT)
        })
        .collect();
    let width = items.iter().map(|item| item.chars().count()).max().unwrap_or(1);
    let items: Vec<String> = items.iter().map(|item| format!("{item:>width$}")).collect();
    Grid { shape, edge: Some(edge), items: &items, width }.text(0)
}

/// A type's name without the modules it is in.
fn short_name(name: &str) -> String {
    let mut short = String::new();
    for part in name.split_inclusive(|c: char| !c.is_alphanumeric() && c != '_' && c != ':') {
        short += part.rsplit("::").next().unwrap_or(part);
    }
    short
}

#[cfg(test)]
mod tests {
    use ndarray::{arr0, array, Array, Array1, Array2, Array3, ShapeBuilder};

    use super::*;

    #[test]
    fn items_then_shape_and_type() {
        let of = |body: &str, note: &str| Text { note: note.to_owned(), ..Text::plain(body.to_owned()) };
        let expected = of("[[1.0, 2.0],\n [3.0, 4.5]]", "shape [2, 2], f64");
        assert_eq!(text(&array![[1.0, 2.0], [3.0, 4.5]]), expected);
        assert_eq!(text(&array![[1.0, 2.0], [3.0, 4.5]].view()), expected);
        assert_eq!(text(&array![[1.0, 2.0], [3.0, 4.5]].into_dyn()), expected);
        assert_eq!(text(&arr0(7)), of("7", "shape [], i32"));
        assert_eq!(text(&array![", shape=[1]"]).body, "[\", shape=[1]\"]");
        assert_eq!(text(&Array::<u8, _>::zeros((2, 3).f())).note, "shape [2, 3], u8, column-major");
    }

    #[test]
    fn long_ones_are_shortened() {
        let long = text(&Array1::from_iter(0..100_000)).body;
        assert_eq!(long, "[0, 1, 2, 3, 4, ..., 99995, 99996, 99997, 99998, 99999]");
        let digits = Array3::from_shape_fn((60, 28, 28), |(i, j, k)| (1 + i + j + k) as f64 / 7.0);
        let body = text(&digits).body;
        assert!(body.chars().count() <= TEXT_LIMIT, "{body}");
        assert!(
            body.starts_with("[[[0.14285714285714285, ") && body.contains("...") && body.ends_with("]]]"),
            "{body}"
        );
        let texts = Array2::from_elem((20, 20), "x".repeat(5000));
        assert!(text(&texts).body.chars().count() < TEXT_LIMIT + 100);
    }

    #[test]
    fn names_of_types_are_short() {
        assert_eq!(short_name("alloc::vec::Vec<(alloc::string::String, f64)>"), "Vec<(String, f64)>");
        assert_eq!(short_name("&[core::option::Option<u8>; 3]"), "&[Option<u8>; 3]");
    }
}
