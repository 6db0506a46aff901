//! The flags that declare what values mean, for columns whose values have no side by themselves.

use std::collections::{BTreeMap, BTreeSet};

use super::codes::{Codes, is_nothing, is_share, is_usual};
use super::evidence::ColumnEvidence;
use super::spelling::Spelling;
use super::values::{Domain, Literal, Value};
use crate::error::for_shell;

/// Different shares at most that may each be a code.
const SHARES: usize = 2;

/// The number from which whole numbers are more likely codes than counts.
const COUNTS_END: f64 = 9.0;

/// A declaration of values: what is added to each side.
#[derive(Debug, Clone, Default)]
struct Declaration {
    /// Negative, positive, missing and uncertain values, beside those of the flags.
    values: [Vec<String>; 4],
    how: Option<&'static str>,
    spelling: Spelling,
    /// 0 is not negative.
    is_zero_unknown: bool,
}

/// The ways to declare the values of columns that are labels together: the flags of each, which say all that the flags
/// given say too, and the meaning of values that follows.
pub(super) fn declarations<'c>(
    columns: &(impl Iterator<Item = &'c Codes> + Clone),
    domain: &Domain,
) -> Vec<(Vec<String>, Domain)> {
    let holding = || columns.clone().filter(|codes| codes.odd.contains_key("-1"));
    let is_signs = holding().count() > 0 && holding().all(Codes::is_signs);
    let mut base = Declaration { spelling: spelling_of(columns, domain), ..Declaration::default() };
    for side in [false, true] {
        let place = usize::from(side);
        let words: BTreeSet<&String> = columns.clone().flat_map(|codes| &codes.words[place]).collect();
        base.values[place] = base.spelled_once(words.into_iter());
    }
    if is_signs {
        base.values[0].push("-1".to_owned());
    }
    let odd: BTreeMap<&String, Option<f64>> =
        columns.clone().flat_map(|codes| &codes.odd).map(|(text, number)| (text, *number)).collect();
    let odd = odd.into_iter().filter(|(text, _)| !(is_signs && *text == "-1"));
    let (shares, rest): (Vec<_>, Vec<_>) = odd.partition(|(_, number)| number.is_some_and(is_share));
    let texts = |odd: &[(&String, Option<f64>)]| base.spelled_once(odd.iter().map(|(text, _)| *text));
    let with = |missing: Vec<String>, uncertain: Vec<String>, how| {
        let mut one = base.clone();
        (one.values[2], one.values[3], one.how) = (missing, uncertain, how);
        one
    };
    let sides = [false, true].map(|side| columns.clone().any(|codes| codes.has(side)));
    let mut all = Vec::new();
    if let ([true, false], [(only, Some(_))], []) = (sides, &rest[..], &shares[..]) {
        // Masks of 0 and 255.
        let mut one = base.clone();
        one.values[1].push((*only).clone());
        all.push(one);
    }
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
    if !is_signs && shares.is_empty() && holding().any(Codes::are_signs_and_zero) {
        // As some write what nobody looked at.
        let others: Vec<_> = rest.iter().filter(|(text, _)| *text != "-1").copied().collect();
        let mut one = with([vec!["0".to_owned()], texts(&others)].concat(), Vec::new(), None);
        one.values[0].push("-1".to_owned());
        one.is_zero_unknown = true;
        all.push(one);
    }
    // Of counts, such as votes, each says that there is one.
    let is_count =
        |number: &Option<f64>| number.is_some_and(|x| x >= 2.0 && x.fract() == 0.0 && x < COUNTS_END);
    let (counts, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(|(_, number)| is_count(number));
    if sides == [true, true] && !counts.is_empty() && shares.is_empty() {
        all.push(with(texts(&others), Vec::new(), Some("--threshold 1")));
    }
    let sides = [false, true].map(|side| columns.clone().any(|codes| codes.sides[usize::from(side)]));
    all.iter().filter_map(|one| one.flags(domain, sides)).collect()
}

/// The spelling with which words of one side that differ in blanks or case are one.
fn spelling_of<'c>(columns: &(impl Iterator<Item = &'c Codes> + Clone), domain: &Domain) -> Spelling {
    let mut spelling = domain.spelling;
    let words: BTreeSet<&str> =
        columns.clone().flat_map(|codes| codes.words.iter().flatten()).map(String::as_str).collect();
    let has_blanks = |text: &&str| text.trim() != *text;
    spelling.trim |= words.iter().any(has_blanks) || columns.clone().any(|codes| !codes.padded.is_empty());
    let whatever_case = Spelling { ignore_case: true, ..spelling };
    let distinct = |spelling: Spelling| words.iter().map(|text| spelling.key(text)).collect::<BTreeSet<_>>();
    spelling.ignore_case |= distinct(whatever_case).len() < distinct(spelling).len();
    spelling
}

