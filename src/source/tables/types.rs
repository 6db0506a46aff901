//! The types that tables write in their schemas, as Arrow types. Delta Lake and Iceberg share the form and most words.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, TimeUnit};
use serde_json::Value as Json;

use crate::source::listing::table_kind::TableKind;

/// The columns of a schema.
pub(super) fn fields(of: Option<&Json>, kind: TableKind) -> Fields {
    let field = |field: &Json| -> Option<FieldRef> {
        Some(nullable(field.get("name")?.as_str()?, data_type(field.get("type")?, kind)))
    };
    of.and_then(Json::as_array).into_iter().flatten().filter_map(field).collect()
}

fn nullable(name: &str, data_type: DataType) -> FieldRef {
    Arc::new(Field::new(name, data_type, true))
}

/// NULL for types that have no equal here: a column of such a type that no file has is NULL whatever its type is.
fn data_type(of: &Json, kind: TableKind) -> DataType {
    if let Some(word) = of.as_str() {
        return simple(word, kind);
    }
    let below = |keys: [&str; 2]| {
        let inside = keys.iter().find_map(|key| of.get(key));
        inside.map_or(DataType::Null, |inside| data_type(inside, kind))
    };
    match of.get("type").and_then(Json::as_str) {
        Some("struct") => DataType::Struct(fields(of.get("fields"), kind)),
        Some("array" | "list") => DataType::List(nullable("item", below(["elementType", "element"]))),
        Some("map") => {
            let key = Arc::new(Field::new("key", below(["keyType", "key"]), false));
            let entries = Fields::from(vec![key, nullable("value", below(["valueType", "value"]))]);
            DataType::Map(Arc::new(Field::new("key_value", DataType::Struct(entries), false)), false)
        }
        _ => DataType::Null,
    }
}

fn simple(word: &str, kind: TableKind) -> DataType {
    let utc = || Some("UTC".into());
    match word {
        "boolean" => DataType::Boolean,
        "byte" => DataType::Int8,
        "short" => DataType::Int16,
        "integer" | "int" => DataType::Int32,
        "long" => DataType::Int64,
        "float" => DataType::Float32,
        "double" => DataType::Float64,
        "string" => DataType::Utf8,
        "binary" => DataType::Binary,
        "uuid" => DataType::FixedSizeBinary(16),
        "date" => DataType::Date32,
        "time" => DataType::Time64(TimeUnit::Microsecond),
        "timestamp" if kind == TableKind::Delta => DataType::Timestamp(TimeUnit::Microsecond, utc()),
        "timestamp" | "timestamp_ntz" => DataType::Timestamp(TimeUnit::Microsecond, None),
        "timestamptz" => DataType::Timestamp(TimeUnit::Microsecond, utc()),
        "timestamp_ns" => DataType::Timestamp(TimeUnit::Nanosecond, None),
        "timestamptz_ns" => DataType::Timestamp(TimeUnit::Nanosecond, utc()),
        _ => sized(word).unwrap_or(DataType::Null),
    }
}

/// `decimal(9, 2)`, `fixed[16]`.
fn sized(word: &str) -> Option<DataType> {
    if let Some(length) = word.strip_prefix("fixed[") {
        return length.strip_suffix(']')?.trim().parse().ok().map(DataType::FixedSizeBinary);
    }
    let (digits, scale) = word.strip_prefix("decimal(")?.strip_suffix(')')?.split_once(',')?;
    let digits = digits.trim().parse().ok().filter(|digits| (1..=38).contains(digits))?;
    Some(DataType::Decimal128(digits, scale.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types_are_those_that_files_of_the_table_have() {
        let of = |json: Json, kind| data_type(&json, kind).to_string();
        let both = |json: &Json| {
            let [delta, iceberg] = [TableKind::Delta, TableKind::Iceberg].map(|kind| of(json.clone(), kind));
            assert_eq!(delta, iceberg, "{json}");
            delta
        };
        for (word, expected) in [
            ("boolean", "Boolean"),
            ("byte", "Int8"),
            ("int", "Int32"),
            ("string", "Utf8"),
            ("decimal(9, 2)", "Decimal128(9, 2)"),
            ("decimal(39,2)", "Null"),
            ("fixed[4]", "FixedSizeBinary(4)"),
            ("variant", "Null"),
        ] {
            assert_eq!(both(&json!(word)), expected, "{word}");
        }
        let zones = [TableKind::Delta, TableKind::Iceberg].map(|kind| of(json!("timestamp"), kind));
        assert_eq!(zones, ["Timestamp(µs, \"UTC\")", "Timestamp(µs)"]);
        let delta = json!({"type": "array", "elementType": {"type": "struct", "fields": [
            {"name": "a", "type": {"type": "map", "keyType": "string", "valueType": "byte"}}]}});
        let iceberg = json!({"type": "list", "element": {"type": "struct", "fields": [
            {"name": "a", "type": {"type": "map", "key": "string", "value": "byte"}}]}});
        assert_eq!(of(delta, TableKind::Delta), of(iceberg, TableKind::Iceberg));
    }
}
