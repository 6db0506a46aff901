//! Rows of a stream, a query or a file of another format become a shard: a Parquet file of this run, which is counted
//! like any other.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use super::class_labels::KEY as CLASS_NAMES;
use super::listing::Listed;
use super::row_lines::RowLines;
use crate::artifact::files::ROW_LINES;
use crate::error::{Error, Result};
use crate::scratch::Scratch;
use crate::store::Place;

/// Bytes of columns that are encoded before they are written.
const ROW_GROUP_BYTES: usize = 64 << 20;

/// A shard that was made for this run; it is gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Spooled {
    /// Removed with all that is in it.
    _folder: Scratch,
    path: PathBuf,
    name: String,
}

impl Spooled {
    /// The shard as a file to read, called `-`, `query`, or like the file that its rows are from.
    #[must_use]
    pub(crate) fn listed(&self) -> Listed {
        Listed {
            place: Place::File(self.path.clone()),
            hive: Vec::new(),
            name: self.name.clone(),
            table: None,
        }
    }

    /// Its rows, from the first on.
    ///
    /// # Errors
    /// [`Error::Resource`] when the file cannot be read back.
    pub(crate) fn read(&self) -> Result<ParquetRecordBatchReader> {
        let damaged = |cause: &dyn std::fmt::Display| {
            Error::resource(format!("rows cannot be read back: {cause}"))
                .at(self.path.display())
                .hint("run again")
        };
        let file = File::open(&self.path).map_err(|cause| damaged(&cause))?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|cause| damaged(&cause))?;
        reader.build().map_err(|cause| damaged(&cause))
    }

    /// Its size.
    ///
    /// # Errors
    /// [`Error::Output`] when the file is gone.
    pub(super) fn bytes(&self) -> Result<u64> {
        fs::metadata(&self.path).map(|meta| meta.len()).map_err(|cause| Error::writing(&self.path, &cause))
    }
}

/// Rows on their way into a shard of this run.
pub(crate) struct Spool {
    folder: Scratch,
    path: PathBuf,
    parent: PathBuf,
    writer: ArrowWriter<File>,
    limit: u64,
    group_bytes: usize,
    name: String,
}

impl Spool {
    /// Begins a shard called `name` in a folder of this run in `parent`, where it may take `limit` bytes.
    ///
    /// # Errors
    /// [`Error::Resource`] when it cannot be written there, [`Error::Input`] for types that Parquet lacks.
    pub(crate) fn create(schema: SchemaRef, parent: &Path, limit: u64, name: &str) -> Result<Self> {
        Self::of_file(schema, parent, limit, name, "stdin")
    }

    /// The same for the rows of the file `name`, in a file `stem`.parquet.
    ///
    /// # Errors
    /// As [`Spool::create`].
    pub(super) fn of_file(
        schema: SchemaRef,
        parent: &Path,
        limit: u64,
        name: &str,
        stem: &str,
    ) -> Result<Self> {
        fs::create_dir_all(parent).map_err(|cause| refused(parent, &cause))?;
        let folder = Scratch::new(parent, "posweight-rows-").map_err(|cause| refused(parent, &cause))?;
        let path = folder.path().join(format!("{stem}.parquet"));
        let file = File::create(&path).map_err(|cause| refused(parent, &cause))?;
        // The names of classes are where the `datasets` library has them in Parquet files.
        let names = schema.metadata().get(CLASS_NAMES).cloned();
        let names = names.map(|names| vec![KeyValue::new(CLASS_NAMES.to_owned(), names)]);
        let properties = WriterProperties::builder().set_created_by("posweight".to_owned());
        let properties = properties.set_key_value_metadata(names).build();
        let writer = ArrowWriter::try_new(file, schema, Some(properties)).map_err(|cause| {
            Error::input(format!("the rows cannot be saved as Parquet: {cause}"))
                .at(name)
                .hint("leave out the column, or cast it to another type")
        })?;
        let (parent, name) = (parent.to_owned(), name.to_owned());
        Ok(Self { folder, path, parent, writer, limit, group_bytes: ROW_GROUP_BYTES, name })
    }

    /// The same with smaller row groups, for less memory.
    pub(crate) fn in_groups_of(self, bytes: usize) -> Self {
        Self { group_bytes: bytes.clamp(1 << 16, ROW_GROUP_BYTES), ..self }
    }

    /// Takes rows.
    ///
    /// # Errors
    /// [`Error::Resource`] when there is no room for them.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer.write(batch).map_err(|cause| refused(&self.parent, &cause))?;
        if self.writer.in_progress_size() >= self.group_bytes {
            self.writer.flush().map_err(|cause| refused(&self.parent, &cause))?;
        }
        self.within()
    }

    /// Says on which lines its rows begin.
    pub(super) fn add_lines(&mut self, lines: &RowLines) {
        if let Some(entry) = lines.entry() {
            self.writer.append_key_value_metadata(KeyValue::new(ROW_LINES.to_owned(), entry));
        }
    }

    /// Ends the shard.
    ///
    /// # Errors
    /// As [`Spool::write`].
    pub(crate) fn finish(mut self) -> Result<Spooled> {
        self.writer.finish().map_err(|cause| refused(&self.parent, &cause))?;
        self.within()?;
        Ok(Spooled { _folder: self.folder, path: self.path, name: self.name })
    }

    fn within(&self) -> Result<()> {
        if self.writer.bytes_written() as u64 <= self.limit {
            return Ok(());
        }
        let what = if self.name == "-" { "stdin is" } else { "the rows are" };
        Err(Error::resource(format!("{what} larger than --spill-limit, {} bytes", self.limit))
            .at(&self.name)
            .hint("raise --spill-limit, or send the label columns only"))
    }
}

fn refused(parent: &Path, cause: &dyn std::fmt::Display) -> Error {
    Error::resource(format!("rows cannot be saved here: {cause}"))
        .at(parent.display())
        .hint("name a folder with room that this user may write with --spill-dir")
}
