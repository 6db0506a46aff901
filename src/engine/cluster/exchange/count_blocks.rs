//! Partial counts as blocks of bytes.
//!
//! A block holds labels by their positions, each as the distance to the one before and its positives or all its
//! counts; or rows of any kind, of one group. Labels of one range of positions, or with one hash of the name, go to
//! one machine where counts are merged.

use std::collections::BTreeMap;
use std::hash::Hasher;

use arrow::array::RecordBatch;
use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

use super::blocks::{PartNumbers, damaged};
use crate::counts::{Mass, MassTally, Tally};
use crate::engine::count::collect::Collector;
use crate::engine::group_key::GroupKey;
use crate::engine::partial::{self, PartialRow, Partials};
use crate::error::{Error, Result};

/// Positions of labels that are merged by one machine side by side.
const RANGE: u64 = 1 << 15;
/// Bytes that a row takes while it is merged, beside its texts.
const ROW_BYTES: usize = 256;

/// The first byte of a block.
mod kind {
    pub(super) const POSITIVES: u8 = 0;
    pub(super) const TALLIES: u8 = 1;
    pub(super) const ROWS: u8 = 2;
}

/// A row of a block of the kind `ROWS`, after the group of all of them.
#[derive(Serialize, Deserialize)]
struct WireRow<'a> {
    shard: Option<u32>,
    index: Option<u64>,
    #[serde(borrow)]
    name: Option<&'a str>,
    counts: [u64; 5],
    masses: [i128; 2],
    skipped: u64,
    #[serde(borrow)]
    example: Option<&'a str>,
}

/// Writes partial counts.
#[derive(Debug)]
pub(in crate::engine::cluster) struct CountWriter {
    pub(in crate::engine::cluster) parts: PartNumbers,
    pub(in crate::engine::cluster) n_by: usize,
    pub(in crate::engine::cluster) has_mass: bool,
}

impl CountWriter {
    /// The blocks of a batch of partial counts, with the numbers of their parts.
    pub(in crate::engine::cluster) fn blocks(&self, batch: &RecordBatch) -> Result<Vec<(u32, Vec<u8>)>> {
        match partial::positions(batch) {
            Some(columns) if !self.has_mass => Ok(self.of_positions(columns)),
            _ => self.of_rows(batch),
        }
    }

    fn of_positions(&self, columns: [&[u64]; 6]) -> Vec<(u32, Vec<u8>)> {
        let [positions, positives, rest @ ..] = columns;
        let is_short = rest.iter().all(|counts| counts.iter().all(|count| *count == 0));
        let (mut blocks, mut block): (Vec<(u32, Vec<u8>)>, Vec<u8>) = Default::default();
        let (mut range, mut before) = (0, 0);
        for (row, &position) in positions.iter().enumerate() {
            if block.is_empty() || position / RANGE != range {
                blocks
                    .extend((!block.is_empty()).then(|| (self.parts.of(range), std::mem::take(&mut block))));
                block.push(if is_short { kind::POSITIVES } else { kind::TALLIES });
                (range, before) = (position / RANGE, 0);
            }
            put(&mut block, position.wrapping_sub(before));
            before = position;
            put(&mut block, positives[row]);
            if !is_short {
                rest.iter().for_each(|counts| put(&mut block, counts[row]));
            }
        }
        blocks.extend((!block.is_empty()).then(|| (self.parts.of(range), block)));
        blocks
    }

