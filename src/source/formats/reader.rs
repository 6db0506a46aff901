//! What a format of files gives: rows as Arrow arrays, batch by batch.

use std::fmt::Display;
use std::io::{BufReader, Read};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use flate2::read::MultiGzDecoder;
use parquet::file::reader::ChunkReader as _;

use crate::error::{Error, Result};
use crate::source::listing::FileCompression;
use crate::store::Place;

/// Rows of a batch, at most.
pub(super) const BATCH_ROWS: usize = 8192;
/// Bytes of text after which a batch ends.
pub(super) const BATCH_BYTES: usize = 8 << 20;

/// Bytes of one row of text; what has more is no row, but lacks its quote or its line break.
pub(super) const ROW_BYTES_MAX: u64 = 256 << 20;

/// A file that is not Parquet.
#[derive(Debug)]
pub(super) struct SourceFile<'a> {
    /// What messages call it.
    pub name: &'a str,
    pub place: &'a Place,
    pub compression: Option<FileCompression>,
}

/// The rows of a file.
pub(super) struct Rows<'f> {
    pub schema: SchemaRef,
    /// The next batch; `None` after the last one.
    pub next: Box<dyn FnMut() -> Result<Option<LinedBatch>> + 'f>,
}

/// Rows with the lines of the file that they begin on.
pub(super) struct LinedBatch {
    pub batch: RecordBatch,
    /// Of each row, from 1; none where the file has no lines.
    pub lines: Vec<u64>,
}

/// Says of a column, by its path, whether its objects are to be maps, or structs; `None` leaves it open.
pub(crate) type AsMap<'a> = &'a dyn Fn(&str) -> Option<bool>;

/// Reads files of one format.
pub(super) trait FormatReader {
    /// Looks at a file before any of them is read: text has no types but those of all its values.
    ///
    /// # Errors
    /// [`Error::Input`] naming the file and the line.
    fn look(&mut self, file: &SourceFile<'_>) -> Result<()>;

    /// Settles the types of columns, once all files were looked at.
    fn settle(&mut self, _as_map: AsMap<'_>) {}

    /// Opens a file that was looked at.
    ///
    /// # Errors
    /// [`Error::Input`] naming the file.
    fn open<'f>(&'f self, file: &'f SourceFile<'f>) -> Result<Rows<'f>>;
}

impl SourceFile<'_> {
    /// Its bytes, decompressed.
    ///
    /// # Errors
    /// [`Error::Input`] when it cannot be opened or is compressed in a way that is not read.
    pub(super) fn bytes(&self) -> Result<Box<dyn Read>> {
        let refused = |kind: &str, command: &str, end: &str| {
            let plain = self.name.strip_suffix(end).unwrap_or(self.name);
            Err(Error::input(format!("{kind} files are not read"))
                .at(self.name)
                .hint(format!("compress it with gzip: {command} -dc {} | gzip > {plain}.gz", self.name)))
        };
        let open = || -> Result<Box<dyn Read + Send>> {
            let file = self.place.open().map_err(|cause| self.place.failed(&cause))?;
            file.get_read(0).map_err(|cause| Error::behind(&cause).unwrap_or_else(|| self.unreadable(&cause)))
        };
        Ok(match self.compression {
            None => open()?,
            Some(FileCompression::Gzip) => Box::new(MultiGzDecoder::new(BufReader::new(open()?))),
            Some(FileCompression::Zstd) => {
                Box::new(zstd::stream::read::Decoder::new(open()?).map_err(|cause| self.unreadable(&cause))?)
            }
            Some(FileCompression::Bzip2) => return refused("bzip2", "bzip2", ".bz2"),
            Some(FileCompression::Xz) => return refused("xz", "xz", ".xz"),
        })
    }

    /// The error for a failed read.
    pub(super) fn unreadable(&self, cause: &dyn Display) -> Error {
        let name = self.name;
        match self.compression {
            Some(kind) => Error::input(format!("the {kind:?} file is damaged or cut off: {cause}"))
                .at(name)
                .hint("compress the file again, or leave it out of the sources"),
            None => Error::input(format!("cannot be read: {cause}"))
                .at(name)
                .hint("write the file again, or leave it out of the sources"),
        }
    }

    /// The error for a failed read of text.
    pub(super) fn failed(&self, cause: &std::io::Error) -> Error {
        Error::behind(cause).unwrap_or_else(|| self.unreadable(cause))
    }

    /// The error at a line of the file, counted from 1.
    pub(super) fn at_line(&self, line: u64, what: &dyn Display) -> Error {
        Error::input(format!("line {line}: {what}")).at(self.name)
    }
}
