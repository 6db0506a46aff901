//! Counts of single shards, kept in a file from run to run: only shards that are new or changed are read.
//!
//! ```text
//! magic, hash of what is counted │ length, entry as JSON, partial counts as postcard has them │ the next shard …
//! ```
//!
//! Shards are appended as they are counted, so a run that was killed goes on where it was; an entry that was
//! cut off, or whose bytes do not have their hash, counts as none.

use std::collections::{BTreeSet, HashMap};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::counts::{Mass, MassTally, Tally};
use crate::engine::counting::{Counting, Engine};
use crate::engine::partial;
use crate::engine::partial::PartialRow;
use crate::error::{Error, Result};
use crate::scratch::file_beside;
use crate::source::shards::Shard;
use crate::store::bucket::Version;
use crate::store::{Address, Bucket, of_path};

const MAGIC: &[u8] = b"posweight shard states 2\n";
/// Of files whose shards were told apart by size, modification time and footer alone.
const OLD_MAGIC: &[u8] = b"posweight shard states 1\n";
const OLD: &str = "an earlier version wrote it, which did not see all replaced shards";
const OTHER_RULES: &str = "labels, values, --where or --by are not those of the last run";
/// Bytes before the first entry.
const HEAD: u64 = MAGIC.len() as u64 + 32;
/// Entries are small; a longer one is damage.
const ENTRY_MAX: u32 = 1 << 20;

/// What is known of a shard before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Its counts are kept.
    Reused,
    /// There is none of its path.
    New,
    /// Size, times, inode or footer are not those of the kept counts.
    Changed,
}

/// An entry of the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct StateEntry {
    path: PathBuf,
    identity: String,
    bytes: u64,
    sha256: String,
}

/// Where the counts of a shard lie.
#[derive(Debug)]
struct SavedCounts {
    entry: StateEntry,
    at: u64,
}

/// The file, and what it holds.
#[derive(Debug)]
pub(crate) struct States {
    path: PathBuf,
    file: File,
    head: Vec<u8>,
    saved: HashMap<PathBuf, SavedCounts>,
    /// Where the next entry goes.
    end: u64,
    /// Why counts that the file held are of no use.
    why_anew: Option<&'static str>,
    /// The object that this is a copy of, if it is one.
    copy: Option<ObjectCopy>,
}

/// A file of this run that becomes an object when all is counted.
#[derive(Debug)]
struct ObjectCopy {
    bucket: Bucket,
    address: Address,
    before: Option<Version>,
}

impl ObjectCopy {
    /// Brings the object here.
    fn of(address: &str) -> Result<(Self, File)> {
        let address = Address::parse(address)?;
        let bucket = Bucket::of(&address)?;
        let mut file = tempfile::tempfile().map_err(|cause| no_copy(&cause))?;
        let mut before = None;
        if let Some((bytes, version)) = bucket.read(&address)? {
            file.write_all(&bytes).and_then(|()| file.rewind()).map_err(|cause| no_copy(&cause))?;
            before = Some(version);
        }
        Ok((Self { bucket, address, before }, file))
    }

