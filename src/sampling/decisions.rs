//! What was decided of rows.

use serde::{Deserialize, Serialize};

/// What was decided of some consecutive rows of a shard.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Decisions {
    /// Number of the first row in the shard.
    pub first_row: u64,
    /// Rows that the block stands for.
    pub rows: u64,
    /// Which of them are there, ascending from 0; `None` where all are.
    pub chosen: Option<Vec<u32>>,
    /// Of each row that is there: how often it is seen, or the number of its fold.
    pub values: Values,
    /// What each weighs, where rows are weighed.
    pub weights: Option<Vec<f64>>,
}

impl Decisions {
    /// Bytes that these take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let weights = self.weights.as_ref().map_or(0, |weights| weights.len() * size_of::<f64>());
        let chosen = self.chosen.as_ref().map_or(0, |chosen| chosen.len() * size_of::<u32>());
        weights + chosen + self.values.bytes() + size_of::<Self>()
    }

    /// Rows of an epoch, where values say how often each is seen.
    #[must_use]
    pub fn sum(&self) -> u64 {
        match &self.values {
            Values::Same(value, n) => u64::from(*value) * *n as u64,
            Values::Small(values) => values.iter().map(|value| u64::from(*value)).sum(),
            Values::Any(values) => values.iter().map(|value| u64::from(*value)).sum(),
        }
    }

    /// The number in the shard of the row at a place among those that are there.
    #[must_use]
    pub fn row(&self, place: usize) -> u64 {
        let at = self
            .chosen
            .as_ref()
            .map_or(place as u64, |chosen| chosen.get(place).copied().unwrap_or(0).into());
        self.first_row + at
    }
}

/// Whole numbers, in as few bytes as they need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Values {
    /// The same for so many rows.
    Same(u32, usize),
    /// Below 256.
    Small(Vec<u8>),
    /// Any.
    Any(Vec<u32>),
}

impl Default for Values {
    fn default() -> Self {
        Self::Same(1, 0)
    }
}

impl Values {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Same(_, n) => *n,
            Self::Small(values) => values.len(),
            Self::Any(values) => values.len(),
        }
    }

    /// True when there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value at a place; 0 behind the last.
    #[must_use]
    pub fn get(&self, place: usize) -> u32 {
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
    pub fn push(&mut self, value: u32) {
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