    fn of_rows(&self, batch: &RecordBatch) -> Result<Vec<(u32, Vec<u8>)>> {
        let wrong = |cause: postcard::Error| Error::internal(cause.to_string());
        let mut blocks: BTreeMap<(u32, GroupKey), Vec<u8>> = BTreeMap::new();
        partial::read(batch, self.n_by, |row| {
            let part = match (row.index, row.name) {
                (Some(index), _) => index / RANGE,
                (None, Some(name)) if self.parts.are_several() => hash(name),
                (None, _) => 0,
            };
            let block = blocks.entry((self.parts.of(part), row.by.to_vec())).or_default();
            if block.is_empty() {
                block.push(kind::ROWS);
                *block = postcard::to_extend(row.by, std::mem::take(block)).map_err(wrong)?;
            }
            let Tally { positives, negatives, uncertain, missing, invalid } = row.tally;
            let wire = WireRow {
                shard: row.shard,
                index: row.index,
                name: row.name,
                counts: [positives, negatives, uncertain, missing, invalid],
                masses: [row.mass.positives.units(), row.mass.negatives.units()],
                skipped: row.skipped,
                example: row.example,
            };
            *block = postcard::to_extend(&wire, std::mem::take(block)).map_err(wrong)?;
            Ok(())
        })?;
        Ok(blocks.into_iter().map(|((part, _), block)| (part, block)).collect())
    }
}

/// What takes the counts of blocks.
trait BlockSink {
    /// Counts of labels by their positions, of the one group there is.
    fn labels(&mut self, labels: impl Iterator<Item = Result<(u64, Tally)>>) -> Result<()>;

    fn row(&mut self, row: &PartialRow<'_>) -> Result<()>;
}

fn read(block: &[u8], sink: &mut impl BlockSink) -> Result<()> {
    let (&of, mut rest) = block.split_first().ok_or_else(damaged)?;
    if of != kind::ROWS {
        let mut before = 0_u64;
        return sink.labels(std::iter::from_fn(|| {
            if rest.is_empty() {
                return None;
            }
            let mut next = || take(&mut rest).ok_or_else(damaged);
            let mut label = || {
                before = before.wrapping_add(next()?);
                let mut tally = Tally { positives: next()?, ..Tally::default() };
                if of == kind::TALLIES {
                    (tally.negatives, tally.uncertain) = (next()?, next()?);
                    (tally.missing, tally.invalid) = (next()?, next()?);
                }
                Ok((before, tally))
            };
            Some(label())
        }));
    }
    let wrong = |_: postcard::Error| damaged();
    let (by, mut rest) = postcard::take_from_bytes::<GroupKey>(rest).map_err(wrong)?;
    while !rest.is_empty() {
        let (row, after) = postcard::take_from_bytes::<WireRow<'_>>(rest).map_err(wrong)?;
        rest = after;
        let [positives, negatives, uncertain, missing, invalid] = row.counts;
        let [mass, negative_mass] = row.masses.map(Mass::from_units);
        sink.row(&PartialRow {
            by: &by,
            shard: row.shard,
            index: row.index,
            name: row.name,
            tally: Tally { positives, negatives, uncertain, missing, invalid },
            mass: MassTally { positives: mass, negatives: negative_mass },
            skipped: row.skipped,
            example: row.example,
        })?;
    }
    Ok(())
}

impl BlockSink for Collector {
    fn labels(&mut self, labels: impl Iterator<Item = Result<(u64, Tally)>>) -> Result<()> {
        self.add_labels(labels)
    }

    fn row(&mut self, row: &PartialRow<'_>) -> Result<()> {
        self.add_row(row)
    }
}

/// Adds the counts of a block to a collector.
pub(in crate::engine::cluster) fn collect(block: &[u8], collector: &mut Collector) -> Result<()> {
    read(block, collector)
}

/// What a row is about: its group, shard, position and name.
type RowKey = (GroupKey, Option<u32>, Option<u64>, Option<String>);

/// The sum of rows about the same.
#[derive(Debug, Default)]
struct CountSum {
    tally: Tally,
    mass: MassTally,
    skipped: u64,
    example: Option<String>,
}

/// Adds up the counts of blocks in bounded memory: when much is held, it is given out, and added up by whoever comes
/// next.
#[derive(Debug, Default)]
pub(in crate::engine::cluster) struct CountMerger {
    ranges: BTreeMap<u64, Vec<Tally>>,
    rows: BTreeMap<RowKey, CountSum>,
    text_bytes: usize,
}

impl CountMerger {
    pub(in crate::engine::cluster) fn add(&mut self, block: &[u8]) -> Result<()> {
        read(block, self)
    }

