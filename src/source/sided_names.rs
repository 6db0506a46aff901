//! Names that end with what a row says of a label, where each should be one label.
//!
//! ```text
//! cat=0  cat=1  dog:yes  dog:no  cow:-1     sides of labels
//! java (0.31)  java (0.7)  go (0.5)         scores
//! java:2  java:1  go:1  r:7                 counts
//! ```

use std::collections::{BTreeSet, HashMap, HashSet};

use super::declarations::ways;
use super::evidence::ColumnEvidence;
use super::values::Domain;
use crate::findings::is_missing_name;

/// What stands before and behind the value at the end of a name.
const MARKS: [(&str, &str); 3] = [("=", ""), (":", ""), ("(", ")")];
/// Words, in small letters, that say whether a row has a label.
const WORDS: [&str; 22] = [
    "0",
    "1",
    "-1",
    "true",
    "false",
    "yes",
    "no",
    "y",
    "n",
    "t",
    "f",
    "on",
    "off",
    "pos",
    "neg",
    "positive",
    "negative",
    "present",
    "absent",
    "unknown",
    "uncertain",
    "u",
];
/// What may be put between names.
const SEPARATORS: [&str; 6] = ["|", ";", "¦", "~", "^", "‖"];
const POSITIVE: [&str; 4] = ["1", "true", "yes", "y"];
const NEGATIVE: [&str; 5] = ["0", "false", "no", "n", "-1"];
/// Labels of counts: two with several whole numbers may be attributes, such as grade and stage.
const COUNTED_MIN: usize = 3;
/// Values of a label from which they are measures of it, not its versions.
const MEASURED_MIN: usize = 4;

/// How names end with values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SidedNames {
    open: &'static str,
    close: &'static str,
    /// Different ones.
    values: Vec<String>,
    /// What no name has.
    pub(super) by: &'static str,
    /// Whether names have what JSON writes in another way.
    has_quotes: bool,
}

/// Expressions of SQL.
pub(super) struct Rewritten {
    /// Objects that give each name its value.
    pub(super) object: String,
    /// The names without values.
    pub(super) names: String,
    /// The value of one name.
    pub(super) value: String,
}

impl SidedNames {
    /// How all of these names end; `None` where the ends may be parts of names. With `are_pieces`, a row has several names.
    pub(super) fn of(names: &[(&str, u64)], are_pieces: bool) -> Option<Self> {
        MARKS.into_iter().find_map(|(open, close)| {
            let sided = names.iter().map(|(name, _)| split(name, open, close));
            let sided = sided.collect::<Option<Vec<_>>>()?;
            let mut of_keys: HashMap<&str, HashSet<&str>> = HashMap::new();
            for (key, value) in &sided {
                of_keys.entry(key).or_default().insert(value);
            }
            let values: BTreeSet<&str> = sided.iter().map(|(_, value)| *value).collect();
            let several = of_keys.values().filter(|values| values.len() > 1).count();
            let has = |sides: &[&str]| values.iter().any(|v| sides.contains(&v.to_lowercase().as_str()));
            let are_values = if values.iter().all(|value| is_word(value)) {
                // Each may have one side in all rows.
                several > 0 || of_keys.len() >= COUNTED_MIN && has(&POSITIVE) && has(&NEGATIVE)
            } else if values.iter().any(|value| number(value).is_none()) {
                false
            } else if values.iter().any(|value| number(value).is_some_and(|x| x.fract() != 0.0)) {
                let are_shares = values.iter().filter_map(|v| number(v)).all(|x| (0.0..=1.0).contains(&x));
                several > 0 && (are_shares || sided.len() >= MEASURED_MIN * of_keys.len())
            } else {
                // A year in brackets, a verse behind its chapter, the minutes of an hour are parts of names.
                let are_names = of_keys.keys().all(|key| number(key).is_none());
                let are_several = of_keys.len() >= COUNTED_MIN && several * 2 >= of_keys.len();
                are_pieces && close.is_empty() && are_names && are_several
            };
            if of_keys.len() < 2 || !are_values {
                return None;
            }
            let is_free = |by: &&&str| names.iter().all(|(name, _)| !name.contains(**by));
            let by = SEPARATORS.iter().find(is_free).or(SEPARATORS.first())?;
            let has_quotes = of_keys.keys().any(|key| key.contains(['"', '\\']));
            Some(Self {
                open,
                close,
                values: values.into_iter().map(str::to_owned).collect(),
                by,
                has_quotes,
            })
        })
    }

