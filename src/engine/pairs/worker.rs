//! One thread of a count of pairs: rows become records.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, UInt32Type};

use super::ids::ids;
use super::names::Local;
use super::record::{NO_LABEL, Record, SIDES, Said};
use super::scatter::Scatter;
use super::totals::{Sorter, Totals};
use crate::counts::Cell;
use crate::engine::counting::Counting;
use crate::engine::plain::groups::Key;
use crate::engine::plain::visit::visit;
use crate::error::{Error, Result};
use crate::source::shards::Shard;
use crate::source::values::Value;

/// Unknown labels that are remembered.
const UNKNOWN_MAX: usize = 100;

/// What all threads need to know.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) counting: Arc<Counting>,
    pub(super) shards: Arc<[Shard]>,
    /// Ranges of ids of shards that are counted by themselves.
    pub(super) apart: Vec<Option<RangeInclusive<i128>>>,
}

/// Takes batches of `[by…, id, label, value?, shard]`.
#[derive(Debug)]
pub(super) struct Worker<R> {
    task: Arc<Task>,
    names: Local,
    /// Records of the shard at hand, if it is counted by itself.
    own: Scatter<R>,
    shard: Option<u32>,
    sorter: Sorter<R>,
    /// Records of all other shards.
    pub(super) common: Scatter<R>,
    pub(super) totals: Totals,
    /// What is wrong with labels → the first shard with such.
    pub(super) unknown: BTreeMap<String, u32>,
    /// A shard holds an id outside of the range that its statistics claim.
    pub(super) lied: bool,
}

impl<R: Record> Worker<R> {
    pub(super) fn new(task: Arc<Task>, names: Local, [own, common]: [Scatter<R>; 2], budget: usize) -> Self {
        Self {
            task,
            names,
            own,
            shard: None,
            sorter: Sorter::new(budget),
            common,
            totals: Totals::default(),
            unknown: BTreeMap::new(),
            lied: false,
        }
    }

    /// Takes one batch.
    pub(super) fn update(&mut self, batch: &RecordBatch) -> Result<()> {
        let n_by = self.task.counting.by.len();
        let columns = batch.columns();
        let shards = batch.column(batch.num_columns() - 1).as_primitive::<UInt32Type>().values();
        let Some(ids) = ids(&columns[n_by])? else { return Err(self.null_id()) };
        let groups = self.groups(&columns[..n_by], batch.num_rows())?;
        let labels = self.labels(&columns[n_by + 1], shards)?;
        let sides = match &self.task.counting.layout.value {
            Some(name) => Some(self.sides(name, &columns[n_by + 2], shards)?),
            None => None,
        };
        let signed = columns[n_by].data_type().is_signed_integer();
        // Rows of one shard stand together.
        let mut start = 0;
        while start < ids.len() {
            let shard = shards[start];
            let end = start + shards[start..].iter().take_while(|&&other| other == shard).count();
            self.take(shard, &ids[start..end], signed, |row| {
                let row = start + row;
                let group = groups.as_ref().map_or(0, |groups| groups[row]);
                Said::new(group, labels[row], sides.as_ref().map_or(LISTED, |sides| sides[row]))
            })?;
            start = end;
        }
        Ok(())
    }

    /// Takes rows of one shard: their ids, and what is `said` of each.
    pub(super) fn take(
        &mut self,
        shard: u32,
        ids: &[u128],
        signed: bool,
        said: impl Fn(usize) -> Said,
    ) -> Result<()> {
        let apart = self.enter(shard)?;
        for (row, &id) in ids.iter().enumerate() {
            let record = R::new(id, said(row));
            match &apart {
                None => self.common.push(record)?,
                Some(range) => {
                    self.lied |= !range.contains(&number(id, signed));
                    self.own.push(record)?;
                }
            }
        }
        Ok(())
    }

    /// Counts what is left of the last shard.
    pub(super) fn finish(&mut self) -> Result<()> {
        for part in 0..self.own.parts() {
            self.sorter.count(std::slice::from_ref(&self.own), part, &mut self.totals)?;
        }
        self.own.clear();
        Ok(())
    }

    /// Turns to a shard; says its range if it is counted by itself.
    fn enter(&mut self, shard: u32) -> Result<Option<RangeInclusive<i128>>> {
        if self.shard != Some(shard) {
            self.finish()?;
            self.shard = Some(shard);
        }
        Ok(self.task.apart.get(shard as usize).cloned().flatten())
    }

