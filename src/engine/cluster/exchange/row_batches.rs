//! The labels of every row as record batches, for a client that decides on rows which executors read.
//!
//! ```text
//! shard │ first_row │ rows
//! ──────┼───────────┼────────────────────────────────────────────────────────────────
//!     3 │     16384 │ per row: a tag, its group, its labels as distances
//! ```

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BinaryArray, RecordBatch, UInt32Array, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt32Type, UInt64Type};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::patterns::{put_labels, take_labels};
use crate::engine::counting::Keys;
use crate::engine::dataset::Dataset;
use crate::engine::group_key::GroupKey;
use crate::engine::rows::block::{Block, Members, OUTSIDE};
use crate::engine::rows::decode::label_count;
use crate::engine::rows::read::read_rows_here;
use crate::engine::rows::request::Request;
use crate::engine::rows::sink::RowSink;
use crate::engine::spill::varint::{put, take};
use crate::engine::task::CountTask;
use crate::error::{Error, Result};

/// Rows per batch.
const ROWS: usize = 8192;
/// Batches that are buffered before they are sent.
const WAITING: usize = 2;

/// The tag of a row.
mod tag {
    /// The row does not meet the condition; nothing follows.
    pub(super) const OUTSIDE: u32 = 0;
    /// Every label is known; group and positive labels follow.
    pub(super) const KNOWN: u32 = 1;
    /// No label is known; group and an empty list follow.
    pub(super) const UNKNOWN: u32 = 2;
    /// Some labels are unknown; group, positive labels and unknown labels follow.
    pub(super) const PARTLY_KNOWN: u32 = 3;
}

/// The columns: shard, first row, and the encoded rows.
pub(in crate::engine::cluster) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("shard", DataType::UInt32, false),
        Field::new("first_row", DataType::UInt64, false),
        Field::new("rows", DataType::Binary, false),
    ]))
}

/// Reads the rows of a data set of one shard, which has this `number` among all shards, and calls `each` with batches
/// while it reads.
pub(in crate::engine::cluster) async fn send<F: Future<Output = Result<()>>>(
    task: &CountTask,
    dataset: &Dataset,
    groups: &[GroupKey],
    number: u32,
    mut each: impl FnMut(RecordBatch) -> F,
) -> Result<()> {
    let request =
        Request { dataset, counting: &task.counting, groups, limits: &task.limits, progress: &task.progress };
    let (give, mut taken): (Sender<RecordBatch>, Receiver<RecordBatch>) = channel(WAITING);
    let read = async {
        // Dropped with the last sink, which ends the loop below.
        let give = give;
        read_rows_here(&request, || BlockSender { give: give.clone(), number }).await.map(drop)
    };
    let send_on = async {
        while let Some(batch) = taken.recv().await {
            each(batch).await?;
        }
        // After an error, this makes the readers stop.
        drop(taken);
        Ok(())
    };
    let (read, sent) = tokio::join!(read, send_on);
    sent.and(read)
}

/// Sends the blocks that one thread reads.
struct BlockSender {
    give: Sender<RecordBatch>,
    number: u32,
}

impl RowSink for BlockSender {
    type Found = ();

    fn take(&mut self, block: &mut Block) -> Result<()> {
        for start in (0..block.rows()).step_by(ROWS) {
            let batch = batch(block, self.number, start..block.rows().min(start + ROWS))?;
            self.give.blocking_send(batch).map_err(|_| Error::internal("the receiver of rows is gone"))?;
        }
        Ok(())
    }

    fn finish(self) {}
}

fn batch(block: &Block, shard: u32, rows: std::ops::Range<usize>) -> Result<RecordBatch> {
    let mut bytes = Vec::new();
    let first_row = block.first_row + rows.start as u64;
    for at in rows {
        let Some(one) = block.row(at) else {
            put(&mut bytes, tag::OUTSIDE);
            continue;
        };
        let known = match one.unknown {
            [] => tag::KNOWN,
            _ if block.sets.is_silent(at) => tag::UNKNOWN,
            _ => tag::PARTLY_KNOWN,
        };
        put(&mut bytes, known);
        put(&mut bytes, one.group as u64);
        put_labels(&mut bytes, one.positives);
        if known == tag::PARTLY_KNOWN {
            put_labels(&mut bytes, one.unknown);
        }
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(UInt32Array::from(vec![shard])),
        Arc::new(UInt64Array::from(vec![first_row])),
        Arc::new(BinaryArray::from_iter_values([bytes])),
    ];
    RecordBatch::try_new(schema(), columns).map_err(|cause| Error::internal(cause.to_string()))
}

