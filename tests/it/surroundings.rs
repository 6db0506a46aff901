//! Poor surroundings: few open files, little address space, no environment, closed streams, many runs at once, folders
//! that cannot be written or are gone. A run gives the bytes of an undisturbed one, or says what it lacks.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use arrow::array::{ArrayRef, Int64Array, StringArray};

use crate::support::{Ended, Place, array, left_out, write};

const FLAGS: &str = "--layout long --id id --labels label --quiet --overwrite --threads 2";

/// Pairs in four shards, which share ids.
fn pairs(place: &Place, rows: i64) {
    for shard in 0..4 {
        let ids = (0..rows).map(|row| (row * 7 + shard) % (rows / 2));
        let labels = (0..rows).map(|row| format!("l{}", (row * row + shard) % 23));
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("id", array(Int64Array::from_iter_values(ids))),
            ("label", array(StringArray::from_iter_values(labels))),
        ];
        write(&place.path(&format!("in/{shard}.parquet")), columns);
    }
}

/// Runs a script of the shell, in which `$P` is the program and `$FLAGS` are its flags.
fn shell(place: &Place, script: &str) -> Output {
    let mut command = Command::new("sh");
    command.args(["-c", script]).current_dir(place.dir.path()).stdin(Stdio::null());
    command.env("P", env!("CARGO_BIN_EXE_posweight")).env("FLAGS", FLAGS).output().unwrap()
}

/// All files of a result but the account of the run.
fn files(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(out).unwrap().map(|entry| entry.unwrap());
    let accounts = ["run_results.json", "_SUCCESS"];
    let named = entries.map(|entry| (entry.file_name().into_string().unwrap(), entry.path()));
    let named = named.filter(|(name, path)| path.is_file() && !accounts.contains(&name.as_str()));
    named.map(|(name, path)| (name, std::fs::read(path).unwrap())).collect()
}

fn undisturbed(place: &Place) -> BTreeMap<String, Vec<u8>> {
    let ended = Ended::of(&shell(place, "$P compute in $FLAGS --out undisturbed"));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    files(&place.path("undisturbed"))
}

/// What no run may say.
fn is_sound(said: &str) -> bool {
    !["panicked", "bug in posweight"].iter().any(|word| said.contains(word))
}

#[test]
fn poor_surroundings_change_no_byte() {
    let place = Place::new();
    pairs(&place, 400);
    let expected = undisturbed(&place);
    for (around, out) in [
        ("ulimit -n 64; $P compute in $FLAGS --out out", "out"),
        ("ulimit -v 4000000; $P compute in $FLAGS --out out", "out"),
        ("env -i $P compute in $FLAGS --out out", "out"),
        ("unset HOME; $P compute in $FLAGS --out out", "out"),
        ("LC_ALL=C LANG=C $P compute in $FLAGS --out ä", "ä"),
        ("LC_ALL=xx_YY.ISO-8859-1 TZ=nowhere $P compute in $FLAGS --out ä", "ä"),
        ("$P compute in $FLAGS --out out <&-", "out"),
        ("$P compute in $FLAGS --out out >&-", "out"),
        ("$P compute in $FLAGS --out out 2>&-", "out"),
        ("$P compute in $FLAGS --out out <&- >&- 2>&-", "out"),
        ("$P compute in $FLAGS --out out 2>/dev/full", "out"),
    ] {
        let ended = Ended::of(&shell(&place, around));
        assert_eq!(ended.code, 0, "{around}: {}", ended.stderr);
        assert!(files(&place.path(out)) == expected, "{around}");
        std::fs::remove_dir_all(place.path(out)).unwrap();
    }
}

/// A machine that gives no more files or threads is no damaged shard, and none that may be skipped.
#[test]
fn what_a_process_may_not_have_is_named() {
    let place = Place::new();
    pairs(&place, 400);
    let expected = undisturbed(&place);
    let skip = "--on-bad-shard skip --max-bad-shards 4";
    let mut refused = 0;
    for files_max in 4..24 {
        let limit = format!("ulimit -n {files_max}; $P compute in $FLAGS {skip} --out out");
        let ended = Ended::of(&shell(&place, &limit));
        assert!(
            [0, 6].contains(&ended.code) && is_sound(&ended.stderr),
            "{limit}: {} {}",
            ended.code,
            ended.stderr
        );
        if ended.code == 0 {
            assert!(files(&place.path("out")) == expected, "{limit}");
            continue;
        }
        refused += 1;
        assert!(ended.stderr.contains("hint: allow"), "{limit}: {}", ended.stderr);
    }
    assert!(refused > 2, "{refused} runs were refused");
}

