//! The labels of rows, with their place, are those that were written.
#![allow(
    clippy::cast_sign_loss,
    clippy::cast_possible_truncation,
    reason = "test helpers: a surprise is a failed test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, ListArray, ListBuilder, StringArray, StringBuilder,
};
use arrow::datatypes::Int32Type;
use posweight::testing::{CountedRows, TOP_LABELSETS};
use proptest::prelude::*;

use crate::generate::{Settings, array, codes, label_array, lists, rows, settings};
use crate::support::{Place, cases, write, write_with};

/// A group: the value of each column of `by`.
type Group = Vec<Option<String>>;
/// Labels, unknown labels and group of a row; `None` when it does not meet the condition.
type Found = Option<(Vec<u32>, Vec<u32>, Group)>;

fn counted(place: &Place, spec: &str) -> CountedRows {
    let shards = place.path("in").display().to_string();
    CountedRows::new(&format!("shards = {shards:?}\nout = 'out'\n{spec}")).unwrap()
}

/// The rows as threads give them, in the order of their places.
fn rows_of(counted: &CountedRows) -> BTreeMap<(usize, u64), Found> {
    let found = counted.rows(u64::MAX).unwrap();
    let all: BTreeMap<_, _> = found.into_iter().map(|(shard, row, found)| ((shard, row), found)).collect();
    assert_eq!(counted.rows_read(), all.len() as u64);
    all
}

fn small() -> Settings {
    Settings { group_rows: 7, page_rows: 3, ..Settings::plain() }
}

const ROWS: i32 = 40;

/// Whether a row meets a condition.
type Meets = fn(&str, i32) -> bool;

/// What row `row` of shard `shard` says of `label`.
fn cell(shard: i32, row: i32, label: i32) -> Option<bool> {
    let code = (row * 7 + label * 3 + shard * 5) % 11;
    (code != 0).then_some(code < 4)
}

fn wide(place: &Place) {
    for (shard, split) in [(0, "train"), (1, "test"), (2, "train")] {
        let column = |label| -> ArrayRef {
            Arc::new((0..ROWS).map(|row| cell(shard, row, label)).collect::<BooleanArray>())
        };
        let mut columns = vec![("a", column(0)), ("b", column(1)), ("c", column(2))];
        let kind: StringArray =
            (0..ROWS).map(|row| (row % 3 > 0).then_some(["x", "y"][row as usize % 2])).collect();
        columns.push(("kind", Arc::new(kind)));
        columns.push(("n", Arc::new((0..ROWS).collect::<Int32Array>())));
        write_with(
            &place.path(&format!("in/split={split}/{shard}.parquet")),
            columns,
            small().properties().build(),
        );
    }
}

#[test]
fn wide_rows_keep_their_place_under_a_condition_and_in_groups() {
    let place = Place::new();
    wide(&place);
    // Folders come in the order of their names.
    let shards = [(1, "test"), (0, "train"), (2, "train")];
    let key = |split: &str, row: i32| -> Group {
        vec![Some(split.to_owned()), (row % 3 > 0).then(|| ["x", "y"][row as usize % 2].to_owned())]
    };
    let cases: [(&str, bool, Meets); 5] = [
        // Folders alone tell, so that pages are read.
        ("where = \"split = 'train'\"", false, |split, _| split == "train"),
        ("", false, |_, _| true),
        ("where = \"n % 4 <> 1 and split <> 'none'\"", false, |_, row| row % 4 != 1),
        ("where = \"split = 'train'\"\nby = ['split', 'kind']", true, |split, _| split == "train"),
        ("where = \"kind = 'x' and n > 10\"\nby = ['split', 'kind']", true, |_, row| {
            row % 3 > 0 && row % 2 == 0 && row > 10
        }),
    ];
    for ((spec, by, meets), engine) in cases.into_iter().flat_map(|case| [(case, "auto"), (case, "plain")]) {
        let spec =
            format!("layout = 'wide'\nlabels = ['a', 'b', 'c']\nthreads = 3\nengine = '{engine}'\n{spec}");
        let found = rows_of(&counted(&place, &spec));
        assert_eq!(found.len(), 120, "{spec}");
        for ((shard, row), told) in found {
            let (number, split) = shards[shard];
            let row = i32::try_from(row).unwrap();
            let with = |wanted: Option<bool>| -> Vec<u32> {
                (0..3).filter(|label| cell(number, row, *label) == wanted).map(|l| l as u32).collect()
            };
            let expected = meets(split, row)
                .then(|| (with(Some(true)), with(None), if by { key(split, row) } else { vec![] }));
            assert_eq!(told, expected, "{spec}: shard {number}, row {row}");
        }
    }
}

