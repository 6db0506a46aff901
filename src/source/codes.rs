//! Values beside 0 and 1 in columns of 0 and 1: codes such as -1 and NA, words such as yes and no, shares such as 0.5.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::ColumnEvidence;
use super::values::{Domain, Literal, Value};
use crate::counts::Cell;
use crate::findings::is_missing_name;

/// Numbers that often stand for "unknown".
pub(super) const USUAL: [f64; 12] =
    [-1.0, -2.0, -9.0, -99.0, -100.0, -999.0, -9999.0, 9.0, 99.0, 255.0, 999.0, 9999.0];
/// Texts that often stand for nothing, beside those that programs write for a missing value.
const NOTHING: [&str; 6] = ["?", "-", "--", ".", "missing", r"\n"];
/// Texts that often stand for "perhaps".
const PERHAPS: [&str; 24] = [
    "unknown",
    "unk",
    "u",
    "uncertain",
    "maybe",
    "unsure",
    "unclear",
    "indeterminate",
    "equivocal",
    "inconclusive",
    "not tested",
    "not assessed",
    "not done",
    "not known",
    "not recorded",
    "not mentioned",
    "not available",
    "not applicable",
    "unbekannt",
    "unklar",
    "inconnu",
    "desconocido",
    "onbekend",
    "不明",
];
/// Words of the two sides.
const WORDS: [(&str, &str); 36] = [
    ("yes", "no"),
    ("y", "n"),
    ("true", "false"),
    ("t", "f"),
    ("positive", "negative"),
    ("pos", "neg"),
    ("present", "absent"),
    ("on", "off"),
    ("accept", "reject"),
    ("accepted", "rejected"),
    ("approved", "rejected"),
    ("correct", "incorrect"),
    ("active", "inactive"),
    ("detected", "not detected"),
    ("detected", "undetected"),
    ("abnormal", "normal"),
    ("checked", "unchecked"),
    ("ja", "nein"),
    ("ja", "nee"),
    ("oui", "non"),
    ("si", "no"),
    ("sí", "no"),
    ("sim", "não"),
    ("vrai", "faux"),
    ("wahr", "falsch"),
    ("verdadero", "falso"),
    ("tak", "nie"),
    ("да", "нет"),
    ("sì", "no"),
    ("evet", "hayır"),
    ("ano", "ne"),
    ("kyllä", "ei"),
    ("vorhanden", "nicht vorhanden"),
    ("gesichert", "ausgeschlossen"),
    ("はい", "いいえ"),
    ("是", "否"),
];
/// Different values beside 0 and 1 at most, unless they are rare.
const FEW: usize = 4;
/// Different values beside 0 and 1 that are remembered.
const ODD_MAX: usize = 64;
/// Values that a sentence lists.
const SHOWN: usize = 6;

/// What the values of a column are, beside 0 and 1.
#[derive(Debug, Clone, Default)]
pub(super) struct Codes {
    /// Some values are negative, some positive, by what was declared.
    pub(super) sides: [bool; 2],
    /// Words that say yes, and words that say no.
    pub(super) words: [BTreeSet<String>; 2],
    /// Texts that have a side without the blanks around them.
    pub(super) padded: BTreeSet<String>,
    /// Other values without a side, as flags write them, with the number if it is one.
    pub(super) odd: BTreeMap<String, Option<f64>>,
    /// Negative and positive cells of the sample, and others.
    cells: [u64; 3],
    /// Values too many to know.
    is_full: bool,
}

impl Codes {
    /// The values that a column, or the lists in it, hold.
    pub(super) fn of(evidence: &ColumnEvidence, domain: &Domain) -> Self {
        let mut codes =
            Self { is_full: evidence.is_full || evidence.has_bytes || evidence.is_long, ..Self::default() };
        for (number, times) in evidence.counted() {
            if codes.is_full {
                return codes;
            }
            // A threshold gives every number a side, that of features too.
            let has_range = domain.threshold.is_some() || domain.soft;
            let is_declared = || domain.missing.iter().chain(&domain.uncertain).any(|l| is(l, number));
            let is_out = has_range && !(0.0..=1.0).contains(&number) && !is_declared();
            codes.put(&Value::of_number(number), times, domain, is_out);
        }
        for (text, times) in &evidence.texts {
            codes.put(&Value::Text(text), *times, domain, false);
        }
        codes
    }

    /// The same of a column of shares and codes, of which there may be more than are remembered.
    pub(super) fn of_shares(evidence: &ColumnEvidence, domain: &Domain) -> Self {
        let mut codes = Self::default();
        let (shares, others): (Vec<_>, Vec<_>) =
            evidence.counted().partition(|(number, _)| is_share(*number));
        for (number, times) in others.into_iter().chain(shares) {
            codes.put(&Value::of_number(number), times, domain, false);
        }
        codes
    }

