//! `percentile_cont` and `median`, exact to the last digit.
//!
//! DataFusion keeps six digits of the place between two values, adds the two values around a median, which may be more than
//! a double holds, and cuts medians of decimals. Here, a median of decimals has one digit more than they have.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Decimal128Array, Float64Array, ListArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Decimal128Type, FieldRef, Float64Type, Schema};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::functions_aggregate::median::median_udaf;
use datafusion::functions_aggregate::percentile_cont::percentile_cont_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, Documentation, EmitTo, GroupsAccumulator,
    Signature,
};

/// `percentile_cont` and `median`.
pub(super) fn all() -> [AggregateUDF; 2] {
    [median_udaf(), percentile_cont_udaf()].map(|inner| AggregateUDF::new_from_impl(ExactPlace { inner }))
}

/// Collects values as DataFusion does, and takes the one at a place.
#[derive(Debug)]
struct ExactPlace {
    inner: Arc<AggregateUDF>,
}

impl PartialEq for ExactPlace {
    fn eq(&self, other: &Self) -> bool {
        self.inner == other.inner
    }
}

impl Eq for ExactPlace {}

impl Hash for ExactPlace {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

/// A place among values in order, and the type of what stands there.
#[derive(Debug, Clone)]
struct ValuePlace {
    /// The part of the values before it; none for a median.
    part: Option<f64>,
    is_descending: bool,
    to: DataType,
}

impl ValuePlace {
    /// What is asked for; none where DataFusion answers without loss, or refuses.
    fn of(args: &AccumulatorArgs) -> Option<Self> {
        let (from, to) = (args.expr_fields.first()?, args.return_type());
        let is_wider = matches!(to, DataType::Decimal128(..)) && from.data_type() != to;
        if !from.data_type().is_floating() && !is_wider {
            return None;
        }
        let part = match args.exprs {
            [_, part, ..] => match part.evaluate(&RecordBatch::new_empty(Arc::new(Schema::empty()))) {
                Ok(ColumnarValue::Scalar(ScalarValue::Float64(Some(part)))) => Some(part),
                _ => return None,
            },
            _ => None,
        };
        let is_descending = args.order_bys.first().is_some_and(|key| key.options.descending);
        Some(Self { part, is_descending, to: to.clone() })
    }

    /// The values at this place of lists.
    fn in_lists(&self, lists: &ListArray) -> Result<ArrayRef> {
        let bounds = lists.value_offsets().windows(2).map(|bounds| {
            let [start, end] = bounds else { return 0..0 };
            usize::try_from(*start).unwrap_or(0)..usize::try_from(*end).unwrap_or(0)
        });
        if let DataType::Decimal128(digits, scale) = &self.to {
            let values = cast(lists.values(), &self.to)?;
            let values = values.as_primitive::<Decimal128Type>().values();
            let middles = bounds.map(|list| values.get(list).and_then(decimal_middle));
            let middles = middles.collect::<Decimal128Array>();
            return Ok(Arc::new(middles.with_precision_and_scale(*digits, *scale)?));
        }
        let values = cast(lists.values(), &DataType::Float64)?;
        let values = values.as_primitive::<Float64Type>().values();
        let found: Float64Array =
            bounds.map(|list| values.get(list).and_then(|list| self.in_floats(list))).collect();
        Ok(cast(&found, &self.to)?)
    }

    fn in_floats(&self, values: &[f64]) -> Option<f64> {
        // NaN has no sign, and is above all numbers.
        let mut values: Vec<f64> =
            values.iter().map(|value| if value.is_nan() { f64::NAN } else { *value }).collect();
        let last = values.len().checked_sub(1)?;
        let Some(part) = self.part else {
            let (low, high) = neighbours(&mut values, last / 2, f64::total_cmp)?;
            return Some(if last % 2 == 0 { low } else { middle(low, high) });
        };
        let place = part * last as f64;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a place is within the values"
        )]
        let before = (place.floor() as usize).min(last);
        let share = place - place.floor();
        match (self.is_descending, share > 0.0 && before < last) {
            (false, true) => {
                let (low, high) = neighbours(&mut values, before, f64::total_cmp)?;
                Some(between(low, high, share))
            }
            (true, true) => {
                let (low, high) = neighbours(&mut values, last - before - 1, f64::total_cmp)?;
                Some(between(high, low, share))
            }
            (false, false) => Some(neighbours(&mut values, before, f64::total_cmp)?.0),
            (true, false) => Some(neighbours(&mut values, last - before, f64::total_cmp)?.0),
        }
    }
}

/// The value at a place, and the next one.
fn neighbours<T: Copy>(
    values: &mut [T],
    at: usize,
    order: impl Fn(&T, &T) -> std::cmp::Ordering,
) -> Option<(T, T)> {
    if at >= values.len() {
        return None;
    }
    let (_, low, above) = values.select_nth_unstable_by(at, &order);
    let low = *low;
    Some((low, above.iter().copied().min_by(&order).unwrap_or(low)))
}

/// The middle of two decimals with a digit for it, which ends in zero in both.
fn decimal_middle(values: &[i128]) -> Option<i128> {
    let last = values.len().checked_sub(1)?;
    let (low, high) = neighbours(&mut values.to_vec(), last / 2, i128::cmp)?;
    Some(if last % 2 == 0 { low } else { low / 2 + high / 2 })
}

