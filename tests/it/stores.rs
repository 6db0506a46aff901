//! Shards, states and results in stores, which may fail at every request: what comes out is the clean bytes, or
//! a clean exit 5 or 8.
//!
//! 50 seeds are tried; `POSWEIGHT_SEEDS=1000 cargo test --test it seeds` tries as many.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::{ArrayRef, BooleanArray, Int32Array, RecordBatch};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use posweight::testing::run_spec;

use crate::support::some_of;

/// A shard of two row groups and a column that nobody asks for.
fn shard(seed: i32) -> Vec<u8> {
    let rows = 400 + seed * 7;
    let bits = |every: i32| -> ArrayRef {
        Arc::new((0..rows).map(|row| Some((row + seed) % every == 0)).collect::<BooleanArray>())
    };
    let other: ArrayRef = Arc::new((0..rows).map(|row| Some(row * 977)).collect::<Int32Array>());
    let batch = RecordBatch::try_from_iter([("a", bits(3)), ("x", other), ("b", bits(7))]).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(250)).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

/// Numbers that follow from a seed.
#[derive(Debug)]
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// A store that fails now and then.
#[derive(Debug)]
struct Faulty {
    inner: InMemory,
    chance: Mutex<Chance>,
    /// One request in so many goes wrong; 0 for none.
    one_in: u64,
    /// What a request that goes wrong is answered with.
    says: &'static str,
    /// Requests to read or list.
    asked: AtomicUsize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    Refused,
    Delayed,
    Short,
    Swapped,
    DoneAndRefused,
}

impl Faulty {
    fn fault(&self) -> Option<Fault> {
        let mut chance = self.chance.lock().unwrap();
        if self.one_in == 0 || chance.below(self.one_in) > 0 {
            return None;
        }
        let all = [Fault::Refused, Fault::Delayed, Fault::Short, Fault::Swapped, Fault::DoneAndRefused];
        Some(all[usize::try_from(chance.below(5)).unwrap()])
    }

