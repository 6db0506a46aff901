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
    ports: Vec<String>,
    setup: Setup,
}

/// Variables of a process.
pub(crate) type Environment = Vec<(&'static str, String)>;

fn start(program: &[&str], arguments: &[&str], environment: &Environment, log: &Path) -> Child {
    Command::new(program[0])
        .args(&program[1..])
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
    pub(crate) of_scheduler: Environment,
    pub(crate) of_executors: Environment,
    /// The program of executors, and what comes before its arguments.
    pub(crate) program: Vec<String>,
    pub(crate) executors: usize,
    /// The name or address of this machine.
    pub(crate) host: &'static str,
    /// The port at which the scheduler is found, of the one at which it listens.
    pub(crate) door: fn(&str) -> String,
}

impl Default for Setup {
    fn default() -> Self {
        let environment = Environment::new();
        Self {
            of_scheduler: environment.clone(),
            of_executors: environment.clone(),
            environment,
            program: vec![env!("CARGO_BIN_EXE_posweight").to_owned()],
            executors: 2,
            host: "localhost",
            door: str::to_owned,
        }
    }
}

impl Setup {
    fn bind(&self) -> &'static str {
        if self.host == "localhost" { "127.0.0.1" } else { "0.0.0.0" }
    }
}

impl Cluster {
    pub(crate) fn new() -> Self {
        Self::with(Setup::default())
    }

    pub(crate) fn with(setup: Setup) -> Self {
        let work = Place::new();
        let [port] = ports();
        let url = format!("df://{}:{}", setup.host, (setup.door)(&port));
        let bind = setup.bind();
        let scheduler =
            ["scheduler", "--port", &port, "--executor-timeout", "4", "--bind", bind, "--host", setup.host];
        let program = env!("CARGO_BIN_EXE_posweight");
        let scheduler = start(&[program], &scheduler, &setup.of_scheduler, &work.path("scheduler.log"));
        let executors = setup.executors;
        let mut cluster = Self { url, work, scheduler, executors: Vec::new(), ports: vec![port], setup };
        (0..executors).for_each(|_| cluster.add_executor());
        cluster.registered();
        cluster
    }

    /// Waits until the scheduler knows all executors.
    fn registered(&self) {
        let began = Instant::now();
        while self.logs().matches("Executor registration succeed").count() < self.executors.len() {
            assert!(began.elapsed() < PATIENCE, "{}", self.logs());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Adds an executor that another command starts.
    pub(crate) fn add_executor_by(&mut self, program: &[&str]) {
        self.setup.program = program.iter().map(|word| (*word).to_owned()).collect();
        self.add_executor();
        self.registered();
    }

    pub(crate) fn add_executor(&mut self) {
        let number = self.executors.len();
        let dir = self.work.path(&number.to_string());
        std::fs::create_dir(&dir).unwrap();
        let [port, task_port] = ports();
        let arguments = ["executor", "--scheduler", &self.url, "--work-dir", dir.to_str().unwrap()];
        self.ports.extend([port.clone(), task_port.clone()]);
        let own =
            ["--port", &port, "--task-port", &task_port, "--heartbeat", "1", "--bind", self.setup.bind()];
        let limits = ["--threads", "1", "--memory-limit", "512m"];
        let log = self.work.path(&format!("executor{number}.log"));
        let program: Vec<&str> = self.setup.program.iter().map(String::as_str).collect();
        let arguments = [&arguments[..], &own, &limits].concat();
        let started = start(&program, &arguments, &self.setup.of_executors, &log);
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
        let executors = (0..self.executors.len()).map(|number| format!("executor{number}.log"));
        let names = std::iter::once("scheduler.log".to_owned()).chain(executors);
        let read = |name: String| std::fs::read_to_string(self.work.path(&name)).unwrap_or_default();
        names.map(read).collect::<Vec<_>>().join("\n")
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
        assert_eq!(here.stderr, there.stderr, "{arguments:?}");
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
        let (ended, _) = self.disturbed(place, shards, |cluster| cluster.executors[1].kill().unwrap());
        assert_eq!(ended.code, 0, "{}\n{}", ended.stderr, self.logs());
        assert!(self.logs().contains("timed out"), "{}", self.logs());
    }

    /// Counts `shards` of layout `long`, and does something to the cluster when the second executor has done its first
    /// task. The first executor stands still until then, so that the run cannot end before. Tells how it ended and
    /// how long after that; a result has the bytes of one process.
    pub(crate) fn disturbed(
        &mut self,
        place: &Place,
        shards: &str,
        disturb: impl FnOnce(&mut Self),
    ) -> (Ended, Duration) {
        let flags =
            ["--layout", "long", "--row-measures", "off", "--labels", "label", "--id", "name", "--out"];
        let arguments = [&["compute", shards][..], &flags].concat();
        let here = self.run(place, &[&arguments[..], &["here"]].concat());
        assert_eq!(here.code, 0, "{}", here.stderr);
        self.signal(0, "-STOP");
        let mut run = self.client(place, &[&arguments[..], &["there", "--cluster", &self.url]].concat());
        let mut run = run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Its first task is done and lies in its folder.
        let start = Instant::now();
        while !has_file(&self.work.path("1")) {
            assert!(start.elapsed() < PATIENCE, "{}", self.logs());
            std::thread::sleep(Duration::from_millis(2));
        }
        let clock = Instant::now();
        disturb(self);
        self.signal(0, "-CONT");
        assert!(run.try_wait().unwrap().is_none(), "the run ended before anything was done to the cluster");
        let ended = Ended::of(&run.wait_with_output().unwrap());
        if ended.code == 0 {
            equal(&place.path("here"), &place.path("there"));
        }
        (ended, clock.elapsed())
    }

    /// The ports of the scheduler and of all executors.
    pub(crate) fn ports(&self) -> Vec<String> {
        self.ports.clone()
    }

    /// Sends a signal to an executor.
    pub(crate) fn signal(&self, executor: usize, signal: &str) {
        let id = self.executors[executor].id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// Kills the scheduler.
    pub(crate) fn kill_scheduler(&mut self) {
        self.scheduler.kill().unwrap();
        self.scheduler.wait().unwrap();
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
