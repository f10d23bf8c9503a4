//! Where in what was saved the weights are: a state dict by itself, or one in a dictionary with other things.

use std::collections::HashSet;

use super::torch::{tensor, Pickle, TensorRef, Torch};
use crate::util::pickle::{shortened, At, Node, Value};

/// The keys under which people keep a state dict, in the order in which they are looked for.
const KEYS: [&str; 9] =
    ["state_dict", "model_state_dict", "model", "net", "network", "weights", "params", "module", "model_state"];
/// What wrappers of PyTorch put before every name.
const PREFIXES: [&str; 2] = ["module.", "_orig_mod."];
/// Modules in a TorchScript file, also within each other: no network of weights has more.
const MOST_MODULES: usize = 4000;
/// How many dictionaries in each other are looked through.
const MOST_LEVELS: usize = 4;

/// Named tensors, and what had to be done to find them, in words.
#[derive(Debug, Default)]
pub(super) struct Weights<'a> {
    pub tensors: Vec<(String, &'a TensorRef)>,
    pub notes: Vec<String>,
    /// Bytes that names may still take.
    left: usize,
}

impl Weights<'_> {
    /// A name of its own, where there is room for one. A pickle holds a text once and refers to it in two bytes, as often
    /// as it likes.
    fn name(&mut self, prefix: &str, key: &str) -> Result<String, String> {
        let long = || format!("names that are longer together than those of a file of this size ({})", shortened(key));
        self.left = self.left.checked_sub(prefix.len() + key.len() + 1).ok_or_else(long)?;
        Ok(if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") })
    }
}

/// Finds the weights in a file of `size` bytes. The error says what was found in their place.
pub(super) fn weights(pickle: &Pickle, script: bool, size: usize) -> Result<Weights<'_>, String> {
    let mut found = Weights { left: (1 << 20) + 2 * size, ..Weights::default() };
    if script {
        modules(pickle, pickle.root, "", &mut HashSet::new(), &mut found)?;
        if found.tensors.is_empty() {
            return Err("a TorchScript file without weights".to_owned());
        }
        // Names with dots cannot be attributes: tch writes them in this way.
        for (name, _) in &mut found.tensors {
            *name = name.replace('|', ".");
        }
        found.notes.push("a TorchScript file: its weights, without its program".to_owned());
        return finish(found);
    }
    let mut at = pickle.root;
    let mut path = String::new();
    for _ in 0..MOST_LEVELS {
        let pairs = match pickle.node(at) {
            Some(Node::Dict(pairs)) => pairs,
            // A whole model: reading it would mean to run the program that made it.
            Some(Node::Object { class, .. }) => return Err(whole(class, &path)),
            _ if path.is_empty() => return Err(format!("{}, not a dictionary", pickle.words(at))),
            _ => return Err(format!("{} under {path}", pickle.words(at))),
        };
        let key = |value: Value| match pickle.node(value) {
            Some(Node::Text(key)) => Some(key.as_str()),
            _ => None,
        };
        let holds = |value: Value| match pickle.node(value) {
            Some(Node::Dict(inner)) => !inner.is_empty(),
            _ => false,
        };
        let of = |name: &str| pairs.iter().find(|(k, _)| key(*k) == Some(name)).map(|(_, v)| *v);
        let wrapped = KEYS.iter().find_map(|name| of(name).filter(|&v| holds(v)).map(|v| (*name, v)));
        let only = || {
            let mut inner = pairs.iter().filter(|(_, v)| holds(*v) && reaches(pickle, *v, 0));
            match (inner.next(), inner.next()) {
                (Some((k, v)), None) => key(*k).map(|name| (name, *v)),
                _ => None,
            }
        };
        let named = pairs.iter().filter(|(_, v)| tensor(pickle, *v).is_some()).count();
        if let Some((name, inner)) =
            wrapped.filter(|(_, v)| reaches(pickle, *v, 0)).or_else(|| if named == 0 { only() } else { None })
        {
            path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            at = inner;
            continue;
        }
        if named == 0 {
            let model = KEYS.iter().find_map(|name| match of(name).and_then(|v| pickle.node(v)) {
                Some(Node::Object { class, .. }) => Some(whole(class, name)),
                _ => None,
            });
            let entries: Vec<String> = pairs
                .iter()
                .take(4)
                .map(|(k, v)| format!("{}: {}", key(*k).map_or("?".to_owned(), shortened), pickle.words(*v)))
                .collect();
            return Err(
                model.unwrap_or_else(|| format!("a dictionary with no named tensor in it ({})", entries.join(", ")))
            );
        }
        for (k, v) in pairs {
            let Some(tensor) = tensor(pickle, *v) else { continue };
            let name = key(*k).ok_or("an entry that is no named tensor")?;
            let name = found.name("", name)?;
            found.tensors.push((name, tensor));
        }
        let others = pairs.len() - found.tensors.len();
        if !path.is_empty() {
            found.notes.push(format!("the weights are those under {path}"));
        }
        if others > 0 {
            found.notes.push(format!("{others} entries that are no tensors are passed over"));
        }
        return finish(found);
    }
    Err("dictionaries nested deeper than weights need".to_owned())
}

