//! Rows that come once and need not be kept: the first of them are looked at, the others are counted as they come.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::error::{Error, Result};

/// Rows that are looked at before any is counted.
const FIRST_ROWS: usize = 1 << 16;
/// Bytes of them.
const FIRST_BYTES: usize = 16 << 20;

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

    /// Bytes read so far, and their SHA-256.
    fn sum(&self) -> (u64, [u8; 32]);
}

/// What came, once all of it has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StreamEnd {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) sha256: [u8; 32],
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
            bytes += batch.get_array_memory_size();
            first.push(batch);
        }
        Ok(Self { first, is_whole, rest, rows: 0 })
    }

    /// The columns of every batch.
    pub(crate) fn schema(&self) -> SchemaRef {
        self.rest.schema()
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

    /// What has come.
    pub(crate) fn end(&self) -> StreamEnd {
        let (bytes, sha256) = self.rest.sum();
        StreamEnd { rows: self.rows, bytes, sha256 }
    }
}

/// [`ComingRows`] that a count takes, and later what came.
#[derive(Clone)]
pub(crate) struct SharedRows {
    schema: SchemaRef,
    state: Arc<Mutex<RowsState>>,
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
        Self { schema: rows.schema(), state: Arc::new(Mutex::new(RowsState::ToCome(rows))) }
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
