//! CIFAR-10's version for Python, as torchvision and others download it: a folder of pickles, or the archive they come in.
//!
//! A pickle is a dictionary with `data`, an array of bytes (images x 3072, as in the binary version), and `labels`, a list of
//! numbers. Only what such a pickle consists of is read; nothing in it is ever run. Source: the description on the data
//! set's page, and Python's `pickletools`.

use std::path::Path;

use super::cifar::{from_archive, from_folder};
use super::images::{Files, Images};
use crate::error::{Error, Result};

/// The folder inside the archive, and the folder looked for.
pub const FOLDER: &str = "cifar-10-batches-py";
/// The archive's name.
pub const ARCHIVE: &str = "cifar-10-python.tar.gz";

const PIXELS: usize = 3 * 32 * 32;
/// Values in a pickle: a batch of 10,000 images has 40,000, its labels and names.
const MOST_VALUES: usize = 500_000;

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
    let batch = Reader::new(bytes).batch().map_err(wrong)?;
    if batch.shape != [batch.labels.len() as i64, PIXELS as i64] || batch.labels.is_empty() {
        return Err(wrong(format!("{:?} bytes for {} labels", batch.shape, batch.labels.len())));
    }
    if batch.pixels.len() != batch.labels.len() * PIXELS {
        return Err(wrong(format!("{} bytes for {} images", batch.pixels.len(), batch.labels.len())));
    }
    for (i, &label) in batch.labels.iter().enumerate() {
        let label = u8::try_from(label).ok().filter(|label| *label <= 9);
        images.labels.push(label.ok_or_else(|| wrong(format!("label {} of image {i}", batch.labels[i])))?);
    }
    images.pixels.extend_from_slice(batch.pixels);
    Ok(())
}

/// What is read of a batch.
struct Batch<'a> {
    shape: [i64; 2],
    pixels: &'a [u8],
    labels: Vec<i64>,
}

/// A value on the pickle's stack; what has parts is in the reader's `parts`.
#[derive(Clone, Copy, Debug)]
enum Value<'a> {
    Mark,
    /// None, True, False: of no interest.
    Other,
    Number(i64),
    Bytes(&'a [u8]),
    /// A module's name for something, `numpy.ndarray`.
    Name(&'a [u8], &'a [u8]),
    List(usize),
    Tuple(usize),
    Dictionary(usize),
    /// What a call would give: name and arguments, and after it is built its state.
    Made(usize),
}

/// The machine of a pickle, with the instructions that such files are made of.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Value<'a>>,
    parts: Vec<Vec<Value<'a>>>,
    kept: Vec<Option<Value<'a>>>,
    values: usize,
}

type Read<T> = std::result::Result<T, String>;

