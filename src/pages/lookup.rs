//! Which labels a stored value stands for.

use super::value::StoredValue;

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
