//! Dictionary pages, and pages of indices into them.
//!
//! The Parquet crate replaces each index by its value (`DictDecoder`). Here indices are counted, so that the
//! meaning of a value is asked for once per entry and not once per row.

use super::bits::BitRange;
use super::bytes::prefixed;
use super::hybrid::{Hybrid, HybridRun};
use super::leaf::{LeafColumn, Physical, RawValue};
use super::limits::{PAGE_LIMIT, highest};
use super::packed::Packed;
use super::plain;
use super::stored_number::StoredNumber;
use crate::pages::outcome::{Step, Stop, corrupt};
use crate::pages::value::StoredValue;

/// Entries of the largest dictionary: as many words as a page has room for.
const ENTRIES_MAX: usize = PAGE_LIMIT / 4;

/// The values of a dictionary page, by index.
#[derive(Debug)]
pub(crate) struct Dictionary<'a> {
    leaf: LeafColumn,
    bytes: &'a [u8],
    len: usize,
    /// Where each value ends, if values have no fixed length.
    ends: Vec<u32>,
}

impl<'a> Dictionary<'a> {
    pub(crate) fn new(leaf: LeafColumn, bytes: &'a [u8], len: usize) -> Step<Self> {
        plain::check(leaf.physical, bytes, len)?;
        if len > ENTRIES_MAX {
            return Err(corrupt(format!("a dictionary of {len} entries")));
        }
        let mut ends = Vec::new();
        if leaf.physical == Physical::Bytes {
            ends.reserve_exact(len);
            let mut rest = bytes;
            for _ in 0..len {
                (_, rest) = prefixed(rest)?;
                let end = u32::try_from(bytes.len() - rest.len());
                ends.push(end.map_err(|_| corrupt("a dictionary beyond 4 GiB"))?);
            }
        }
        Ok(Self { leaf, bytes, len, ends })
    }

    /// Number of entries.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// All entries as plain values.
    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Entry `index`, which is below [`Dictionary::len`].
    pub(crate) fn value(&self, index: usize) -> StoredValue<'a> {
        self.leaf.value(match self.leaf.physical {
            Physical::Bytes => {
                let start = index.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
                RawValue::Bytes(&self.bytes[start + 4..self.ends[index] as usize])
            }
            physical => plain::at(physical, self.bytes, index),
        })
    }

    /// All entries, if they are words below `bound`.
    pub(crate) fn words_below(&self, bound: u64) -> Option<Vec<u32>> {
        let mut words = vec![0; self.len];
        let mut values = plain::PlainValues::new(self.leaf.physical, self.bytes);
        values.words_below(bound, &mut words).ok()?.then_some(words)
    }

    /// All entries as numbers; `None` where one does not fit.
    pub(crate) fn numbers<N: StoredNumber>(&self) -> Option<Vec<N>> {
        let mut numbers = vec![N::default(); self.len];
        N::read(self.leaf, self.bytes, &mut numbers).then_some(numbers)
    }

    /// Checks that every index has an entry.
    pub(crate) fn check(&self, indices: &[u32]) -> Step<()> {
        match highest(indices) {
            highest if highest as usize >= self.len && !indices.is_empty() => Err(self.no_entry(highest)),
            _ => Ok(()),
        }
    }

    /// The error for an index without an entry.
    pub(crate) fn no_entry(&self, index: u32) -> Stop {
        corrupt(format!("index {index} in a dictionary of {} entries", self.len))
    }
}

/// The indices of a page: a hybrid behind its bit width.
pub(crate) fn indices(values: &[u8]) -> Step<Hybrid<'_>> {
    // A page without values may lack even the width.
    let (width, runs) = values.split_first().unwrap_or((&0, &[]));
    Hybrid::new(runs, u32::from(*width))
}

