//! Datasets of a Hub: a small server lists them in pages, and leads to another host that has the bytes.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};

use arrow::array::{BooleanArray, Int32Array};
use serde_json::{Value as Json, json};

use crate::support::{Ended, Place, array, write};

const TOKEN: &str = "hf_canary0123456789";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
/// Entries in one page of a listing.
const PAGE: usize = 2;

#[derive(Default)]
struct HubState {
    files: BTreeMap<String, Vec<u8>>,
    /// Whether the server says which commit a revision is.
    says_commits: bool,
    /// Answers of the other host so far after which each has an ETag of its own.
    stays_same_for: usize,
    asked: Vec<String>,
    /// Requests to the other host; whether one had a token.
    bytes_asked: usize,
    token_was_sent_on: bool,
}

struct HubServer {
    endpoint: String,
    state: Arc<Mutex<HubState>>,
}

pub(crate) type Answer = (u16, Vec<(&'static str, String)>, Vec<u8>);
/// The value of a header of a request.
pub(crate) type Header<'h> = &'h dyn Fn(&str) -> Option<String>;
/// Answers a request: method, path with query, headers.
type Answering<'a> = &'a dyn Fn(&str, &str, Header<'_>) -> Answer;

/// A server on a port of this machine.
pub(crate) fn listen(answer: impl Fn(&str, &str, Header<'_>) -> Answer + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || serve(&stream, &*answer));
        }
    });
    endpoint
}

fn serve(mut stream: &TcpStream, answer: Answering<'_>) {
    let mut head = String::new();
    let mut reader = BufReader::new(stream);
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return;
        }
    }
    let header = |name: &str| {
        head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    };
    let mut words = head.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let (status, headers, body) = answer(method, path, &header);
    let mut text = format!("HTTP/1.1 {status} x\r\nconnection: close\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !text.contains("content-length") {
        text.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    let _ = stream.write_all(format!("{text}\r\n").as_bytes());
    if method != "HEAD" {
        let _ = stream.write_all(&body);
    }
}

/// A part of a file, as the other host gives it.
fn bytes_of(state: &Mutex<HubState>, method: &str, path: &str, header: Header<'_>) -> Answer {
    let mut state = state.lock().unwrap();
    state.token_was_sent_on |= header("authorization").is_some();
    state.bytes_asked += 1;
    let version = state.bytes_asked.saturating_sub(state.stays_same_for);
    let Some(file) = state.files.get(path.trim_start_matches('/')) else {
        return (404, Vec::new(), Vec::new());
    };
    let e_tag = ("etag", format!("\"{}-{version}\"", file.len()));
    let range = header("range").and_then(|range| {
        let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
        Some((from.parse::<usize>().ok()?, to.parse::<usize>().ok()?))
    });
    match range {
        Some((from, to)) => {
            let part = format!("bytes {from}-{to}/{}", file.len());
            (206, vec![e_tag, ("content-range", part)], file[from..=to].to_vec())
        }
        None if method == "HEAD" => {
            (200, vec![e_tag, ("content-length", file.len().to_string())], Vec::new())
        }
        None => (200, vec![e_tag], file.clone()),
    }
}

