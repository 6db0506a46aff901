//! Millions of labels in the order of a value, of which a few places are asked for.

use std::collections::HashMap;

use super::larger_first;

/// Labels in the order of a value: the largest first, equals in label order, those without a value left out. Values are
/// sorted, labels are not: that takes half of the memory.
pub(super) struct LabelRanks<F> {
    labels: usize,
    of: F,
    /// The largest first.
    sorted: Vec<f64>,
}

impl<F: Fn(usize) -> Option<f64>> LabelRanks<F> {
    /// Of the labels 0 … `labels` - 1.
    pub(super) fn new(labels: usize, of: F) -> Self {
        let mut sorted = Vec::with_capacity(labels);
        sorted.extend((0..labels).filter_map(&of));
        sorted.sort_unstable_by(|a, b| b.total_cmp(a));
        Self { labels, of, sorted }
    }

    /// How many labels have a value.
    pub(super) fn len(&self) -> usize {
        self.sorted.len()
    }

    /// The labels at some of the places 0 … [`Self::len`] - 1.
    pub(super) fn at(&self, places: &[usize]) -> Vec<usize> {
        // Of the labels of each value, by bits, which ones are asked for, and where they go.
        let mut asked: HashMap<u64, Vec<(usize, usize)>> = HashMap::new();
        for (slot, &place) in places.iter().enumerate() {
            let value = self.sorted[place];
            asked.entry(value.to_bits()).or_default().push((place - self.larger(value), slot));
        }
        let mut seen: HashMap<u64, usize> = asked.keys().map(|value| (*value, 0)).collect();
        let mut found = vec![0; places.len()];
        for label in 0..self.labels {
            let Some(value) = (self.of)(label).map(f64::to_bits) else { continue };
            let (Some(slots), Some(before)) = (asked.get(&value), seen.get_mut(&value)) else { continue };
            for (_, slot) in slots.iter().filter(|(nth, _)| nth == before) {
                found[*slot] = label;
            }
            *before += 1;
        }
        found
    }

    /// The first and the last label for which `is` holds, each with its place.
    pub(super) fn ends(&self, is: impl Fn(usize) -> bool) -> Option<[(usize, usize); 2]> {
        let all = || {
            (0..self.labels)
                .filter_map(|label| Some(((self.of)(label)?, label)))
                .filter(|(_, label)| is(*label))
        };
        let ends = [all().min_by(larger_first)?, all().max_by(larger_first)?];
        Some(ends.map(|(value, label)| {
            let is_same = |other: &usize| (self.of)(*other).map(f64::to_bits) == Some(value.to_bits());
            (self.larger(value) + (0..label).filter(is_same).count(), label)
        }))
    }

    /// How many labels have a larger value.
    fn larger(&self, value: f64) -> usize {
        self.sorted.partition_point(|other| other.total_cmp(&value).is_gt())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn places_are_those_of_sorted_labels(
            values in proptest::collection::vec(proptest::option::of(-2..5_i32), 1..200),
        ) {
            let of = |label: usize| values[label].map(f64::from);
            let ranks = LabelRanks::new(values.len(), of);
            let mut sorted: Vec<(f64, usize)> =
                (0..values.len()).filter_map(|label| Some((of(label)?, label))).collect();
            sorted.sort_by(larger_first);
            let order: Vec<usize> = sorted.into_iter().map(|(_, label)| label).collect();
            prop_assert_eq!(ranks.len(), order.len());
            let places: Vec<usize> = (0..order.len()).rev().collect();
            let backwards: Vec<usize> = order.iter().rev().copied().collect();
            prop_assert_eq!(ranks.at(&places), backwards);
            let is = |label: usize| label % 3 == 1;
            let first = order.iter().position(|label| is(*label));
            let last = order.iter().rposition(|label| is(*label));
            let ends = first.zip(last).map(|(first, last)| [(first, order[first]), (last, order[last])]);
            prop_assert_eq!(ranks.ends(is), ends);
        }
    }
}
