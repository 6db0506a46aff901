//! How often labels occur together.
//!
//! ```text
//! rows of few labels   pair by pair: one addition for each pair of labels of a row
//! rows of many         bit by bit: a row of bits per frequent label, and how many are set in both of two
//! ```

use crate::label_sets::LabelSets;

/// Number of rows with label i on one side and label j on the other: a C × C matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Together {
    labels: usize,
    /// Row-major, C × C.
    counts: Vec<u64>,
}

impl Together {
    /// Of `labels` labels, row-major.
    pub(crate) fn of(labels: usize, counts: Vec<u64>) -> Self {
        Self { labels, counts }
    }

    /// Rows with label `one` on one side and `other` on the other.
    #[must_use]
    pub fn get(&self, one: usize, other: usize) -> u64 {
        self.counts[one * self.labels + other]
    }

    /// All counts, row-major.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Adds rows of each label with itself.
    pub(crate) fn add_to_diagonal(&mut self, rows: impl Iterator<Item = u64>) {
        let diagonal = self.counts.iter_mut().step_by(self.labels + 1);
        diagonal.zip(rows).for_each(|(count, more)| *count += more);
    }

    /// Adds `rows` rows to every pair.
    pub(crate) fn add_to_all(&mut self, rows: u64) {
        self.counts.iter_mut().for_each(|count| *count += rows);
    }
}

/// Which labels of a row form the two sides of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sides {
    /// Positive labels on both sides.
    Positives,
    /// Missing labels on both sides.
    Unknown,
    /// Positive labels on one side, missing labels on the other.
    Mixed,
}

/// Counts pairs of labels, row after row; no label with itself.
#[derive(Debug, Clone)]
pub(crate) struct Pairs {
    labels: usize,
    sides: Sides,
    /// Pairs not yet in `totals`: row-major; without the part below the diagonal if both sides are the same.
    counts: Vec<u32>,
    /// Where the pairs of a label begin, minus the position of the first label they are paired with.
    starts: Vec<usize>,
    /// Rows that may be in `counts`.
    rows: u64,
    totals: Vec<u64>,
    frequent: [Frequent; 2],
}

/// A label is frequent if at least one row in this many has it: for two frequent labels, words of bits are
/// faster than rows.
const ONE_IN: usize = 8;
/// Frequent labels per row, on average, from which words of bits are faster.
const FREQUENT_MIN: usize = 6;
/// The position of a label that is not frequent.
const RARE: u32 = u32::MAX;

/// Labels that many rows of a block have.
#[derive(Debug, Clone, Default)]
struct Frequent {
    labels: Vec<u32>,
    /// The position of each label among the frequent ones.
    places: Vec<u32>,
    /// How many rows have each label.
    rows: Vec<u32>,
    /// One bit per row for each frequent label.
    bits: Vec<u64>,
    words: usize,
}

impl Frequent {
    /// Finds the frequent labels of a block of `rows` rows; false when there are too few.
    fn find<'s>(&mut self, labels: usize, rows: usize, sets: impl Iterator<Item = &'s [u32]>) -> bool {
        self.rows.clear();
        self.rows.resize(labels, 0);
        for set in sets {
            set.iter().for_each(|&label| self.rows[label as usize] += 1);
        }
        self.labels.clear();
        self.places.clear();
        self.places.resize(labels, RARE);
        let mut size = 0;
        for (label, &times) in (0..).zip(&self.rows) {
            if times as usize * ONE_IN >= rows && times > 0 {
                self.places[label as usize] = u32::try_from(self.labels.len()).unwrap_or(RARE);
                self.labels.push(label);
                size += times as usize;
            }
        }
        self.words = rows.div_ceil(64);
        self.bits.clear();
        self.bits.resize(self.labels.len() * self.words, 0);
        size >= rows * FREQUENT_MIN
    }

    /// Sets the bits of the frequent labels of a row, and pushes the others into `rare`.
    fn split(&mut self, row: usize, set: &[u32], rare: &mut Vec<u32>) {
        rare.clear();
        for &label in set {
            match self.places[label as usize] {
                RARE => rare.push(label),
                place => self.bits[place as usize * self.words + row / 64] |= 1 << (row % 64),
            }
        }
    }

    fn of(&self, place: usize) -> &[u64] {
        &self.bits[place * self.words..][..self.words]
    }
}

