//! Files of weights: safetensors, which this crate writes, and PyTorch's `.pth`, which it reads and can write.

use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::{pth, StateDict};
use crate::error::{During, Error, Result};
use crate::util::files;
use crate::util::hex::hex;

/// Named tensors, and text that travels with them.
#[derive(Debug, Default)]
pub struct Checkpoint {
    /// The tensors by name, on the CPU.
    pub tensors: StateDict,
    /// Text, kept in safetensors files only; empty for none.
    pub text: String,
}

/// The key of a safetensors file's metadata that holds [`Checkpoint::text`].
const TEXT_KEY: &str = "cutpoint";

impl Checkpoint {
    /// Reads a file, by its extension: `.safetensors`, or `.pth` or `.pt`. No code in a file is ever run.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read; [`Error::Format`] when it is broken, holds anything but named tensors of
    /// 32-bit floats (and of 64-bit integers, in safetensors), or has another extension.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        match extension(path)? {
            Extension::SafeTensors => load_safetensors(path),
            Extension::Pth => Ok(Checkpoint { tensors: pth::load(path)?, text: String::new() }),
        }
    }

    /// Checks that a file of this name can be read and written.
    ///
    /// # Errors
    /// [`Error::Format`] for an extension other than `.safetensors`, `.pth` and `.pt`.
    pub fn check_name(path: &Path) -> Result<()> {
        extension(path).map(|_| ())
    }

    /// Writes a file, by its extension, atomically. `.pth` files load in PyTorch with `weights_only=True`.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file; [`Error::Format`] for another extension.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let bytes = match extension(path)? {
            Extension::SafeTensors => self.to_safetensors(path)?,
            Extension::Pth => pth::to_bytes(&self.tensors, path)?,
        };
        files::write_atomically(path, |w| w.write_all(&bytes))
    }

    fn to_safetensors(&self, path: &Path) -> Result<Vec<u8>> {
        let raw: Vec<(Dtype, Vec<usize>, Vec<u8>)> = self
            .tensors
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
        let views = self.tensors.iter().zip(&raw).map(|((name, _), (dtype, shape, data))| {
            TensorView::new(*dtype, shape.clone(), data)
                .map(|view| (name.clone(), view))
                .map_err(|e| Error::format(path, "a tensor that can be written", format!("{name}: {e:?}")))
        });
        let views = views.collect::<Result<Vec<_>>>()?;
        // One key only: with several, their order in the file would change from run to run.
        let metadata = (!self.text.is_empty()).then(|| HashMap::from([(TEXT_KEY.to_owned(), self.text.clone())]));
        safetensors::serialize(views, &metadata)
            .map_err(|e| Error::format(path, "tensors that can be written", format!("{e:?}")))
    }

    /// A digest of names, shapes and values.
    ///
    /// # Errors
    /// [`Error::Torch`] when a tensor cannot be read.
    pub fn digest(&self) -> Result<String> {
        use md5::Digest;
        let mut hash = md5::Md5::new();
        for (name, tensor) in &self.tensors {
            hash.update(format!("{name} {:?} ", tensor.size()));
            hash.update(bytes_of(tensor)?);
        }
        Ok(hex(hash.finalize()))
    }

    /// The tensor of this name.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.tensors.iter().find(|(n, _)| n == name).map(|(_, t)| t)
    }
}

enum Extension {
    SafeTensors,
    Pth,
}

fn extension(path: &Path) -> Result<Extension> {
    match path.extension().and_then(|e| e.to_str()) {
        Some("safetensors") => Ok(Extension::SafeTensors),
        Some("pth" | "pt") => Ok(Extension::Pth),
        other => Err(Error::format(
            path,
            "a file of weights named .safetensors, .pth or .pt",
            other.map_or("no extension".to_owned(), |e| format!("the extension .{e}")),
        )),
    }
}

