//! Shards with columns more: targets are what was counted, other columns are the bytes they were.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, FixedSizeListBuilder, Float32Array, Float32Builder,
    Int8Array, Int32Array, Int32Builder, Int64Array, ListBuilder, MapBuilder, RecordBatch, StringArray,
    StringBuilder,
};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Float32Type, Int32Type, SchemaRef};
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::{KeyValue, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use serde_json::Value as Json;

use crate::support::{Ended, Place, array, write, write_with};

const LABELS: usize = 5;
const NAMES: [&str; LABELS] = ["ant", "bee", "cat", "dog", "eel"];

/// Yes, no or nothing for each label of a row.
type Cells = [Option<bool>; LABELS];
/// Columns, what their rows say, and the flags that count them.
type LabelColumns = (Vec<(&'static str, ArrayRef)>, fn(i64) -> Cells, Vec<&'static str>);

/// Cells of their own, and rows of which nothing is known.
fn row(number: i64) -> Cells {
    let has = |every: i64, at: i64| number % every == at;
    if has(23, 5) {
        return [None; LABELS];
    }
    [
        (!has(10, 9)).then_some(!has(4, 3)),
        Some(has(3, 0)),
        (!has(11, 1)).then_some(has(5, 2)),
        Some(has(13, 6)),
        Some(has(29, 6)),
    ]
}

/// What a layout of sets can say: which labels a row has, or nothing.
fn set(number: i64) -> Cells {
    if number % 17 == 0 { [None; LABELS] } else { row(number).map(|cell| Some(cell == Some(true))) }
}

/// One label, or nothing.
fn class(number: i64) -> Option<usize> {
    (number % 17 != 0).then_some(usize::try_from(number % 7).unwrap().min(LABELS - 1))
}

fn one(number: i64) -> Cells {
    let Some(class) = class(number) else { return [None; LABELS] };
    std::array::from_fn(|label| Some(label == class))
}

fn positives(cells: Cells) -> Option<Vec<usize>> {
    let any = cells.iter().any(Option::is_some);
    any.then(|| (0..LABELS).filter(|label| cells[*label] == Some(true)).collect())
}

const LAYOUTS: [&str; 12] = [
    "wide",
    "wide of texts",
    "vector",
    "vector of lists",
    "list",
    "list of names",
    "list of texts",
    "delimited",
    "class",
    "class of names",
    "bits",
    "map",
];

/// The label columns of rows, what they say, and the flags that count them.
fn labels(layout: &str, rows: &[i64]) -> LabelColumns {
    let of = |say: fn(i64) -> Cells| rows.iter().map(move |number| say(*number));
    let named = |cells: Cells| {
        positives(cells).map(|all| all.into_iter().map(|label| NAMES[label]).collect::<Vec<_>>())
    };
    let one_column = |column| vec![("y", column)];
    let vocabulary = |kind| vec!["--layout", kind, "--labels", "y", "--vocabulary", "names.txt"];
    let told: LabelColumns = match layout {
        "wide" | "wide of texts" => {
            let column = |label: usize| -> ArrayRef {
                let cells = || of(row).map(|cells| cells[label]);
                match (layout, label % 3) {
                    ("wide", 0) => array(cells().collect::<BooleanArray>()),
                    ("wide", 1) => array(cells().map(|cell| cell.map(i8::from)).collect::<Int8Array>()),
                    ("wide", _) => {
                        let nan = |cell: Option<bool>| cell.map_or(f32::NAN, |yes| f32::from(u8::from(yes)));
                        array(cells().map(|cell| Some(nan(cell))).collect::<Float32Array>())
                    }
                    _ => array(
                        cells()
                            .map(|cell| cell.map(|yes| if yes { "1" } else { "0" }))
                            .collect::<StringArray>(),
                    ),
                }
            };
            (
                (0..LABELS).map(|label| (NAMES[label], column(label))).collect(),
                row,
                vec!["--labels", "ant,bee,cat,dog,eel", "--layout", "wide"],
            )
        }
        "vector" => {
            let mut lists = FixedSizeListBuilder::new(Float32Builder::new(), 5);
            for cells in of(row) {
                cells
                    .iter()
                    .for_each(|cell| lists.values().append_option(cell.map(|yes| f32::from(u8::from(yes)))));
                lists.append(true);
            }
            (one_column(array(lists.finish())), row, vocabulary("vector"))
        }
        "vector of lists" => {
            let mut lists = ListBuilder::new(Int32Builder::new());
            for cells in of(row) {
                let is_there = cells.iter().any(Option::is_some);
                if is_there {
                    cells.iter().for_each(|cell| lists.values().append_option(cell.map(i32::from)));
                }
                lists.append(is_there);
            }
            (one_column(array(lists.finish())), row, vocabulary("vector"))
        }
        "list" => {
            let lists = of(set).map(|cells| {
                // In another order, and some of them twice.
                let labels = positives(cells)?;
                let twice = labels.iter().rev().chain(labels.first());
                Some(twice.map(|label| Some(i32::try_from(*label).unwrap())).collect::<Vec<_>>())
            });
            let lists = arrow::array::ListArray::from_iter_primitive::<Int32Type, _, _>(lists);
            (one_column(array(lists)), set, vec!["--layout", "list", "--labels", "y", "--num-labels", "5"])
        }
        "list of names" => {
            let mut lists = ListBuilder::new(StringBuilder::new());
            for cells in of(set) {
                let all = named(cells);
                all.iter().flatten().for_each(|name| lists.values().append_value(name));
                lists.append(all.is_some());
            }
            (one_column(array(lists.finish())), set, vec!["--layout", "list", "--labels", "y"])
        }
        "list of texts" => {
            let texts = of(set).map(|cells| named(cells).map(|names| format!("{names:?}")));
            (one_column(array(texts.collect::<StringArray>())), set, vocabulary("list"))
        }
        "delimited" => {
            let texts = of(set).map(|cells| named(cells).map(|names| names.join("|")));
            let flags = vec!["--layout", "delimited", "--labels", "y", "--delimiter", "|"];
            (one_column(array(texts.collect::<StringArray>())), set, flags)
        }
        "class" => {
            let classes = rows.iter().map(|number| class(*number).map(|class| i64::try_from(class).unwrap()));
            let column = array(classes.collect::<Int64Array>());
            (one_column(column), one, vec!["--layout", "class", "--labels", "y"])
        }
        "class of names" => {
            let classes = rows.iter().map(|number| class(*number).map(|class| NAMES[class]));
            (
                one_column(array(classes.collect::<StringArray>())),
                one,
                vec!["--layout", "class", "--labels", "y"],
            )
        }
        "bits" => {
            let bits = of(set).map(|cells| {
                positives(cells).map(|all| all.into_iter().map(|bit| 1_i64 << bit).sum::<i64>())
            });
            let column = array(bits.collect::<Int64Array>());
            (one_column(column), set, vec!["--layout", "bits", "--labels", "y", "--num-labels", "5"])
        }
        _ => {
            let mut maps = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
            for cells in of(row) {
                let is_there = cells.iter().any(Option::is_some);
                for (name, cell) in
                    NAMES.iter().zip(cells).filter(|(_, cell)| is_there && *cell != Some(false))
                {
                    maps.keys().append_value(name);
                    maps.values().append_option(cell.map(i32::from));
                }
                maps.append(is_there).unwrap();
            }
            (one_column(array(maps.finish())), row, vocabulary("map"))
        }
    };
    told
}

const HUGGINGFACE: &str = r#"{"info": {"features": {}}}"#;

/// How shards are written.
fn properties(kind: usize) -> WriterProperties {
    let entry = KeyValue::new("huggingface".to_owned(), HUGGINGFACE.to_owned());
    let builder = WriterProperties::builder()
        .set_max_row_group_row_count(Some(70))
        .set_key_value_metadata(Some(vec![entry]));
    match kind {
        0 => builder.set_compression(Compression::SNAPPY).set_bloom_filter_enabled(true).build(),
        1 => builder
            .set_dictionary_enabled(false)
            .set_writer_version(WriterVersion::PARQUET_2_0)
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_data_page_row_count_limit(20)
            .set_write_batch_size(10)
            .build(),
        _ => builder
            .set_compression(Compression::UNCOMPRESSED)
            .set_statistics_enabled(EnabledStatistics::None)
            .set_offset_index_disabled(true)
            .set_column_encoding("id".into(), Encoding::DELTA_BINARY_PACKED)
            .set_column_dictionary_enabled("id".into(), false)
            .build(),
    }
}

const SHARDS: [(&str, i64, i64); 3] =
    [("part=a/0.parquet", 0, 150), ("part=b/0.parquet", 150, 260), ("part=b/1.parquet", 260, 261)];

/// Rows of a shard, with a column before and one behind the labels.
fn columns(layout: &str, from: i64, to: i64) -> Vec<(&'static str, ArrayRef)> {
    let rows: Vec<i64> = (from..to).collect();
    let ids = array(Int64Array::from(rows.clone()));
    let texts = array(StringArray::from_iter_values(rows.iter().map(|id| format!("text of {id}"))));
    [vec![("id", ids)], labels(layout, &rows).0, vec![("text", texts)]].concat()
}

/// Shards in folders; gives the flags that count them.
fn shards(place: &Place, layout: &str, kind: usize) -> Vec<&'static str> {
    for (name, from, to) in SHARDS {
        write_with(&place.path("data").join(name), columns(layout, from, to), properties(kind));
    }
    std::fs::write(place.path("names.txt"), NAMES.join("\n")).unwrap();
    labels(layout, &[0]).2
}

fn run(place: &Place, arguments: &[&str]) -> Ended {
    let ended = place.run(&[arguments, &["--quiet"]].concat());
    assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.stderr);
    ended
}

