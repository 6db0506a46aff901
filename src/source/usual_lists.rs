//! Texts that hold lists as most writers write them: names in quotes without escapes, whole numbers, pieces between
//! separators. Parts are found by their bytes, many at a time; any other text is left to [`super::structured`].

/// An element of a list, as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UsualElement<'t> {
    /// What stands between quotes.
    Name(&'t [u8]),
    /// A whole number from 0 on, without a sign and leading zeros, of at most 18 digits.
    Number(&'t [u8]),
}

/// Digits of a number that any integer of 64 bits holds.
const DIGITS: usize = 18;

/// Calls `each` with every element of the list that `text` holds, which are those of [`super::structured::list`].
/// False for a text that is no list or has other elements, and where `each` says so; some elements may have been
/// given before.
pub(crate) fn usual_list<'t>(text: &'t str, mut each: impl FnMut(UsualElement<'t>) -> bool) -> bool {
    let bytes = text.as_bytes();
    let mut at = behind_blanks(bytes, 0);
    let close = match bytes.get(at) {
        Some(b'[') => b']',
        Some(b'(') => b')',
        Some(b'{') => b'}',
        _ => return false,
    };
    at = behind_blanks(bytes, at + 1);
    loop {
        let element = match bytes.get(at) {
            Some(&byte) if byte == close => break,
            Some(&quote @ (b'"' | b'\'')) => {
                let Some(end) = first_of(bytes, at + 1, [quote, b'\\']) else { return false };
                if bytes[end] != quote {
                    return false;
                }
                let name = &bytes[at + 1..end];
                at = end + 1;
                UsualElement::Name(name)
            }
            Some(b'0'..=b'9') => {
                let digits = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                if digits > DIGITS || (digits > 1 && bytes[at] == b'0') {
                    return false;
                }
                at += digits;
                UsualElement::Number(&bytes[at - digits..at])
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
        if !each(element) {
            return false;
        }
    }
    behind_blanks(bytes, at + 1) == bytes.len()
}

/// Calls `each` with every piece of `text` between two separators, as [`str::split`] does; false where `each` says
/// so, or the separator is empty.
pub(crate) fn pieces<'t>(text: &'t str, by: &str, mut each: impl FnMut(&'t [u8]) -> bool) -> bool {
    let (bytes, by) = (text.as_bytes(), by.as_bytes());
    let Some((&first, rest)) = by.split_first() else { return false };
    let (mut from, mut look) = (0, 0);
    while let Some(at) = first_of(bytes, look, [first, first]) {
        look = at + 1;
        if bytes[look..].starts_with(rest) {
            if !each(&bytes[from..at]) {
                return false;
            }
            look += rest.len();
            from = look;
        }
    }
    each(&bytes[from..])
}

fn behind_blanks(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
        at += 1;
    }
    at
}

/// Where the first of two bytes is from `from` on.
fn first_of(bytes: &[u8], from: usize, of: [u8; 2]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // The highest bit of the lowest byte that is 0; bits above it may say nothing.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let repeated = of.map(|byte| u64::from(byte) * ONES);
    let (words, rest) = bytes.get(from..)?.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = repeated.iter().fold(0, |found, byte| found | zeros(word ^ byte));
        if found != 0 {
            return Some(from + number * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let at = rest.iter().position(|byte| of.contains(byte))?;
    Some(from + words.len() * 8 + at)
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
        let text_of = |bytes| std::str::from_utf8(bytes).unwrap();
        let read = usual_list(text, |element| {
            all.push(match element {
                UsualElement::Name(name) => Element::Text(text_of(name).into()),
                UsualElement::Number(number) => Element::Int(text_of(number).parse().unwrap()),
            });
            true
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
            text in "[a|é;, ]{0,30}", by in prop::sample::select(vec!["|", ";", ", ", "||", "é", "|é|"]),
        ) {
            let mut found = Vec::new();
            let read = pieces(&text, by, |piece| {
                found.push(std::str::from_utf8(piece).unwrap());
                true
            });
            prop_assert!(read);
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
        assert!(!pieces("a|b", "", |_| true) && !pieces("a|b", "|", |_| false));
    }
}
