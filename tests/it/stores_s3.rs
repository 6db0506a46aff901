//! The program against a small S3 server: the same bytes as with files, and a clean end when the store fails.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use arrow::array::{
    ArrayRef, BooleanArray, FixedSizeListArray, Float32Array, Int32Array, ListArray, StringArray,
};
use arrow::datatypes::Int32Type;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use crate::cloud::{self, CANARY, SECRET, command, local, ok, result, upload, wide};
use crate::s3::{Fault, Server};
use crate::support::{Ended, Place, array, root, write, write_with};

fn labels270(server: &Server) {
    upload(server, &root().join("sample_data/labels270"), "labels270");
}

/// Runs the program in `place` against `server`.
fn run(place: &Place, server: &Server, arguments: &[&str]) -> Ended {
    cloud::run(place, &server.endpoint, arguments)
}

#[test]
fn a_bucket_gives_the_bytes_of_a_folder() {
    let (place, server) = (Place::new(), Server::start());
    labels270(&server);
    let here = root().join("sample_data/labels270").display().to_string();
    ok(&place.run(&wide(&here, "w", &["--scheme", "sqrt"])));
    for engine in ["encoded", "plain"] {
        let more = ["--scheme", "sqrt", "--engine", engine];
        let ended = run(&place, &server, &wide("s3://b/labels270", "s3://b/w", &more));
        ok(&ended);
        assert!(ended.stdout.contains("2 000 rows, 270 labels, 4 shards"), "{}", ended.stdout);
        assert!(result(&server, "w") == local(&place, "w"), "{engine}");
    }
    // Everything that reads results follows the pointer.
    let report = run(&place, &server, &["report", "s3://b/w"]);
    assert!(report.code == 0 && report.stdout.contains("270 labels"), "{}", report.stderr);
    let markdown = run(&place, &server, &["report", "s3://b/w", "--format", "markdown"]);
    assert_eq!(markdown.stdout.as_bytes(), local(&place, "w")["report.md"]);
    ok(&run(&place, &server, &["diff", "w", "s3://b/w", "--fail-over", "0"]));
    ok(&run(&place, &server, &["weigh", "s3://b/w", "--out", "s3://b/log", "--scheme", "log"]));
    assert!(result(&server, "log").contains_key("_SUCCESS"));
    let sql = |more: &[&str]| run(&place, &server, &[&["sql", "--format", "json"], more].concat());
    let asked = sql(&["--run", "s3://b/w", "-c", "SELECT count(*) AS n FROM counts"]);
    assert!(asked.code == 0 && asked.stdout.contains("270"), "{}", asked.stderr);
    let asked = sql(&["-c", "SELECT count(*) AS n, positives(l000) AS p FROM 's3://b/labels270/'"]);
    assert!(
        asked.code == 0 && asked.stdout.contains("2000") && asked.stdout.contains("684"),
        "{} {}",
        asked.stdout,
        asked.stderr
    );
    // A second result needs --overwrite; a report of none is refused.
    let taken = run(&place, &server, &["compute", "s3://b/labels270", "--out", "s3://b/w"]);
    assert!(taken.code == 7 && taken.stderr.contains("holds a result already"), "{}", taken.stderr);
    let none = run(&place, &server, &["report", "s3://b/nothing"]);
    assert!(none.code == 4 && none.stderr.contains("there is no finished run"), "{}", none.stderr);
    let inspected = run(&place, &server, &["inspect", "s3://b/labels270"]);
    assert!(
        inspected.code == 0 && inspected.stdout.contains("shards = [\"s3://b/labels270\"]"),
        "{}",
        inspected.stdout
    );
}

