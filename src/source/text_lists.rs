//! Columns of texts that hold lists or vectors, as the lists that they stand for.

use crate::findings::is_missing_name;
use std::collections::BTreeMap;

use arrow::datatypes::{DataType, Field};

use super::evidence::ColumnEvidence;
use super::structured::{EMPTY_SET, Element, list, vector};
use super::values::{Domain, Value};

/// Separators of vectors that are not in brackets.
const SEPARATORS: [&str; 4] = [",", ";", "|", " "];

/// The lists that the texts of a column stand for.
#[derive(Debug)]
pub(crate) struct TextLists {
    /// The column as it would be with lists in place of texts.
    pub(crate) field: Field,
    /// The type of the elements.
    pub(crate) element: DataType,
    /// What the lists show.
    pub(crate) evidence: ColumnEvidence,
    /// The separator, where texts could be indices with a separator between them just as well.
    pub(crate) or_delimited: Option<&'static str>,
    /// Some texts hold no list.
    pub(crate) or_class: bool,
    /// Some lists have blanks alone between their numbers, as NumPy prints them.
    pub(crate) are_spaced: bool,
    /// Texts that hold no list, where they are few: those that usually stand for a missing one, and others.
    pub(crate) odd: Vec<String>,
}

/// What the elements of all lists are.
#[derive(Debug, Default)]
struct Elements {
    texts: BTreeMap<String, u64>,
    numbers: Vec<f64>,
    has_fraction: bool,
    has_truth: bool,
    lengths: Vec<i64>,
    /// Some have blanks alone between their numbers.
    are_spaced: bool,
}

impl Elements {
    /// Takes the elements of a text; false when it holds neither a list nor a vector.
    fn take(&mut self, text: &str) -> bool {
        let mut all = Vec::new();
        if !text.starts_with(['[', '(', '{']) && text != EMPTY_SET {
            return false;
        }
        if list(text, |element| all.push(element)).is_err() {
            all.clear();
            if vector(text, |element| all.push(element)).is_err() {
                return false;
            }
            self.are_spaced = true;
        }
        // `{}` is an object without keys.
        if all.is_empty() && text.starts_with('{') {
            return false;
        }
        self.lengths.push(i64::try_from(all.len()).unwrap_or(i64::MAX));
        for element in all {
            match element {
                Element::Null => {}
                Element::Bool(truth) => {
                    self.has_truth = true;
                    self.numbers.push(f64::from(u8::from(truth)));
                }
                Element::Int(whole) => self.numbers.push(whole as f64),
                Element::Float(number) => {
                    self.has_fraction = true;
                    self.numbers.push(number);
                }
                Element::Text(name) => *self.texts.entry(name.into_owned()).or_default() += 1,
            }
        }
        true
    }

    fn element(&self) -> DataType {
        if !self.texts.is_empty() || self.numbers.is_empty() {
            DataType::Utf8
        } else if self.has_fraction {
            DataType::Float64
        } else if self.has_truth {
            DataType::Boolean
        } else {
            DataType::Int64
        }
    }
}

/// The lists that the texts of column `name` stand for; `None` where none of them holds a list. Texts that stand
/// for nothing are passed over.
pub(crate) fn text_lists(name: &str, column: &ColumnEvidence, domain: &Domain) -> Option<TextLists> {
    let is_nothing = |text: &str| is_missing_name(text) || domain.is_missing(&Value::Text(text));
    let filled: Vec<&str> = column.texts.keys().map(|text| text.trim()).filter(|t| !is_nothing(t)).collect();
    if filled.is_empty() {
        return None;
    }
    let mut elements = Elements::default();
    let no_list: Vec<&str> = filled.iter().filter(|text| !elements.take(text)).copied().collect();
    let is_declared = |text: &str| domain.is_missing(&Value::Text(text));
    let nothing = column.texts.keys().filter(|text| is_nothing(text.trim()) && !is_declared(text));
    let mut odd: Vec<String> = nothing.cloned().collect();
    if no_list.len() < filled.len() {
        let or_class = !no_list.is_empty();
        odd.extend(column.texts.keys().filter(|text| no_list.contains(&text.trim())).cloned());
        return Some(TextLists { or_class, odd, ..lists(name, column, &elements, None) });
    }
    let (elements, or_delimited) = multi_hot(&filled)?;
    Some(TextLists { odd, ..lists(name, column, &elements, or_delimited) })
}

