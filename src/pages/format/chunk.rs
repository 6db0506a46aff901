//! A column chunk as it lies in the file, and the buffers that reading it takes.

use std::sync::atomic::AtomicU64;

use parquet::file::metadata::ColumnChunkMetaData;

use super::codec::Decompressors;

/// The column chunk of one column in one row group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chunk<'a> {
    /// Bytes of the file in [`ColumnChunkMetaData::byte_range`].
    pub bytes: &'a [u8],
    /// Metadata of the chunk from the footer.
    pub meta: &'a ColumnChunkMetaData,
    /// Number of rows in the row group.
    pub rows: u64,
    /// Nanoseconds of decompression are added to it.
    pub clock: Option<&'a AtomicU64>,
}

/// Reused from chunk to chunk, one per thread: decompressors, buffers for a page and its values, and one for a dictionary.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    pub(super) decompressors: Decompressors,
    pub(crate) page: Vec<u8>,
    pub(crate) joined: Vec<u8>,
    pub(crate) dictionary: Vec<u8>,
}
