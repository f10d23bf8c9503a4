//! Pickles: what a file's instructions build, without running any of what they name.
//!
//! A pickle is a program, and running a stranger's is dangerous. This builds numbers, texts, bytes, tuples, lists and
//! dictionaries; of calls it keeps the name, the arguments and the state that is set, and calls nothing. What a kind of file
//! makes of calls and of references to data outside is said by [`Made`]. Memory grows with the input alone: a value that is
//! remembered and recalled is the same value, not a copy. Source: Python's `pickletools`.

use std::convert::Infallible;
use std::ops::Range;

/// A place in [`Pickle::nodes`].
pub(crate) type At = u32;

/// A value: a small one itself, any other by its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value {
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
pub(crate) enum Node<M> {
    Text(String),
    /// Bytes, or a text of Python 2 that is not UTF-8: where they are in the pickle.
    Bytes(Range<usize>),
    /// The name of a class or function; a long one is cut, as each object has a copy.
    Name(String),
    Tuple(Vec<Value>),
    List(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    /// What a kind of file makes of a call or of a reference.
    Made(M),
    /// What some class or function would give: its arguments, and its attributes, if they were set.
    Object {
        class: String,
        arguments: Value,
        state: Option<Value>,
    },
}

/// What a call gives.
pub(crate) enum Called<M> {
    Made(M),
    /// A value that was there.
    Same(Value),
    /// Nothing that is known: an object.
    Object,
}

/// What a kind of file makes of calls and references. Errors say what was found.
pub(crate) trait Made: Sized {
    /// It in words, for messages.
    fn words(&self) -> &'static str;

    /// What a reference to data outside the pickle stands for.
    fn refer(values: &Values<Self>, reference: Value) -> Step<Self>;

    /// What a call of a name gives.
    fn call(values: &Values<Self>, name: &str, arguments: &[Value]) -> Step<Called<Self>>;
}

/// Files in which calls are looked at afterwards, and which refer to nothing outside.
impl Made for Infallible {
    fn words(&self) -> &'static str {
        match *self {}
    }

    fn refer(_: &Values<Self>, _: Value) -> Step<Self> {
        Err("a reference to data outside the pickle".to_owned())
    }

    fn call(_: &Values<Self>, _: &str, _: &[Value]) -> Step<Called<Self>> {
        Ok(Called::Object)
    }
}

/// The values of a pickle by their places.
#[derive(Debug)]
pub(crate) struct Values<M>(Vec<Node<M>>);

impl<M: Made> Values<M> {
    /// The node that a value leads to.
    pub fn node(&self, value: Value) -> Option<&Node<M>> {
        match value {
            Value::Node(at) => self.0.get(at as usize),
            _ => None,
        }
    }

