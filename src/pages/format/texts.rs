//! Plain texts of several parts each, many texts at a time: `cat|dog` and `dog|bird|fox` are five parts.
//!
//! Texts have few parts each, and never as many as the one before. A loop over the parts of one text would end
//! where the processor does not expect it; loops over all parts of many texts do not.

use super::byte_marks::{gathered, marks};
use super::bytes::prefixed;
use crate::pages::outcome::Step;

/// Bytes of the length before a text.
const PREFIX: usize = 4;
/// Bytes that are looked at together; a word has a bit for each, and one for the end of the text.
const WINDOW: usize = 63;
/// Parts that a window ends at most.
const PARTS_MAX: usize = WINDOW + 1;
/// Parts that are noted without asking whether there are as many.
const AT_ONCE: usize = 8;
/// Pages of more bytes are read text by text: a place and a flag fit into 32 bits, and parts of a few bytes each take no
/// more memory than a few pages.
const BYTES_MAX: usize = 1 << 24;

/// Cuts plain texts at a byte.
#[derive(Debug, Default)]
pub(crate) struct TextCutter {
    ends: Vec<u32>,
    /// How many of `ends` are used.
    len: usize,
}

/// The parts of plain texts that lie behind each other, a length of four bytes before each text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextParts<'p> {
    bytes: &'p [u8],
    begin: usize,
    /// Of each part, where it ends, doubled; plus one for the last of a text.
    ends: &'p [u32],
}

impl<'p> TextParts<'p> {
    /// Number of parts.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether each part is the last of its text.
    pub(crate) fn lasts(&self) -> impl Iterator<Item = bool> + use<'p> {
        self.ends.iter().map(|end| end & 1 == 1)
    }

    /// The bytes that hold the texts, and where each part begins and ends in them.
    #[inline]
    pub(crate) fn places(&self) -> (&'p [u8], impl Iterator<Item = (usize, usize)> + use<'p>) {
        let mut from = self.begin + PREFIX;
        let places = self.ends.iter().map(move |end| {
            let (to, is_last) = ((end >> 1) as usize, (end & 1) as usize);
            let part = (from, to);
            // Behind it lies the separator, or the length of the next text.
            from = to + 1 + is_last * (PREFIX - 1);
            part
        });
        (self.bytes, places)
    }
}

impl TextCutter {
    /// Whether a page of so many bytes can be cut.
    pub(crate) fn can_cut(bytes: &[u8]) -> bool {
        bytes.len() < BYTES_MAX
    }

    /// Cuts the `rows` plain texts of `bytes` from `begin` on at the byte `by`. Gives their parts, and where the next
    /// text begins.
    pub(crate) fn cut<'p>(
        &'p mut self,
        bytes: &'p [u8],
        begin: usize,
        rows: usize,
        by: u8,
    ) -> Step<(TextParts<'p>, usize)> {
        self.len = 0;
        let mut at = begin;
        for _ in 0..rows {
            let (text, _) = prefixed(bytes.get(at..).unwrap_or_default())?;
            let (mut from, to) = (at + PREFIX, at + PREFIX + text.len());
            while to - from > WINDOW {
                self.note(from, window(bytes, from, WINDOW, by));
                from += WINDOW;
            }
            self.note(from, window(bytes, from, to - from, by) | 1 << (to - from));
            self.ends[self.len - 1] |= 1;
            at = to;
        }
        Ok((TextParts { bytes, begin, ends: &self.ends[..self.len] }, at))
    }

    /// Notes a part that ends at each bit, counted from byte `from`.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "pages have fewer than BYTES_MAX bytes")]
    fn note(&mut self, from: usize, mut found: u64) {
        let parts = found.count_ones() as usize;
        if self.ends.len() < self.len + PARTS_MAX {
            self.ends.resize((self.len + PARTS_MAX) * 2, 0);
        }
        let mut next = || {
            let end = (from as u32 + found.trailing_zeros()) << 1;
            found &= found.wrapping_sub(1);
            end
        };
        let room = &mut self.ends[self.len..self.len + PARTS_MAX];
        let (some, others) = room.split_at_mut(AT_ONCE);
        some.iter_mut().for_each(|end| *end = next());
        if parts > AT_ONCE {
            others[..parts - AT_ONCE].iter_mut().for_each(|end| *end = next());
        }
        self.len += parts;
    }
}

/// A bit for each of the `len` bytes from `from` on that is `by`; there are at most [`WINDOW`] of them.
#[inline]
fn window(bytes: &[u8], from: usize, len: usize, by: u8) -> u64 {
    let mut found = half(bytes, from, by);
    if len > 32 {
        found |= half(bytes, from + 32, by) << 32;
    }
    found & ((1 << len) - 1)
}

/// The same of 32 bytes, whatever lies behind the text.
#[inline]
fn half(bytes: &[u8], from: usize, by: u8) -> u64 {
    let bytes = bytes.get(from..).unwrap_or_default();
    let places = |bytes: &[u8; 32]| {
        let (words, _) = bytes.as_chunks::<8>();
        words.iter().rev().fold(0, |found, word| found << 8 | gathered(marks(*word, [by])))
    };
    match bytes.first_chunk() {
        Some(bytes) => places(bytes),
        None => places(&std::array::from_fn(|at| bytes.get(at).copied().unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parts_are_those_of_a_split(
            texts in prop::collection::vec(
                prop_oneof!["[a|\0]{0,12}", "[a|]{0,40}", "[a|é]{50,200}", "[|]{0,140}", "[|]{63}"], 1..20),
            by in prop::sample::select(b"|\0".to_vec()), skip in 0..3_usize,
        ) {
            let mut bytes = vec![by; skip];
            for text in &texts {
                bytes.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
                bytes.extend(text.as_bytes());
            }
            let mut cutter = TextCutter::default();
            let (parts, end) = cutter.cut(&bytes, skip, texts.len(), by).unwrap();
            prop_assert_eq!(end, bytes.len());
            let (bytes, places) = parts.places();
            let found: Vec<_> = places.zip(parts.lasts()).map(|((from, to), last)| (&bytes[from..to], last)).collect();
            let mut expected = Vec::new();
            for text in &texts {
                expected.extend(text.as_bytes().split(|byte| *byte == by).map(|part| (part, false)));
                expected.last_mut().unwrap().1 = true;
            }
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_text_that_is_cut_off_is_corrupt() {
        for bytes in [&[9, 0, 0, 0, b'a'][..], &[1, 0, 0], &[]] {
            assert!(TextCutter::default().cut(bytes, 0, 1, b'|').is_err());
        }
        assert!(TextCutter::default().cut(&[1, 0, 0, 0, b'a'], 0, 2, b'|').is_err());
    }
}
