//! The types that hold all values of JSON objects as they are.

use std::collections::HashMap;

use arrow::datatypes::{DataType, Field};
use serde_json::{Map, Value as Json};

/// Whole numbers up to here are floating-point numbers too.
const EXACT_MAX: u64 = 1 << 53;
/// Different keys of one object: data that has more is a map with names of its own.
const KEYS_MAX: usize = 10_000;

/// Values of a key that were seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum JsonKind {
    /// None but null.
    #[default]
    Nothing,
    Scalar(Scalars),
    List(Box<JsonKind>),
    Object(ObjectKind),
}

/// Which scalars were seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Scalars {
    boolean: bool,
    integer: bool,
    negative: bool,
    /// A whole number that no floating-point number may stand for.
    large: bool,
    /// A whole number above those with a sign.
    unsigned: bool,
    float: bool,
    text: bool,
}

/// Keys of an object, in the order of first sight.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ObjectKind {
    pub names: Vec<String>,
    kinds: HashMap<String, JsonKind>,
}

impl Scalars {
    fn see(&mut self, value: &Json) {
        match value {
            Json::Bool(_) => self.boolean = true,
            Json::Number(number) => {
                if let Some(whole) = number.as_i64() {
                    self.integer = true;
                    self.negative |= whole < 0;
                    self.large |= whole.unsigned_abs() > EXACT_MAX;
                } else if number.is_u64() {
                    (self.integer, self.unsigned, self.large) = (true, true, true);
                } else {
                    self.float = true;
                    // A whole number of this size may have lost digits; as text it keeps them.
                    self.text |= number.as_f64().is_some_and(|x| x.fract() == 0.0 && x.abs() >= 9e18);
                }
            }
            _ => self.text = true,
        }
    }

    fn data_type(self) -> DataType {
        let Self { boolean, integer, negative, large, unsigned, float, text } = self;
        match () {
            () if text || (boolean && (integer || float)) => DataType::Utf8,
            () if boolean => DataType::Boolean,
            () if float && large => DataType::Utf8,
            () if float => DataType::Float64,
            () if unsigned && negative => DataType::Utf8,
            () if unsigned => DataType::UInt64,
            () => DataType::Int64,
        }
    }
}

impl JsonKind {
    fn name(&self) -> &'static str {
        match self {
            Self::Nothing => "null",
            Self::Scalar(_) => "a text or number",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    /// Takes a value; where it does not go with those before, says what it found and what it expected.
    fn see(&mut self, value: &Json) -> Result<(), Clash> {
        let found = match value {
            Json::Null => return Ok(()),
            Json::Array(_) => Self::List(Box::default()),
            Json::Object(_) => Self::Object(ObjectKind::default()),
            _ => Self::Scalar(Scalars::default()),
        };
        if *self == Self::Nothing {
            *self = found;
        }
        match (&mut *self, value) {
            (Self::Scalar(_), Json::Array(_) | Json::Object(_)) => Err(Clash::new(self, value)),
            (Self::Scalar(scalars), scalar) => {
                scalars.see(scalar);
                Ok(())
            }
            (Self::List(items), Json::Array(values)) => values.iter().try_for_each(|value| items.see(value)),
            (Self::Object(object), Json::Object(map)) => object.see(map),
            _ => Err(Clash::new(self, value)),
        }
    }

    /// `None` for objects without keys, which have no type.
    fn data_type(&self) -> Option<DataType> {
        match self {
            Self::Nothing => Some(DataType::Null),
            Self::Scalar(scalars) => Some(scalars.data_type()),
            Self::List(items) => Some(DataType::new_list(items.data_type()?, true)),
            Self::Object(object) => {
                let fields = object.fields(&object.names);
                (!fields.is_empty()).then(|| DataType::Struct(fields.into()))
            }
        }
    }
}

/// Values of one key that no column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clash {
    /// The key, with those around it.
    path: Vec<String>,
    what: String,
}

impl Clash {
    fn new(before: &JsonKind, value: &Json) -> Self {
        let found = match value {
            Json::Array(_) => "a list",
            Json::Object(_) => "an object",
            _ => "a text or number",
        };
        Self { path: Vec::new(), what: format!("holds {found} here and {} before", before.name()) }
    }
}

impl std::fmt::Display for Clash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path: Vec<&str> = self.path.iter().rev().map(String::as_str).collect();
        if path.is_empty() {
            return f.write_str(&self.what);
        }
        write!(f, "{:?} {}", path.join("."), self.what)
    }
}

impl ObjectKind {
    /// Takes an object.
    ///
    /// # Errors
    /// What does not go together.
    pub(super) fn see(&mut self, map: &Map<String, Json>) -> Result<(), Clash> {
        for (key, value) in map {
            if !self.kinds.contains_key(key) {
                if self.names.len() == KEYS_MAX {
                    let what = format!("has more than {KEYS_MAX} different keys over all rows");
                    return Err(Clash { path: Vec::new(), what });
                }
                self.names.push(key.clone());
            }
            let kind = self.kinds.entry(key.clone()).or_default();
            kind.see(value).map_err(|mut clash| {
                clash.path.push(key.clone());
                clash
            })?;
        }
        Ok(())
    }

    /// The columns of these names.
    pub(super) fn fields(&self, names: &[String]) -> Vec<Field> {
        let field = |name: &String| Some(Field::new(name, self.kinds.get(name)?.data_type()?, true));
        names.iter().filter_map(field).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Result<String, String> {
        let mut object = ObjectKind::default();
        for value in values {
            let Json::Object(map) = serde_json::from_str(&format!("{{\"x\": {value}}}")).unwrap() else {
                unreachable!()
            };
            object.see(&map).map_err(|clash| clash.to_string())?;
        }
        Ok(object.fields(&object.names).iter().map(|field| field.data_type().to_string()).collect())
    }

    #[test]
    fn a_column_has_the_type_that_holds_all_values() {
        for (values, expected) in [
            (&["null"][..], "Null"),
            (&["1", "null", "-2"], "Int64"),
            (&["1", "0.5"], "Float64"),
            (&["9007199254740993", "0.5"], "Utf8"),
            (&["18446744073709551615"], "UInt64"),
            (&["18446744073709551615", "-1"], "Utf8"),
            (&["184467440737095516160"], "Utf8"),
            (&["true", "false"], "Boolean"),
            (&["true", "1"], "Utf8"),
            (&["1", "\"01\""], "Utf8"),
            (&["[1]", "[]", "null", "[null, 2.5]"], "List(Float64)"),
            (&["{\"a\": 1}", "{\"b\": \"t\"}"], "Struct(\"a\": Int64, \"b\": Utf8)"),
            (&["{}"], ""),
        ] {
            assert_eq!(of(values).as_deref(), Ok(expected), "{values:?}");
        }
    }

    #[test]
    fn values_that_no_column_holds_are_named() {
        assert_eq!(of(&["[1]", "1"]).unwrap_err(), "\"x\" holds a text or number here and a list before");
        assert_eq!(of(&["1", "[1]"]).unwrap_err(), "\"x\" holds a list here and a text or number before");
        assert_eq!(
            of(&["[{\"a\": [1]}]", "[{\"a\": {}}]"]).unwrap_err(),
            "\"x.a\" holds an object here and a list before"
        );
    }
}
