//! Values beside 0 and 1 in columns of 0 and 1: codes such as -1 and NA, words such as yes and no, shares such as 0.5;
//! and the flags that declare them.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::ColumnEvidence;
use super::values::{Domain, Literal, Value};
use crate::counts::Cell;
use crate::error::for_shell;

/// Numbers that often stand for "unknown".
const USUAL: [f64; 12] = [-1.0, -2.0, -9.0, -99.0, -100.0, -999.0, -9999.0, 9.0, 99.0, 255.0, 999.0, 9999.0];
/// Texts that often stand for nothing, in lower case and without blanks around them.
const NOTHING: [&str; 14] =
    ["", "na", "n/a", "nan", "none", "null", "nil", "?", "-", "--", ".", "missing", "<na>", "#n/a"];
/// Texts that often stand for "perhaps".
const PERHAPS: [&str; 7] = ["unknown", "unk", "u", "uncertain", "maybe", "unsure", "unclear"];
/// Words of the two sides.
const WORDS: [(&str, &str); 8] = [
    ("yes", "no"),
    ("y", "n"),
    ("true", "false"),
    ("t", "f"),
    ("positive", "negative"),
    ("pos", "neg"),
    ("present", "absent"),
    ("on", "off"),
];
/// Different values beside 0 and 1 at most, unless they are rare.
const FEW: usize = 4;
/// Different values beside 0 and 1 that are remembered.
const ODD_MAX: usize = 64;
/// Values that a sentence lists.
const SHOWN: usize = 6;
/// Different shares at most that may each be a code.
const SHARES: usize = 2;

/// What the values of a column are, beside 0 and 1.
#[derive(Debug, Clone, Default)]
pub(super) struct Codes {
    /// Some values are negative, some positive, by what was declared.
    sides: [bool; 2],
    /// Words that say yes, and words that say no.
    words: [BTreeSet<String>; 2],
    /// Other values without a side, as flags write them, with the number if it is one.
    odd: BTreeMap<String, Option<f64>>,
    /// Cells of the sample with a side or a word, and others.
    cells: [u64; 2],
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

