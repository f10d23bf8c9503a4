//! safetensors files: named tensors, and text that travels with them.

use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use tch::{Kind, Tensor};

use super::bytes::bytes_of;
use super::StateDict;
use crate::error::{During, Error, Result};
use crate::util::files;

/// The key of a safetensors file's metadata that holds the text.
const TEXT_KEY: &str = "cutpoint";

/// The bytes of a safetensors file. `path` is for errors.
pub(super) fn to_bytes(tensors: &[(String, Tensor)], text: &str, path: &Path) -> Result<Vec<u8>> {
    let raw: Vec<(Dtype, Vec<usize>, Vec<u8>)> = tensors
        .iter()
        .map(|(name, t)| {
            let dtype = match t.kind() {
                Kind::Float => Dtype::F32,
                Kind::Int64 => Dtype::I64,
                other => return Err(Error::format(path, "32-bit floats", format!("{other:?} in {name}"))),
            };
            Ok((dtype, t.size().iter().map(|&s| s as usize).collect(), bytes_of(t)?))
        })
        .collect::<Result<_>>()?;
    let views = tensors.iter().zip(&raw).map(|((name, _), (dtype, shape, data))| {
        TensorView::new(*dtype, shape.clone(), data)
            .map(|view| (name.clone(), view))
            .map_err(|e| Error::format(path, "a tensor that can be written", format!("{name}: {e:?}")))
    });
    let views = views.collect::<Result<Vec<_>>>()?;
    // One key only: with several, their order in the file would change from run to run.
    let metadata = (!text.is_empty()).then(|| HashMap::from([(TEXT_KEY.to_owned(), text.to_owned())]));
    safetensors::serialize(views, metadata)
        .map_err(|e| Error::format(path, "tensors that can be written", format!("{e:?}")))
}

/// Reads the tensors of a file in the order of layers, and the text that travels with them.
pub(super) fn load(path: &Path) -> Result<(StateDict, String)> {
    let bytes = files::read_regular(path, u64::MAX >> 1)?;
    let broken = |e: safetensors::SafeTensorError| {
        let found = if bytes.is_empty() { "an empty file".to_owned() } else { format!("{e:?}") };
        Error::format(path, "a sound safetensors file", found)
    };
    let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(broken)?;
    let file = SafeTensors::deserialize(&bytes).map_err(broken)?;
    let mut tensors = Vec::new();
    for (name, view) in file.tensors() {
        let tensor = tensor_of(view.dtype(), view.shape(), view.data())
            .ok_or_else(|| Error::format(path, "floats or integers", format!("{:?} in {name}", view.dtype())))?
            .during("reading weights")?;
        tensors.push((name, tensor));
    }
    // The format sorts by size and name; natural order is conv0, conv1, .., fc.
    tensors.sort_by_key(|(name, _)| natural(name));
    let text = metadata.metadata().as_ref().and_then(|m| m.get(TEXT_KEY)).cloned().unwrap_or_default();
    Ok((tensors, text))
}

/// Orders names by their number as a number, and weights before biases.
fn natural(name: &str) -> (String, u64, bool, String) {
    let (layer, rest) = name.split_once('.').unwrap_or((name, ""));
    let digits = layer.len() - layer.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let (stem, number) = layer.split_at(layer.len() - digits);
    (stem.to_owned(), number.parse().unwrap_or(0), rest == "bias", rest.to_owned())
}

fn tensor_of(dtype: Dtype, shape: &[usize], data: &[u8]) -> Option<Result<Tensor, tch::TchError>> {
    let (kind, wanted) = match dtype {
        Dtype::F32 => (Kind::Float, Kind::Float),
        Dtype::F64 => (Kind::Double, Kind::Float),
        Dtype::F16 => (Kind::Half, Kind::Float),
        Dtype::BF16 => (Kind::BFloat16, Kind::Float),
        Dtype::I64 => (Kind::Int64, Kind::Int64),
        Dtype::I32 => (Kind::Int, Kind::Int64),
        Dtype::I16 => (Kind::Int16, Kind::Int64),
        Dtype::I8 => (Kind::Int8, Kind::Int64),
        Dtype::U8 => (Kind::Uint8, Kind::Int64),
        Dtype::BOOL => (Kind::Bool, Kind::Int64),
        _ => return None,
    };
    let shape: Vec<i64> = shape.iter().map(|&s| s as i64).collect();
    Some(Tensor::f_from_data_size(data, &shape, kind).and_then(|tensor| tensor.f_to_kind(wanted)))
}