/// The entry most frequent among the first of the `len` indices of a page.
pub(crate) fn most_frequent(dictionary: &Dictionary<'_>, values: &[u8], len: usize) -> Step<usize> {
    let mut histogram = Histogram::new(dictionary);
    histogram.count(dictionary, &mut indices(values)?, len.min(1 << 14))?;
    Ok(histogram.entries().max_by_key(|(_, times)| *times).map_or(0, |(entry, _)| entry))
}

/// How often each entry of a dictionary occurs.
#[derive(Debug)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
}

/// Indices unpacked at a time: 4 KiB.
const BATCH: usize = 1024;

impl Histogram {
    pub(crate) fn new(dictionary: &Dictionary<'_>) -> Self {
        Self { counts: vec![0; dictionary.len()] }
    }

    /// Counts the `len` indices of a page.
    pub(crate) fn add(&mut self, dictionary: &Dictionary<'_>, values: &[u8], len: usize) -> Step<()> {
        let mut indices = indices(values)?;
        self.count(dictionary, &mut indices, len)?;
        indices.finish()
    }

    /// The same of those values of a page that are kept; `kept` has a bit for each.
    pub(crate) fn add_kept(
        &mut self,
        dictionary: &Dictionary<'_>,
        values: &[u8],
        kept: BitRange<'_>,
    ) -> Step<()> {
        let (mut indices, mut at) = (indices(values)?, 0);
        indices.runs(kept.len(), |run| {
            let from = at;
            at += run.len();
            let missing = match run {
                HybridRun::Repeat { value, len } => self.bump(value, kept.ones_of(from, len)),
                HybridRun::Packed(packed) if packed.width == 1 => self.kept_bits(packed, kept, from),
                HybridRun::Packed(packed) => self.kept_unpacked(packed, kept, from),
            };
            missing.map_or(Ok(()), |index| Err(dictionary.no_entry(index)))
        })?;
        indices.finish()
    }

    fn count(&mut self, dictionary: &Dictionary<'_>, indices: &mut Hybrid<'_>, len: usize) -> Step<()> {
        indices.runs(len, |run| {
            let missing = match run {
                HybridRun::Repeat { value, len } => self.bump(value, len),
                HybridRun::Packed(packed) => match packed.width {
                    1 => self.bits(packed),
                    2 => self.pairs(packed),
                    _ => self.unpacked(packed),
                },
            };
            missing.map_or(Ok(()), |index| Err(dictionary.no_entry(index)))
        })
    }

