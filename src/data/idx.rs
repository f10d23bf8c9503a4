//! The IDX format of MNIST and FashionMNIST, plain or gzip-compressed.
//!
//! A big-endian header (two zero bytes, the element type, the number of dimensions, then each dimension in 32 bits)
//! and the elements, row-major. Source: the format's description on the MNIST page.

use std::fs;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::images::{Files, Images};
use crate::error::{Error, Result};
use crate::util::files::open_regular;
use crate::util::names::plain;

/// The element type "unsigned byte", the only one these data sets use.
const UNSIGNED_BYTE: u8 = 8;

/// The four files of a data set in this format: images and labels of one set of files.
pub fn file_names(files: Files) -> [&'static str; 2] {
    match files {
        Files::Train => ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"],
        Files::Test => ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"],
    }
}

/// The file `name` in `folder`, plain or with `.gz`; `None` when neither is there. Names with dots or underscores in place
/// of hyphens, in any case, or with a folder of that name around the file, as some archives have them, will do.
pub fn existing(folder: &Path, name: &str) -> Option<PathBuf> {
    let exact = [folder.join(name), folder.join(format!("{name}.gz"))].into_iter().find(|p| p.is_file());
    exact.or_else(|| {
        let mut near: Vec<PathBuf> = fs::read_dir(folder)
            .ok()?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|p| is_near(p, name))
            .collect();
        near.sort();
        near.into_iter().flat_map(|p| [p.join(p.file_name().unwrap_or_default()), p]).find(|p| p.is_file())
    })
}

fn is_near(path: &Path, name: &str) -> bool {
    let found = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let found = plain(&found);
    found.strip_suffix("gz").unwrap_or(&found) == plain(name)
}

/// A file's uncompressed contents, as a stream, and the most bytes that it may hold, whatever it claims.
fn open(path: &Path) -> Result<(Box<dyn Read>, u64)> {
    let file = open_regular(path)?;
    let length = file.metadata().map_err(Error::io("open", path))?.len();
    let file = BufReader::with_capacity(1 << 18, file);
    Ok(if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gz")) {
        // Images compress to a fifth; far beyond that there are none in it.
        (Box::new(MultiGzDecoder::new(file)), (48 << 20) + 10 * length)
    } else {
        (Box::new(file), length)
    })
}

/// Reads a file of unsigned bytes with `N` dimensions: the dimensions and the elements.
///
/// # Errors
/// [`Error::Io`] when it cannot be opened; [`Error::Format`] when the header is not that of such a file, or when the
/// contents are shorter or longer than the header says.
pub fn read<const N: usize>(path: &Path) -> Result<([usize; N], Vec<u8>)> {
    let (mut stream, most) = open(path)?;
    let broken = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::UnexpectedEof => Error::format(path, "a complete IDX file", "an early end"),
        std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData => {
            Error::format(path, "a sound gzip file", e.to_string())
        }
        _ => Error::io("read", path)(e),
    };
    let mut magic = [0u8; 4];
    let got = read_up_to(&mut stream, &mut magic).map_err(broken)?;
    if got == 0 {
        return Err(Error::format(path, "an IDX file", "an empty file"));
    }
    let expected = [0, 0, UNSIGNED_BYTE, N as u8];
    if got < 4 || magic != expected {
        let hex = |b: &[u8]| b.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let wanted = format!("IDX magic {} (unsigned bytes, {N} dimensions)", hex(&expected));
        return Err(Error::format(path, wanted, hex(&magic[..got])));
    }
    let mut dims = [0usize; N];
    for dim in &mut dims {
        let mut word = [0u8; 4];
        stream.read_exact(&mut word).map_err(broken)?;
        *dim = u32::from_be_bytes(word) as usize;
    }
    let size = dims
        .iter()
        .try_fold(1usize, |a, &b| a.checked_mul(b))
        .filter(|&s| s <= 1 << 32)
        .ok_or_else(|| Error::format(path, "dimensions of at most 4 GiB together", format!("{dims:?}")))?;
    if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gz")) && size as u64 > most {
        let expected = format!("dimensions of at most {most} bytes together, for a file of this size");
        return Err(Error::format(path, expected, format!("{dims:?}")));
    }
    // The size is only a claim so far: memory is taken as bytes arrive, up to a sane first step.
    let mut elements = Vec::with_capacity(size.min(most as usize).min(1 << 26));
    let read = stream.by_ref().take(size as u64).read_to_end(&mut elements).map_err(broken)?;
    if read < size {
        return Err(Error::format(path, format!("{size} elements for dimensions {dims:?}"), format!("{read}")));
    }
    if read_up_to(&mut stream, &mut [0u8]).map_err(broken)? > 0 {
        return Err(Error::format(path, format!("{size} elements for dimensions {dims:?}"), "more"));
    }
    Ok((dims, elements))
}