impl Pairs {
    /// An empty counter for `labels` labels.
    pub(crate) fn new(labels: usize, sides: Sides) -> Self {
        // Label a has C − a pairs, the first one with itself.
        let half = |label: usize| label * labels - label * (label + 1) / 2;
        let starts = if sides == Sides::Mixed {
            (0..labels).map(|label| label * labels).collect()
        } else {
            (0..labels).map(half).collect()
        };
        let size = if sides == Sides::Mixed { labels * labels } else { labels * (labels + 1) / 2 };
        let frequent = Default::default();
        Self { labels, sides, counts: vec![0; size], starts, rows: 0, totals: Vec::new(), frequent }
    }

    /// Adds those rows of a block that `taken` gives.
    pub(crate) fn add(&mut self, sets: &LabelSets, taken: &(impl Iterator<Item = usize> + Clone)) {
        let rows = sets.rows();
        if self.rows + rows as u64 > u64::from(u32::MAX) {
            self.flush();
        }
        self.rows += rows as u64;
        let sides = self.sides;
        let one = |row: usize| if sides == Sides::Unknown { sets.unknown(row) } else { sets.positives(row) };
        let other =
            |row: usize| if sides == Sides::Positives { sets.positives(row) } else { sets.unknown(row) };
        let taken = || taken.clone();
        let [mut ones, mut others] = std::mem::take(&mut self.frequent);
        // Short rows need no test of each label.
        let enough = |size: usize| size >= rows * FREQUENT_MIN;
        let many = match sides {
            Sides::Positives => enough(sets.size()) && ones.find(self.labels, rows, taken().map(one)),
            Sides::Unknown => ones.find(self.labels, rows, taken().map(one)),
            Sides::Mixed => {
                let [one, other] = [
                    ones.find(self.labels, rows, taken().map(one)),
                    others.find(self.labels, rows, taken().map(other)),
                ];
                one || other
            }
        };
        match (sides, many) {
            (Sides::Mixed, false) => taken().for_each(|row| self.add_all(one(row), other(row))),
            (_, false) => taken().for_each(|row| self.add_within(one(row))),
            (Sides::Mixed, true) => {
                let [mut rare, mut other_rare] = [Vec::new(), Vec::new()];
                for row in taken() {
                    ones.split(row, one(row), &mut rare);
                    others.split(row, other(row), &mut other_rare);
                    self.add_all(&rare, other(row));
                    if !other_rare.is_empty() {
                        one(row)
                            .iter()
                            .filter(|label| ones.places[**label as usize] != RARE)
                            .for_each(|&label| self.add_all(&[label], &other_rare));
                    }
                }
                self.add_bits(&ones, &others);
            }
            (_, true) => {
                let mut rare = Vec::new();
                for row in taken() {
                    ones.split(row, one(row), &mut rare);
                    if rare.is_empty() {
                        continue;
                    }
                    self.add_within(&rare);
                    for &label in one(row).iter().filter(|label| ones.places[**label as usize] != RARE) {
                        for &rare in &rare {
                            let [low, high] = [label.min(rare), label.max(rare)];
                            self.counts[self.starts[low as usize] + high as usize] += 1;
                        }
                    }
                }
                self.add_bits(&ones, &ones);
            }
        }
        self.frequent = [ones, others];
    }

    /// Adds `rows` identical rows.
    pub(crate) fn add_alike(&mut self, ones: &[u32], others: &[u32], rows: u64) {
        let few = u32::try_from(self.rows + rows).ok().and_then(|_| u32::try_from(rows).ok());
        if few.is_some() {
            self.rows += rows;
        } else {
            self.totals.resize(self.counts.len(), 0);
        }
        for (at, &one) in ones.iter().enumerate() {
            let start = self.starts[one as usize];
            let others = if self.sides == Sides::Mixed { others } else { &others[at + 1..] };
            if let Some(few) = few {
                let counts = &mut self.counts[start..];
                others.iter().for_each(|&other| counts[other as usize] += few);
            } else {
                let totals = &mut self.totals[start..];
                others.iter().for_each(|&other| totals[other as usize] += rows);
            }
        }
    }

    /// Each label of one side with each of the other.
    fn add_all(&mut self, ones: &[u32], others: &[u32]) {
        for &one in ones {
            let counts = &mut self.counts[self.starts[one as usize]..];
            others.iter().for_each(|&other| counts[other as usize] += 1);
        }
    }

