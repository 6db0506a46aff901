//! The messages of an Arrow IPC stream, as they come, and the batches that they hold.
//!
//! The readers of `arrow-ipc` (59.3) take fresh memory for each message and clear it first, which costs more than all
//! counting does. Here the memory of a message is used again once no batch holds a part of it.

use std::collections::HashMap;
use std::io::{Error as IoError, ErrorKind, Read, Result as IoResult};

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, RecordBatchReader};
use arrow::buffer::Buffer;
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::convert::fb_to_schema;
use arrow::ipc::reader::{read_dictionary, read_record_batch};
use arrow::ipc::{Message, MessageHeader, root_as_message};

use super::ipc_claims::{check, check_body, check_size, compressed_sizes};
use crate::error::plural;

/// What a whole stream ends with.
pub(super) const END_OF_STREAM: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// The memory of bodies below this size is not used again.
const SMALL_BODY: usize = 1 << 15;

/// A message of a stream.
pub(super) struct IpcMessage {
    head: Vec<u8>,
    body: Buffer,
    /// Where it begins, if it is the first of a stream that follows another.
    follows: Option<u64>,
    /// Bytes of the stream, from its beginning to the end of this message.
    pub(super) end: u64,
}

impl IpcMessage {
    /// Bytes that it takes.
    pub(super) fn size(&self) -> usize {
        self.head.len() + self.body.len()
    }
}

/// Reads messages, and sums up all bytes that they take.
pub(super) struct IpcMessages<R> {
    input: R,
    bytes: u64,
    hash: blake3::Hasher,
    /// The last bytes that were read.
    last: [u8; 8],
    /// The memory of bodies, some of which may still be in use.
    bodies: Vec<Buffer>,
}

impl<R: Read> IpcMessages<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, bytes: 0, hash: blake3::Hasher::new(), last: [0; 8], bodies: Vec::new() }
    }

    /// What is behind the last message.
    pub(super) fn rest(&mut self) -> &mut R {
        &mut self.input
    }

    /// Bytes read so far, and their sum.
    pub(super) fn sum(&self) -> (u64, [u8; 32]) {
        (self.bytes, self.hash.finalize().into())
    }

    /// Whether the stream has ended as a whole one does. A writer that was cut off between two batches leaves a stream
    /// that looks whole but for this.
    pub(super) fn is_whole(&self) -> bool {
        self.last == END_OF_STREAM
    }

    /// The next message; `None` at the end. Another stream may follow, as where producers write into one pipe.
    ///
    /// # Errors
    /// When the input ends within a message, or a message claims more memory than there can be, or what follows a
    /// stream is no stream.
    pub(super) fn next(&mut self) -> IoResult<Option<IpcMessage>> {
        let mut follows = None;
        let mut length = self.length()?;
        if length.is_none() && self.is_whole() {
            follows = Some(self.bytes);
            length = self.length_behind()?;
        }
        let Some(len) = length else { return Ok(None) };
        let mut head = vec![0; check("a message", len)?];
        self.fill(&mut head)?;
        let wrong =
            |cause| IoError::new(ErrorKind::InvalidData, format!("a message cannot be decoded: {cause}"));
        let message = root_as_message(&head).map_err(wrong)?;
        let body = self.body(check_body(&message)?)?;
        for size in compressed_sizes(&message) {
            let size = usize::try_from(size).ok().and_then(|at| body.get(at..)?.first_chunk::<8>());
            size.map_or(Ok(()), |size| check_size(*size))?;
        }
        Ok(Some(IpcMessage { head, body, follows, end: self.bytes }))
    }

    /// The length of the next message; older writers leave the mark in front of it out.
    fn length(&mut self) -> IoResult<Option<u64>> {
        let mut length = [0; 4];
        match self.fill(&mut length) {
            Err(cause) if cause.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            other => other?,
        }
        if length == END_OF_STREAM[..4] {
            self.fill(&mut length)?;
        }
        match i32::from_le_bytes(length) {
            0 => Ok(None),
            length => u64::try_from(length).map(Some).map_err(|_| {
                IoError::new(ErrorKind::InvalidData, format!("a message claims to be {length} bytes long"))
            }),
        }
    }

    /// The length of the first message behind the end of a stream; `None` where nothing is.
    fn length_behind(&mut self) -> IoResult<Option<u64>> {
        const COUNTED: u64 = 1 << 26;
        let mut start = Vec::new();
        self.input.by_ref().take(8).read_to_end(&mut start)?;
        let length = match *start {
            [0xff, 0xff, 0xff, 0xff, a, b, c, d] => i32::from_le_bytes([a, b, c, d]),
            _ => 0,
        };
        if let Some(length) = u64::try_from(length).ok().filter(|length| *length > 0) {
            self.see(&start);
            return Ok(Some(length));
        }
        if start.is_empty() {
            return Ok(None);
        }
        let rest = std::io::copy(&mut self.input.by_ref().take(COUNTED), &mut std::io::sink())?;
        let more = if rest == COUNTED { "more than " } else { "" };
        let found = plural(start.len() as u64 + rest, "byte");
        let what = format!("it has {more}{found} after the end of the stream, which are no other stream");
        Err(IoError::new(ErrorKind::InvalidData, what))
    }

    /// Reads a body.
    fn body(&mut self, len: usize) -> IoResult<Buffer> {
        if len < SMALL_BODY {
            let mut bytes = vec![0; len];
            self.fill(&mut bytes)?;
            return Ok(bytes.into());
        }
        let is_free = |body: &Buffer| body.strong_count() == 1;
        let free = self.bodies.iter().position(|body| is_free(body) && body.len() >= len);
        let free = free.and_then(|at| self.bodies.swap_remove(at).into_vec::<u8>().ok());
        let mut bytes = free.unwrap_or_else(|| {
            self.bodies.retain(|body| !is_free(body));
            vec![0; len]
        });
        self.fill(&mut bytes[..len])?;
        let whole = Buffer::from_vec(bytes);
        let body = whole.slice_with_length(0, len);
        self.bodies.push(whole);
        Ok(body)
    }

    fn fill(&mut self, buffer: &mut [u8]) -> IoResult<()> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.input.read(&mut buffer[filled..]) {
                Ok(0) => return Err(IoError::new(ErrorKind::UnexpectedEof, "it ends within a message")),
                Ok(n) => {
                    self.see(&buffer[filled..filled + n]);
                    filled += n;
                }
                Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
                Err(cause) => return Err(cause),
            }
        }
        Ok(())
    }

    fn see(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.hash.update(bytes);
        let kept = bytes.len().min(self.last.len());
        self.last.rotate_left(kept);
        let from = self.last.len() - kept;
        self.last[from..].copy_from_slice(&bytes[bytes.len() - kept..]);
    }
}

