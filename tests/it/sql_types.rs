//! Values of several types in one comparison: in queries, conditions and groups.

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, Float64Array, ListArray, Time32MillisecondArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::Int32Type;

use crate::support::{Place, array, write};

/// 2026-03-01 00:00 UTC.
const MARCH: i64 = 1_772_323_200_000_000;
const HOUR: i64 = 3_600_000_000;

fn rows(zone: &str) -> Vec<(&'static str, ArrayRef)> {
    let zoned =
        TimestampMicrosecondArray::from(vec![MARCH, MARCH + HOUR, MARCH + 40 * HOUR]).with_timezone(zone);
    let decimals = Decimal128Array::from(vec![4_400, 100, -2_050]).with_precision_and_scale(12, 3).unwrap();
    let items = vec![Some(vec![Some(1), None]), Some(Vec::new()), None];
    vec![
        ("l", array(BooleanArray::from(vec![true; 3]))),
        ("z", array(zoned)),
        ("t", array(TimestampMicrosecondArray::from(vec![MARCH; 3]))),
        ("d", array(decimals)),
        ("f", array(Float64Array::from(vec![4.4, f64::MAX, f64::NAN]))),
        ("m", array(Time32MillisecondArray::from(vec![28_002_000, 28_002_001, 0]))),
        ("items", array(ListArray::from_iter_primitive::<Int32Type, _, _>(items))),
    ]
}

static CONDITIONS: [(&str, usize); 23] = [
    ("z < TIMESTAMPTZ '2026-03-01 01:00:00+00:00'", 1),
    ("z = CAST('2026-03-01 02:00:00+01:00' AS TIMESTAMPTZ)", 1),
    ("z IN (TIMESTAMPTZ '2026-03-01 00:00:00')", 1),
    ("z - TIMESTAMPTZ '2026-03-01 00:00:00' > interval '1 day'", 1),
    ("z - t > interval '1 day'", 1),
    ("z - TIMESTAMPTZ '2026-03-01 00:00:00' IN (interval '60 minutes')", 1),
    ("interval '36 hours' > interval '1 day'", 3),
    ("d = f", 1),
    ("d < f", 2),
    ("d BETWEEN f AND 4.4", 1),
    ("d IN (f, 0.1)", 2),
    ("CASE d WHEN 4.4 THEN true END", 1),
    ("d = CAST('0.1' AS DECIMAL(38, 37))", 1),
    ("d < 99999999999999999999999999.5", 3),
    ("m >= TIME '07:46:42'", 2),
    ("NOT m > TIME '07:46:42'", 2),
    ("length(items) = 2", 1),
    ("length(items) = 0", 1),
    ("sign(d) = -1 AND mod(4, 3) = 1", 1),
    ("CAST(d AS TEXT) LIKE '4!.%' ESCAPE '!'", 1),
    ("items < [1, 7]", 1),
    ("items NOT BETWEEN [1] AND [1, 7]", 2),
    ("d IS DISTINCT FROM 4.4 AND length(items) = 0", 1),
];

