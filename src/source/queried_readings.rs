//! Texts that no layout reads as they are, with the query that rewrites them.

use arrow::datatypes::DataType;

use super::candidates::{Candidate, CandidateColumn, SURE};
use super::declarations::missing_flag;
use super::evidence::ColumnEvidence;
use super::layout::{LayoutKind, item};
use super::schema::plain_type;
use super::structured::list;
use super::values::Value;
use crate::error::for_shell;
use crate::sql_text::{identifier, literal};

impl CandidateColumn<'_> {
    /// The readings of texts with one digit or one number in bytes for each label, or with each label in brackets; `None` for
    /// other texts.
    pub(super) fn queried_readings(&self) -> Option<Vec<Candidate>> {
        let name = self.name();
        let column = self.text();
        let (kind, value, delimiter, look) = if are_digits(self.evidence) {
            let value = format!("trim(regexp_replace({column}, '(.)', '\\1 ', 'g'))");
            (LayoutKind::Vector, value, None, "one 0/1 digit per label without separators")
        } else if let Some(between) = mark_between_digits(self.evidence) {
            let value = format!("replace({column}, {}, ' ')", literal(&between.to_string()));
            (LayoutKind::Vector, value, None, "one 0/1 digit per label with an unusual separator")
        } else if let Some((open, close)) = tags(self.evidence) {
            let value = format!("btrim(replace({column}, '{close}{open}', '|'), '{open}{close}')");
            (LayoutKind::Delimited, value, Some("|".to_owned()), "labels in brackets of their own")
        } else if let Some(width) = bytes_of_bits(self.evidence) {
            let (quoted, zeros) = (self.quoted(), "0".repeat(2 * (width - 1)));
            let value = format!("trim(regexp_replace(encode({quoted}, 'hex'), '0(.){zeros}', '\\1 ', 'g'))");
            (LayoutKind::Vector, value, None, "the bytes of one number 0 or 1 per label")
        } else if let Some(key) = key_of_lists(self.evidence) {
            let value = format!(r#"regexp_replace({column}, '^\{{\s*"{key}"\s*:\s*(.*)\}}\s*$', '\1')"#);
            (LayoutKind::List, value, None, "objects with one list of labels each")
        } else {
            return self.holds_zero_bytes().then(|| vec![self.class_of_bytes()]);
        };
        // Seldom one name, and never rewritten unasked.
        let points = self.base(7, 5, 1).min(SURE - 1);
        let why = format!("strings in {name:?} look like {look}, which the query rewrites");
        let rewritten = Candidate { delimiter, ..self.rewritten(kind, points, &value, why) };
        let why = format!(
            "strings in {name:?} look like {look}, which are not read as such; as layout class each is one label"
        );
        Some(vec![rewritten, self.candidate(LayoutKind::Class, points, why)])
    }

    /// Whether a text has a byte of zeros, as none has that a person wrote.
    fn holds_zero_bytes(&self) -> bool {
        self.evidence.texts.keys().any(|text| text.contains('\0'))
    }

    fn class_of_bytes(&self) -> Candidate {
        let why = format!(
            "values of {:?} have bytes of zeros, as packed numbers have and texts have not; as layout class each value is one label",
            self.name()
        );
        self.candidate(LayoutKind::Class, self.base(7, 5, 1).min(SURE - 1), why)
    }

    /// The readings of texts that hold arrays as PostgreSQL writes them, such as `{cat,dog}` and `{1,0,1}`; `None` for other
    /// texts, and for sets of Python.
    pub(super) fn braced_readings(&self) -> Option<Vec<Candidate>> {
        let arrays = arrays(self.evidence)?;
        let (name, column) = (self.name(), self.text());
        let points = self.base(7, 5, 1).min(SURE - 1);
        let why = format!("strings in {name:?} look like arrays of PostgreSQL, which the query rewrites");
        let elements = || arrays.iter().flatten().copied();
        let mut lengths = arrays.iter().map(Vec::len);
        let length = lengths.next().filter(|length| *length > 1);
        if elements().all(|element| matches!(element, "0" | "1" | "t" | "f")) {
            let repeats = arrays.iter().any(|array| array.iter().filter(|e| **e == array[0]).count() > 1);
            let is_vector = length.is_some_and(|length| lengths.all(|other| other == length)) && repeats;
            let value = format!("translate({column}, '{{}}tf', '[]10')");
            return is_vector.then(|| vec![self.rewritten(LayoutKind::Vector, points, &value, why)]);
        }
        // Numbers and quoted names are those of sets, too.
        let is_set = |element: &str| element.starts_with('"') || element.parse::<f64>().is_ok();
        if elements().all(is_set) {
            return None;
        }
        let value = if elements().any(|element| element.contains('"')) {
            format!("replace(btrim({column}, '{{}}'), '\"', '')")
        } else {
            format!("btrim({column}, '{{}}')")
        };
        let split = self.rewritten(LayoutKind::Delimited, points, &value, why);
        let mut split = Candidate { delimiter: Some(",".to_owned()), ..split };
        if elements().any(|element| element == "NULL") {
            split.more.extend(missing_flag(&["NULL".to_owned()], self.domain));
        }
        let why = format!("as layout class each string in {name:?} is one label");
        Some(vec![split, self.candidate(LayoutKind::Class, points, why)])
    }

    /// A reading of what a query makes of the column.
    fn rewritten(&self, kind: LayoutKind, points: u32, value: &str, why: String) -> Candidate {
        let query = format!("SELECT {value} AS {} FROM shards", self.quoted());
        let more = vec![format!("--query {}", for_shell(&query))];
        Candidate { more, ..self.candidate(kind, points, why) }
    }

    fn quoted(&self) -> String {
        identifier(self.name())
    }

    /// The column as text.
    fn text(&self) -> String {
        let is_bytes = plain_type(self.field.data_type()) == DataType::BinaryView;
        if is_bytes { format!("CAST({} AS VARCHAR)", self.quoted()) } else { self.quoted() }
    }

    /// The flag for a query that puts commas between the numbers of lists as NumPy prints them.
    pub(super) fn with_commas_flag(&self) -> String {
        let value = format!(
            "regexp_replace(regexp_replace({}, '\\s+\\]', ']', 'g'), '([0-9.])\\s+', '\\1, ', 'g')",
            self.text()
        );
        format!("--query {}", for_shell(&format!("SELECT {value} AS {} FROM shards", self.quoted())))
    }

    /// The reading of lists of texts as NumPy prints them, with blanks and no commas; `None` for other texts.
    pub(super) fn spaced_lists_reading(&self) -> Option<Candidate> {
        let is_list = |text: &str| list(text, |_| ()).is_ok();
        let mut texts = self.evidence.texts.keys().map(String::as_str).peekable();
        texts.peek()?;
        if !texts.all(|text| is_list(text) || is_list(&with_commas(text))) {
            return None;
        }
        let value = format!("regexp_replace({}, '([''\"])\\s+([''\"])', '\\1, \\2', 'g')", self.text());
        let why =
            format!("strings in {:?} are lists as NumPy prints them, which the query rewrites", self.name());
        Some(self.rewritten(LayoutKind::List, self.base(7, 5, 1).min(SURE - 1), &value, why))
    }

    /// The reading of numbers as digits, one for each label, of which those in front were lost; `None` for numbers with
    /// other digits, and for short ones.
    pub(super) fn digit_reading(&self, points: u32) -> Option<Candidate> {
        const LENGTH_MIN: usize = 3;
        let digits = |number: f64| Value::whole(number).map(|whole| whole.to_string());
        let all: Vec<String> = self.evidence.numbers().map(digits).collect::<Option<_>>()?;
        let are_bits = |text: &String| text.bytes().all(|byte| matches!(byte, b'0' | b'1'));
        let length = all.iter().map(String::len).max().filter(|length| *length >= LENGTH_MIN)?;
        if all.len() < LENGTH_MIN || !all.iter().all(are_bits) {
            return None;
        }
        let (name, column) = (self.name(), self.quoted());
        let value =
            format!("trim(regexp_replace(lpad(CAST({column} AS TEXT), {length}, '0'), '(.)', '\\1 ', 'g'))");
        let why = format!(
            "numbers in {name:?} have the digits 0 and 1 alone, as texts of one digit per label have when they are read as numbers; the query gives them {length} digits"
        );
        Some(self.rewritten(LayoutKind::Vector, points, &value, why))
    }

    /// The reading of lists of two texts that are sides, such as "0" and "1", as one number for each label; `None` for other
    /// lists.
    pub(super) fn sides_in_lists_reading(&self, lists: &ColumnEvidence, points: u32) -> Option<Candidate> {
        let is_long = lists.lengths.len() == 1 && lists.lengths.iter().all(|length| *length > 1);
        if !is_long || lists.texts.is_empty() || lists.numbers().next().is_some() {
            return None;
        }
        let sides = lists.texts.keys().map(|text| side_of(text)).collect::<Option<Vec<_>>>()?;
        if matches!(sides[..], [one, other] if one == other) || sides.len() > 2 {
            return None;
        }
        let mut value = if item(self.field.data_type()).is_some() {
            format!("'[' || array_to_string({}, ',', 'null') || ']'", self.quoted())
        } else {
            format!("regexp_replace({}, '[\"'']', '', 'g')", self.text())
        };
        for (text, side) in lists.texts.keys().zip(&sides).filter(|(text, side)| **text != side.to_string()) {
            value = format!("regexp_replace({value}, '\\b{text}\\b', '{side}', 'g')");
        }
        let texts: Vec<String> = lists.texts.keys().map(|text| format!("{text:?}")).collect();
        let why = format!(
            "lists in {:?} hold {} for each label, which the query makes numbers",
            self.name(),
            texts.join(" or ")
        );
        Some(self.rewritten(LayoutKind::Vector, points, &value, why))
    }
}