    fn put(&mut self, value: &Value<'_>, times: u64, domain: &Domain, is_out: bool) {
        let cell = if is_out { Cell::Invalid } else { domain.cell(value) };
        let text = match value {
            Value::Text(text) => (*text).to_owned(),
            number => number.to_string(),
        };
        let side = match cell {
            Cell::Missing | Cell::Uncertain => return,
            Cell::Negative | Cell::Positive => {
                self.sides[usize::from(cell == Cell::Positive)] = true;
                Some(cell == Cell::Positive)
            }
            Cell::Invalid => {
                let is_text = matches!(value, Value::Text(_));
                let word = side_of(&text).filter(|_| is_text);
                let padded = side_without_blanks(&text, domain).filter(|_| is_text);
                match (word, padded) {
                    (Some(side), _) => _ = self.words[usize::from(side)].insert(text),
                    (None, Some(side)) => {
                        self.sides[usize::from(side)] = true;
                        self.padded.insert(text);
                    }
                    (None, None) => self.put_odd(text, value.number()),
                }
                word.or(padded)
            }
        };
        self.cells[side.map_or(2, usize::from)] += times.max(1);
    }

    fn put_odd(&mut self, text: String, number: Option<f64>) {
        let is_soft = |number: Option<f64>| number.is_some_and(is_share);
        if self.odd.len() < ODD_MAX {
            self.odd.insert(text, number);
        } else if !is_soft(number) || !self.odd.values().all(|number| is_soft(*number)) {
            // Of many shares some are enough.
            self.is_full = true;
        }
    }

    /// Whether every value has a side by what was declared.
    pub(super) fn is_settled(&self) -> bool {
        let all_have_sides = self.odd.is_empty() && self.words.iter().all(BTreeSet::is_empty);
        all_have_sides && self.padded.is_empty() && !self.is_full
    }

    pub(super) fn has(&self, side: bool) -> bool {
        let side = usize::from(side);
        self.sides[side] || !self.words[side].is_empty()
    }

    /// Whether nearly all cells are 0 and 1, or words of two sides, and the others mean something that has to be
    /// declared. `is_strict` takes only what is often used for it.
    pub(super) fn is_near(&self, is_strict: bool) -> bool {
        if self.is_full || self.is_settled() {
            return false;
        }
        if self.is_stray() {
            return true;
        }
        let usual = self.odd.iter().all(|(text, number)| is_usual(text, *number));
        let one_code = self.odd.len() == 1 && usual && self.odd.values().all(Option::is_some);
        let both = self.has(false) && self.has(true);
        if !both && !(one_code && (self.has(false) || self.has(true))) {
            return false;
        }
        let [negative, positive, odd] = self.cells;
        let known = negative + positive;
        // Beside yes and no, one more word says that nothing is known, in whatever language. Beside positive and negative, it
        // is neutral.
        let are_answers = self.words.iter().all(|words| !words.is_empty())
            && !self.words[1].iter().any(|word| word.to_lowercase().starts_with("pos"));
        let is_third =
            are_answers && self.odd.len() == 1 && self.odd.values().all(Option::is_none) && odd <= known;
        if usual || is_third || is_strict {
            return usual || is_third;
        }
        let few = self.odd.len() <= FEW || self.odd.values().all(|number| number.is_some_and(is_share));
        few && odd <= known || self.odd.len() < ODD_MAX && odd * 10 <= known
    }

    /// The values with a side that it holds, in a sentence.
    pub(super) fn beside(&self) -> &'static str {
        match self.sides {
            [true, true] => ", beside 0 and 1",
            [true, false] => ", beside 0",
            [false, true] => ", beside 1",
            [false, false] => "",
        }
    }

    /// Whether the values are indices without a gap.
    pub(super) fn are_indices(&self) -> bool {
        let most = self.odd.len() as f64 + 1.0;
        let inside = |number: &Option<f64>| number.is_some_and(|x| x.fract() == 0.0 && x > 1.0 && x <= most);
        self.has(false) && self.has(true) && !self.odd.is_empty() && self.odd.values().all(inside)
    }

    /// Whether some indices behind 0 and 1 are so rare that they may as well stand for something else.
    pub(super) fn is_stray(&self) -> bool {
        /// Cells of 0 and 1 for each other one, and of the rarer of the two: a class as rare as theirs is one more.
        const ALL: u64 = 100;
        const EACH: u64 = 10;
        let [negative, positive, odd] = self.cells;
        let is_rarer = |than: u64, times: u64| odd.saturating_mul(times) <= than;
        self.are_indices() && is_rarer(negative + positive, ALL) && is_rarer(negative.min(positive), EACH)
    }

    /// Whether all values are -1 and 1.
    pub(super) fn is_signs(&self) -> bool {
        let minus = self.odd.len() == 1 && self.odd.contains_key("-1");
        minus && self.has(true) && !self.has(false)
    }

    /// Whether the values are -1, 0 and 1, and at most others that have no side.
    pub(super) fn are_signs_and_zero(&self) -> bool {
        let are_numbers = self.words.iter().all(BTreeSet::is_empty);
        are_numbers && self.odd.contains_key("-1") && self.has(true) && self.has(false)
    }

    /// The values without a side, as a person reads them; of many, some.
    pub(super) fn shown(&self) -> Vec<String> {
        let odd = self.odd.iter().map(|(text, number)| match number {
            None if text.trim().is_empty() => format!("{text:?}"),
            _ => text.clone(),
        });
        let padded = self.padded.iter().map(|text| format!("{text:?}"));
        let words = self.words.iter().flatten();
        let words = words.map(|text| if text.trim() == text { text.clone() } else { format!("{text:?}") });
        let mut all: Vec<String> = odd.chain(padded).chain(words).collect();
        if all.len() > SHOWN {
            all.truncate(SHOWN - 1);
            all.push("…".to_owned());
        }
        all
    }
}

