//! What COPY and INSERT write: every row where its key says, and nothing in place of what was there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support::{Ended, Place, array, write};
use arrow::array::{Date32Array, Int64Array, StringArray};
use arrow::datatypes::{DataType, TimeUnit};

fn sql(place: &Place, arguments: &[&str]) -> Ended {
    place.run(&[&["sql", "--allow-write"], arguments].concat())
}

fn done(place: &Place, query: &str) -> String {
    let ended = sql(place, &["-c", query]);
    assert_eq!(ended.code, 0, "{query}: {}", ended.stderr);
    ended.stdout
}

fn refused(place: &Place, arguments: &[&str], code: i32, says: &[&str]) {
    let ended = sql(place, arguments);
    assert_eq!(ended.code, code, "{arguments:?}: {}{}", ended.stdout, ended.stderr);
    for word in says {
        assert!(ended.stderr.contains(word), "{arguments:?}: {word}: {}", ended.stderr);
    }
}

fn pets(place: &Place) {
    let texts = vec![Some("en"), None, Some("a/b %c=d"), Some("en"), None, Some("")];
    let tags = vec![None, Some("X"), Some("y"), Some("X"), Some("X"), None];
    write(
        &place.path("pets/a.parquet"),
        vec![
            ("id", array(Int64Array::from(vec![1, 2, 3, 4, 5, 6]))),
            ("lang", array(StringArray::from(texts))),
            ("Tag", array(StringArray::from(tags))),
            ("day", array(Date32Array::from(vec![Some(20_000), None, Some(-1), None, Some(0), Some(0)]))),
        ],
    );
}

#[test]
fn rows_without_a_key_are_in_a_folder_of_their_own() {
    let place = Place::new();
    pets(&place);
    for (at, keys) in ["lang", "\"Tag\"", "day", "flag", "day, lang"].into_iter().enumerate() {
        let rows = "SELECT id, lang, \"Tag\", day, CASE WHEN id > 2 THEN id > 4 END AS flag FROM 'pets'";
        done(&place, &format!("COPY ({rows}) TO 'out{at}' STORED AS PARQUET PARTITIONED BY ({keys})"));
        let columns = format!("id, {keys}");
        let as_text = |source: &str| {
            let keys: Vec<String> =
                keys.split(", ").enumerate().map(|(n, key)| format!("CAST({key} AS TEXT) AS k{n}")).collect();
            format!("SELECT id, {} FROM {source} ORDER BY id", keys.join(", "))
        };
        let written = done(&place, &as_text(&format!("'out{at}'")));
        assert_eq!(written, done(&place, &as_text(&format!("({rows})"))), "{columns}");
    }
    assert!(place.path("out0/lang=__HIVE_DEFAULT_PARTITION__").is_dir());
    let keeps = "COPY (SELECT id, lang FROM 'pets') TO 'kept' STORED AS PARQUET PARTITIONED BY (lang) OPTIONS ('execution.keep_partition_by_columns' 'true')";
    refused(&place, &["-c", keeps], 2, &["keys twice"]);
}

#[test]
fn a_row_without_a_key_is_not_inserted() {
    let place = Place::new();
    pets(&place);
    fs::create_dir(place.path("more")).unwrap();
    let table = "CREATE EXTERNAL TABLE more (id BIGINT, lang TEXT) STORED AS PARQUET PARTITIONED BY (lang) LOCATION 'more/'";
    let insert =
        |which: &str| format!("{table}; INSERT INTO more SELECT id, lang FROM 'pets' WHERE lang {which}");
    refused(&place, &["-c", &insert("IS NULL")], 4, &["has no lang", "coalesce(lang, 'none')"]);
    done(&place, &insert("= 'en'"));
    assert_eq!(done(&place, "SELECT id, lang FROM 'more' ORDER BY id"), "id,lang\n1,en\n4,en\n");
}

