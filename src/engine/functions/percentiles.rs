//! `percentile_cont` with all digits of the place between two values: that of DataFusion has six.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef, Float64Type, Schema};
use datafusion::common::{Result, ScalarValue};
use datafusion::functions_aggregate::percentile_cont::percentile_cont_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, Documentation, EmitTo, GroupsAccumulator,
    Signature,
};

use crate::engine::rules::one_nan::plain_double;

pub(super) fn percentile_cont() -> AggregateUDF {
    AggregateUDF::new_from_impl(ExactPercentile { inner: percentile_cont_udaf() })
}

#[derive(Debug)]
struct ExactPercentile {
    inner: Arc<AggregateUDF>,
}

impl PartialEq for ExactPercentile {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for ExactPercentile {}

impl Hash for ExactPercentile {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl AggregateUDFImpl for ExactPercentile {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let (place, is_distinct) = (PercentilePlace::of(&args)?, args.is_distinct);
        let inner = self.inner.accumulator(args)?;
        Ok(match place {
            Some(place) => Box::new(PercentileValues { inner, place, is_distinct }),
            None => inner,
        })
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        self.inner.state_fields(args)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        self.inner.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        let place = PercentilePlace::of(&args)?;
        let inner = self.inner.create_groups_accumulator(args)?;
        Ok(match place {
            Some(place) => Box::new(PercentileGroups { inner, place }),
            None => inner,
        })
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        self.inner.simplify()
    }

    fn supports_within_group_clause(&self) -> bool {
        self.inner.inner().supports_within_group_clause()
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }
}

/// Which value is asked for, of values of which type.
#[derive(Debug, Clone)]
struct PercentilePlace {
    percentile: f64,
    is_descending: bool,
    of: DataType,
}

impl PercentilePlace {
    /// `None` where DataFusion has something to say about the arguments, or there are only NULLs.
    fn of(args: &AccumulatorArgs) -> Result<Option<Self>> {
        let ([_, percentile, ..], [field, ..]) = (args.exprs, args.expr_fields) else { return Ok(None) };
        let none = RecordBatch::new_empty(Arc::new(Schema::empty()));
        let Ok(ColumnarValue::Scalar(value)) = percentile.evaluate(&none) else { return Ok(None) };
        let ScalarValue::Float64(Some(percentile)) = value.cast_to(&DataType::Float64)? else {
            return Ok(None);
        };
        let is_descending = args.order_bys.first().is_some_and(|key| key.options.descending);
        let of = field.data_type().clone();
        Ok(of.is_floating().then_some(Self { percentile, is_descending, of }))
    }

    /// The value there, between two of these.
    fn value(&self, values: &ArrayRef) -> Result<Option<f64>> {
        let values = cast(values, &DataType::Float64)?;
        let mut values: Vec<f64> =
            values.as_primitive::<Float64Type>().iter().flatten().map(plain_double).collect();
        let order = |a: &f64, b: &f64| -> Ordering {
            if self.is_descending { b.total_cmp(a) } else { a.total_cmp(b) }
        };
        let Some(last) = values.len().checked_sub(1) else { return Ok(None) };
        let place = self.percentile * last as f64;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a place from 0 to the last"
        )]
        let before = (place as usize).min(last);
        let (_, lower, above) = values.select_nth_unstable_by(before, order);
        let (lower, part) = (*lower, place - before as f64);
        Ok(Some(match above.iter().copied().min_by(order) {
            // Infinite ones have no difference.
            Some(upper) if part > 0.0 && upper != lower => lower + (upper - lower) * part,
            _ => lower,
        }))
    }
}

/// All values, which DataFusion keeps.
#[derive(Debug)]
struct PercentileValues {
    inner: Box<dyn Accumulator>,
    place: PercentilePlace,
    is_distinct: bool,
}

impl Accumulator for PercentileValues {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.inner.update_batch(values)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.inner.retract_batch(values)
    }

    fn supports_retract_batch(&self) -> bool {
        self.inner.supports_retract_batch()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let state = self.inner.state()?;
        let Some(ScalarValue::List(list)) = state.first() else { return self.inner.evaluate() };
        let values = list.value(0);
        // A window asks again; what is distinct was not taken out.
        if !self.is_distinct {
            self.inner.update_batch(&[Arc::clone(&values)])?;
        }
        ScalarValue::Float64(self.place.value(&values)?).cast_to(&self.place.of)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.inner.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.inner.merge_batch(states)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.inner.size()
    }
}

/// The same of groups.
struct PercentileGroups {
    inner: Box<dyn GroupsAccumulator>,
    place: PercentilePlace,
}

impl GroupsAccumulator for PercentileGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.inner.update_batch(values, group_indices, opt_filter, total_num_groups)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let state = self.inner.state(emit_to)?;
        let groups = state.first().map(|state| state.as_list::<i32>());
        let values = groups.into_iter().flat_map(|groups| groups.iter());
        let values = values.map(|values| match values {
            Some(values) => self.place.value(&values),
            None => Ok(None),
        });
        let values = values.collect::<Result<Float64Array>>()?;
        Ok(cast(&values, &self.place.of)?)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.inner.state(emit_to)
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.inner.merge_batch(values, group_indices, total_num_groups)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        self.inner.convert_to_state(values, opt_filter)
    }

    fn size(&self) -> usize {
        self.inner.size()
    }
}
