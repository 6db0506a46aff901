//! Shards in a store, counted and asked for on a cluster: every executor reads the version that the client has
//! listed, with credentials of its own.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::cloud::{CANARY, SECRET, environment, ok, upload};
use crate::machines::{Cluster, Setup, equal, lists, long, wide};
use crate::s3::{Fault, Server};
use crate::support::Place;

/// A cluster whose client and executors reach `server`.
fn cluster(server: &Server) -> Cluster {
    let variables = environment(&server.endpoint);
    Cluster::with(Setup { environment: variables.clone(), of_executors: variables, ..Setup::default() })
}

/// Shards of all layouts in the bucket.
fn fill(place: &Place, server: &Server) {
    wide(place, "wide", 5, 900);
    lists(place);
    long(place, "long", 3, 1200);
    for folder in ["wide", "list", "long"] {
        upload(server, &place.path(folder), folder);
    }
}

/// All reads of objects were of a version that somebody had listed.
fn all_conditional(server: &Server) {
    let bucket = server.bucket();
    let reads = || bucket.asked.iter().filter(|asked| asked.method == "GET" && !asked.key.is_empty());
    assert!(reads().count() > 0 && reads().all(|asked| asked.if_match.is_some()));
}

#[test]
fn objects_are_counted_to_the_bytes_of_one_process() {
    let (place, server) = (Place::new(), Server::start());
    fill(&place, &server);
    let cluster = cluster(&server);
    let wide = ["s3://b/wide", "--layout", "wide", "--labels", "a,b,c"];
    let list = ["s3://b/list", "--layout", "list", "--labels"];
    let long = ["s3://b/long", "--layout", "long", "--row-measures", "off", "--labels"];
    let runs: [(&[&str], &[&str]); 7] = [
        (&wide, &["--by", "part", "--row-measures", "on"]),
        (&wide, &["--engine", "plain", "--where", "split = 'train' AND c"]),
        (&wide, &["--sample-weight", "w"]),
        (&list, &["indices"]),
        (&list, &["names"]),
        (&long, &["label", "--id", "name"]),
        (&long, &["number", "--id", "id", "--value", "value", "--uncertain-values", "-1"]),
    ];
    for (base, more) in runs {
        ok(&cluster.same(&place, &[base, more].concat()));
    }
    // Plans of rows as well.
    let plan = |more: &[&str]| {
        let flags = ["sample", "s3://b/list", "--layout", "list", "--labels", "indices", "--seed", "9"];
        ok(&cluster.run(&place, &[&flags[..], &["--plan", "lp-ros:percent=10", "--out"], more].concat()));
    };
    plan(&["plan-here"]);
    plan(&["plan-there", "--cluster", &cluster.url]);
    equal(&place.path("plan-here"), &place.path("plan-there"));
    all_conditional(&server);
    // A shard of this machine beside one of the store.
    std::fs::copy(place.path("list/0.parquet"), place.path("near.parquet")).unwrap();
    let both = ["near.parquet", "s3://b/list/1.parquet", "--layout", "list", "--labels", "names"];
    ok(&cluster.same(&place, &both));
}

#[test]
fn queries_over_objects_give_the_rows_of_one_process() {
    let (place, server) = (Place::new(), Server::start());
    fill(&place, &server);
    let cluster = cluster(&server);
    for query in [
        "SELECT split, positives(a), missing(b), pos_weight(c) FROM 's3://b/wide' GROUP BY split ORDER BY split",
        "SELECT part, count(*), sum(CAST(a AS INT)) FROM 's3://b/wide/' WHERE w > 0.3 GROUP BY part ORDER BY part",
        "SELECT a, w FROM 's3://b/wide' WHERE part = '1' ORDER BY w DESC, a NULLS FIRST LIMIT 5",
        "SELECT l.label, count(*) FROM 's3://b/long' l JOIN 's3://b/wide' w ON l.value = CAST(w.a AS BIGINT) \
         WHERE w.w > 0.9 GROUP BY l.label ORDER BY l.label",
        "SELECT near.part, count(*), max(far.w) FROM 'wide' near JOIN 's3://b/wide' far ON near.part = far.part \
         WHERE near.w > 0.9 AND near.c GROUP BY near.part ORDER BY near.part",
        "SELECT label, positives FROM label_counts('s3://b/wide', 'layout=wide, labels=a,b,c') ORDER BY label",
        "SELECT count(*) FROM 's3://b/long/**/*.parquet'",
    ] {
        ok(&cluster.same_rows(&place, query));
    }
    all_conditional(&server);
    assert_ne!(cluster.same_rows(&place, "SELECT nothing FROM 's3://b/wide'").code, 0);
}

