//! The names of labels, in the order of the target tensor.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Label names in the order of the target tensor, stored end to end.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Labels {
    text: String,
    ends: Vec<usize>,
}

impl Labels {
    /// The names `0`, `1`, … `n-1`, for labels known only by their index.
    #[must_use]
    pub fn indices(n: usize) -> Self {
        let mut labels = Self { text: String::new(), ends: Vec::with_capacity(n) };
        for start in (0..n).step_by(10) {
            // Ten consecutive numbers share all digits except the last.
            let tens = if start == 0 { String::new() } else { (start / 10).to_string() };
            for digit in ('0'..='9').take(n - start) {
                labels.text.push_str(&tens);
                labels.text.push(digit);
                labels.ends.push(labels.text.len());
            }
        }
        labels
    }

    /// Number of labels, C.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True when there is no label.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The name of label `index`; the empty string beyond the last.
    #[must_use]
    pub fn name(&self, index: usize) -> &str {
        let Some(&end) = self.ends.get(index) else { return "" };
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..end]
    }

    /// All names in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.len()).map(|i| self.name(i))
    }

    /// Position of every name. With a repeated name the last position wins; see [`Labels::duplicate`].
    #[must_use]
    pub fn positions(&self) -> HashMap<&str, usize> {
        self.iter().enumerate().map(|(i, name)| (name, i)).collect()
    }

    /// The first duplicate name, with both positions.
    #[must_use]
    pub fn duplicate(&self) -> Option<(&str, usize, usize)> {
        let mut seen = HashMap::with_capacity(self.len());
        self.iter().enumerate().find_map(|(i, name)| seen.insert(name, i).map(|before| (name, before, i)))
    }

    /// Whether the names are in this order, each once. Counts are not looked at.
    #[must_use]
    pub fn are_in_order(&self, order: NameOrder) -> bool {
        (1..self.len()).all(|i| order.compare(self.name(i - 1), self.name(i)).is_lt())
    }

    /// Merges two lists that are in this order, in the same order.
    pub(super) fn union(&self, other: &Self, order: NameOrder) -> Self {
        let (mut all, mut a, mut b) = (Self::default(), self.iter().peekable(), other.iter().peekable());
        loop {
            let next = match (a.peek(), b.peek()) {
                (None, None) => return all,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(a), Some(b)) => order.compare(a, b),
            };
            let from_a = if next.is_le() { a.next() } else { None };
            let from_b = if next.is_ge() { b.next() } else { None };
            from_a.or(from_b).into_iter().for_each(|name| all.push(name));
        }
    }

    /// Adds a name at the end.
    pub fn push(&mut self, name: &str) {
        self.text.push_str(name);
        self.ends.push(self.text.len());
    }
}

impl<S: AsRef<str>> FromIterator<S> for Labels {
    fn from_iter<I: IntoIterator<Item = S>>(names: I) -> Self {
        let mut labels = Self::default();
        for name in names {
            labels.push(name.as_ref());
        }
        labels
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The order of labels whose names were found while counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NameOrder {
    /// By code point, as `sorted` in Python and scikit-learn's `LabelEncoder` do.
    #[default]
    Name,
    /// Integers by number and before words, words by code point.
    Number,
    /// The label with the most positives first; ties by code point.
    Frequency,
}

impl NameOrder {
    /// Which of two names comes first. Frequencies are not known here: names with the same number of
    /// positives compare by code point.
    #[must_use]
    pub fn compare(self, a: &str, b: &str) -> Ordering {
        match self {
            Self::Number => name_order(a, b),
            Self::Name | Self::Frequency => a.cmp(b),
        }
    }
}

/// Integers by number and before words, words by their bytes.
fn name_order(a: &str, b: &str) -> Ordering {
    match (number(a), number(b)) {
        (Some(x), Some(y)) => x.cmp(&y).then_with(|| a.cmp(b)),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    }
}

/// The name as an integer, if it is one.
pub(crate) fn number(name: &str) -> Option<i128> {
    // The first byte already excludes most names.
    let starts = |first: &u8| first.is_ascii_digit() || matches!(first, b'-' | b'+');
    name.as_bytes().first().filter(|first| starts(first)).and_then(|_| name.parse().ok())
}
