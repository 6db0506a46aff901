//! Whether the strings of a column are one label each, or several with a separator between them.

use std::collections::{BTreeMap, HashMap, HashSet};

/// What the strings of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextShape {
    /// One label each.
    Single,
    /// Several labels with this between them.
    Joined(&'static str),
    /// Either.
    Unclear(&'static str),
    /// Something with a syntax of its own.
    Structured(&'static str),
}

/// Strings at most that say little: what recurs by chance is not known of them.
const FEW: usize = 32;
/// Strings in which a piece always follows the same one that are no accident.
const PARTS_MIN: usize = 4;

/// Distinct joined strings that show how labels recur.
const MANY: usize = 8;

/// What separates words, and labels if nothing else does.
pub(super) const BLANK: &str = " ";

/// What the strings of a column are, from distinct ones with the number of their cells in a sample.
///
/// A bar or semicolon separates labels where the pieces recur in other strings. Commas and blanks are parts of
/// names too: at blanks nothing is split, but it may be unclear, and at commas only where pieces recur and whole
/// strings do not.
pub(crate) fn shape_of(texts: &BTreeMap<String, u64>) -> TextShape {
    if let Some(what) = structured(texts) {
        return TextShape::Structured(what);
    }
    for (by, with_blanks) in [("|", [" | ", "| ", " |"]), (";", [" ; ", "; ", " ;"])] {
        let joined = Joined::of(texts, by);
        if joined.distinct > 0 {
            // Of several, some piece would stand in another text, too.
            let is_name = joined.recurring == 0 && joined.distinct > 2;
            let is_sure = joined.recurring * 2 >= joined.distinct || texts.len() < FEW && !is_name;
            // SharePoint writes this between names, and between them and their numbers, too.
            if is_always(texts, by, ";#") && !texts.keys().all(|text| text.starts_with('#')) {
                return TextShape::Unclear(";#");
            }
            // Blanks that stand beside each of them are no parts of names.
            let by = with_blanks.into_iter().find(|spaced| is_always(texts, by, spaced)).unwrap_or(by);
            return if is_sure { TextShape::Joined(by) } else { TextShape::Unclear(by) };
        }
    }
    let joined = Joined::of(texts, ",");
    if joined.distinct == 0 {
        return if are_words_shared(texts) { TextShape::Unclear(BLANK) } else { TextShape::Single };
    }
    let commas: Option<Vec<Comma>> = texts.keys().map(|text| Comma::of(text)).collect();
    if let Some(commas) = commas {
        let are_numbers = commas.contains(&Comma::Decimal);
        return if are_numbers { TextShape::Single } else { TextShape::Unclear(",") };
    }
    let by = if is_always(texts, ",", ", ") { ", " } else { "," };
    let repeats_whole = joined.cells >= 2 * joined.distinct as u64;
    let recurs = joined.distinct >= MANY && joined.recurring * 2 >= joined.distinct;
    let is_sure = recurs && !repeats_whole && !have_parts(texts, by);
    if is_sure { TextShape::Joined(by) } else { TextShape::Unclear(by) }
}

/// Whether names hold the separator: among pieces that begin with capitals, one that does not always follows the same one,
/// as in "Beaches, dunes, sands".
fn have_parts(texts: &BTreeMap<String, u64>, by: &str) -> bool {
    let begins = |piece: &str, is: fn(char) -> bool| piece.chars().next().is_some_and(is);
    let mut before: HashMap<&str, (usize, Option<&str>)> = HashMap::new();
    let (mut capitals, mut pieces) = (0_usize, 0_usize);
    for text in texts.keys() {
        let mut last = None;
        for piece in text.split(by).map(str::trim) {
            pieces += 1;
            capitals += usize::from(begins(piece, char::is_uppercase));
            if begins(piece, char::is_lowercase) {
                let (times, known) = before.entry(piece).or_insert((0, last));
                *times += 1;
                *known = known.filter(|known| last == Some(*known));
            }
            last = Some(piece);
        }
    }
    let always = |(times, known): &(usize, Option<&str>)| *times >= PARTS_MIN && known.is_some();
    capitals * 2 > pieces && before.values().any(always)
}

/// Whether less than half of the strings hold a separator.
pub(super) fn is_in_few(texts: &BTreeMap<String, u64>, by: &str) -> bool {
    texts.keys().filter(|text| text.contains(by)).count() * 2 < texts.len()
}

/// What a comma between digits is. Whole numbers have none, which both readings allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comma {
    /// The number is hardly two indices.
    Decimal,
    /// The number may be two indices as well.
    Either,
}

impl Comma {
    /// `None` if the text is no number.
    pub(super) fn of(text: &str) -> Option<Self> {
        let plain = text.strip_prefix(['-', '+']).unwrap_or(text);
        let are_digits =
            |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let (whole, fraction) = plain.split_once(',').unwrap_or((plain, "0"));
        let (fraction, power) = fraction.split_once(['e', 'E']).unwrap_or((fraction, "0"));
        let is_power = are_digits(power.strip_prefix(['-', '+']).unwrap_or(power));
        let are_thousands = whole.split('.').skip(1).all(|digits| digits.len() == 3);
        let is_number = whole.split('.').all(are_digits) && are_thousands && are_digits(fraction) && is_power;
        let is_long = fraction.len() > 3 && whole.len() < 3;
        let is_surely = plain.len() < text.len() || whole.contains('.') || power != "0" || is_long;
        let is_decimal = is_surely || fraction.len() > 1 && fraction.starts_with('0');
        is_number.then_some(if is_decimal { Self::Decimal } else { Self::Either })
    }
}

/// Whether a separator always has the same blanks beside it.
fn is_always(texts: &BTreeMap<String, u64>, by: &str, spaced: &str) -> bool {
    texts.keys().all(|text| text.matches(by).count() == text.matches(spaced).count())
}

/// The strings that hold a separator.
struct Joined {
    distinct: usize,
    /// Cells of the sample that hold one of them.
    cells: u64,
    /// Those with a piece that another string has too.
    recurring: usize,
}

impl Joined {
    fn of(texts: &BTreeMap<String, u64>, by: &str) -> Self {
        let mut pieces: HashMap<&str, usize> = HashMap::new();
        for text in texts.keys() {
            let mut own: Vec<&str> =
                text.split(by).map(str::trim).filter(|piece| !piece.is_empty()).collect();
            own.sort_unstable();
            own.dedup();
            own.into_iter().for_each(|piece| *pieces.entry(piece).or_default() += 1);
        }
        let joined = || texts.iter().filter(|(text, _)| text.contains(by));
        let recurs =
            |text: &str| text.split(by).any(|piece| pieces.get(piece.trim()).is_some_and(|n| *n > 1));
        Self {
            distinct: joined().count(),
            cells: joined().map(|(_, cells)| cells).sum(),
            recurring: joined().filter(|(text, _)| recurs(text)).count(),
        }
    }
}

/// Whether words with blanks between them look like labels: nearly every string is made of words that others have too,
/// and some have more words than others, or words several places, which the parts of a name have not.
fn are_words_shared(texts: &BTreeMap<String, u64>) -> bool {
    let mut strings: HashMap<&str, usize> = HashMap::new();
    for text in texts.keys() {
        let own: HashSet<&str> = text.split(BLANK).filter(|word| !word.is_empty()).collect();
        own.into_iter().for_each(|word| *strings.entry(word).or_default() += 1);
    }
    let words = |text: &str| text.split(BLANK).filter(|word| !word.is_empty()).count();
    let is_shared = |text: &str| {
        text.split(BLANK).all(|word| word.is_empty() || strings.get(word).is_some_and(|n| *n > 1))
    };
    let several: Vec<&str> = texts.keys().map(String::as_str).filter(|text| words(text) > 1).collect();
    let lengths: HashSet<usize> = texts.keys().map(|text| words(text)).filter(|n| *n > 0).collect();
    let shared = several.iter().filter(|text| is_shared(text)).count();
    let mut places: HashMap<&str, HashSet<usize>> = HashMap::new();
    for text in &several {
        let words = text.split(BLANK).filter(|word| !word.is_empty());
        for (place, word) in words.enumerate() {
            places.entry(word).or_default().insert(place);
        }
    }
    let moving = places.values().filter(|places| places.len() > 1).count();
    let are_sets = lengths.len() > 1 || moving * 2 >= places.len();
    several.len() >= MANY && are_sets && shared * 10 >= several.len() * 9
}

/// What strings with a syntax of their own look like.
fn structured(texts: &BTreeMap<String, u64>) -> Option<&'static str> {
    let filled: Vec<&str> = texts.keys().map(|text| text.trim()).filter(|text| !text.is_empty()).collect();
    let most = |is: &dyn Fn(&str) -> bool| {
        !filled.is_empty() && filled.iter().filter(|text| is(text)).count() * 10 >= filled.len() * 9
    };
    if most(&|text| text.starts_with('[') && text.ends_with(']')) {
        return Some("JSON or Python lists");
    }
    if most(&|text| text.starts_with('{') && text.ends_with('}')) {
        return Some("JSON objects");
    }
    let bits = |text: &str| {
        let pieces: Vec<&str> = text.split([',', ' ', ';', '|']).filter(|piece| !piece.is_empty()).collect();
        (pieces.len() > 1 && pieces.iter().all(|piece| matches!(*piece, "0" | "1"))).then_some(pieces.len())
    };
    let lengths: Vec<Option<usize>> = filled.iter().map(|text| bits(text)).collect();
    let is_multi_hot =
        lengths.first().is_some_and(|first| first.is_some() && lengths.iter().all(|n| n == first));
    is_multi_hot.then_some("one 0/1 number per label")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(texts: &[&str]) -> TextShape {
        let mut cells = BTreeMap::new();
        texts.iter().for_each(|text| *cells.entry((*text).to_owned()).or_default() += 1);
        shape_of(&cells)
    }

    #[test]
    fn numbers_with_a_decimal_comma_are_not_split() {
        for numbers in [
            &["0,25", "-0,5"][..],
            &["0,05", "1,5", "3"],
            &["1.234,5", "2,5"],
            &["1,5e-05", "0,5"],
            &["0,13421"],
        ] {
            assert_eq!(shape(numbers), TextShape::Single, "{numbers:?}");
        }
        assert_eq!(shape(&["3,14", "7,2", "3", "14,2"]), TextShape::Unclear(","));
    }

    #[test]
    fn names_are_not_split_at_blanks_or_commas() {
        assert_eq!(shape(&["No Finding", "No Finding", "Pleural Effusion"]), TextShape::Single);
        assert_eq!(shape(&["a b", "b c", "a c", "a"]), TextShape::Single);
        let names = ["tench, Tinca tinca", "tench, Tinca tinca", "goldfish, Carassius", "shark"];
        assert_eq!(shape(&names), TextShape::Unclear(", "));
        assert_eq!(shape(&["a,b", "b,c", "a,b", "b,c"]), TextShape::Unclear(","));
    }

    #[test]
    fn words_that_all_recur_may_be_labels() {
        let tags = ["0 17", "0 5", "5 17", "17 3 0", "3", "5 3", "0 3", "17 5 3", "0 17 5 3"];
        assert_eq!(shape(&tags), TextShape::Unclear(BLANK));
        let pairs = ["0 1", "0 5", "1 5", "3 5", "0 3", "1 3", "1 17", "3 17", "5 17"];
        assert_eq!(shape(&pairs), TextShape::Unclear(BLANK));
        // Names of two words each, times, and names that share some words.
        let two = [
            "red car", "red bus", "red van", "blue car", "blue bus", "blue van", "old car", "old bus",
            "old van",
        ];
        assert_eq!(shape(&two), TextShape::Single);
        let names = [
            "No Finding",
            "Edema",
            "Lung Lesion",
            "Lung Opacity",
            "Pleural Effusion",
            "Pleural Other",
            "Fracture",
            "Enlarged Cardiomediastinum",
            "Support Devices",
            "Pulmonary Edema",
            "Chronic Edema",
        ];
        assert_eq!(shape(&names), TextShape::Single);
    }

    #[test]
    fn bars_and_recurring_pieces_separate_labels() {
        assert_eq!(shape(&["cat", "cat|dog"]), TextShape::Joined("|"));
        assert_eq!(shape(&["cat;dog", "bird"]), TextShape::Joined(";"));
        assert_eq!(shape(&["cat;#dog", "bird", "bird;#cat"]), TextShape::Unclear(";#"));
        assert_eq!(shape(&["#cat;#dog", "#bird;#cat"]), TextShape::Joined(";"));
        assert_eq!(shape(&["1 |Asthma|", "2 |COPD|", "3 |Flu|"]), TextShape::Unclear("|"));
        let tags: Vec<String> = (0..40).map(|i| format!("t{},t{}", i % 7, i % 11)).collect();
        assert_eq!(shape(&tags.iter().map(String::as_str).collect::<Vec<_>>()), TextShape::Joined(","));
        let unique: Vec<String> = (0..40).map(|i| format!("a{i}|b{i}")).collect();
        assert_eq!(shape(&unique.iter().map(String::as_str).collect::<Vec<_>>()), TextShape::Unclear("|"));
    }

    #[test]
    fn what_has_a_syntax_is_seen() {
        assert_eq!(shape(&["[\"a\", \"b\"]", "[]"]), TextShape::Structured("JSON or Python lists"));
        assert_eq!(shape(&["{\"a\": 1}"]), TextShape::Structured("JSON objects"));
        assert_eq!(shape(&["1,0,0", "0,0,1"]), TextShape::Structured("one 0/1 number per label"));
        assert_eq!(shape(&["1,0", "0,0,1"]), TextShape::Unclear(","));
    }
}
