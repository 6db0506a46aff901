//! A column chunk, page by page: header, checksum, decompression, and where levels and values lie.
//!
//! `SerializedPageReader` of the Parquet crate (59.3) makes a decompressor for every chunk and a buffer for
//! every page, of whatever size the header claims. Over 270 columns of booleans it takes 0.12 s to give the
//! pages (`tests/bench/floor.rs`); a whole run that counts them takes 0.07 s.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::bytes::{prefixed, split};
use super::chosen::{Chosen, Walk};
use super::chunk::{Chunk, Workspace};
use super::codec::{Decompressors, PageCodec};
use super::dictionary::Dictionary;
use super::header::{Content, Encoding, Header};
use super::leaf::{LeafColumn, Physical};
use super::limits::{PAGE_LIMIT, ROWS_MAX};
use crate::pages::outcome::{Step, corrupt, unsupported};

/// How the values of a page are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Plain,
    Dictionary,
    /// Booleans as a hybrid behind its length.
    Rle,
}

/// A decompressed data page. A slot is a value, a null or an empty list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DataPage<'p> {
    pub(crate) slots: usize,
    pub(crate) coding: Coding,
    /// Repetition levels as a hybrid; empty where there is no list.
    pub(crate) repetition: &'p [u8],
    /// Definition levels as a hybrid; empty where nothing can be null.
    pub(crate) definition: &'p [u8],
    pub(crate) values: &'p [u8],
    /// Nulls by the page header, which version 2 writes.
    pub(crate) nulls: Option<usize>,
}

/// The data pages of a chunk.
#[derive(Debug)]
pub(crate) struct DataPages<'a> {
    leaf: LeafColumn,
    codec: PageCodec,
    decompressors: &'a mut Decompressors,
    clock: Option<&'a AtomicU64>,
    buffer: &'a mut Vec<u8>,
    /// Values of a page whose bytes were apart.
    joined: &'a mut Vec<u8>,
    /// What is left of the chunk, or of the page at hand where pages are chosen.
    bytes: &'a [u8],
    /// Slots by the footer or of the pages that are chosen, and how many of them were in the pages so far.
    slots: u64,
    seen: u64,
    /// The pages that are chosen; `None` where all are.
    chosen: Option<Walk<'a>>,
}

/// A chunk that is open: its column, its dictionary (empty where there is none) and its data pages.
pub(crate) type OpenChunk<'a> = (LeafColumn, Dictionary<'a>, DataPages<'a>);

/// Opens a chunk.
pub(crate) fn open<'a>(chunk: &Chunk<'a>, workspace: &'a mut Workspace) -> Step<OpenChunk<'a>> {
    open_with(chunk, None, workspace)
}

/// Opens a chunk for the pages that are chosen. Its bytes begin with the first that is needed.
pub(crate) fn open_chosen<'a>(
    chunk: &Chunk<'a>,
    chosen: &'a Chosen,
    workspace: &'a mut Workspace,
) -> Step<OpenChunk<'a>> {
    open_with(chunk, Some(chosen), workspace)
}

fn open_with<'a>(
    chunk: &Chunk<'a>,
    chosen: Option<&'a Chosen>,
    workspace: &'a mut Workspace,
) -> Step<OpenChunk<'a>> {
    let leaf = LeafColumn::of(chunk.meta.column_descr())?;
    let codec = PageCodec::of(chunk.meta.compression())?;
    let slots = u64::try_from(chunk.meta.num_values()).map_err(|_| corrupt("a negative number of values"))?;
    if chunk.rows >= ROWS_MAX {
        return unsupported(format!("{} rows in one row group", chunk.rows));
    }
    if leaf.max_rep == 0 && slots != chunk.rows {
        return Err(corrupt(format!("{slots} values in a row group of {} rows", chunk.rows)));
    }
    let Workspace { decompressors, page, joined, dictionary } = workspace;
    let Chunk { bytes, clock, .. } = *chunk;
    let mut pages = DataPages {
        leaf,
        codec,
        decompressors,
        clock,
        buffer: page,
        joined,
        bytes,
        slots,
        seen: 0,
        chosen: None,
    };
    if let Some(chosen) = chosen {
        let walk = Walk::new(chosen, bytes);
        (pages.bytes, pages.slots) = (walk.dictionary()?, chosen.rows());
        pages.chosen = Some(walk);
    }
    let dictionary = pages.dictionary(dictionary)?;
    Ok((leaf, dictionary, pages))
}

