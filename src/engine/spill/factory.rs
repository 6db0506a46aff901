//! Spill files for the operators of DataFusion, made like those of posweight.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use datafusion::common::Result as DfResult;
use datafusion::execution::spill_file::{SpillFile, SpillWriter, TempFileFactory};
use futures::{Stream, stream};

use super::Spill;
use crate::engine::errors::external;

/// Bytes read at a time.
const READ_BYTES: usize = 256 << 10;

/// Bytes written at a time, about.
const WRITE_BYTES: usize = 64 << 10;

/// Makes unnamed files that count towards the limit of a [`Spill`].
#[derive(Debug)]
pub(in crate::engine) struct SpillFileFactory(pub(in crate::engine) Arc<Spill>);

impl TempFileFactory for SpillFileFactory {
    fn create_temp_file(&self, _description: &str) -> DfResult<Arc<dyn SpillFile>> {
        let file = self.0.open().map_err(external)?;
        Ok(Arc::new(SharedSpillFile(Arc::new(Mutex::new(OpenSpillFile {
            spill: Arc::clone(&self.0),
            file,
            bytes: 0,
        })))))
    }
}

/// A file with one writer and any number of readers.
struct SharedSpillFile(Arc<Mutex<OpenSpillFile>>);

struct OpenSpillFile {
    spill: Arc<Spill>,
    file: File,
    bytes: u64,
}

impl OpenSpillFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.spill.reserve(bytes.len() as u64).map_err(io::Error::other)?;
        let written = self.file.seek(SeekFrom::Start(self.bytes)).and_then(|_| self.file.write_all(bytes));
        self.bytes += bytes.len() as u64;
        written.map_err(|cause| io::Error::other(self.spill.failed(&cause)))
    }

    /// The bytes from `start` on, at most [`READ_BYTES`]; none at the end.
    fn read(&mut self, start: u64) -> io::Result<Bytes> {
        self.spill.progress.beat();
        let left = usize::try_from(self.bytes.saturating_sub(start)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; left.min(READ_BYTES)];
        self.file.seek(SeekFrom::Start(start))?;
        self.file.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

impl Drop for OpenSpillFile {
    fn drop(&mut self) {
        self.spill.release(self.bytes);
    }
}

impl SpillFile for SharedSpillFile {
    fn size(&self) -> Option<u64> {
        Some(self.0.lock().unwrap_or_else(PoisonError::into_inner).bytes)
    }

    fn read_stream(&self) -> DfResult<Pin<Box<dyn Stream<Item = DfResult<Bytes>> + Send>>> {
        let shared = Arc::clone(&self.0);
        Ok(Box::pin(stream::try_unfold(0, move |start| {
            let shared = Arc::clone(&shared);
            async move {
                let bytes = shared.lock().unwrap_or_else(PoisonError::into_inner).read(start)?;
                let end = start + bytes.len() as u64;
                Ok((!bytes.is_empty()).then_some((bytes, end)))
            }
        })))
    }

    fn open_writer(&self) -> DfResult<Box<dyn SpillWriter>> {
        Ok(Box::new(SpillFileWriter { file: Arc::clone(&self.0), buffer: Vec::with_capacity(WRITE_BYTES) }))
    }
}

/// Buffers small writes.
struct SpillFileWriter {
    file: Arc<Mutex<OpenSpillFile>>,
    buffer: Vec<u8>,
}

impl Write for SpillFileWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= WRITE_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let written = self.file.lock().unwrap_or_else(PoisonError::into_inner).append(&self.buffer);
        self.buffer.clear();
        written
    }
}

impl SpillWriter for SpillFileWriter {
    fn finish(&mut self) -> DfResult<()> {
        Ok(self.flush()?)
    }
}