#[test]
fn prefixes_globs_and_hive_folders_are_those_of_files() {
    let (place, server) = (Place::new(), Server::start());
    for (number, name) in [
        "in/split=x/0.parquet",
        "in/split=y/1.parquet",
        "in/split=y/deep/2.parq",
        "in/_tmp/3.parquet",
        "in/.4.parquet",
        "in/readme.txt",
    ]
    .iter()
    .enumerate()
    {
        let bits = (0..10 + number).map(|row| Some(row % (2 + number) == 0)).collect::<BooleanArray>();
        write(&place.path(name), vec![("a", array(bits))]);
    }
    upload(&server, &place.path("in"), "in");
    // A folder that begins like another.
    server.put("in2/5.parquet", b"no parquet".to_vec());
    for (here, there, more) in [
        ("in", "s3://b/in", &["--by", "split"][..]),
        ("in", "s3://b/in/", &["--where", "split = 'y'"]),
        ("in/split=*", "s3://b/in/split=*", &["--by", "split"]),
        ("in/*/1.parquet", "s3://b/in/*/1.parquet", &[]),
        ("in/**/*.parq*", "s3://b/in/**/*.parq*", &[]),
        ("in/_tmp/3.parquet", "s3://b/in/_tmp/3.parquet", &[]),
    ] {
        let flags = [&["--labels", "a", "--layout", "wide", "--overwrite", "--out"][..]].concat();
        let near = run(&place, &server, &[&["compute", here][..], &flags, &["near"], more].concat());
        let far = run(&place, &server, &[&["compute", there][..], &flags, &["far"], more].concat());
        ok(&near);
        ok(&far);
        assert!(local(&place, "near") == local(&place, "far"), "{there}");
    }
    for (there, says) in [
        ("s3://b/nothing", "no such object"),
        ("s3://b/in/*.csv", "matches no shard"),
        ("http://127.0.0.1:9/x/*.parquet", "cannot"),
    ] {
        let ended =
            run(&place, &server, &["compute", there, "--labels", "a", "--out", "n", "--retries", "0"]);
        assert!(
            [2, 4, 5].contains(&ended.code) && !ended.stderr.is_empty(),
            "{there} {says}: {}",
            ended.stderr
        );
    }
}

#[test]
fn a_vocabulary_may_be_an_object() {
    let (place, server) = (Place::new(), Server::start());
    let lists = [vec![Some(0), Some(2)], vec![Some(1)]].map(Some);
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(lists);
    write(&place.path("in/0.parquet"), vec![("tags", array(lists))]);
    let names = array(StringArray::from(vec!["x", "y", "z"]));
    write(&place.path("names.parquet"), vec![("tag", names)]);
    std::fs::write(place.path("names.txt"), "x\ny\nz\n").unwrap();
    std::fs::write(place.path("names.csv"), "tag\nx\ny\nz\n").unwrap();
    for name in ["names.parquet", "names.txt", "names.csv"] {
        server.put(&format!("v/{name}"), std::fs::read(place.path(name)).unwrap());
    }
    let compute = |vocabulary: &str, out: &str| {
        let flags =
            ["--layout", "list", "--labels", "tags", "--overwrite", "--vocabulary", vocabulary, "--out", out];
        run(&place, &server, &[&["compute", "in"][..], &flags].concat())
    };
    for name in ["names.parquet:tag", "names.txt", "names.csv:tag"] {
        ok(&compute(name, "near"));
        ok(&compute(&format!("s3://b/v/{name}"), "far"));
        assert!(local(&place, "near") == local(&place, "far"), "{name}");
    }
    let none = compute("s3://b/v/none.txt", "none");
    assert!(none.code == 4 && none.stderr.contains("s3://b/v/none.txt: no such object"), "{}", none.stderr);
}

#[test]
fn more_keys_than_a_page_of_a_list_are_all_there() {
    let (place, server) = (Place::new(), Server::start());
    write(&place.path("one.parquet"), vec![("l", array(BooleanArray::from(vec![true, false, false])))]);
    let one = std::fs::read(place.path("one.parquet")).unwrap();
    for number in 0..2100 {
        server.put(&format!("many/{number:05}.parquet"), one.clone());
    }
    let ended = run(&place, &server, &wide("s3://b/many", "w", &["--row-measures", "off"]));
    ok(&ended);
    assert_eq!(place.json("w/weights.json")["rows"], 6300);
    let asked = server.bucket().asked.clone();
    assert_eq!(
        asked.iter().filter(|asked| asked.key.is_empty()).count(),
        6,
        "pages of the list, and three looks for a table"
    );
    // One read for each footer, one for its label column, which lies in it: nothing else.
    let gets = asked.iter().filter(|asked| asked.method == "GET" && !asked.key.is_empty()).count();
    assert_eq!(gets, 4200);
    assert!(asked.iter().filter(|asked| asked.range.is_some()).all(|asked| asked.if_match.is_some()));
    // But for the folder, which is no object.
    assert!(asked.iter().all(|asked| asked.status < 300 || (asked.status == 404 && asked.key == "many")));
}

