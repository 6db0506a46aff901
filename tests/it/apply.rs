//! Shards with columns more: targets are what was counted, other columns are the bytes they were.

use std::path::Path;

use arrow::array::{
    AsArray, BinaryArray, BooleanArray, Float32Array, Int8Array, Int32Array, RecordBatch, StringArray,
};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Float32Type, Int32Type};
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::WriterProperties;
use serde_json::Value as Json;

use crate::apply_sets::{
    HUGGINGFACE, LAYOUTS, NAMES, SHARDS, columns, dense, footer, labels, numbers, row, rows_of, run, shards,
};
use crate::support::{Place, array, some, write, write_with};

#[test]
fn dense_targets_are_what_the_rows_say_and_what_was_counted() {
    for (number, layout) in some(LAYOUTS.into_iter().enumerate()) {
        let place = Place::new();
        let flags = shards(&place, layout, number % 3);
        run(&place, &[&["compute", "data", "--out", "weights"][..], &flags].concat());
        for engine in ["auto", "plain"] {
            run(
                &place,
                &["apply", "weights", "data", "--targets", "dense", "--engine", engine, "--out", engine],
            );
        }
        let say = labels(layout, &[0]).1;
        for (name, from, to) in SHARDS {
            let path = place.path("auto/applied").join(name);
            let (rows, own) = (rows_of(&path), rows_of(&place.path("data").join(name)));
            let targets = dense(rows.column_by_name("targets").unwrap());
            assert_eq!(targets, (from..to).map(say).collect::<Vec<_>>(), "{layout} {name}");
            let copied = rows.project(&(0..own.num_columns()).collect::<Vec<_>>()).unwrap();
            assert_eq!(copied, own, "{layout} {name}");
            check_copied(&place.path("data").join(name), &path, own.num_columns());
            // However rows are read.
            let plain = std::fs::read(place.path("plain/applied").join(name)).unwrap();
            assert!(plain == std::fs::read(&path).unwrap(), "{layout} {name}");
        }
        // They are the labels that were counted, for whoever counts them.
        let weights = place.json("weights/weights.json");
        std::fs::write(place.path("labels.json"), weights["labels"].to_string()).unwrap();
        let again = ["compute", "auto/applied", "--layout", "vector", "--labels", "targets", "--vocabulary"];
        run(&place, &[&again[..], &["labels.json", "--out", "again"]].concat());
        let again = place.json("again/weights.json");
        for key in ["labels", "positives", "negatives", "pos_weight"] {
            assert_eq!(again[key], weights[key], "{layout} {key}");
        }
        let missing = |of: &Json| -> Vec<u64> {
            numbers(&of["missing"]).into_iter().zip(numbers(&of["uncertain"])).map(|(a, b)| a + b).collect()
        };
        assert_eq!(missing(&again), missing(&weights), "{layout}");
        let results = place.json("auto/run_results.json");
        assert_eq!((&results["applied"]["rows"], &results["status"]), (&261.into(), &"done".into()));
    }
}

/// The columns of a shard are the same bytes in its copy, and what its footer says of them is the same.
fn check_copied(original: &Path, copy: &Path, columns: usize) {
    let (before, after) = (footer(original), footer(copy));
    let bytes = [original, copy].map(|path| std::fs::read(path).unwrap());
    assert_eq!(before.num_row_groups(), after.num_row_groups());
    for (group, number) in before.row_groups().iter().zip(0..) {
        assert_eq!(group.num_rows(), after.row_group(number).num_rows());
        for (leaf, own) in group.columns().iter().enumerate() {
            let new = after.row_group(number).column(leaf);
            let part = |bytes: &[u8], (start, length): (u64, u64)| {
                let start = usize::try_from(start).unwrap();
                bytes[start..start + usize::try_from(length).unwrap()].to_vec()
            };
            assert_eq!(part(&bytes[0], own.byte_range()), part(&bytes[1], new.byte_range()));
            assert_eq!((own.statistics(), own.num_values()), (new.statistics(), new.num_values()));
            assert_eq!(own.bloom_filter_offset().is_some(), new.bloom_filter_offset().is_some());
            if let (Some(own_index), Some(new_index)) = (before.offset_index(), after.offset_index()) {
                let pages =
                    |index: &[Vec<parquet::file::page_index::offset_index::OffsetIndexMetaData>]| {
                        let pages = &index[number][leaf].page_locations;
                        pages
                            .iter()
                            .map(|page| (page.first_row_index, page.compressed_page_size))
                            .collect::<Vec<_>>()
                    };
                assert_eq!(pages(own_index), pages(new_index));
            }
        }
    }
    assert_eq!(before.offset_index().is_some(), after.offset_index().is_some());
    let entry = |of: &ParquetMetaData, key: &str| {
        let entries = of.file_metadata().key_value_metadata().unwrap();
        let found: Vec<_> = entries.iter().filter(|entry| entry.key == key).collect();
        assert_eq!(found.len(), 1, "{key}");
        found[0].value.clone()
    };
    assert_eq!(entry(&after, "huggingface").as_deref(), Some(HUGGINGFACE));
    assert!(entry(&after, "ARROW:schema").is_some());
    let schema = rows_of(copy).schema();
    assert_eq!(schema.fields().len(), columns + 1);
    assert!(matches!(schema.field(columns).data_type(), DataType::FixedSizeList(_, 5)));
}