    /// Writes the file in the place of the object that was there.
    fn put_back(self, mut file: File) -> Result<()> {
        let mut bytes = Vec::new();
        let read = file.rewind().and_then(|()| file.read_to_end(&mut bytes));
        read.map_err(|cause| no_copy(&cause))?;
        if self.bucket.replace(&self.address, &bytes.into(), self.before)? {
            return Ok(());
        }
        Err(Error::output(format!("--state {}: another run has written it meanwhile", self.address))
            .hint("run again, or keep states of other sets in another object"))
    }
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where a shard is, whatever the folder the program runs in.
fn place(shard: &Shard) -> PathBuf {
    shard.place_and_folders()
}

/// A hash over everything but the shard itself that decides its counts. Other shards do so too: the type that
/// all agree on is how a group is written and what a condition compares.
fn rules(counting: &Counting, schema: &Schema) -> [u8; 32] {
    let mut overrides: Vec<_> = counting.overrides.iter().collect();
    overrides.sort_by_key(|(label, _)| **label);
    let rules = Counting {
        engine: Engine::default(),
        trust_statistics: false,
        overrides: HashMap::new(),
        part: false,
        labels_max: usize::MAX,
        // Put in after counting.
        num_rows: None,
        ..counting.clone()
    };
    let asked = |name: &String| counting.by.contains(name) || counting.filter.is_some();
    let types: Vec<_> = schema
        .fields()
        .iter()
        .filter(|field| asked(field.name()) && !field.data_type().is_nested())
        .map(|field| (field.name(), field.data_type()))
        .collect();
    let text = format!("{} {rules:?} {overrides:?} {types:?}", env!("CARGO_PKG_VERSION"));
    Sha256::digest(text).into()
}

fn no_copy(cause: &std::io::Error) -> Error {
    Error::writing_for("a TMPDIR", &std::env::temp_dir(), cause).at("--state")
}

fn not_writable(path: &Path, cause: &std::io::Error) -> Error {
    Error::writing_for("a --state", path, cause).at("--state")
}

impl States {
    /// Opens or makes the file for `counting` of shards that agree on `schema`; `full` forgets what it holds. One process at a time.
    ///
    /// # Errors
    /// [`Error::Output`] when another run has it or it cannot be written, [`Error::Usage`] when it is another file.
    pub(crate) fn open(path: &Path, counting: &Counting, schema: &Schema, full: bool) -> Result<Self> {
        if let Some(address) = of_path(path) {
            let (copy, file) = ObjectCopy::of(address).map_err(|error| error.at("--state"))?;
            let mut states = Self::at(path, file, counting, schema);
            states.copy = Some(copy);
            states.load(full)?;
            return Ok(states);
        }
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|cause| not_writable(path, &cause))?;
        }
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let file = options.map_err(|cause| not_writable(path, &cause))?;
        Self::lock(&file, path)?;
        let mut states = Self::at(path, file, counting, schema);
        states.load(full)?;
        Ok(states)
    }

    /// Opens the file to look at it; one that is not there holds nothing.
    ///
    /// # Errors
    /// As [`Self::open`], but another run may have it.
    pub(crate) fn look(path: &Path, counting: &Counting, schema: &Schema) -> Result<Self> {
        let file = match (of_path(path), File::open(path)) {
            (Some(address), _) => ObjectCopy::of(address).map_err(|error| error.at("--state"))?.1,
            (None, Ok(file)) => file,
            (None, Err(cause)) if cause.kind() == std::io::ErrorKind::NotFound => {
                tempfile::tempfile().map_err(|cause| no_copy(&cause))?
            }
            (None, Err(cause)) => return Err(Error::reading(path, &cause).at("--state")),
        };
        let mut states = Self::at(path, file, counting, schema);
        states.read(false)?;
        Ok(states)
    }

    /// The file of the counts of one of several class columns, beside `path`.
    #[must_use]
    pub(crate) fn path_of_head(path: &Path, column: &str) -> PathBuf {
        let escaped = |byte: u8| match char::from(byte) {
            c if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') => c.to_string(),
            _ => format!("%{byte:02X}"),
        };
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{}", column.bytes().map(escaped).collect::<String>()));
        name.into()
    }

    fn lock(file: &File, path: &Path) -> Result<()> {
        match file.try_lock() {
            Ok(()) => Ok(()),
            Err(TryLockError::WouldBlock) => {
                Err(Error::in_use(format!("--state {}: another run has it", path.display()))
                    .hint("wait for that run, or keep states of other sets in another file"))
            }
            Err(TryLockError::Error(cause)) => Err(not_writable(path, &cause)),
        }
    }

    fn at(path: &Path, file: File, counting: &Counting, schema: &Schema) -> Self {
        Self {
            path: path.to_owned(),
            file,
            head: [MAGIC, &rules(counting, schema)].concat(),
            saved: HashMap::new(),
            end: HEAD,
            why_anew: None,
            copy: None,
        }
    }

    fn load(&mut self, full: bool) -> Result<()> {
        if self.read(full)? {
            return Ok(());
        }
        let done = self.file.set_len(0).and_then(|()| self.file.rewind());
        let done = done.and_then(|()| self.file.write_all(&self.head));
        done.map_err(|cause| not_writable(&self.path, &cause))
    }

    /// Reads which shards there are; false when the file has to start anew. What comes after a damaged entry
    /// is not known.
    fn read(&mut self, full: bool) -> Result<bool> {
        let length = self.file.metadata().map_err(|cause| not_writable(&self.path, &cause))?.len();
        let mut head = Vec::new();
        let mut file = BufReader::new(&self.file);
        file.by_ref().take(HEAD).read_to_end(&mut head).map_err(|cause| not_writable(&self.path, &cause))?;
        let start = head.get(..MAGIC.len().min(head.len())).unwrap_or_default();
        if !MAGIC.starts_with(start) && !OLD_MAGIC.starts_with(start) {
            return Err(Error::input(format!("--state {}: this is no file of states", self.path.display()))
                .hint("remove it, then the next run counts all shards; or name another file"));
        }
        if full || head != self.head {
            let is_other = head.len() as u64 == HEAD && head != self.head;
            self.why_anew = is_other.then_some(if start == OLD_MAGIC { OLD } else { OTHER_RULES });
            return Ok(false);
        }
        let Self { end, saved, .. } = self;
        entries(&mut file, length, |entry, at| {
            *end = at + entry.bytes;
            saved.insert(entry.path.clone(), SavedCounts { entry, at });
        });
        Ok(true)
    }

    /// The identities of all shards that a file knows, whatever was counted; none where it is no such file.
    #[must_use]
    pub(crate) fn identities(path: &Path) -> BTreeSet<String> {
        let mut known = BTreeSet::new();
        let Ok(file) = File::open(path) else { return known };
        let length = file.metadata().map_or(0, |metadata| metadata.len());
        let mut file = BufReader::new(file);
        let mut magic = [0; MAGIC.len()];
        if file.read_exact(&mut magic).is_err() || magic != MAGIC || file.seek_relative(32).is_err() {
            return known;
        }
        entries(&mut file, length, |entry, _| {
            known.insert(entry.identity);
        });
        known
    }

    /// Why counts that the file held are of no use, if it held any.
    #[must_use]
    pub(crate) fn why_anew(&self) -> Option<&'static str> {
        self.why_anew
    }

    /// What becomes of a shard.
    #[must_use]
    pub(crate) fn fate(&self, shard: &Shard) -> Fate {
        match self.saved.get(&place(shard)) {
            Some(saved) if saved.entry.identity == shard.identity() => Fate::Reused,
            Some(_) => Fate::Changed,
            None => Fate::New,
        }
    }

    /// Shards that are kept and not among `shards`, sorted.
    #[must_use]
    pub(crate) fn removed<'s>(&self, shards: impl IntoIterator<Item = &'s Shard>) -> Vec<PathBuf> {
        let there: std::collections::HashSet<PathBuf> = shards.into_iter().map(place).collect();
        let mut removed: Vec<PathBuf> =
            self.saved.keys().filter(|path| !there.contains(*path)).cloned().collect();
        removed.sort();
        removed
    }

    /// The partial counts of a shard; `None` when they are not kept or damaged.
    pub(crate) fn get(&self, shard: &Shard) -> Option<Vec<u8>> {
        let saved = self.saved.get(&place(shard)).filter(|saved| saved.entry.identity == shard.identity())?;
        let mut bytes = vec![0; usize::try_from(saved.entry.bytes).ok()?];
        let mut file = &self.file;
        file.seek(SeekFrom::Start(saved.at)).ok()?;
        file.read_exact(&mut bytes).ok()?;
        (hex(Sha256::digest(&bytes)) == saved.entry.sha256).then_some(bytes)
    }

    /// Keeps the partial counts of a shard.
    pub(crate) fn put(&mut self, shard: &Shard, counts: &[u8]) -> Result<()> {
        let entry = StateEntry {
            path: place(shard),
            identity: shard.identity(),
            bytes: counts.len() as u64,
            sha256: hex(Sha256::digest(counts)),
        };
        let end = self.end;
        match append(&mut self.file, end, &entry, counts) {
            Ok(at) => {
                self.end = at + entry.bytes;
                self.saved.insert(entry.path.clone(), SavedCounts { entry, at });
                Ok(())
            }
            Err(cause) => Err(not_writable(&self.path, &cause)),
        }
    }

    /// Makes what was added safe, and drops what is not of `shards`, and what was replaced where that is most of the file.
    ///
    /// # Errors
    /// [`Error::Output`] or [`Error::Resource`] when the disk refuses.
    pub(crate) fn finish<'s>(mut self, shards: impl IntoIterator<Item = &'s Shard>) -> Result<()> {
        let copy = self.copy.take();
        let kept: Vec<&SavedCounts> =
            shards.into_iter().filter_map(|shard| self.saved.get(&place(shard))).collect();
        let live: u64 = kept.iter().map(|saved| saved.entry.bytes).sum();
        let is_small = (self.end - HEAD) / 2 <= live + (1 << 20) && kept.len() == self.saved.len();
        if let Some(copy) = copy {
            if is_small {
                return copy.put_back(self.file);
            }
            let smaller = tempfile::tempfile().and_then(|mut file| {
                self.compact(&kept, &mut file)?;
                Ok(file)
            });
            return copy.put_back(smaller.map_err(|cause| not_writable(&self.path, &cause))?);
        }
        if is_small {
            return self.file.sync_all().map_err(|cause| not_writable(&self.path, &cause));
        }
        let path = std::fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let written = (|| {
            let mut smaller = file_beside(&path)?;
            self.compact(&kept, smaller.as_file_mut())?;
            // Whoever may read the old file may read the new one.
            smaller.as_file().set_permissions(self.file.metadata()?.permissions())?;
            smaller.as_file().sync_all()?;
            smaller.persist(&path).map_err(|refused| refused.error)
        })();
        written.map(|_| ()).map_err(|cause| not_writable(&self.path, &cause))
    }

    /// Writes what is kept and nothing else.
    fn compact(&self, kept: &[&SavedCounts], smaller: &mut File) -> std::io::Result<()> {
        smaller.write_all(&self.head)?;
        let mut end = HEAD;
        for saved in kept {
            let mut counts = vec![0; usize::try_from(saved.entry.bytes).unwrap_or(0)];
            let mut file = &self.file;
            file.seek(SeekFrom::Start(saved.at))?;
            file.read_exact(&mut counts)?;
            end = append(smaller, end, &saved.entry, &counts)? + saved.entry.bytes;
        }
        Ok(())
    }
}

