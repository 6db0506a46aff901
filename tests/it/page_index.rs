//! `--trust-statistics` takes pages by the word of the column index and the offset index.

use arrow::array::{ArrayRef, Int64Array};
use parquet::basic::{Compression, Encoding};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;
use serde_json::Value;

use crate::generate::{TYPES, array, codes, settings};
use crate::support::{self, Place, cases, write_with};

/// What a run over `in` gives in folder `out`; `None` where values are invalid.
fn weights(place: &Place, out: &str, more: &[&str]) -> Option<Vec<u8>> {
    let wide = ["compute", "in", "--layout", "wide", "--row-measures", "off", "--out", out, "--overwrite"];
    let ended = place.run(&[&wide[..], more].concat());
    assert!([0, 4].contains(&ended.code) && !ended.stderr.contains("panicked"), "{}", ended.stderr);
    (ended.code == 0).then(|| std::fs::read(place.path(out).join("weights.json")).unwrap())
}

/// The account of a run: bytes read, and of the one label column how it was counted.
fn account(place: &Place, out: &str) -> (u64, Value) {
    let results = place.json(&format!("{out}/run_results.json"));
    let column = results["counting"]["way"]["columns"][0].clone();
    (results["inputs"]["bytes_read"].as_u64().unwrap(), column)
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn trusted_counts_are_those_of_pages_and_arrays(
        shards in proptest::collection::vec((codes(300), codes(300), settings(), any::<bool>()), 1..4),
        kind in proptest::sample::select(&TYPES[..]),
    ) {
        let place = Place::new();
        for (i, (a, b, settings, sorted)) in shards.iter().enumerate() {
            let rows = a.len().min(b.len());
            let [a, b] = [a, b].map(|codes| {
                let mut codes = codes[..rows].to_vec();
                if *sorted {
                    codes.sort_unstable();
                }
                array(kind, &codes)
            });
            write_with(&place.path(&format!("in/{i}.parquet")), vec![("a", a), ("b", b)], settings.properties().build());
        }
        let rules = ["--labels", "a,b", "--missing-values", "2,maybe,3", "--negative-values=0,-1"];
        let run = |out: &str, more: &[&str]| weights(&place, out, &[&rules, more].concat());
        let (trusted, decoded) = (run("trusted", &["--trust-statistics"]), run("decoded", &[]));
        prop_assert!(trusted == decoded);
        prop_assert!(decoded == run("plain", &["--engine", "plain"]));
    }
}

/// Pages of 8 000 bytes: rows of 0 first, then one page of both, rows of 1, and of both again at the end.
fn sorted_shard(place: &Place) {
    let of = |row: i64| i64::from((40_500..90_000).contains(&row) || row > 99_500);
    let labels: ArrayRef = support::array((0..100_000).map(of).collect::<Int64Array>());
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_encoding(Encoding::PLAIN)
        .set_compression(Compression::UNCOMPRESSED)
        .set_data_page_row_count_limit(1000)
        .set_write_batch_size(1000);
    write_with(&place.path("in/a.parquet"), vec![("a", labels)], properties.build());
}

#[test]
fn pages_that_are_known_are_not_read() {
    let place = Place::new();
    sorted_shard(&place);
    let trusted = weights(&place, "trusted", &["--labels", "a", "--trust-statistics"]);
    assert!(trusted.is_some() && trusted == weights(&place, "decoded", &["--labels", "a"]));
    assert_eq!(place.json("trusted/weights.json")["positives"][0], 49_999);
    let (few, column) = account(&place, "trusted");
    assert_eq!(column, serde_json::json!({ "column": "a", "encoded": 1, "statistics_pages": 98 }));
    let (many, column) = account(&place, "decoded");
    assert_eq!(column, serde_json::json!({ "column": "a", "encoded": 1 }));
    assert!(many > 800_000 && few < 30_000, "{few} bytes instead of {many}");
}

#[test]
fn a_chunk_of_known_pages_is_counted_by_its_statistics() {
    let place = Place::new();
    let labels: ArrayRef = support::array((0..4000).map(|row| Some(row / 2000)).collect::<Int64Array>());
    let properties =
        WriterProperties::builder().set_data_page_row_count_limit(1000).set_write_batch_size(1000);
    write_with(&place.path("in/a.parquet"), vec![("a", labels)], properties.build());
    let trusted = weights(&place, "trusted", &["--labels", "a", "--trust-statistics"]);
    assert!(trusted.is_some() && trusted == weights(&place, "decoded", &["--labels", "a"]));
    let column = serde_json::json!({ "column": "a", "encoded": 0, "statistics": 1, "statistics_pages": 4 });
    assert_eq!(account(&place, "trusted").1, column);
}

/// The footer and the indexes of the shard.
fn footer(place: &Place) -> ParquetMetaData {
    let file = std::fs::File::open(place.path("in/a.parquet")).unwrap();
    let reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Required);
    reader.parse_and_finish(&file).unwrap()
}

/// Writes other bytes at a place of the shard.
fn change(place: &Place, at: i64, change: impl Fn(&mut [u8])) {
    let path = place.path("in/a.parquet");
    let mut bytes = std::fs::read(&path).unwrap();
    change(&mut bytes[usize::try_from(at).unwrap()..]);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn indexes_that_are_damaged_or_lie_give_the_same_counts_or_an_error() {
    let trusting = ["--labels", "a", "--trust-statistics"];
    let place = Place::new();
    sorted_shard(&place);
    let right = weights(&place, "decoded", &["--labels", "a"]);
    let footer = footer(&place);
    let chunk = footer.row_group(0).column(0);
    let [columns, offsets] = [chunk.column_index_offset(), chunk.offset_index_offset()].map(Option::unwrap);
    // Neither is a list any more.
    for at in [columns, offsets] {
        sorted_shard(&place);
        change(&place, at, |bytes| bytes[0] = 0xff);
        assert!(weights(&place, "trusted", &trusting) == right);
        assert_eq!(account(&place, "trusted").1, serde_json::json!({ "column": "a", "encoded": 1 }));
    }
    // A page that varies claims a row of its neighbour: counts would still add up.
    sorted_shard(&place);
    let pages = footer.offset_index().unwrap()[0][0].page_locations();
    assert_eq!(pages[40].first_row_index, 40_000);
    // The numbers 40 000 and 39 999 as Thrift has them.
    let [row, before] = [[0x80, 0xf1, 4], [0xfe, 0xf0, 4]];
    change(&place, offsets, |bytes| {
        let at = bytes.windows(3).position(|three| three == row).unwrap();
        bytes[at..at + 3].copy_from_slice(&before);
    });
    let ended = place.run(&[&["compute", "in", "--layout", "wide", "--out", "lie"], &trusting[..]].concat());
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    let says =
        "in/a.parquet: column \"a\": corrupt column chunk: a page of 1000 values, the offset index says 1001";
    assert!(ended.stderr.contains(says), "{}", ended.stderr);
    assert!(!place.path("lie/_SUCCESS").exists());
    assert!(weights(&place, "decoded", &["--labels", "a"]) == right);
}