#[test]
fn other_columns_are_copied_without_being_decoded() {
    let place = Place::new();
    // Bytes that do not compress.
    let image = |row: u64| -> Vec<u8> {
        let mut state = row.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let next = std::iter::repeat_with(move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        });
        next.take(2500).flatten().collect()
    };
    let images = BinaryArray::from_iter_values((0..400).map(image));
    let labels: Int32Array = (0..400).map(|row| Some(row % 3)).collect();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(100)).build();
    write_with(
        &place.path("data/0.parquet"),
        vec![("image", array(images)), ("y", array(labels))],
        properties,
    );
    run(&place, &["compute", "data", "--layout", "class", "--labels", "y", "--out", "weights"]);
    run(&place, &["apply", "weights", "data", "--column", "sample_weight", "--out", "out"]);
    let applied = &place.json("out/run_results.json")["applied"];
    let (copied, decoded) =
        (applied["bytes_copied"].as_u64().unwrap(), applied["bytes_decoded"].as_u64().unwrap());
    assert!(copied > 8_000_000 && decoded < 10_000, "{applied}");
    assert_eq!(
        rows_of(&place.path("out/applied/0.parquet")).column(0),
        rows_of(&place.path("data/0.parquet")).column(0)
    );
}

#[test]
fn labels_are_matched_by_name() {
    let place = Place::new();
    let column = |label: usize| array((0..90).map(|number| row(number)[label]).collect::<BooleanArray>());
    let some =
        |labels: &[usize]| labels.iter().map(|label| (NAMES[*label], column(*label))).collect::<Vec<_>>();
    write(&place.path("train/0.parquet"), some(&[0, 1, 2, 3, 4]));
    run(&place, &["compute", "train", "--out", "weights"]);
    // In another order, with a column that is no label of the result.
    let other = ("other", column(0));
    write(&place.path("turned/0.parquet"), [vec![other.clone()], some(&[3, 0, 4, 2, 1])].concat());
    run(&place, &["apply", "weights", "turned", "--targets", "dense", "--out", "out"]);
    let targets = rows_of(&place.path("out/applied/0.parquet"));
    assert_eq!(dense(targets.column_by_name("targets").unwrap()), (0..90).map(row).collect::<Vec<_>>());
    // Where labels are said by a pattern, one more of them is refused, and one less.
    for (name, labels, word) in
        [("more", vec![0, 1, 2, 3, 4], "\"other\""), ("less", vec![0, 1, 2, 4], "\"dog\"")]
    {
        let columns =
            if name == "more" { [some(&labels), vec![other.clone()]].concat() } else { some(&labels) };
        write(&place.path(name).join("0.parquet"), columns);
        let ended =
            place.run(&["apply", "weights", name, "--labels", "*", "--targets", "dense", "--out", "refused"]);
        assert_eq!(ended.code, 4, "{}", ended.stderr);
        assert!(ended.stderr.contains(word) && ended.stderr.contains("hint"), "{}", ended.stderr);
        assert!(!place.path("refused").exists());
    }
    let ended = place.run(&["apply", "weights", "less", "--targets", "dense", "--out", "refused"]);
    assert!(ended.code == 4 && ended.stderr.contains("dog"), "{}", ended.stderr);
    // Names that were found: fewer of them are fine, another one is not.
    let names = |names: &[&str]| vec![("y", array(StringArray::from(names.to_vec())))];
    write(&place.path("classes/0.parquet"), names(&["cat", "ant", "bee"]));
    run(&place, &["compute", "classes", "--layout", "class", "--labels", "y", "--out", "classes_out"]);
    write(&place.path("few/0.parquet"), names(&["cat", "cat"]));
    run(&place, &["apply", "classes_out", "few", "--targets", "indices", "--out", "few_out"]);
    let rows = rows_of(&place.path("few_out/applied/0.parquet"));
    let lists = rows.column_by_name("targets").unwrap().as_list::<i32>().clone();
    assert_eq!(lists.values().as_primitive::<Int32Type>().values(), &[2, 2]);
    write(&place.path("new/0.parquet"), names(&["cat", "cow"]));
    let ended = place.run(&["apply", "classes_out", "new", "--targets", "dense", "--out", "refused"]);
    assert!(ended.code == 4 && ended.stderr.contains("\"cow\""), "{}", ended.stderr);
    assert!(!place.path("refused/applied").exists() && !place.path("refused/_SUCCESS").exists());
}

