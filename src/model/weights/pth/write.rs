//! Writing `.pth` files, which PyTorch loads with `weights_only=True`.

use std::io::{Cursor, Write};
use std::path::Path;

use tch::{Kind, Tensor};
use zip::{CompressionMethod, ZipWriter};

use crate::error::{Error, Result};
use crate::model::weights::bytes::bytes_of;

/// A `.pth` file of named tensors, of 32-bit floats and 64-bit integers. `path` is for errors.
pub(in super::super) fn to_bytes(tensors: &[(String, Tensor)], path: &Path) -> Result<Vec<u8>> {
    let mut pickle = b"\x80\x02ccollections\nOrderedDict\n)R(".to_vec();
    let text = |pickle: &mut Vec<u8>, s: &str| {
        pickle.push(b'X');
        pickle.extend((s.len() as u32).to_le_bytes());
        pickle.extend(s.as_bytes());
    };
    let number = |pickle: &mut Vec<u8>, n: usize| match i32::try_from(n) {
        Ok(n) => {
            pickle.push(b'J');
            pickle.extend(n.to_le_bytes());
        }
        Err(_) => {
            pickle.extend([0x8a, 9]);
            pickle.extend((n as u64).to_le_bytes());
            pickle.push(0);
        }
    };
    for (i, (name, tensor)) in tensors.iter().enumerate() {
        let storage = match tensor.kind() {
            Kind::Float => "FloatStorage",
            Kind::Int64 => "LongStorage",
            other => {
                let expected = "32-bit floats or 64-bit integers";
                return Err(Error::format(path, expected, format!("{other:?} in {name}")));
            }
        };
        text(&mut pickle, name);
        pickle.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        text(&mut pickle, "storage");
        pickle.extend(format!("ctorch\n{storage}\n").as_bytes());
        text(&mut pickle, &i.to_string());
        text(&mut pickle, "cpu");
        number(&mut pickle, tensor.numel());
        pickle.extend(b"tQK\x00(");
        let size: Vec<usize> = tensor.size().iter().map(|&s| s as usize).collect();
        size.iter().for_each(|&s| number(&mut pickle, s));
        pickle.extend(b"t(");
        (0..size.len()).for_each(|d| number(&mut pickle, size[d + 1..].iter().product()));
        pickle.extend(b"t\x89ccollections\nOrderedDict\n)RtR");
    }
    pickle.extend(b"u.");
    let mut files = vec![("data.pkl".to_owned(), pickle), ("version".to_owned(), b"3\n".to_vec())];
    for (i, (_, tensor)) in tensors.iter().enumerate() {
        files.push((format!("data/{i}"), bytes_of(tensor)?));
    }
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default());
    let packed = (|| {
        for (name, bytes) in &files {
            zip.start_file(format!("archive/{name}"), options)?;
            zip.write_all(bytes)?;
        }
        zip.finish()
    })();
    packed.map(Cursor::into_inner).map_err(|e| Error::format(path, "an archive that can be written", e.to_string()))
}
