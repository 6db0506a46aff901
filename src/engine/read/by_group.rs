//! Splitting batches by the values of the `--by` columns.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;

use crate::engine::group_key::{GROUPS_MAX, GroupKey, too_many};
use crate::error::{Error, Result};

/// Something per group.
#[derive(Debug)]
pub(crate) struct ByGroup<T>(HashMap<GroupKey, T>);

impl<T> ByGroup<T> {
    pub(crate) fn new() -> Self {
        Self(HashMap::new())
    }

    pub(crate) fn get_or_try_insert(&mut self, key: GroupKey, make: impl FnOnce() -> T) -> Result<&mut T> {
        let full = self.0.len() >= GROUPS_MAX;
        match self.0.entry(key) {
            Entry::Occupied(group) => Ok(group.into_mut()),
            Entry::Vacant(_) if full => Err(too_many()),
            Entry::Vacant(place) => Ok(place.insert(make())),
        }
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.0.values()
    }

    pub(crate) fn drain(&mut self) -> Vec<(GroupKey, T)> {
        self.0.drain().collect()
    }
}

/// The groups of one batch, each with the mask of its rows; no mask when all rows are of one group.
pub(crate) fn split(by: &[ArrayRef], rows: usize) -> Result<Vec<(GroupKey, Option<BooleanArray>)>> {
    if rows == 0 {
        return Ok(Vec::new());
    }
    if by.is_empty() {
        return Ok(vec![(Vec::new(), None)]);
    }
    let texts = by
        .iter()
        .map(|array| cast(array, &DataType::Utf8).map_err(|cause| Error::usage(format!("--by: {cause}"))))
        .collect::<Result<Vec<_>>>()?;
    let mut masks: HashMap<GroupKey, Vec<bool>> = HashMap::new();
    let mut last: Option<(GroupKey, usize)> = None;
    for row in 0..rows {
        let same = |key: &GroupKey| {
            texts.iter().zip(key).all(|(column, value)| {
                let column = column.as_string::<i32>();
                column.is_valid(row).then(|| column.value(row)) == value.as_deref()
            })
        };
        // Rows of one group are mostly neighbours.
        if let Some((key, end)) = &mut last
            && same(key)
        {
            *end = row + 1;
            continue;
        }
        if let Some((key, end)) = last.take() {
            close(&mut masks, key, end);
        }
        let key = texts
            .iter()
            .map(|column| {
                let column = column.as_string::<i32>();
                column.is_valid(row).then(|| column.value(row).to_owned())
            })
            .collect::<GroupKey>();
        masks.entry(key.clone()).or_default().resize(row, false);
        last = Some((key, row + 1));
    }
    if let Some((key, end)) = last {
        close(&mut masks, key, end);
    }
    let single = masks.len() == 1;
    Ok(masks
        .into_iter()
        .map(|(key, mut mask)| {
            mask.resize(rows, false);
            (key, (!single).then(|| BooleanArray::from(mask)))
        })
        .collect())
}

/// Rows from the mask's end up to `end` are of this group.
fn close(masks: &mut HashMap<GroupKey, Vec<bool>>, key: GroupKey, end: usize) {
    masks.entry(key).or_default().resize(end, true);
}
