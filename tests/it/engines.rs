//! Counting encoded pages and counting arrays are one answer, byte for byte.
//!
//! `POSWEIGHT_CASES=100000 cargo test engines` runs as long as one likes.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, FixedSizeListArray, Float32Array, Float64Array, Int32Array,
    Int64Array, StringArray, UInt16Array,
};
use arrow::datatypes::{DataType, Field};
use parquet::basic::{Compression, Encoding, GzipLevel, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;
use proptest::prelude::*;
use serde_json::Value;

use crate::generate::{Settings, TYPES, array, codes, label_array, lists, rows, settings};
use crate::row_questions::{CONDITIONS, GROUPS, WEIGHTS, condition_column, group_column, weight_column};
use crate::support::{Place, cases, write, write_with};

/// Counts with both engines; what they say, when they say anything but an error.
pub(crate) fn both(place: &Place, arguments: &[&str]) -> Option<Value> {
    let run = |engine: &str| {
        let ended = place
            .run(&[&["compute", "--engine", engine, "--out", engine, "--overwrite"], arguments].concat());
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
        ended
    };
    let (encoded, plain) = (run("encoded"), run("plain"));
    assert_eq!(encoded.code, plain.code, "{arguments:?}\n{}\n{}", encoded.stderr, plain.stderr);
    if encoded.code != 0 {
        assert!([2, 4].contains(&encoded.code), "{}", encoded.stderr);
        return None;
    }
    let weights = |engine: &str| std::fs::read(place.path(engine).join("weights.json")).unwrap();
    assert!(weights("encoded") == weights("plain"), "{arguments:?}: the engines differ");
    let measures = |engine: &str| std::fs::read_to_string(place.path(engine).join("imbalance.json")).unwrap();
    assert_eq!(measures("encoded"), measures("plain"), "{arguments:?}: the engines differ in rows");
    let groups = |engine: &str| {
        let folders = std::fs::read_dir(place.path(engine).join("by")).into_iter().flatten();
        let mut files: Vec<_> = folders.map(|folder| folder.unwrap().path().join("weights.json")).collect();
        files.sort();
        files.into_iter().map(|file| std::fs::read_to_string(file).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(groups("encoded"), groups("plain"), "{arguments:?}: the engines differ in groups");
    for engine in ["encoded", "plain"] {
        let counting = place.json(&format!("{engine}/run_results.json"))["counting"].clone();
        let (way, why_not) = (&counting["rows_way"]["engine"], &counting["rows_not_measured"]);
        assert!(*way == engine || why_not.is_string(), "{counting}");
    }
    assert_eq!(place.json("encoded/run_results.json")["counting"]["way"]["engine"], "encoded");
    assert_eq!(place.json("plain/run_results.json")["counting"]["way"]["engine"], "plain");
    Some(place.json("encoded/weights.json"))
}

/// How a chunk of the one label column was counted.
fn chunks(place: &Place, how: &str) -> u64 {
    let results = place.json("encoded/run_results.json");
    results["counting"]["way"]["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c[how].as_u64().unwrap_or(0))
        .sum()
}

fn shard(place: &Place, name: &str, columns: Vec<(&str, ArrayRef)>, settings: &Settings) {
    let mut columns = columns;
    columns.push(group_column(columns[0].1.len()));
    columns.push(weight_column(columns[0].1.len()));
    columns.push(condition_column(columns[0].1.len(), name.len() + usize::from(name.as_bytes()[3])));
    write_with(&place.path(name), columns, settings.properties().build());
}

/// Rules for values, one of them at random.
const RULES: [&[&str]; 5] = [
    &[],
    &["--missing-values", "2,maybe,3", "--negative-values=0,-1"],
    &["--uncertain-values=-1,2,maybe", "--uncertain-as", "positive"],
    &["--threshold", "0.5"],
    &["--missing-values", "0.1", "--positive-values", "1,2,3,128,255,127,-128", "--negative-values=0,-1,0.5"],
];

/// Ways to name labels, one of them at random.
const LIST_KEYS: [&[&str]; 6] = [
    &["--num-labels", "20"],
    &[],
    &["--label-kind", "name"],
    &["--missing-values=-1,3"],
    &["--vocabulary", "names.txt"],
    &["--vocabulary", "names.txt", "--label-kind", "name"],
];
const LABEL_KEYS: [&[&str]; 3] = [&[], &["--label-kind", "name"], &["--missing-values=-1,xx"]];

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn wide(
        shards in proptest::collection::vec((codes(300), codes(300), settings(), any::<prop::sample::Index>()), 1..4),
        kind in proptest::sample::select(&TYPES[..]),
        mixed in prop_oneof![2 => Just(false), 1 => Just(true)],
        rules in proptest::sample::select(&RULES[..]),
        condition in proptest::sample::select(&CONDITIONS[..]), groups in proptest::sample::select(&GROUPS[..]), weights in proptest::sample::select(&WEIGHTS[..]),
    ) {
        let place = Place::new();
        for (i, (a, b, settings, pick)) in shards.iter().enumerate() {
            // Types that have a common one without loss; and a column that only some shards have.
            let kind = if mixed { ["bool", "i8", "u8", "i16", "i32"][pick.index(5)] } else { kind };
            let n = a.len().min(b.len());
            let mut columns = vec![("a", array(kind, &a[..n]))];
            if !mixed || pick.index(3) > 0 || i == 0 {
                columns.push(("b", array(kind, &b[..n])));
            }
            shard(&place, &format!("in/{i}.parquet"), columns, settings);
        }
        let layout = ["in", "--layout", "wide", "--labels", "a,b", "--missing-columns", "missing"];
        both(&place, &[&layout, rules, condition, weights, groups].concat());
    }

    #[test]
    fn list(
        shards in proptest::collection::vec((rows(0..9_usize), settings()), 1..4),
        kind in proptest::sample::select(&["i32", "i64", "u16", "text"][..]),
        list in proptest::sample::select(&["list", "large list"][..]),
        keys in proptest::sample::select(&LIST_KEYS[..]),
        condition in proptest::sample::select(&CONDITIONS[..]), groups in proptest::sample::select(&GROUPS[..]),
        weights in proptest::sample::select(&WEIGHTS[..]),
    ) {
        let place = Place::new();
        std::fs::write(place.path("names.txt"), (0..12).map(|n| format!("{}\n", "x".repeat(n))).collect::<String>())
            .unwrap();
        for (i, (rows, settings)) in shards.iter().enumerate() {
            let lists = lists(list, rows, |codes| label_array(kind, codes));
            shard(&place, &format!("in/{i}.parquet"), vec![("labels", lists)], settings);
        }
        both(&place, &[&["in", "--layout", "list", "--labels", "labels"], keys, condition, groups, weights].concat());
    }

    #[test]
    fn vector(
        shards in proptest::collection::vec((rows(Just(3_usize)), settings()), 1..3),
        kind in proptest::sample::select(&TYPES[..]),
        rules in proptest::sample::select(&RULES[..]),
        condition in proptest::sample::select(&CONDITIONS[..]), groups in proptest::sample::select(&GROUPS[..]),
        weights in proptest::sample::select(&WEIGHTS[..]),
    ) {
        let place = Place::new();
        for (i, (rows, settings)) in shards.iter().enumerate() {
            let lists = lists("list", rows, |codes| {
                array(kind, &codes.iter().map(|code| code.map(|c| c % 6)).collect::<Vec<_>>())
            });
            shard(&place, &format!("in/{i}.parquet"), vec![("y", lists)], settings);
        }
        let layout = ["in", "--layout", "vector", "--labels", "y", "--num-labels", "3"];
        both(&place, &[&layout, rules, condition, groups, weights].concat());
    }

    #[test]
    fn one_value_in_a_row(
        shards in proptest::collection::vec((codes(300), settings()), 1..4),
        kind in proptest::sample::select(&["i32", "i64", "u16", "text"][..]),
        delimited: bool,
        keys in proptest::sample::select(&LABEL_KEYS[..]),
        condition in proptest::sample::select(&CONDITIONS[..]), groups in proptest::sample::select(&GROUPS[..]),
        weights in proptest::sample::select(&WEIGHTS[..]),
    ) {
        let place = Place::new();
        for (i, (codes, settings)) in shards.iter().enumerate() {
            let labels: ArrayRef = if delimited {
                const LONG: &str = "b|a|b|a label|a label of many words|cc|ddd|eeee|fffff|gggggg|hhhhhhh|iiiiiiii|a|jjjjjjjjj";
                const TEXTS: [&str; 6] = ["a|b", LONG, "", "|", "xx", "é|a||c"];
                Arc::new(codes.iter().map(|c| c.map(|c| TEXTS[usize::from(c)])).collect::<StringArray>())
            } else {
                label_array(kind, codes)
            };
            shard(&place, &format!("in/{i}.parquet"), vec![("label", labels)], settings);
        }
        let layout: &[&str] = if delimited { &["delimited", "--delimiter", "|"] } else { &["class"] };
        both(&place, &[&["in", "--labels", "label", "--layout"], layout, keys, condition, groups, weights].concat());
    }

    #[test]
    fn long(
        shards in proptest::collection::vec((codes(300), codes(300), settings(), any::<bool>()), 1..6),
        id in proptest::sample::select(&["i32", "i64", "u16", "text", "ordered text", "bytes"][..]),
        kind in proptest::sample::select(&["i32", "i64", "u16", "text"][..]),
        value in prop_oneof![1 => Just(None), 1 => proptest::sample::select(&TYPES[..]).prop_map(Some)],
        far in any::<bool>(), rules in proptest::sample::select(&RULES[..]),
        keys in proptest::sample::select(&LABEL_KEYS[..2]),
    ) {
        let place = Place::new();
        for (i, (labels, values, settings, delta)) in shards.iter().enumerate() {
            let n = labels.len().min(values.len());
            // Shards share ids, or have ids that no other has.
            let ids: Vec<usize> = (0..n).map(|row| row * 7 % 90 + i * if far { 100 } else { 5 }).collect();
            let mut columns = vec![("id", row_ids(id, &ids)), ("label", label_array(kind, &labels[..n]))];
            columns.extend(value.map(|value| ("value", array(value, &values[..n]))));
            let mut properties = settings.properties();
            if *delta && ["i32", "i64", "u16"].contains(&id) {
                let column = ColumnPath::from("id");
                properties = properties.set_column_dictionary_enabled(column.clone(), false);
                properties = properties.set_column_encoding(column, Encoding::DELTA_BINARY_PACKED);
            }
            write_with(&place.path(&format!("in/{i}.parquet")), columns, properties.build());
        }
        let value: &[&str] = if value.is_some() { &["--value", "value"] } else { &[] };
        let layout = ["in", "--layout", "long", "--id", "id", "--labels", "label"];
        both(&place, &[&layout[..], value, rules, keys].concat());
    }

    #[test]
    fn flipped_bits_are_an_error_or_counts_that_add_up(
        rows in rows(1..4_usize), settings in settings(),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 1..4),
    ) {
        let place = Place::new();
        let lists = lists("list", &rows, |codes| label_array("u16", codes));
        shard(&place, "in.parquet", vec![("labels", lists)], &settings);
        let mut bytes = std::fs::read(place.path("in.parquet")).unwrap();
        for (at, flip) in &flips {
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
        }
        std::fs::write(place.path("in.parquet"), bytes).unwrap();
        // A flipped bit may make a label index of millions, which this memory does not hold.
        let flags = ["--layout", "list", "--labels", "labels", "--memory-limit", "200m", "--out", "out"];
        let run = place.run(&[&["compute", "in.parquet"], &flags[..]].concat());
        prop_assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
        prop_assert!([0, 2, 4, 6].contains(&run.code), "{}: {}", run.code, run.stderr);
        if run.code == 0 {
            let weights = place.json("out/weights.json");
            let sum = |key: &str, i: usize| weights[key][i].as_u64().unwrap();
            for i in 0..weights["labels"].as_array().unwrap().len() {
                let all = ["positives", "negatives", "uncertain", "missing"].map(|key| sum(key, i));
                prop_assert_eq!(all.iter().sum::<u64>(), weights["rows"].as_u64().unwrap());
            }
        }
    }
}

/// Row ids of a type.
fn row_ids(kind: &str, ids: &[usize]) -> ArrayRef {
    let small = ids.iter().map(|id| i32::try_from(*id).unwrap() - 3);
    match kind {
        "i32" => Arc::new(small.collect::<Int32Array>()),
        "i64" => Arc::new(small.map(|id| i64::from(id) << 40).collect::<Int64Array>()),
        "u16" => Arc::new(ids.iter().map(|id| Some(u16::try_from(*id).unwrap())).collect::<UInt16Array>()),
        "text" => {
            Arc::new(ids.iter().map(|id| Some(format!("{:>1$}", id, id % 30))).collect::<StringArray>())
        }
        "bytes" => Arc::new(ids.iter().map(|id| Some(id.to_be_bytes())).collect::<BinaryArray>()),
        // Of shards far apart, no two have the same, as their footers tell.
        _ => Arc::new(ids.iter().map(|id| Some(format!("patient number {id:06}"))).collect::<StringArray>()),
    }
}

pub(crate) fn hive(place: &Place) {
    for (split, shift) in [("train", 0), ("train", 3), ("test", 1), ("none", 2)] {
        let bits = (0..200).map(|row| (row % 7 != shift).then_some((row + shift) % 5 == 0));
        let weights = (0..200).map(|row| row % 3);
        write(
            &place.path(&format!("in/split={split}/year=20{shift}/a.parquet")),
            vec![
                ("l", Arc::new(bits.collect::<BooleanArray>())),
                ("w", Arc::new(weights.collect::<Int32Array>())),
            ],
        );
    }
    let empty: ArrayRef = Arc::new(BooleanArray::from(Vec::<bool>::new()));
    let none: ArrayRef = Arc::new(Int32Array::from(Vec::<i32>::new()));
    write(&place.path("in/split=empty/year=20/a.parquet"), vec![("l", empty), ("w", none)]);
}

#[test]
fn folders_are_conditions_and_groups_for_both() {
    let place = Place::new();
    hive(&place);
    let wide = ["in", "--layout", "wide", "--labels", "l"];
    let rows = |more: &[&str]| both(&place, &[&wide, more].concat()).unwrap()["rows"].as_u64().unwrap();
    assert_eq!(rows(&[]), 800);
    assert_eq!(rows(&["--where", "split = 'train'"]), 400);
    assert_eq!(rows(&["--where", "split <> 'train' and year > 20"]), 400);
    assert_eq!(rows(&["--where", "split = 'nothing'", "--allow-empty"]), 0);
    assert_eq!(rows(&["--by", "split,year"]), 800);
    for group in ["split=train,year=200", "split=none,year=202"] {
        let file =
            |engine: &str| std::fs::read(place.path(&format!("{engine}/by/{group}/weights.json"))).unwrap();
        assert!(file("encoded") == file("plain"));
    }
    let groups = |engine: &str| std::fs::read_dir(place.path(&format!("{engine}/by"))).unwrap().count();
    assert_eq!((groups("encoded"), groups("plain")), (4, 4));
}

#[test]
fn what_needs_rows_is_counted_from_arrays() {
    let place = Place::new();
    hive(&place);
    let wide = ["compute", "in", "--layout", "wide", "--labels", "l", "--out", "out", "--overwrite"];
    for (flags, why) in
        [(["--sample-weight", "year"], "--sample-weight"), (["--null-as", "negative"], "NULL")]
    {
        let ended = place.run(&[&wide[..], &flags].concat());
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let way = place.json("out/run_results.json")["counting"]["way"].clone();
        assert_eq!(way["engine"], "plain");
        assert!(way["why"].as_str().unwrap().contains(why), "{way}");
        let refused = place.run(&[&wide[..], &flags, &["--engine", "encoded"]].concat());
        assert_eq!(refused.code, 2, "{}", refused.stderr);
        assert!(
            refused.stderr.contains(why) && refused.stderr.contains("--engine auto"),
            "{}",
            refused.stderr
        );
    }
}

#[test]
fn conditions_that_ask_for_random_values_are_refused() {
    let place = Place::new();
    hive(&place);
    for verb in [&["compute", "in"][..], &["sample", "in", "--plan", "ml-ros"]] {
        for more in [&[][..], &["--engine", "plain"], &["--where", "split = 'train' AND random() > 0.5"]] {
            let flags =
                ["--layout", "wide", "--labels", "l", "--out", "out", "--where", "w = 1 OR random() > 0.5"];
            let flags = if more.contains(&"--where") { &flags[..6] } else { &flags[..] };
            let ended = place.run(&[verb, flags, more].concat());
            let says = ["--where", "random()", "id % 2 = 0", "posweight sample"];
            let says = says.iter().all(|words| ended.stderr.contains(words));
            assert!(ended.code == 2 && says, "{verb:?} {more:?} {} {}", ended.code, ended.stderr);
        }
    }
    let random = ["compute", "in", "--query", "SELECT l FROM shards WHERE random() < 2", "--labels", "l"];
    assert_eq!(place.run(&[&random[..], &["--out", "out"]].concat()).code, 0);
}

/// Every codec and page version is read as it is; encodings that are not known are read as arrays, their
/// chunks alone.
#[test]
fn the_encoded_path_is_taken_where_it_should() {
    let codecs = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::ZSTD(ZstdLevel::default()),
        Compression::LZ4_RAW,
        Compression::GZIP(GzipLevel::default()),
    ];
    let place = Place::new();
    let bits: Vec<Option<u8>> =
        (0..500).map(|row| (row % 11 != 0).then_some(u8::from(row % 6 == 0))).collect();
    let columns = |path: &Path, properties: WriterProperties| {
        write_with(path, vec![("a", array("u8", &bits)), ("b", array("f32", &bits))], properties);
    };
    let wide = ["in.parquet", "--layout", "wide", "--labels", "a,b"];
    for codec in codecs {
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            let settings = Settings { codec, version, group_rows: 100, ..Settings::plain() };
            columns(&place.path("in.parquet"), settings.properties().build());
            both(&place, &wide).unwrap();
            assert_eq!((chunks(&place, "encoded"), chunks(&place, "arrays")), (10, 0), "{codec} {version:?}");
        }
    }
    let strange = Settings { dictionary: false, ..Settings::plain() };
    let strange = strange
        .properties()
        .set_column_encoding(ColumnPath::from("a"), Encoding::DELTA_BINARY_PACKED)
        .set_max_row_group_row_count(Some(250));
    columns(&place.path("in.parquet"), strange.build());
    let counted = both(&place, &wide).unwrap();
    assert_eq!(counted["positives"][0], counted["positives"][1]);
    for way in ["way", "rows_way"] {
        let way = place.json("encoded/run_results.json")["counting"][way]["columns"].clone();
        assert_eq!((&way[0]["arrays"], &way[0]["encoded"]), (&Value::from(2), &Value::from(0)));
        assert!(way[0]["why"].as_str().unwrap().contains("DELTA_BINARY_PACKED"), "{way}");
        assert_eq!((way[1].get("arrays"), &way[1]["encoded"]), (None, &Value::from(2)));
    }
}

