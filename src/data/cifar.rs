//! CIFAR-10's binary version: a folder of `.bin` files, or the archive they come in.
//!
//! A record is a label byte and 3072 pixel bytes (red, green, blue planes of 32 x 32). Source: the description on
//! the data set's page.

use std::io::{BufReader, Read};
use std::path::Path;

use super::images::{Files, Images};
use crate::error::{Error, Result};
use crate::util::files::{open_regular, read_regular};

/// The folder inside the archive, and the folder looked for.
pub const FOLDER: &str = "cifar-10-batches-bin";
/// The archive's name.
pub const ARCHIVE: &str = "cifar-10-binary.tar.gz";

const SHAPE: [usize; 3] = [3, 32, 32];
const RECORD: usize = 1 + 3 * 32 * 32;
/// More than a batch has, which is 10,000 records.
const MOST_BYTES: u64 = 100_000 * RECORD as u64;

/// The files of one set, in order.
pub fn file_names(files: Files) -> &'static [&'static str] {
    match files {
        Files::Train => {
            &["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"]
        }
        Files::Test => &["test_batch.bin"],
    }
}

/// Reads one set of files from a folder.
///
/// # Errors
/// [`Error::Io`] naming a file that cannot be read; [`Error::Format`] when one is no whole number of records or has a
/// label above 9.
pub fn load_folder(folder: &Path, files: Files) -> Result<Images> {
    from_folder(folder, file_names(files), append)
}

/// Reads one set of files from the archive, without unpacking it to disk.
///
/// # Errors
/// [`Error::Io`] when the archive cannot be opened; [`Error::Format`] when it is no sound archive, lacks a file, or a
/// file in it is broken.
pub fn load_archive(archive: &Path, files: Files) -> Result<Images> {
    from_archive(archive, FOLDER, file_names(files), append)
}

/// Adds a batch of images, of the file at the path, to others.
pub(super) type Append = fn(&mut Images, &[u8], &Path) -> Result<()>;

/// Reads these files of a folder.
pub(super) fn from_folder(folder: &Path, names: &[&str], append: Append) -> Result<Images> {
    let mut images = Images { pixels: Vec::new(), labels: Vec::new(), shape: SHAPE };
    for name in names {
        let path = folder.join(name);
        append(&mut images, &read_regular(&path, MOST_BYTES)?, &path)?;
    }
    Ok(images)
}

/// Reads these files of an archive; `folder` is the one that they are in.
pub(super) fn from_archive(archive: &Path, folder: &str, names: &[&'static str], append: Append) -> Result<Images> {
    let mut images = Images { pixels: Vec::new(), labels: Vec::new(), shape: SHAPE };
    for (name, bytes) in members(archive, folder, names)? {
        append(&mut images, &bytes, &archive.join(name))?;
    }
    Ok(images)
}

/// The contents of these files of an archive, each with its name, in their order; `folder` is the one that they are in.
///
/// # Errors
/// [`Error::Io`] when the archive cannot be opened; [`Error::Format`] when it is no sound archive or lacks a file.
fn members(archive: &Path, folder: &str, wanted: &[&'static str]) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let broken = |e: std::io::Error| Error::format(archive, "a sound .tar.gz archive", e.to_string());
    let file = open_regular(archive)?;
    // A batch is 30 MB, and images hardly compress; what an archive may take is bounded by its own size, all together.
    let mut left = (32 << 20) + 8 * file.metadata().map_err(Error::io("open", archive))?.len();
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(BufReader::new(file)));
    let mut contents: Vec<Option<Vec<u8>>> = vec![None; wanted.len()];
    for entry in tar.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let name = entry.path().map_err(broken)?.file_name().map(|n| n.to_string_lossy().into_owned());
        if let Some(i) = wanted.iter().position(|w| Some(*w) == name.as_deref()) {
            // Only plain files are batches: one with holes in it may claim any size.
            let most = left.min(MOST_BYTES);
            if !entry.header().entry_type().is_file() || entry.size() > most {
                let expected = format!("{} as a plain file of at most {most} bytes", wanted[i]);
                return Err(Error::format(archive, expected, format!("one of {}", entry.size())));
            }
            let mut bytes = Vec::new();
            entry.by_ref().take(most).read_to_end(&mut bytes).map_err(broken)?;
            left -= bytes.len() as u64;
            contents[i] = Some(bytes);
        }
        if contents.iter().all(Option::is_some) {
            break;
        }
    }
    let missing = |name: &str| Error::format(archive, format!("{folder}/{name} in it"), "no such file");
    wanted.iter().zip(contents).map(|(name, bytes)| Ok((*name, bytes.ok_or_else(|| missing(name))?))).collect()
}