fn early() -> String {
    "an early end".to_owned()
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, at: 0, stack: Vec::new(), parts: Vec::new(), kept: Vec::new(), values: 0 }
    }

    fn take(&mut self, count: usize) -> Read<&'a [u8]> {
        let end = self.at.checked_add(count).ok_or_else(early)?;
        let taken = self.bytes.get(self.at..end).ok_or_else(early)?;
        self.at = end;
        Ok(taken)
    }

    fn line(&mut self) -> Read<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|&b| b == b'\n').ok_or_else(early)?;
        self.at += end + 1;
        Ok(&rest[..end])
    }

    /// An unsigned number of so many bytes, the low ones first.
    fn number(&mut self, width: usize) -> Read<usize> {
        Ok(self.take(width)?.iter().rev().fold(0, |number, &byte| number << 8 | usize::from(byte)))
    }

    fn push(&mut self, value: Value<'a>) -> Read<()> {
        self.values += 1;
        if self.values > MOST_VALUES {
            return Err(format!("more than {MOST_VALUES} values"));
        }
        self.stack.push(value);
        Ok(())
    }

    fn push_parts(&mut self, parts: Vec<Value<'a>>, kind: impl Fn(usize) -> Value<'a>) -> Read<()> {
        self.parts.push(parts);
        self.push(kind(self.parts.len() - 1))
    }

    fn pop(&mut self) -> Read<Value<'a>> {
        self.stack.pop().ok_or_else(|| "an empty stack".to_owned())
    }

    fn pop_last(&mut self, count: usize) -> Read<Vec<Value<'a>>> {
        let first = self.stack.len().checked_sub(count).ok_or("an empty stack")?;
        Ok(self.stack.split_off(first))
    }

    fn pop_to_mark(&mut self) -> Read<Vec<Value<'a>>> {
        let mark = self.stack.iter().rposition(|value| matches!(value, Value::Mark)).ok_or("no mark")?;
        let values = self.stack.split_off(mark + 1);
        self.stack.pop();
        Ok(values)
    }

    /// Adds values to the list, the dictionary or the state of what is on top of the stack.
    fn extend(&mut self, values: Vec<Value<'a>>) -> Read<()> {
        match self.stack.last() {
            Some(Value::List(at) | Value::Dictionary(at) | Value::Made(at)) => self.parts[*at].extend(values),
            _ => return Err("values that belong to nothing".to_owned()),
        }
        Ok(())
    }

    fn keep(&mut self, place: usize) -> Read<()> {
        if place >= MOST_VALUES {
            return Err(format!("more than {MOST_VALUES} values"));
        }
        let value = self.stack.last().copied().ok_or("an empty stack")?;
        if place >= self.kept.len() {
            self.kept.resize(place + 1, None);
        }
        self.kept[place] = Some(value);
        Ok(())
    }

    fn recall(&mut self, place: usize) -> Read<()> {
        let value = self.kept.get(place).copied().flatten().ok_or("a value that was not remembered")?;
        self.push(value)
    }

    /// Runs to the end, and takes the batch out of the dictionary.
    fn batch(mut self) -> Read<Batch<'a>> {
        loop {
            match self.take(1)?[0] {
                0x80 => drop(self.take(1)?),
                b'.' => break,
                b'(' => self.push(Value::Mark)?,
                b'}' => self.push_parts(Vec::new(), Value::Dictionary)?,
                b']' => self.push_parts(Vec::new(), Value::List)?,
                b')' => self.push_parts(Vec::new(), Value::Tuple)?,
                b'N' | 0x88 | 0x89 => self.push(Value::Other)?,
                b'K' => {
                    let number = self.number(1)?;
                    self.push(Value::Number(number as i64))?;
                }
                b'M' => {
                    let number = self.number(2)?;
                    self.push(Value::Number(number as i64))?;
                }
                b'J' => {
                    let number = self.number(4)? as u32 as i32;
                    self.push(Value::Number(i64::from(number)))?;
                }
                // Texts of Python 2, and bytes and texts of Python 3.
                b'U' | b'C' => {
                    let length = self.number(1)?;
                    let bytes = self.take(length)?;
                    self.push(Value::Bytes(bytes))?;
                }
                b'T' | b'B' | b'X' => {
                    let length = self.number(4)?;
                    let bytes = self.take(length)?;
                    self.push(Value::Bytes(bytes))?;
                }
                b'c' => {
                    let (module, name) = (self.line()?, self.line()?);
                    self.push(Value::Name(module, name))?;
                }
                b'q' => {
                    let place = self.number(1)?;
                    self.keep(place)?;
                }
                b'r' => {
                    let place = self.number(4)?;
                    self.keep(place)?;
                }
                b'h' => {
                    let place = self.number(1)?;
                    self.recall(place)?;
                }
                b'j' => {
                    let place = self.number(4)?;
                    self.recall(place)?;
                }
                b't' => {
                    let parts = self.pop_to_mark()?;
                    self.push_parts(parts, Value::Tuple)?;
                }
                count @ 0x85..=0x87 => {
                    let parts = self.pop_last(usize::from(count - 0x84))?;
                    self.push_parts(parts, Value::Tuple)?;
                }
                b'R' => {
                    let call = self.pop_last(2)?;
                    self.push_parts(call, Value::Made)?;
                }
                b'b' | b'a' => {
                    let value = self.pop()?;
                    self.extend(vec![value])?;
                }
                b's' => {
                    let pair = self.pop_last(2)?;
                    self.extend(pair)?;
                }
                b'e' | b'u' => {
                    let values = self.pop_to_mark()?;
                    self.extend(values)?;
                }
                other => return Err(format!("pickle instruction 0x{other:02x}")),
            }
        }
        let Value::Dictionary(root) = self.pop()? else { return Err("no dictionary".to_owned()) };
        let of = |key: &str| {
            let pair =
                self.parts[root].chunks_exact(2).find(|pair| matches!(pair[0], Value::Bytes(b) if b == key.as_bytes()));
            pair.map(|pair| pair[1]).ok_or_else(|| format!("no `{key}`"))
        };
        let Value::List(labels) = of("labels")? else { return Err("`labels` that are no list".to_owned()) };
        let number = |value: &Value| match value {
            Value::Number(number) => Ok(*number),
            _ => Err("`labels` that are no numbers".to_owned()),
        };
        let labels = self.parts[labels].iter().map(number).collect::<Read<_>>()?;
        let (shape, pixels) = self.array(of("data")?).ok_or("`data` that is no array of bytes, row by row")?;
        Ok(Batch { shape, pixels, labels })
    }

    fn parts_of(&self, value: &Value<'a>) -> Option<&[Value<'a>]> {
        match value {
            Value::Tuple(at) | Value::Made(at) => self.parts.get(*at).map(Vec::as_slice),
            _ => None,
        }
    }

    /// The shape and the bytes of numpy's array of bytes with two dimensions, row by row.
    fn array(&self, value: Value<'a>) -> Option<([i64; 2], &'a [u8])> {
        let [Value::Name(module, b"_reconstruct"), _, state] = self.parts_of(&value)? else { return None };
        if !matches!(*module, b"numpy.core.multiarray" | b"numpy._core.multiarray") {
            return None;
        }
        let [_, shape, kind, Value::Other, Value::Bytes(bytes)] = self.parts_of(state)? else { return None };
        let [Value::Number(rows), Value::Number(columns)] = self.parts_of(shape)? else { return None };
        let [Value::Name(b"numpy", b"dtype"), of, ..] = self.parts_of(kind)? else { return None };
        let [Value::Bytes(b"u1"), ..] = self.parts_of(of)? else { return None };
        Some(([*rows, *columns], bytes))
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
            (replaced(b"\x80\x02", b"\x80\x04\x95"), "instruction 0x95"),
            ([&b"]("[..], &b"N".repeat(600_000)].concat(), "more than 500000 values"),
            (b"]r\xff\xff\xff\xff".to_vec(), "more than 500000 values"),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let error = load_folder(dir.path(), Files::Test).unwrap_err().to_string();
            assert!(error.contains("test_batch") && error.contains(expected), "{error}: {expected}");
        }
    }
}