fn hub(state: &Mutex<HubState>, bytes_at: &str, path: &str, header: Header<'_>) -> Answer {
    let mut state = state.lock().unwrap();
    state.asked.push(path.to_owned());
    if header("authorization").as_deref() != Some(&format!("Bearer {TOKEN}")) {
        return (401, Vec::new(), b"{\"error\":\"Invalid username or password.\"}".to_vec());
    }
    let not_found = (404, Vec::new(), b"{\"error\":\"not found\"}".to_vec());
    if path.starts_with("/api/datasets/owner/name/revision/") {
        let commit = json!({"sha": COMMIT}).to_string().into_bytes();
        return if state.says_commits { (200, Vec::new(), commit) } else { not_found };
    }
    if let Some(rest) = path.strip_prefix("/datasets/owner/name/resolve/") {
        let file = rest.split_once('/').unwrap().1;
        return (302, vec![("location", format!("{bytes_at}/{file}"))], Vec::new());
    }
    let Some(rest) = path.strip_prefix("/api/datasets/owner/name/tree/") else { return not_found };
    let (rest, query) = rest.split_once('?').unwrap();
    assert!(query.starts_with("recursive=true"), "{query}");
    let folder =
        rest.split_once('/').map_or("", |(_, folder)| folder).replace("%2F", "/").replace("%3D", "=");
    let below = |path: &str| folder.is_empty() || path.starts_with(&format!("{folder}/"));
    let mut entries: Vec<Json> = state
        .files
        .iter()
        .filter(|(path, _)| below(path))
        .map(|(path, bytes)| {
            json!({"type": "file", "path": path, "size": 130, "oid": "pointer",
                "lfs": {"oid": format!("{:x}", bytes.len()), "size": bytes.len(), "pointerSize": 130}})
        })
        .collect();
    if entries.is_empty() {
        return not_found;
    }
    entries.insert(0, json!({"type": "directory", "path": "data", "size": 0, "oid": "tree"}));
    let page: usize = query.split_once("cursor=").map_or(0, |(_, page)| page.parse().unwrap());
    let pages: Vec<&[Json]> = entries.chunks(PAGE).collect();
    let mut headers = Vec::new();
    if page + 1 < pages.len() {
        let host = header("host").unwrap();
        let address =
            format!("http://{host}{}?recursive=true&cursor={}", path.split('?').next().unwrap(), page + 1);
        headers.push(("link", format!("<{address}>; rel=\"next\"")));
    }
    (200, headers, Json::from(pages[page].to_vec()).to_string().into_bytes())
}

impl HubServer {
    fn start(place: &Place) -> Self {
        let mut files = BTreeMap::from([("README.md".to_owned(), b"# A dataset".to_vec())]);
        for (split, rows) in [("train", 40), ("test", 9)] {
            for part in 0..2 {
                let name = format!("data/split={split}/{part}.parquet");
                let ids = || 0..rows + part;
                let columns = vec![
                    ("cat", array(ids().map(|id| Some(id % 3 == 0)).collect::<BooleanArray>())),
                    ("id", array(Int32Array::from_iter_values(ids()))),
                ];
                write(&place.path(&name), columns);
                files.insert(name.clone(), std::fs::read(place.path(&name)).unwrap());
            }
        }
        files.insert("data/_temporary/0.parquet".to_owned(), b"half".to_vec());
        let state = HubState { files, says_commits: true, stays_same_for: usize::MAX, ..HubState::default() };
        let state = Arc::new(Mutex::new(state));
        let (bytes, api) = (Arc::clone(&state), Arc::clone(&state));
        let bytes_at = listen(move |method, path, header| bytes_of(&bytes, method, path, header));
        let endpoint = listen(move |_, path, header| hub(&api, &bytes_at, path, header));
        Self { endpoint, state }
    }

    fn run(&self, place: &Place, token: Option<&str>, arguments: &[&str]) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_posweight"));
        command
            .args(arguments)
            .current_dir(place.dir.path())
            .env("HF_ENDPOINT", format!("{}/", self.endpoint));
        command.env_remove("HF_TOKEN").envs(token.map(|token| ("HF_TOKEN", token)));
        Ended::of(&command.output().unwrap())
    }
}

