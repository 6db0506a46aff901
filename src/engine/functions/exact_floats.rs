//! `sum`, `avg`, `var` and `stddev` of floats, the same in every run: threads take rows in another order each time, and
//! a sum that is rounded at every step depends on the order. Here it is rounded once, at the end.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::mem::size_of;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, LargeBinaryArray};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::function::StateFieldsArgs;
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use super::exact_number::{ExactNumber, SQUARE_UNIT, UNIT, read_word};
use crate::engine::rules::one_nan::plain_double;

/// What is made of the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum FloatStatistic {
    Sum,
    Mean,
    Variance { of_sample: bool },
    Deviation { of_sample: bool },
}

/// Whether a call is made here: over floats, or what became floats.
pub(super) fn is_exact(data_type: &DataType) -> bool {
    *data_type == DataType::Float64
}

/// The state of a call that is made here.
pub(super) fn state_fields(args: &StateFieldsArgs) -> Vec<FieldRef> {
    if args.is_distinct {
        let item = Field::new_list_field(DataType::Float64, true);
        return vec![Arc::new(Field::new_list(format_state_name(args.name, "distinct"), item, false))];
    }
    vec![Arc::new(Field::new(format_state_name(args.name, "exact"), DataType::LargeBinary, false))]
}

/// What is known of the values of a group.
#[derive(Debug, Clone, Default)]
struct FloatTally {
    values: u64,
    sum: ExactNumber,
    /// Stays empty where no variance is asked for.
    squares: ExactNumber,
    /// How many values are infinite, minus infinite, and NaN.
    odd: Option<Box<[u64; 3]>>,
}

impl FloatStatistic {
    fn needs_squares(self) -> bool {
        matches!(self, Self::Variance { .. } | Self::Deviation { .. })
    }

    fn of(self, tally: &FloatTally) -> Option<f64> {
        let of_variance = |of_sample: bool| match (tally.values, of_sample) {
            (0, _) | (1, true) => None,
            (values, true) => Some(tally.variance((values - 1) as f64)),
            (values, false) => Some(tally.variance(values as f64)),
        };
        match self {
            Self::Sum => (tally.values > 0).then(|| tally.total()),
            Self::Mean => (tally.values > 0).then(|| tally.total() / tally.values as f64),
            Self::Variance { of_sample } => of_variance(of_sample),
            Self::Deviation { of_sample } => of_variance(of_sample).map(f64::sqrt),
        }
    }

    fn column<'a>(self, tallies: impl Iterator<Item = &'a FloatTally>) -> ArrayRef {
        Arc::new(tallies.map(|tally| self.of(tally)).collect::<Float64Array>())
    }
}

impl FloatTally {
    fn add(&mut self, value: f64, away: bool, squares: bool) {
        self.values = if away { self.values.saturating_sub(1) } else { self.values + 1 };
        if !value.is_finite() {
            let [above, below, nan] = &mut **self.odd.get_or_insert_default();
            let count = match value {
                f64::INFINITY => above,
                f64::NEG_INFINITY => below,
                _ => nan,
            };
            *count = if away { count.saturating_sub(1) } else { *count + 1 };
            return;
        }
        self.sum.add(value, away);
        if squares {
            self.squares.add_square(value, away);
        }
    }

    fn add_tally(&mut self, other: &Self) {
        self.values += other.values;
        self.sum.add_number(&other.sum, false);
        self.squares.add_number(&other.squares, false);
        if let Some(odd) = &other.odd {
            let own = self.odd.get_or_insert_default();
            own.iter_mut().zip(odd.iter()).for_each(|(count, more)| *count += more);
        }
    }

    fn total(&self) -> f64 {
        match self.odd.as_deref() {
            None | Some([0, 0, 0]) => self.sum.rounded(UNIT),
            Some([_, 0, 0]) => f64::INFINITY,
            Some([0, _, 0]) => f64::NEG_INFINITY,
            Some(_) => f64::NAN,
        }
    }

