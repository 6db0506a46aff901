//! Shards as a plan has them: a recount of the copy is the preview, in every layout.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BooleanArray, FixedSizeListBuilder, Float32Builder, Int8Array, Int64Array,
    ListBuilder, RecordBatch, StringArray, StringBuilder,
};
use arrow::datatypes::{Int64Type, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::parquet_to_arrow_schema;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;
use serde_json::Value as Json;

use crate::support::{Place, array, cases, write_with};

const LABELS: usize = 5;
const NAMES: [&str; LABELS] = ["often", "some", "few", "rare", "rarest"];
const PLANS: [&str; 9] = [
    "repeat-factor:threshold=0.3",
    "class-uniform:unlabelled=0.1",
    "ml-ros",
    "ml-rus",
    "ml-rus-majority",
    "lp-ros",
    "lp-rus",
    "remedial",
    "stratified-split:train=0.7,test=0.3",
];

/// Per label yes, no or nothing; the frequent and the rare meet.
fn row(number: i64) -> [Option<bool>; LABELS] {
    let has = |every: i64, at: i64| number % every == at;
    [
        (!has(10, 9)).then_some(!has(4, 3)),
        Some(has(3, 0)),
        (!has(11, 1)).then_some(has(5, 2)),
        Some(has(13, 6)),
        Some(has(29, 6)),
    ]
}

/// The columns of rows in a layout; lists name the labels that rows have.
fn columns(layout: &str, from: i64, to: i64) -> Vec<(&'static str, ArrayRef)> {
    let rows = || (from..to).map(row);
    let has = |row: [Option<bool>; LABELS]| NAMES.into_iter().zip(row).filter(|(_, has)| *has == Some(true));
    let labels: Vec<(&str, ArrayRef)> = match layout {
        "wide" => NAMES
            .into_iter()
            .enumerate()
            .map(|(i, name)| {
                let cells: Vec<Option<bool>> = rows().map(|row| row[i]).collect();
                let number = |cell: Option<bool>| cell.map(i8::from);
                let column = if i % 2 == 0 {
                    array(BooleanArray::from(cells))
                } else {
                    array(cells.into_iter().map(number).collect::<Int8Array>())
                };
                (name, column)
            })
            .collect(),
        "vector" => {
            let mut lists = FixedSizeListBuilder::new(Float32Builder::new(), 5);
            for row in rows() {
                for cell in row {
                    lists.values().append_option(cell.map(|yes| f32::from(u8::from(yes))));
                }
                lists.append(true);
            }
            vec![("y", array(lists.finish()))]
        }
        "list" => {
            let mut lists = ListBuilder::new(StringBuilder::new());
            for (number, row) in (from..to).zip(rows()) {
                has(row).for_each(|(name, _)| lists.values().append_value(name));
                lists.append(number % 17 != 0);
            }
            vec![("y", array(lists.finish()))]
        }
        "list of strings" | "vector of strings" => {
            let texts = (from..to).zip(rows()).map(|(number, row)| match layout {
                "list of strings" if number % 17 == 0 => None,
                "list of strings" => {
                    let names: Vec<String> = has(row).map(|(name, _)| format!("'{name}'")).collect();
                    Some(format!("[{}]", names.join(", ")))
                }
                _ => Some(
                    row.map(|cell| cell.map_or("nan".to_owned(), |yes| u8::from(yes).to_string())).join(" "),
                ),
            });
            vec![("y", array(texts.collect::<StringArray>()))]
        }
        "bits" => {
            let bits = |row: [Option<bool>; LABELS]| {
                (0..LABELS).filter(|bit| row[*bit] == Some(true)).map(|bit| 1 << bit).sum()
            };
            let masks = (from..to).zip(rows()).map(|(number, row)| (number % 17 != 0).then(|| bits(row)));
            vec![("y", array(masks.collect::<Int64Array>()))]
        }
        _ => {
            let texts = rows().map(|row| has(row).map(|(name, _)| name).collect::<Vec<_>>().join("|"));
            vec![("y", array(StringArray::from_iter_values(texts)))]
        }
    };
    let ids = array(Int64Array::from_iter_values(from..to));
    let texts = array(StringArray::from_iter_values((from..to).map(|id| format!("text of {id}"))));
    [vec![("id", ids)], labels, vec![("text", texts)]].concat()
}

const HUGGINGFACE: &str = r#"{"info": {"features": {}}}"#;

/// Two shards in folders, with an entry in the footer and small row groups.
fn shards(place: &Place, layout: &'static str) -> Vec<&'static str> {
    for (name, from, to) in [("part=a/0.parquet", 0, 150), ("part=b/0.parquet", 150, 260)] {
        let entry = KeyValue::new("huggingface".to_owned(), HUGGINGFACE.to_owned());
        let properties = WriterProperties::builder()
            .set_max_row_group_row_count(Some(70))
            .set_key_value_metadata(Some(vec![entry]))
            .build();
        write_with(&place.path("data").join(name), columns(layout, from, to), properties);
    }
    std::fs::write(place.path("names.txt"), NAMES.join("\n")).unwrap();
    match layout {
        "wide" => vec!["--layout", "wide", "--vocabulary", "names.txt"],
        "delimited" => {
            vec!["--layout", "delimited", "--labels", "y", "--delimiter", "|", "--vocabulary", "names.txt"]
        }
        _ => {
            let kind = layout.split(' ').next().unwrap();
            vec!["--layout", kind, "--labels", "y", "--vocabulary", "names.txt"]
        }
    }
}

fn run(place: &Place, arguments: &[&str], labels: &[&str]) {
    let ended = place.run(&[arguments, &["--overwrite", "--quiet"], labels].concat());
    assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.stderr);
}

fn sums(of: &Json) -> Vec<u64> {
    let all = |key: &str| of[key].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect::<Vec<_>>();
    all("uncertain").into_iter().zip(all("missing")).map(|(a, b)| a + b).collect()
}

#[test]
fn a_recount_of_the_copy_is_the_preview() {
    for layout in ["wide", "vector", "list", "delimited", "list of strings", "vector of strings", "bits"] {
        let place = Place::new();
        let labels = shards(&place, layout);
        for plan in PLANS {
            run(&place, &["sample", "data", "--plan", plan, "--materialize", "--out", "out"], &labels);
            let told = place.json("out/plan.json");
            let by: &[&str] = if plan.starts_with("stratified") { &["--by", "fold"] } else { &[] };
            run(&place, &[&["compute", "out/sampled", "--out", "recount"], by].concat(), &labels);
            if plan.starts_with("stratified") {
                for fold in told["folds"].as_array().unwrap() {
                    let name = fold["name"].as_str().unwrap();
                    let found = place.json(&format!("recount/by/fold={name}/weights.json"));
                    assert_eq!((&found["rows"], &found["positives"]), (&fold["rows"], &fold["positives"]));
                }
                continue;
            }
            let found = place.json("recount/weights.json");
            assert_eq!(found["rows"], told["epoch_rows"], "{layout} {plan}");
            for side in ["positives", "negatives"] {
                assert_eq!(found[side], told[format!("{side}_after")], "{layout} {plan}: {side}");
            }
            assert_eq!(Json::from(sums(&found)), told["unknown_after"], "{layout} {plan}");
            let measures = place.json("recount/imbalance.json");
            assert_eq!(measures["mean_ir"], told["measures"]["after"]["mean_ir"], "{layout} {plan}");
        }
    }
}

/// Numbers alike up to rounding, or both null.
fn alike(told: &Json, found: &Json) -> bool {
    match (told.as_f64(), found.as_f64()) {
        (Some(told), Some(found)) => (told - found).abs() <= 1e-12 * found.abs().max(1.0),
        (told, found) => told == found,
    }
}

fn cells() -> impl Strategy<Value = Vec<[Option<bool>; LABELS]>> {
    let cell = |label: u8| {
        prop_oneof![
            6 => (0..1_u16 << label).prop_map(|chance| Some(chance == 0)),
            u32::from(label) * 3 => Just(None),
        ]
    };
    proptest::collection::vec([cell(1), cell(1), cell(2), cell(3), cell(4)], 60..160)
}

proptest! {
    #![proptest_config(cases(3))]
    #[test]
    fn a_recount_with_missing_cells_is_the_preview(rows in cells(), seed in 0..1000_u64) {
        let place = Place::new();
        let half = rows.len() / 2;
        for (name, rows) in [("part-1", &rows[..half]), ("part-10", &rows[half..])] {
            let column = |i: usize| array(rows.iter().map(|row| row[i]).collect::<BooleanArray>());
            let columns = (0..LABELS).map(|i| (NAMES[i], column(i))).collect();
            write_with(&place.path(&format!("data/{name}.parquet")), columns, WriterProperties::new());
        }
        let seed = seed.to_string();
        for plan in PLANS.into_iter().chain(["inverse-frequency:combine=mean", "remedial:one_sided=keep"]) {
            let sample = ["sample", "data", "--plan", plan, "--seed", &seed, "--materialize", "--out", "out"];
            run(&place, &sample, &[]);
            let told = place.json("out/plan.json");
            let by: &[&str] = if plan.starts_with("stratified") { &["--by", "fold"] } else { &[] };
            run(&place, &[&["compute", "out/sampled", "--out", "recount"], by].concat(), &[]);
            let all = place.json("recount/imbalance.json");
            if !by.is_empty() {
                prop_assert!(alike(&told["split"]["label_distribution"], &all["ld"]), "{} {}", told["split"], all["ld"]);
                for fold in told["folds"].as_array().unwrap() {
                    let name = fold["name"].as_str().unwrap();
                    let found = place.json(&format!("recount/by/fold={name}/weights.json"));
                    let known = [&fold["rows"], &fold["positives"], &fold["negatives"]];
                    prop_assert_eq!([&found["rows"], &found["positives"], &found["negatives"]], known);
                    prop_assert_eq!(&Json::from(sums(&found)), &fold["unknown"]);
                }
                continue;
            }
            let found = place.json("recount/weights.json");
            prop_assert_eq!(&found["rows"], &told["epoch_rows"], "{}", plan);
            for side in ["positives", "negatives"] {
                prop_assert_eq!(&found[side], &told[format!("{side}_after")], "{} {}", plan, side);
            }
            prop_assert_eq!(Json::from(sums(&found)), told["unknown_after"].clone(), "{}", plan);
            for (name, value) in told["measures"]["after"].as_object().unwrap() {
                prop_assert!(alike(value, &all[name]), "{plan} {name}: {value} {}", all[name]);
            }
        }
    }
}

#[test]
fn a_plan_that_edits_labels_shows_scumble_and_names_the_copies() {
    let place = Place::new();
    let labels = shards(&place, "wide");
    run(&place, &["sample", "data", "--plan", "remedial", "--materialize", "--out", "out"], &labels);
    let told = place.json("out/plan.json");
    let [before, after] = ["before", "after"].map(|side| told["measures"][side]["scumble"].as_f64().unwrap());
    assert!(after < before, "{before} {after}");
    let advice = &told["weighted_random_sampler"];
    assert!(advice["fits"] == false && advice["do"].as_str().unwrap().contains("--materialize"), "{advice}");
    let dry = ["sample", "data", "--plan", "remedial", "--dry-run"];
    let shown = place.run(&[&dry[..], &labels].concat()).stdout;
    assert!(shown.contains("SCUMBLE") && shown.contains("that --materialize writes"), "{shown}");
}

#[test]
fn a_fold_without_a_label_is_named_and_labels_that_come_along_too() {
    let place = Place::new();
    let column = |every: i64| array((0..40).map(|row| Some(row % every == 0)).collect::<BooleanArray>());
    write_with(
        &place.path("data/a.parquet"),
        vec![("often", column(2)), ("once", column(40))],
        WriterProperties::new(),
    );
    let shown = |plan: &str| place.run(&["sample", "data", "--plan", plan, "--dry-run"]).stdout;
    let split = shown("stratified-split:a=0.5,b=0.5");
    assert!(split.contains("has no positive of 1 label: once"), "{split}");
    let clones = shown("ml-ros");
    assert!(
        clones.contains("1 label up to MeanIR gains positives in rows cloned for rarer ones: often +"),
        "{clones}"
    );
    assert!(clones.contains("of 1 label above MeanIR"), "{clones}");
}

fn read(path: &std::path::Path) -> (Vec<RecordBatch>, Option<String>, arrow::datatypes::SchemaRef) {
    let builder = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(path).unwrap()).unwrap();
    let entries = builder.metadata().file_metadata().key_value_metadata().cloned().unwrap_or_default();
    let entry = entries.into_iter().find(|entry| entry.key == "huggingface").and_then(|entry| entry.value);
    let schema = Arc::clone(builder.schema());
    (builder.build().unwrap().map(Result::unwrap).collect(), entry, schema)
}

