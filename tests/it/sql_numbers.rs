//! Queries whose numbers must not be wrong without a word.

use std::sync::Arc;

use arrow::array::{
    Array, BooleanArray, Decimal32Array, Decimal64Array, Decimal128Array, Float64Array, Int8Array,
    Int64Array, ListArray, UInt8Array,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::Field;
use parquet::file::properties::WriterProperties;

use crate::support::{Ended, Place, array, write, write_with};

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
    for wrong in ["abs(CAST(-128 AS TINYINT))", "gcd(-9223372036854775807 - 1, 0)"] {
        let ended = sql(&place, &["-c", &format!("SELECT {wrong} FROM 't.parquet'")]);
        assert_eq!(ended.code, 4, "{wrong}: {}{}", ended.stdout, ended.stderr);
        for words in ["does not fit its type", "hint: cast"] {
            assert!(ended.stderr.contains(words), "{wrong}: {}", ended.stderr);
        }
        assert!(!ended.stderr.contains("Array") && !ended.stderr.contains("Compute"), "{}", ended.stderr);
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
fn conditions_whose_integers_overflow_are_an_error() {
    let place = Place::new();
    write(
        &place.path("t.parquet"),
        vec![
            ("l", array(BooleanArray::from(vec![true; 3]))),
            ("a", array(Int8Array::from(vec![Some(-128), Some(100), None]))),
        ],
    );
    let count = |condition: &str| {
        let condition = format!("--where={condition}");
        let arguments = ["compute", "t.parquet", "--layout", "wide", "--labels", "l", "--out", "out"];
        place.run(&[&arguments[..], &[&condition, "--overwrite"]].concat())
    };
    for wrong in ["-a > 100", "100 < -a", "a + a > 0", "a * a = 0", "a - 1::tinyint > 0"] {
        let ended = count(wrong);
        assert_eq!(ended.code, 4, "{wrong}: {}{}", ended.stdout, ended.stderr);
        assert!(
            ended.stderr.contains("does not fit its type") && ended.stderr.contains("CAST"),
            "{wrong}: {}",
            ended.stderr
        );
    }
    for right in ["-CAST(a AS BIGINT) > 100", "a + 1 < 0", "a * -1.0 > 100"] {
        let ended = count(right);
        assert_eq!(ended.code, 0, "{right}: {}", ended.stderr);
        assert_eq!(place.json("out/weights.json")["rows"], 1, "{right}");
    }
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

/// One line of cells, of a query that works.
fn line(place: &Place, query: &str) -> String {
    let ended = sql(place, &["-c", query]);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{query}");
    ended.stdout.lines().nth(1).unwrap_or_default().to_owned()
}

#[test]
fn sums_of_floats_do_not_depend_on_the_order_of_rows() {
    let place = Place::new();
    let values: Vec<f64> = (0..20_000_i32).map(|k| f64::from(k * 7919 % 20_011) * 0.1 - 500.0).collect();
    let groups: Vec<i64> = (0..20_000).map(|k| k % 3).collect();
    for (name, backwards) in [("a.parquet", false), ("b.parquet", true)] {
        let (mut values, mut groups) = (values.clone(), groups.clone());
        if backwards {
            values.reverse();
            groups.reverse();
        }
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(1500)).build();
        let columns = vec![("x", array(Float64Array::from(values))), ("f", array(Int64Array::from(groups)))];
        write_with(&place.path(name), columns, properties);
    }
    let all = "sum(x), avg(x), mean(x), var(x), var_pop(x), stddev(x), stddev_pop(x), sum(CAST(x * 2 AS FLOAT)) AS g";
    let asked = |name: &str, threads: &str| {
        let query = format!(
            "SELECT {all} FROM '{name}' UNION ALL SELECT * FROM (SELECT {all} FROM '{name}' GROUP BY f ORDER BY f)"
        );
        let ended = sql(&place, &["--threads", threads, "-c", &query]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let mut lines: Vec<String> = ended.stdout.lines().skip(1).map(str::to_owned).collect();
        lines.sort();
        assert_eq!(lines.len(), 4);
        lines
    };
    let first = asked("a.parquet", "1");
    for (name, threads) in [("b.parquet", "1"), ("a.parquet", "3"), ("b.parquet", "2"), ("a.parquet", "2")] {
        assert_eq!(asked(name, threads), first, "{name} {threads}");
    }
}

#[test]
fn sums_of_floats_are_rounded_once() {
    let place = Place::new();
    let table = "(VALUES (1, 1e16), (2, 1.0), (3, -1e16), (4, 1.0), (5, NULL)) AS t(k, x)";
    assert_eq!(line(&place, &format!("SELECT sum(x), avg(x) FROM {table}")), "2.0,0.5");
    // What leaves a window takes nothing else along.
    let windows = format!(
        "SELECT array_agg(s ORDER BY k) FROM (SELECT k, sum(x) OVER (ORDER BY k ROWS 1 PRECEDING) AS s FROM {table})"
    );
    assert_eq!(line(&place, &windows), "\"[1e16, 1e16, -1e16, -1e16, 1.0]\"");
    // Far from zero, a variance keeps its digits.
    let far = "(VALUES (1000000000001.0), (1000000000002.0), (1000000000003.0)) AS t(x)";
    let all = "var(x), var_pop(x) * 3, stddev(x)";
    assert_eq!(line(&place, &format!("SELECT {all} FROM {far}")), "1.0,2.0,1.0");
    let one = "SELECT var(x), var_pop(x), stddev(x), stddev_pop(x), sum(x) FROM";
    assert_eq!(line(&place, &format!("{one} (VALUES (2.5)) AS t(x)")), ",0.0,,0.0,2.5");
    assert_eq!(line(&place, &format!("{one} (VALUES (2.5)) AS t(x) WHERE x > 3")), ",,,,");
    let odd = "SELECT sum(x), avg(x), stddev(x) FROM (VALUES";
    assert_eq!(line(&place, &format!("{odd} ('inf'::DOUBLE), (1.0)) AS t(x)")), "inf,inf,NaN");
    assert_eq!(line(&place, &format!("{odd} ('inf'::DOUBLE), ('-inf'::DOUBLE)) AS t(x)")), "NaN,NaN,NaN");
    // Integers and decimals are averaged as before.
    assert_eq!(line(&place, "SELECT avg(x) FROM (VALUES (1), (2)) AS t(x)"), "1.5");
    assert_eq!(
        line(&place, "SELECT avg(x), sum(x) FROM (VALUES (1.5::DECIMAL(9, 2)), (2)) AS t(x)"),
        "1.750000,3.50"
    );
    assert_eq!(
        line(&place, "SELECT sum(DISTINCT x), avg(DISTINCT x) FROM (VALUES (1.5), (1.5), (2.0)) AS t(x)"),
        "3.5,1.75"
    );
}

#[test]
fn two_columns_of_one_name_are_refused() {
    let place = Place::new();
    for (name, y) in [("a", 5), ("b", 6)] {
        let columns =
            vec![("id", array(Int64Array::from(vec![1, 2]))), ("y", array(Int64Array::from(vec![y, y])))];
        write(&place.path(&format!("{name}.parquet")), columns);
    }
    let query = "SELECT * FROM 'a.parquet' a JOIN 'b.parquet' b USING (id)";
    let copy = format!("COPY ({query}) TO 'c.parquet'");
    let writes = [&["--allow-write", "-c", &copy][..]];
    let formats = ["csv", "tsv", "json", "ndjson"].map(|format| ["--format", format, "-c", query]);
    let outs = ["o.csv", "o.json", "o.parquet"].map(|out| ["--out", out, "-c", query]);
    let all = formats.iter().map(|all| &all[..]).chain(outs.iter().map(|all| &all[..])).chain(writes);
    for arguments in all {
        let ended = sql(&place, arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{arguments:?} {}", ended.stderr);
        assert!(ended.stderr.contains("two columns are called \"y\""), "{}", ended.stderr);
        assert!(ended.stderr.contains("another name"), "{}", ended.stderr);
    }
    assert_eq!(std::fs::read_dir(place.dir.path()).unwrap().count(), 2, "nothing is written");
    // People see a table.
    let ended = sql(&place, &["--format", "table", "-c", query]);
    assert!(ended.code == 0 && ended.stdout.contains("| id | y | y |"), "{}{}", ended.stdout, ended.stderr);
    let named = "SELECT a.*, b.y AS y_2 FROM 'a.parquet' a JOIN 'b.parquet' b USING (id) ORDER BY id LIMIT 1";
    let ended = sql(&place, &["--format", "ndjson", "-c", named]);
    assert_eq!(ended.stdout, "{\"id\":1,\"y\":5,\"y_2\":6}\n", "{}", ended.stderr);
}

#[test]
fn functions_of_counts_say_what_they_give_at_zero() {
    let place = Place::new();
    for (calls, value) in [
        (
            &[
                "ratio_weight(0, 5)",
                "ratio_weight(5, 0)",
                "ratio_weight(0, 5, 0.5)",
                "laplace_weight(0, 5)",
                "power_weight(0, 5)",
                "sqrt_weight(0, 5)",
                "log_weight(5, 0)",
                "log1p_weight(5, 0)",
                "inverse_frequency_weight(0, 5)",
                "balanced_weight(0, 5)",
                "balanced_negative_weight(5, 0)",
                "effective_number_weight(0)",
                "inverse_propensity_weight(0, 100)",
                "enet_weight(0, 5)",
                "focal_alpha(0, 5)",
                "focal_alpha(0, 0)",
                "repeat_factor(0, 5)",
            ][..],
            "1.0",
        ),
        (
            &[
                "ldam_margin(0, 5)",
                "prior_bias(0, 5)",
                "prior_bias(5, 0)",
                "logit_adjustment(0, 5)",
                "label_entropy(0, 5)",
                "label_entropy(5, 0)",
            ],
            "0.0",
        ),
        (&["irlbl(0, 5)", "im_r(0, 5)", "im_r(0, 0)", "label_entropy(0, 0)"], ""),
    ] {
        let expected = vec![value; calls.len()].join(",");
        assert_eq!(line(&place, &format!("SELECT {}", calls.join(", "))), expected, "{calls:?}");
    }
    for (call, error, hint) in [
        ("ratio_weight(5)", "ratio_weight takes 2 or 3 numbers, not 1", "ratio_weight(pos, neg [, epsilon])"),
        (
            "ratio_weight('a', 5)",
            "ratio_weight takes numbers, not text",
            "ratio_weight(pos, neg [, epsilon])",
        ),
        ("irlbl(1, 2, 3)", "irlbl takes 2 numbers, not 3", "irlbl(pos, max_pos)"),
        (
            "inverse_propensity_weight(1)",
            "inverse_propensity_weight takes 2 to 4 numbers, not 1",
            "inverse_propensity_weight(pos, rows [, a [, b]])",
        ),
        ("focal_alpha()", "focal_alpha takes 2 numbers, not 0", "focal_alpha(pos, neg)"),
        ("positives()", "positives takes one label column, not 0", "positives(x)"),
        ("positives(1, 2)", "positives takes one label column, not 2", "positives(x)"),
        ("positives(*)", "positives takes one label column, not *", "label_counts('data/')"),
        ("prevalence(t.*)", "prevalence takes one label column, not *", "label_counts('data/')"),
    ] {
        let ended = sql(&place, &["-c", &format!("SELECT {call} FROM (VALUES (1)) AS t(x)")]);
        assert_eq!(ended.code, 2, "{call}: {}{}", ended.stdout, ended.stderr);
        let (found, advice) = ended.stderr.split_once("hint:").unwrap();
        assert!(found.contains(error) && advice.contains(hint), "{call}: {}", ended.stderr);
        assert!(!found.contains("OneOf") && !found.contains("Wildcard {"), "{}", ended.stderr);
    }
    // Decimals and NULL are numbers.
    assert_eq!(line(&place, "SELECT ratio_weight(2::DECIMAL(5, 1), 3::SMALLINT), irlbl(NULL, 1)"), "1.5,");
}

/// DataFusion cuts such decimals to whole numbers beside integers.
#[test]
fn decimals_of_few_bits_keep_their_digits() {
    let place = Place::new();
    let few = Decimal32Array::from(vec![190, 225, 300]).with_precision_and_scale(7, 2).unwrap();
    let more = Decimal64Array::from(vec![190, 225, 300]).with_precision_and_scale(12, 2).unwrap();
    let wide = Decimal128Array::from(vec![190, 225, 300]).with_precision_and_scale(12, 2).unwrap();
    let item = Arc::new(Field::new_list_field(more.data_type().clone(), true));
    let lists = ListArray::new(item, OffsetBuffer::from_lengths([1, 1, 1]), Arc::new(more.clone()), None);
    let rows = vec![
        ("l", array(BooleanArray::from(vec![true; 3]))),
        ("id", array(Int64Array::from(vec![1, 2, 3]))),
        ("a", array(few)),
        ("b", array(more)),
        ("w", array(wide)),
        ("items", array(lists)),
    ];
    write(&place.path("t.parquet"), rows);
    let ended = place.run(&["sql", "-c", "COPY (SELECT * FROM 't.parquet') TO 't.arrow'", "--allow-write"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let answer = |query: &str| {
        let ended = sql(&place, &["-c", query]);
        assert_eq!(ended.code, 0, "{query}: {}", ended.stderr);
        ended.stdout
    };
    for shards in ["t.parquet", "t.arrow"] {
        for d in ["a", "b", "items[1]"] {
            for expression in [
                "d + 1",
                "d * 2",
                "d / 2",
                "d % 2",
                "coalesce(d, id)",
                "CASE WHEN id > 1 THEN d ELSE id END",
                "least(d, id)",
                "[d, id]",
                "d = id",
                "d IN (SELECT id FROM t)",
            ] {
                let rows = |d: &str| {
                    format!("SELECT {expression} AS x FROM (SELECT id, {d} AS d FROM t) ORDER BY id")
                        .replace("FROM t", &format!("FROM '{shards}'"))
                };
                // A membership is asked of rows alone.
                let query = |d: &str| {
                    if expression.contains("SELECT") {
                        format!(
                            "SELECT id FROM (SELECT id, {d} AS d FROM '{shards}') WHERE d IN (SELECT id FROM '{shards}')"
                        )
                    } else {
                        rows(d)
                    }
                };
                assert_eq!(
                    answer(&query(d)),
                    answer(&query("CAST(w AS DECIMAL(12, 2))")),
                    "{d}: {expression}"
                );
            }
        }
        for (join, expected) in [
            ("SELECT y.id AS x FROM '{}' x JOIN '{}' y ON x.id = y.b", "x\n3\n"),
            ("SELECT id AS x FROM '{}' INTERSECT SELECT a FROM '{}'", "x\n3\n"),
            ("SELECT sum(x) AS x FROM (SELECT id AS x FROM '{}' UNION ALL SELECT b FROM '{}')", "x\n13.15\n"),
        ] {
            assert_eq!(answer(&join.replace("{}", shards)), expected, "{join}");
        }
        for (condition, expected) in [("a = id", 1), ("b + 1 > 3", 2), ("items[1] IN (id, 2.25)", 2)] {
            let arguments = ["compute", shards, "--layout", "wide", "--labels", "l", "--where", condition];
            let ended = place.run(&[&arguments[..], &["--out", "out", "--overwrite"]].concat());
            assert_eq!(ended.code, 0, "{condition}: {}", ended.stderr);
            assert_eq!(place.json("out/weights.json")["rows"], expected, "{shards}: {condition}");
        }
    }
}
