//! An Arrow IPC stream on stdin becomes a shard of this run.

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;

use arrow::datatypes::Schema;
use arrow::ipc::reader::StreamReader;

use super::first_bytes::{self, found};
use super::spool::{Spool, Spooled};
use crate::error::{Error, Result};
use crate::guard::guarded;

/// Reads an Arrow IPC stream to its end and keeps the columns that `choose` wants, by position, in a folder of
/// this run in `parent`, where it may take `limit` bytes.
///
/// # Errors
/// [`Error::Input`] when `input` is no such stream, [`Error::Resource`] when it is too large, or what `choose`
/// says.
pub(crate) fn spool(
    input: impl Read,
    choose: impl FnOnce(&Schema) -> Result<Vec<usize>>,
    parent: &Path,
    limit: u64,
) -> Result<Spooled> {
    let wrong = |cause: &dyn std::fmt::Display| {
        Error::input(format!("-: stdin is not a whole Arrow IPC stream: {cause}"))
            .hint("write one with pyarrow.ipc.new_stream, COPY … (FORMAT arrow) or the like")
    };
    let mut input = BufReader::with_capacity(1 << 16, input);
    let start = input.fill_buf().map_err(|cause| wrong(&cause))?;
    if !start.starts_with(&END_OF_STREAM[..4])
        && let Some((what, _)) = found(&start[..start.len().min(first_bytes::LENGTH)], "-")
    {
        let error = Error::input(format!("-: stdin is not an Arrow IPC stream: this is {what}"));
        return Err(error.hint("save it in a file with the ending of its format, and name the file"));
    }
    // Damaged streams can panic inside the decoder.
    let mut stream = guarded(|| StreamReader::try_new(Tail { input, last: [0; 8] }, None))
        .ok_or_else(|| wrong(&"its schema cannot be decoded"))?
        .map_err(|cause| wrong(&cause))?;
    let columns = choose(&stream.schema())?;
    let project = |cause: arrow::error::ArrowError| Error::internal(cause.to_string());
    let schema = stream.schema().project(&columns).map_err(project)?;
    let mut spool = Spool::create(schema.into(), parent, limit, "-")?;
    while let Some(batch) = guarded(|| stream.next()).ok_or_else(|| wrong(&"a batch cannot be decoded"))? {
        let batch = batch.map_err(|cause| wrong(&cause))?.project(&columns).map_err(project)?;
        spool.write(&batch)?;
    }
    // A writer that was cut off between two batches leaves a stream that looks whole but for this.
    if stream.get_ref().last != END_OF_STREAM {
        return Err(wrong(&"it ends without its end-of-stream mark, so its writer was cut off"));
    }
    spool.finish()
}

/// What a whole stream ends with.
pub(super) const END_OF_STREAM: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// Remembers the last bytes read.
struct Tail<R> {
    input: R,
    last: [u8; 8],
}

impl<R: Read> Read for Tail<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.input.read(buffer)?;
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
    use std::sync::Arc;

    use arrow::array::{ArrayRef, BooleanArray, Int32Array, RecordBatch};
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
        let spooled = spool(&stream(3)[..], |_| Ok(vec![0]), place.path(), 1 << 20).unwrap();
        let shards = open(vec![spooled.listed()], 1).unwrap();
        assert_eq!((shards[0].rows, shards[0].name.as_str(), shards[0].schema.fields().len()), (9, "-", 1));
        drop(spooled);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_no_stream_is_refused_wherever_it_breaks() {
        let place = tempfile::tempdir().unwrap();
        let whole = stream(2);
        let all = |_: &Schema| Ok(vec![0, 1]);
        for cut in 0..whole.len() {
            let error = spool(&whole[..cut], all, place.path(), 1 << 20).unwrap_err();
            assert_eq!(error.exit_code(), 4, "{cut}: {error}");
        }
        assert_eq!(spool(&b"label,1\n"[..], all, place.path(), 1 << 20).unwrap_err().exit_code(), 4);
        assert_eq!(spool(&whole[..], all, place.path(), 10).unwrap_err().exit_code(), 6);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }
}