/// Calls `each` with every entry that is whole, and where its counts begin.
fn entries(file: &mut BufReader<impl Read + Seek>, length: u64, mut each: impl FnMut(StateEntry, u64)) {
    let mut at = HEAD;
    while let Some((entry, from)) = next_entry(file, at, length) {
        at = from + entry.bytes;
        if file.seek_relative(i64::try_from(entry.bytes).unwrap_or(i64::MAX)).is_err() {
            break;
        }
        each(entry, from);
    }
}

/// The entry at `at`, and where its counts begin; `None` at the end of what is whole.
fn next_entry(file: &mut impl Read, at: u64, length: u64) -> Option<(StateEntry, u64)> {
    let mut size = [0; 4];
    file.read_exact(&mut size).ok()?;
    let size = Some(u32::from_le_bytes(size)).filter(|size| *size <= ENTRY_MAX)?;
    let mut text = vec![0; size as usize];
    file.read_exact(&mut text).ok()?;
    let entry: StateEntry = serde_json::from_slice(&text).ok()?;
    let from = at + 4 + u64::from(size);
    (from.checked_add(entry.bytes)? <= length).then_some((entry, from))
}

/// Writes an entry at `end`; gives where its counts begin.
fn append(file: &mut File, end: u64, entry: &StateEntry, counts: &[u8]) -> std::io::Result<u64> {
    let text = serde_json::to_vec(entry)?;
    let size = u32::try_from(text.len()).ok().filter(|size| *size <= ENTRY_MAX);
    let size = size.ok_or_else(|| std::io::Error::other("the path is too long"))?;
    // What an earlier run left cut off here is written over.
    file.set_len(end)?;
    file.seek(SeekFrom::Start(end))?;
    file.write_all(&[&size.to_le_bytes(), &text[..], counts].concat())?;
    Ok(end + 4 + u64::from(size))
}

