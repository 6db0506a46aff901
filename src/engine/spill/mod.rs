//! Unnamed temporary files for what does not fit into memory. The system removes them even after a crash.

mod factory;
pub(super) mod varint;

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::engine::progress::Progress;
use crate::error::{Error, Result};

pub(super) use factory::SpillFileFactory;

/// The spill folder of a run with its limit, and how much was written there.
#[derive(Debug)]
pub(super) struct Spill {
    dir: PathBuf,
    limit: u64,
    /// Bytes in spill files at the moment.
    now: AtomicU64,
    bytes: AtomicU64,
    files: AtomicU64,
    progress: Arc<Progress>,
}

/// What was written to spill files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Spilled {
    /// Bytes on disk, compressed.
    pub bytes: u64,
    /// Number of files.
    pub files: u64,
}

impl Spill {
    /// Spills to `dir`, or to the temporary folder of the system; at most `limit` bytes at one time.
    pub(super) fn new(dir: Option<&Path>, limit: u64, progress: Arc<Progress>) -> Arc<Self> {
        let dir = dir.map_or_else(std::env::temp_dir, Path::to_path_buf);
        Arc::new(Self {
            dir,
            limit,
            now: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            files: AtomicU64::new(0),
            progress,
        })
    }

    pub(super) fn spilled(&self) -> Spilled {
        Spilled { bytes: self.bytes.load(Ordering::Relaxed), files: self.files.load(Ordering::Relaxed) }
    }

    /// The error for a failed read or write.
    fn failed(&self, cause: &std::io::Error) -> Error {
        let dir = self.dir.display();
        match cause.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                Error::resource(format!("the spill folder {dir} is full: {cause}"))
                    .hint("free some space, choose another --spill-dir, or raise --memory-limit")
            }
            _ => Error::resource(format!("the spill folder {dir} cannot be used: {cause}"))
                .hint("choose another --spill-dir"),
        }
    }

    /// A new file without a name.
    fn open(&self) -> Result<File> {
        std::fs::create_dir_all(&self.dir).map_err(|cause| self.failed(&cause))?;
        let file = tempfile::tempfile_in(&self.dir).map_err(|cause| self.failed(&cause))?;
        self.files.fetch_add(1, Ordering::Relaxed);
        Ok(file)
    }

    /// Gives back `bytes` that were reserved.
    fn release(&self, bytes: u64) {
        self.now.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Reserves `bytes` more.
    ///
    /// # Errors
    /// [`Error::Resource`] above the limit.
    fn reserve(&self, bytes: u64) -> Result<()> {
        self.progress.add_spilled(bytes);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let now = self.now.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if now > self.limit {
            return Err(Error::resource(format!(
                "more than {} MB are needed in spill folder {}",
                self.limit >> 20,
                self.dir.display()
            ))
            .hint("raise --spill-limit or --memory-limit"));
        }
        Ok(())
    }
}

/// Where one write lies in a spill file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    start: u64,
    bytes: usize,
    /// Bytes before compression.
    raw: usize,
}

/// A file that is created at the first write.
#[derive(Debug)]
pub(super) struct SpillFile {
    spill: Arc<Spill>,
    file: Option<Mutex<File>>,
    end: u64,
    buffer: Vec<u8>,
}

impl SpillFile {
    pub(super) fn new(spill: Arc<Spill>) -> Self {
        Self { spill, file: None, end: 0, buffer: Vec::new() }
    }

    pub(super) fn spill(&self) -> Arc<Spill> {
        Arc::clone(&self.spill)
    }

    /// Appends `raw`, compressed.
    pub(super) fn append(&mut self, raw: &[u8]) -> Result<Segment> {
        self.buffer.resize(lz4_flex::block::get_maximum_output_size(raw.len()), 0);
        let bytes = lz4_flex::block::compress_into(raw, &mut self.buffer)
            .map_err(|cause| Error::internal(cause.to_string()))?;
        self.spill.reserve(bytes as u64)?;
        if self.file.is_none() {
            self.file = Some(Mutex::new(self.spill.open()?));
        }
        let segment = Segment { start: self.end, bytes, raw: raw.len() };
        if let Some(file) = &self.file {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(self.end))
                .and_then(|_| file.write_all(&self.buffer[..bytes]))
                .map_err(|cause| self.spill.failed(&cause))?;
        }
        self.end += bytes as u64;
        Ok(segment)
    }

    /// Discards all segments; the next write starts at the beginning of the file.
    pub(super) fn restart(&mut self) {
        self.spill.release(self.end);
        self.end = 0;
    }

    /// Reads a segment back.
    pub(super) fn read(&self, segment: Segment) -> Result<Vec<u8>> {
        self.spill.progress.beat();
        let mut bytes = vec![0; segment.bytes];
        if let Some(file) = &self.file {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(segment.start))
                .and_then(|_| file.read_exact(&mut bytes))
                .map_err(|cause| self.spill.failed(&cause))?;
        }
        lz4_flex::block::decompress(&bytes, segment.raw)
            .map_err(|cause| Error::resource(format!("a spill file is damaged: {cause}")).hint("run again"))
    }
}

impl Drop for SpillFile {
    fn drop(&mut self) {
        self.restart();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_come_back_and_nothing_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let spill = Spill::new(Some(dir.path()), 1 << 20, Arc::default());
        let mut file = SpillFile::new(Arc::clone(&spill));
        assert_eq!(spill.spilled(), Spilled::default());
        let texts = [vec![7_u8; 10_000], (0..=255).collect(), Vec::new()];
        let segments = texts.clone().map(|text| file.append(&text).unwrap());
        for (segment, text) in segments.into_iter().zip(texts) {
            assert_eq!(file.read(segment).unwrap(), text);
        }
        assert_eq!((spill.spilled().files, spill.spilled().bytes), (1, file.end));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_limit_is_named() {
        let mut file = SpillFile::new(Spill::new(None, 100, Arc::default()));
        let noise: Vec<u8> =
            (0..300_u64).flat_map(|i| (i * i * 2_654_435_761 % 65_521).to_le_bytes()).collect();
        let error = file.append(&noise).unwrap_err();
        assert_eq!(error.exit_code(), 6);
        assert!(error.remedy().unwrap().contains("--spill-limit"), "{error}");
    }
}