#[test]
fn lists_vectors_and_values_are_sets() {
    let rows: [Option<&[i32]>; 9] = [
        Some(&[2, 0, 2]),
        None,
        Some(&[]),
        Some(&[3]),
        Some(&[1, 1]),
        None,
        None,
        Some(&[0, 1, 2, 3]),
        Some(&[]),
    ];
    let all = vec![0, 1, 2, 3];
    let sets = rows.map(|row| {
        let set =
            row.map(|labels| labels.iter().map(|l| *l as u32).collect::<std::collections::BTreeSet<_>>());
        (set.iter().flatten().copied().collect::<Vec<_>>(), if row.is_none() { all.clone() } else { vec![] })
    });
    let lists = |of: fn(&[i32]) -> Vec<Option<i32>>| -> ArrayRef {
        let rows = rows.map(|row| row.map(of));
        Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(rows))
    };
    let texts: StringArray = rows
        .map(|row| row.map(|labels| labels.iter().map(|l| format!("n{l}")).collect::<Vec<_>>().join("|")))
        .into_iter()
        .collect();
    let vector = |labels: &[i32]| (0..4).map(|l| Some(i32::from(labels.contains(&l)))).collect::<Vec<_>>();
    let columns: [(&str, ArrayRef); 3] = [
        ("layout = 'list'\nnum_labels = 4", lists(|labels| labels.iter().map(|l| Some(*l)).collect())),
        ("layout = 'vector'", lists(vector)),
        ("layout = 'delimited'\ndelimiter = '|'", Arc::new(texts)),
    ];
    for (spec, column) in columns {
        let place = Place::new();
        let settings = Settings { group_rows: 4, ..small() };
        write_with(&place.path("in/a.parquet"), vec![("y", column)], settings.properties().build());
        for engine in ["auto", "plain"] {
            let counted = counted(&place, &format!("labels = 'y'\nengine = '{engine}'\n{spec}"));
            let found = rows_of(&counted).into_values();
            let found = found.map(|told| told.map(|(positives, unknown, _)| (positives, unknown)));
            assert!(found.eq(sets.clone().map(Some)), "{spec}, {engine}");
        }
    }
}

#[test]
fn who_takes_rows_may_end_the_reading() {
    let place = Place::new();
    wide(&place);
    let refused = counted(&place, "layout = 'wide'\nlabels = ['a', 'b', 'c']").rows(20).unwrap_err();
    assert_eq!(refused.to_string(), "enough");
}

/// Labels and unknown labels of a row.
type Sets = (Vec<u32>, Vec<u32>);