    fn put(&mut self, value: &Value<'_>, times: u64, domain: &Domain, is_out: bool) {
        let cell = if is_out { Cell::Invalid } else { domain.cell(value) };
        let text = match value {
            Value::Text(text) => (*text).to_owned(),
            number => number.to_string(),
        };
        let is_odd = match cell {
            Cell::Missing | Cell::Uncertain => return,
            Cell::Negative | Cell::Positive => {
                self.sides[usize::from(cell == Cell::Positive)] = true;
                false
            }
            Cell::Invalid => match side_of(&text) {
                Some(side) if matches!(value, Value::Text(_)) => {
                    self.words[usize::from(side)].insert(text);
                    false
                }
                _ => {
                    self.put_odd(text, value.number());
                    true
                }
            },
        };
        self.cells[usize::from(is_odd)] += times.max(1);
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
    fn is_settled(&self) -> bool {
        self.odd.is_empty() && self.words.iter().all(BTreeSet::is_empty)
    }

    fn has(&self, side: bool) -> bool {
        let side = usize::from(side);
        self.sides[side] || !self.words[side].is_empty()
    }

    /// Whether nearly all cells are 0 and 1, or words of two sides, and the others mean something that has to be
    /// declared. `is_strict` takes only what is often used for it.
    pub(super) fn is_near(&self, is_strict: bool) -> bool {
        if self.is_full || self.is_settled() {
            return false;
        }
        let usual = self.odd.iter().all(|(text, number)| is_usual(text, *number));
        let one_code = self.odd.len() == 1 && usual && self.odd.values().all(Option::is_some);
        let both = self.has(false) && self.has(true);
        if !both && !(one_code && (self.has(false) || self.has(true))) {
            return false;
        }
        if usual || is_strict {
            return usual;
        }
        let [known, odd] = self.cells;
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

    /// Whether all values are -1 and 1.
    pub(super) fn is_signs(&self) -> bool {
        let minus = self.odd.len() == 1 && self.odd.contains_key("-1");
        minus && self.has(true) && !self.has(false)
    }

    /// The values without a side, as a person reads them; of many, some.
    pub(super) fn shown(&self) -> Vec<String> {
        let odd = self.odd.iter().map(|(text, number)| match number {
            None if text.trim().is_empty() => format!("{text:?}"),
            _ => text.clone(),
        });
        let mut all: Vec<String> = odd.chain(self.words.iter().flatten().cloned()).collect();
        if all.len() > SHOWN {
            all.truncate(SHOWN - 1);
            all.push("…".to_owned());
        }
        all
    }
}

/// A declaration of values: what is added to each side.
#[derive(Debug, Clone, Default)]
struct Declaration {
    /// Negative, positive, missing and uncertain values, beside those of the flags.
    values: [Vec<String>; 4],
    how: Option<&'static str>,
}

/// The ways to declare the values of columns that are labels together: the flags of each, which say all that the flags
/// given say too, and the meaning of values that follows.
pub(super) fn declarations<'c>(
    columns: &(impl Iterator<Item = &'c Codes> + Clone),
    domain: &Domain,
) -> Vec<(Vec<String>, Domain)> {
    let holding = || columns.clone().filter(|codes| codes.odd.contains_key("-1"));
    let is_signs = holding().count() > 0 && holding().all(Codes::is_signs);
    let mut base = Declaration::default();
    for side in [false, true] {
        let place = usize::from(side);
        let words: BTreeSet<&String> = columns.clone().flat_map(|codes| &codes.words[place]).collect();
        base.values[place] = words.into_iter().cloned().collect();
    }
    if is_signs {
        base.values[0].push("-1".to_owned());
    }
    let odd: BTreeMap<&String, Option<f64>> =
        columns.clone().flat_map(|codes| &codes.odd).map(|(text, number)| (text, *number)).collect();
    let odd = odd.into_iter().filter(|(text, _)| !(is_signs && *text == "-1"));
    let (shares, rest): (Vec<_>, Vec<_>) = odd.partition(|(_, number)| number.is_some_and(is_share));
    let texts = |odd: &[(&String, Option<f64>)]| -> Vec<String> {
        odd.iter().map(|(text, _)| (*text).clone()).collect()
    };
    let with = |missing: Vec<String>, uncertain: Vec<String>, how| {
        let mut one = base.clone();
        (one.values[2], one.values[3], one.how) = (missing, uncertain, how);
        one
    };
    let mut all = Vec::new();
    if shares.len() <= SHARES {
        let both = [&rest[..], &shares[..]].concat();
        all.push(with(texts(&both), Vec::new(), None));
        let (nothing, perhaps): (Vec<_>, Vec<_>) =
            both.into_iter().partition(|(text, number)| number.is_none() && is_nothing(text));
        if !perhaps.is_empty() {
            all.push(with(texts(&nothing), texts(&perhaps), None));
        }
    }
    if !shares.is_empty() {
        for how in ["--soft", "--threshold 0.5"] {
            all.push(with(texts(&rest), Vec::new(), Some(how)));
        }
    }
    let sides = [false, true].map(|side| columns.clone().any(|codes| codes.sides[usize::from(side)]));
    all.iter().filter_map(|one| one.flags(domain, sides)).collect()
}

impl Declaration {
    /// The flags, and what values mean by them; `None` where a value cannot be written in a flag.
    fn flags(&self, domain: &Domain, sides: [bool; 2]) -> Option<(Vec<String>, Domain)> {
        let mut declared = domain.clone();
        let mut flags = Vec::new();
        let lists = [
            ("positive", &mut declared.positive, 1),
            ("negative", &mut declared.negative, 0),
            ("missing", &mut declared.missing, 2),
            ("uncertain", &mut declared.uncertain, 3),
        ];
        for (name, list, place) in lists {
            let more = &self.values[place];
            if more.iter().any(|text| text.contains([',', '\n', '\r', '\0'])) {
                return None;
            }
            // Words take the place of 1 and 0, unless some cells hold these.
            let keeps = sides.get(place).copied().unwrap_or(true);
            let is_default = place < 2 && *list == [Literal::new(if place == 1 { "1" } else { "0" })];
            if is_default && !keeps && !more.is_empty() {
                list.clear();
            }
            list.extend(more.iter().map(|text| Literal::new(text)));
            let says_more = if place < 2 { !more.is_empty() || !is_default } else { !list.is_empty() };
            if says_more {
                let texts: Vec<String> = list.iter().map(ToString::to_string).collect();
                flags.push(format!("--{name}-values={}", for_shell(&texts.join(","))));
            }
        }
        if let Some(how) = self.how {
            flags.push(how.to_owned());
            declared.soft = how == "--soft";
            declared.threshold = (!declared.soft).then_some(0.5);
        }
        Some((flags, declared))
    }
}

/// The flag that declares such texts or numbers missing, beside those of the flags given; `None` where it cannot be
/// written.
pub(super) fn missing_flag(more: &[String], domain: &Domain) -> Option<String> {
    let one = Declaration { values: [Vec::new(), Vec::new(), more.to_vec(), Vec::new()], how: None };
    let (flags, _) = one.flags(domain, [true, true])?;
    flags.into_iter().find(|flag| flag.starts_with("--missing-values"))
}

/// The flags with which every value of a column has a side, each way by itself; no flag where all have one.
pub(super) fn ways(evidence: &ColumnEvidence, domain: &Domain) -> Vec<Vec<String>> {
    let codes = Codes::of(evidence, domain);
    if codes.is_settled() {
        return vec![Vec::new()];
    }
    if codes.is_near(false) {
        return declarations(&std::iter::once(&codes), domain).into_iter().map(|(flags, _)| flags).collect();
    }
    if domain.soft || domain.threshold.is_some() {
        // Counting says what is wrong with a number.
        return vec![Vec::new()];
    }
    let bounds = evidence.numbers().fold(None, |bounds: Option<[f64; 2]>, x| {
        bounds.map_or(Some([x, x]), |[least, most]| Some([least.min(x), most.max(x)]))
    });
    match bounds {
        Some([least, most]) if evidence.texts.is_empty() => {
            if least >= 0.0 && most <= 1.0 {
                return ["--soft", "--threshold 0.5"].map(|how| vec![how.to_owned()]).to_vec();
            }
            let middle = f64::midpoint(least, most);
            let middle = if most - least > 2.0 { middle.round() } else { middle };
            if middle.is_finite() { vec![vec![format!("--threshold={middle}")]] } else { Vec::new() }
        }
        _ => Vec::new(),
    }
}

fn is(literal: &Literal, number: f64) -> bool {
    let domain = Domain { missing: vec![literal.clone()], ..Domain::default() };
    domain.is_missing(&Value::of_number(number))
}

fn is_share(number: f64) -> bool {
    number > 0.0 && number < 1.0
}

fn is_nothing(text: &str) -> bool {
    NOTHING.iter().any(|nothing| text.trim().eq_ignore_ascii_case(nothing))
}

fn is_usual(text: &str, number: Option<f64>) -> bool {
    match number {
        Some(number) => USUAL.iter().any(|usual| usual.to_bits() == number.to_bits()),
        None => is_nothing(text) || PERHAPS.iter().any(|word| text.trim().eq_ignore_ascii_case(word)),
    }
}

/// The side that a word says.
fn side_of(text: &str) -> Option<bool> {
    let among =
        |yes: bool| WORDS.iter().any(|pair| text.eq_ignore_ascii_case(if yes { pair.0 } else { pair.1 }));
    if among(true) { Some(true) } else { among(false).then_some(false) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[&str], numbers: &[f64]) -> Codes {
        let mut evidence = ColumnEvidence::default();
        texts.iter().for_each(|text| *evidence.texts.entry((*text).to_owned()).or_default() += 1);
        numbers.iter().for_each(|number| evidence.number(*number, 1));
        Codes::of(&evidence, &Domain::default())
    }

    fn flags(columns: &[Codes]) -> Vec<String> {
        let all = declarations(&columns.iter(), &Domain::default());
        all.into_iter().map(|(flags, _)| flags.join(" ")).collect()
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
        ] {
            assert!(of(texts, &[]).is_near(false), "{texts:?}");
        }
        for texts in [&["0", "1"][..], &["a", "b"], &["f", "m"], &["1", "2", "3"], &["n", "s", "e", "w"]] {
            assert!(!of(texts, &[]).is_near(false), "{texts:?}");
        }
        for numbers in
            [&[0.0, 1.0, -1.0][..], &[1.0, -1.0], &[0.0, 255.0], &[0.0, 1.0, 0.5], &[0.0, 1.0, 2.0]]
        {
            assert!(of(&[], numbers).is_near(false), "{numbers:?}");
        }
        for numbers in [&[0.0, 1.0][..], &[31.0, 45.0], &[1.0, 2.0], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]] {
            assert!(!of(&[], numbers).is_near(false), "{numbers:?}");
        }
        assert!(!of(&["0", "1", "2"], &[]).is_near(true) && of(&["0", "1", "NA"], &[]).is_near(true));
        assert!(of(&[], &[0.0, 1.0, 2.0]).are_indices() && !of(&[], &[0.0, 1.0, 9.0]).are_indices());
    }

