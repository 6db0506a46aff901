//! What is known of the rows of a row group before its labels are read: which meet the condition, and what they weigh.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array};
use arrow::compute::{CastOptions, cast_with_options, filter};
use arrow::datatypes::{DataType, Float64Type};

use crate::counts::Mass;
use crate::engine::read::chunk_source::ChunkSource;
use crate::engine::read::condition::Condition;
use crate::engine::read::named_columns::NamedColumns;
use crate::engine::read::weights::{sum, weights};
use crate::error::{Error, Result};
use crate::pages::RowMask;

/// Facts of the rows of one row group.
#[derive(Debug, Default)]
pub(crate) struct RowFacts {
    /// The rows that count; `None` where all do.
    pub(crate) mask: Option<RowMask>,
    pub(crate) weights: Option<RowWeights>,
}

/// The weights of the rows of one row group.
#[derive(Debug, Default)]
pub(crate) struct RowWeights {
    /// Of each row; 0 for rows that do not count.
    pub(crate) values: Vec<f64>,
    /// Of all rows together.
    pub(crate) sum: Mass,
}

/// The facts of row group `group` of shard `shard`: which rows meet `condition`, and what the column `weight` says.
///
/// # Errors
/// As reading the columns that are asked for, evaluating the condition, and
/// [`Error::Input`] for a weight that is none.
pub(crate) fn row_facts(
    source: &ChunkSource,
    (condition, weight): (Option<&Condition>, Option<&str>),
    shard: usize,
    group: usize,
) -> Result<RowFacts> {
    if condition.is_none() && weight.is_none() {
        return Ok(RowFacts::default());
    }
    if condition.is_some_and(|condition| !condition.may_hold(&source.shards[shard], group)) {
        let rows = source.shards[shard].metadata.row_group(group).num_rows();
        let mask = RowMask::new(Vec::new(), usize::try_from(rows).unwrap_or(0));
        return Ok(RowFacts { mask: Some(mask), weights: weight.map(|_| RowWeights::default()) });
    }
    let names = condition.iter().flat_map(|condition| condition.columns()).chain(weight);
    let mut columns = NamedColumns::open(source, shard, group, names)?;
    source.progress.add_bytes(columns.bytes());
    let (mut words, mut all, mut weighed) = (Vec::new(), 0, Vec::new());
    while let Some((rows, mut arrays)) = columns.next()? {
        let facts = || -> Result<()> {
            let own = if weight.is_some() { arrays.pop() } else { None };
            let holds = condition.map(|condition| condition.holds(arrays, rows)).transpose()?;
            if let (Some(name), Some(own)) = (weight, own) {
                append_weights(&mut weighed, name, &own, holds.as_ref())?;
            }
            holds.iter().for_each(|holds| append(&mut words, all, holds));
            Ok(())
        };
        facts().map_err(|error| columns.at(error))?;
        all += rows;
    }
    let weights = match weight {
        Some(_) => Some(RowWeights { sum: sum(&weighed)?, values: weighed }),
        None => None,
    };
    Ok(RowFacts { mask: condition.map(|_| RowMask::new(words, all)), weights })
}

/// Appends the weights of rows.
fn append_weights(
    weighed: &mut Vec<f64>,
    name: &str,
    own: &ArrayRef,
    holds: Option<&BooleanArray>,
) -> Result<()> {
    let internal = |cause: arrow::error::ArrowError| Error::internal(cause.to_string());
    let exact = CastOptions { safe: false, ..CastOptions::default() };
    let own = cast_with_options(own, &DataType::Float64, &exact).map_err(internal)?;
    let Some(holds) = holds else {
        weighed.extend_from_slice(weights(name, &own)?.values());
        return Ok(());
    };
    weights(name, &filter(&own, holds).map_err(internal)?)?;
    let own = own.as_primitive::<Float64Type>();
    weighed.extend(own.values().iter().zip(holds.values()).map(|(w, holds)| if holds { *w } else { 0.0 }));
    Ok(())
}

impl RowFacts {
    /// Rows that count, of `all`.
    pub(crate) fn kept(&self, all: u64) -> u64 {
        self.mask.as_ref().map_or(all, RowMask::kept)
    }

    /// The weights of some rows from row `from` on, of those that count, as the last of their arrays.
    pub(super) fn with_weights(&self, from: u64, rows: usize, arrays: &mut Vec<ArrayRef>) {
        if let Some(weights) = &self.weights {
            let from = usize::try_from(from).unwrap_or(usize::MAX);
            let some = weights.values.get(from..from + rows).unwrap_or_default();
            arrays.push(Arc::new(Float64Array::from(some.to_vec())));
        }
    }

    /// The weight of all rows that count; 0 where rows have none.
    pub(crate) fn mass(&self) -> Mass {
        self.weights.as_ref().map_or(Mass::ZERO, |weights| weights.sum)
    }
}

/// Those of `rows` rows from row `from` on that count.
pub(super) fn kept_rows(
    mask: &RowMask,
    from: u64,
    rows: usize,
    arrays: &[ArrayRef],
) -> Result<Vec<ArrayRef>> {
    let from = usize::try_from(from).unwrap_or(usize::MAX);
    let keep: BooleanArray = (from..from + rows).map(|row| Some(mask.has(row))).collect();
    let kept = arrays.iter().map(|array| filter(array, &keep));
    kept.collect::<Result<_, _>>().map_err(|cause| Error::internal(cause.to_string()))
}

/// Appends the bits of `holds` behind the first `at`.
fn append(words: &mut Vec<u64>, at: usize, holds: &BooleanArray) {
    let chunks = holds.values().bit_chunks();
    let shift = at % 64;
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
