//! `sum` and `avg` of integers, durations and decimals: whole numbers of some unit, which are added in 256 bits. What the
//! type of the result cannot hold is an error.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::mem::size_of;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal256Array, PrimitiveArray, UInt64Array};
use arrow::compute::cast;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType,
    Field, FieldRef, Float64Type, Int64Type, UInt64Type, i256,
};
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::common::{DataFusionError, Result, ScalarValue, internal_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use super::exact_floats::passes;
use crate::engine::errors::external;
use crate::engine::rules::decimal_arithmetic::rounded_quotient;
use crate::error::Error;
use crate::source::type_words::type_words;

/// The digits of a sum of decimals that a query can ask for.
const DIGITS: u8 = 76;
/// A sum as part of a state.
const STATE: DataType = DataType::Decimal256(DIGITS, 0);

/// Whether values of this type are added here; of nothing but NULL, there are none.
pub(super) fn is_whole(of: &DataType) -> bool {
    matches!(of, DataType::Null | DataType::Int64 | DataType::UInt64 | DataType::Duration(_))
        || of.is_decimal()
}

/// What is made of the values of a group.
#[derive(Debug, Clone)]
pub(super) struct WholeStatistic {
    is_mean: bool,
    from: DataType,
    to: DataType,
    /// As it is written in a query, for messages.
    call: String,
    argument: String,
}

impl WholeStatistic {
    /// The sum or the mean that a call of `name` gives.
    pub(super) fn new(name: &str, is_mean: bool, args: &AccumulatorArgs) -> Self {
        let argument = args.expr_fields.first();
        let from = argument.map_or(DataType::Null, |field| field.data_type().clone());
        let argument = argument.map_or("x", |field| field.name()).to_owned();
        let inside = if args.is_distinct { format!("DISTINCT {argument}") } else { argument.clone() };
        Self { is_mean, from, to: args.return_type().clone(), call: format!("{name}({inside})"), argument }
    }

    pub(super) fn accumulator(self, is_distinct: bool) -> Box<dyn Accumulator> {
        if is_distinct {
            return Box::new(DistinctWholes { statistic: self, rows: HashMap::new(), sum: i256::ZERO });
        }
        Box::new(WholeAccumulator { statistic: self, tally: WholeTally::default() })
    }

    pub(super) fn groups(self) -> Box<dyn GroupsAccumulator> {
        Box::new(WholeGroups { statistic: self, tallies: Vec::new() })
    }

    /// The results of groups; NULL for one without values.
    fn column(&self, tallies: &[WholeTally]) -> Result<ArrayRef> {
        Ok(match &self.to {
            DataType::Float64 => {
                let mean = |tally: &WholeTally| (tally.values > 0).then(|| tally.float_mean());
                Arc::new(tallies.iter().map(mean).collect::<PrimitiveArray<Float64Type>>())
            }
            DataType::Int64 | DataType::Duration(_) => {
                let fit = |whole: i256| i64::try_from(whole.to_i128()?).ok();
                cast(&self.typed::<Int64Type>(tallies, &DataType::Int64, fit)?, &self.to)?
            }
            DataType::UInt64 => {
                let fit = |whole: i256| u64::try_from(whole.to_i128()?).ok();
                self.typed::<UInt64Type>(tallies, &self.to, fit)?
            }
            DataType::Decimal128(digits, _) => {
                let fits = |whole: &i128| Decimal128Type::is_valid_decimal_precision(*whole, *digits);
                self.typed::<Decimal128Type>(tallies, &self.to, |whole| whole.to_i128().filter(fits))?
            }
            DataType::Decimal256(digits, _) => {
                let fits = |whole: &i256| Decimal256Type::is_valid_decimal_precision(*whole, *digits);
                self.typed::<Decimal256Type>(tallies, &self.to, |whole| Some(whole).filter(fits))?
            }
            other => return internal_err!("a sum of whole numbers is no {other}"),
        })
    }

    fn typed<T: ArrowPrimitiveType>(
        &self,
        tallies: &[WholeTally],
        of: &DataType,
        fit: impl Fn(i256) -> Option<T::Native>,
    ) -> Result<ArrayRef> {
        let values = tallies.iter().map(|tally| {
            if tally.values == 0 {
                return Ok(None);
            }
            let whole = if self.is_mean { tally.mean(self.scale_added()) } else { Some(tally.sum) };
            whole.and_then(&fit).map(Some).ok_or_else(|| self.beyond(whole))
        });
        let values = values.collect::<Result<PrimitiveArray<T>>>()?;
        Ok(Arc::new(values.with_data_type(of.clone())))
    }

    /// Digits after the point that a mean has more than the values.
    fn scale_added(&self) -> u32 {
        match (scale(&self.from), scale(&self.to)) {
            (Some(from), Some(to)) => u32::try_from(i16::from(to) - i16::from(from)).unwrap_or(0),
            _ => 0,
        }
    }

    /// The error of a result that its type does not hold.
    fn beyond(&self, whole: Option<i256>) -> DataFusionError {
        let Self { call, to, from, argument, .. } = self;
        let name = call.split('(').next().unwrap_or_default();
        let value = match (whole, scale(to)) {
            (Some(whole), Some(scale)) => Decimal256Type::format_decimal(whole, DIGITS, scale),
            (Some(whole), None) => whole.to_string(),
            (None, _) => "a number of more than 76 digits".to_owned(),
        };
        let wider = match (from, scale(from)) {
            (DataType::Duration(_), _) => format!("{name}(CAST({argument} AS BIGINT)::DECIMAL(38, 0))"),
            (_, Some(scale)) => format!("{name}(CAST({argument} AS DECIMAL({DIGITS}, {scale})))"),
            (_, None) => format!("{name}(CAST({argument} AS DECIMAL(38, 0)))"),
        };
        let what = if self.is_mean { "an average" } else { "a sum" };
        let error =
            Error::input(format!("{call}: {value} is beyond what {what} of type {} holds", type_words(to)));
        let double = format!("{name}(CAST({argument} AS DOUBLE))");
        external(match from {
            DataType::Duration(_) => error.hint(format!("take a wider type: {wider}")),
            DataType::Decimal256(..) => error.hint(format!("take a wider type: {double}")),
            _ => error.hint(format!("take a wider type: {wider} or {double}")),
        })
    }
}

fn scale(of: &DataType) -> Option<i8> {
    match of {
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => Some(*scale),
        _ => None,
    }
}

/// The state of a call that is made here.
pub(super) fn state_fields(args: &StateFieldsArgs) -> Vec<FieldRef> {
    let name = |what| format_state_name(args.name, what);
    if args.is_distinct {
        let item = Field::new_list_field(STATE, true);
        return vec![Arc::new(Field::new_list(name("distinct"), item, false))];
    }
    vec![
        Arc::new(Field::new(name("sum"), STATE, false)),
        Arc::new(Field::new(name("values"), DataType::UInt64, false)),
    ]
}

/// Does something with each value, by its row; NULL is left out.
fn each(array: &ArrayRef, mut take: impl FnMut(usize, i256) -> Result<()>) -> Result<()> {
    fn rows<T: ArrowPrimitiveType>(
        array: &ArrayRef,
        wide: impl Fn(T::Native) -> i256,
        mut take: impl FnMut(usize, i256) -> Result<()>,
    ) -> Result<()> {
        for (row, value) in array.as_primitive::<T>().iter().enumerate() {
            if let Some(value) = value {
                take(row, wide(value))?;
            }
        }
        Ok(())
    }
    match array.data_type() {
        DataType::Null => Ok(()),
        DataType::Int64 => rows::<Int64Type>(array, i256::from, take),
        DataType::UInt64 => rows::<UInt64Type>(array, |value| i256::from(i128::from(value)), take),
        DataType::Decimal32(..) => rows::<Decimal32Type>(array, i256::from, take),
        DataType::Decimal64(..) => rows::<Decimal64Type>(array, i256::from, take),
        DataType::Decimal128(..) => rows::<Decimal128Type>(array, i256::from, take),
        DataType::Decimal256(..) => rows::<Decimal256Type>(array, |value| value, take),
        DataType::Duration(_) => {
            let whole = cast(array, &DataType::Int64)?;
            rows::<Int64Type>(&whole, i256::from, &mut take)
        }
        other => internal_err!("{other} is not added in 256 bits"),
    }
}

fn first(values: &[ArrayRef]) -> Result<&ArrayRef> {
    values.first().map_or_else(|| internal_err!("a sum without a column"), Ok)
}

/// Only sums of decimals of 256 bits come so far.
fn too_long() -> DataFusionError {
    external(Error::input("a sum has more than 76 digits").hint("sum a shorter type: sum(CAST(x AS DOUBLE))"))
}

#[derive(Debug, Clone, Copy, Default)]
struct WholeTally {
    sum: i256,
    values: u64,
}

impl WholeTally {
    fn add(&mut self, sum: i256, values: u64) -> Result<()> {
        self.sum = self.sum.checked_add(sum).ok_or_else(too_long)?;
        self.values += values;
        Ok(())
    }

    fn take_away(&mut self, value: i256) -> Result<()> {
        self.sum = self.sum.checked_sub(value).ok_or_else(too_long)?;
        self.values = self.values.saturating_sub(1);
        Ok(())
    }

    /// The mean with `more` digits after the point, rounded half away from zero.
    fn mean(&self, more: u32) -> Option<i256> {
        let (values, ten) = (i256::from(i128::from(self.values)), i256::from(10_i64).checked_pow(more)?);
        let (whole, rest) = (self.sum.checked_div(values)?, self.sum.checked_rem(values)?);
        whole.checked_mul(ten)?.checked_add(rounded_quotient(rest.checked_mul(ten)?, values)?)
    }

    /// The float next to the mean of 64-bit integers.
    fn float_mean(&self) -> f64 {
        /// The quotient has more bits than a float, whatever it is divided by.
        const SHIFT: u8 = 126;
        /// Bits that are rounded to those of a float.
        const KEPT: u32 = 120;
        let values = i256::from(i128::from(self.values));
        let shifted = self.sum.wrapping_abs() << SHIFT;
        let (quotient, rest) = (shifted.wrapping_div(values), shifted.wrapping_rem(values));
        let dropped = u8::try_from((256 - quotient.leading_zeros()).saturating_sub(KEPT)).unwrap_or(0);
        let kept = quotient >> dropped;
        // What is left out decides only where the rest is just between two floats.
        let is_more = rest != i256::ZERO || kept << dropped != quotient;
        let kept = kept.to_i128().unwrap_or_default() | i128::from(is_more);
        let mean = kept as f64 * 2.0_f64.powi(i32::from(dropped) - i32::from(SHIFT));
        if self.sum.is_negative() { -mean } else { mean }
    }
}

fn write(tallies: &[WholeTally]) -> Result<Vec<ArrayRef>> {
    let sums: Decimal256Array = tallies.iter().map(|tally| Some(tally.sum)).collect();
    let values: UInt64Array = tallies.iter().map(|tally| Some(tally.values)).collect();
    Ok(vec![Arc::new(sums.with_precision_and_scale(DIGITS, 0)?), Arc::new(values)])
}

fn read(columns: &[ArrayRef]) -> Result<impl Iterator<Item = (i256, u64)> + '_> {
    let sums = columns.first().and_then(|column| column.as_primitive_opt::<Decimal256Type>());
    let values = columns.get(1).and_then(|column| column.as_primitive_opt::<UInt64Type>());
    let (Some(sums), Some(values)) = (sums, values) else {
        return internal_err!("the state of a sum is not a sum and a count");
    };
    Ok(sums.values().iter().copied().zip(values.values().iter().copied()))
}

