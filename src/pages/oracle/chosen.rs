//! Pages that their indexes describe need no decoding, and all others give the rest.

use std::ops::Range;

use crate::counts::{Cell, Tally};
use crate::pages::{Chosen, Chunk, ChunkOutcome, Workspace, count_flat, count_flat_pages, known_pages};
use parquet::basic::Type;
use proptest::prelude::*;

use super::{ColumnFile, cell, counted};
use crate::pages::generate::{Settings, TYPES, array, codes, settings};

/// The column indexes and offset indexes of the row groups of a shard.
fn indexes(shard: &ColumnFile) -> Vec<[Vec<u8>; 2]> {
    let part = |offset: Option<i64>, len: Option<i32>| {
        let start = offset.unwrap_or(0) as usize;
        shard.bytes[start..start + len.unwrap_or(0) as usize].to_vec()
    };
    let of = |chunk: Chunk<'_>| {
        [
            part(chunk.meta.column_index_offset(), chunk.meta.column_index_length()),
            part(chunk.meta.offset_index_offset(), chunk.meta.offset_index_length()),
        ]
    };
    shard.chunks().map(of).collect()
}

fn chosen(chunk: &Chunk<'_>, [columns, offsets]: &[Vec<u8>; 2]) -> Option<Chosen> {
    known_pages(chunk.meta, columns)?.choose(chunk.meta, offsets, chunk.rows)
}

/// The tally of a chunk by the pages that are chosen; every byte that is not needed is 0xff.
fn tally(shard: &ColumnFile, chunk: &Chunk<'_>, chosen: &Chosen) -> Result<Tally, String> {
    let mut sum = Tally::default();
    for constant in &chosen.constants {
        sum.missing += constant.nulls;
        sum.add(constant.value.map_or(Cell::Missing, cell), constant.rows);
    }
    let place = |part: &Range<u64>| part.start as usize..part.end as usize;
    let parts: Vec<Range<usize>> = chosen.parts().map(|part| place(&part)).collect();
    let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return Ok(sum) };
    let mut bytes = vec![0xff; last.end - first.start];
    for part in &parts {
        let to = part.start - first.start..part.end - first.start;
        bytes[to].copy_from_slice(&shard.bytes[part.clone()]);
    }
    let needed = Chunk { bytes: &bytes, ..*chunk };
    match count_flat_pages(&needed, chosen, &mut Workspace::default(), &cell) {
        Ok(ChunkOutcome::Counted(count)) => Ok(sum.checked_add(&count.tally).unwrap()),
        Ok(ChunkOutcome::Unsupported(why)) => Err(why),
        Err(error) => Err(error.to_string()),
    }
}

/// Codes whose runs are as long as pages, or all in order.
fn runs() -> impl Strategy<Value = Vec<Option<u8>>> {
    (codes(500), any::<bool>()).prop_map(|(mut codes, sorted)| {
        if sorted {
            codes.sort_unstable();
        }
        codes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2 * ProptestConfig::default().cases, ..ProptestConfig::default() })]

    #[test]
    fn known_and_decoded_pages_are_all_pages(
        kind in proptest::sample::select(&TYPES[..]), codes in runs(), settings in settings(),
    ) {
        let shard = ColumnFile::write(&array(kind, &codes), settings.properties().build());
        for (chunk, indexes) in shard.chunks().zip(indexes(&shard)) {
            let whole = counted(count_flat(&chunk, &mut Workspace::default(), &cell).unwrap());
            if let Some(chosen) = chosen(&chunk, &indexes) {
                prop_assert!(chosen.known > 0);
                prop_assert_eq!(tally(&shard, &chunk, &chosen), Ok(whole.tally));
            }
        }
    }

    #[test]
    fn damaged_indexes_choose_nothing_or_pages_that_add_up(
        kind in proptest::sample::select(&["bool", "i8", "u16", "i64", "decimal64", "text"][..]),
        codes in runs(), settings in settings(),
        flips in proptest::collection::vec((0..2_usize, any::<prop::sample::Index>(), 1..=255_u8), 1..4),
    ) {
        let settings = Settings { page_rows: settings.page_rows.min(40), ..settings };
        let shard = ColumnFile::write(&array(kind, &codes), settings.properties().build());
        for (chunk, mut indexes) in shard.chunks().zip(indexes(&shard)) {
            for (which, at, bits) in &flips {
                let index = &mut indexes[*which];
                let at = at.index(index.len());
                index[at] ^= bits;
            }
            let Some(chosen) = chosen(&chunk, &indexes) else { continue };
            match tally(&shard, &chunk, &chosen) {
                Ok(tally) => prop_assert_eq!(tally.total(), Some(chunk.rows)),
                Err(error) => prop_assert!(error.starts_with("corrupt column chunk: "), "{}", error),
            }
        }
    }
}

#[test]
fn pages_are_known_where_bounds_are_values_and_nulls_are_counted() {
    // Pages of 0, of 0 and 1, of 1, of 1 and NULL, and of NULL.
    let codes: Vec<Option<u8>> = (0..100)
        .map(|row| {
            if row < 30 {
                Some(0)
            } else if row < 70 {
                Some(1)
            } else {
                None
            }
        })
        .collect();
    for kind in TYPES {
        let settings = Settings { page_rows: 20, ..Settings::plain() };
        let properties = settings.properties().set_write_batch_size(20).build();
        let shard = ColumnFile::write(&array(kind, &codes), properties);
        let (chunk, [columns, offsets]) = (shard.chunks().next().unwrap(), &indexes(&shard)[0]);
        let words = matches!(chunk.meta.column_type(), Type::BOOLEAN | Type::INT32 | Type::INT64);
        let found = chosen(&chunk, &[columns.clone(), offsets.clone()]).unwrap();
        assert_eq!(found.known, if words { 4 } else { 1 }, "{kind}");
        // Without the list of null counts, which is the last but one field or the last: five numbers.
        let heads = [[0x15, 0, 0x19, 0x56], [0x15, 2, 0x19, 0x56], [0x15, 4, 0x19, 0x56]];
        let at = columns.windows(4).rposition(|head| heads.iter().any(|known| head == known)).unwrap();
        let uncounted = [&columns[..at + 2], &[0]].concat();
        let found = chosen(&chunk, &[uncounted, offsets.clone()]).unwrap();
        assert_eq!(found.known, 1, "{kind}");
    }
}