#[test]
fn a_dataset_of_a_hub_is_counted_as_its_files_are() {
    let place = Place::new();
    let server = HubServer::start(&place);
    let here = place.weights(&["data", "--labels", "cat"]);
    for (address, revision) in [
        ("hf://datasets/owner/name/data", "main"),
        ("hf://datasets/owner/name@v1/data/", "v1"),
        ("hf://datasets/owner/name@refs/convert/parquet/**/*.parquet", "refs%2Fconvert%2Fparquet"),
        ("hf://datasets/owner/name/data/split={train,test}/*.parquet", "main"),
    ] {
        server.state.lock().unwrap().asked.clear();
        let compute = ["compute", address, "--labels", "cat", "--out", "hub", "--overwrite"];
        let ended = server.run(&place, Some(TOKEN), &compute);
        assert_eq!(ended.code, 0, "{address}: {}", ended.stderr);
        let there = place.json("hub/weights.json");
        for key in ["rows", "positives", "pos_weight"] {
            assert_eq!(there[key], here[key], "{address}");
        }
        let state = server.state.lock().unwrap();
        let has = |part: &str| state.asked.iter().any(|path| path.contains(part));
        assert!(has(&format!("/revision/{revision}")), "{:?}", state.asked);
        assert!(has(&format!("/tree/{COMMIT}")) && has("cursor=1"), "{:?}", state.asked);
        assert!(has(&format!("/resolve/{COMMIT}/data/split=train/0.parquet")), "{:?}", state.asked);
        assert!(!state.token_was_sent_on);
        let results = std::fs::read_to_string(place.path("hub/run_results.json")).unwrap();
        assert!(!results.contains(TOKEN) && !ended.stderr.contains(TOKEN));
    }
    let by = ["compute", "hf://datasets/owner/name/data", "--labels", "cat", "--by", "split", "--out", "by"];
    assert_eq!(server.run(&place, Some(TOKEN), &by).code, 0);
    assert_eq!(place.json("by/by/split=test/weights.json")["rows"], 19);
    let one = "hf://datasets/owner/name/data/split=test/0.parquet";
    let told = server.run(
        &place,
        Some(TOKEN),
        &["sql", "-c", &format!("SELECT count(*) FROM '{one}'"), "--format", "csv"],
    );
    assert!(told.stdout.contains('9'), "{}{}", told.stdout, told.stderr);
}

#[test]
fn counts_of_shards_of_a_hub_are_kept() {
    let place = Place::new();
    let server = HubServer::start(&place);
    let compute =
        ["compute", "hf://datasets/owner/name/data", "--labels", "cat", "--out", "out", "--overwrite"];
    let compute = [&compute[..], &["--state", "state", "--row-measures", "off"]].concat();
    let statuses = || {
        let ended = server.run(&place, Some(TOKEN), &compute);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let results = place.json("out/run_results.json");
        let shards = results["shards"].as_array().unwrap().clone();
        shards.iter().map(|shard| shard["status"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(statuses(), ["counted"; 4]);
    assert_eq!(statuses(), ["reused"; 4]);
}

#[test]
fn what_a_hub_refuses_is_said_with_a_way_out() {
    let place = Place::new();
    let server = HubServer::start(&place);
    let compute = |address| ["compute", address, "--labels", "cat", "--retries", "0", "--out", "out"];
    for (token, address, code, words) in [
        (None, "hf://datasets/owner/name/data", 4, &["refused access", "HF_TOKEN"][..]),
        (Some("hf_wrong"), "hf://datasets/owner/name/data", 4, &["HF_TOKEN"]),
        (Some(TOKEN), "hf://datasets/owner/name/none", 4, &["owner/name/none", "no such object"]),
        (Some(TOKEN), "hf://datasets/owner/other/data", 4, &["owner/other"]),
        (Some(TOKEN), "hf://models/owner/name", 2, &["hf://datasets/OWNER/NAME"]),
        (
            Some(TOKEN),
            "ftp://host/x",
            2,
            &["ftp:// is not a supported store", "s3://BUCKET", "hf://datasets"],
        ),
    ] {
        let ended = server.run(&place, token, &compute(address));
        assert!(
            ended.code == code && words.iter().all(|word| ended.stderr.contains(word)),
            "{address}: {} {}",
            ended.code,
            ended.stderr
        );
    }
}

#[test]
fn a_file_that_is_replaced_while_it_is_read_is_found() {
    let place = Place::new();
    let server = HubServer::start(&place);
    {
        let mut state = server.state.lock().unwrap();
        (state.says_commits, state.stays_same_for) = (false, 4);
    }
    let compute =
        ["compute", "hf://datasets/owner/name/data", "--labels", "cat", "--retries", "0", "--out", "out"];
    let ended = server.run(&place, Some(TOKEN), &[&compute[..], &["--threads", "1"]].concat());
    assert!(ended.code == 8 && ended.stderr.contains("replaced"), "{} {}", ended.code, ended.stderr);
}