impl Declaration {
    /// The texts that differ by its spelling.
    fn spelled_once<'t>(&self, texts: impl Iterator<Item = &'t String>) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let new = texts.filter(|text| seen.insert(self.spelling.key(text).into_owned()));
        // A blank that is declared by itself stays one.
        new.map(|text| if text.trim().is_empty() { text } else { self.spelling.trimmed(text) })
            .map(str::to_owned)
            .collect()
    }

    /// The flags, and what values mean by them; `None` where a value cannot be written in a flag.
    fn flags(&self, domain: &Domain, sides: [bool; 2]) -> Option<(Vec<String>, Domain)> {
        let mut declared = domain.clone();
        let mut flags = Vec::new();
        let flag_of = [
            ("--trim", self.spelling.trim, &mut declared.spelling.trim),
            ("--ignore-case", self.spelling.ignore_case, &mut declared.spelling.ignore_case),
        ];
        for (flag, is_meant, is_said) in flag_of {
            // What was said already is not said again.
            if is_meant && !std::mem::replace(is_said, true) {
                flags.push(flag.to_owned());
            }
        }
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
            let keeps = sides.get(place).copied().unwrap_or(true) && !(place == 0 && self.is_zero_unknown);
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
            declared.threshold = how.strip_prefix("--threshold ").and_then(|at| at.parse().ok());
        }
        Some((flags, declared))
    }
}

/// The flag that declares such texts or numbers missing, beside those of the flags given; `None` where it cannot be
/// written.
pub(super) fn missing_flag(more: &[String], domain: &Domain) -> Option<String> {
    let values = [Vec::new(), Vec::new(), more.to_vec(), Vec::new()];
    let one = Declaration { values, spelling: domain.spelling, ..Declaration::default() };
    let (flags, _) = one.flags(domain, [true, true])?;
    flags.into_iter().find(|flag| flag.starts_with("--missing-values"))
}

/// The flags with which every value of a column has a side, each way by itself; no flag where all have one.
pub(super) fn ways(evidence: &ColumnEvidence, domain: &Domain) -> Vec<Vec<String>> {
    let codes = Codes::of(evidence, domain);
    if codes.is_settled() || !evidence.has_values() {
        return vec![Vec::new()];
    }
    if codes.is_near(false) {
        return declarations(&std::iter::once(&codes), domain).into_iter().map(|(flags, _)| flags).collect();
    }
    if domain.soft || domain.threshold.is_some() {
        // Counting says what is wrong with a number.
        return vec![Vec::new()];
    }
    if !evidence.texts.is_empty() {
        return Vec::new();
    }
    if let Some(outside) = codes_beside_shares(evidence, domain) {
        return ways_of_shares(&outside, domain).into_iter().map(|(flags, _)| flags).collect();
    }
    let bounds = evidence.numbers().filter(|x| !is_missing(*x, domain));
    let bounds = bounds.fold(None, |bounds: Option<[f64; 2]>, x| {
        bounds.map_or(Some([x, x]), |[least, most]| Some([least.min(x), most.max(x)]))
    });
    let Some([least, most]) = bounds else { return Vec::new() };
    let middle = f64::midpoint(least, most);
    let middle = if most - least > 2.0 { middle.round() } else { middle };
    if middle.is_finite() { vec![vec![format!("--threshold={middle}")]] } else { Vec::new() }
}

/// The same for values that rows name with their labels: of counts, each says that there is one.
pub(super) fn ways_of_named(evidence: &ColumnEvidence, domain: &Domain) -> Vec<Vec<String>> {
    let mut all = ways(evidence, domain);
    let are_counts = evidence.texts.is_empty() && evidence.numbers().all(|x| x >= 1.0 && x.fract() == 0.0);
    if are_counts && all.iter().flatten().any(|flag| flag.starts_with("--threshold=")) {
        all.insert(0, vec!["--threshold=1".to_owned()]);
    }
    all
}