    /// What stands at the end, as a sentence goes on.
    pub(super) fn sentence(&self) -> String {
        let end = if self.values.iter().all(|value| is_word(value)) {
            self.values.join(" or ")
        } else {
            "a number".to_owned()
        };
        let place =
            if self.close.is_empty() { format!("behind {:?}", self.open) } else { "in brackets".to_owned() };
        format!("end with {end} {place}")
    }

    /// The flags with which all values have a side, each way by itself.
    pub(super) fn ways(&self) -> Vec<Vec<String>> {
        let mut evidence = ColumnEvidence::default();
        for value in &self.values {
            match number(value).filter(|_| self.are_numbers()) {
                Some(number) => evidence.number(number, 1),
                None => evidence.text(value, 1),
            }
        }
        ways(&evidence, &Domain::default())
    }

    /// Whether some values are neither sides nor words.
    pub(super) fn are_amounts(&self) -> bool {
        !self.values.iter().all(|value| is_word(value))
    }

    /// Whether all are whole numbers.
    pub(super) fn are_whole(&self) -> bool {
        self.values.iter().all(|value| number(value).is_some_and(|number| number.fract() == 0.0))
    }

    /// What SQL makes of names that `by` separates in `text`.
    pub(super) fn rewritten(&self, text: &str, by: &str) -> Rewritten {
        let (separator, open) = (escaped(by.trim()), escaped(self.open));
        let quote = if self.are_numbers() { "" } else { "\"" };
        let [key, end] = [key_before(&separator), self.end(&separator)];
        let quoted = if self.has_quotes {
            format!("replace(replace({text}, '\\', '\\\\'), '\"', '\\\"')")
        } else {
            text.to_owned()
        };
        let pairs = format!("regexp_replace({quoted}, '{key}{end}', '\"\\1\": {quote}\\2{quote}', 'g')");
        let by = by.trim().replace('\'', "''");
        Rewritten {
            object: format!("'{{' || replace({pairs}, '{by}', ', ') || '}}'"),
            names: format!("regexp_replace({text}, '{key}{end}', '\\1', 'g')"),
            value: format!("regexp_replace({text}, '^.*{open}\\s*(.*?)\\s*{}$', '\\1')", escaped(self.close)),
        }
    }

    /// What SQL makes of texts that hold lists of names in quotes.
    pub(super) fn rewritten_lists(&self, text: &str) -> Rewritten {
        let quote = if self.are_numbers() { "" } else { "\"" };
        // A name goes on to the quote that it began with.
        let pairs = |mark: &str| format!("{mark}{}{}{mark}", key_before(mark), self.end(mark));
        let (double, single) = (pairs("\""), pairs("''"));
        let replaced = |by: [&str; 2]| {
            format!(
                "regexp_replace(regexp_replace({text}, '{double}', '{}', 'g'), '{single}', '{}', 'g')",
                by[0], by[1]
            )
        };
        let object =
            replaced([&format!("\"\\1\": {quote}\\2{quote}"), &format!("''\\1'': {quote}\\2{quote}")]);
        Rewritten {
            object: format!("'{{' || btrim({object}, '[] ') || '}}'"),
            names: replaced(["\"\\1\"", "''\\1''"]),
            value: String::new(),
        }
    }

