//! `posweight watch` against a writer that adds, replaces and deletes shards, also when it is killed in between.

use std::fs;
#[cfg(target_os = "linux")]
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use parquet::arrow::ArrowWriter;

use crate::support::Place;

/// A shard of `rows` rows, written beside its place and moved there.
fn put(folder: &Path, name: &str, rows: u32, seed: u32) {
    let column = |label: u32| -> ArrayRef {
        let cell = |row: u32| Some((row.wrapping_mul(7) ^ seed ^ label).is_multiple_of(label + 2));
        Arc::new((0..rows).map(cell).collect::<BooleanArray>())
    };
    let batch = RecordBatch::try_from_iter((0..3).map(|label| (format!("l{label}"), column(label)))).unwrap();
    let part = folder.join(format!(".{name}"));
    let mut writer = ArrowWriter::try_new(fs::File::create(&part).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    fs::rename(part, folder.join(name)).unwrap();
}

struct Watch(Child);

impl Watch {
    fn start(place: &Place, extra: &[&str]) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_posweight"))
            .current_dir(place.path(""))
            .args(["watch", "data", "--labels", "l*", "--out", "w", "--state", "w.state"])
            .args(if extra.contains(&"--every") { &[][..] } else { &["--every", "100ms"] })
            .args(extra)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self(child)
    }

    fn signal(&self, signal: &str) {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &id]).status().unwrap().success());
    }

    fn ended(self) -> (Option<i32>, String) {
        let output = self.0.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }
}

/// Waits until `holds`; a surprise is a test that never goes on, so it ends after a minute.
fn until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_mins(1), "{what}: not within a minute");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn rows_of(result: &Path) -> Option<u64> {
    let weights: serde_json::Value =
        serde_json::from_slice(&fs::read(result.join("weights.json")).ok()?).ok()?;
    weights["rows"].as_u64()
}

fn same_bytes(one: &Path, other: &Path) -> bool {
    ["weights.json", "counts.parquet", "pos_weight.npy", "pos_weight.safetensors"]
        .iter()
        .all(|name| fs::read(one.join(name)).ok() == fs::read(other.join(name)).ok())
}