fn load_safetensors(path: &Path) -> Result<Checkpoint> {
    let bytes = files::read(path)?;
    let broken = |e: safetensors::SafeTensorError| {
        let found = if bytes.is_empty() { "an empty file".to_owned() } else { format!("{e:?}") };
        Error::format(path, "a sound safetensors file", found)
    };
    let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(broken)?;
    let file = SafeTensors::deserialize(&bytes).map_err(broken)?;
    let mut tensors = Vec::new();
    for (name, view) in file.tensors() {
        let tensor = tensor_of(view.dtype(), view.shape(), view.data())
            .ok_or_else(|| {
                Error::format(path, "32-bit floats or 64-bit integers", format!("{:?} in {name}", view.dtype()))
            })?
            .during("reading weights")?;
        tensors.push((name, tensor));
    }
    // The format sorts by size and name; natural order is conv0, conv1, .., fc.
    tensors.sort_by_key(|(name, _)| natural(name));
    let text = metadata.metadata().as_ref().and_then(|m| m.get(TEXT_KEY)).cloned().unwrap_or_default();
    Ok(Checkpoint { tensors, text })
}

/// Orders names by their number as a number, and weights before biases.
fn natural(name: &str) -> (String, u64, bool, String) {
    let (layer, rest) = name.split_once('.').unwrap_or((name, ""));
    let digits = layer.len() - layer.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let (stem, number) = layer.split_at(layer.len() - digits);
    (stem.to_owned(), number.parse().unwrap_or(0), rest == "bias", rest.to_owned())
}

fn tensor_of(dtype: Dtype, shape: &[usize], data: &[u8]) -> Option<Result<Tensor, tch::TchError>> {
    let kind = match dtype {
        Dtype::F32 => Kind::Float,
        Dtype::I64 => Kind::Int64,
        _ => return None,
    };
    let shape: Vec<i64> = shape.iter().map(|&s| s as i64).collect();
    Some(Tensor::f_from_data_size(data, &shape, kind))
}

/// A tensor's elements as little-endian bytes.
pub(super) fn bytes_of(t: &Tensor) -> Result<Vec<u8>> {
    let flat = t.f_to(tch::Device::Cpu).and_then(|t| t.f_contiguous()).and_then(|t| t.f_flatten(0, -1));
    let flat = flat.during("reading weights")?;
    Ok(match flat.kind() {
        Kind::Int64 => {
            let mut values = vec![0i64; flat.numel()];
            flat.f_copy_data(&mut values, flat.numel()).during("reading weights")?;
            values.iter().flat_map(|v| v.to_le_bytes()).collect()
        }
        _ => {
            let mut values = vec![0f32; flat.numel()];
            flat.f_copy_data(&mut values, flat.numel()).during("reading weights")?;
            values.iter().flat_map(|v| v.to_le_bytes()).collect()
        }
    })
}

/// What the text of a file says of its weights' network; other keys may stand beside this one.
#[derive(Serialize, Deserialize)]
struct OfNetwork {
    network: String,
}

impl Checkpoint {
    /// Weights of such a network as `model`, whose file says so.
    pub(crate) fn of_network(tensors: StateDict, model: &super::CustomCnn) -> Checkpoint {
        Checkpoint { tensors, text: serde_json::json!(OfNetwork { network: model.architecture() }).to_string() }
    }
}

