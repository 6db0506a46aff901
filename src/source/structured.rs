//! Text that holds structure: lists and objects as JSON and Python write them, and vectors of numbers.
//!
//! ```text
//! ["cat", "dog"]   ['cat', "it's"]   [0, 2]   []        a list: its elements are labels
//! {"cat": 1, "dog": 0}   {'cat': 0.9}                   an object: key = label, value by the value rules
//! 1,0,0   1 0 0   [1, 0, 0]   [1. 0. 0.]                a vector: element i is label i
//! ```
//!
//! Strings in quotes are read as they are written, with the escapes of both languages; nothing is trimmed, folded
//! or split.

use std::borrow::Cow;
use std::ops::Range;

use super::values::Value;

/// One element of a list, one value of an object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Element<'t> {
    /// `null`, `None`, `nan`.
    Null,
    /// `true`, `True`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// A string in quotes.
    Text(Cow<'t, str>),
}

impl Element<'_> {
    /// The element as cells hold it; NULL is `None`.
    pub(crate) fn value(&self) -> Option<Value<'_>> {
        Some(match self {
            Self::Null => return None,
            Self::Bool(bit) => Value::Bool(*bit),
            Self::Int(whole) => Value::Int(*whole),
            Self::Float(number) => Value::Float(*number),
            Self::Text(text) => Value::Text(text),
        })
    }
}

/// What is wrong with a text, and at which byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// What was expected there.
    pub expected: &'static str,
    /// The place, in bytes from 0.
    pub at: usize,
}

impl Malformed {
    /// The sentence about `text`, with its first characters.
    pub(crate) fn sentence(&self, text: &str, what: &str) -> String {
        const SHOWN: usize = 40;
        let mut shown: String = text.chars().take(SHOWN).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        let at = text.get(..self.at).map_or(self.at, |before| before.chars().count());
        format!("{shown:?} is not {what}: expected {} at character {at}", self.expected)
    }
}

/// How Python writes a set without elements.
pub(crate) const EMPTY_SET: &str = "set()";

/// Calls `each` with every element of the list that `text` holds: `[…]`, `(…)` or a set in braces.
///
/// # Errors
/// [`Malformed`] for a text that holds no list of simple elements; some elements may have been given before.
pub(crate) fn list<'t>(text: &'t str, mut each: impl FnMut(Element<'t>)) -> Result<(), Malformed> {
    list_with_places(text, |element, _| each(element))
}

/// The same, with the bytes of the text that each element takes.
///
/// # Errors
/// As [`list`].
pub(crate) fn list_with_places<'t>(
    text: &'t str,
    mut each: impl FnMut(Element<'t>, Range<usize>),
) -> Result<(), Malformed> {
    if text.trim() == EMPTY_SET {
        return Ok(());
    }
    let mut reader = TextReader::new(text);
    let close = reader.open()?;
    while !reader.closes(close) {
        let (element, place) = reader.placed()?;
        each(element, place);
        reader.separator(close, false)?;
    }
    reader.end()
}

/// Calls `each` with every key and value of the object that `text` holds.
///
/// # Errors
/// [`Malformed`] for a text that holds no object of simple values; some may have been given before.
pub(crate) fn object<'t>(
    text: &'t str,
    mut each: impl FnMut(Element<'t>, Element<'t>),
) -> Result<(), Malformed> {
    let mut reader = TextReader::new(text);
    reader.take(b'{', "an object in braces")?;
    while !reader.closes(b'}') {
        let key = reader.element()?;
        reader.take(b':', "a colon after the key")?;
        each(key, reader.element()?);
        reader.separator(b'}', false)?;
    }
    reader.end()
}

/// Calls `each` with every number of the vector that `text` holds: in brackets or not, between commas, semicolons,
/// bars or blanks.
///
/// # Errors
/// [`Malformed`] for a text that holds something else than numbers; some may have been given before.
pub(crate) fn vector<'t>(text: &'t str, mut each: impl FnMut(Element<'t>)) -> Result<(), Malformed> {
    vector_with_places(text, |element, _| each(element))
}