/// Makes batches of messages.
pub(super) struct IpcDecoder {
    schema: SchemaRef,
    /// That of the stream which is read, where it follows another: its dictionaries have other numbers.
    following: Option<SchemaRef>,
    dictionaries: HashMap<i64, ArrayRef>,
    /// The columns that are wanted, by position, if not all are.
    columns: Option<Vec<usize>>,
}

fn damaged(what: &str) -> ArrowError {
    ArrowError::IpcError(what.to_owned())
}

fn read(message: &IpcMessage) -> Result<Message<'_>, ArrowError> {
    root_as_message(&message.head).map_err(|cause| damaged(&format!("a message cannot be decoded: {cause}")))
}

impl IpcDecoder {
    /// Begins with the first message of a stream.
    ///
    /// # Errors
    /// When it is no schema.
    pub(super) fn begin(first: Option<&IpcMessage>) -> Result<Self, ArrowError> {
        let first = first.ok_or_else(|| damaged("Expected schema message, found empty stream."))?;
        let schema = schema_of(first)?;
        Ok(Self { schema, following: None, dictionaries: HashMap::new(), columns: None })
    }

    /// The columns of the stream.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Leaves out all columns but these, by position.
    pub(super) fn choose(&mut self, columns: Vec<usize>) {
        let is_all = columns.iter().copied().eq(0..self.schema.fields().len());
        self.columns = (!is_all).then_some(columns);
    }

