//! The process is killed, and the disk fails, at every step that writes: readers see the previous result or
//! the new one, whole, and the next run ends in the bytes of an undisturbed one.
//!
//! Faults are put into system calls by `strace`; where it is not there or may not trace, the sweep is left out
//! with a message, or fails with `POSWEIGHT_DEMAND_TOOLS=1`. `POSWEIGHT_FAULTS=all` sweeps every call instead
//! of some.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use arrow::array::BooleanArray;

use crate::support::{Place, array, left_out, some_of, write};

/// Calls by which files are written and put in their place.
const CALLS: [&str; 4] =
    ["write", "fsync", "renameat2,rename,renameat", "ftruncate,mkdir,unlink,rmdir,unlinkat"];
/// Calls swept of each kind, evenly, unless all are.
const SOME: u32 = 8;
/// How long a run may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// What a runtime says whose own writes are refused, which no disk does.
const NOT_WOKEN: &str = "failed to wake I/O driver";

fn works() -> bool {
    let traced =
        Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
    let works = traced.is_ok_and(|status| status.success());
    if !works {
        left_out("the sweep of faults", "strace does not work here");
    }
    works
}

/// The result at `out`: every file that `_SUCCESS` names, whole.
fn result(out: &Path) -> Option<BTreeMap<String, Vec<u8>>> {
    let success = std::fs::read(out.join("_SUCCESS")).ok()?;
    let success: serde_json::Value = serde_json::from_slice(&success).unwrap();
    let read = |file: &serde_json::Value| {
        let name = file["path"].as_str().unwrap();
        let bytes = std::fs::read(out.join(name)).unwrap();
        assert_eq!(bytes.len() as u64, file["bytes"].as_u64().unwrap(), "{name}");
        (name.to_owned(), bytes)
    };
    Some(success["outputs"].as_array().unwrap().iter().map(read).collect())
}

/// A run over `x` into `w`, with faults as `inject` says; gives the exit code and stderr.
fn run(place: &Place, inject: &[&str]) -> (Option<i32>, String) {
    let program =
        [env!("CARGO_BIN_EXE_posweight"), "compute", "x", "--layout", "wide", "--out", "w", "--overwrite"];
    let flags = ["--state", "s", "--threads", "1", "--quiet"];
    let mut command = Command::new(if inject.is_empty() { program[0] } else { "timeout" });
    if !inject.is_empty() {
        // A runtime that cannot wake its threads may never end.
        command.args([
            "-s",
            "KILL",
            &PATIENCE.as_secs().to_string(),
            "strace",
            "-f",
            "-y",
            "-qq",
            "-o",
            "trace",
        ]);
        command.args(inject).arg(program[0]);
    }
    let clock = Instant::now();
    let output = command.args(&program[1..]).args(flags).current_dir(place.dir.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(clock.elapsed() < PATIENCE || said.contains(NOT_WOKEN), "{inject:?} does not end: {said}");
    (output.status.code(), said)
}

fn shard(place: &Place, name: &str, every: usize) {
    let bits = (0..500).map(|row| Some(row % every == 0)).collect::<BooleanArray>();
    write(&place.path(name), vec![("a", array(bits))]);
}

/// At which calls of any of `calls` a run writes to a disk, counted from 1.
fn steps(place: &Place, calls: &str) -> Vec<usize> {
    let (code, said) = run(place, &["-e", &format!("trace={calls}")]);
    assert_eq!(code, Some(0), "{said}");
    let trace = std::fs::read_to_string(place.path("trace")).unwrap();
    let made = trace.lines().filter(|line| line.contains('(')).enumerate();
    // The runtime wakes its threads by writing, which no disk can refuse.
    made.filter(|(_, line)| !line.contains("anon_inode")).map(|(i, _)| i + 1).collect()
}

#[test]
fn a_result_is_whole_whatever_fails_while_it_is_written() {
    if !works() {
        return;
    }
    let place = Place::new();
    let fresh = |more: bool| {
        for name in ["w", "s", "x"] {
            let path = place.path(name);
            let _ = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
        }
        shard(&place, "x/0.parquet", 3);
        assert_eq!(run(&place, &[]).0, Some(0));
        if more {
            shard(&place, "x/1.parquet", 4);
        }
    };
    fresh(true);
    assert_eq!(run(&place, &[]).0, Some(0));
    let new = result(&place.path("w")).unwrap();
    fresh(false);
    let old = result(&place.path("w")).unwrap();
    assert_ne!(old, new);

    let all = std::env::var("POSWEIGHT_FAULTS").is_ok_and(|value| value == "all");
    let (mut killed, mut failed) = (0, 0);
    for calls in CALLS {
        fresh(true);
        let steps = steps(&place, calls);
        let every = if all { 1 } else { steps.len().div_ceil(some_of(SOME) as usize).max(1) };
        for fault in ["signal=SIGKILL", "error=ENOSPC", "error=EIO"] {
            for when in steps.iter().step_by(every) {
                fresh(true);
                let (code, said) = run(&place, &["-e", &format!("inject={calls}:{fault}:when={when}")]);
                let here = format!("{calls} {fault} {when}: {code:?} {said}");
                if said.contains(NOT_WOKEN) {
                    continue;
                }
                let found = result(&place.path("w")).unwrap_or_else(|| panic!("nothing is left, {here}"));
                assert!(found == old || found == new, "a mixture, {here}");
                assert!(!said.contains("panicked"), "{here}");
                match code {
                    // What fails may be one that does not matter, such as taking leftovers away.
                    Some(0) => assert!(found == new, "{here}"),
                    Some(6 | 7) => failed += 1,
                    Some(143 | 137) | None => killed += 1,
                    _ => panic!("{here}"),
                }
                assert_eq!(run(&place, &[]).0, Some(0), "afterwards, {here}");
                assert!(result(&place.path("w")).unwrap() == new, "afterwards, {here}");
            }
        }
    }
    let least = if all || some_of(SOME) >= SOME { 10 } else { 4 };
    assert!(killed > least && failed > least, "{killed} killed, {failed} failed");
}

#[test]
fn what_a_read_fails_with_decides_the_exit_code() {
    if !works() {
        return;
    }
    let place = Place::new();
    shard(&place, "x/0.parquet", 3);
    let shard = place.path("x/0.parquet");
    // A disk that fails is no reason to run again; a server that has other files by now is.
    for (error, expected) in
        [("ETIMEDOUT", 5), ("EIO", 4), ("ESTALE", 8), ("EMFILE", 6), ("ENFILE", 6), ("ENOMEM", 6)]
    {
        for calls in ["read", "lseek"] {
            let inject = format!("inject={calls}:error={error}");
            let (code, said) = run(&place, &["-P", shard.to_str().unwrap(), "-e", &inject]);
            assert_eq!(code, Some(expected), "{inject}: {said}");
            assert!(said.contains("x/0.parquet"), "{inject}: {said}");
        }
    }
}