#[test]
fn class_columns_and_values_are_read_as_the_result_says() {
    let place = Place::new();
    let columns = || {
        let kinds = StringArray::from(vec![Some("a"), Some("b"), None, Some("b")]);
        let sizes = Int32Array::from(vec![Some(1), Some(0), Some(2), None]);
        let scores = Float32Array::from(vec![0.2, 0.9, 0.5, -1.0]);
        vec![("kind", array(kinds)), ("size", array(sizes)), ("score", array(scores))]
    };
    write(&place.path("data/0.parquet"), columns());
    run(&place, &["compute", "data", "--layout", "class", "--labels", "kind,size", "--out", "heads"]);
    run(&place, &["apply", "heads", "data", "--targets", "dense", "--out", "out"]);
    let rows = rows_of(&place.path("out/applied/0.parquet"));
    let targets = dense(rows.column_by_name("targets").unwrap());
    let (yes, no) = (Some(true), Some(false));
    assert_eq!(
        targets,
        [
            [yes, no, no, yes, no],
            [no, yes, yes, no, no],
            [None, None, no, no, yes],
            [no, yes, None, None, None]
        ]
    );
    // A threshold of the result, and one that overrides it.
    let flags = ["--layout", "wide", "--labels", "score", "--threshold", "0.5", "--missing-values", "-1"];
    run(&place, &[&["compute", "data", "--out", "scores"][..], &flags].concat());
    let values = |more: &[&str]| {
        let asked =
            ["apply", "scores", "data", "--targets", "dense:missing=-1,as=y", "--overwrite", "--out", "out"];
        run(&place, &[&asked[..], more].concat());
        let rows = rows_of(&place.path("out/applied/0.parquet"));
        let lists = rows.column_by_name("y").unwrap().as_fixed_size_list().clone();
        lists.values().as_primitive::<Float32Type>().values().to_vec()
    };
    assert_eq!(values(&[]), [0.0, 1.0, 1.0, -1.0]);
    assert_eq!(values(&["--threshold", "0.6"]), [0.0, 1.0, 0.0, -1.0]);
}

#[test]
fn weights_of_rows_and_cells_are_those_of_the_result() {
    let place = Place::new();
    let cells = |values: [Option<bool>; 4]| array(BooleanArray::from(values.to_vec()));
    let (yes, no) = (Some(true), Some(false));
    // Weights 1 and 2.
    let columns = || vec![("a", cells([yes, yes, no, no])), ("b", cells([no, yes, None, no]))];
    write(&place.path("data/0.parquet"), columns());
    run(&place, &["compute", "data", "--out", "weights"]);
    let asked = [
        "--column",
        "sample_weight",
        "--column",
        "sample_weight:rule=sum,as=sum",
        "--column",
        "loss_weights",
    ];
    run(&place, &[&["apply", "weights/weights.json", "data", "--out", "out"][..], &asked].concat());
    let rows = rows_of(&place.path("out/applied/0.parquet"));
    let floats =
        |name: &str| rows.column_by_name(name).unwrap().as_primitive::<Float32Type>().values().to_vec();
    assert_eq!(floats("sample_weight"), [1.0, 1.5, 1.0, 1.0]);
    assert_eq!(floats("sum"), [1.0, 3.0, 1.0, 1.0]);
    let lists = rows.column_by_name("loss_weights").unwrap().as_fixed_size_list();
    let values = lists.values().as_primitive::<Float32Type>().values().to_vec();
    assert_eq!(values, [1.0, 1.0, 1.0, 2.0, 1.0, 0.0, 1.0, 1.0]);
    // Another scheme, from the counts of the result.
    let asked = ["--column", "sample_weight:rule=max", "--scheme", "inverse-frequency:reference=rows"];
    run(
        &place,
        &[&["apply", "weights/counts.parquet", "data", "--overwrite", "--out", "out"][..], &asked].concat(),
    );
    let rows = rows_of(&place.path("out/applied/0.parquet"));
    let weights =
        rows.column_by_name("sample_weight").unwrap().as_primitive::<Float32Type>().values().to_vec();
    assert_eq!(weights, [2.0, 4.0, 1.0, 1.0]);
}

