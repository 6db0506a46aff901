//! Sizes above which a chunk is not read.

/// Largest page taken, in uncompressed bytes.
pub(crate) const PAGE_LIMIT: usize = 256 << 20;

/// Rows of a chunk have to be fewer. It may take four numbers for each of them, and 2³² there are.
pub(crate) const ROWS_MAX: u64 = 1 << 29;

/// The highest number, 0 of none; by a loop over vector registers, which an `Option` would not become.
pub(crate) fn highest(numbers: &[u32]) -> u32 {
    numbers.iter().copied().fold(0, u32::max)
}
