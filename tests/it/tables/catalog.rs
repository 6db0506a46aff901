use std::fs;
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::iceberg::with_positions;
use crate::cloud::{command, upload};
use crate::hub::{Answer, Header, listen};
use crate::s3::Server;
use crate::support::{Ended, Place};

const TOKEN: &str = "canary-token";

/// What a catalog was asked, and how often it is busy first.
#[derive(Default)]
struct CatalogState {
    asked: Vec<String>,
    busy: usize,
}

/// A catalog with the table `lake.deep.t`, in warehouse `w`, whose description lies at `metadata`.
fn catalog(metadata: Value) -> (String, Arc<Mutex<CatalogState>>) {
    let state = Arc::new(Mutex::new(CatalogState::default()));
    let known = Arc::clone(&state);
    let answer = move |_: &str, path: &str, header: Header<'_>| answer(&known, &metadata, path, header);
    (listen(answer), state)
}

fn answer(state: &Mutex<CatalogState>, metadata: &Value, path: &str, header: Header<'_>) -> Answer {
    let mut state = state.lock().unwrap();
    state.asked.push(path.to_owned());
    let says = |status: u16, body: &Value| (status, Vec::new(), body.to_string().into_bytes());
    let wrong = |status: u16, what: &str| says(status, &json!({"error": {"message": what, "code": status}}));
    if state.busy > 0 {
        state.busy -= 1;
        return wrong(503, "busy");
    }
    if header("authorization").as_deref() != Some(&format!("Bearer {TOKEN}")) {
        return wrong(401, "who are you");
    }
    match path.strip_prefix("/api/v1/main/w/namespaces/lake%1Fdeep/tables") {
        None if path == "/api/v1/config?warehouse=w" => {
            let config = json!({"defaults": {"prefix": "other"}, "overrides": {"prefix": "main/w"}});
            says(200, &config)
        }
        Some("/t") => says(200, &json!({"metadata-location": metadata, "metadata": {}, "config": {}})),
        Some("") => {
            let table = |name: &str| json!({"namespace": ["lake", "deep"], "name": name});
            says(200, &json!({"identifiers": [table("t"), table("labels")]}))
        }
        _ => wrong(404, "Table or namespace does not exist"),
    }
}

fn run(place: &Place, mut command: Command, token: Option<&str>, warehouse: Option<&str>) -> Ended {
    command.current_dir(place.dir.path()).env_remove("ICEBERG_TOKEN").env_remove("ICEBERG_WAREHOUSE");
    command.envs(token.map(|token| ("ICEBERG_TOKEN", token)));
    command.envs(warehouse.map(|name| ("ICEBERG_WAREHOUSE", name)));
    Ended::of(&command.output().unwrap())
}

fn compute(place: &Place, source: &str, token: Option<&str>) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_posweight"));
    command.args(["compute", source, "--labels", "cat", "--out", "out", "--overwrite"]);
    run(place, command, token, Some("w"))
}

#[test]
fn iceberg_tables_in_a_store_are_those_of_files() {
    let (place, server) = (Place::new(), Server::start());
    let table = with_positions(&place);
    table.describe(2, 3, &[(1, "cat", "boolean")]);
    upload(&server, &place.path("t"), "lake/t");
    let count = |source: &str, flags: &[&str]| {
        let base = ["compute", source, "--labels", "cat", "--out", "out", "--overwrite"];
        Ended::of(&command(&place, &server.endpoint, &[&base, flags].concat()).output().unwrap())
    };
    let metadata = "s3://b/lake/t/metadata/00003-x.metadata.json";
    for source in ["s3://b/lake/t", "s3://b/lake", "s3://b/l*/**", metadata, "s3a://b/lake/t/"] {
        for (flags, rows) in [(&[][..], 5), (&["--table-version", "1"], 6), (&["--engine", "plain"], 5)] {
            let ended = count(source, flags);
            assert_eq!(ended.code, 0, "{source}: {}", ended.stderr);
            assert_eq!(place.json("out/weights.json")["rows"], rows, "{source} {flags:?}");
        }
    }
    let told = place.json("out/run_results.json")["inputs"]["tables"][0].clone();
    assert_eq!((&told["path"], &told["format"]), (&json!("s3://b/lake/t"), &json!("Iceberg")));
    let query = "SELECT count(*) AS n FROM 's3://b/lake/t' WHERE cat";
    let ended = command(&place, &server.endpoint, &["sql", "-c", query, "--format", "csv"]).output().unwrap();
    assert!(Ended::of(&ended).stdout.ends_with("n\n4\n"));
    for source in ["s3://b/lake/t/data/*.parquet", "s3://b/lake/t/data/a.parquet"] {
        let ended = count(source, &[]);
        let is_refused = ended.code == 4 && ended.stderr.contains("files inside it cannot be named");
        assert!(is_refused, "{source}: {}", ended.stderr);
    }
    for (gone, names) in
        [("data/b.parquet", "s3://b/lake/t/data/b.parquet"), ("data/deletes.parquet", "deletes")]
    {
        server.bucket().objects.remove(&format!("lake/t/{gone}"));
        let ended = count("s3://b/lake/t", &[]);
        assert!(ended.code == 4 && ended.stderr.contains(names), "{}", ended.stderr);
    }
}

