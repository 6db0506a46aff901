//! What a path stands for: tables, hidden names, braces, links, other endings, `key=value` folders, queries.

use std::fs;
use std::os::unix::fs::symlink;

use arrow::array::{BooleanArray, Date32Array, Int64Array, ListArray, RecordBatch, StringArray};
use arrow::datatypes::Date32Type;
use arrow::ipc::writer::{FileWriter, StreamWriter};
use serde_json::json;

use crate::support::{Place, array, write};

/// A shard with as many rows as told, all of them cats.
fn cats(place: &Place, name: &str, rows: usize) {
    write(&place.path(name), vec![("cat", array(BooleanArray::from(vec![true; rows])))]);
}

/// Rows that a source has; the error text where it is refused.
fn rows(place: &Place, arguments: &[&str]) -> Result<u64, String> {
    let base = ["compute", "--labels", "cat", "--out", "out", "--overwrite", "--progress", "never"];
    let ended = place.run(&[&base, arguments].concat());
    match ended.code {
        0 => Ok(place.json("out/weights.json")["rows"].as_u64().unwrap()),
        code => Err(format!("{code}: {}", ended.stderr)),
    }
}

fn refused(place: &Place, arguments: &[&str], words: &[&str]) {
    let error = rows(place, arguments).unwrap_err();
    words.iter().for_each(|word| assert!(error.contains(word), "{word}: {error}"));
}

#[test]
fn tables_are_refused_from_every_side_and_counted_as_files_on_demand() {
    let place = Place::new();
    for (marker, kind) in [
        ("_delta_log/00000000000000000000.json", "Delta Lake"),
        ("metadata/00003-x.metadata.json", "Iceberg"),
        (".hoodie/hoodie.properties", "Hudi"),
    ] {
        let table = format!("lake/{}", kind.replace(' ', "-"));
        cats(&place, &format!("{table}/split=train/a.parquet"), 3);
        let marker = place.path(&format!("{table}/{marker}"));
        fs::create_dir_all(marker.parent().unwrap()).unwrap();
        fs::write(marker, "{}").unwrap();
        for source in [
            table.clone(),
            format!("{table}/split=train"),
            format!("{table}/split=train/a.parquet"),
            format!("{table}/**/*.parquet"),
            format!("{table}/*/a.*"),
        ] {
            refused(&place, &[&source], &["4: ", &table, kind, "--as-files", "live rows"]);
            assert_eq!(rows(&place, &[&source, "--as-files"]), Ok(3), "{source}");
        }
        let findings = place.json("out/run_results.json")["findings"].to_string();
        assert!(findings.contains("TABLE_AS_FILES") && findings.contains(kind), "{findings}");
        let query = format!("SELECT count(*) FROM '{table}'");
        let ended = place.run(&["sql", "-c", &query]);
        assert!(ended.code == 4 && ended.stderr.contains(kind), "{}", ended.stderr);
        assert_eq!(place.run(&["sql", "--as-files", "-c", &query]).code, 0);
        assert_eq!(place.run(&["inspect", &table]).code, 4);
        let call = |options: &str| format!("SELECT * FROM label_counts('{table}', 'labels=cat{options}')");
        assert_eq!(place.run(&["sql", "-c", &call("")]).code, 4);
        assert_eq!(place.run(&["sql", "-c", &call(", as_files=true")]).code, 0);
    }
    refused(&place, &["lake"], &["Delta Lake", "Iceberg", "Hudi"]);
}

#[test]
fn a_folder_and_its_globs_mean_the_same_files() {
    let place = Place::new();
    for (name, rows) in
        [("top", 1), ("x/a", 2), ("x/y/b", 4), ("_old/c", 100), ("x/_temporary/0/d", 100), (".z/e", 100)]
    {
        cats(&place, &format!("d/{name}.parquet"), rows);
    }
    for source in ["d", "d/**", "d/**/*.parquet", "./d/", "d/**/**", "{d,d}/**", "{d/top.parquet,d/x}"] {
        assert_eq!(rows(&place, &[source]), Ok(7), "{source}");
    }
    let address = format!("file://{}", place.path("d").display());
    assert_eq!(rows(&place, &[&address]), Ok(7));
    assert_eq!(rows(&place, &["d/_old"]), Ok(100));
    assert_eq!(rows(&place, &["d/**/_*/**/*.parquet"]), Ok(200));
    refused(&place, &["file://host/d"], &["2: ", "file:///host/d"]);
}