#[test]
fn a_pipeline_file_takes_the_flags_of_incremental_runs() {
    let place = Place::new();
    fs::create_dir(place.path("data")).unwrap();
    put(&place.path("data"), "a.parquet", 10, 0);
    fs::write(place.path("p.toml"), "shards = 'data'\nlabels = 'l*'\nout = 'w'\n").unwrap();
    let refused = place.run(&["watch", "p.toml", "--clip", "0,10", "--state", "w.state"]);
    assert!(refused.code == 2, "{}", refused.stderr);
    for says in ["p.toml: --clip cannot be given beside a pipeline file", "as the key clip"] {
        assert!(refused.stderr.contains(says), "{}", refused.stderr);
    }
    let child = Command::new(env!("CARGO_BIN_EXE_posweight"))
        .current_dir(place.path(""))
        .args(["watch", "p.toml", "--every", "100ms", "--state", "w.state"])
        .args(["--summary-json", "s.json", "--metrics-textfile", "m.prom"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let watch = Watch(child);
    until("files beside the result", || place.path("s.json").exists() && place.path("m.prom").exists());
    watch.signal("TERM");
    let (code, stderr) = watch.ended();
    assert!(code == Some(0) && place.path("w.state").exists(), "{stderr}");
}

#[test]
fn the_result_follows_the_shards_whoever_is_killed() {
    let place = Place::new();
    let (data, result) = (place.path("data"), place.path("w"));
    fs::create_dir(&data).unwrap();
    let mut state = 24_u64;
    let mut pick = |n: u32| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from((state >> 33) % u64::from(n)).unwrap()
    };
    put(&data, "part-000.parquet", 10, 0);
    let mut watch = Watch::start(&place, &["--quiet"]);
    let mut shards: Vec<PathBuf> = vec![data.join("part-000.parquet")];
    for step in 1..200_u32 {
        match pick(4) {
            0 if shards.len() > 1 => {
                let gone = shards.swap_remove(pick(u32::try_from(shards.len()).unwrap()) as usize);
                fs::remove_file(gone).unwrap();
            }
            1 => {
                let one = &shards[pick(u32::try_from(shards.len()).unwrap()) as usize];
                put(&data, one.file_name().unwrap().to_str().unwrap(), 1 + pick(300), step);
            }
            _ => {
                let name = format!("part-{step:03}.parquet");
                put(&data, &name, 1 + pick(300), step);
                shards.push(data.join(name));
            }
        }
        if step % 20 == 0 {
            watch.0.kill().unwrap();
            let (code, said) = watch.ended();
            assert!(code.is_none(), "{code:?} {said}");
            watch = Watch::start(&place, &["--quiet"]);
        }
    }
    let full = ["compute", "data", "--labels", "l*", "--out", "full", "--quiet", "--state", "full.state"];
    assert_eq!(place.run(&full).code, 0);
    until("the bytes of a full run", || same_bytes(&result, &place.path("full")));
    watch.signal("TERM");
    let (code, said) = watch.ended();
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_shard_that_is_being_written_is_tried_again() {
    let place = Place::new();
    let (data, result) = (place.path("data"), place.path("w"));
    fs::create_dir(&data).unwrap();
    put(&data, "a.parquet", 10, 1);
    let watch = Watch::start(&place, &[]);
    until("the first result", || rows_of(&result) == Some(10));
    put(&place.path(""), "b.parquet", 20, 2);
    let whole = fs::read(place.path("b.parquet")).unwrap();
    fs::write(data.join("b.parquet"), &whole[..whole.len() / 2]).unwrap();
    until("the failed run", || {
        let results = fs::read(result.join("run_results.json")).unwrap_or_default();
        String::from_utf8_lossy(&results).contains("\"failed\"")
    });
    assert_eq!(rows_of(&result), Some(10));
    fs::write(data.join("b.parquet"), &whole).unwrap();
    until("the second result", || rows_of(&result) == Some(30));
    // Nothing has changed, but SIGHUP asks for a result.
    let before = fs::metadata(result.join("_SUCCESS")).unwrap().modified().unwrap();
    watch.signal("HUP");
    until("a result as asked", || {
        fs::metadata(result.join("_SUCCESS")).and_then(|meta| meta.modified()).is_ok_and(|now| now > before)
    });
    watch.signal("INT");
    let (code, said) = watch.ended();
    assert_eq!(code, Some(130), "{said}");
    assert_eq!(said.matches("error:").count(), 1, "{said}");
    assert!(said.contains("b.parquet") && said.contains("the last result stays"), "{said}");
}

/// Without a look by time for an hour: only what the system tells brings a result.
#[cfg(target_os = "linux")]
#[test]
fn changes_of_folders_are_seen_at_once() {
    let place = Place::new();
    let (data, result) = (place.path("data"), place.path("w"));
    fs::create_dir(&data).unwrap();
    put(&data, "a.parquet", 10, 1);
    let watch = Watch::start(&place, &["--every", "1h"]);
    until("the first result", || rows_of(&result) == Some(10));
    put(&data, "b.parquet", 20, 2);
    until("one more shard", || rows_of(&result) == Some(30));
    put(&data, "b.parquet", 5, 3);
    until("another shard in its place", || rows_of(&result) == Some(15));
    fs::remove_file(data.join("a.parquet")).unwrap();
    until("a shard less", || rows_of(&result) == Some(5));
    // Folders that come later, and those in them.
    let below = data.join("new/inside");
    fs::create_dir_all(&below).unwrap();
    put(&below, "c.parquet", 100, 4);
    until("a shard in a new folder", || rows_of(&result) == Some(105));
    put(&below, "d.parquet", 1000, 5);
    until("one more there", || rows_of(&result) == Some(1105));
    // A shard that is written bit by bit, while others come: no part of it is counted.
    put(&place.path(""), "e.parquet", 7, 6);
    let whole = fs::read(place.path("e.parquet")).unwrap();
    let mut open = fs::File::create(data.join("e.parquet")).unwrap();
    open.write_all(&whole[..whole.len() / 2]).unwrap();
    put(&data, "f.parquet", 10_000, 7);
    until("the failed run", || {
        let results = fs::read(result.join("run_results.json")).unwrap_or_default();
        String::from_utf8_lossy(&results).contains("\"failed\"")
    });
    assert_eq!(rows_of(&result), Some(1105));
    open.write_all(&whole[whole.len() / 2..]).unwrap();
    drop(open);
    until("the whole shard", || rows_of(&result) == Some(11_112));
    watch.signal("TERM");
    let (code, said) = watch.ended();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("e.parquet") && said.contains("the next look is in 1h at the latest"), "{said}");
}

#[test]
fn another_run_at_the_same_place_is_waited_for() {
    let place = Place::new();
    let (data, result) = (place.path("data"), place.path("w"));
    fs::create_dir(&data).unwrap();
    put(&data, "a.parquet", 10, 1);
    let watch = Watch::start(&place, &[]);
    until("the first result", || rows_of(&result) == Some(10));
    let state = fs::File::open(place.path("w.state")).unwrap();
    state.lock().unwrap();
    put(&data, "b.parquet", 20, 2);
    until("the failed run", || {
        let results = fs::read(result.join("run_results.json")).unwrap_or_default();
        String::from_utf8_lossy(&results).contains("another run has it")
    });
    state.unlock().unwrap();
    until("the second result", || rows_of(&result) == Some(30));
    watch.signal("TERM");
    let (code, said) = watch.ended();
    assert_eq!((code, said.matches("error:").count()), (Some(0), 1), "{said}");
}

#[test]
fn what_no_later_run_can_mend_ends_it() {
    let place = Place::new();
    fs::create_dir(place.path("data")).unwrap();
    put(&place.path("data"), "a.parquet", 10, 1);
    let watch = |arguments: &[&str]| place.run(&[&["watch", "data"], arguments].concat());
    for (arguments, expected) in [
        (&["--out", "w"][..], "--state FILE"),
        (&["--state", "s"], "--out"),
        (&["--out", "-", "--state", "s"], "--out"),
        (&["--out", "w", "--state", "s", "--every", "soon"], "--every soon"),
        (&["--out", "w", "--state", "s", "--scheme", "best"], "best"),
    ] {
        let ended = watch(arguments);
        assert_eq!(ended.code, 2, "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(expected), "{arguments:?}: {}", ended.stderr);
    }
    let missing = ["--labels", "x*", "--out", "w", "--state", "s", "--every", "100ms", "--max-failures", "2"];
    let ended = watch(&missing);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    let file = place.path("p.toml");
    fs::write(&file, "shards = \"data\"\nout = \"w\"\nstate = \"auto\"\nlabels = \"x*\"\n").unwrap();
    let ended = place.run(&["watch", "p.toml", "--max-failures", "0"]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    let ended = place.run(&["watch", "p.toml", "--labels", "l*"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("--emit-spec"), "{}", ended.stderr);
}

#[cfg(target_os = "linux")]
#[test]
fn a_service_says_when_it_is_ready() {
    use std::os::unix::net::UnixDatagram;
    let place = Place::new();
    fs::create_dir(place.path("data")).unwrap();
    put(&place.path("data"), "a.parquet", 10, 1);
    let socket = place.path("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_posweight"))
        .current_dir(place.path(""))
        .args(["watch", "data", "--labels", "l*", "--out", "w", "--state", "w.state", "--quiet"])
        .env("NOTIFY_SOCKET", &socket)
        .spawn()
        .unwrap();
    let mut heard = String::new();
    let mut buffer = [0; 512];
    while !heard.contains("published 10 rows") {
        let length = manager.recv(&mut buffer).unwrap();
        heard.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
        heard.push('\n');
    }
    assert!(heard.starts_with("READY=1\n"), "{heard}");
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let length = manager.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"STOPPING=1");
}
