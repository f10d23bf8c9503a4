//! The values that tables hold.

use super::names::{cut_name, p_bound, percent};

/// What stands in one place of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing: a dash for people, an empty field in CSV, `null` in JSON.
    Missing,
    /// A fraction of the data, from above 0 to 1, which people read as a percentage.
    Fraction(f64),
    /// A cut; -1 is the baseline.
    Cut(i64),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// Yes or no.
    Flag(bool),
    /// Words.
    Words(String),
    /// Several values; people and CSV have them with spaces between them.
    List(Vec<Value>),
    /// Values by name, for JSON alone.
    Fields(Vec<(&'static str, Value)>),
}

/// How people read a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Format {
    /// As it is.
    #[default]
    Plain,
    /// With so many places.
    Decimals(usize),
    /// The same, with its sign.
    Signed(usize),
    /// A p-value with so many places; never a zero, which it cannot be.
    PValue(usize),
}

impl Value {
    /// For people.
    pub(super) fn shown(&self, format: Format) -> String {
        match (self, format) {
            (Value::Missing, _) => "-".to_owned(),
            (Value::Fraction(fraction), _) => percent(*fraction),
            (Value::Cut(cut), _) => cut_name(*cut),
            (Value::Integer(number), _) => number.to_string(),
            (Value::Number(number), Format::Plain) => number.to_string(),
            (Value::Number(number), Format::Decimals(places)) => format!("{number:.places$}"),
            (Value::Number(number), Format::Signed(places)) => format!("{number:+.places$}"),
            (Value::Number(number), Format::PValue(places)) => {
                p_bound(*number, places).map_or_else(|| format!("{number:.places$}"), |bound| format!("<{bound}"))
            }
            (Value::Flag(flag), _) => if *flag { "yes" } else { "no" }.to_owned(),
            (Value::Words(words), _) => words.clone(),
            (Value::List(values), format) => values.iter().map(|v| v.shown(format)).collect::<Vec<_>>().join(" "),
            (Value::Fields(fields), format) => {
                fields.iter().map(|(name, v)| format!("{name} {}", v.shown(format))).collect::<Vec<_>>().join(", ")
            }
        }
    }

    /// For programs, as text: every digit.
    pub(super) fn written(&self) -> String {
        match self {
            Value::Missing => String::new(),
            Value::Fraction(number) | Value::Number(number) => format!("{number:?}"),
            Value::Cut(cut) => cut.to_string(),
            Value::Flag(flag) => flag.to_string(),
            Value::List(values) => values.iter().map(Value::written).collect::<Vec<_>>().join(" "),
            Value::Integer(_) | Value::Words(_) | Value::Fields(_) => self.shown(Format::Plain),
        }
    }

    /// As JSON; a number that is none is `null` there.
    pub(super) fn json(&self) -> serde_json::Value {
        match self {
            Value::Missing => serde_json::Value::Null,
            Value::Fraction(number) | Value::Number(number) => (*number).into(),
            Value::Cut(number) | Value::Integer(number) => (*number).into(),
            Value::Flag(flag) => (*flag).into(),
            Value::Words(words) => words.clone().into(),
            Value::List(values) => values.iter().map(Value::json).collect::<Vec<_>>().into(),
            Value::Fields(fields) => {
                fields.iter().map(|(name, v)| ((*name).to_owned(), v.json())).collect::<serde_json::Map<_, _>>().into()
            }
        }
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Value::Number(number)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Integer(number)
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        // No count of anything here comes near the end of the range.
        i64::try_from(number).map_or(Value::Number(number as f64), Value::Integer)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Value::Flag(flag)
    }
}

impl From<&str> for Value {
    fn from(words: &str) -> Self {
        Value::Words(words.to_owned())
    }
}

impl From<String> for Value {
    fn from(words: String) -> Self {
        Value::Words(words)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Missing, Into::into)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(values: Vec<T>) -> Self {
        Value::List(values.into_iter().map(Into::into).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_p_value_is_never_shown_as_zero() {
        let shown = |p: f64| Value::Number(p).shown(Format::PValue(6));
        assert_eq!([0.05, 6e-7, 4e-7, 0.0].map(shown), ["0.050000", "0.000001", "<0.000001", "<0.000001"]);
    }

    #[test]
    fn nothing_and_what_is_no_number_are_null_in_json() {
        assert_eq!(Value::from(None::<f64>), Value::Missing);
        let json = [Value::Missing, Value::Number(f64::NAN), Value::Fields(vec![("cut", Value::Cut(-1))])];
        assert_eq!(json.map(|v| v.json().to_string()), ["null", "null", "{\"cut\":-1}"]);
        assert_eq!(Value::from(vec![3usize, 5]).written(), "3 5");
    }
}
