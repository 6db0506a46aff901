//! What executors share out among each other, what they save, and what a run on a cluster says that it took.

use arrow::array::{Int32Array, Int64Array, ListArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use serde_json::Value as Json;

use crate::machines::{Cluster, Setup, equal, long, spread, wide};
use crate::support::{Ended, Place, array, write, write_with};

fn ok(ended: &Ended) {
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

/// Lists of ten labels out of `labels`.
fn many_labels(place: &Place, folder: &str, [shards, rows, labels]: [usize; 3], how: &WriterProperties) {
    for shard in 0..shards {
        let label = |n: usize| i32::try_from((n * 7_919 + shard * 31) % labels).unwrap();
        let values = array((0..rows * 10).map(label).collect::<Int32Array>());
        let field = std::sync::Arc::new(Field::new("element", DataType::Int32, true));
        let lists = ListArray::new(field, OffsetBuffer::from_lengths(vec![10; rows]), values, None);
        let path = place.path(&format!("{folder}/{shard}.parquet"));
        write_with(&path, vec![("labels", array(lists))], how.clone());
    }
}

/// Pairs whose ids lie in all shards.
fn many_pairs(place: &Place, shards: usize, rows: usize) {
    for shard in 0..shards {
        let id = |row: usize| i64::try_from((row * 7 + shard) % (rows / 3)).unwrap();
        let label = |row: usize| i64::try_from(spread(row, shard)).unwrap();
        let columns = vec![
            ("id", array((0..rows).map(id).collect::<Int64Array>())),
            ("label", array((0..rows).map(label).collect::<Int64Array>())),
        ];
        write(&place.path(&format!("pairs/{shard}.parquet")), columns);
    }
}

#[test]
fn counts_and_pairs_of_several_parts_are_merged_by_executors() {
    let cluster = Cluster::new();
    let place = Place::new();
    // Footers tell how many labels there are, or there may be as many as values.
    let told = WriterProperties::builder();
    let untold = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None);
    for (folder, how, stages) in [("told", told, 1), ("untold", untold, 2)] {
        many_labels(&place, folder, [4, 120_000, 150_000], &how.build());
        ok(&cluster
            .same(&place, &[folder, "--layout", "list", "--labels", "labels", "--row-measures", "off"]));
        let account = &place.json("there/run_results.json")["cluster"];
        let is_shuffled = account["bytes"]["shuffled"].as_u64() > Some(0);
        assert_eq!((&account["stages"], is_shuffled), (&Json::from(stages), stages > 1), "{account}");
    }
    many_pairs(&place, 2, 1_300_000);
    let pairs = ["pairs", "--layout", "long", "--id", "id", "--labels", "label", "--row-measures", "off"];
    ok(&cluster.same(&place, &pairs));
    let account = &place.json("there/run_results.json")["cluster"];
    assert!(account["tasks"].as_u64() > Some(3), "{account}");
}

#[test]
fn a_run_says_what_it_took() {
    let cluster = Cluster::new();
    let place = Place::new();
    wide(&place, "wide", 5, 900);
    ok(&cluster.same(&place, &["wide", "--layout", "wide", "--labels", "a,b,c", "--row-measures", "on"]));
    let (here, there) = (place.json("here/run_results.json"), place.json("there/run_results.json"));
    assert!(here.get("cluster").is_none());
    let account = &there["cluster"];
    let number = |path: &str| account.pointer(path).and_then(Json::as_f64).unwrap_or(-1.0);
    // One job counts, one measures rows.
    assert_eq!(account["jobs"], 2, "{account}");
    assert!(
        (1.0..=2.0).contains(&number("/executors")) && number("/threads") == number("/executors"),
        "{account}"
    );
    assert!(
        number("/tasks") >= 10.0 && number("/task_seconds") > 0.0 && number("/job_seconds") > 0.0,
        "{account}"
    );
    for path in
        ["/processor_seconds/client", "/processor_seconds/executors", "/bytes/read", "/bytes/to_client"]
    {
        assert!(number(path) > 0.0, "{path}: {account}");
    }
    for path in
        ["/processor_seconds/scheduler", "/serial_seconds", "/task_overhead_seconds", "/bytes/shuffled"]
    {
        assert!(number(path) >= 0.0, "{path}: {account}");
    }
    assert_eq!(there["inputs"]["bytes_read"], account["bytes"]["read"]);
}

#[test]
fn counts_of_shards_are_saved_and_not_counted_again() {
    let mut cluster = Cluster::with(Setup { executors: 1, ..Setup::default() });
    let place = Place::new();
    wide(&place, "wide", 5, 300);
    long(&place, "long", 3, 600);
    let statuses = |out: &str| -> Vec<String> {
        let shards = place.json(&format!("{out}/run_results.json"))["shards"].clone();
        shards.as_array().unwrap().iter().map(|shard| shard["status"].as_str().unwrap().to_owned()).collect()
    };
    let run = |out: &str, more: &[&str]| {
        let base = [
            "compute",
            "wide",
            "--layout",
            "wide",
            "--labels",
            "a,b,c",
            "--row-measures",
            "off",
            "--overwrite",
            "--out",
        ];
        place.run(&[&base, &[out][..], more].concat())
    };
    let url = cluster.url.clone();
    let on = ["--cluster", &url];
    ok(&run("here", &[]));
    ok(&run("there", &[&on[..], &["--state", "state"]].concat()));
    assert_eq!(statuses("there"), ["counted"; 5]);
    equal(&place.path("here"), &place.path("there"));
    // What a cluster saved, one machine reads, and the other way round.
    ok(&run("there", &["--state", "state", "--full"]));
    std::fs::remove_file(place.path("wide/part=0/004.parquet")).unwrap();
    wide(&place, "more", 6, 300);
    std::fs::rename(place.path("more/part=1/005.parquet"), place.path("wide/part=1/005.parquet")).unwrap();
    ok(&run("here", &[]));
    ok(&run("there", &[&on[..], &["--state", "state"]].concat()));
    assert_eq!(statuses("there"), ["reused", "reused", "reused", "reused", "counted"]);
    equal(&place.path("here"), &place.path("there"));
    // Nothing is left to count, so no executor is needed.
    cluster.stop_executors();
    ok(&run("there", &[&on[..], &["--state", "state"]].concat()));
    ok(&run("alone", &["--state", "state"]));
    assert_eq!(statuses("alone"), ["reused"; 5]);
    equal(&place.path("here"), &place.path("there"));
}

#[test]
fn pairs_that_shards_share_are_counted_each_time() {
    let cluster = Cluster::new();
    let place = Place::new();
    long(&place, "long", 3, 600);
    let base = [
        "compute",
        "long",
        "--layout",
        "long",
        "--labels",
        "label",
        "--id",
        "id",
        "--row-measures",
        "off",
        "--overwrite",
    ];
    let run = |more: &[&str]| ok(&place.run(&[&base, more].concat()));
    run(&["--out", "here"]);
    for _ in 0..2 {
        run(&["--out", "there", "--state", "state", "--cluster", &cluster.url]);
        equal(&place.path("here"), &place.path("there"));
    }
}
