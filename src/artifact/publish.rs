//! Publishing a run: readers see the previous complete result or the new one.
//!
//! ```text
//! .out.posweight-XXXX/   every file written and hashed here, `_SUCCESS` last; all of them synced
//!        │ rename, or exchange where `out` already holds a run
//!        ▼
//! out/                   one system call makes it the new result
//! ```
//!
//! Where a whole folder cannot be swapped (it is a mount point, or holds files of others), the files
//! are renamed into it one by one, after the old `_SUCCESS` is removed and before the new one is added.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Instant;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::catalog::RESULT_FILES;
use super::disk::{exchange, is_unsupported, may_write, replace, same_disk, sync_folder};
use super::files::{FORMAT_VERSION, OutputFile, RESULTS, SUCCESS, unwritable};
use super::stored::{self, Target};
use crate::error::{Error, Result};
use crate::scratch::Scratch;
use crate::store::{Address, of_path};
use crate::threads::{both, in_order};

/// An output folder in the making; dropped without [`Staging::publish`] it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Staging {
    /// The place in a store that the result goes to, if it is in one.
    target: Option<Target>,
    out: PathBuf,
    overwrite: bool,
    folder: Scratch,
    files: Vec<OutputFile>,
    /// Small files that may not have reached the disk: together they wait for it as long as one.
    unsynced: Mutex<Vec<UnsyncedFile>>,
    /// Nanoseconds that files took to reach the disk.
    synced: Arc<AtomicU64>,
}

/// What was written but may not have reached the disk, and its final place.
type UnsyncedFile = (File, PathBuf);

/// Bytes of a small file.
const SMALL: u64 = 1 << 20;
/// Small files that are open at a time.
const SMALL_FILES: usize = 64;
/// Bytes of a large file after which the disk is asked to take them, while more are written.
const AHEAD: u64 = 32 << 20;
/// Threads that wait for the disk.
const SYNC_THREADS: usize = 8;

