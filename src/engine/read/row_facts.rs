//! What is known of the rows of a row group before its labels are read: which meet the condition, what they weigh, and
//! of which group they are.

use std::collections::HashMap;
use std::ops::BitAnd;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array};
use arrow::compute::filter;
use arrow::datatypes::Float64Type;

use crate::counts::Mass;
use crate::engine::group_key::GroupKey;
use crate::engine::read::by_group::split;
use crate::engine::read::chunk_source::{ChunkSource, RowQuestions};
use crate::engine::read::named_columns::NamedColumns;
use crate::engine::read::weights::{mass, mass_overflow, sum, weights};
use crate::error::{Error, Result};
use crate::pages::RowMask;
use crate::source::shards::Shard;

/// A row group of more groups is read as arrays.
const PARTS_MAX: usize = 32;
/// So is one of more rows where they have weights or groups, which take memory for all of its rows at a time.
const ROWS_MAX: u64 = 1 << 23;

/// Facts of the rows of one row group.
#[derive(Debug)]
pub(crate) struct RowFacts {
    /// The rows that count, by group; `None` where there are too many groups or rows.
    pub(crate) parts: Option<Vec<RowPart>>,
    /// The weight of each row, where rows have weights.
    weights: Option<Vec<f64>>,
    /// The same with the rows of the file that are deleted, where some are.
    weights_of_file: Option<Vec<f64>>,
}

/// Rows of a row group that count, all of one group.
#[derive(Debug)]
pub(crate) struct RowPart {
    /// The group; `None` where it is that of the shard.
    pub(crate) key: Option<GroupKey>,
    /// Which rows; `None` where all do. Rows that are deleted have no bit.
    pub(crate) mask: Option<RowMask>,
    /// The same of all rows of the file, where some are deleted.
    mask_of_file: Option<RowMask>,
    /// How many rows.
    pub(crate) rows: u64,
    /// Their weight; 0 where rows have none.
    pub(crate) mass: Mass,
}

/// The weights of rows of one group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowWeights<'a> {
    /// Of each row of the row group.
    pub(crate) values: &'a [f64],
    /// Of all rows of the group together.
    pub(crate) sum: Mass,
}

/// The facts of row group `group` of shard `number`, which is `shard` with its footer.
///
/// # Errors
/// As reading the columns that are asked for, evaluating the condition, and
/// [`Error::Input`] for a weight that is none.
pub(crate) fn row_facts(
    source: &ChunkSource,
    questions: &RowQuestions,
    (number, shard): (usize, &Shard),
    group: usize,
) -> Result<RowFacts> {
    let RowQuestions { condition, weight, by } = questions;
    let all_rows = shard.live_rows(group);
    if questions.is_empty() {
        let all = RowPart { key: None, mask: None, mask_of_file: None, rows: all_rows, mass: Mass::ZERO };
        return Ok(RowFacts { parts: Some(vec![all]), weights: None, weights_of_file: None });
    }
    if condition.as_ref().is_some_and(|condition| !condition.may_hold(shard, group)) {
        return Ok(RowFacts { parts: Some(Vec::new()), weights: None, weights_of_file: None });
    }
    if all_rows > ROWS_MAX && !(weight.is_none() && by.is_empty()) {
        return Ok(RowFacts { parts: None, weights: None, weights_of_file: None });
    }
    let mut columns = NamedColumns::open_asked(source, (number, shard), group, questions)?;
    source.progress.add_bytes(columns.bytes());
    let mut found = PartFinder::default();
    while let Some((rows, arrays)) = columns.next()? {
        let mut add = || {
            let answers = questions.answer(&arrays, rows)?;
            found.add(answers.holds.as_ref(), answers.by, rows)?;
            match (weight, &answers.weight) {
                (Some(name), Some(own)) => found.weigh(name, own, answers.holds.as_ref()),
                _ => Ok(()),
            }
        };
        add().map_err(|error| columns.at(error))?;
        if found.words.len() > PARTS_MAX {
            return Ok(RowFacts { parts: None, weights: None, weights_of_file: None });
        }
    }
    found.finish(questions)
}

/// The rows of each group, bit by bit.
#[derive(Debug, Default)]
struct PartFinder {
    words: HashMap<GroupKey, Vec<u64>>,
    rows: usize,
    weights: Vec<f64>,
}

impl PartFinder {
    fn add(&mut self, holds: Option<&BooleanArray>, by: &[ArrayRef], rows: usize) -> Result<()> {
        for (key, own) in split(by, rows)? {
            let both = match (own, holds) {
                (Some(own), Some(holds)) => BooleanArray::new(own.values().bitand(holds.values()), None),
                (Some(own), None) => own,
                (None, Some(holds)) => holds.clone(),
                (None, None) => BooleanArray::from(vec![true; rows]),
            };
            if both.true_count() > 0 {
                append(self.words.entry(key).or_default(), self.rows, &both);
            }
        }
        self.rows += rows;
        Ok(())
    }

