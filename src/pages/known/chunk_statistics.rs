//! Column chunks that their statistics describe completely.

use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;

use crate::pages::format::leaf::{LeafColumn, RawValue};
use crate::pages::value::Constant;

/// What a chunk holds, if its statistics describe it completely: a column without lists, a value or NULL in
/// each of the `rows` rows of its row group, equal and exact bounds, and a known null count. An absent null
/// count is unknown, never zero. The bounds of floats are not used, because NaN may lie outside of them.
#[must_use]
pub(crate) fn constant(meta: &ColumnChunkMetaData, rows: u64) -> Option<Constant<'_>> {
    let leaf = LeafColumn::of(meta.column_descr()).ok()?;
    let statistics = meta.statistics()?;
    let values = u64::try_from(meta.num_values()).ok().filter(|values| *values == rows)?;
    let nulls = statistics.null_count_opt()?;
    let rows = values.checked_sub(nulls)?;
    if leaf.max_rep > 0 || (leaf.max_def == 0 && nulls > 0) {
        return None;
    }
    if rows == 0 {
        return Some(Constant { value: None, rows, nulls });
    }
    let exact = statistics.min_is_exact() && statistics.max_is_exact() && !statistics.is_min_max_deprecated();
    if !exact || !leaf.has_total_order() {
        return None;
    }
    let raw = match statistics {
        Statistics::Boolean(s) => same(s.min_opt(), s.max_opt()).map(|v| RawValue::Word(u64::from(*v))),
        Statistics::Int32(s) => {
            same(s.min_opt(), s.max_opt()).map(|v| RawValue::Word(u64::from(v.cast_unsigned())))
        }
        Statistics::Int64(s) => same(s.min_opt(), s.max_opt()).map(|v| RawValue::Word(v.cast_unsigned())),
        Statistics::ByteArray(s) => same(s.min_opt(), s.max_opt()).map(|v| RawValue::Bytes(v.data())),
        Statistics::FixedLenByteArray(s) => same(s.min_opt(), s.max_opt()).map(|v| RawValue::Bytes(v.data())),
        Statistics::Int96(_) | Statistics::Float(_) | Statistics::Double(_) => None,
    }?;
    Some(Constant { value: Some(leaf.value(raw)), rows, nulls })
}

fn same<'s, T: PartialEq>(min: Option<&'s T>, max: Option<&'s T>) -> Option<&'s T> {
    min.filter(|min| max == Some(min))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parquet::data_type::ByteArray;
    use parquet::file::statistics::ValueStatistics;
    use parquet::schema::parser::parse_message_type;
    use parquet::schema::types::SchemaDescriptor;

    use super::*;
    use crate::pages::value::StoredValue;

    fn chunk(field: &str, values: i64, statistics: Statistics) -> ColumnChunkMetaData {
        let schema = parse_message_type(&format!("message m {{ {field} }}")).unwrap();
        let column = SchemaDescriptor::new(Arc::new(schema)).column(0);
        ColumnChunkMetaData::builder(column)
            .set_num_values(values)
            .set_statistics(statistics)
            .build()
            .unwrap()
    }

    fn ints(min: i32, max: i32, nulls: Option<u64>) -> Statistics {
        Statistics::int32(Some(min), Some(max), None, nulls, false)
    }

    #[test]
    fn equal_bounds_and_a_known_null_count_say_it_all() {
        let meta = chunk("optional int32 a;", 10, ints(1, 1, Some(3)));
        assert_eq!(
            constant(&meta, 10),
            Some(Constant { value: Some(StoredValue::Int(1)), rows: 7, nulls: 3 })
        );
        // Of another row group, or of a damaged footer.
        assert_eq!(constant(&meta, 11), None);
        let meta = chunk("optional int32 a (UINT_32);", 10, ints(-1, -1, Some(0)));
        assert_eq!(constant(&meta, 10).unwrap().value, Some(StoredValue::UInt(u64::from(u32::MAX))));
        let meta = chunk("optional int32 a;", 4, Statistics::int32(None, None, None, Some(4), false));
        assert_eq!(constant(&meta, 4), Some(Constant { value: None, rows: 0, nulls: 4 }));
    }

    #[test]
    fn anything_less_says_nothing() {
        let text = || Some(ByteArray::from("yes"));
        let cut = ValueStatistics::new(text(), text(), None, Some(0), false);
        for (field, statistics) in [
            ("optional int32 a;", ints(0, 1, Some(0))),
            ("optional int32 a;", ints(1, 1, None)),
            ("optional int32 a;", ints(1, 1, Some(11))),
            ("required int32 a;", ints(1, 1, Some(1))),
            ("repeated int32 a;", ints(1, 1, Some(0))),
            ("optional int32 a;", Statistics::int32(Some(1), Some(1), None, Some(0), true)),
            ("optional float a;", Statistics::float(Some(1.0), Some(1.0), None, Some(0), false)),
            ("optional binary a (UTF8);", Statistics::byte_array(text(), text(), None, None, false)),
            ("optional binary a (UTF8);", Statistics::ByteArray(cut.clone().with_min_is_exact(false))),
            ("optional binary a (UTF8);", Statistics::ByteArray(cut.with_max_is_exact(false))),
        ] {
            assert_eq!(constant(&chunk(field, 10, statistics), 10), None, "{field}");
        }
    }
}