    fn groups(&mut self, by: &[ArrayRef], rows: usize) -> Result<Option<Vec<u32>>> {
        if by.is_empty() {
            self.names.group(&Vec::new())?;
            return Ok(None);
        }
        let texts = by
            .iter()
            .map(|array| cast(array, &DataType::Utf8).map_err(|cause| Error::usage(format!("--by: {cause}"))))
            .collect::<Result<Vec<_>>>()?;
        let texts: Vec<_> = texts.iter().map(AsArray::as_string::<i32>).collect();
        let value = |column: usize, row: usize| texts[column].is_valid(row).then(|| texts[column].value(row));
        let mut groups = Vec::with_capacity(rows);
        let mut last: Option<(usize, u32)> = None;
        for row in 0..rows {
            // Rows of one group mostly stand together.
            let same = |before: usize| (0..texts.len()).all(|i| value(i, row) == value(i, before));
            let group = match last {
                Some((before, group)) if same(before) => group,
                _ => {
                    let key: Key = (0..texts.len()).map(|i| value(i, row).map(str::to_owned)).collect();
                    self.names.group(&key)?
                }
            };
            last = Some((row, group));
            groups.push(group);
        }
        Ok(Some(groups))
    }

    fn labels(&mut self, array: &ArrayRef, shards: &[u32]) -> Result<Vec<u32>> {
        let mut labels = Vec::with_capacity(array.len());
        visit(array, |row, value| labels.push(self.label(value, shards[row])))?;
        Ok(labels)
    }

    /// The number of a label of `shard`; [`NO_LABEL`] where there is none.
    pub(super) fn label(&mut self, value: Option<Value<'_>>, shard: u32) -> u32 {
        match value.filter(|value| !self.task.counting.domain.is_missing(value)) {
            None => NO_LABEL,
            Some(value) => self.names.label(&value).unwrap_or_else(|what| self.stray(what, shard)),
        }
    }

    /// Notes what is wrong with a label.
    pub(super) fn stray(&mut self, what: String, shard: u32) -> u32 {
        if self.unknown.len() < UNKNOWN_MAX || self.unknown.contains_key(&what) {
            let first = self.unknown.entry(what).or_insert(shard);
            *first = shard.min(*first);
        }
        NO_LABEL
    }

    /// The number of a group.
    pub(super) fn group(&mut self, key: &Key) -> Result<u32> {
        self.names.group(key)
    }

    /// The side of every row's value.
    fn sides(&self, name: &str, array: &ArrayRef, shards: &[u32]) -> Result<Vec<u8>> {
        let domain = &self.task.counting.domain;
        let mut sides = Vec::with_capacity(array.len());
        let mut stray = None;
        visit(array, |row, value| {
            let cell = value.map_or(Cell::Missing, |value| domain.cell(&value));
            sides.push(side(cell));
            if let (Cell::Invalid, Some(value), None) = (cell, value, &stray) {
                stray = Some((value.to_string(), shards[row]));
            }
        })?;
        let Some((value, shard)) = stray else { return Ok(sides) };
        let shard = self.task.shards.get(shard as usize).map(|shard| shard.name.clone()).unwrap_or_default();
        Err(no_side(&value).at(format!("{shard}: column {name:?}")))
    }

    pub(super) fn null_id(&self) -> Error {
        let id = self.task.counting.layout.id.as_deref().unwrap_or_default();
        Error::input(format!("row id column {id:?} holds NULL")).hint(format!(
            "every row of layout long needs an id; or leave rows out: --where '{id} IS NOT NULL'"
        ))
    }
}

/// The side of a pair that is listed without a value.
pub(super) const LISTED: u8 = 3;

/// The number of a side; that of missing for what is on none.
pub(super) fn side(cell: Cell) -> u8 {
    (0..).zip(SIDES).find(|(_, side)| *side == cell).map_or(0, |(number, _)| number)
}

/// The error for a value that is on no side.
pub(super) fn no_side(value: &str) -> Error {
    Error::input(format!("value {value} is neither positive nor negative")).hint(
        "declare it with --positive-values, --negative-values, --missing-values or --uncertain-values, \
         or read numbers with --threshold",
    )
}

/// An id of 64 bits as statistics order it.
#[expect(clippy::cast_possible_truncation, reason = "narrow ids have 64 bits")]
fn number(id: u128, signed: bool) -> i128 {
    let id = id as u64;
    if signed { id.cast_signed().into() } else { id.into() }
}
