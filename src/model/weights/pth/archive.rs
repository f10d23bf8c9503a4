//! The zip archives that PyTorch writes, read where they stand in memory: stored or deflated, of either size.
//!
//! An archive is found from its end. Nothing is taken for granted of what it claims: not that a file lies within it, nor
//! how large it becomes. Source: PKWARE's APPNOTE.TXT, sections 4.3 and 4.5.

use std::collections::HashMap;
use std::io::Read;

use flate2::bufread::DeflateDecoder;

/// A file of an archive.
#[derive(Clone, Copy, Debug)]
struct Entry {
    method: u16,
    crc: u32,
    packed: u64,
    size: u64,
    header: u64,
}

/// An archive in memory.
#[derive(Debug)]
pub(super) struct Zip<'a> {
    bytes: &'a [u8],
    /// Bytes before the archive, which its offsets do not count.
    before: u64,
    entries: HashMap<String, Entry>,
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<u64> {
    let digits = bytes.get(at..at.checked_add(N)?)?;
    Some(digits.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte)))
}

impl<'a> Zip<'a> {
    /// Finds the files of an archive. The error says what was found.
    pub fn open(bytes: &'a [u8]) -> Result<Zip<'a>, String> {
        Zip::directory(bytes)
            .ok_or_else(|| "a zip archive without a sound directory, no data.pkl: it is cut off, perhaps".to_owned())
    }

    fn directory(bytes: &'a [u8]) -> Option<Zip<'a>> {
        // The end of an archive is 22 bytes and a comment, whose length it says.
        let first = bytes.len().saturating_sub(22 + 0xffff);
        let is_end = |&at: &usize| {
            bytes[at..].starts_with(b"PK\x05\x06")
                && number::<2>(bytes, at + 20) == Some((bytes.len() - at - 22) as u64)
        };
        let end = (first..=bytes.len().checked_sub(22)?).rev().find(is_end)?;
        let (mut count, mut size, mut offset) =
            (number::<2>(bytes, end + 10)?, number::<4>(bytes, end + 12)?, number::<4>(bytes, end + 16)?);
        let mut directory_end = end as u64;
        if let Some(locator) = end.checked_sub(20).filter(|&at| bytes[at..].starts_with(b"PK\x06\x07")) {
            let large = usize::try_from(number::<8>(bytes, locator + 8)?).ok()?;
            // With bytes before the archive the place is further on; the record then stands right before its locator.
            let large = [large, locator.checked_sub(56)?].into_iter();
            let large = large.into_iter().find(|&at| bytes.get(at..).is_some_and(|b| b.starts_with(b"PK\x06\x06")))?;
            count = number::<8>(bytes, large + 32)?;
            size = number::<8>(bytes, large + 40)?;
            offset = number::<8>(bytes, large + 48)?;
            directory_end = large as u64;
        }
        let start = directory_end.checked_sub(size)?;
        let before = start.checked_sub(offset)?;
        let mut at = usize::try_from(start).ok()?;
        let mut entries = HashMap::new();
        for _ in 0..count {
            if !bytes.get(at..)?.starts_with(b"PK\x01\x02") {
                return None;
            }
            let length = |at: usize| number::<2>(bytes, at).map(|n| n as usize);
            let (name, extra, comment) = (length(at + 28)?, length(at + 30)?, length(at + 32)?);
            let mut entry = Entry {
                method: number::<2>(bytes, at + 10)? as u16,
                crc: number::<4>(bytes, at + 16)? as u32,
                packed: number::<4>(bytes, at + 20)?,
                size: number::<4>(bytes, at + 24)?,
                header: number::<4>(bytes, at + 42)?,
            };
            let text = bytes.get(at + 46..at + 46 + name)?;
            let extras = bytes.get(at + 46 + name..at + 46 + name + extra)?;
            entry.widen(extras)?;
            if let Ok(text) = std::str::from_utf8(text) {
                entries.insert(text.to_owned(), entry);
            }
            at += 46 + name + extra + comment;
        }
        Some(Zip { bytes, before, entries })
    }

    /// The names of the files.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// How large a file says that it is.
    pub fn size(&self, name: &str) -> Option<u64> {
        self.entries.get(name).map(|entry| entry.size)
    }

    /// A file's contents.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        let entry = self.entries.get(name).ok_or_else(|| format!("no {name} in the archive"))?;
        let outside = || format!("{name}, which does not lie within the archive");
        let packed = self.packed(entry).ok_or_else(outside)?;
        let mut data = Vec::new();
        match entry.method {
            0 => data.extend_from_slice(packed),
            8 => {
                let read = DeflateDecoder::new(packed).take(entry.size).read_to_end(&mut data);
                read.map_err(|e| format!("{name}: {e}"))?;
            }
            other => return Err(format!("{name}, packed by method {other}, which is not read")),
        }
        if data.len() as u64 != entry.size {
            return Err(format!("{name} of {} bytes, where the archive says {}", data.len(), entry.size));
        }
        // PyTorch can be told to leave checksums out: then there is 0 in their place.
        let mut crc = flate2::Crc::new();
        crc.update(&data);
        if entry.crc != 0 && crc.sum() != entry.crc {
            return Err(format!("{name} with a wrong checksum"));
        }
        Ok(data)
    }

    fn packed(&self, entry: &Entry) -> Option<&'a [u8]> {
        let header = usize::try_from(self.before.checked_add(entry.header)?).ok()?;
        if !self.bytes.get(header..)?.starts_with(b"PK\x03\x04") {
            return None;
        }
        let (name, extra) = (number::<2>(self.bytes, header + 26)?, number::<2>(self.bytes, header + 28)?);
        let start = header + 30 + (name + extra) as usize;
        self.bytes.get(start..start.checked_add(usize::try_from(entry.packed).ok()?)?)
    }
}

impl Entry {
    /// Takes numbers that do not fit into 32 bits from where they stand instead.
    fn widen(&mut self, mut extras: &[u8]) -> Option<()> {
        const FULL: u64 = 0xffff_ffff;
        while extras.len() >= 4 {
            let (kind, length) = (number::<2>(extras, 0)?, number::<2>(extras, 2)? as usize);
            let body = extras.get(4..4 + length)?;
            if kind == 1 {
                let mut at = 0;
                for field in [&mut self.size, &mut self.packed, &mut self.header] {
                    if *field == FULL {
                        *field = number::<8>(body, at)?;
                        at += 8;
                    }
                }
            }
            extras = &extras[4 + length..];
        }
        Some(())
    }
}
