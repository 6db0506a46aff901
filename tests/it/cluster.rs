//! One scheduler and two executors on this machine count to the same bytes as one process; an executor that
//! is killed costs time.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use arrow::array::{BooleanArray, Float64Array, Int64Array, ListArray, StringArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Int32Type};
use parquet::file::properties::WriterProperties;

use crate::support::{Ended, Place, array, write, write_with};

/// Longest time for anything that is waited for.
const PATIENCE: Duration = Duration::from_mins(2);

/// A scheduler with two executors.
struct Cluster {
    url: String,
    work: Place,
    scheduler: Child,
    executors: Vec<Child>,
}

/// Ports that are free, each for one listener.
fn ports<const N: usize>() -> [String; N] {
    let listeners: [TcpListener; N] = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port().to_string())
}

fn start(arguments: &[&str], log: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_posweight"))
        .arg("cluster")
        .args(arguments)
        .arg("--verbose")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(log).unwrap())
        .spawn()
        .unwrap()
}

impl Cluster {
    fn new() -> Self {
        let work = Place::new();
        let [port, ports @ ..] = ports::<5>();
        let url = format!("df://localhost:{port}");
        let scheduler =
            start(&["scheduler", "--port", &port, "--executor-timeout", "4"], &work.path("scheduler.log"));
        let executors = (0..2).map(|i| {
            let dir = work.path(&i.to_string());
            std::fs::create_dir(&dir).unwrap();
            let arguments = ["executor", "--scheduler", &url, "--work-dir", dir.to_str().unwrap()];
            let own = ["--port", &ports[2 * i], "--task-port", &ports[2 * i + 1], "--heartbeat", "1"];
            let limits = ["--threads", "1", "--memory-limit", "512m"];
            let log = work.path(&format!("executor{i}.log"));
            start(&[&arguments[..], &own, &limits].concat(), &log)
        });
        let executors = executors.collect();
        Self { url, work, scheduler, executors }
    }

    /// What its processes have said.
    fn logs(&self) -> String {
        let names = ["scheduler.log", "executor0.log", "executor1.log"];
        names.map(|name| std::fs::read_to_string(self.work.path(name)).unwrap_or_default()).join("\n")
    }

