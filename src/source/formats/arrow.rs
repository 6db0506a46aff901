//! Arrow IPC files, in the file format and the stream format, as the `datasets` library and pyarrow write them.

use std::fmt::Display;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};

use arrow::array::RecordBatchReader;
use arrow::error::ArrowError;
use arrow::ipc::reader::FileReader;

use super::reader::{FormatReader, LinedBatch, Rows, SourceFile};
use crate::error::{Error, Result};
use crate::guard::guarded;
use crate::source::ipc_claims::check_file;
use crate::source::ipc_stream::{END_OF_STREAM, IpcBatches};
use crate::source::readable::{as_readable, readable};
use crate::store::Place;

/// Reads Arrow IPC files.
#[derive(Debug)]
pub(super) struct ArrowFiles;

impl FormatReader for ArrowFiles {
    fn look(&mut self, _: &SourceFile<'_>) -> Result<()> {
        Ok(())
    }

    fn open<'f>(&'f self, file: &'f SourceFile<'f>) -> Result<Rows<'f>> {
        let name = file.name;
        let mut batches = batches(file)?;
        let schema = readable(&batches.schema()).into();
        let next = move || {
            let next = guarded(|| batches.next()).ok_or_else(|| wrong(name, &"a batch cannot be decoded"))?;
            let batch = next.transpose().and_then(|batch| batch.map(as_readable).transpose());
            let batch = batch.map_err(|cause| wrong(name, &cause))?;
            Ok(batch.map(|batch| LinedBatch { batch, lines: Vec::new() }))
        };
        Ok(Rows { schema, next: Box::new(next) })
    }
}

fn batches(file: &SourceFile<'_>) -> Result<Box<dyn RecordBatchReader>> {
    let name = file.name;
    let Place::File(path) = file.place else {
        return Err(Error::input("Arrow IPC files are not read from object stores")
            .at(name)
            .hint("copy the file to this machine, or write it as Parquet"));
    };
    let mut input = BufReader::new(File::open(path).map_err(|cause| Error::reading(path, &cause))?);
    let mut start = [0; 6];
    let is_file = input.read_exact(&mut start).is_ok() && &start == b"ARROW1";
    if start.starts_with(b"FEA1") {
        return Err(wrong(name, &"it is a Feather file of version 1"));
    }
    if !is_file {
        // A stream that was cut off between two batches looks whole but for this.
        let mut end = [0; 8];
        let has_end = input.seek(SeekFrom::End(-8)).is_ok() && input.read_exact(&mut end).is_ok();
        if !has_end || end != END_OF_STREAM {
            return Err(wrong(name, &"it ends without the mark of a whole stream"));
        }
    }
    if is_file {
        check_file(&mut input).map_err(|cause| wrong(name, &cause))?;
    }
    input.rewind().map_err(|cause| Error::reading(path, &cause))?;
    // Damaged files can panic inside the decoder.
    let opened = guarded(|| -> std::result::Result<Box<dyn RecordBatchReader>, ArrowError> {
        Ok(if is_file {
            Box::new(FileReader::try_new(input, None)?)
        } else {
            Box::new(IpcBatches::open(input)?)
        })
    });
    let opened = opened.ok_or_else(|| wrong(name, &"its schema cannot be decoded"))?;
    opened.map_err(|cause| wrong(name, &cause))
}

fn wrong(name: &str, cause: &dyn Display) -> Error {
    Error::input(format!("not a whole Arrow IPC file: {cause}"))
        .at(name)
        .hint("write the file again, or as Parquet: pyarrow.parquet.write_table(table, path)")
}