    #[test]
    fn every_value_is_declared_by_flags() {
        assert_eq!(
            flags(&[of(&["0", "1", "NA"], &[]), of(&[], &[0.0, 1.0, -1.0])]),
            ["--missing-values=-1,NA", "--missing-values=NA --uncertain-values=-1"]
        );
        assert_eq!(
            flags(&[of(&["Yes", "No", "N/A"], &[])]),
            ["--positive-values=Yes --negative-values=No --missing-values=N/A"]
        );
        assert_eq!(
            flags(&[of(&["t", "f"], &[]), of(&[], &[0.0, 1.0])]),
            ["--positive-values=1,t --negative-values=0,f"]
        );
        assert_eq!(flags(&[of(&[], &[1.0, -1.0])]), ["--negative-values=-1"]);
        assert_eq!(flags(&[of(&[], &[1.0, -1.0]), of(&[], &[0.0, 1.0, -1.0])]).len(), 2);
        assert_eq!(
            flags(&[of(&[], &[0.0, 1.0, 0.5])]),
            ["--missing-values=0.5", "--uncertain-values=0.5", "--soft", "--threshold 0.5"]
        );
        assert_eq!(flags(&[of(&[], &[0.0, 1.0, 0.1, 0.2, 0.3])]), ["--soft", "--threshold 0.5"]);
        assert_eq!(flags(&[of(&["0", "1", "a,b"], &[])]), Vec::<String>::new());
    }
}
