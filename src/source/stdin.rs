//! An Arrow IPC stream on stdin: rows that come once, or a shard of this run.

use std::io::{BufRead as _, BufReader, Read};
use std::ops::Range;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};

use super::first_bytes::{self, found};
use super::ipc_ahead::IpcAhead;
use super::ipc_stream::{END_OF_STREAM, IpcDecoder, IpcMessage, IpcMessages};
use super::readable::{as_readable, readable};
use super::row_stream::{ComingRows, RowSource};
use super::spool::{Spool, Spooled};
use crate::error::{Error, Result};
use crate::guard::guarded;

/// The batches of an Arrow IPC stream, with the columns that are wanted. A thread reads ahead, so that whoever writes
/// the stream need not wait for each batch to be counted.
pub(crate) struct IpcRows {
    decoder: IpcDecoder,
    schema: SchemaRef,
    /// Gone once all messages have come, or decoding has failed.
    messages: Option<IpcAhead>,
    bytes: u64,
    /// Bytes of the whole stream, and their sum.
    sum: (u64, [u8; 32]),
}

fn wrong(cause: &dyn std::fmt::Display) -> Error {
    Error::input(format!("-: stdin is not a whole Arrow IPC stream: {cause}"))
        .hint("write one with pyarrow.ipc.new_stream, COPY … (FORMAT arrow) or the like")
}

/// What cannot be read, unless the error is our own.
fn broken(cause: &(dyn std::error::Error + 'static)) -> Error {
    Error::behind(cause).unwrap_or_else(|| wrong(&cause))
}

impl IpcRows {
    /// Reads the schema of a stream; `choose` wants some of its columns, by position. Where somebody else reads what is
    /// left of the input after a failure, it `is_drained`.
    ///
    /// # Errors
    /// [`Error::Input`] when `input` is no such stream, or what `choose` says.
    pub(crate) fn open(
        input: impl Read + Send + 'static,
        is_drained: bool,
        choose: impl FnOnce(&Schema) -> Result<Vec<usize>>,
    ) -> Result<Self> {
        let mut input = BufReader::with_capacity(1 << 16, input);
        let start = input.fill_buf().map_err(|cause| broken(&cause))?;
        if !start.starts_with(&END_OF_STREAM[..4])
            && let Some((what, _)) = found(&start[..start.len().min(first_bytes::LENGTH)], "-")
        {
            let error = Error::input(format!("-: stdin is not an Arrow IPC stream: this is {what}"));
            return Err(error.hint("save it in a file with the ending of its format, and name the file"));
        }
        let mut messages = IpcMessages::new(input);
        let first = messages.next().map_err(|cause| broken(&cause))?;
        // Damaged streams can panic inside the decoder.
        let decoder = guarded(|| IpcDecoder::begin(first.as_ref()));
        let mut decoder =
            decoder.ok_or_else(|| wrong(&"its schema cannot be decoded"))?.map_err(|cause| broken(&cause))?;
        let columns = choose(decoder.schema())?;
        let schema = decoder.schema().project(&columns);
        let schema = readable(&schema.map_err(|cause| Error::internal(cause.to_string()))?).into();
        decoder.choose(columns);
        let messages = IpcAhead::begin(messages, is_drained)
            .map_err(|cause| Error::resource(format!("threads cannot be started: {cause}")))?;
        Ok(Self { decoder, schema, messages: Some(messages), bytes: 0, sum: (0, [0; 32]) })
    }
}

impl RowSource for IpcRows {
    fn name(&self) -> &str {
        STREAM_NAME
    }

    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    fn next(&mut self) -> Result<Option<RecordBatch>> {
        let next = self.next_batch();
        if next.is_err()
            && let Some(messages) = self.messages.take()
        {
            messages.give_up();
        }
        next
    }

    fn sum(&self) -> (u64, [u8; 32]) {
        self.sum
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl IpcRows {
    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        while let Some(message) = self.next_message()? {
            self.bytes = message.end;
            let batch = guarded(|| self.decoder.decode(&message));
            let batch = batch.ok_or_else(|| wrong(&"a batch cannot be decoded"))?;
            if let Some(batch) = batch.map_err(|cause| broken(&cause))? {
                return as_readable(batch).map(Some).map_err(|cause| Error::internal(cause.to_string()));
            }
        }
        Ok(None)
    }

    fn next_message(&mut self) -> Result<Option<IpcMessage>> {
        let Some(messages) = &mut self.messages else { return Ok(None) };
        if let Some(message) = messages.next() {
            return Ok(Some(message));
        }
        let end = self.messages.take().and_then(IpcAhead::end);
        let end = end.ok_or_else(|| Error::internal("the thread that reads stdin has failed"))?;
        let cut = "it ends without its end-of-stream mark, so its writer was cut off";
        self.sum = end.map_err(|cause| broken(&cause))?.ok_or_else(|| wrong(&cut))?;
        self.bytes = self.sum.0;
        Ok(None)
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Cursor, Result as IoResult};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

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
        let rows = IpcRows::open(Cursor::new(stream(3)), false, |_| Ok(vec![0])).unwrap();
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
        let rows = IpcRows::open(Cursor::new(bytes.clone()), false, |_| Ok(vec![1])).unwrap();
        let mut rows = ComingRows::begin(Box::new(rows)).unwrap();
        let mut values = 0;
        while let Some(batch) = rows.next().unwrap() {
            values += batch.num_rows() * batch.num_columns();
        }
        let end = rows.end();
        assert_eq!((values, end.rows, end.bytes), (12, 12, bytes.len() as u64));
        assert_eq!(end.hash, <[u8; 32]>::from(blake3::hash(&bytes)));
    }

    /// Counts the bytes that are read.
    struct CountingRead<R>(R, Arc<AtomicUsize>);

    impl<R: Read> Read for CountingRead<R> {
        fn read(&mut self, buffer: &mut [u8]) -> IoResult<usize> {
            let n = self.0.read(buffer)?;
            self.1.fetch_add(n, Ordering::Relaxed);
            Ok(n)
        }
    }

    #[test]
    fn what_cannot_be_decoded_is_read_to_its_end_where_it_goes_on() {
        let whole = stream(2000);
        let mut noise = whole[..whole.len() - 8].to_vec();
        noise.extend(std::iter::repeat_n(0x5a, 300_000));
        let mut longer = whole.clone();
        longer.extend(std::iter::repeat_n(0, 300_000));
        for (bytes, is_good) in [(whole, true), (noise, false), (longer, false)] {
            let seen = Arc::new(AtomicUsize::new(0));
            let input = CountingRead(Cursor::new(bytes.clone()), Arc::clone(&seen));
            let mut rows = IpcRows::open(input, true, |_| Ok(vec![0, 1])).unwrap();
            let mut batches = 0;
            let end = loop {
                match rows.next() {
                    Ok(Some(_)) => batches += 1,
                    Ok(None) => break true,
                    Err(error) => {
                        assert_eq!(error.exit_code(), 4);
                        break false;
                    }
                }
            };
            assert_eq!((batches, end, seen.load(Ordering::Relaxed)), (2000, is_good, bytes.len()));
        }
    }

    #[test]
    fn what_is_no_stream_is_refused_wherever_it_breaks() {
        let place = tempfile::tempdir().unwrap();
        let whole = stream(2);
        let saved = |bytes: &[u8], limit: u64| {
            let rows = IpcRows::open(Cursor::new(bytes.to_vec()), false, |_| Ok(vec![0, 1]))?;
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