    /// (Σx² - (Σx)² / n) / `divisor`: exact up to the division.
    fn variance(&self, divisor: f64) -> f64 {
        if self.odd.as_deref().is_some_and(|odd| *odd != [0; 3]) {
            return f64::NAN;
        }
        let mut spread = self.squares.times(&ExactNumber::of(self.values));
        spread.add_number(&self.sum.times(&self.sum), true);
        let values = self.values as f64;
        let whole = spread.rounded(SQUARE_UNIT);
        if whole.is_finite() {
            return whole / values / divisor;
        }
        // Beyond the largest float, though the quotient may not be.
        spread.rounded(SQUARE_UNIT + 200) / values / divisor * 2.0_f64.powi(200)
    }

    fn heap(&self) -> usize {
        self.sum.heap() + self.squares.heap() + if self.odd.is_some() { size_of::<[u64; 3]>() } else { 0 }
    }

    fn write(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64);
        bytes.extend(self.values.to_le_bytes());
        let odd = self.odd.as_deref().copied().unwrap_or_default();
        odd.iter().for_each(|count| bytes.extend(count.to_le_bytes()));
        self.sum.write(&mut bytes);
        self.squares.write(&mut bytes);
        bytes
    }

    fn read(mut bytes: &[u8]) -> Option<Self> {
        let values = read_word(&mut bytes)?;
        let odd = [read_word(&mut bytes)?, read_word(&mut bytes)?, read_word(&mut bytes)?];
        let (sum, squares) = (ExactNumber::read(&mut bytes)?, ExactNumber::read(&mut bytes)?);
        let odd = Some(Box::new(odd)).filter(|odd| **odd != [0; 3]);
        bytes.is_empty().then_some(Self { values, sum, squares, odd })
    }
}

fn floats(values: &[ArrayRef]) -> Result<&Float64Array> {
    let column = values.first().and_then(|column| column.as_primitive_opt::<Float64Type>());
    column.map_or_else(|| internal_err!("a sum of floats without floats"), Ok)
}

fn write<'a>(tallies: impl Iterator<Item = &'a FloatTally>) -> ArrayRef {
    Arc::new(LargeBinaryArray::from_iter_values(tallies.map(FloatTally::write)))
}

fn read(states: &[ArrayRef]) -> Result<Vec<FloatTally>> {
    let column = states.first().and_then(|column| column.as_binary_opt::<i64>());
    let tallies = column.and_then(|column| column.iter().map(|state| FloatTally::read(state?)).collect());
    tallies.map_or_else(|| internal_err!("the state of a sum of floats is damaged"), Ok)
}

/// One group of all rows.
#[derive(Debug)]
pub(super) struct FloatAccumulator {
    statistic: FloatStatistic,
    tally: FloatTally,
}

impl FloatAccumulator {
    pub(super) fn new(statistic: FloatStatistic) -> Self {
        Self { statistic, tally: FloatTally::default() }
    }

    fn take(&mut self, values: &[ArrayRef], away: bool) -> Result<()> {
        let squares = self.statistic.needs_squares();
        floats(values)?.iter().flatten().for_each(|value| self.tally.add(value, away, squares));
        Ok(())
    }
}

impl Accumulator for FloatAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.take(values, false)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.take(values, true)
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64(self.statistic.of(&self.tally)))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::LargeBinary(Some(self.tally.write()))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        read(states)?.iter().for_each(|tally| self.tally.add_tally(tally));
        Ok(())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.tally.heap()
    }
}

/// The distinct values of all rows, with the number of rows that have each.
#[derive(Debug)]
pub(super) struct DistinctFloats {
    statistic: FloatStatistic,
    rows: HashMap<u64, u64>,
    tally: FloatTally,
}

impl DistinctFloats {
    pub(super) fn new(statistic: FloatStatistic) -> Self {
        Self { statistic, rows: HashMap::new(), tally: FloatTally::default() }
    }

