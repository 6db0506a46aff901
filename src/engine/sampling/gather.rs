//! What plans must know of the rows before they decide.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Work;
use super::sorted::{Sorted, Unsorted};
use crate::engine::rows::{Block, Row, RowSink, read_rows};
use crate::error::{Error, Result};
use crate::sampling::row_weight::Sum;
use crate::sampling::stratify::{Rows, turned};

/// Calls a function with every block, and keeps what it makes of them.
struct Each<T, F> {
    state: T,
    each: F,
}

impl<T, F> RowSink for Each<T, F>
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

/// Calls `each` with every block and one of the states that `make` gives, one per thread.
async fn gather<T, F>(work: &Work<'_>, mut make: impl FnMut() -> T, each: F) -> Result<Vec<T>>
where
    T: Send + 'static,
    F: FnMut(&mut T, &Block) -> Result<()> + Clone + Send + 'static,
{
    read_rows(&work.request, || Each { state: make(), each: each.clone() }).await
}

/// The rows of a block that meet the condition, each with its place in the block.
fn rows(block: &Block) -> impl Iterator<Item = (u64, Row<'_>)> {
    (0..block.rows()).filter_map(|row| Some((row as u64, block.row(row)?)))
}

/// The sum over all rows of what `value` makes of their labels.
pub(super) async fn sum(
    work: &Work<'_>,
    value: impl Fn(&[u32]) -> f64 + Clone + Send + 'static,
) -> Result<Sum> {
    let each = move |sum: &mut Sum, block: &Block| {
        rows(block).for_each(|(_, row)| sum.add(value(row.positives)));
        Ok(())
    };
    let mut all = Sum::default();
    gather(work, Sum::default, each).await?.into_iter().for_each(|sum| all.merge(sum));
    Ok(all)
}

/// An entry for every row for which `key` gives one: the key and the row's number over all shards. `key` is
/// given the shard, the number of the row in it, and the row.
pub(super) async fn keyed(
    work: &Work<'_>,
    key: impl Fn(usize, u64, &Row<'_>) -> Option<u128> + Clone + Send + 'static,
) -> Result<Sorted> {
    let (places, budget) = (Arc::clone(&work.places), work.budget());
    let each = move |entries: &mut Unsorted, block: &Block| {
        let base = places.bases[block.shard];
        for (at, row) in rows(block) {
            let number = block.first_row + at;
            if let Some(key) = key(block.shard, number, &row) {
                entries.push(key, base + number)?;
            }
        }
        Ok(())
    };
    let parts = gather(work, || Unsorted::new(Arc::clone(&work.spill), budget), each).await?;
    Sorted::merge(parts, Arc::clone(&work.spill), budget * work.request.limits.threads.max(1))
}

/// Rows by label and labels by row, of some labels.
pub(super) async fn bags(work: &Work<'_>, labels: &[u32]) -> Result<[Sorted; 2]> {
    let mut wanted = vec![false; work.rarity.positives.len()];
    labels.iter().for_each(|label| wanted[*label as usize] = true);
    let (places, budget) = (Arc::clone(&work.places), work.budget() / 2);
    let each = move |[by_label, by_row]: &mut [Unsorted; 2], block: &Block| {
        let base = places.bases[block.shard] + block.first_row;
        for (at, row) in rows(block) {
            for &label in row.positives.iter().filter(|label| wanted[**label as usize]) {
                by_label.push(label.into(), base + at)?;
                by_row.push((base + at).into(), label.into())?;
            }
        }
        Ok(())
    };
    let make = || [(); 2].map(|()| Unsorted::new(Arc::clone(&work.spill), budget));
    let (mut by_label, mut by_row) = (Vec::new(), Vec::new());
    for [one, other] in gather(work, make, each).await? {
        by_label.push(one);
        by_row.push(other);
    }
    let merge =
        |parts| Sorted::merge(parts, Arc::clone(&work.spill), budget * work.request.limits.threads.max(1));
    Ok([merge(by_label)?, merge(by_row)?])
}

/// All rows in the order of their numbers over all shards, and these numbers; frequent labels turned round.
pub(super) async fn all_rows(work: &Work<'_>) -> Result<(Rows, Vec<u64>)> {
    struct Part {
        numbers: Vec<u64>,
        rows: Rows,
    }
    let places = Arc::clone(&work.places);
    let limit = work.request.limits.pool_bytes();
    let taken = Arc::new(AtomicUsize::new(0));
    let (frequent, mut labels) = (work.rarity.frequent(), Vec::new());
    let each = move |parts: &mut Vec<Part>, block: &Block| {
        let (base, stream) = (places.bases[block.shard], places.streams[block.shard]);
        let mut part = Part { numbers: Vec::new(), rows: Rows::default() };
        for (at, row) in rows(block) {
            let number = block.first_row + at;
            part.numbers.push(base + number);
            turned(row.positives, &frequent, &mut labels);
            part.rows.push(&labels, stream.bits(number));
        }
        let bytes = part.rows.bytes() + part.numbers.len() * size_of::<u64>();
        // They are joined, and then known by label as well.
        if taken.fetch_add(bytes, Ordering::Relaxed) + bytes > limit / 3 {
            return Err(Error::resource(
                "stratified-split needs the labels of all rows in memory, which the limit does not allow",
            )
            .hint("raise --memory-limit, or split fewer rows with --where"));
        }
        parts.push(part);
        Ok(())
    };
    let mut parts: Vec<Part> = gather(work, Vec::new, each).await?.into_iter().flatten().collect();
    parts.sort_by_key(|part| part.numbers.first().copied());
    let (mut all, mut numbers) = (Rows::default(), Vec::new());
    for part in parts {
        all.append(&part.rows);
        numbers.extend(part.numbers);
    }
    Ok((all, numbers))
}