#[test]
fn what_cannot_be_done_is_refused_before_anything_is_written() {
    let place = Place::new();
    let flags = shards(&place, "wide", 0);
    run(&place, &[&["compute", "data", "--out", "weights"][..], &flags].concat());
    let dense = ["--targets", "dense"];
    for (arguments, code, word) in [
        (&["weights", "data", "--out", "o"][..], 2, "--column"),
        (&["weights", "data", "--targets", "dens", "--out", "o"], 2, "dense"),
        (
            &["weights", "data", "--targets", "dense:as=text", "--out", "o"],
            2,
            "such as --targets dense:as=text_2",
        ),
        (&["weights", "data", "--targets", "dense:as=part", "--out", "o"], 2, "\"part\" already"),
        (
            &["weights", "data", "--targets", "dense", "--column", "loss_weights:as=targets", "--out", "o"],
            2,
            "two columns",
        ),
        (&["weights", "data", "--targets", "dense"], 2, "--out"),
        (&["weights", "data", "--targets", "dense", "--out", "data/o"], 2, "source"),
        (&["weights", "data/**/*.parquet", "--targets", "dense", "--out", "data"], 2, "source"),
        (&["weights", "data", "--targets", "dense", "--soft", "--out", "o"], 2, "soft"),
        (&["weights", "data", "--targets", "dense", "--order", "name", "--out", "o"], 2, "--order"),
        (&["weights", "data", "--targets", "dense", "--layout", "long", "--out", "o"], 2, "long"),
        (&["weights", "data", "--targets", "dense", "--delimiter", "|", "--out", "o"], 2, "--delimiter"),
        (&["data", "data", "--targets", "dense", "--out", "o"], 4, "counts.parquet"),
        (
            &["weights", "data", "--column", "loss_weights", "--scheme", "repeat-factor", "--out", "o"],
            2,
            "negatives=",
        ),
        (&["weights", "data", "--targets", "dense", "--out", "weights"], 7, "--overwrite"),
    ] {
        let ended = place.run(&[&["apply"], arguments].concat());
        assert_eq!(ended.code, code, "{arguments:?}: {}", ended.stderr);
        assert!(
            ended.stderr.contains(word) && ended.stderr.contains("hint"),
            "{arguments:?}: {}",
            ended.stderr
        );
        assert!(!place.path("o").exists() && !place.path("data/o").exists(), "{arguments:?}");
    }
    assert!(place.path("weights/weights.json").exists());
    // A result that is there stays until the new one is whole.
    run(&place, &[&["apply", "weights", "data", "--out", "o"][..], &dense].concat());
    let before = std::fs::read(place.path("o/applied/part=a/0.parquet")).unwrap();
    let whole = std::fs::read(place.path("data/part=b/0.parquet")).unwrap();
    let place_of_ant = footer(&place.path("data/part=b/0.parquet")).row_group(0).column(1).byte_range();
    let mut page = whole.clone();
    page[usize::try_from(place_of_ant.0).unwrap()..][..usize::try_from(place_of_ant.1).unwrap()].fill(0xff);
    for (what, bytes) in [("cut off", whole[..whole.len() / 2].to_vec()), ("a page", page)] {
        std::fs::write(place.path("data/part=b/0.parquet"), bytes).unwrap();
        let ended =
            place.run(&[&["apply", "weights", "data", "--overwrite", "--out", "o"][..], &dense].concat());
        assert!(ended.code == 4 && ended.stderr.contains("part=b/0.parquet"), "{what}: {}", ended.stderr);
        assert_eq!(std::fs::read(place.path("o/applied/part=a/0.parquet")).unwrap(), before);
    }
    let left: Vec<_> = std::fs::read_dir(place.dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains(".posweight-")), "{left:?}");
}

fn stream(batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batches[0].schema()).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}

