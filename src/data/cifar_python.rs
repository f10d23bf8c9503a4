//! CIFAR-10's version for Python, as torchvision and others download it: a folder of pickles, or the archive they come in.
//!
//! A pickle is a dictionary with `data`, an array of bytes (images x 3072, as in the binary version), and `labels`, a list of
//! numbers. Nothing in it is ever run. Source: the description on the data set's page.

use std::convert::Infallible;
use std::path::Path;

use super::cifar::{from_archive, from_folder};
use super::images::{Files, Images};
use crate::error::{Error, Result};
use crate::util::pickle::{self, Node, Pickle, Step, Value, Values};

/// The folder inside the archive, and the folder looked for.
pub const FOLDER: &str = "cifar-10-batches-py";
/// The archive's name.
pub const ARCHIVE: &str = "cifar-10-python.tar.gz";

const PIXELS: usize = 3 * 32 * 32;

/// The files of one set, in order.
pub fn file_names(files: Files) -> &'static [&'static str] {
    match files {
        Files::Train => &["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"],
        Files::Test => &["test_batch"],
    }
}

/// Reads one set of files from a folder.
///
/// # Errors
/// [`Error::Io`] naming a file that cannot be read; [`Error::Format`] when one is no such pickle, has other than 3072 pixels
/// an image or other than one label from 0 to 9 an image.
pub fn load_folder(folder: &Path, files: Files) -> Result<Images> {
    from_folder(folder, file_names(files), append)
}

/// Reads one set of files from the archive, without unpacking it to disk.
///
/// # Errors
/// [`Error::Io`] when the archive cannot be opened; [`Error::Format`] when it is no sound archive or lacks a file, and as
/// [`load_folder`].
pub fn load_archive(archive: &Path, files: Files) -> Result<Images> {
    from_archive(archive, FOLDER, file_names(files), append)
}

fn append(images: &mut Images, bytes: &[u8], path: &Path) -> Result<()> {
    let wrong = |found: String| Error::format(path, "a batch of CIFAR-10's version for Python, as published", found);
    let (pickle, _) = pickle::run(bytes).map_err(wrong)?;
    let (labels, shape, pixels) = batch(&pickle, bytes).map_err(wrong)?;
    if shape != [labels.len() as i64, PIXELS as i64] || labels.is_empty() {
        return Err(wrong(format!("{shape:?} bytes for {} labels", labels.len())));
    }
    if pixels.len() != labels.len() * PIXELS {
        return Err(wrong(format!("{} bytes for {} images", pixels.len(), labels.len())));
    }
    for (i, &number) in labels.iter().enumerate() {
        let label = u8::try_from(number).ok().filter(|label| *label <= 9);
        images.labels.push(label.ok_or_else(|| wrong(format!("label {number} of image {i}")))?);
    }
    images.pixels.extend_from_slice(pixels);
    Ok(())
}

/// A batch's labels, and the shape and the bytes of its images.
fn batch<'a>(pickle: &'a Pickle<Infallible>, bytes: &'a [u8]) -> Step<(Vec<i64>, [i64; 2], &'a [u8])> {
    let batch = Batch { values: &pickle.values, bytes };
    let Some(Node::Dict(entries)) = pickle.node(pickle.root) else { return Err("no dictionary".to_owned()) };
    let of = |key: &str| {
        let entry = entries.iter().find(|(k, _)| batch.bytes(*k) == Some(key.as_bytes()));
        entry.map(|entry| entry.1).ok_or_else(|| format!("no `{key}`"))
    };
    let Some(Node::List(labels)) = pickle.node(of("labels")?) else {
        return Err("`labels` that are no list".to_owned());
    };
    let number = |value: &Value| match value {
        Value::Int(number) => Ok(*number),
        _ => Err("`labels` that are no numbers".to_owned()),
    };
    let labels = labels.iter().map(number).collect::<Step<_>>()?;
    let (shape, pixels) = batch.array(of("data")?).ok_or("`data` that is no array of bytes, row by row")?;
    Ok((labels, shape, pixels))
}

/// The values of a pickle, and its bytes, where texts of Python 2 and bytes of Python 3 lie.
struct Batch<'a> {
    values: &'a Values<Infallible>,
    bytes: &'a [u8],
}

