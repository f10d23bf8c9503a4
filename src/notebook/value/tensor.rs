//! A tensor's text: its numbers as PyTorch prints them, then shape, kind and device.
//!
//! The rules of the numbers are those of `torch/_tensor_str.py` with its default options. A tensor of more than 1000
//! items is summarised before it is read, so that of one on a GPU only the edges are copied.

use tch::{Device, Kind, TchError, Tensor};

use super::grid::{kept, Grid};
use super::text::Text;
use crate::error::torch;

/// Above so many items only the edges are shown.
const THRESHOLD: usize = 1000;
/// So many items are shown at either end of a dimension.
const EDGE: usize = 3;
/// What stands before the numbers.
const BEFORE: &str = "tensor(";

pub(super) fn text(tensor: &Tensor) -> Text {
    if !tensor.defined() {
        return Text::plain("undefined tensor".to_owned());
    }
    let body = if tensor.is_sparse() {
        "sparse tensor".to_owned()
    } else {
        match tch::no_grad(|| numbers(tensor)) {
            Ok(numbers) => format!("{BEFORE}{numbers})"),
            Err(error) => {
                format!("tensor whose numbers cannot be read: {}", torch::sentence(&error.to_string()))
            }
        }
    };
    let kind = tensor.f_kind().map_or_else(|_| "unknown kind".to_owned(), |kind| format!("{kind:?}"));
    let mut note = format!("shape {:?}, {kind}", tensor.size());
    if tensor.device() != Device::Cpu {
        note += &format!(", {:?}", tensor.device());
    }
    if tensor.requires_grad() {
        note += ", requires_grad";
    }
    Text { body, note, ..Text::default() }
}

fn numbers(tensor: &Tensor) -> Result<String, TchError> {
    let shape: Vec<usize> = tensor.size().iter().map(|&length| length as usize).collect();
    let count: usize = shape.iter().product();
    let edge = (count > THRESHOLD).then_some(EDGE);
    let (items, width) = match count {
        0 => (Vec::new(), 1),
        _ => items(&edges(tensor, 0, edge)?.f_to_device(Device::Cpu)?)?,
    };
    Ok(Grid { shape: &shape, edge, items: &items, width }.text(BEFORE.len()))
}

/// The items that are shown: both ends of every dimension from `dim` on that is longer than both.
fn edges(tensor: &Tensor, dim: usize, edge: Option<usize>) -> Result<Tensor, TchError> {
    let Some(&length) = tensor.size().get(dim) else { return Ok(tensor.shallow_clone()) };
    let kept = kept(length as usize, edge) as i64;
    if kept == length {
        return edges(tensor, dim + 1, edge);
    }
    let half = kept / 2;
    // Every dimension is narrowed before anything is copied.
    let [first, last] =
        [0, length - half].map(|start| tensor.f_narrow(dim as i64, start, half).and_then(|t| edges(&t, dim + 1, edge)));
    Tensor::f_cat(&[first?, last?], dim as i64)
}

/// The texts of all items of a small tensor, and the width of one.
fn items(tensor: &Tensor) -> Result<(Vec<String>, usize), TchError> {
    Ok(match tensor.f_kind()? {
        Kind::Bool => {
            padded(read::<i64>(tensor, Kind::Int64)?.iter().map(|&b| if b == 0 { "False" } else { "True" }.to_owned()))
        }
        Kind::Uint8 | Kind::Int8 | Kind::Int16 | Kind::Int | Kind::Int64 => {
            padded(read::<i64>(tensor, Kind::Int64)?.iter().map(i64::to_string))
        }
        Kind::ComplexHalf | Kind::ComplexFloat | Kind::ComplexDouble => {
            let parts = read::<f64>(&tensor.f_resolve_conj()?.f_view_as_real()?, Kind::Double)?;
            complex(&parts)
        }
        _ => {
            let values = read::<f64>(tensor, Kind::Double)?;
            let form = Form::of(&values);
            (values.iter().map(|&value| form.text(value)).collect(), form.width)
        }
    })
}

fn read<T: tch::kind::Element + Default + Clone>(tensor: &Tensor, kind: Kind) -> Result<Vec<T>, TchError> {
    // `contiguous`, on which the copy relies, leaves a pending change of sign where it is.
    let tensor = tensor.f_resolve_neg()?.f_to_kind(kind)?;
    let mut values = vec![T::default(); tensor.numel()];
    let count = values.len();
    tensor.f_copy_data(&mut values, count)?;
    Ok(values)
}

fn padded(items: impl Iterator<Item = String> + Clone) -> (Vec<String>, usize) {
    let width = items.clone().map(|item| item.len()).max().unwrap_or(1);
    (items.map(|item| format!("{item:>width$}")).collect(), width)
}