impl<'a> DataPages<'a> {
    /// The dictionary page, which stands in front of all others.
    fn dictionary(&mut self, buffer: &'a mut Vec<u8>) -> Step<Dictionary<'a>> {
        let none = Dictionary::new(self.leaf, &[], 0);
        let bytes = self.bytes;
        if bytes.is_empty() {
            return none;
        }
        let (header, body) = self.page()?;
        let Content::Dictionary { values, encoding } = header.content else {
            if self.chosen.is_some() {
                return Err(corrupt("a page in front of all that the offset index knows"));
            }
            self.bytes = bytes;
            return none;
        };
        match encoding {
            Encoding::Plain | Encoding::Dictionary => {}
            other => return unsupported(format!("dictionary page of encoding {other}")),
        }
        let entries = match self.codec {
            PageCodec::Uncompressed => body,
            codec => inflate(self.decompressors, self.clock, codec, body, buffer, header.uncompressed)?,
        };
        Dictionary::new(self.leaf, entries, values)
    }

    /// The next data page; `None` after the last value.
    pub(crate) fn next(&mut self) -> Step<Option<DataPage<'_>>> {
        if self.seen == self.slots {
            return Ok(None);
        }
        if let Some(walk) = &mut self.chosen {
            self.bytes = walk.next()?;
        }
        if self.bytes.is_empty() {
            return Err(corrupt(format!("pages with {} values, the footer says {}", self.seen, self.slots)));
        }
        let (header, body) = self.page()?;
        let page = match header.content {
            Content::DataV1 { slots, encoding, definition, repetition } => {
                self.take(slots)?;
                self.version_1(body, header.uncompressed, slots, encoding, [repetition, definition])?
            }
            Content::DataV2 { slots, encoding, nulls, definition_bytes, repetition_bytes, compressed } => {
                self.take(slots)?;
                let codec = if compressed { self.codec } else { PageCodec::Uncompressed };
                if self.codec != codec && header.uncompressed != header.compressed {
                    // Old versions of parquet-cpp compressed such pages all the same.
                    return Err(corrupt("a page said to be uncompressed has two sizes"));
                }
                let (repetition, rest) = split(body, repetition_bytes)?;
                let (definition, body) = split(rest, definition_bytes)?;
                let uncompressed = header.uncompressed.checked_sub(repetition_bytes + definition_bytes);
                let uncompressed = uncompressed.ok_or_else(|| corrupt("levels longer than their page"))?;
                let values = match codec {
                    PageCodec::Uncompressed => body,
                    codec => inflate(self.decompressors, self.clock, codec, body, self.buffer, uncompressed)?,
                };
                let coding = self.leaf.coding(encoding)?;
                let values = join(self.leaf, encoding, values, self.joined)?;
                DataPage { slots, coding, repetition, definition, values, nulls: Some(nulls) }
            }
            Content::Dictionary { .. } => return Err(corrupt("a dictionary page behind other pages")),
            Content::Other(kind) => return unsupported(format!("page type {kind}")),
        };
        Ok(Some(page))
    }

    /// Header and body of the next page of any kind.
    fn page(&mut self) -> Step<(Header, &'a [u8])> {
        let (header, len) = Header::read(self.bytes)?;
        if header.uncompressed > PAGE_LIMIT {
            let limit = PAGE_LIMIT >> 20;
            return Err(corrupt(format!(
                "a page of {} bytes, the limit is {limit} MiB",
                header.uncompressed
            )));
        }
        let (body, rest) = split(&self.bytes[len..], header.compressed)?;
        if let Some(expected) = header.crc {
            let mut crc = flate2::Crc::new();
            crc.update(body);
            if crc.sum() != expected {
                return Err(corrupt(format!("checksum {:08x}, the header says {expected:08x}", crc.sum())));
            }
        }
        self.bytes = rest;
        Ok((header, body))
    }

