//! Splitting batches by the values of the `--by` columns.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;

use crate::error::{Error, Result};

/// The values of the `--by` columns, as text; NULL is `None`.
pub(crate) type Key = Vec<Option<String>>;

/// Most groups one run may have: each holds a count per label.
pub(crate) const GROUPS_MAX: usize = 10_000;

/// Something per group.
#[derive(Debug)]
pub(super) struct Groups<T>(HashMap<Key, T>);

impl<T> Groups<T> {
    pub(super) fn new() -> Self {
        Self(HashMap::new())
    }

    pub(super) fn get_or_try_insert(&mut self, key: Key, make: impl FnOnce() -> T) -> Result<&mut T> {
        let full = self.0.len() >= GROUPS_MAX;
        match self.0.entry(key) {
            Entry::Occupied(group) => Ok(group.into_mut()),
            Entry::Vacant(_) if full => Err(too_many()),
            Entry::Vacant(place) => Ok(place.insert(make())),
        }
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.0.values()
    }

    pub(super) fn drain(&mut self) -> Vec<(Key, T)> {
        self.0.drain().collect()
    }
}

/// Refuses more groups than a run may have.
pub(crate) fn check(keys: &[Key]) -> Result<()> {
    let distinct: HashSet<&Key> = keys.iter().collect();
    if distinct.len() > GROUPS_MAX { Err(too_many()) } else { Ok(()) }
}

pub(crate) fn too_many() -> Error {
    Error::resource(format!("--by gives more than {GROUPS_MAX} groups"))
        .hint("name columns with few values, such as a split")
}

/// The groups of one batch, each with the mask of its rows; no mask when all rows are of one group.
pub(crate) fn split(by: &[ArrayRef], rows: usize) -> Result<Vec<(Key, Option<BooleanArray>)>> {
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
    let mut masks: HashMap<Key, Vec<bool>> = HashMap::new();
    let mut last: Option<(Key, usize)> = None;
    for row in 0..rows {
        let same = |key: &Key| {
            texts.iter().zip(key).all(|(column, value)| {
                let column = column.as_string::<i32>();
                column.is_valid(row).then(|| column.value(row)) == value.as_deref()
            })
        };
        // Rows of one group mostly stand together.
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
            .collect::<Key>();
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
fn close(masks: &mut HashMap<Key, Vec<bool>>, key: Key, end: usize) {
    masks.entry(key).or_default().resize(end, true);
}
