//! Results in object stores.
//!
//! ```text
//! out/runs/<run>/counts.parquet …, _SUCCESS      written once, never changed
//! out/_LATEST                                    the one small object that is replaced: which run is the result
//! out/run_results.json                           the record of the last run
//! ```
//!
//! Readers follow `_LATEST`, so they see the previous result or the new one. It is replaced on the condition
//! that it is still what the run found when it began: of two runs, one publishes.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::files::{FORMAT_VERSION, OutputFile, RESULTS, SUCCESS};
use crate::error::{Error, Result};
use crate::store::bucket::Version;
use crate::store::{Address, Bucket, of_path};

/// The object that says which run is the result.
pub(crate) const LATEST: &str = "_LATEST";

/// Its contents.
#[derive(Debug, Serialize, Deserialize)]
struct Latest {
    version: String,
    /// Folder of the run, within the output.
    run: String,
    outputs: Vec<OutputFile>,
}

/// A place in a store that a result goes to.
#[derive(Debug)]
pub(super) struct Target {
    bucket: Bucket,
    out: Address,
    /// The result that is there.
    before: Option<Version>,
}

impl Target {
    /// Looks at `out`, where it is an address.
    pub(super) fn begin(out: &Path, overwrite: bool) -> Result<Option<Self>> {
        let Some(out) = of_path(out).map(Address::parse).transpose()? else { return Ok(None) };
        let bucket = Bucket::of(&out)?;
        let before = bucket.read(&out.join(LATEST))?.map(|(_, version)| version);
        if before.is_some() && !overwrite {
            return Err(Error::output(format!("holds a result already ({LATEST})"))
                .at(&out)
                .hint("replace it with --overwrite, or choose another --out"));
        }
        Ok(Some(Self { bucket, out, before }))
    }

    /// Writes the files that lie in `folder`, `_SUCCESS` last of them, and makes them the result.
    pub(super) fn publish(self, folder: &Path, outputs: &[OutputFile]) -> Result<()> {
        let run = format!("runs/{}", name()?);
        let at = self.out.join(&run);
        let paths = || outputs.iter().map(|file| file.path.as_str()).chain([SUCCESS]);
        let published = paths().try_for_each(|path| self.write(folder, &at, path)).and_then(|()| {
            let latest = Latest { version: FORMAT_VERSION.to_owned(), run, outputs: outputs.to_vec() };
            let text: Bytes = serde_json::to_vec(&latest)
                .map(Bytes::from)
                .map_err(|cause| Error::internal(cause.to_string()))?;
            self.bucket.replace(&self.out.join(LATEST), &text, self.before.clone())
        });
        let lost = match published {
            Ok(true) => return Ok(()),
            Ok(false) => Error::in_use("another run has published here in the meantime")
                .at(&self.out)
                .hint("look at its result, then run again"),
            Err(error) => error,
        };
        self.bucket.remove(paths().map(|path| at.join(path)).collect());
        Err(lost)
    }

    fn write(&self, folder: &Path, at: &Address, path: &str) -> Result<()> {
        let from = folder.join(path);
        let bytes = std::fs::read(&from).map_err(|cause| Error::reading(&from, &cause))?;
        self.bucket.write(&at.join(path), bytes.into())
    }
}

/// Names of runs are in the order of time, and no two are the same.
fn name() -> Result<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let mut chance = [0_u8; 8];
    getrandom::fill(&mut chance).map_err(|cause| Error::internal(cause.to_string()))?;
    Ok(format!("{now:013}-{:016x}", u64::from_le_bytes(chance)))
}

/// The files of the result at `out`; `None` when there is none.
pub(super) fn published(out: &Address) -> Option<Vec<OutputFile>> {
    Some(latest(out).ok()??.1.outputs)
}

/// Writes `run_results.json`.
pub(super) fn write_results(out: &Address, text: String) -> Result<()> {
    Bucket::of(out)?.write(&out.join(RESULTS), text.into())
}

/// `run_results.json` at `out`, in a folder or a store.
///
/// # Errors
/// As the file system or the store reports.
pub(crate) fn read_results(out: &Path) -> Result<Option<Bytes>> {
    match of_path(out) {
        Some(address) => {
            let out = Address::parse(address)?;
            Ok(Bucket::of(&out)?.read(&out.join(RESULTS))?.map(|(bytes, _)| bytes))
        }
        None => Ok(std::fs::read(out.join(RESULTS)).ok().map(Bytes::from)),
    }
}

fn latest(out: &Address) -> Result<Option<(Bucket, Latest)>> {
    let bucket = Bucket::of(out)?;
    let Some((bytes, _)) = bucket.read(&out.join(LATEST))? else { return Ok(None) };
    let latest = serde_json::from_slice(&bytes)
        .map_err(|cause| Error::input(cause.to_string()).at(out.join(LATEST)).hint("run posweight again"))?;
    Ok(Some((bucket, latest)))
}

/// A finished run as a folder or file of this machine.
#[derive(Debug)]
pub(crate) struct Fetched {
    path: PathBuf,
    _held: Option<TempDir>,
}

impl Fetched {
    /// Where it is, for as long as this is held.
    #[must_use]
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Brings what `run` names here; what is here already is left where it is.
    ///
    /// # Errors
    /// [`Error::Input`] when there is no run, or a file of it is not what was published.
    pub(crate) fn of(run: &Path) -> Result<Self> {
        let Some(address) = of_path(run).map(Address::parse).transpose()? else {
            return Ok(Self { path: run.to_owned(), _held: None });
        };
        let held = tempfile::Builder::new().prefix("posweight-run-").tempdir();
        let held = held.map_err(|cause| Error::writing_for("a TMPDIR", &std::env::temp_dir(), &cause))?;
        let save = |name: &str, bytes: &[u8]| {
            let path = held.path().join(name);
            let folder = path.parent().unwrap_or(held.path());
            std::fs::create_dir_all(folder)
                .and_then(|()| std::fs::write(&path, bytes))
                .map_err(|cause| Error::writing(&path, &cause))
        };
        let missing = |address: &Address| {
            Error::input("there is no finished run")
                .at(address)
                .hint("name the --out of a run, or its counts.parquet")
        };
        if let Some((folder, name)) =
            address.key().rsplit_once('/').filter(|(_, name)| name.ends_with(".parquet"))
        {
            let bucket = Bucket::of(&address)?;
            let (bytes, _) = bucket.read(&address)?.ok_or_else(|| missing(&address))?;
            save(name, &bytes)?;
            if let Some((bytes, _)) = bucket.read(&address.with_key(folder).join("weights.json"))? {
                save("weights.json", &bytes)?;
            }
            return Ok(Self { path: held.path().join(name), _held: Some(held) });
        }
        let (bucket, latest) = latest(&address)?.ok_or_else(|| missing(&address))?;
        let at = address.join(&latest.run);
        // Names come from a file that anybody may have written.
        let is_plain = |path: &str| !path.split('/').any(|part| matches!(part, "" | "." | ".."));
        for file in latest.outputs.iter().filter(|file| is_plain(&file.path)) {
            let place = at.join(&file.path);
            let (bytes, _) = bucket.read(&place)?.ok_or_else(|| missing(&place))?;
            let sha256: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            if sha256 != file.sha256 {
                return Err(Error::input("this is not what was published")
                    .at(&place)
                    .hint("run posweight again"));
            }
            save(&file.path, &bytes)?;
        }
        Ok(Self { path: held.path().to_owned(), _held: Some(held) })
    }
}