/// The Arrow schema that a footer holds, without what the reader adds from other entries: readers in other languages
/// look for metadata there.
fn arrow_schema(path: &std::path::Path) -> Schema {
    let builder = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(path).unwrap()).unwrap();
    let file = builder.metadata().file_metadata();
    let mut entries = file.key_value_metadata().cloned().unwrap();
    entries.retain(|entry| entry.key == "ARROW:schema");
    assert_eq!(entries.len(), 1);
    parquet_to_arrow_schema(file.schema_descr(), Some(&entries)).unwrap()
}

fn ids(batches: &[RecordBatch]) -> Vec<i64> {
    let of = |batch: &RecordBatch| {
        batch.column_by_name("id").unwrap().as_primitive::<Int64Type>().values().to_vec()
    };
    batches.iter().flat_map(of).collect()
}

#[test]
fn copies_keep_columns_order_and_footer() {
    let place = Place::new();
    let labels = shards(&place, "vector");
    run(&place, &["sample", "data", "--plan", "ml-ros", "--materialize", "--out", "out"], &labels);
    let mut all = Vec::new();
    for name in ["part=a/0.parquet", "part=b/0.parquet"] {
        let (before, _, schema) = read(&place.path("data").join(name));
        let (after, entry, schema_after) = read(&place.path("out/sampled").join(name));
        assert_eq!(entry.as_deref(), Some(HUGGINGFACE));
        assert_eq!(schema.fields(), schema_after.fields());
        let inside = arrow_schema(&place.path("out/sampled").join(name));
        assert_eq!(inside.metadata().get("huggingface").map(String::as_str), Some(HUGGINGFACE));
        let ids = ids(&after);
        assert!(ids.is_sorted() && ids.len() > before.iter().map(RecordBatch::num_rows).sum());
        let texts = after.iter().flat_map(|batch| {
            batch
                .column_by_name("text")
                .unwrap()
                .as_string::<i32>()
                .iter()
                .map(|text| text.unwrap().to_owned())
                .collect::<Vec<_>>()
        });
        assert!(texts.zip(&ids).all(|(text, id)| text == format!("text of {id}")));
        all.extend(ids);
    }
    assert_eq!(all.len() as u64, place.json("out/plan.json")["epoch_rows"].as_u64().unwrap());
    // Folds share the rows among them.
    let split = ["sample", "data", "--plan", "stratified-split:folds=3", "--materialize", "--out", "out"];
    run(&place, &split, &labels);
    let mut all: Vec<i64> = (0..3)
        .flat_map(|fold| {
            let place = place.path(&format!("out/sampled/fold={fold}"));
            ["part=a/0.parquet", "part=b/0.parquet"].map(|name| ids(&read(&place.join(name)).0)).concat()
        })
        .collect();
    all.sort_unstable();
    assert_eq!(all, (0..260).collect::<Vec<_>>());
}