#[test]
fn braces_stand_for_names_that_must_exist() {
    let place = Place::new();
    (8..=11).for_each(|n| cats(&place, &format!("d/p-{n:02}.parquet"), n));
    assert_eq!(rows(&place, &["d/p-{08..10}.parquet"]), Ok(27));
    assert_eq!(rows(&place, &["d/p-{09,11}.*"]), Ok(20));
    refused(&place, &["d/p-{10..12}.parquet"], &["4: ", "p-12.parquet"]);
}

#[test]
fn what_cannot_be_reached_is_an_error_and_not_a_gap() {
    let place = Place::new();
    cats(&place, "d/a.parquet", 1);
    symlink("gone.parquet", place.path("d/b.parquet")).unwrap();
    for source in ["d", "d/*", "d/*.parquet", "d/b.parquet"] {
        refused(&place, &[source], &["4: ", "d/b.parquet", "gone.parquet"]);
    }
    // A link back to a folder above is no error, and no second copy.
    fs::remove_file(place.path("d/b.parquet")).unwrap();
    symlink("..", place.path("d/up")).unwrap();
    assert_eq!(rows(&place, &["d"]), Ok(1));
}

#[test]
fn files_of_other_endings_are_read_or_named() {
    let place = Place::new();
    for name in ["a.parquet", "b.pq", "c.PQT", "d.parq"] {
        cats(&place, &format!("d/{name}"), 1);
    }
    fs::write(place.path("d/notes.txt"), "x").unwrap();
    fs::write(place.path("d/list.json"), "x").unwrap();
    assert_eq!(rows(&place, &["d"]), Ok(4));
    let findings = place.json("out/run_results.json")["findings"].to_string();
    assert!(
        findings.contains("PASSED_OVER") && findings.contains("2 files were passed over: 1 .json, 1 .txt"),
        "{findings}"
    );
    cats(&place, "bare/part-0", 5);
    fs::write(place.path("bare/README"), "no shard").unwrap();
    assert_eq!(rows(&place, &["bare"]), Ok(5));
    fs::create_dir(place.path("none")).unwrap();
    fs::write(place.path("none/x.json"), "x").unwrap();
    refused(&place, &["none"], &["4: ", "no Parquet file", ".json"]);
    // Files of two formats: neither is left out without a word.
    fs::write(place.path("d/list.csv"), "cat\n1\n").unwrap();
    refused(
        &place,
        &["d"],
        &["4: ", "d/a.parquet is a Parquet file", "d/list.csv is a CSV file", "*.parquet"],
    );
}

#[test]
fn links_with_other_folder_values_are_shards_of_their_own() {
    let place = Place::new();
    cats(&place, "shards/a.parquet", 1);
    cats(&place, "shards/b.parquet", 2);
    for (fold, names) in [(0, &["b"][..]), (1, &["a", "b"])] {
        fs::create_dir_all(place.path(&format!("folds/fold={fold}"))).unwrap();
        for name in names {
            let link = place.path(&format!("folds/fold={fold}/{name}.parquet"));
            symlink(format!("../../shards/{name}.parquet"), link).unwrap();
        }
    }
    for state in [&[][..], &["--state", "states"], &["--state", "states"]] {
        assert_eq!(rows(&place, &[&["folds", "--by", "fold"], state].concat()), Ok(5));
        let by = place.json("out/by/fold=0/weights.json");
        assert_eq!(by["rows"], 2);
    }
    symlink("a.parquet", place.path("shards/z.parquet")).unwrap();
    assert_eq!(rows(&place, &["shards", "shards/a.parquet"]), Ok(3));
    let findings = place.json("out/run_results.json")["findings"].to_string();
    assert!(findings.contains("DOUBLED_SHARDS") && findings.contains("z.parquet"), "{findings}");
}

#[test]
fn folder_values_are_decoded_and_the_default_partition_is_null() {
    let place = Place::new();
    for (value, rows) in [("a%2Fb", 1), ("50%25", 2), ("__HIVE_DEFAULT_PARTITION__", 4)] {
        cats(&place, &format!("d/region={value}/p.parquet"), rows);
    }
    for (condition, expected) in
        [("region = 'a/b'", 1), ("region = '50%'", 2), ("region IS NULL", 4), ("region IS NULL AND cat", 4)]
    {
        assert_eq!(rows(&place, &["d", "--where", condition]), Ok(expected), "{condition}");
    }
    let ended = place.run(&["inspect", "d"]);
    assert!(ended.stderr.contains("region") && ended.stderr.contains("a/b"), "{}", ended.stderr);
}

