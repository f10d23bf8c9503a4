//! What PyTorch's pickles make: tensors, and the stored data that they are parts of.

use crate::util::pickle::{self, not_taken, shortened, Called, Made, Node, Step, Value, Values};

/// A pickle of PyTorch's.
pub(super) type Pickle = pickle::Pickle<Torch>;

/// What PyTorch's functions make. Source: files written by PyTorch.
#[derive(Debug)]
pub(super) enum Torch {
    Storage(Storage),
    Tensor(TensorRef),
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

/// The tensor that a value leads to.
pub(super) fn tensor(pickle: &Pickle, value: Value) -> Option<&TensorRef> {
    match pickle.node(value) {
        Some(Node::Made(Torch::Tensor(tensor))) => Some(tensor),
        _ => None,
    }
}

impl Made for Torch {
    fn words(&self) -> &'static str {
        match self {
            Torch::Storage(_) => "stored data",
            Torch::Tensor(_) => "a tensor",
        }
    }

    /// Stored data: ("storage", type, key, device, count), and in the old container what part of which other storage it is.
    fn refer(values: &Values<Torch>, reference: Value) -> Step<Torch> {
        let wrong = || "a reference that is not to stored data".to_owned();
        let Some(Node::Tuple(parts)) = values.node(reference) else { return Err(wrong()) };
        let [tag, kind, key, _, count, rest @ ..] = parts.as_slice() else { return Err(wrong()) };
        let (Some("storage"), Some(Node::Name(kind))) = (values.text(*tag), values.node(*kind)) else {
            return Err(wrong());
        };
        let elements = kind.strip_prefix("torch.").and_then(|kind| kind.strip_suffix("Storage"));
        // Each tensor has a copy of both, and a pickle refers to a text that it holds once as often as it likes.
        const LONGEST: usize = 64;
        let elements = match elements.or_else(|| kind.strip_prefix("torch.storage.")?.strip_suffix("Storage")) {
            Some(elements) if elements.len() <= LONGEST => elements.to_owned(),
            _ => return Err(format!("the name {}, which is no storage of PyTorch", shortened(kind))),
        };
        let key = match (values.text(*key), *key) {
            (Some(key), _) if key.len() <= LONGEST => key.to_owned(),
            (Some(key), _) => return Err(format!("the key {} of stored data", shortened(key))),
            (None, Value::Int(key)) => key.to_string(),
            _ => return Err(wrong()),
        };
        let number = |value: Value| match value {
            Value::Int(n) => u64::try_from(n).map_err(|_| wrong()),
            _ => Err(wrong()),
        };
        let first = match rest.first().and_then(|&view| values.node(view)) {
            Some(Node::Tuple(view)) => match view.as_slice() {
                [_, offset, _] => number(*offset)?,
                _ => return Err(wrong()),
            },
            _ => 0,
        };
        number(*count)?;
        Ok(Torch::Storage(Storage { key, elements, first }))
    }

    /// Tensors of the few functions of PyTorch that make them.
    fn call(values: &Values<Torch>, name: &str, arguments: &[Value]) -> Step<Called<Torch>> {
        match name {
            "torch._utils._rebuild_parameter" | "torch._utils._rebuild_parameter_with_state" => {
                let first = *arguments.first().ok_or_else(|| not_taken(name))?;
                match values.node(first) {
                    Some(Node::Made(Torch::Tensor(_))) => Ok(Called::Same(first)),
                    _ => Err(not_taken(name)),
                }
            }
            "torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_tensor" | "torch._utils._rebuild_tensor_v3" => {
                let [storage, offset, size, stride, rest @ ..] = arguments else { return Err(not_taken(name)) };
                let (Some(Node::Made(Torch::Storage(storage))), Value::Int(offset)) = (values.node(*storage), *offset)
                else {
                    return Err(not_taken(name));
                };
                let mut storage = storage.clone();
                // The third version keeps bytes, and names the type of a tensor's elements.
                if name.ends_with("_v3") {
                    storage.elements = match rest.get(2).and_then(|&kind| values.node(kind)) {
                        Some(Node::Name(kind)) => kind.trim_start_matches("torch.").to_owned(),
                        _ => return Err(not_taken(name)),
                    };
                }
                let offset = u64::try_from(offset).map_err(|_| format!("the offset {offset}"))?;
                let (size, stride) = (numbers(values, *size)?, numbers(values, *stride)?);
                if size.len() != stride.len() {
                    return Err("sizes and strides of different numbers".to_owned());
                }
                Ok(Called::Made(Torch::Tensor(TensorRef { storage, offset, size, stride })))
            }
            _ => Ok(Called::Object),
        }
    }
}

fn numbers(values: &Values<Torch>, value: Value) -> Step<Vec<u64>> {
    let number = |value: &Value| match value {
        Value::Int(n) => u64::try_from(*n).map_err(|_| format!("the size {n}")),
        other => Err(format!("{} as a size", values.words(*other))),
    };
    match values.node(value) {
        // PyTorch's tensors have 64 dimensions at most.
        Some(Node::Tuple(parts) | Node::List(parts)) if parts.len() > 64 => Err(format!("{} dimensions", parts.len())),
        Some(Node::Tuple(parts) | Node::List(parts)) => parts.iter().map(number).collect(),
        _ => Err(format!("{} as sizes", values.words(value))),
    }
}