/// A row of partial counts as it is kept.
#[derive(Serialize, Deserialize)]
struct SavedRow<'a> {
    #[serde(borrow)]
    by: Vec<Option<&'a str>>,
    /// Whether the row is about invalid values, and so about its shard.
    of_shard: bool,
    index: Option<u64>,
    #[serde(borrow)]
    name: Option<&'a str>,
    counts: [u64; 5],
    masses: [i128; 2],
    skipped: u64,
    #[serde(borrow)]
    example: Option<&'a str>,
}

/// Adds the rows of a batch of partial counts with `n_by` group columns to `bytes`.
pub(crate) fn encode(batch: &RecordBatch, n_by: usize, bytes: &mut Vec<u8>) -> Result<()> {
    let mut put = |kept: &SavedRow<'_>| {
        let whole = postcard::to_extend(kept, std::mem::take(bytes));
        *bytes = whole.map_err(|cause| Error::internal(cause.to_string()))?;
        Ok(())
    };
    partial::read(batch, n_by, |row| {
        let Tally { positives, negatives, uncertain, missing, invalid } = row.tally;
        put(&SavedRow {
            by: row.by.iter().map(Option::as_deref).collect(),
            of_shard: row.shard.is_some(),
            index: row.index,
            name: row.name,
            counts: [positives, negatives, uncertain, missing, invalid],
            masses: [row.mass.positives.units(), row.mass.negatives.units()],
            skipped: row.skipped,
            example: row.example,
        })
    })
}

/// Calls `each` with every row in `bytes`, counts of shard number `shard`.
pub(crate) fn decode(
    mut bytes: &[u8],
    shard: u32,
    mut each: impl FnMut(&PartialRow<'_>) -> Result<()>,
) -> Result<()> {
    let mut by = Vec::new();
    while !bytes.is_empty() {
        let (kept, rest) = postcard::take_from_bytes::<SavedRow<'_>>(bytes).map_err(|cause| {
            Error::input(format!("counts of a shard that were kept cannot be read: {cause}"))
                .hint("count all shards anew with --full")
        })?;
        bytes = rest;
        by.clear();
        by.extend(kept.by.iter().map(|value| value.map(str::to_owned)));
        let [positives, negatives, uncertain, missing, invalid] = kept.counts;
        let [mass, negative_mass] = kept.masses.map(Mass::from_units);
        each(&PartialRow {
            by: &by,
            shard: kept.of_shard.then_some(shard),
            index: kept.index,
            name: kept.name,
            tally: Tally { positives, negatives, uncertain, missing, invalid },
            mass: MassTally { positives: mass, negatives: negative_mass },
            skipped: kept.skipped,
            example: kept.example,
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