/// Whether all texts have one length and only the digits 0 and 1, some with leading zeros.
fn are_digits(evidence: &ColumnEvidence) -> bool {
    let mut lengths = evidence.texts.keys().map(String::len);
    let Some(first) = lengths.next().filter(|length| *length > 1) else { return false };
    let digits = |text: &String| text.bytes().all(|byte| matches!(byte, b'0' | b'1'));
    evidence.texts.len() > 1
        && lengths.all(|length| length == first)
        && evidence.texts.keys().all(digits)
        && evidence.texts.keys().any(|text| text.starts_with('0'))
}

/// A list whose texts in quotes have blanks between them, with commas.
fn with_commas(text: &str) -> String {
    let mut all = String::with_capacity(text.len() + 8);
    let is_quote = |letter: char| matches!(letter, '\'' | '"');
    for (at, letter) in text.char_indices() {
        all.push(letter);
        let rest = &text[at + letter.len_utf8()..];
        let next = rest.trim_start();
        if is_quote(letter) && next.len() < rest.len() && next.starts_with(is_quote) {
            all.push(',');
        }
    }
    all
}

/// The width of the numbers 0 and 1, the lowest byte first, whose bytes all values are.
fn bytes_of_bits(evidence: &ColumnEvidence) -> Option<usize> {
    let mut texts = evidence.texts.keys();
    let length = texts.next()?.len();
    let are_bits = |width: usize| {
        let low =
            |text: &String| text.bytes().enumerate().all(|(at, byte)| byte <= u8::from(at % width == 0));
        length % width == 0 && length / width > 1 && evidence.texts.keys().all(low)
    };
    let is_even = evidence.texts.len() > 1 && texts.all(|text| text.len() == length);
    [8, 4, 2, 1].into_iter().find(|width| is_even && are_bits(*width))
}