impl Staging {
    /// Nanoseconds that files take to reach the disk, added up over all threads.
    pub(crate) fn sync_clock(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.synced)
    }

    /// Checks that `out` can take a result, and makes the folder it is prepared in.
    ///
    /// # Errors
    /// [`Error::Output`] when `out` holds a result and `overwrite` is false, is a file, or cannot be
    /// written. Nothing is changed then.
    pub(crate) fn begin(out: &Path, overwrite: bool) -> Result<Self> {
        if let Some(target) = Target::begin(out, overwrite)? {
            let parent = std::env::temp_dir();
            let folder = Scratch::new(&parent, "posweight-out-");
            let folder = folder.map_err(|cause| Error::writing(&parent, &cause))?;
            return Ok(Self {
                target: Some(target),
                out: out.to_owned(),
                overwrite,
                folder,
                files: Vec::new(),
                unsynced: Mutex::default(),
                synced: Arc::default(),
            });
        }
        let out = std::path::absolute(out).map_err(|cause| Error::writing(out, &cause))?;
        if out.exists() && !out.is_dir() {
            return Err(Error::output("--out is a file, not a folder")
                .at(out.display())
                .hint("name a folder"));
        }
        // A link to a folder stays a link; what it points to is replaced.
        let out = fs::canonicalize(&out).unwrap_or(out);
        refuse_held(&out, overwrite)?;
        let parent = out.parent().unwrap_or(&out);
        fs::create_dir_all(parent).map_err(|cause| Error::writing(parent, &cause))?;
        let name = out.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let prefix = format!(".{name}.posweight-");
        let make = |within: &Path| {
            let made = Scratch::alone(within, &prefix).map_err(|cause| Error::writing(&out, &cause))?;
            made.ok_or_else(|| {
                Error::in_use("another run is about to publish here")
                    .at(out.display())
                    .hint("wait for that run, or choose another --out")
            })
        };
        // The parent of a mounted folder may not be writable; the folder itself then is.
        let folder = match make(parent) {
            Ok(folder) if out.is_dir() && !same_disk(folder.path(), &out) => {
                drop(folder);
                make(&out)?
            }
            Err(_) if out.is_dir() && !may_write(parent) => make(&out)?,
            other => other?,
        };
        let staging = Self {
            target: None,
            out,
            overwrite,
            folder,
            files: Vec::new(),
            unsynced: Mutex::default(),
            synced: Arc::default(),
        };
        staging.open_to_others(staging.folder.path())?;
        // A folder that exists must take files too.
        if staging.out.is_dir() {
            tempfile::tempfile_in(&staging.out).map_err(|cause| Error::writing(&staging.out, &cause))?;
        }
        Ok(staging)
    }

    /// Temporary folders are private; results are as readable as any other file of this user.
    fn open_to_others(&self, folder: &Path) -> Result<()> {
        let probe = folder.join(".mode");
        let mode = fs::create_dir(&probe)
            .and_then(|()| fs::metadata(&probe))
            .and_then(|meta| fs::remove_dir(&probe).map(|()| meta.permissions()));
        let mode = mode.map_err(|cause| Error::writing(&self.out, &cause))?;
        fs::set_permissions(folder, mode).map_err(|cause| Error::writing(&self.out, &cause))
    }

    /// Writes one file by `write`, hashed, and synced before it is published. `name` may hold folders.
    ///
    /// # Errors
    /// What `write` returns, or [`Error::Output`] and [`Error::Resource`] when the disk refuses.
    pub(crate) fn file(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut HashingWriter) -> Result<()>,
    ) -> Result<()> {
        let (file, unsynced) = self.write(name, write, None)?;
        if file.bytes < SMALL { self.keep(unsynced) } else { self.sync(&unsynced) }?;
        self.files.push(file);
        Ok(())
    }

    /// Writes several files, as many at a time as there are `threads`, while large ones go to the disk. They are listed
    /// in the given order.
    ///
    /// # Errors
    /// As [`Self::file`]; the first in the given order.
    pub(crate) fn files(&mut self, wanted: Vec<StagedFile<'_>>, threads: usize) -> Result<()> {
        let staging = &*self;
        let (send, receive) = mpsc::channel();
        let receive = Mutex::new(receive);
        let write = move |wanted: StagedFile<'_>| {
            let (file, unsynced) = staging.write(&wanted.name, wanted.write, Some(&send))?;
            if file.bytes < SMALL {
                staging.keep(unsynced)?;
            } else {
                // Who receives is there until the sender is gone.
                let _ = send.send(unsynced);
            }
            Ok(file)
        };
        let next = || receive.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let sync = |_| {
            let mut outcome = Ok(());
            while let Ok(file) = next() {
                outcome = outcome.and(staging.sync(&file));
            }
            outcome
        };
        let (written, synced): (Vec<Result<OutputFile>>, Vec<Result<()>>) = both(
            move || {
                let written = in_order(wanted, threads, &write);
                drop(write);
                written
            },
            || in_order((0..SYNC_THREADS).collect(), SYNC_THREADS, sync),
        );
        for file in written {
            self.files.push(file?);
        }
        synced.into_iter().collect()
    }

    /// Writes a file. What `ahead` takes may go to the disk while more is written.
    fn write(
        &self,
        name: &str,
        write: impl FnOnce(&mut HashingWriter) -> Result<()>,
        ahead: Option<&mpsc::Sender<UnsyncedFile>>,
    ) -> Result<(OutputFile, UnsyncedFile)> {
        let path = self.folder.path().join(name);
        let shown = self.out.join(name);
        let refused = |cause: &std::io::Error| Error::writing(&shown, cause);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|cause| refused(&cause))?;
        }
        let file = File::create(&path).map_err(|cause| refused(&cause))?;
        let mut writer = HashingWriter {
            file,
            buffer: Vec::with_capacity(BUFFER),
            hash: Sha256::new(),
            bytes: 0,
            ahead: ahead.map(|ahead| Ahead { send: ahead.clone(), shown: shown.clone(), bytes: 0 }),
        };
        write(&mut writer).map_err(|error| error.at(shown.display()))?;
        writer.flush().map_err(|cause| refused(&cause))?;
        let HashingWriter { file, hash, bytes, .. } = writer;
        let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok((OutputFile { path: name.to_owned(), bytes, sha256 }, (file, shown)))
    }

    /// Keeps a small file open until it is synced with others.
    fn keep(&self, file: UnsyncedFile) -> Result<()> {
        let full = {
            let mut unsynced = self.unsynced.lock().unwrap_or_else(PoisonError::into_inner);
            unsynced.push(file);
            (unsynced.len() >= SMALL_FILES).then(|| std::mem::take(&mut *unsynced))
        };
        self.sync_all(full.unwrap_or_default())
    }

    fn sync_all(&self, files: Vec<UnsyncedFile>) -> Result<()> {
        in_order(files, SYNC_THREADS, |file| self.sync(&file)).into_iter().collect()
    }

    /// Waits until a file has reached the disk.
    fn sync(&self, (file, shown): &UnsyncedFile) -> Result<()> {
        let start = Instant::now();
        file.sync_all().map_err(|cause| Error::writing(shown, &cause))?;
        let nanoseconds = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.synced.fetch_add(nanoseconds, Ordering::Relaxed);
        Ok(())
    }

    /// Writes `_SUCCESS` and makes the staged folder the result.
    ///
    /// # Errors
    /// [`Error::Output`] or [`Error::Resource`]; the previous result is then still in place.
    pub(crate) fn publish(mut self) -> Result<Vec<OutputFile>> {
        let files = std::mem::take(&mut self.files);
        let success = serde_json::json!({ "version": FORMAT_VERSION, "outputs": files });
        self.file(SUCCESS, |out| writeln!(out, "{success}").map_err(|cause| unwritable(&cause)))?;
        if let Some(target) = self.target.take() {
            target.publish(self.folder.path(), &files)?;
            return Ok(files);
        }
        let refused = |cause: &std::io::Error| Error::writing(&self.out, cause);
        let folder = File::open(self.folder.path()).map_err(|cause| refused(&cause))?;
        let unsynced = std::mem::take(&mut self.unsynced);
        let mut unsynced = unsynced.into_inner().unwrap_or_else(PoisonError::into_inner);
        unsynced.push((folder, self.out.clone()));
        self.sync_all(unsynced)?;
        // Another run may have published here meanwhile.
        refuse_held(&self.out, self.overwrite)?;
        if self.out.is_dir() {
            // A shell in this folder must see the new result, not the one that was swapped out.
            let is_here = std::env::current_dir().is_ok_and(|here| here.starts_with(&self.out));
            let whole = !is_here && holds_only_results(&self.out);
            match whole.then(|| exchange(self.folder.path(), &self.out)) {
                Some(Ok(())) => {}
                // A disk that fails would fail again, with the previous result half taken away.
                Some(Err(cause)) if !is_unsupported(&cause) => return Err(refused(&cause)),
                _ => self.move_in().map_err(|cause| refused(&cause))?,
            }
        } else {
            fs::rename(self.folder.path(), &self.out).map_err(|cause| refused(&cause))?;
        }
        if let Some(parent) = self.out.parent() {
            // Some file systems cannot sync a folder; the rename is then as durable as they make it.
            let _ = sync_folder(parent);
        }
        Ok(files)
    }

    fn move_in(&self) -> std::io::Result<()> {
        let from = self.folder.path();
        match fs::remove_file(self.out.join(SUCCESS)) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => return Err(cause),
            _ => {}
        }
        sync_folder(&self.out)?;
        // `_SUCCESS` is the last of them.
        for name in RESULT_FILES.iter().map(|file| file.name) {
            if name == SUCCESS {
                sync_folder(&self.out)?;
            }
            let (staged, place) = (from.join(name), self.out.join(name));
            if place.is_dir() {
                fs::remove_dir_all(&place)?;
            }
            if staged.exists() {
                fs::rename(staged, place)?;
            } else if place.exists() {
                fs::remove_file(place)?;
            }
        }
        sync_folder(&self.out)
    }
}

