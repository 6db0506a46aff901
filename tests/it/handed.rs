//! Tables that a program hands over: counted as they come, and opened again where rows are needed twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{
    ArrayRef, BooleanArray, Int32Array, ListArray, RecordBatch, RecordBatchIterator, StringArray,
};
use arrow::datatypes::Int32Type;
use arrow::error::ArrowError;
use parquet::arrow::ArrowWriter;
use posweight::error::Error;
use posweight::{Computed, Options, compute};
use serde_json::{Value, json};

use crate::support::{Place, some};

const ROWS: i32 = 150_000;

/// One batch with 0/1 columns, lists of labels, classes, weights and a split.
fn table() -> RecordBatch {
    let a: BooleanArray = (0..ROWS).map(|row| Some(row % 7 == 0)).collect();
    let b: BooleanArray = (0..ROWS).map(|row| (row % 11 != 0).then_some(row % 5 == 0)).collect();
    let c: Int32Array = (0..ROWS).map(|row| Some(i32::from(row % 100 == 3))).collect();
    let tags = (0..ROWS).map(|row| {
        (row % 13 != 0).then(|| (0..row % 4).map(|label| Some(label * (1 + row % 2))).collect::<Vec<_>>())
    });
    let tags = ListArray::from_iter_primitive::<Int32Type, _, _>(tags);
    let kind: Int32Array = (0..ROWS).map(|row| Some(row % 4)).collect();
    let split: StringArray = (0..ROWS).map(|row| Some(if row % 3 == 0 { "test" } else { "train" })).collect();
    let columns: [(&str, ArrayRef); 6] = [
        ("a", Arc::new(a)),
        ("b", Arc::new(b)),
        ("c", Arc::new(c)),
        ("tags", Arc::new(tags)),
        ("kind", Arc::new(kind)),
        ("split", Arc::new(split)),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap()
}

/// Options that read `batches`, as often as they are asked, and how often that was.
fn given(batches: Vec<RecordBatch>) -> (Options, Arc<AtomicUsize>) {
    let opened = Arc::new(AtomicUsize::new(0));
    let times = Arc::clone(&opened);
    let open = move || {
        times.fetch_add(1, Ordering::SeqCst);
        let schema = batches[0].schema();
        Ok(Box::new(RecordBatchIterator::new(batches.clone().into_iter().map(Ok), schema)) as _)
    };
    (Options::new::<&str>([]).with_table("frame", open), opened)
}

fn with(options: Options, keys: &Value) -> Options {
    options.with_all(keys.as_object().unwrap().clone()).unwrap()
}

/// What a result says of its labels and its rows; of all rows and of each group.
fn said(computed: &Computed) -> Value {
    let groups = computed.group_names().filter_map(|name| computed.group(name));
    let views = std::iter::once(computed.all()).chain(groups);
    let view = |view: posweight::library::ResultView<'_>| {
        let mut imbalance: Value = serde_json::from_slice(&view.file("imbalance.json").unwrap()).unwrap();
        imbalance.as_object_mut().unwrap().retain(|key, _| key != "fingerprint");
        let weights: Vec<_> = view.weights().map(|(name, values)| json!([name, values])).collect();
        json!([view.rows(), view.labels(), view.tallies(), weights, imbalance])
    };
    views.map(view).collect()
}

/// Why rows were read as they were.
fn way(computed: &Computed) -> Value {
    let record: Value = serde_json::from_str(&computed.record().unwrap().unwrap()).unwrap();
    json!([record["counting"]["way"]["why"], record["counting"]["rows_way"]["why"]])
}

const COMES: &str = "rows of a stream are counted as they come";

