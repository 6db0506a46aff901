//! Texts that hold lists as most writers write them: names in quotes without escapes, whole numbers, pieces between
//! separators. Parts are found by their bytes, many at a time; any other text is left to [`super::structured`].

use crate::pages::{gathered, marks};

/// An element of a list, as it is written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum UsualElement<'t> {
    /// What stands between quotes, or a piece. A list with a backslash in a name has to be read by
    /// [`super::structured::list`].
    Name(TextPart<'t>),
    /// A whole number from 0 on, without a sign and leading zeros, of at most 18 digits.
    Number(TextPart<'t>),
}

/// A part of a text, which is read fastest where other bytes of the text are around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextPart<'t> {
    text: &'t [u8],
    from: usize,
    to: usize,
}

impl<'t> TextPart<'t> {
    /// The bytes of `text` from `from` on until `to`.
    #[inline]
    pub(crate) fn new(text: &'t [u8], from: usize, to: usize) -> Self {
        Self { text, from, to }
    }

    /// The bytes of the part.
    #[inline]
    pub(crate) fn bytes(&self) -> &'t [u8] {
        &self.text[self.from..self.to]
    }

    /// Number of bytes.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.to - self.from
    }

    /// The first eight bytes as a word; zeros stand for those that a shorter part does not have.
    #[inline]
    pub(crate) fn first_word(&self) -> u64 {
        // A text of eight bytes or more has that many from here on, or before its end.
        let begin = self.from.min(self.text.len().saturating_sub(8));
        let word = match self.text[begin..].first_chunk() {
            Some(bytes) => u64::from_le_bytes(*bytes) >> (8 * (self.from - begin) % 64),
            None => self.bytes().iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
        };
        if self.len() < 8 { word & ((1 << (8 * self.len())) - 1) } else { word }
    }

    /// The last eight bytes of a part that has that many; else 0.
    #[inline]
    pub(crate) fn last_word(&self) -> u64 {
        // Read before it is known whether the part has as many: parts are shorter and longer in turn.
        let bytes = self.text[self.to.saturating_sub(8)..].first_chunk();
        let word = bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes));
        if self.len() < 8 { 0 } else { word }
    }
}

/// Digits of a number that any integer of 64 bits holds.
const DIGITS: usize = 18;

/// Calls `each` with where every element of the list that the text `bytes` holds begins and ends, and whether it is a number;
/// they are those of [`super::structured::list`]. False for a text that is no list or has other elements, and where `each`
/// says so; some elements may have been given before.
pub(crate) fn usual_list(bytes: &[u8], mut each: impl FnMut(usize, usize, bool) -> bool) -> bool {
    let mut at = behind_blanks(bytes, 0);
    let close = match bytes.get(at) {
        Some(b'[') => b']',
        Some(b'(') => b')',
        Some(b'{') => b'}',
        _ => return false,
    };
    at = behind_blanks(bytes, at + 1);
    loop {
        let (from, to, is_number) = match bytes.get(at) {
            Some(&byte) if byte == close => break,
            Some(&quote @ (b'"' | b'\'')) => {
                let Some(end) = first_of(bytes, at + 1, [quote]) else { return false };
                let name = (at + 1, end, false);
                at = end + 1;
                name
            }
            Some(b'0'..=b'9') => {
                let digits = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                if digits > DIGITS || (digits > 1 && bytes[at] == b'0') {
                    return false;
                }
                at += digits;
                (at - digits, at, true)
            }
            _ => return false,
        };
        at = behind_blanks(bytes, at);
        // What goes on behind a number makes it another word.
        match bytes.get(at) {
            Some(b',') => at = behind_blanks(bytes, at + 1),
            Some(&byte) if byte == close => {}
            _ => return false,
        }
        if !each(from, to, is_number) {
            return false;
        }
    }
    behind_blanks(bytes, at + 1) == bytes.len()
}

