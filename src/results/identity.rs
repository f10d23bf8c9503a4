//! What makes two things the same: two runs, two trainings, two source networks.

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::util::hex::hex;

/// All that decides something's numbers, as typed fields. Two things are the same if every field is equal; a key is a hash
/// of the fields in canonical JSON (names sorted, no spaces).
///
/// A kind of identity has a version, which changes when the meaning of a field does. A field that is added later is left out
/// where it has its default value, so that what was computed before it existed is still known.
///
/// ```
/// use cutpoint::results::Identity;
/// let of = |lr: f64, epochs: usize| Identity::new("training", 1, &serde_json::json!({"lr": lr, "epochs": epochs}));
/// let (a, b) = (of(0.1, 3)?, of(0.1, 4)?);
/// assert_ne!(a.key(), b.key());
/// assert_eq!(a.difference(&b), Some(("epochs".into(), "3".into(), "4".into())));
/// # Ok::<(), cutpoint::error::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Identity {
    fields: Map<String, Value>,
}

impl Identity {
    /// An identity of a kind, of the fields of a record.
    ///
    /// # Errors
    /// [`Error::Data`] when `fields` is no record of finite numbers, texts, lists and other records.
    pub fn new(kind: &'static str, version: u32, fields: &impl Serialize) -> Result<Identity> {
        let wrong = |found: String| Error::data("identity", "a record with a form in JSON", found);
        match serde_json::to_value(fields).map_err(|e| wrong(e.to_string()))? {
            Value::Object(given) => {
                let mut fields = Map::new();
                fields.insert("kind".to_owned(), kind.into());
                fields.insert("version".to_owned(), version.into());
                fields.extend(given);
                Ok(Identity { fields })
            }
            other => Err(wrong(other.to_string())),
        }
    }

    /// A hash of all fields.
    pub fn key(&self) -> String {
        hex(Md5::digest(canonical(&Value::Object(self.fields.clone())).to_string()))
    }

    /// The same without a field, or without one of a record in it (`training.epochs`, say).
    pub fn without(&self, field: &str) -> Identity {
        let mut fields = self.fields.clone();
        remove(&mut fields, field);
        Identity { fields }
    }

    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.fields.get(name)
    }

    /// The first field in which two identities differ (`training.epochs`, say), and its values in both.
    pub fn difference(&self, other: &Identity) -> Option<(String, String, String)> {
        difference_of(&self.fields, &other.fields)
    }
}

fn remove(fields: &mut Map<String, Value>, field: &str) {
    match field.split_once('.') {
        None => drop(fields.shift_remove(field)),
        Some((record, inner)) => {
            if let Some(Value::Object(record)) = fields.get_mut(record) {
                remove(record, inner);
            }
        }
    }
}

fn difference_of(a: &Map<String, Value>, b: &Map<String, Value>) -> Option<(String, String, String)> {
    a.keys().chain(b.keys()).find_map(|name| match (a.get(name), b.get(name)) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            difference_of(a, b).map(|(inner, ours, theirs)| (format!("{name}.{inner}"), ours, theirs))
        }
        (ours, theirs) if ours == theirs => None,
        (ours, theirs) => {
            // A field that is left out has the value that it had before there was such a field.
            let text = |value: Option<&Value>| value.map_or("the default".to_owned(), Value::to_string);
            Some((name.clone(), text(ours), text(theirs)))
        }
    })
}

/// The same value with names in order, in all records of it.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_by_key(|(name, _)| *name);
            Value::Object(sorted.into_iter().map(|(name, value)| (name.clone(), canonical(value))).collect())
        }
        Value::Array(items) => items.iter().map(canonical).collect(),
        plain => plain.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(fields: Value) -> Identity {
        Identity::new("test", 1, &fields).unwrap()
    }

    #[test]
    fn the_order_of_fields_is_of_no_account_and_every_value_counts() {
        let a = of(json!({"x": 1, "inner": {"p": [1, 2], "q": 0.5}}));
        assert_eq!(a.key(), of(json!({"inner": {"q": 0.5, "p": [1, 2]}, "x": 1})).key());
        for other in [
            json!({"x": 2, "inner": {"p": [1, 2], "q": 0.5}}),
            json!({"x": 1, "inner": {"p": [2, 1], "q": 0.5}}),
            json!({"x": 1, "inner": {"p": [1, 2], "q": 0.25}}),
            json!({"x": 1, "inner": {"p": [1, 2]}}),
        ] {
            assert_ne!(a.key(), of(other.clone()).key(), "{other}");
            assert!(a.difference(&of(other)).is_some());
        }
        let newer = Identity::new("test", 2, &json!({"x": 1, "inner": {"p": [1, 2], "q": 0.5}})).unwrap();
        assert_ne!(a.key(), newer.key());
    }

    /// What is kept under a key must be found under it by every later version.
    #[test]
    fn a_key_stays_what_it_is() {
        assert_eq!(
            of(json!({"b": [1, 0.001], "a": null})).key(),
            hex(Md5::digest(r#"{"a":null,"b":[1,0.001],"kind":"test","version":1}"#,))
        );
    }

    #[test]
    fn the_field_that_differs_is_named_and_an_identity_survives_json() {
        let (a, b) = (of(json!({"t": {"lr": 0.1, "e": 3}})), of(json!({"t": {"lr": 0.1, "e": 3, "new": true}})));
        let named = a.difference(&b).unwrap();
        assert_eq!(named, ("t.new".to_owned(), "the default".to_owned(), "true".to_owned()));
        assert_eq!(a.without("t"), b.without("t"));
        assert_eq!((a.clone(), a.without("t.e")), (b.without("t.new"), b.without("t.new").without("t.e")));
        assert_ne!(a, a.without("t.e"));
        let text = serde_json::to_string(&b).unwrap();
        assert_eq!(serde_json::from_str::<Identity>(&text).unwrap(), b);
        assert!(Identity::new("test", 1, &3).is_err());
    }
}