/// Checks that rows and their measures are those of `expected`, shard by shard.
fn check(place: &Place, spec: &str, labels: usize, expected: &[Vec<Sets>]) {
    for engine in ["encoded", "plain"] {
        let counted = counted(place, &format!("{spec}\nengine = '{engine}'\nthreads = 2"));
        let told = rows_of(&counted);
        let places = expected
            .iter()
            .enumerate()
            .flat_map(|(shard, rows)| (0..rows.len()).map(move |row| (shard, row)));
        assert!(told.keys().map(|(shard, row)| (*shard, *row as usize)).eq(places), "{spec}, {engine}");
        let rows: Vec<&Sets> = expected.iter().flatten().collect();
        for (found, wanted) in told.into_values().zip(&rows) {
            let (positives, unknown, _) = found.unwrap();
            assert_eq!((&positives, &unknown), (&wanted.0, &wanted.1), "{spec}, {engine}");
        }
        let measured = counted.measure().unwrap();
        assert_eq!(measured.engine, engine);
        let mut sets: BTreeMap<&[u32], u64> = BTreeMap::new();
        rows.iter().for_each(|row| *sets.entry(&row.0).or_default() += 1);
        let single = sets.values().filter(|rows| **rows == 1).count();
        assert_eq!(measured.numbers(), (rows.len() as u64, sets.len() as u64, single as u64));
        let mut top: Vec<(&[u32], u64)> = sets.into_iter().collect();
        top.sort_by_key(|(labels, rows)| (std::cmp::Reverse(*rows), *labels));
        top.truncate(TOP_LABELSETS);
        assert!(measured.top().eq(top));
        for (k, times) in measured.cardinalities().iter().enumerate() {
            assert_eq!(rows.iter().filter(|row| row.0.len() == k).count() as u64, *times);
        }
        for one in 0..labels {
            for other in one + 1..labels {
                let side = |row: &Sets, label: usize| {
                    let label = label as u32;
                    (row.0.contains(&label), !row.1.contains(&label))
                };
                let both = rows.iter().map(|row| (side(row, one), side(row, other)));
                let known = both.clone().filter(|(a, b)| a.1 && b.1).count() as u64;
                let together = both.filter(|(a, b)| a.0 && b.0).count() as u64;
                let pair = measured.pair(one, other);
                assert_eq!(pair, Some((known, together)), "{one} and {other}");
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn wide_rows_are_those_written(
        shards in proptest::collection::vec((codes(200), codes(200), codes(200), settings()), 1..3),
        kind in proptest::sample::select(&["bool", "u8", "i64", "f32", "f64", "decimal64", "text"][..]),
    ) {
        let place = Place::new();
        let mut expected = Vec::new();
        for (i, (a, b, c, settings)) in shards.iter().enumerate() {
            let rows = a.len().min(b.len()).min(c.len());
            let bits = |codes: &[Option<u8>]| codes[..rows].iter().map(|code| code.map(|c| c % 2)).collect::<Vec<_>>();
            let columns = [bits(a), bits(b), bits(c)];
            let arrays = ["a", "b", "c"].into_iter().zip(&columns).map(|(name, bits)| (name, array(kind, bits)));
            write_with(&place.path(&format!("in/{i}.parquet")), arrays.collect(), settings.properties().build());
            let with = |row: usize, cell| (0..3).filter(|label| columns[*label as usize][row] == cell).collect();
            expected.push((0..rows).map(|row| (with(row, Some(1)), with(row, None))).collect());
        }
        check(&place, "layout = 'wide'\nlabels = ['a', 'b', 'c']", 3, &expected);
    }

    #[test]
    fn list_rows_are_those_written(
        shards in proptest::collection::vec((rows(0..9_usize), settings()), 1..3),
        kind in proptest::sample::select(&["i32", "u16", "text"][..]),
        list in proptest::sample::select(&["list", "large list"][..]),
    ) {
        let place = Place::new();
        let names: String = (1..13).map(|n| format!("{}\n", "x".repeat(n))).collect();
        std::fs::write(place.path("names.txt"), names).unwrap();
        let mut expected = Vec::new();
        for (i, (rows, settings)) in shards.iter().enumerate() {
            // Codes are labels less one, but for u16: there is no label −1, and no name without a letter.
            let rows: Vec<_> = rows.iter().map(|row| row.as_ref().map(|row| {
                row.iter().map(|code| code.map(|c| c.max(1))).collect::<Vec<_>>()
            })).collect();
            let lists = lists(list, &rows, |codes| label_array(kind, codes));
            write_with(&place.path(&format!("in/{i}.parquet")), vec![("y", lists)], settings.properties().build());
            let label = |code: u8| u32::from(code) - u32::from(kind != "u16");
            expected.push(rows.iter().map(|row| match row {
                None => (vec![], (0..12).collect()),
                Some(row) => (row.iter().flatten().map(|c| label(*c)).collect::<BTreeSet<_>>().into_iter().collect(), vec![]),
            }).collect());
        }
        let vocabulary = place.path("names.txt").display().to_string();
        let keys = if kind == "text" { format!("vocabulary = {vocabulary:?}") } else { "num_labels = 12".to_owned() };
        check(&place, &format!("layout = 'list'\nlabels = 'y'\n{keys}"), 12, &expected);
    }

    #[test]
    fn vector_rows_are_those_written(
        shards in proptest::collection::vec((rows(Just(70_usize)), settings()), 1..3),
        kind in proptest::sample::select(&["bool", "i8", "f32", "f64"][..]),
    ) {
        let place = Place::new();
        let mut expected = Vec::new();
        for (i, (rows, settings)) in shards.iter().enumerate() {
            let fits = |row: &Option<Vec<Option<u8>>>| row.as_ref().is_none_or(|row| row.len() == 70);
            let bit = |code: Option<u8>| code.map(|c| u8::from(c > 8));
            let rows: Vec<_> = rows.iter().filter(|row| fits(row)).map(|row| {
                row.as_ref().map(|row| row.iter().map(|code| bit(*code)).collect::<Vec<_>>())
            }).collect();
            let lists = lists("list", &rows, |codes| array(kind, codes));
            write_with(&place.path(&format!("in/{i}.parquet")), vec![("y", lists)], settings.properties().build());
            expected.push(rows.iter().map(|row| match row {
                None => (vec![], (0..70).collect()),
                Some(row) => {
                    let with = |cell| (0..70).filter(|label| row[*label as usize] == cell).collect::<Vec<u32>>();
                    (with(Some(1)), with(None))
                }
            }).collect());
        }
        check(&place, "layout = 'vector'\nlabels = 'y'\nnum_labels = 70", 70, &expected);
    }
}

/// A row of which NULL says that it has no label is the same as one with an empty list, wherever it is.
#[test]
fn null_lists_without_labels_leave_the_other_rows_their_own() {
    let place = Place::new();
    let label = |row: i32, k: i32| (row * 7 + k * k) % 5;
    let labels = |row: i32| Some((0..row % 4).map(|k| Some(label(row, k))).collect::<Vec<_>>());
    for (folder, nothing) in [("null", None), ("empty", Some(Vec::new()))] {
        let lists = (0..60).map(|row| if row % 5 == 2 { nothing.clone() } else { labels(row) });
        let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists));
        write(&place.path(&format!("{folder}/a.parquet")), vec![("t", lists)]);
    }
    let rows = ["--layout", "list", "--labels", "t", "--null-as", "negative", "--overwrite"];
    for engine in ["auto", "plain"] {
        for folder in ["null", "empty"] {
            let out = format!("{folder}-out");
            let flags = ["compute", folder, "--out", &out, "--engine", engine, "--row-measures", "on"];
            let ended = place.run(&[&flags[..], &rows].concat());
            assert_eq!(ended.code, 0, "{}", ended.stderr);
            let plan = format!("{folder}-plan");
            let flags = ["sample", folder, "--out", &plan, "--plan", "class-uniform"];
            let ended = place.run(&[&flags[..], &rows].concat());
            assert_eq!(ended.code, 0, "{}", ended.stderr);
        }
        let bytes = |name: &str| std::fs::read(place.path(name)).unwrap();
        for name in ["out/cooccurrence.npy", "plan/plan/part-00000.parquet"] {
            assert!(bytes(&format!("null-{name}")) == bytes(&format!("empty-{name}")), "{engine}: {name}");
        }
        let [null, empty] =
            ["null", "empty"].map(|folder| place.json(&format!("{folder}-out/imbalance.json")));
        for name in ["rows_by_number_of_labels", "top_labelsets", "scumble", "empty_rows"] {
            assert_eq!(null[name], empty[name], "{engine}: {name}");
        }
    }
}

/// Rows are rows, whatever they weigh: their sets of labels are those without weights.
#[test]
fn rows_that_weigh_more_are_measured_as_rows() {
    let place = Place::new();
    let word = |row: i32, of: &[&'static str]| of[(row * row + row / 3) as usize % of.len()];
    for shard in 0..2 {
        let rows = shard * 50..shard * 50 + 50;
        let lists = rows
            .clone()
            .map(|row| Some((0..row % 4).map(|k| Some((row * 7 + k * k) % 5)).collect::<Vec<_>>()));
        let color: StringArray = rows.clone().map(|row| Some(word(row, &["red", "blue"]))).collect();
        let shape: StringArray =
            rows.clone().map(|row| (row % 9 > 0).then(|| word(row, &["a", "b", "c"]))).collect();
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("t", Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists))),
            ("color", Arc::new(color)),
            ("shape", Arc::new(shape)),
            ("w", Arc::new(rows.map(|row| f64::from(row % 5) * 0.75).collect::<Float64Array>())),
        ];
        write(&place.path(&format!("in/{shard}.parquet")), columns);
    }
    let cases = [
        &["--layout", "list", "--labels", "t"][..],
        &["--layout", "list", "--labels", "t", "--by", "color"],
        &["--layout", "class", "--labels", "color,shape"],
    ];
    for (flags, engine) in cases.into_iter().flat_map(|flags| [(flags, "auto"), (flags, "plain")]) {
        for (out, more) in [("weighed", &["--sample-weight", "w"][..]), ("alike", &[])] {
            let run = ["compute", "in", "--overwrite", "--engine", engine, "--out", out];
            let ended = place.run(&[&run[..], flags, more].concat());
            assert_eq!(ended.code, 0, "{}", ended.stderr);
        }
        let bytes = |out: &str| std::fs::read(place.path(out).join("cooccurrence.npy")).unwrap();
        assert!(bytes("weighed") == bytes("alike"), "{flags:?}");
        let [weighed, alike] = ["weighed", "alike"].map(|out| place.json(&format!("{out}/imbalance.json")));
        for name in
            ["rows_by_number_of_labels", "top_labelsets", "distinct_labelsets", "scumble", "empty_rows"]
        {
            assert!(weighed.get(name).is_some() && weighed[name] == alike[name], "{flags:?}: {name}");
        }
    }
}

