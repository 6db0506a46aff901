//! The few numbers of a row group that are kept of any footer.

use std::sync::Arc;

use parquet::file::metadata::RowGroupMetaData;

/// Row groups of a file whose footer may be decoded again for each of them.
const FEW: usize = 4;

/// What is kept of a row group in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GroupOutline {
    /// Where its first column chunk begins. Row groups are in this order in a file, unless its writer was strange.
    pub start: u64,
    /// Bytes of its column chunks.
    pub bytes: u64,
    /// Rows by the footer.
    pub rows: u64,
}

impl GroupOutline {
    pub(super) fn of(group: &RowGroupMetaData) -> Self {
        Self {
            start: group.columns().iter().map(|column| column.byte_range().0).min().unwrap_or(0),
            bytes: u64::try_from(group.compressed_size()).unwrap_or(0),
            rows: u64::try_from(group.num_rows()).unwrap_or(0),
        }
    }

    /// Those of the row groups of a footer, if they are few.
    pub(super) fn of_few(groups: &[RowGroupMetaData]) -> Option<Arc<[Self]>> {
        (groups.len() <= FEW).then(|| groups.iter().map(Self::of).collect())
    }
}
