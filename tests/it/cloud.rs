//! The program with what the environment of a job in the cloud has, and what it leaves in a bucket.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::s3::Server;
use crate::support::{Ended, Place};

pub(crate) const CANARY: &str = "AKIACANARYCANARY1234";
pub(crate) const SECRET: &str = "canary/secret+key/that+nobody/may/see+42";

/// The variables with which the store at `endpoint` is reached.
pub(crate) fn environment(endpoint: &str) -> Vec<(&'static str, String)> {
    let variables = [
        ("AWS_ACCESS_KEY_ID", CANARY),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ALLOW_HTTP", "true"),
    ];
    variables.map(|(name, value)| (name, value.to_owned())).into()
}

/// Runs the program in `place`.
pub(crate) fn run(place: &Place, endpoint: &str, arguments: &[&str]) -> Ended {
    Ended::of(&command(place, endpoint, arguments).output().unwrap())
}

pub(crate) fn command(place: &Place, endpoint: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_posweight"));
    let lineage = ("OPENLINEAGE_URL", "file:lineage.jsonl".to_owned());
    command.args(arguments).current_dir(place.dir.path()).envs(environment(endpoint)).envs([lineage]);
    command
}

/// `compute` of shards of layout `wide`, whose labels are `l*`.
pub(crate) fn wide<'a>(shards: &'a str, out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let flags = ["compute", shards, "--layout", "wide", "--labels", "l*", "--overwrite", "--out", out];
    [&flags[..], more].concat()
}

pub(crate) fn ok(ended: &Ended) {
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

/// Puts a folder of this machine into the bucket.
pub(crate) fn upload(server: &Server, folder: &Path, prefix: &str) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let key = format!("{prefix}/{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            upload(server, &path, &key);
        } else {
            server.put(&key, std::fs::read(&path).unwrap());
        }
    }
}

/// The files of the result at `out` in the bucket.
pub(crate) fn result(server: &Server, out: &str) -> BTreeMap<String, Vec<u8>> {
    let bucket = server.bucket();
    let latest: serde_json::Value =
        serde_json::from_slice(&bucket.objects[&format!("{out}/_LATEST")]).unwrap();
    let at = format!("{out}/{}/", latest["run"].as_str().unwrap());
    let files = bucket
        .objects
        .iter()
        .filter_map(|(key, bytes)| Some((key.strip_prefix(&at)?.to_owned(), bytes.clone())));
    files.collect()
}

/// The files of the result in a folder.
pub(crate) fn local(place: &Place, out: &str) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(place.path(out)).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.filter(|path| path.is_file() && !path.ends_with("run_results.json"));
    files
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(path).unwrap()))
        .collect()
}
