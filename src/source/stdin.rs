//! An Arrow IPC stream on stdin: rows that come once, or a shard of this run.

use std::io::{BufRead as _, BufReader, Read};
use std::ops::Range;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::ipc::reader::StreamReader;
use sha2::{Digest as _, Sha256};

use super::first_bytes::{self, found};
use super::ipc_claims::IpcClaims;
use super::readable::{as_readable, readable};
use super::row_stream::{ComingRows, RowSource};
use super::spool::{Spool, Spooled};
use crate::error::{Error, Result};
use crate::guard::guarded;

/// The batches of an Arrow IPC stream, with the columns that are wanted.
pub(crate) struct IpcRows<R> {
    stream: StreamReader<Tail<BufReader<R>>>,
    columns: Vec<usize>,
    schema: SchemaRef,
    /// What is left of the input after the last batch, or after an error, is read as well.
    is_drained: bool,
}

fn wrong(cause: &dyn std::fmt::Display) -> Error {
    Error::input(format!("-: stdin is not a whole Arrow IPC stream: {cause}"))
        .hint("write one with pyarrow.ipc.new_stream, COPY … (FORMAT arrow) or the like")
}

/// What cannot be read, unless the error is our own.
fn broken(cause: &(dyn std::error::Error + 'static)) -> Error {
    Error::behind(cause).unwrap_or_else(|| wrong(&cause))
}

impl<R: Read> IpcRows<R> {
    /// Reads the schema of a stream; `choose` wants some of its columns, by position.
    ///
    /// # Errors
    /// [`Error::Input`] when `input` is no such stream, or what `choose` says.
    pub(crate) fn open(input: R, choose: impl FnOnce(&Schema) -> Result<Vec<usize>>) -> Result<Self> {
        let mut input = BufReader::with_capacity(1 << 16, input);
        let start = input.fill_buf().map_err(|cause| broken(&cause))?;
        if !start.starts_with(&END_OF_STREAM[..4])
            && let Some((what, _)) = found(&start[..start.len().min(first_bytes::LENGTH)], "-")
        {
            let error = Error::input(format!("-: stdin is not an Arrow IPC stream: this is {what}"));
            return Err(error.hint("save it in a file with the ending of its format, and name the file"));
        }
        let input = Tail { input, last: [0; 8], bytes: 0, hash: Sha256::new(), claims: IpcClaims::default() };
        // Damaged streams can panic inside the decoder.
        let stream = guarded(|| StreamReader::try_new(input, None))
            .ok_or_else(|| wrong(&"its schema cannot be decoded"))?
            .map_err(|cause| broken(&cause))?;
        let columns = choose(&stream.schema())?;
        let schema = stream.schema().project(&columns).map_err(|cause| Error::internal(cause.to_string()))?;
        Ok(Self { stream, columns, schema: readable(&schema).into(), is_drained: false })
    }

    /// The same where somebody else reads what is left of the input.
    pub(crate) fn drained(self, is_drained: bool) -> Self {
        Self { is_drained, ..self }
    }
}

impl<R: Read + Send> RowSource for IpcRows<R> {
    fn name(&self) -> &str {
        STREAM_NAME
    }

    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    fn next(&mut self) -> Result<Option<RecordBatch>> {
        let next = self.next_batch();
        if self.is_drained && !matches!(next, Ok(Some(_))) {
            // What cannot be decoded here may still serve whoever reads it.
            let _ = std::io::copy(&mut self.stream.get_mut().input, &mut std::io::sink());
        }
        next
    }

    fn sum(&self) -> (u64, [u8; 32]) {
        let input = self.stream.get_ref();
        (input.bytes, input.hash.clone().finalize().into())
    }

    fn bytes(&self) -> u64 {
        self.stream.get_ref().bytes
    }
}

impl<R: Read> IpcRows<R> {
    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        let batch = guarded(|| self.stream.next()).ok_or_else(|| wrong(&"a batch cannot be decoded"))?;
        match batch {
            Some(batch) => {
                let batch =
                    batch.map_err(|cause| broken(&cause))?.project(&self.columns).and_then(as_readable);
                Ok(Some(batch.map_err(|cause| Error::internal(cause.to_string()))?))
            }
            // A writer that was cut off between two batches leaves a stream that looks whole but for this.
            None if self.stream.get_ref().last != END_OF_STREAM => {
                Err(wrong(&"it ends without its end-of-stream mark, so its writer was cut off"))
            }
            None => Ok(None),
        }
    }
}

/// Saves all rows in a folder of this run in `parent`, where they may take `limit` bytes.
///
/// # Errors
/// [`Error::Input`] when they cannot be read, [`Error::Resource`] when they are too large.
pub(crate) fn spool(rows: &mut ComingRows, parent: &Path, limit: u64) -> Result<Spooled> {
    let mut spool = Spool::create(rows.schema(), parent, limit, rows.name())?;
    while let Some(batch) = rows.next()? {
        spool.write(&batch)?;
    }
    spool.finish()
}