    fn take(&mut self, slots: usize) -> Step<()> {
        if let Some(walk) = &self.chosen {
            walk.check_rows(slots)?;
        }
        self.seen += slots as u64;
        if self.seen > self.slots {
            return Err(corrupt(format!("pages with {} values, the footer says {}", self.seen, self.slots)));
        }
        Ok(())
    }

    /// Levels and values of version 1 are compressed in one piece, each level behind its length.
    fn version_1(
        &mut self,
        body: &'a [u8],
        uncompressed: usize,
        slots: usize,
        encoding: Encoding,
        levels: [Encoding; 2],
    ) -> Step<DataPage<'_>> {
        let coding = self.leaf.coding(encoding)?;
        let mut values = match self.codec {
            PageCodec::Uncompressed => body,
            codec => inflate(self.decompressors, self.clock, codec, body, self.buffer, uncompressed)?,
        };
        let mut parts: [&[u8]; 2] = [&[]; 2];
        for ((part, max), encoding) in
            parts.iter_mut().zip([self.leaf.max_rep, self.leaf.max_def]).zip(levels)
        {
            if max == 0 {
                continue;
            }
            if encoding != Encoding::Rle {
                return unsupported(format!("levels of encoding {encoding}"));
            }
            (*part, values) = prefixed(values)?;
        }
        let [repetition, definition] = parts;
        let values = join(self.leaf, encoding, values, self.joined)?;
        Ok(DataPage { slots, coding, repetition, definition, values, nulls: None })
    }
}

impl LeafColumn {
    fn coding(&self, encoding: Encoding) -> Step<Coding> {
        match encoding {
            Encoding::Plain => Ok(Coding::Plain),
            Encoding::Dictionary => Ok(Coding::Dictionary),
            Encoding::Rle if self.is_bit() => Ok(Coding::Rle),
            Encoding::ByteStreamSplit if self.physical.size() > 0 => Ok(Coding::Plain),
            other => unsupported(format!("encoding {other}")),
        }
    }
}

/// Plain values; where the bytes of each are apart, they are put together.
fn join<'b>(
    leaf: LeafColumn,
    encoding: Encoding,
    values: &'b [u8],
    joined: &'b mut Vec<u8>,
) -> Step<&'b [u8]> {
    if encoding != Encoding::ByteStreamSplit {
        return Ok(values);
    }
    let size = leaf.physical.size().max(1);
    if !values.len().is_multiple_of(size) {
        return Err(corrupt(format!("values of {size} bytes in {} bytes", values.len())));
    }
    joined.clear();
    joined.resize(values.len(), 0);
    let len = values.len() / size;
    let stream = |byte: usize| &values[byte * len..][..len];
    match leaf.physical {
        Physical::Word4 => {
            let [a, b, c, d] = std::array::from_fn(stream);
            let low = a.iter().zip(b).zip(c.iter().zip(d));
            for (out, ((a, b), (c, d))) in joined.as_chunks_mut::<4>().0.iter_mut().zip(low) {
                *out = [*a, *b, *c, *d];
            }
        }
        _ => {
            for byte in 0..size {
                for (out, value) in joined.chunks_exact_mut(size).zip(stream(byte)) {
                    out[byte] = *value;
                }
            }
        }
    }
    Ok(joined)
}