/// Calls `each` with where every piece of the text `bytes` between two separators begins and ends, as [`str::split`] does;
/// false where `each` says so, or the separator is empty. Two numbers are handed over faster than a [`TextPart`].
pub(crate) fn pieces(bytes: &[u8], by: &str, mut each: impl FnMut(usize, usize) -> bool) -> bool {
    match by.as_bytes() {
        [] => false,
        [by] => pieces_by_byte(bytes, *by, each),
        [first, rest @ ..] => {
            let (mut from, mut look) = (0, 0);
            while let Some(at) = first_of(bytes, look, [*first]) {
                look = at + 1;
                if bytes[look..].starts_with(rest) {
                    if !each(from, at) {
                        return false;
                    }
                    look += rest.len();
                    from = look;
                }
            }
            each(from, bytes.len())
        }
    }
}

/// Bytes of which a word says with one bit each whether they are a separator.
const WINDOW: usize = 64;

fn pieces_by_byte(bytes: &[u8], by: u8, mut each: impl FnMut(usize, usize) -> bool) -> bool {
    let (window, rest) = bytes.split_at(bytes.len().min(WINDOW));
    let (mut from, mut found) = (0, places(window, by));
    while found != 0 {
        let to = found.trailing_zeros() as usize;
        if !each(from, to) {
            return false;
        }
        from = to + 1;
        found &= found - 1;
    }
    // Most texts end before: for them, nothing is counted from window to window.
    for (window, begin) in rest.chunks(WINDOW).zip((WINDOW..).step_by(WINDOW)) {
        let mut found = places(window, by);
        while found != 0 {
            let to = begin + found.trailing_zeros() as usize;
            if !each(from, to) {
                return false;
            }
            from = to + 1;
            found &= found - 1;
        }
    }
    each(from, bytes.len())
}

/// A bit for each byte of a window that is `by`.
#[inline]
fn places(window: &[u8], by: u8) -> u64 {
    let (words, rest) = window.as_chunks::<8>();
    let (mut found, mut begin) = (0, 0);
    for word in words {
        found |= gathered(marks(*word, [by])) << begin;
        begin += 8;
    }
    if rest.is_empty() {
        return found;
    }
    let last = match window.last_chunk::<8>() {
        // The last eight bytes, without those that were looked at.
        Some(last) => gathered(marks(*last, [by])) >> (8 - rest.len()),
        None => rest.iter().rev().fold(0, |found, byte| found << 1 | u64::from(*byte == by)),
    };
    found | last << begin
}

fn behind_blanks(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while bytes.get(at).is_some_and(|byte| *byte <= b' ' && byte.is_ascii_whitespace()) {
        at += 1;
    }
    at
}

