//! A pair of row id and label as a few words that sort and spill.

use crate::counts::Cell;

/// The sides a listed pair can be on, as numbers; the largest wins.
pub(super) const SIDES: [Cell; 4] = [Cell::Missing, Cell::Negative, Cell::Uncertain, Cell::Positive];

const SIDE_BITS: u32 = 2;
const LABEL_BITS: u32 = 32;

/// Stands for no label: the row id is listed, and that is all.
pub(super) const NO_LABEL: u32 = u32::MAX;

/// What a row says of its id: group, label and side, in the order in which they sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PairFact(u64);

impl PairFact {
    pub(super) fn new(group: u32, label: u32, side: u8) -> Self {
        Self(u64::from(group) << (LABEL_BITS + SIDE_BITS) | u64::from(label) << SIDE_BITS | u64::from(side))
    }

    pub(crate) fn group(self) -> usize {
        usize::try_from(self.0 >> (LABEL_BITS + SIDE_BITS)).unwrap_or(usize::MAX)
    }

    /// The position of the label in the counters.
    pub(crate) fn label(self) -> Option<usize> {
        let label = self.0 >> SIDE_BITS & u64::from(u32::MAX);
        if label == u64::from(NO_LABEL) { None } else { usize::try_from(label).ok() }
    }

    /// The side.
    pub(crate) fn cell(self) -> Cell {
        SIDES.get(self.side()).copied().unwrap_or(Cell::Missing)
    }

    /// The number of the side.
    pub(crate) fn side(self) -> usize {
        usize::try_from(self.0 & ((1 << SIDE_BITS) - 1)).unwrap_or(0)
    }

    /// The same of another group.
    #[cfg(feature = "cluster")]
    pub(super) fn of_group(self, group: u32) -> Self {
        let pair_mask = (1 << (LABEL_BITS + SIDE_BITS)) - 1;
        Self(self.0 & pair_mask | u64::from(group) << (LABEL_BITS + SIDE_BITS))
    }

    /// The same of another label.
    pub(super) fn of_label(self, label: u32) -> Self {
        let label_mask = u64::from(u32::MAX) << SIDE_BITS;
        Self(self.0 & !label_mask | u64::from(label) << SIDE_BITS)
    }

    /// The same without the side.
    pub(super) fn pair(self) -> u64 {
        self.0 >> SIDE_BITS
    }
}

/// The target of a pair and the weight of its row, as bits that sort as the numbers do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PairMass {
    target: u64,
    weight: u64,
}

impl PairMass {
    /// Of finite numbers that are not negative.
    pub(super) fn new(target: f64, weight: f64) -> Self {
        // The bits of -0 are above those of all other numbers.
        Self { target: (target + 0.0).to_bits(), weight: (weight + 0.0).to_bits() }
    }

    pub(super) fn target(self) -> f64 {
        f64::from_bits(self.target)
    }

    pub(super) fn weight(self) -> f64 {
        f64::from_bits(self.weight)
    }
}

/// A row id with group, label and side. Records of one id and group sort together, and the side that wins
/// comes last among those of one pair.
pub(super) trait Record: Copy + Ord + Send + Sync + std::fmt::Debug + 'static {
    /// Bytes of a record on disk.
    const BYTES: usize;

    fn new(id: u128, said: PairFact) -> Self;

    /// The same with its mass, where such are counted.
    fn with_mass(self, _mass: PairMass) -> Self {
        self
    }

    /// The mass; `None` where rows alone are counted.
    fn mass(self) -> Option<PairMass> {
        None
    }

    /// The same id with another fact, where masses are not counted.
    #[cfg(feature = "cluster")]
    fn saying(self, said: PairFact) -> Self {
        Self::new(self.id(), said)
    }

    fn id(self) -> u128;
    fn fact(self) -> PairFact;
    /// Evenly spread bits that depend on the id alone.
    fn spread(self) -> u64;

    fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.id().to_le_bytes()[..Self::BYTES - 8]);
        out.extend_from_slice(&self.fact().0.to_le_bytes());
    }

    /// The inverse of [`Self::write`], of exactly [`Self::BYTES`] bytes.
    fn read(bytes: &[u8]) -> Self {
        let (id, said) = bytes.split_at(Self::BYTES - 8);
        let word = |bytes: &[u8]| bytes.iter().rev().fold(0_u128, |word, byte| word << 8 | u128::from(*byte));
        Self::new(word(id), PairFact(u64::try_from(word(said)).unwrap_or(0)))
    }
}

