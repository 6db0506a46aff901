//! Splitting batches by the values of the `--by` columns.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringArray};
use arrow::buffer::{BooleanBuffer, Buffer};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use crate::engine::group_key::{GROUPS_MAX, GroupKey, too_many};
use crate::engine::rules::one_nan::plain_floats;
use crate::error::{Error, Result};

/// Texts with groups of which a table says what becomes of them.
const TABLE_MAX: usize = 1 << 10;

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

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.values_mut()
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
    let mut found = FoundGroups { numbers: vec![0; rows], keys: vec![Vec::new()] };
    for array in by {
        match array.as_any_dictionary_opt() {
            // A dictionary of more entries than rows costs more than it saves.
            Some(entries) if (1..=rows).contains(&entries.values().len()) => {
                let nulls = entries.nulls().cloned();
                let null = entries.values().len();
                let is_null = |row| nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
                let keys = entries.normalized_keys().into_iter().enumerate();
                let keys = keys.map(|(row, key)| if is_null(row) { null } else { key });
                found.add(&texts(entries.values())?, keys);
            }
            _ => found.add(&texts(array)?, 0..rows),
        }
    }
    let FoundGroups { numbers, keys } = found;
    if keys.len() == 1 {
        return Ok(keys.into_iter().map(|key| (key, None)).collect());
    }
    let mut masks = vec![vec![0_u64; rows.div_ceil(64)]; keys.len()];
    let mut words = vec![0_u64; keys.len()];
    for (at, numbers) in numbers.chunks(64).enumerate() {
        for (bit, number) in numbers.iter().enumerate() {
            words[*number as usize] |= 1 << bit;
        }
        for (mask, word) in masks.iter_mut().zip(&mut words) {
            mask[at] = std::mem::take(word);
        }
    }
    let mask = |words| BooleanArray::new(BooleanBuffer::new(Buffer::from_vec(words), 0, rows), None);
    Ok(keys.into_iter().zip(masks.into_iter().map(|words| Some(mask(words)))).collect())
}

/// The values of a `--by` column, as texts; 0 and -0 are one number.
pub(crate) fn texts(by: &ArrayRef) -> Result<StringArray> {
    let failed = |cause: &dyn std::fmt::Display| Error::usage(format!("--by: {cause}"));
    let mut plain = plain_floats(by).map_err(|cause| failed(&cause))?;
    if matches!(plain.data_type(), DataType::FixedSizeBinary(_)) {
        plain = cast(&plain, &DataType::Binary).map_err(|cause| failed(&cause))?;
    }
    let texts = cast(&plain, &DataType::Utf8).map_err(|cause| failed(&cause))?;
    // Bytes that are no text would be taken for NULL.
    if texts.null_count() > plain.logical_null_count() {
        return Err(Error::input("--by: a value is bytes that are not UTF-8").hint(
            "group by a text of them: --query \"SELECT *, encode(b, 'hex') AS bytes FROM shards\" --by bytes",
        ));
    }
    Ok(texts.as_string().clone())
}

/// The groups of rows, by the columns so far.
struct FoundGroups {
    /// By row.
    numbers: Vec<u32>,
    keys: Vec<GroupKey>,
}