/// Saves those of the first rows that are looked at: their beginning, and parts of the others.
///
/// # Errors
/// As [`spool`].
pub(crate) fn spool_first(rows: &ComingRows, parent: &Path, limit: u64) -> Result<Spooled> {
    let mut spool = Spool::create(rows.schema(), parent, limit, rows.name())?;
    let mut begin = 0;
    let all = rows.first().iter().map(RecordBatch::num_rows).sum();
    for batch in rows.first() {
        let end = begin + batch.num_rows();
        for part in looked_at(all) {
            let (from, to) = (part.start.max(begin), part.end.min(end));
            if from < to {
                spool.write(&batch.slice(from - begin, to - from))?;
            }
        }
        begin = end;
    }
    spool.finish()
}

/// Of `all` rows, those that are looked at.
fn looked_at(all: usize) -> impl Iterator<Item = Range<usize>> {
    const BEGINNING: usize = 4096;
    const PARTS: usize = 8;
    const PART: usize = 512;
    let beginning = all.min(BEGINNING);
    let step = (all - beginning).div_ceil(PARTS);
    let parts = (0..PARTS).map(move |part| beginning + part * step);
    let parts = parts.map(move |from| from.min(all)..(from + PART.min(step)).min(all));
    std::iter::once(0..beginning).chain(parts)
}

/// What messages call a stream.
const STREAM_NAME: &str = "-";

/// What a whole stream ends with.
pub(super) const END_OF_STREAM: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// Remembers the last bytes read, and sums up all.
struct Tail<R> {
    input: R,
    last: [u8; 8],
    bytes: u64,
    hash: Sha256,
    claims: IpcClaims,
}

impl<R: Read> Read for Tail<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.input.read(buffer)?;
        self.bytes += n as u64;
        self.hash.update(&buffer[..n]);
        self.claims.see(&buffer[..n])?;
        let kept = n.min(self.last.len());
        self.last.rotate_left(kept);
        let from = self.last.len() - kept;
        self.last[from..].copy_from_slice(&buffer[n - kept..n]);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Cursor;
    use std::sync::Arc;

    use arrow::array::{ArrayRef, BooleanArray, Int32Array};
    use arrow::ipc::writer::StreamWriter;

    use super::*;
    use crate::source::shards::open;

    fn stream(batches: usize) -> Vec<u8> {
        let columns: [(&str, ArrayRef); 2] = [
            ("a", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))),
            ("x", Arc::new(Int32Array::from(vec![1, 2, 3]))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
        (0..batches).for_each(|_| writer.write(&batch).unwrap());
        writer.finish().unwrap();
        writer.into_inner().unwrap()
    }

    #[test]
    fn a_stream_is_a_shard_for_as_long_as_it_is_held() {
        let place = tempfile::tempdir().unwrap();
        let rows = IpcRows::open(Cursor::new(stream(3)), |_| Ok(vec![0])).unwrap();
        let mut rows = ComingRows::begin(Box::new(rows)).unwrap();
        let spooled = spool(&mut rows, place.path(), 1 << 20).unwrap();
        let shards = open(vec![spooled.listed()], 1).unwrap();
        assert_eq!((shards[0].rows, shards[0].name.as_str(), shards[0].schema.fields().len()), (9, "-", 1));
        drop(spooled);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_beginning_and_parts_of_the_first_rows_are_looked_at() {
        let rows = |all: usize| looked_at(all).flatten().collect::<Vec<_>>();
        for all in [0, 1, 4095, 4096, 4097, 8192] {
            assert_eq!(rows(all), (0..all).collect::<Vec<_>>());
        }
        for all in [8193, 65_536, 1_000_000] {
            let rows = rows(all);
            assert!(rows.is_sorted_by(|a, b| a < b) && rows.len() <= 8192);
            assert!(rows[..4096].iter().copied().eq(0..4096) && rows.last().unwrap() * 10 > all * 8);
        }
    }

    #[test]
    fn rows_that_come_are_summed_up_once_all_have_come() {
        let bytes = stream(4);
        let mut rows =
            ComingRows::begin(Box::new(IpcRows::open(Cursor::new(bytes.clone()), |_| Ok(vec![1])).unwrap()))
                .unwrap();
        let mut values = 0;
        while let Some(batch) = rows.next().unwrap() {
            values += batch.num_rows() * batch.num_columns();
        }
        let end = rows.end();
        assert_eq!((values, end.rows, end.bytes), (12, 12, bytes.len() as u64));
        assert_eq!(end.sha256, <[u8; 32]>::from(Sha256::digest(&bytes)));
    }

    #[test]
    fn what_is_no_stream_is_refused_wherever_it_breaks() {
        let place = tempfile::tempdir().unwrap();
        let whole = stream(2);
        let saved = |bytes: &[u8], limit: u64| {
            let rows = IpcRows::open(Cursor::new(bytes.to_vec()), |_| Ok(vec![0, 1]))?;
            spool(&mut ComingRows::begin(Box::new(rows))?, place.path(), limit)
        };
        for cut in 0..whole.len() {
            let error = saved(&whole[..cut], 1 << 20).unwrap_err();
            assert_eq!(error.exit_code(), 4, "{cut}: {error}");
        }
        assert_eq!(saved(b"label,1\n", 1 << 20).unwrap_err().exit_code(), 4);
        assert_eq!(saved(&whole, 10).unwrap_err().exit_code(), 6);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }
}
