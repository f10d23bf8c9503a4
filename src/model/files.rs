//! Networks in files of weights.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::any::Model;
use super::cnn::CustomCnn;
use super::network::Network;
use super::weights::{Checkpoint, StateDict};
use crate::error::{Error, Result};

/// What the text of a file says of its weights' network; other keys may stand beside this one.
#[derive(Serialize, Deserialize)]
struct OfNetwork {
    network: String,
}

impl Checkpoint {
    /// Weights of such a network as `model`, whose file says so.
    pub(crate) fn of_network(tensors: StateDict, model: &dyn Model) -> Checkpoint {
        Checkpoint { tensors, text: serde_json::json!(OfNetwork { network: model.architecture() }).to_string() }
    }
}

impl CustomCnn {
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
        load_checkpoint(self, &Checkpoint::load(path)?, path).map(|_| ())
    }
}

impl Network {
    /// Writes the weights and statistics, to `.safetensors`, which keeps what network they are of, or to `.pth`, which has
    /// no place for it.
    ///
    /// # Errors
    /// Those of [`Checkpoint::save`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        Checkpoint::of_network(self.state_dict(), self).save(path)
    }

    /// Reads weights by their names, from `.safetensors` or `.pth`. A last layer for another number of classes is left as it
    /// is here, and said: the text is for the reader.
    ///
    /// # Errors
    /// Those of [`Checkpoint::load`]; [`Error::Format`] naming the file when names are missing or unknown, a shape differs,
    /// or a value is not finite.
    pub fn load(&mut self, path: impl AsRef<Path>) -> Result<Option<String>> {
        let path = path.as_ref();
        load_checkpoint(self, &Checkpoint::load(path)?, path)
    }
}

/// Gives a network the weights of a file that has been read from `path`; returns what was left out, for a reader.
///
/// # Errors
/// [`Error::Format`] naming the file.
pub(crate) fn load_checkpoint(model: &mut dyn Model, file: &Checkpoint, path: &Path) -> Result<Option<String>> {
    let of: Option<OfNetwork> = serde_json::from_str(&file.text).ok();
    if let Some(of) = of.filter(|of| of.network != model.architecture()) {
        let expected = format!("weights of a network of {}", model.architecture());
        return Err(Error::format(path, expected, of.network));
    }
    model.load_state_dict(&file.tensors).map_err(|error| match error {
        Error::Parameter { expected, found, .. } => Error::format(path, expected, found),
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Tensor;

    use crate::config::{Activation, Device, Params};

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
