//! Shards whose row ids no other shard can have, by the statistics of their row groups.
//!
//! Pairs of such a shard need to be distinct within it only, and are counted as soon as it is read.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use parquet::basic::{ConvertedType, LogicalType};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;

use crate::source::shards::Shard;

/// The ids of a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IdRange {
    Numbers(RangeInclusive<i128>),
    Texts(TextRange),
}

impl IdRange {
    /// Of a shard without rows: no id lies in it.
    #[expect(clippy::reversed_empty_ranges, reason = "no id lies in it")]
    const NOTHING: Self = Self::Numbers(0..=-1);

    /// The smallest range that holds both, where ids are of one kind.
    fn with(self, other: Self) -> Option<Self> {
        fn both<T: Ord>(a: RangeInclusive<T>, b: RangeInclusive<T>) -> RangeInclusive<T> {
            let ((a, b), (c, d)) = (a.into_inner(), b.into_inner());
            a.min(c)..=b.max(d)
        }
        Some(match (self, other) {
            (Self::Numbers(a), Self::Numbers(b)) => Self::Numbers(both(a, b)),
            (Self::Texts(a), Self::Texts(b)) => Self::Texts(TextRange::new(both(a.ids, b.ids))),
            _ => return None,
        })
    }
}

/// Texts by the order of their bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TextRange {
    ids: RangeInclusive<Vec<u8>>,
    /// What all of them begin with, by its length, and the words behind it in the first and the last.
    shared: usize,
    words: [u64; 2],
}

impl TextRange {
    fn new(ids: RangeInclusive<Vec<u8>>) -> Self {
        let (first, last) = (ids.start(), ids.end());
        let shared = first.iter().zip(last).take_while(|(a, b)| a == b).count();
        let word =
            |id: &[u8], none| id[shared..].first_chunk().map_or(none, |word| u64::from_be_bytes(*word));
        // No word is between those of an end that has none.
        let words = [word(first, u64::MAX), word(last, 0)];
        Self { ids, shared, words }
    }

    /// Whether an id lies in it.
    #[inline]
    pub(super) fn contains(&self, id: &[u8]) -> bool {
        // Most ids lie between the words of both ends.
        if let Some((head, rest)) = id.split_at_checked(self.shared)
            && let Some(word) = rest.first_chunk()
            && self.words[0] < u64::from_be_bytes(*word)
            && u64::from_be_bytes(*word) < self.words[1]
            && head == &self.ids.start()[..self.shared]
        {
            return true;
        }
        self.ids.start().as_slice() <= id && id <= self.ids.end().as_slice()
    }
}

/// For every shard the range of its ids, where no other shard's range meets it; `None` for the others.
pub(crate) fn own_ranges(shards: &[Shard], id: &str) -> Vec<Option<IdRange>> {
    let ranges: Option<Vec<_>> = shards.iter().map(|shard| range(shard, id)).collect();
    // One shard of unknown range may meet all others.
    ranges.and_then(alone).unwrap_or_else(|| vec![None; shards.len()])
}

/// The ranges that no other meets; `None` where ids are of several kinds.
fn alone(ranges: Vec<IdRange>) -> Option<Vec<Option<IdRange>>> {
    let (mut numbers, mut texts) = (Vec::new(), Vec::new());
    for (i, range) in ranges.iter().enumerate() {
        match range {
            IdRange::Numbers(range) if range.is_empty() => {}
            IdRange::Numbers(range) => numbers.push((i, range.start(), range.end())),
            IdRange::Texts(TextRange { ids, .. }) => texts.push((i, ids.start(), ids.end())),
        }
    }
    let meet = match (&numbers[..], &texts[..]) {
        (_, []) => those_that_meet(numbers),
        ([], _) => those_that_meet(texts),
        _ => return None,
    };
    let own = ranges.into_iter().enumerate().map(|(i, range)| (!meet.contains(&i)).then_some(range));
    Some(own.collect())
}

/// Of numbered ranges, those that another one meets.
fn those_that_meet<T: Ord>(mut ranges: Vec<(usize, T, T)>) -> HashSet<usize> {
    ranges.sort_by(|(_, a, _), (_, b, _)| a.cmp(b));
    let mut meet = HashSet::new();
    // The range that reaches furthest so far.
    let mut furthest: Option<(usize, &T)> = None;
    for (i, first, last) in &ranges {
        if let Some((before, end)) = furthest
            && end >= first
        {
            meet.extend([before, *i]);
        }
        if furthest.is_none_or(|(_, end)| end < last) {
            furthest = Some((*i, last));
        }
    }
    meet
}

