//! Columns whose row holds a set of labels: a list, a delimited string, or one label.

use super::chunk::{Coding, Workspace, open};
use super::counter::SetCounter;
use super::dictionary::Histogram;
use super::hybrid::Hybrid;
use super::leaf::{LeafColumn, RawValue};
use super::levels::values;
use super::plain::{Neighbours, PlainValues};
use super::{Chunk, ChunkOutcome, Step, StoredValue, lists, settle, unsupported};
use crate::error::Result;

/// Which labels a stored value stands for. The same value must give the same labels every time: a chunk
/// may be read twice.
pub trait LabelSet {
    /// Appends to `out` the ids of the labels that `value` stands for: one, several, or none for a value
    /// that says nothing. Ids are small and dense, given out by the implementor.
    ///
    /// # Errors
    /// What is wrong with the value, as text; the row counts as invalid.
    fn labels(&mut self, value: StoredValue<'_>, out: &mut Vec<u32>) -> Result<(), String>;

    /// True for a value that says nothing. Where a row is one value, it counts as a null row then.
    fn is_missing(&self, _value: StoredValue<'_>) -> bool {
        false
    }

    /// A number below which an integer is its own label id; [`LabelSet::labels`] is then asked for the
    /// others only.
    fn identity_bound(&self) -> Option<u32> {
        None
    }
}

/// What the rows of a set column say, beside the positives in the [`SetCounter`]. A label's negatives
/// are the rows less null rows, invalid rows and its positives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SetCount {
    /// All rows.
    pub rows: u64,
    /// Rows whose list or value is NULL, or whose value says nothing. An empty list is not among them: it
    /// says that no label applies.
    pub null_rows: u64,
    /// Null elements inside lists, which were passed over.
    pub null_elements: u64,
    /// Rows with a value that names no label; they are positive for none.
    pub invalid_rows: u64,
    /// What is wrong with the first of them.
    pub first_invalid: Option<String>,
}

impl SetCount {
    pub(super) fn invalid(&mut self, text: &str, rows: u64) {
        self.invalid_rows += rows;
        self.first_invalid.get_or_insert_with(|| text.to_owned());
    }
}

/// Counts the labels of a column of sets into `counter`: a list of labels, or without a list one value
/// per row that stands for one or several. A label twice in a row counts once.
///
/// `labels` is asked once per dictionary entry that occurs, and for plain values once per run of equal
/// ones. On [`ChunkOutcome::Unsupported`] and on an error the counter is as it was.
///
/// # Errors
/// [`Error::Input`](crate::error::Error::Input) when a page contradicts itself or the footer.
pub fn count_sets(
    chunk: &Chunk<'_>,
    workspace: &mut Workspace,
    labels: &mut dyn LabelSet,
    counter: &mut SetCounter,
) -> Result<ChunkOutcome<SetCount>> {
    let mut lookup = Lookup::new(labels);
    let count = match LeafColumn::of(chunk.meta.column_descr()).map(|leaf| leaf.max_rep) {
        Ok(0) => counter
            .attempt(|counter| flat(chunk, workspace, &mut lookup, counter).map(Some))
            .map(Option::unwrap_or_default),
        Ok(1) => lists::count(chunk, workspace, &mut lookup, counter),
        Ok(lists) => unsupported(format!("{lists} lists inside each other")),
        Err(stop) => Err(stop),
    };
    settle(count)
}

fn flat(
    chunk: &Chunk<'_>,
    workspace: &mut Workspace,
    lookup: &mut Lookup<'_>,
    counter: &mut SetCounter,
) -> Step<SetCount> {
    let (leaf, dictionary, mut pages) = open(chunk, workspace)?;
    let mut count = SetCount { rows: chunk.rows, ..SetCount::default() };
    let (mut null_rows, mut missing_rows) = (0, 0);
    let mut add = |value: StoredValue<'_>, rows: u64| {
        if lookup.is_missing(value) {
            missing_rows += rows;
            return;
        }
        match lookup.labels(value) {
            Ok(labels) => counter.add(labels, u32::try_from(rows).unwrap_or(u32::MAX)),
            Err(text) => count.invalid(&text, rows),
        }
    };
    let mut histogram = Histogram::new(&dictionary);
    while let Some(page) = pages.next()? {
        let len = values(leaf, &page)?;
        null_rows += (page.slots - len) as u64;
        match page.coding {
            Coding::Dictionary => histogram.add(&dictionary, page.values, len)?,
            Coding::Rle => {
                let ones = Hybrid::booleans(page.values)?.ones(len)?;
                for (value, rows) in [(false, len - ones), (true, ones)] {
                    if rows > 0 {
                        add(StoredValue::Bool(value), rows as u64);
                    }
                }
            }
            Coding::Plain => {
                let mut values = PlainValues::new(leaf.physical, page.values);
                let mut neighbours = Neighbours::new();
                let mut add = |run: Option<(RawValue<'_>, u64)>| {
                    run.map_or((), |(raw, rows)| add(leaf.value(raw), rows))
                };
                for _ in 0..len {
                    add(neighbours.push(values.next()?));
                }
                add(neighbours.finish());
            }
        }
    }
    histogram.entries().for_each(|(index, rows)| add(dictionary.value(index), rows));
    count.null_rows = null_rows + missing_rows;
    Ok(count)
}

/// Asks for labels, but not where an integer is its own.
pub(super) struct Lookup<'l> {
    labels: &'l mut dyn LabelSet,
    bound: u64,
    out: Vec<u32>,
}

impl<'l> Lookup<'l> {
    pub(super) fn new(labels: &'l mut dyn LabelSet) -> Self {
        let bound = labels.identity_bound().map_or(0, u64::from);
        Self { labels, bound, out: Vec::new() }
    }

    /// Integers below are labels themselves.
    pub(super) fn bound(&self) -> u64 {
        self.bound
    }

    pub(super) fn is_missing(&self, value: StoredValue<'_>) -> bool {
        self.labels.is_missing(value)
    }

    /// The labels that `value` stands for.
    pub(super) fn labels(&mut self, value: StoredValue<'_>) -> Result<&[u32], String> {
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