#[test]
fn a_catalog_says_where_the_newest_description_lies() {
    let (place, server) = (Place::new(), Server::start());
    let table = with_positions(&place);
    table.describe(2, 2, &[(1, "cat", "boolean")]);
    table.describe(2, 3, &[(1, "cat", "boolean")]);
    upload(&server, &place.path("t"), "lake/t");
    // The catalog has rolled back: what lies in the folder besides is no version of the table.
    let older = "metadata/00002-x.metadata.json";
    let local = format!("file://{}", place.path(&format!("t/{older}")).display());
    for (location, path) in [(local, "t"), (format!("s3a://b/lake/t/{older}"), "s3://b/lake/t")] {
        let (endpoint, state) = catalog(json!(location));
        let source = format!("iceberg+{endpoint}/api/lake.deep.t");
        let count = |arguments: &[&str]| {
            let command = command(&place, &server.endpoint, arguments);
            run(&place, command, Some(TOKEN), Some("w"))
        };
        state.lock().unwrap().busy = 2;
        let ended = count(&["compute", &source, "--labels", "cat", "--out", "out", "--overwrite"]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(place.json("out/weights.json")["rows"], 3);
        let told = place.json("out/run_results.json").to_string();
        assert!(told.contains(path) && !told.contains(TOKEN), "{told}");
        let query = format!("SELECT count(*) AS n FROM '{source}'");
        assert!(count(&["sql", "-c", &query, "--format", "csv"]).stdout.ends_with("n\n3\n"));
        let inspected = count(&["inspect", &source, "--table-version", "1"]);
        assert!(inspected.code == 0 && inspected.stderr.contains("snapshot 1"), "{}", inspected.stderr);
        let asked = state.lock().unwrap().asked.clone();
        assert_eq!(
            asked[..4],
            [&["/api/v1/config?warehouse=w"; 3][..], &["/api/v1/main/w/namespaces/lake%1Fdeep/tables/t"]]
                .concat()
        );
    }
}

#[test]
fn what_a_catalog_refuses_is_said() {
    let place = Place::new();
    let (endpoint, state) = catalog(Value::Null);
    let refused = |source: &str, token: Option<&str>, code: i32, words: &[&str]| {
        let ended = compute(&place, source, token);
        assert_eq!(ended.code, code, "{source}: {}", ended.stderr);
        words.iter().for_each(|word| assert!(ended.stderr.contains(word), "{word}: {}", ended.stderr));
        assert!(!ended.stderr.contains(TOKEN), "{}", ended.stderr);
    };
    let table = |name: &str| format!("iceberg+{endpoint}/api/{name}");
    refused(&table("lake.deep.t"), None, 2, &["answers 401: who are you", "set ICEBERG_TOKEN"]);
    refused(&table("lake.deep.t"), Some("old"), 2, &["answers 401", "ICEBERG_TOKEN is expired"]);
    refused(&table("lake.deep.label"), Some(TOKEN), 4, &["no table lake.deep.label", "lake.deep.labels?"]);
    refused(&table("lake.deep.zebra"), Some(TOKEN), 4, &["no table lake.deep.zebra", "are labels, t"]);
    refused(&table("lake.t"), Some(TOKEN), 4, &["no namespace lake", "ICEBERG_WAREHOUSE"]);
    refused(&table("lake.deep.t"), Some(TOKEN), 4, &["does not say where the table lies"]);
    refused(&format!("iceberg+{endpoint}/none/a.b"), Some(TOKEN), 2, &["/none/v1/config is none of"]);
    refused(&table("t"), Some(TOKEN), 2, &["it names no table", "NAMESPACE.TABLE"]);
    state.lock().unwrap().busy = 3;
    refused(&table("lake.deep.t"), Some(TOKEN), 5, &["answers 503: busy"]);
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    refused(&format!("iceberg+http://{nowhere}/a.b"), None, 5, &["does not answer"]);
    let (elsewhere, _) = catalog(json!("/nowhere/t/metadata/1.metadata.json"));
    let source = format!("iceberg+{elsewhere}/api/lake.deep.t");
    refused(&source, Some(TOKEN), 4, &["/nowhere/t"]);
    let mut as_files = Command::new(env!("CARGO_BIN_EXE_posweight"));
    as_files.args(["compute", &source, "--labels", "cat", "--out", "out", "--as-files"]);
    let ended = run(&place, as_files, Some(TOKEN), Some("w"));
    assert!(ended.code == 2 && ended.stderr.contains("drop --as-files"), "{}", ended.stderr);
    assert!(fs::read_dir(place.path("out")).is_err() || !place.path("out/_SUCCESS").exists());
}
