//! SideCounts of sides: of all rows, and of each group. The state of both is three 64-bit counts.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, UInt64Array};
use arrow::datatypes::{DataType, UInt64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use super::sides::{self, MISSING, NEGATIVE, POSITIVE, SIDES};
use crate::counts::as_f64;
use crate::engine::errors::external;
use crate::error::Error;
use crate::measures::prevalence;
use crate::weights::{Scheme, weigh_label};

/// Names of the three counts in an aggregate's state.
pub(super) const STATE: [&str; SIDES] = ["positives", "negatives", "missing"];

/// What an aggregate computes from the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum LabelStatistic {
    Positives,
    Negatives,
    Missing,
    Prevalence,
    PosWeight,
}

type SideCounts = [u64; SIDES];

impl LabelStatistic {
    pub(super) fn data_type(self) -> DataType {
        match self {
            Self::Positives | Self::Negatives | Self::Missing => DataType::Int64,
            Self::Prevalence | Self::PosWeight => DataType::Float64,
        }
    }

    /// LabelAccumulator value for each of `counts`.
    fn values(self, counts: &[SideCounts]) -> Result<ArrayRef> {
        let side = |side: u8| {
            let counts = counts
                .iter()
                .map(|counts| i64::try_from(counts[usize::from(side)]).map_err(|_| external(overflow())));
            Ok(Arc::new(Int64Array::from(counts.collect::<Result<Vec<i64>>>()?)) as ArrayRef)
        };
        let number = |of: &dyn Fn(f64, f64) -> Option<f64>| {
            let of = |counts: &SideCounts| of(as_f64(counts[0]), as_f64(counts[1]));
            Ok(Arc::new(counts.iter().map(of).collect::<Float64Array>()) as ArrayRef)
        };
        match self {
            Self::Positives => side(POSITIVE),
            Self::Negatives => side(NEGATIVE),
            Self::Missing => side(MISSING),
            Self::Prevalence => number(&|pos, neg| prevalence(pos, neg, 0.0)),
            Self::PosWeight => {
                number(&|pos, neg| Some(weigh_label(&Scheme::Ratio { epsilon: 0.0 }, pos, neg, 0.0)))
            }
        }
    }
}

fn overflow() -> Error {
    Error::resource("a count exceeds 64 bits").hint("split the query by time or group")
}

fn add(sum: &mut u64, more: u64) -> Result<()> {
    *sum = sum.checked_add(more).ok_or_else(|| external(overflow()))?;
    Ok(())
}

/// The three columns of an aggregate's state.
fn read(columns: &[ArrayRef]) -> Result<[&UInt64Array; SIDES]> {
    let mut counts = columns.iter().filter_map(|column| column.as_primitive_opt::<UInt64Type>());
    match (counts.next(), counts.next(), counts.next()) {
        (Some(positives), Some(negatives), Some(missing)) => Ok([positives, negatives, missing]),
        _ => Err(external(Error::internal("the state of a label count is not three counts"))),
    }
}

fn write(counts: &[SideCounts]) -> Vec<ArrayRef> {
    let column = |side: usize| Arc::new(counts.iter().map(|c| c[side]).collect::<UInt64Array>()) as ArrayRef;
    (0..SIDES).map(column).collect()
}

fn first(values: &[ArrayRef]) -> Result<&ArrayRef> {
    values.first().ok_or_else(|| external(Error::internal("a label count without a column")))
}

/// SideCounts all rows.
#[derive(Debug)]
pub(super) struct LabelAccumulator {
    statistic: LabelStatistic,
    counts: SideCounts,
}

impl LabelAccumulator {
    pub(super) fn new(statistic: LabelStatistic) -> Self {
        Self { statistic, counts: SideCounts::default() }
    }

    fn count(values: &[ArrayRef]) -> Result<SideCounts> {
        let array = first(values)?;
        let mut counts = SideCounts::default();
        for (row, side) in sides::of(array).map_err(external)?.into_iter().enumerate() {
            counts[sides::index(side, array, row).map_err(external)?] += 1;
        }
        Ok(counts)
    }
}

impl Accumulator for LabelAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let more = Self::count(values)?;
        self.counts.iter_mut().zip(more).try_for_each(|(sum, more)| add(sum, more))
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let less = Self::count(values)?;
        self.counts.iter_mut().zip(less).for_each(|(sum, less)| *sum = sum.saturating_sub(less));
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&self.statistic.values(&[self.counts])?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(self.counts.iter().map(|count| ScalarValue::UInt64(Some(*count))).collect())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for (sum, column) in self.counts.iter_mut().zip(read(states)?) {
            column.values().iter().try_for_each(|more| add(sum, *more))?;
        }
        Ok(())
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// SideCounts the rows of every group.
#[derive(Debug)]
pub(super) struct LabelGroups {
    statistic: LabelStatistic,
    counts: Vec<SideCounts>,
}

impl LabelGroups {
    pub(super) fn new(statistic: LabelStatistic) -> Self {
        Self { statistic, counts: Vec::new() }
    }
}

/// Whether a row passes the FILTER of the aggregate.
fn passes(filter: Option<&BooleanArray>, row: usize) -> bool {
    filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
}

impl GroupsAccumulator for LabelGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.counts.resize(total_num_groups, SideCounts::default());
        let array = first(values)?;
        for (row, (side, group)) in
            sides::of(array).map_err(external)?.into_iter().zip(group_indices).enumerate()
        {
            if passes(filter, row) {
                self.counts[*group][sides::index(side, array, row).map_err(external)?] += 1;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        self.statistic.values(&emit_to.take_needed(&mut self.counts))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(write(&emit_to.take_needed(&mut self.counts)))
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.counts.resize(total_num_groups, SideCounts::default());
        for (side, column) in read(values)?.into_iter().enumerate() {
            for (group, more) in group_indices.iter().zip(column.values()) {
                add(&mut self.counts[*group][side], *more)?;
            }
        }
        Ok(())
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let array = first(values)?;
        let mut counts = vec![SideCounts::default(); array.len()];
        for (row, side) in sides::of(array).map_err(external)?.into_iter().enumerate() {
            if passes(filter, row) {
                counts[row][sides::index(side, array, row).map_err(external)?] = 1;
            }
        }
        Ok(write(&counts))
    }

    fn size(&self) -> usize {
        self.counts.capacity() * size_of::<SideCounts>()
    }
}
