//! Queries whose numbers must not be wrong without a word.

use arrow::array::{BooleanArray, Int8Array, Int64Array, UInt8Array};

use crate::support::{Ended, Place, array, write};

fn sql(place: &Place, arguments: &[&str]) -> Ended {
    place.run(&[&["sql"], arguments].concat())
}

#[test]
fn counts_of_runs_and_functions_have_differences_below_zero() {
    let place = Place::new();
    for (name, positives) in [("old", 5), ("new", 3)] {
        let bits: BooleanArray = (0..10).map(|row| Some(row < positives)).collect();
        write(&place.path(&format!("{name}.parquet")), vec![("x", array(bits))]);
        let file = format!("{name}.parquet");
        let ended = place.run(&["compute", &file, "--layout", "wide", "--labels", "x", "--out", name]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
    }
    let runs = ["--run", "old=old/", "--run", "new=new/"];
    for (query, answer) in [
        (
            "SELECT n.positives - o.positives AS d FROM new.counts n JOIN old.counts o USING (label)",
            "d\n-2\n",
        ),
        ("SELECT label FROM new.counts WHERE positives - negatives < 0", "label\nx\n"),
        ("SELECT -positives AS d FROM new.weights", "d\n-3\n"),
        ("SELECT sum(positives) - sum(negatives) AS d FROM new.counts", "d\n-4\n"),
        (
            "SELECT positives - negatives AS d FROM label_counts('new.parquet', 'layout=wide, labels=x')",
            "d\n-4\n",
        ),
    ] {
        let ended = sql(&place, &[&runs[..], &["-c", query]].concat());
        assert_eq!((ended.code, ended.stdout.as_str()), (0, answer), "{query}: {}", ended.stderr);
    }
}

#[test]
fn integers_that_overflow_are_an_error() {
    let place = Place::new();
    write(
        &place.path("t.parquet"),
        vec![
            ("a", array(Int8Array::from(vec![Some(100), Some(1), None]))),
            ("b", array(Int8Array::from(vec![Some(100), Some(0), Some(1)]))),
            ("u", array(UInt8Array::from(vec![1, 2, 3]))),
            ("big", array(Int64Array::from(vec![1 << 62, 1, 2]))),
        ],
    );
    for wrong in
        ["a + b", "a * b", "u - 2::tinyint unsigned", "big * 4", "9223372036854775807 + 1", "sum(a * b)"]
    {
        let query = format!("SELECT {wrong} AS x FROM 't.parquet'");
        let ended = sql(&place, &["-c", &query]);
        assert_eq!(ended.code, 4, "{wrong}: {}{}", ended.stdout, ended.stderr);
        assert!(
            ended.stderr.contains("does not fit its type") && ended.stderr.contains("CAST"),
            "{}",
            ended.stderr
        );
    }
    for (right, answer) in [
        ("a - b", "a_b\n0\n1\n\"\"\n"),
        ("CAST(a AS BIGINT) + b", "a_b\n200\n1\n\"\"\n"),
        ("big + 1", "a_b\n4611686018427387905\n2\n3\n"),
    ] {
        let query = format!("SELECT {right} AS a_b FROM 't.parquet'");
        let ended = sql(&place, &["-c", &query]);
        assert_eq!((ended.code, ended.stdout.as_str()), (0, answer), "{right}: {}", ended.stderr);
    }
    // Names of columns are those of the query.
    let named =
        sql(&place, &["-c", "SELECT u + u, count(*) FROM 't.parquet' GROUP BY u + u ORDER BY u + u LIMIT 1"]);
    assert_eq!(named.code, 0, "{}", named.stderr);
    assert!(named.stdout.lines().nth(1) == Some("2,1"), "{}", named.stdout);
}

#[test]
fn clauses_that_would_be_ignored_are_refused() {
    let place = Place::new();
    write(&place.path("t.parquet"), vec![("x", array(Int64Array::from(vec![1, 1, 2])))]);
    for (query, word) in [
        ("SELECT count(*) FROM 't.parquet' TABLESAMPLE (10 PERCENT)", "TABLESAMPLE"),
        ("SELECT x FROM 't.parquet' EXCEPT ALL SELECT 1", "EXCEPT ALL"),
        ("SELECT x, count(*) FROM 't.parquet' GROUP BY x WITH ROLLUP", "ROLLUP"),
    ] {
        let ended = sql(&place, &["-c", query]);
        assert_eq!(ended.code, 2, "{query}: {}", ended.stderr);
        assert!(ended.stderr.contains(word) && ended.stderr.contains("hint:"), "{}", ended.stderr);
    }
    // Queries that make the rows of a count are queries like others.
    let query = "SELECT x FROM shards TABLESAMPLE (10 PERCENT)";
    let counted = place.run(&[
        "compute",
        "t.parquet",
        "--query",
        query,
        "--layout",
        "class",
        "--labels",
        "x",
        "--out",
        "o",
    ]);
    assert_eq!(counted.code, 2, "{}", counted.stderr);
}
