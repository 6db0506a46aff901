//! Parts of scatters, sorted one after the other.

use crate::engine::pairs::record::Record;
use crate::engine::pairs::scatter::Scatter;
use crate::error::Result;

/// Takes records: all of an id are beside each other, and sorted.
pub(super) trait RecordSink<R>: Send + 'static {
    fn add(&mut self, records: &[R]) -> Result<()>;
}

/// Records that may be sorted at a time, and a place to do so.
#[derive(Debug)]
pub(super) struct Sorter<R> {
    scratch: Vec<R>,
    /// Those of a part that was spilled, as they come.
    unsorted: Vec<R>,
    /// By record its bucket, and by bucket where its records begin.
    buckets: Vec<u32>,
    begins: Vec<u32>,
    budget: usize,
}

/// Records of a bucket on average: as many as an id may have, so that most buckets are sorted by a few comparisons.
const BUCKET: usize = 2;
/// What buckets take for each record.
const BUCKET_BYTES: usize = 2 * size_of::<u32>();

/// Spread bits after which a part is not split again: its records have few different ids.
const BITS_MAX: u32 = 48;

impl<R: Record> Sorter<R> {
    pub(super) fn new(budget: usize) -> Self {
        Self { scratch: Vec::new(), unsorted: Vec::new(), buckets: Vec::new(), begins: Vec::new(), budget }
    }

    /// Gives the records of part `number` of scatters that were made alike to `sink`.
    pub(super) fn count(
        &mut self,
        scatters: &[Scatter<R>],
        number: usize,
        sink: &mut impl RecordSink<R>,
    ) -> Result<()> {
        let records: usize = scatters.iter().map(|scatter| scatter.len(number)).sum();
        let Some(first) = scatters.first().filter(|_| records > 0) else { return Ok(()) };
        if records.saturating_mul(2 * size_of::<R>() + BUCKET_BYTES) > self.budget && first.bits() < BITS_MAX
        {
            let mut finer = first.finer(records as u64, self.budget / 2);
            for scatter in scatters {
                scatter.read(number, |records| records.iter().try_for_each(|record| finer.push(*record)))?;
            }
            let mut sorter = Self::new(self.budget / 2);
            let finer = [finer];
            return (0..finer[0].parts()).try_for_each(|part| sorter.count(&finer, part, sink));
        }
        let held: Option<Vec<&[R]>> = scatters.iter().map(|scatter| scatter.held(number)).collect();
        let may_have_buckets = u32::try_from(records).is_ok();
        if let Some(held) = held.filter(|_| may_have_buckets) {
            self.sort_by_buckets(&held, records, first.bits());
            return sink.add(&self.scratch);
        }
        let mut unsorted = std::mem::take(&mut self.unsorted);
        unsorted.clear();
        for scatter in scatters {
            scatter.read(number, |records| {
                unsorted.extend_from_slice(records);
                Ok(())
            })?;
        }
        if may_have_buckets {
            self.sort_by_buckets(&[&unsorted], records, first.bits());
        } else {
            self.scratch.clone_from(&unsorted);
            self.scratch.sort_unstable();
        }
        self.unsorted = unsorted;
        sink.add(&self.scratch)
    }

    /// Puts records into the scratch by the spread bits behind the first `bits`, which are the same for all records of an
    /// id, and sorts those that share them.
    fn sort_by_buckets(&mut self, held: &[&[R]], records: usize, bits: u32) {
        let Self { scratch, buckets, begins, .. } = self;
        let Some(&any) = held.iter().find_map(|records| records.first()) else { return scratch.clear() };
        let left = u64::BITS.saturating_sub(bits);
        let most = 1_usize.checked_shl(left).unwrap_or(usize::MAX);
        let count = (records / BUCKET).next_power_of_two().min(most);
        buckets.clear();
        begins.clear();
        begins.resize(count + 1, 0);
        for records in held {
            for record in *records {
                let spread = record.spread().checked_shr(bits).unwrap_or(0);
                let bucket = usize::try_from(spread & (count as u64 - 1)).unwrap_or(0);
                begins[bucket] += 1;
                buckets.push(u32::try_from(bucket).unwrap_or(0));
            }
        }
        // Where buckets end: records are put in from there on downwards.
        begins.iter_mut().fold(0, |sum, begin| {
            *begin += sum;
            *begin
        });
        scratch.resize(records, any);
        let mut buckets = buckets.iter();
        for records in held {
            for (record, bucket) in records.iter().zip(buckets.by_ref()) {
                let begin = &mut begins[*bucket as usize];
                *begin -= 1;
                scratch[*begin as usize] = *record;
            }
        }
        let mut rest = &mut scratch[..];
        for ends in begins.windows(2) {
            let (bucket, behind) = rest.split_at_mut((ends[1] - ends[0]) as usize);
            sort_few(bucket);
            rest = behind;
        }
    }
}

/// Sorts records of which there are a few mostly.
fn sort_few<R: Record>(records: &mut [R]) {
    /// From here on the sort of the library is faster.
    const MANY: usize = 20;
    if records.len() > MANY {
        return records.sort_unstable();
    }
    for last in 1..records.len() {
        let (record, mut at) = (records[last], last);
        while at > 0 && records[at - 1] > record {
            records[at] = records[at - 1];
            at -= 1;
        }
        records[at] = record;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::engine::pairs::record::{NarrowRecord, PairFact, WideRecord};
    use crate::engine::progress::Progress;
    use crate::engine::spill::Spill;

    /// What a sink was given.
    struct AllRecords<R>(Vec<R>);

    impl<R: Record> RecordSink<R> for AllRecords<R> {
        fn add(&mut self, records: &[R]) -> Result<()> {
            self.0.extend_from_slice(records);
            Ok(())
        }
    }

    /// Rows that scatters have in turns.
    fn check<R: Record>(rows: &[(u128, u32)], scatters: usize, budget: usize, used_bits: u32) {
        let spill = Spill::new(None, 1 << 30, Arc::new(Progress::default()));
        let make = || Scatter::<R>::new(rows.len() as u64, budget, Arc::clone(&spill), used_bits);
        let mut all: Vec<_> = std::iter::repeat_with(make).take(scatters).collect();
        let mut expected = Vec::new();
        for (at, (id, label)) in rows.iter().enumerate() {
            let record = R::new(*id, PairFact::new(0, *label, 3));
            all[at % scatters].push(record).unwrap();
            expected.push(record);
        }
        let (mut sorter, mut sink) = (Sorter::new(budget), AllRecords(Vec::new()));
        (0..all[0].parts()).for_each(|part| sorter.count(&all, part, &mut sink).unwrap());
        let AllRecords(mut found) = sink;
        let mut ids = HashSet::new();
        for records in found.chunk_by(|a, b| a.id() == b.id()) {
            assert!(records.is_sorted() && ids.insert(records[0].id()));
        }
        for records in [&mut found, &mut expected] {
            records.sort_unstable();
            records.dedup();
        }
        assert_eq!(found, expected);
    }

    proptest! {
        #[test]
        fn records_of_an_id_are_beside_each_other_and_sorted(
            rows in prop::collection::vec((0..200_u128, 0..9_u32), 0..4000), scatters in 1..4_usize,
            budget in 1..1_usize << 18, used_bits in 0..58_u32, wide: bool,
        ) {
            if wide {
                let rows: Vec<_> = rows.iter().map(|(id, label)| (id << 77 | id, *label)).collect();
                check::<WideRecord>(&rows, scatters, budget, used_bits);
            } else {
                check::<NarrowRecord>(&rows, scatters, budget, used_bits);
            }
        }
    }
}
