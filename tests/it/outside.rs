//! What other programs give and are told: streams, summaries, metrics, events, variables, schemas.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use arrow::array::{BooleanArray, Float64Array, ListArray, RecordBatch, StringArray};
use arrow::datatypes::Int32Type;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use serde_json::Value as Json;

use crate::support::{Place, array, root, write};

fn table(rows: usize) -> Vec<(&'static str, arrow::array::ArrayRef)> {
    let lists =
        (0..rows).map(|row| Some((0..row % 3).map(move |k| Some(i32::try_from(row % 5 + k).unwrap()))));
    vec![
        ("a", array((0..rows).map(|row| (row % 7 > 0).then_some(row % 3 == 0)).collect::<BooleanArray>())),
        ("b", array((0..rows).map(|row| Some(row % 4 == 0)).collect::<BooleanArray>())),
        ("tags", array(ListArray::from_iter_primitive::<Int32Type, _, _>(lists))),
        (
            "split",
            array(StringArray::from_iter_values((0..rows).map(|row| if row % 2 == 0 { "x" } else { "y" }))),
        ),
    ]
}

fn stream(rows: usize) -> Vec<u8> {
    let batch =
        RecordBatch::try_from_iter_with_nullable(table(rows).into_iter().map(|(n, a)| (n, a, true))).unwrap();
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    for start in (0..rows).step_by(1000) {
        writer.write(&batch.slice(start, 1000.min(rows - start))).unwrap();
    }
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn a_stream_counts_as_a_shard_does() {
    let place = Place::new();
    write(&place.path("x.parquet"), table(2500));
    let input = stream(2500);
    std::fs::create_dir(place.path("tmp")).unwrap();
    for flags in [
        &["--layout", "wide", "--labels", "a,b"][..],
        &["--layout", "list", "--labels", "tags", "--by", "split"],
        &["--layout", "wide", "--labels", "a", "--where", "split = 'x'"],
    ] {
        let args = |source, out| {
            [&["compute", source, "--out", out, "--overwrite", "--spill-dir", "tmp"], flags].concat()
        };
        let ended = place.run(&args("x.parquet", "file"));
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let (code, _, said) = place.run_on(&input, &args("-", "stream"));
        assert_eq!(code, 0, "{said}");
        let [mut file, mut stream] = ["file", "stream"].map(|out| place.json(&format!("{out}/weights.json")));
        for json in [&mut file, &mut stream] {
            json["fingerprint"] = Json::Null;
        }
        assert_eq!(file, stream);
        assert_eq!(place.json("stream/run_results.json")["shards"][0]["path"], "-");
        assert_eq!(std::fs::read_dir(place.path("tmp")).unwrap().count(), 0, "the stream is not kept");
    }
    // A writer that was cut off, something else, nothing, and values without meaning.
    for (input, says) in [
        (&input[..input.len() - 8], "cut off"),
        (b"a,b\n1,0\n", "not an Arrow IPC stream: this is a CSV file"),
        (b"PAR1\x15\x04PAR1", "not an Arrow IPC stream: this is a Parquet file"),
        (b"ARROW1\0\0", "this is an Arrow IPC file"),
        (b"\x1f\x8b\x08\0", "this is a gzip file"),
        (b"", "Arrow IPC stream"),
    ] {
        let (code, stdout, said) = place.run_on(input, &["compute", "-", "--out", "n"]);
        assert!(code == 4 && said.contains(says) && stdout.is_empty(), "{code} {said}");
        assert!(!place.path("n/_SUCCESS").exists());
    }
    for args in [
        &["compute", "-", "--out", "n", "--state", "s"][..],
        &["inspect", "-"],
        &["sql", "-c", "SELECT * FROM label_counts('-')"],
    ] {
        let (code, _, said) = place.run_on(&input, args);
        assert!(code == 2 && said.contains("stdin"), "{code} {said}");
    }
}

#[test]
fn stdout_takes_the_weights_alone() {
    let place = Place::new();
    write(&place.path("x.parquet"), table(100));
    let args = ["compute", "x.parquet", "--labels", "a,b", "--scheme", "ratio", "--scheme", "sqrt", "--out"];
    assert_eq!(place.run(&[&args[..], &["w"]].concat()).code, 0);
    let ended = place.run(&[&args[..], &["-"]].concat());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(ended.stdout.matches('\n').count(), 1);
    assert_eq!(serde_json::from_str::<Json>(&ended.stdout).unwrap(), place.json("w/weights.json"));
    assert!(ended.stderr.contains("100 rows, 2 labels"), "{}", ended.stderr);
    let (code, stdout, said) =
        place.run_on(b"", &[&args[..], &["-", "--format", "arrow", "--quiet"]].concat());
    assert_eq!((code, said.as_str()), (0, ""));
    let batches: Vec<_> = StreamReader::try_new(&stdout[..], None).unwrap().map(Result::unwrap).collect();
    let sqrt = batches[0].column_by_name("sqrt").unwrap().as_any().downcast_ref::<Float64Array>().unwrap();
    assert_eq!(sqrt.value(1), place.json("w/weights.json")["weights"]["sqrt"][1].as_f64().unwrap());
    assert_eq!(std::fs::read_dir(place.dir.path()).unwrap().count(), 2, "nothing else is written");
    for (more, says) in [
        (&["-", "--by", "split"][..], "--by"),
        (&["-", "--format", "csv"], "json or arrow"),
        (&["w", "--format", "arrow"], "--out -"),
        (&["-", "--skip-exit-code", "99"], "--skip-exit-code"),
        (&["-", "--state", "auto"], "--state"),
    ] {
        let ended = place.run(&[&args[..], more].concat());
        assert!(ended.code == 2 && ended.stderr.contains(says), "{}", ended.stderr);
    }
    // Into a pipe that is closed, and on.
    let (code, stdout, said) =
        place.run_on(&stream(100), &["compute", "-", "--labels", "a,b", "--out", "-", "--quiet"]);
    assert_eq!((code, said.as_str()), (0, ""));
    assert_eq!(
        serde_json::from_slice::<Json>(&stdout).unwrap()["pos_weight"],
        place.json("w/weights.json")["pos_weight"]
    );
}

#[test]
fn a_summary_is_written_of_every_run_and_metrics_of_good_ones() {
    let place = Place::new();
    write(&place.path("x.parquet"), vec![("q\"uo\nte", array(BooleanArray::from(vec![true, false, false])))]);
    let run = |source: &str, more: &[&str]| {
        let tell =
            ["--out", "w", "--overwrite", "--summary-json", "t/s.json", "--metrics-textfile", "t/p.prom"];
        place.run(&[&["compute", source, "--layout", "wide"][..], &tell, more].concat()).code
    };
    assert_eq!(run("x.parquet", &[]), 0);
    let summary = place.json("t/s.json");
    assert_eq!((&summary["status"], &summary["result"]["rows"]), (&"done".into(), &3.into()));
    assert_eq!(summary["result"]["max_weight"], 2.0);
    let metrics = std::fs::read_to_string(place.path("t/p.prom")).unwrap();
    assert!(
        metrics.contains("posweight_label_prevalence{label=\"q\\\"uo\\nte\"} 0.3333333333333333\n"),
        "{metrics}"
    );
    assert!(
        metrics.contains("\nposweight_rows 3\n")
            && metrics.contains("posweight_shards{status=\"counted\"} 1\n")
    );
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with("posweight_") && value.parse::<f64>().unwrap().is_finite(), "{line}");
    }
    // Failures of every stage are told, and leave the metrics of the last success.
    for (source, more, code) in [
        ("nothing.parquet", &[][..], 4),
        ("x.parquet", &["--scheme", "ration"], 2),
        ("x.parquet", &["--min-positives", "5", "--zero-positives", "error"], 4),
        ("x.parquet", &["--memory-limit", "1m"], 6),
    ] {
        assert_eq!(run(source, more), code, "{source} {more:?}");
        let summary = place.json("t/s.json");
        assert_eq!((&summary["status"], &summary["exit_code"]), (&"failed".into(), &code.into()));
        assert!(!summary["error"]["message"].as_str().unwrap().is_empty());
        assert_eq!(std::fs::read_to_string(place.path("t/p.prom")).unwrap(), metrics);
    }
    let ended =
        place.run(&["compute", "x.parquet", "--layout", "wide", "--out", "w", "--summary-json", "held.json"]);
    assert_eq!((ended.code, place.json("held.json")["exit_code"].clone()), (7, 7.into()));
    std::fs::create_dir(place.path("folder")).unwrap();
    let ended =
        place.run(&["compute", "x.parquet", "--out", "v", "--layout", "wide", "--summary-json", "folder"]);
    assert!(ended.code == 7 && ended.stderr.contains("--summary-json"), "{} {}", ended.code, ended.stderr);
}

