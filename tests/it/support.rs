//! Shards and runs in a few words.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use proptest::prelude::ProptestConfig;
use tempfile::TempDir;

/// The repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Writes columns as one shard.
pub(crate) fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    write_with(path, columns, WriterProperties::builder().build());
}

/// Writes columns as one shard with chosen writer properties.
pub(crate) fn write_with(path: &Path, columns: Vec<(&str, ArrayRef)>, properties: WriterProperties) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// An array behind an `Arc`.
pub(crate) fn array(array: impl arrow::array::Array + 'static) -> ArrayRef {
    Arc::new(array)
}

/// Says that a test is left out because a tool is missing. With `POSWEIGHT_DEMAND_TOOLS=1` it fails instead.
pub(crate) fn left_out(test: &str, why: &str) {
    let demanded = std::env::var("POSWEIGHT_DEMAND_TOOLS").is_ok_and(|value| value == "1");
    assert!(!demanded, "{test}: {why}; POSWEIGHT_DEMAND_TOOLS=1 demands this test");
    eprintln!("left out: {test}: {why}");
}

/// How many of `all` cases a test tries: a fourth of them, all with `POSWEIGHT_CASES=all`, or as many as this variable
/// says.
pub(crate) fn some_of(all: u32) -> u32 {
    match std::env::var("POSWEIGHT_CASES") {
        Ok(said) if said == "all" => all,
        Ok(said) => said.parse().expect("POSWEIGHT_CASES is a number, or all"),
        Err(_) => all.div_ceil(4),
    }
}

/// As many of `all` as [`some_of`] says, evenly.
pub(crate) fn some<T>(all: impl IntoIterator<Item = T>) -> impl Iterator<Item = T> {
    let all: Vec<T> = all.into_iter().collect();
    let wanted = some_of(u32::try_from(all.len()).unwrap()) as usize;
    let every = all.len().div_ceil(wanted.max(1)).max(1);
    all.into_iter().step_by(every)
}

/// As many cases of a property as [`some_of`] says.
pub(crate) fn cases(all: u32) -> ProptestConfig {
    ProptestConfig { cases: some_of(all), ..ProptestConfig::default() }
}

/// Ports that are free, each for one listener.
#[cfg(any(feature = "cluster", feature = "cloud"))]
pub(crate) fn ports<const N: usize>() -> [String; N] {
    use std::net::TcpListener;
    use std::sync::atomic::{AtomicU32, Ordering};
    // Below those that the system gives to connections, any of which may be taken before the listener comes.
    const FIRST: u32 = 20_000;
    const MANY: u32 = 12_000;
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let next = || {
        (FIRST + (std::process::id().wrapping_mul(97) % MANY + GIVEN.fetch_add(1, Ordering::Relaxed)) % MANY)
            .to_string()
    };
    let is_free = |port: &String| TcpListener::bind(format!("0.0.0.0:{port}")).is_ok();
    let free = || std::iter::repeat_with(next).take(1000).find(is_free);
    std::array::from_fn(|_| free().expect("there is a free port"))
}

/// A folder of its own for one test.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
}

/// How a run of the program ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn of(output: &std::process::Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout.clone()).unwrap(),
            stderr: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs the program in this folder.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_posweight"))
            .args(arguments)
            .current_dir(self.dir.path())
            .output()
            .unwrap();
        Ended::of(&output)
    }

    /// Starts the program in this folder, with all its streams piped.
    pub(crate) fn start(&self, arguments: &[&str]) -> std::process::Child {
        use std::process::Stdio;
        std::process::Command::new(env!("CARGO_BIN_EXE_posweight"))
            .args(arguments)
            .current_dir(self.dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Runs the program on `input`; stdout as it is.
    pub(crate) fn run_on(&self, input: &[u8], arguments: &[&str]) -> (i32, Vec<u8>, String) {
        use std::io::Write as _;
        let mut child = self.start(arguments);
        // A program that refuses may not read to the end.
        let _ = child.stdin.take().unwrap().write_all(input);
        let output = child.wait_with_output().unwrap();
        (output.status.code().unwrap_or(-1), output.stdout, String::from_utf8(output.stderr).unwrap())
    }

    /// Runs `compute` into `out` and reads its weights.json.
    pub(crate) fn weights(&self, arguments: &[&str]) -> serde_json::Value {
        let mut all = vec!["compute"];
        all.extend(arguments);
        all.extend(["--out", "out", "--overwrite"]);
        let ended = self.run(&all);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        self.json("out/weights.json")
    }

    pub(crate) fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(self.path(name)).unwrap()).unwrap()
    }
}

/// Runs a program on a terminal of so many lines.
const TERMINAL: &str = r#"
import fcntl, os, pty, struct, sys, termios
lines, arguments = int(sys.argv[1]), sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", lines, 120, 0, 0))
    os.environ["TERM"] = "xterm"
    os.execvp(arguments[0], arguments)
shown = b""
while True:
    try:
        new = os.read(terminal, 65536)
    except OSError:
        break
    if not new:
        break
    shown += new
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

/// The exit code of a program on a terminal of so many lines, and all that the terminal was sent; `None` where Python
/// has no pseudoterminals.
pub(crate) fn on_terminal(place: &Place, lines: &str, command: &[&str]) -> Option<(i32, String)> {
    let python = std::env::var("POSWEIGHT_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has_pty = std::process::Command::new(&python).args(["-c", "import pty"]).output();
    if !has_pty.is_ok_and(|ended| ended.status.success()) {
        return None;
    }
    let mut run = std::process::Command::new(&python);
    run.args(["-c", TERMINAL, lines]).args(command).current_dir(place.dir.path());
    let ended = Ended::of(&run.output().unwrap());
    Some((ended.code, ended.stdout))
}