#[test]
fn what_is_compared_loses_nothing() {
    for zone in ["UTC", "America/New_York", "+05:30"] {
        let place = Place::new();
        write(&place.path("t.parquet"), rows(zone));
        let count = |condition: &str| {
            let query = format!(
                "SELECT count(*) AS n, count(*) FILTER (WHERE z) AS m FROM (SELECT ({condition}) AS z FROM 't.parquet') AS q WHERE z"
            );
            format!("{query};\n")
        };
        let script: String = CONDITIONS.iter().map(|(condition, _)| count(condition)).collect();
        let ended = place.run(&["sql", "-c", &script, "--format", "ndjson"]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(ended.stdout.lines().count(), CONDITIONS.len());
        for ((condition, expected), line) in CONDITIONS.iter().zip(ended.stdout.lines()) {
            assert_eq!(line, format!("{{\"n\":{expected},\"m\":{expected}}}"), "{zone}: {condition}");
        }
        for (condition, expected) in CONDITIONS {
            let arguments =
                ["compute", "t.parquet", "--layout", "wide", "--labels", "l", "--where", condition];
            let ended = place.run(&[&arguments[..], &["--out", "out", "--overwrite"]].concat());
            assert_eq!(ended.code, 0, "{zone}: {condition}: {}", ended.stderr);
            assert_eq!(place.json("out/weights.json")["rows"], expected, "{zone}: {condition}");
        }
    }
}

#[test]
fn shards_of_several_zones_are_read_in_utc() {
    let place = Place::new();
    write(&place.path("data/a.parquet"), rows("America/New_York"));
    write(&place.path("data/b.parquet"), rows("Asia/Tokyo"));
    let query = "SELECT z, count(*) AS n FROM 'data/' WHERE z < TIMESTAMPTZ '2026-03-01 12:00:00Z' GROUP BY z ORDER BY z";
    let ended = place.run(&["sql", "-c", query, "--format", "csv"]);
    assert_eq!(ended.stdout, "z,n\n2026-03-01T00:00:00Z,2\n2026-03-01T01:00:00Z,2\n", "{}", ended.stderr);
    let arguments = ["compute", "data", "--layout", "wide", "--labels", "l", "--out", "out", "--by", "z"];
    let ended = place.run(&[&arguments[..], &["--where", "z > '2026-03-01 00:30:00'"]].concat());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(place.json("out/weights.json")["rows"], 4);
    let groups = std::fs::read_dir(place.path("out/by")).unwrap().count();
    assert_eq!(groups, 2);
}

#[test]
fn json_tells_numbers_that_it_does_not_have_from_null() {
    let place = Place::new();
    let query = "SELECT CAST('inf' AS DOUBLE) AS a, [CAST('-inf' AS FLOAT), NULL] AS b, CAST('nan' AS DOUBLE) AS c, NULL AS d, 1.5 AS e";
    let ended = place.run(&["sql", "-c", query, "--format", "ndjson"]);
    let expected = r#"{"a":"Infinity","b":["-Infinity",null],"c":"NaN","d":null,"e":1.5}"#;
    assert_eq!(ended.stdout.trim_end(), expected, "{}", ended.stderr);
}

#[test]
fn what_another_engine_would_take_has_a_hint_that_works() {
    let place = Place::new();
    write(&place.path("t.parquet"), rows("UTC"));
    for (query, hint) in [
        ("SELECT upper(d) FROM 't.parquet'", "CAST(x AS TEXT)"),
        ("SELECT reverse(d) FROM 't.parquet'", "reverse(CAST(d AS TEXT))"),
        ("SELECT concat('a', items) FROM 't.parquet'", "array_to_string(items, ', ')"),
        ("SELECT length(struct(1))", "s['field']"),
        ("SELECT ~5", "-1 - x"),
        ("SELECT 2 ^ 3", "power(a, b)"),
        ("SELECT -arrow_cast(d, 'UInt8') FROM 't.parquet'", "write 0 - x"),
        ("SELECT 'abc' SIMILAR TO 'b'", "x ~ '^(a|b).*$'"),
        (
            "SELECT max(struct(d)) FROM 't.parquet'",
            "first_value(x ORDER BY x DESC) FILTER (WHERE x IS NOT NULL)",
        ),
        ("SELECT d IS DISTINCT FROM 1 IS TRUE FROM 't.parquet'", "(a IS DISTINCT FROM b) IS TRUE"),
        ("SELECT arg_max(d, f) FROM 't.parquet'", "first_value(x ORDER BY y DESC NULLS LAST)"),
        ("SELECT date_diff('day', z, t) FROM 't.parquet'", "CAST(b AS DATE) - CAST(a AS DATE)"),
        ("SELECT age(z, t) FROM 't.parquet'", "a - b"),
        ("SELECT m IS DISTINCT FROM TIME '07:46:42' FROM 't.parquet'", "CAST(x AS TIME)"),
        ("SELECT interval '1 day' = '24 hours'", "INTERVAL '36 hours'"),
        ("SELECT last_day(d) FROM 't.parquet'", "CAST(date_trunc('month', x) + INTERVAL '1 month'"),
        ("SELECT percentile_disc(d) FROM 't.parquet'", "WHERE c >= 0.5"),
        ("SELECT to_timestamp('9999-12-31')", "CAST(x AS TIMESTAMP)"),
        ("SELECT 1.6::decimal(3, 1)::boolean", "DESCRIBE NAME"),
        (
            "SELECT sum(f) OVER (ORDER BY f ROWS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW) FROM 't.parquet'",
            "sum(x) OVER (…) - x",
        ),
        ("SELECT 1 FROM 't.parquet' WHERE CAST(z AS DATE) >= 2024-05-05", "write the date in quotes: "),
        ("SELECT floor(CAST('-999.9' AS DECIMAL(38, 35)))", "DECIMAL(50, 10)"),
        ("SELECT rank() OVER (ORDER BY i) FROM (SELECT interval '1 day' AS i)", "date_part('epoch', i)"),
        ("SELECT length(arrow_cast([1, 2], 'FixedSizeList(2, Int64)'))", "array_length(x)"),
    ] {
        let ended = place.run(&["sql", "-c", query]);
        assert_ne!(ended.code, 0, "{query}: {}", ended.stdout);
        let last = ended.stderr.lines().last().unwrap_or_default();
        assert!(last.contains("hint:") && last.contains(hint), "{query}: {}", ended.stderr);
    }
}

#[test]
fn fields_of_the_query_around_a_subquery_are_read_as_they_are_written() {
    let place = Place::new();
    let with = "WITH o(id, ship) AS (VALUES (1, named_struct('by', 'dhl', 'w', named_struct('kg', 5))), \
                (2, named_struct('by', 'ups', 'w', named_struct('kg', 1)))), \
                s(\"By\", kg) AS (VALUES ('dhl', 3), ('DHL', 7), ('gls', 1))";
    for (query, answer) in [
        (
            "SELECT id, (SELECT count(*) FROM s WHERE s.\"By\" = o.ship.by) AS n FROM o ORDER BY id",
            "id,n\n1,1\n2,0\n",
        ),
        (
            "SELECT id FROM o WHERE EXISTS (SELECT 1 FROM s WHERE lower(s.\"By\") = lower(O.ship.by))",
            "id\n1\n",
        ),
        (
            "SELECT id FROM o AS x WHERE NOT EXISTS (SELECT 1 FROM s WHERE s.kg < x.ship.w.kg) ORDER BY id",
            "id\n2\n",
        ),
        // A table of the subquery itself wins.
        ("SELECT count(*) AS n FROM o WHERE EXISTS (SELECT 1 FROM o AS o WHERE o.ship.w.kg > 4)", "n\n2\n"),
    ] {
        let ended = place.run(&["sql", "-c", &format!("{with} {query}")]);
        assert_eq!((ended.code, ended.stdout.as_str()), (0, answer), "{query}: {}", ended.stderr);
    }
}