fn read_up_to(stream: &mut dyn Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match stream.read(&mut buffer[got..])? {
            0 => break,
            n => got += n,
        }
    }
    Ok(got)
}

/// Reads the images and labels of one set of files from a folder that holds them.
///
/// # Errors
/// [`Error::Io`] naming a file that is missing; [`Error::Format`] when one is broken, when there are not as many
/// labels as images, when there are none, or when a label is above 9.
pub fn load(folder: &Path, files: Files) -> Result<Images> {
    let [images, labels] = file_names(files);
    let find = |name: &str| {
        existing(folder, name).ok_or_else(|| {
            Error::io("open", &folder.join(name))(std::io::Error::new(
                std::io::ErrorKind::NotFound,
                "neither this file nor its .gz is there",
            ))
        })
    };
    let (images, labels) = (find(images)?, find(labels)?);
    let ([n, height, width], pixels) = read::<3>(&images)?;
    let ([n_labels], labels_read) = read::<1>(&labels)?;
    if n == 0 || height == 0 || width == 0 {
        return Err(Error::format(&images, "at least one image", format!("dimensions {:?}", [n, height, width])));
    }
    if n != n_labels {
        return Err(Error::format(&labels, format!("{n} labels, one for each image"), n_labels.to_string()));
    }
    if let Some(at) = labels_read.iter().position(|&l| l > 9) {
        return Err(Error::format(&labels, "labels from 0 to 9", format!("{} at {at}", labels_read[at])));
    }
    Ok(Images { pixels, labels: labels_read, shape: [1, height, width] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn idx(dims: &[u32], data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, dims.len() as u8];
        for d in dims {
            bytes.extend(d.to_be_bytes());
        }
        bytes.extend(data);
        bytes
    }

    fn gz(bytes: &[u8]) -> Vec<u8> {
        let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        e.write_all(bytes).unwrap();
        e.finish().unwrap()
    }

    #[test]
    fn plain_and_compressed_files_read_alike() {
        let dir = tempfile::tempdir().unwrap();
        let images = idx(&[2, 2, 3], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        std::fs::write(dir.path().join("t10k-images-idx3-ubyte"), &images).unwrap();
        std::fs::write(dir.path().join("t10k-labels-idx1-ubyte.gz"), gz(&idx(&[2], &[7, 3]))).unwrap();
        let images = load(dir.path(), Files::Test).unwrap();
        assert_eq!((images.shape, images.labels.as_slice()), ([1, 2, 3], &[7, 3][..]));
        assert_eq!(images.image(1), [7, 8, 9, 10, 11, 12]);
    }

    #[test]
    fn broken_files_are_named_with_what_was_found() {
        let dir = tempfile::tempdir().unwrap();
        let good = idx(&[2, 2, 2], &[0; 8]);
        let cases: Vec<(Vec<u8>, &str)> = vec![
            (vec![], "found an empty file"),
            (vec![0, 0], "found 0000"),
            (idx(&[8], &[0; 8]), "expected IDX magic 00000803 (unsigned bytes, 3 dimensions), found 00000801"),
            (b"\x1f\x8b rubbish".to_vec(), "found 1f8b2072"),
            (good[..10].to_vec(), "found an early end"),
            (good[..good.len() - 1].to_vec(), "expected 8 elements for dimensions [2, 2, 2], found 7"),
            ([&good[..], &[1]].concat(), "expected 8 elements for dimensions [2, 2, 2], found more"),
            (idx(&[0, 2, 2], &[]), "expected at least one image"),
            (idx(&[u32::MAX, u32::MAX, 9], &[]), "expected dimensions of at most 4 GiB"),
            (idx(&[3, 2, 2], &[0; 12]), "expected 3 labels, one for each image, found 2"),
        ];
        let path = dir.path().join("train-images-idx3-ubyte");
        std::fs::write(dir.path().join("train-labels-idx1-ubyte"), idx(&[2], &[0, 1])).unwrap();
        for (bytes, expected) in cases {
            std::fs::write(&path, &bytes).unwrap();
            let error = load(dir.path(), Files::Train).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("train-"), "{error}");
        }
        std::fs::remove_file(&path).unwrap();
        let packed = dir.path().join("train-images-idx3-ubyte.gz");
        let whole = gz(&good);
        for (bytes, expected) in [
            (whole[..whole.len() - 9].to_vec(), "early end"),
            (b"not gzip at all".to_vec(), "expected a sound gzip file"),
        ] {
            std::fs::write(&packed, bytes).unwrap();
            let error = load(dir.path(), Files::Train).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains(".gz"), "{error}");
        }
        std::fs::remove_file(&packed).unwrap();
        let error = load(dir.path(), Files::Train).unwrap_err().to_string();
        assert!(error.contains("train-images-idx3-ubyte") && error.contains("is there"), "{error}");
    }
}
