//! Files of weights: safetensors, which this crate writes, and PyTorch's `.pth`, which it reads and can write.

use std::path::Path;

use tch::Tensor;

use super::bytes::bytes_of;
use super::{pth, safetensors, StateDict};
use crate::error::{Error, Result};
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

impl Checkpoint {
    /// Reads a file, by its extension: `.safetensors`, or `.pth` or `.pt`. No code in a file is ever run.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read; [`Error::Format`] when it is broken, holds anything but named tensors of
    /// 32-bit floats (and of 64-bit integers, in safetensors), or has another extension.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        match extension(path)? {
            Extension::SafeTensors => {
                let (tensors, text) = safetensors::load(path)?;
                Ok(Checkpoint { tensors, text })
            }
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
            Extension::SafeTensors => safetensors::to_bytes(&self.tensors, &self.text, path)?,
            Extension::Pth => pth::to_bytes(&self.tensors, path)?,
        };
        files::write_atomically(path, |w| w.write_all(&bytes))
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