#[test]
fn a_folder_key_that_a_column_contradicts_is_an_error() {
    let place = Place::new();
    let shard = |name: &str, split: &str| {
        let columns = vec![
            ("cat", array(BooleanArray::from(vec![true]))),
            ("split", array(StringArray::from(vec![split]))),
        ];
        write(&place.path(name), columns);
    };
    shard("d/split=train/a.parquet", "train");
    assert_eq!(rows(&place, &["d"]), Ok(1));
    shard("d/split=train/b.parquet", "test");
    refused(&place, &["d"], &["4: ", "b.parquet", "split=train", "test"]);
}

#[test]
fn folder_keys_are_labels_and_weights() {
    let place = Place::new();
    for (label, rows) in [("10", 1), ("9", 2), ("__HIVE_DEFAULT_PARTITION__", 4)] {
        cats(&place, &format!("classes/label={label}/p.parquet"), rows);
    }
    let weights = place.weights(&["classes", "--labels", "label"]);
    assert_eq!(
        json!([weights["labels"], weights["positives"], weights["rows"]]),
        json!([["9", "10"], [2, 1], 7])
    );
    for (weight, rows) in [("0.5", 4), ("3", 2)] {
        cats(&place, &format!("weighted/w={weight}/p.parquet"), rows);
    }
    let weights = place.weights(&["weighted", "--labels", "cat", "--layout", "wide", "--sample-weight", "w"]);
    assert_eq!(weights["positives_mass"], json!([8.0]));
    cats(&place, "weighted/w=much/p.parquet", 1);
    refused(
        &place,
        &["weighted", "--layout", "wide", "--sample-weight", "w"],
        &["4: ", "\"much\"", "w=much/p.parquet"],
    );
}

#[test]
fn the_query_in_a_hint_reads_the_column_it_is_for() {
    let place = Place::new();
    let days = array(Date32Array::from(vec![0, 1, 1]));
    let lists = ListArray::from_iter_primitive::<Date32Type, _, _>([
        Some(vec![Some(0)]),
        Some(vec![Some(0), Some(1)]),
        None,
    ]);
    write(&place.path("d/a.parquet"), vec![("My day", days), ("days", array(lists))]);
    for (column, layout, positives) in [("My day", "class", [1, 2]), ("days", "list", [2, 1])] {
        let ended = place.run(&["compute", "d", "--labels", column, "--layout", layout, "--out", "x"]);
        assert_eq!(ended.code, 4, "{}", ended.stderr);
        let flags = ended.stderr.split("make labels of it: ").nth(1).unwrap().lines().next().unwrap();
        let line = format!("{} compute d {flags} --out out --overwrite", env!("CARGO_BIN_EXE_posweight"));
        let shell =
            std::process::Command::new("sh").args(["-c", &line]).current_dir(place.dir.path()).output();
        let shell = shell.unwrap();
        assert!(shell.status.success(), "{line}: {}", String::from_utf8_lossy(&shell.stderr));
        let weights = place.json("out/weights.json");
        assert_eq!(
            json!([weights["labels"], weights["positives"]]),
            json!([["1970-01-01", "1970-01-02"], positives])
        );
    }
}

#[test]
fn rows_come_from_a_query_over_all_sources() {
    let place = Place::new();
    for (name, ids, texts) in [("b", [3, 4], ["x", "x;y"]), ("a", [1, 2], ["y;z", ""])] {
        let columns = vec![
            ("id", array(Int64Array::from(ids.to_vec()))),
            ("tags", array(StringArray::from(texts.to_vec()))),
        ];
        write(&place.path(&format!("d/{name}.parquet")), columns);
    }
    let query = "SELECT id, unnest(string_to_array(tags, ';')) AS tag FROM shards WHERE tags <> ''";
    let asked =
        ["d", "--query", query, "--layout", "long", "--id", "id", "--labels", "tag", "--num-rows", "4"];
    let weights = place.weights(&asked);
    assert_eq!(json!([weights["labels"], weights["positives"]]), json!([["x", "y", "z"], [2, 2, 1]]));
    let list = place.weights(&[
        "d",
        "--query",
        "SELECT string_to_array(tags, ';') AS t FROM shards WHERE tags <> ''",
        "--labels",
        "t",
    ]);
    assert_eq!(json!([list["rows"], list["positives"]]), json!([3, [2, 2, 1]]));
    for (query, words) in [
        ("SELECT tgas FROM shards", &["2: ", "tgas", "tags"][..]),
        ("SELECT tags FRM shards", &["2: ", "--query", "Line: 1"]),
        ("SELECT * FROM other", &["2: ", "FROM shards"]),
        ("SELECT * FROM 'd'", &["2: ", "FROM shards"]),
        ("SELECT 1; SELECT 2", &["2: ", "one statement"]),
        ("CREATE VIEW v AS SELECT 1", &["2: ", "FROM shards"]),
    ] {
        refused(&place, &["d", "--query", query], words);
    }
    refused(
        &place,
        &["d", "--query", "SELECT * FROM shards", "--state", "s"],
        &["2: ", "--state", "--query"],
    );
}

