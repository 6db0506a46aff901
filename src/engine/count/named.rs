//! Counts of labels that are known by name only, until they are put in order.

use crate::counts::{Labels, MassTally, NameOrder, Tally, number};

/// Names with their counts; a name may come in several parts.
#[derive(Debug, Default)]
pub(crate) struct Named {
    names: Labels,
    tallies: Vec<Tally>,
    /// Empty unless masses are counted.
    masses: Vec<MassTally>,
    /// Places of the names in their order.
    order: Vec<u32>,
}

impl Named {
    pub(crate) fn push(&mut self, name: &str, tally: Tally, mass: Option<MassTally>) {
        self.names.push(name);
        self.tallies.push(tally);
        self.masses.extend(mass);
    }

    /// Puts the names in this order. Names by frequency are sorted by code point until their counts are known.
    pub(crate) fn sort(&mut self, order: NameOrder) {
        let (mut numbers, mut words) = (Vec::new(), Vec::new());
        for (name, place) in self.names.iter().zip(0_u32..) {
            match number(name).filter(|_| order == NameOrder::Number) {
                Some(number) => numbers.push((number, place)),
                None => words.push(place),
            }
        }
        let name = |place: u32| self.names.name(place as usize);
        numbers.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| name(a.1).cmp(name(b.1))));
        words.sort_unstable_by(|&a, &b| name(a).cmp(name(b)));
        self.order = numbers.into_iter().map(|(_, place)| place).chain(words).collect();
    }

    /// Names in order, each as often as it has parts.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.order.iter().map(|&place| self.names.name(place as usize))
    }

    /// Names in order, with their counts.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, Tally, Option<MassTally>)> {
        self.order.iter().map(|&place| {
            let place = place as usize;
            (self.names.name(place), self.tallies[place], self.masses.get(place).copied())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorting_keeps_to_the_order_and_to_the_counts() {
        let given = ["b", "10", "9", "a", "-3", "+10", "", "9", "é", "010", "- "];
        let mut named = Named::default();
        for (name, n) in given.iter().zip(1..) {
            named.push(name, Tally { positives: n, ..Tally::default() }, None);
        }
        for (order, sorted) in [
            (NameOrder::Number, ["-3", "9", "9", "+10", "010", "10", "", "- ", "a", "b", "é"]),
            (NameOrder::Name, ["", "+10", "- ", "-3", "010", "10", "9", "9", "a", "b", "é"]),
        ] {
            named.sort(order);
            let mut expected: Vec<&str> = given.to_vec();
            expected.sort_by(|a, b| order.compare(a, b));
            assert_eq!(named.names().collect::<Vec<_>>(), expected);
            assert_eq!(expected, sorted);
            for (name, tally, _) in named.iter() {
                assert_eq!(given[usize::try_from(tally.positives).unwrap() - 1], name);
            }
        }
    }
}
