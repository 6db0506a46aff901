//! A cluster with a token gives the same bytes; who has no token, or another one, is told so and gets nothing.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::machines::{Cluster, Environment, Setup, lists, long, wide};
use crate::support::{Ended, Place, ports};

const VARIABLE: &str = "POSWEIGHT_CLUSTER_TOKEN";
const TOKEN: &str = "a token of thirty-two characters or more";
const OTHER: &str = "another token of thirty-two characters or more";

fn variables(token: &str) -> Environment {
    vec![(VARIABLE, token.to_owned())]
}

/// A cluster with the token, whose client has it, too.
fn cluster(executors: usize) -> Cluster {
    Cluster::with(Setup {
        environment: variables(TOKEN),
        of_scheduler: variables(TOKEN),
        of_executors: variables(TOKEN),
        executors,
        ..Setup::default()
    })
}

/// No token is in what was said.
fn is_silent(text: &str) {
    assert!(!text.contains(TOKEN) && !text.contains(OTHER), "{text}");
}

#[test]
fn a_cluster_with_a_token_gives_the_bytes_of_one_process() {
    let cluster = cluster(2);
    let place = Place::new();
    wide(&place, "wide", 3, 400);
    lists(&place);
    long(&place, "long", 3, 600);
    let long = ["long", "--layout", "long", "--row-measures", "off", "--labels", "label", "--id", "name"];
    let runs: [&[&str]; 3] = [
        &["wide", "--layout", "wide", "--labels", "a,b,c", "--by", "split", "--row-measures", "on"],
        &["list", "--layout", "list", "--labels", "names"],
        &long,
    ];
    for arguments in runs {
        let ended = cluster.same(&place, arguments);
        assert_eq!(ended.code, 0, "{}\n{}", ended.stderr, cluster.logs());
    }
    let query = "SELECT split, positives(a), count(*) FROM 'wide' GROUP BY split ORDER BY split";
    assert_eq!(cluster.same_rows(&place, query).code, 0);
    // A file stands for the variable, in a pipeline file, too.
    std::fs::write(place.path("token"), format!("{TOKEN}\n")).unwrap();
    let wide = ["compute", "wide", "--layout", "wide", "--labels", "a,b", "--overwrite", "--out", "w"];
    let by_file = ["--cluster", &cluster.url, "--token-file", "token"];
    let ended = place.run(&[&wide[..], &by_file, &["--verbose"]].concat());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    is_silent(&ended.stderr);
    let spec = place.run(&[&wide[..], &by_file, &["--emit-spec"]].concat());
    assert!(spec.stdout.contains("token_file = \"token\""), "{}", spec.stdout);
    is_silent(&spec.stdout);
    std::fs::write(place.path("run.toml"), spec.stdout).unwrap();
    assert_eq!(place.run(&["run", "run.toml"]).code, 0);
    is_silent(&std::fs::read_to_string(place.path("w/run_results.json")).unwrap());
    is_silent(&cluster.logs());
}

#[test]
fn nobody_gets_in_without_the_token() {
    let cluster = cluster(1);
    let place = Place::new();
    wide(&place, "wide", 2, 100);
    let url = &cluster.url;
    let wide = ["compute", "wide", "--layout", "wide", "--labels", "a,b", "--out", "w", "--cluster"];
    let client = |url: &str, token: Option<&str>| {
        let mut command = cluster.client(&place, &[&wide[..], &[url]].concat());
        command.env_remove(VARIABLE).envs(token.map(|token| (VARIABLE, token)));
        Ended::of(&command.output().unwrap())
    };
    let [port, task_port] = ports();
    let executor = |url: &str, token: Option<&str>| {
        let flags = ["cluster", "executor", "--port", &port, "--task-port", &task_port, "--scheduler", url];
        let mut command = cluster.client(&place, &flags);
        command.env_remove(VARIABLE).envs(token.map(|token| (VARIABLE, token)));
        Ended::of(&command.output().unwrap())
    };
    let open = Cluster::with(Setup { executors: 0, ..Setup::default() });
    for (ended, url, says) in [
        (client(url, None), url, "the scheduler asks for a token"),
        (client(url, Some(OTHER)), url, "the scheduler has another token"),
        (executor(url, None), url, "the scheduler asks for a token"),
        (executor(url, Some(OTHER)), url, "the scheduler has another token"),
        (client(&open.url, Some(TOKEN)), &open.url, "the scheduler was started without a token"),
        (executor(&open.url, Some(TOKEN)), &open.url, "the scheduler was started without a token"),
    ] {
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        assert!(ended.stderr.contains(&format!("{url}: {says}")), "{}", ended.stderr);
        assert!(ended.stderr.contains("--token-file"), "{}", ended.stderr);
        is_silent(&ended.stderr);
    }
    for (token, says) in [("short", "the token has 5 characters"), ("", "the token has 0 characters")] {
        let ended = client(url, Some(token));
        assert!(ended.code == 2 && ended.stderr.contains(says), "{}", ended.stderr);
    }
    let missing = place.run(&[&wide[..], &[url, "--token-file", "nothing"]].concat());
    assert!(missing.code == 2 && missing.stderr.contains("--token-file nothing: "), "{}", missing.stderr);
    is_silent(&cluster.logs());
}

/// Whether a port answers a client that speaks gRPC without TLS.
fn answers(port: &str) -> bool {
    // An executor is known to the scheduler a little before it listens at all of its ports.
    let start = Instant::now();
    let mut stream = loop {
        match TcpStream::connect(format!("127.0.0.1:{port}")) {
            Ok(stream) => break stream,
            Err(error) if start.elapsed() > Duration::from_secs(30) => panic!("{port}: {error}"),
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    };
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    // The preface of HTTP/2 and empty settings, which a server answers with its own.
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    let mut first = [0; 9];
    matches!(stream.read(&mut first), Ok(9)) && first[3] == 4
}

#[test]
fn all_ports_of_a_cluster_with_a_token_are_encrypted() {
    let (closed, open) = (cluster(1), Cluster::with(Setup { executors: 1, ..Setup::default() }));
    for (cluster, is_open) in [(&open, true), (&closed, false)] {
        for port in cluster.ports() {
            assert_eq!(answers(&port), is_open, "{port}: {}", cluster.logs());
        }
    }
}
