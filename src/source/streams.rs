//! Record batches that a program hands over are counted as a stream on stdin is.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{RecordBatch, RecordBatchReader};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use sha2::{Digest as _, Sha256};

use super::row_stream::RowSource;
use crate::error::{Error, Result};

/// A stream of record batches, and what messages call it.
pub(crate) struct BatchStream {
    name: String,
    reader: Box<dyn RecordBatchReader + Send>,
}

/// The streams of one run, which reads each of them once.
#[derive(Clone, Default)]
pub(crate) struct BatchStreams(Arc<Mutex<Vec<BatchStream>>>);

impl std::fmt::Debug for BatchStreams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.lock().iter().map(|stream| &stream.name)).finish()
    }
}

impl BatchStreams {
    /// Adds a stream.
    pub(crate) fn add(&self, name: String, reader: Box<dyn RecordBatchReader + Send>) {
        self.lock().push(BatchStream { name, reader });
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
    /// What `choose` says.
    pub(crate) fn choose(self, choose: impl FnOnce(&Schema) -> Result<Vec<usize>>) -> Result<HandedRows> {
        let Self { name, reader } = self;
        let columns = choose(&reader.schema()).map_err(|error| error.at(&name))?;
        let failed = |cause: ArrowError| Error::internal(cause.to_string());
        let schema = reader.schema().project(&columns).map_err(failed)?;
        let sum = StreamWriter::try_new(HashedBytes::default(), &schema).map_err(failed)?;
        Ok(HandedRows { name, reader, columns, schema: schema.into(), sum })
    }
}

/// The rows of a stream that was handed over.
pub(crate) struct HandedRows {
    name: String,
    reader: Box<dyn RecordBatchReader + Send>,
    columns: Vec<usize>,
    schema: SchemaRef,
    /// Sums up the rows as the bytes that they would be in an Arrow IPC stream.
    sum: StreamWriter<HashedBytes>,
}

impl RowSource for HandedRows {
    fn name(&self) -> &str {
        &self.name
    }

    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    fn next(&mut self) -> Result<Option<RecordBatch>> {
        let Some(batch) = self.reader.next() else { return Ok(None) };
        let failed = |cause: ArrowError| {
            Error::behind(&cause)
                .unwrap_or_else(|| Error::input(format!("{}: its rows cannot be read: {cause}", self.name)))
        };
        let batch = batch.and_then(|batch| batch.project(&self.columns)).map_err(failed)?;
        self.sum.write(&batch).map_err(failed)?;
        Ok(Some(batch))
    }

    fn sum(&self) -> (u64, [u8; 32]) {
        let HashedBytes { bytes, hash } = self.sum.get_ref();
        (*bytes, hash.clone().finalize().into())
    }
}

/// Bytes that nobody keeps.
#[derive(Default)]
struct HashedBytes {
    bytes: u64,
    hash: Sha256,
}

impl Write for HashedBytes {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.bytes += bytes.len() as u64;
        self.hash.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, BooleanArray, Int32Array, RecordBatchIterator};

    use super::*;
    use crate::source::row_stream::ComingRows;
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
