//! `sum` that reports an overflow of 64-bit integers instead of wrapping around, and rounds a sum of floats once. Other
//! sums are those of DataFusion.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Int64Array, UInt64Array};
use arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Int64Type, UInt64Type};
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, SetMonotonicity, Signature,
};

use super::exact_floats::{self, FloatAccumulator, FloatGroups, FloatStatistic, is_exact};
use crate::engine::errors::external;
use crate::error::Error;
use crate::source::type_words::type_words;

/// The sum of 64-bit integers as 128 bits, which 2^63 rows cannot overflow.
const STATE: DataType = DataType::Decimal128(38, 0);

/// The checked `sum`.
pub(in crate::engine) fn checked() -> AggregateUDF {
    AggregateUDF::new_from_impl(CheckedSum { inner: sum_udaf() })
}

#[derive(Debug)]
struct CheckedSum {
    inner: Arc<AggregateUDF>,
}

impl PartialEq for CheckedSum {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for CheckedSum {}

impl Hash for CheckedSum {
    fn hash<H: Hasher>(&self, state: &mut H) {
        "checked sum".hash(state);
    }
}

/// True for sums that this file computes, in 128 bits.
fn is_checked(data_type: &DataType, is_distinct: bool) -> bool {
    !is_distinct && matches!(data_type, DataType::Int64 | DataType::UInt64)
}

/// True for sums of distinct values that this file computes, in 128 bits.
fn is_checked_distinct(data_type: &DataType, is_distinct: bool) -> bool {
    is_distinct && is_checked(data_type, false)
}

/// True for sums that are not those of DataFusion.
fn is_own(data_type: &DataType, is_distinct: bool) -> bool {
    is_checked(data_type, is_distinct) || is_exact(data_type, is_distinct)
}

impl AggregateUDFImpl for CheckedSum {
    fn name(&self) -> &'static str {
        "sum"
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if is_checked(args.return_type(), args.is_distinct) {
            return Ok(Box::new(SumAccumulator { sum: 0, values: 0, data_type: args.return_type().clone() }));
        }
        if is_checked_distinct(args.return_type(), args.is_distinct) {
            return Ok(Box::new(DistinctSum::new(args.return_type())));
        }
        if is_exact(args.return_type(), args.is_distinct) {
            return Ok(Box::new(FloatAccumulator::new(FloatStatistic::Sum)));
        }
        self.inner.accumulator(args)
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if is_own(args.return_type(), args.is_distinct)
            || is_checked_distinct(args.return_type(), args.is_distinct)
        {
            return self.accumulator(args);
        }
        self.inner.create_sliding_accumulator(args)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        if is_checked(args.return_type(), args.is_distinct) {
            let name = |what| format_state_name(args.name, what);
            return Ok(vec![
                Arc::new(Field::new(name("sum"), STATE, false)),
                Arc::new(Field::new(name("values"), DataType::UInt64, false)),
            ]);
        }
        if is_checked_distinct(args.return_type(), args.is_distinct) {
            let item = Field::new_list_field(STATE, true);
            let name = format_state_name(args.name, "sum distinct");
            return Ok(vec![Arc::new(Field::new_list(name, item, false))]);
        }
        if is_exact(args.return_type(), args.is_distinct) {
            return Ok(exact_floats::state_fields(args.name));
        }
        self.inner.state_fields(args)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        is_own(args.return_type(), args.is_distinct) || self.inner.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        if is_checked(args.return_type(), args.is_distinct) {
            return Ok(Box::new(SumGroups { sums: Vec::new(), data_type: args.return_type().clone() }));
        }
        if is_exact(args.return_type(), args.is_distinct) {
            return Ok(Box::new(FloatGroups::new(FloatStatistic::Sum)));
        }
        self.inner.create_groups_accumulator(args)
    }

    fn set_monotonicity(&self, data_type: &DataType) -> SetMonotonicity {
        self.inner.inner().set_monotonicity(data_type)
    }
}

/// The value of each row; `None` for NULL.
fn wide(array: &ArrayRef) -> Result<Box<dyn Iterator<Item = Option<i128>> + '_>> {
    match array.data_type() {
        DataType::Int64 => Ok(Box::new(array.as_primitive::<Int64Type>().iter().map(|v| v.map(i128::from)))),
        DataType::UInt64 => {
            Ok(Box::new(array.as_primitive::<UInt64Type>().iter().map(|v| v.map(i128::from))))
        }
        other => internal_err!("a sum of {other} is not computed in 128 bits"),
    }
}

/// Sums, each with its number of values, as 64-bit integers; NULL for a sum of no values.
fn narrow(sums: &[(i128, u64)], data_type: &DataType) -> Result<ArrayRef> {
    let overflow = |sum: i128| {
        external(
            Error::input(format!("sum: {sum} is beyond what a sum of type {} holds", type_words(data_type)))
                .hint("sum a wider type: sum(CAST(x AS DECIMAL(38, 0))) or sum(CAST(x AS DOUBLE))"),
        )
    };
    let some = |(_, values): &&(i128, u64)| *values > 0;
    if *data_type == DataType::UInt64 {
        let values = sums.iter().map(|pair| {
            Some(pair)
                .filter(some)
                .map(|(sum, _)| u64::try_from(*sum).map_err(|_| overflow(*sum)))
                .transpose()
        });
        return Ok(Arc::new(values.collect::<Result<UInt64Array>>()?));
    }
    let values = sums.iter().map(|pair| {
        Some(pair).filter(some).map(|(sum, _)| i64::try_from(*sum).map_err(|_| overflow(*sum))).transpose()
    });
    Ok(Arc::new(values.collect::<Result<Int64Array>>()?))
}

