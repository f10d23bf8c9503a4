//! PyTorch's `.pth` files of weights: in a container, a pickle that says which stretch of which stored numbers is which
//! tensor.
//!
//! State dicts as `torch.save` has written them since 1.0 are read: in a zip archive or the row of pickles before it, by
//! themselves or in a dictionary with other things, with whatever numbers, strides and byte order. No code in a file is
//! ever run, and memory is bounded by the file's own size.

mod archive;
mod container;
mod elements;
mod find;
mod parse;
mod torch;
mod write;

use std::path::Path;

use elements::Elements;
use tch::{Kind, Tensor};
pub(super) use write::to_bytes;

use super::StateDict;
use crate::error::{During, Error, Result};
use crate::util::files;

/// Reads the named tensors of a `.pth` file, in its order: floats as 32-bit floats, integers as 64-bit ones. With them
/// comes what had to be done to find them, in words.
pub(super) fn load(path: &Path) -> Result<(StateDict, Vec<String>)> {
    let bytes = files::read_regular(path, u64::MAX >> 1)?;
    let mut tensors = Vec::new();
    let mut failed = Ok(());
    let notes = parse::parse(&bytes, |name, elements, shape, numbers| {
        let made = tensor(elements, shape, numbers);
        match made.during("reading weights") {
            Ok(tensor) => tensors.push((name, tensor)),
            Err(error) => failed = Err(error),
        }
    });
    failed?;
    let notes = notes.map_err(|fault| {
        let whole = "a PyTorch file of weights (a zip archive with data.pkl, or the form before it)";
        Error::format(path, fault.expected.unwrap_or_else(|| whole.to_owned()), fault.found)
    })?;
    Ok((tensors, notes))
}

fn tensor(elements: Elements, shape: &[u64], bytes: &[u8]) -> Result<Tensor, tch::TchError> {
    let kind = match elements {
        Elements::Float => Kind::Float,
        Elements::Double => Kind::Double,
        Elements::Half => Kind::Half,
        Elements::BFloat16 => Kind::BFloat16,
        Elements::Int64 => Kind::Int64,
        Elements::Int32 => Kind::Int,
        Elements::Int16 => Kind::Int16,
        Elements::Int8 => Kind::Int8,
        Elements::UInt8 => Kind::Uint8,
        Elements::Bool => Kind::Bool,
    };
    let shape: Vec<i64> = shape.iter().map(|&s| s as i64).collect();
    let tensor = Tensor::f_from_data_size(bytes, &shape, kind)?;
    tensor.f_to_kind(if elements.is_float() { Kind::Float } else { Kind::Int64 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use zip::{CompressionMethod, ZipWriter};

    /// A file whose pickle is `pickle`, with eight floats stored as `0`.
    fn file(pickle: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::Builder::new().suffix(".pth").tempfile().unwrap();
        let mut zip = ZipWriter::new(file.as_file_mut());
        let options = zip::write::SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        for (name, bytes) in [("archive/data.pkl", pickle), ("archive/data/0", &[0; 32])] {
            zip.start_file(name, options).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap();
        file
    }

    #[test]
    fn nothing_but_tensors_is_read_and_nothing_is_called() {
        let tensor = |kind: &str, size: &[u8], stride: &[u8]| {
            let head =
                format!("\x02}}X\x01\0\0\0actorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\n{kind}\n");
            let sizes = |s: &[u8]| s.iter().flat_map(|&n| [b'K', n]).collect::<Vec<_>>();
            let rest =
                [b"X\x01\0\0\x000X\x03\0\0\0cpuK\x08tQK\0(".to_vec(), sizes(size), b"t(".to_vec(), sizes(stride)];
            [b"\x80".to_vec(), head.into_bytes(), rest.concat(), b"t\x89NtRs.".to_vec()].concat()
        };
        let (good, _) = load(file(&tensor("FloatStorage", &[2, 4], &[4, 1])).path()).unwrap();
        assert_eq!((good[0].0.as_str(), good[0].1.size()), ("a", vec![2, 4]));
        for (pickle, expected) in [
            (b"cposix\nsystem\n(X\x02\0\0\0lstR.".to_vec(), "the name posix.system"),
            (b"c__builtin__\neval\n)R.".to_vec(), "the name __builtin__.eval"),
            (b"\x80\x04\x8c\x02os\x8c\x06system\x93.".to_vec(), "the name os.system"),
            (b"(I1\nd.".to_vec(), "a key without its value"),
            (b"(S'a'\nd.".to_vec(), "instruction 0x53"),
            (b"K\x01.".to_vec(), "a number, not a dictionary"),
            (b"}X\x01\0\0\0aK\x01s.".to_vec(), "no named tensor"),
            (b"}X\xff\xff\xff\xffa".to_vec(), "an early end"),
            (b"h\x07.".to_vec(), "not remembered"),
            ([&b")"[..], &[0x85; 3_000_000]].concat(), "nested deeper"),
            (tensor("QInt8Storage", &[2], &[1]), "a in QInt8"),
            (tensor("FloatStorage", &[3, 3], &[3, 1]), "a within its stored data, found 32 bytes"),
            (tensor("FloatStorage", &[2, 2], &[7, 3]), "a within its stored data"),
        ] {
            let file = file(&pickle);
            let error = load(file.path()).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains(".pth"), "{error}");
        }
    }

    #[test]
    fn a_pickle_that_would_exhaust_memory_or_the_stack_is_refused() {
        // A text that is recalled a hundred thousand times is there once.
        let deep = [b"\x80\x02}".to_vec(), b"K\x01}".repeat(100_000), b"s".repeat(100_000), b".".to_vec()].concat();
        let in_tuples = [b"\x80\x02}".to_vec(), b"K\x01}".repeat(5000), b"\x85s".repeat(5000), b".".to_vec()].concat();
        let text = [b"\x80\x02}X\0\0\x10\0".to_vec(), vec![b'a'; 1 << 20], b"q\0".to_vec()].concat();
        let wide = [text, b"h\0".repeat(100_000), b".".to_vec()].concat();
        for (pickle, expected) in
            [(&deep, "dictionaries nested"), (&in_tuples, "dictionaries nested"), (&wide, "text, not a dictionary")]
        {
            let error = load(file(pickle).path()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn names_of_tensors_are_bounded_by_the_size_of_the_file() {
        let tensor = b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n\
                       X\x01\0\0\x000X\x03\0\0\0cpuK\x08tQK\0(K\x01t(K\x01t\x89NtR";
        // A name of 60,000 bytes that stands there once, and as the name of 3000 tensors: 180 MB.
        let name = [&b"X"[..], &60_000u32.to_le_bytes(), &[b'a'; 60_000], b"q\0"].concat();
        let first = [&name[..], tensor, b"q\x01"].concat();
        let pickle = [&b"\x80\x02}("[..], &first, &b"h\0h\x01".repeat(3000), b"u."].concat();
        let error = load(file(&pickle).path()).unwrap_err().to_string();
        assert!(error.contains("longer together") && error.len() < 1000, "{error}");
    }

    #[test]
    fn broken_archives_are_named() {
        let whole = std::fs::read(file(b"}.").path()).unwrap();
        for (bytes, expected) in [
            (vec![], "an empty file"),
            (whole[..whole.len() / 2].to_vec(), "data.pkl"),
            (b"\x80\x02}.".to_vec(), "data.pkl"),
        ] {
            let file = tempfile::Builder::new().suffix(".pth").tempfile().unwrap();
            std::fs::write(file.path(), bytes).unwrap();
            let error = load(file.path()).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains(".pth"), "{error}");
        }
    }
}
