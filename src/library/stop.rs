//! The switch that ends a call.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arrow::array::{RecordBatch, RecordBatchReader};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use tokio::sync::watch;

use crate::error::Error;

/// Ends the calls that were given it, from any thread. Once it is on, it stays on.
#[derive(Debug, Clone)]
pub struct StopSwitch(Arc<watch::Sender<bool>>);

impl Default for StopSwitch {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl StopSwitch {
    /// Ends the calls, with [`Error::Stopped`].
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Whether it is on.
    #[must_use]
    pub fn is_on(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is on.
    pub(super) async fn stopped(&self) -> Error {
        // The sender is alive as long as this is.
        let _ = self.0.subscribe().wait_for(|is_on| *is_on).await;
        STOPPED
    }
}

/// What Ctrl-C says.
const STOPPED: Error = Error::Stopped(130);

/// How many streams of a call are still read, or will be.
#[derive(Debug, Clone, Default)]
pub(super) struct OpenReaders(Arc<AtomicUsize>);

impl OpenReaders {
    /// Waits until there is none. A thread that is stopped ends its batch first, which may be the code of the program.
    pub(super) fn wait(&self) {
        while self.0.load(Ordering::Acquire) > 0 {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// A stream that ends with the switch.
pub(super) struct StoppableReader {
    reader: Box<dyn RecordBatchReader + Send>,
    stop: StopSwitch,
    /// Dropped last.
    _open: OpenReader,
}

struct OpenReader(OpenReaders);

impl OpenReader {
    fn new(open: &OpenReaders) -> Self {
        open.0.fetch_add(1, Ordering::AcqRel);
        Self(open.clone())
    }
}

impl Drop for OpenReader {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl StoppableReader {
    pub(super) fn new(
        reader: Box<dyn RecordBatchReader + Send>,
        stop: &StopSwitch,
        open: &OpenReaders,
    ) -> Self {
        Self { reader, stop: stop.clone(), _open: OpenReader::new(open) }
    }

    /// What `open` gives.
    pub(super) fn open(
        open: impl Fn() -> Result<Box<dyn RecordBatchReader + Send>, ArrowError>,
        stop: &StopSwitch,
        readers: &OpenReaders,
    ) -> Result<Box<dyn RecordBatchReader + Send>, ArrowError> {
        // The code of the program is waited for from here on.
        let is_open = OpenReader::new(readers);
        if stop.is_on() {
            return Err(ArrowError::ExternalError(Box::new(STOPPED)));
        }
        Ok(Box::new(Self { reader: open()?, stop: stop.clone(), _open: is_open }))
    }
}

impl Iterator for StoppableReader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.stop.is_on() {
            return Some(Err(ArrowError::ExternalError(Box::new(STOPPED))));
        }
        self.reader.next()
    }
}

impl RecordBatchReader for StoppableReader {
    fn schema(&self) -> SchemaRef {
        self.reader.schema()
    }
}
