//! What is not known, and what is damaged.

use crate::counts::Tally;
use crate::pages::{Chunk, ChunkOutcome, SetCounter, Workspace, count_flat, count_sets, count_vector};
use parquet::basic::{BrotliLevel, Compression, Encoding};
use parquet::file::properties::WriterVersion;
use proptest::prelude::*;

use super::sets::{Rules, trimmed};
use super::vectors::{WIDTH, cell_at};
use super::{ColumnFile, cell};
use crate::pages::generate::{Rows, Settings, TYPES, array, codes, lists, settings};

#[test]
fn what_is_not_known_is_left_to_arrow_and_counts_nothing() {
    let codes: Vec<_> = (0..200).map(|i| Some(i % 2)).collect();
    let ints =
        lists("list", &codes.chunks(5).map(|row| Some(row.to_vec())).collect(), |codes| array("i32", codes));
    let plain = Settings { dictionary: false, ..Settings::plain() };
    let brotli = Settings { codec: Compression::BROTLI(BrotliLevel::default()), ..plain.clone() };
    for (properties, reason) in [
        (
            plain.properties().set_encoding(Encoding::DELTA_BINARY_PACKED).build(),
            "encoding DELTA_BINARY_PACKED",
        ),
        (brotli.properties().build(), "codec BROTLI(BrotliLevel(1))"),
    ] {
        let shard = ColumnFile::write(&ints, properties);
        let chunk = shard.chunks().next().unwrap();
        let (mut workspace, mut counter, mut tallies) =
            (Workspace::default(), SetCounter::new(), [Tally::default(); WIDTH]);
        let mut rules = Rules { bound: Some(9), invalid: 99, two: 99, alike: false };
        let found = count_sets(&chunk, &mut workspace, &mut rules, &mut counter).unwrap();
        assert_eq!(found, ChunkOutcome::Unsupported(reason.to_owned()));
        let found = count_vector(&chunk, &mut workspace, &cell_at, &mut tallies).unwrap();
        assert_eq!(found, ChunkOutcome::Unsupported(reason.to_owned()));
        assert_eq!((trimmed(counter.take()), tallies), (vec![], [Tally::default(); WIDTH]));
    }
    let shard = ColumnFile::write(&ints, plain.properties().build());
    let chunk = shard.chunks().next().unwrap();
    let found = count_flat(&chunk, &mut Workspace::default(), &cell).unwrap();
    assert_eq!(
        found,
        ChunkOutcome::Unsupported("a list where a column of single values was expected".to_owned())
    );
}

/// Bytes of a chunk changed at some places.
fn damage(bytes: &[u8], flips: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (at, bits) in flips {
        let at = at.index(bytes.len());
        bytes[at] ^= bits;
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8 * ProptestConfig::default().cases, ..ProptestConfig::default() })]

    #[test]
    fn damaged_pages_give_an_error_or_counts_that_add_up(
        kind in proptest::sample::select(&TYPES[..]), codes in codes(300), settings in settings(),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 1..4),
        width in 1..5_usize,
    ) {
        let mut workspace = Workspace::default();
        let shard = ColumnFile::write(&array(kind, &codes), settings.properties().build());
        for chunk in shard.chunks() {
            let bytes = damage(chunk.bytes, &flips);
            if let Ok(ChunkOutcome::Counted(count)) = count_flat(&Chunk { bytes: &bytes, ..chunk }, &mut workspace, &cell) {
                prop_assert_eq!(count.tally.total(), Some(chunk.rows));
            }
        }
        let rows: Rows = codes.chunks(width).map(|row| Some(row.to_vec())).collect();
        let shard = ColumnFile::write(&lists("list", &rows, |codes| array(kind, codes)), settings.properties().build());
        let mut rules = Rules { bound: Some(3), invalid: 100, two: 99, alike: false };
        for chunk in shard.chunks() {
            let bytes = damage(chunk.bytes, &flips);
            let damaged = Chunk { bytes: &bytes, ..chunk };
            let mut counter = SetCounter::new();
            let outcome = count_sets(&damaged, &mut workspace, &mut rules, &mut counter);
            let positives = counter.take();
            match outcome {
                Ok(ChunkOutcome::Counted(count)) => {
                    prop_assert_eq!(count.rows, chunk.rows);
                    let known = count.rows - count.null_rows - count.invalid_rows;
                    prop_assert!(positives.iter().all(|rows| *rows <= known));
                }
                _ => prop_assert!(positives.iter().all(|rows| *rows == 0), "half counted"),
            }
            let mut tallies = vec![Tally::default(); width];
            let outcome = count_vector(&damaged, &mut workspace, &cell_at, &mut tallies);
            let total = if matches!(outcome, Ok(ChunkOutcome::Counted(_))) { chunk.rows } else { 0 };
            prop_assert!(tallies.iter().all(|tally| tally.total() == Some(total)));
        }
    }
}

#[test]
fn every_beginning_of_a_chunk_is_refused() {
    let codes: Vec<_> = (0..300_u32).map(|i| Some((i * i % 6) as u8)).collect();
    for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
        let settings = Settings { version, page_rows: 50, ..Settings::plain() };
        let shard = ColumnFile::write(&array("i32", &codes), settings.properties().build());
        let chunk = shard.chunks().next().unwrap();
        for end in 0..chunk.bytes.len() {
            let cut = Chunk { bytes: &chunk.bytes[..end], ..chunk };
            let error = count_flat(&cut, &mut Workspace::default(), &cell).unwrap_err().to_string();
            assert!(error.starts_with("corrupt column chunk: "), "{error}");
        }
    }
}

#[test]
fn a_footer_that_lies_about_rows_is_refused() {
    let shard = ColumnFile::write(&array("u8", &[Some(1); 20]), Settings::plain().properties().build());
    let chunk = shard.chunks().next().unwrap();
    let mut tallies = [Tally::default()];
    let error = count_flat(&Chunk { rows: 21, ..chunk }, &mut Workspace::default(), &cell).unwrap_err();
    assert_eq!(error.to_string(), "corrupt column chunk: 20 values in a row group of 21 rows");
    let rows = vec![Some(vec![Some(1)]); 20];
    let shard = ColumnFile::write(
        &lists("list", &rows, |codes| array("u8", codes)),
        Settings::plain().properties().build(),
    );
    for rows in [19, 21] {
        let chunk = Chunk { rows, ..shard.chunks().next().unwrap() };
        let expected = format!("corrupt column chunk: 20 lists in a row group of {rows} rows");
        let error = count_vector(&chunk, &mut Workspace::default(), &cell_at, &mut tallies).unwrap_err();
        assert_eq!(error.to_string(), expected);
        let mut counter = SetCounter::new();
        let mut rules = Rules { bound: None, invalid: 9, two: 9, alike: false };
        let error = count_sets(&chunk, &mut Workspace::default(), &mut rules, &mut counter).unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert_eq!(trimmed(counter.take()), Vec::<u64>::new());
    }
}
