//! A set of labels with its rows.

use crate::engine::rows::set_bits::SetHash;

/// Rows of a group that have the same set of labels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SetEntry {
    pub(super) hash: SetHash,
    pub(super) group: u32,
    pub(super) rows: u32,
}

/// Bytes of an entry in a file.
pub(super) const ENTRY_BYTES: usize = 24;

impl SetEntry {
    pub(super) fn bytes(&self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        bytes[..8].copy_from_slice(&self.hash[0].to_le_bytes());
        bytes[8..16].copy_from_slice(&self.hash[1].to_le_bytes());
        bytes[16..20].copy_from_slice(&self.group.to_le_bytes());
        bytes[20..].copy_from_slice(&self.rows.to_le_bytes());
        bytes
    }

    pub(super) fn read(bytes: &[u8; ENTRY_BYTES]) -> Self {
        let half = |at: usize| {
            let mut half = [0; 4];
            half.copy_from_slice(&bytes[at..at + 4]);
            u32::from_le_bytes(half)
        };
        let whole = |at: usize| u64::from(half(at)) | u64::from(half(at + 4)) << 32;
        Self { hash: [whole(0), whole(8)], group: half(16), rows: half(20) }
    }

    /// Whether both are of one set and group.
    #[inline]
    pub(super) fn is_of(&self, other: &Self) -> bool {
        self.hash == other.hash && self.group == other.group
    }

    /// Adds rows; false when there would be too many for one entry.
    pub(super) fn add(&mut self, rows: u32) -> bool {
        let sum = self.rows.checked_add(rows);
        self.rows = sum.unwrap_or(self.rows);
        sum.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_rows_than_an_entry_holds_are_two_entries() {
        let mut entry = SetEntry { hash: [1, 2], group: 3, rows: u32::MAX - 1 };
        assert!(entry.add(1) && !entry.add(1));
        assert_eq!((entry.rows, SetEntry::read(&entry.bytes())), (u32::MAX, entry));
    }
}
