//! Counts of labels that are known by name only, until they are put in order.

use crate::counts::{Labels, Mass, Tally, number};

/// Names with their counts; a name may come in several parts.
#[derive(Debug, Default)]
pub(crate) struct Named {
    names: Labels,
    tallies: Vec<Tally>,
    /// Positives by weight; empty unless such are counted.
    masses: Vec<Mass>,
    /// Places of the names in the order of [`name_order`](crate::counts::name_order).
    order: Vec<u32>,
}

impl Named {
    pub(crate) fn push(&mut self, name: &str, tally: Tally, mass: Option<Mass>) {
        self.names.push(name);
        self.tallies.push(tally);
        self.masses.extend(mass);
    }

    /// Puts the names in order: those that are integers by number, then words by their bytes.
    pub(crate) fn sort(&mut self) {
        let (mut numbers, mut words) = (Vec::new(), Vec::new());
        for (name, place) in self.names.iter().zip(0_u32..) {
            match number(name) {
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
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, Tally, Option<Mass>)> {
        self.order.iter().map(|&place| {
            let place = place as usize;
            (self.names.name(place), self.tallies[place], self.masses.get(place).copied())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::name_order;

    #[test]
    fn sorting_keeps_to_the_order_and_to_the_counts() {
        let given = ["b", "10", "9", "a", "-3", "+10", "", "9", "é", "010", "- "];
        let mut named = Named::default();
        for (name, n) in given.iter().zip(1..) {
            named.push(name, Tally { positives: n, ..Tally::default() }, None);
        }
        named.sort();
        let mut expected: Vec<&str> = given.to_vec();
        expected.sort_by(|a, b| name_order(a, b));
        assert_eq!(named.names().collect::<Vec<_>>(), expected);
        assert_eq!(expected, ["-3", "9", "9", "+10", "010", "10", "", "- ", "a", "b", "é"]);
        for (name, tally, _) in named.iter() {
            assert_eq!(given[usize::try_from(tally.positives).unwrap() - 1], name);
        }
    }
}