/// Writes the contents of a file.
pub(crate) type WriteFile<'a> = Box<dyn FnOnce(&mut HashingWriter) -> Result<()> + Send + 'a>;

/// A file to write: its name, and what writes it.
pub(crate) struct StagedFile<'a> {
    /// The name, which may hold folders.
    pub name: String,
    /// Writes the contents.
    pub write: WriteFile<'a>,
}

/// Bytes that are hashed and written at a time.
const BUFFER: usize = 256 << 10;

/// Hashes and counts what passes through.
#[derive(Debug)]
pub(crate) struct HashingWriter {
    file: File,
    buffer: Vec<u8>,
    hash: Sha256,
    bytes: u64,
    ahead: Option<Ahead>,
}

/// Who makes sure that the disk takes a large file in time, and how far that is asked for.
#[derive(Debug)]
struct Ahead {
    send: mpsc::Sender<UnsyncedFile>,
    shown: PathBuf,
    bytes: u64,
}

impl std::io::Write for HashingWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.buffer.len() + bytes.len() > BUFFER {
            self.flush()?;
        }
        self.buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.write_all(&self.buffer)?;
        self.hash.update(&self.buffer);
        self.bytes += self.buffer.len() as u64;
        self.buffer.clear();
        if let Some(ahead) = self.ahead.as_mut().filter(|ahead| self.bytes - ahead.bytes >= AHEAD) {
            ahead.bytes = self.bytes;
            // Who receives is there until the sender is gone.
            let _ = ahead.send.send((self.file.try_clone()?, ahead.shown.clone()));
        }
        Ok(())
    }
}

