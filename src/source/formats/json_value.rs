//! JSON values in which no object has a key twice: which of two values counts would be a guess.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value as Json};

/// A value without doubled keys, at any depth.
#[derive(Debug, PartialEq)]
pub(super) struct DistinctJson(pub Json);

impl<'de> Deserialize<'de> for DistinctJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DistinctKeys).map(Self)
    }
}

struct DistinctKeys;

impl<'de> Visitor<'de> for DistinctKeys {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut all = Vec::new();
        while let Some(DistinctJson(item)) = items.next_element()? {
            all.push(item);
        }
        Ok(Json::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut all = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if all.contains_key(&key) {
                return Err(A::Error::custom(format_args!("the key {key:?} is there twice")));
            }
            let DistinctJson(value) = entries.next_value()?;
            all.insert(key, value);
        }
        Ok(Json::Object(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_json_and_doubled_keys_are_refused() {
        for text in [
            r#"{"a": [1, -2, 0.5, 1e300, 18446744073709551615, true, null, "é\n"], "b": {"a": {}}}"#,
            "[]",
            "7",
            "184467440737095516160",
        ] {
            let DistinctJson(value) = serde_json::from_str(text).unwrap();
            assert_eq!(value, serde_json::from_str::<Json>(text).unwrap(), "{text}");
        }
        for text in [r#"{"a": 1, "a": 1}"#, r#"{"x": [{"a": 1, "b": 2, "\u0061": 0}]}"#] {
            let error = serde_json::from_str::<DistinctJson>(text).unwrap_err().to_string();
            assert!(error.starts_with("the key \"a\" is there twice"), "{error}");
        }
        assert!(serde_json::from_str::<DistinctJson>("{\"a\" 1}").is_err());
    }
}
