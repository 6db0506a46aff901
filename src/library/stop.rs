//! The switch that ends a call.

use std::sync::Arc;

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

/// A stream that ends with the switch.
pub(super) struct StoppableReader {
    pub(super) reader: Box<dyn RecordBatchReader + Send>,
    pub(super) stop: StopSwitch,
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