/// Row ids in plain pages and in dictionaries are read as they are; a row group with others is read as arrays.
#[test]
fn long_rows_are_read_from_pages_where_that_can_be() {
    let place = Place::new();
    let labels: Vec<Option<u8>> = (0..200).map(|row| (row % 9 != 0).then_some(row % 5)).collect();
    for (split, dictionary, encoding) in [
        ("a", true, Encoding::PLAIN),
        ("b", false, Encoding::PLAIN),
        ("c", false, Encoding::DELTA_BINARY_PACKED),
    ] {
        let ids: Vec<usize> = (0..200).map(|row| row * 3 % 70).collect();
        let columns = vec![("id", row_ids("i64", &ids)), ("label", label_array("text", &labels))];
        let id = ColumnPath::from("id");
        let properties = Settings { group_rows: 100, ..Settings::plain() }.properties();
        let properties = properties
            .set_column_dictionary_enabled(id.clone(), dictionary)
            .set_column_encoding(id, encoding);
        write_with(&place.path(&format!("in/split={split}/a.parquet")), columns, properties.build());
    }
    let long = ["in", "--layout", "long", "--id", "id", "--labels", "label"];
    let rows = |more: &[&str]| both(&place, &[&long, more].concat()).unwrap()["rows"].clone();
    assert_eq!(rows(&[]), 70);
    let way = place.json("encoded/run_results.json")["counting"]["way"]["columns"].clone();
    for (column, why) in
        [(&way[0], "encoding DELTA_BINARY_PACKED"), (&way[1], "read beside id, encoding DELTA_BINARY_PACKED")]
    {
        assert_eq!((&column["encoded"], &column["arrays"]), (&Value::from(4), &Value::from(2)), "{way}");
        assert_eq!(column["why"], why);
    }
    assert_eq!(rows(&["--where", "split < 'c'", "--by", "split"]), 70);
    assert_eq!(chunks(&place, "arrays"), 0);
    let auto = place.run(&[&["compute"], &long[..], &["--where", "id > 0", "--out", "out"]].concat());
    assert_eq!(auto.code, 0, "{}", auto.stderr);
    assert_eq!(place.json("out/run_results.json")["counting"]["way"]["engine"], "plain");
}