    fn refused<T>(says: &'static str) -> Result<T> {
        Err(Error::Generic { store: "faulty", source: says.into() })
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("faulty")
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        match self.fault() {
            Some(Fault::Refused) => return Self::refused(self.says),
            Some(Fault::Delayed) => tokio::time::sleep(Duration::from_millis(2)).await,
            Some(Fault::DoneAndRefused) => {
                self.inner.put_opts(location, payload, options).await?;
                return Self::refused(self.says);
            }
            _ => {}
        }
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let fault = self.fault();
        match fault {
            Some(Fault::Refused | Fault::DoneAndRefused) => return Self::refused(self.says),
            Some(Fault::Delayed) => tokio::time::sleep(Duration::from_millis(2)).await,
            // Somebody writes a shard of other rows in its place.
            Some(Fault::Swapped)
                if location.extension() == Some("parquet") && !location.as_ref().contains("runs/") =>
            {
                let other = i32::try_from(self.chance.lock().unwrap().below(50)).unwrap();
                self.inner.put(location, PutPayload::from(shard(other + 10))).await?;
            }
            _ => {}
        }
        let result = self.inner.get_opts(location, options).await?;
        if fault != Some(Fault::Short) {
            return Ok(result);
        }
        let (meta, range, attributes) =
            (result.meta.clone(), result.range.clone(), result.attributes.clone());
        let bytes = result.bytes().await?;
        let bytes = bytes.slice(..bytes.len() / 2);
        let payload = GetResultPayload::Stream(futures::stream::once(async { Ok(bytes) }).boxed());
        Ok(GetResult { payload, meta, range, attributes })
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        match self.fault() {
            Some(Fault::Refused | Fault::DoneAndRefused) => {
                // Some keys come, then the connection is lost.
                let some = self.inner.list(prefix).take(1);
                let says = self.says;
                some.chain(futures::stream::once(async move { Self::refused(says) })).boxed()
            }
            _ => self.inner.list(prefix),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// A store of its own, with four shards.
fn store(root: &str, seed: u64, one_in: u64) -> Arc<Faulty> {
    store_that_says("503 Slow Down", root, seed, one_in)
}

/// The same, which answers like this where it fails.
fn store_that_says(says: &'static str, root: &str, seed: u64, one_in: u64) -> Arc<Faulty> {
    let inner = InMemory::new();
    let fill = async {
        for number in 0..4 {
            let key = Path::from(format!("in/split={}/{number}.parquet", number % 2));
            inner.put(&key, PutPayload::from(shard(number))).await.unwrap();
        }
    };
    runtime().block_on(fill);
    let store = Arc::new(Faulty {
        inner,
        chance: Mutex::new(Chance(seed)),
        one_in,
        says,
        asked: AtomicUsize::new(0),
    });
    posweight::testing::register(root, Arc::clone(&store) as _);
    store
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Every third seed saves counts.
fn spec(root: &str, seed: u64) -> String {
    let state =
        if seed.is_multiple_of(3) { format!("state = '{root}/night.state'\n") } else { String::new() };
    let engine = if seed.is_multiple_of(2) { "auto" } else { "plain" };
    format!(
        "shards = '{root}/in'\nout = '{root}/out'\n{state}overwrite = true\nlayout = 'wide'\nlabels = ['a', 'b']\n\
         by = 'split'\nengine = '{engine}'\nrow_measures = 'off'\n"
    )
}

/// Runs a spec in this process; gives its exit code and what it said.
fn ended(spec: &str) -> (u8, String) {
    match run_spec(spec) {
        Ok(()) => (0, String::new()),
        Err(error) => (error.exit_code(), error.to_string()),
    }
}

/// The files of the published result; `None` without one.
fn result(store: &InMemory) -> Option<BTreeMap<String, Bytes>> {
    runtime().block_on(async {
        let latest = store.get(&Path::from("out/_LATEST")).await.ok()?.bytes().await.unwrap();
        let latest: serde_json::Value = serde_json::from_slice(&latest).unwrap();
        let at = Path::from(format!("out/{}", latest["run"].as_str().unwrap()));
        let objects: Vec<ObjectMeta> = store.list(Some(&at)).try_collect().await.unwrap();
        let mut files = BTreeMap::new();
        for object in objects {
            let bytes = store.get(&object.location).await.unwrap().bytes().await.unwrap();
            files.insert(object.location.as_ref().split_once(at.as_ref()).unwrap().1.to_owned(), bytes);
        }
        assert_eq!(files.len(), latest["outputs"].as_array().unwrap().len() + 1, "all files and _SUCCESS");
        Some(files)
    })
}

#[test]
fn seeds_end_in_the_clean_bytes_or_a_clean_exit() {
    let seeds: u64 = std::env::var("POSWEIGHT_SEEDS")
        .map_or_else(|_| some_of(50).into(), |seeds| seeds.parse().expect("POSWEIGHT_SEEDS is a number"));
    let root = |seed: u64| format!("faulty+{seed}://b");
    let clean = store("faulty+clean://b", 0, 0);
    assert_eq!(ended(&spec("faulty+clean://b", 0)), (0, String::new()));
    let clean = result(&clean.inner).unwrap();
    let mut codes = BTreeMap::new();
    for seed in 0..seeds {
        let store = store(&root(seed), seed, 4 + seed % 37);
        let (code, said) = ended(&spec(&root(seed), seed));
        assert!([0, 5, 8].contains(&code), "seed {seed}: {code} {said}");
        *codes.entry(code).or_insert(0) += 1;
        match (code, result(&store.inner)) {
            (0, None) => panic!("seed {seed}: done, but nothing is published"),
            (_, Some(files)) => {
                assert!(files.keys().eq(clean.keys()), "seed {seed}: {:?}", files.keys());
                // Only a shard that was swapped before it was listed is another shard, and none is.
                assert!(files == clean, "seed {seed}: other bytes");
            }
            (_, None) => {}
        }
        assert!(!said.contains('\u{1b}'), "seed {seed}: {said}");
    }
    eprintln!("exit codes of {seeds} seeds: {codes:?}");
    assert!([0, 5, 8].iter().all(|code| codes.contains_key(code)), "{codes:?}");
}

#[test]
fn kept_counts_lie_in_the_store_too() {
    let store = store("nightly://b", 1, 0);
    assert_eq!(ended(&spec("nightly://b", 0)), (0, String::new()));
    let statuses = || {
        let text = runtime().block_on(async {
            store.inner.get(&Path::from("out/run_results.json")).await.unwrap().bytes().await.unwrap()
        });
        let results: serde_json::Value = serde_json::from_slice(&text).unwrap();
        results["shards"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| s["status"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(statuses(), ["counted"; 4]);
    // The same bytes written again are another version.
    runtime()
        .block_on(store.inner.put(&Path::from("in/split=0/0.parquet"), PutPayload::from(shard(9))))
        .unwrap();
    let first = result(&store.inner).unwrap();
    assert_eq!(ended(&spec("nightly://b", 0)), (0, String::new()));
    assert_eq!(statuses(), ["counted", "reused", "reused", "reused"]);
    let second = result(&store.inner).unwrap();
    assert_eq!(ended(&spec("nightly://b", 2)), (0, String::new()));
    assert!(second == result(&store.inner).unwrap() && first != second);
}

#[test]
fn what_is_refused_for_good_is_asked_for_once() {
    let refused = "Server returned non-2xx status code: 404 Not Found: <Error><Code>NoSuchBucket</Code><Message>None.</Message></Error>";
    let store = store_that_says(refused, "gone://b", 1, 1);
    let (code, said) = ended(&spec("gone://b", 1));
    assert!(
        code == 4 && said.contains("gone://b/in: there is no such bucket: NoSuchBucket: None"),
        "{code} {said}"
    );
    let asked = store.asked.load(Ordering::Relaxed);
    assert!(asked <= 2, "{asked} requests for nothing");
    let busy =
        "Server returned non-2xx status code: 503 Service Unavailable: <Error><Code>SlowDown</Code></Error>";
    store_that_says(busy, "busy://b", 1, 1);
    let (code, said) = ended(&spec("busy://b", 1));
    assert!(
        code == 5 && said.contains("the store answered SlowDown") && !said.contains('<'),
        "{code} {said}"
    );
    let denied =
        "Server returned non-2xx status code: 400 Bad Request: <Error><Code>ExpiredToken</Code></Error>";
    store_that_says(denied, "denied://b", 1, 1);
    let (code, said) = ended(&spec("denied://b", 1));
    assert!(code == 4 && said.contains("the credentials have expired: ExpiredToken"), "{code} {said}");
}
