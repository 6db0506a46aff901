//! Counts kept from run to run: the same bytes as counting all, and only what is new is read.

use std::collections::BTreeMap;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Int32Array, ListArray, StringArray};
use arrow::datatypes::Int32Type;
use proptest::prelude::*;

use crate::support::{Ended, Place, array, cases, write};

const LAYOUTS: [(&str, &[&str]); 8] = [
    ("wide", &["--layout", "wide", "--labels", "a,b"]),
    ("soft", &["--layout", "wide", "--labels", "s", "--soft"]),
    ("list", &["--layout", "list", "--labels", "ints"]),
    ("names", &["--layout", "list", "--labels", "names"]),
    ("class", &["--layout", "class", "--labels", "class"]),
    ("vocabulary", &["--layout", "class", "--labels", "class", "--vocabulary", "names.txt"]),
    ("by", &["--layout", "list", "--labels", "names", "--by", "split"]),
    ("where", &["--layout", "class", "--labels", "class", "--where", "split = 'x' and a"]),
];

/// A shard whose rows follow from `seed`.
fn shard(place: &Place, name: &str, seed: i32, rows: i32) {
    let number = |row: i32, i: i32| (row * 7 + i * 13 + seed * 31) % 11;
    let bits = |i: i32| {
        array(
            (0..rows).map(|row| (number(row, i) > 1).then_some(number(row, i) > 5)).collect::<BooleanArray>(),
        )
    };
    let lists = (0..rows).map(|row| {
        (number(row, 3) > 0)
            .then(|| (0..number(row, 4) % 4).map(move |i| Some(number(row, i))).collect::<Vec<_>>())
    });
    let ints = ListArray::from_iter_primitive::<Int32Type, _, _>(lists);
    let names: ArrayRef = Arc::new(StringArray::from_iter_values(
        ints.values()
            .as_any()
            .downcast_ref::<Int32Array>()
            .unwrap()
            .values()
            .iter()
            .map(|label| format!("n{label}")),
    ));
    let field = Arc::new(arrow::datatypes::Field::new("item", arrow::datatypes::DataType::Utf8, true));
    let names = ListArray::new(field, ints.offsets().clone(), names, ints.nulls().cloned());
    let columns = vec![
        ("a", bits(0)),
        ("b", bits(1)),
        (
            "s",
            array(
                (0..rows)
                    .map(|row| f64::from(number(row, 2)) / 10.0 - 0.05)
                    .map(|x| x.clamp(0.0, 1.0))
                    .collect::<arrow::array::Float64Array>(),
            ),
        ),
        ("ints", array(ints)),
        ("names", array(names)),
        (
            "class",
            array((0..rows).map(|row| format!("c{}", number(row, 5))).map(Some).collect::<StringArray>()),
        ),
    ];
    write(&place.path(name), columns);
}

/// A vocabulary of all classes.
fn names(place: &Place) {
    std::fs::write(place.path("names.txt"), (0..11).map(|i| format!("c{i}\n")).collect::<String>()).unwrap();
}

