//! The types that hold all values of JSON objects as they are.
//!
//! An object is a struct with a field for each key. One with a value for each of its keys, and other keys in other
//! rows, is a map: a struct would say of every row that it lacks the keys of the others.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use serde_json::{Map, Value as Json};

use super::reader::AsMap;

/// Whole numbers up to here are floating-point numbers too.
const EXACT_MAX: u64 = 1 << 53;
/// Different keys of one object that may be columns.
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
    names: Vec<String>,
    kinds: HashMap<String, KeyKind>,
    objects: u64,
    /// The values, where there are too many different keys to keep.
    many: Option<Scalars>,
    is_map: bool,
}

/// One key of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct KeyKind {
    kind: JsonKind,
    /// Objects that have it.
    objects: u64,
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

    fn add(&mut self, other: Self) {
        self.boolean |= other.boolean;
        self.integer |= other.integer;
        self.negative |= other.negative;
        self.large |= other.large;
        self.unsigned |= other.unsigned;
        self.float |= other.float;
        self.text |= other.text;
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
            Self::Object(object) if object.is_map => Some(map_of(object.scalars()?.data_type())),
            Self::Object(object) => {
                let fields = object.fields(&object.names);
                (!fields.is_empty()).then(|| DataType::Struct(fields.into()))
            }
        }
    }
}

/// A map of texts to values of this type.
fn map_of(values: DataType) -> DataType {
    let fields = vec![Field::new("key", DataType::Utf8, false), Field::new("value", values, true)];
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(fields.into()), false)), false)
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
        self.objects += 1;
        for (key, value) in map {
            let at = |mut clash: Clash| {
                clash.path.push(key.clone());
                clash
            };
            if let Some(all) = &mut self.many {
                let mut kind = JsonKind::Scalar(*all);
                kind.see(value).map_err(at)?;
                if let JsonKind::Scalar(more) = kind {
                    *all = more;
                }
                continue;
            }
            if let Some(known) = self.kinds.get_mut(key) {
                known.objects += 1;
                known.kind.see(value).map_err(at)?;
                continue;
            }
            let mut new = KeyKind { kind: JsonKind::default(), objects: 1 };
            new.kind.see(value).map_err(at)?;
            self.names.push(key.clone());
            self.kinds.insert(key.clone(), new);
        }
        if self.names.len() > KEYS_MAX {
            let scalars = self.scalars().ok_or_else(|| Clash {
                path: Vec::new(),
                what: format!("has more than {KEYS_MAX} different keys over all rows"),
            })?;
            *self = Self { many: Some(scalars), is_map: true, objects: self.objects, ..Self::default() };
        }
        Ok(())
    }

    /// All values together; `None` where some are lists or objects.
    fn scalars(&self) -> Option<Scalars> {
        let mut all = self.many.unwrap_or_default();
        for known in self.kinds.values() {
            match &known.kind {
                JsonKind::Nothing => {}
                JsonKind::Scalar(scalars) => all.add(*scalars),
                JsonKind::List(_) | JsonKind::Object(_) => return None,
            }
        }
        Some(all)
    }

    /// Says which of the objects below are maps: those that are asked for, and else those of numbers whose keys differ
    /// between rows. Those in lists are structs.
    pub(super) fn settle(&mut self, path: &str, as_map: AsMap<'_>) {
        for (name, known) in &mut self.kinds {
            let JsonKind::Object(object) = &mut known.kind else { continue };
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            object.settle(&path, as_map);
            let Some(scalars) = object.scalars() else { continue };
            let varies = object.kinds.values().any(|known| known.objects < object.objects);
            let of_numbers = scalars != Scalars::default() && scalars.data_type() != DataType::Utf8;
            object.is_map |= as_map(&path).unwrap_or(varies && of_numbers);
        }
    }

    /// Whether rows have more different keys than there may be columns.
    pub(super) fn is_too_wide(&self) -> bool {
        self.many.is_some()
    }

    /// The columns of these names.
    pub(super) fn fields(&self, names: &[String]) -> Vec<Field> {
        let field = |name: &String| Some(Field::new(name, self.kinds.get(name)?.kind.data_type()?, true));
        names.iter().filter_map(field).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Result<String, String> {
        of_maps(values, &|_| None)
    }

    fn of_maps(values: &[&str], as_map: AsMap<'_>) -> Result<String, String> {
        let mut object = ObjectKind::default();
        for value in values {
            let Json::Object(map) = serde_json::from_str(&format!("{{\"x\": {value}}}")).unwrap() else {
                unreachable!()
            };
            object.see(&map).map_err(|clash| clash.to_string())?;
        }
        object.settle("", as_map);
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
            (&["{\"a\": 1, \"b\": 0.5}", "null"], "Struct(\"a\": Int64, \"b\": Float64)"),
            (&["[{\"a\": 1}, {\"b\": 2}]"], "List(Struct(\"a\": Int64, \"b\": Int64))"),
            (&["{}"], ""),
        ] {
            assert_eq!(of(values).as_deref(), Ok(expected), "{values:?}");
        }
    }

    #[test]
    fn objects_of_numbers_with_other_keys_in_other_rows_are_maps() {
        let map = |of: &str| {
            format!("Map(\"entries\": non-null Struct(\"key\": non-null Utf8, \"value\": {of}), unsorted)")
        };
        assert_eq!(of(&["{\"a\": 1}", "{\"b\": 0.5}"]).unwrap(), map("Float64"));
        assert_eq!(of(&["{}", "{\"b\": true}"]).unwrap(), map("Boolean"));
        let asked = |path: &str| (path == "x").then_some(true);
        assert_eq!(of_maps(&["{\"a\": \"yes\"}"], &asked).unwrap(), map("Utf8"));
        assert_eq!(of_maps(&["{\"a\": [1]}"], &asked).unwrap(), "Struct(\"a\": List(Int64))");
        let refused = of_maps(&["{\"a\": 1}", "{\"b\": 2}"], &|_| Some(false));
        assert_eq!(refused.unwrap(), "Struct(\"a\": Int64, \"b\": Int64)");
        let many: Vec<String> =
            (0..=KEYS_MAX).map(|i| format!("{{\"k{i}\": {i}}}")).chain(["{\"z\": -0.5}".into()]).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(of_maps(&many, &|_| Some(false)).unwrap(), map("Float64"));
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