#[test]
fn a_table_gives_what_a_file_with_the_same_rows_gives() {
    let place = Place::new();
    let table = table();
    let file = std::fs::File::create(place.path("in.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, table.schema(), None).unwrap();
    writer.write(&table).unwrap();
    writer.close().unwrap();
    let path = place.path("in.parquet").display().to_string();
    // Batches of any length, as they lie in one table.
    let pieces: Vec<RecordBatch> = (0..150).map(|at| table.slice(at * 1000, 1000)).collect();
    for (keys, comes) in some([
        (json!({"labels": "a,b,c"}), true),
        (json!({"layout": "wide", "labels": ["a", "c"], "row_measures": "on"}), true),
        (json!({"labels": "a,b,c", "row_measures": "off"}), true),
        (json!({"labels": "a,b,c", "where": "split = 'train' AND kind < 3"}), true),
        (json!({"labels": "a,b", "by": ["split", "kind"]}), true),
        (json!({"labels": "a,b", "by": "split", "where": "kind <> 1"}), true),
        (json!({"labels": "a,b", "sample_weight": "kind"}), true),
        (json!({"labels": "a,b", "engine": "plain", "threads": 3}), true),
        (json!({"layout": "list", "labels": "tags"}), true),
        (json!({"layout": "list", "labels": "tags", "num_labels": 9, "by": "split"}), true),
        (json!({"layout": "class", "labels": "split"}), true),
        (json!({"labels": "a,b,c", "engine": "encoded"}), false),
        (json!({"labels": "a,b,c", "plan": "repeat-factor"}), false),
        (json!({"layout": "class", "labels": "kind,split"}), false),
        (json!({"layout": "long", "labels": "kind", "id": "split"}), false),
    ]) {
        let of_file = compute(with(Options::new([&path]), &keys)).unwrap();
        for batches in [vec![table.clone()], pieces.clone()] {
            let (options, opened) = given(batches);
            let of_table = compute(with(options, &keys)).unwrap();
            assert_eq!(said(&of_table), said(&of_file), "{keys}");
            assert_eq!(way(&of_table)[0] == COMES, comes, "{keys}: {}", way(&of_table));
            // Rows that are saved are opened once; others for the count and for the measures.
            let times = opened.load(Ordering::SeqCst);
            assert!(if comes { times <= 4 } else { times == 1 }, "{keys}: {times}");
        }
    }
}

#[test]
fn rows_that_come_late_settle_what_the_first_left_open() {
    let numbers = |last: i32| {
        let values: Int32Array =
            (0..ROWS).map(|row| Some(if row < ROWS - 9 { row % 2 } else { last })).collect();
        let bits: BooleanArray = (0..ROWS).map(|row| Some(row % 3 == 0)).collect();
        let columns: [(&str, ArrayRef); 2] = [("a", Arc::new(bits)), ("x", Arc::new(values))];
        RecordBatch::try_from_iter(columns).unwrap()
    };
    // A value without a meaning is named with its row, as in a file.
    let labels = json!({"labels": "a,x", "layout": "wide"});
    let error = compute(with(given(vec![numbers(7)]).0, &labels)).unwrap_err();
    assert_eq!(error.exit_code(), 4);
    assert!(error.to_string().contains(&format!("\"x\": row {} (from 0): value 7", ROWS - 9)), "{error}");
    // Without names, the column is no label; the saved rows say so.
    let saved = compute(with(given(vec![numbers(7)]).0, &json!({"engine": "encoded"})));
    let found = compute(given(vec![numbers(7)]).0);
    match (&saved, &found) {
        (Ok(saved), Ok(found)) => assert_eq!(said(found), said(saved)),
        (Err(saved), Err(found)) => assert_eq!(found.to_string(), saved.to_string()),
        _ => panic!("{saved:?} {found:?}"),
    }
    assert_eq!(compute(given(vec![numbers(1)]).0).unwrap().all().labels(), ["a", "x"]);
}

/// A column in which every `of`-th row is positive.
fn named(name: &str, of: i32) -> Result<RecordBatch, ArrowError> {
    let bits: BooleanArray = (0..ROWS).map(|row| Some(row % of == 0)).collect();
    RecordBatch::try_from_iter([(name, Arc::new(bits) as ArrayRef)])
}

#[test]
fn a_table_that_changes_meanwhile_is_refused() {
    let open = |change: fn(usize) -> Result<RecordBatch, ArrowError>| {
        let times = AtomicUsize::new(0);
        let open = move || {
            let batch = change(times.fetch_add(1, Ordering::SeqCst))?;
            let schema = batch.schema();
            Ok(Box::new(RecordBatchIterator::new([Ok(batch)], schema)) as _)
        };
        let options = Options::new::<&str>([]).with_table("frame", open);
        compute(with(options, &json!({"labels": "a", "layout": "wide"})))
    };
    let changed = open(|time| named("a", if time == 0 { 2 } else { 3 }));
    let error = changed.unwrap_err();
    assert!(matches!(error, Error::Changed(_)), "{error}");
    assert!(error.to_string().starts_with("frame: its rows changed"), "{error}");
    let renamed = open(|time| named(if time == 0 { "a" } else { "b" }, 2));
    assert_eq!(renamed.unwrap_err().exit_code(), 8);
    let gone = open(|time| match time {
        0 => named("a", 2),
        _ => Err(ArrowError::CDataInterface("the frame is gone".to_owned())),
    });
    assert!(gone.unwrap_err().to_string().contains("the frame is gone"));
}

#[test]
fn rows_that_come_once_are_kept_for_their_measures() {
    let table = table();
    let once = |keys: Value| {
        let reader = RecordBatchIterator::new([Ok(table.clone())], table.schema());
        compute(with(Options::new::<&str>([]).with_rows("rows", Box::new(reader)), &keys)).unwrap()
    };
    let (kept, passed) =
        (once(json!({"labels": "a,b,c"})), once(json!({"labels": "a,b,c", "row_measures": "off"})));
    assert_ne!(way(&kept)[0], COMES);
    assert_eq!(way(&passed)[0], COMES);
    assert_eq!(kept.all().tallies(), passed.all().tallies());
    let again = compute(with(given(vec![table.clone()]).0, &json!({"labels": "a,b,c"}))).unwrap();
    assert_eq!(said(&again), said(&kept));
}
