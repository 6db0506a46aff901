//! Record batches that a program hands over are counted as a stream on stdin is.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{RecordBatch, RecordBatchReader};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;

use super::readable::{as_readable, readable};
use super::row_stream::{Reopening, RowSource, bytes_of};
use super::row_sum::RowSum;
use crate::error::{Error, Result};

/// Rows of a batch that are counted at a time: bits take so little memory that a piece of fewer rows is soon done.
const PIECE_ROWS: usize = 1 << 18;
/// Rows of the first piece, which is looked at.
const FIRST_PIECE_ROWS: usize = 1 << 16;
/// Bytes of them.
const PIECE_BYTES: usize = 8 << 20;

type GivenBatches = Box<dyn RecordBatchReader + Send>;
/// Opens the rows of a table, from the first on.
pub(crate) type TableOpening = Arc<dyn Fn() -> std::result::Result<GivenBatches, ArrowError> + Send + Sync>;

/// A stream of record batches, and what messages call it.
pub(crate) struct BatchStream {
    name: String,
    rows: GivenRows,
}

enum GivenRows {
    Once(GivenBatches),
    Table(TableOpening),
}

/// The streams of one run, which reads each of them once, or as often as it needs.
#[derive(Clone, Default)]
pub(crate) struct BatchStreams(Arc<Mutex<Vec<BatchStream>>>);

impl std::fmt::Debug for BatchStreams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.lock().iter().map(|stream| &stream.name)).finish()
    }
}

impl BatchStreams {
    /// Adds a stream.
    pub(crate) fn add(&self, name: String, reader: GivenBatches) {
        self.lock().push(BatchStream { name, rows: GivenRows::Once(reader) });
    }

    /// Adds a table, whose rows can be read as often as one likes.
    pub(crate) fn add_table(&self, name: String, open: TableOpening) {
        self.lock().push(BatchStream { name, rows: GivenRows::Table(open) });
    }

    /// True when there is none, or a run has taken them.
    pub(crate) fn are_none(&self) -> bool {
        self.lock().is_empty()
    }