    /// About how many bytes are held.
    pub(in crate::engine::cluster) fn held(&self) -> usize {
        let range = usize::try_from(RANGE).unwrap_or(0) * size_of::<Tally>();
        self.ranges.len() * range + self.rows.len() * ROW_BYTES + self.text_bytes
    }

    /// Gives out what is held, as blocks.
    pub(in crate::engine::cluster) fn take(&mut self, writer: &CountWriter) -> Result<Vec<(u32, Vec<u8>)>> {
        let mut blocks = Vec::new();
        for (range, tallies) in std::mem::take(&mut self.ranges) {
            let first = usize::try_from(range * RANGE).map_err(|_| damaged())?;
            let counted = tallies.into_iter().enumerate().filter(|(_, tally)| *tally != Tally::default());
            let batch = partial::labels(&[], counted.map(|(at, tally)| (first + at, tally)), |_| None);
            if let Some(batch) = batch {
                blocks.extend(writer.blocks(&batch)?);
            }
        }
        let mut rows = Partials::new(writer.n_by);
        for ((by, shard, index, name), sum) in std::mem::take(&mut self.rows) {
            rows.push(&PartialRow {
                by: &by,
                shard,
                index,
                name: name.as_deref(),
                tally: sum.tally,
                mass: sum.mass,
                skipped: sum.skipped,
                example: sum.example.as_deref(),
            });
        }
        for batch in rows.finish() {
            blocks.extend(writer.blocks(&batch)?);
        }
        self.text_bytes = 0;
        Ok(blocks)
    }
}

fn overflow() -> Error {
    Error::resource("a count passes its range").hint("split the run by time or group")
}

impl BlockSink for CountMerger {
    fn labels(&mut self, labels: impl Iterator<Item = Result<(u64, Tally)>>) -> Result<()> {
        for label in labels {
            let (label, tally) = label?;
            let new = || vec![Tally::default(); usize::try_from(RANGE).unwrap_or(0)];
            let sums = self.ranges.entry(label / RANGE).or_insert_with(new);
            let sum = usize::try_from(label % RANGE).ok().and_then(|at| sums.get_mut(at));
            let sum = sum.ok_or_else(damaged)?;
            *sum = sum.checked_add(&tally).ok_or_else(overflow)?;
        }
        Ok(())
    }

    fn row(&mut self, row: &PartialRow<'_>) -> Result<()> {
        let key = (row.by.to_vec(), row.shard, row.index, row.name.map(str::to_owned));
        let text_bytes = &mut self.text_bytes;
        let sum = self.rows.entry(key).or_insert_with(|| {
            let by = row.by.iter().flatten().map(String::len).sum::<usize>();
            *text_bytes += by + row.name.map_or(0, str::len);
            CountSum::default()
        });
        sum.tally = sum.tally.checked_add(&row.tally).ok_or_else(overflow)?;
        sum.mass = sum.mass.checked_add(&row.mass).ok_or_else(overflow)?;
        sum.skipped = sum.skipped.saturating_add(row.skipped);
        // The smallest example, whoever comes first.
        if let Some(example) = row.example
            && sum.example.as_deref().is_none_or(|known| example < known)
        {
            sum.example = Some(example.to_owned());
        }
        Ok(())
    }
}

/// The same on every machine.
fn hash(name: &str) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(name.as_bytes());
    hasher.finish()
}

/// Appends a number, seven bits per byte.
fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

