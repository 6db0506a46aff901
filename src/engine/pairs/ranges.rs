//! Shards whose row ids no other shard can have, by the statistics of their row groups.
//!
//! Pairs of such a shard need to be distinct within it only, and are counted as soon as it is read.

use std::ops::RangeInclusive;

use parquet::basic::{ConvertedType, LogicalType};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;

use crate::source::shards::Shard;

/// For every shard the range of its ids, where no other shard's range meets it; `None` for the others.
pub(crate) fn own_ranges(shards: &[Shard], id: &str) -> Vec<Option<RangeInclusive<i128>>> {
    let ranges: Option<Vec<_>> = shards.iter().map(|shard| range(shard, id)).collect();
    // One shard of unknown range may meet all others.
    ranges.map_or_else(|| vec![None; shards.len()], alone)
}

fn alone(ranges: Vec<RangeInclusive<i128>>) -> Vec<Option<RangeInclusive<i128>>> {
    let mut order: Vec<usize> = (0..ranges.len()).collect();
    order.sort_by_key(|&i| *ranges[i].start());
    let mut meets = vec![false; ranges.len()];
    // The range that reaches furthest so far.
    let mut furthest: Option<usize> = None;
    for &i in order.iter().filter(|&&i| !ranges[i].is_empty()) {
        if let Some(before) = furthest
            && ranges[before].end() >= ranges[i].start()
        {
            (meets[before], meets[i]) = (true, true);
        }
        if furthest.is_none_or(|before| ranges[before].end() < ranges[i].end()) {
            furthest = Some(i);
        }
    }
    ranges.into_iter().zip(meets).map(|(range, meets)| (!meets).then_some(range)).collect()
}

/// Smallest and largest id of a shard, by its footer; empty when it has no rows.
fn range(shard: &Shard, id: &str) -> Option<RangeInclusive<i128>> {
    let shard = shard.with_footer().ok()?;
    let metadata = &shard.metadata;
    let is_id = |column: &ColumnChunkMetaData| column.column_path().parts() == [id];
    let mut all: Option<RangeInclusive<i128>> = None;
    for group in metadata.row_groups().iter().filter(|group| group.num_rows() > 0) {
        let chunk = of_chunk(group.columns().iter().find(|column| is_id(column))?)?;
        all = Some(match all {
            None => chunk,
            Some(all) => *all.start().min(chunk.start())..=*all.end().max(chunk.end()),
        });
    }
    #[expect(clippy::reversed_empty_ranges, reason = "no id lies in it")]
    Some(all.unwrap_or(0..=-1))
}

fn of_chunk(column: &ColumnChunkMetaData) -> Option<RangeInclusive<i128>> {
    let descriptor = column.column_descr();
    let unsigned = matches!(descriptor.logical_type_ref(), Some(LogicalType::Integer(int)) if !int.is_signed)
        || matches!(descriptor.converted_type(), ConvertedType::UINT_32 | ConvertedType::UINT_64);
    let statistics = column.statistics()?;
    if unsigned && statistics.is_min_max_deprecated() {
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
        _ => return None,
    };
    Some(min..=max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ranges_that_meet_no_other_are_alone() {
        let found = alone(vec![0..=9, 20..=29, 10..=19, 15..=16, 40..=90, 50..=60, 85..=95, 96..=96]);
        let found: Vec<bool> = found.iter().map(Option::is_some).collect();
        assert_eq!(found, [true, true, false, false, false, false, false, true]);
        #[expect(clippy::reversed_empty_ranges, reason = "a shard without rows")]
        let found = alone(vec![0..=-1, 5..=9, 9..=9]);
        assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, false]);
    }
}