/// Decodes the rows of a batch, whose labels are those of `keys`, and passes them to a sink.
pub(in crate::engine::cluster) fn receive(
    batch: &RecordBatch,
    keys: &Keys,
    block: &mut Block,
    sink: &mut impl RowSink,
) -> Result<()> {
    let labels = label_count(keys)?;
    let damaged = || Error::internal("rows of an executor cannot be decoded");
    let column = |name: &str| batch.column_by_name(name).ok_or_else(damaged);
    let shards = column("shard")?.as_primitive_opt::<UInt32Type>().ok_or_else(damaged)?;
    let first_rows = column("first_row")?.as_primitive_opt::<UInt64Type>().ok_or_else(damaged)?;
    let rows = column("rows")?.as_binary_opt::<i32>().ok_or_else(damaged)?;
    for at in 0..batch.num_rows() {
        (block.shard, block.first_row) = (shards.value(at) as usize, first_rows.value(at));
        fill(block, rows.value(at), labels).ok_or_else(damaged)?;
        sink.take(block)?;
    }
    Ok(())
}

/// Decodes rows into a block; `None` when they are damaged.
fn fill(block: &mut Block, mut bytes: &[u8], labels: usize) -> Option<()> {
    let (mut positives, mut unknown, mut members) = (Vec::new(), Vec::new(), Vec::new());
    block.sets.clear(labels);
    while !bytes.is_empty() {
        let known: u32 = take(&mut bytes)?;
        if known == tag::OUTSIDE {
            members.push(OUTSIDE);
            block.sets.end_row();
            continue;
        }
        members.push(take(&mut bytes)?);
        take_labels(&mut bytes, &mut positives)?;
        block.sets.extend(&positives);
        match known {
            tag::KNOWN => block.sets.end_row(),
            tag::UNKNOWN => block.sets.end_silent_row(),
            tag::PARTLY_KNOWN => {
                take_labels(&mut bytes, &mut unknown)?;
                unknown.iter().for_each(|label| block.sets.add_unknown(*label));
                block.sets.end_row();
            }
            _ => return None,
        }
    }
    block.members = Members::Each(members);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a row says: its group, what it has, what it does not know.
    type Said = Option<(usize, Vec<u32>, Vec<u32>)>;

    /// Keeps what rows say, by shard and number.
    #[derive(Default)]
    struct Keep(Vec<(usize, u64, Said)>);

    impl RowSink for Keep {
        type Found = ();

        fn take(&mut self, block: &mut Block) -> Result<()> {
            let said = |row| block.row(row).map(|r| (r.group, r.positives.to_vec(), r.unknown.to_vec()));
            let rows = (0..block.rows()).map(|row| (block.shard, block.first_row + row as u64, said(row)));
            self.0.extend(rows);
            Ok(())
        }

        fn finish(self) {}
    }

    #[test]
    fn rows_come_as_they_were_sent() {
        let rows = 2 * ROWS + 5;
        let mut block = Block { shard: 0, first_row: 70, ..Block::default() };
        block.sets.clear(300);
        for row in 0..rows {
            (0..row % 4).for_each(|k| block.sets.add(u32::try_from((row * 7 + k * 90) % 300).unwrap()));
            match row % 5 {
                1 => block.sets.end_silent_row(),
                2 => {
                    [0, 5, 299].into_iter().for_each(|label| block.sets.add_unknown(label));
                    block.sets.end_row();
                }
                _ => block.sets.end_row(),
            }
        }
        let member =
            |row: usize| if row.is_multiple_of(3) { OUTSIDE } else { u32::try_from(row % 2).unwrap() };
        block.members = Members::Each((0..rows).map(member).collect());
        let (mut sent, mut received, mut buffer) = (Keep::default(), Keep::default(), Block::default());
        sent.take(&mut block).unwrap();
        sent.0.iter_mut().for_each(|(shard, ..)| *shard = 9);
        for start in (0..rows).step_by(ROWS) {
            let batch = batch(&block, 9, start..rows.min(start + ROWS)).unwrap();
            receive(&batch, &Keys::Indices(Some(300)), &mut buffer, &mut received).unwrap();
        }
        assert!(sent.0 == received.0 && sent.0.len() == rows);
        for bytes in [&[1][..], &[4, 0, 0], &[1, 0, 5], &[3, 0, 0, 2]] {
            assert!(fill(&mut buffer, bytes, 300).is_none(), "{bytes:?}");
        }
    }
}
