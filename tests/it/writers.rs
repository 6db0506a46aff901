//! Files of other writers are counted from encoded pages.
//!
//! `POSWEIGHT_PYTHON` names an interpreter that has pyarrow, polars and duckdb; what it lacks is left out with a
//! message, or fails with `POSWEIGHT_DEMAND_TOOLS=1`.

use serde_json::Value;

use crate::support::{Place, left_out};

/// Writes `WRITER-….parquet` with every codec, and page version where the writer has a choice.
const WRITE: &str = r#"
import sys
rows = range(3000)
columns = {
    "id": [row * 7 % 2000 for row in rows],
    "a": [None if row % 11 == 0 else row % 6 == 0 for row in rows],
    "n": [row % 5 // 4 for row in rows],
    "i": [None if row % 13 == 0 else sorted({row % 9, row % 4, 7}) for row in rows],
    "s": [[f"label {row % 9}", "other"] if row % 3 else [] for row in rows],
    "c": [None if row % 17 == 0 else f"class {row % 21}" for row in rows],
}
def pyarrow():
    import pyarrow as pa, pyarrow.parquet as pq
    table = pa.table(columns)
    for codec in ["none", "snappy", "zstd", "lz4", "gzip"]:
        for version in ["1.0", "2.0"]:
            name = f"pyarrow-{codec}-{version}.parquet"
            pq.write_table(table, name, compression=codec, data_page_version=version, row_group_size=1000)
def polars():
    import polars as pl
    frame = pl.DataFrame(columns)
    for codec in ["uncompressed", "snappy", "zstd", "lz4", "gzip"]:
        frame.write_parquet(f"polars-{codec}.parquet", compression=codec, row_group_size=1000)
def duckdb():
    import duckdb, pyarrow as pa
    table = pa.table(columns)
    connection = duckdb.connect()
    for codec in ["uncompressed", "snappy", "zstd", "lz4_raw", "gzip"]:
        connection.sql(f"COPY (SELECT * FROM \"table\") TO 'duckdb-{codec}.parquet' (FORMAT parquet, CODEC '{codec}')")
try:
    globals()[sys.argv[1]]()
except ImportError as missing:
    print(missing)
"#;

/// Layouts that the columns make.
const LAYOUTS: [&[&str]; 5] = [
    &["wide", "--labels", "a,n"],
    &["list", "--labels", "i"],
    &["list", "--labels", "s"],
    &["class", "--labels", "c"],
    &["long", "--id", "id", "--labels", "c"],
];

#[test]
fn files_of_other_writers_take_the_encoded_path() {
    let python = std::env::var("POSWEIGHT_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let place = Place::new();
    // All files hold the same rows, so that one is read as arrays for all of them.
    let mut expected: Vec<Value> = Vec::new();
    for (writer, files) in [("pyarrow", 10), ("polars", 5), ("duckdb", 5)] {
        if let Some(missing) = write(&place, &python, writer) {
            left_out(&format!("files of {writer}"), &missing);
            continue;
        }
        let names = std::fs::read_dir(place.dir.path()).unwrap().map(|e| e.unwrap().file_name());
        let names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).filter(|n| n.starts_with(writer)).collect();
        assert_eq!(names.len(), files);
        if expected.is_empty() {
            expected = LAYOUTS.map(|layout| count(&place, names[0], "plain", layout)).to_vec();
        }
        for name in names {
            for (layout, expected) in LAYOUTS.iter().zip(&expected) {
                assert_eq!(count(&place, name, "encoded", layout), *expected, "{name} {layout:?}");
                let way = place.json("out/run_results.json")["counting"]["way"].clone();
                for column in way["columns"].as_array().unwrap() {
                    let encoded = column["encoded"].as_u64() > Some(0) && column.get("arrays").is_none();
                    assert!(encoded, "{name} {layout:?}: {column}");
                }
            }
        }
    }
}

/// Lets a writer write its files; says what is missing for that.
fn write(place: &Place, python: &str, writer: &str) -> Option<String> {
    let mut write = std::process::Command::new(python);
    match write.args(["-c", WRITE, writer]).current_dir(place.dir.path()).output() {
        Err(cause) => Some(format!("{python}: {cause}")),
        Ok(ended) => {
            assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
            Some(String::from_utf8(ended.stdout).unwrap().trim().to_owned()).filter(|text| !text.is_empty())
        }
    }
}

/// What a file adds up to.
fn count(place: &Place, name: &str, engine: &str, layout: &[&str]) -> Value {
    let flags = ["compute", name, "--engine", engine, "--out", "out", "--overwrite", "--layout"];
    let ended = place.run(&[&flags[..], layout].concat());
    assert_eq!(ended.code, 0, "{name} {layout:?}: {}", ended.stderr);
    let weights = place.json("out/weights.json");
    ["rows", "labels", "positives", "negatives", "missing"].map(|key| weights[key].clone()).to_vec().into()
}