fn refuse_held(out: &Path, overwrite: bool) -> Result<()> {
    match RESULT_FILES.iter().map(|file| file.name).find(|name| out.join(name).exists()) {
        Some(name) if !overwrite => Err(Error::output(format!("holds a result already ({name})"))
            .at(out.display())
            .hint("replace it with --overwrite, or choose another --out")),
        _ => Ok(()),
    }
}

/// True when the folder holds nothing but results.
fn holds_only_results(folder: &Path) -> bool {
    let ours = |name: &str| name == RESULTS || RESULT_FILES.iter().any(|file| file.name == name);
    // A group's folder is named for its values; anything else under `by` belongs to the user.
    let by = folder.join("by");
    let groups = fs::read_dir(&by).map_or(true, |mut entries| {
        entries.all(|entry| entry.is_ok_and(|entry| entry.file_name().to_string_lossy().contains('=')))
    });
    groups
        && fs::read_dir(folder).is_ok_and(|mut entries| {
            entries.all(|entry| entry.is_ok_and(|entry| entry.file_name().to_str().is_some_and(ours)))
        })
}

/// The files that `_SUCCESS` of `out` names, where all of them are there in their sizes; `None` when there is
/// no whole result.
#[must_use]
pub(crate) fn published(out: &Path) -> Option<Vec<OutputFile>> {
    #[derive(Deserialize)]
    struct Success {
        outputs: Vec<OutputFile>,
    }
    if let Some(address) = of_path(out) {
        return stored::published(&Address::parse(address).ok()?);
    }
    let success: Success = serde_json::from_slice(&fs::read(out.join(SUCCESS)).ok()?).ok()?;
    let is_there = |file: &OutputFile| {
        fs::metadata(out.join(&file.path)).is_ok_and(|meta| meta.is_file() && meta.len() == file.bytes)
    };
    success.outputs.iter().all(is_there).then_some(success.outputs)
}

/// Writes `text` as `run_results.json` into `out`, making the folder if need be and leaving a published result
/// as it is.
///
/// # Errors
/// [`Error::Output`] or [`Error::Resource`] when the disk refuses.
pub(crate) fn write_results(out: &Path, text: String) -> Result<()> {
    match of_path(out) {
        Some(address) => stored::write_results(&Address::parse(address)?, text),
        None => replace(&out.join(RESULTS), &text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(staging: &mut Staging, text: &str) {
        staging
            .file("weights.json", |out| out.write_all(text.as_bytes()).map_err(|c| unwritable(&c)))
            .unwrap();
    }

    #[test]
    fn a_result_is_replaced_only_when_asked_and_as_a_whole() {
        let place = tempfile::tempdir().unwrap();
        let out = place.path().join("out");
        let mut staging = Staging::begin(&out, false).unwrap();
        put(&mut staging, "one");
        staging.publish().unwrap();
        assert_eq!(Staging::begin(&out, false).unwrap_err().exit_code(), 7);
        let mut staging = Staging::begin(&out, true).unwrap();
        put(&mut staging, "two");
        assert_eq!(fs::read_to_string(out.join("weights.json")).unwrap(), "one");
        let files = staging.publish().unwrap();
        assert_eq!(fs::read_to_string(out.join("weights.json")).unwrap(), "two");
        assert_eq!(files[0].bytes, 3);
        assert!(fs::read_to_string(out.join(SUCCESS)).unwrap().contains(&files[0].sha256));
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1, "nothing is left beside the result");
    }

    #[test]
    fn files_of_others_stay() {
        let place = tempfile::tempdir().unwrap();
        let mut staging = Staging::begin(place.path(), false).unwrap();
        fs::write(place.path().join("notes.txt"), "mine").unwrap();
        put(&mut staging, "one");
        staging.publish().unwrap();
        assert_eq!(fs::read_to_string(place.path().join("notes.txt")).unwrap(), "mine");
        assert!(place.path().join(SUCCESS).exists());
    }

    #[test]
    fn an_abandoned_run_leaves_nothing() {
        let place = tempfile::tempdir().unwrap();
        let mut staging = Staging::begin(&place.path().join("out"), false).unwrap();
        put(&mut staging, "one");
        drop(staging);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_in_the_way_is_refused() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("out"), "x").unwrap();
        assert_eq!(Staging::begin(&place.path().join("out"), true).unwrap_err().exit_code(), 7);
        assert_eq!(Staging::begin(&place.path().join("out/below"), true).unwrap_err().exit_code(), 7);
    }
}
