//! Several jobs share the shards of a run; merged, their counts are those of one run, byte for byte.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, ListArray, StringArray};
use arrow::datatypes::Int32Type;

use crate::support::{Ended, Place, array, some, write};

const SHARDS: i32 = 19;

/// Labels of which every shard has others, in several layouts; ids of a shard are its own.
fn shards(place: &Place) {
    for number in 0..SHARDS {
        let rows = 3 + number % 5;
        let seed = move |row: i32, i: i32| (row * 7 + i * 13 + number * 31) % 11;
        let lists = (0..rows).map(|row| {
            (seed(row, 3) > 0).then(|| {
                (0..seed(row, 4) % 3).map(move |i| Some(seed(row, i) + number / 4)).collect::<Vec<_>>()
            })
        });
        let words = (0..rows).map(|row| (seed(row, 2) > 1).then(|| format!("n{}", seed(row, 5) + number)));
        let bits = |i: i32| (0..rows).map(move |row| (seed(row, i) > 1).then_some(seed(row, i) > 5));
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("a", array(bits(0).collect::<BooleanArray>())),
            ("b", array(bits(1).collect::<BooleanArray>())),
            ("ints", array(ListArray::from_iter_primitive::<Int32Type, _, _>(lists))),
            ("word", array(words.collect::<StringArray>())),
            (
                "id",
                array((0..rows).map(|row| Some(i64::from(number * 100 + row / 2))).collect::<Int64Array>()),
            ),
            (
                "w",
                array(
                    (0..rows)
                        .map(|row| Some(f64::from(seed(row, 6)) / 4.0))
                        .collect::<arrow::array::Float64Array>(),
                ),
            ),
        ];
        // The last ones lie in a split that most jobs never see.
        let split = if number < 17 { ["x", "y"][usize::try_from(number % 2).unwrap()] } else { "z" };
        write(&place.path(&format!("in/split={split}/{number:02}.parquet")), columns);
    }
}

/// Everything that must not depend on how it was counted.
fn bytes(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            all.extend(bytes(&path).into_iter().map(|(below, bytes)| (format!("{name}/{below}"), bytes)));
        } else if name != "run_results.json" {
            all.insert(name, std::fs::read(&path).unwrap());
        }
    }
    all
}

