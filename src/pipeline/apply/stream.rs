//! Rows with their columns as an Arrow IPC stream on stdout.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write as _};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use tokio::runtime::Handle;

use super::arrays::{ColumnMaker, TargetSums};
use super::write::Writing;
use crate::counts::LabelCounts;
use crate::engine::rows::{Block, ComingLabels, Request, RowSink, read_rows};
use crate::error::{Error, Result};
use crate::source::row_reader::{Enough, RowChoice, read_columns};
use crate::source::row_stream::ComingRows;
use crate::source::shards::Shard;

/// Parts of row groups that wait to be written.
const WAITING: usize = 4;
/// Bytes that are written at a time.
const BUFFER: usize = 1 << 20;

/// What went to stdout.
#[derive(Debug)]
pub(super) struct Streamed {
    pub(super) rows: u64,
    pub(super) sums: TargetSums,
    /// The program that reads stdout has ended before all was written.
    pub(super) is_cut: bool,
}

/// Whether somebody waits for what is written; no longer once one of them is dropped.
#[derive(Debug, Default)]
pub(super) struct WhileHeard(Arc<AtomicBool>);

impl WhileHeard {
    /// One more.
    pub(super) fn again(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl Drop for WhileHeard {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// An Arrow IPC stream on stdout.
struct StdoutStream {
    writer: StreamWriter<BufWriter<File>>,
    schema: SchemaRef,
    rows: u64,
    stopped: Arc<AtomicBool>,
}

/// Whether the reader of stdout is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reads {
    On,
    Gone,
}

fn internal(cause: &ArrowError) -> Error {
    Error::internal(cause.to_string())
}

/// Whether rows went on to whoever reads them.
fn gone_on(written: std::result::Result<(), ArrowError>) -> Result<Reads> {
    match written {
        Ok(()) => Ok(Reads::On),
        Err(ArrowError::IoError(_, cause)) if cause.kind() == ErrorKind::BrokenPipe => Ok(Reads::Gone),
        Err(ArrowError::IoError(_, cause)) => {
            Err(Error::output(format!("stdout cannot be written: {cause}"))
                .hint("check the program that reads it"))
        }
        Err(cause) => Err(internal(&cause)),
    }
}

impl StdoutStream {
    /// Of rows with the columns `own` and `added`.
    fn begin(own: &Schema, added: &Schema, stopped: &WhileHeard) -> Result<Self> {
        let fields = own.fields().iter().chain(added.fields()).cloned().collect::<Vec<_>>();
        let schema = Arc::new(Schema::new_with_metadata(fields, own.metadata().clone()));
        let refused = |cause: std::io::Error| {
            Error::output(format!("stdout cannot be written: {cause}")).hint("name a folder with --out DIR")
        };
        let out = File::from(std::io::stdout().as_fd().try_clone_to_owned().map_err(refused)?);
        let out = BufWriter::with_capacity(BUFFER, out);
        let writer = StreamWriter::try_new(out, &schema).map_err(|cause| internal(&cause))?;
        Ok(Self { writer, schema, rows: 0, stopped: Arc::clone(&stopped.0) })
    }

    /// Writes rows with their columns.
    fn write(&mut self, rows: &RecordBatch, added: &[ArrayRef]) -> Result<Reads> {
        if self.stopped.load(Ordering::Relaxed) {
            return Err(Error::Stopped(1));
        }
        let columns = rows.columns().iter().chain(added).cloned().collect();
        let batch =
            RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(|cause| internal(&cause))?;
        self.rows += batch.num_rows() as u64;
        gone_on(self.writer.write(&batch))
    }

    /// Nothing is held back while the writer of a stream pauses.
    fn flush(&mut self) -> Result<Reads> {
        gone_on(self.writer.get_mut().flush().map_err(ArrowError::from))
    }

    fn finish(mut self) -> Result<Reads> {
        let written =
            self.writer.finish().and_then(|()| self.writer.get_mut().flush().map_err(ArrowError::from));
        gone_on(written)
    }
}

/// Passes on the rows of a stream as they come; gives their counts too.
pub(super) fn pass_on(
    mut rows: ComingRows,
    mut labels: ComingLabels,
    mut maker: ColumnMaker,
    stopped: &WhileHeard,
) -> Result<(Streamed, LabelCounts)> {
    let mut out = StdoutStream::begin(&rows.schema(), maker.schema(), stopped)?;
    let mut reads = Reads::On;
    while let Some(batch) = rows.next()? {
        let mut at = 0;
        maker.make((0, out.rows), None, labels.read(&batch)?, |added| {
            let some = added.first().map_or(0, Array::len);
            if reads == Reads::On {
                reads = out.write(&batch.slice(at, some), added)?;
            }
            at += some;
            Ok(())
        })?;
        if reads == Reads::On {
            reads = out.flush()?;
        }
        if reads == Reads::Gone {
            break;
        }
    }
    let rows = out.rows;
    let is_cut = reads == Reads::Gone || out.finish()? == Reads::Gone;
    Ok((Streamed { rows, sums: maker.sums, is_cut }, labels.finish()?))
}

/// Gives the columns of rows in their order.
struct ArraySink {
    maker: ColumnMaker,
    shards: Arc<Vec<Shard>>,
    sender: SyncSender<Vec<ArrayRef>>,
}

impl RowSink for ArraySink {
    type Found = TargetSums;

    fn take(&mut self, block: &mut Block) -> Result<()> {
        let Self { maker, shards, sender } = self;
        let place = (block.shard, block.first_row);
        maker.make(place, shards.get(block.shard), &block.sets, |arrays| {
            sender.send(arrays.to_vec()).map_err(|_| Error::Stopped(1))
        })
    }

    fn finish(self) -> TargetSums {
        self.maker.sums
    }
}

/// Writes the rows of shards, one shard after the other.
pub(super) fn write_rows(mut writing: Writing, stopped: &WhileHeard, runtime: &Handle) -> Result<Streamed> {
    // One thread reads the labels of rows in their order.
    writing.limits.threads = 1;
    let Writing { dataset, counting, limits, maker, progress } = &writing;
    let groups = [Vec::new()];
    let request = Request { dataset, counting, groups: &groups, limits, progress };
    let (read, written) = std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(WAITING);
        let reading = scope.spawn(move || {
            let sink = || ArraySink {
                maker: maker.clone(),
                shards: Arc::clone(&dataset.shards),
                sender: sender.clone(),
            };
            let read = runtime.block_on(read_rows(&request, sink));
            drop(sender);
            read
        });
        let written = write_shards(&dataset.shards, maker.schema(), &receiver, stopped);
        // Whoever sends must not wait for ever.
        drop(receiver);
        let read = reading.join().unwrap_or_else(|_| Err(Error::internal("reading rows has ended early")));
        (read, written)
    });
    match (read, written) {
        (Ok(sums), Ok((rows, is_cut))) => {
            let mut whole = maker.sums.clone();
            sums.iter().for_each(|sums| whole.add(sums));
            Ok(Streamed { rows, sums: whole, is_cut })
        }
        // Reading ends early where nobody reads what is written.
        (Err(_), Ok((rows, true))) => Ok(Streamed { rows, sums: maker.sums.clone(), is_cut: true }),
        (Err(error), Ok(_) | Err(Error::Stopped(_))) | (_, Err(error)) => Err(error),
    }
}