    /// Appends the weights of rows, which are doubles.
    fn weigh(&mut self, name: &str, own: &ArrayRef, holds: Option<&BooleanArray>) -> Result<()> {
        let Some(holds) = holds else {
            self.weights.extend_from_slice(weights(name, own)?.values());
            return Ok(());
        };
        weights(name, &filter(own, holds).map_err(|cause| Error::internal(cause.to_string()))?)?;
        let own = own.as_primitive::<Float64Type>();
        let kept = own.values().iter().zip(holds.values());
        self.weights.extend(kept.map(|(weight, holds)| if holds { *weight } else { 0.0 }));
        Ok(())
    }

    fn finish(self, questions: &RowQuestions) -> Result<RowFacts> {
        let weights = questions.weight.as_ref().map(|_| self.weights);
        let mut parts = Vec::new();
        for (key, words) in self.words {
            let mask = RowMask::new(words, self.rows);
            let sum = weights.as_deref().map_or(Ok(Mass::ZERO), |weights| weigh(weights, &mask))?;
            parts.push(RowPart {
                key: (!questions.by.is_empty()).then_some(key),
                rows: mask.kept(),
                mask: (mask.kept() < self.rows as u64).then_some(mask),
                mask_of_file: None,
                mass: sum,
            });
        }
        parts.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(RowFacts { parts: Some(parts), weights, weights_of_file: None })
    }
}

/// The weight of the rows of a mask.
fn weigh(weights: &[f64], mask: &RowMask) -> Result<Mass> {
    if mask.kept() == weights.len() as u64 {
        return sum(weights);
    }
    let mut sum = Mass::ZERO;
    for row in (0..weights.len()).filter(|row| mask.has(*row)) {
        sum = sum.checked_add(mass(weights[row])?).ok_or_else(mass_overflow)?;
    }
    Ok(sum)
}

impl RowPart {
    /// The rows of the file that count, for pages; `None` where all do.
    pub(crate) fn mask_for_pages(&self) -> Option<&RowMask> {
        self.mask_of_file.as_ref().or(self.mask.as_ref())
    }
}

impl RowFacts {
    /// Says of all rows of the file what is known of those that are not deleted, which are `live`.
    pub(super) fn spread(&mut self, live: &RowMask) {
        for part in self.parts.iter_mut().flatten() {
            part.mask_of_file =
                Some(part.mask.as_ref().map_or_else(|| live.clone(), |mask| live.spread(mask)));
        }
        self.weights_of_file = self.weights.as_ref().map(|weights| {
            let mut weights = weights.iter();
            (0..live.rows())
                .map(|row| if live.has(row) { weights.next().copied() } else { None }.unwrap_or(0.0))
                .collect()
        });
    }

    /// The weights of the rows of a group, for pages.
    pub(crate) fn weights(&self, part: &RowPart) -> Option<RowWeights<'_>> {
        self.weights_of_file
            .as_ref()
            .or(self.weights.as_ref())
            .map(|values| RowWeights { values, sum: part.mass })
    }

    /// The arrays of `rows` rows from row `from` on, but only the rows of a group, with their weights last.
    pub(super) fn rows_of(
        &self,
        part: &RowPart,
        (from, rows): (u64, usize),
        arrays: &[ArrayRef],
    ) -> Result<Vec<ArrayRef>> {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let mut all = arrays.to_vec();
        if let Some(weights) = &self.weights {
            let some = weights.get(from..from + rows).unwrap_or_default();
            all.push(Arc::new(Float64Array::from(some.to_vec())));
        }
        let Some(mask) = &part.mask else { return Ok(all) };
        let keep: BooleanArray = (from..from + rows).map(|row| Some(mask.has(row))).collect();
        let kept = all.iter().map(|array| filter(array, &keep));
        kept.collect::<Result<_, _>>().map_err(|cause| Error::internal(cause.to_string()))
    }
}

/// Appends the bits of `holds` behind the first `at`.
fn append(words: &mut Vec<u64>, at: usize, holds: &BooleanArray) {
    let chunks = holds.values().bit_chunks();
    let shift = at % 64;
    words.resize(at.div_ceil(64), 0);
    for word in chunks.iter_padded() {
        if shift == 0 {
            words.push(word);
            continue;
        }
        if let Some(last) = words.last_mut() {
            *last |= word << shift;
        }
        words.push(word >> (64 - shift));
    }
    words.truncate((at + holds.len()).div_ceil(64));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bits_are_appended(parts in proptest::collection::vec(proptest::collection::vec(any::<bool>(), 0..200), 0..9)) {
            let (mut words, mut all) = (Vec::new(), Vec::new());
            for part in parts {
                append(&mut words, all.len(), &BooleanArray::from(part.clone()));
                all.extend(part);
            }
            prop_assert_eq!(words.len(), all.len().div_ceil(64));
            for (at, bit) in all.iter().enumerate() {
                prop_assert_eq!(words[at / 64] >> (at % 64) & 1 == 1, *bit);
            }
        }
    }
}
