//! `posweight sql`: the same answers as the job, every function on every label type, and what is refused.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, DictionaryArray, Float32Array, Int64Array, StringArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader, ParquetMetaDataWriter};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::statistics::{Statistics, ValueStatistics};

use crate::support::{Ended, Place, array, root, write, write_with};

fn sql(place: &Place, query: &str) -> Ended {
    place.run(&["sql", "-c", query])
}

/// Rows as CSV, of a query that works.
fn csv(place: &Place, query: &str) -> String {
    let ended = sql(place, query);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{query}");
    ended.stdout
}

/// The one line under the header.
fn line(place: &Place, query: &str) -> String {
    csv(place, query).lines().nth(1).unwrap_or_default().to_owned()
}

fn refused(place: &Place, arguments: &[&str], code: i32, says: &str) {
    let ended = place.run(&[&["sql"], arguments].concat());
    assert_eq!(ended.code, code, "{arguments:?}: {}", ended.stderr);
    assert!(ended.stderr.contains(says) && ended.stderr.contains("hint:"), "{arguments:?}: {}", ended.stderr);
    assert_eq!(ended.stdout, "", "{arguments:?}");
}

fn sample(name: &str) -> String {
    root().join("sample_data").join(name).display().to_string()
}

/// One column of every label type: yes, no, no, unknown, in two groups.
fn every_type(place: &Place) -> Vec<String> {
    let bits = || BooleanArray::from(vec![Some(true), Some(false), Some(false), None]);
    let as_type = |to: &DataType| cast(&bits(), to).unwrap();
    let numbers = [
        DataType::Int8,
        DataType::Int16,
        DataType::Int32,
        DataType::Int64,
        DataType::UInt8,
        DataType::UInt16,
        DataType::UInt32,
        DataType::UInt64,
        DataType::Float32,
        DataType::Float64,
    ];
    let mut columns: Vec<(String, ArrayRef)> =
        numbers.iter().map(|to| (to.to_string().to_lowercase(), as_type(to))).collect();
    columns.push(("bool".to_owned(), array(bits())));
    columns.push(("nan".to_owned(), array(Float32Array::from(vec![1.0, -0.0, 0.0, f32::NAN]))));
    let decimal = Decimal128Array::from(vec![Some(100), Some(0), Some(0), None]);
    columns.push(("dec".to_owned(), array(decimal.with_precision_and_scale(9, 2).unwrap())));
    let texts = || StringArray::from(vec![Some("1"), Some("0"), Some("false"), None]);
    columns.push(("text".to_owned(), array(texts())));
    let dictionary: DictionaryArray<Int32Type> = texts().iter().collect();
    columns.push(("dict".to_owned(), array(dictionary)));
    let names: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
    columns.push(("side".to_owned(), array(StringArray::from(vec!["a", "a", "b", "b"]))));
    write(&place.path("t.parquet"), columns.iter().map(|(n, c)| (n.as_str(), c.clone())).collect());
    names
}

#[test]
fn aggregates_count_every_label_type() {
    let place = Place::new();
    for column in every_type(&place) {
        let all = |x: &str| {
            format!("positives({x}), negatives({x}), missing({x}), prevalence({x}), pos_weight({x})")
        };
        let query = |rest: &str| format!("SELECT {} FROM 't.parquet' {rest}", all(&column));
        assert_eq!(line(&place, &query("")), "1,2,1,0.3333333333333333,2.0", "{column}");
        let grouped = csv(&place, &format!("{} GROUP BY side ORDER BY side", query("")));
        assert_eq!(
            grouped.lines().skip(1).collect::<Vec<_>>(),
            ["1,1,0,0.5,1.0", "0,1,1,0.0,1.0"],
            "{column}"
        );
        // Nothing at all: no count, no prevalence, the neutral weight.
        assert_eq!(line(&place, &query("WHERE side = 'z'")), "0,0,0,,1.0", "{column}");
        let filtered = format!(
            "SELECT side, positives({column}) FILTER (WHERE side = 'a') FROM 't.parquet' GROUP BY side ORDER BY side"
        );
        assert_eq!(csv(&place, &filtered).lines().skip(1).collect::<Vec<_>>(), ["a,1", "b,0"], "{column}");
    }
    let windows = "SELECT positives(int8) OVER (ORDER BY side ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS n FROM 't.parquet' ORDER BY n";
    assert_eq!(csv(&place, windows), "n\n0\n0\n1\n1\n");
}

