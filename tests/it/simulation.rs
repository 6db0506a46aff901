//! A simulated run on a cluster: it is printed, its flags matter, and wrong ones are refused.

use arrow::array::BooleanArray;

use crate::support::{Ended, Place, array, write};

fn simulated(place: &Place, flags: &[&str]) -> Ended {
    place.run(
        &[&["inspect", "data", "--labels", "a", "--plan", "--executors", "4", "--simulate"], flags].concat(),
    )
}

/// The seconds in the line that starts with `name`.
fn seconds(text: &str, name: &str) -> f64 {
    let line = text.lines().map(str::trim_start).find(|line| line.starts_with(name));
    let line = line.unwrap_or_else(|| panic!("{name} is not in {text}"));
    let number = line[name.len()..].trim_start().split(' ').next().unwrap();
    number.parse().unwrap_or_else(|_| panic!("{line}"))
}

#[test]
fn inspect_simulates_a_cluster() {
    let place = Place::new();
    for shard in 0..4 {
        let column = array((0..5_000).map(|row| Some(row % 3 == 0)).collect::<BooleanArray>());
        write(&place.path(&format!("data/{shard}.parquet")), vec![("a", column)]);
    }
    let ended = simulated(&place, &[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let text = ended.stdout;
    for says in [
        "simulation: 4 executors of",
        "list shards, read footers",
        "bottleneck: ",
        "of the client alone: ",
        "speed-up",
        "1000 ",
    ] {
        assert!(text.contains(says), "{says}: {text}");
    }
    let stages = ["list shards, read footers", "count", "merge", "get counts, write results"];
    let sum: f64 = stages.iter().map(|stage| seconds(&text, stage)).sum();
    assert!((seconds(&text, "total") - sum).abs() < 0.03, "{text}");
    // An account of a run on a cluster replaces the probe.
    let account = r#"{"cluster": {"tasks": 4, "processor_seconds": {"executors": 80.0},
        "bytes": {"read": 10000, "shuffled": 0, "to_client": 0},
        "serial_seconds": 7.0, "task_overhead_seconds": 0.5}}"#;
    std::fs::write(place.path("run_results.json"), account).unwrap();
    let ended = simulated(&place, &["--account", "run_results.json"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(seconds(&ended.stdout, "total") > 7.0, "{}", ended.stdout);
    // All executors are lost.
    let lost = simulated(&place, &["--lost", "4"]);
    assert!(lost.stdout.contains("no executor is left"), "{}", lost.stdout);
    for (flags, code, says) in [
        (&["--bandwidth", "0"][..], 2, "--bandwidth: \"0\" is not a size"),
        (&["--latency", "NaN"], 2, "--latency NaN is no number"),
        (&["--account", "nothing.json"], 4, "--account nothing.json: "),
        (&["--requests", "0"], 2, "--requests"),
    ] {
        let ended = simulated(&place, flags);
        assert!(ended.code == code && ended.stderr.contains(says), "{flags:?}: {}", ended.stderr);
    }
    assert_eq!(place.run(&["inspect", "data", "--simulate"]).code, 2);
}