fn is(literal: &Literal, number: f64) -> bool {
    let domain = Domain { missing: vec![literal.clone()], ..Domain::default() };
    domain.is_missing(&Value::of_number(number))
}

pub(super) fn is_share(number: f64) -> bool {
    number > 0.0 && number < 1.0
}

pub(super) fn is_nothing(text: &str) -> bool {
    is_missing_name(text) || NOTHING.iter().any(|nothing| text.trim().eq_ignore_ascii_case(nothing))
}

pub(super) fn is_usual(text: &str, number: Option<f64>) -> bool {
    match number {
        Some(number) => USUAL.iter().any(|usual| usual.to_bits() == number.to_bits()),
        None => is_nothing(text) || PERHAPS.iter().any(|word| text.trim().eq_ignore_ascii_case(word)),
    }
}

/// The side that a word says, whatever the blanks around it.
fn side_of(text: &str) -> Option<bool> {
    let text = text.trim();
    let among =
        |yes: bool| WORDS.iter().any(|pair| text.eq_ignore_ascii_case(if yes { pair.0 } else { pair.1 }));
    if among(true) { Some(true) } else { among(false).then_some(false) }
}

/// The side of a text that has none because of the blanks around it.
fn side_without_blanks(text: &str, domain: &Domain) -> Option<bool> {
    let trimmed = Some(text.trim()).filter(|trimmed| *trimmed != text)?;
    match domain.cell(&Value::Text(trimmed)) {
        Cell::Positive => Some(true),
        Cell::Negative => Some(false),
        _ => None,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn of(texts: &[&str], numbers: &[f64]) -> Codes {
        let mut evidence = ColumnEvidence::default();
        texts.iter().for_each(|text| *evidence.texts.entry((*text).to_owned()).or_default() += 1);
        numbers.iter().for_each(|number| evidence.number(*number, 1));
        Codes::of(&evidence, &Domain::default())
    }

    #[test]
    fn a_few_values_beside_both_sides_are_near() {
        for texts in [
            &["0", "1", "1", "NA"][..],
            &["0", "1", "?"],
            &["0", "1", " "],
            &["0", "1", "2"],
            &["true", "False", "unknown"],
            &["Yes", "No", "No"],
            &["t", "f"],
            &["1", "no"],
            &["ja", "Nein"],
            &["oui", "non", "n/a"],
            &["tak", "nie", "nie wiem"],
        ] {
            assert!(of(texts, &[]).is_near(false), "{texts:?}");
        }
        for texts in [&["0", "1"][..], &["a", "b"], &["f", "m"], &["1", "2", "3"], &["n", "s", "e", "w"]] {
            assert!(!of(texts, &[]).is_near(false), "{texts:?}");
        }
        let third = |texts: &[&str]| of(texts, &[]).is_near(true);
        assert!(third(&["да", "нет", "неизвестно"]) && !third(&["positive", "negative", "neutral"]));
        for numbers in
            [&[0.0, 1.0, -1.0][..], &[1.0, -1.0], &[0.0, 255.0], &[0.0, 1.0, 0.5], &[0.0, 1.0, 2.0]]
        {
            assert!(of(&[], numbers).is_near(false), "{numbers:?}");
        }
        for numbers in [&[0.0, 1.0][..], &[31.0, 45.0], &[1.0, 2.0], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]] {
            assert!(!of(&[], numbers).is_near(false), "{numbers:?}");
        }
        assert!(!of(&["0", "1", "2"], &[]).is_near(true) && of(&["0", "1", "NA"], &[]).is_near(true));
        // Blanks around words and numbers do not matter, and a third index does if it is rare.
        assert!(of(&["Yes", "no ", "N/A"], &[]).is_near(true) && of(&[" 1", "0"], &[]).is_near(true));
        let many = |twos: usize| {
            let numbers = (0..1000).map(|i| f64::from(i % 2)).chain(std::iter::repeat_n(2.0, twos));
            of(&[], &numbers.collect::<Vec<_>>()).is_near(true)
        };
        assert!(many(1) && many(10) && !many(11));
        assert!(of(&[], &[0.0, 1.0, 2.0]).are_indices() && !of(&[], &[0.0, 1.0, 9.0]).are_indices());
    }
}