#[test]
fn an_object_that_was_replaced_before_an_executor_reads_it_is_exit_8() {
    let (place, server) = (Place::new(), Server::start());
    let cluster = cluster(&server);
    let compute =
        ["compute", "s3://b/wide", "--layout", "wide", "--labels", "a,b", "--out", "w", "--overwrite"];
    let encoded = [&compute[..], &["--engine", "encoded"]].concat();
    let plain = [&compute[..], &["--engine", "plain"]].concat();
    let query = vec!["sql", "-c", "SELECT positives(a) FROM 's3://b/wide'"];
    for (command, what) in [(encoded, "encoded"), (plain, "plain"), (query, "query")] {
        // The client reads the footer, then an executor does, then it reads pages.
        for nth in [1, 2] {
            fill(&place, &server);
            let reads = AtomicUsize::new(0);
            server.hook(move |bucket, method, key| {
                let is_it = method == "GET" && key.ends_with("part=1/001.parquet");
                if is_it && reads.fetch_add(1, Ordering::Relaxed) == nth {
                    let other = bucket.objects["wide/part=1/003.parquet"].clone();
                    bucket.objects.insert(key.to_owned(), other);
                }
                Fault::None
            });
            let ended = cluster.run(&place, &[&command[..], &["--cluster", &cluster.url]].concat());
            assert!(
                ended.code == 8
                    && ended.stderr.contains("s3://b/wide/part=1/001.parquet: the object was replaced"),
                "{what} {nth}: {} {}\n{}",
                ended.code,
                ended.stderr,
                cluster.logs()
            );
        }
    }
    assert!(!place.path("w/_SUCCESS").exists());
}

#[test]
fn a_store_that_breaks_off_is_asked_again_by_executors() {
    let (place, server) = (Place::new(), Server::start());
    fill(&place, &server);
    let cluster = cluster(&server);
    let number = AtomicUsize::new(0);
    server.hook(move |_, _, _| match number.fetch_add(1, Ordering::Relaxed) {
        n if n % 7 > 0 => Fault::None,
        n => [Fault::Status(503), Fault::Status(500), Fault::Cut][n / 7 % 3],
    });
    ok(&cluster.same(&place, &["s3://b/wide", "--layout", "wide", "--labels", "a,b,c"]));
    ok(&cluster.same_rows(&place, "SELECT positives(a), count(*) FROM 's3://b/wide'"));
}

#[test]
fn an_executor_that_is_killed_costs_time_and_not_the_result_of_a_store() {
    let (place, server) = (Place::new(), Server::start());
    long(&place, "long", 40, 4_000);
    upload(&server, &place.path("long"), "long");
    cluster(&server).kills_one(&place, "s3://b/long");
}

#[test]
fn executors_without_credentials_say_so() {
    let (place, server) = (Place::new(), Server::start());
    fill(&place, &server);
    let variables = environment(&server.endpoint);
    let mut others = variables.clone();
    others.retain(|(name, _)| !name.contains("KEY"));
    others.push(("HOME", place.path("").display().to_string()));
    let cluster = Cluster::with(Setup { environment: variables, of_executors: others, ..Setup::default() });
    let compute = ["compute", "s3://b/wide", "--layout", "wide", "--labels", "a,b", "--out", "w"];
    let query = ["sql", "-c", "SELECT positives(a) FROM 's3://b/wide'"];
    for command in [&compute[..], &query] {
        let ended = cluster.run(&place, &[command, &["--cluster", &cluster.url]].concat());
        assert_eq!(ended.code, 2, "{}\n{}", ended.stderr, cluster.logs());
        // A machine of a cloud may give some, and be asked first.
        for says in ["an executor: s3://b", "no credentials found", "on the machines of the executors: set "]
        {
            assert!(ended.stderr.contains(says), "{}", ended.stderr);
        }
    }
}

