//! What is asked of rows beside their labels: conditions, weights and groups, by columns of the files.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Date32Array, Float64Array, Int32Array, StringArray};

use crate::engines::{both, hive};
use crate::support::{Place, array, write};

/// Conditions on a column of the files, one of them at random; without one about as often as with one.
pub(crate) const CONDITIONS: [&[&str]; 8] = [
    &[],
    &[],
    &[],
    &[],
    &["--where", "k > 2"],
    &["--where", "k = 1 or k is null"],
    &["--where", "k between 10 and 40"],
    &["--where", "k = 999", "--allow-empty"],
];

/// The column of the conditions: runs, single rows and NULLs.
pub(crate) fn condition_column(rows: usize, shard: usize) -> (&'static str, ArrayRef) {
    let value = |row: usize| match row % 13 {
        7 => None,
        _ if row / 30 % 2 == shard % 2 => Some(i32::try_from(row / 8).unwrap()),
        _ => Some(i32::try_from(row * 5 % 4).unwrap()),
    };
    ("k", Arc::new((0..rows).map(value).collect::<Int32Array>()))
}

/// Groups of rows, half the time: few, or more than are read from pages.
pub(crate) const GROUPS: [&[&str]; 4] = [&[], &[], &["--by", "g"], &["--by", "k"]];

/// The groups: runs of three, and NULL.
pub(crate) fn group_column(rows: usize) -> (&'static str, ArrayRef) {
    let group = |row: usize| [Some("a"), Some("b"), None, Some("b")][row / 17 % 4];
    ("g", Arc::new((0..rows).map(group).collect::<StringArray>()))
}

/// Weights of rows, half the time; statistics that are believed change nothing.
pub(crate) const WEIGHTS: [&[&str]; 4] = [
    &[],
    &["--trust-statistics"],
    &["--sample-weight", "w"],
    &["--sample-weight", "w", "--trust-statistics"],
];

/// The weights: halves, thirds, large and small ones.
pub(crate) fn weight_column(rows: usize) -> (&'static str, ArrayRef) {
    let weight = |row: usize| [0.5, 1.0 / 3.0, 0.0, 4001.5, 1e-9, 2.0][row * 7 % 6];
    ("w", Arc::new((0..rows).map(weight).map(Some).collect::<Float64Array>()))
}

#[test]
fn a_condition_on_a_column_of_the_files_is_a_mask_of_rows() {
    let place = Place::new();
    hive(&place);
    for condition in ["w = 1", "split = 'train' and w > 0", "w is null", "w + 1 = 2 or year = 201"] {
        let wide = ["in", "--layout", "wide", "--labels", "l", "--where", condition, "--allow-empty"];
        both(&place, &wide).unwrap();
        let class = ["in", "--layout", "class", "--labels", "w", "--where", condition, "--allow-empty"];
        both(&place, &class).unwrap();
    }
    // Weights that are whole numbers, in few groups and in more than are read from pages.
    for (name, groups) in [("few", 5), ("many", 60)] {
        let column = |of: fn(i32) -> i32| (0..600).map(of).collect::<Int32Array>();
        let group = (0..600).map(|row| row % groups).collect::<Int32Array>();
        let bits = (0..600).map(|row| Some(row % 7 == 0)).collect::<BooleanArray>();
        write(
            &place.path(&format!("{name}/a.parquet")),
            vec![("l", Arc::new(bits)), ("w", Arc::new(column(|row| row % 4))), ("g", Arc::new(group))],
        );
        let wide = [name, "--layout", "wide", "--labels", "l", "--sample-weight", "w", "--by", "g"];
        both(&place, &[&wide[..], &["--where", "w < 3"]].concat()).unwrap();
    }
    for (condition, said) in [("v = 1", "v"), ("w =", "--where"), ("w", "--where")] {
        let wide =
            ["compute", "in", "--layout", "wide", "--labels", "l", "--out", "out", "--where", condition];
        let refused = place.run(&wide);
        assert_eq!(refused.code, 2, "{}", refused.stderr);
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    }
}