/// Smallest and largest id of a shard, by its footer.
fn range(shard: &Shard, id: &str) -> Option<IdRange> {
    let shard = shard.with_footer().ok()?;
    let metadata = &shard.metadata;
    let is_id = |column: &ColumnChunkMetaData| column.column_path().parts() == [id];
    let mut all: Option<IdRange> = None;
    for group in metadata.row_groups().iter().filter(|group| group.num_rows() > 0) {
        let chunk = of_chunk(group.columns().iter().find(|column| is_id(column))?)?;
        all = Some(match all {
            None => chunk,
            Some(all) => all.with(chunk)?,
        });
    }
    Some(all.unwrap_or(IdRange::NOTHING))
}

fn of_chunk(column: &ColumnChunkMetaData) -> Option<IdRange> {
    let descriptor = column.column_descr();
    let unsigned = matches!(descriptor.logical_type_ref(), Some(LogicalType::Integer(int)) if !int.is_signed)
        || matches!(descriptor.converted_type(), ConvertedType::UINT_32 | ConvertedType::UINT_64);
    let statistics = column.statistics()?;
    let by_bytes = matches!(statistics, Statistics::ByteArray(_));
    // Old statistics have the order of signed integers, whose bytes too.
    if (unsigned || by_bytes) && statistics.is_min_max_deprecated() {
        return None;
    }
    let (min, max) = match statistics {
        Statistics::Int32(s) => {
            let wide = |x: i32| if unsigned { x.cast_unsigned().into() } else { i128::from(x) };
            (wide(*s.min_opt()?), wide(*s.max_opt()?))
        }
        Statistics::Int64(s) => {
            let wide = |x: i64| if unsigned { x.cast_unsigned().into() } else { i128::from(x) };
            (wide(*s.min_opt()?), wide(*s.max_opt()?))
        }
        Statistics::ByteArray(s) => {
            let [min, max] = [s.min_opt()?, s.max_opt()?].map(|id| id.data().to_vec());
            return (min <= max).then(|| IdRange::Texts(TextRange::new(min..=max)));
        }
        _ => return None,
    };
    Some(IdRange::Numbers(min..=max))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn own(ranges: Vec<IdRange>) -> Vec<bool> {
        let found = alone(ranges).map(|found| found.iter().map(Option::is_some).collect());
        found.unwrap_or_default()
    }

    fn texts(first: &str, last: &str) -> TextRange {
        TextRange::new(first.as_bytes().to_vec()..=last.as_bytes().to_vec())
    }

    #[test]
    fn only_ranges_that_meet_no_other_are_alone() {
        let ranges = [0..=9, 20..=29, 10..=19, 15..=16, 40..=90, 50..=60, 85..=95, 96..=96];
        let found = own(ranges.map(IdRange::Numbers).to_vec());
        assert_eq!(found, [true, true, false, false, false, false, false, true]);
        let found = own(vec![IdRange::NOTHING, IdRange::Numbers(5..=9), IdRange::Numbers(9..=9)]);
        assert_eq!(found, [true, false, false]);
        let ranges =
            [texts("b", "ba"), texts("a", "az"), texts("ba", "c"), texts("", "")].map(IdRange::Texts);
        assert_eq!(own(ranges.to_vec()), [false, true, false, true]);
        let mixed = [IdRange::NOTHING, IdRange::Texts(texts("a", "b"))];
        assert_eq!(own(mixed.to_vec()), [true, true]);
        assert!(own([&mixed[..], &[IdRange::Numbers(1..=2)]].concat()).is_empty(), "of several kinds");
    }

    proptest! {
        /// Of texts with few different bytes, many of which begin alike.
        #[test]
        fn a_range_holds_what_lies_between_its_ends(
            ends in prop::array::uniform2("x{0,20}[axz\u{ff}]{0,12}"), ids in prop::collection::vec("x{0,20}[axz\u{ff}]{0,12}", 1..20),
        ) {
            let (first, last) = (ends.iter().min().unwrap(), ends.iter().max().unwrap());
            let range = texts(first, last);
            for id in ids.iter().chain(&ends) {
                prop_assert_eq!(range.contains(id.as_bytes()), first <= id && id <= last);
            }
        }
    }
}