/// Rows are not measured on either side: kept counts know nothing of single rows.
fn run(place: &Place, out: &str, flags: &[&str], more: &[&str]) -> Ended {
    let all = ["compute", "in", "--out", out, "--overwrite", "--quiet", "--row-measures", "off"];
    place.run(&[&all[..], flags, more].concat())
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

fn statuses(place: &Place, out: &str) -> Vec<String> {
    let results = place.json(&format!("{out}/run_results.json"));
    results["shards"].as_array().unwrap().iter().map(|s| s["status"].as_str().unwrap().to_owned()).collect()
}

#[derive(Debug, Clone)]
enum Step {
    Write(usize, i32, i32),
    Remove(usize),
}

fn steps() -> impl Strategy<Value = Vec<Vec<Step>>> {
    let step = prop_oneof![
        3 => (0..5_usize, 0..1000_i32, 0..40_i32).prop_map(|(at, seed, rows)| Step::Write(at, seed, rows)),
        1 => (0..5_usize).prop_map(Step::Remove),
    ];
    proptest::collection::vec(proptest::collection::vec(step, 1..4), 1..4)
}

fn name(at: usize) -> String {
    format!("in/split={}/{at}.parquet", if at.is_multiple_of(2) { "x" } else { "y" })
}

proptest! {
    #![proptest_config(cases(4))]

    #[test]
    fn any_sequence_ends_in_the_bytes_of_a_full_run(nights in steps(), layout in 0..LAYOUTS.len()) {
        let place = Place::new();
        let (_, flags) = LAYOUTS[layout];
        names(&place);
        shard(&place, "in/split=x/always.parquet", 1, 20);
        for night in nights {
            for step in night {
                match step {
                    Step::Write(at, seed, rows) => shard(&place, &name(at), seed, rows),
                    Step::Remove(at) => {
                        let _ = std::fs::remove_file(place.path(&name(at)));
                    }
                }
            }
            let kept = run(&place, "kept", flags, &["--state", "night.state"]);
            prop_assert_eq!(kept.code, 0, "{}", kept.stderr);
        }
        let full = run(&place, "full", flags, &[]);
        prop_assert_eq!(full.code, 0, "{}", full.stderr);
        prop_assert!(bytes(&place.path("kept")) == bytes(&place.path("full")), "{:?}", flags);
        let again = run(&place, "kept", flags, &["--state", "night.state"]);
        prop_assert_eq!(again.code, 0, "{}", again.stderr);
        prop_assert!(statuses(&place, "kept").iter().all(|status| status == "reused"));
        prop_assert!(bytes(&place.path("kept")) == bytes(&place.path("full")), "{:?}", flags);
    }
}

fn three(place: &Place) -> [&'static str; 4] {
    for at in 0..3 {
        shard(place, &name(at), at.try_into().unwrap(), 30);
    }
    ["--layout", "wide", "--labels", "a,b"]
}

#[test]
fn only_what_is_new_is_read() {
    let place = Place::new();
    let flags = three(&place);
    assert_eq!(run(&place, "out", &flags, &["--state", "s"]).code, 0);
    let read =
        |out: &str| place.json(&format!("{out}/run_results.json"))["inputs"]["bytes_read"].as_u64().unwrap();
    let three = read("out");
    shard(&place, &name(4), 9, 10);
    let night = run(&place, "out", &flags, &["--state", "s"]);
    assert_eq!(night.code, 0, "{}", night.stderr);
    assert_eq!(statuses(&place, "out"), ["reused", "reused", "counted", "reused"]);
    assert_eq!(place.json("out/weights.json")["rows"], 100);
    let one = read("out");
    let full = run(&place, "full", &flags, &["--state", "s", "--full"]);
    assert_eq!(full.code, 0, "{}", full.stderr);
    assert!(one > 0 && read("full") == three + one, "{three} {one} {}", read("full"));
}

#[test]
fn a_shard_that_was_replaced_is_counted_though_size_time_and_footer_are_the_same() {
    let place = Place::new();
    let flags = three(&place);
    assert_eq!(run(&place, "out", &flags, &["--state", "s"]).code, 0);
    let path = place.path(&name(0));
    let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
    let set = |path: &Path| {
        std::fs::File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
    };
    // Another file in its place, of the same bytes.
    let other = place.path("other");
    std::fs::copy(&path, &other).unwrap();
    std::fs::rename(&other, &path).unwrap();
    set(&path);
    assert_eq!(run(&place, "out", &flags, &["--state", "s"]).code, 0);
    assert_eq!(statuses(&place, "out"), ["counted", "reused", "reused"]);
    // Pages rewritten where they are: whoever reads them fails.
    let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(4)).unwrap();
    file.write_all(&[0xff; 200]).unwrap();
    set(&path);
    let ended = run(&place, "out", &flags, &["--state", "s"]);
    assert!(ended.code == 4 && ended.stderr.contains("0.parquet"), "{}", ended.stderr);
}

#[test]
fn a_state_of_an_earlier_version_is_counted_anew_and_this_is_said_once() {
    let place = Place::new();
    let flags = three(&place);
    assert_eq!(run(&place, "out", &flags, &["--state", "s"]).code, 0);
    let mut old = std::fs::read(place.path("s")).unwrap();
    let version = old.iter().position(|byte| *byte == b'\n').unwrap() - 1;
    assert_eq!(old[version], b'2');
    old[version] = b'1';
    std::fs::write(place.path("s"), old).unwrap();
    let said = ["compute", "in", "--out", "out", "--overwrite", "--row-measures", "off", "--state", "s"];
    let again = || place.run(&[&said[..], &flags].concat());
    let ended = again();
    assert!(ended.code == 0 && ended.stderr.contains("earlier version"), "{}", ended.stderr);
    assert_eq!(statuses(&place, "out"), ["counted"; 3]);
    let ended = again();
    assert!(ended.code == 0 && !ended.stderr.contains("earlier version"), "{}", ended.stderr);
    assert_eq!(statuses(&place, "out"), ["reused"; 3]);
}

#[test]
fn a_state_that_was_cut_off_or_damaged_is_counted_again() {
    let place = Place::new();
    let flags = three(&place);
    assert_eq!(run(&place, "full", &flags, &[]).code, 0);
    assert_eq!(run(&place, "out", &flags, &["--state", "s"]).code, 0);
    let whole = std::fs::read(place.path("s")).unwrap();
    for cut in [10, 30, 60, whole.len() / 2, whole.len() - 1] {
        std::fs::write(place.path("s"), &whole[..cut]).unwrap();
        let ended = run(&place, "out", &flags, &["--state", "s"]);
        assert_eq!(ended.code, 0, "{cut}: {}", ended.stderr);
        assert!(bytes(&place.path("out")) == bytes(&place.path("full")), "cut at {cut}");
        assert!(statuses(&place, "out").contains(&"counted".to_owned()), "cut at {cut}");
        assert_eq!(run(&place, "out", &flags, &["--state", "s"]).code, 0);
        assert_eq!(statuses(&place, "out"), ["reused"; 3], "cut at {cut}");
    }
    for at in (0..whole.len()).step_by(97) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x41;
        std::fs::write(place.path("s"), damaged).unwrap();
        let ended = run(&place, "out", &flags, &["--state", "s"]);
        assert!(ended.code == 0 || (ended.code == 4 && at < 32), "{at}: {} {}", ended.code, ended.stderr);
        assert!(ended.code != 0 || bytes(&place.path("out")) == bytes(&place.path("full")), "byte {at}");
    }
}