    /// Each label with every later label.
    #[inline]
    fn add_within(&mut self, labels: &[u32]) {
        for (at, &one) in labels.iter().enumerate() {
            let counts = &mut self.counts[self.starts[one as usize]..];
            labels[at + 1..].iter().for_each(|&other| counts[other as usize] += 1);
        }
    }

    fn add_bits(&mut self, ones: &Frequent, others: &Frequent) {
        for (place, &one) in ones.labels.iter().enumerate() {
            let (bits, start) = (ones.of(place), self.starts[one as usize]);
            let from = if self.sides == Sides::Mixed { 0 } else { place + 1 };
            for (place, &other) in others.labels.iter().enumerate().skip(from) {
                let both = bits.iter().zip(others.of(place)).map(|(a, b)| (a & b).count_ones()).sum::<u32>();
                self.counts[start + other as usize] += both;
            }
        }
    }

    /// Adds the counts of `other`.
    pub(crate) fn merge(&mut self, mut other: Self) {
        if self.rows + other.rows > u64::from(u32::MAX) || !other.totals.is_empty() {
            self.flush();
            other.flush();
            self.totals.iter_mut().zip(&other.totals).for_each(|(total, more)| *total += more);
            return;
        }
        self.rows += other.rows;
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
    }

    fn flush(&mut self) {
        self.totals.resize(self.counts.len(), 0);
        for (total, count) in self.totals.iter_mut().zip(&mut self.counts) {
            *total += u64::from(std::mem::take(count));
        }
        self.rows = 0;
    }

    /// The whole matrix.
    pub(crate) fn finish(self) -> Together {
        let Self { labels, sides, counts, starts, totals, .. } = self;
        let get = |at: usize| u64::from(counts[at]) + totals.get(at).copied().unwrap_or(0);
        let mut matrix = vec![0; labels * labels];
        for one in 0..labels {
            for other in if sides == Sides::Mixed { 0 } else { one }..labels {
                let rows = get(starts[one] + other);
                matrix[one * labels + other] = rows;
                if sides != Sides::Mixed {
                    matrix[other * labels + one] = rows;
                }
            }
        }
        Together { labels, counts: matrix }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of 40 labels, of which `known` in 16 are known and `often` in 16 of those are there.
    fn sets(seed: u64, rows: u64, known: u64, often: u64) -> LabelSets {
        let mut sets = LabelSets::default();
        sets.clear(40);
        for row in 0..rows {
            for label in 0..40_u32 {
                let random = (seed + row * 40 + u64::from(label)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
                match (random % 16 < known, random / 16 % 16 < often * u64::from(40 - label) / 20) {
                    (false, _) => sets.add_unknown(label),
                    (true, true) => sets.add(label),
                    (true, false) => {}
                }
            }
            sets.end_row();
        }
        sets
    }

    #[test]
    fn pair_by_pair_is_bit_by_bit() {
        let labels = 40;
        for sides in [Sides::Positives, Sides::Unknown, Sides::Mixed] {
            let mut found = [Pairs::new(labels, sides), Pairs::new(labels, sides)];
            let mut expected = vec![0; labels * labels];
            // Rare labels, frequent ones, both; all known, hardly any known.
            for (seed, known, often) in [(1, 15, 1), (2, 12, 9), (3, 5, 14), (4, 16, 3), (5, 1, 16)] {
                let sets = sets(seed, 100 + seed * 37, known, often);
                let taken = |row: usize| !row.is_multiple_of(7);
                found[usize::from(seed % 2 == 0)].add(&sets, &(0..sets.rows()).filter(|row| taken(*row)));
                for row in (0..sets.rows()).filter(|row| taken(*row)) {
                    let [positives, unknown] = [sets.positives(row), sets.unknown(row)];
                    let [ones, others] = match sides {
                        Sides::Positives => [positives, positives],
                        Sides::Unknown => [unknown, unknown],
                        Sides::Mixed => [positives, unknown],
                    };
                    for one in ones {
                        others
                            .iter()
                            .filter(|other| *other != one)
                            .for_each(|other| expected[*one as usize * labels + *other as usize] += 1);
                    }
                }
            }
            let [mut all, more] = found;
            all.flush();
            all.merge(more);
            let all = all.finish();
            assert_eq!(all.counts(), expected, "{sides:?}");
            assert_eq!(all.get(3, 5), expected[3 * labels + 5]);
        }
    }
}
