//! Pickles: what a file's instructions build, without running any of what they name.
//!
//! A pickle is a program, and running a stranger's is dangerous. This builds numbers, texts, tuples, lists, dictionaries,
//! and tensors (of the few functions of PyTorch that make them); of everything else it keeps the name, and calls
//! nothing. Memory grows with the input alone: a value that is remembered and recalled is the same value, not a copy.
//! Source: Python's `pickletools` for the instructions, files written by PyTorch for what stands in them.

/// A place in [`Pickle::nodes`].
pub(super) type At = u32;

/// A value: a small one itself, any other by its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    Mark,
    None,
    Bool(bool),
    Int(i64),
    /// A number that is of no use here: with a point, or beyond 63 bits.
    Number,
    Node(At),
}

/// What stands at a place.
#[derive(Debug)]
pub(super) enum Node {
    Text(String),
    /// The name of a class or function; a long one is cut, as each object has a copy.
    Name(String),
    Tuple(Vec<Value>),
    List(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    Storage(Storage),
    Tensor(TensorRef),
    /// An object of some class, and its attributes, if they were set.
    Object {
        class: String,
        state: Option<Value>,
    },
}

/// Numbers that tensors are parts of.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Storage {
    /// The name of its file, or its key in the old container.
    pub key: String,
    /// Its elements, by the name of their type: `Float`, `Half`, ..
    pub elements: String,
    /// In the old container a storage may be part of the one that has this key: its first element there.
    pub first: u64,
}

/// A tensor as the pickle describes it: where its elements are.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TensorRef {
    pub storage: Storage,
    pub offset: u64,
    pub size: Vec<u64>,
    pub stride: Vec<u64>,
}

/// What a pickle has built.
#[derive(Debug)]
pub(super) struct Pickle {
    pub nodes: Vec<Node>,
    pub root: Value,
}

impl Pickle {
    /// The node that a value leads to.
    pub fn node(&self, value: Value) -> Option<&Node> {
        match value {
            Value::Node(at) => self.nodes.get(at as usize),
            _ => None,
        }
    }

    /// A value in words.
    pub fn words(&self, value: Value) -> String {
        words(&self.nodes, value)
    }
}

fn words(nodes: &[Node], value: Value) -> String {
    let text = match value {
        Value::Mark => "a mark",
        Value::None => "None",
        Value::Bool(_) => "a truth value",
        Value::Int(_) | Value::Number => "a number",
        Value::Node(at) => match nodes.get(at as usize) {
            None => "nothing",
            Some(Node::Text(_)) => "text",
            Some(Node::Name(name)) => return format!("the name {}", shortened(name)),
            Some(Node::Tuple(_)) => "a tuple",
            Some(Node::List(_)) => "a list",
            Some(Node::Dict(_)) => "a dictionary",
            Some(Node::Storage(_)) => "stored data",
            Some(Node::Tensor(_)) => "a tensor",
            Some(Node::Object { class, .. }) => return format!("an object of the name {}", shortened(class)),
        },
    };
    text.to_owned()
}

/// A name at a length that fits into a message.
pub(super) fn shortened(name: &str) -> String {
    const MOST: usize = 80;
    match name.chars().count() {
        0..=MOST => name.to_owned(),
        _ => name.chars().take(MOST - 1).chain(['…']).collect(),
    }
}

type Step<T> = Result<T, String>;

const EARLY_END: &str = "an early end of the pickle";
/// Values that a pickle may build, and those that it may have on its stack or remember, besides what grows with its size.
const MOST_NODES: usize = 1 << 19;
/// Dictionaries, tuples and lists in each other: what weights travel with has a few.
const MOST_LEVELS: u8 = 60;

/// A stack machine for the instructions of all of pickle's protocols that build plain values. Errors say what was found.
pub(super) struct Machine<'a> {
    input: &'a [u8],
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: std::collections::HashMap<u32, Value>,
    nodes: Vec<Node>,
    /// How many levels of values each node has in it.
    levels: Vec<u8>,
    most: usize,
    /// How many entries were copied out of lists: one list may be used again and again.
    copied: usize,
}