/// A list with nothing but values declared missing is a row without labels, which may not be meant.
#[test]
fn lists_of_nothing_but_missing_values_are_said() {
    let place = Place::new();
    let names =
        [Some(vec!["a"]), Some(vec!["UNK"]), Some(vec!["a", "UNK"]), Some(vec![]), None, Some(vec!["b"])];
    let mut lists = ListBuilder::new(StringBuilder::new());
    for row in &names {
        lists.append_option(row.as_ref().map(|row| row.iter().map(|name| Some(*name))));
    }
    let texts = names.iter().map(|row| row.as_ref().map(|row| format!("{row:?}")));
    let numbers =
        [Some(vec![Some(3), Some(-1)]), Some(vec![Some(-1), None]), Some(vec![None]), Some(vec![Some(-1)])];
    write(
        &place.path("n.parquet"),
        vec![("l", Arc::new(lists.finish()) as ArrayRef), ("t", Arc::new(texts.collect::<StringArray>()))],
    );
    let numbers = ListArray::from_iter_primitive::<Int32Type, _, _>(numbers);
    write(&place.path("i.parquet"), vec![("l", Arc::new(numbers) as ArrayRef)]);
    let told = |flags: &[&str]| {
        let ended =
            place.run(&[&["compute", "--layout", "list", "--overwrite", "--out", "out"], flags].concat());
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(!ended.stderr.contains("WARN"), "{}", ended.stderr);
        ended.stdout
    };
    for column in ["l", "t"] {
        let stdout = told(&["n.parquet", "--labels", column, "--missing-values", "UNK"]);
        let words = format!(
            "warning EMPTIED_LISTS (1 of the first 6 lists in \"{column}\" holds only values declared missing)"
        );
        assert!(stdout.contains(&words), "{stdout}");
    }
    let stdout = told(&["i.parquet", "--labels", "l", "--missing-values=-1"]);
    let words = "warning EMPTIED_LISTS (2 of the first 4 lists in \"l\" hold only values declared missing)";
    assert!(stdout.contains(words), "{stdout}");
    for flags in [
        &["n.parquet", "--labels", "l", "--missing-values", "none"][..],
        &["n.parquet", "--labels", "l", "--missing-values", "UNK", "--unit", "element"],
        &["n.parquet", "--labels", "l"],
    ] {
        let stdout = told(flags);
        assert!(!stdout.contains("EMPTIED_LISTS"), "{stdout}");
    }
}