fn middle(low: f64, high: f64) -> f64 {
    let sum = low + high;
    if sum.is_finite() || !low.is_finite() || !high.is_finite() { sum / 2.0 } else { low / 2.0 + high / 2.0 }
}

/// The value that is a share of the way from one to another, from its nearer end, as numpy has it.
fn between(from: f64, to: f64, share: f64) -> f64 {
    let way = to - from;
    match way {
        // As equal infinities are.
        _ if from == to => from,
        way if !way.is_finite() => from * (1.0 - share) + to * share,
        way if share < 0.5 => from + way * share,
        way => to - way * (1.0 - share),
    }
}

impl AggregateUDFImpl for ExactPlace {
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
        match types {
            [
                DataType::Decimal32(digits, scale)
                | DataType::Decimal64(digits, scale)
                | DataType::Decimal128(digits, scale),
            ] if *digits < DECIMAL128_MAX_PRECISION && *scale >= 0 => {
                Ok(DataType::Decimal128(digits + 1, scale + 1))
            }
            _ => self.inner.return_type(types),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let (place, is_distinct) = (ValuePlace::of(&args), args.is_distinct);
        let inner = self.inner.accumulator(args)?;
        Ok(match place {
            Some(place) => Box::new(PlacedValue { inner, place, is_distinct }),
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
        let place = ValuePlace::of(&args);
        let inner = self.inner.create_groups_accumulator(args)?;
        Ok(match place {
            Some(place) => Box::new(PlacedGroups { inner, place }),
            None => inner,
        })
    }

    fn supports_within_group_clause(&self) -> bool {
        self.inner.supports_within_group_clause()
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }
}

#[derive(Debug)]
struct PlacedValue {
    inner: Box<dyn Accumulator>,
    place: ValuePlace,
    is_distinct: bool,
}

impl Accumulator for PlacedValue {
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
        let [ScalarValue::List(list)] = &self.inner.state()?[..] else {
            return internal_err!("values at a place are kept as a list");
        };
        if !self.is_distinct {
            // The state takes all values away, and a window has more of them to come.
            self.inner.update_batch(&[Arc::clone(list.values())])?;
        }
        ScalarValue::try_from_array(&self.place.in_lists(list)?, 0)
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

struct PlacedGroups {
    inner: Box<dyn GroupsAccumulator>,
    place: ValuePlace,
}

impl GroupsAccumulator for PlacedGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.inner.update_batch(values, groups, filter, total)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let state = self.inner.state(emit_to)?;
        let Some(lists) = state.first().and_then(|lists| lists.as_list_opt::<i32>()) else {
            return internal_err!("values at a place are kept as lists");
        };
        self.place.in_lists(lists)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.inner.state(emit_to)
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.inner.merge_batch(states, groups, total)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        self.inner.convert_to_state(values, filter)
    }

    fn size(&self) -> usize {
        self.inner.size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(part: Option<f64>, is_descending: bool, values: &[f64]) -> Option<f64> {
        ValuePlace { part, is_descending, to: DataType::Float64 }.in_floats(values)
    }

    /// What numpy gives for the same values.
    #[test]
    fn places_have_all_digits() {
        let tenths: Vec<f64> = (0..10).map(|value| f64::from(value) * 1e6).collect();
        assert_eq!(at(Some(0.7), false, &tenths), Some(6_300_000.0));
        assert_eq!(at(Some(0.7), true, &tenths), Some(2_700_000.0));
        assert_eq!(at(Some(0.000_000_49), false, &[1e9, 0.0]), Some(489.999_999_999_999_94));
        assert_eq!(at(Some(0.000_000_49), true, &[1e9, 0.0]), Some(999_999_510.0));
        assert_eq!(at(Some(0.333_333_333_3), false, &[0.0, 1000.0]), Some(333.333_333_3));
        assert_eq!(at(Some(1.0), false, &tenths), Some(9e6));
        assert_eq!(at(Some(1.0), true, &tenths), Some(0.0));
        assert_eq!(at(Some(0.0), true, &tenths), Some(9e6));
        assert_eq!(at(Some(0.5), false, &[]), None);
        assert_eq!(at(Some(0.5), false, &[-f64::MAX, f64::MAX]), Some(0.0));
        assert_eq!(at(Some(0.5), false, &[f64::INFINITY, 1.0, f64::INFINITY]), Some(f64::INFINITY));
        // NaN of either sign is above all numbers.
        assert_eq!(at(Some(0.5), false, &[-f64::NAN, 1.0, 2.0]), Some(2.0));
        assert!(at(Some(0.0), true, &[-f64::NAN, 1.0, 2.0]).is_some_and(f64::is_nan));
    }

    #[test]
    fn medians_are_the_middle() {
        assert_eq!(at(None, false, &[1.7e308, 1.5e308]), Some(1.6e308));
        assert_eq!(at(None, false, &[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(at(None, false, &[f64::NEG_INFINITY, 1.0]), Some(f64::NEG_INFINITY));
        assert_eq!(decimal_middle(&[1010, 1000]), Some(1005));
        assert_eq!(decimal_middle(&[-10, 20, 70]), Some(20));
        assert_eq!(decimal_middle(&[]), None);
    }
}