#[test]
fn copy_keeps_what_is_there() {
    let place = Place::new();
    pets(&place);
    let before = fs::read(place.path("pets/a.parquet")).unwrap();
    let copy = "COPY (SELECT 1 AS id) TO 'pets/a.parquet'";
    refused(&place, &["-c", copy], 7, &["pets/a.parquet: the file already exists", "--overwrite"]);
    refused(
        &place,
        &["-c", "COPY (SELECT 1 AS id) TO 'pets/' STORED AS PARQUET"],
        7,
        &["not empty", "new folder"],
    );
    let into = "COPY (SELECT 1 AS id, 'a' AS g) TO 'pets' STORED AS PARQUET PARTITIONED BY (g)";
    refused(&place, &["--overwrite", "-c", into], 7, &["not empty"]);
    assert_eq!(before, fs::read(place.path("pets/a.parquet")).unwrap());
    // With --overwrite, too, the rows of a query do not replace what it reads, whatever it is called.
    let own = |source: &str| format!("COPY (SELECT id FROM {source}) TO 'pets/a.parquet'");
    let external = "CREATE EXTERNAL TABLE e STORED AS PARQUET LOCATION 'pets/'";
    let view = "CREATE VIEW v AS SELECT * FROM 'pets'";
    for query in [
        own("'pets'"),
        own("'pets/a.parquet'"),
        own("numbered_rows('pets')"),
        own("t"),
        "COPY (SELECT positives FROM label_counts('pets', 'layout=class, labels=lang')) TO 'pets/a.parquet'"
            .to_owned(),
        own("(SELECT 1 AS id WHERE EXISTS (SELECT id FROM t))"),
        format!("{view}; {}", own("v")),
        format!("{external}; {}", own("e")),
    ] {
        refused(
            &place,
            &["--overwrite", "--table", "t=pets", "-c", &query],
            7,
            &["the query reads this file", "copy to another file"],
        );
    }
    assert_eq!(before, fs::read(place.path("pets/a.parquet")).unwrap());
    done(&place, "COPY (SELECT 1 AS id) TO 'new.csv'");
    let again =
        sql(&place, &["--overwrite", "--table", "t=pets", "-c", "COPY (SELECT id FROM t) TO 'new.csv'"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(fs::read_to_string(place.path("new.csv")).unwrap().lines().count(), 7);
    let alone = place.run(&["sql", "--overwrite", "-c", "SELECT 1"]);
    assert!(alone.code == 2 && alone.stderr.contains("--out FILE"), "{}", alone.stderr);
}

/// The names in a folder, with those of its folders, hidden ones too.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

#[test]
fn a_query_that_fails_leaves_no_file() {
    let place = Place::new();
    pets(&place);
    done(&place, "COPY (SELECT 7 AS old) TO 'old.parquet'");
    fs::create_dir_all(place.path("table/lang=en")).unwrap();
    fs::create_dir(place.path("empty")).unwrap();
    let before = (names(place.dir.path()), fs::read(place.path("old.parquet")).unwrap());
    // The rows come to an end with the error of a cell.
    let rows = "SELECT id, lang, 10 / (id - 6) AS x FROM 'pets'";
    let table = "CREATE EXTERNAL TABLE e (id BIGINT, x BIGINT, lang TEXT) STORED AS PARQUET PARTITIONED BY (lang) LOCATION 'table/'";
    let plain = "CREATE EXTERNAL TABLE p (id BIGINT, x BIGINT) STORED AS PARQUET LOCATION 'empty/'";
    for query in [
        format!("COPY ({rows}) TO 'new.parquet'"),
        format!("COPY ({rows}) TO 'new.csv'"),
        format!("COPY ({rows}) TO 'old.parquet'"),
        format!("COPY ({rows}) TO 'new/' STORED AS PARQUET"),
        format!("COPY ({rows}) TO 'empty' STORED AS PARQUET"),
        format!("COPY ({rows}) TO 'new' STORED AS PARQUET PARTITIONED BY (lang)"),
        format!("EXPLAIN ANALYZE COPY ({rows}) TO 'new.parquet'"),
        format!("{plain}; INSERT INTO p SELECT id, x FROM ({rows})"),
        format!("{table}; INSERT INTO e SELECT id, x, coalesce(lang, 'none') FROM ({rows})"),
    ] {
        refused(&place, &["--overwrite", "-c", &query], 4, &["ivi"]);
        let after = (names(place.dir.path()), fs::read(place.path("old.parquet")).unwrap());
        assert_eq!(after, before, "{query}");
        assert_eq!(
            names(&place.path("empty")).len() + names(&place.path("table/lang=en")).len(),
            0,
            "{query}"
        );
        assert_eq!(names(&place.path("table")).len(), 1, "{query}");
    }
    // The same without the row that has no answer.
    let rows = format!("SELECT id, x, coalesce(lang, 'none') AS lang FROM ({rows} WHERE id < 6)");
    done(&place, &format!("EXPLAIN ANALYZE COPY ({rows}) TO 'analyzed.parquet'"));
    done(&place, &format!("COPY ({rows}) TO 'a/b/new.parquet'"));
    done(&place, &format!("COPY ({rows}) TO 'keyed' STORED AS PARQUET PARTITIONED BY (lang)"));
    done(&place, &format!("{plain}; INSERT INTO p SELECT id, x FROM ({rows})"));
    done(&place, &format!("{table}; INSERT INTO e SELECT * FROM ({rows}); INSERT INTO e SELECT 9, 8, 'new'"));
    for (source, count) in
        [("analyzed.parquet", 5), ("a/b/new.parquet", 5), ("keyed", 5), ("empty", 5), ("table", 6)]
    {
        assert_eq!(
            done(&place, &format!("SELECT count(*) AS n FROM '{source}'")),
            format!("n\n{count}\n"),
            "{source}"
        );
    }
    assert!(names(place.dir.path()).iter().all(|name| !name.starts_with('.')));
}

#[test]
fn later_statements_see_inserted_numbers_as_they_were_written() {
    let place = Place::new();
    let table = "CREATE EXTERNAL TABLE t (d DECIMAL(10, 2), i BIGINT) STORED AS PARQUET LOCATION 'rows/'";
    let insert = "INSERT INTO t VALUES (1.005, 2.5), (8.325, -2.5)";
    let read = "SELECT d, i FROM t ORDER BY d";
    let ended = done(&place, &format!("{table}; {insert}; {read}; INSERT INTO t SELECT 9, 9; {read}"));
    assert!(ended.contains("\n1.01,3\n8.33,-3\n"), "{ended}");
    assert!(ended.ends_with("\n1.01,3\n8.33,-3\n9.00,9\n"), "{ended}");
    let within = format!("{table}; INSERT INTO t SELECT sum(a), 1 FROM (VALUES (1.4), (1.4)) AS v(a)");
    refused(&place, &["-c", &within], 2, &["VALUES within the query of an INSERT", "CREATE VIEW"]);
}

#[test]
fn copy_says_how_formats_are_named() {
    let place = Place::new();
    pets(&place);
    for target in ["new/", "new", "rows.csv.gz"] {
        let query = format!("COPY (SELECT 1 AS a) TO '{target}'");
        refused(&place, &["-c", &query], 2, &["STORED AS PARQUET", "hint:"]);
    }
    // Ballista brings what packs texts along.
    let packed = "COPY (SELECT 1 AS a) TO 'rows.csv.gz' STORED AS CSV OPTIONS (format.compression gzip)";
    if !cfg!(feature = "cluster") {
        refused(&place, &["-c", packed], 2, &["rows.parquet"]);
    }
    let insert = ["--table", "t=pets", "-c", "INSERT INTO t SELECT * FROM t"];
    refused(&place, &insert, 2, &["COPY (SELECT"]);
}

/// A file without rows is no Parquet, and nothing is no JSON.
#[test]
fn a_query_without_columns_is_refused() {
    let place = Place::new();
    pets(&place);
    assert_eq!(done(&place, "FROM 'pets' LIMIT 1"), done(&place, "SELECT * FROM 'pets' LIMIT 1"));
    assert_eq!(done(&place, "FROM (FROM 'pets') SELECT id WHERE id = 3"), "id\n3\n");
    refused(&place, &["-c", "SELECT FROM 'pets'"], 2, &["without columns", "SELECT * FROM"]);
    let view = ["--out", "x.parquet", "-c", "CREATE VIEW v AS SELECT 1 AS a"];
    refused(&place, &view, 2, &["no rows to write", "leave out --out"]);
    assert!(!place.path("x.parquet").exists());
}

/// Parquet has neither seconds nor dates in milliseconds: written as they are, they would be plain integers.
#[test]
fn parquet_has_dates_and_times_that_all_programs_read() {
    let place = Place::new();
    write(&place.path("t.parquet"), vec![("id", array(Int64Array::from(vec![1])))]);
    let rows = "SELECT arrow_cast('2024-02-29', 'Date64') AS d, arrow_cast('2024-02-29T01:02:03', 'Timestamp(Second, None)') AS s, arrow_cast('2024-02-29T01:02:03Z', 'Timestamp(Second, Some(\"UTC\"))') AS z, arrow_cast('01:02:03', 'Time32(Second)') AS t, [arrow_cast('2024-02-29', 'Date64')] AS l FROM 't.parquet'";
    done(&place, &format!("COPY ({rows}) TO 'copy.parquet'"));
    let ended = sql(&place, &["-c", rows, "--out", "out.parquet"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    for file in ["copy.parquet", "out.parquet"] {
        let open = fs::File::open(place.path(file)).unwrap();
        let metadata = parquet::file::metadata::ParquetMetaDataReader::new().parse_and_finish(&open).unwrap();
        // Without what Arrow says of itself.
        let schema =
            parquet::arrow::parquet_to_arrow_schema(metadata.file_metadata().schema_descr(), None).unwrap();
        let types: Vec<DataType> = schema.fields().iter().map(|field| field.data_type().clone()).collect();
        let milliseconds =
            |zone: Option<&str>| DataType::Timestamp(TimeUnit::Millisecond, zone.map(Into::into));
        let DataType::List(item) = &types[4] else { panic!("{file}: {types:?}") };
        assert_eq!(item.data_type(), &DataType::Date32, "{file}");
        let expected = [
            DataType::Date32,
            milliseconds(None),
            milliseconds(Some("UTC")),
            DataType::Time32(TimeUnit::Millisecond),
        ];
        assert_eq!(types[..4], expected, "{file}");
        assert_eq!(
            done(&place, &format!("SELECT * FROM '{file}'")),
            "d,s,z,t,l\n2024-02-29,2024-02-29T01:02:03,2024-02-29T01:02:03Z,01:02:03,[2024-02-29]\n"
        );
    }
}