/// Whether there is a tensor in a value, within a few dictionaries.
fn reaches(pickle: &Pickle, value: Value, level: usize) -> bool {
    match pickle.node(value) {
        _ if tensor(pickle, value).is_some() => true,
        Some(Node::Dict(pairs)) if level < MOST_LEVELS => {
            // The first entries tell; a hostile file's dictionary of itself must not be looked through again and again.
            pairs.iter().take(16).any(|(_, inner)| reaches(pickle, *inner, level + 1))
        }
        _ => false,
    }
}

fn whole(class: &str, path: &str) -> String {
    let place = if path.is_empty() { String::new() } else { format!(" under {path}") };
    format!(
        "an object of the name {}{place}, which only the program that made it can read: there, save its weights alone, \
         torch.save(model.state_dict(), \"weights.pth\")",
        shortened(class)
    )
}

/// The tensors of a module and of those in it, named by the way that leads to them. Each module is looked at once.
fn modules<'a>(
    pickle: &'a Pickle,
    value: Value,
    prefix: &str,
    seen: &mut HashSet<At>,
    found: &mut Weights<'a>,
) -> Result<(), String> {
    let Value::Node(at) = value else { return Ok(()) };
    let Some(Node::Object { state: Some(state), .. }) = pickle.node(value) else { return Ok(()) };
    let Some(Node::Dict(pairs)) = pickle.node(*state) else { return Ok(()) };
    if !seen.insert(at) || seen.len() > MOST_MODULES {
        return Ok(());
    }
    for (key, value) in pairs {
        let Some(Node::Text(key)) = pickle.node(*key) else { continue };
        match pickle.node(*value) {
            Some(Node::Made(Torch::Tensor(tensor))) => {
                let name = found.name(prefix, key)?;
                found.tensors.push((name, tensor));
            }
            Some(Node::Object { .. }) => {
                let name = found.name(prefix, key)?;
                modules(pickle, *value, &name, seen, found)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Takes off what wrappers put before every name, and refuses a name that stands twice.
fn finish(mut found: Weights<'_>) -> Result<Weights<'_>, String> {
    while let Some(prefix) = PREFIXES
        .iter()
        .filter(|_| !found.tensors.is_empty())
        .find(|p| found.tensors.iter().all(|(name, _)| name.starts_with(**p)))
    {
        for (name, _) in &mut found.tensors {
            *name = name[prefix.len()..].to_owned();
        }
        found.notes.push(format!("{prefix} is taken off every name"));
    }
    let mut names: Vec<&str> = found.tensors.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("the tensor {} twice", shortened(twice[0])));
    }
    Ok(found)
}
