//! Reads what methods need to know of the rows before they decide.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::sorted::{SortedRows, UnsortedRows};
use super::task::SamplingTask;
use crate::engine::rows::block::{Block, Row};
use crate::engine::rows::dispatch::read_rows;
use crate::engine::rows::sink::RowSink;
use crate::error::{Error, Result};
use crate::sampling::row_weight::Sum;
use crate::sampling::stratify::{Rows, turned};

/// Folds blocks into a state.
struct BlockFold<T, F> {
    state: T,
    each: F,
}

impl<T, F> RowSink for BlockFold<T, F>
where
    T: Send + 'static,
    F: FnMut(&mut T, &Block) -> Result<()> + Send + 'static,
{
    type Found = T;

    fn take(&mut self, block: &mut Block) -> Result<()> {
        (self.each)(&mut self.state, block)
    }

    fn finish(self) -> T {
        self.state
    }
}

/// Calls `each` with every block and the state of its thread, which `make` creates.
async fn gather<T, F>(task: &SamplingTask<'_>, mut make: impl FnMut() -> T, each: F) -> Result<Vec<T>>
where
    T: Send + 'static,
    F: FnMut(&mut T, &Block) -> Result<()> + Clone + Send + 'static,
{
    read_rows(&task.request, || BlockFold { state: make(), each: each.clone() }).await
}

/// The rows of a block that meet the condition, with their positions in the block.
fn rows(block: &Block) -> impl Iterator<Item = (u64, Row<'_>)> {
    (0..block.rows()).filter_map(|row| Some((row as u64, block.row(row)?)))
}

/// The sum of `value` over all rows; its argument is the labels of a row.
pub(super) async fn sum(
    task: &SamplingTask<'_>,
    value: impl Fn(&[u32]) -> f64 + Clone + Send + 'static,
) -> Result<Sum> {
    let each = move |sum: &mut Sum, block: &Block| {
        rows(block).for_each(|(_, row)| sum.add(value(row.positives)));
        Ok(())
    };
    let mut all = Sum::default();
    gather(task, Sum::default, each).await?.into_iter().for_each(|sum| all.merge(sum));
    Ok(all)
}

/// The number of each row with its key, sorted by key; rows without a key are left out. The arguments of `key` are
/// the shard, the place of the row in its file, and the row.
pub(super) async fn keyed(
    task: &SamplingTask<'_>,
    key: impl Fn(usize, u64, &Row<'_>) -> Option<u128> + Clone + Send + 'static,
) -> Result<SortedRows> {
    let (numbering, budget) = (Arc::clone(&task.numbering), task.budget());
    let each = move |entries: &mut UnsortedRows, block: &Block| {
        let base = numbering.bases[block.shard];
        for (at, row) in rows(block) {
            let number = block.first_row + at;
            if let Some(key) = key(block.shard, numbering.place(block.shard, number), &row) {
                entries.push(key, base + number)?;
            }
        }
        Ok(())
    };
    let parts = gather(task, || UnsortedRows::new(Arc::clone(&task.spill), budget), each).await?;
    SortedRows::merge(parts, Arc::clone(&task.spill), budget * task.request.limits.threads.max(1))
}

/// Rows by label for the given labels; and labels by row, for the rows that have one of them: `all` labels of these
/// rows, or only the given ones.
pub(super) async fn bags(task: &SamplingTask<'_>, labels: &[u32], all: bool) -> Result<[SortedRows; 2]> {
    let mut wanted = vec![false; task.rarity.positives.len()];
    labels.iter().for_each(|label| wanted[*label as usize] = true);
    let (numbering, budget) = (Arc::clone(&task.numbering), task.budget() / 2);
    let each = move |[by_label, by_row]: &mut [UnsortedRows; 2], block: &Block| {
        let base = numbering.bases[block.shard] + block.first_row;
        for (at, row) in rows(block) {
            let has_bag = row.positives.iter().any(|label| wanted[*label as usize]);
            for &label in row.positives.iter().filter(|_| has_bag) {
                let is_wanted = wanted[label as usize];
                if is_wanted {
                    by_label.push(label.into(), base + at)?;
                }
                if is_wanted || all {
                    by_row.push((base + at).into(), label.into())?;
                }
            }
        }
        Ok(())
    };
    let make = || [(); 2].map(|()| UnsortedRows::new(Arc::clone(&task.spill), budget));
    let (mut by_label, mut by_row) = (Vec::new(), Vec::new());
    for [one, other] in gather(task, make, each).await? {
        by_label.push(one);
        by_row.push(other);
    }
    let merge = |parts| {
        SortedRows::merge(parts, Arc::clone(&task.spill), budget * task.request.limits.threads.max(1))
    };
    Ok([merge(by_label)?, merge(by_row)?])
}

/// The labels of all rows in the order of their numbers, and these numbers. Frequent labels are stored inverted.
pub(super) async fn all_rows(task: &SamplingTask<'_>) -> Result<(Rows, Vec<u64>)> {
    struct NumberedRows {
        numbers: Vec<u64>,
        rows: Rows,
    }
    let numbering = Arc::clone(&task.numbering);
    let limit = task.request.limits.pool_bytes();
    let taken = Arc::new(AtomicUsize::new(0));
    let (frequent, mut labels) = (task.rarity.frequent(), Vec::new());
    let each = move |parts: &mut Vec<NumberedRows>, block: &Block| {
        let (base, stream) = (numbering.bases[block.shard], numbering.streams[block.shard]);
        let mut part = NumberedRows { numbers: Vec::new(), rows: Rows::default() };
        for (at, row) in rows(block) {
            let number = block.first_row + at;
            part.numbers.push(base + number);
            turned(row.positives, &frequent, &mut labels);
            part.rows.push(&labels, stream.bits(numbering.place(block.shard, number)));
        }
        let bytes = part.rows.bytes() + part.numbers.len() * size_of::<u64>();
        // The blocks are copied into one, which is indexed by label as well.
        if taken.fetch_add(bytes, Ordering::Relaxed) + bytes > limit / 3 {
            return Err(Error::resource(
                "stratified-split needs the labels of all rows in memory, which exceeds the limit",
            )
            .hint("raise --memory-limit, or split fewer rows with --where"));
        }
        parts.push(part);
        Ok(())
    };
    let mut parts: Vec<NumberedRows> = gather(task, Vec::new, each).await?.into_iter().flatten().collect();
    parts.sort_by_key(|part| part.numbers.first().copied());
    let (mut all, mut numbers) = (Rows::default(), Vec::new());
    for part in parts {
        all.append(&part.rows);
        numbers.extend(part.numbers);
    }
    Ok((all, numbers))
}