    /// Entries that occur, each with its number of times.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (usize, u64)> {
        self.counts.iter().copied().enumerate().filter(|(_, count)| *count > 0)
    }

    /// How often each entry occurs.
    pub(crate) fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Like all that follow, gives an index that has no entry.
    fn bump(&mut self, index: u32, times: usize) -> Option<u32> {
        match self.counts.get_mut(index as usize) {
            Some(count) => {
                *count += times as u64;
                None
            }
            None => (times > 0).then_some(index),
        }
    }

    fn bits(&mut self, packed: Packed<'_>) -> Option<u32> {
        let ones = packed.ones();
        self.bump(0, packed.len - ones).or_else(|| self.bump(1, ones))
    }

    fn kept_bits(&mut self, packed: Packed<'_>, kept: BitRange<'_>, from: usize) -> Option<u32> {
        let ones = kept.ones_in(packed, from);
        self.bump(0, kept.ones_of(from, packed.len) - ones).or_else(|| self.bump(1, ones))
    }

    fn kept_unpacked(&mut self, packed: Packed<'_>, kept: BitRange<'_>, from: usize) -> Option<u32> {
        let (mut batch, mut left, mut at) = ([0; 64], packed, from);
        while left.len > 0 {
            let (part, rest) = left.split(batch.len());
            let batch = &mut batch[..part.len];
            let mut word = kept.word(at, part.len);
            if word != 0 {
                part.unpack(batch);
            }
            while word != 0 {
                let index = batch[word.trailing_zeros() as usize];
                let Some(count) = self.counts.get_mut(index as usize) else { return Some(index) };
                *count += 1;
                word &= word - 1;
            }
            at += part.len;
            left = rest;
        }
        None
    }

    /// Indices of two bits: three counts of ones tell the four values apart.
    fn pairs(&mut self, packed: Packed<'_>) -> Option<u32> {
        const LOW: u64 = 0x5555_5555_5555_5555;
        let (mut low, mut high, mut both) = (0, 0, 0);
        packed.bits().words(|word, _| {
            low += (word & LOW).count_ones() as usize;
            high += (word >> 1 & LOW).count_ones() as usize;
            both += (word & word >> 1 & LOW).count_ones() as usize;
        });
        let counts = [packed.len + both - low - high, low - both, high - both, both];
        (0..).zip(counts).find_map(|(index, times)| self.bump(index, times))
    }

    fn unpacked(&mut self, packed: Packed<'_>) -> Option<u32> {
        let mut batch = [0; BATCH];
        let mut left = packed;
        while left.len > 0 {
            let (part, rest) = left.split(BATCH);
            let batch = &mut batch[..part.len];
            part.unpack(batch);
            for &index in &*batch {
                let Some(count) = self.counts.get_mut(index as usize) else { return Some(index) };
                *count += 1;
            }
            left = rest;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parquet::schema::parser::parse_message_type;
    use parquet::schema::types::SchemaDescriptor;

    use super::*;

    fn dictionary<'a>(field: &str, bytes: &'a [u8], len: usize) -> Step<Dictionary<'a>> {
        let schema = parse_message_type(&format!("message m {{ required {field} a; }}")).unwrap();
        let leaf = LeafColumn::of(&SchemaDescriptor::new(Arc::new(schema)).column(0)).unwrap();
        Dictionary::new(leaf, bytes, len)
    }

    #[test]
    fn entries_of_every_physical_type() {
        assert_eq!(dictionary("boolean", &[0b10], 2).unwrap().value(1), StoredValue::Bool(true));
        assert_eq!(dictionary("int32", &[1, 0, 0, 0, 2, 0, 0, 0], 2).unwrap().value(1), StoredValue::Int(2));
        let text = dictionary("binary", &[1, 0, 0, 0, b'a', 0, 0, 0, 0, 1, 0, 0, 0, b'c'], 3).unwrap();
        let texts: Vec<_> = (0..3).map(|i| text.value(i)).collect();
        assert_eq!(texts, [StoredValue::Text(b"a"), StoredValue::Text(b""), StoredValue::Text(b"c")]);
    }

    #[test]
    fn a_dictionary_shorter_than_it_says_is_refused() {
        assert!(dictionary("boolean", &[0], 9).is_err());
        assert!(dictionary("int64", &[0; 15], 2).is_err());
        assert!(dictionary("binary", &[9, 0, 0, 0, b'a', 0, 0, 0], 1).is_err());
        assert!(dictionary("binary", &[0; 4], usize::MAX).is_err());
    }

    #[test]
    fn indices_of_every_width_are_counted_and_checked() {
        // Eight 3-bit indices 0 … 7, then 0 eight times; two-bit 0 1 2 3 3 3 0 1; one-bit.
        let cases: [(&[u8], usize, &[u64]); 4] = [
            (&[3, 3, 0x88, 0xc6, 0xfa, 16, 0], 16, &[9, 1, 1, 1, 1, 1, 1, 1]),
            (&[2, 3, 0b1110_0100, 0b0100_1111], 8, &[2, 2, 1, 3]),
            (&[1, 3, 0b0110_0001], 7, &[4, 3]),
            (&[0], 5, &[5]),
        ];
        for (values, len, expected) in cases {
            let bytes = [0; 32];
            let entries = dictionary("int32", &bytes, expected.len()).unwrap();
            let mut histogram = Histogram::new(&entries);
            histogram.add(&entries, values, len).unwrap();
            assert_eq!(histogram.counts, expected);
            let fewer = dictionary("int32", &bytes, expected.len() - 1).unwrap();
            assert!(Histogram::new(&fewer).add(&fewer, values, len).is_err(), "an index without an entry");
        }
    }
}
