//! Counts of labels that are known by name only, until they are put in order.

#[cfg(feature = "cluster")]
use std::hash::BuildHasher;

#[cfg(feature = "cluster")]
use hashbrown::{DefaultHashBuilder, HashTable};

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
    #[cfg(feature = "cluster")]
    known: NamePlaces,
}

/// Finds the places of names that were added.
#[cfg(feature = "cluster")]
#[derive(Debug, Default)]
struct NamePlaces {
    places: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Named {
    pub(crate) fn push(&mut self, name: &str, tally: Tally, mass: Option<MassTally>) {
        self.names.push(name);
        self.tallies.push(tally);
        self.masses.extend(mass);
    }

    /// Adds the counts of a name to those that it has; `None` when they pass their range. Where many machines count
    /// the same names, this takes less time and memory than to keep all parts until they are sorted.
    #[cfg(feature = "cluster")]
    pub(crate) fn add(&mut self, name: &str, tally: Tally, mass: Option<MassTally>) -> Option<()> {
        let Self { names, known: NamePlaces { places, hasher }, .. } = self;
        let hash = hasher.hash_one(name);
        if let Some(&place) = places.find(hash, |&place| names.name(place as usize) == name) {
            let place = place as usize;
            self.tallies[place] = self.tallies[place].checked_add(&tally)?;
            if let (Some(sum), Some(mass)) = (self.masses.get_mut(place), mass) {
                *sum = sum.checked_add(&mass)?;
            }
            return Some(());
        }
        let place = u32::try_from(names.len()).ok()?;
        let of = |place: &u32| hasher.hash_one(names.name(*place as usize));
        places.insert_unique(hash, place, of);
        self.push(name, tally, mass);
        Some(())
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

    #[test]
    #[cfg(feature = "cluster")]
    fn parts_of_a_name_are_added_up() {
        use std::collections::BTreeMap;

        use crate::counts::Mass;

        let (mut pushed, mut added) = (Named::default(), Named::default());
        for n in 0..5_000_u64 {
            let (name, mass) = (
                format!("l{}", n * n % 1_000),
                MassTally { positives: Mass::from_rows(n), ..MassTally::default() },
            );
            let tally = Tally { positives: n, missing: 1, ..Tally::default() };
            pushed.push(&name, tally, Some(mass));
            added.add(&name, tally, Some(mass)).unwrap();
        }
        let mut sums: BTreeMap<String, (Tally, MassTally)> = BTreeMap::new();
        pushed.sort(NameOrder::Name);
        for (name, tally, mass) in pushed.iter() {
            let sum = sums.entry(name.to_owned()).or_default();
            *sum = (sum.0.checked_add(&tally).unwrap(), sum.1.checked_add(&mass.unwrap()).unwrap());
        }
        added.sort(NameOrder::Name);
        let found = added.iter().map(|(name, tally, mass)| (name.to_owned(), (tally, mass.unwrap())));
        assert_eq!(found.collect::<Vec<_>>(), sums.into_iter().collect::<Vec<_>>());
        let most = Tally { positives: u64::MAX, ..Tally::default() };
        assert_eq!(added.add("l1", most, None), None);
    }
}