    /// Runs `compute` here and on the cluster: both end in the same way and with the same bytes.
    fn same(&self, place: &Place, arguments: &[&str]) -> Ended {
        let run =
            |more: &[&str]| place.run(&[&["compute"], arguments, &["--overwrite", "--out"], more].concat());
        let here = run(&["here"]);
        let there = run(&["there", "--cluster", &self.url]);
        assert_eq!(
            here.code,
            there.code,
            "{arguments:?}: {}\n{}\n{}",
            here.stderr,
            there.stderr,
            self.logs()
        );
        assert_eq!(untimed(&here.stderr), untimed(&there.stderr), "{arguments:?}");
        if here.code == 0 {
            equal(&place.path("here"), &place.path("there"));
        }
        there
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in self.executors.iter_mut().chain([&mut self.scheduler]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Lines without time and place of warnings.
fn untimed(text: &str) -> Vec<&str> {
    let what = |line| str::split_once(line, " WARN ")?.1.split_once(": ");
    text.lines().map(|line| what(line).map_or(line, |(_, what)| what)).collect()
}

/// All files of two results are equal, but for their accounts.
fn equal(one: &Path, other: &Path) {
    let names = |folder: &Path| {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = entries.filter(|name| name != "run_results.json").collect();
        names.sort();
        names
    };
    assert_eq!(names(one), names(other));
    for name in names(one) {
        if one.join(&name).is_dir() {
            equal(&one.join(&name), &other.join(&name));
        } else {
            let read = |folder: &Path| std::fs::read(folder.join(&name)).unwrap();
            assert!(read(one) == read(other), "{} differs", name.display());
        }
    }
}

/// Numbers that look like chance and are always the same.
fn spread(row: usize, salt: usize) -> usize {
    (row.wrapping_mul(2_654_435_761).wrapping_add(salt.wrapping_mul(40_503)) >> 7) % 97
}

fn wide(place: &Place, folder: &str, shards: usize, rows: usize) {
    for shard in 0..shards {
        let column = |k: usize| {
            let value = move |row: usize| match spread(shard * rows + row, k) {
                0..5 => None,
                n => Some(n % (k + 2) == 0),
            };
            array((0..rows).map(value).collect::<BooleanArray>())
        };
        let soft = (0..rows).map(|row| (row % 5) as f64 / 4.0).collect::<Float64Array>();
        let split = (0..rows).map(|row| Some(["train", "test"][row % 3 / 2])).collect::<StringArray>();
        let path = format!("{folder}/part={}/{shard:03}.parquet", shard % 2);
        let columns = vec![
            ("a", column(0)),
            ("b", column(1)),
            ("c", column(2)),
            ("w", array(soft)),
            ("split", array(split)),
        ];
        write(&place.path(&path), columns);
    }
}

fn lists(place: &Place) {
    for shard in 0..3 {
        let rows = 700;
        let labels = |row: usize| (0..spread(row, shard) % 4).map(move |k| spread(row, k) * (shard + 1));
        let indices = (0..rows).map(|row| {
            (spread(row, 9) > 3).then(|| labels(row).map(|l| i32::try_from(l).ok()).collect::<Vec<_>>())
        });
        let indices = ListArray::from_iter_primitive::<Int32Type, _, _>(indices);
        let names: Vec<String> =
            (0..rows).flat_map(|row| labels(row).map(|label| format!("tag {label}"))).collect();
        let lengths = (0..rows).map(|row| labels(row).count());
        let field = std::sync::Arc::new(Field::new("element", DataType::Utf8, true));
        let values = array(StringArray::from(names));
        let names = ListArray::new(field, OffsetBuffer::from_lengths(lengths), values, None);
        let path = format!("list/{shard}.parquet");
        write(&place.path(&path), vec![("indices", array(indices)), ("names", array(names))]);
    }
}

/// Row ids lie in several shards, and pairs are listed more than once.
fn long(place: &Place, folder: &str, shards: usize, rows: usize) {
    for shard in 0..shards {
        let id = |row: usize| (row * (shard + 3)) % (rows / 2);
        let narrow = (0..rows).map(|row| Some(i64::try_from(id(row)).unwrap() - 50)).collect::<Int64Array>();
        let wide =
            (0..rows).map(|row| Some(format!("an id of many bytes {}", id(row)))).collect::<StringArray>();
        let label = (0..rows).map(|row| (row % 50 > 0).then(|| format!("l{}", spread(row, shard) % 30)));
        let number = (0..rows).map(|row| Some(i64::try_from(spread(row, shard) % 30).unwrap()));
        let value = (0..rows).map(|row| [Some(0), Some(1), None, Some(-1)][spread(row, 5) % 4]);
        let columns = vec![
            ("id", array(narrow)),
            ("name", array(wide)),
            ("label", array(label.collect::<StringArray>())),
            ("number", array(number.collect::<Int64Array>())),
            ("value", array(value.collect::<Int64Array>())),
        ];
        write(&place.path(&format!("{folder}/{shard:03}.parquet")), columns);
    }
}

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
    let base = ["apart", "--layout", "long", "--labels", "label", "--id", "id"];
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
    assert_eq!(engine(&cluster.same(&place, &base)), "plain");
    std::fs::remove_file(place.path("apart/006.parquet")).unwrap();
    lie(&place.path("apart/001.parquet"), 500 + 50, 500 * 4 + 51);
    let ended = cluster.same(&place, &base);
    assert!(ended.stderr.contains("row ids lie outside of what the footers claim"), "{}", ended.stderr);
    assert_eq!(engine(&ended), "plain");
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
    let long = ["long", "--layout", "long", "--labels"];
    let runs: [(&[&str], &[&str]); 15] = [
        (&wide, &[]),
        (&wide, &["--engine", "plain", "--where", "split = 'train' AND c"]),
        (&wide, &["--by", "part,split", "--row-measures", "on"]),
        (&wide, &["--where", "part = '1'"]),
        (&wide, &["--where", "part = '2'"]),
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
    ] {
        let here = place.run(&["sql", "-c", query]);
        let there = place.run(&["sql", "-c", query, "--cluster", &cluster.url]);
        assert_eq!((here.code, there.code), (0, 0), "{query}: {}\n{}", here.stderr, there.stderr);
        assert_eq!(here.stdout, there.stdout, "{query}");
    }
    write(&place.path("odd.parquet"), vec![("a", array(Int64Array::from(vec![1, 0, 7, 7])))]);
    for query in ["SELECT positives(a) FROM 'odd.parquet'", "SELECT nothing FROM 'odd.parquet'"] {
        let here = place.run(&["sql", "-c", query]);
        let there = place.run(&["sql", "-c", query, "--cluster", &cluster.url]);
        assert_eq!((here.code, here.stderr), (there.code, there.stderr), "{query}");
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
    for (flags, says) in [
        (&["--cluster", "localhost:50050"][..], "is not the address of a scheduler"),
        (&["--cluster", &nobody, "--state", "s"], "drop one of the two"),
    ] {
        let ended = place.run(&[&odd[..], flags].concat());
        assert!(ended.code == 2 && ended.stderr.contains(says), "{}", ended.stderr);
    }
}

/// True once a folder holds a file.
fn has_file(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|entries| {
        entries.flatten().map(|entry| entry.path()).any(|path| path.is_file() || has_file(&path))
    })
}

#[test]
fn an_executor_that_is_killed_costs_time_and_not_the_result() {
    let mut cluster = Cluster::new();
    let place = Place::new();
    long(&place, "long", 40, 4_000);
    let arguments = ["compute", "long", "--layout", "long", "--labels", "label", "--id", "name", "--out"];
    let here = place.run(&[&arguments[..], &["here"]].concat());
    assert_eq!(here.code, 0, "{}", here.stderr);
    let mut run = place.start(&[&arguments[..], &["there", "--cluster", &cluster.url]].concat());
    // Its first task is done and lies in its folder; most of the others are not begun.
    let start = Instant::now();
    while !has_file(&cluster.work.path("1")) {
        assert!(start.elapsed() < PATIENCE, "{}", cluster.logs());
        std::thread::sleep(Duration::from_millis(2));
    }
    cluster.executors[1].kill().unwrap();
    assert!(run.try_wait().unwrap().is_none(), "the run ended before the executor was killed");
    let ended = run.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}\n{}", String::from_utf8_lossy(&ended.stderr), cluster.logs());
    equal(&place.path("here"), &place.path("there"));
    assert!(cluster.logs().contains("timed out"), "{}", cluster.logs());
}
