//! Every file of pipelines/ runs, and the same rows give the same weights in every layout.

use std::path::Path;

use arrow::ipc::writer::StreamWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::support::{Place, root};

const SMALL: [&str; 3] = ["bird", "cat", "dog"];
/// Labels, positives and negatives of each small pipeline; those of labels270 are too many.
type Expected = (&'static str, &'static [&'static str], &'static [u64], &'static [u64]);
#[rustfmt::skip]
const EXPECTED: [Expected; 19] = [
    ("ancestors", &["animal", "bird", "cat", "dog", "mammal"], &[11, 1, 6, 7, 11], &[1, 11, 6, 5, 1]),
    ("bits", &SMALL, &[1, 6, 7], &[11, 6, 5]),
    ("class", &["red", "green", "blue"], &[4, 7, 0], &[7, 4, 11]),
    ("delimited", &SMALL, &[1, 6, 7], &[11, 6, 5]),
    ("elements", &["B-LOC", "B-PER", "I-PER", "O"], &[2, 10, 4, 50], &[64, 56, 62, 16]),
    ("folders", &SMALL, &[1, 8, 3], &[11, 4, 9]),
    ("heads", &["class=green", "class=red", "size=large", "size=small"], &[8, 3, 3, 7], &[3, 8, 7, 3]),
    ("json", &SMALL, &[1, 6, 7], &[11, 6, 5]),
    ("list", &SMALL, &[1, 6, 7], &[11, 6, 5]),
    ("long", &SMALL, &[1, 6, 7], &[11, 6, 5]),
    ("long_soft", &SMALL, &[1, 6, 7], &[11, 6, 5]),
    ("map", &SMALL, &[1, 6, 7], &[11, 6, 5]),
    ("multi_hot", &SMALL, &[1, 6, 7], &[11, 6, 5]),
    ("objects", &SMALL, &[1, 6, 7], &[11, 6, 5]),
    ("query", &SMALL, &[1, 6, 7], &[10, 5, 4]),
    ("sample_ids", &SMALL, &[1, 6, 7], &[10, 5, 4]),
    ("struct", &["target.bird", "target.cat", "target.dog"], &[1, 6, 7], &[11, 6, 5]),
    ("vector", &SMALL, &[1, 6, 7], &[11, 6, 5]),
    ("wide", &SMALL, &[1, 6, 7], &[11, 6, 5]),
];

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
        let saved = ["--state", &state];
        // The rows of a query have no counts to save.
        let saved = if name == "query" { &[][..] } else { &saved };
        let ended = place.run(&[&["run", path.to_str().unwrap(), "--out", name][..], saved].concat());
        assert_eq!(ended.code, 0, "{name}: {}", ended.stderr);
        assert!(place.path(name).join("_SUCCESS").exists());
        ran += 1;
    }
    assert_eq!(ran, EXPECTED.len() + 3, "a pipeline without expected counts");
    for (name, labels, positives, negatives) in EXPECTED {
        let told = place.json(&format!("{name}/weights.json"));
        assert_eq!(told["labels"], serde_json::json!(labels), "{name}");
        assert_eq!(told["positives"], serde_json::json!(positives), "{name}");
        assert_eq!(told["negatives"], serde_json::json!(negatives), "{name}");
    }
    let soft = place.json("long_soft/weights.json");
    assert_eq!(soft["positives_mass"], serde_json::json!([1.25, 5.0, 5.5]));
    assert_eq!(soft["negatives_mass"], serde_json::json!([10.75, 7.0, 6.5]));
    assert_eq!(place.json("elements/weights.json")["unit"], "element");
    let heads = place.json("heads/weights.json");
    assert_eq!(heads["missing"], serde_json::json!([1, 1, 2, 2]));
    assert_eq!(place.json("nightly/run_results.json")["status"], "done");
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
    let names =
        ["wide", "vector", "list", "delimited", "long", "json", "multi_hot", "bits", "map", "objects"];
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
