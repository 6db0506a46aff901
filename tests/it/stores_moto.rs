//! The program against moto, an S3 server that is not our own. It honours conditions of reads and of writes.
//!
//! `POSWEIGHT_PYTHON` names an interpreter that has `moto[server]`; without it these tests are left out with a
//! message, or fail with `POSWEIGHT_DEMAND_TOOLS=1`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::Deref;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arrow::array::BooleanArray;

use crate::cloud::{command, local, ok, run, wide};
use crate::support::{Ended, Place, array, left_out, ports, root, write};

/// Longest time for the server to start.
const PATIENCE: Duration = Duration::from_mins(1);

/// It asks for a signature, and does not read it.
const SIGNED: &str = "Authorization: AWS4-HMAC-SHA256 Credential=test/20261125/us-east-1/s3/aws4_request, \
    SignedHeaders=host, Signature=0";

type Hook = Arc<Mutex<Box<dyn FnMut(&At, &str, &str) + Send>>>;

/// The server, with the bucket `bucket`; it ends with the test.
struct Moto {
    at: At,
    child: Child,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Deref for Moto {
    type Target = At;

    fn deref(&self) -> &At {
        &self.at
    }
}

/// Where it is to be asked: `host:port`.
#[derive(Clone)]
struct At(String);

impl Moto {
    /// Starts it; `None` where it is not installed.
    fn start() -> Option<Self> {
        let python = std::env::var("POSWEIGHT_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let [port] = ports();
        let has = Command::new(&python).args(["-c", "import moto.server, flask"]).output();
        if !has.is_ok_and(|ended| ended.status.success()) {
            left_out("stores of moto", &format!("{python} has no moto[server]"));
            return None;
        }
        let mut child = Command::new(python)
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let at = At(format!("127.0.0.1:{port}"));
        let began = Instant::now();
        while TcpStream::connect(&at.0).is_err() {
            assert!(child.try_wait().unwrap().is_none(), "moto has ended");
            assert!(began.elapsed() < PATIENCE, "moto does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        let moto = Self { at, child };
        assert_eq!(moto.put("", &[], &[]), 200);
        Some(moto)
    }
}

impl At {
    fn endpoint(&self) -> String {
        format!("http://{}", self.0)
    }

    /// Asks it without the program; the status and body of the answer.
    fn ask(&self, method: &str, key: &str, body: &[u8], headers: &[(&str, &str)]) -> (u16, Vec<u8>) {
        let mut head = format!("{method} /bucket/{key} HTTP/1.1\r\nHost: {}\r\n{SIGNED}\r\n", self.0);
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\nConnection: close\r\n\r\n", body.len()));
        let answer = self.pass(head.as_bytes(), body);
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let status = std::str::from_utf8(&answer[9..12]).unwrap().parse().unwrap();
        (status, answer[end + 4..].to_vec())
    }

    /// The whole answer to a request after which the connection is closed.
    fn pass(&self, head: &[u8], body: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(&self.0).unwrap();
        stream.write_all(&[head, body].concat()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer
    }

    fn put(&self, key: &str, bytes: &[u8], headers: &[(&str, &str)]) -> u16 {
        self.ask("PUT", key, bytes, headers).0
    }

    fn get(&self, key: &str) -> Vec<u8> {
        let (status, body) = self.ask("GET", key, &[], &[]);
        assert_eq!(status, 200, "{key}");
        body
    }

    /// Four shards of 270 labels.
    fn labels270(&self) {
        for number in 0..4 {
            let path = root().join(format!("sample_data/labels270/part-{number}.parquet"));
            assert_eq!(
                self.put(&format!("in/part-{number}.parquet"), &std::fs::read(path).unwrap(), &[]),
                200
            );
        }
    }

    /// The files of the result at `out`, and the folder it lies in.
    fn result(&self, out: &str) -> (String, BTreeMap<String, Vec<u8>>) {
        let latest: serde_json::Value = serde_json::from_slice(&self.get(&format!("{out}/_LATEST"))).unwrap();
        let at = format!("{out}/{}", latest["run"].as_str().unwrap());
        let names = latest["outputs"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap());
        let files =
            names.chain(["_SUCCESS"]).map(|name| (name.to_owned(), self.get(&format!("{at}/{name}"))));
        let files = files.collect();
        (at, files)
    }

    /// An endpoint that calls `hook` with method and target of every request before it passes it on.
    fn before(&self, hook: impl FnMut(&At, &str, &str) + Send + 'static) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (moto, hook): (Self, Hook) = (self.clone(), Arc::new(Mutex::new(Box::new(hook))));
        std::thread::spawn(move || {
            for caller in listener.incoming().flatten() {
                let (moto, hook) = (moto.clone(), Arc::clone(&hook));
                std::thread::spawn(move || serve(&caller, &moto, &hook));
            }
        });
        endpoint
    }
}

/// Passes on the one request of a connection.
fn serve(mut caller: &TcpStream, moto: &At, hook: &Hook) -> Option<()> {
    let mut reader = BufReader::new(caller);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        if let Some((_, value)) = line.to_ascii_lowercase().split_once("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if !line.to_ascii_lowercase().starts_with("connection:") {
            head.push_str(&line);
        }
    }
    head.push_str("Connection: close\r\n\r\n");
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut words = head.split_whitespace();
    let (method, target) = (words.next()?, words.next()?);
    (hook.lock().unwrap())(moto, method, target);
    caller.write_all(&moto.pass(head.as_bytes(), &body)).ok()
}

fn same(one: &BTreeMap<String, Vec<u8>>, other: &BTreeMap<String, Vec<u8>>) {
    assert!(one.keys().eq(other.keys()), "{:?} {:?}", one.keys(), other.keys());
    let differing: Vec<_> = one.keys().filter(|name| one[*name] != other[*name]).collect();
    assert!(differing.is_empty(), "{differing:?}");
}

#[test]
fn moto_gives_the_bytes_of_a_folder() {
    let Some(moto) = Moto::start() else { return };
    let place = Place::new();
    moto.labels270();
    let run = |arguments: &[&str]| run(&place, &moto.endpoint(), arguments);
    let here = root().join("sample_data/labels270").display().to_string();
    let state = ["--state", "s3://bucket/night.state", "--row-measures", "off"];
    ok(&place.run(&wide(&here, "w", &state[2..])));
    ok(&run(&wide("s3://bucket/in", "s3://bucket/w", &state)));
    let (first, files) = moto.result("w");
    same(&files, &local(&place, "w"));
    // A second result; all counts of shards are kept.
    let statuses = |out: &str| -> Vec<String> {
        let account: serde_json::Value =
            serde_json::from_slice(&moto.get(&format!("{out}/run_results.json"))).unwrap();
        let shards = account["shards"].as_array().unwrap();
        shards.iter().map(|shard| shard["status"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(statuses("w"), ["counted"; 4]);
    ok(&run(&wide("s3://bucket/in", "s3://bucket/w", &state)));
    assert_eq!(statuses("w"), ["reused"; 4]);
    let (second, files) = moto.result("w");
    same(&files, &local(&place, "w"));
    assert_ne!(first, second);
    // Of a shard that is another now, they are not.
    let other = std::fs::read(root().join("sample_data/labels270/part-1.parquet")).unwrap();
    assert_eq!(moto.put("in/part-0.parquet", &other, &[]), 200);
    ok(&run(&wide("s3://bucket/in", "s3://bucket/v", &state)));
    assert_eq!(statuses("v"), ["counted", "reused", "reused", "reused"]);
    moto.labels270();
    // A pipeline file, and what reads results.
    let spec = "shards = \"s3://bucket/in\"\nout = \"s3://bucket/r\"\nlayout = \"wide\"\nlabels = \"l*\"\n";
    std::fs::write(place.path("spec.toml"), spec).unwrap();
    ok(&run(&["run", "spec.toml"]));
    ok(&run(&["diff", "w", "s3://bucket/r", "--fail-over", "0"]));
    let report = run(&["report", "s3://bucket/w", "--format", "markdown"]);
    assert_eq!(report.stdout.as_bytes(), local(&place, "w")["report.md"]);
    let asked = run(&["sql", "-c", "SELECT count(*) AS n FROM 's3://bucket/in/'", "--format", "json"]);
    assert!(asked.code == 0 && asked.stdout.contains("2000"), "{} {}", asked.stdout, asked.stderr);
    let taken = run(&["compute", "s3://bucket/in", "--labels", "l*", "--out", "s3://bucket/w"]);
    assert!(taken.code == 7 && taken.stderr.contains("holds a result already"), "{}", taken.stderr);
}

#[test]
fn of_two_writers_one_publishes_into_moto() {
    let Some(moto) = Moto::start() else { return };
    let place = Place::new();
    moto.labels270();
    // What publishing builds on.
    assert_eq!(moto.put("x", b"1", &[("If-None-Match", "*")]), 200);
    assert_eq!(moto.put("x", b"2", &[("If-None-Match", "*")]), 412);
    assert_eq!(moto.put("x", b"2", &[("If-Match", "\"00000000000000000000000000000000\"")]), 412);
    assert_eq!(moto.get("x"), b"1");
    let publish = |scheme: &'static str| wide("s3://bucket/in", "s3://bucket/w", &["--scheme", scheme]);
    ok(&run(&place, &moto.endpoint(), &publish("ratio")));
    let (first, ratio) = moto.result("w");
    // Another run publishes while this one counts.
    let before = moto.get("w/_LATEST");
    let mut is_done = false;
    let endpoint = moto.before(move |moto, method, target| {
        if method == "PUT" && target.contains("/w/runs/") && !is_done {
            is_done = true;
            let text = String::from_utf8(before.clone()).unwrap();
            assert_eq!(moto.put("w/_LATEST", format!("{text} ").as_bytes(), &[]), 200);
        }
    });
    let lost = run(&place, &endpoint, &publish("sqrt"));
    assert!(lost.code == 7 && lost.stderr.contains("another run has published"), "{}", lost.stderr);
    assert!(moto.result("w") == (first, ratio.clone()), "it is still the first");
    ok(&run(&place, &moto.endpoint(), &publish("sqrt")));
    let wanted = [ratio, moto.result("w").1];
    // Both at once.
    for round in 0..3 {
        let start = |scheme| {
            let mut command = command(&place, &moto.endpoint(), &publish(scheme));
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let ended =
            [start("ratio"), start("sqrt")].map(|child| Ended::of(&child.wait_with_output().unwrap()));
        for ended in &ended {
            let lost = ended.code == 7 && ended.stderr.contains("another run has published");
            assert!(ended.code == 0 || lost, "{round}: {} {}", ended.code, ended.stderr);
        }
        assert!(ended.iter().any(|ended| ended.code == 0), "{round}");
        assert!(wanted.contains(&moto.result("w").1), "{round}: a mixture");
    }
}

#[test]
fn an_object_of_moto_that_is_replaced_is_exit_8() {
    let Some(moto) = Moto::start() else { return };
    let place = Place::new();
    for engine in ["encoded", "plain"] {
        moto.labels270();
        let mut reads = 0;
        // After the footer was read.
        let endpoint = moto.before(move |moto, method, target| {
            if method == "GET" && target.ends_with("part-2.parquet") {
                reads += 1;
                if reads == 2 {
                    let other = moto.get("in/part-3.parquet");
                    assert_eq!(moto.put("in/part-2.parquet", &other, &[]), 200);
                }
            }
        });
        let ended = run(&place, &endpoint, &wide("s3://bucket/in", "w", &["--engine", engine]));
        let says = "s3://bucket/in/part-2.parquet: the object was replaced";
        assert!(ended.code == 8 && ended.stderr.contains(says), "{engine} {}: {}", ended.code, ended.stderr);
        assert!(!place.path("w/_SUCCESS").exists());
    }
}

#[test]
fn more_keys_than_a_page_of_a_list_of_moto_are_all_there() {
    let Some(moto) = Moto::start() else { return };
    let place = Place::new();
    write(&place.path("one.parquet"), vec![("l", array(BooleanArray::from(vec![true, false, false])))]);
    let one = std::fs::read(place.path("one.parquet")).unwrap();
    for number in 0..1100 {
        assert_eq!(moto.put(&format!("in/{number:05}.parquet"), &one, &[]), 200);
    }
    let pages = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&pages);
    let endpoint = moto.before(move |_, _, target| {
        *seen.lock().unwrap() += usize::from(target.contains("list-type=2"));
    });
    ok(&run(&place, &endpoint, &wide("s3://bucket/in", "w", &["--row-measures", "off"])));
    assert_eq!(place.json("w/weights.json")["rows"], 3300);
    // Two pages, and three looks for a table.
    assert_eq!(*pages.lock().unwrap(), 5);
}
