//! Sizes above which a chunk is not read.

/// Largest page that is read, in uncompressed bytes.
pub(crate) const PAGE_LIMIT: usize = 256 << 20;

/// A chunk must have fewer rows than this: counting takes up to four numbers of 32 bits per row.
pub(crate) const ROWS_MAX: u64 = 1 << 29;

/// The highest number; 0 if there is none. A loop over vector registers, which `Iterator::max` does not
/// become.
pub(crate) fn highest(numbers: &[u32]) -> u32 {
    numbers.iter().copied().fold(0, u32::max)
}
