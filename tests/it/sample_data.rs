//! The generator of sample_data/, and the test that the folder holds what it makes. `BLESS=1` rewrites.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arrow::array::{
    ArrayRef, BooleanArray, BooleanBuilder, FixedSizeListBuilder, Float32Array, Float32Builder, Int32Array,
    Int64Array, ListArray, ListBuilder, MapBuilder, RecordBatch, StringArray, StringBuilder, StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::support::{array, root, write_with};

/// The labels of the small sets.
const LABELS: [&str; 3] = ["bird", "cat", "dog"];
/// Twelve rows of labels; row 7 has none. The same rows in every small set but `class` and `heads`.
const ROWS: [&[&str]; 12] = [
    &["cat"],
    &["dog"],
    &["cat", "dog"],
    &["cat"],
    &["dog"],
    &["cat"],
    &["dog", "bird"],
    &[],
    &["cat"],
    &["dog"],
    &["cat", "dog"],
    &["dog"],
];

type Shards = BTreeMap<PathBuf, Vec<(&'static str, ArrayRef)>>;

fn ids(rows: std::ops::Range<usize>) -> ArrayRef {
    array(rows.map(|i| i64::try_from(i).unwrap()).collect::<Int64Array>())
}

fn has(row: usize, label: &str) -> bool {
    ROWS[row].contains(&label)
}

/// The small sets, two shards of six rows each.
fn small() -> Shards {
    let mut shards = Shards::new();
    for part in 0..2 {
        let rows = part * 6..part * 6 + 6;
        let at = |folder: &str| PathBuf::from(format!("{folder}/part-{part}.parquet"));
        let id = ("id", ids(rows.clone()));
        let column =
            |label: &str| array(rows.clone().map(|row| Some(has(row, label))).collect::<BooleanArray>());
        let mut wide = vec![id.clone()];
        wide.extend(LABELS.iter().map(|label| (*label, column(label))));
        shards.insert(at("wide"), wide);

        let mut vector = FixedSizeListBuilder::new(Float32Builder::new(), 3);
        let mut list = ListBuilder::new(StringBuilder::new());
        for row in rows.clone() {
            LABELS
                .iter()
                .for_each(|label| vector.values().append_value(f32::from(u8::from(has(row, label)))));
            vector.append(true);
            ROWS[row].iter().for_each(|label| list.values().append_value(label));
            list.append(true);
        }
        shards.insert(at("vector"), vec![id.clone(), ("y", array(vector.finish()))]);
        shards.insert(at("list"), vec![id.clone(), ("tags", array(list.finish()))]);
        let mut scores = MapBuilder::new(None, StringBuilder::new(), Float32Builder::new());
        for row in rows.clone() {
            // Some rows score labels that they do not have, too low.
            let named = LABELS.iter().filter(|label| has(row, label) || row % 3 == 0 && row > 0);
            for label in named {
                scores.keys().append_value(label);
                scores.values().append_value(if has(row, label) { 0.75 } else { 0.125 });
            }
            scores.append(true).unwrap();
        }
        shards.insert(at("map"), vec![id.clone(), ("scores", array(scores.finish()))]);
        let joined = rows.clone().map(|row| Some(ROWS[row].join("|")));
        shards.insert(at("delimited"), vec![id.clone(), ("tags", array(joined.collect::<StringArray>()))]);
        // JSON in the first shard, Python in the second.
        let quote = if part == 0 { '"' } else { '\'' };
        let literal = |row: usize| {
            let names: Vec<String> = ROWS[row].iter().map(|name| format!("{quote}{name}{quote}")).collect();
            format!("[{}]", names.join(", "))
        };
        let literals = array(rows.clone().map(|row| Some(literal(row))).collect::<StringArray>());
        shards.insert(at("json"), vec![id.clone(), ("tags", literals)]);
        let hot = |row: usize| LABELS.map(|label| if has(row, label) { "1" } else { "0" }).join(" ");
        let hot = array(rows.clone().map(|row| Some(format!("[{}]", hot(row)))).collect::<StringArray>());
        shards.insert(at("multi_hot"), vec![id.clone(), ("y", hot)]);
        let mask = |row: usize| (0..3).filter(|bit| has(row, LABELS[*bit])).map(|bit| 1 << bit).sum::<i64>();
        let masks = array(rows.clone().map(|row| Some(mask(row))).collect::<Int64Array>());
        shards.insert(at("bits"), vec![id.clone(), ("mask", masks)]);
        let classes = rows.clone().map(|row| (row != 4).then(|| i32::try_from(row * row % 3).unwrap()));
        shards.insert(at("class"), vec![id.clone(), ("class", array(classes.collect::<Int32Array>()))]);
        let colors = rows.clone().map(|row| (row != 4).then(|| ["red", "green", "blue"][row * row % 5 % 3]));
        let sizes =
            rows.clone().map(|row| (row % 7 != 3).then(|| ["small", "large"][usize::from(row % 4 == 0)]));
        let heads = vec![
            id,
            ("class", array(colors.collect::<StringArray>())),
            ("size", array(sizes.collect::<StringArray>())),
        ];
        shards.insert(at("heads"), heads);

        let mut pairs: Vec<(i64, &str)> = rows
            .flat_map(|row| ROWS[row].iter().map(move |label| (i64::try_from(row).unwrap(), *label)))
            .collect();
        // A pair that the first shard lists already.
        if part == 1 {
            pairs.push((0, "cat"));
        }
        let (rows, labels): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        shards.insert(
            at("long"),
            vec![("example_id", array(Int64Array::from(rows))), ("label", array(StringArray::from(labels)))],
        );
    }
    shards
}

/// Labels inside other columns, elements as units, folders as labels, soft values of pairs.
fn nested() -> Shards {
    let mut shards = Shards::new();
    for part in 0..2 {
        let rows = part * 6..part * 6 + 6;
        let at = |folder: &str| PathBuf::from(format!("{folder}/part-{part}.parquet"));
        let id = ("id", ids(rows.clone()));

        let bits = |label: &str| -> ArrayRef {
            array(rows.clone().map(|row| Some(has(row, label))).collect::<BooleanArray>())
        };
        let fields = LABELS.map(|label| (Field::new(label, DataType::Boolean, true).into(), bits(label)));
        let target = StructArray::from(fields.to_vec());
        shards.insert(at("struct"), vec![id.clone(), ("target", array(target))]);

        let all = rows.clone().flat_map(|row| ROWS[row].iter().zip(1..).map(|(label, n)| (*label, n)));
        let (categories, areas): (Vec<&str>, Vec<i32>) = all.unzip();
        let objects = StructArray::from(vec![
            (Field::new("category", DataType::Utf8, true).into(), array(StringArray::from(categories))),
            (Field::new("area", DataType::Int32, true).into(), array(Int32Array::from(areas))),
        ]);
        let item = Field::new("item", arrow::array::Array::data_type(&objects).clone(), true).into();
        let lengths = OffsetBuffer::from_lengths(rows.clone().map(|row| ROWS[row].len()));
        let objects = ListArray::new(item, lengths, array(objects), None);
        shards.insert(at("objects"), vec![id.clone(), ("objects", array(objects))]);

        // Sentences of three to eight tokens; few of them belong to a name.
        let mut tags = ListBuilder::new(StringBuilder::new());
        for row in rows.clone() {
            for token in 0..3 + row % 6 {
                tags.values().append_value(match (row + token) % 7 {
                    2 => "B-PER",
                    3 if row % 2 == 0 => "I-PER",
                    5 if row % 3 == 0 => "B-LOC",
                    _ => "O",
                });
            }
            tags.append(true);
        }
        shards.insert(at("tokens"), vec![id, ("tags", array(tags.finish()))]);

        let scored = rows.clone().flat_map(|row| {
            let named = LABELS.iter().filter(move |label| has(row, label) || row % 3 == 0 && row > 0);
            named.map(move |label| (row, *label, if has(row, label) { 0.75 } else { 0.25 }))
        });
        let scored: Vec<(usize, &str, f32)> = scored.collect();
        let pairs = vec![
            (
                "example_id",
                array(scored.iter().map(|pair| i64::try_from(pair.0).ok()).collect::<Int64Array>()),
            ),
            ("label", array(scored.iter().map(|pair| Some(pair.1)).collect::<StringArray>())),
            ("score", array(scored.iter().map(|pair| Some(pair.2)).collect::<Float32Array>())),
        ];
        shards.insert(at("long_soft"), pairs);
    }
    // The first rows are cats, the next three dogs, the last a bird.
    for (label, rows) in [("bird", 11..12), ("cat", 0..8), ("dog", 8..11)] {
        shards
            .insert(PathBuf::from(format!("folders/label={label}/part-0.parquet")), vec![("id", ids(rows))]);
    }
    shards
}

/// 270 labels with Zipf-like frequencies in four shards of 500 rows; the last label never occurs.
fn labels270() -> Shards {
    const NAMES: usize = 270;
    // A fixed linear congruential generator: the same bits everywhere, for ever.
    let mut state = 2026_u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(state >> 33).unwrap()) / f64::from(1_u32 << 31)
    };
    let names: Vec<&'static str> = (0..NAMES).map(|j| &*format!("l{j:03}").leak()).collect();
    let mut shards = Shards::new();
    for part in 0..4 {
        let mut columns = vec![("id", ids(part * 500..part * 500 + 500))];
        for (j, name) in names.iter().enumerate() {
            let frequency = 0.35 / (f64::from(u32::try_from(j).unwrap()) + 1.0).powf(0.65);
            // A few rare labels.
            let frequency = if (262..269).contains(&j) { frequency / 4.0 } else { frequency };
            let mut bits = BooleanBuilder::new();
            for _ in 0..500 {
                let (is, known) = (uniform() < frequency, uniform() < 0.9);
                // Every ninetieth label was not looked for in a tenth of the rows.
                if j % 90 == 7 && !known {
                    bits.append_null();
                } else {
                    bits.append_value(is && j + 1 < NAMES);
                }
            }
            columns.push((name, array(bits.finish())));
        }
        shards.insert(PathBuf::from(format!("labels270/part-{part}.parquet")), columns);
    }
    shards
}

