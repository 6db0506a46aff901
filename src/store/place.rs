//! A file or an object, and reading it.

use std::fmt;
use std::fs::{File, Metadata};
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::{Buf, Bytes};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::reader::{ChunkReader, Length};

use super::object::Object;
use crate::error::{Error, Result};

/// The place of a shard. Files sort before objects.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
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
    pub(crate) fn file_name(&self) -> String {
        match self {
            Self::File(path) => {
                path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
            }
            Self::Object(object) => object.key().rsplit('/').next().unwrap_or_default().to_owned(),
        }
    }

    /// Its path; for an object, a path that no file has, ending in the key.
    #[must_use]
    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Self::File(path) => path.clone(),
            Self::Object(object) => format!("/{}", object.to_string().replacen("://", "/", 1)).into(),
        }
    }

    /// The object; `None` for a file.
    #[must_use]
    pub(crate) fn object(&self) -> Option<&Object> {
        match self {
            Self::File(_) => None,
            Self::Object(object) => Some(object),
        }
    }

    /// Its absolute path or address.
    #[must_use]
    pub(crate) fn absolute(&self) -> PathBuf {
        match self {
            Self::File(path) => std::fs::canonicalize(path).unwrap_or_else(|_| path.clone()),
            Self::Object(object) => object.to_string().into(),
        }
    }

    /// The error for a failed read of this place.
    #[must_use]
    pub(crate) fn failed(&self, cause: &std::io::Error) -> Error {
        Error::behind(cause).unwrap_or_else(|| Error::reading(Path::new(&self.to_string()), cause))
    }

    /// Opens it. For an object, nothing is read yet.
    ///
    /// # Errors
    /// The error of the file system.
    pub(crate) fn open(&self) -> std::io::Result<Reader> {
        match self {
            Self::File(path) => Ok(Reader::File(File::open(path)?)),
            Self::Object(object) => Ok(Reader::Object(Box::new(Window::new(object.clone())))),
        }
    }
}

/// The absolute path, through links: only what lies before a `..` is the path without links, as systems read `..`.
pub(crate) fn through_links(path: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    let parts: Vec<Component<'_>> = path.components().collect();
    let Some(last) = parts.iter().rposition(|part| *part == Component::ParentDir) else { return Some(path) };
    let (before, after) = parts.split_at(last + 1);
    let before = std::fs::canonicalize(before.iter().collect::<PathBuf>()).ok()?;
    Some(before.join(after.iter().collect::<PathBuf>()))
}

/// Reads a place, blocking.
#[derive(Debug)]
pub(crate) enum Reader {
    /// An open file.
    File(File),
    /// An object, with the part that was read last.
    Object(Box<Window>),
}

/// What a file system or a store says of a file without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    /// Size in bytes.
    pub bytes: u64,
    /// When it was written, as far as it says.
    pub modified: Option<SystemTime>,
    /// Of a file: a number that no other file of the disk has, and when anything about it was changed last. Unlike
    /// the time of modification, these cannot be set.
    pub inode: Option<(u64, SystemTime)>,
}

impl Stat {
    /// What a file system says.
    #[must_use]
    pub(crate) fn of_file(meta: &Metadata) -> Self {
        let seconds = Duration::from_secs(u64::try_from(meta.ctime()).unwrap_or(0));
        let nanoseconds = Duration::from_nanos(u64::try_from(meta.ctime_nsec()).unwrap_or(0));
        let changed = SystemTime::UNIX_EPOCH + seconds + nanoseconds;
        Self { bytes: meta.len(), modified: meta.modified().ok(), inode: Some((meta.ino(), changed)) }
    }
}

impl Reader {
    /// Size and times.
    ///
    /// # Errors
    /// The error of the file system.
    pub(crate) fn stat(&self) -> std::io::Result<Stat> {
        match self {
            Self::File(file) => file.metadata().map(|meta| Stat::of_file(&meta)),
            Self::Object(window) => {
                let (bytes, modified) = (window.object.bytes(), Some(window.object.modified()));
                Ok(Stat { bytes, modified, inode: None })
            }
        }
    }

    /// Fills `into` with the bytes from offset `start`.
    ///
    /// # Errors
    /// The error of the file system, or one that wraps an error of this crate.
    pub(crate) fn read_at(&mut self, start: u64, into: &mut [u8]) -> std::io::Result<()> {
        match self {
            Self::File(file) => file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(into)),
            Self::Object(window) => {
                let bytes = window.read(start..start + into.len() as u64).map_err(std::io::Error::other)?;
                into.copy_from_slice(&bytes);
                Ok(())
            }
        }
    }

    /// Reads `range` of an object in one request, for later reads inside it. Does nothing for a file.
    ///
    /// # Errors
    /// As [`Object::read`].
    pub(crate) fn prefetch(&mut self, range: Range<u64>) -> Result<()> {
        match self {
            Self::File(_) => Ok(()),
            Self::Object(window) => window.read(range).map(|_| ()),
        }
    }
}

/// An object and the part that was read last: Parquet readers request many small parts.
#[derive(Debug)]
pub(crate) struct Window {
    object: Object,
    held: Mutex<(u64, Bytes)>,
}

impl Window {
    /// Minimum bytes of a request.
    const BYTES: u64 = 256 << 10;
    /// Minimum bytes of a request at the end of an object, where the footer is.
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
            return Err(Error::input("a read beyond the end of the object").at(&self.object));
        }
        // Footers are at the end: read them together with the bytes before.
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
        self.stat().map_or(0, |stat| stat.bytes)
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

/// The bytes of an object from an offset on.
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
