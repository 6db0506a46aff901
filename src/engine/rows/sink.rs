//! Who takes rows.

use crate::engine::rows::block::Block;
use crate::error::Result;

/// Takes the rows that one thread reads.
pub(crate) trait RowSink: Send + 'static {
    /// What it has found in the end.
    type Found: Send + 'static;

    /// A row group begins.
    fn begin(&mut self) {}

    /// Takes the next rows of the row group. What is left of the block is used again.
    ///
    /// # Errors
    /// Any, which ends the reading.
    fn take(&mut self, block: &mut Block) -> Result<()>;

    /// Takes rows that no shard lists: they have no label, and where they are `silent` nothing is known of them.
    fn rest(&mut self, _rows: u64, _silent: bool) {}

    /// There are no more rows for this thread.
    fn finish(self) -> Self::Found;
}
