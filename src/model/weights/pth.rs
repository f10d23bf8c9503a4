//! PyTorch's `.pth` files of weights: a zip archive with a pickle that says which stretch of which stored file is
//! which tensor.
//!
//! A pickle is a program, and running a stranger's is dangerous. This reads only the instructions that a dictionary
//! of tensors is made of, resolves only the four names such a dictionary needs, and calls nothing. Source: Python's
//! `pickletools` for the instructions, files written by PyTorch for the layout.

use std::collections::HashMap;
use std::io::{Cursor, Read, Write};
use std::path::Path;

use tch::Tensor;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::bytes::bytes_of;
use super::StateDict;
use crate::error::{During, Error, Result};
use crate::util::files;

/// What the instructions build.
#[derive(Clone, Debug)]
enum Value {
    Mark,
    None,
    Bool,
    Int(i64),
    Text(String),
    Name(String),
    Tuple(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    Storage { key: String },
    Tensor(TensorRef),
}

/// A tensor as the pickle describes it: where its elements are.
#[derive(Clone, Debug)]
struct TensorRef {
    key: String,
    offset: usize,
    size: Vec<usize>,
    stride: Vec<usize>,
}

const ORDERED_DICT: &str = "collections.OrderedDict";
const REBUILD_TENSOR: &str = "torch._utils._rebuild_tensor_v2";
const REBUILD_PARAMETER: &str = "torch._utils._rebuild_parameter";
const FLOAT_STORAGE: &str = "torch.FloatStorage";

/// Reads the named tensors of a `.pth` file, in its order.
pub(super) fn load(path: &Path) -> Result<StateDict> {
    let bytes = files::read(path)?;
    let bad = |found: String| Error::format(path, "a PyTorch file of weights (a zip archive with data.pkl)", found);
    if bytes.is_empty() {
        return Err(bad("an empty file".to_owned()));
    }
    let mut archive = ZipArchive::new(Cursor::new(&bytes)).map_err(|e| bad(e.to_string()))?;
    let pickle =
        (archive.file_names().flatten().find(|n| n.ends_with("/data.pkl") || n == "data.pkl").map(|n| n.into_owned()))
            .ok_or_else(|| bad("an archive without it".to_owned()))?;
    let root = pickle.trim_end_matches("data.pkl").to_owned();
    let program = entry(&mut archive, &pickle, bytes.len()).map_err(&bad)?;
    let expected = "a pickle of a dictionary of float32 tensors";
    let pairs = Machine::run(&program).map_err(|found| Error::format(path, expected, found))?;
    let mut tensors = Vec::with_capacity(pairs.len());
    for (name, value) in pairs {
        let (Value::Text(name), Value::Tensor(tensor)) = (name, value) else {
            return Err(Error::format(path, expected, "an entry that is no named tensor"));
        };
        let data = entry(&mut archive, &format!("{root}data/{}", tensor.key), bytes.len()).map_err(&bad)?;
        let values = gather(&data, &tensor).ok_or_else(|| {
            Error::format(path, format!("{name} within its stored data"), format!("{} bytes", data.len()))
        })?;
        let shape: Vec<i64> = tensor.size.iter().map(|&s| s as i64).collect();
        let tensor =
            Tensor::f_from_slice(&values).and_then(|t| t.f_view(shape.as_slice())).during("reading weights")?;
        tensors.push((name, tensor));
    }
    Ok(tensors)
}

/// An archive's file. Weights do not compress well: one that claims to grow far beyond the archive is no such file.
fn entry(archive: &mut ZipArchive<Cursor<&Vec<u8>>>, name: &str, archive_size: usize) -> Result<Vec<u8>, String> {
    let mut file = archive.by_name(name).map_err(|e| format!("{name}: {e}"))?;
    let limit = 100 * archive_size as u64;
    if file.size() > limit {
        return Err(format!("{name} that claims {} bytes", file.size()));
    }
    let mut data = Vec::new();
    file.by_ref().take(limit).read_to_end(&mut data).map_err(|e| format!("{name}: {e}"))?;
    Ok(data)
}

/// The elements of a tensor in row-major order; `None` when they lie outside the data.
fn gather(data: &[u8], tensor: &TensorRef) -> Option<Vec<f32>> {
    let count = tensor.size.iter().try_fold(1usize, |a, &b| a.checked_mul(b))?;
    if count > data.len() / 4 {
        return None;
    }
    let mut values = Vec::with_capacity(count);
    let mut at = vec![0usize; tensor.size.len()];
    for _ in 0..count {
        let steps =
            at.iter().zip(&tensor.stride).try_fold(tensor.offset, |sum, (&i, &s)| sum.checked_add(i.checked_mul(s)?));
        let start = steps?.checked_mul(4)?;
        values.push(f32::from_le_bytes(data.get(start..start.checked_add(4)?)?.try_into().ok()?));
        for d in (0..at.len()).rev() {
            at[d] += 1;
            if at[d] < tensor.size[d] {
                break;
            }
            at[d] = 0;
        }
    }
    Some(values)
}

/// A stack machine for the few instructions needed. Errors say what was found.
struct Machine<'a> {
    input: &'a [u8],
    stack: Vec<Value>,
    memo: HashMap<u32, Value>,
    /// Bytes, about, of what was remembered and recalled so far.
    remembered: usize,
}

