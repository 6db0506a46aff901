//! The labels of short texts that were met before, found by their bytes.
//!
//! Most cells name a few labels again and again. Here a text is two or four words beside each other, which are
//! compared at once; whoever asks looks up longer texts, and those that another one took the place of.

/// Bytes of the longest text that is kept.
const LONGEST: usize = 32;
/// Pairs of places: a few hundred labels rarely stand in each other's way.
const PAIRS: usize = 1 << 11;

/// What a text stands for, if it was met lately.
#[derive(Debug, Default)]
pub(super) struct KnownTexts {
    /// Empty until the first text.
    places: Vec<[KnownText; 2]>,
}

/// A text as words, with its length and kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TextWords {
    words: [u64; LONGEST / 8],
    kind: u32,
}

/// What a text stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PartLabel {
    Nothing,
    Label(u32),
}

#[derive(Debug, Clone, Copy)]
struct KnownText {
    text: TextWords,
    label: PartLabel,
}

/// No text has this kind.
const NOTHING: KnownText =
    KnownText { text: TextWords { words: [0; LONGEST / 8], kind: u32::MAX }, label: PartLabel::Nothing };

impl TextWords {
    /// A text of at most [`LONGEST`] bytes; numbers are others than names that are written alike.
    #[inline]
    pub(super) fn new(text: &[u8], is_number: bool) -> Option<Self> {
        // Words overlap where the length is no multiple of theirs.
        let (word, half) =
            (|bytes: &[u8; 8]| u64::from_le_bytes(*bytes), |bytes: &[u8; 4]| u32::from_le_bytes(*bytes));
        let words = match (text.first_chunk(), text.last_chunk()) {
            _ if text.len() > LONGEST => return None,
            (Some(first), Some(last)) if text.len() <= 16 => [word(first), word(last), 0, 0],
            (Some(first), Some(last)) => {
                let (second, third) = (text[8..].first_chunk()?, text[..text.len() - 8].last_chunk()?);
                [word(first), word(last), word(second), word(third)]
            }
            _ => match (text.first_chunk(), text.last_chunk()) {
                (Some(first), Some(last)) => [u64::from(half(first)) | u64::from(half(last)) << 32, 0, 0, 0],
                _ => [text.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0, 0, 0],
            },
        };
        let kind = u32::try_from(text.len()).ok()? << 1 | u32::from(is_number);
        Some(Self { words, kind })
    }

    /// The number of its pair of places.
    #[inline]
    fn pair(&self) -> usize {
        const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
        let [a, b, c, d] = self.words;
        let mixed = (a ^ b.rotate_left(23) ^ c.rotate_left(41) ^ d.rotate_left(11) ^ u64::from(self.kind))
            .wrapping_mul(MIX);
        ((mixed ^ mixed << 16) >> 48) as usize % PAIRS
    }

    /// Whether both are the same, without a branch for each word.
    #[inline]
    fn is(&self, other: &Self) -> bool {
        let words = self.words.iter().zip(&other.words).fold(0, |differ, (a, b)| differ | (a ^ b));
        words | u64::from(self.kind ^ other.kind) == 0
    }
}

impl KnownTexts {
    /// What a text stands for; `None` where that has to be found out.
    #[inline]
    pub(super) fn get(&self, text: &TextWords) -> Option<PartLabel> {
        let [one, other] = self.places.get(text.pair())?;
        if one.text.is(text) {
            return Some(one.label);
        }
        other.text.is(text).then_some(other.label)
    }

    /// Keeps what a text stands for. Of a pair, the text that was kept last stays.
    pub(super) fn keep(&mut self, text: TextWords, label: PartLabel) {
        if self.places.is_empty() {
            self.places = vec![[NOTHING; 2]; PAIRS];
        }
        if let Some(pair) = self.places.get_mut(text.pair()) {
            *pair = [KnownText { text, label }, pair[0]];
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Texts of all lengths, of few different bytes.
        #[test]
        fn texts_are_the_same_words_where_they_are_the_same_texts(
            a in prop::collection::vec(0..2_u8, 0..34), b in prop::collection::vec(0..2_u8, 0..34), same: bool, kinds: [bool; 2],
        ) {
            let b = if same { a.clone() } else { b };
            let [one, other] = [TextWords::new(&a, kinds[0]), TextWords::new(&b, kinds[1])];
            prop_assert_eq!(one.is_none(), a.len() > LONGEST);
            if let (Some(one), Some(other)) = (one, other) {
                prop_assert_eq!(one == other, a == b && kinds[0] == kinds[1]);
            }
        }
    }

    #[test]
    fn a_text_is_known_until_another_takes_its_place() {
        let mut known = KnownTexts::default();
        let words = |number: u32| TextWords::new(format!("label/{number}").as_bytes(), false).unwrap();
        let label = |number: u32| {
            if number.is_multiple_of(7) { PartLabel::Nothing } else { PartLabel::Label(number) }
        };
        assert_eq!(known.get(&words(0)), None);
        for number in 0..100_000 {
            known.keep(words(number), label(number));
            assert_eq!(known.get(&words(number)), Some(label(number)));
        }
        let right = (0..100_000).filter_map(|number| Some((number, known.get(&words(number))?)));
        assert!(right.clone().all(|(number, known)| known == label(number)));
        assert!(right.count() > PAIRS);
    }
}
