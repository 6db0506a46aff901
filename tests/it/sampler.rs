//! The position of a row in a plan, and the sampler of the page, run as printed.

use std::process::Command;

use arrow::array::{AsArray, BooleanArray, Int64Array, StringArray};
use arrow::datatypes::Int64Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::WriterProperties;

use crate::support::{Place, array, left_out, root, write_with};

/// Names whose order is not that of their numbers.
const SHARDS: [(&str, i64); 3] = [("part-1", 31), ("part-10", 17), ("part-2", 23)];

/// Shards with ids, a label and a split, in small row groups.
fn shards(place: &Place) {
    let mut first = 0;
    for (name, rows) in SHARDS {
        let ids = || first..first + rows;
        let split = ids().map(|id| Some(if id % 7 == 3 { "validation" } else { "train" }));
        let columns = vec![
            ("id", array(Int64Array::from_iter_values(ids()))),
            ("split", array(split.collect::<StringArray>())),
            ("often", array(ids().map(|id| Some(id % 2 == 0)).collect::<BooleanArray>())),
            ("rare", array(ids().map(|id| Some(id % 9 == 0)).collect::<BooleanArray>())),
        ];
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(8)).build();
        write_with(&place.path(&format!("data/{name}.parquet")), columns, properties);
        first += rows;
    }
}

const WHERE: [&[&str]; 2] = [&[], &["--where", "split = 'train'"]];

