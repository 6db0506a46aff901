//! The labels of short texts that were met before, found by their bytes.
//!
//! Most cells name a few labels again and again. Here a text is two or four words beside each other, which are
//! compared at once; whoever asks looks up longer texts, and those that another one took the place of.

use crate::pages::NO_LABEL;
use crate::source::usual_lists::TextPart;

/// Pairs of places: a few hundred labels rarely stand in each other's way.
const PAIRS: usize = 1 << 11;
/// Bytes of the longest text of two words, and of four.
const SHORT: usize = 16;
const LONGEST: usize = 32;

/// What a text stands for, if it was met lately.
#[derive(Debug, Default)]
pub(super) struct KnownTexts {
    short: TextPlaces<2>,
    long: TextPlaces<4>,
}

/// What a text stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PartLabel {
    Nothing,
    Label(u32),
}

/// Texts of at most `WORDS` words. Most are short, and their places lie close together.
#[derive(Debug, Default)]
struct TextPlaces<const WORDS: usize> {
    /// Empty until the first text.
    pairs: Vec<[KnownText<WORDS>; 2]>,
}

#[derive(Debug, Clone, Copy)]
struct KnownText<const WORDS: usize> {
    text: TextWords<WORDS>,
    /// [`NO_LABEL`] for none.
    label: u32,
}

/// A text as words, with its length and kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TextWords<const WORDS: usize> {
    words: [u64; WORDS],
    kind: u32,
}

/// Numbers are others than names that are written alike.
#[inline]
fn kind(text: &TextPart<'_>, is_number: bool) -> u32 {
    kind_of(text.len(), is_number)
}

#[expect(clippy::cast_possible_truncation, reason = "texts are short")]
#[inline]
fn kind_of(len: usize, is_number: bool) -> u32 {
    (len as u32) << 1 | u32::from(is_number)
}

/// A text of at most [`SHORT`] bytes. Words overlap where the length is no multiple of theirs.
#[inline]
fn short(text: &TextPart<'_>, is_number: bool) -> TextWords<2> {
    TextWords { words: [text.first_word(), text.last_word()], kind: kind(text, is_number) }
}

/// What a part of a page becomes without a branch, with other bytes of the page on both sides: the same words as
/// [`short`] makes. `None` where these bytes are missing, or for a longer text.
#[inline]
fn short_within(page: &[u8], from: usize, to: usize) -> Option<TextWords<2>> {
    /// By length: bits of the bytes that a text has.
    const OF_FIRST: [u64; SHORT + 1] = {
        let mut bits = [u64::MAX; SHORT + 1];
        let mut len = 0;
        while len < 8 {
            bits[len] = (1 << (8 * len)) - 1;
            len += 1;
        }
        bits
    };
    let len = to - from;
    let (first_bits, last_bits) = (*OF_FIRST.get(len)?, if len < 8 { 0 } else { u64::MAX });
    let word = |at: usize| page.get(at..at + 8)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    let words = [word(from)? & first_bits, word(to.saturating_sub(8))? & last_bits];
    Some(TextWords { words, kind: kind_of(len, false) })
}

/// A text of more than [`SHORT`] and at most [`LONGEST`] bytes.
#[inline]
fn long(text: &TextPart<'_>, is_number: bool) -> Option<TextWords<4>> {
    let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    if text.len() <= SHORT || text.len() > LONGEST {
        return None;
    }
    let bytes = text.bytes();
    let words = [
        text.first_word(),
        text.last_word(),
        word(bytes[8..].first_chunk()?),
        word(bytes[..bytes.len() - 8].last_chunk()?),
    ];
    Some(TextWords { words, kind: kind(text, is_number) })
}

impl<const WORDS: usize> TextWords<WORDS> {
    /// No text has this kind.
    const NOTHING: Self = Self { words: [0; WORDS], kind: u32::MAX };

    /// The number of its pair of places.
    #[inline]
    fn pair(&self) -> usize {
        const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
        const TURNS: [u32; 4] = [0, 23, 41, 11];
        let words =
            self.words.iter().zip(TURNS).fold(0, |mixed, (word, turn)| mixed ^ word.rotate_left(turn));
        let mixed = (words ^ u64::from(self.kind)).wrapping_mul(MIX);
        ((mixed ^ mixed << 16) >> 48) as usize % PAIRS
    }

    /// Whether both are the same, without a branch for each word.
    #[inline]
    fn is(&self, other: &Self) -> bool {
        let words = self.words.iter().zip(&other.words).fold(0, |differ, (a, b)| differ | (a ^ b));
        words | u64::from(self.kind ^ other.kind) == 0
    }
}

