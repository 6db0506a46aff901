//! Every file of pipelines/ runs, and the same rows give the same weights in every layout.

use std::path::Path;

use arrow::ipc::writer::StreamWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::support::{Place, root};

#[test]
fn every_pipeline_runs() {
    let place = Place::new();
    let mut ran = 0;
    for entry in std::fs::read_dir(root().join("pipelines")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "toml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("# ") && text.contains("\n# Run: ") && text.contains("\n# Writes: "),
            "{}",
            path.display()
        );
        let name = path.file_stem().unwrap().to_str().unwrap();
        if name == "pipe" {
            let input = stream(&root().join("sample_data/wide"));
            let (code, stdout, said) = place.run_on(&input, &["run", path.to_str().unwrap(), "--quiet"]);
            assert_eq!((code, said.as_str()), (0, ""));
            let told: serde_json::Value = serde_json::from_slice(&stdout).unwrap();
            assert_eq!(told["rows"], 12);
            continue;
        }
        let state = format!("{name}.state");
        let ended = place.run(&["run", path.to_str().unwrap(), "--out", name, "--state", &state]);
        assert_eq!(ended.code, 0, "{name}: {}", ended.stderr);
        assert!(place.path(name).join("_SUCCESS").exists());
        ran += 1;
    }
    assert!(ran >= 7, "only {ran} pipelines");
    let results = place.json("labels270/weights.json");
    assert_eq!(results["rows"], 2000);
    assert_eq!(results["labels"].as_array().unwrap().len(), 270);
    assert_eq!(results["status"][269], "no_positives");
    assert_eq!(results["pos_weight"][269], 1.0);
}

/// The shards of a folder as an Arrow IPC stream.
fn stream(folder: &Path) -> Vec<u8> {
    let mut shards: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    shards.sort();
    let mut batches = Vec::new();
    for shard in shards.iter().filter(|path| path.extension().is_some_and(|end| end == "parquet")) {
        let reader = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(shard).unwrap()).unwrap();
        batches.extend(reader.build().unwrap().map(Result::unwrap));
    }
    let mut writer = StreamWriter::try_new(Vec::new(), &batches[0].schema()).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn one_set_has_the_same_arrays_in_every_layout() {
    let place = Place::new();
    let names = ["wide", "vector", "list", "delimited", "long", "json", "multi_hot", "bits", "map"];
    let arrays = names.map(|name| {
        let path = root().join("pipelines").join(format!("{name}.toml"));
        let ended = place.run(&["run", path.to_str().unwrap(), "--out", name]);
        assert_eq!(ended.code, 0, "{name}: {}", ended.stderr);
        let text = std::fs::read_to_string(place.path(name).join("weights.json")).unwrap();
        let keys =
            ["\"labels\"", "\"positives\"", "\"negatives\"", "\"uncertain\"", "\"missing\"", "\"status\""];
        text.lines()
            .filter(|line| keys.iter().any(|key| line.starts_with(key)))
            .collect::<Vec<_>>()
            .join("\n")
    });
    assert!(
        arrays[0].contains("\"positives\":[1,6,7]") && arrays[0].contains("\"negatives\":[11,6,5]"),
        "{}",
        arrays[0]
    );
    for other in &arrays[1..] {
        assert_eq!(&arrays[0], other);
    }
}

#[test]
fn flags_and_files_are_two_spellings_of_one_spec() {
    let place = Place::new();
    let shards = root().join("sample_data/list");
    let flags = [
        "compute",
        shards.to_str().unwrap(),
        "--labels",
        "tags",
        "--scheme",
        "sqrt",
        "--clip",
        "0,2",
        "--out",
        "a",
    ];
    let emitted = place.run(&[&flags[..], &["--emit-spec"]].concat());
    assert_eq!(emitted.code, 0, "{}", emitted.stderr);
    std::fs::write(place.path("spec.toml"), emitted.stdout).unwrap();
    assert_eq!(place.run(&flags).code, 0);
    assert_eq!(place.run(&["run", "spec.toml", "--out", "b"]).code, 0);
    let read = |folder: &str| std::fs::read(place.path(folder).join("weights.json")).unwrap();
    assert_eq!(read("a"), read("b"));
}