#[test]
fn a_row_that_becomes_two_shares_its_labels() {
    let place = Place::new();
    let labels = shards(&place, "list");
    run(&place, &["sample", "data", "--plan", "remedial", "--materialize", "--out", "out"], &labels);
    let (batches, ..) = read(&place.path("out/sampled/part=a/0.parquet"));
    let mut rows: Vec<(i64, Vec<String>)> = Vec::new();
    for batch in &batches {
        let lists = batch.column_by_name("y").unwrap().as_list::<i32>();
        let of =
            |list: ArrayRef| list.as_string::<i32>().iter().map(|name| name.unwrap().to_owned()).collect();
        rows.extend(
            ids(std::slice::from_ref(batch))
                .into_iter()
                .zip(lists.iter().map(|list| list.map_or_else(Vec::new, of))),
        );
    }
    // Row 6 has all but "few", whose kind is neither.
    let six: Vec<_> = rows.iter().filter(|(id, _)| *id == 6).map(|(_, labels)| labels.join(" ")).collect();
    assert_eq!(six, ["often some", "rare rarest"]);
    assert_eq!(rows.iter().filter(|(id, _)| *id == 7).count(), 1);
}

#[test]
fn what_cannot_be_copied_is_said_before_anything_is_written() {
    let place = Place::new();
    // Labels whose zero means yes.
    let column = array(Int64Array::from_iter_values((0..40).map(|row| row % 3)));
    let other = array(Int64Array::from_iter_values((0..40).map(|row| 2 - row % 3)));
    let path = place.path("data/a.parquet");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let batch = RecordBatch::try_from_iter([("l0", column), ("l1", other)]).unwrap();
    let mut writer =
        ArrowWriter::try_new(std::fs::File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let values = ["--labels", "l*", "--positive-values", "0", "--negative-values", "1,2"];
    let base = ["sample", "data", "--plan", "remedial", "--materialize", "--out", "out"];
    // A value that says no is found among those declared.
    assert_eq!(place.run(&[&base[..], &values].concat()).code, 0);
    let never = ["--labels", "l*", "--positive-values", "0,1,2", "--negative-values", "no", "--overwrite"];
    let ended = place.run(&[&base[..], &never].concat());
    assert!(ended.code == 2 && ended.stderr.contains("--negative-values"), "{}", ended.stderr);
}
