//! The columns of a copy of a shard: those of the shard, as far as the Parquet writer can write them.

use std::collections::BTreeMap;
use std::sync::Arc;

use parquet::basic::{LogicalType, Type};
use parquet::errors::Result as ParquetResult;
use parquet::schema::types::{SchemaDescriptor, Type as ParquetType, TypePtr};

/// The columns of `descriptor`, with INT64 and these logical types in the place of INT96, decimals in as many bytes as
/// they need, and no logical types that are not known.
pub(super) fn copied_columns(
    descriptor: &SchemaDescriptor,
    times: &BTreeMap<usize, LogicalType>,
) -> ParquetResult<SchemaDescriptor> {
    let mut leaf = 0;
    let fields = descriptor.root_schema().get_fields().iter();
    let fields = fields.map(|field| copied(field, &mut leaf, times)).collect::<ParquetResult<Vec<_>>>()?;
    let root =
        ParquetType::group_type_builder(descriptor.root_schema().name()).with_fields(fields).build()?;
    Ok(SchemaDescriptor::new(Arc::new(root)))
}

/// One column; `leaf` counts its leaves.
fn copied(
    column: &TypePtr,
    leaf: &mut usize,
    times: &BTreeMap<usize, LogicalType>,
) -> ParquetResult<TypePtr> {
    let info = column.get_basic_info();
    let id = info.has_id().then(|| info.id());
    if column.is_group() {
        let fields = column.get_fields().iter().map(|field| copied(field, leaf, times));
        let group = ParquetType::group_type_builder(info.name())
            .with_repetition(info.repetition())
            .with_converted_type(info.converted_type())
            .with_logical_type(info.logical_type_ref().cloned())
            .with_id(id)
            .with_fields(fields.collect::<ParquetResult<_>>()?);
        return Ok(Arc::new(group.build()?));
    }
    let time = times.get(leaf);
    *leaf += 1;
    let ParquetType::PrimitiveType { physical_type, type_length, precision, scale, .. } = &**column else {
        return Ok(Arc::clone(column));
    };
    let bytes = decimal_bytes(*precision);
    let is_wide = match physical_type {
        Type::BYTE_ARRAY => *precision > 0,
        Type::FIXED_LEN_BYTE_ARRAY => *precision > 0 && *type_length != bytes,
        _ => false,
    };
    let is_unknown = matches!(info.logical_type_ref(), Some(LogicalType::_Unknown { .. }));
    let builder = |physical| {
        ParquetType::primitive_type_builder(info.name(), physical)
            .with_repetition(info.repetition())
            .with_id(id)
    };
    let changed = match time {
        Some(time) => builder(Type::INT64).with_logical_type(Some(time.clone())),
        None if is_wide => builder(Type::FIXED_LEN_BYTE_ARRAY)
            .with_length(bytes)
            .with_logical_type(Some(LogicalType::decimal(*scale, *precision)))
            .with_precision(*precision)
            .with_scale(*scale),
        None if is_unknown => builder(*physical_type).with_length(*type_length),
        None => return Ok(Arc::clone(column)),
    };
    Ok(Arc::new(changed.build()?))
}

/// Bytes of a decimal of `precision` digits, as the writer writes it.
fn decimal_bytes(precision: i32) -> i32 {
    let largest = |bytes: i32| f64::from(8 * bytes - 1) * 2_f64.log10();
    (1..=32).find(|bytes| largest(*bytes) > f64::from(precision)).unwrap_or(32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_have_the_bytes_that_their_digits_need() {
        let bytes = [1, 2, 3, 4, 5, 9, 10, 18, 19, 38, 76].map(decimal_bytes);
        assert_eq!(bytes, [1, 1, 2, 2, 3, 4, 5, 8, 9, 16, 32]);
    }
}