fn rows_of(path: &Path) -> RecordBatch {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let schema = SchemaRef::clone(builder.schema());
    let batches: Vec<RecordBatch> = builder.build().unwrap().map(Result::unwrap).collect();
    // Entries of the footer are of no batch.
    let schema = Arc::new(arrow::datatypes::Schema::new(schema.fields().clone()));
    let batches: Vec<RecordBatch> = batches
        .into_iter()
        .map(|b| RecordBatch::try_new(Arc::clone(&schema), b.columns().to_vec()).unwrap())
        .collect();
    concat_batches(&schema, &batches).unwrap()
}

fn footer(path: &Path) -> ParquetMetaData {
    ParquetMetaDataReader::new()
        .with_page_index_policy(PageIndexPolicy::Optional)
        .parse_and_finish(&File::open(path).unwrap())
        .unwrap()
}

/// The cells of dense targets.
fn dense(column: &ArrayRef) -> Vec<Cells> {
    let lists = column.as_fixed_size_list();
    let values = lists.values().as_primitive::<Float32Type>();
    assert!(lists.null_count() == 0 && values.null_count() == 0);
    let cell = |at: usize| match values.value(at) {
        1.0 => Some(true),
        0.0 => Some(false),
        other => {
            assert!(other.is_nan(), "{other}");
            None
        }
    };
    (0..lists.len()).map(|row| std::array::from_fn(|label| cell(row * LABELS + label))).collect()
}

fn numbers(of: &Json) -> Vec<u64> {
    of.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect()
}

#[test]
fn dense_targets_are_what_the_rows_say_and_what_was_counted() {
    for (number, layout) in LAYOUTS.into_iter().enumerate() {
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
        (&["weights", "data", "--targets", "dense:as=text", "--out", "o"], 2, "\"text\" already"),
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
