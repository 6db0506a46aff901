//! Adding bits to counters, 64 at a time.

/// Small counters, one byte per position, that take 64 bits at a time. They go on behind the last
/// position, so that no word has to be cut.
#[derive(Debug)]
pub(super) struct Lanes {
    width: usize,
    counts: Vec<u8>,
    words: u8,
}

impl Lanes {
    pub(crate) fn new(width: usize) -> Self {
        Self { width, counts: vec![0; width + 64], words: 0 }
    }

    pub(super) fn is_full(&self) -> bool {
        self.words == u8::MAX
    }

    /// Adds bit i to the counter i after `at`.
    pub(crate) fn add(&mut self, word: u64, at: usize) {
        /// From here on it is faster to add all 64 bits than those that are set.
        const DENSE: u32 = 10;
        self.words += 1;
        let counts = &mut self.counts[at..at + 64];
        if word.count_ones() < DENSE {
            let mut word = word;
            while word > 0 {
                counts[word.trailing_zeros() as usize] += 1;
                word &= word - 1;
            }
            return;
        }
        for (counts, byte) in counts.as_chunks_mut::<8>().0.iter_mut().zip(word.to_le_bytes()) {
            *counts = (u64::from_le_bytes(*counts) + spread(byte)).to_le_bytes();
        }
    }

    /// Moves the counts to those of `entry`.
    pub(super) fn flush(&mut self, counts: &mut [u32], entry: usize) {
        if self.words == 0 {
            return;
        }
        let counts = &mut counts[entry * self.width..][..self.width];
        for lanes in self.counts.chunks_mut(self.width) {
            for (count, lane) in counts.iter_mut().zip(lanes) {
                *count += u32::from(std::mem::take(lane));
            }
        }
        self.words = 0;
    }
}

/// Bit i of `byte` as byte i.
fn spread(byte: u8) -> u64 {
    let copies = u64::from(byte) * 0x0101_0101_0101_0101;
    let bits = copies & 0x8040_2010_0804_0201;
    // What is not 0 overflows into the highest bit of its byte.
    (bits + 0x7f7f_7f7f_7f7f_7f7f) >> 7 & 0x0101_0101_0101_0101
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_spread_over_bytes() {
        for byte in 0..=255 {
            let bits: Vec<u8> = (0..8).map(|i| byte >> i & 1).collect();
            assert_eq!(spread(byte).to_le_bytes()[..], bits);
        }
    }

    #[test]
    fn words_go_on_from_the_last_position_to_the_first() {
        let (mut lanes, mut counts) = (Lanes::new(10), vec![0; 20]);
        lanes.add(u64::MAX, 7);
        lanes.add(0b1001, 7);
        lanes.flush(&mut counts, 1);
        // 64 bits from position 7 on: 7, 8, 9, six rounds, then 0.
        assert_eq!(counts[10..], [8, 6, 6, 6, 6, 6, 6, 8, 7, 7]);
        assert_eq!(counts[..10], [0; 10]);
    }
}