#[test]
fn statistics_are_trusted_only_when_asked_and_only_when_they_tell_all() {
    let place = Place::new();
    let constant: ArrayRef =
        Arc::new((0..90).map(|row| (row % 9 != 0).then_some(true)).collect::<BooleanArray>());
    let varied: ArrayRef = Arc::new((0..90).map(|row| row % 9 == 0).map(Some).collect::<BooleanArray>());
    let columns = || vec![("c", Arc::clone(&constant)), ("v", Arc::clone(&varied))];
    let wide = ["in.parquet", "--layout", "wide", "--labels", "c,v"];
    let trusting = [&wide[..], &["--trust-statistics"]].concat();
    write(&place.path("in.parquet"), columns());
    let counted = both(&place, &wide);
    assert_eq!((chunks(&place, "encoded"), chunks(&place, "statistics")), (2, 0));
    assert_eq!(
        both(&place, &trusting).map(|w| w["positives"].clone()),
        counted.map(|w| w["positives"].clone())
    );
    assert_eq!((chunks(&place, "encoded"), chunks(&place, "statistics")), (1, 1));
    let without = WriterProperties::builder().set_statistics_enabled(EnabledStatistics::None);
    write_with(&place.path("in.parquet"), columns(), without.build());
    both(&place, &trusting).unwrap();
    assert_eq!((chunks(&place, "encoded"), chunks(&place, "statistics")), (2, 0));
}