/// Bytes of a mass on disk.
const MASS_BYTES: usize = 16;

/// An id of 64 bits; one word, because words sort fastest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NarrowRecord(u128);

impl Record for NarrowRecord {
    const BYTES: usize = 16;

    fn new(id: u128, said: PairFact) -> Self {
        Self(id << 64 | u128::from(said.0))
    }

    fn id(self) -> u128 {
        self.0 >> 64
    }

    #[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
    fn fact(self) -> PairFact {
        PairFact(self.0 as u64)
    }

    fn spread(self) -> u64 {
        mix((self.0 >> 64) as u64)
    }
}

/// An id of 128 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WideRecord {
    id: [u64; 2],
    said: PairFact,
}

impl Record for WideRecord {
    const BYTES: usize = 24;

    #[expect(clippy::cast_possible_truncation, reason = "both halves are taken")]
    fn new(id: u128, said: PairFact) -> Self {
        Self { id: [(id >> 64) as u64, id as u64], said }
    }

    fn id(self) -> u128 {
        u128::from(self.id[0]) << 64 | u128::from(self.id[1])
    }

    fn fact(self) -> PairFact {
        self.said
    }

    fn spread(self) -> u64 {
        mix(self.id[0] ^ mix(self.id[1]))
    }
}

/// An id of 128 bits with the mass of its pair. Of several records of a pair on one side, the one with the
/// largest target comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MassRecord {
    pair: WideRecord,
    mass: PairMass,
}

impl Record for MassRecord {
    const BYTES: usize = WideRecord::BYTES + MASS_BYTES;

    fn new(id: u128, said: PairFact) -> Self {
        Self { pair: WideRecord::new(id, said), mass: PairMass::new(1.0, 1.0) }
    }

    fn with_mass(self, mass: PairMass) -> Self {
        Self { mass, ..self }
    }

    fn mass(self) -> Option<PairMass> {
        Some(self.mass)
    }

    fn id(self) -> u128 {
        self.pair.id()
    }

    fn fact(self) -> PairFact {
        self.pair.fact()
    }

    fn spread(self) -> u64 {
        self.pair.spread()
    }

    fn write(self, out: &mut Vec<u8>) {
        self.pair.write(out);
        out.extend_from_slice(&self.mass.target.to_le_bytes());
        out.extend_from_slice(&self.mass.weight.to_le_bytes());
    }

    fn read(bytes: &[u8]) -> Self {
        let (pair, mass) = bytes.split_at(WideRecord::BYTES);
        let word = |bytes: &[u8]| bytes.iter().rev().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
        let (target, weight) = mass.split_at(MASS_BYTES / 2);
        Self { pair: WideRecord::read(pair), mass: PairMass { target: word(target), weight: word(weight) } }
    }
}

/// The finaliser of splitmix64 (Steele, Lea, Flood 2014).
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn records_come_back(
            id: u128, group in 0..1_u32 << 30, label: u32, side in 0..4_u8, target in 0.0..=1.0, weight in 0.0..1e15,
        ) {
            let said = PairFact::new(group, label, side);
            prop_assert_eq!(said.group(), group as usize);
            prop_assert_eq!(said.label(), (label != NO_LABEL).then_some(label as usize));
            prop_assert_eq!(said.side(), usize::from(side));
            prop_assert_eq!(said.of_label(7), PairFact::new(group, 7, side));
            let wide = WideRecord::new(id, said);
            let narrow = NarrowRecord::new(id & u128::from(u64::MAX), said);
            prop_assert_eq!((wide.id(), wide.fact()), (id, said));
            prop_assert_eq!((narrow.id(), narrow.fact()), (id & u128::from(u64::MAX), said));
            let mut bytes = Vec::new();
            wide.write(&mut bytes);
            prop_assert_eq!(WideRecord::read(&bytes), wide);
            bytes.clear();
            narrow.write(&mut bytes);
            prop_assert_eq!(NarrowRecord::read(&bytes), narrow);
            bytes.clear();
            let massive = MassRecord::new(id, said).with_mass(PairMass::new(target, weight));
            massive.write(&mut bytes);
            prop_assert_eq!((bytes.len(), MassRecord::read(&bytes)), (MassRecord::BYTES, massive));
            let mass = massive.mass().unwrap();
            prop_assert_eq!((massive.id(), massive.fact(), mass.target(), mass.weight()), (id, said, target, weight));
        }
    }
}
