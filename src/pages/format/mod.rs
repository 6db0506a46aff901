//! How a column chunk is written: its pages, levels and values.
//!
//! ```text
//! footer, page_index ─▶ thrift
//! chunk ─▶ data_pages ─▶ header ─▶ thrift
//!               ├─▶ codec               decompression
//!               └─▶ leaf ─▶ number      what stored bytes mean
//! levels, slots ─▶ hybrid ─▶ packed     runs of levels
//! row_mask ─▶ bits                      which rows count, and which slots and values are theirs
//! row_parts                             the same in several parts
//! dictionary, stream ─▶ plain, hybrid   values, or indices of values
//! stored_number                         numbers that are compared many at a time
//! texts ─▶ byte_marks                   parts of plain texts, many texts at a time
//! ```

pub(super) mod bits;
pub(super) mod byte_marks;
pub(super) mod bytes;
pub(super) mod chosen;
pub(super) mod chunk;
mod codec;
pub(super) mod data_pages;
pub(super) mod dictionary;
pub(super) mod encryption;
pub(super) mod footer;
mod header;
pub(super) mod hybrid;
pub(super) mod leaf;
pub(super) mod levels;
pub(super) mod limits;
pub(super) mod nesting;
mod number;
pub(super) mod packed;
pub(super) mod page_index;
pub(super) mod plain;
pub(super) mod row_mask;
pub(super) mod row_parts;
pub(super) mod slots;
pub(super) mod stored_number;
pub(super) mod stream;
pub(super) mod texts;
pub(super) mod thrift;
