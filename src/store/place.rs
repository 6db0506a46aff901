//! A file or an object, and reading it.

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use bytes::{Buf, Bytes};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::reader::{ChunkReader, Length};

use super::object::Object;
use crate::error::{Error, Result};

/// Where a shard lies. Files come before objects.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A file of this machine.
    File(PathBuf),
    /// An object in a store.
    Object(Object),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Object(object) => object.fmt(f),
        }
    }
}

impl Place {
    /// The last part of the path or key.
    #[must_use]
    pub fn file_name(&self) -> String {
        match self {
            Self::File(path) => {
                path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
            }
            Self::Object(object) => object.key().rsplit('/').next().unwrap_or_default().to_owned(),
        }
    }

    /// Its path; of an object one that no file has, with its key at the end.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        match self {
            Self::File(path) => path.clone(),
            Self::Object(object) => format!("/{}", object.to_string().replacen("://", "/", 1)).into(),
        }
    }

    /// The object, if it is one.
    #[must_use]
    pub fn object(&self) -> Option<&Object> {
        match self {
            Self::File(_) => None,
            Self::Object(object) => Some(object),
        }
    }

    /// Where it is, whatever the folder the program runs in.
    #[must_use]
    pub fn absolute(&self) -> PathBuf {
        match self {
            Self::File(path) => std::fs::canonicalize(path).unwrap_or_else(|_| path.clone()),
            Self::Object(object) => object.to_string().into(),
        }
    }

    /// What went wrong while it was read.
    #[must_use]
    pub fn failed(&self, cause: &std::io::Error) -> Error {
        Error::behind(cause).unwrap_or_else(|| Error::reading(Path::new(&self.to_string()), cause))
    }

    /// Opens it. Of an object nothing is read yet.
    ///
    /// # Errors
    /// What the system says of the file.
    pub fn open(&self) -> std::io::Result<Reader> {
        match self {
            Self::File(path) => Ok(Reader::File(File::open(path)?)),
            Self::Object(object) => Ok(Reader::Object(Box::new(Window::new(object.clone())))),
        }
    }
}

/// Reads a place, waiting for the bytes.
#[derive(Debug)]
pub enum Reader {
    /// An open file.
    File(File),
    /// An object, and the part of it that was read last.
    Object(Box<Window>),
}

impl Reader {
    /// Size and time of modification.
    ///
    /// # Errors
    /// What the system says of the file.
    pub fn stat(&self) -> std::io::Result<(u64, Option<SystemTime>)> {
        match self {
            Self::File(file) => file.metadata().map(|meta| (meta.len(), meta.modified().ok())),
            Self::Object(window) => Ok((window.object.bytes(), Some(window.object.modified()))),
        }
    }

    /// Fills `into` with what stands at `start`.
    ///
    /// # Errors
    /// What the system says, or an error of this crate inside.
    pub fn read_at(&mut self, start: u64, into: &mut [u8]) -> std::io::Result<()> {
        match self {
            Self::File(file) => file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(into)),
            Self::Object(window) => {
                let bytes = window.read(start..start + into.len() as u64).map_err(std::io::Error::other)?;
                into.copy_from_slice(&bytes);
                Ok(())
            }
        }
    }

    /// Reads `range` of an object in one request, from which all that lies in it is given. A file is not read.
    ///
    /// # Errors
    /// As [`Object::read`].
    pub fn prefetch(&mut self, range: Range<u64>) -> Result<()> {
        match self {
            Self::File(_) => Ok(()),
            Self::Object(window) => window.read(range).map(|_| ()),
        }
    }
}

/// An object and the part of it that was read last: readers of Parquet ask for many small parts.
#[derive(Debug)]
pub struct Window {
    object: Object,
    held: Mutex<(u64, Bytes)>,
}

impl Window {
    /// Bytes of a request, at least.
    const BYTES: u64 = 256 << 10;
    /// The same at the end of an object, where its footer is.
    const TAIL_BYTES: u64 = 64 << 10;

    fn new(object: Object) -> Self {
        Self { object, held: Mutex::default() }
    }

    fn read(&self, range: Range<u64>) -> Result<Bytes> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let within = |(start, bytes): &(u64, Bytes)| -> Option<Bytes> {
            let from = usize::try_from(range.start.checked_sub(*start)?).ok()?;
            let to = usize::try_from(range.end.checked_sub(*start)?).ok()?;
            (to <= bytes.len() && from <= to).then(|| bytes.slice(from..to))
        };
        if let Some(bytes) = within(&held) {
            return Ok(bytes);
        }
        if range.end > self.object.bytes() {
            return Err(Error::input(format!("{}: bytes beyond its end were asked for", self.object)));
        }
        // Footers stand at the end: what is asked for there is read with what stands before it.
        let (start, end) = if range.end == self.object.bytes() {
            (range.start.min(range.end.saturating_sub(Self::TAIL_BYTES)), range.end)
        } else {
            (range.start, range.end.max(range.start + Self::BYTES).min(self.object.bytes()))
        };
        *held = (start, self.object.read(start..end)?);
        within(&held).ok_or_else(|| Error::internal("a part of an object was lost"))
    }
}

impl Length for Reader {
    fn len(&self) -> u64 {
        self.stat().map_or(0, |(bytes, _)| bytes)
    }
}

impl ChunkReader for Reader {
    type T = Box<dyn Read + Send>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        match self {
            Self::File(file) => Ok(Box::new(file.get_read(start)?)),
            Self::Object(window) => {
                let end = (start + Window::BYTES).min(window.object.bytes());
                let first =
                    window.read(start..end).map_err(|error| ParquetError::External(Box::new(error)))?;
                Ok(Box::new(Onwards { object: window.object.clone(), at: end, bytes: first }))
            }
        }
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        match self {
            Self::File(file) => file.get_bytes(start, length),
            Self::Object(window) => window
                .read(start..start + length as u64)
                .map_err(|error| ParquetError::External(Box::new(error))),
        }
    }
}

/// An object from some place on.
struct Onwards {
    object: Object,
    at: u64,
    bytes: Bytes,
}

impl Read for Onwards {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.bytes.is_empty() {
            let end = (self.at + Window::BYTES).min(self.object.bytes());
            self.bytes = self.object.read(self.at..end).map_err(std::io::Error::other)?;
            self.at = end;
        }
        let some = into.len().min(self.bytes.len());
        self.bytes.copy_to_slice(&mut into[..some]);
        Ok(some)
    }
}
