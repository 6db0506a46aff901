//! `min` and `max` of floats in groups, where NaN is one number above all others: DataFusion compares there in a way that
//! depends on the order of rows, and begins at the greatest finite number.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, PrimitiveArray};
use arrow::datatypes::{
    DataType, Field, FieldRef, Float16Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
};
use datafusion::common::{Result, ScalarValue};
use datafusion::functions_aggregate::min_max::{max_udaf, min_udaf};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, EmitTo, GroupsAccumulator, ReversedUDAF,
    SetMonotonicity, Signature, StatisticsArgs,
};
use half::f16;

use crate::engine::errors::external;
use crate::engine::rules::nested_order::no_order;
use crate::engine::rules::one_nan::plain_floats;

/// `min` and `max`.
pub(super) fn all() -> [AggregateUDF; 2] {
    [min_udaf(), max_udaf()].map(|inner| AggregateUDF::new_from_impl(Extreme { inner }))
}

#[derive(Debug)]
struct Extreme {
    inner: Arc<AggregateUDF>,
}

impl PartialEq for Extreme {
    fn eq(&self, other: &Self) -> bool {
        self.inner == other.inner
    }
}

impl Eq for Extreme {}

impl Hash for Extreme {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

impl AggregateUDFImpl for Extreme {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        // NULL within a struct is neither above nor below its other values there, and of lists in lists there is no order.
        if types.iter().any(is_unordered) {
            let order = if self.name() == "min" { "" } else { " DESC" };
            return Err(external(no_order(
                self.name(),
                &format!(
                    "write first_value(x ORDER BY x{order}) FILTER (WHERE x IS NOT NULL), or take a field or an element of x"
                ),
            )));
        }
        self.inner.return_type(types)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(types)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        self.inner.accumulator(args)
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        self.inner.create_sliding_accumulator(args)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        self.inner.state_fields(args)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        self.inner.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        let Some(key) = key_type(args.return_type()) else {
            return self.inner.create_groups_accumulator(args);
        };
        let field = Arc::new(Field::new(args.return_field.name(), key, true));
        let keys = self.inner.create_groups_accumulator(AccumulatorArgs { return_field: field, ..args })?;
        Ok(Box::new(FloatExtremes { keys }))
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        self.inner.reverse_udf()
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.inner.order_sensitivity()
    }

    fn is_descending(&self) -> Option<bool> {
        self.inner.is_descending()
    }

    fn value_from_stats(&self, statistics: &StatisticsArgs) -> Option<ScalarValue> {
        self.inner.value_from_stats(statistics)
    }

    fn set_monotonicity(&self, data_type: &DataType) -> SetMonotonicity {
        self.inner.inner().set_monotonicity(data_type)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }
}

/// Structs, maps, and lists of lists, structs or maps.
fn is_unordered(of: &DataType) -> bool {
    match of {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            item.data_type().is_nested()
        }
        of => of.is_nested(),
    }
}

/// The integers that have the order of floats.
fn key_type(of: &DataType) -> Option<DataType> {
    match of {
        DataType::Float16 => Some(DataType::Int16),
        DataType::Float32 => Some(DataType::Int32),
        DataType::Float64 => Some(DataType::Int64),
        _ => None,
    }
}

/// Floats below zero are ordered against their bits. Done twice, it gives the bits.
fn ordered(bits: i64) -> i64 {
    if bits < 0 { bits ^ i64::MAX } else { bits }
}

fn ordered_half(bits: u16) -> i16 {
    let bits = bits.cast_signed();
    if bits < 0 { bits ^ i16::MAX } else { bits }
}

fn ordered_single(bits: u32) -> i32 {
    let bits = bits.cast_signed();
    if bits < 0 { bits ^ i32::MAX } else { bits }
}

/// Floats as integers of the same order.
fn to_keys(floats: &ArrayRef) -> Result<ArrayRef> {
    let plain = plain_floats(floats)?;
    Ok(match plain.data_type() {
        DataType::Float16 => {
            let keys: PrimitiveArray<Int16Type> =
                plain.as_primitive::<Float16Type>().unary(|float| ordered_half(float.to_bits()));
            Arc::new(keys)
        }
        DataType::Float32 => {
            let keys: PrimitiveArray<Int32Type> =
                plain.as_primitive::<Float32Type>().unary(|float| ordered_single(float.to_bits()));
            Arc::new(keys)
        }
        DataType::Float64 => {
            let keys: PrimitiveArray<Int64Type> =
                plain.as_primitive::<Float64Type>().unary(|float| ordered(float.to_bits().cast_signed()));
            Arc::new(keys)
        }
        _ => plain,
    })
}

/// The floats of [`to_keys`].
fn of_keys(keys: &ArrayRef) -> ArrayRef {
    match keys.data_type() {
        DataType::Int16 => {
            let float = |key: i16| f16::from_bits(ordered_half(key.cast_unsigned()).cast_unsigned());
            let floats: PrimitiveArray<Float16Type> = keys.as_primitive::<Int16Type>().unary(float);
            Arc::new(floats)
        }
        DataType::Int32 => {
            let float = |key: i32| f32::from_bits(ordered_single(key.cast_unsigned()).cast_unsigned());
            let floats: PrimitiveArray<Float32Type> = keys.as_primitive::<Int32Type>().unary(float);
            Arc::new(floats)
        }
        DataType::Int64 => {
            let float = |key: i64| f64::from_bits(ordered(key).cast_unsigned());
            let floats: PrimitiveArray<Float64Type> = keys.as_primitive::<Int64Type>().unary(float);
            Arc::new(floats)
        }
        _ => Arc::clone(keys),
    }
}

/// The extremes of groups, as those of integers of the same order.
struct FloatExtremes {
    keys: Box<dyn GroupsAccumulator>,
}

impl GroupsAccumulator for FloatExtremes {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        let keys = values.iter().map(to_keys).collect::<Result<Vec<_>>>()?;
        self.keys.update_batch(&keys, group_indices, filter, total_num_groups)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        Ok(of_keys(&self.keys.evaluate(emit_to)?))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(self.keys.state(emit_to)?.iter().map(of_keys).collect())
    }

    fn merge_batch(
        &mut self,
        states: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        let keys = states.iter().map(to_keys).collect::<Result<Vec<_>>>()?;
        self.keys.merge_batch(&keys, group_indices, total_num_groups)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let keys = values.iter().map(to_keys).collect::<Result<Vec<_>>>()?;
        Ok(self.keys.convert_to_state(&keys, filter)?.iter().map(of_keys).collect())
    }

    fn size(&self) -> usize {
        self.keys.size()
    }
}
