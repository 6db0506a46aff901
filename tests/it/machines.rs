//! A scheduler and executors on this machine, and shards for them.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use arrow::array::{BooleanArray, Float64Array, Int64Array, ListArray, StringArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Int32Type};

use crate::support::{Ended, Place, array, ports, write};

/// Longest time for anything that is waited for.
const PATIENCE: Duration = Duration::from_mins(2);

/// A scheduler with two executors.
pub(crate) struct Cluster {
    pub(crate) url: String,
    pub(crate) work: Place,
    scheduler: Child,
    executors: Vec<Child>,
    setup: Setup,
}

/// Variables of a process.
pub(crate) type Environment = Vec<(&'static str, String)>;

fn start(arguments: &[&str], environment: &Environment, log: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_posweight"))
        .arg("cluster")
        .args(arguments)
        .arg("--verbose")
        .envs(environment.iter().cloned())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(log).unwrap())
        .spawn()
        .unwrap()
}

/// What is special about a cluster.
pub(crate) struct Setup {
    /// Variables of the client.
    pub(crate) environment: Environment,
    pub(crate) of_executors: Environment,
    pub(crate) executors: usize,
    /// The port at which the scheduler is found, of the one at which it listens.
    pub(crate) door: fn(&str) -> String,
}

impl Default for Setup {
    fn default() -> Self {
        let environment = Environment::new();
        Self { of_executors: environment.clone(), environment, executors: 2, door: str::to_owned }
    }
}

impl Cluster {
    pub(crate) fn new() -> Self {
        Self::with(Setup::default())
    }

    pub(crate) fn with(setup: Setup) -> Self {
        let work = Place::new();
        let [port] = ports();
        let url = format!("df://localhost:{}", (setup.door)(&port));
        let scheduler = ["scheduler", "--port", &port, "--executor-timeout", "4"];
        let scheduler = start(&scheduler, &Environment::new(), &work.path("scheduler.log"));
        let executors = setup.executors;
        let mut cluster = Self { url, work, scheduler, executors: Vec::new(), setup };
        (0..executors).for_each(|_| cluster.add_executor());
        let began = Instant::now();
        while cluster.logs().matches("Executor registration succeed").count() < executors {
            assert!(began.elapsed() < PATIENCE, "{}", cluster.logs());
            std::thread::sleep(Duration::from_millis(10));
        }
        cluster
    }

    pub(crate) fn add_executor(&mut self) {
        let number = self.executors.len();
        let dir = self.work.path(&number.to_string());
        std::fs::create_dir(&dir).unwrap();
        let [port, task_port] = ports();
        let arguments = ["executor", "--scheduler", &self.url, "--work-dir", dir.to_str().unwrap()];
        let own = ["--port", &port, "--task-port", &task_port, "--heartbeat", "1"];
        let limits = ["--threads", "1", "--memory-limit", "512m"];
        let log = self.work.path(&format!("executor{number}.log"));
        let started = start(&[&arguments[..], &own, &limits].concat(), &self.setup.of_executors, &log);
        self.executors.push(started);
    }

    /// Kills all executors.
    pub(crate) fn stop_executors(&mut self) {
        for child in &mut self.executors {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// The program with the variables of a client.
    pub(crate) fn client(&self, place: &Place, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_posweight"));
        command.args(arguments).current_dir(place.dir.path()).envs(self.setup.environment.iter().cloned());
        command
    }

    /// Runs it.
    pub(crate) fn run(&self, place: &Place, arguments: &[&str]) -> Ended {
        Ended::of(&self.client(place, arguments).output().unwrap())
    }

    /// What its processes have said.
    pub(crate) fn logs(&self) -> String {
        let names = ["scheduler.log", "executor0.log", "executor1.log"];
        names.map(|name| std::fs::read_to_string(self.work.path(name)).unwrap_or_default()).join("\n")
    }

    /// Runs `compute` here and on the cluster: both end in the same way and with the same bytes.
    pub(crate) fn same(&self, place: &Place, arguments: &[&str]) -> Ended {
        let run = |more: &[&str]| {
            self.run(place, &[&["compute"], arguments, &["--overwrite", "--out"], more].concat())
        };
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

    /// Asks a query here and on the cluster: the rows are the same, or what is wrong.
    pub(crate) fn same_rows(&self, place: &Place, query: &str) -> Ended {
        let here = self.run(place, &["sql", "-c", query]);
        let there = self.run(place, &["sql", "-c", query, "--cluster", &self.url]);
        assert_eq!(here.code, there.code, "{query}: {}\n{}\n{}", here.stderr, there.stderr, self.logs());
        assert_eq!((here.stdout, here.stderr), (there.stdout.clone(), there.stderr.clone()), "{query}");
        there
    }

    /// Kills an executor while it counts `shards` of layout `long`: the bytes are those of one process.
    pub(crate) fn kills_one(&mut self, place: &Place, shards: &str) {
        let flags =
            ["--layout", "long", "--row-measures", "off", "--labels", "label", "--id", "name", "--out"];
        let arguments = [&["compute", shards][..], &flags].concat();
        let here = self.run(place, &[&arguments[..], &["here"]].concat());
        assert_eq!(here.code, 0, "{}", here.stderr);
        let mut run = self.client(place, &[&arguments[..], &["there", "--cluster", &self.url]].concat());
        let mut run = run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Its first task is done and lies in its folder; most of the others are not begun.
        let start = Instant::now();
        while !has_file(&self.work.path("1")) {
            assert!(start.elapsed() < PATIENCE, "{}", self.logs());
            std::thread::sleep(Duration::from_millis(2));
        }
        self.executors[1].kill().unwrap();
        assert!(run.try_wait().unwrap().is_none(), "the run ended before the executor was killed");
        let ended = Ended::of(&run.wait_with_output().unwrap());
        assert_eq!(ended.code, 0, "{}\n{}", ended.stderr, self.logs());
        equal(&place.path("here"), &place.path("there"));
        assert!(self.logs().contains("timed out"), "{}", self.logs());
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

/// True once a folder holds a file.
fn has_file(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|entries| {
        entries.flatten().map(|entry| entry.path()).any(|path| path.is_file() || has_file(&path))
    })
}

/// Lines without time and place of warnings.
fn untimed(text: &str) -> Vec<&str> {
    let what = |line| str::split_once(line, " WARN ")?.1.split_once(": ");
    text.lines().map(|line| what(line).map_or(line, |(_, what)| what)).collect()
}

/// All files of two results are equal, but for their accounts.
pub(crate) fn equal(one: &Path, other: &Path) {
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
pub(crate) fn spread(row: usize, salt: usize) -> usize {
    (row.wrapping_mul(2_654_435_761).wrapping_add(salt.wrapping_mul(40_503)) >> 7) % 97
}

pub(crate) fn wide(place: &Place, folder: &str, shards: usize, rows: usize) {
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

pub(crate) fn lists(place: &Place) {
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
pub(crate) fn long(place: &Place, folder: &str, shards: usize, rows: usize) {
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