fn rows_of(path: &Path) -> RecordBatch {
    let file = std::fs::File::open(path).unwrap_or_else(|_| panic!("{}: run with BLESS=1", path.display()));
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(file).unwrap().with_batch_size(100_000).build().unwrap();
    let batches: Vec<_> = reader.collect::<Result<_, _>>().unwrap();
    arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap()
}

#[test]
fn sample_data_equals_its_generator() {
    let folder = root().join("sample_data");
    let mut shards = small();
    shards.extend(nested());
    shards.extend(labels270());
    let mut made = Vec::new();
    for (path, columns) in shards {
        let path = folder.join(path);
        if std::env::var_os("BLESS").is_some() {
            let zstd = Compression::ZSTD(ZstdLevel::default());
            write_with(&path, columns.clone(), WriterProperties::builder().set_compression(zstd).build());
        }
        let found = rows_of(&path);
        let expected =
            RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap();
        assert_eq!(found.columns(), expected.columns(), "{}", path.display());
        let names = |batch: &RecordBatch| {
            batch.schema().fields().iter().map(|f| f.name().clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(&found), names(&expected), "{}", path.display());
        made.push(path);
    }
    let on_disk = glob::glob(&folder.join("**/*.parquet").display().to_string()).unwrap().map(Result::unwrap);
    assert_eq!(on_disk.collect::<std::collections::BTreeSet<_>>(), made.into_iter().collect());
}