/// Memory that is not given ends a program without a word, so a run that may not have enough does not begin.
#[test]
fn too_few_addresses_are_named_before_a_run() {
    let place = Place::new();
    pairs(&place, 400);
    let expected = undisturbed(&place);
    let (mut refused, mut run) = (0, 0);
    for kilobytes in (400_000..3_600_000).step_by(200_000) {
        // The way out that is named where the allocator alone would take more than the limit.
        for arenas in ["", "export MALLOC_ARENA_MAX=1; "] {
            let limit = format!("ulimit -v {kilobytes}; {arenas}$P compute in $FLAGS --out out");
            let ended = Ended::of(&shell(&place, &limit));
            match ended.code {
                0 => {
                    run += 1;
                    assert!(files(&place.path("out")) == expected, "{limit}");
                }
                6 => {
                    refused += 1;
                    assert!(arenas.is_empty() || kilobytes < 900_000, "{limit}: {}", ended.stderr);
                    for way in ["ulimit -v unlimited", "export MALLOC_ARENA_MAX=1"] {
                        assert!(ended.stderr.contains(way), "{limit}: {}", ended.stderr);
                    }
                }
                code => panic!("{limit}: {code} {}", ended.stderr),
            }
        }
    }
    assert!(refused > 2 && run > 8, "{refused} refused, {run} run");
}

#[test]
fn threads_that_the_system_refuses_are_named() {
    let traced =
        Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
    if !traced.is_ok_and(|status| status.success()) {
        return left_out("threads that are refused", "strace does not work here");
    }
    let place = Place::new();
    pairs(&place, 400);
    for first in 1..=4 {
        let inject = format!("strace -f -o trace -e inject=clone,clone3:error=EAGAIN:when={first}+");
        let ended = Ended::of(&shell(&place, &format!("{inject} $P compute in $FLAGS --out out")));
        assert_eq!(ended.code, 6, "{first}: {}", ended.stderr);
        assert!(ended.stderr.contains("threads cannot be started"), "{first}: {}", ended.stderr);
        assert!(is_sound(&ended.stderr), "{first}: {}", ended.stderr);
    }
}

#[test]
fn ten_runs_at_once_keep_to_their_memory() {
    const LIMIT: u64 = 256 << 20;
    let place = Place::new();
    pairs(&place, 40_000);
    let expected = undisturbed(&place);
    let children: Vec<_> = (0..10)
        .map(|run| {
            let out = format!("out{run}");
            let mut words = vec!["compute", "in", "--out", &out, "--memory-limit", "256m"];
            words.extend(FLAGS.split(' '));
            place.start(&words)
        })
        .collect();
    for (run, child) in children.into_iter().enumerate() {
        let ended = Ended::of(&child.wait_with_output().unwrap());
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(files(&place.path(&format!("out{run}"))) == expected, "run {run}");
        let results = place.json(&format!("out{run}/run_results.json"));
        let peak = results["resources"]["peak_memory_bytes"].as_u64().unwrap();
        assert!(peak <= LIMIT + LIMIT / 5, "run {run} took {peak} bytes");
    }
}

/// Runs a script with mounts of its own, of which the machine sees nothing.
fn with_mounts(place: &Place, script: &str) -> Option<Ended> {
    let unshared = Command::new("unshare").args(["-m", "mount", "-t", "tmpfs", "none", "/mnt"]).output();
    if !unshared.is_ok_and(|output| output.status.success()) {
        left_out("mounts of its own", "unshare -m does not work here");
        return None;
    }
    Some(Ended::of(&shell(place, &format!("unshare -m sh -c '{script}'"))))
}

#[test]
fn what_is_not_there_is_not_needed() {
    let place = Place::new();
    pairs(&place, 8_000);
    let expected = undisturbed(&place);
    let compute = "$P compute in $FLAGS --out out";
    for around in [
        "mount -t tmpfs none /proc",
        "mount -t tmpfs none /proc; mount -t tmpfs none /sys",
        "mount -t tmpfs -o size=4k none /dev/shm",
        "mkdir -p temporary; mount -t tmpfs -o ro none temporary; export TMPDIR=$PWD/temporary",
    ] {
        let Some(ended) = with_mounts(&place, &format!("{around}; {compute}")) else { return };
        assert_eq!(ended.code, 0, "{around}: {}", ended.stderr);
        assert!(files(&place.path("out")) == expected, "{around}");
    }
    // What has to be saved is not, and what names the flag that helps is said.
    for around in ["-o ro", "-o size=8k"] {
        let temporary = format!(
            "mkdir -p temporary; mount -t tmpfs {around} none temporary; export TMPDIR=$PWD/temporary"
        );
        let query = "--query \"select * from shards\"";
        let Some(ended) = with_mounts(&place, &format!("{temporary}; {compute} {query}")) else { return };
        assert_eq!(ended.code, 6, "{around}: {}", ended.stderr);
        assert!(ended.stderr.contains("--spill-dir") && !ended.stderr.contains("--out"), "{}", ended.stderr);
        let elsewhere = format!("{temporary}; mkdir -p other; {compute} {query} --spill-dir other");
        let ended = with_mounts(&place, &elsewhere).unwrap();
        assert_eq!(ended.code, 0, "{around}: {}", ended.stderr);
    }
}
