//! What queries are refused says a way out, and this way is one.

use arrow::array::{Date32Array, Int64Array, ListArray, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::Int32Type;

use crate::support::{Place, array, write};

fn rows(place: &Place) {
    let items = vec![Some(vec![Some(1), Some(2)]), Some(Vec::new()), None];
    write(
        &place.path("t.parquet"),
        vec![
            // 5 May 2024 and the days around it.
            ("day", array(Date32Array::from(vec![19_847, 19_848, 19_849]))),
            ("ts", array(TimestampMicrosecondArray::from(vec![1_714_867_200_000_000; 3]))),
            ("code", array(StringArray::from(vec!["007", "7", "8"]))),
            ("n", array(Int64Array::from(vec![7, 8, 9]))),
            ("tags", array(ListArray::from_iter_primitive::<Int32Type, _, _>(items))),
        ],
    );
}

/// A query, what it is refused for, a part of the hint, and a query that does as the hint says.
static WAYS: [[&str; 4]; 23] = [
    [
        "SELECT 1 FROM t WHERE day >= 2024-05-05",
        "day is a date, but it is compared with a number: without quotes, a date is a subtraction",
        "write the date in quotes: day >= '2024-05-05'",
        "SELECT 1 FROM t WHERE day >= '2024-05-05'",
    ],
    [
        "SELECT 1 FROM t WHERE day = 20240505",
        "the number 20240505",
        "write the date in quotes: day = '2024-05-05'",
        "SELECT 1 FROM t WHERE day = '2024-05-05'",
    ],
    [
        "SELECT 1 FROM t WHERE day BETWEEN 2024-5-5 AND 2024-05-06",
        "without quotes, a date is a subtraction",
        "write the date in quotes: '2024-05-05'",
        "SELECT 1 FROM t WHERE day BETWEEN '2024-05-05' AND '2024-05-06'",
    ],
    [
        "SELECT 1 FROM t WHERE day > n",
        "compared with n (64-bit integer)",
        "date_part('year', day) is the year, and day - DATE '1970-01-01' the days since 1970",
        "SELECT 1 FROM t WHERE day - DATE '1970-01-01' > n AND date_part('year', day) > n",
    ],
    [
        "SELECT 1 FROM t WHERE ts > 2024-05-05",
        "ts is a time, but",
        "write the date in quotes: ts > '2024-05-05'",
        "SELECT 1 FROM t WHERE ts >= '2024-05-05'",
    ],
    [
        "SELECT 1 FROM t WHERE ts > n",
        "ts is a time, but",
        "date_part('epoch', ts)",
        "SELECT 1 FROM t WHERE date_part('epoch', ts) > n",
    ],
    [
        "SELECT 1 FROM t WHERE code = 7",
        "code is text, but it is compared with the number 7",
        "write the number in quotes: '7', or compare numbers, with CAST(code AS BIGINT)",
        "SELECT 1 FROM t WHERE code = '7' AND CAST(code AS BIGINT) = 7",
    ],
    [
        "SELECT 1 FROM t JOIN t AS u ON t.code = u.n",
        "code is text, but it is compared with n (64-bit integer)",
        "compare texts, with CAST(n AS TEXT), or compare numbers, with CAST(code AS BIGINT)",
        "SELECT 1 FROM t JOIN t AS u ON t.code = CAST(u.n AS TEXT) OR CAST(t.code AS BIGINT) = u.n",
    ],
    [
        "SELECT day FROM t UNION ALL SELECT n FROM t",
        "column 1 of a union is a date in one query, and 64-bit integer in another",
        "CAST(x AS TEXT)",
        "SELECT CAST(day AS TEXT) FROM t UNION ALL SELECT CAST(n AS TEXT) FROM t",
    ],
    [
        "SELECT CAST(x AS TIMESTAMP) FROM (VALUES ('2024/05/05 10:00')) AS v(x)",
        "Error parsing timestamp",
        "to_timestamp(x, '%Y-%m-%d %H:%M')",
        "SELECT to_timestamp(x, '%Y/%m/%d %H:%M') FROM (VALUES ('2024/05/05 10:00')) AS v(x)",
    ],
    [
        "SELECT avg(day) FROM t",
        "avg takes numbers, but day is date",
        "write DATE '1970-01-01' + CAST(round(avg(day - DATE '1970-01-01')) AS INT)",
        "SELECT DATE '1970-01-01' + CAST(round(avg(day - DATE '1970-01-01')) AS INT) FROM t",
    ],
    [
        "SELECT median(day) FROM t",
        "median does not take day",
        "write DATE '1970-01-01' + CAST(round(median(day - DATE '1970-01-01')) AS INT)",
        "SELECT DATE '1970-01-01' + CAST(round(median(day - DATE '1970-01-01')) AS INT) FROM t",
    ],
    [
        "SELECT avg(ts) FROM t",
        "avg does not take ts",
        "write to_timestamp(avg(date_part('epoch', ts)))",
        "SELECT to_timestamp(avg(date_part('epoch', ts))) FROM t",
    ],
    [
        "SELECT median(ts) FROM t",
        "median does not take ts",
        "write to_timestamp(median(date_part('epoch', ts)))",
        "SELECT to_timestamp(median(date_part('epoch', ts))) FROM t",
    ],
    [
        "SELECT percentile_cont(ts, 0.5) FROM t",
        "percentile_cont",
        "percentile_cont(date_part('epoch', t), 0.5)",
        "SELECT to_timestamp(percentile_cont(date_part('epoch', ts), 0.5)) FROM t",
    ],
    [
        "SELECT avg(INTERVAL '1 day')",
        "avg takes numbers and durations, not intervals",
        "write avg(date_part('epoch', i)) * INTERVAL '1 second'",
        "SELECT avg(date_part('epoch', i)) * INTERVAL '1 second' FROM (SELECT INTERVAL '1 day' AS i) AS s",
    ],
    [
        "SELECT last_day(day) FROM t",
        "Invalid function 'last_day'",
        "write CAST(date_trunc('month', x) + INTERVAL '1 month' - INTERVAL '1 day' AS DATE)",
        "SELECT CAST(date_trunc('month', day) + INTERVAL '1 month' - INTERVAL '1 day' AS DATE) FROM t",
    ],
    [
        "SELECT tag FROM t AS a, unnest(a.tags) AS u(tag)",
        "unnest in FROM takes no columns of a table beside it",
        "SELECT item, count(*) FROM (SELECT unnest(tags) AS item FROM t) AS u GROUP BY item",
        "SELECT item, count(*) FROM (SELECT unnest(tags) AS item FROM t) AS u GROUP BY item",
    ],
    [
        "SELECT tag FROM t AS a CROSS JOIN LATERAL unnest(a.tags) AS u(tag)",
        "unnest in FROM takes no columns of a table beside it",
        "SELECT unnest(tags) AS item FROM t",
        "SELECT unnest(tags) AS item FROM t",
    ],
    [
        "SELECT extract(century FROM day) FROM t",
        "a date has no part \"century\" here",
        "write floor((date_part('year', x) + 99) / 100)",
        "SELECT floor((date_part('year', day) + 99) / 100) FROM t",
    ],
    [
        "SELECT 1 FROM t WHERE code LIKE ANY (ARRAY['a%'])",
        "LIKE ANY is not supported",
        "write x LIKE 'a%' OR x LIKE 'b%'",
        "SELECT 1 FROM t WHERE code LIKE 'a%' OR code LIKE 'b%'",
    ],
    ["SET x = 5", "SET is not allowed", "use flags", "SELECT 1"],
    ["DROP TABLE t", "DROP TABLE is not allowed", "only CREATE VIEW", "SELECT 1"],
];

#[test]
fn what_is_refused_says_a_way_that_works() {
    let place = Place::new();
    rows(&place);
    let sql = |query: &str| place.run(&["sql", "--table", "t=t.parquet", "-c", query]);
    for [query, error, hint, way] in WAYS {
        let ended = sql(query);
        assert!(ended.code != 0 && ended.stderr.contains(error), "{query}: {}", ended.stderr);
        assert!(ended.stderr.contains(hint), "{query}: {}", ended.stderr);
        let ended = sql(way);
        assert_eq!(ended.code, 0, "{way}: {}", ended.stderr);
    }
}

#[test]
fn files_are_not_changed_and_say_what_is() {
    let place = Place::new();
    rows(&place);
    let made = "CREATE EXTERNAL TABLE ins (n BIGINT) STORED AS CSV LOCATION 'ins/'";
    let write = |query: &str| place.run(&["sql", "--allow-write", "--table", "t=t.parquet", "-c", query]);
    for (query, error) in [
        ("DELETE FROM ins", "DELETE is not supported: rows of files are only added"),
        ("UPDATE ins SET n = 1", "UPDATE is not supported"),
        ("TRUNCATE TABLE ins", "TRUNCATE is not supported"),
    ] {
        let ended = write(&format!("{made}; {query}"));
        assert_eq!(ended.code, 2, "{query}: {}", ended.stderr);
        assert!(
            ended.stderr.contains(error) && ended.stderr.contains("TO 'kept.parquet'"),
            "{}",
            ended.stderr
        );
    }
    let ended = write("COPY (SELECT tags FROM t) TO 'rows.csv'");
    assert!(ended.stderr.contains("array_to_string(x, ', ')"), "{}", ended.stderr);
    for way in
        ["COPY (SELECT array_to_string(tags, ', ') AS tags FROM t) TO 'rows.csv'", "COPY t TO 'rows.parquet'"]
    {
        assert_eq!(write(way).code, 0, "{way}");
    }
}

/// Conditions are refused alike, with the whole condition where quotes are missing.
#[test]
fn conditions_compare_values_of_one_kind() {
    let place = Place::new();
    rows(&place);
    let compute = |condition: &str| {
        place.run(&[
            "compute",
            "t.parquet",
            "--labels",
            "n",
            "--layout",
            "class",
            "--out",
            "w",
            "--overwrite",
            "--where",
            condition,
        ])
    };
    for (condition, hint) in [
        ("n > 7 AND day >= 2024-5-5", "write the date in quotes: --where \"n > 7 AND day >= '2024-05-05'\""),
        ("day = n", "day - DATE '1970-01-01' the days since 1970"),
        ("code = 7", "write the number in quotes: '7'"),
        ("lower(code) = 7.5", "write the number in quotes: '7.5'"),
        ("code IN ('8', 7)", "CAST(code AS BIGINT)"),
    ] {
        let ended = compute(condition);
        assert!(ended.code == 2 && ended.stderr.contains(hint), "{condition}: {}", ended.stderr);
    }
}