/// Answers one request, and gives what was asked.
fn answer(mut stream: TcpStream, status: &str) -> String {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
        request.extend(byte);
    }
    let head = String::from_utf8(request).unwrap();
    let length = head.lines().find_map(|line| {
        line.to_ascii_lowercase().strip_prefix("content-length: ").map(|n| n.parse().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).unwrap();
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
    head + &String::from_utf8(body).unwrap()
}

#[test]
fn events_tell_where_a_result_came_from() {
    let place = Place::new();
    write(&place.path("x.parquet"), table(100));
    let run = |to: &str, more: &[&str]| {
        place.run(
            &[
                &[
                    "compute",
                    "x.parquet",
                    "--labels",
                    "a,b",
                    "--out",
                    "w",
                    "--overwrite",
                    "--openlineage",
                    to,
                ][..],
                more,
            ]
            .concat(),
        )
    };
    assert_eq!(run("file:e.jsonl", &[]).code, 0);
    assert_eq!(run("file:e.jsonl", &["--labels", "lost"]).code, 4);
    let text = std::fs::read_to_string(place.path("e.jsonl")).unwrap();
    let events: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<_> = events.iter().map(|event| event["eventType"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["START", "COMPLETE", "START", "FAIL"]);
    let id = |i: usize| events[i]["run"]["runId"].as_str().unwrap();
    assert!(id(0) == id(1) && id(2) == id(3) && id(0) != id(2) && id(0).len() == 36);
    assert_eq!(events[1]["inputs"][0]["inputFacets"]["dataQualityMetrics"]["rowCount"], 100);
    assert_eq!(events[1]["outputs"][0]["name"], place.path("w").display().to_string());
    assert_eq!(events[1]["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"], 2);
    assert!(events[3]["run"]["facets"]["errorMessage"]["message"].as_str().unwrap().contains("lost"));

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        ["201 Created", "500 Internal Server Error"]
            .map(|status| answer(listener.accept().unwrap().0, status))
    });
    let ended = run(&address, &[]);
    assert_eq!(ended.code, 0, "a collector that fails is no failure: {}", ended.stderr);
    assert!(ended.stderr.contains("--openlineage") && ended.stderr.contains("500"), "{}", ended.stderr);
    let [start, end] = server.join().unwrap();
    assert!(start.starts_with("POST /api/v1/lineage ") && start.contains("\"START\""), "{start}");
    assert!(end.contains("\"COMPLETE\""), "{end}");
    // Nobody listens there any more.
    assert_eq!(run(&address, &[]).code, 0);
    let ended = run("https://user:secret@host", &[]);
    assert!(ended.code == 2 && !ended.stderr.contains("secret"), "{}", ended.stderr);
}

