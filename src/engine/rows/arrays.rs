//! Row groups read as arrays, with the columns that folders give.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringArray, UInt32Array};

use crate::engine::dataset::{hive_value, shard_number};
use crate::engine::read::arrays::ArrayReader;
use crate::engine::read::table::SHARD_COLUMN;
use crate::engine::rows::buffers::RowBuffers;
use crate::engine::rows::condition::Condition;
use crate::engine::rows::job::{RowGroup, RowJob};
use crate::engine::rows::sink::RowSink;
use crate::error::Result;
use crate::source::shards::Shard;

/// Where a column comes from.
enum ColumnSource<'n> {
    /// The columns that are read, at this position.
    File(usize),
    /// A key of the folders, or the number of the shard.
    Constant(&'n str),
}

/// Reads all rows of a row group as arrays.
pub(super) fn read_arrays<S: RowSink>(
    job: &RowJob,
    piece: &RowGroup,
    buffers: &mut RowBuffers,
    sink: &mut S,
) -> Result<()> {
    let RowBuffers { decoder, block, .. } = buffers;
    let (counting, shard) = (&job.counting, &job.chunks.shards[piece.shard]);
    let fields = shard.schema.fields().iter().enumerate();
    let roots: HashMap<&str, usize> = fields.map(|(root, field)| (field.name().as_str(), root)).collect();
    let (mut read, mut sources) = (Vec::new(), Vec::new());
    let condition = job.condition.iter().flat_map(Condition::columns);
    for name in counting.layout.cells().chain(counting.by.iter().map(String::as_str)).chain(condition) {
        sources.push(match job.chunks.agreed.field_with_name(name) {
            Ok(field) => {
                read.push((roots.get(name).copied(), field.data_type()));
                ColumnSource::File(read.len() - 1)
            }
            Err(_) => ColumnSource::Constant(name),
        });
    }
    let at = |error: crate::error::Error| error.at(&shard.name);
    let mut arrays = ArrayReader::open(shard, piece.group, read, 0).map_err(at)?;
    job.chunks.progress.add_bytes(arrays.bytes());
    let mut row = 0;
    while let Some((rows, columns)) = arrays.next().map_err(at)? {
        if job.is_off(piece) {
            return Ok(());
        }
        let column = |source: &ColumnSource<'_>| match source {
            ColumnSource::File(place) => Ok(Arc::clone(&columns[*place])),
            ColumnSource::Constant(name) => constant(shard, piece.shard, name, rows),
        };
        let whole = sources.iter().map(column).collect::<Result<Vec<_>>>()?;
        let step = rows_at_a_time(job, rows);
        for start in (0..rows).step_by(step) {
            let rows = step.min(rows - start);
            let all: Vec<ArrayRef> = whole.iter().map(|array| array.slice(start, rows)).collect();
            let (labels, rest) = all.split_at(counting.layout.cells().count());
            let (by, asked) = rest.split_at(counting.by.len());
            decoder.read(labels, counting, &mut block.sets)?;
            let meets = match &job.condition {
                Some(condition) => {
                    Some(condition.holds(asked.to_vec(), rows)?.values().iter().collect::<Vec<_>>())
                }
                None => None,
            };
            block.members = job.members(by, rows, meets.as_deref())?;
            (block.shard, block.first_row) = (piece.shard, piece.first_row + row);
            sink.take(block)?;
            row += rows as u64;
            job.chunks.progress.add(rows as u64);
        }
    }
    Ok(())
}

/// A row of several class columns that lacks one is missing for each of its labels, which takes memory.
fn rows_at_a_time(job: &RowJob, rows: usize) -> usize {
    const LABELS: usize = 1 << 20;
    let most = if job.counting.heads.is_empty() { rows } else { LABELS / job.labels.max(1) };
    most.clamp(1, rows.max(1))
}

/// What is the same for all rows of a shard.
fn constant(shard: &Shard, number: usize, name: &str, rows: usize) -> Result<ArrayRef> {
    if name == SHARD_COLUMN {
        return Ok(Arc::new(UInt32Array::from(vec![shard_number(number)?; rows])));
    }
    Ok(Arc::new(StringArray::from(vec![hive_value(shard, name); rows])))
}