/// A column whose statistics tell all of it weighs as much as one that is decoded.
#[test]
fn weights_are_counted_whatever_statistics_tell() {
    let place = Place::new();
    let same: ArrayRef = array(std::iter::repeat_n(Some(1), 1000).collect::<Int32Array>());
    let weights: ArrayRef = array(std::iter::repeat_n(Some(0.5), 1000).collect::<Float64Array>());
    write(&place.path("in/a.parquet"), vec![("a", same), ("w", weights)]);
    let wide = ["in", "--layout", "wide", "--labels", "a", "--sample-weight", "w", "--trust-statistics"];
    let counted = both(&place, &wide).unwrap();
    assert_eq!(counted["positives_mass"][0], 500.0);
}

#[test]
fn a_column_that_a_shard_has_twice_is_no_condition() {
    let place = Place::new();
    let column = |of: i32| array((0..100).map(|row| Some(row * of)).collect::<Int32Array>());
    let bits = array((0..100).map(|row| Some(row % 2 == 0)).collect::<BooleanArray>());
    write(&place.path("in/a.parquet"), vec![("l", bits), ("k", column(1)), ("k", column(0))]);
    for engine in ["auto", "plain"] {
        let wide =
            ["compute", "in", "--layout", "wide", "--labels", "l", "--out", "out", "--where", "k > 10"];
        let refused = place.run(&[&wide[..], &["--engine", engine, "--row-measures", "off"]].concat());
        assert_eq!(refused.code, 4, "{}", refused.stderr);
        assert!(refused.stderr.contains("column \"k\" appears twice"), "{}", refused.stderr);
    }
}

/// The day of a run is asked for once; counts that are saved would be of another day.
#[test]
fn a_condition_may_ask_for_the_day_but_not_with_saved_counts() {
    let place = Place::new();
    let days = array((0..100).map(|row| Some(row * 1000)).collect::<Date32Array>());
    let bits = array((0..100).map(|row| Some(row % 2 == 0)).collect::<BooleanArray>());
    write(&place.path("in/a.parquet"), vec![("l", bits), ("d", days)]);
    let wide = ["in", "--layout", "wide", "--labels", "l", "--where", "d < current_date"];
    let rows = both(&place, &wide).unwrap()["rows"].as_u64().unwrap();
    assert!((20..100).contains(&rows), "{rows}");
    for saved in [["--state", "counts"], ["--skip-exit-code", "99"]] {
        let refused = place.run(&[&["compute", "--out", "out"], &wide[..], &saved].concat());
        assert_eq!(refused.code, 2, "{}", refused.stderr);
        assert!(refused.stderr.contains("asks for the time"), "{}", refused.stderr);
    }
}

#[test]
fn a_condition_that_no_row_meets_leaves_no_group() {
    let place = Place::new();
    let bits = || array((0..100).map(|row| Some(row % 2 == 0)).collect::<BooleanArray>());
    for shard in 0..2 {
        let k = array((0..100).map(|_| Some(shard)).collect::<Int32Array>());
        write(&place.path(&format!("in/{shard}.parquet")), vec![("l", bits()), ("k", k)]);
    }
    let groups = |out: &str| {
        let found = place.json(&format!("{out}/imbalance.json"));
        let groups = found["groups"].as_array().map(Vec::as_slice).unwrap_or_default();
        groups.iter().map(|group| group["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let wide = ["in", "--layout", "wide", "--labels", "l", "--by", "k", "--allow-empty", "--overwrite"];
    for more in [&[][..], &["--engine", "plain"], &["--state", "state"], &["--state", "state"]] {
        let flags = [&["compute", "--out", "none", "--where", "k = 9"], &wide[..], more].concat();
        let ended = place.run(&flags);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(groups("none").is_empty() && !place.path("none/by").exists(), "{more:?}");
    }
    // A job whose shards have no such row merges with one whose shards have.
    for job in ["0", "1"] {
        let part = ["--where", "k = 1", "--shard-index", job, "--shard-count", "2"];
        let ended = place.run(&[&["compute", "--out", job], &wide[..], &part].concat());
        assert_eq!(ended.code, 0, "{}", ended.stderr);
    }
    let ended = place.run(&["weigh", "0", "1", "--out", "all"]);
    assert_eq!((ended.code, groups("all")), (0, vec!["k=1".to_owned()]), "{}", ended.stderr);
}