type Step<T> = std::result::Result<T, String>;

impl Machine<'_> {
    fn run(program: &[u8]) -> Step<Vec<(Value, Value)>> {
        let mut machine = Machine { input: program, stack: Vec::new(), memo: HashMap::new(), remembered: 0 };
        loop {
            let op = machine.byte()?;
            if op == b'.' {
                return match machine.pop()? {
                    Value::Dict(pairs) => Ok(pairs),
                    other => Err(format!("{}, not a dictionary", kind(&other))),
                };
            }
            machine.step(op)?;
        }
    }

    fn step(&mut self, op: u8) -> Step<()> {
        match op {
            0x80 => drop(self.byte()?),
            0x95 => drop(self.take(8)?),
            b'(' => self.stack.push(Value::Mark),
            b'N' => self.stack.push(Value::None),
            0x88 | 0x89 => self.stack.push(Value::Bool),
            b'K' => {
                let v = self.byte()?;
                self.stack.push(Value::Int(v.into()));
            }
            b'M' => {
                let v = u16::from_le_bytes(self.array()?);
                self.stack.push(Value::Int(v.into()));
            }
            b'J' => {
                let v = i32::from_le_bytes(self.array()?);
                self.stack.push(Value::Int(v.into()));
            }
            0x8a => {
                let n = usize::from(self.byte()?);
                let bytes = self.take(n)?;
                let v = bytes.iter().rev().try_fold(0i64, |v, &b| v.checked_mul(256)?.checked_add(b.into()));
                self.stack.push(Value::Int(v.ok_or("a number beyond 63 bits")?));
            }
            b'X' => {
                let n = u32::from_le_bytes(self.array()?) as usize;
                self.text(n)?;
            }
            0x8c => {
                let n = usize::from(self.byte()?);
                self.text(n)?;
            }
            b'c' => {
                let name = format!("{}.{}", self.line()?, self.line()?);
                self.name(name)?;
            }
            0x93 => match (self.pop()?, self.pop()?) {
                (Value::Text(name), Value::Text(module)) => self.name(format!("{module}.{name}"))?,
                _ => return Err("a name that is no text".to_owned()),
            },
            b'q' => {
                let key = self.byte()?.into();
                self.remember(key)?;
            }
            b'r' => {
                let key = u32::from_le_bytes(self.array()?);
                self.remember(key)?;
            }
            0x94 => self.remember(self.memo.len() as u32)?,
            b'h' => {
                let key = self.byte()?.into();
                self.recall(key)?;
            }
            b'j' => {
                let key = u32::from_le_bytes(self.array()?);
                self.recall(key)?;
            }
            b')' => self.stack.push(Value::Tuple(Vec::new())),
            b't' => {
                let items = self.since_mark()?;
                self.tuple(items)?;
            }
            0x85..=0x87 => {
                let at = self.stack.len().checked_sub(usize::from(op - 0x84)).ok_or("too few values")?;
                let items = self.stack.split_off(at);
                self.tuple(items)?;
            }
            b'}' => self.stack.push(Value::Dict(Vec::new())),
            b's' => {
                let at = self.stack.len().checked_sub(2).ok_or("too few values")?;
                let items = self.stack.split_off(at);
                self.set_items(items)?;
            }
            b'u' => {
                let items = self.since_mark()?;
                self.set_items(items)?;
            }
            b'Q' => {
                let storage = storage(self.pop()?)?;
                self.stack.push(storage);
            }
            b'R' => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                let (Value::Name(function), Value::Tuple(arguments)) = (function, arguments) else {
                    return Err("a call of something that is no name".to_owned());
                };
                self.stack.push(call(&function, arguments)?);
            }
            // Attributes of the dictionary, such as version numbers of modules: of no use here.
            b'b' => drop(self.pop()?),
            other => {
                return Err(format!("pickle instruction {other:#04x}, which a dictionary of tensors does not need"))
            }
        }
        Ok(())
    }

    fn take(&mut self, n: usize) -> Step<&[u8]> {
        if n > self.input.len() {
            return Err("an early end of the pickle".to_owned());
        }
        let (head, tail) = self.input.split_at(n);
        self.input = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Step<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| "an early end of the pickle".to_owned())
    }

    fn byte(&mut self) -> Step<u8> {
        Ok(self.take(1)?[0])
    }

    fn line(&mut self) -> Step<String> {
        let end = self.input.iter().position(|&b| b == b'\n').ok_or("an early end of the pickle")?;
        let line = String::from_utf8_lossy(self.take(end)?).into_owned();
        self.byte()?;
        Ok(line)
    }

    fn text(&mut self, n: usize) -> Step<()> {
        let text = String::from_utf8(self.take(n)?.to_vec()).map_err(|_| "text that is not UTF-8")?;
        self.stack.push(Value::Text(text));
        Ok(())
    }

    fn name(&mut self, name: String) -> Step<()> {
        if ![ORDERED_DICT, REBUILD_TENSOR, REBUILD_PARAMETER, FLOAT_STORAGE].contains(&name.as_str()) {
            return Err(format!("the name {name}, which a dictionary of float32 tensors does not need"));
        }
        self.stack.push(Value::Name(name));
        Ok(())
    }

    fn tuple(&mut self, items: Vec<Value>) -> Step<()> {
        // The tuples a tensor needs hold one more level; deeper ones would only be there to exhaust this program.
        let nested = |v: &Value| matches!(v, Value::Tuple(inner) if inner.iter().any(|i| matches!(i, Value::Tuple(_))));
        if items.iter().any(nested) {
            return Err("tuples nested deeper than a tensor needs".to_owned());
        }
        self.stack.push(Value::Tuple(items));
        Ok(())
    }

    fn pop(&mut self) -> Step<Value> {
        self.stack.pop().ok_or_else(|| "too few values".to_owned())
    }

    fn since_mark(&mut self) -> Step<Vec<Value>> {
        let at = self.stack.iter().rposition(|v| matches!(v, Value::Mark)).ok_or("no mark")?;
        let items = self.stack.split_off(at + 1);
        self.stack.pop();
        Ok(items)
    }

    fn remember(&mut self, key: u32) -> Step<()> {
        let value = self.stack.last().ok_or("too few values")?.clone();
        // What is remembered is empty when it is a dictionary, and small otherwise: bounds, not limits in practice.
        self.remembered += size(&value);
        if self.memo.len() > 1 << 20 || self.remembered > MOST_REMEMBERED {
            return Err("too many remembered values".to_owned());
        }
        self.memo.insert(key, value);
        Ok(())
    }

    fn recall(&mut self, key: u32) -> Step<()> {
        let value = self.memo.get(&key).ok_or("a value that was not remembered")?;
        self.remembered += size(value);
        if self.remembered > MOST_REMEMBERED {
            return Err("too many remembered values".to_owned());
        }
        self.stack.push(value.clone());
        Ok(())
    }

    fn set_items(&mut self, items: Vec<Value>) -> Step<()> {
        let Some(Value::Dict(pairs)) = self.stack.last_mut() else {
            return Err("entries of something that is no dictionary".to_owned());
        };
        let mut items = items.into_iter();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            // A file of weights has dictionaries in a dictionary, which tell the versions of its modules; deeper ones would
            // only be there to exhaust this program's stack.
            if depth(&value) > 4 {
                return Err("dictionaries nested deeper than weights need".to_owned());
            }
            pairs.push((key, value));
        }
        Ok(())
    }
}