impl<const WORDS: usize> TextPlaces<WORDS> {
    #[inline]
    fn get(&self, text: &TextWords<WORDS>) -> Option<PartLabel> {
        let [one, other] = self.pairs.get(text.pair())?;
        let label = if one.text.is(text) {
            one.label
        } else if other.text.is(text) {
            other.label
        } else {
            return None;
        };
        Some(if label == NO_LABEL { PartLabel::Nothing } else { PartLabel::Label(label) })
    }

    fn keep(&mut self, text: TextWords<WORDS>, label: PartLabel) {
        if self.pairs.is_empty() {
            self.pairs = vec![[KnownText { text: TextWords::NOTHING, label: 0 }; 2]; PAIRS];
        }
        let label = match label {
            PartLabel::Nothing => NO_LABEL,
            PartLabel::Label(NO_LABEL) => return,
            PartLabel::Label(label) => label,
        };
        if let Some(pair) = self.pairs.get_mut(text.pair()) {
            *pair = [KnownText { text, label }, pair[0]];
        }
    }
}

impl KnownTexts {
    /// What a text stands for; `None` where that has to be found out.
    #[inline]
    pub(super) fn get(&self, text: &TextPart<'_>, is_number: bool) -> Option<PartLabel> {
        if text.len() <= SHORT {
            return self.short.get(&short(text, is_number));
        }
        self.long.get(&long(text, is_number)?)
    }

    /// The label of a name that a page holds from `from` to `to`, or [`NO_LABEL`]; `None` where that has to be found out.
    #[inline]
    pub(super) fn label_within(&self, page: &[u8], from: usize, to: usize) -> Option<u32> {
        let known = match short_within(page, from, to) {
            Some(words) => self.short.get(&words),
            None => self.get(&TextPart::new(page, from, to), false),
        };
        known.map(|known| match known {
            PartLabel::Label(label) => label,
            PartLabel::Nothing => NO_LABEL,
        })
    }

    /// Keeps what a text stands for, if it is short. Of a pair, the text that was kept last stays.
    pub(super) fn keep(&mut self, text: &TextPart<'_>, is_number: bool, label: PartLabel) {
        if text.len() <= SHORT {
            self.short.keep(short(text, is_number), label);
        } else if let Some(text) = long(text, is_number) {
            self.long.keep(text, label);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A text that is all of one.
    fn whole(text: &str) -> TextPart<'_> {
        TextPart::new(text.as_bytes(), 0, text.len())
    }

    proptest! {
        /// Texts of all lengths, of few different bytes, alone or with others around them.
        #[test]
        fn texts_are_the_same_words_where_they_are_the_same_texts(
            a in prop::collection::vec(0..2_u8, 0..34), b in prop::collection::vec(0..2_u8, 0..34), same: bool, kinds: [bool; 2],
            before in "[0a]{0,20}", behind in "[0a]{0,20}",
        ) {
            let b = if same { a.clone() } else { b };
            let page = [before.as_bytes(), &b, behind.as_bytes()].concat();
            let one = TextPart::new(&a, 0, a.len());
            let other = TextPart::new(&page, before.len(), before.len() + b.len());
            let mut known = KnownTexts::default();
            known.keep(&one, kinds[0], PartLabel::Label(3));
            prop_assert_eq!(known.get(&one, kinds[0]).is_none(), a.len() > LONGEST);
            if a.len() <= LONGEST {
                let is_same = a == b && kinds[0] == kinds[1];
                prop_assert_eq!(known.get(&other, kinds[1]).is_some(), is_same);
                let within = known.label_within(&page, before.len(), before.len() + b.len());
                prop_assert_eq!(within, (a == b && !kinds[0]).then_some(3));
            }
        }
    }

    #[test]
    fn a_text_is_known_until_another_takes_its_place() {
        for before in ["label/", "a label with a long name/"] {
            let mut known = KnownTexts::default();
            let text = |number: u32| format!("{before}{number}");
            let label = |number: u32| {
                if number.is_multiple_of(7) { PartLabel::Nothing } else { PartLabel::Label(number) }
            };
            assert_eq!(known.get(&whole(&text(0)), false), None);
            for number in 0..100_000 {
                known.keep(&whole(&text(number)), false, label(number));
                assert_eq!(known.get(&whole(&text(number)), false), Some(label(number)));
            }
            let right =
                (0..100_000).filter_map(|number| Some((number, known.get(&whole(&text(number)), false)?)));
            assert!(right.clone().all(|(number, known)| known == label(number)));
            assert!(right.count() > PAIRS);
        }
    }
}