#[test]
fn little_more_than_label_chunks_is_read() {
    let (place, server) = (Place::new(), Server::start());
    let rows = 40_000_usize;
    let chance = |row: usize, column: usize| {
        let mut x = (row as u64) << 20 | column as u64;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 20
    };
    // Labels stand between features, which nobody should pay for.
    let mut columns: Vec<(String, ArrayRef)> = Vec::new();
    for label in 0..270 {
        if label % 90 == 0 {
            let values = (0..rows * 32).map(|at| Some(chance(at, label) as f32)).collect::<Float32Array>();
            let field = std::sync::Arc::new(arrow::datatypes::Field::new(
                "item",
                arrow::datatypes::DataType::Float32,
                true,
            ));
            columns.push((
                format!("embedding{label}"),
                array(FixedSizeListArray::new(field, 32, array(values), None)),
            ));
        }
        columns.push((
            format!("l{label:03}"),
            array((0..rows).map(|row| Some(chance(row, label) % 7 == 0)).collect::<BooleanArray>()),
        ));
    }
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(20_000))
        .build();
    let named = columns.iter().map(|(name, values)| (name.as_str(), values.clone())).collect();
    write_with(&place.path("wide.parquet"), named, properties);
    let bytes = std::fs::read(place.path("wide.parquet")).unwrap();
    let metadata = parquet::file::metadata::ParquetMetaDataReader::new()
        .parse_and_finish(&bytes::Bytes::from(bytes.clone()))
        .unwrap();
    let chunks: i64 = metadata
        .row_groups()
        .iter()
        .flat_map(parquet::file::metadata::RowGroupMetaData::columns)
        .filter(|column| column.column_path().string().starts_with('l'))
        .map(parquet::file::metadata::ColumnChunkMetaData::compressed_size)
        .sum();
    let (chunks, size) = (usize::try_from(chunks).unwrap(), bytes.len());
    server.put("wide.parquet", bytes);
    ok(&run(&place, &server, &wide("s3://b/wide.parquet", "w", &["--row-measures", "off"])));
    let asked = server.bucket().asked.clone();
    let read: usize = asked.iter().map(|asked| asked.bytes).sum();
    let gets = asked.iter().filter(|asked| asked.range.is_some()).count();
    eprintln!("{size} bytes, {chunks} of label chunks, {read} read in {gets} requests");
    assert!(size > 5 * chunks, "{size} {chunks}");
    assert!(read < chunks + chunks / 10 + (256 << 10), "{read} of {chunks}");
    let of_pages = place.json("w/run_results.json")["inputs"]["bytes_read"].as_u64().unwrap();
    assert!(of_pages < (chunks + chunks / 10) as u64, "{of_pages} of {chunks}");
    assert!(gets <= 12, "{gets}");
}

#[test]
fn one_thread_asks_ahead_for_what_it_will_need() {
    let (place, server) = (Place::new(), Server::start());
    let rows = 6_000;
    let noise = |row: usize, salt: usize| (row * 2_654_435_761 + salt * 40_503) >> 7;
    let bits = |salt| array((0..rows).map(|row| Some(noise(row, salt) % 3 == 0)).collect::<BooleanArray>());
    // Labels of a row group lie apart, so that each is a read of its own.
    let other =
        |salt| array((0..rows).map(|row| Some(noise(row, salt).to_string())).collect::<StringArray>());
    let tags = (0..rows).map(|row| Some(format!("l{},l{}", noise(row, 1) % 50, noise(row, 2) % 50)));
    let names = (0..rows).map(|row| Some(format!("l{}", noise(row, 3) % 50))).collect::<StringArray>();
    let ids = (0..rows).map(|row| i32::try_from(row).ok()).collect::<Int32Array>();
    let columns = vec![
        ("a", bits(0)),
        ("x", other(1)),
        ("b", bits(2)),
        ("y", other(3)),
        ("tags", array(tags.collect::<StringArray>())),
        ("z", other(4)),
        ("name", array(names)),
        ("v", other(5)),
        ("id", array(ids)),
    ];
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(1_000)).build();
    write_with(&place.path("x.parquet"), columns, properties);
    server.put("x.parquet", std::fs::read(place.path("x.parquet")).unwrap());
    server.bucket().delay = std::time::Duration::from_millis(20);
    let layouts: [&[&str]; 3] = [
        &["wide", "--labels", "a,b"],
        &["delimited", "--delimiter", ",", "--labels", "tags"],
        &["long", "--labels", "name", "--id", "id"],
    ];
    for layout in layouts {
        let flags = [layout, &["--threads", "1", "--overwrite", "--out"]].concat();
        server.bucket().asked.clear();
        let counts = |shards, out| {
            run(&place, &server, &[&["compute", shards, "--layout"], &flags[..], &[out]].concat())
        };
        ok(&counts("x.parquet", "near"));
        ok(&counts("s3://b/x.parquet", "far"));
        assert!(local(&place, "near") == local(&place, "far"), "{layout:?}");
        // Every row group is read for counts, and again for measures of rows where the layout has rows.
        let asked = server.bucket().asked.clone();
        let mut seen = std::collections::BTreeSet::new();
        let reads = asked.iter().filter(|asked| asked.range.is_some());
        let (first, again): (Vec<_>, Vec<_>) = reads.partition(|asked| seen.insert(asked.range.clone()));
        let most = |reads: &[&crate::s3::Asked]| reads.iter().map(|asked| asked.in_flight).max();
        assert!(most(&first) > Some(2), "{layout:?}: {:?}", most(&first));
        assert!(layout[0] == "long" || most(&again) > Some(2), "{layout:?}: {:?}", most(&again));
    }
}

