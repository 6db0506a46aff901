//! The sum of counts in 64 bits per group, so that little is sent between machines.
//!
//! The `sum` of queries needs 128 bits and a number of values per group. Counts are never NULL, and 64 bits hold their
//! sum; overflow is an error.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, UInt64Array};
use arrow::datatypes::{DataType, Field, FieldRef, UInt64Type};
use datafusion::common::{Result, ScalarValue, exec_err, internal_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};

/// The aggregate `posweight_total(counts)`.
pub(super) fn counts() -> AggregateUDF {
    AggregateUDF::new_from_impl(TotalCount {
        signature: Signature::exact(vec![DataType::UInt64], Volatility::Immutable),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct TotalCount {
    signature: Signature,
}

impl AggregateUDFImpl for TotalCount {
    fn name(&self) -> &'static str {
        "posweight_total"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::UInt64)
    }

    fn accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(TotalAccumulator(0)))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(args.name, DataType::UInt64, true))])
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(TotalGroups(Vec::new())))
    }
}

fn counts_in(values: &[ArrayRef]) -> Result<&UInt64Array> {
    let counts = values.first().and_then(|column| column.as_primitive_opt::<UInt64Type>());
    let counts = counts.filter(|counts| counts.null_count() == 0);
    counts.map_or_else(|| internal_err!("the argument of posweight_total is not a column of counts"), Ok)
}

fn add(sum: &mut u64, more: u64) -> Result<()> {
    match sum.checked_add(more) {
        Some(all) => *sum = all,
        None => return exec_err!("a count exceeds 64 bits"),
    }
    Ok(())
}

#[derive(Debug)]
struct TotalAccumulator(u64);

impl Accumulator for TotalAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        counts_in(values)?.values().iter().try_for_each(|count| add(&mut self.0, *count))
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::UInt64(Some(self.0)))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

#[derive(Debug)]
struct TotalGroups(Vec<u64>);

impl GroupsAccumulator for TotalGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        if filter.is_some() {
            return internal_err!("posweight_total does not support FILTER");
        }
        self.0.resize(total_num_groups, 0);
        let mut counts = counts_in(values)?.values().iter().zip(group_indices);
        counts.try_for_each(|(count, group)| add(&mut self.0[*group], *count))
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        Ok(Arc::new(UInt64Array::from(emit_to.take_needed(&mut self.0))))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.evaluate(emit_to)?])
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.update_batch(values, group_indices, None, total_num_groups)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        if filter.is_some() {
            return internal_err!("posweight_total does not support FILTER");
        }
        Ok(values.to_vec())
    }

    fn size(&self) -> usize {
        self.0.capacity() * size_of::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_exact_or_an_error() {
        let counts = |counts: Vec<u64>| vec![Arc::new(UInt64Array::from(counts)) as ArrayRef];
        let mut groups = TotalGroups(Vec::new());
        groups.update_batch(&counts(vec![1, 2, u64::MAX - 4]), &[0, 1, 2], None, 3).unwrap();
        groups.merge_batch(&counts(vec![5, 4]), &[1, 2], 4).unwrap();
        let sums = groups.evaluate(EmitTo::First(1)).unwrap();
        assert_eq!(sums.as_primitive::<UInt64Type>().values(), &[1]);
        assert_eq!(groups.0, [7, u64::MAX, 0]);
        assert!(groups.update_batch(&counts(vec![1]), &[1], None, 3).is_err());
        let nulls: ArrayRef = Arc::new(UInt64Array::from(vec![Some(1), None]));
        assert!(groups.update_batch(&[nulls], &[0, 0], None, 3).is_err());
        let mut one = TotalAccumulator(3);
        one.update_batch(&counts(vec![4, 5])).unwrap();
        assert_eq!(one.evaluate().unwrap(), ScalarValue::UInt64(Some(12)));
    }
}