    /// The batch that a message holds; `None` of other messages.
    ///
    /// # Errors
    /// When it cannot be decoded.
    pub(super) fn decode(&mut self, message: &IpcMessage) -> Result<Option<RecordBatch>, ArrowError> {
        if let Some(place) = message.follows {
            let schema = schema_of(message)?;
            if let Some(other) = difference(&self.schema, &schema) {
                return Err(damaged(&format!(
                    "another stream follows at byte {place}, but it has other columns: {other}"
                )));
            }
            (self.following, self.dictionaries) = (Some(schema), HashMap::new());
            return Ok(None);
        }
        let body = &message.body;
        let message = read(message)?;
        let own = self.following.as_ref().unwrap_or(&self.schema);
        let version = message.version();
        match message.header_type() {
            MessageHeader::RecordBatch => {
                let batch = message.header_as_record_batch().ok_or_else(|| damaged("a batch is missing"))?;
                let columns = self.columns.as_deref();
                let schema = SchemaRef::clone(own);
                let batch = read_record_batch(body, batch, schema, &self.dictionaries, columns, &version)?;
                self.as_first(batch).map(Some)
            }
            MessageHeader::DictionaryBatch => {
                let batch = message.header_as_dictionary_batch();
                let batch = batch.ok_or_else(|| damaged("a dictionary is missing"))?;
                read_dictionary(body, batch, own, &mut self.dictionaries, &version).map(|()| None)
            }
            MessageHeader::Schema => Err(damaged("Expected a record batch, but found a schema")),
            other => Err(damaged(&format!("messages of kind {other:?} are not supported"))),
        }
    }

    /// The same rows as those of the first stream, whose schema may have other metadata.
    fn as_first(&self, batch: RecordBatch) -> Result<RecordBatch, ArrowError> {
        if self.following.is_none() {
            return Ok(batch);
        }
        let schema = match &self.columns {
            Some(columns) => self.schema.project(columns)?.into(),
            None => SchemaRef::clone(&self.schema),
        };
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(schema, batch.columns().to_vec(), &options)
    }
}

/// The columns of a stream, by its first message.
fn schema_of(first: &IpcMessage) -> Result<SchemaRef, ArrowError> {
    let message = read(first)?;
    let schema = message.header_as_schema().ok_or_else(|| damaged("its first message is no schema"))?;
    Ok(fb_to_schema(schema).into())
}

/// Where the columns of a stream are other than those of the first, as a clause.
fn difference(first: &Schema, other: &Schema) -> Option<String> {
    let said = |field: &Field| {
        let null = if field.is_nullable() { "" } else { ", never NULL" };
        format!("{:?} ({}{null})", field.name(), field.data_type())
    };
    let all = |schema: &Schema| schema.fields().iter().map(|field| said(field)).collect::<Vec<_>>();
    let (first, other) = (all(first), all(other));
    if let Some((a, b)) = first.iter().zip(&other).find(|(a, b)| a != b) {
        return Some(format!("{b} in place of {a}"));
    }
    (first.len() != other.len()).then(|| format!("{} in place of {}", other.len(), first.len()))
}

/// All batches of a stream.
pub(super) struct IpcBatches<R> {
    messages: IpcMessages<R>,
    decoder: IpcDecoder,
}

impl<R: Read> IpcBatches<R> {
    /// Reads the schema.
    ///
    /// # Errors
    /// When `input` is no stream.
    pub(super) fn open(input: R) -> Result<Self, ArrowError> {
        let mut messages = IpcMessages::new(input);
        let decoder = IpcDecoder::begin(messages.next()?.as_ref())?;
        Ok(Self { messages, decoder })
    }
}

impl<R: Read> Iterator for IpcBatches<R> {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.messages.next() {
                Ok(None) => return None,
                Ok(Some(message)) => {
                    if let Some(batch) = self.decoder.decode(&message).transpose() {
                        return Some(batch);
                    }
                }
                Err(cause) => return Some(Err(cause.into())),
            }
        }
    }
}