fn inflate<'b>(
    decompressors: &mut Decompressors,
    clock: Option<&AtomicU64>,
    codec: PageCodec,
    body: &[u8],
    buffer: &'b mut Vec<u8>,
    len: usize,
) -> Step<&'b [u8]> {
    if buffer.len() < len {
        buffer.resize(len, 0);
    }
    let out = &mut buffer[..len];
    let Some(clock) = clock else { return decompressors.fill(codec, body, out).map(|()| &*out) };
    let start = Instant::now();
    decompressors.fill(codec, body, out)?;
    let nanoseconds = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
    clock.fetch_add(nanoseconds, Ordering::Relaxed);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;
    use crate::pages::by_hand::{BIT_PACKED, ByHand, DICTIONARY, PLAIN, RLE, indices, packed, words};
    use crate::pages::format::chosen::PagePlace;
    use crate::pages::outcome::Stop;
    use crate::pages::value::StoredValue;

    fn slots(by_hand: &ByHand) -> Step<Vec<usize>> {
        let mut workspace = Workspace::default();
        let (_, _, mut pages) = open(&by_hand.chunk(), &mut workspace)?;
        let mut slots = Vec::new();
        while let Some(page) = pages.next()? {
            slots.push(page.slots);
        }
        Ok(slots)
    }

    fn ints(rows: i64) -> ByHand {
        ByHand::new("required int32 a;", rows, rows.cast_unsigned())
    }

    const FLAT: [&[u8]; 2] = [&[]; 2];

    #[test]
    fn pages_come_in_order_and_bytes_behind_them_are_let_be() {
        let mut by_hand = ints(3).data(2, PLAIN, FLAT, &words(&[0, 1])).data(1, PLAIN, FLAT, &words(&[1]));
        by_hand.bytes.push(0xff);
        assert_eq!(slots(&by_hand), Ok(vec![2, 1]));
        assert_eq!(slots(&ints(0)), Ok(vec![]));
    }

    #[test]
    fn values_are_as_many_as_the_footer_says() {
        let page = || words(&[0, 1]);
        let more = ints(3).data(2, PLAIN, FLAT, &page()).data(2, PLAIN, FLAT, &page());
        assert_eq!(slots(&more), Err(corrupt("pages with 4 values, the footer says 3")));
        let fewer = ints(3).data(2, PLAIN, FLAT, &page());
        assert_eq!(slots(&fewer), Err(corrupt("pages with 2 values, the footer says 3")));
    }

    #[test]
    fn a_checksum_is_checked() {
        let page = |crc| ints(1).data_with([1, PLAIN, RLE, RLE], FLAT, &words(&[1]), Some(crc));
        assert_eq!(slots(&page(|sum| sum)), Ok(vec![1]));
        assert!(
            matches!(slots(&page(|sum| sum ^ 1)), Err(Stop::Corrupt(found)) if found.starts_with("checksum "))
        );
    }

    #[test]
    fn a_page_that_claims_too_much_is_refused_before_memory_is_taken() {
        let mut by_hand = ints(1);
        // Type 0, 300 MiB uncompressed, nothing compressed, then a header of one value.
        by_hand.bytes = vec![0x15, 0, 0x15, 0x80, 0x80, 0x80, 0xac, 0x02, 0x15, 0, 0x2c];
        by_hand.bytes.extend([0x15, 2, 0x15, 0, 0x15, 6, 0x15, 6, 0, 0]);
        let limit = "a page of 314572800 bytes, the limit is 256 MiB";
        assert_eq!(slots(&by_hand), Err(corrupt(limit)));
    }

    #[test]
    fn a_page_said_to_be_uncompressed_has_one_size() {
        let page = |uncompressed: u8| {
            let mut by_hand = ints(1).zstd();
            // Type 3 and the two sizes; one slot, no null, one row, plain, no levels; not compressed.
            by_hand.bytes = vec![0x15, 6, 0x15, uncompressed * 2, 0x15, 8, 0x5c];
            by_hand.bytes.extend([0x15, 2, 0x15, 0, 0x15, 2, 0x15, 0, 0x15, 0, 0x15, 0, 0x12, 0, 0]);
            by_hand.bytes.extend(words(&[1]));
            slots(&by_hand)
        };
        assert_eq!(page(4), Ok(vec![1]));
        assert_eq!(page(5), Err(corrupt("a page said to be uncompressed has two sizes")));
    }

    #[test]
    fn other_pages_and_encodings_are_left_to_arrow() {
        let mut index = ints(1);
        index.page(1, 6, &[], &[], None);
        assert_eq!(slots(&index), unsupported("page type 1"));
        let levels = packed(&[1], 1);
        let old = ByHand::new("optional int32 a;", 1, 1);
        let old = old.data_with([1, PLAIN, BIT_PACKED, RLE], [&[], &levels], &words(&[1]), None);
        assert_eq!(slots(&old), unsupported("levels of encoding BIT_PACKED"));
        let old = ints(1).data_with([1, PLAIN, BIT_PACKED, BIT_PACKED], FLAT, &words(&[1]), None);
        assert_eq!(slots(&old), Ok(vec![1]), "levels that are not there");
        assert_eq!(slots(&ints(1).data(1, RLE, FLAT, &[])), unsupported("encoding RLE"));
    }

    #[test]
    fn chosen_pages_have_the_rows_of_the_offset_index() {
        let whole = ints(6).dictionary(1, &words(&[7]));
        let front = whole.bytes.len() as u64;
        let whole = whole.data(1, DICTIONARY, FLAT, &indices(&[0], 1)).data(2, PLAIN, FLAT, &words(&[1, 2]));
        let middle = whole.bytes.len() as u64;
        let whole = whole.data(3, PLAIN, FLAT, &words(&[3, 4, 5]));
        let end = whole.bytes.len() as u64;
        // The chunk begins at 100.
        let place = |range: Range<u64>, rows| PagePlace { bytes: 100 + range.start..100 + range.end, rows };
        let found = |dictionary: Option<Range<u64>>, pages: &[PagePlace]| {
            let chosen = Chosen { constants: Vec::new(), known: 1, dictionary, pages: pages.to_vec() };
            let mut workspace = Workspace::default();
            let from = usize::try_from(chosen.parts().next().unwrap().start - 100).unwrap();
            let chunk = Chunk { bytes: &whole.bytes[from..], ..whole.chunk() };
            let (_, dictionary, mut pages) = open_chosen(&chunk, &chosen, &mut workspace)?;
            let mut slots = vec![dictionary.len()];
            while let Some(page) = pages.next()? {
                slots.push(page.slots);
            }
            Ok(slots)
        };
        assert_eq!(found(Some(100..100 + front), &[place(middle..end, 3)]), Ok(vec![1, 3]));
        assert_eq!(found(None, &[place(middle..end, 3)]), Ok(vec![0, 3]));
        let other = "a page of 3 values, the offset index says 2";
        assert_eq!(found(None, &[place(middle..end, 2)]), Err(corrupt(other)));
        let cut = found(None, &[place(middle..end - 1, 3)]);
        assert_eq!(cut, Err(corrupt("12 bytes claimed where 11 are left")));
        let out = "the offset index leads out of the chunk";
        assert_eq!(found(None, &[place(middle..end + 1, 3)]), Err(corrupt(out)));
        let early = found(Some(100 + middle..100 + end), &[place(middle..end, 3)]);
        assert_eq!(early, Err(corrupt("a page in front of all that the offset index knows")));
        let late = found(None, &[place(0..front, 1)]);
        assert_eq!(late, Err(corrupt("a dictionary page behind other pages")));
    }

    #[test]
    fn the_dictionary_stands_in_front() {
        let by_hand = ints(2).dictionary(2, &words(&[7, 9])).data(2, DICTIONARY, FLAT, &indices(&[0, 1], 1));
        let mut workspace = Workspace::default();
        let (_, dictionary, _) = open(&by_hand.chunk(), &mut workspace).unwrap();
        assert_eq!((dictionary.len(), dictionary.value(1)), (2, StoredValue::Int(9)));
        let late = ints(2).data(1, PLAIN, FLAT, &words(&[1])).dictionary(1, &words(&[7]));
        assert_eq!(slots(&late), Err(corrupt("a dictionary page behind other pages")));
    }
}