#[test]
fn other_rules_are_other_counts_and_other_schemes_are_not() {
    let place = Place::new();
    let flags = three(&place);
    assert_eq!(run(&place, "out", &flags, &["--state", "s"]).code, 0);
    let scheme = run(&place, "out", &flags, &["--state", "s", "--scheme", "sqrt", "--threads", "1"]);
    assert_eq!((scheme.code, statuses(&place, "out")), (0, vec!["reused".to_owned(); 3]));
    let rules = ["--layout", "wide", "--labels", "a"];
    let other = place.run(&[
        "compute",
        "in",
        "--out",
        "out",
        "--overwrite",
        "--layout",
        "wide",
        "--labels",
        "a",
        "--state",
        "s",
    ]);
    assert!(
        other.stderr.contains("labels, values, --where or --by are not those of the last run"),
        "{}",
        other.stderr
    );
    assert_eq!((other.code, statuses(&place, "out")), (0, vec!["counted".to_owned(); 3]));
    assert_eq!(run(&place, "out", &rules, &["--state", "s"]).code, 0);
    assert_eq!(statuses(&place, "out"), ["reused"; 3]);
}

#[test]
fn the_same_rules_are_the_same_in_every_layout() {
    for (name, flags) in LAYOUTS {
        let place = Place::new();
        names(&place);
        three(&place);
        for expected in ["counted", "reused"] {
            let ended = run(&place, "out", flags, &["--state", "s"]);
            assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{name}");
            assert_eq!(statuses(&place, "out"), [expected; 3], "{name}");
        }
    }
}

#[test]
fn a_type_that_widens_changes_how_groups_are_written() {
    let place = Place::new();
    let bits = || array(BooleanArray::from(vec![true, false]));
    write(&place.path("in/a.parquet"), vec![("l", bits()), ("g", array(Int32Array::from(vec![1, 2])))]);
    let flags = ["--layout", "wide", "--labels", "l", "--by", "g"];
    assert_eq!(run(&place, "kept", &flags, &["--state", "s"]).code, 0);
    let floats = array(arrow::array::Float64Array::from(vec![1.0, 2.5]));
    write(&place.path("in/b.parquet"), vec![("l", bits()), ("g", floats)]);
    let kept = run(&place, "kept", &flags, &["--state", "s"]);
    let full = run(&place, "full", &flags, &[]);
    assert_eq!((kept.code, full.code), (0, 0), "{} {}", kept.stderr, full.stderr);
    assert!(bytes(&place.path("kept")) == bytes(&place.path("full")));
}

#[test]
fn explain_says_what_becomes_of_every_shard() {
    let place = Place::new();
    three(&place);
    let spec = "shards = 'in'\nout = 'out'\noverwrite = true\nlayout = 'wide'\nlabels = 'a'\n";
    std::fs::write(place.path("nightly.toml"), spec).unwrap();
    assert_eq!(place.run(&["run", "nightly.toml", "--explain"]).code, 2, "no state is named");
    std::fs::write(place.path("nightly.toml"), format!("{spec}state = 'night.state'\n")).unwrap();
    let explained = || {
        let ended = place.run(&["run", "nightly.toml", "--explain"]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        ended
            .stdout
            .lines()
            .map(|line| line.split_whitespace().next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(explained(), ["new"; 3]);
    assert!(!place.path("night.state").exists() && !place.path("out").exists(), "nothing is written");
    let first = place.run(&["run", "nightly.toml"]);
    assert_eq!(first.code, 0, "{}", first.stderr);
    assert_eq!(explained(), ["reused"; 3]);
    shard(&place, &name(0), 5, 31);
    shard(&place, &name(3), 5, 5);
    std::fs::remove_file(place.path(&name(2))).unwrap();
    assert_eq!(explained(), ["changed", "reused", "new", "removed"]);
    let night = place.run(&["run", "nightly.toml"]);
    assert!(night.stdout.contains("1 shard not read again: saved counts were used"), "{}", night.stdout);
}

#[test]
fn what_is_no_state_is_left_alone() {
    let place = Place::new();
    let flags = three(&place);
    std::fs::write(place.path("notes.txt"), "mine").unwrap();
    let refused = run(&place, "out", &flags, &["--state", "notes.txt"]);
    assert!(refused.code == 4 && refused.stderr.contains("this is no file of states"), "{}", refused.stderr);
    assert_eq!(std::fs::read_to_string(place.path("notes.txt")).unwrap(), "mine");
    let held = std::fs::OpenOptions::new().create(true).append(true).open(place.path("s")).unwrap();
    held.lock().unwrap();
    let second = run(&place, "out", &flags, &["--state", "s"]);
    assert!(second.code == 7 && second.stderr.contains("another run has it"), "{}", second.stderr);
    drop(held);
}
