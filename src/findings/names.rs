//! What is odd about the names of labels.

use std::collections::HashMap;
use std::ops::Range;

use icu_normalizer::ComposingNormalizerBorrowed;

use crate::counts::{Head, LabelCounts, NameOrder, Unlisted};

/// Labels that are compared with each other: all, or those of one head.
pub(super) struct Namespace<'c> {
    counts: &'c LabelCounts,
    range: Range<usize>,
    /// Length of what stands before each name.
    prefix: usize,
    unlisted: Option<&'c Unlisted>,
    /// The number of labels was taken from the largest index.
    is_inferred: bool,
}

impl<'c> Namespace<'c> {
    /// All labels, or those of each head; the number of labels was taken from the largest index if `is_inferred` says so,
    /// or if the head is one of `inferred`.
    pub(super) fn parts(counts: &'c LabelCounts, is_inferred: bool, inferred: &[String]) -> Vec<Self> {
        if counts.heads().is_empty() {
            let range = 0..counts.len();
            return vec![Self { counts, range, prefix: 0, unlisted: counts.unlisted(), is_inferred }];
        }
        let of_head = |head: &'c Head| Self {
            counts,
            range: head.range(),
            prefix: head.column.len() + 1,
            unlisted: head.unlisted.as_ref(),
            is_inferred: inferred.contains(&head.column),
        };
        counts.heads().iter().map(of_head).collect()
    }

    fn name(&self, i: usize) -> &'c str {
        self.counts.labels().name(i).get(self.prefix..).unwrap_or_default()
    }

    fn positives(&self, i: usize) -> u64 {
        self.counts.tallies()[i].positives
    }

    /// Labels of which another differs in blanks, in case, or in how accents are written.
    pub(super) fn similar(&self) -> Vec<usize> {
        let mut alike: HashMap<String, Vec<usize>> = HashMap::new();
        for i in self.range.clone() {
            let name = self.name(i);
            // Digits alone have none of these.
            if !name.bytes().all(|byte| byte.is_ascii_digit()) {
                alike.entry(seen_as(name)).or_default().push(i);
            }
        }
        let mut similar: Vec<usize> = alike.into_values().filter(|same| same.len() > 1).flatten().collect();
        similar.sort_unstable();
        similar
    }

    /// Labels whose names are whole numbers, of which the order of texts makes something else than their numbers say.
    pub(super) fn numeric(&self) -> Vec<usize> {
        if self.unlisted.is_none_or(|unlisted| unlisted.order != NameOrder::Name) {
            return Vec::new();
        }
        let name = |i: usize| self.name(i);
        let number = |i: usize| name(i).parse::<u64>().ok().filter(|number| number.to_string() == name(i));
        let numbers: Option<Vec<u64>> = self.range.clone().map(number).collect();
        let Some(numbers) = numbers.filter(|all| all.len() > 1) else { return Vec::new() };
        // Sparse numbers are ids; numbers that leave few places out are indices.
        let are_dense = numbers.iter().max().is_some_and(|largest| *largest < 2 * numbers.len() as u64);
        let are_places = numbers.iter().zip(0..).all(|(number, place)| *number == place);
        let is_odd = !are_places && (are_dense || !numbers.is_sorted());
        if is_odd { self.range.clone().collect() } else { Vec::new() }
    }

    /// Labels with names that programs write for a missing value.
    pub(super) fn missing(&self) -> Vec<usize> {
        self.range.clone().filter(|&i| self.positives(i) > 0 && is_missing_name(self.name(i))).collect()
    }

    /// Index 0, if rows have every index that was found but it.
    pub(super) fn unused_0(&self) -> Option<usize> {
        let mut positives = self.range.clone().map(|i| self.positives(i));
        let is_unused = self.is_inferred
            && self.range.len() > 2
            && positives.next() == Some(0)
            && positives.all(|of| of > 0);
        is_unused.then_some(self.range.start)
    }
}

/// A name as a person sees it: blanks of any kind as one, none around it, no letter without width, whatever the case and
/// the way that accents are written.
fn seen_as(name: &str) -> String {
    const WITHOUT_WIDTH: [char; 5] = ['\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{feff}'];
    let shown = name.split(char::is_whitespace).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    if shown.is_ascii() {
        return shown.to_ascii_lowercase();
    }
    let shown: String = shown.chars().filter(|letter| !WITHOUT_WIDTH.contains(letter)).collect();
    // Through capitals, of which the sharp s has two.
    let folded = shown.to_lowercase().to_uppercase().to_lowercase();
    ComposingNormalizerBorrowed::new_nfc().normalize(folded.trim()).into_owned()
}

/// Names that programs write for a missing value.
pub(crate) fn is_missing_name(name: &str) -> bool {
    const NAMES: [&str; 10] = ["", "nan", "none", "null", "na", "n/a", "#n/a", "<na>", "nil", "\\N"];
    let name = name.trim();
    name.len() <= 4 && NAMES.iter().any(|missing| name.eq_ignore_ascii_case(missing))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::Tally;

    #[test]
    fn names_of_missing_values_are_those_that_programs_write() {
        for name in ["", " ", "NaN", "None", "NULL", "#N/A", "<NA>", "\\N", " \\N "] {
            assert!(is_missing_name(name), "{name:?}");
        }
        for name in ["N", "\\", "no", "nothing", "NAM", "-"] {
            assert!(!is_missing_name(name), "{name:?}");
        }
    }

    #[test]
    fn names_that_look_alike_are_one() {
        for same in [
            &["STRASSE", "straße", " Strasse\u{a0}"][..],
            &["caf\u{e9}", "cafe\u{301}", "CAFE\u{301}"],
            &["red car", "red\u{a0}car", "red  car", "red \u{200b}car"],
        ] {
            assert!(same.iter().all(|name| seen_as(name) == seen_as(same[0])), "{same:?}");
        }
        for differ in [["cafe", "caf\u{e9}"], ["redcar", "red car"], ["a", "b"]] {
            assert_ne!(seen_as(differ[0]), seen_as(differ[1]));
        }
    }

    #[test]
    fn indices_in_the_order_of_texts_are_found() {
        let odd = |names: &[&str], order: NameOrder| {
            let tally = Tally { positives: 1, negatives: 1, ..Tally::default() };
            let counts = LabelCounts::new(2, names.iter().collect(), vec![tally; names.len()], None).unwrap();
            let unlisted = Tally { negatives: 2, ..Tally::default() };
            let open = counts.open(Unlisted { tally: unlisted, order, ..Unlisted::default() }).unwrap();
            let found = Namespace::parts(&open, false, &[])[0].numeric();
            assert!(found.is_empty() || found.len() == names.len());
            !found.is_empty()
        };
        assert!(odd(&["0", "1", "10", "11", "2", "3"], NameOrder::Name));
        // 2 has no place; labels that count from 1.
        assert!(odd(&["0", "1", "3"], NameOrder::Name) && odd(&["1", "2", "3"], NameOrder::Name));
        assert!(!odd(&["0", "1", "2"], NameOrder::Name));
        assert!(!odd(&["0", "1", "2", "10"], NameOrder::Number));
        for names in [&["000", "001", "010"][..], &["10115", "20095"], &["0", "1", "3", "x"], &["7"]] {
            assert!(!odd(names, NameOrder::Name), "{names:?}");
        }
    }
}
