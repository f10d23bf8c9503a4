//! JSON.

use serde_json::{Map, Value};

use super::base::Table;

impl Table {
    /// A JSON list with one object a row: every number, unrounded.
    pub fn to_json(&self) -> String {
        let fields = || self.columns.iter().filter(|c| c.json);
        let object = |row: usize| -> String {
            let object: Map<String, Value> = fields().map(|c| (c.key.clone(), c.values[row].json())).collect();
            Value::Object(object).to_string()
        };
        format!("[\n {}\n]\n", (0..self.len()).map(object).collect::<Vec<_>>().join(",\n "))
    }
}
