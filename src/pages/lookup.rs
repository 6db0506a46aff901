//! Which labels a stored value stands for.

use std::collections::HashMap;

use super::format::dictionary::Dictionary;
use super::format::leaf::LeafColumn;
use super::format::stream::Item;
use super::format::texts::TextParts;
use super::outcome::Step;
use super::value::StoredValue;

/// No label; never admitted to a counter.
pub(crate) const NO_LABEL: u32 = u32::MAX;

/// Says which labels a stored value stands for. The same value must give the same labels every time, because
/// a chunk may be read twice.
pub(crate) trait LabelSet {
    /// Appends to `out` the ids of the labels that `value` stands for: none, one or several. The implementor
    /// assigns the ids, from 0 up without gaps.
    ///
    /// # Errors
    /// A text that says what is wrong with the value. Its row counts as invalid.
    fn labels(&mut self, value: StoredValue<'_>, out: &mut Vec<u32>) -> Result<(), String>;

    /// True for a value that counts as missing. Where a row is one value, the row counts as a null row.
    fn is_missing(&self, _value: StoredValue<'_>) -> bool {
        false
    }

    /// True if some value may count as missing.
    fn has_missing(&self) -> bool {
        false
    }

    /// The byte at which a text is cut into parts that [`Self::part_labels`] looks up alone, if it is.
    fn separator(&self) -> Option<u8> {
        None
    }

    /// Puts into `out` the label of each part of several texts, or [`NO_LABEL`]. False where a part stands for several
    /// labels or for something wrong: then each text has to be given to [`Self::labels`].
    fn part_labels(&mut self, _parts: TextParts<'_>, _out: &mut Vec<u32>) -> bool {
        false
    }

    /// An integer below this bound is its own label id, and [`LabelSet::labels`] is not called for it.
    fn identity_bound(&self) -> Option<u32> {
        None
    }
}

/// Calls a [`LabelSet`], except for integers that are label ids themselves.
pub(crate) struct Lookup<'l> {
    labels: &'l mut dyn LabelSet,
    bound: u64,
    out: Vec<u32>,
}

impl<'l> Lookup<'l> {
    pub(crate) fn new(labels: &'l mut dyn LabelSet) -> Self {
        let bound = labels.identity_bound().map_or(0, u64::from);
        Self { labels, bound, out: Vec::new() }
    }

    /// Integers below this bound are labels themselves.
    pub(crate) fn bound(&self) -> u64 {
        self.bound
    }

    pub(crate) fn has_missing(&self) -> bool {
        self.labels.has_missing()
    }

    pub(crate) fn is_missing(&self, value: StoredValue<'_>) -> bool {
        self.labels.is_missing(value)
    }

    pub(crate) fn separator(&self) -> Option<u8> {
        self.labels.separator()
    }

    pub(crate) fn part_labels(&mut self, parts: TextParts<'_>, out: &mut Vec<u32>) -> bool {
        self.labels.part_labels(parts, out)
    }

    /// The labels that `value` stands for.
    pub(crate) fn labels(&mut self, value: StoredValue<'_>) -> Result<&[u32], String> {
        self.out.clear();
        let integer = match value {
            StoredValue::Int(int) => u64::try_from(int).ok(),
            StoredValue::UInt(int) => Some(int),
            _ => None,
        };
        match integer.filter(|int| *int < self.bound).and_then(|int| u32::try_from(int).ok()) {
            Some(label) => self.out.push(label),
            None => self.labels.labels(value, &mut self.out)?,
        }
        Ok(&self.out)
    }
}

/// The labels of the values of a chunk, looked up once per dictionary entry.
pub(crate) struct EntryLabels<'a> {
    leaf: LeafColumn,
    dictionary: Dictionary<'a>,
    /// By entry, its label where it has just one.
    single: Vec<u32>,
    /// Labels of all other entries that occurred.
    known: HashMap<u32, Result<Box<[u32]>, String>>,
}

/// An entry that did not occur yet, or does not have just one label.
const NOT_SINGLE: u32 = u32::MAX;

impl<'a> EntryLabels<'a> {
    pub(crate) fn new(leaf: LeafColumn, dictionary: Dictionary<'a>) -> Self {
        let single = vec![NOT_SINGLE; dictionary.len()];
        Self { leaf, dictionary, single, known: HashMap::new() }
    }

    /// The column of the values.
    pub(crate) fn leaf(&self) -> LeafColumn {
        self.leaf
    }

    /// The labels of a value, or what is wrong with it.
    pub(crate) fn of<'s>(
        &'s mut self,
        lookup: &'s mut Lookup<'_>,
        item: Item<'_>,
    ) -> Step<Result<&'s [u32], String>> {
        let index = match item {
            Item::Single(raw) => return Ok(lookup.labels(self.leaf.value(raw))),
            Item::Entry(index) => index,
        };
        self.dictionary.check(&[index])?;
        let single = &mut self.single[index as usize];
        if *single == NOT_SINGLE && !self.known.contains_key(&index) {
            match lookup.labels(self.dictionary.value(index as usize)) {
                Ok([label]) => *single = *label,
                labels => {
                    self.known.insert(index, labels.map(Box::from));
                }
            }
        }
        if *single != NOT_SINGLE {
            return Ok(Ok(std::slice::from_ref(single)));
        }
        Ok(match self.known.get(&index) {
            Some(labels) => labels.as_deref().map_err(Clone::clone),
            None => Ok(&[]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every value is label 100.
    struct Same(Option<u32>);

    impl LabelSet for Same {
        fn labels(&mut self, _: StoredValue<'_>, out: &mut Vec<u32>) -> Result<(), String> {
            out.push(100);
            Ok(())
        }

        fn identity_bound(&self) -> Option<u32> {
            self.0
        }
    }

    #[test]
    fn integers_below_the_bound_are_their_own_labels() {
        let mut same = Same(Some(5));
        let mut lookup = Lookup::new(&mut same);
        let values = [
            StoredValue::Int(4),
            StoredValue::UInt(4),
            StoredValue::Int(5),
            StoredValue::Int(-1),
            StoredValue::Text(b"4"),
            StoredValue::Float(4.0),
        ];
        let labels = values.map(|value| lookup.labels(value).unwrap()[0]);
        assert_eq!(labels, [4, 4, 100, 100, 100, 100]);
        assert_eq!(Lookup::new(&mut Same(None)).labels(StoredValue::Int(0)), Ok(&[100][..]));
    }
}