#[test]
fn variables_of_a_pipeline_file() {
    let place = Place::new();
    write(&place.path("data/2026-11-01/x.parquet"), table(50));
    let text =
        "shards = \"data/${DATE}\"\nout = \"w/${DATE}\"\nlabels = \"b\"\nwhere = \"split = '${part}'\"\n";
    std::fs::write(place.path("p.toml"), text).unwrap();
    let run = |more: &[&str]| place.run(&[&["run", "p.toml"][..], more].concat());
    let ended = run(&["--set", "date=2026-11-01", "--set", "part=x"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(place.json("w/2026-11-01/weights.json")["rows"], 25);
    let ended = run(&["--set", "date=2026-11-01"]);
    assert!(ended.code == 2 && ended.stderr.contains("${part} is not set"), "{}", ended.stderr);
    let ended = run(&["--set", "date=2026-11-01", "--set", "part=x' or 'y'='y"]);
    assert!(ended.code == 2 && ended.stderr.contains("key \"where\""), "{}", ended.stderr);
    assert_eq!(run(&["--set", "date"]).code, 2);
}

/// Whether `value` is of `schema`, as far as types, required keys and closed objects go.
fn conforms(schema: &Json, whole: &Json, value: &Json) -> Result<(), String> {
    if let Some(name) = schema["$ref"].as_str() {
        return conforms(whole.pointer(name.trim_start_matches('#')).unwrap(), whole, value);
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let tried: Vec<_> = any.iter().map(|schema| conforms(schema, whole, value)).collect();
        return if tried.iter().any(Result::is_ok) { Ok(()) } else { Err(format!("{value}: {tried:?}")) };
    }
    let kind = match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(n) if n.is_f64() => "number",
        Json::Number(_) => "integer",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    };
    let is = |name: &Json| name == kind || (kind == "integer" && name == "number");
    let fits = match &schema["type"] {
        Json::Array(names) => names.iter().any(is),
        Json::Null => true,
        name => is(name),
    };
    if !fits {
        return Err(format!("{value} is not {}", schema["type"]));
    }
    for key in schema["required"].as_array().into_iter().flatten() {
        value.get(key.as_str().unwrap()).ok_or(format!("{key} is not there"))?;
    }
    for (key, value) in value.as_object().into_iter().flatten() {
        match (schema["properties"].get(key), &schema["additionalProperties"]) {
            (Some(schema), _) | (None, schema @ Json::Object(_)) => {
                conforms(schema, whole, value).map_err(|why| format!("{key}: {why}"))?;
            }
            (None, Json::Bool(false)) => return Err(format!("{key} is not known")),
            (None, _) if schema["properties"].is_object() => {
                return Err(format!("{key} is not in the schema"));
            }
            _ => {}
        }
    }
    for value in value.as_array().into_iter().flatten() {
        if let schema @ Json::Object(_) = &schema["items"] {
            conforms(schema, whole, value)?;
        }
    }
    Ok(())
}

#[test]
fn files_are_as_their_schemas_say() {
    let place = Place::new();
    let schema = |what: &str| -> Json { serde_json::from_str(&place.run(&["schema", what]).stdout).unwrap() };
    let (spec, results) = (schema("spec"), schema("results"));
    for entry in std::fs::read_dir(root().join("pipelines")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "toml") {
            let text = std::fs::read_to_string(&path).unwrap();
            let value = serde_json::to_value(text.parse::<toml::Table>().unwrap()).unwrap();
            conforms(&spec, &spec, &value).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        }
    }
    let wrong = serde_json::json!({ "layot": "wide" });
    assert!(conforms(&spec, &spec, &wrong).is_err());
    assert!(conforms(&spec, &spec, &serde_json::json!({ "num_labels": "many" })).is_err());
    write(&place.path("x.parquet"), table(10));
    for (more, code) in [(&["--labels", "a,b"][..], 0), (&["--labels", "lost"], 4)] {
        assert_eq!(place.run(&[&["compute", "x.parquet", "--out", "w"][..], more].concat()).code, code);
        let value = place.json("w/run_results.json");
        conforms(&results, &results, &value).unwrap();
    }
    assert_eq!(place.run(&["compute", "x.parquet", "--out", "f", "--labels", "lost"]).code, 4);
    conforms(&results, &results, &place.json("f/run_results.json")).unwrap();
}
