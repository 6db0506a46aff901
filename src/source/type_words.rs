//! Types of columns in plain words.

use arrow::datatypes::DataType;

/// Arrow's names of simple types, and their words.
const WORDS: [(&str, &str); 24] = [
    ("Boolean", "bool"),
    ("Int8", "8-bit integer"),
    ("Int16", "16-bit integer"),
    ("Int32", "32-bit integer"),
    ("Int64", "64-bit integer"),
    ("UInt8", "unsigned 8-bit integer"),
    ("UInt16", "unsigned 16-bit integer"),
    ("UInt32", "unsigned 32-bit integer"),
    ("UInt64", "unsigned 64-bit integer"),
    ("Float16", "16-bit float"),
    ("Float32", "32-bit float"),
    ("Float64", "64-bit float"),
    ("Utf8", "text"),
    ("LargeUtf8", "text"),
    ("Utf8View", "text"),
    ("Binary", "bytes"),
    ("LargeBinary", "bytes"),
    ("BinaryView", "bytes"),
    ("Date32", "date"),
    ("Date64", "date"),
    ("Decimal32", "decimal"),
    ("Decimal64", "decimal"),
    ("Decimal128", "decimal"),
    ("Decimal256", "decimal"),
];

/// A type in words: `32-bit integer`, `list of text`.
#[must_use]
pub(crate) fn type_words(data_type: &DataType) -> String {
    match data_type {
        DataType::Dictionary(_, values) => type_words(values),
        DataType::RunEndEncoded(_, values) => type_words(values.data_type()),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item) => format!("list of {}", type_words(item.data_type())),
        DataType::FixedSizeList(item, length) => {
            format!("list of {length} × {}", type_words(item.data_type()))
        }
        DataType::FixedSizeBinary(length) => format!("{length} bytes"),
        DataType::Struct(fields) => {
            let field = |field: &arrow::datatypes::FieldRef| {
                format!("{}: {}", field.name(), type_words(field.data_type()))
            };
            format!("struct of {}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => {
                format!(
                    "map of {} to {}",
                    type_words(fields[0].data_type()),
                    type_words(fields[1].data_type())
                )
            }
            _ => "map".to_owned(),
        },
        DataType::Timestamp(_, None) => "time".to_owned(),
        DataType::Timestamp(_, Some(zone)) => format!("time in {zone}"),
        DataType::Decimal32(digits, scale)
        | DataType::Decimal64(digits, scale)
        | DataType::Decimal128(digits, scale)
        | DataType::Decimal256(digits, scale) => format!("decimal({digits}, {scale})"),
        other => in_words(&other.to_string()),
    }
}

/// A message in which Arrow's names of types outside of quotes are words.
#[must_use]
pub(crate) fn in_words(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    let mut quote = None;
    let mut rest = message;
    while let Some(c) = rest.chars().next() {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        if end == 0 {
            quote = match quote {
                None if c == '"' => Some(c),
                Some(open) if open == c => None,
                other => other,
            };
            out.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        }
        let (word, after) = rest.split_at(end);
        let words = WORDS.iter().find(|(name, _)| *name == word && quote.is_none());
        out.push_str(words.map_or(word, |(_, words)| words));
        rest = after;
    }
    out
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::Field;

    use super::*;

    #[test]
    fn types_are_words() {
        let item = |of| Arc::new(Field::new("item", of, true));
        for (data_type, words) in [
            (DataType::Boolean, "bool"),
            (DataType::UInt8, "unsigned 8-bit integer"),
            (DataType::Utf8View, "text"),
            (DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)), "text"),
            (DataType::LargeList(item(DataType::Int32)), "list of 32-bit integer"),
            (DataType::FixedSizeList(item(DataType::Float32), 3), "list of 3 × 32-bit float"),
            (DataType::Decimal128(9, 2), "decimal(9, 2)"),
            (DataType::Struct(vec![Field::new("a", DataType::Date32, true)].into()), "struct of a: date"),
        ] {
            assert_eq!(type_words(&data_type), words);
        }
        assert_eq!(in_words("\"Int64\" is Int64, not Int64x"), "\"Int64\" is 64-bit integer, not Int64x");
    }
}