/// The same, with the bytes of the text that each number takes.
///
/// # Errors
/// As [`vector`].
pub(crate) fn vector_with_places<'t>(
    text: &'t str,
    mut each: impl FnMut(Element<'t>, Range<usize>),
) -> Result<(), Malformed> {
    let mut reader = TextReader::new(text);
    let close = if reader.peeks(b'[') || reader.peeks(b'(') { reader.open()? } else { 0 };
    if close == 0 && reader.closes(0) {
        return reader.fail("a number");
    }
    while !reader.closes(close) {
        match reader.placed()? {
            (Element::Text(_), place) => return Err(Malformed { expected: "a number", at: place.start }),
            (number, place) => each(number, place),
        }
        reader.separator(close, true)?;
    }
    reader.end()
}

/// Reads a text from its start.
struct TextReader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> TextReader<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    fn fail<T>(&self, expected: &'static str) -> Result<T, Malformed> {
        Err(Malformed { expected, at: self.at })
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) -> usize {
        let from = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
        self.at - from
    }

    fn peeks(&mut self, byte: u8) -> bool {
        self.blanks();
        self.peek() == Some(byte)
    }

    fn take(&mut self, byte: u8, expected: &'static str) -> Result<(), Malformed> {
        if !self.peeks(byte) {
            return self.fail(expected);
        }
        self.at += 1;
        Ok(())
    }

    /// The bracket that closes the list which opens here.
    fn open(&mut self) -> Result<u8, Malformed> {
        self.blanks();
        let close = match self.peek() {
            Some(b'[') => b']',
            Some(b'(') => b')',
            Some(b'{') => b'}',
            _ => return self.fail("a list in brackets"),
        };
        self.at += 1;
        Ok(close)
    }

    /// Whether the list ends here; takes its bracket. Byte 0 is the end of the text.
    fn closes(&mut self, close: u8) -> bool {
        self.blanks();
        match self.peek() {
            None => close == 0,
            Some(byte) if byte == close => {
                self.at += 1;
                true
            }
            Some(_) => false,
        }
    }

    /// A comma, or the end; in vectors, blanks, semicolons and bars do as well.
    fn separator(&mut self, close: u8, blanks_do: bool) -> Result<(), Malformed> {
        let blanks = self.blanks();
        match self.peek() {
            Some(b',') => self.at += 1,
            Some(b';' | b'|') if blanks_do => self.at += 1,
            Some(byte) if byte == close => {}
            None if close == 0 => {}
            Some(_) if blanks_do && blanks > 0 => {}
            _ => return self.fail("a comma"),
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Malformed> {
        self.blanks();
        if self.at == self.text.len() { Ok(()) } else { self.fail("the end of the text") }
    }

    /// The next element and its place.
    fn placed(&mut self) -> Result<(Element<'t>, Range<usize>), Malformed> {
        self.blanks();
        let from = self.at;
        Ok((self.element()?, from..self.at))
    }

    fn element(&mut self) -> Result<Element<'t>, Malformed> {
        self.blanks();
        match self.peek() {
            Some(quote @ (b'"' | b'\'')) => self.string(quote).map(Element::Text),
            Some(b'[' | b'(' | b'{') => self.fail("a simple value, not a list inside a list"),
            Some(_) => self.word(),
            None => self.fail("a value"),
        }
    }

    fn word(&mut self) -> Result<Element<'t>, Malformed> {
        let rest = &self.text[self.at..];
        let is_of_word = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte);
        let word = &rest[..rest.bytes().position(|byte| !is_of_word(byte)).unwrap_or(rest.len())];
        let element = match word {
            "null" | "None" | "nan" | "NaN" => Element::Null,
            "true" | "True" => Element::Bool(true),
            "false" | "False" => Element::Bool(false),
            _ if !word.bytes().any(|byte| byte.is_ascii_digit()) => {
                return self.fail("a number or a string in quotes");
            }
            _ => match (word.parse::<i64>(), word.parse::<f64>()) {
                (Ok(whole), _) => Element::Int(whole),
                (_, Ok(number)) => Element::Float(number),
                _ => return self.fail("a number or a string in quotes"),
            },
        };
        self.at += word.len();
        Ok(element)
    }

    fn string(&mut self, quote: u8) -> Result<Cow<'t, str>, Malformed> {
        self.at += 1;
        let rest = &self.text[self.at..];
        let Some(end) = rest.bytes().position(|byte| byte == quote || byte == b'\\') else {
            return self.fail("a closing quote");
        };
        if rest.as_bytes()[end] == quote {
            self.at += end + 1;
            return Ok(Cow::Borrowed(&rest[..end]));
        }
        let mut owned = String::new();
        loop {
            let rest = &self.text[self.at..];
            let Some(end) = rest.bytes().position(|byte| byte == quote || byte == b'\\') else {
                return self.fail("a closing quote");
            };
            owned.push_str(&rest[..end]);
            self.at += end + 1;
            if rest.as_bytes()[end] == quote {
                return Ok(Cow::Owned(owned));
            }
            self.escape(&mut owned)?;
        }
    }

    /// What follows a backslash.
    fn escape(&mut self, to: &mut String) -> Result<(), Malformed> {
        let Some(byte) = self.peek() else { return self.fail("a character after the backslash") };
        self.at += 1;
        let plain = match byte {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'"' | b'\'' | b'\\' | b'/' => char::from(byte),
            b'x' => self.code(2)?,
            b'U' => self.code(8)?,
            b'u' => self.utf16()?,
            _ => {
                self.at -= 1;
                return self.fail("an escape that JSON or Python knows");
            }
        };
        to.push(plain);
        Ok(())
    }

    fn hex(&mut self, digits: usize) -> Result<u32, Malformed> {
        let text =
            self.text.get(self.at..self.at + digits).filter(|t| t.bytes().all(|b| b.is_ascii_hexdigit()));
        let Some(number) = text.and_then(|text| u32::from_str_radix(text, 16).ok()) else {
            return self.fail("hexadecimal digits");
        };
        self.at += digits;
        Ok(number)
    }

    fn code(&mut self, digits: usize) -> Result<char, Malformed> {
        let number = self.hex(digits)?;
        char::from_u32(number).map_or_else(|| self.fail("a code point"), Ok)
    }

    /// One code point, which JSON writes as two where it is above U+FFFF.
    fn utf16(&mut self) -> Result<char, Malformed> {
        let first = self.hex(4)?;
        if let Some(plain) = char::from_u32(first) {
            return Ok(plain);
        }
        if !self.text[self.at..].starts_with("\\u") {
            return self.fail("the second half of a surrogate pair");
        }
        self.at += 2;
        let second = self.hex(4)?;
        let pair = [first, second].map(|half| u16::try_from(half).unwrap_or(0));
        match char::decode_utf16(pair).next() {
            Some(Ok(both)) => Ok(both),
            _ => self.fail("the second half of a surrogate pair"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Result<Vec<String>, Malformed> {
        let mut found = Vec::new();
        list(text, |element| match element {
            Element::Text(text) => found.push(text.into_owned()),
            other => found.push(format!("{other:?}")),
        })?;
        Ok(found)
    }

    #[test]
    fn lists_of_json_and_python_hold_the_same_elements() {
        for text in [r#"["a", "b, c", "it's"]"#, r#"['a', 'b, c', "it's"]"#, r"( 'a','b, c','it\'s', )"] {
            assert_eq!(texts(text).unwrap(), ["a", "b, c", "it's"], "{text}");
        }
        assert_eq!(texts(" [] ").unwrap(), [""; 0]);
        assert_eq!(
            texts("[0, -2, 1.5, None, null, True]").unwrap(),
            ["Int(0)", "Int(-2)", "Float(1.5)", "Null", "Null", "Bool(true)"]
        );
    }

    #[test]
    fn escapes_of_both_languages_are_read() {
        assert_eq!(
            texts(r#"["caf\u00e9 \ud83d\ude00 \"q\" \\ \n", '\xe9\U0001F600']"#).unwrap(),
            ["café 😀 \"q\" \\ \n", "é😀"]
        );
    }

    #[test]
    fn what_is_no_list_says_where_it_breaks() {
        for (text, at) in [
            ("a, b", 0),
            (r#"["a" "b"]"#, 5),
            (r#"["a", ["b"]]"#, 6),
            ("[a]", 1),
            (r#"["a""#, 4),
            (r#"["a"#, 2),
            (r#"["a"] x"#, 6),
            (r#"["\ud800"]"#, 8),
            (r#"["\q"]"#, 3),
            ("", 0),
        ] {
            assert_eq!(texts(text).unwrap_err().at, at, "{text}");
        }
    }

    #[test]
    fn objects_have_keys_and_values() {
        let mut found = Vec::new();
        object(r#"{"cat": 1, 'dog': 0.5, "emu": null}"#, |key, value| found.push((key, value))).unwrap();
        let text = |text| Element::Text(Cow::Borrowed(text));
        assert_eq!(
            found,
            [
                (text("cat"), Element::Int(1)),
                (text("dog"), Element::Float(0.5)),
                (text("emu"), Element::Null)
            ]
        );
        object("{}", |_, _| unreachable!()).unwrap();
        assert_eq!(object(r#"{"cat"}"#, |_, _| ()).unwrap_err().at, 6);
        assert_eq!(object("[1]", |_, _| ()).unwrap_err().at, 0);
    }

    #[test]
    fn vectors_take_any_usual_separator() {
        for text in ["1,0,0", "1 0 0", "[1, 0, 0]", "[1 0 0]", "1;0;0", "1|0|0", " [1. 0. 0.]", "(1,0,0)"] {
            let mut found = Vec::new();
            vector(text, |element| match element {
                Element::Int(whole) => found.push(whole as f64),
                Element::Float(number) => found.push(number),
                _ => found.push(f64::NAN),
            })
            .unwrap();
            assert_eq!(found, [1.0, 0.0, 0.0], "{text}");
        }
        assert_eq!(vector("1,a", |_| ()).unwrap_err().at, 2);
        assert_eq!(vector("1,'0'", |_| ()).unwrap_err().at, 2);
        assert_eq!(vector("[1,0", |_| ()).unwrap_err().at, 4);
        assert_eq!(vector("", |_| ()).unwrap_err().at, 0);
        vector("[]", |_| unreachable!()).unwrap();
    }

    #[test]
    fn places_are_those_of_the_elements_alone() {
        let text = r#"[ "a\"b" , 'é',1 ]"#;
        let mut places = Vec::new();
        list_with_places(text, |_, place| places.push(&text[place])).unwrap();
        assert_eq!(places, [r#""a\"b""#, "'é'", "1"]);
        places.clear();
        vector_with_places("[1. 0  1]", |_, place| places.push(&"[1. 0  1]"[place])).unwrap();
        assert_eq!(places, ["1.", "0", "1"]);
    }

    #[test]
    fn a_sentence_shows_the_first_characters() {
        let text = format!("[\"{}\", b]", "é".repeat(60));
        let sentence = list(&text, |_| ()).unwrap_err().sentence(&text, "a list");
        assert_eq!(
            sentence,
            format!(
                "\"[\\\"{}…\" is not a list: expected a number or a string in quotes at character 65",
                "é".repeat(38)
            )
        );
    }
}