impl super::CustomCnn {
    /// Writes the weights, to `.safetensors`, which keeps what network they are of, or to `.pth`, which has no place for it.
    ///
    /// # Errors
    /// Those of [`Checkpoint::save`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        Checkpoint::of_network(self.state_dict(), self).save(path)
    }

    /// Reads weights, from `.safetensors` or `.pth`. Weights of another network are refused, also where their shapes would
    /// fit (another activation, other poolings), if the file says what they are of.
    ///
    /// # Errors
    /// Those of [`Checkpoint::load`], and [`Error::Format`] when the weights are not those of such a network.
    pub fn load(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        self.load_checkpoint(&Checkpoint::load(path)?, path)
    }

    /// [`Self::load`] of a file that has been read from `path`.
    pub(crate) fn load_checkpoint(&mut self, file: &Checkpoint, path: &Path) -> Result<()> {
        let of: Option<OfNetwork> = serde_json::from_str(&file.text).ok();
        if let Some(of) = of.filter(|of| of.network != self.architecture()) {
            let expected = format!("weights of a network of {}", self.architecture());
            return Err(Error::format(path, expected, of.network));
        }
        self.load_state_dict(&file.tensors).map_err(|error| match error {
            Error::Parameter { expected, found, .. } => Error::format(path, expected, found),
            other => other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CustomCnn;
    use crate::params::{Activation, Device, Params};

    fn net() -> CustomCnn {
        let params =
            Params { device: Device::Cpu, depth: 12, num_channels: 4, pooling_every_n_layers: 6, ..Params::default() };
        CustomCnn::new(&params, 3, [1, 8, 8]).unwrap()
    }

    #[test]
    fn weights_survive_both_formats_in_order() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a.safetensors", "a.pth"] {
            let path = dir.path().join(name);
            let net = net();
            net.save(&path).unwrap();
            let read = Checkpoint::load(&path).unwrap();
            assert_eq!(read.tensors, net.state_dict());
            let first = std::fs::read(&path).unwrap();
            net.save(&path).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), first, "the same weights give the same file");
        }
    }

    #[test]
    fn weights_of_another_network_are_refused_where_their_shapes_fit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tanh.safetensors");
        let of = |activation_function| {
            let params =
                Params { device: Device::Cpu, depth: 2, num_channels: 4, activation_function, ..Params::default() };
            CustomCnn::new(&params, 3, [1, 8, 8]).unwrap()
        };
        of(Activation::Tanh).save(&path).unwrap();
        of(Activation::Tanh).load(&path).unwrap();
        let error = of(Activation::ReLU).load(&path).unwrap_err().to_string();
        assert!(error.contains("tanh.safetensors") && error.contains("ReLU") && error.contains("Tanh"), "{error}");
        // PyTorch's files say nothing of it.
        let path = dir.path().join("tanh.pth");
        of(Activation::Tanh).save(&path).unwrap();
        of(Activation::ReLU).load(&path).unwrap();
    }

    #[test]
    fn text_and_integers_survive() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.safetensors");
        let tensors = vec![("n".to_owned(), Tensor::from_slice(&[1i64 << 40, -3]))];
        Checkpoint { tensors, text: "epoch 3".to_owned() }.save(&path).unwrap();
        let read = Checkpoint::load(&path).unwrap();
        assert_eq!(read.text, "epoch 3");
        assert_eq!(read.get("n").unwrap(), &Tensor::from_slice(&[1i64 << 40, -3]));
    }

    #[test]
    fn broken_files_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let good = dir.path().join("good.safetensors");
        net().save(&good).unwrap();
        let bytes = std::fs::read(&good).unwrap();
        let path = dir.path().join("bad.safetensors");
        for (content, expected) in [
            (vec![], "an empty file"),
            (bytes[..5].to_vec(), "HeaderTooSmall"),
            (bytes[..bytes.len() - 3].to_vec(), "sound safetensors file"),
            ([&bytes[..], b"xx"].concat(), "sound safetensors file"),
            (vec![0xff; 64], "HeaderTooLarge"),
        ] {
            std::fs::write(&path, content).unwrap();
            let error = net().load(&path).unwrap_err().to_string();
            assert!(error.contains("bad.safetensors") && error.contains(expected), "{error}");
        }
        let other =
            CustomCnn::new(&Params { device: Device::Cpu, depth: 2, ..Params::default() }, 3, [1, 8, 8]).unwrap();
        Checkpoint { tensors: other.state_dict(), text: String::new() }.save(&path).unwrap();
        let error = net().load(&path).unwrap_err().to_string();
        assert!(error.contains("bad.safetensors") && error.contains("conv0.weight of shape [4, 1, 3, 3]"), "{error}");
        assert!(net().load(dir.path().join("x.bin")).unwrap_err().to_string().contains("the extension .bin"));
        assert!(net().load(dir.path().join("none.pth")).unwrap_err().to_string().contains("none.pth"));
    }
}
