//! `apply --column fold`: each row has the fold that the plan gave it, and a plan of other shards is refused.

use std::collections::BTreeMap;
use std::fs::{self, File};

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use arrow::ipc::reader::StreamReader;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::WriterProperties;

use crate::support::{Ended, Place, array, write_with};

/// The folds by shard and row.
type Folds = BTreeMap<(String, i64), String>;

/// `rows` rows in row groups of 100, with two labels and a number that no two rows of all shards share.
fn shard(place: &Place, name: &str, rows: i64, from: i64) {
    let label = |every: i64| -> ArrayRef {
        array((from..from + rows).map(|row| Some(row % every == 0)).collect::<BooleanArray>())
    };
    let columns = vec![
        ("l0", label(3)),
        ("l1", label(7)),
        ("number", array(Int64Array::from_iter_values(from..from + rows))),
    ];
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(100)).build();
    write_with(&place.path(&format!("data/{name}")), columns, properties);
}

fn shards(place: &Place) {
    shard(place, "part=1/a.parquet", 350, 0);
    shard(place, "part=2/a.parquet", 1, 1000);
    shard(place, "part=2/b.parquet", 230, 2000);
}

fn ran(place: &Place, arguments: &[&str]) {
    let ended = place.run(arguments);
    assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.stderr);
}

fn plan(place: &Place, more: &[&str]) {
    let sample = ["sample", "data", "--labels", "l*", "--out", "split", "--overwrite", "--quiet"];
    let method = ["--plan", "stratified-split:train=0.7,test=0.3"];
    ran(place, &[&sample[..], &method, more].concat());
}

fn apply(place: &Place, weights: &str, column: &str) -> Ended {
    place.run(&["apply", weights, "data", "--column", column, "--out", "out", "--overwrite"])
}

fn batches(place: &Place, path: &str) -> Vec<RecordBatch> {
    let file = File::open(place.path(path)).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    reader.map(Result::unwrap).collect()
}

fn texts(batch: &RecordBatch, column: &str) -> Vec<Option<String>> {
    let array = cast(batch.column_by_name(column).unwrap(), &DataType::Utf8).unwrap();
    array.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
}

/// What the files of the plan say, read without the code that is tested.
fn planned(place: &Place) -> Folds {
    let mut folds = Folds::new();
    for file in fs::read_dir(place.path("split/plan")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        for batch in batches(place, &format!("split/plan/{name}")) {
            let rows = batch.column_by_name("row").unwrap().as_primitive::<Int64Type>().clone();
            let both = texts(&batch, "shard").into_iter().zip(texts(&batch, "fold"));
            for ((shard, fold), row) in both.zip(rows.values()) {
                assert!(folds.insert((shard.unwrap(), *row), fold.unwrap()).is_none());
            }
        }
    }
    folds
}

const SHARDS: [(&str, i64); 3] =
    [("part=1/a.parquet", 350), ("part=2/a.parquet", 1), ("part=2/b.parquet", 230)];

fn check(place: &Place, folds: &Folds, column: &str) {
    for (name, rows) in SHARDS {
        let mut row = 0;
        for batch in batches(place, &format!("out/applied/{name}")) {
            for fold in texts(&batch, column) {
                assert_eq!(fold.as_ref(), folds.get(&(name.to_owned(), row)), "{name} {row}");
                row += 1;
            }
        }
        assert_eq!(row, rows, "{name}");
    }
}

#[test]
fn each_row_has_the_fold_of_the_plan() {
    let place = Place::new();
    shards(&place);
    plan(&place, &[]);
    let folds = planned(&place);
    assert_eq!(folds.len(), 581);
    // The result of `sample` has weights too.
    assert_eq!(apply(&place, "split", "fold").code, 0);
    check(&place, &folds, "fold");
    ran(&place, &["compute", "data", "--labels", "l*", "--out", "w"]);
    for threads in ["1", "3"] {
        let flags =
            ["--column", "fold:plan=split,as=part_of", "--column", "sample_weight", "--threads", threads];
        ran(&place, &[&["apply", "w", "data", "--out", "out", "--overwrite"], &flags[..]].concat());
        check(&place, &folds, "part_of");
    }
    // Counts by the new column are those that the plan has promised.
    ran(&place, &["compute", "out/applied", "--labels", "l*", "--by", "part_of", "--out", "by"]);
    let promised = place.json("split/plan.json")["folds"][0]["positives"].clone();
    assert_eq!(place.json("by/by/part_of=train/weights.json")["positives"], promised);
}

#[test]
fn rows_outside_the_condition_of_the_plan_have_no_fold() {
    let place = Place::new();
    shards(&place);
    plan(&place, &["--where", "number % 5 <> 2"]);
    let folds = planned(&place);
    assert!(folds.len() < 581);
    assert_eq!(apply(&place, "split", "fold").code, 0);
    check(&place, &folds, "fold");
}

#[test]
fn a_stream_of_rows_has_the_same_folds() {
    let place = Place::new();
    shards(&place);
    plan(&place, &[]);
    let folds = planned(&place);
    let (code, bytes, said) =
        place.run_on(&[], &["apply", "split", "data", "--column", "fold", "--out", "-"]);
    assert_eq!(code, 0, "{said}");
    let mut shown = Vec::new();
    for batch in StreamReader::try_new(&bytes[..], None).unwrap() {
        shown.extend(texts(&batch.unwrap(), "fold"));
    }
    let expected =
        SHARDS.iter().flat_map(|(name, rows)| (0..*rows).map(move |row| ((*name).to_owned(), row)));
    assert_eq!(shown, expected.map(|place| folds.get(&place).cloned()).collect::<Vec<_>>());
}

