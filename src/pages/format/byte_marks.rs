//! Eight bytes at a time: which of them are a byte that is looked for.

/// The highest bit of each byte that is one of `of`.
#[inline]
pub(crate) fn marks<const N: usize>(word: [u8; 8], of: [u8; N]) -> u64 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let word = u64::from_le_bytes(word);
    of.into_iter().fold(0, |found, byte| {
        let differs = word ^ u64::from_le_bytes([byte; 8]);
        // What is not 0 in the low bits of a byte carries into its highest bit.
        found | !(((differs & LOW) + LOW) | differs | LOW)
    })
}

/// The highest bits of the eight bytes of a word as its lowest bits, of a word that has no others.
#[inline]
pub(crate) fn gathered(marks: u64) -> u64 {
    (marks >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}