/// Complex numbers from their real and imaginary parts in turn.
fn complex(parts: &[f64]) -> (Vec<String>, usize) {
    let of = |first: usize| parts.iter().copied().skip(first).step_by(2).collect::<Vec<f64>>();
    let (real, imaginary) = (of(0), of(1));
    let (real_form, imaginary_form) = (Form::of(&real), Form::of(&imaginary));
    let item = |(&r, &i): (&f64, &f64)| {
        let imaginary = imaginary_form.text(i);
        let imaginary = imaginary.trim_start();
        let sign = if imaginary.starts_with('-') { "" } else { "+" };
        format!("{}{sign}{imaginary}j", real_form.text(r))
    };
    (real.iter().zip(&imaginary).map(item).collect(), real_form.width + imaginary_form.width + 1)
}

/// The one form in which all floating-point numbers of a tensor are written.
struct Form {
    /// All are whole: `3.` for `3.0000`.
    whole: bool,
    /// Too far apart, too large, or too small for a fixed point.
    scientific: bool,
    width: usize,
}

impl Form {
    fn of(values: &[f64]) -> Form {
        let shown: Vec<f64> = values.iter().copied().filter(|v| v.is_finite() && *v != 0.0).collect();
        let mut form = Form { whole: true, scientific: false, width: 1 };
        if shown.is_empty() {
            return form;
        }
        let least = shown.iter().fold(f64::INFINITY, |least, v| least.min(v.abs()));
        let most = shown.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
        form.whole = shown.iter().all(|v| v.ceil() == *v);
        form.scientific = most / least > 1000.0 || most > 1.0e8 || least < 1.0e-4;
        form.width = shown.iter().map(|&v| form.bare(v).len()).max().unwrap_or(1).max(1);
        form
    }

    fn text(&self, value: f64) -> String {
        format!("{:>width$}", self.bare(value), width = self.width)
    }

    fn bare(&self, value: f64) -> String {
        if value.is_nan() {
            "nan".to_owned()
        } else if value.is_infinite() {
            if value > 0.0 { "inf" } else { "-inf" }.to_owned()
        } else if self.scientific {
            // As in C: a sign, and two digits at least.
            let text = format!("{value:.4e}");
            let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
            format!("{digits}e{sign}{exponent:0>2}")
        } else if self.whole {
            format!("{value:.0}.")
        } else {
            format!("{value:.4}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_then_shape_and_kind() {
        let tensor = Tensor::from_slice(&[1.0_f32, 2.0, 3.0, 4.0]).reshape([2, 2]);
        let expected = Text {
            body: "tensor([[1., 2.],\n        [3., 4.]])".to_owned(),
            note: "shape [2, 2], Float".to_owned(),
            ..Text::default()
        };
        assert_eq!(text(&tensor), expected);
        assert_eq!(text(&tensor.set_requires_grad(true)).note, "shape [2, 2], Float, requires_grad");
    }

    #[test]
    fn what_cannot_be_read_still_has_a_text() {
        assert_eq!(text(&Tensor::new()).body, "undefined tensor");
        let sparse = Tensor::from_slice(&[0.0_f32, 2.0]).to_sparse(None, None::<&[i64]>, None);
        assert_eq!(
            (text(&sparse).body, text(&sparse).note),
            ("sparse tensor".to_owned(), "shape [2], Float".to_owned())
        );
        let quantised = Tensor::from_slice(&[0.0_f32, 2.0]).quantize_per_tensor(0.1, 0, Kind::QInt8);
        assert_eq!(text(&quantised).note, "shape [2], QInt8");
    }

    #[test]
    fn of_a_large_tensor_only_the_edges_are_copied() {
        // Half a billion places, of which each is the same number: read as a whole it would be 4 GB.
        let tensor = Tensor::from(1.5_f64).expand([1000, 1000, 500], false);
        let small = edges(&tensor, 0, Some(EDGE)).unwrap();
        assert_eq!(small.size(), [6, 6, 6]);
        assert!(text(&tensor).body.starts_with("tensor([[[1.5000, 1.5000, 1.5000,  ..., 1.5000, 1.5000, 1.5000],\n"));
    }

    #[test]
    fn a_pending_change_of_sign_is_carried_out() {
        let complex = Tensor::complex(&Tensor::from_slice(&[1.0_f64]), &Tensor::from_slice(&[2.5_f64]));
        assert_eq!(text(&complex.conj()).body, "tensor([1.-2.5000j])");
        assert_eq!(text(&complex.conj().imag()).body, "tensor([-2.5000])");
    }
}
