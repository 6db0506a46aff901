//! Bit-packed values: whole words at a time.
//!
//! `BitReader` of the Parquet crate is behind its feature `experimental` (59.3) and only unpacks. Here values
//! of one bit are counted and copied as words, without unpacking them.

/// Bit-packed values. `bytes` holds at least `start + len` of them, and may go on: eight bytes can then
/// be loaded at once even at the end of the values. `start` is below 8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Packed<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) width: usize,
    pub(crate) start: usize,
    pub(crate) len: usize,
}

impl Packed<'_> {
    /// The first `limit` values and those after them.
    pub(crate) fn split(self, limit: usize) -> (Self, Self) {
        if limit >= self.len {
            return (self, Self { len: 0, ..self });
        }
        let end = self.start + limit;
        let bytes = self.bytes.get(end / 8 * self.width..).unwrap_or(&[]);
        (
            Self { len: limit, ..self },
            Self { bytes, width: self.width, start: end % 8, len: self.len - limit },
        )
    }

    /// The same bits as values of one bit.
    pub(crate) fn bits(self) -> Self {
        let bit = self.start * self.width;
        let bytes = self.bytes.get(bit / 8..).unwrap_or(&[]);
        Self { bytes, width: 1, start: bit % 8, len: self.len * self.width }
    }

    /// Values of one bit, 64 at a time: calls `each` with a word and how many of its bits count, from
    /// the lowest on. The others are 0.
    #[inline]
    pub(crate) fn words(&self, mut each: impl FnMut(u64, usize)) {
        let (mut bytes, mut left) = (self.bytes, self.len);
        while left > 0 {
            let mut word = load(bytes) >> self.start;
            if self.start > 0 {
                word |= bytes.get(8).map_or(0, |byte| u64::from(*byte) << (64 - self.start));
            }
            let n = left.min(64);
            each(word & low_bits(n), n);
            left -= n;
            bytes = bytes.get(8..).unwrap_or(&[]);
        }
    }

    /// How many values of one bit are 1.
    #[inline]
    pub(crate) fn ones(&self) -> usize {
        if self.start + self.len <= 64 {
            return (load(self.bytes) >> self.start & low_bits(self.len)).count_ones() as usize;
        }
        self.many_ones()
    }

    fn many_ones(&self) -> usize {
        // Whole words in a loop of their own, so that it becomes one over vector registers.
        let (words, _) = self.bytes.as_chunks::<8>();
        let words = &words[..words.len().min(self.len / 64)];
        let mut ones: usize = words.iter().map(|word| u64::from_le_bytes(*word).count_ones() as usize).sum();
        let rest = self.bytes.get(words.len() * 8..).unwrap_or(&[]);
        let last = Packed { bytes: rest, len: self.start + self.len - words.len() * 64, start: 0, ..*self };
        last.words(|word, _| ones += word.count_ones() as usize);
        // The bits in front of the first value were counted with the others.
        ones - (load(self.bytes) & low_bits(self.start)).count_ones() as usize
    }

    /// Writes the values into `out`, which has room for exactly `len`.
    pub(crate) fn unpack(&self, out: &mut [u32]) {
        macro_rules! widths {
            ($($width:literal)*) => {
                match self.width {
                    $($width => self.unpack_as::<$width>(out),)*
                    _ => out.fill(0),
                }
            };
        }
        widths!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32);
    }

    fn unpack_as<const WIDTH: usize>(&self, out: &mut [u32]) {
        let mut bytes = self.bytes;
        let mut out = out;
        if self.start > 0 {
            let mut group = [0; 8];
            unpack_padded::<WIDTH>(bytes, &mut group);
            let (first, rest) = out.split_at_mut(out.len().min(8 - self.start));
            first.copy_from_slice(&group[self.start..self.start + first.len()]);
            bytes = bytes.get(WIDTH..).unwrap_or(&[]);
            out = rest;
        }
        let (groups, last) = out.as_chunks_mut::<8>();
        for group in groups {
            // Eight bytes beyond the group, so that each value is one load.
            match bytes.get(..WIDTH + 8) {
                Some(window) => unpack_eight::<WIDTH>(window, group),
                None => unpack_padded::<WIDTH>(bytes, group),
            }
            bytes = bytes.get(WIDTH..).unwrap_or(&[]);
        }
        if !last.is_empty() {
            let mut group = [0; 8];
            unpack_padded::<WIDTH>(bytes, &mut group);
            last.copy_from_slice(&group[..last.len()]);
        }
    }
}

#[inline]
fn unpack_eight<const WIDTH: usize>(window: &[u8], group: &mut [u32; 8]) {
    for (i, value) in group.iter_mut().enumerate() {
        let bit = i * WIDTH;
        #[expect(clippy::cast_possible_truncation, reason = "the mask leaves at most 32 bits")]
        let bits = (load(&window[bit / 8..]) >> (bit % 8) & low_bits(WIDTH)) as u32;
        *value = bits;
    }
}

fn unpack_padded<const WIDTH: usize>(bytes: &[u8], group: &mut [u32; 8]) {
    let mut window = [0; 40];
    let len = bytes.len().min(WIDTH);
    window[..len].copy_from_slice(&bytes[..len]);
    unpack_eight::<WIDTH>(&window, group);
}

/// The first eight bytes, or as many as there are, as one number.
#[inline]
pub(crate) fn load(bytes: &[u8]) -> u64 {
    if let Some(word) = bytes.first_chunk::<8>() {
        return u64::from_le_bytes(*word);
    }
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(word)
}

/// A mask of the lowest `n` bits.
#[inline]
pub(crate) fn low_bits(n: usize) -> u64 {
    if n >= 64 { u64::MAX } else { (1 << n) - 1 }
}