/// Takes a number off the front of `bytes`; `None` when there is none.
fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..u64::BITS).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::engine::partial::tests::batches;

    /// All rows of blocks, added up.
    fn sums(blocks: &[(u32, Vec<u8>)]) -> CountMerger {
        let mut merger = CountMerger::default();
        blocks.iter().for_each(|(_, block)| merger.add(block).unwrap());
        merger
    }

    fn tally(counts: [u64; 5]) -> Tally {
        let [positives, negatives, uncertain, missing, invalid] = counts;
        Tally { positives, negatives, uncertain, missing, invalid }
    }

    proptest! {
        #[test]
        fn counts_by_position_come_back_and_each_range_goes_to_one_part(
            labels in proptest::collection::btree_map(0..200_000_u64, (0..u64::from(u32::MAX), 0..3_u64), 1..200),
            parts in 1..9_usize, all in any::<bool>(),
        ) {
            let given: Vec<(usize, Tally)> = labels
                .iter()
                .map(|(label, (positives, more))| {
                    let more = if all { *more } else { 0 };
                    (usize::try_from(*label).unwrap(), tally([*positives, more, 2 * more, more, 0]))
                })
                .collect();
            let writer = CountWriter { parts: PartNumbers::new(parts).unwrap(), n_by: 0, has_mass: false };
            let batch = partial::labels(&[], given.iter().copied(), |_| None).unwrap();
            let blocks = writer.blocks(&batch).unwrap();
            prop_assert_eq!(blocks.iter().map(|(_, block)| block[0]).max(), Some(u8::from(given.iter().any(|(_, t)| t.negatives > 0))));
            let mut twice = sums(&blocks);
            blocks.iter().for_each(|(_, block)| twice.add(block).unwrap());
            for (part, block) in twice.take(&writer).unwrap() {
                let mut of_block = sums(&[(part, block)]);
                prop_assert_eq!(of_block.ranges.len(), 1);
                let (range, found) = of_block.ranges.pop_first().unwrap();
                prop_assert_eq!(writer.parts.of(range), part);
                for (at, found) in found.into_iter().enumerate() {
                    let label = usize::try_from(range * RANGE).unwrap() + at;
                    let expected = given.iter().find(|(known, _)| *known == label).map_or(Tally::default(), |(_, t)| *t);
                    prop_assert_eq!(found, expected.checked_add(&expected).unwrap());
                }
            }
            prop_assert_eq!(twice.held(), 0);
        }
    }

    #[test]
    fn rows_of_any_kind_come_back_added_up() {
        let by = [Some("train".to_owned()), None];
        let mass = MassTally { positives: Mass::from_units(-7), negatives: Mass::from_f64(2.5).unwrap() };
        let rows = [
            PartialRow { by: &by, index: Some(3), tally: tally([1, 2, 3, 4, 5]), mass, ..Default::default() },
            PartialRow { by: &by, name: Some("é"), skipped: 6, ..Default::default() },
            PartialRow { by: &by, shard: Some(2), example: Some("\"2\""), ..Default::default() },
            PartialRow { by: &by, shard: Some(2), example: Some("\"1\""), ..Default::default() },
        ];
        let writer = CountWriter { parts: PartNumbers::new(3).unwrap(), n_by: 2, has_mass: true };
        let mut merged = CountMerger::default();
        for batch in batches(2, &rows) {
            for (_, block) in writer.blocks(&batch).unwrap() {
                merged.add(&block).unwrap();
                assert!(merged.add(&block[..block.len() - 1]).is_err());
            }
        }
        assert!(merged.held() > 0);
        let sums = sums(&merged.take(&writer).unwrap());
        let shown: Vec<String> =
            sums.rows.iter().map(|(key, sum)| format!("{:?} {sum:?}", (&key.1, &key.2, &key.3))).collect();
        assert_eq!(shown.len(), 3, "{shown:?}");
        assert!(shown.iter().any(|row| row.contains("\\\"1\\\"")), "{shown:?}");
        assert!(read(&[], &mut CountMerger::default()).is_err());
        assert!(read(&[kind::TALLIES, 0x80], &mut CountMerger::default()).is_err());
    }
}