#[test]
fn an_object_that_is_replaced_or_vanishes_is_exit_8() {
    let (place, server) = (Place::new(), Server::start());
    for engine in ["encoded", "plain"] {
        for vanish in [false, true] {
            labels270(&server);
            let reads = AtomicUsize::new(0);
            server.hook(move |bucket, method, key| {
                // After the footer was read.
                if method == "GET"
                    && key.ends_with("part-2.parquet")
                    && reads.fetch_add(1, Ordering::Relaxed) == 1
                {
                    let other = bucket.objects["labels270/part-3.parquet"].clone();
                    if vanish {
                        bucket.objects.remove(key);
                    } else {
                        bucket.objects.insert(key.to_owned(), other);
                    }
                }
                Fault::None
            });
            let ended = run(&place, &server, &wide("s3://b/labels270", "w", &["--engine", engine]));
            let says = if vanish { "vanished" } else { "was replaced" };
            assert!(
                ended.code == 8
                    && ended.stderr.contains("s3://b/labels270/part-2.parquet")
                    && ended.stderr.contains(says),
                "{engine} {}: {}",
                ended.code,
                ended.stderr
            );
            assert!(!place.path("w/_SUCCESS").exists());
        }
    }
}

#[test]
fn a_store_that_is_slow_refuses_or_breaks_off_is_asked_again() {
    let (place, server) = (Place::new(), Server::start());
    labels270(&server);
    let compute = |more: &[&str]| run(&place, &server, &wide("s3://b/labels270", "w", more));
    ok(&compute(&[]));
    let clean = local(&place, "w");
    // Every fifth request fails, each in another way, and is answered the next time.
    let number = AtomicUsize::new(0);
    server.hook(move |_, _, _| match number.fetch_add(1, Ordering::Relaxed) {
        n if n % 5 > 0 => Fault::None,
        n => [Fault::Status(503), Fault::Status(500), Fault::Cut, Fault::Status(429)][n / 5 % 4],
    });
    for engine in ["encoded", "plain"] {
        let ended = compute(&["--verbose", "--engine", engine]);
        ok(&ended);
        assert!(ended.stderr.contains("INFO") && ended.stderr.contains("backing off"), "{}", ended.stderr);
        assert!(local(&place, "w") == clean, "{engine}");
    }
    // One that never answers is given up.
    for (status, code) in [(503, 5), (500, 5), (403, 4)] {
        server.hook(move |_, _, _| Fault::Status(status));
        let ended = compute(&["--retries", "1"]);
        assert!(
            ended.code == code && ended.stderr.contains("s3://b/labels270"),
            "{status}: {} {}",
            ended.code,
            ended.stderr
        );
    }
    // Access that is lost in mid-scan does not come back by itself.
    let reads = AtomicUsize::new(0);
    server.hook(move |_, method, key| {
        let late =
            method == "GET" && key.ends_with("part-2.parquet") && reads.fetch_add(1, Ordering::Relaxed) > 0;
        if late { Fault::Status(403) } else { Fault::None }
    });
    let ended = compute(&[]);
    assert!(ended.code == 4 && ended.stderr.contains("part-2.parquet"), "{} {}", ended.code, ended.stderr);
    assert!(local(&place, "w") == clean);
}

#[test]
fn of_two_writers_one_publishes() {
    let (place, server) = (Place::new(), Server::start());
    labels270(&server);
    let publish = |scheme: &'static str| wide("s3://b/labels270", "s3://b/w", &["--scheme", scheme]);
    let one = |scheme| run(&place, &server, &publish(scheme));
    ok(&one("ratio"));
    let ratio = result(&server, "w");
    ok(&one("sqrt"));
    let wanted = [ratio, result(&server, "w")];
    let (mut won, mut lost) = (0, 0);
    for round in 0..8 {
        if round == 4 {
            server.bucket().objects.retain(|key, _| !key.starts_with("w/"));
        }
        let start = |scheme| {
            let mut command = command(&place, &server.endpoint, &publish(scheme));
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
        };
        let ended = [start("ratio"), start("sqrt")].map(|child| child.wait_with_output().unwrap());
        for output in &ended {
            let said = String::from_utf8_lossy(&output.stderr);
            match output.status.code() {
                Some(0) => won += 1,
                Some(7) if said.contains("another run has published") => lost += 1,
                code => panic!("{round}: {code:?} {said}"),
            }
        }
        assert!(ended.iter().any(|output| output.status.success()), "{round}");
        assert!(wanted.contains(&result(&server, "w")), "{round}: a mixture");
    }
    eprintln!("{won} published, {lost} did not");
    assert_eq!(won + lost, 16);
    // What the losers wrote is gone: every run that is there is whole.
    let runs = server.keys("w/runs/");
    assert_eq!(
        runs.iter().filter(|key| key.ends_with("_SUCCESS")).count(),
        runs.iter().filter(|key| key.ends_with("counts.parquet")).count()
    );
}