/// Gives rows and whether nobody reads any more.
fn write_shards(
    shards: &[Shard],
    added: &SchemaRef,
    columns: &Receiver<Vec<ArrayRef>>,
    stopped: &WhileHeard,
) -> Result<(u64, bool)> {
    let mut out: Option<(StdoutStream, &str, SchemaRef)> = None;
    let mut reads = Reads::On;
    let mut parts = ColumnParts { columns, left: VecDeque::new() };
    for shard in shards {
        let own = shard.without_nested();
        read_columns(&own, RowChoice::All, &|_| true, &mut |batch| {
            let (out, first, schema) = match &mut out {
                Some(out) => out,
                none => {
                    let stream = StdoutStream::begin(&batch.schema(), added, stopped)?;
                    none.insert((stream, shard.name.as_str(), batch.schema()))
                }
            };
            if schema.fields() != batch.schema().fields() {
                return Err(Error::input(format!(
                    "{}: its columns are others than those of {first}, and a stream has one list of columns",
                    shard.name
                ))
                .hint("write shards with --out DIR, each with its own columns"));
            }
            let mut at = 0;
            while at < batch.num_rows() && reads == Reads::On {
                let part = parts.next(batch.num_rows() - at)?;
                let some = part.first().map_or(0, Array::len);
                reads = out.write(&batch.slice(at, some), &part)?;
                at += some;
            }
            Ok(if reads == Reads::On { Enough::No } else { Enough::Yes })
        })?;
        if reads == Reads::Gone {
            break;
        }
    }
    match out {
        // A reader wants the columns, even without rows.
        None => {
            let own = shards
                .first()
                .map_or_else(|| Arc::new(Schema::empty()), |shard| shard.without_nested().schema);
            let reads = StdoutStream::begin(&own, added, stopped)?.finish()?;
            Ok((0, reads == Reads::Gone))
        }
        Some((out, _, _)) if reads == Reads::Gone => Ok((out.rows, true)),
        Some((out, _, _)) => {
            let rows = out.rows;
            Ok((rows, out.finish()? == Reads::Gone))
        }
    }
}

/// The columns of rows, part by part.
struct ColumnParts<'a> {
    columns: &'a Receiver<Vec<ArrayRef>>,
    left: VecDeque<Vec<ArrayRef>>,
}

impl ColumnParts<'_> {
    /// The columns of the next rows, at most `most`.
    fn next(&mut self, most: usize) -> Result<Vec<ArrayRef>> {
        let part = match self.left.pop_front() {
            Some(part) => part,
            None => self.columns.recv().map_err(|_| Error::Stopped(1))?,
        };
        let rows = part.first().map_or(0, Array::len);
        if rows <= most {
            return Ok(part);
        }
        self.left.push_front(part.iter().map(|array| array.slice(most, rows - most)).collect());
        Ok(part.iter().map(|array| array.slice(0, most)).collect())
    }
}
