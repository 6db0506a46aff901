//! Who takes the columns of row groups.

use arrow::array::ArrayRef;

use crate::engine::read::row_facts::{RowFacts, RowPart, RowWeights};
use crate::error::{Error, Result};
use crate::pages::{Chosen, Chunk, ChunkOutcome, Constant, Nesting, PairChunks, RowMask};

/// The pages of one column in one row group.
pub(crate) struct ColumnPages<'a> {
    /// Its position among the columns that are read.
    pub(crate) column: usize,
    /// One chunk for each leaf of the column, side by side.
    pub(crate) chunks: &'a [Chunk<'a>],
    /// The lists around the first leaf, where they are several, or other leaves are inside them.
    pub(crate) nesting: Option<&'a Nesting>,
    /// The pages that were read of the chunk, where statistics tell what the others hold.
    pub(crate) chosen: Option<&'a Chosen>,
    /// The rows that count, where not all do.
    pub(crate) mask: Option<&'a RowMask>,
    /// The weights of the rows that count, where rows have weights.
    pub(crate) weights: Option<RowWeights<'a>>,
}

impl<'a> ColumnPages<'a> {
    /// The chunks of labels and of the values beside them.
    pub(crate) fn pair(&self) -> Result<PairChunks<'a>> {
        match (self.chunks, self.nesting) {
            ([keys, values], Some(nesting)) => Ok(PairChunks { keys: *keys, values: *values, nesting }),
            _ => Err(Error::internal("labels without values beside them")),
        }
    }
}

/// Takes row groups. Each column of a row group is given in one way, but for what [`Self::rows_given`] says.
pub(crate) trait ChunkSink {
    /// Begins with the rows of a group; all that is given until the next group is theirs. Every row group begins with
    /// all its groups, and each column is given as often as there are groups.
    fn part(&mut self, _part: &RowPart) -> Result<()> {
        Ok(())
    }

    /// Takes rows that count, of any groups, as arrays: the label columns, values beside labels, weights and `--by`
    /// columns.
    fn rows(&mut self, _arrays: &[ArrayRef]) -> Result<()> {
        Err(Error::internal("rows of many groups were not asked for"))
    }

    /// Takes all pages of a column. What they do not give is given as arrays.
    fn pages(&mut self, pages: &ColumnPages<'_>) -> Result<ChunkOutcome<()>>;

    /// Takes all pages of a column for the rows of several groups, whose masks and weights are in `facts`; `None` where the
    /// groups have to be given one by one.
    fn pages_of_groups(
        &mut self,
        _pages: &ColumnPages<'_>,
        _facts: &RowFacts,
    ) -> Result<Option<ChunkOutcome<()>>> {
        Ok(None)
    }

    /// Takes rows from `first_row` of the row group on, of columns that are read as arrays side by side; values
    /// beside labels come last. Where not all rows count, the arrays hold those that do.
    fn arrays(&mut self, columns: &[usize], first_row: u64, arrays: &[ArrayRef]) -> Result<()>;

    /// Takes `rows` rows, those that count, of a column that the shard does not have.
    fn absent(&mut self, column: usize, rows: u64) -> Result<()>;

    /// Takes what statistics say of the rows of a chunk, or of some of its pages.
    fn statistics(&mut self, _column: usize, _constants: &[Constant<'_>]) -> Result<()> {
        Err(Error::internal("statistics were not asked for"))
    }

    /// Rows that pages gave before they turned out to be unsupported; arrays begin after them.
    fn rows_given(&self, _column: usize) -> u64 {
        0
    }
}