#[test]
fn credentials_stand_nowhere() {
    let (place, server) = (Place::new(), Server::start());
    labels270(&server);
    let mut said = String::new();
    let mut listen = |ended: &Ended| said.push_str(&format!("{}{}", ended.stdout, ended.stderr));
    let flags = ["--verbose", "--summary-json", "s.json", "--state", "s3://b/state"];
    let compute = |out, more: &[&'static str]| {
        run(&place, &server, &wide("s3://b/labels270", out, &[&flags[..], more].concat()))
    };
    listen(&compute("s3://b/w", &[]));
    listen(&compute("w", &[]));
    server.hook(|_, _, _| Fault::Status(403));
    listen(&compute("w", &[]));
    server.hook(|_, _, _| Fault::Status(500));
    listen(&compute("w", &["--retries", "1"]));
    for address in [format!("https://user:{SECRET}@h/x.parquet"), format!("https://h/x.parquet?sig={SECRET}")]
    {
        let ended = run(&place, &server, &wide(&address, "w", &["--summary-json", "s.json"]));
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        listen(&ended);
    }
    for (name, bytes) in local(&place, "w").into_iter().chain(local(&place, ".")) {
        said.push_str(&format!("{name} {}", String::from_utf8_lossy(&bytes)));
    }
    said.push_str(&String::from_utf8_lossy(&std::fs::read(place.path("w/run_results.json")).unwrap()));
    for bytes in server.bucket().objects.values() {
        said.push_str(&String::from_utf8_lossy(bytes));
    }
    assert!(said.contains("\"inputs\"") && said.contains("eventType"), "there is something to look through");
    assert!(!said.contains(SECRET) && !said.contains(CANARY));
    // The id, which is no secret, is what requests are signed with.
    assert!(server.bucket().asked.iter().any(|asked| asked.head.contains(CANARY)));
}

#[test]
fn without_credentials_that_is_said_at_once() {
    let place = Place::new();
    let clock = Instant::now();
    for address in ["s3://b/x", "gs://b/x", "az://b/x"] {
        let output = Command::new(env!("CARGO_BIN_EXE_posweight"))
            .args(["compute", address, "--out", "w"])
            .current_dir(place.dir.path())
            .env_clear()
            .env("HOME", place.dir.path())
            .env("AZURE_STORAGE_ACCOUNT_NAME", "a")
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            output.status.code() == Some(2) && said.contains("no credentials found"),
            "{address}: {said}"
        );
    }
    assert!(clock.elapsed().as_secs() < 20, "{:?}", clock.elapsed());
}

#[test]
fn a_file_of_a_web_server_is_a_shard() {
    let (place, server) = (Place::new(), Server::start());
    let words = array(StringArray::from(vec!["a,b", "b", "", "c,a"]));
    write(&place.path("x.parquet"), vec![("tags", words), ("n", array(Int32Array::from(vec![1, 2, 3, 4])))]);
    server.put("data/x y.parquet", std::fs::read(place.path("x.parquet")).unwrap());
    let flags = ["--layout", "delimited", "--delimiter", ",", "--labels", "tags", "--overwrite", "--out"];
    for engine in ["encoded", "plain"] {
        let address = format!("{}/b/data/x%20y.parquet", server.endpoint);
        ok(&run(
            &place,
            &server,
            &[&["compute", &address, "--engine", engine][..], &flags, &["far"]].concat(),
        ));
        assert_eq!(place.json("far/weights.json")["labels"], serde_json::json!(["a", "b", "c"]));
        assert_eq!(place.json("far/weights.json")["positives"], serde_json::json!([2, 2, 1]));
    }
    let out = format!("{}/b/w", server.endpoint);
    let ended =
        run(&place, &server, &["compute", "x.parquet", "--labels", "tags", "--out", &out, "--retries", "0"]);
    assert!(ended.code != 0, "{}", ended.stdout);
}