/// Runs the pickle at the start of `input`; returns what it built and what follows it.
pub(super) fn run(input: &[u8]) -> Step<(Pickle, &[u8])> {
    let mut machine = Machine {
        input,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: std::collections::HashMap::new(),
        nodes: Vec::new(),
        levels: Vec::new(),
        most: MOST_NODES + input.len() / 16,
        copied: 0,
    };
    loop {
        let op = machine.byte()?;
        if op == b'.' {
            let root = machine.pop()?;
            return Ok((Pickle { nodes: machine.nodes, root }, machine.input));
        }
        machine.step(op)?;
        if machine.stack.len() > machine.most || machine.memo.len() > machine.most {
            return Err("more values than a file of weights needs".to_owned());
        }
    }
}

impl<'a> Machine<'a> {
    fn step(&mut self, op: u8) -> Step<()> {
        match op {
            // Protocol, and frames, which only say how to read.
            0x80 => drop(self.byte()?),
            0x95 => drop(self.take(8)?),
            b'(' => {
                self.marks.push(self.stack.len());
                self.stack.push(Value::Mark);
            }
            b'0' => drop(self.pop()?),
            b'1' => drop(self.since_mark()?),
            b'2' => {
                let top = *self.stack.last().ok_or("too few values")?;
                self.stack.push(top);
            }
            b'N' => self.stack.push(Value::None),
            0x88 => self.stack.push(Value::Bool(true)),
            0x89 => self.stack.push(Value::Bool(false)),
            b'I' => {
                let value = match self.line()? {
                    "00" => Value::Bool(false),
                    "01" => Value::Bool(true),
                    digits => Value::Int(digits.trim().parse().map_err(|_| "a number that is none")?),
                };
                self.stack.push(value);
            }
            b'L' => {
                let digits = self.line()?.trim_end_matches('L');
                self.stack.push(digits.parse().map_or(Value::Number, Value::Int));
            }
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
                self.long(n)?;
            }
            0x8b => {
                let n = u32::from_le_bytes(self.array()?) as usize;
                self.long(n)?;
            }
            b'G' => {
                self.take(8)?;
                self.stack.push(Value::Number);
            }
            b'F' => {
                self.line()?;
                self.stack.push(Value::Number);
            }
            b'X' | b'T' => {
                let n = u32::from_le_bytes(self.array()?) as usize;
                self.text(n)?;
            }
            0x8c | b'U' => {
                let n = usize::from(self.byte()?);
                self.text(n)?;
            }
            0x8d => {
                let n = self.size()?;
                self.text(n)?;
            }
            // Bytes: of no use here.
            b'B' => {
                let n = u32::from_le_bytes(self.array()?) as usize;
                self.skip(n)?;
            }
            b'C' => {
                let n = usize::from(self.byte()?);
                self.skip(n)?;
            }
            0x8e | 0x96 => {
                let n = self.size()?;
                self.skip(n)?;
            }
            b'c' => {
                let name = format!("{}.{}", self.line()?, self.line()?);
                self.push(Node::Name(shortened(&name)), 0)?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let name = match (self.as_text(module), self.as_text(name)) {
                    (Some(module), Some(name)) => format!("{}.{}", shortened(module), shortened(name)),
                    _ => return Err("a name that is no text".to_owned()),
                };
                self.push(Node::Name(shortened(&name)), 0)?;
            }
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
            b')' => self.tuple(Vec::new())?,
            b't' => {
                let items = self.since_mark()?;
                self.tuple(items)?;
            }
            0x85..=0x87 => {
                let items = self.last(usize::from(op - 0x84))?;
                self.tuple(items)?;
            }
            b']' | 0x8f => self.push(Node::List(Vec::new()), 0)?,
            b'l' | 0x91 => {
                let items = self.since_mark()?;
                let levels = self.levels_of(&items)?;
                self.push(Node::List(items), levels)?;
            }
            b'a' => {
                let items = self.last(1)?;
                self.extend(items)?;
            }
            b'e' | 0x90 => {
                let items = self.since_mark()?;
                self.extend(items)?;
            }
            b'}' => self.push(Node::Dict(Vec::new()), 0)?,
            b'd' => {
                let items = self.since_mark()?;
                self.push(Node::Dict(Vec::new()), 0)?;
                self.set_items(items)?;
            }
            b's' => {
                let items = self.last(2)?;
                self.set_items(items)?;
            }
            b'u' => {
                let items = self.since_mark()?;
                self.set_items(items)?;
            }
            b'Q' => {
                let reference = self.pop()?;
                // The old container says of a class also where its source is.
                if let Some(Node::Tuple(parts)) = self.at(reference) {
                    if let [tag, class, ..] = parts.as_slice() {
                        let class = *class;
                        if self.as_text(*tag) == Some("module") {
                            self.stack.push(class);
                            return Ok(());
                        }
                    }
                }
                let storage = self.storage(reference)?;
                self.push(Node::Storage(storage), 0)?;
            }
            // A call; and what a class makes of arguments, without a call of its own.
            b'R' | 0x81 => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                self.call(function, arguments)?;
            }
            0x92 => {
                let (_, arguments, function) = (self.pop()?, self.pop()?, self.pop()?);
                self.call(function, arguments)?;
            }
            b'b' => self.build()?,
            other => {
                return Err(format!("pickle instruction {other:#04x}, which a dictionary of tensors does not need"))
            }
        }
        Ok(())
    }

    fn take(&mut self, n: usize) -> Step<&'a [u8]> {
        if n > self.input.len() {
            return Err(EARLY_END.to_owned());
        }
        let (head, tail) = self.input.split_at(n);
        self.input = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Step<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| EARLY_END.to_owned())
    }

    fn byte(&mut self) -> Step<u8> {
        Ok(self.take(1)?[0])
    }

    fn size(&mut self) -> Step<usize> {
        usize::try_from(u64::from_le_bytes(self.array()?)).map_err(|_| EARLY_END.to_owned())
    }

    fn line(&mut self) -> Step<&'a str> {
        let end = self.input.iter().position(|&b| b == b'\n').ok_or(EARLY_END)?;
        let line = self.take(end)?;
        self.byte()?;
        std::str::from_utf8(line).map_err(|_| "text that is not UTF-8".to_owned())
    }

    fn long(&mut self, n: usize) -> Step<()> {
        let bytes = self.take(n)?;
        let value = match bytes.len() {
            0..=8 => {
                let negative = bytes.last().is_some_and(|&b| b & 0x80 != 0);
                let mut word = [if negative { 0xff } else { 0 }; 8];
                word[..n].copy_from_slice(bytes);
                Value::Int(i64::from_le_bytes(word))
            }
            _ => Value::Number,
        };
        self.stack.push(value);
        Ok(())
    }

    fn text(&mut self, n: usize) -> Step<()> {
        let bytes = self.take(n)?;
        // Python 2 wrote bytes; names of layers are ASCII.
        let text = String::from_utf8(bytes.to_vec()).map_err(|_| "text that is not UTF-8")?;
        self.push(Node::Text(text), 0)
    }

    fn skip(&mut self, n: usize) -> Step<()> {
        self.take(n)?;
        self.stack.push(Value::None);
        Ok(())
    }

    fn push(&mut self, node: Node, levels: u8) -> Step<()> {
        if self.nodes.len() >= self.most {
            return Err("more values than a file of weights needs".to_owned());
        }
        self.stack.push(Value::Node(self.nodes.len() as At));
        self.nodes.push(node);
        self.levels.push(levels);
        Ok(())
    }

    fn pop(&mut self) -> Step<Value> {
        let value = self.stack.pop().ok_or("too few values")?;
        if value == Value::Mark {
            self.marks.pop();
        }
        Ok(value)
    }

    fn last(&mut self, n: usize) -> Step<Vec<Value>> {
        let at = self.stack.len().checked_sub(n).ok_or("too few values")?;
        let items = self.stack.split_off(at);
        if items.contains(&Value::Mark) {
            return Err("too few values".to_owned());
        }
        Ok(items)
    }

    fn since_mark(&mut self) -> Step<Vec<Value>> {
        let at = self.marks.pop().filter(|&at| at < self.stack.len()).ok_or("no mark")?;
        let items = self.stack.split_off(at + 1);
        self.stack.pop();
        Ok(items)
    }

    fn remember(&mut self, key: u32) -> Step<()> {
        let value = *self.stack.last().ok_or("too few values")?;
        self.memo.insert(key, value);
        Ok(())
    }

    fn recall(&mut self, key: u32) -> Step<()> {
        let value = *self.memo.get(&key).ok_or("a value that was not remembered")?;
        self.stack.push(value);
        Ok(())
    }

    fn as_text(&self, value: Value) -> Option<&str> {
        match self.at(value) {
            Some(Node::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn at(&self, value: Value) -> Option<&Node> {
        match value {
            Value::Node(at) => self.nodes.get(at as usize),
            _ => None,
        }
    }

    /// The levels of a value that holds these.
    fn levels_of(&self, items: &[Value]) -> Step<u8> {
        let inner = items.iter().map(|value| match value {
            Value::Node(at) => self.levels[*at as usize],
            _ => 0,
        });
        let levels = inner.max().map_or(0, |inner| inner + 1);
        if levels > MOST_LEVELS {
            return Err("tuples, lists or dictionaries nested deeper than weights need".to_owned());
        }
        Ok(levels)
    }

    fn tuple(&mut self, items: Vec<Value>) -> Step<()> {
        let levels = self.levels_of(&items)?;
        self.push(Node::Tuple(items), levels)
    }

    fn extend(&mut self, items: Vec<Value>) -> Step<()> {
        let levels = self.levels_of(&items)?;
        match self.stack.last() {
            Some(&Value::Node(at)) => {
                let at = at as usize;
                self.levels[at] = self.levels[at].max(levels);
                match &mut self.nodes[at] {
                    Node::List(list) => list.extend(items),
                    // A class of its own that is filled like a list.
                    Node::Object { .. } => {}
                    _ => return Err("items of something that is no list".to_owned()),
                }
                Ok(())
            }
            _ => Err("items of something that is no list".to_owned()),
        }
    }

    fn set_items(&mut self, items: Vec<Value>) -> Step<()> {
        if !items.len().is_multiple_of(2) {
            return Err("a key without its value".to_owned());
        }
        let levels = self.levels_of(&items)?;
        match self.stack.last() {
            Some(&Value::Node(at)) => {
                let at = at as usize;
                self.levels[at] = self.levels[at].max(levels);
                match &mut self.nodes[at] {
                    Node::Dict(pairs) => pairs.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1]))),
                    Node::Object { .. } => {}
                    _ => return Err("entries of something that is no dictionary".to_owned()),
                }
                Ok(())
            }
            _ => Err("entries of something that is no dictionary".to_owned()),
        }
    }

    /// Sets an object's attributes; those of a dictionary, such as version numbers of modules, are of no use here.
    fn build(&mut self) -> Step<()> {
        let state = self.pop()?;
        let levels = self.levels_of(&[state])?;
        if let Some(&Value::Node(at)) = self.stack.last() {
            if let Node::Object { state: own, .. } = &mut self.nodes[at as usize] {
                *own = Some(state);
                self.levels[at as usize] = self.levels[at as usize].max(levels);
            }
        }
        Ok(())
    }

    /// What a reference to stored data names: ("storage", type, key, device, count), and in the old container what part of
    /// which other storage it is.
    fn storage(&self, reference: Value) -> Step<Storage> {
        let wrong = || "a reference that is not to stored data".to_owned();
        let Some(Node::Tuple(parts)) = self.at(reference) else { return Err(wrong()) };
        let [tag, kind, key, _, count, rest @ ..] = parts.as_slice() else { return Err(wrong()) };
        let (Some("storage"), Some(Node::Name(kind))) = (self.as_text(*tag), self.at(*kind)) else {
            return Err(wrong());
        };
        let elements = kind.strip_prefix("torch.").and_then(|kind| kind.strip_suffix("Storage"));
        // Each tensor has a copy of both, and a pickle refers to a text that it holds once as often as it likes.
        const LONGEST: usize = 64;
        let elements = match elements.or_else(|| kind.strip_prefix("torch.storage.")?.strip_suffix("Storage")) {
            Some(elements) if elements.len() <= LONGEST => elements.to_owned(),
            _ => return Err(format!("the name {}, which is no storage of PyTorch", shortened(kind))),
        };
        let key = match (self.as_text(*key), *key) {
            (Some(key), _) if key.len() <= LONGEST => key.to_owned(),
            (Some(key), _) => return Err(format!("the key {} of stored data", shortened(key))),
            (None, Value::Int(key)) => key.to_string(),
            _ => return Err(wrong()),
        };
        let number = |value: Value| match value {
            Value::Int(n) => u64::try_from(n).map_err(|_| wrong()),
            _ => Err(wrong()),
        };
        let first = match rest.first().and_then(|&view| self.at(view)) {
            Some(Node::Tuple(view)) => match view.as_slice() {
                [_, offset, _] => number(*offset)?,
                _ => return Err(wrong()),
            },
            _ => 0,
        };
        number(*count)?;
        Ok(Storage { key, elements, first })
    }

    /// The result of one of the known functions; of any other only its name is kept.
    fn call(&mut self, function: Value, arguments: Value) -> Step<()> {
        let class = match self.at(function) {
            Some(Node::Name(name)) => name.clone(),
            Some(Node::Object { class, .. }) => class.clone(),
            _ => return Err("a call of something that is no name".to_owned()),
        };
        let Some(Node::Tuple(arguments)) = self.at(arguments) else {
            return Err("a call of something without arguments".to_owned());
        };
        let not_taken = || format!("{class} with arguments it does not take");
        match class.as_str() {
            "collections.OrderedDict" if arguments.is_empty() => self.push(Node::Dict(Vec::new()), 0),
            // As Python 2 wrote it.
            "collections.OrderedDict" => {
                let [pairs] = arguments.as_slice() else { return Err(not_taken()) };
                let items = self.pairs_of(*pairs)?.ok_or_else(not_taken)?;
                self.push(Node::Dict(Vec::new()), 0)?;
                self.set_items(items)
            }
            "collections.defaultdict" => self.push(Node::Dict(Vec::new()), 0),
            "torch._utils._rebuild_parameter" | "torch._utils._rebuild_parameter_with_state" => {
                let first = *arguments.first().ok_or_else(not_taken)?;
                if !matches!(self.at(first), Some(Node::Tensor(_))) {
                    return Err(not_taken());
                }
                self.stack.push(first);
                Ok(())
            }
            "torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_tensor" | "torch._utils._rebuild_tensor_v3" => {
                let [storage, offset, size, stride, rest @ ..] = arguments.as_slice() else { return Err(not_taken()) };
                let (Some(Node::Storage(storage)), Value::Int(offset)) = (self.at(*storage), *offset) else {
                    return Err(not_taken());
                };
                let mut storage = storage.clone();
                // The third version keeps bytes, and names the type of a tensor's elements.
                if class.ends_with("_v3") {
                    storage.elements = match rest.get(2).and_then(|&kind| self.at(kind)) {
                        Some(Node::Name(kind)) => kind.trim_start_matches("torch.").to_owned(),
                        _ => return Err(not_taken()),
                    };
                }
                let offset = u64::try_from(offset).map_err(|_| format!("the offset {offset}"))?;
                let (size, stride) = (self.numbers(*size)?, self.numbers(*stride)?);
                if size.len() != stride.len() {
                    return Err("sizes and strides of different numbers".to_owned());
                }
                self.push(Node::Tensor(TensorRef { storage, offset, size, stride }), 0)
            }
            _ => {
                let levels = self.levels_of(&arguments.clone())?;
                self.push(Node::Object { class, state: None }, levels)
            }
        }
    }

    /// The keys and values in a list of pairs, in turn; `None` for anything else.
    fn pairs_of(&mut self, list: Value) -> Step<Option<Vec<Value>>> {
        let Some(Node::List(pairs)) = self.at(list) else { return Ok(None) };
        let copied = self.copied + pairs.len();
        if copied > self.most {
            return Err("more values than a file of weights needs".to_owned());
        }
        let mut items = Vec::with_capacity(2 * pairs.len());
        for pair in pairs {
            match self.at(*pair) {
                Some(Node::List(pair) | Node::Tuple(pair)) if pair.len() == 2 => items.extend_from_slice(pair),
                _ => return Ok(None),
            }
        }
        self.copied = copied;
        Ok(Some(items))
    }

    fn numbers(&self, value: Value) -> Step<Vec<u64>> {
        let number = |value: &Value| match value {
            Value::Int(n) => u64::try_from(*n).map_err(|_| format!("the size {n}")),
            other => Err(format!("{} as a size", words(&self.nodes, *other))),
        };
        match self.at(value) {
            // PyTorch's tensors have 64 dimensions at most.
            Some(Node::Tuple(values) | Node::List(values)) if values.len() > 64 => {
                Err(format!("{} dimensions", values.len()))
            }
            Some(Node::Tuple(values) | Node::List(values)) => values.iter().map(number).collect(),
            _ => Err(format!("{} as sizes", words(&self.nodes, value))),
        }
    }
}