fn write(sums: &[(i128, u64)]) -> Result<Vec<ArrayRef>> {
    let wide: Decimal128Array = sums.iter().map(|(sum, _)| Some(*sum)).collect();
    let values: UInt64Array = sums.iter().map(|(_, values)| Some(*values)).collect();
    Ok(vec![Arc::new(wide.with_precision_and_scale(38, 0)?), Arc::new(values)])
}

fn read(columns: &[ArrayRef]) -> Result<impl Iterator<Item = (i128, u64)> + '_> {
    let sums = columns.first().and_then(|column| column.as_primitive_opt::<Decimal128Type>());
    let values = columns.get(1).and_then(|column| column.as_primitive_opt::<UInt64Type>());
    let (Some(sums), Some(values)) = (sums, values) else {
        return internal_err!("the state of a sum is not a sum and a count");
    };
    Ok(sums.values().iter().copied().zip(values.values().iter().copied()))
}

fn first(values: &[ArrayRef]) -> Result<&ArrayRef> {
    values.first().map_or_else(|| internal_err!("a sum without a column"), Ok)
}

#[derive(Debug)]
struct SumAccumulator {
    sum: i128,
    values: u64,
    data_type: DataType,
}

impl Accumulator for SumAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in wide(first(values)?)?.flatten() {
            self.sum += value;
            self.values += 1;
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in wide(first(values)?)?.flatten() {
            self.sum -= value;
            self.values = self.values.saturating_sub(1);
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&narrow(&[(self.sum, self.values)], &self.data_type)?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Decimal128(Some(self.sum), 38, 0), ScalarValue::UInt64(Some(self.values))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for (sum, values) in read(states)? {
            self.sum += sum;
            self.values += values;
        }
        Ok(())
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// The sum of distinct values, with the number of rows that have each.
#[derive(Debug)]
struct DistinctSum {
    rows: HashMap<i128, u64>,
    sum: i128,
    data_type: DataType,
}

impl DistinctSum {
    fn new(data_type: &DataType) -> Self {
        Self { rows: HashMap::new(), sum: 0, data_type: data_type.clone() }
    }

    fn add(&mut self, value: i128) {
        let rows = self.rows.entry(value).or_insert(0);
        *rows += 1;
        if *rows == 1 {
            self.sum += value;
        }
    }
}

impl Accumulator for DistinctSum {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        wide(first(values)?)?.flatten().for_each(|value| self.add(value));
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in wide(first(values)?)?.flatten() {
            if let Entry::Occupied(mut rows) = self.rows.entry(value) {
                *rows.get_mut() -= 1;
                if *rows.get() == 0 {
                    rows.remove();
                    self.sum -= value;
                }
            }
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&narrow(&[(self.sum, self.rows.len() as u64)], &self.data_type)?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let values: Decimal128Array = self.rows.keys().map(|value| Some(*value)).collect();
        let values = Arc::new(values.with_precision_and_scale(38, 0)?);
        Ok(vec![SingleRowListArrayBuilder::new(values).build_list_scalar()])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let Some(lists) = first(states)?.as_list_opt::<i32>() else {
            return internal_err!("the state of a sum of distinct values is not a list");
        };
        for values in lists.iter().flatten() {
            values.as_primitive::<Decimal128Type>().iter().flatten().for_each(|value| self.add(value));
        }
        Ok(())
    }

    fn size(&self) -> usize {
        // A byte of control is beside each entry.
        size_of_val(self) + self.rows.capacity() * (size_of::<(i128, u64)>() + 1)
    }
}

#[derive(Debug)]
struct SumGroups {
    sums: Vec<(i128, u64)>,
    data_type: DataType,
}

impl GroupsAccumulator for SumGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.sums.resize(total_num_groups, (0, 0));
        for (row, (value, group)) in wide(first(values)?)?.zip(group_indices).enumerate() {
            let passes = filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
            if let (Some(value), true) = (value, passes) {
                let (sum, values) = &mut self.sums[*group];
                *sum += value;
                *values += 1;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        narrow(&emit_to.take_needed(&mut self.sums), &self.data_type)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        write(&emit_to.take_needed(&mut self.sums))
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.sums.resize(total_num_groups, (0, 0));
        for ((sum, values), group) in read(values)?.zip(group_indices) {
            self.sums[*group].0 += sum;
            self.sums[*group].1 += values;
        }
        Ok(())
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let passes = |row: usize| filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
        let sums = wide(first(values)?)?.enumerate().map(|(row, value)| match value {
            Some(value) if passes(row) => (value, 1),
            _ => (0, 0),
        });
        write(&sums.collect::<Vec<_>>())
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<(i128, u64)>()
    }
}
