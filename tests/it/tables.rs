//! Tables: their live rows count, in every verb, and what cannot be told is refused.

/// Tables written byte by byte.
mod by_hand;
/// Iceberg in object stores, and in REST catalogs.
mod catalog;
/// Logs, versions and column mapping of Delta Lake.
mod delta;
/// Deleted rows in every layout and verb.
mod deleted_rows;
/// Snapshots, deletes and field ids of Iceberg.
mod iceberg;
/// Columns that no file has yet, and paths that go up.
mod new_columns;
/// Every verb over every kind of table.
mod verbs;
/// Tables that deltalake and pyiceberg write.
mod writers;

use serde_json::Value;

use crate::support::Place;

/// What a source counts.
fn counts(place: &Place, arguments: &[&str]) -> Value {
    let weights = place.weights(arguments);
    ["rows", "labels", "positives", "negatives", "missing"].map(|key| weights[key].clone()).to_vec().into()
}

/// Asserts that `compute` ends with exit code 4 and says all of these words.
fn refused(place: &Place, arguments: &[&str], words: &[&str]) {
    let labels: &[&str] = if arguments.contains(&"--labels") { &[] } else { &["--labels", "cat"] };
    let ended = place.run(&[&["compute", "--out", "refused"], arguments, labels].concat());
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    words.iter().for_each(|word| assert!(ended.stderr.contains(word), "{word}: {}", ended.stderr));
}