    /// The streams, which are gone then.
    pub(crate) fn take(&self) -> Vec<BatchStream> {
        std::mem::take(&mut self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<BatchStream>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BatchStream {
    /// The rows with the columns that `choose` wants, by position.
    ///
    /// # Errors
    /// What `choose` says, or opening the rows.
    pub(crate) fn choose(self, choose: impl FnOnce(&Schema) -> Result<Vec<usize>>) -> Result<HandedRows> {
        let Self { name, rows } = self;
        let (reader, opening) = match rows {
            GivenRows::Once(reader) => (reader, None),
            GivenRows::Table(open) => (open().map_err(|cause| unreadable(&name, &cause))?, Some(open)),
        };
        let whole = reader.schema();
        let columns = choose(&whole).map_err(|error| error.at(&name))?;
        let schema = whole.project(&columns).map_err(|cause| Error::internal(cause.to_string()))?;
        let kind = RowKind { name, columns, whole, schema: readable(&schema).into(), opening };
        Ok(HandedRows { kind, reader, batch: None, piece: 0, sum: RowSum::default() })
    }
}

/// The error for rows that cannot be read, unless it is our own.
fn unreadable(name: &str, cause: &ArrowError) -> Error {
    Error::behind(cause).unwrap_or_else(|| Error::input(format!("its rows cannot be read: {cause}")).at(name))
}

/// The rows of a stream that was handed over. Large batches are taken apart, without a copy.
pub(crate) struct HandedRows {
    kind: RowKind,
    reader: GivenBatches,
    /// What is left of a batch, and the rows that are taken of it at a time.
    batch: Option<RecordBatch>,
    piece: usize,
    sum: RowSum,
}

/// What rows are alike each time they are opened.
#[derive(Clone)]
struct RowKind {
    name: String,
    columns: Vec<usize>,
    /// All columns, and those that are wanted.
    whole: SchemaRef,
    schema: SchemaRef,
    opening: Option<TableOpening>,
}

impl RowKind {
    /// The rows once more.
    fn open(&self) -> Result<Option<HandedRows>> {
        let Some(open) = &self.opening else { return Ok(None) };
        let reader = open().map_err(|cause| unreadable(&self.name, &cause))?;
        if reader.schema() != self.whole {
            return Err(Error::changed("its columns changed while it was read")
                .at(&self.name)
                .hint("do not change a table while it is counted"));
        }
        let kind = self.clone();
        Ok(Some(HandedRows { kind, reader, batch: None, piece: 0, sum: RowSum::default() }))
    }
}

impl HandedRows {
    /// The next batch, as it comes.
    fn read(&mut self) -> Result<Option<RecordBatch>> {
        let Some(batch) = self.reader.next() else { return Ok(None) };
        let batch = batch.and_then(|batch| batch.project(&self.kind.columns)).and_then(as_readable);
        batch.map(Some).map_err(|cause| unreadable(&self.kind.name, &cause))
    }
}

/// Rows of a batch to take at a time: whole bytes of bits.
fn piece_of(batch: &RecordBatch) -> usize {
    let row = bytes_of(batch) / batch.num_rows().max(1);
    (PIECE_BYTES / row.max(1)).clamp(64, PIECE_ROWS) / 64 * 64
}

impl RowSource for HandedRows {
    fn name(&self) -> &str {
        &self.kind.name
    }

    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.kind.schema)
    }

    fn next(&mut self) -> Result<Option<RecordBatch>> {
        let batch = match self.batch.take() {
            Some(batch) => batch,
            None => match self.read()? {
                Some(batch) => {
                    self.piece = piece_of(&batch);
                    batch
                }
                None => return Ok(None),
            },
        };
        let most = if self.sum.bytes() == 0 { FIRST_PIECE_ROWS } else { PIECE_ROWS };
        let (rows, first) = (batch.num_rows(), self.piece.min(most).min(batch.num_rows()));
        let piece = batch.slice(0, first);
        self.batch = (first < rows).then(|| batch.slice(first, rows - first));
        self.sum.add(&piece).map_err(|cause| unreadable(&self.kind.name, &cause))?;
        Ok(Some(piece))
    }

    fn sum(&self) -> (u64, [u8; 32]) {
        self.sum.sum()
    }

    fn bytes(&self) -> u64 {
        self.sum.bytes()
    }

    fn reopening(&self) -> Option<Reopening> {
        self.kind.opening.as_ref()?;
        let kind = self.kind.clone();
        Some(Arc::new(move || {
            let rows = kind.open()?.ok_or_else(|| Error::internal("rows come only once"))?;
            Ok(Box::new(rows))
        }))
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, BooleanArray, Int32Array, RecordBatchIterator};

    use super::*;
    use crate::source::row_stream::{ComingRows, SharedRows};
    use crate::source::shards::open;
    use crate::source::stdin::spool;

    fn streams(name: &str, batches: Vec<std::result::Result<RecordBatch, ArrowError>>) -> BatchStreams {
        let schema = batches[0].as_ref().unwrap().schema();
        let streams = BatchStreams::default();
        streams.add(name.to_owned(), Box::new(RecordBatchIterator::new(batches, schema)));
        streams
    }

    fn batch() -> RecordBatch {
        let columns: [(&str, ArrayRef); 2] = [
            ("a", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))),
            ("x", Arc::new(Int32Array::from(vec![1, 2, 3]))),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    #[test]
    fn a_stream_is_a_shard_once_and_for_as_long_as_it_is_held() {
        let place = tempfile::tempdir().unwrap();
        let streams = streams("frame", vec![Ok(batch()), Ok(batch())]);
        let stream = streams.take().pop().unwrap();
        assert!(streams.are_none());
        let mut rows = ComingRows::begin(Box::new(stream.choose(|_| Ok(vec![0])).unwrap())).unwrap();
        let spooled = spool(&mut rows, place.path(), 1 << 20).unwrap();
        let shards = open(vec![spooled.listed()], 1).unwrap();
        assert_eq!(
            (shards[0].rows, shards[0].name.as_str(), shards[0].schema.fields().len()),
            (6, "frame", 1)
        );
        drop(spooled);
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
    }

    #[test]
    fn large_batches_come_in_pieces_and_tables_as_often_as_is_asked() {
        let bits = (0..400_000).map(|row| Some(row % 3 == 0)).collect::<BooleanArray>();
        let number: ArrayRef = Arc::new((0..400_000).map(Some).collect::<Int32Array>());
        let batch = RecordBatch::try_from_iter([("a", Arc::new(bits) as ArrayRef), ("x", number)]).unwrap();
        let streams = BatchStreams::default();
        let given = batch.clone();
        let open: TableOpening =
            Arc::new(move || Ok(Box::new(RecordBatchIterator::new([Ok(given.clone())], given.schema()))));
        streams.add_table("table".to_owned(), open);
        let rows = streams.take().pop().unwrap().choose(|_| Ok(vec![0, 1])).unwrap();
        let mut rows = ComingRows::begin(Box::new(rows)).unwrap();
        assert!(!rows.is_whole() && rows.can_reopen());
        assert_eq!(rows.first().iter().map(RecordBatch::num_rows).sum::<usize>(), 1 << 16);
        let mut pieces = Vec::new();
        while let Some(piece) = rows.next().unwrap() {
            pieces.push(piece);
        }
        let lengths: Vec<usize> = pieces.iter().map(RecordBatch::num_rows).collect();
        assert_eq!(lengths, [65_536, 262_144, 72_320]);
        let whole = arrow::compute::concat_batches(&batch.schema(), &pieces).unwrap();
        assert_eq!(whole, batch);
        let end = rows.end();
        let shared = SharedRows::new(rows);
        for _ in 0..2 {
            let mut again = shared.reopen().unwrap();
            while again.next().unwrap().is_some() {}
            assert_eq!(again.end(), end);
        }
        let once = self::streams("frame", vec![Ok(batch)]).take().pop().unwrap();
        let once = ComingRows::begin(Box::new(once.choose(|_| Ok(vec![1])).unwrap())).unwrap();
        assert!(!once.can_reopen() && SharedRows::new(once).reopen().is_err());
    }

    #[test]
    fn wide_rows_come_in_smaller_pieces() {
        let columns = (0..300).map(|at| {
            let values = (0..10_000_i64).collect::<arrow::array::Int64Array>();
            (format!("l{at}"), Arc::new(values) as ArrayRef)
        });
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        assert_eq!(piece_of(&batch), (8 << 20) / 2400 / 64 * 64);
        assert_eq!(piece_of(&batch.slice(5, 100)), piece_of(&batch));
        assert_eq!(piece_of(&batch.slice(0, 0)), PIECE_ROWS);
    }

    #[test]
    fn a_stream_that_fails_ends_the_run_with_its_own_error() {
        let place = tempfile::tempdir().unwrap();
        let fail = |cause| {
            let stream = streams("frame", vec![Ok(batch()), Err(cause)]).take().pop().unwrap();
            ComingRows::begin(Box::new(stream.choose(|_| Ok(vec![0])).unwrap())).err().unwrap()
        };
        let error = fail(ArrowError::CDataInterface("the reader is gone".to_owned()));
        assert_eq!(error.exit_code(), 4);
        assert!(error.to_string().starts_with("frame: its rows cannot be read: "), "{error}");
        assert_eq!(fail(ArrowError::ExternalError(Box::new(Error::Stopped(130)))).exit_code(), 130);
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
    }
}
