//! Record batches that a program hands over become shards of its run, as a stream on stdin does.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatchReader;
use arrow::datatypes::Schema;
use arrow::error::ArrowError;

use super::spool::{Spool, Spooled};
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

/// Reads a stream to its end and keeps the columns that `choose` wants, by position, in a folder of this run in
/// `parent`, where it may take `limit` bytes.
///
/// # Errors
/// [`Error::Input`] when the stream fails, [`Error::Resource`] when it is too large, or what `choose` says.
pub(crate) fn spool_batches(
    stream: BatchStream,
    choose: impl FnOnce(&Schema) -> Result<Vec<usize>>,
    parent: &std::path::Path,
    limit: u64,
) -> Result<Spooled> {
    let BatchStream { name, reader } = stream;
    let failed = |cause: &ArrowError| {
        Error::behind(cause)
            .unwrap_or_else(|| Error::input(format!("{name}: its rows cannot be read: {cause}")))
    };
    let columns = choose(&reader.schema()).map_err(|error| error.at(&name))?;
    let schema = reader.schema().project(&columns).map_err(|cause| failed(&cause))?;
    let mut spool = Spool::create(schema.into(), parent, limit, &name)?;
    for batch in reader {
        let batch = batch.and_then(|batch| batch.project(&columns)).map_err(|cause| failed(&cause))?;
        spool.write(&batch)?;
    }
    spool.finish()
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, BooleanArray, Int32Array, RecordBatch, RecordBatchIterator};

    use super::*;
    use crate::source::shards::open;

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
        let spooled = spool_batches(stream, |_| Ok(vec![0]), place.path(), 1 << 20).unwrap();
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
            spool_batches(stream, |_| Ok(vec![0]), place.path(), 1 << 20).unwrap_err()
        };
        let error = fail(ArrowError::CDataInterface("the reader is gone".to_owned()));
        assert_eq!(error.exit_code(), 4);
        assert!(error.to_string().starts_with("frame: its rows cannot be read: "), "{error}");
        assert_eq!(fail(ArrowError::ExternalError(Box::new(Error::Stopped(130)))).exit_code(), 130);
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
    }
}
