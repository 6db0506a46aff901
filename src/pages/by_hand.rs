//! Chunks made by hand, for tests of what no writer at hand would write.

use std::sync::Arc;

use integer_encoding::VarInt;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::SchemaDescriptor;

use crate::pages::format::chunk::Chunk;
use crate::pages::format::thrift::{BINARY, I32, I64, LIST, STRUCT};

pub(super) const PLAIN: i32 = 0;
pub(super) const RLE: i32 = 3;
pub(super) const BIT_PACKED: i32 = 4;
pub(super) const DICTIONARY: i32 = 8;

/// Bytes and footer of a chunk.
pub(super) struct ByHand {
    pub(super) bytes: Vec<u8>,
    meta: ColumnChunkMetaData,
    rows: u64,
}

impl ByHand {
    /// A chunk without a page yet, of the column `field`.
    pub(super) fn new(field: &str, slots: i64, rows: u64) -> Self {
        let schema = parse_message_type(&format!("message m {{ {field} }}")).unwrap();
        let column = SchemaDescriptor::new(Arc::new(schema)).column(0);
        let meta = ColumnChunkMetaData::builder(column).set_num_values(slots).build().unwrap();
        Self { bytes: Vec::new(), meta, rows }
    }

    /// Says that pages are compressed with zstd.
    pub(super) fn zstd(mut self) -> Self {
        let zstd = Compression::ZSTD(ZstdLevel::default());
        self.meta = self.meta.into_builder().set_compression(zstd).build().unwrap();
        self
    }

    pub(super) fn chunk(&self) -> Chunk<'_> {
        Chunk { bytes: &self.bytes, meta: &self.meta, rows: self.rows, clock: None }
    }

    /// A dictionary page of plain values.
    pub(super) fn dictionary(mut self, len: i32, values: &[u8]) -> Self {
        self.page(2, 7, &[len, PLAIN], values, None);
        self
    }

    /// A data page of version 1; levels as [`packed`] makes them, empty where the column has none.
    pub(super) fn data(self, slots: i32, encoding: i32, levels: [&[u8]; 2], values: &[u8]) -> Self {
        self.data_with([slots, encoding, RLE, RLE], levels, values, None)
    }

    /// A data page of version 1 with everything in its header.
    pub(super) fn data_with(
        mut self,
        header: [i32; 4],
        levels: [&[u8]; 2],
        values: &[u8],
        crc: Option<fn(u32) -> u32>,
    ) -> Self {
        let mut body = Vec::new();
        for levels in levels.into_iter().filter(|levels| !levels.is_empty()) {
            body.extend(u32::try_from(levels.len()).unwrap().to_le_bytes());
            body.extend(levels);
        }
        body.extend(values);
        self.page(0, 5, &header, &body, crc);
        self
    }

    /// A data page of version 2 of a column without lists.
    pub(super) fn data_v2(mut self, slots: i32, nulls: i32, definition: &[u8], values: &[u8]) -> Self {
        let len = i32::try_from(definition.len()).unwrap();
        self.page(3, 8, &[slots, nulls, slots, PLAIN, len, 0], &[definition, values].concat(), None);
        self
    }

    /// A page of any type, whose own header is field `id` and holds the numbers `header`.
    pub(super) fn page(
        &mut self,
        kind: i32,
        id: u8,
        header: &[i32],
        body: &[u8],
        crc: Option<fn(u32) -> u32>,
    ) {
        let len = i32::try_from(body.len()).unwrap();
        ints(&[kind, len, len], &mut self.bytes);
        let mut last = 3;
        if let Some(change) = crc {
            let mut sum = flate2::Crc::new();
            sum.update(body);
            ints(&[change(sum.sum()).cast_signed()], &mut self.bytes);
            last = 4;
        }
        self.bytes.push((id - last) << 4 | STRUCT);
        ints(header, &mut self.bytes);
        self.bytes.extend([0, 0]);
        self.bytes.extend(body);
    }
}

/// Thrift fields that follow each other.
fn ints(values: &[i32], out: &mut Vec<u8>) {
    for value in values {
        out.push(0x15);
        out.extend(value.encode_var_vec());
    }
}

/// Runs of a hybrid: bit-packed or repeated, and their values.
pub(super) type RunsByHand = Vec<(bool, Vec<u32>)>;

/// A hybrid of values of `width` bits.
pub(super) fn hybrid(runs: &[(bool, Vec<u32>)], width: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let width = usize::from(width);
    for (packed, values) in runs {
        if !packed {
            bytes.extend((values.len() << 1).encode_var_vec());
            bytes.extend(&values[0].to_le_bytes()[..width.div_ceil(8)]);
            continue;
        }
        let groups = values.len().div_ceil(8);
        bytes.extend((groups << 1 | 1).encode_var_vec());
        let start = bytes.len();
        bytes.resize(start + groups * width, 0);
        for (i, value) in values.iter().enumerate() {
            for bit in (0..width).filter(|bit| value >> bit & 1 == 1) {
                bytes[start + (i * width + bit) / 8] |= 1 << ((i * width + bit) % 8);
            }
        }
    }
    bytes
}

/// A hybrid of one bit-packed run.
pub(super) fn packed(values: &[u32], width: u8) -> Vec<u8> {
    hybrid(&[(true, values.to_vec())], width)
}

/// Dictionary indices: their width, then the hybrid.
pub(super) fn indices(values: &[u32], width: u8) -> Vec<u8> {
    [vec![width], packed(values, width)].concat()
}

/// Plain values of a column of `int32` or `float`.
pub(super) fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// A column index of pages with these bounds; without, a page is all NULL.
pub(super) fn column_index(pages: &[Option<[&[u8]; 2]>], nulls: Option<&[i64]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    list(1, pages.len(), &mut bytes);
    bytes.extend(pages.iter().map(|bounds| if bounds.is_none() { 1 } else { 2 }));
    for bound in 0..2 {
        list(BINARY, pages.len(), &mut bytes);
        for bounds in pages {
            let bound = bounds.map_or(&[][..], |bounds| bounds[bound]);
            bytes.extend(bound.len().encode_var_vec());
            bytes.extend(bound);
        }
    }
    // The order of bounds: none.
    bytes.extend([0x10 | I32, 0]);
    if let Some(nulls) = nulls {
        list(I64, nulls.len(), &mut bytes);
        nulls.iter().for_each(|nulls| long(*nulls, &mut bytes));
    }
    bytes.push(0);
    bytes
}

/// An offset index of pages by offset, size and first row.
pub(super) fn offset_index(pages: &[(i64, i32, i64)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    list(STRUCT, pages.len(), &mut bytes);
    for (offset, size, first_row) in pages {
        for (kind, value) in [(I64, *offset), (I32, i64::from(*size)), (I64, *first_row)] {
            bytes.push(0x10 | kind);
            long(value, &mut bytes);
        }
        bytes.push(0);
    }
    bytes.push(0);
    bytes
}

/// The head of the next field, which is a list.
fn list(kind: u8, len: usize, out: &mut Vec<u8>) {
    out.extend([0x10 | LIST, 0xf0 | kind]);
    out.extend(len.encode_var_vec());
}

fn long(value: i64, out: &mut Vec<u8>) {
    out.extend(value.encode_var_vec());
}