impl FoundGroups {
    /// Parts the groups by one more column: `entries` has for each row the place of its text in `texts`, or one behind
    /// the last where it has none.
    fn add(&mut self, texts: &StringArray, entries: impl Iterator<Item = usize>) {
        // Few entries with few groups so far: what becomes of them stands in a table.
        let width = texts.len() + 1;
        let mut table =
            vec![u32::MAX; if width * self.keys.len() <= TABLE_MAX { width * self.keys.len() } else { 0 }];
        let mut known: HashMap<(u32, Option<&str>), u32> = HashMap::new();
        let mut keys: Vec<GroupKey> = Vec::new();
        let text_of =
            |entry: usize| (entry < texts.len() && texts.is_valid(entry)).then(|| texts.value(entry));
        // Rows of one group are mostly neighbours.
        let mut last: Option<((u32, Option<&str>), u32)> = None;
        for (number, entry) in self.numbers.iter_mut().zip(entries) {
            let place = *number as usize * width + entry;
            if let Some(new) = table.get(place).filter(|new| **new != u32::MAX) {
                *number = *new;
                continue;
            }
            let of = (*number, text_of(entry));
            let new = match last {
                Some((same, new)) if same == of => new,
                _ => *known.entry(of).or_insert_with(|| {
                    let mut key = self.keys[of.0 as usize].clone();
                    key.push(of.1.map(str::to_owned));
                    keys.push(key);
                    u32::try_from(keys.len() - 1).unwrap_or(u32::MAX)
                }),
            };
            last = Some((of, new));
            *number = new;
            if let Some(place) = table.get_mut(place) {
                *place = new;
            }
        }
        self.keys = keys;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use arrow::array::{BinaryArray, DictionaryArray, Float64Array, Int32Array};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bytes_are_texts_or_refused() {
        let bytes = |values: Vec<Option<&[u8]>>| Arc::new(BinaryArray::from(values)) as ArrayRef;
        let good = texts(&bytes(vec![Some("é".as_bytes()), None, Some(b"b")])).unwrap();
        assert_eq!(good, StringArray::from(vec![Some("é"), None, Some("b")]));
        let fixed = cast(&bytes(vec![Some(b"ab"), None]), &DataType::FixedSizeBinary(2)).unwrap();
        assert_eq!(texts(&fixed).unwrap(), StringArray::from(vec![Some("ab"), None]));
        let refused = texts(&bytes(vec![Some(b"a"), None, Some(b"\xff")])).unwrap_err();
        assert!(refused.to_string().contains("not UTF-8"), "{refused}");
    }

    #[test]
    fn both_zeros_are_one_group() {
        let by: ArrayRef = Arc::new(Float64Array::from(vec![Some(-0.0), Some(0.0), None, Some(1.5)]));
        let mut keys: Vec<_> = split(&[by], 4).unwrap().into_iter().map(|(key, _)| key[0].clone()).collect();
        keys.sort();
        assert_eq!(keys, [None, Some("0.0".to_owned()), Some("1.5".to_owned())]);
    }

    proptest! {
        #[test]
        fn every_row_is_in_the_group_of_its_values(
            rows in proptest::collection::vec((proptest::option::of(0..3_u8), 0..2_u8), 1..300),
        ) {
            let first: StringArray = rows.iter().map(|row| row.0.map(|n| n.to_string())).collect();
            let second: StringArray = rows.iter().map(|row| Some(row.1.to_string())).collect();
            let columns: [ArrayRef; 2] = [Arc::new(first), Arc::new(second)];
            // The same as entries of a dictionary, of which two are one text and one is NULL.
            let keys: Int32Array = rows.iter().enumerate().map(|(at, row)| match row.0 {
                Some(2) => Some(if at % 2 == 0 { 2 } else { 4 }),
                Some(n) => Some(i32::from(n)),
                None => (at % 2 == 0).then_some(3),
            }).collect();
            let entries = StringArray::from(vec![Some("0"), Some("1"), Some("2"), None, Some("2"), Some("unused")]);
            let first: ArrayRef = Arc::new(DictionaryArray::new(keys, Arc::new(entries)));
            let of_entries = [first, Arc::clone(&columns[1])];
            let mut expected: BTreeMap<GroupKey, Vec<bool>> = BTreeMap::new();
            for (at, (a, b)) in rows.iter().enumerate() {
                let key = vec![a.map(|n| n.to_string()), Some(b.to_string())];
                expected.entry(key).or_insert_with(|| vec![false; rows.len()])[at] = true;
            }
            for columns in [&columns, &of_entries] {
                let found: BTreeMap<GroupKey, Vec<bool>> = split(columns, rows.len()).unwrap().into_iter()
                    .map(|(key, mask)| (key, mask.map_or_else(|| vec![true; rows.len()], |mask| mask.values().iter().collect())))
                    .collect();
                prop_assert_eq!(&found, &expected);
            }
        }
    }
}