/// Rows as an Arrow IPC file, or as a stream.
fn arrow(place: &Place, name: &str, is_file: bool) {
    let columns = [("label", array(StringArray::from(vec!["cat", "cat", "dog"])))];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let file = fs::File::create(place.path(name)).unwrap();
    if is_file {
        let mut writer = FileWriter::try_new(file, &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
    } else {
        let mut writer = StreamWriter::try_new(file, &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
    }
}

#[test]
fn arrow_files_are_shards_in_every_verb() {
    let place = Place::new();
    fs::create_dir(place.path("in")).unwrap();
    arrow(&place, "in/a.arrow", true);
    arrow(&place, "in/b.feather", false);
    let weights = place.weights(&["in", "--labels", "label"]);
    assert_eq!((&weights["labels"], &weights["positives"]), (&json!(["cat", "dog"]), &json!([4, 2])));
    let shards = &place.json("out/run_results.json")["shards"];
    assert_eq!((&shards[0]["path"], &shards[1]["path"]), (&json!("in/a.arrow"), &json!("in/b.feather")));
    let sql = place.run(&["sql", "-c", "select count(*) as n from 'in'", "--format", "csv"]);
    assert!(sql.code == 0 && sql.stdout.contains('6'), "{} {}", sql.stdout, sql.stderr);
    let query = "SELECT upper(label) AS tag FROM shards";
    let weights = place.weights(&["in", "--query", query, "--labels", "tag", "--layout", "class"]);
    assert_eq!(weights["labels"], json!(["CAT", "DOG"]));
    let inspected = place.run(&["inspect", "in"]);
    assert!(inspected.code == 0 && inspected.stderr.contains("in/a.arrow: 3 rows"), "{}", inspected.stderr);
    let plan = place.run(&["sample", "in", "--labels", "label", "--plan", "lp-ros", "--out", "plan"]);
    assert_eq!(plan.code, 0, "{}", plan.stderr);

    let kept = place.run(&["compute", "in", "--labels", "label", "--state", "s", "--out", "kept"]);
    assert!(kept.code == 2 && kept.stderr.contains("Arrow IPC"), "{}", kept.stderr);
    cats(&place, "in/c.parquet", 1);
    let mixed = place.run(&["compute", "in", "--labels", "label", "--out", "mixed"]);
    assert!(mixed.code == 4, "{}", mixed.stderr);
    assert!(
        ["in/a.arrow", "in/c.parquet"].iter().all(|name| mixed.stderr.contains(name)),
        "{}",
        mixed.stderr
    );
    fs::write(place.path("x.arrow"), "id,label").unwrap();
    let wrong = place.run(&["compute", "x.arrow", "--labels", "label", "--out", "wrong"]);
    assert!(wrong.code == 4 && wrong.stderr.contains("x.arrow"), "{}", wrong.stderr);
}

#[test]
fn functions_of_a_query_count_tables_as_files_where_the_session_does() {
    let place = Place::new();
    cats(&place, "delta/a.parquet", 2);
    fs::create_dir(place.path("delta/_delta_log")).unwrap();
    fs::write(place.path("delta/_delta_log/00000000000000000000.json"), "{}").unwrap();
    let query = "select positives from label_counts('delta', 'labels=cat')";
    let refused = place.run(&["sql", "-c", query]);
    assert!(refused.code == 4 && refused.stderr.contains("Delta"), "{}", refused.stderr);
    let counted = place.run(&["sql", "--as-files", "-c", query, "--format", "csv"]);
    assert!(counted.code == 0 && counted.stdout.contains('2'), "{} {}", counted.stdout, counted.stderr);
}
