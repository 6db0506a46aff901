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

/// The length of the body of a message.
///
/// # Errors
/// When it claims more memory than there can be.
pub(super) fn check_body(message: &Message<'_>) -> IoResult<usize> {
    check("a message", u64::try_from(message.bodyLength()).unwrap_or(u64::MAX))
}

fn batch_of<'m>(message: &Message<'m>) -> Option<BatchHeader<'m>> {
    match message.header_type() {
        MessageHeader::RecordBatch => message.header_as_record_batch(),
        MessageHeader::DictionaryBatch => message.header_as_dictionary_batch()?.data(),
        _ => None,
    }
}

/// Where the compressed buffers of a message begin, in its body: with their size.
pub(super) fn compressed_sizes(message: &Message<'_>) -> Vec<u64> {
    let Some(batch) = batch_of(message) else { return Vec::new() };
    let (Some(_), Some(buffers)) = (batch.compression(), batch.buffers()) else { return Vec::new() };
    let with_size = buffers.iter().filter(|buffer| buffer.length() >= 8);
    with_size.filter_map(|buffer| u64::try_from(buffer.offset()).ok()).collect()
}

/// Looks at the size that a compressed buffer begins with; one that is not compressed says -1.
///
/// # Errors
/// When it claims more memory than there can be.
pub(super) fn check_size(size: [u8; 8]) -> IoResult<()> {
    match i64::from_le_bytes(size) {
        -1 => Ok(()),
        size => check("a buffer", u64::try_from(size).unwrap_or(u64::MAX)).map(drop),
    }
}

/// The number of `bytes`, if there can be so much memory; nothing of it is touched.
///
/// # Errors
/// When there cannot.
pub(super) fn check(what: &str, bytes: u64) -> IoResult<usize> {
    let fits = |n: &usize| bytes <= SMALL || Vec::<u8>::new().try_reserve_exact(*n).is_ok();
    usize::try_from(bytes)
        .ok()
        .filter(fits)
        .ok_or_else(|| IoError::new(ErrorKind::InvalidData, format!("{what} claims to take {bytes} bytes")))
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
        let message = message.get(if marked { 8 } else { 4 }..).unwrap_or_default();
        let Ok(message) = root_as_message(message) else { continue };
        check_body(&message)?;
        for size in compressed_sizes(&message) {
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
    use std::io::{BufReader, Cursor};
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    use arrow::ipc::CompressionType;
    use arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};

    use super::*;
    use crate::source::ipc_stream::IpcMessages;

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

    /// Reads all messages, of which so many bytes come at a time.
    fn seen(bytes: &[u8], step: usize) -> IoResult<()> {
        let mut messages = IpcMessages::new(BufReader::with_capacity(step, bytes));
        while messages.next()?.is_some() {}
        Ok(())
    }

    /// Where the sizes of values begin: of 24 000 bytes.
    fn sizes(bytes: &[u8]) -> Vec<usize> {
        let size = 24_000_i64.to_le_bytes();
        bytes.windows(8).enumerate().filter(|(_, window)| *window == size).map(|(at, _)| at).collect()
    }

    #[test]
    fn whole_streams_and_files_claim_what_there_can_be() {
        for step in [1, 3, 64, 1 << 20] {
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
            for step in [1, 5, 4096, 1 << 20] {
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
