//! Which labels a stored value stands for.

use super::value::StoredValue;

/// Says which labels a stored value stands for. The same value must give the same labels every time, because
/// a chunk may be read twice.
pub trait LabelSet {
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

    /// An integer below this bound is its own label id, and [`LabelSet::labels`] is not called for it.
    fn identity_bound(&self) -> Option<u32> {
        None
    }
}

/// Calls a [`LabelSet`], except for integers that are label ids themselves.
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

    /// Integers below this bound are labels themselves.
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