    /// The value, and what stands around it.
    fn end(&self, separator: &str) -> String {
        let (open, close) = (escaped(self.open), escaped(self.close));
        let behind = if close.is_empty() { String::new() } else { format!("{close}\\s*") };
        format!("\\s*{open}\\s*([^{separator}{open}{close}\\s]+)\\s*{behind}")
    }

    /// Whether all values are numbers as JSON writes them.
    fn are_numbers(&self) -> bool {
        self.values.iter().all(|value| serde_json::from_str::<serde_json::Number>(value).is_ok())
    }
}

/// The label and the value of a name.
fn split<'n>(name: &'n str, open: &str, close: &str) -> Option<(&'n str, &'n str)> {
    let (key, value) = name.trim().strip_suffix(close)?.rsplit_once(open)?;
    let (key, value) = (key.trim(), value.trim());
    (!key.is_empty() && (is_word(value) || number(value).is_some())).then_some((key, value))
}

/// The name, as long as it may be: what marks a value may be part of it.
fn key_before(separator: &str) -> String {
    format!("\\s*([^{separator}]*[^{separator}\\s])")
}

/// A text as a regular expression writes it.
fn escaped(text: &str) -> String {
    let of = |letter: char| {
        if r"\|()[]{}^$*+?.-&~#".contains(letter) { format!("\\{letter}") } else { letter.into() }
    };
    text.chars().map(of).collect()
}

fn is_word(value: &str) -> bool {
    is_missing_name(value) || WORDS.contains(&value.to_lowercase().as_str())
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str], are_pieces: bool) -> Option<(&'static str, usize)> {
        let names: Vec<_> = names.iter().map(|name| (*name, 10)).collect();
        SidedNames::of(&names, are_pieces).map(|found| (found.open, found.values.len()))
    }

    #[test]
    fn sides_scores_and_counts_are_seen() {
        for (names, found) in [
            (&["cat=0", "cat=1", "dog=0", "dog=1"][..], ("=", 2)),
            (&["cat:0", "cat:1", "dog:0"], (":", 2)),
            (&["cat: Yes", "cat: No", "dog: No"], (":", 2)),
            (&["cat=-1", "cat=0", "dog=1"], ("=", 3)),
            (&["c++:True", "c++:False", "go:True"], (":", 2)),
            (&["cat (y)", "cat (n)", "dog (n)"], ("(", 2)),
            (&["cat:0.25", "cat:0.5", "dog:1"], (":", 3)),
            (&["1=0", "1=1", "2=0", "2=1"], ("=", 2)),
            (&["17:0.25", "17:0.5", "44:0.5"], (":", 2)),
            (&["cat=1", "dog=1", "cow=0"], ("=", 2)),
            (&["cat (0.3)", "cat (0.7)", "dog (0.7)"], ("(", 2)),
            (&["a:1.5", "a:31.5", "a:7", "a:9.5", "a:99.5", "a:2", "b:31.5", "b:80"], (":", 7)),
        ] {
            assert_eq!(of(names, false), Some(found), "{names:?}");
        }
        let counts = ["c++:1", "c++:2", "java:1", "java:4", "go:1"];
        assert_eq!((of(&counts, true), of(&counts, false)), (Some((":", 3)), None));
    }

    #[test]
    fn parts_of_names_stay() {
        for names in [
            &["grade=1", "grade=2", "stage=1", "stage=2"][..],
            &["12:30", "12:31", "13:30", "13:31", "14:30", "14:31"],
            &["King Kong (1933)", "King Kong (1976)", "Solaris (1972)", "Solaris (2002)", "Ran (1985)"],
            &["Python (2.7)", "Python (3.8)", "Java (1.8)"],
            &["cat=1", "dog=1", "cow=1"],
            &["cat:0", "cat:1"],
            &["cat:0", "cat:1", "dog"],
            &["cat:0", "cat:1", "dog:brown"],
            &["color:red", "color:blue", "size:s"],
        ] {
            assert_eq!(of(names, true), None, "{names:?}");
        }
    }
}
