//! Which rows of a row group meet the condition of a run.

use arrow::array::{ArrayRef, BooleanArray};
use arrow::compute::filter;

use crate::engine::read::chunk_source::ChunkSource;
use crate::engine::read::condition::Condition;
use crate::engine::read::named_columns::NamedColumns;
use crate::error::{Error, Result};
use crate::pages::RowMask;

/// The rows of row group `group` of shard `shard` that count.
///
/// # Errors
/// As reading the columns that the condition asks for, and evaluating it.
pub(crate) fn row_mask(
    source: &ChunkSource,
    condition: &Condition,
    shard: usize,
    group: usize,
) -> Result<RowMask> {
    if !condition.may_hold(&source.shards[shard], group) {
        let rows = source.shards[shard].metadata.row_group(group).num_rows();
        return Ok(RowMask::new(Vec::new(), usize::try_from(rows).unwrap_or(0)));
    }
    let mut columns = NamedColumns::open(source, shard, group, condition.columns())?;
    source.progress.add_bytes(columns.bytes());
    let (mut words, mut all) = (Vec::new(), 0);
    while let Some((rows, arrays)) = columns.next()? {
        let holds = condition.holds(arrays, rows).map_err(|error| columns.at(error))?;
        append(&mut words, all, &holds);
        all += rows;
    }
    Ok(RowMask::new(words, all))
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