impl<'a> Batch<'a> {
    /// The bytes of a text or of bytes.
    fn bytes(&self, value: Value) -> Option<&'a [u8]> {
        match self.values.node(value)? {
            Node::Text(text) => Some(text.as_bytes()),
            Node::Bytes(range) => self.bytes.get(range.clone()),
            _ => None,
        }
    }

    fn tuple(&self, value: Value) -> Option<&'a [Value]> {
        match self.values.node(value)? {
            Node::Tuple(parts) => Some(parts),
            _ => None,
        }
    }

    /// The shape and the bytes of numpy's array of bytes with two dimensions, row by row.
    fn array(&self, value: Value) -> Option<([i64; 2], &'a [u8])> {
        let Node::Object { class, state: Some(state), .. } = self.values.node(value)? else { return None };
        if !matches!(class.as_str(), "numpy.core.multiarray._reconstruct" | "numpy._core.multiarray._reconstruct") {
            return None;
        }
        let [_, shape, kind, Value::Bool(false), pixels] = *self.tuple(*state)? else { return None };
        let [Value::Int(rows), Value::Int(columns)] = *self.tuple(shape)? else { return None };
        let Node::Object { class, arguments, .. } = self.values.node(kind)? else { return None };
        let is_byte = class == "numpy.dtype" && self.bytes(*self.tuple(*arguments)?.first()?)? == b"u1";
        is_byte.then_some(())?;
        Some(([rows, columns], self.bytes(pixels)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A batch as Python 2 wrote it.
    fn batch(labels: &[u8]) -> Vec<u8> {
        let count = (labels.len() as u16).to_le_bytes();
        let pixels: Vec<u8> = labels.iter().flat_map(|&l| (0..PIXELS).map(move |i| (i % 251) as u8 ^ l)).collect();
        [
            &b"\x80\x02}q\x01(U\x0bbatch_labelq\x02U\x01xq\x03U\x06labelsq\x04]q\x05("[..],
            &labels.iter().flat_map(|&l| [b'K', l]).collect::<Vec<_>>(),
            b"eU\x04dataq\x06cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85U\x01b\x87Rq\x09(K\x01M",
            &count,
            b"M\x00\x0c\x86cnumpy\ndtype\nq\x0aU\x02u1K\x00K\x01\x87Rq\x0b(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff\
              K\x00tb\x89T",
            &(pixels.len() as u32).to_le_bytes(),
            &pixels,
            b"tbU\x09filenamesq\x0c]q\x0d(U\x05a.pngq\x0eeu.",
        ]
        .concat()
    }

    #[test]
    fn folder_and_archive_read_alike_and_as_the_binary_version() {
        let dir = tempfile::tempdir().unwrap();
        for name in file_names(Files::Train) {
            std::fs::write(dir.path().join(name), batch(&[3, 9])).unwrap();
        }
        let images = load_folder(dir.path(), Files::Train).unwrap();
        assert_eq!((images.len(), images.shape, &images.labels[..2]), (10, [3, 32, 32], &[3, 9][..]));
        assert_eq!(images.image(1)[..2], [9, 1 ^ 9]);
        let archive = dir.path().join(ARCHIVE);
        let gz = flate2::write::GzEncoder::new(std::fs::File::create(&archive).unwrap(), flate2::Compression::fast());
        let mut tar = tar::Builder::new(gz);
        for name in file_names(Files::Train) {
            tar.append_path_with_name(dir.path().join(name), format!("{FOLDER}/{name}")).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap();
        assert_eq!(load_archive(&archive, Files::Train).unwrap(), images);
        let error = load_archive(&archive, Files::Test).unwrap_err().to_string();
        assert!(error.contains("cifar-10-batches-py/test_batch in it"), "{error}");
    }

    #[test]
    fn what_is_no_such_batch_is_named_and_nothing_is_run() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("test_batch");
        let whole = batch(&[1, 2]);
        let replaced = |from: &[u8], to: &[u8]| {
            let at = whole.windows(from.len()).position(|w| w == from).unwrap();
            [&whole[..at], to, &whole[at + from.len()..]].concat()
        };
        for (bytes, expected) in [
            (whole[..whole.len() / 2].to_vec(), "an early end"),
            (b"cposix\nsystem\n(U\x02lstR.".to_vec(), "no dictionary"),
            (b"\x80\x02}.".to_vec(), "no `labels`"),
            (replaced(b"K\x01K\x02", b"K\x01K\x0a"), "label 10 of image 1"),
            (replaced(b"K\x01K\x02", b"K\x01N"), "no numbers"),
            (replaced(b"K\x01K\x02", b"K\x01"), "[2, 3072] bytes for 1 labels"),
            (replaced(b"u1", b"f4"), "no array of bytes"),
            (replaced(b"numpy.core.multiarray", b"os"), "no array of bytes"),
            (replaced(b"\x80\x02", b"\x80\x02\x00"), "instruction 0x00"),
            (replaced(b"K\x00tb\x89T", b"K\x00tb\x88T"), "no array of bytes"),
            ([&b"]("[..], &b"N".repeat(600_000)].concat(), "more values than"),
            (b"]r\xff\xff\xff\xff".to_vec(), "an early end"),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let error = load_folder(dir.path(), Files::Test).unwrap_err().to_string();
            assert!(error.contains("test_batch") && error.contains(expected), "{error}: {expected}");
        }
    }
}