impl<R: Read> RecordBatchReader for IpcBatches<R> {
    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.decoder.schema)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BooleanArray, DictionaryArray, Int64Array};
    use arrow::datatypes::Int32Type;
    use arrow::ipc::reader::StreamReader;
    use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};
    use arrow::ipc::{CompressionType, MetadataVersion};

    use super::*;

    fn batch(at: i64) -> RecordBatch {
        let rows = 0..5000;
        let bits: BooleanArray =
            rows.clone().map(|row| (row % 7 > 0).then_some((row + at) % 3 == 0)).collect();
        let numbers: Int64Array = rows.clone().map(|row| Some(row * at)).collect();
        let words = rows.map(|row| Some(["a", "b", "c"][usize::try_from((row + at) % 3).unwrap()]));
        let words: DictionaryArray<Int32Type> = words.collect();
        let columns: [(&str, ArrayRef); 3] =
            [("bits", Arc::new(bits)), ("numbers", Arc::new(numbers)), ("words", Arc::new(words))];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn stream(batches: i64, options: IpcWriteOptions) -> Vec<u8> {
        let mut writer = StreamWriter::try_new_with_options(Vec::new(), &batch(0).schema(), options).unwrap();
        (0..batches).for_each(|at| writer.write(&batch(at)).unwrap());
        writer.finish().unwrap();
        writer.into_inner().unwrap()
    }

    #[test]
    fn batches_are_those_of_the_plain_reader() {
        let compressed = IpcWriteOptions::default().try_with_compression(Some(CompressionType::ZSTD));
        let older = IpcWriteOptions::try_new(8, true, MetadataVersion::V4);
        for options in [IpcWriteOptions::default(), compressed.unwrap(), older.unwrap()] {
            let bytes = stream(5, options);
            let read: Vec<_> = IpcBatches::open(&bytes[..]).unwrap().map(Result::unwrap).collect();
            let plain: Vec<_> =
                StreamReader::try_new(&bytes[..], None).unwrap().map(Result::unwrap).collect();
            assert_eq!(read, plain);
            let mut some = IpcBatches::open(&bytes[..]).unwrap();
            some.decoder.choose(vec![0, 2]);
            let some: Vec<_> = some.map(Result::unwrap).collect();
            let plain: Vec<_> = plain.iter().map(|batch| batch.project(&[0, 2]).unwrap()).collect();
            assert_eq!(some, plain);
        }
    }

    #[test]
    fn streams_that_follow_each_other_are_read_with_their_own_dictionaries() {
        let all = |bytes: &[u8]| IpcBatches::open(bytes)?.collect::<Result<Vec<_>, _>>();
        let (one, other) = (stream(1, IpcWriteOptions::default()), stream(3, IpcWriteOptions::default()));
        let both = [&one[..], &other, &one].concat();
        assert_eq!(all(&both).unwrap(), [0, 0, 1, 2, 0].map(batch));
        let mut some = IpcBatches::open(&both[..]).unwrap();
        some.decoder.choose(vec![0, 2]);
        assert_eq!(some.last().unwrap().unwrap(), batch(0).project(&[0, 2]).unwrap());
        let less = batch(0).project(&[0, 1]).unwrap();
        let mut writer = StreamWriter::try_new(Vec::new(), &less.schema()).unwrap();
        writer.write(&less).unwrap();
        writer.finish().unwrap();
        let less = writer.into_inner().unwrap();
        for (behind, says) in [
            (&b"+JUNK"[..], "5 bytes after the end of the stream"),
            (&END_OF_STREAM, "8 bytes after the end of the stream"),
            (&[0; 1000], "1000 bytes after the end of the stream"),
            (&less, "has other columns: 2 in place of 3"),
            (&one[8..], "bytes after the end of the stream"),
        ] {
            let error = all(&[&one[..], behind].concat()).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        // One that is cut off is not whole.
        assert!(all(&both[..both.len() - 200]).is_err());
    }

    #[test]
    fn the_memory_of_a_message_is_used_again_but_not_while_it_is_held() {
        let bytes = stream(30, IpcWriteOptions::default());
        let mut messages = IpcMessages::new(&bytes[..]);
        let mut decoder = IpcDecoder::begin(messages.next().unwrap().as_ref()).unwrap();
        let mut held = Vec::new();
        let mut at = 0;
        while let Some(message) = messages.next().unwrap() {
            let Some(read) = decoder.decode(&message).unwrap() else { continue };
            assert_eq!(read, batch(at));
            if at < 3 {
                held.push(read);
            }
            at += 1;
        }
        assert_eq!(at, 30);
        assert!((0..3).zip(&held).all(|(at, held)| *held == batch(at)));
        assert!((4..=6).contains(&messages.bodies.len()), "{}", messages.bodies.len());
        assert!(messages.is_whole() && messages.sum() == (bytes.len() as u64, blake3::hash(&bytes).into()));
    }
}