fn lists(
    name: &str,
    column: &ColumnEvidence,
    elements: &Elements,
    or_delimited: Option<&'static str>,
) -> TextLists {
    let element = elements.element();
    let mut evidence = ColumnEvidence::default();
    evidence.cells = column.cells;
    evidence.shown.clone_from(&column.shown);
    evidence.texts.clone_from(&elements.texts);
    evidence.lengths.extend(&elements.lengths);
    elements.numbers.iter().for_each(|number| evidence.number(*number, 1));
    let field = Field::new(name, DataType::new_list(element.clone(), true), true);
    TextLists {
        field,
        element,
        evidence,
        or_delimited,
        or_class: false,
        are_spaced: elements.are_spaced,
        odd: Vec::new(),
    }
}

/// Texts without brackets that all hold 0 and 1, as many as each other and more than one. Where none of them
/// repeats a number, they may be indices as well.
fn multi_hot(filled: &[&str]) -> Option<(Elements, Option<&'static str>)> {
    // Numbers with a decimal comma.
    if filled.iter().all(|text| matches!(*text, "0,0" | "1,0")) {
        return None;
    }
    let (mut elements, mut repeats) = (Elements::default(), false);
    for text in filled {
        let mut numbers = Vec::new();
        let read = vector(text, |element| {
            numbers.push(match element {
                Element::Int(whole) => whole as f64,
                Element::Float(number) => {
                    elements.has_fraction = true;
                    number
                }
                Element::Bool(_) | Element::Null | Element::Text(_) => f64::NAN,
            });
        });
        let length = i64::try_from(numbers.len()).ok()?;
        let is_side = |number: &f64| [0.0_f64, 1.0].iter().any(|side| side.to_bits() == number.to_bits());
        let same = elements.lengths.first().is_none_or(|first| *first == length);
        if read.is_err() || length < 2 || !same || !numbers.iter().all(is_side) {
            return None;
        }
        repeats |= numbers.iter().filter(|number| **number > 0.5).count() != 1 || length > 2;
        elements.lengths.push(length);
        elements.numbers.extend(numbers);
    }
    let by = SEPARATORS.into_iter().find(|by| filled.iter().all(|text| text.contains(by)));
    Some((elements, by.filter(|_| !repeats)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[&str]) -> Option<TextLists> {
        let mut column = ColumnEvidence::default();
        column.texts.extend(texts.iter().map(|text| ((*text).to_owned(), 1)));
        text_lists("y", &column, &Domain::default())
    }

    #[test]
    fn texts_in_brackets_are_lists_of_what_they_hold() {
        for (texts, element) in [
            (&[r#"["a", "b"]"#, "[]"][..], DataType::Utf8),
            (&["['a']", "['b, c']"], DataType::Utf8),
            (&["[1, 2]", "[3]"], DataType::Int64),
            (&["[1. 0.]", "[0. 1.]"], DataType::Float64),
            (&["[true, false]"], DataType::Boolean),
            (&["[]"], DataType::Utf8),
            (&["{'a', 'b'}"], DataType::Utf8),
            (&["['a']", "", "nan", "None"], DataType::Utf8),
            (&["{'a'}", "set()"], DataType::Utf8),
        ] {
            let lists = of(texts).unwrap();
            assert_eq!((lists.element, lists.or_class), (element, false), "{texts:?}");
        }
        let some = of(&["['a']", "b", "c", "nan"]).unwrap();
        assert!(some.or_class);
        assert_eq!(some.odd, ["nan", "b", "c"]);
        // Texts of numpy have no commas, and objects are no names.
        assert!(of(&["['w' 'v']", "['w']"]).unwrap().or_class);
        for texts in
            [&["[CLS] a [SEP]"][..], &["a", "b"], &["{\"a\": 1}", "{}"], &["(none)", "a"], &[""], &["1", "0"]]
        {
            assert!(of(texts).is_none(), "{texts:?}");
        }
    }

    #[test]
    fn zeros_and_ones_without_brackets_are_vectors_unless_they_may_be_indices() {
        let lists = of(&["1,0,0", "0,1,0"]).unwrap();
        assert_eq!((lists.element, lists.or_delimited), (DataType::Int64, None));
        assert_eq!(of(&["1 0", "0 0"]).unwrap().or_delimited, None);
        assert_eq!(of(&["1;0", "0;1"]).unwrap().or_delimited, Some(";"));
        assert!(of(&["1,0,0", "0,1"]).is_none());
        assert!(of(&["1,0,2", "0,1,0"]).is_none());
    }
}
