//! Distinct groups of rows with a positive of each label.
//!
//! ```text
//! rows of any layout but long ─▶ (group, label) of each positive ─▶ DistinctPairs, spilled ─▶ counted once
//! pairs of layout long        ─▶ counted with the groups as their ids
//! ```

use std::sync::Arc;

use arrow::array::ArrayRef;

use crate::counts::{GroupedPositives, LabelCounts};
use crate::engine::count::dispatch::{Spare, count_readable};
use crate::engine::counting::Counting;
use crate::engine::group_values::each_group;
use crate::engine::pairs::distinct::{DistinctPairs, count_distinct};
use crate::engine::pairs::ids::bytes;
use crate::engine::read::chunk_source::ChunkSource;
use crate::engine::read::named_columns::NamedColumns;
use crate::engine::rows::block::Block;
use crate::engine::rows::read::read_rows_here;
use crate::engine::rows::request::Request;
use crate::engine::rows::sink::RowSink;
use crate::engine::spill::{Spill, Spilled};
use crate::error::{Error, Result};
use crate::source::layout::{Layout, LayoutKind};
use crate::source::shards::{Shard, rows_of};
use crate::sql_text::identifier;

/// Rows whose groups are held at a time, at least and at most.
const WINDOW: (usize, usize) = (1 << 13, 1 << 20);
/// Stands for the group of a row without a value: no key of a value ends in this byte.
const NO_GROUP: u128 = 254 << 120;

/// Counts the distinct values of `column` among the rows of `request`, and those with a positive of each label. A row
/// without a value is a group of its own.
///
/// # Errors
/// As [`crate::engine::count`].
pub(crate) async fn grouped_positives(
    request: &Request<'_>,
    column: &str,
    counts: &LabelCounts,
) -> Result<(GroupedPositives, Spilled)> {
    let (groups, positives, spilled) = if request.counting.layout.kind == LayoutKind::Long {
        of_pairs(request, column, counts).await?
    } else {
        of_rows(request, column, counts.len()).await?
    };
    for (tally, groups) in counts.tallies().iter().zip(&positives) {
        if (tally.positives > 0) != (*groups > 0) {
            return Err(Error::internal(format!("{} positives are in {groups} groups", tally.positives)));
        }
    }
    Ok((GroupedPositives { column: column.to_owned(), groups, positives }, spilled))
}

type GroupsCounted = (u64, Vec<u64>, Spilled);

async fn of_rows(request: &Request<'_>, column: &str, labels: usize) -> Result<GroupsCounted> {
    let Request { dataset, limits, progress, .. } = *request;
    let spill = Spill::new(limits.spill_dir.as_deref(), limits.spill_limit, Arc::clone(progress));
    let share = limits.pool_bytes() / limits.threads.max(1);
    let names = std::iter::once(column);
    let source = ChunkSource::new(dataset.shards.clone(), &dataset.schema, names, 0, progress);
    let (source, rows) = (Arc::new(source), rows_of(&dataset.shards));
    let make = || GroupSink {
        column: column.to_owned(),
        source: Arc::clone(&source),
        window: GroupWindow { rows: (share / 256).clamp(WINDOW.0, WINDOW.1), ..GroupWindow::default() },
        // Half of what a thread may take: the other half is the rows of a row group.
        pairs: DistinctPairs::new(rows, share / 4, Arc::clone(&spill)),
        single: 0,
        single_positives: Vec::new(),
    };
    let (found, _) = read_rows_here(request, make).await?;
    let (mut single, mut of_single, mut pairs) = (0, vec![0; labels], Vec::new());
    for found in found {
        single += found.single;
        of_single.iter_mut().zip(found.single_positives).for_each(|(sum, more)| *sum += more);
        pairs.push(found.pairs);
    }
    let threads = limits.threads;
    let counted =
        tokio::task::spawn_blocking(move || count_distinct(pairs, labels, threads, share / 2)).await;
    let (groups, mut positives) = counted.map_err(|cause| Error::internal(cause.to_string()))??;
    positives.iter_mut().zip(of_single).for_each(|(sum, more)| *sum += more);
    Ok((groups + single, positives, spill.spilled()))
}

/// Groups of some rows of one row group.
#[derive(Debug, Default)]
struct GroupWindow {
    /// Rows that are read at a time.
    rows: usize,
    shard: usize,
    /// Number of the first row in the shard.
    first: u64,
    groups: Vec<u128>,
}

impl GroupWindow {
    /// The group of a row of a shard.
    fn group(&mut self, source: &ChunkSource, column: &str, shard: usize, row: u64) -> Result<u128> {
        let place = |window: &Self| {
            let at = row.checked_sub(window.first).filter(|_| window.shard == shard)?;
            window.groups.get(usize::try_from(at).ok()?).copied()
        };
        if let Some(group) = place(self) {
            return Ok(group);
        }
        self.read(source, column, shard, row)?;
        place(self).ok_or_else(|| Error::internal(format!("row {row} has no group")))
    }