/// Where the first of some bytes is from `from` on.
fn first_of<const N: usize>(bytes: &[u8], from: usize, of: [u8; N]) -> Option<usize> {
    let place = |begin: usize, found: u64| begin + found.trailing_zeros() as usize / 8;
    let mut at = from;
    while let Some(word) = bytes.get(at..)?.first_chunk() {
        let found = marks(*word, of);
        if found != 0 {
            return Some(place(at, found));
        }
        at += 8;
    }
    // Fewer than eight bytes are left: the last eight, without those that were looked at.
    if let Some(last) = bytes.last_chunk() {
        let found = marks(*last, of).checked_shr(u32::try_from(at + 8 - bytes.len()).ok()? * 8)?;
        return (found != 0).then(|| place(at, found));
    }
    let found = bytes[at..].iter().position(|byte| of.contains(byte))?;
    Some(at + found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::source::structured::{Element, list};

    /// The elements of a text as the slow reader gives them; `None` where it is no list.
    fn slowly(text: &str) -> Option<Vec<Element<'_>>> {
        let mut all = Vec::new();
        list(text, |element| all.push(element)).ok()?;
        Some(all)
    }

    fn quickly(text: &str) -> Option<Vec<Element<'_>>> {
        let mut all = Vec::new();
        let read = usual_list(text.as_bytes(), |from, to, is_number| {
            let written = &text[from..to];
            all.push(if is_number {
                Element::Int(written.parse().unwrap())
            } else {
                Element::Text(written.into())
            });
            is_number || !written.contains('\\')
        });
        read.then_some(all)
    }

    /// Lists, and texts that are nearly lists.
    fn cells() -> impl Strategy<Value = String> {
        let parts = [
            "\"cat\"",
            "'it\"s'",
            "\"é, ]\"",
            "'a\\'b'",
            "\"\\u00e9\"",
            "\"\"",
            "0",
            "17",
            "007",
            "-3",
            "1.5",
            "null",
            "None",
            "True",
            "nan",
            "[1]",
            "{",
            "cat",
            "\"open",
            "99999999999999999999",
            "1e3",
            "٣",
            "",
        ];
        let blanks = prop::sample::select(vec!["", "", " ", "\t", "\n  "]);
        let part = (blanks.clone(), prop::sample::select(parts.to_vec()), blanks);
        let part = part.prop_map(|(before, part, behind)| format!("{before}{part}{behind}"));
        let open = prop::sample::select(vec![
            ("[", "]"),
            ("(", ")"),
            ("{", "}"),
            ("[", "}"),
            ("", ""),
            (" [", "] "),
            ("[", "]x"),
        ]);
        let separator = prop::sample::select(vec![",", ",", ",", ", ", "", ",,"]);
        let cell = (open, prop::collection::vec(part, 0..5), separator, any::<bool>());
        let cell = cell.prop_map(|((open, close), parts, by, again)| {
            format!("{open}{}{}{close}", parts.join(by), if again { by } else { "" })
        });
        prop_oneof![3 => cell, 1 => "[\\[\\]\"', a0\\\\é]{0,14}"]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

        #[test]
        fn what_is_read_at_once_is_what_is_read_byte_by_byte(text in cells()) {
            if let Some(elements) = quickly(&text) {
                prop_assert_eq!(Some(elements), slowly(&text));
            }
        }

        #[test]
        fn pieces_are_those_of_a_split(
            text in prop_oneof!["[a|é;, ]{0,30}", "[a|éþ{}ü\0]{0,200}"],
            by in prop::sample::select(vec!["|", "|", ";", "\0", ", ", "||", "é", "|é|"]),
        ) {
            let (mut found, mut words) = (Vec::new(), true);
            let read = pieces(text.as_bytes(), by, |from, to| {
                let piece = TextPart::new(text.as_bytes(), from, to);
                let bytes = piece.bytes();
                let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
                let last = bytes.len().checked_sub(8).map_or(0, |before| word(&bytes[before..]));
                words &= piece.first_word() == word(&bytes[..bytes.len().min(8)]) && piece.last_word() == last;
                found.push(std::str::from_utf8(bytes).unwrap());
                true
            });
            prop_assert!(read && words);
            prop_assert_eq!(found, text.split(by).collect::<Vec<_>>());
        }

        #[test]
        fn the_first_of_two_bytes_is_found(
            bytes in prop::collection::vec(prop::sample::select(vec![0_u8, 1, b'"', b'\\', 0x7f, 0x80, 0xa2, 0xff]), 0..40),
            from in 0..45_usize,
        ) {
            let expected = (from..bytes.len()).find(|at| b"\"\\".contains(&bytes[*at]));
            prop_assert_eq!(first_of(&bytes, from, *b"\"\\"), expected);
        }
    }

    #[test]
    fn usual_lists_are_read() {
        for text in [r#"["cat", "it's", ""]"#, "['a','b',]", " ( 3, 0 ) ", "[]", "{'é'}"] {
            assert!(quickly(text).is_some(), "{text}");
        }
        for text in [r#"["a\n"]"#, "[1.5]", "[null]", "[01]", "[-1]", "a", "", "['a' 'b']", "[1a]", "['a'"] {
            assert!(quickly(text).is_none(), "{text}");
        }
        assert!(!pieces(b"a|b", "", |_, _| true) && !pieces(b"a|b", "|", |_, _| false));
    }
}
