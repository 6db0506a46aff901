//! What the messages of an Arrow IPC stream or file claim to take, looked at before they are decoded.
//!
//! `arrow-ipc` (59.3) allocates what a message says of its body and of its decompressed buffers, and a program cannot go on
//! when that fails.

use std::io::{Error as IoError, ErrorKind, Read, Result as IoResult, Seek, SeekFrom};

use arrow::ipc::{Message, MessageHeader, RecordBatch as BatchHeader, root_as_footer, root_as_message};

/// Sizes up to this one are not tried.
const SMALL: u64 = 64 << 20;
/// What a file begins with and ends with.
const MAGIC: &[u8; 6] = b"ARROW1";

/// Follows the messages of a stream as its bytes are read.
#[derive(Debug, Default)]
pub(crate) struct IpcClaims {
    part: MessagePart,
}

/// What comes next.
#[derive(Debug)]
enum MessagePart {
    /// The length of a message; these bytes of it are here.
    Length(Vec<u8>),
    /// A message of so many bytes.
    Message(Vec<u8>, usize),
    /// What is left of a body.
    Body(BodyClaims),
    /// Nothing that is known.
    Unknown,
}

impl Default for MessagePart {
    fn default() -> Self {
        Self::Length(Vec::new())
    }
}

/// Where a body says how large its buffers are.
#[derive(Debug, Default)]
struct BodyClaims {
    len: u64,
    /// Bytes that were read.
    read: u64,
    /// Where the sizes are, in their order; those before `next` were looked at.
    sizes: Vec<u64>,
    next: usize,
    /// The bytes of the next one that were read.
    size: [u8; 8],
    have: usize,
}

impl IpcClaims {
    /// Looks at what was read.
    ///
    /// # Errors
    /// When a message claims more memory than there can be.
    pub(crate) fn see(&mut self, mut bytes: &[u8]) -> IoResult<()> {
        while !bytes.is_empty() {
            match &mut self.part {
                MessagePart::Length(head) => {
                    let taken = bytes.len().min(4 - head.len() % 4);
                    head.extend_from_slice(&bytes[..taken]);
                    bytes = &bytes[taken..];
                    if head.len().is_multiple_of(4) {
                        self.part = behind_length(std::mem::take(head));
                    }
                }
                MessagePart::Message(message, len) => {
                    let taken = bytes.len().min(*len - message.len());
                    message.extend_from_slice(&bytes[..taken]);
                    bytes = &bytes[taken..];
                    if message.len() == *len {
                        self.part = match body_of(message)? {
                            Some(body) if body.len == 0 => MessagePart::default(),
                            Some(body) => MessagePart::Body(body),
                            None => MessagePart::Unknown,
                        };
                    }
                }
                MessagePart::Body(body) => {
                    bytes = body.see(bytes)?;
                    if body.read == body.len {
                        self.part = MessagePart::default();
                    }
                }
                MessagePart::Unknown => return Ok(()),
            }
        }
        Ok(())
    }
}

/// What comes behind a mark or a length: older writers leave the mark out.
fn behind_length(head: Vec<u8>) -> MessagePart {
    let Some(last) = head.last_chunk::<4>() else { return MessagePart::Unknown };
    match (i32::from_le_bytes(*last), head.len()) {
        (-1, 4) => MessagePart::Length(head),
        (1.., _) => {
            let len = u32::from_le_bytes(*last) as usize;
            MessagePart::Message(Vec::new(), len)
        }
        // The end, or damage.
        _ => MessagePart::Unknown,
    }
}

/// What a message says of its body; `None` where it is none.
fn body_of(message: &[u8]) -> IoResult<Option<BodyClaims>> {
    let Ok(message) = root_as_message(message) else { return Ok(None) };
    let len = u64::try_from(message.bodyLength()).unwrap_or(u64::MAX);
    check("a message", len)?;
    let mut sizes: Vec<u64> = batch_of(&message).map(|batch| compressed(&batch)).unwrap_or_default();
    sizes.sort_unstable();
    sizes.dedup();
    Ok(Some(BodyClaims { len, sizes, ..BodyClaims::default() }))
}