/// The numbers of a column that often stand for "unknown", where all others are from 0 to 1; `None` for other columns.
pub(super) fn codes_beside_shares(evidence: &ColumnEvidence, domain: &Domain) -> Option<BTreeSet<String>> {
    let known = evidence.numbers().filter(|x| !is_missing(*x, domain));
    let (inside, outside): (Vec<f64>, Vec<f64>) = known.partition(|x| (0.0..=1.0).contains(x));
    let text = |x: f64| Value::of_number(x).to_string();
    let are_codes = outside.iter().all(|x| is_usual("", Some(*x)));
    let are_shares =
        if outside.is_empty() { !inside.is_empty() } else { inside.iter().any(|x| is_share(*x)) };
    (are_shares && are_codes).then(|| outside.into_iter().map(text).collect())
}

/// The flags that count shares in part, or part them; and the meaning of values that follows. Other numbers are missing.
pub(super) fn ways_of_shares(missing: &BTreeSet<String>, domain: &Domain) -> Vec<(Vec<String>, Domain)> {
    let ways = ["--soft", "--threshold 0.5"].map(|how| {
        let values = [Vec::new(), Vec::new(), missing.iter().cloned().collect(), Vec::new()];
        let no_side_said = [true, true];
        let one = Declaration { values, how: Some(how), spelling: domain.spelling, ..Declaration::default() };
        one.flags(domain, no_side_said)
    });
    ways.into_iter().flatten().collect()
}

fn is_missing(number: f64, domain: &Domain) -> bool {
    domain.is_missing(&Value::of_number(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::codes::tests::of;

    fn flags(columns: &[Codes]) -> Vec<String> {
        let all = declarations(&columns.iter(), &Domain::default());
        all.into_iter().map(|(flags, _)| flags.join(" ")).collect()
    }

    #[test]
    fn every_value_is_declared_by_flags() {
        assert_eq!(
            flags(&[of(&["0", "1", "NA"], &[]), of(&[], &[0.0, 1.0, -1.0])]),
            [
                "--missing-values=-1,NA",
                "--missing-values=NA --uncertain-values=-1",
                "--negative-values=-1 --missing-values=0,NA"
            ]
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
        assert_eq!(flags(&[of(&[], &[1.0, -1.0]), of(&[], &[0.0, 1.0, -1.0])]).len(), 3);
        assert_eq!(
            flags(&[of(&[], &[0.0, 1.0, 0.5])]),
            ["--missing-values=0.5", "--uncertain-values=0.5", "--soft", "--threshold 0.5"]
        );
        assert_eq!(flags(&[of(&[], &[0.0, 1.0, 0.1, 0.2, 0.3])]), ["--soft", "--threshold 0.5"]);
        assert_eq!(flags(&[of(&["0", "1", "a,b"], &[])]), Vec::<String>::new());
        assert_eq!(
            flags(&[of(&[], &[0.0, 255.0])]),
            ["--positive-values=255", "--missing-values=255", "--uncertain-values=255"]
        );
        assert_eq!(
            flags(&[of(&["Yes", "no ", " N/A"], &[]), of(&["yes", "No"], &[])]),
            ["--trim --ignore-case --positive-values=Yes --negative-values=No --missing-values=N/A"]
        );
        assert_eq!(flags(&[of(&[" 1", "0", " "], &[])]), ["--trim --missing-values=' '"]);
    }

    #[test]
    fn numbers_of_any_precision_have_flags() {
        let told = |numbers: &mut dyn Iterator<Item = f64>, domain: &Domain| {
            let mut evidence = ColumnEvidence::default();
            numbers.for_each(|number| evidence.number(number, 1));
            ways(&evidence, domain).into_iter().map(|flags| flags.join(" ")).collect::<Vec<_>>()
        };
        let shares = || (0..9000).map(|i| f64::from(i) / 9001.0);
        let usual = Domain::default();
        assert_eq!(told(&mut shares(), &usual), ["--soft", "--threshold 0.5"]);
        assert_eq!(
            told(&mut std::iter::once(-1.0).chain(shares()), &usual),
            ["--missing-values=-1 --soft", "--missing-values=-1 --threshold 0.5"]
        );
        let declared = Domain { missing: vec![Literal::new("-1")], ..usual.clone() };
        assert_eq!(
            told(&mut std::iter::once(-1.0).chain(shares()), &declared),
            ["--missing-values=-1 --soft", "--missing-values=-1 --threshold 0.5"]
        );
        assert_eq!(told(&mut shares().step_by(9).map(|x| x * 9.0 - 1.5), &usual), ["--threshold=3"]);
        let soft = Domain { soft: true, ..usual };
        assert_eq!(told(&mut shares(), &soft), [""]);
    }
}