/// What has passed each way of each connection.
static PASSED: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// A port from which everything is passed on to `port`.
fn door_to(port: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().port().to_string();
    let behind = format!("127.0.0.1:{port}");
    std::thread::spawn(move || {
        for caller in listener.incoming().flatten() {
            // The scheduler may not listen yet.
            let called = loop {
                match TcpStream::connect(&behind) {
                    Ok(called) => break called,
                    Err(_) => std::thread::sleep(Duration::from_millis(10)),
                }
            };
            for (from, to) in [(&caller, &called), (&called, &caller)] {
                let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                std::thread::spawn(move || pass(from, to));
            }
        }
    });
    own
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    let at = {
        let mut passed = PASSED.lock().unwrap();
        passed.push(Vec::new());
        passed.len() - 1
    };
    let mut some = vec![0; 1 << 16];
    while let Ok(n @ 1..) = from.read(&mut some) {
        PASSED.lock().unwrap()[at].extend_from_slice(&some[..n]);
        if to.write_all(&some[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

/// What was packed into `bytes`, as far as it lies in one piece.
fn unpacked(bytes: &[u8]) -> Vec<u8> {
    const FRAME: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    let mut all = Vec::new();
    for at in (0..bytes.len()).filter(|&at| bytes[at..].starts_with(&FRAME)) {
        let Ok(mut reader) = zstd::stream::read::Decoder::new(&bytes[at..]) else { continue };
        let mut some = [0; 4096];
        while let Ok(n @ 1..) = reader.read(&mut some) {
            all.extend_from_slice(&some[..n]);
        }
    }
    all
}

fn files(folder: &Path, found: &mut Vec<u8>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.extend(std::fs::read(&path).unwrap());
        }
    }
}

#[test]
fn credentials_go_to_the_store_and_nowhere_else() {
    let (place, server) = (Place::new(), Server::start());
    fill(&place, &server);
    let variables = environment(&server.endpoint);
    let cluster = Cluster::with(Setup {
        environment: variables.clone(),
        of_executors: variables,
        door: door_to,
        ..Setup::default()
    });
    let mut said = String::new();
    let compute =
        ["compute", "s3://b/wide", "--layout", "wide", "--labels", "a,b,c", "--verbose", "--overwrite"];
    let query = ["sql", "-c", "SELECT positives(a), count(*) FROM 's3://b/wide'"];
    for code in [0, 4] {
        for command in [&[&compute[..], &["--out", "w"]].concat(), &query[..]] {
            let ended = cluster.run(&place, &[command, &["--cluster", &cluster.url]].concat());
            assert_eq!(ended.code, code, "{}\n{}", ended.stderr, cluster.logs());
            said.push_str(&format!("{}{}", ended.stdout, ended.stderr));
        }
        // What can be listed cannot be read, from now on.
        server.hook(|_, method, key| {
            if method == "GET" && key.ends_with(".parquet") { Fault::Status(403) } else { Fault::None }
        });
    }
    said.push_str(&cluster.logs());
    let mut bytes = said.into_bytes();
    files(place.dir.path(), &mut bytes);
    files(cluster.work.dir.path(), &mut bytes);
    let passed = PASSED.lock().unwrap();
    let messages = unpacked(&passed.concat());
    let has = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has(&messages, "s3://b") && has(&bytes, "\"inputs\""), "there is something to look through");
    for bytes in passed.iter().chain([&messages, &bytes]) {
        assert!(!has(bytes, SECRET) && !has(bytes, CANARY));
    }
    // The id, which is no secret, is what requests are signed with.
    assert!(server.bucket().asked.iter().any(|asked| asked.head.contains(CANARY)));
}
