//! One scheduler and two executors on this machine count to the same bytes as one process; an executor that
//! is killed costs time.

use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use arrow::array::{Int64Array, StringArray};
use parquet::file::properties::WriterProperties;

use crate::machines::{Cluster, Setup, equal, lists, long, spread, wide};
use crate::support::{Ended, Place, array, ports, write, write_with};

/// No row id lies in two shards, and footers tell so.
fn apart(place: &Place, folder: &str, shards: usize, rows: usize) {
    for shard in 0..shards {
        let id = (0..rows).map(|row| i64::try_from(shard * rows + spread(row, shard) % rows).unwrap());
        let label = (0..rows).map(|row| (row % 50 > 0).then(|| format!("l{}", spread(row, shard) % 30)));
        let value = (0..rows).map(|row| [Some(0), Some(1), None][spread(row, 5) % 3]);
        let columns = vec![
            ("id", array(id.map(Some).collect::<Int64Array>())),
            ("label", array(label.collect::<StringArray>())),
            ("value", array(value.collect::<Int64Array>())),
        ];
        let properties = WriterProperties::builder().set_dictionary_enabled(false).build();
        write_with(&place.path(&format!("{folder}/{shard:03}.parquet")), columns, properties);
    }
}

/// Puts `after` in the place of an id that stands in a page alone, and not in the footer.
fn lie(path: &Path, before: i64, after: i64) {
    let mut bytes = std::fs::read(path).unwrap();
    let (before, after) = (before.to_le_bytes(), after.to_le_bytes());
    let at = bytes.windows(8).position(|word| word == before).unwrap();
    bytes[at..at + 8].copy_from_slice(&after);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn pairs_of_shards_that_share_no_ids_are_counted_where_they_are_read() {
    let cluster = Cluster::new();
    let place = Place::new();
    apart(&place, "apart", 6, 500);
    // Rows of pairs are measured by one process alone.
    let base = ["apart", "--layout", "long", "--row-measures", "off", "--labels", "label", "--id", "id"];
    let engine = |ended: &Ended| {
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        place.json("there/run_results.json")["counting"]["way"]["engine"].as_str().unwrap().to_owned()
    };
    for more in [&[][..], &["--engine", "encoded"], &["--value", "value"]] {
        assert_eq!(engine(&cluster.same(&place, &[&base, more].concat())), "encoded");
    }
    for more in [&["--by", "value"][..], &["--where", "value = 1"], &["--engine", "plain"]] {
        assert_eq!(engine(&cluster.same(&place, &[&base, more].concat())), "plain");
    }
    // One more that meets the last: those two are counted together, the others as before.
    std::fs::copy(place.path("apart/005.parquet"), place.path("apart/006.parquet")).unwrap();
    for more in [&[][..], &["--engine", "encoded"]] {
        assert_eq!(engine(&cluster.same(&place, &[&base, more].concat())), "encoded");
    }
    std::fs::remove_file(place.path("apart/006.parquet")).unwrap();
    lie(&place.path("apart/001.parquet"), 500 + 50, 500 * 4 + 51);
    let ended = cluster.same(&place, &base);
    assert!(ended.stderr.contains("row ids lie outside of what the footers claim"), "{}", ended.stderr);
    assert_eq!(engine(&ended), "encoded");
}

#[test]
fn plans_of_rows_are_those_of_one_process() {
    let cluster = Cluster::new();
    let place = Place::new();
    wide(&place, "wide", 5, 900);
    lists(&place);
    let wide = ["wide", "--layout", "wide", "--labels", "a,b,c"];
    let list = ["list", "--layout", "list", "--labels", "indices"];
    let all: [(&[&str], &str, &[&str]); 8] = [
        (&wide, "repeat-factor:threshold=0.6", &[]),
        (&wide, "ml-ros:percent=20", &["--engine", "plain"]),
        (&wide, "stratified-split:train=0.7,test=0.3", &["--where", "part = '1'"]),
        (&wide, "lp-rus:percent=10", &["--where", "split = 'train'"]),
        (&list, "lp-ros:percent=10", &[]),
        (&list, "inverse-frequency", &[]),
        (&list, "remedial", &["--num-labels", "400"]),
        (&list, "ml-rus:percent=5", &["--materialize"]),
    ];
    for (base, plan, more) in all {
        let run = |out: &str, cluster: &[&str]| {
            let plan = ["--plan", plan, "--seed", "9", "--overwrite", "--out", out];
            let ended = place.run(&[&["sample"], base, &plan, more, cluster].concat());
            assert_eq!(ended.code, 0, "{plan:?}: {}", ended.stderr);
        };
        run("here", &[]);
        run("there", &["--cluster", &cluster.url]);
        equal(&place.path("here"), &place.path("there"));
    }
}

#[test]
fn a_cluster_gives_the_bytes_of_one_process() {
    let cluster = Cluster::new();
    let place = Place::new();
    wide(&place, "wide", 5, 900);
    lists(&place);
    long(&place, "long", 3, 1200);
    std::fs::write(place.path("tags.txt"), (0..300).map(|i| format!("tag {i}\n")).collect::<String>())
        .unwrap();
    let wide = ["wide", "--layout", "wide", "--labels", "a,b,c"];
    let list = ["list", "--layout", "list", "--labels"];
    let long = ["long", "--layout", "long", "--row-measures", "off", "--labels"];
    let runs: [(&[&str], &[&str]); 15] = [
        (&wide, &[]),
        (&wide, &["--engine", "plain", "--where", "split = 'train' AND c"]),
        (&wide, &["--by", "part,split", "--row-measures", "on"]),
        (&wide, &["--where", "part = '1'"]),
        (&wide, &["--where", "part = '2'", "--allow-empty"]),
        (&wide, &["--sample-weight", "w"]),
        (&list, &["indices"]),
        (&list, &["indices", "--num-labels", "400", "--missing-values", "3"]),
        (&list, &["names"]),
        (&list, &["names", "--vocabulary", "tags.txt"]),
        (&long, &["label", "--id", "id"]),
        (&long, &["label", "--id", "name", "--num-rows", "5000"]),
        (&long, &["number", "--id", "name", "--value", "value", "--uncertain-values", "-1"]),
        (&long, &["number", "--id", "id", "--num-labels", "64", "--by", "value"]),
        (&long, &["label", "--id", "id", "--where", "number > 7"]),
    ];
    for (base, more) in runs {
        let ended = cluster.same(&place, &[base, more].concat());
        // A vocabulary may lack a label, which both say; nothing else goes wrong.
        assert!(ended.code == 0 || ended.stderr.contains("is not in the vocabulary"), "{}", ended.stderr);
    }
}

#[test]
fn queries_give_the_rows_of_one_process() {
    let cluster = Cluster::new();
    let place = Place::new();
    wide(&place, "wide", 5, 900);
    let ok = place.run(&["compute", "wide", "--layout", "wide", "--labels", "a,b,c", "--out", "w"]);
    assert_eq!(ok.code, 0, "{}", ok.stderr);
    for query in [
        "SELECT split, positives(a), missing(b), pos_weight(c), prevalence(a) FROM 'wide' GROUP BY split ORDER BY split",
        "SELECT part, count(*), sum(CAST(a AS INT)) FROM 'wide' WHERE w > 0.3 GROUP BY part ORDER BY part",
        "SELECT label, sqrt_weight(positives, negatives) FROM 'w'.counts ORDER BY label",
        "SELECT label, positives FROM label_counts('wide', 'layout=wide, labels=a,b,c') ORDER BY label",
        "SELECT c.label, c.positives, count(*) FROM label_counts('wide', 'layout=wide, labels=a,b,c') c \
         JOIN 'wide' s ON c.label = substr(s.split, 3, 1) GROUP BY c.label, c.positives ORDER BY c.label",
        "SELECT s.split, m.measure FROM 'w'.imbalance m, (SELECT DISTINCT split FROM 'wide') s \
         WHERE m.measure = 'mean_ir' ORDER BY s.split",
        "SELECT max(w) - (SELECT avg(w) FROM 'wide') FROM 'wide'",
        "SELECT a, w FROM 'wide' WHERE part = '1' ORDER BY w DESC, a NULLS FIRST LIMIT 5",
        "SELECT 1 + 1",
        "SELECT sum(CAST(a AS INT) + 1), avg(w), stddev(w), sum(w) FROM 'wide'",
    ] {
        let ended = cluster.same_rows(&place, query);
        assert_eq!(ended.code, 0, "{query}: {}", ended.stderr);
    }
    write(&place.path("odd.parquet"), vec![("a", array(Int64Array::from(vec![1, 0, 7, 7])))]);
    for query in ["SELECT positives(a) FROM 'odd.parquet'", "SELECT nothing FROM 'odd.parquet'"] {
        assert_ne!(cluster.same_rows(&place, query).code, 0, "{query}");
    }
}

#[test]
fn what_is_wrong_is_said_as_by_one_process() {
    let cluster = Cluster::new();
    let place = Place::new();
    wide(&place, "wide", 4, 300);
    long(&place, "long", 2, 300);
    write(&place.path("odd/0.parquet"), vec![("a", array(Int64Array::from(vec![1, 0, 7, 7])))]);
    write(&place.path("odd/1.parquet"), vec![("a", array(Int64Array::from(vec![1, 9])))]);
    let wide = ["wide", "--layout", "wide", "--labels", "a,b,c"];
    let wrong: [(&[&str], i32, &str); 3] = [
        (
            &["odd", "--layout", "wide", "--labels", "a"],
            4,
            "value 7 is neither positive nor negative (and 1 more",
        ),
        (
            &["long", "--layout", "long", "--labels", "number", "--id", "id", "--num-labels", "3"],
            4,
            "label index",
        ),
        (&["wide", "--layout", "wide", "--labels", "a,b", "--where", "nothing = 1"], 2, "--where"),
    ];
    for (arguments, code, says) in wrong {
        let run = ["--out", "w", "--cluster", &cluster.url];
        let ended = place.run(&[&["compute"], arguments, &run].concat());
        assert!(ended.code == code && ended.stderr.contains(says), "{}\n{}", ended.stderr, cluster.logs());
    }
    cluster.same(&place, &["odd", "--layout", "wide", "--labels", "a"]);
    // More labels than the memory of an executor holds; it does not take that memory first.
    write(&place.path("far/0.parquet"), vec![("a", array(Int64Array::from(vec![1, 60_000_000])))]);
    let far = cluster.same(&place, &["far", "--layout", "class", "--labels", "a", "--memory-limit", "512m"]);
    assert!(far.code == 6 && far.stderr.contains("label index 60000000"), "{}", far.stderr);
    // A shard with a damaged page can be left out, and is named when it may not be.
    let mut bytes = std::fs::read(place.path("wide/part=1/001.parquet")).unwrap();
    bytes[4..60].fill(0xff);
    std::fs::write(place.path("wide/part=1/001.parquet"), bytes).unwrap();
    let run = |more: &[&str]| {
        let cluster = ["--out", "w", "--overwrite", "--cluster", &cluster.url];
        place.run(&[&["compute"], &wide[..], &cluster, more].concat())
    };
    for engine in ["encoded", "plain"] {
        let ended = run(&["--engine", engine]);
        assert_eq!(ended.code, 4, "{}", ended.stderr);
        assert!(ended.stderr.contains("wide/part=1/001.parquet: "), "{}", ended.stderr);
        let skip = ["--engine", engine, "--on-bad-shard", "skip", "--max-bad-shards", "1"];
        assert_eq!(run(&skip).code, 0);
        assert_eq!(place.json("w/run_results.json")["status"], "partial");
        cluster.same(&place, &[&wide[..], &skip].concat());
    }
    let [port] = ports::<1>();
    let nobody = format!("df://localhost:{port}");
    let odd = ["compute", "odd", "--layout", "wide", "--labels", "a", "--out", "n"];
    let ended = place.run(&[&odd[..], &["--cluster", &nobody]].concat());
    assert!(ended.code == 5 && ended.stderr.contains("no scheduler answers"), "{}", ended.stderr);
    let ended = place.run(&[&odd[..], &["--cluster", "localhost:50050"]].concat());
    assert!(
        ended.code == 2 && ended.stderr.contains("is not the address of a scheduler"),
        "{}",
        ended.stderr
    );
}

#[test]
fn an_executor_that_is_killed_costs_time_and_not_the_result() {
    let mut cluster = Cluster::new();
    let place = Place::new();
    long(&place, "long", 40, 4_000);
    cluster.kills_one(&place, "long");
}

#[test]
fn a_job_without_an_executor_warns_and_is_cancelled() {
    let mut cluster = Cluster::with(Setup { executors: 0, ..Setup::default() });
    let place = Place::new();
    wide(&place, "wide", 2, 100);
    let url = cluster.url.clone();
    let compute = ["compute", "wide", "--layout", "wide", "--labels", "a,b", "--out"];
    let run = |out| [&compute[..], &[out, "--cluster", &url]].concat();
    let waits = format!("{url}: no executor is available");
    // The scheduler waits as long as it does for an executor that is silent.
    let clock = Instant::now();
    let ended = cluster.run(&place, &run("none"));
    assert_eq!(ended.code, 5, "{}\n{}", ended.stderr, cluster.logs());
    for says in [&waits, "the scheduler cancelled the job", "posweight cluster executor --scheduler df://"] {
        assert_eq!(ended.stderr.matches(says).count(), 1, "{says}: {}", ended.stderr);
    }
    assert!(clock.elapsed().as_secs() >= 4, "{:?}", clock.elapsed());
    assert!(!place.path("none/_SUCCESS").exists());
    // One that comes in time takes it.
    let child = cluster.client(&place, &run("some")).stderr(Stdio::piped()).spawn().unwrap();
    cluster.add_executor();
    let ended = Ended::of(&child.wait_with_output().unwrap());
    assert_eq!(ended.code, 0, "{}\n{}", ended.stderr, cluster.logs());
    assert!(place.path("some/_SUCCESS").exists());
}
