//! Shards of every layout for the tests of `apply`, and what their rows say.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, FixedSizeListBuilder, Float32Array, Float32Builder, Int8Array,
    Int32Builder, Int64Array, ListBuilder, MapBuilder, RecordBatch, StringArray, StringBuilder,
};
use arrow::compute::concat_batches;
use arrow::datatypes::{Float32Type, Int32Type, SchemaRef};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::{KeyValue, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use serde_json::Value as Json;

use crate::support::{Ended, Place, array, write_with};

pub(crate) const LABELS: usize = 5;
pub(crate) const NAMES: [&str; LABELS] = ["ant", "bee", "cat", "dog", "eel"];

/// Yes, no or nothing for each label of a row.
pub(crate) type Cells = [Option<bool>; LABELS];
/// Columns, what their rows say, and the flags that count them.
pub(crate) type LabelColumns = (Vec<(&'static str, ArrayRef)>, fn(i64) -> Cells, Vec<&'static str>);

/// Cells of their own, and rows of which nothing is known.
pub(crate) fn row(number: i64) -> Cells {
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
pub(crate) fn set(number: i64) -> Cells {
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

pub(crate) const LAYOUTS: [&str; 12] = [
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
pub(crate) fn labels(layout: &str, rows: &[i64]) -> LabelColumns {
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

pub(crate) const HUGGINGFACE: &str = r#"{"info": {"features": {}}}"#;

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

pub(crate) const SHARDS: [(&str, i64, i64); 3] =
    [("part=a/0.parquet", 0, 150), ("part=b/0.parquet", 150, 260), ("part=b/1.parquet", 260, 261)];

/// Rows of a shard, with a column before and one behind the labels.
pub(crate) fn columns(layout: &str, from: i64, to: i64) -> Vec<(&'static str, ArrayRef)> {
    let rows: Vec<i64> = (from..to).collect();
    let ids = array(Int64Array::from(rows.clone()));
    let texts = array(StringArray::from_iter_values(rows.iter().map(|id| format!("text of {id}"))));
    [vec![("id", ids)], labels(layout, &rows).0, vec![("text", texts)]].concat()
}

/// Shards in folders; gives the flags that count them.
pub(crate) fn shards(place: &Place, layout: &str, kind: usize) -> Vec<&'static str> {
    for (name, from, to) in SHARDS {
        write_with(&place.path("data").join(name), columns(layout, from, to), properties(kind));
    }
    std::fs::write(place.path("names.txt"), NAMES.join("\n")).unwrap();
    labels(layout, &[0]).2
}

pub(crate) fn run(place: &Place, arguments: &[&str]) -> Ended {
    let ended = place.run(&[arguments, &["--quiet"]].concat());
    assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.stderr);
    ended
}

pub(crate) fn rows_of(path: &Path) -> RecordBatch {
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

pub(crate) fn footer(path: &Path) -> ParquetMetaData {
    ParquetMetaDataReader::new()
        .with_page_index_policy(PageIndexPolicy::Optional)
        .parse_and_finish(&File::open(path).unwrap())
        .unwrap()
}

/// The cells of dense targets.
pub(crate) fn dense(column: &ArrayRef) -> Vec<Cells> {
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

pub(crate) fn numbers(of: &Json) -> Vec<u64> {
    of.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect()
}