    /// Reads the groups from `row` on, as far as the row group goes.
    fn read(&mut self, source: &ChunkSource, column: &str, shard: usize, row: u64) -> Result<()> {
        let (mut before, at) = (0, source.shards[shard].with_footer()?);
        let group = (0..at.metadata.num_row_groups()).find(|group| {
            let rows = at.live_rows(*group);
            let is_here = row < before + rows;
            before += if is_here { 0 } else { rows };
            is_here
        });
        let group = group.ok_or_else(|| Error::internal(format!("row {row} is in no row group")))?;
        (self.shard, self.first) = (shard, row);
        self.groups.clear();
        let names = std::iter::once(column);
        let mut columns = NamedColumns::open_from(source, (shard, at.as_ref()), group, names, row - before)?;
        source.progress.add_bytes(if row == before { columns.bytes() } else { 0 });
        while self.groups.len() < self.rows
            && let Some((_, arrays)) = columns.next()?
        {
            arrays.iter().try_for_each(|array| keys(array, &mut self.groups))?;
        }
        Ok(())
    }
}

/// Adds the key of every value.
fn keys(array: &ArrayRef, keys: &mut Vec<u128>) -> Result<()> {
    each_group(array, &mut |text| {
        keys.push(text.map_or(NO_GROUP, |text| bytes(text.as_bytes())));
        Ok(())
    })
}

/// What one thread finds.
struct GroupSink {
    column: String,
    source: Arc<ChunkSource>,
    window: GroupWindow,
    pairs: DistinctPairs,
    /// Rows without a group, and how many of them have a positive of each label.
    single: u64,
    single_positives: Vec<u64>,
}

impl RowSink for GroupSink {
    type Found = Self;

    fn take(&mut self, block: &mut Block) -> Result<()> {
        for at in 0..block.rows() {
            let Some(row) = block.row(at) else { continue };
            let number = block.first_row + at as u64;
            let group = self.window.group(&self.source, &self.column, block.shard, number)?;
            if group == NO_GROUP {
                self.single += 1;
                for &label in row.positives {
                    let label = label as usize;
                    if label >= self.single_positives.len() {
                        self.single_positives.resize(label + 1, 0);
                    }
                    self.single_positives[label] += 1;
                }
                continue;
            }
            self.pairs.push(group, None)?;
            row.positives.iter().try_for_each(|label| self.pairs.push(group, Some(*label)))?;
        }
        Ok(())
    }

    fn finish(self) -> Self {
        self
    }
}

/// Pairs with their groups as ids. Those without a group keep their id, which then is a group of its own.
async fn of_pairs(request: &Request<'_>, column: &str, counts: &LabelCounts) -> Result<GroupsCounted> {
    let Request { dataset, counting, limits, progress, .. } = *request;
    let (mut groups, mut positives, mut spilled) = (0, vec![0; counts.len()], Spilled::default());
    let has_null = dataset.shards.iter().any(|shard| may_be_null(shard, column));
    let quoted = identifier(column);
    let passes: &[(Option<&str>, &str)] = if has_null {
        let id = counting.layout.id.as_deref().unwrap_or_default();
        &[(Some("IS NOT NULL"), column), (Some("IS NULL"), id)]
    } else {
        &[(None, column)]
    };
    for (holds, id) in passes {
        let holds = holds.map(|holds| format!("{quoted} {holds}"));
        let filter = match (&counting.filter, holds) {
            (Some(filter), Some(holds)) => Some(format!("({filter}) AND {holds}")),
            (filter, holds) => holds.or_else(|| filter.clone()),
        };
        let own = Counting {
            layout: Layout { id: Some((*id).to_owned()), ..counting.layout.clone() },
            by: Vec::new(),
            sample_weight: None,
            filter,
            num_rows: None,
            ids_disjoint: false,
            part: false,
            ..Counting::clone(counting)
        };
        let counted =
            count_readable(dataset, own, limits, Arc::clone(progress), None, Spare::default()).await?;
        if counted.total.labels() != counts.labels() {
            return Err(Error::changed("labels appeared after counting")
                .hint("run again once nothing writes to the shards"));
        }
        groups += counted.total.rows();
        positives.iter_mut().zip(counted.total.tallies()).for_each(|(sum, more)| *sum += more.positives);
        spilled.bytes += counted.spilled.bytes;
        spilled.files += counted.spilled.files;
    }
    Ok((groups, positives, spilled))
}

/// Whether statistics do not rule out that a column has no value somewhere.
fn may_be_null(shard: &Shard, column: &str) -> bool {
    let Ok(shard) = shard.with_footer() else { return true };
    let descriptor = shard.metadata.file_metadata().schema_descr();
    let leaf = descriptor.columns().iter().position(|leaf| leaf.path().string() == column);
    let Some(leaf) = leaf else { return true };
    shard.metadata.row_groups().iter().any(|group| {
        let statistics = group.column(leaf).statistics();
        statistics.and_then(parquet::file::statistics::Statistics::null_count_opt) != Some(0)
    })
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, StringArray};

    use super::*;

    #[test]
    fn keys_are_those_of_texts_and_never_that_of_no_group() {
        let (mut numbers, mut texts) = (Vec::new(), Vec::new());
        let array: ArrayRef = Arc::new(Int64Array::from(vec![Some(7), None, Some(-7)]));
        keys(&array, &mut numbers).unwrap();
        let array: ArrayRef = Arc::new(StringArray::from(vec![Some("7"), None, Some("-7")]));
        keys(&array, &mut texts).unwrap();
        assert_eq!((&numbers, numbers[1]), (&texts, NO_GROUP));
        for length in 0..40 {
            assert_ne!(bytes(&vec![0xfe; length]), NO_GROUP);
        }
    }
}
