//! Rows with their place.

use crate::label_sets::LabelSets;

/// Consecutive rows of one row group of one shard, in order.
#[derive(Debug, Default)]
pub(crate) struct Block {
    /// Number of the shard among those of the data set.
    pub shard: usize,
    /// Number of the first row among those of the shard, from 0.
    pub first_row: u64,
    pub(crate) sets: LabelSets,
    pub(crate) members: Members,
}

/// A row that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row<'a> {
    /// Positions of the labels it has, ascending.
    pub positives: &'a [u32],
    /// Positions of the labels it does not know, ascending.
    pub unknown: &'a [u32],
    /// Which of the groups it is in; 0 without groups.
    pub group: usize,
}

/// The group of each row.
#[derive(Debug, Clone)]
pub(crate) enum Members {
    /// All rows are in this one.
    All(u32),
    /// Each row is in its own, or is [`OUTSIDE`].
    Each(Vec<u32>),
}

/// The group of a row that does not meet the condition.
pub(crate) const OUTSIDE: u32 = u32::MAX;

impl Default for Members {
    fn default() -> Self {
        Self::All(0)
    }
}

impl Block {
    /// Rows of the block, including those that do not meet the condition.
    #[must_use]
    pub(crate) fn rows(&self) -> usize {
        self.sets.rows()
    }

    /// The group of a row; `None` when it does not meet the condition.
    #[must_use]
    #[inline]
    pub(crate) fn group(&self, row: usize) -> Option<usize> {
        let group = match &self.members {
            Members::All(group) => *group,
            Members::Each(groups) => groups.get(row).copied().unwrap_or(OUTSIDE),
        };
        (group != OUTSIDE).then_some(group as usize)
    }

    /// A row, counted from the first one of the block; `None` when it does not meet the condition.
    #[must_use]
    #[inline]
    pub(crate) fn row(&self, row: usize) -> Option<Row<'_>> {
        let group = self.group(row)?;
        Some(Row { positives: self.sets.positives(row), unknown: self.sets.unknown(row), group })
    }
}
