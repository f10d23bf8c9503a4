//! What a `.pth` file is packed in: a zip archive since PyTorch 1.6, and before a row of pickles with the stored numbers
//! behind them. Source: `torch/serialization.py`.

use std::collections::{HashMap, HashSet};

use super::archive::Zip;
use super::torch::{Pickle, Torch};
use crate::util::pickle;

/// The first pickle of the old container is this number; the second its version.
const MAGIC: &[u8] = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";
const MAGIC_IN_DIGITS: &[u8] = b"L119547037146038801333356";
const VERSION: i64 = 1001;

/// The stored numbers of a file by their keys.
pub(super) enum Stored<'a> {
    Zip {
        archive: Zip<'a>,
        root: String,
        last: Option<(String, Vec<u8>)>,
        /// What was read a second time, and is kept: tensors that are parts of two storages may come in turn.
        kept: HashMap<String, Vec<u8>>,
        /// What was read.
        seen: HashSet<String>,
        budget: u64,
    },
    Row(HashMap<String, &'a [u8]>),
}

/// A file taken apart.
pub(super) struct Container<'a> {
    pub pickle: Pickle,
    pub stored: Stored<'a>,
    /// Whether numbers have their high bytes first.
    pub big_endian: bool,
    /// Whether it is a TorchScript file.
    pub script: bool,
}

/// Takes a file apart. The error says what was found in place of one.
pub(super) fn open(bytes: &[u8]) -> Result<Container<'_>, String> {
    if bytes.is_empty() {
        return Err("an empty file".to_owned());
    }
    if bytes.starts_with(b"PK") {
        return archive(bytes);
    }
    if pickle_starts(bytes).is_some_and(|rest| rest.starts_with(MAGIC) || rest.starts_with(MAGIC_IN_DIGITS)) {
        return row(bytes);
    }
    if bytes.get(257..262) == Some(b"ustar") {
        return Err(
            "a tar file, as PyTorch wrote it before 0.2: read it there, and save its state dict anew".to_owned()
        );
    }
    match pickle::run::<Torch>(bytes) {
        Ok((pickle, _)) => Err(format!("a bare pickle of {}, without data.pkl", pickle.words(pickle.root))),
        Err(_) => Err("neither such an archive nor a pickle: no data.pkl".to_owned()),
    }
}

/// What follows the mark of a pickle's protocol.
fn pickle_starts(bytes: &[u8]) -> Option<&[u8]> {
    match bytes {
        // Frames, of later protocols, say how many bytes follow.
        [0x80, _, 0x95, rest @ ..] => rest.get(8..),
        [0x80, _, rest @ ..] => Some(rest),
        // The first protocol has no mark.
        _ => Some(bytes),
    }
}

/// How much of an archive's contents may be taken out of it, together: stored numbers do not compress well.
fn budget(bytes: &[u8]) -> u64 {
    (16 << 20) + 2 * bytes.len() as u64
}

fn archive(bytes: &[u8]) -> Result<Container<'_>, String> {
    let archive = Zip::open(bytes)?;
    let script = archive.names().any(|name| name.ends_with("/constants.pkl") || name.contains("/code/"));
    // Of several, as an archive put together by hand may have, the one that lies least deep.
    let names = archive.names().filter(|name| name.ends_with("/data.pkl") || *name == "data.pkl");
    let name = names.min_by_key(|name| (name.len(), *name)).ok_or("an archive without data.pkl")?.to_owned();
    let root = name.trim_end_matches("data.pkl").to_owned();
    let mut left = budget(bytes);
    let program = entry(&archive, &name, &mut left)?;
    let order = format!("{root}byteorder");
    let big_endian = match archive.size(&order) {
        Some(_) => match entry(&archive, &order, &mut left)?.as_slice() {
            b"big" => true,
            b"little" => false,
            _ => return Err("a byte order that is neither little nor big".to_owned()),
        },
        None => false,
    };
    let (pickle, _) = pickle::run(&program)?;
    let (kept, seen) = (HashMap::new(), HashSet::new());
    let stored = Stored::Zip { archive, root, last: None, kept, seen, budget: left };
    Ok(Container { pickle, stored, big_endian, script })
}