/// How many dictionaries a value has in each other; what was put into one was looked at then, so that this goes no deeper
/// than is allowed.
fn depth(value: &Value) -> usize {
    match value {
        Value::Dict(pairs) => 1 + pairs.iter().map(|(_, value)| depth(value)).max().unwrap_or(0),
        Value::Tuple(items) => items.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// The most that a pickle may have remembered and recalled, in bytes.
const MOST_REMEMBERED: usize = 1 << 26;

/// How much memory a value takes, about, in bytes.
fn size(value: &Value) -> usize {
    let inner = match value {
        Value::Text(text) => text.len(),
        Value::Tuple(items) => items.iter().map(size).sum(),
        Value::Dict(pairs) => pairs.iter().map(|(key, value)| size(key) + size(value)).sum(),
        _ => 0,
    };
    inner + size_of::<Value>()
}

/// What a reference to stored data names: ("storage", type, key, device, count).
fn storage(reference: Value) -> Step<Value> {
    if let Value::Tuple(parts) = &reference {
        if let [Value::Text(_), Value::Name(kind), Value::Text(key), _, Value::Int(_)] = parts.as_slice() {
            if kind == FLOAT_STORAGE {
                return Ok(Value::Storage { key: key.clone() });
            }
        }
    }
    Err("a reference that is not to float32 data".to_owned())
}

/// The result of one of the known functions.
fn call(function: &str, arguments: Vec<Value>) -> Step<Value> {
    match (function, arguments.as_slice()) {
        (ORDERED_DICT, []) => Ok(Value::Dict(Vec::new())),
        (REBUILD_PARAMETER, [tensor @ Value::Tensor(_), ..]) => Ok(tensor.clone()),
        (
            REBUILD_TENSOR,
            [Value::Storage { key }, Value::Int(offset), Value::Tuple(size), Value::Tuple(stride), ..],
        ) => {
            let numbers = |values: &[Value]| -> Step<Vec<usize>> {
                let number = |v: &Value| match v {
                    Value::Int(n) => usize::try_from(*n).map_err(|_| format!("the size {n}")),
                    other => Err(format!("{} as a size", kind(other))),
                };
                values.iter().map(number).collect()
            };
            let (size, stride) = (numbers(size)?, numbers(stride)?);
            if size.len() != stride.len() {
                return Err("sizes and strides of different numbers".to_owned());
            }
            let offset = usize::try_from(*offset).map_err(|_| format!("the offset {offset}"))?;
            Ok(Value::Tensor(TensorRef { key: key.clone(), offset, size, stride }))
        }
        _ => Err(format!("{function} with arguments it does not take")),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Mark => "a mark",
        Value::None => "None",
        Value::Bool => "a truth value",
        Value::Int(_) => "a number",
        Value::Text(_) => "text",
        Value::Name(_) => "a name",
        Value::Tuple(_) => "a tuple",
        Value::Dict(_) => "a dictionary",
        Value::Storage { .. } => "stored data",
        Value::Tensor(_) => "a tensor",
    }
}

/// A `.pth` file of named float32 tensors.
pub(super) fn to_bytes(tensors: &[(String, Tensor)], path: &Path) -> Result<Vec<u8>> {
    let mut pickle = b"\x80\x02ccollections\nOrderedDict\n)R(".to_vec();
    let text = |pickle: &mut Vec<u8>, s: &str| {
        pickle.push(b'X');
        pickle.extend((s.len() as u32).to_le_bytes());
        pickle.extend(s.as_bytes());
    };
    let number = |pickle: &mut Vec<u8>, n: usize| {
        pickle.push(b'J');
        pickle.extend((n as i32).to_le_bytes());
    };
    for (i, (name, tensor)) in tensors.iter().enumerate() {
        if tensor.kind() != tch::Kind::Float {
            return Err(Error::format(path, "32-bit floats", format!("{:?} in {name}", tensor.kind())));
        }
        text(&mut pickle, name);
        pickle.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        text(&mut pickle, "storage");
        pickle.extend(b"ctorch\nFloatStorage\n");
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

#[cfg(test)]
mod tests {
    use super::*;

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
        let good = load(file(&tensor("FloatStorage", &[2, 4], &[4, 1])).path()).unwrap();
        assert_eq!((good[0].0.as_str(), good[0].1.size()), ("a", vec![2, 4]));
        for (pickle, expected) in [
            (b"cposix\nsystem\n(X\x02\0\0\0lstR.".to_vec(), "the name posix.system"),
            (b"c__builtin__\neval\n)R.".to_vec(), "the name __builtin__.eval"),
            (b"\x80\x04\x8c\x02os\x8c\x06system\x93.".to_vec(), "the name os.system"),
            (b"(I1\nd.".to_vec(), "instruction 0x49"),
            (b"K\x01.".to_vec(), "a number, not a dictionary"),
            (b"}X\x01\0\0\0aK\x01s.".to_vec(), "no named tensor"),
            (b"}X\xff\xff\xff\xffa".to_vec(), "an early end"),
            (b"h\x07.".to_vec(), "not remembered"),
            ([&b")"[..], &[0x85; 3_000_000]].concat(), "nested deeper"),
            (tensor("LongStorage", &[2], &[1]), "the name torch.LongStorage"),
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
        let deep = [b"\x80\x02}".to_vec(), b"K\x01}".repeat(100_000), b"s".repeat(100_000), b".".to_vec()].concat();
        let in_tuples = [b"\x80\x02}".to_vec(), b"K\x01}".repeat(5000), b"\x85s".repeat(5000), b".".to_vec()].concat();
        let text = [b"\x80\x02}X\0\0\x10\0".to_vec(), vec![b'a'; 1 << 20], b"q\0".to_vec()].concat();
        let wide = [text, b"h\0".repeat(100_000), b".".to_vec()].concat();
        for (pickle, expected) in
            [(&deep, "dictionaries nested"), (&in_tuples, "dictionaries nested"), (&wide, "too many remembered")]
        {
            let error = load(file(pickle).path()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
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