/// The mark between digits 0 and 1, as many in each text; `None` for other texts, and for marks that vectors have anyway.
fn mark_between_digits(evidence: &ColumnEvidence) -> Option<char> {
    let mut texts = evidence.texts.keys();
    let first = texts.next()?;
    let mark = first.chars().nth(1).filter(|mark| !mark.is_alphanumeric() && !",;| \t".contains(*mark))?;
    let length = first.chars().count();
    let are_digits = |text: &String| {
        let is_fit = |(at, letter): (usize, char)| {
            if at % 2 == 0 { matches!(letter, '0' | '1') } else { letter == mark }
        };
        text.chars().count() == length && text.chars().enumerate().all(is_fit)
    };
    let is_long = length > 4 && length % 2 == 1 && evidence.texts.len() > 1;
    (is_long && evidence.texts.keys().all(are_digits)).then_some(mark)
}

/// Whether a text says that a row has a label, 1, or that it has not, 0.
fn side_of(text: &str) -> Option<u8> {
    match text.to_lowercase().as_str() {
        "1" | "true" | "yes" | "y" | "t" => Some(1),
        "0" | "false" | "no" | "n" | "f" => Some(0),
        _ => None,
    }
}

/// The elements of arrays as PostgreSQL writes them; `None` where a text is none, or hard to take apart.
fn arrays(evidence: &ColumnEvidence) -> Option<Vec<Vec<&str>>> {
    let texts = evidence.texts.keys().filter(|text| !text.is_empty());
    let arrays = texts.map(|text| {
        let inside = text.strip_prefix('{')?.strip_suffix('}')?;
        let elements: Vec<&str> = inside.split(',').filter(|_| !inside.is_empty()).collect();
        let is_plain = |element: &&str| {
            let inner = element.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(element);
            !inner.is_empty()
                && !inner.contains(['"', '\'', '{', '}', ':', '\\'])
                && element.trim() == *element
        };
        elements.iter().all(is_plain).then_some(elements)
    });
    let arrays: Vec<Vec<&str>> = arrays.collect::<Option<_>>()?;
    arrays.iter().any(|array| !array.is_empty()).then_some(arrays)
}

/// The one key of texts that are all written like `{"choices": ["cat", "dog"]}`.
fn key_of_lists(evidence: &ColumnEvidence) -> Option<&str> {
    let mut keys = evidence.texts.keys().map(|text| {
        let inside = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim_start();
        let (key, rest) = inside.strip_prefix('"')?.split_once('"')?;
        let value = rest.trim_start().strip_prefix(':')?.trim();
        let is_word = key.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
        (is_word && value.starts_with('[') && list(value, |_| ()).is_ok()).then_some(key)
    });
    let first = keys.next()??;
    keys.all(|key| key == Some(first)).then_some(first)
}

/// The brackets of texts that are all written like `<cat><dog>`, some with several labels.
fn tags(evidence: &ColumnEvidence) -> Option<(char, char)> {
    let texts = || evidence.texts.keys().filter(|text| !text.is_empty());
    [('<', '>'), ('(', ')'), ('[', ']'), ('{', '}')].into_iter().find(|(open, close)| {
        let is_tags =
            |text: &String| text.starts_with(*open) && text.ends_with(*close) && !text.contains('|');
        let between = format!("{close}{open}");
        texts().all(is_tags) && texts().any(|text| text.contains(&between))
    })
}