/// An archive's file, counted against what may be taken out.
fn entry(archive: &Zip<'_>, name: &str, left: &mut u64) -> Result<Vec<u8>, String> {
    let claims = archive.size(name).ok_or_else(|| format!("no {} in the archive", pickle::shortened(name)))?;
    if claims > *left {
        return Err(format!("{name} that claims {claims} bytes, more than a file of this size can hold"));
    }
    *left -= claims;
    archive.read(name)
}

/// The old container: a number that marks it, its version, the system that wrote it, the object, the keys of what it
/// refers to, and for each key its count of elements and the elements, whose low bytes come first on every system.
fn row(bytes: &[u8]) -> Result<Container<'_>, String> {
    let (_, rest) = pickle::run::<Torch>(bytes)?;
    let (version, rest) = pickle::run::<Torch>(rest)?;
    if version.root != pickle::Value::Int(VERSION) {
        return Err(format!("version {:?} of the old container, instead of {VERSION}", version.root));
    }
    let (_system, rest) = pickle::run::<Torch>(rest)?;
    let (object, rest) = pickle::run(rest)?;
    let (keys, mut rest) = pickle::run::<Torch>(rest)?;
    let Some(pickle::Node::List(list)) = keys.node(keys.root) else {
        return Err(format!("{} instead of a list of keys", keys.words(keys.root)));
    };
    // The size of an element stands with the references only.
    let mut sizes = HashMap::new();
    for node in object.values.all() {
        if let pickle::Node::Made(Torch::Storage(storage)) = node {
            sizes.insert(storage.key.as_str(), super::elements::size(&storage.elements));
        }
    }
    let mut stored = HashMap::new();
    for &key in list {
        let key = match (keys.node(key), key) {
            (Some(pickle::Node::Text(key)), _) => key.clone(),
            (_, pickle::Value::Int(key)) => key.to_string(),
            _ => return Err("a key that is no text".to_owned()),
        };
        let early = || format!("an early end in the data of {}", pickle::shortened(&key));
        let (count, data) = rest.split_at_checked(8).ok_or_else(early)?;
        let count = u64::from_le_bytes(count.try_into().map_err(|_| early())?);
        let size = match sizes.get(key.as_str()) {
            Some(Some(size)) => *size as u64,
            Some(None) => return Err(format!("data of {} in numbers that are not read", pickle::shortened(&key))),
            None => return Err(format!("data of {}, to which nothing refers", pickle::shortened(&key))),
        };
        let length = count.checked_mul(size).and_then(|n| usize::try_from(n).ok()).ok_or_else(early)?;
        let (data, after) = data.split_at_checked(length).ok_or_else(early)?;
        stored.insert(key, data);
        rest = after;
    }
    Ok(Container { pickle: object, stored: Stored::Row(stored), big_endian: false, script: false })
}

impl Stored<'_> {
    /// The bytes of a key.
    pub fn get(&mut self, key: &str) -> Result<&[u8], String> {
        match self {
            Stored::Row(stored) => {
                let data = stored.get(key).copied();
                data.ok_or_else(|| format!("no data of {}", pickle::shortened(key)))
            }
            // Tensors that share their numbers mostly follow each other.
            Stored::Zip { archive, root, last, kept, seen, budget } => {
                let is_there = kept.contains_key(key) || last.as_ref().is_some_and(|(of, _)| of == key);
                if !is_there {
                    let data = entry(archive, &format!("{root}data/{key}"), budget)?;
                    if seen.insert(key.to_owned()) {
                        *last = Some((key.to_owned(), data));
                    } else {
                        kept.insert(key.to_owned(), data);
                    }
                }
                match last {
                    Some((of, data)) if of == key => Ok(data),
                    _ => Ok(kept.get(key).map_or(&[], Vec::as_slice)),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn numbers_of_two_storages_are_read_in_turn() {
        let mut file = std::io::Cursor::new(Vec::new());
        let mut zip = zip::ZipWriter::new(&mut file);
        let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        for (name, bytes) in
            [("w/data.pkl", b"}.".to_vec()), ("w/data/0", vec![1; 6 << 20]), ("w/data/1", vec![2; 6 << 20])]
        {
            zip.start_file(name, stored).unwrap();
            zip.write_all(&bytes).unwrap();
        }
        zip.finish().unwrap();
        let bytes = file.into_inner();
        let mut container = open(&bytes).unwrap();
        for i in 0..20 {
            let data = container.stored.get(&(i % 2).to_string()).unwrap();
            assert!(data.len() == 6 << 20 && data[9] == 1 + (i % 2) as u8, "{i}");
        }
    }
}
