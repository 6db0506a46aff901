//! A column chunk as it lies in the file, and the buffers that reading it takes.

use parquet::file::metadata::ColumnChunkMetaData;

use super::codec::Decompressors;

/// One column of one row group, as it lies in the file.
#[derive(Debug, Clone, Copy)]
pub struct Chunk<'a> {
    /// The bytes of [`ColumnChunkMetaData::byte_range`].
    pub bytes: &'a [u8],
    /// What the footer says of them.
    pub meta: &'a ColumnChunkMetaData,
    /// Rows of the row group.
    pub rows: u64,
}

/// What a thread keeps between chunks: decompressors, and a buffer each for a page and a dictionary.
#[derive(Debug, Default)]
pub struct Workspace {
    pub(super) decompressors: Decompressors,
    pub(crate) page: Vec<u8>,
    pub(crate) dictionary: Vec<u8>,
}