#[test]
fn a_folder_alone_has_its_own_folds() {
    let place = Place::new();
    // As in the folder above it, and the bytes are the same: no footer tells them apart.
    for name in ["a.parquet", "north/a.parquet", "south/a.parquet"] {
        shard(&place, name, 350, 0);
    }
    plan(&place, &[]);
    let folds = planned(&place);
    for folder in ["north", "south"] {
        let name = format!("{folder}/a.parquet");
        let own: Vec<Option<&String>> = (0..350).map(|row| folds.get(&(name.clone(), row))).collect();
        let others: Vec<_> = (0..350).map(|row| folds.get(&("a.parquet".to_owned(), row))).collect();
        assert!(own.iter().all(Option::is_some) && own != others);
        let source = format!("data/{folder}");
        let apply = ["apply", "split", &source, "--column", "fold", "--out", "out", "--overwrite"];
        ran(&place, &apply);
        let batches = batches(&place, "out/applied/a.parquet");
        let found: Vec<_> = batches.iter().flat_map(|batch| texts(batch, "fold")).collect();
        assert_eq!(found.iter().map(Option::as_ref).collect::<Vec<_>>(), own, "{folder}");
    }
}

#[test]
fn a_plan_of_other_shards_is_refused() {
    let place = Place::new();
    shards(&place);
    plan(&place, &[]);
    ran(&place, &["compute", "data", "--labels", "l*", "--out", "w"]);
    let refused = |weights: &str, column: &str, code: i32, words: &[&str]| {
        let ended = apply(&place, weights, column);
        assert_eq!(ended.code, code, "{column}: {}", ended.stderr);
        for word in words {
            assert!(ended.stderr.contains(word), "{column}: {word}: {}", ended.stderr);
        }
        assert!(ended.stderr.contains("hint: ") && !place.path("out/applied").exists(), "{}", ended.stderr);
    };
    refused("w", "fold", 4, &["w: there is no sampling plan", "--column fold:plan=DIR"]);
    refused("w", "fold:plan=nowhere", 4, &["nowhere: there is no sampling plan"]);
    ran(&place, &["sample", "data", "--labels", "l*", "--plan", "ml-ros", "--out", "ros", "--quiet"]);
    refused("w", "fold:plan=ros", 2, &["ros: plan ml-ros", "deals no rows to folds", "stratified-split"]);
    // One more shard.
    shard(&place, "part=3/c.parquet", 5, 9000);
    refused("w", "fold:plan=split", 4, &["\"part=3/c.parquet\" is not in plan split", "made of 3 shards"]);
    fs::remove_file(place.path("data/part=3/c.parquet")).unwrap();
    // The same number of rows, but others.
    let before = fs::read(place.path("data/part=2/b.parquet")).unwrap();
    shard(&place, "part=2/b.parquet", 230, 2001);
    refused("w", "fold:plan=split", 4, &["\"part=2/b.parquet\" was written again"]);
    shard(&place, "part=2/b.parquet", 229, 2000);
    refused("w", "fold:plan=split", 4, &["\"part=2/b.parquet\" has 229 rows, but 230"]);
    fs::write(place.path("data/part=2/b.parquet"), before).unwrap();
    // A shard less does no harm.
    fs::rename(place.path("data/part=2/a.parquet"), place.path("a.parquet")).unwrap();
    assert_eq!(apply(&place, "w", "fold:plan=split").code, 0);
    fs::remove_dir_all(place.path("out")).unwrap();
    fs::rename(place.path("a.parquet"), place.path("data/part=2/a.parquet")).unwrap();
    // Files of the plan that are not those of plan.json.
    let files = ["split/plan/part-00000.parquet", "split/plan/part-00002.parquet"];
    fs::copy(place.path(files[0]), place.path(files[1])).unwrap();
    refused("w", "fold:plan=split", 4, &["part-00002.parquet", "make the plan again"]);
    fs::remove_file(place.path(files[1])).unwrap();
    refused("w", "fold:plan=split", 4, &["part-00002.parquet"]);
}

#[test]
fn a_stream_and_rows_known_by_ids_have_no_places() {
    let place = Place::new();
    shards(&place);
    plan(&place, &[]);
    let (code, _, said) = place.run_on(&[], &["apply", "split", "-", "--column", "fold", "--out", "-"]);
    assert!(code == 2 || code == 4, "{said}");
    let pairs = vec![
        ("id", array(Int64Array::from(vec![1, 1, 2, 3]))),
        ("label", array(Int64Array::from(vec![0, 1, 1, 0]))),
    ];
    write_with(&place.path("pairs/a.parquet"), pairs, WriterProperties::default());
    let long = ["--layout", "long", "--id", "id", "--labels", "label", "--label-kind", "index"];
    let method = ["--plan", "stratified-split:folds=2", "--out", "ids", "--quiet"];
    ran(&place, &[&["sample", "pairs"], &long[..], &method].concat());
    let ended = apply(&place, "split", "fold:plan=ids");
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("by column \"id\""), "{}", ended.stderr);
}