fn sample(place: &Place, condition: &[&str]) {
    let arguments = ["sample", "data", "--labels", "often,rare", "--plan", "class-uniform", "--seed", "3"];
    let more = ["--materialize", "--out", "plan", "--overwrite", "--quiet"];
    let ended = place.run(&[&arguments[..], &more, condition].concat());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

#[test]
fn a_position_is_the_first_of_the_shard_and_the_row() {
    let place = Place::new();
    shards(&place);
    for condition in WHERE {
        sample(&place, condition);
        let told = place.json("plan/plan.json");
        let mut next = 0;
        for shard in told["shards"].as_array().unwrap() {
            assert_eq!(shard["first_position"], next);
            next += shard["shard_rows"].as_i64().unwrap();
            let path = place.path("plan").join(shard["file"].as_str().unwrap());
            let file = std::fs::File::open(path).unwrap();
            let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
            let mut rows = 0;
            for batch in reader.map(Result::unwrap) {
                let numbers =
                    |name: &str| batch.column_by_name(name).unwrap().as_primitive::<Int64Type>().clone();
                let first = shard["first_position"].as_i64().unwrap();
                let both =
                    numbers("row").values().to_vec().into_iter().zip(numbers("position").values().to_vec());
                assert!(both.clone().all(|(row, position)| position == first + row));
                rows += batch.num_rows() as u64;
            }
            assert_eq!(shard["rows"], rows);
            assert!(place.path(shard["path"].as_str().unwrap()).exists());
        }
        assert_eq!(next, SHARDS.iter().map(|(_, rows)| rows).sum::<i64>());
    }
}

/// What stands for torch where it is not installed.
const TORCH: &str = "class WeightedRandomSampler:
    def __init__(self, weights, num_samples):
        self.weights, self.num_samples = list(weights), num_samples
";
/// The rows of an epoch are those of the copies, and weights belong to their rows.
const CHECK: &str = r#"
import glob
copies = pa.concat_tables(pq.read_table(path, partitioning=None) for path in glob.glob("plan/sampled/*.parquet"))
ids = data["id"].to_numpy()
assert sorted(ids[epoch]) == sorted(copies["id"].to_pylist()), "other rows than in the copies"
inside = set(copies["split"].to_pylist())
assert set(np.array(data["split"])[epoch]) <= inside
weighed = {id for id, weight in zip(ids, sampler.weights) if weight > 0}
known = zip(data["id"].to_pylist(), data["split"].to_pylist(), data["often"].to_pylist(), data["rare"].to_pylist())
assert weighed == {id for id, split, often, rare in known if split in inside and (often or rare)}
assert sampler.num_samples == len(plan)
"#;

/// A Python with pyarrow and numpy, and something that stands for torch.
fn python(place: &Place, test: &str) -> Option<String> {
    let python = std::env::var("POSWEIGHT_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has = Command::new(&python).args(["-c", "import pyarrow, numpy"]).output();
    if !has.is_ok_and(|ended| ended.status.success()) {
        left_out(test, &format!("{python} has no pyarrow and numpy"));
        return None;
    }
    for folder in ["stub/torch", "stub/torch/utils"] {
        std::fs::create_dir_all(place.path(folder)).unwrap();
        std::fs::write(place.path(folder).join("__init__.py"), "").unwrap();
    }
    std::fs::write(place.path("stub/torch/utils/data.py"), TORCH).unwrap();
    Some(python)
}

/// The programs of the page, in their order.
fn snippets() -> Vec<String> {
    let page = std::fs::read_to_string(root().join("src/docs/sampling.md")).unwrap();
    let all = page.split("```python\n").skip(1);
    all.map(|rest| rest.split_once("```").unwrap().0.to_owned()).collect()
}

fn run(place: &Place, python: &str, program: &str) {
    let mut run = Command::new(python);
    run.args(["-c", program]).current_dir(place.dir.path()).env("PYTHONPATH", place.path("stub"));
    let ended = run.output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn the_sampler_of_the_page_draws_the_rows_of_the_plan() {
    let place = Place::new();
    let Some(python) = python(&place, "the sampler of sampling.md") else { return };
    shards(&place);
    for condition in WHERE {
        sample(&place, condition);
        run(&place, &python, &format!("{}{CHECK}", snippets()[0]));
    }
}

/// Every id is drawn as often as its repeats say, and has its pairs beside its weight.
const CHECK_IDS: &str = r#"
assert ids.tolist() == sorted(set(pairs["id"].to_pylist()))
assert len(pairs) == 14 and set(pairs.column_names) == {"id", "label", "repeat", "weight"}
repeats = dict(zip(plan["id"].to_pylist(), plan["repeat"].to_pylist()))
assert all((epoch == id).sum() == n for id, n in repeats.items()) and len(epoch) == sum(repeats.values())
weights = dict(zip(plan["id"].to_pylist(), plan["weight"].to_pylist()))
assert all(weights[id] == weight for id, weight in zip(pairs["id"].to_pylist(), pairs["weight"].to_pylist()))
assert list(sampler.weights) == list(weights.values()) and sampler.num_samples == 7
"#;

#[test]
fn the_sampler_of_the_page_draws_the_ids_of_the_plan() {
    let place = Place::new();
    let Some(python) = python(&place, "the sampler of ids of sampling.md") else { return };
    for shard in 0..2_i64 {
        let labels =
            StringArray::from_iter_values((0..7).map(|line| ["cat", "dog", "bird"][line * line % 5 % 3]));
        let ids = Int64Array::from_iter_values((0..7).map(|line| (line * 3 + shard) % 7 * 5));
        write_with(
            &place.path(&format!("data/{shard}.parquet")),
            vec![("id", array(ids)), ("label", array(labels))],
            WriterProperties::builder().build(),
        );
    }
    let long = ["sample", "data", "--layout", "long", "--id", "id", "--labels", "label", "--quiet"];
    let ended = place.run(&[&long[..], &["--plan", "class-uniform", "--out", "plan"]].concat());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    run(&place, &python, &format!("{}{CHECK_IDS}", snippets()[1]));
}

/// Folders whose order as texts is not that of their parts.
const FOLDERS: [&str; 6] = ["train", "train-extra", "train.old", "thr=1", "thr=1.5", "thr=10"];
/// Readers number the rows as the plan does.
const ORDER: &str = r#"
import polars
import pyarrow.dataset
ids = data["id"].to_pylist()
assert [shard["path"] for shard in shards] == sorted(shard["path"] for shard in shards)
assert ids == pq.read_table("data", partitioning=None)["id"].to_pylist(), "pyarrow.parquet"
assert ids == pyarrow.dataset.dataset("data").to_table()["id"].to_pylist(), "pyarrow.dataset"
for source in ["data/", "data/**/*.parquet"]:
    assert ids == polars.scan_parquet(source, hive_partitioning=False).collect()["id"].to_list(), source
assert position.tolist() == list(range(len(data)))
"#;

#[test]
fn pyarrow_and_polars_give_rows_in_the_order_of_positions() {
    let python = std::env::var("POSWEIGHT_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has = Command::new(&python).args(["-c", "import pyarrow, polars, numpy"]).output();
    if !has.is_ok_and(|ended| ended.status.success()) {
        left_out("the order of rows", &format!("{python} has no pyarrow, polars and numpy"));
        return;
    }
    let page = std::fs::read_to_string(root().join("src/docs/sampling.md")).unwrap();
    let snippet = page.split_once("```python\n").unwrap().1.split_once("```").unwrap().0;
    let snippet = snippet
        .split_once("weights = ")
        .unwrap()
        .0
        .replace("from torch.utils.data import WeightedRandomSampler\n", "");
    let place = Place::new();
    let mut first = 0_i64;
    // The other way round than they are read.
    for folder in FOLDERS.iter().rev() {
        for (name, rows) in SHARDS {
            let ids = || first..first + rows;
            let columns = vec![
                ("id", array(Int64Array::from_iter_values(ids()))),
                ("often", array(ids().map(|id| Some(id % 2 == 0)).collect::<BooleanArray>())),
                ("rare", array(ids().map(|id| Some(id % 9 == 0)).collect::<BooleanArray>())),
            ];
            let path = place.path(&format!("data/{folder}/{name}.parquet"));
            write_with(&path, columns, WriterProperties::builder().build());
            first += rows;
        }
    }
    for source in ["data", "data/**/*.parquet"] {
        let arguments = ["sample", source, "--labels", "often,rare", "--plan", "ml-ros", "--out", "plan"];
        let ended = place.run(&[&arguments[..], &["--overwrite", "--quiet"]].concat());
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let mut run = Command::new(&python);
        let ended =
            run.args(["-c", &format!("{snippet}{ORDER}")]).current_dir(place.dir.path()).output().unwrap();
        assert!(ended.status.success(), "{source}: {}", String::from_utf8_lossy(&ended.stderr));
    }
}