    /// The text that a value is.
    pub fn text(&self, value: Value) -> Option<&str> {
        match self.node(value) {
            Some(Node::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// All nodes, in the order in which they were made.
    pub fn all(&self) -> &[Node<M>] {
        &self.0
    }

    /// A value in words.
    pub fn words(&self, value: Value) -> String {
        let text = match value {
            Value::Mark => "a mark",
            Value::None => "None",
            Value::Bool(_) => "a truth value",
            Value::Int(_) | Value::Number => "a number",
            Value::Node(_) => match self.node(value) {
                None => "nothing",
                Some(Node::Text(_)) => "text",
                Some(Node::Bytes(_)) => "bytes",
                Some(Node::Name(name)) => return format!("the name {}", shortened(name)),
                Some(Node::Tuple(_)) => "a tuple",
                Some(Node::List(_)) => "a list",
                Some(Node::Dict(_)) => "a dictionary",
                Some(Node::Made(made)) => made.words(),
                Some(Node::Object { class, .. }) => return format!("an object of the name {}", shortened(class)),
            },
        };
        text.to_owned()
    }
}

/// What a pickle has built.
#[derive(Debug)]
pub(crate) struct Pickle<M> {
    pub values: Values<M>,
    pub root: Value,
}

impl<M: Made> Pickle<M> {
    /// The node that a value leads to.
    pub fn node(&self, value: Value) -> Option<&Node<M>> {
        self.values.node(value)
    }

    /// A value in words.
    pub fn words(&self, value: Value) -> String {
        self.values.words(value)
    }
}

/// A name at a length that fits into a message.
pub(crate) fn shortened(name: &str) -> String {
    const MOST: usize = 80;
    match name.chars().count() {
        0..=MOST => name.to_owned(),
        _ => name.chars().take(MOST - 1).chain(['…']).collect(),
    }
}

pub(crate) type Step<T> = Result<T, String>;

const EARLY_END: &str = "an early end of the pickle";
const TOO_MANY: &str = "more values than a file of this size needs";
/// Values that a pickle may build, and those that it may have on its stack or remember, besides what grows with its size.
const MOST_NODES: usize = 1 << 19;
/// Dictionaries, tuples and lists in each other: files of data have a few.
const MOST_LEVELS: u8 = 60;

/// A stack machine for the instructions of all of pickle's protocols that build plain values. Errors say what was found.
struct Machine<'a, M> {
    input: &'a [u8],
    /// How long the pickle was, with what follows it.
    size: usize,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: std::collections::HashMap<u32, Value>,
    values: Values<M>,
    /// How many levels of values each node has in it.
    levels: Vec<u8>,
    most: usize,
    /// How many entries were copied out of lists: one list may be used again and again.
    copied: usize,
}

/// Runs the pickle at the start of `input`; returns what it built and what follows it.
pub(crate) fn run<M: Made>(input: &[u8]) -> Step<(Pickle<M>, &[u8])> {
    let mut machine = Machine {
        input,
        size: input.len(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: std::collections::HashMap::new(),
        values: Values(Vec::new()),
        levels: Vec::new(),
        most: MOST_NODES + input.len() / 16,
        copied: 0,
    };
    loop {
        let op = machine.byte()?;
        if op == b'.' {
            let root = machine.pop()?;
            return Ok((Pickle { values: machine.values, root }, machine.input));
        }
        machine.step(op)?;
        if machine.stack.len() > machine.most || machine.memo.len() > machine.most {
            return Err(TOO_MANY.to_owned());
        }
    }
}

impl<'a, M: Made> Machine<'a, M> {
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
            b'B' => {
                let n = u32::from_le_bytes(self.array()?) as usize;
                self.bytes(n)?;
            }
            b'C' => {
                let n = usize::from(self.byte()?);
                self.bytes(n)?;
            }
            0x8e | 0x96 => {
                let n = self.size()?;
                self.bytes(n)?;
            }
            b'c' => {
                let name = format!("{}.{}", self.line()?, self.line()?);
                self.push(Node::Name(shortened(&name)), 0)?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let name = match (self.values.text(module), self.values.text(name)) {
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
                if let Some(Node::Tuple(parts)) = self.values.node(reference) {
                    if let [tag, class, ..] = parts.as_slice() {
                        let class = *class;
                        if self.values.text(*tag) == Some("module") {
                            self.stack.push(class);
                            return Ok(());
                        }
                    }
                }
                let made = M::refer(&self.values, reference)?;
                self.push(Node::Made(made), 0)?;
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
            other => return Err(format!("pickle instruction {other:#04x}, which values alone do not need")),
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
        // Python 2 wrote bytes as texts.
        match std::str::from_utf8(self.input.get(..n).ok_or(EARLY_END)?) {
            Ok(text) => {
                let text = text.to_owned();
                self.take(n)?;
                self.push(Node::Text(text), 0)
            }
            Err(_) => self.bytes(n),
        }
    }

    fn bytes(&mut self, n: usize) -> Step<()> {
        let from = self.size - self.input.len();
        self.take(n)?;
        self.push(Node::Bytes(from..from + n), 0)
    }

    fn push(&mut self, node: Node<M>, levels: u8) -> Step<()> {
        if self.values.0.len() >= self.most {
            return Err(TOO_MANY.to_owned());
        }
        self.stack.push(Value::Node(self.values.0.len() as At));
        self.values.0.push(node);
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
                match &mut self.values.0[at] {
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
                match &mut self.values.0[at] {
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
            if let Node::Object { state: own, .. } = &mut self.values.0[at as usize] {
                *own = Some(state);
                self.levels[at as usize] = self.levels[at as usize].max(levels);
            }
        }
        Ok(())
    }

    /// The result of a call: of dictionaries, of what the kind of file knows, and of any other its name and arguments.
    fn call(&mut self, function: Value, arguments: Value) -> Step<()> {
        let class = match self.values.node(function) {
            Some(Node::Name(name)) => name.clone(),
            Some(Node::Object { class, .. }) => class.clone(),
            _ => return Err("a call of something that is no name".to_owned()),
        };
        let Some(Node::Tuple(parts)) = self.values.node(arguments) else {
            return Err("a call of something without arguments".to_owned());
        };
        match (class.as_str(), parts.as_slice()) {
            ("collections.OrderedDict", []) | ("collections.defaultdict", _) => self.push(Node::Dict(Vec::new()), 0),
            // As Python 2 wrote it.
            ("collections.OrderedDict", [pairs]) => {
                let items = self.pairs_of(*pairs)?.ok_or_else(|| not_taken(&class))?;
                self.push(Node::Dict(Vec::new()), 0)?;
                self.set_items(items)
            }
            ("collections.OrderedDict", _) => Err(not_taken(&class)),
            (_, parts) => match M::call(&self.values, &class, parts)? {
                Called::Made(made) => self.push(Node::Made(made), 0),
                Called::Same(value) => {
                    self.stack.push(value);
                    Ok(())
                }
                Called::Object => {
                    let levels = self.levels_of(&[arguments])?;
                    self.push(Node::Object { class, arguments, state: None }, levels)
                }
            },
        }
    }

    /// The keys and values in a list of pairs, in turn; `None` for anything else.
    fn pairs_of(&mut self, list: Value) -> Step<Option<Vec<Value>>> {
        let Some(Node::List(pairs)) = self.values.node(list) else { return Ok(None) };
        let copied = self.copied + pairs.len();
        if copied > self.most {
            return Err(TOO_MANY.to_owned());
        }
        let mut items = Vec::with_capacity(2 * pairs.len());
        for pair in pairs {
            match self.values.node(*pair) {
                Some(Node::List(pair) | Node::Tuple(pair)) if pair.len() == 2 => items.extend_from_slice(pair),
                _ => return Ok(None),
            }
        }
        self.copied = copied;
        Ok(Some(items))
    }
}

/// That a call has other arguments than it takes.
pub(crate) fn not_taken(name: &str) -> String {
    format!("{name} with arguments it does not take")
}