#[test]
fn a_value_without_a_meaning_is_named() {
    let place = Place::new();
    write(&place.path("t.parquet"), vec![("x", array(Int64Array::from(vec![0, 1, -1])))]);
    let group = "SELECT x > 5, missing(x) FROM 't.parquet' GROUP BY 1";
    for query in ["SELECT positives(x) FROM 't.parquet'", group] {
        refused(
            &place,
            &["-c", query],
            4,
            "value -1 of type 64-bit integer is neither positive nor negative",
        );
    }
    // What a filter leaves out need not have a meaning.
    let filtered = "SELECT positives(x) FILTER (WHERE x >= 0) AS n FROM 't.parquet' GROUP BY x IS NULL";
    assert_eq!(csv(&place, filtered), "n\n1\n");
    refused(&place, &["-c", "SELECT positives([1])"], 2, "is not a label column");
    refused(&place, &["-c", "SELECT positives(DISTINCT x) FROM 't.parquet'"], 2, "DISTINCT");
}

#[test]
fn scalars_are_the_schemes_of_the_job() {
    let place = Place::new();
    let schemes = [
        ("ratio", "ratio_weight(positives, negatives)"),
        ("ratio:epsilon=0.5", "ratio_weight(positives, negatives, 0.5)"),
        ("laplace", "laplace_weight(positives, negatives)"),
        ("power:gamma=0.25", "power_weight(positives, negatives, 0.25)"),
        ("sqrt", "sqrt_weight(positives, negatives)"),
        ("log", "log_weight(positives, negatives)"),
        ("log1p", "log1p_weight(positives, negatives)"),
        ("inverse-frequency:reference=rows", "inverse_frequency_weight(positives, 2000)"),
        ("balanced", "balanced_weight(positives, negatives)"),
        ("inverse-propensity", "inverse_propensity_weight(positives, 2000)"),
        ("enet:c=1.5", "enet_weight(positives, negatives, 1.5)"),
        ("focal-alpha", "focal_alpha(positives, negatives)"),
        ("ldam-margin", "ldam_margin(positives, (SELECT min(positives) FROM weights WHERE positives > 0))"),
        ("prior-bias", "prior_bias(positives, negatives)"),
        ("logit-adjustment:tau=2", "logit_adjustment(positives, negatives, 2)"),
        ("repeat-factor:threshold=0.01", "repeat_factor(positives, 2000, 0.01)"),
    ];
    let mut arguments =
        vec!["compute".to_owned(), sample("labels270"), "--labels".to_owned(), "l*".to_owned()];
    arguments.extend(schemes.iter().flat_map(|(scheme, _)| ["--scheme".to_owned(), (*scheme).to_owned()]));
    arguments.extend(["--out".to_owned(), "out".to_owned()]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ended = place.run(&arguments);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let columns = csv(
        &place,
        "SELECT column_name FROM information_schema.columns LIMIT 0; SELECT * FROM 'out'.weights LIMIT 0",
    );
    let header = columns.lines().last().unwrap().to_owned();
    let names: Vec<&str> = header.split(',').collect();
    for (scheme, call) in schemes {
        let key: String = scheme
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '.' || c == '-' { c } else { '_' })
            .collect();
        assert!(names.contains(&key.as_str()), "{key}: {header}");
        let query = format!("SELECT count(*) AS n FROM weights WHERE \"{key}\" IS DISTINCT FROM {call}");
        let ended = place.run(&["sql", "--run", "out", "-c", &query]);
        assert_eq!((ended.stdout.as_str(), ended.code), ("n\n0\n", 0), "{scheme}: {}", ended.stderr);
    }
    let others = "SELECT balanced_negative_weight(1, 3), effective_number_weight(2, 0.5), irlbl(2, 6), irlbl(0, 6), im_r(1, 3), label_entropy(1, 1), ratio_weight(NULL, 1)";
    assert_eq!(line(&place, others), "0.6666666666666666,0.6666666666666666,3.0,,3.0,1.0,");
    refused(&place, &["-c", "SELECT ratio_weight(-1, 2)"], 4, "ratio_weight: -1 is not a count");
    refused(&place, &["-c", "SELECT enet_weight(1, 2, 0.5)"], 2, "c=0.5 is outside");
}