fn batch_of<'m>(message: &Message<'m>) -> Option<BatchHeader<'m>> {
    match message.header_type() {
        MessageHeader::RecordBatch => message.header_as_record_batch(),
        MessageHeader::DictionaryBatch => message.header_as_dictionary_batch()?.data(),
        _ => None,
    }
}

/// Where the compressed buffers of a batch begin, in the body: with their size.
fn compressed(batch: &BatchHeader<'_>) -> Vec<u64> {
    let (Some(_), Some(buffers)) = (batch.compression(), batch.buffers()) else { return Vec::new() };
    let with_size = buffers.iter().filter(|buffer| buffer.length() >= 8);
    with_size.filter_map(|buffer| u64::try_from(buffer.offset()).ok()).collect()
}

impl BodyClaims {
    /// Looks at what was read of the body, and gives what comes behind it.
    fn see<'b>(&mut self, bytes: &'b [u8]) -> IoResult<&'b [u8]> {
        let n = bytes.len().min(usize::try_from(self.len - self.read).unwrap_or(usize::MAX));
        let (own, rest) = bytes.split_at(n);
        let end = self.read + n as u64;
        while let Some(begin) = self.sizes.get(self.next) {
            let wanted = begin + self.have as u64;
            if wanted >= end {
                break;
            }
            let Some(own) = wanted.checked_sub(self.read).and_then(|at| own.get(usize::try_from(at).ok()?..))
            else {
                // Buffers that overlap; the decoder says so.
                (self.next, self.have) = (self.next + 1, 0);
                continue;
            };
            let taken = own.len().min(8 - self.have);
            self.size[self.have..self.have + taken].copy_from_slice(&own[..taken]);
            self.have += taken;
            if self.have < 8 {
                break;
            }
            check_size(self.size)?;
            (self.next, self.have) = (self.next + 1, 0);
        }
        self.read = end;
        Ok(rest)
    }
}

/// A buffer that is not compressed says -1.
fn check_size(size: [u8; 8]) -> IoResult<()> {
    match i64::from_le_bytes(size) {
        -1 => Ok(()),
        size => check("a buffer", u64::try_from(size).unwrap_or(u64::MAX)),
    }
}

/// Whether there can be so much memory; nothing of it is touched.
fn check(what: &str, bytes: u64) -> IoResult<()> {
    let fits =
        bytes <= SMALL || usize::try_from(bytes).is_ok_and(|n| Vec::<u8>::new().try_reserve_exact(n).is_ok());
    if fits {
        return Ok(());
    }
    Err(IoError::new(ErrorKind::InvalidData, format!("{what} claims to take {bytes} bytes")))
}