#[derive(Debug)]
struct WholeAccumulator {
    statistic: WholeStatistic,
    tally: WholeTally,
}

impl Accumulator for WholeAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        each(first(values)?, |_, value| self.tally.add(value, 1))
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        each(first(values)?, |_, value| self.tally.take_away(value))
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&self.statistic.column(&[self.tally])?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let sum = ScalarValue::Decimal256(Some(self.tally.sum), DIGITS, 0);
        Ok(vec![sum, ScalarValue::UInt64(Some(self.tally.values))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        read(states)?.try_for_each(|(sum, values)| self.tally.add(sum, values))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// The distinct values, with the number of rows that have each.
#[derive(Debug)]
struct DistinctWholes {
    statistic: WholeStatistic,
    rows: HashMap<i256, u64>,
    sum: i256,
}

impl DistinctWholes {
    fn add(&mut self, value: i256) -> Result<()> {
        let rows = self.rows.entry(value).or_insert(0);
        *rows += 1;
        if *rows == 1 {
            self.sum = self.sum.checked_add(value).ok_or_else(too_long)?;
        }
        Ok(())
    }
}

impl Accumulator for DistinctWholes {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        each(first(values)?, |_, value| self.add(value))
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        each(first(values)?, |_, value| {
            if let Entry::Occupied(mut rows) = self.rows.entry(value) {
                *rows.get_mut() -= 1;
                if *rows.get() == 0 {
                    rows.remove();
                    self.sum = self.sum.checked_sub(value).ok_or_else(too_long)?;
                }
            }
            Ok(())
        })
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let tally = WholeTally { sum: self.sum, values: self.rows.len() as u64 };
        ScalarValue::try_from_array(&self.statistic.column(&[tally])?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let values: Decimal256Array = self.rows.keys().map(|value| Some(*value)).collect();
        let values = Arc::new(values.with_precision_and_scale(DIGITS, 0)?);
        Ok(vec![SingleRowListArrayBuilder::new(values).build_list_scalar()])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let Some(lists) = first(states)?.as_list_opt::<i32>() else {
            return internal_err!("the state of a sum of distinct values is not a list");
        };
        lists.iter().flatten().try_for_each(|values| each(&values, |_, value| self.add(value)))
    }

    fn size(&self) -> usize {
        // A byte of control is beside each entry.
        size_of_val(self) + self.rows.capacity() * (size_of::<(i256, u64)>() + 1)
    }
}

#[derive(Debug)]
struct WholeGroups {
    statistic: WholeStatistic,
    tallies: Vec<WholeTally>,
}

impl GroupsAccumulator for WholeGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.tallies.resize(total_num_groups, WholeTally::default());
        each(first(values)?, |row, value| {
            let tally = group_indices.get(row).and_then(|group| self.tallies.get_mut(*group));
            match tally.filter(|_| passes(filter, row)) {
                Some(tally) => tally.add(value, 1),
                None => Ok(()),
            }
        })
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        self.statistic.column(&emit_to.take_needed(&mut self.tallies))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        write(&emit_to.take_needed(&mut self.tallies))
    }

    fn merge_batch(
        &mut self,
        states: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.tallies.resize(total_num_groups, WholeTally::default());
        read(states)?.zip(group_indices).try_for_each(|((sum, values), group)| {
            self.tallies.get_mut(*group).map_or(Ok(()), |tally| tally.add(sum, values))
        })
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let values = first(values)?;
        let mut tallies = vec![WholeTally::default(); values.len()];
        each(values, |row, value| match tallies.get_mut(row).filter(|_| passes(filter, row)) {
            Some(tally) => tally.add(value, 1),
            None => Ok(()),
        })?;
        write(&tallies)
    }

    fn size(&self) -> usize {
        self.tallies.capacity() * size_of::<WholeTally>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_of_integers_are_the_next_floats() {
        let mean = |sum: i128, values| WholeTally { sum: i256::from(sum), values }.float_mean();
        for (sum, values, expected) in [
            (0, 3, 0.0),
            (1, 3, 1.0 / 3.0),
            (-7, 2, -3.5),
            (1, u64::MAX, 2.0_f64.powi(-64)),
            ((1 << 53) + 1, 1, 9_007_199_254_740_992.0),
            ((1 << 53) + 3, 1, 9_007_199_254_740_996.0),
            // Just above the middle between two floats.
            (((1 << 53) + 1) * 3 + 1, 3, 9_007_199_254_740_994.0),
            (i128::from(i64::MAX) * 5, 5, 9_223_372_036_854_775_807.0),
            (i128::MAX, 1, 2.0_f64.powi(127)),
        ] {
            assert_eq!(mean(sum, values), expected, "{sum} / {values}");
        }
    }

    #[test]
    fn means_of_decimals_are_rounded_half_away_from_zero() {
        let mean = |sum: i64, values, more| WholeTally { sum: i256::from(sum), values }.mean(more).unwrap();
        for (sum, values, more, expected) in
            [(5, 2, 0, 3), (-5, 2, 0, -3), (4, 3, 0, 1), (2, 3, 4, 6667), (-2, 3, 4, -6667), (1, 3, 2, 33)]
        {
            assert_eq!(mean(sum, values, more), i256::from(i64::from(expected)), "{sum} / {values}");
        }
    }
}
