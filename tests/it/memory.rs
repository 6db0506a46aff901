//! What does not fit the memory is spilled, and changes no count.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, ListArray, ListBuilder, StringArray, StringBuilder};
use arrow::datatypes::Int32Type;

use crate::support::{Place, array, some, write};

/// The smallest limit, and one without spilling.
const LIMITS: [&str; 2] = ["160m", "8g"];

/// Pairs of a few million rows, every one twice, over shards that share all ids.
fn pairs(place: &Place, text_ids: bool) {
    const ROWS: i64 = 700_000;
    for shard in 0..4 {
        let ids = (0..ROWS).map(|row| (row * 7_919 + shard * 31) % (2 * ROWS));
        let ids: ArrayRef = if text_ids {
            let ids = ids.clone().map(|id| format!("row number {id:09}"));
            array(StringArray::from_iter_values(ids))
        } else {
            array(Int64Array::from_iter_values(ids))
        };
        let labels = (0..ROWS).map(|row| format!("label {}", row % 50 + row % 3));
        let labels = array(StringArray::from_iter_values(labels));
        write(&place.path(&format!("pairs/{shard}.parquet")), vec![("id", ids), ("label", labels)]);
    }
}

const LONG: [&str; 6] = ["--layout", "long", "--id", "id", "--labels", "label"];

#[test]
fn pairs_that_do_not_fit_are_spilled() {
    for text_ids in some([true, false]) {
        let place = Place::new();
        pairs(&place, text_ids);
        let mut found = Vec::new();
        for limit in LIMITS {
            let spill = place.path("spill");
            let arguments = ["pairs", "--memory-limit", limit, "--threads", "2", "--spill-dir", "spill"];
            let arguments = [&arguments[..], &LONG].concat();
            place.weights(&arguments);
            let results = place.json("out/run_results.json");
            let spilled = results["resources"]["spilled_bytes"].as_u64().unwrap();
            assert_eq!(spilled > 0, limit == LIMITS[0], "{limit}: {spilled}");
            assert_eq!(std::fs::read_dir(spill).unwrap().count(), 0);
            let read = |file: &str| std::fs::read(place.path(file)).unwrap();
            assert!(place.json("out/imbalance.json")["distinct_labelsets"].as_u64() > Some(100));
            found.push(["out/weights.json", "out/imbalance.json"].map(read));
        }
        assert_eq!(found[0], found[1]);
    }
}

#[test]
fn names_that_do_not_fit_are_spilled() {
    let place = Place::new();
    for shard in 0..2 {
        let mut lists = ListBuilder::new(StringBuilder::new());
        for row in 0..300_000 {
            for label in [row, (row * 7) % 400_000, row % 5] {
                lists.values().append_value(format!("a rather long label name, number {:07}", label + shard));
            }
            lists.append(true);
        }
        let lists: ArrayRef = Arc::new(lists.finish());
        write(&place.path(&format!("lists/{shard}.parquet")), vec![("labels", lists)]);
    }
    let mut found = Vec::new();
    for limit in LIMITS {
        let layout = ["lists", "--layout", "list", "--labels", "labels", "--spill-dir", "spill"];
        let more = ["--memory-limit", limit, "--threads", "2", "--formats", "json", "--scheme", "ratio"];
        place.weights(&[&layout[..], &more].concat());
        let results = place.json("out/run_results.json");
        let spilled = results["resources"]["spill_files"].as_u64().unwrap();
        assert_eq!(spilled > 0, limit == LIMITS[0], "{limit}: {spilled}");
        assert_eq!(std::fs::read_dir(place.path("spill")).unwrap().count(), 0);
        found.push(std::fs::read(place.path("out/weights.json")).unwrap());
    }
    assert_eq!(found[0], found[1]);
}

#[test]
fn a_limit_of_spill_files_and_one_that_is_too_small_are_named() {
    let place = Place::new();
    pairs(&place, true);
    let run = |more: &[&str]| {
        place.run(&[&["compute", "pairs", "--out", "out", "--spill-dir", "spill"], &LONG[..], more].concat())
    };
    let full = run(&["--memory-limit", "160m", "--spill-limit", "1m", "--threads", "2"]);
    assert_eq!(full.code, 6, "{}", full.stderr);
    assert!(full.stderr.contains("--spill-limit") && full.stderr.contains("spill folder"), "{}", full.stderr);
    assert_eq!(std::fs::read_dir(place.path("spill")).unwrap().count(), 0);
    assert!(!place.path("out/_SUCCESS").exists());
    let small = run(&["--memory-limit", "100m"]);
    assert_eq!(small.code, 6, "{}", small.stderr);
    assert!(small.stderr.contains("--memory-limit 160m"), "{}", small.stderr);
}

#[test]
fn an_index_that_makes_more_labels_than_the_memory_holds_is_named() {
    let place = Place::new();
    let lists = [vec![Some(0), Some(1)], vec![Some(2_000_000)], vec![]];
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(lists.map(Some));
    write(&place.path("list/0.parquet"), vec![("tags", array(lists))]);
    let run = |more: &[&str]| {
        let base =
            ["compute", "list", "--layout", "list", "--labels", "tags", "--formats", "npy", "--overwrite"];
        place.run(&[&base[..], &["--out", "out", "--memory-limit"], more].concat())
    };
    for engine in ["encoded", "plain"] {
        let ended = run(&["160m", "--engine", engine]);
        assert_eq!(ended.code, 6, "{}", ended.stderr);
        let says = ["label index 2000000:", "--memory-limit", "--num-labels", "--label-kind name"];
        assert!(says.iter().all(|what| ended.stderr.contains(what)), "{}", ended.stderr);
        assert!(!place.path("out/_SUCCESS").exists());
    }
    assert_eq!(run(&["512m"]).code, 0);
    assert_eq!(place.json("out/run_results.json")["result"]["labels"], 2_000_001);
    assert_eq!(run(&["160m", "--label-kind", "name"]).code, 0);
}

#[test]
fn a_limit_that_no_run_keeps_is_named_before_a_shard_is_opened() {
    let place = Place::new();
    write(&place.path("a.parquet"), vec![("y", array(Int64Array::from(vec![0, 1])))]);
    let ended = place.run(&["compute", "a.parquet", "--memory-limit", "64m", "--out", "out"]);
    assert_eq!(ended.code, 6, "{}", ended.stderr);
    assert!(ended.stderr.contains("64 MB cannot be kept; the smallest is 160 MB"), "{}", ended.stderr);
    assert!(ended.stderr.contains("use --memory-limit 160m or more"), "{}", ended.stderr);
}
