//! Decisions of a sampling plan about rows.

use serde::{Deserialize, Serialize};

/// The decisions about consecutive rows of a shard.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Decisions {
    /// Number of the first row in the shard.
    pub first_row: u64,
    /// Number of rows of the block, including dropped ones.
    pub rows: u64,
    /// Which of these rows have a value, ascending from 0; `None` if all have one.
    pub chosen: Option<Vec<u32>>,
    /// For each of these rows: how often it occurs, or the number of its fold.
    pub values: Values,
    /// The weight of each row, if the plan has weights.
    pub weights: Option<Vec<f64>>,
}

impl Decisions {
    /// Memory in bytes.
    #[must_use]
    pub(crate) fn bytes(&self) -> usize {
        let weights = self.weights.as_ref().map_or(0, |weights| weights.len() * size_of::<f64>());
        let chosen = self.chosen.as_ref().map_or(0, |chosen| chosen.len() * size_of::<u32>());
        weights + chosen + self.values.bytes() + size_of::<Self>()
    }

    /// Rows per epoch, if values are repeat counts.
    #[must_use]
    pub(crate) fn sum(&self) -> u64 {
        match &self.values {
            Values::Same(value, n) => u64::from(*value) * *n as u64,
            Values::Small(values) => values.iter().map(|value| u64::from(*value)).sum(),
            Values::Any(values) => values.iter().map(|value| u64::from(*value)).sum(),
        }
    }

    /// The row number in the shard of the value at `place`.
    #[must_use]
    pub(crate) fn row(&self, place: usize) -> u64 {
        let at = self
            .chosen
            .as_ref()
            .map_or(place as u64, |chosen| chosen.get(place).copied().unwrap_or(0).into());
        self.first_row + at
    }
}

/// Whole numbers in as few bytes as possible.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Values {
    /// One value for this many rows.
    Same(u32, usize),
    /// Numbers below 256.
    Small(Vec<u8>),
    /// Any numbers.
    Any(Vec<u32>),
}

impl Default for Values {
    fn default() -> Self {
        Self::Same(1, 0)
    }
}

impl Values {
    /// Number of values.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Same(_, n) => *n,
            Self::Small(values) => values.len(),
            Self::Any(values) => values.len(),
        }
    }

    /// The value at a position; 0 after the last.
    #[must_use]
    pub(crate) fn get(&self, place: usize) -> u32 {
        match self {
            Self::Same(value, n) => {
                if place < *n {
                    *value
                } else {
                    0
                }
            }
            Self::Small(values) => values.get(place).copied().unwrap_or(0).into(),
            Self::Any(values) => values.get(place).copied().unwrap_or(0),
        }
    }

    /// Adds a value at the end.
    #[inline]
    pub(crate) fn push(&mut self, value: u32) {
        match self {
            Self::Same(same, n) if *same == value || *n == 0 => (*same, *n) = (value, *n + 1),
            Self::Small(values) if value < 256 => values.push(value.to_le_bytes()[0]),
            Self::Any(values) => values.push(value),
            narrow => {
                let all = (0..narrow.len()).map(|place| narrow.get(place)).chain([value]);
                *narrow = if all.clone().all(|value| value < 256) {
                    Self::Small(all.map(|value| value.to_le_bytes()[0]).collect())
                } else {
                    Self::Any(all.collect())
                };
            }
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Same(..) => 0,
            Self::Small(values) => values.len(),
            Self::Any(values) => values.len() * size_of::<u32>(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_take_what_they_need() {
        let mut values = Values::default();
        let mut expected = Vec::new();
        for (value, is) in [(0, 0), (0, 0), (255, 1), (7, 1), (256, 2), (1, 2)] {
            values.push(value);
            expected.push(value);
            let kind = match values {
                Values::Same(..) => 0,
                Values::Small(_) => 1,
                Values::Any(_) => 2,
            };
            assert_eq!(kind, is);
            assert_eq!((0..values.len()).map(|i| values.get(i)).collect::<Vec<_>>(), expected);
        }
        assert_eq!(values.get(99), 0);
    }

    #[test]
    fn rows_are_known_by_their_number() {
        let mut decisions = Decisions { first_row: 10, rows: 4, ..Decisions::default() };
        [2, 2, 0].into_iter().for_each(|value| decisions.values.push(value));
        assert_eq!((decisions.row(2), decisions.sum()), (12, 4));
        decisions.chosen = Some(vec![0, 1, 3]);
        assert_eq!(decisions.row(2), 13);
    }
}