fn batch(layout: &str, from: i64, to: i64) -> RecordBatch {
    let columns = columns(layout, from, to).into_iter().map(|(name, column)| (name, column, true));
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

#[test]
fn a_stream_goes_on_with_the_columns() {
    for layout in LAYOUTS {
        let place = Place::new();
        let flags = shards(&place, layout, 0);
        run(&place, &[&["compute", "data", "--out", "weights"][..], &flags].concat());
        let say = labels(layout, &[0]).1;
        let batches = [batch(layout, 0, 100), batch(layout, 100, 261)];
        let input = stream(&batches);
        let asked = ["--targets", "dense", "--column", "sample_weight", "--quiet"];
        let read = |bytes: &[u8]| {
            let batches: Vec<RecordBatch> =
                StreamReader::try_new(bytes, None).unwrap().map(Result::unwrap).collect();
            concat_batches(&batches[0].schema(), &batches).unwrap()
        };
        let own = concat_batches(&batches[0].schema(), &batches).unwrap();
        let check = |rows: &RecordBatch, what: &str| {
            let targets = dense(rows.column_by_name("targets").unwrap());
            assert_eq!(targets, (0..261).map(say).collect::<Vec<_>>(), "{layout} {what}");
            let own_columns = &rows.columns()[..own.num_columns()];
            assert!(own_columns == own.columns(), "{layout} {what}");
        };
        let (code, out, stderr) =
            place.run_on(&input, &[&["apply", "weights", "-", "--out", "-"][..], &asked].concat());
        assert_eq!(code, 0, "{layout}: {stderr}");
        check(&read(&out), "from - to -");
        let (code, out, stderr) =
            place.run_on(b"", &[&["apply", "weights", "data", "--out", "-"][..], &asked].concat());
        assert_eq!(code, 0, "{layout}: {stderr}");
        check(&read(&out), "from shards to -");
        let (code, _, stderr) =
            place.run_on(&input, &[&["apply", "weights", "-", "--out", "out"][..], &asked].concat());
        assert_eq!(code, 0, "{layout}: {stderr}");
        let files: Vec<_> =
            std::fs::read_dir(place.path("out/applied")).unwrap().map(|e| e.unwrap().path()).collect();
        assert_eq!(files.len(), 1);
        check(&rows_of(&files[0]), "from - to a folder");
    }
}

#[test]
fn a_stream_that_is_wrong_does_not_end_as_a_whole_one() {
    let place = Place::new();
    let flags = shards(&place, "wide", 0);
    run(&place, &[&["compute", "data", "--out", "weights"][..], &flags].concat());
    let good = batch("wide", 0, 100);
    let mut columns = good.columns().to_vec();
    columns[2] = array(Int8Array::from(vec![7_i8; 100]));
    let bad = RecordBatch::try_new(good.schema(), columns).unwrap();
    let whole = stream(&[good.clone(), good.clone()]);
    let end_mark = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
    for (what, input, word) in [
        ("a value", stream(&[good.clone(), bad]), "\"bee\""),
        ("its end", whole[..whole.len() - 8].to_vec(), "cut off"),
        ("a batch", whole[..whole.len() - 500].to_vec(), "stdin"),
    ] {
        let (code, out, stderr) =
            place.run_on(&input, &["apply", "weights", "-", "--targets", "dense", "--out", "-"]);
        assert_eq!(code, 4, "{what}: {stderr}");
        assert!(stderr.contains(word), "{what}: {stderr}");
        assert!(!out.ends_with(&end_mark), "{what}");
    }
}

#[test]
fn a_row_that_a_list_cannot_say_is_named() {
    let place = Place::new();
    let cells = |rows: &[Option<i8>]| array(rows.iter().copied().collect::<arrow::array::Int8Array>());
    let all = [Some(1), Some(0), Some(1), Some(0)];
    write(&place.path("d/0.parquet"), vec![("a", cells(&all)), ("b", cells(&all))]);
    write(
        &place.path("d/1.parquet"),
        vec![("a", cells(&all)), ("b", cells(&[Some(1), Some(1), None, Some(0)]))],
    );
    run(&place, &["compute", "d", "--layout", "wide", "--labels", "a,b", "--out", "weights"]);
    for out in ["out", "-"] {
        let (code, _, said) =
            place.run_on(&[], &["apply", "weights", "d", "--targets", "indices", "--out", out]);
        assert_eq!(code, 4, "{said}");
        assert!(said.contains("d/1.parquet: row 2 (from 0): --targets indices: "), "{said}");
    }
}