fn ok(ended: &Ended) {
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

fn job(place: &Place, index: usize, count: usize, flags: &[&str]) -> Ended {
    let (index, count) = (index.to_string(), count.to_string());
    let out = format!("jobs/{index}");
    let fixed = ["compute", "in", "--overwrite", "--quiet", "--out", &out];
    let part = ["--shard-index", &index, "--shard-count", &count];
    place.run(&[&fixed[..], &part, flags].concat())
}

/// All jobs, merged into `merged`.
fn jobs(place: &Place, count: usize, flags: &[&str]) {
    let outs: Vec<String> = (0..count).map(|index| format!("jobs/{index}")).collect();
    (0..count).for_each(|index| ok(&job(place, index, count, flags)));
    let mut merge = vec!["weigh", "--quiet", "--out", "merged", "--overwrite"];
    // In any order.
    merge.extend(outs.iter().rev().map(String::as_str));
    ok(&place.run(&merge));
}

#[test]
fn jobs_merged_are_one_run_to_the_byte() {
    let place = Place::new();
    shards(&place);
    let layouts: [(usize, &[&str]); 8] = [
        (16, &["--layout", "wide", "--labels", "a,b", "--by", "split", "--scheme", "sqrt"]),
        (5, &["--layout", "class", "--labels", "word"]),
        (3, &["--layout", "class", "--labels", "word", "--by", "split"]),
        (4, &["--layout", "list", "--labels", "ints"]),
        (3, &["--layout", "list", "--labels", "ints", "--where", "split = 'z' AND a"]),
        (3, &["--layout", "class", "--labels", "word", "--sample-weight", "w"]),
        (3, &["--layout", "long", "--id", "id", "--labels", "word", "--num-rows", "5000"]),
        (25, &["--layout", "long", "--id", "id", "--labels", "word", "--value", "a", "--by", "split"]),
    ];
    for (count, flags) in some(layouts) {
        ok(&place.run(
            &[
                &["compute", "in", "--overwrite", "--quiet", "--out", "one", "--row-measures", "off"][..],
                flags,
            ]
            .concat(),
        ));
        jobs(&place, count, &[flags, &["--row-measures", "off"]].concat());
        let (one, merged) = (bytes(&place.path("one")), bytes(&place.path("merged")));
        let differ: Vec<_> = one
            .iter()
            .filter(|(name, bytes)| merged.get(*name) != Some(*bytes))
            .map(|(name, _)| name)
            .collect();
        assert!(differ.is_empty() && one.len() == merged.len(), "{flags:?}: {differ:?}");
        assert_eq!(
            std::fs::read_dir(place.path("jobs/0"))
                .unwrap()
                .filter(|e| e.as_ref().unwrap().path().is_file())
                .count(),
            3
        );
    }
}

#[test]
fn what_cannot_be_merged_is_said() {
    let place = Place::new();
    shards(&place);
    let wide = ["--layout", "wide", "--labels", "a,b"];
    (0..3).for_each(|index| ok(&job(&place, index, 3, &wide)));
    let weigh = |jobs: &[&str]| place.run(&[&["weigh", "--out", "m", "--overwrite"][..], jobs].concat());
    ok(&weigh(&["jobs/0", "jobs/1", "jobs/2"]));
    ok(&place.run(&["compute", "in", "--out", "whole", "--labels", "a,b"]));
    let said = |jobs: &[&str], code: i32, says: &str| {
        let ended = weigh(jobs);
        assert!(ended.code == code && ended.stderr.contains(says), "{} {}", ended.code, ended.stderr);
    };
    said(&["jobs/0", "jobs/2"], 4, "1 of 3 jobs is missing: 1");
    said(&["jobs/0", "jobs/1", "jobs/1", "jobs/2"], 4, "job 1 of 3 appears twice");
    said(&["jobs/0", "whole"], 4, "but whole/counts.parquet is of a whole run");
    ok(&job(&place, 1, 3, &["--layout", "wide", "--labels", "a"]));
    said(&["jobs/0", "jobs/1", "jobs/2"], 4, "were asked for different things");
    // A shard comes between two jobs.
    write(
        &place.path("in/split=x/new.parquet"),
        vec![("a", array(BooleanArray::from(vec![true]))), ("b", array(BooleanArray::from(vec![true])))],
    );
    ok(&job(&place, 1, 3, &wide));
    said(&["jobs/0", "jobs/1", "jobs/2"], 8, "listed different shards");
    // Rows that lie in several shards belong to no job.
    let pairs = |ids: [i64; 2]| {
        vec![
            ("id", array(Int64Array::from(ids.to_vec()))),
            ("label", array(StringArray::from(vec!["u", "v"]))),
        ]
    };
    write(&place.path("pairs/0.parquet"), pairs([1, 5]));
    write(&place.path("pairs/1.parquet"), pairs([4, 9]));
    let long = [
        "compute",
        "pairs",
        "--layout",
        "long",
        "--id",
        "id",
        "--labels",
        "label",
        "--out",
        "p",
        "--overwrite",
    ];
    let part = ["--shard-index", "0", "--shard-count", "2"];
    let ended = place.run(&[&long[..], &part].concat());
    assert!(
        ended.code == 2 && ended.stderr.contains("may also be in shards of other jobs"),
        "{}",
        ended.stderr
    );
    ok(&place.run(&[&long[..], &part, &["--ids-disjoint"]].concat()));
    for (flags, says) in [
        (&["--shard-index", "3", "--shard-count", "3"][..], "none of 3 jobs"),
        (&["--shard-index", "0"], "there is no --shard-count"),
        (&["--shard-index", "0", "--shard-count", "2", "--formats", "json"], "--formats and --shard-count"),
        (&["--shard-index", "0", "--shard-count", "2", "--row-measures", "on"], "exclude each other"),
    ] {
        let ended = place.run(&[&["compute", "in", "--labels", "a", "--out", "n"][..], flags].concat());
        assert!(ended.code == 2 && ended.stderr.contains(says), "{}", ended.stderr);
    }
}

#[test]
fn labels_that_are_found_merge_whatever_each_run_found() {
    let place = Place::new();
    let shard = |name: &str, words: Vec<Option<&str>>| {
        write(&place.path(name), vec![("word", array(StringArray::from(words)))]);
    };
    shard("mon.parquet", vec![Some("b"), Some("9"), None]);
    shard("tue.parquet", vec![Some("a"), Some("10"), Some("b")]);
    let compute = |shards: &[&str], out: &str| {
        let flags = ["--layout", "class", "--labels", "word", "--formats", "json", "--out", out];
        ok(&place.run(&[&["compute"], shards, &flags].concat()));
    };
    compute(&["mon.parquet"], "mon");
    compute(&["tue.parquet"], "tue");
    compute(&["mon.parquet", "tue.parquet"], "both");
    ok(&place.run(&["weigh", "tue", "mon", "--out", "merged", "--formats", "json"]));
    let counts = |folder: &str| std::fs::read(place.path(folder).join("counts.parquet")).unwrap();
    assert!(counts("merged") == counts("both"));
    assert_eq!(place.json("merged/weights.json")["labels"], serde_json::json!(["10", "9", "a", "b"]));
    assert_eq!(place.json("merged/weights.json")["negatives"], serde_json::json!([4, 4, 4, 3]));
}