    fn add(&mut self, value: f64) {
        let rows = self.rows.entry(plain_double(value).to_bits()).or_insert(0);
        *rows += 1;
        if *rows == 1 {
            self.tally.add(value, false, self.statistic.needs_squares());
        }
    }
}

impl Accumulator for DistinctFloats {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        floats(values)?.iter().flatten().for_each(|value| self.add(value));
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in floats(values)?.iter().flatten() {
            if let Entry::Occupied(mut rows) = self.rows.entry(plain_double(value).to_bits()) {
                *rows.get_mut() -= 1;
                if *rows.get() == 0 {
                    rows.remove();
                    self.tally.add(value, true, self.statistic.needs_squares());
                }
            }
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64(self.statistic.of(&self.tally)))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let values: Float64Array = self.rows.keys().map(|bits| Some(f64::from_bits(*bits))).collect();
        Ok(vec![SingleRowListArrayBuilder::new(Arc::new(values)).build_list_scalar()])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let Some(lists) = states.first().and_then(|states| states.as_list_opt::<i32>()) else {
            return internal_err!("the state of a sum of distinct floats is not a list");
        };
        lists.iter().flatten().try_for_each(|values| self.update_batch(&[values]))
    }

    fn size(&self) -> usize {
        // A byte of control is beside each entry.
        size_of_val(self) + self.tally.heap() + self.rows.capacity() * (size_of::<(u64, u64)>() + 1)
    }
}

/// All groups.
#[derive(Debug)]
pub(super) struct FloatGroups {
    statistic: FloatStatistic,
    tallies: Vec<FloatTally>,
    /// Bytes that the tallies have on the heap.
    heap: usize,
}

impl FloatGroups {
    pub(super) fn new(statistic: FloatStatistic) -> Self {
        Self { statistic, tallies: Vec::new(), heap: 0 }
    }

    /// Changes a tally, and keeps the account of the heap.
    fn change(&mut self, group: usize, change: impl FnOnce(&mut FloatTally)) {
        if let Some(tally) = self.tallies.get_mut(group) {
            let before = tally.heap();
            change(tally);
            self.heap = self.heap.saturating_add(tally.heap()).saturating_sub(before);
        }
    }

    fn emit(&mut self, emit_to: EmitTo) -> Vec<FloatTally> {
        let emitted = emit_to.take_needed(&mut self.tallies);
        let gone: usize = emitted.iter().map(FloatTally::heap).sum();
        self.heap = self.heap.saturating_sub(gone);
        emitted
    }
}

/// Whether a row passes the FILTER of the call.
pub(super) fn passes(filter: Option<&BooleanArray>, row: usize) -> bool {
    filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
}

impl GroupsAccumulator for FloatGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.tallies.resize_with(total_num_groups, FloatTally::default);
        let squares = self.statistic.needs_squares();
        for (row, (value, group)) in floats(values)?.iter().zip(group_indices).enumerate() {
            if let (Some(value), true) = (value, passes(filter, row)) {
                self.change(*group, |tally| tally.add(value, false, squares));
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let statistic = self.statistic;
        Ok(statistic.column(self.emit(emit_to).iter()))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![write(self.emit(emit_to).iter())])
    }

    fn merge_batch(
        &mut self,
        states: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.tallies.resize_with(total_num_groups, FloatTally::default);
        for (more, group) in read(states)?.iter().zip(group_indices) {
            self.change(*group, |tally| tally.add_tally(more));
        }
        Ok(())
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let squares = self.statistic.needs_squares();
        let tallies = floats(values)?.iter().enumerate().map(|(row, value)| {
            let mut tally = FloatTally::default();
            if let (Some(value), true) = (value, passes(filter, row)) {
                tally.add(value, false, squares);
            }
            tally
        });
        Ok(vec![write(tallies.collect::<Vec<_>>().iter())])
    }

    fn size(&self) -> usize {
        self.tallies.capacity() * size_of::<FloatTally>() + self.heap
    }
}