#[test]
fn table_functions_count_as_the_job_does() {
    let place = Place::new();
    for layout in ["wide", "vector", "list", "delimited", "class", "long"] {
        let shards = sample(layout);
        let pipeline = root().join("pipelines").join(format!("{layout}.toml")).display().to_string();
        let run = place.run(&["run", &pipeline, "--out", layout, "--overwrite"]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        let spec: toml::Table = std::fs::read_to_string(&pipeline).unwrap().parse().unwrap();
        let mut options = vec![format!("layout={layout}")];
        for key in
            ["labels", "id", "value", "delimiter", "num_labels", "num_rows", "label_kind", "missing_values"]
        {
            match spec.get(key) {
                Some(toml::Value::Array(many)) => {
                    let many: Vec<String> = many.iter().map(|v| v.to_string().replace('"', "")).collect();
                    options.push(format!("{key}={}", many.join(",")));
                }
                Some(value) => options.push(format!("{key}={}", value.to_string().replace('"', ""))),
                None => {}
            }
        }
        if let Some(name) = spec.get("vocabulary").and_then(toml::Value::as_str) {
            let path = root().join("pipelines").join(name).display().to_string();
            options.push(format!("vocabulary={path}"));
        }
        let options = options.join(", ");
        let query = |call: &str| csv(&place, &format!("SELECT * FROM {call}"));
        assert_eq!(
            query(&format!("label_counts('{shards}', '{options}')")),
            query(&format!("'{layout}/counts.parquet'")),
            "{layout}: {options}"
        );
    }
    let wide = sample("wide");
    assert_eq!(
        csv(
            &place,
            &format!("SELECT label, sqrt, status FROM label_weights('{wide}', 'sqrt', 'labels=cat')")
        ),
        "label,sqrt,status\ncat,1.0,ok\n"
    );
    let imbalance = csv(&place, &format!("SELECT * FROM imbalance('{wide}')"));
    place.weights(&[&wide]);
    assert_eq!(imbalance, csv(&place, "SELECT * FROM 'out'.imbalance"));
    // Every number of imbalance.json is a row.
    let written = place.json("out/imbalance.json");
    for (name, value) in written.as_object().unwrap().iter().filter(|(_, value)| value.is_number()) {
        assert!(
            imbalance.contains(&format!("{name},{:?},", value.as_f64().unwrap())),
            "{name} {value}: {imbalance}"
        );
    }
    let without = csv(&place, &format!("SELECT * FROM imbalance('{wide}', 'row_measures=off')"));
    assert!(without.contains("scumble,,row_measures=off\n"), "{without}");
    place.weights(&[&wide, "--row-measures", "off"]);
    let without = csv(&place, "SELECT * FROM 'out'.imbalance");
    assert!(without.contains("scumble,,\"the run did not measure rows"), "{without}");
    refused(
        &place,
        &["-c", "SELECT * FROM label_counts('t', 'layot=list')"],
        2,
        "there is no option \"layot\"",
    );
    refused(
        &place,
        &["-c", "SELECT * FROM label_counts('t', 'layout=lits')"],
        2,
        "there is no layout \"lits\"",
    );
    refused(&place, &["-c", "SELECT * FROM label_counts()"], 2, "does not take 0 arguments");
    refused(&place, &["-c", "SELECT * FROM label_weights('t', 'sqrrt')"], 2, "unknown scheme \"sqrrt\"");
    refused(&place, &["-c", "SELECT * FROM label_counts('nosuch/')"], 4, "nosuch/: no such file");
}

fn hive(place: &Place) {
    for (split, shift) in [("train", 0), ("test", 1), ("none", 2)] {
        let bits = (0..200).map(|row| (row % 7 != shift).then_some((row + shift) % 5 == 0));
        write(
            &place.path(&format!("in/split={split}/a.parquet")),
            vec![("l", array(bits.collect::<BooleanArray>()))],
        );
    }
}

#[test]
fn groups_equal_those_of_the_job() {
    let place = Place::new();
    hive(&place);
    let run = place.run(&["compute", "in", "--labels", "l", "--by", "split", "--out", "out"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let query = "SELECT split, positives(l) AS p, pos_weight(l) AS w FROM 'in' GROUP BY split ORDER BY split";
    let rows = csv(&place, query);
    let by = "SELECT split, positives AS p, ratio AS w FROM label_weights('in', 'ratio', 'labels=l, by=split') ORDER BY split";
    assert_eq!(rows, csv(&place, by));
    for row in rows.lines().skip(1) {
        let cells: Vec<&str> = row.split(',').collect();
        let weights = place.json(&format!("out/by/split={}/weights.json", cells[0]));
        assert_eq!(weights["positives"][0].to_string(), cells[1]);
        assert_eq!(weights["pos_weight"][0].as_f64().unwrap(), cells[2].parse::<f64>().unwrap());
    }
    let filtered =
        "SELECT positives FROM label_counts('in', 'labels=l, where=split IN (''train'', ''test'')')";
    let plain = "SELECT positives(l) AS positives FROM 'in/**/*.parquet' WHERE split <> 'none'";
    assert_eq!(csv(&place, filtered), csv(&place, plain));
    // Conditions on folders leave shards unread.
    let explained = csv(&place, "EXPLAIN SELECT count(l) FROM 'in' WHERE split = 'test'");
    assert!(explained.contains("split=test") && !explained.contains("split=train"), "{explained}");
    let call = "EXPLAIN SELECT * FROM label_counts('in', 'labels=l, where=split = ''test''')";
    assert!(csv(&place, call).contains("engine=encoded, shards=1 of 3"));
    let none = csv(&place, "SELECT count(*) AS n FROM 'in' WHERE split = 'nosuch'");
    assert_eq!(none, "n\n0\n");
    assert_eq!(csv(&place, "SELECT * FROM 'in' LIMIT 0"), "l,split\n");
}

/// The same file, whose statistics do not say how many values are NULL.
fn without_null_counts(path: &Path) {
    let bytes = std::fs::read(path).unwrap();
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&bytes::Bytes::from(bytes.clone())).unwrap();
    let footer = u32::from_le_bytes(bytes[bytes.len() - 8..bytes.len() - 4].try_into().unwrap()) as usize;
    let groups = metadata.row_groups().iter().map(|group| {
        let columns = group.columns().iter().map(|column| {
            let Some(Statistics::Boolean(known)) = column.statistics() else { panic!("no statistics") };
            let silent =
                ValueStatistics::new(known.min_opt().copied(), known.max_opt().copied(), None, None, false);
            column.clone().into_builder().set_statistics(Statistics::Boolean(silent)).build().unwrap()
        });
        group.clone().into_builder().set_column_metadata(columns.collect()).build().unwrap()
    });
    let metadata = ParquetMetaData::new(metadata.file_metadata().clone(), groups.collect());
    let mut out = bytes[..bytes.len() - 8 - footer].to_vec();
    ParquetMetaDataWriter::new(&mut out, &metadata).finish().unwrap();
    std::fs::write(path, out).unwrap();
}

#[test]
fn absent_null_counts_are_not_zero() {
    let place = Place::new();
    let bits = (0..100).map(|row| (row % 2 == 0).then_some(row % 4 == 0)).collect::<BooleanArray>();
    let properties = WriterProperties::builder()
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .build();
    write_with(&place.path("t.parquet"), vec![("x", array(bits))], properties);
    without_null_counts(&place.path("t.parquet"));
    let external = "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 't.parquet'; SELECT";
    for (from, select) in [("'t.parquet'", "SELECT"), ("t", external)] {
        let ask = |what: &str| csv(&place, &format!("{select} {what} AS n FROM {from}"));
        assert_eq!(ask("count(x)"), "n\n50\n");
        assert_eq!(ask("missing(x)"), "n\n50\n");
        assert_eq!(csv(&place, &format!("{select} count(*) AS n FROM {from} WHERE x IS NULL")), "n\n50\n");
        assert_eq!(
            csv(&place, &format!("{select} count(*) AS n FROM {from} WHERE x IS NOT NULL")),
            "n\n50\n"
        );
    }
    // The job's own conditions as well.
    let weights = place.weights(&["t.parquet", "--labels", "x", "--where", "x IS NULL"]);
    assert_eq!((weights["rows"].as_u64(), weights["missing"][0].as_u64()), (Some(50), Some(50)));
}

#[test]
fn sums_of_integers_do_not_wrap() {
    let place = Place::new();
    let most = i64::MAX;
    let values = format!("(VALUES ({most}, 1), ({most}, 2), (NULL, 3)) AS t(x, k)");
    let beyond = "18446744073709551614 is beyond what a sum of type 64-bit integer holds";
    refused(&place, &["-c", &format!("SELECT sum(x) FROM {values}")], 4, beyond);
    refused(&place, &["-c", &format!("SELECT k > 2, sum(x) FROM {values} GROUP BY 1")], 4, beyond);
    let sums = csv(&place, &format!("SELECT k, sum(x) AS s FROM {values} GROUP BY k ORDER BY k"));
    assert_eq!(sums, format!("k,s\n1,{most}\n2,{most}\n3,\n"));
    // Back in range at the end is in range.
    assert_eq!(
        line(&place, &format!("SELECT sum(x) FROM (VALUES ({most}), (1), (-2)) AS t(x)")),
        (most - 1).to_string()
    );
    assert_eq!(line(&place, "SELECT sum(x), sum(y) FROM (VALUES (1.5, 1), (2.5, 2)) AS t(x, y)"), "4.0,3");
}

#[test]
fn statements_only_read() {
    let place = Place::new();
    write(&place.path("t.parquet"), vec![("x", array(Int64Array::from(vec![0, 1])))]);
    for (statement, says) in [
        ("COPY (SELECT 1) TO 'x.csv'", "COPY writes"),
        ("EXPLAIN ANALYZE COPY (SELECT 1) TO 'x.csv'", "COPY writes"),
        ("CREATE TABLE a AS SELECT 1", "CREATE TABLE is not allowed"),
        ("CREATE SCHEMA a", "is not allowed"),
        ("SET datafusion.runtime.memory_limit = '1g'", "is not allowed"),
        ("PREPARE a AS SELECT 1", "is not allowed"),
        (
            "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 't.parquet'; INSERT INTO t VALUES (1)",
            "writes",
        ),
    ] {
        refused(&place, &["-c", statement], 2, says);
        assert!(!place.path("x.csv").exists());
    }
    let view = "CREATE VIEW v AS SELECT x FROM 't.parquet'; SELECT sum(x) AS s FROM v";
    assert_eq!(csv(&place, view), "s\n1\n");
    let copied = place.run(&["sql", "--allow-write", "-c", "COPY (SELECT 1 AS one) TO 'x.csv'"]);
    assert_eq!((copied.code, place.path("x.csv").exists()), (0, true), "{}", copied.stderr);
}

#[test]
fn safe_sessions_know_their_tables_only() {
    let place = Place::new();
    write(&place.path("t.parquet"), vec![("x", array(Int64Array::from(vec![0, 1])))]);
    place.weights(&["t.parquet", "--labels", "x"]);
    let safe = |query: &'static str| ["--safe", "--table", "t=t.parquet", "--run", "out", "-c", query];
    let ended = place.run(&[&["sql"], &safe("SELECT positives(x) AS p FROM t")[..]].concat());
    assert_eq!((ended.stdout.as_str(), ended.code), ("p\n1\n", 0), "{}", ended.stderr);
    let ended = place.run(&[&["sql"], &safe("SELECT positives AS p FROM counts")[..]].concat());
    assert_eq!((ended.stdout.as_str(), ended.code), ("p\n1\n", 0), "{}", ended.stderr);
    for (query, says) in [
        ("SELECT * FROM 't.parquet'", "--safe allows registered tables only"),
        ("SELECT * FROM '/etc/passwd'", "--safe allows registered tables only"),
        ("SELECT * FROM 'out'.counts", "not found"),
        ("SELECT * FROM label_counts('t.parquet')", "label_counts"),
        (
            "CREATE EXTERNAL TABLE e STORED AS CSV LOCATION '/etc/passwd'",
            "--safe allows registered tables only",
        ),
        ("COPY t TO 'x.csv'", "COPY writes"),
    ] {
        refused(&place, &safe(query), 2, says);
    }
    refused_by_clap(&place);
}

fn refused_by_clap(place: &Place) {
    assert_eq!(place.run(&["sql", "--safe", "--allow-write", "-c", "SELECT 1"]).code, 2);
}

#[test]
fn names_and_errors() {
    let place = Place::new();
    write(&place.path("a.parquet"), vec![("x", array(Int64Array::from(vec![0, 1])))]);
    write(&place.path("b.parquet"), vec![("y", array(Int64Array::from(vec![0])))]);
    refused(&place, &["-c", "SELEC 1"], 2, "Expected: an SQL statement");
    refused(&place, &["-c", "SELECT * FROM nosuch"], 2, "table 'nosuch' not found");
    refused(&place, &["-c", "SELECT y FROM 'a.parquet'"], 2, "y");
    refused(&place, &["-c", "SELECT * FROM 'nosuch/*.parquet'"], 4, "matches nothing");
    refused(&place, &["-c", "SELECT x FROM '*.parquet'"], 4, "b.parquet: there is no column \"x\"");
    refused(&place, &["--table", "t", "-c", "SELECT 1"], 2, "not NAME=SHARDS");
    refused(&place, &["--run", "nosuch", "-c", "SELECT 1"], 4, "--run");
    refused(&place, &["-f", "nosuch.sql"], 4, "nosuch.sql");
    refused(&place, &["--memory-limit", "1m", "-c", "SELECT 1"], 6, "--memory-limit");
    // The first error ends it.
    let ended = place.run(&["sql", "-c", "SELECT 1 AS one", "-c", "SELECT nosuch", "-c", "SELECT 2"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (2, "one\n1\n"));
    let two = place.run(&[
        "sql",
        "--table",
        "t=a.parquet",
        "--table",
        "t=a.parquet",
        "--table",
        "u=b.parquet",
        "-c",
        "SELECT count(*) AS n FROM t, u",
    ]);
    assert_eq!((two.code, two.stdout.as_str()), (0, "n\n2\n"), "{}", two.stderr);
}

#[test]
fn rows_are_written_in_every_format() {
    let place = Place::new();
    let query = "SELECT [1, 2] AS l, 'a|b' AS t, NULL AS n, 1.5 AS f UNION ALL SELECT NULL, '', 1, 'NaN'::DOUBLE ORDER BY f";
    let written = |format: &str, query: &str| {
        let ended = place.run(&["sql", "--format", format, "-c", query]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        ended.stdout
    };
    assert_eq!(written("csv", query), "l,t,n,f\n\"[1, 2]\",a|b,,1.5\n,,1,NaN\n");
    assert_eq!(written("automatic", query), written("csv", query));
    assert_eq!(written("tsv", query), "l\tt\tn\tf\n[1, 2]\ta|b\t\t1.5\n\t\t1\tNaN\n");
    let lines =
        ["{\"l\":[1,2],\"t\":\"a|b\",\"n\":null,\"f\":1.5}", "{\"l\":null,\"t\":\"\",\"n\":1,\"f\":\"NaN\"}"];
    assert_eq!(written("ndjson", query), format!("{}\n{}\n", lines[0], lines[1]));
    assert_eq!(written("json", query), format!("[\n{},\n{}\n]\n", lines[0], lines[1]));
    assert_eq!(
        written("markdown", query),
        "| l | t | n | f |\n| --- | --- | --: | --: |\n| [1, 2] | a\\|b | NULL | 1.5 |\n| NULL |  | 1 | NaN |\n"
    );
    let two = place.run(&["sql", "--format", "markdown", "-c", "SELECT 1 AS a", "-c", "SELECT 2 AS b"]);
    assert_eq!(two.stdout, "| a |\n| --: |\n| 1 |\n\n| b |\n| --: |\n| 2 |\n");
    assert!(written("table", query).contains("| [1, 2] | a|b | NULL | 1.5 |"));
    let none = "SELECT 1 AS a WHERE false";
    assert_eq!(written("csv", none), "a\n");
    assert_eq!((written("json", none), written("ndjson", none)), ("[]\n".to_owned(), String::new()));
    assert!(written("table", none).contains("| a |"));
    refused(&place, &["--format", "parquet", "-c", query], 2, "--out FILE");
    let to =
        |more: &[&str]| place.run(&[&["sql", "-c", "SELECT 7 AS a", "--out", "o.parquet"], more].concat());
    assert_eq!((to(&[]).code, to(&[]).code, to(&["--overwrite"]).code), (0, 7, 0));
    assert_eq!(csv(&place, "SELECT * FROM 'o.parquet'"), "a\n7\n");
    assert_eq!(place.run(&["sql", "-c", "SELECT 1/0", "--out", "p.csv"]).code, 4);
    assert!(!place.path("p.csv").exists());
    assert_eq!(std::fs::read_dir(place.dir.path()).unwrap().count(), 1, "nothing is left over");
}

#[test]
fn a_reader_may_go_away_and_statements_may_come_on_stdin() {
    let place = Place::new();
    let mut child = Command::new(env!("CARGO_BIN_EXE_posweight"))
        .args(["sql", "-c", "SELECT * FROM generate_series(1, 10000000)"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let status = child.wait().unwrap();
    let mut complaint = String::new();
    child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
    assert_eq!((first.as_str(), status.code(), complaint.as_str()), ("value\n", Some(0), ""));
    std::fs::write(place.path("q.sql"), "SELECT 1 AS one;\n-- two\nSELECT 2 AS two").unwrap();
    let file = std::fs::File::open(place.path("q.sql")).unwrap();
    let output =
        Command::new(env!("CARGO_BIN_EXE_posweight")).arg("sql").stdin(Stdio::from(file)).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "one\n1\ntwo\n2\n");
    assert_eq!(place.run(&["sql", "-f", "q.sql"]).stdout, "one\n1\ntwo\n2\n");
}
