//! Files of weights: safetensors, which this crate writes, and PyTorch's `.pth`, which it reads and can write.

use std::path::Path;

use tch::Tensor;

use super::bytes::bytes_of;
use super::{pth, safetensors, StateDict};
use crate::error::{Error, Result};
use crate::runtime::progress::default_sink;
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
    /// Reads a file, by its extension: `.safetensors`, or `.pth` or `.pt` (also `.pth.tar`, `.ckpt`), in any form that
    /// `torch.save` has written since PyTorch 1.0. Floats become 32-bit floats, integers 64-bit ones. Where the weights had
    /// to be searched for (in a dictionary with other things, behind `module.`), a line of progress says so. No code in a
    /// file is ever run.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read; [`Error::Format`] when it is broken, holds anything but named tensors, a whole
    /// pickled model for example, or has another extension.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        match extension(path)? {
            Extension::SafeTensors => {
                let (tensors, text) = safetensors::load(path)?;
                Ok(Checkpoint { tensors, text })
            }
            Extension::Pth => {
                let (tensors, notes) = pth::load(path)?;
                if !notes.is_empty() {
                    default_sink().line(&format!("{}: {}", path.display(), notes.join("; ")));
                }
                Ok(Checkpoint { tensors, text: String::new() })
            }
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
        let mut names: Vec<&str> = self.tensors.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::format(path, "each name once", format!("{} twice", twice[0])));
        }
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
        digest(&self.tensors)
    }

    /// The tensor of this name.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.tensors.iter().find(|(n, _)| n == name).map(|(_, t)| t)
    }
}

/// A digest of names, shapes and values, in hexadecimal digits.
///
/// # Errors
/// [`Error::Torch`] when a tensor cannot be read.
pub(crate) fn digest(tensors: &[(String, Tensor)]) -> Result<String> {
    use md5::Digest;
    let mut hash = md5::Md5::new();
    for (name, tensor) in tensors {
        hash.update(format!("{name} {:?} ", tensor.size()));
        hash.update(bytes_of(tensor)?);
    }
    Ok(hex(hash.finalize()))
}

enum Extension {
    SafeTensors,
    Pth,
}

fn extension(path: &Path) -> Result<Extension> {
    match path.extension().and_then(|e| e.to_str()) {
        Some("safetensors") => Ok(Extension::SafeTensors),
        Some("pth" | "pt" | "ckpt") => Ok(Extension::Pth),
        Some("tar") if path.file_stem().is_some_and(|stem| Path::new(stem).extension().is_some_and(|e| e == "pth")) => {
            Ok(Extension::Pth)
        }
        other => Err(Error::format(
            path,
            "a file of weights named .safetensors, .pth or .pt",
            other.map_or("no extension".to_owned(), |e| format!("the extension .{e}")),
        )),
    }
}
