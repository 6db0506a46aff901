//! Rows that come once and need not be kept: the first of them are looked at, the others are counted as they come.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array as _, ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;

use crate::error::{Error, Result};

/// Rows that are looked at before any is counted.
const FIRST_ROWS: usize = 1 << 16;
/// Bytes of them.
const FIRST_BYTES: usize = 16 << 20;

/// Opens rows again, from the first on.
pub(crate) type Reopening = Arc<dyn Fn() -> Result<Box<dyn RowSource>> + Send + Sync>;

/// Where rows come from, batch by batch.
pub(crate) trait RowSource: Send {
    /// What messages call it.
    fn name(&self) -> &str;

    /// The columns of every batch.
    fn schema(&self) -> SchemaRef;

    /// The next rows; `None` once all have come.
    ///
    /// # Errors
    /// [`Error::Input`] when they cannot be read.
    fn next(&mut self) -> Result<Option<RecordBatch>>;

    /// Bytes read so far, and a sum by which they are known again.
    fn sum(&self) -> (u64, [u8; 32]);

    /// Bytes read so far.
    fn bytes(&self) -> u64;

    /// What opens the same rows once more; `None` where they come only once.
    fn reopening(&self) -> Option<Reopening> {
        None
    }
}

/// What came, once all of it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamEnd {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) hash: [u8; 32],
}

/// Rows that come once: the first are here, the others are to come.
pub(crate) struct ComingRows {
    first: Vec<RecordBatch>,
    /// The first rows are all.
    is_whole: bool,
    rest: Box<dyn RowSource>,
    rows: u64,
}

impl ComingRows {
    /// Reads the first rows.
    ///
    /// # Errors
    /// As [`RowSource::next`].
    pub(crate) fn begin(mut rest: Box<dyn RowSource>) -> Result<Self> {
        let (mut first, mut rows, mut bytes, mut is_whole) = (Vec::new(), 0, 0, false);
        while rows < FIRST_ROWS && bytes < FIRST_BYTES {
            let Some(batch) = rest.next()? else {
                is_whole = true;
                break;
            };
            rows += batch.num_rows();
            bytes += bytes_of(&batch);
            first.push(batch);
        }
        Ok(Self { first, is_whole, rest, rows: 0 })
    }

    /// All of the rows, of which none is looked at.
    fn all(rest: Box<dyn RowSource>) -> Self {
        Self { first: Vec::new(), is_whole: false, rest, rows: 0 }
    }

    /// The columns of every batch.
    pub(crate) fn schema(&self) -> SchemaRef {
        self.rest.schema()
    }

    /// Whether the rows that are looked at are all.
    pub(crate) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Whether they can be opened once more.
    pub(crate) fn can_reopen(&self) -> bool {
        self.rest.reopening().is_some()
    }

    /// What messages call it.
    pub(crate) fn name(&self) -> &str {
        self.rest.name()
    }

    /// The rows that are looked at.
    pub(crate) fn first(&self) -> &[RecordBatch] {
        &self.first
    }

    /// The next rows, from the first on; `None` once all have come.
    ///
    /// # Errors
    /// As [`RowSource::next`].
    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>> {
        let batch = if self.first.is_empty() {
            if self.is_whole { None } else { self.rest.next()? }
        } else {
            Some(self.first.remove(0))
        };
        self.rows += batch.as_ref().map_or(0, |batch| batch.num_rows() as u64);
        Ok(batch)
    }

    /// Bytes that have come.
    pub(crate) fn bytes(&self) -> u64 {
        self.rest.bytes()
    }

    /// What has come.
    pub(crate) fn end(&self) -> StreamEnd {
        let (bytes, hash) = self.rest.sum();
        StreamEnd { rows: self.rows, bytes, hash }
    }
}

/// The bytes of the values of a batch, which may be a part of a larger one.
pub(super) fn bytes_of(batch: &RecordBatch) -> usize {
    let of = |array: &ArrayRef| {
        array.to_data().get_slice_memory_size().unwrap_or_else(|_| array.get_array_memory_size())
    };
    batch.columns().iter().map(of).sum()
}

/// [`ComingRows`] that a count takes, and later what came.
#[derive(Clone)]
pub(crate) struct SharedRows {
    schema: SchemaRef,
    reopening: Option<Reopening>,
    state: Arc<Mutex<RowsState>>,
    /// Bytes that have come.
    come: Arc<AtomicU64>,
}

enum RowsState {
    ToCome(ComingRows),
    Taken,
    Over(StreamEnd),
}

impl fmt::Debug for SharedRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedRows").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl SharedRows {
    pub(crate) fn new(rows: ComingRows) -> Self {
        let (schema, reopening) = (rows.schema(), rows.rest.reopening());
        Self { schema, reopening, state: Arc::new(Mutex::new(RowsState::ToCome(rows))), come: Arc::default() }
    }

    /// Whether the rows can be read once more.
    pub(crate) fn can_reopen(&self) -> bool {
        self.reopening.is_some()
    }

    /// The rows once more, from the first on.
    ///
    /// # Errors
    /// What opens them, and [`Error::Internal`] for rows that come only once.
    pub(crate) fn reopen(&self) -> Result<ComingRows> {
        let open = self.reopening.as_ref();
        let open = open.ok_or_else(|| Error::internal("rows that come once were asked for again"))?;
        open().map(ComingRows::all)
    }

    /// The rows, which only one may take.
    ///
    /// # Errors
    /// [`Error::Internal`] when they were taken before.
    pub(crate) fn take(&self) -> Result<ComingRows> {
        match std::mem::replace(&mut *self.lock(), RowsState::Taken) {
            RowsState::ToCome(rows) => Ok(rows),
            _ => Err(Error::internal("rows that come once were asked for twice")),
        }
    }

    /// Reads all rows, if no thread has begun to: rows that are not counted are part of the stream, too.
    ///
    /// # Errors
    /// As [`RowSource::next`].
    pub(crate) fn read_unread(&self) -> Result<()> {
        if !matches!(*self.lock(), RowsState::ToCome(_)) {
            return Ok(());
        }
        let mut rows = self.take()?;
        while rows.next()?.is_some() {}
        self.finish(rows.end());
        Ok(())
    }

    /// The bytes that have come so far, for whoever looks meanwhile.
    pub(crate) fn come(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.come)
    }

    /// Says how many bytes have come so far.
    pub(crate) fn have_come(&self, bytes: u64) {
        self.come.store(bytes, Ordering::Relaxed);
    }

    /// All rows have come.
    pub(crate) fn finish(&self, end: StreamEnd) {
        *self.lock() = RowsState::Over(end);
    }

    /// What came; `None` unless all of it has.
    pub(crate) fn end(&self) -> Option<StreamEnd> {
        match &*self.lock() {
            RowsState::Over(end) => Some(*end),
            _ => None,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, RowsState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