#[test]
fn lists_of_fixed_size_are_vectors_for_both() {
    let place = Place::new();
    let values: ArrayRef = Arc::new(
        (0..400_i64).map(|i| (i % 13 != 0).then_some(i64::from(i % 3 == 0))).collect::<Int64Array>(),
    );
    let field = Arc::new(Field::new("item", DataType::Int64, true));
    let lists: ArrayRef = Arc::new(FixedSizeListArray::try_new(field, 4, values, None).unwrap());
    write(&place.path("in.parquet"), vec![("y", lists)]);
    let weights = both(&place, &["in.parquet", "--layout", "vector", "--labels", "y"]).unwrap();
    assert_eq!(weights["rows"], 100);
    assert_eq!(chunks(&place, "encoded"), 1);
}

#[test]
fn nan_says_nothing_of_a_row() {
    let place = Place::new();
    let a = [1.0_f32, f32::NAN, 0.0, 1.0, f32::NAN, 0.0];
    let b = a.map(f64::from);
    let c = BooleanArray::from(vec![true, true, false, false, true, true]);
    let columns = vec![
        ("a", Arc::new(Float32Array::from(a.to_vec())) as ArrayRef),
        ("b", Arc::new(Float64Array::from(b.to_vec()))),
        ("c", Arc::new(c)),
    ];
    write(&place.path("in/0.parquet"), columns);
    both(&place, &["in", "--layout", "wide", "--labels", "a,b,c"]).unwrap();
    // The most frequent label comes first, which is c: of two rows that have it, and of which something is known
    // of another, one has that too.
    let together = &place.json("plain/imbalance.json")["cooccurrence"];
    assert_eq!(together["labels"], serde_json::json!([2, 0, 1]));
    assert_eq!(together["conditional"][0], serde_json::json!([1.0, 0.5, 0.5]));
}