fn append(images: &mut Images, bytes: &[u8], path: &Path) -> Result<()> {
    if bytes.is_empty() || !bytes.len().is_multiple_of(RECORD) {
        let expected = format!("a whole number of records of {RECORD} bytes, at least one");
        return Err(Error::format(path, expected, format!("{} bytes", bytes.len())));
    }
    images.pixels.reserve(bytes.len() / RECORD * (RECORD - 1));
    for (i, record) in bytes.chunks_exact(RECORD).enumerate() {
        if record[0] > 9 {
            return Err(Error::format(path, format!("a label from 0 to 9 in record {i}"), record[0].to_string()));
        }
        images.labels.push(record[0]);
        images.pixels.extend_from_slice(&record[1..]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    fn batch(labels: &[u8]) -> Vec<u8> {
        labels.iter().flat_map(|&l| std::iter::once(l).chain((0..3072).map(move |i| (i % 251) as u8 ^ l))).collect()
    }

    fn folder_with(labels: &[u8]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in file_names(Files::Train).iter().chain(file_names(Files::Test)) {
            std::fs::write(dir.path().join(name), batch(labels)).unwrap();
        }
        dir
    }

    #[test]
    fn folder_and_archive_read_alike() {
        let dir = folder_with(&[3, 9]);
        let from_folder = load_folder(dir.path(), Files::Train).unwrap();
        assert_eq!((from_folder.len(), from_folder.shape), (10, [3, 32, 32]));
        assert_eq!(from_folder.labels[..2], [3, 9]);
        assert_eq!(from_folder.image(1)[..2], [9, 1 ^ 9]);
        let archive = dir.path().join(ARCHIVE);
        let gz = flate2::write::GzEncoder::new(File::create(&archive).unwrap(), flate2::Compression::fast());
        let mut tar = tar::Builder::new(gz);
        for name in file_names(Files::Train) {
            tar.append_path_with_name(dir.path().join(name), format!("{FOLDER}/{name}")).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap();
        assert_eq!(load_archive(&archive, Files::Train).unwrap(), from_folder);
        let error = load_archive(&archive, Files::Test).unwrap_err().to_string();
        assert!(error.contains("test_batch.bin in it, found no such file"), "{error}");
        let bytes = std::fs::read(&archive).unwrap();
        std::fs::write(&archive, &bytes[..bytes.len() / 2]).unwrap();
        let error = load_archive(&archive, Files::Train).unwrap_err().to_string();
        assert!(error.contains(ARCHIVE) && error.contains("sound .tar.gz"), "{error}");
    }

    #[test]
    fn an_archive_cannot_ask_for_more_memory_than_a_file_of_its_size_needs() {
        let dir = tempfile::tempdir().unwrap();
        let archive = dir.path().join(ARCHIVE);
        // Five files of holes, a gigabyte each, in 155 bytes.
        let sparse = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/failures/tar/sparse.tar.gz");
        std::fs::copy(sparse, &archive).unwrap();
        let error = load_archive(&archive, Files::Train).unwrap_err().to_string();
        assert!(error.contains(ARCHIVE) && error.contains("data_batch_1.bin as a plain file"), "{error}");
        // Five batches of zeros, which compress a thousandfold: each is fine by itself, all are not.
        let gz = flate2::write::GzEncoder::new(File::create(&archive).unwrap(), flate2::Compression::best());
        let mut tar = tar::Builder::new(gz);
        let batch = vec![0; 3073 * 10_000];
        for name in file_names(Files::Train) {
            let mut header = tar::Header::new_gnu();
            header.set_size(batch.len() as u64);
            tar.append_data(&mut header, format!("{FOLDER}/{name}"), batch.as_slice()).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap();
        let error = load_archive(&archive, Files::Train).unwrap_err().to_string();
        assert!(error.contains("data_batch_2.bin as a plain file"), "{error}");
    }

    #[test]
    fn broken_batches_are_named() {
        let dir = folder_with(&[1]);
        let path = dir.path().join("test_batch.bin");
        for (bytes, expected) in [
            (vec![], "found 0 bytes"),
            (batch(&[1])[..3072].to_vec(), "found 3072 bytes"),
            (batch(&[1, 10]), "record 1, found 10"),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let error = load_folder(dir.path(), Files::Test).unwrap_err().to_string();
            assert!(error.contains("test_batch.bin") && error.contains(expected), "{error}");
        }
        std::fs::remove_file(&path).unwrap();
        assert!(load_folder(dir.path(), Files::Test).unwrap_err().to_string().contains("test_batch.bin"));
    }
}