/// Looks at all messages that the end of a file lists.
///
/// # Errors
/// When one claims more memory than there can be, or the file cannot be read.
pub(crate) fn check_file(file: &mut (impl Read + Seek)) -> IoResult<()> {
    let all = file.seek(SeekFrom::End(0))?;
    let mut end = [0; 10];
    if all < end.len() as u64 || file.seek(SeekFrom::End(-10)).is_err() {
        return Ok(());
    }
    file.read_exact(&mut end)?;
    let [a, b, c, d, magic @ ..] = end;
    let len = u64::from(u32::from_le_bytes([a, b, c, d]));
    // The decoder says what is wrong with the others.
    if magic != *MAGIC || len > all - 10 {
        return Ok(());
    }
    file.seek(SeekFrom::Start(all - 10 - len))?;
    let mut footer = Vec::new();
    file.by_ref().take(len).read_to_end(&mut footer)?;
    let Ok(footer) = root_as_footer(&footer) else { return Ok(()) };
    for block in footer.dictionaries().into_iter().chain(footer.recordBatches()).flatten() {
        let head = u64::try_from(block.metaDataLength()).unwrap_or(u64::MAX);
        let body = u64::try_from(block.bodyLength()).unwrap_or(u64::MAX);
        check("a message", head.saturating_add(body))?;
        let Ok(at) = u64::try_from(block.offset()) else { continue };
        if at.checked_add(head).is_none_or(|end| end > all) {
            continue;
        }
        file.seek(SeekFrom::Start(at))?;
        let mut message = Vec::new();
        file.by_ref().take(head).read_to_end(&mut message)?;
        let marked = message.starts_with(&[0xff; 4]);
        let Some(claims) = body_of(message.get(if marked { 8 } else { 4 }..).unwrap_or_default())? else {
            continue;
        };
        for size in claims.sizes {
            let mut bytes = [0; 8];
            let place = (at + head).checked_add(size).filter(|place| *place <= all - 8);
            if let Some(place) = place {
                file.seek(SeekFrom::Start(place))?;
                file.read_exact(&mut bytes)?;
                check_size(bytes)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    use arrow::ipc::CompressionType;
    use arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};

    use super::*;

    fn batch() -> RecordBatch {
        let numbers: ArrayRef =
            Arc::new((0..3000_i64).map(|i| (i % 7 > 0).then_some(i)).collect::<Int64Array>());
        let texts: ArrayRef =
            Arc::new(StringArray::from_iter_values((0..3000).map(|i| format!("text {}", i % 9))));
        RecordBatch::try_from_iter([("a", numbers), ("b", texts)]).unwrap()
    }

    fn options() -> IpcWriteOptions {
        IpcWriteOptions::default().try_with_compression(Some(CompressionType::ZSTD)).unwrap()
    }

    fn stream() -> Vec<u8> {
        let mut writer =
            StreamWriter::try_new_with_options(Vec::new(), &batch().schema(), options()).unwrap();
        (0..2).for_each(|_| writer.write(&batch()).unwrap());
        writer.finish().unwrap();
        writer.into_inner().unwrap()
    }

    fn file() -> Vec<u8> {
        let mut writer = FileWriter::try_new_with_options(Vec::new(), &batch().schema(), options()).unwrap();
        (0..2).for_each(|_| writer.write(&batch()).unwrap());
        writer.finish().unwrap();
        writer.into_inner().unwrap()
    }

    fn seen(bytes: &[u8], step: usize) -> IoResult<()> {
        let mut claims = IpcClaims::default();
        bytes.chunks(step).try_for_each(|part| claims.see(part))
    }

    /// Where the sizes of values begin: of 24 000 bytes.
    fn sizes(bytes: &[u8]) -> Vec<usize> {
        let size = 24_000_i64.to_le_bytes();
        bytes.windows(8).enumerate().filter(|(_, window)| *window == size).map(|(at, _)| at).collect()
    }

    #[test]
    fn whole_streams_and_files_claim_what_there_can_be() {
        for step in [1, 3, 64, usize::MAX] {
            assert!(seen(&stream(), step).is_ok());
        }
        assert!(check_file(&mut Cursor::new(file())).is_ok());
    }

    #[test]
    fn a_size_that_no_memory_holds_is_refused() {
        let stream = stream();
        let places = sizes(&stream);
        assert_eq!(places.len(), 2);
        for place in places {
            let mut damaged = stream.clone();
            damaged[place..place + 8].copy_from_slice(&1.0_f64.to_le_bytes());
            for step in [1, 5, 4096, usize::MAX] {
                let refused = seen(&damaged, step).unwrap_err();
                assert_eq!(refused.to_string(), "a buffer claims to take 4607182418800017408 bytes");
            }
        }
        let mut damaged = file();
        let place = sizes(&damaged)[1];
        damaged[place..place + 8].copy_from_slice(&1.0_f64.to_le_bytes());
        assert!(check_file(&mut Cursor::new(damaged)).is_err());
    }

    #[test]
    fn damage_of_any_byte_ends_without_a_crash() {
        for (bytes, is_file) in [(stream(), false), (file(), true)] {
            for at in 0..bytes.len() {
                let mut damaged = bytes.clone();
                damaged[at] ^= 0x7f;
                if is_file {
                    let _ = check_file(&mut Cursor::new(&damaged[..]));
                } else {
                    let _ = seen(&damaged, 100);
                }
            }
        }
    }
}
